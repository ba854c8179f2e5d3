"""What there is to write and to draw of a comparison or a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from nnlab.data.dataset import Dataset
from nnlab.runs.summary import SeveralSummary
from nnlab.training.health import Portrait

Array = NDArray[Any]


MOST_DRAWN = 8  # arms that can be told apart in one frame


class ArmLike(Protocol):
    """What is written of an arm; curves are (R, T), finals (R,), theta (R, P)."""

    theta: Array
    statistics: Array
    steps: Array
    curves: dict[str, Array]
    finals: dict[str, Array]
    diverged: Array
    bad_step: Array


@dataclass(frozen=True)
class Frame:
    """A network after some steps: raw inputs (N, inputs) in, outputs (N, K) out."""

    step: int
    predict: Callable[[Array], Array]


@dataclass(frozen=True)
class MedianNetwork:
    """The network of an arm's median seed, how it came to be, and its activation layers at work."""

    seed: int
    predict: Callable[[Array], Array]
    frames: Sequence[Frame]
    portraits: Sequence[Portrait]


@dataclass(frozen=True)
class Comparison:
    """Everything there is to write about a comparison.

    `columns` has what results.csv tells of each arm beside final figures, (R,) each; `health` the dead and saturated
    share of each seed. Seeds were `watched` up to that step. `loss` names the loss in pictures, and `scaled_targets`
    tells there that it is measured on scaled targets. Networks can be drawn where there are `median_networks`.
    """

    name: str
    figure: str
    larger_is_better: bool
    seeds: Sequence[int]
    arms: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Array]]
    health: Mapping[str, Mapping[str, Array]]
    summary: SeveralSummary
    watched: int
    loss: str = ""
    scaled_targets: bool = False
    median_networks: Mapping[str, MedianNetwork] = field(default_factory=dict)
    dataset: Dataset | None = None

    @property
    def intervals(self) -> dict[str, tuple[float, float, float]]:
        """Mean and 95 % interval of the headline of each arm where at least two seeds gave one."""
        finals = {label: arm.final[self.figure] for label, arm in self.summary.arms.items()}
        return {
            label: (final.mean, final.low, final.high)
            for label, final in finals.items()
            if final.mean is not None and final.low is not None and final.high is not None
        }
