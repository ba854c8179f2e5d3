"""What the networks of arms say of their starts before training."""

from __future__ import annotations

from collections.abc import Mapping

from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.setup.network import network_for
from nnlab.setup.start_warnings import start_warnings

_TOLD = 5  # sentences, of a sweep that varies the layers there may be one for each point


def warnings_of_starts(arms: Mapping[str, Experiment], dataset: Dataset) -> list[str]:
    """The sentences on the starts of these arms, by label, each once; it begins with an arm that it does not name."""
    first: dict[str, str] = {}
    for label, experiment in arms.items():
        for text in start_warnings(network_for(experiment, dataset.sample_shape, dataset.y.shape[1])):
            first.setdefault(text, label)
    told = [text if label in text else f"with {label}: {text}" for text, label in first.items()]
    more = [f"so do {len(told) - _TOLD:,} more starts, in other figures"] if len(told) > _TOLD else []
    return [*told[:_TOLD], *more]
