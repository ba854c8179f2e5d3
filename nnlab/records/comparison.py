"""What a comparison leaves behind: tidy tables of everything, the weights of every replica, the pictures, the report.

results.csv   a row per arm and seed       metrics.csv   a row per arm, seed and step
arms.csv      a row per arm and statistic  pairs.csv     a row per pair of arms
table.md, table.tex   the same for people  summary.json  everything that was concluded
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Dataset
from nnlab.records.comparison_tables import arm_rows, pair_rows, tables_of
from nnlab.records.files import write_atomically, write_csv, write_text
from nnlab.records.pictures import attempt
from nnlab.records.runs import RunFolder, cell
from nnlab.records.tables import latex, markdown
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
class Specimen:
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
    tells there that it is measured on scaled targets. Networks can be drawn where there are `specimens`.
    """

    name: str
    figure: str
    larger_is_better: bool
    seeds: Sequence[int]
    arms: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Array]]
    health: Mapping[str, Mapping[str, Array]]
    summary: Mapping[str, Any]
    watched: int
    loss: str = ""
    scaled_targets: bool = False
    specimens: Mapping[str, Specimen] = field(default_factory=dict)
    dataset: Dataset | None = None

    @property
    def intervals(self) -> dict[str, tuple[float, float, float]]:
        """Mean and 95 % interval of the headline of each arm where at least two seeds gave one."""
        finals = {label: arm["final"][self.figure] for label, arm in self.summary["arms"].items()}
        return {label: (f["mean"], f["low"], f["high"]) for label, f in finals.items() if f["low"] is not None}


def write_comparison(folder: RunFolder, comparison: Comparison) -> list[str]:
    """Write tables, weights, pictures, summary and report; the warnings of pictures that failed."""
    from nnlab.records.comparison_pictures import pictures_of
    from nnlab.records.report_comparison import write_comparison_report

    summary = comparison.summary
    write_csv(folder.path / "results.csv", _result_rows(comparison))
    write_text(folder.path / "metrics.csv", "".join(_metric_lines(comparison)))
    write_csv(folder.path / "arms.csv", arm_rows(summary))
    write_csv(folder.path / "pairs.csv", pair_rows(summary))
    tables = tables_of(summary)
    write_text(folder.path / "table.md", markdown(comparison.name, summary["verdict"], tables))
    write_text(folder.path / "table.tex", latex(tables))
    for label, arm in comparison.arms.items():
        _write_weights(folder.path / "weights" / f"{_slug(label)}.npz", arm, comparison.seeds)
    attempts = [
        attempt(folder.plots / f"{name}.png", partial(draw, comparison))
        for name, draw in pictures_of(comparison.figure).items()
    ]
    warnings = [warning for warning in attempts if warning]
    folder.write_summary(summary)
    write_comparison_report(folder, comparison.name, warnings)
    return warnings


def _result_rows(comparison: Comparison) -> Iterator[list[str]]:
    """One row per activation and seed: final figures, how long it took, whether it diverged and at which step."""
    figures = list(next(iter(comparison.arms.values())).finals)
    columns = list(next(iter(comparison.columns.values())))
    yield ["activation", "seed", *figures, *columns, "diverged", "diverged_at"]
    for label, arm in comparison.arms.items():
        own = comparison.columns[label]
        for replica, seed in enumerate(comparison.seeds):
            finals = [cell(float(arm.finals[name][replica])) for name in figures]
            more = [cell(float(own[name][replica])) for name in columns]
            diverged = bool(arm.diverged[replica])
            at = str(int(arm.bad_step[replica])) if diverged else ""
            yield [label, str(seed), *finals, *more, str(diverged).lower(), at]


def _metric_lines(comparison: Comparison) -> Iterator[str]:
    """One line per activation, seed and step: every figure along the way, column by column for speed."""
    figures = list(dict.fromkeys(name for arm in comparison.arms.values() for name in arm.curves))
    yield _csv_line(["activation", "seed", "step", *figures])
    for label, arm in comparison.arms.items():
        seeds, steps = len(comparison.seeds), len(arm.steps)
        missing = np.full((seeds, steps), np.nan)
        begin = _csv_line([label]).rstrip("\n")
        places = [f"{begin},{seed},{step}" for seed in comparison.seeds for step in arm.steps.tolist()]
        columns = [_cells(arm.curves.get(name, missing)) for name in figures]
        yield "\n".join(map(",".join, zip(places, *columns, strict=True))) + "\n"


def _cells(values: Array) -> list[str]:
    """What `cell` makes of each value (R, T), row by row."""
    # Many values are alike, as accuracies on few rows are; each is put into words once. By its bits: -0.0 is not 0.0.
    different, places = np.unique(values.astype(np.float64).ravel().view(np.int64), return_inverse=True)
    texts = [cell(value) for value in different.view(np.float64).tolist()]
    return list(map(texts.__getitem__, places.tolist()))


def _csv_line(cells: Sequence[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _slug(label: str) -> str:
    return "".join(c if c.isalnum() or c in "._-=" else "_" for c in label).strip("_")


def _write_weights(path: Path, arm: ArmLike, seeds: Sequence[int]) -> None:
    write_atomically(
        path, lambda stream: np.savez(stream, theta=arm.theta, statistics=arm.statistics, seeds=np.array(seeds))
    )
