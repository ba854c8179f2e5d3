"""What the networks of arms say of their starts before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import few, listed
from nnlab.setup.network import network_for
from nnlab.setup.start_warnings import start_warnings

_TOLD = 5  # sentences, of a sweep that varies the layers there may be one for each point


def warnings_of_starts(arms: Mapping[str, Experiment], dataset: Dataset) -> list[str]:
    """The sentences on the starts of these arms, by label, each once; it begins with an arm that it does not name."""
    return _first(sentences_of_starts(arms, dataset))


def warnings_over_sets(sets: Mapping[str, Sequence[str]]) -> list[str]:
    """The sentences on the starts of the arms of each set, each once with the sets that share it."""
    shared: dict[str, list[str]] = {}
    for label, sentences in sets.items():
        for text in sentences:
            shared.setdefault(text, []).append(label)
    return _first([f"{listed(few(labels, _TOLD))}: {text}" for text, labels in shared.items()])


def sentences_of_starts(arms: Mapping[str, Experiment], dataset: Dataset) -> list[str]:
    """All of the sentences on the starts of these arms, as `warnings_of_starts` tells the first of them."""
    first: dict[str, str] = {}
    for label, experiment in arms.items():
        for text in start_warnings(network_for(experiment, dataset.sample_shape, dataset.y.shape[1])):
            first.setdefault(text, label)
    return [text if label in text else f"with {label}: {text}" for text, label in first.items()]


def _first(sentences: Sequence[str]) -> list[str]:
    left = len(sentences) - _TOLD
    return [*sentences[:_TOLD], *([f"so do {left:,} more starts, in other figures"] if left > 0 else [])]
