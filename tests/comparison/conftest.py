"""What the tests of comparisons share."""

import pytest


@pytest.fixture
def without_pictures(monkeypatch):
    """Pictures and the networks in them take most of the time of a small comparison, and have tests of their own."""
    monkeypatch.setattr("nnlab.experiments.pictures._attempt", lambda *_: None)
    monkeypatch.setattr("nnlab.comparison.conclusions.median_networks_of", lambda *_: {})
