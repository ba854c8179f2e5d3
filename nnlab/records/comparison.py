"""What a comparison leaves behind: tidy tables of everything, the weights of every replica, and the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nnlab.errors import StorageError
from nnlab.records.files import write_atomically, write_csv
from nnlab.records.runs import RunFolder, cell

Array = NDArray[Any]


class ArmLike(Protocol):
    """What is written of an arm; curves are (R, T), finals (R,), theta (R, P)."""

    theta: Array
    statistics: Array
    steps: Array
    curves: dict[str, Array]
    finals: dict[str, Array]
    diverged: Array


@dataclass(frozen=True)
class Comparison:
    """Everything there is to write about a comparison.

    `loss` names the loss in pictures, and `scaled_targets` tells there that it is measured on scaled targets.
    """

    name: str
    figure: str
    larger_is_better: bool
    seeds: Sequence[int]
    arms: Mapping[str, Any]
    steps_to_target: Mapping[str, Array]
    intervals: Mapping[str, tuple[float, float, float]]
    summary: Mapping[str, Any]
    loss: str = ""
    scaled_targets: bool = False


def write_comparison(folder: RunFolder, comparison: Comparison) -> list[str]:
    """Write tables, weights, pictures and summary; the warnings of pictures that failed."""
    write_csv(folder.path / "results.csv", _result_rows(comparison))
    write_csv(folder.path / "metrics.csv", _metric_rows(comparison))
    for label, arm in comparison.arms.items():
        _write_weights(folder.path / "weights" / f"{_slug(label)}.npz", arm, comparison.seeds)
    warnings = [warning for name, draw in _pictures(comparison) if (warning := _attempt(folder.plots / name, draw))]
    folder.write_summary(comparison.summary)
    return warnings


def _result_rows(comparison: Comparison) -> Iterator[list[str]]:
    """One row per activation and seed: final figures, steps to the target, whether it diverged."""
    figures = list(next(iter(comparison.arms.values())).finals)
    yield ["activation", "seed", *figures, "steps_to_target", "diverged"]
    for label, arm in comparison.arms.items():
        for replica, seed in enumerate(comparison.seeds):
            finals = [cell(float(arm.finals[name][replica])) for name in figures]
            reached = float(comparison.steps_to_target[label][replica])
            yield [label, str(seed), *finals, cell(reached), str(bool(arm.diverged[replica])).lower()]


def _metric_rows(comparison: Comparison) -> Iterator[list[str]]:
    """One row per activation, seed and step: every figure along the way."""
    figures = list(next(iter(comparison.arms.values())).curves)
    yield ["activation", "seed", "step", *figures]
    for label, arm in comparison.arms.items():
        for replica, seed in enumerate(comparison.seeds):
            columns = [arm.curves[name][replica].tolist() for name in figures]
            for step, *values in zip(arm.steps.tolist(), *columns, strict=True):
                yield [label, str(seed), str(step), *map(cell, values)]


def _slug(label: str) -> str:
    return "".join(c if c.isalnum() or c in "._-=" else "_" for c in label).strip("_")


def _write_weights(path: Path, arm: ArmLike, seeds: Sequence[int]) -> None:
    write_atomically(
        path, lambda stream: np.savez(stream, theta=arm.theta, statistics=arm.statistics, seeds=np.array(seeds))
    )


def _pictures(comparison: Comparison) -> Iterator[tuple[str, Callable[[], Any]]]:
    """File name and drawing of each picture."""
    yield "cost.png", lambda: _curves(comparison, _first(comparison, ("val/loss", "train/loss", "batch/loss")))
    metric = comparison.figure.split("/", 1)[1]
    along = [
        name for name in (f"val/{metric}", f"train/{metric}") if name in next(iter(comparison.arms.values())).curves
    ]
    if along:
        yield f"{metric}.png", lambda: _curves(comparison, along[0])
    yield "final.png", lambda: _finals(comparison)


def _first(comparison: Comparison, names: Sequence[str]) -> str:
    curves = next(iter(comparison.arms.values())).curves
    return next(name for name in names if name in curves)


def _curves(comparison: Comparison, figure: str) -> Any:
    from nnlab.records import plots

    steps, measured = _measured(comparison, figure)
    gone_on = {label: carried_on(curve, comparison.arms[label].diverged) for label, curve in measured.items()}
    kept = any((np.isfinite(curve) & ~np.isfinite(measured[label])).any() for label, curve in gone_on.items())
    return plots.compare_curves(
        steps,
        gone_on,
        metric_name=figure,
        title=comparison.name,
        loss=comparison.loss,
        scaled_targets=comparison.scaled_targets,
        kept=kept,
    )


def _measured(comparison: Comparison, figure: str) -> tuple[Array, dict[str, Array]]:
    """The steps (T,) at which any seed of any arm has the figure, and there every arm's seeds (R, T)."""
    arms = comparison.arms
    steps = np.unique(np.concatenate([arm.steps[np.isfinite(arm.curves[figure]).any(axis=0)] for arm in arms.values()]))
    return steps, {label: _at(steps, arm.steps, arm.curves[figure]) for label, arm in arms.items()}


def _at(steps: Array, own_steps: Array, curve: Array) -> Array:
    """A curve (R, t) of an arm's own steps at the `steps` of all (R, T), nan where the arm has none."""
    _, here, there = np.intersect1d(steps, own_steps, assume_unique=True, return_indices=True)
    spread = np.full((len(curve), len(steps)), np.nan)
    spread[:, here] = curve[:, there]
    return spread


def carried_on(curve: Array, diverged: Array) -> Array:
    """A curve (R, T) in which each seed that stopped early keeps its last value to the end, unless it diverged (R,).

    Without this, a mean over the seeds would jump wherever one of them stops.
    """
    known = ~np.isnan(curve)
    last = curve.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    over = known.any(axis=1) & ~diverged
    ended = over[:, None] & (np.arange(curve.shape[1]) > last[:, None])
    return np.where(ended, np.take_along_axis(curve, last[:, None], axis=1), curve)


def _finals(comparison: Comparison) -> Any:
    from nnlab.records import plots

    return plots.compare_finals(
        {label: arm.finals[comparison.figure] for label, arm in comparison.arms.items()},
        comparison.intervals,
        metric_name=comparison.figure,
        larger_is_better=comparison.larger_is_better,
        title=comparison.name,
    )


def _attempt(path: Path, draw: Callable[[], Any]) -> str | None:
    from nnlab.records import plots

    try:
        plots.save(draw(), path)
    except StorageError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the figures are worth more than a picture
        return f"the picture {path.name} could not be drawn: {type(error).__name__}: {error}"
    return None
