"""The data from which the files and pictures of a comparison or a sweep are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from nnlab.comparison.weights import Layouts
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.storage.summary import ComparisonSummary, SeveralSummary, SweepSummary
from nnlab.training.health import Portrait

Array = NDArray[Any]


MOST_DRAWN = 8  # arms that a reader can distinguish in one frame


class ArmLike(Protocol):
    """The attributes of an arm that files and pictures need; curves are (R, T), finals (R,), theta (R, P)."""

    theta: Array
    statistics: Array
    steps: Array
    curves: dict[str, Array]
    finals: dict[str, Array]
    diverged: Array
    bad_step: Array


@dataclass(frozen=True)
class Frame:
    """A network at a step of its training; `predict` maps raw inputs (N, inputs) to outputs (N, K)."""

    step: int
    predict: Callable[[Array], Array]


@dataclass(frozen=True)
class MedianNetwork:
    """The network of an arm's median seed: its predictions at several steps, and portraits of its activation layers.

    Steps are those that it was trained for; it `ended` at the last of all.
    """

    seed: int
    predict: Callable[[Array], Array]
    frames: Sequence[Frame]
    portraits: Sequence[Portrait]
    ended: int = 0


@dataclass(frozen=True)
class Comparison:
    """All data of a comparison or a sweep.

    `columns` holds the columns of results.csv beside the final figures, (R,) for each arm; `health` the dead and
    saturated share of each seed. `watched` is the last step at which a seed could reach the target. Pictures use
    `loss`, the loss's name, and `scaled_targets`, whether the loss is measured on scaled targets. Networks are drawn
    only for arms in `median_networks`. `experiments` holds, by label, the experiment of each arm, and `layouts` how its
    theta and its running statistics are packed.
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
    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    layouts: Mapping[str, Layouts | None] = field(default_factory=dict)

    @property
    def intervals(self) -> dict[str, tuple[float, float, float]]:
        """Mean and 95 % interval of the headline figure of each arm with at least two finite values."""
        finals = {label: arm.final[self.figure] for label, arm in self.summary.arms.items()}
        return {
            label: (final.mean, final.low, final.high)
            for label, final in finals.items()
            if final.mean is not None and final.low is not None and final.high is not None
        }


def which_are_drawn(summary: SeveralSummary, count: int) -> str:
    """Which of the arms `count` of them are, in words; empty if they are all: `the best 8 of 20 arms`."""
    noun, arms, best = "points" if isinstance(summary, SweepSummary) else "arms", summary.arms, "the best"
    if count == len(arms):
        return ""
    starts = summary.starts if isinstance(summary, ComparisonSummary) else None
    if isinstance(summary, ComparisonSummary) and summary.tuned is not None:
        best = "each at its best,"
    elif starts is not None and count == sum(starts.tested in arm.starts for arm in arms.values()):
        return f"start {starts.tested}"
    return f"{best} {count} of {len(arms):,} {noun}"
