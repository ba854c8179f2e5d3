"""The charts of live.html and report.html, as curves.js takes them, and the decision region of a net with two inputs.

This module loads matplotlib, whose pictures have the same words, scales and order of colours.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from nnlab.experiments.live_page import Array, Content
from nnlab.maths.decisions import keeps_decisions
from nnlab.networks.learned import FAMILY
from nnlab.pictures.curves import ROLES
from nnlab.pictures.regions import extent_of, grid_along, grid_points
from nnlab.pictures.scales import is_share, sampled, wants_logarithm
from nnlab.pictures.style import plain_name
from nnlab.setup.readings import RATE
from nnlab.setup.setup import Setup
from nnlab.training.state import State

_GRID, _ROWS = 64, 300  # of a decision region: points along each axis, rows of the data


def series_of(name: str, steps: Array, rows: Array, look: int | str) -> Content:
    """A series as curves.js takes it."""
    columns = [[_short(value) for value in column] for column in rows.T.tolist()]
    members = {"members": columns[1:]} if len(columns) > 1 else {}
    return {"name": name, "look": look, "x": [int(step) for step in steps], "y": columns[0], **members}


def chart_of(title: str, figure: str, series: Sequence[Content]) -> Content:
    """A chart as curves.js takes it; `figure` names a figure that is in it."""
    values = np.array([value for one in series for value in one["y"] if value is not None])
    log = figure != RATE and wants_logarithm(values) and not is_share(figure)
    return {"title": title, "x": "step", "percent": is_share(figure), "log": log, "series": list(series)}


def _short(value: float) -> float | None:
    """Six digits of a value; None if it is not finite."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


# --- which figures share a chart --------------------------------------------------------------------------------------

_ROLE_LOOKS: dict[str, int | str] = {"train": 0, "val": 1, "test": 2, "batch": "batch", "running": "running"}


class Curve(Protocol):
    """A figure over the steps."""

    def points(self) -> tuple[Array, Array]:
        """Steps (T,) and rows (T, 1 + members)."""


def charts_of(curves: Mapping[str, Curve]) -> list[Content]:
    """The charts of a training: of each metric all parts, the learning rate, learned parameters, health by quantity."""
    groups: dict[str, dict[str, str]] = {}
    for figure in sorted(curves, key=_order):
        title, name = _chart_and_name(figure)
        groups.setdefault(title, {})[name] = figure
    return [_chart(title, group, curves) for title, group in groups.items()]


def _order(figure: str) -> int:
    """Losses first, then other metrics, the learning rate, learned parameters, and health last."""
    if figure.endswith("loss") and not figure.endswith("hamming_loss"):
        return 0
    return {"optimizer": 2, FAMILY: 3, "health": 4}.get(figure.partition("/")[0], 1)


def _chart_and_name(figure: str) -> tuple[str, str]:
    """The title of the chart that a figure is in, and its name there."""
    part, _, rest = figure.partition("/")
    if figure == RATE:
        return "Learning rate", "learning rate"
    if part == FAMILY:
        return "Learned parameters", rest
    if part == "health":
        layer, _, quantity = rest.rpartition("/")
        return f"Health: {plain_name(quantity)}", layer
    if rest == "running_loss":
        part, rest = "running", "loss"
    words = plain_name(rest)
    return words[:1].upper() + words[1:], part


def _chart(title: str, group: Mapping[str, str], curves: Mapping[str, Curve]) -> Content:
    """A chart of some figures, by their names in it."""
    series = [
        series_of(
            ROLES[name].words if name in ROLES else name, *curves[figure].points(), look=_ROLE_LOOKS.get(name, index)
        )
        for index, (name, figure) in enumerate(group.items())
    ]
    return chart_of(title, next(iter(group.values())), series)


# --- two inputs -------------------------------------------------------------------------------------------------------


def region_of(setup: Setup, state: State) -> Content | None:
    """The predictions of the present weights over the plane of the inputs; None unless there are two, and classes.

    Of very many classes there is none. `cells` go row by row from the bottom: of two classes the probability of the
    second in percent, of more the class, -1 where the output is not finite.
    """
    dataset = setup.rows.dataset
    classes = dataset.columns.classes
    if dataset.x.shape[1] != 2 or not classes or keeps_decisions(dataset.task, len(classes)):
        return None
    rows, binary = sampled(len(dataset.x), _ROWS), setup.experiment.task == "binary"
    x, y = np.asarray(dataset.x[rows], float), dataset.y[rows]
    extent, along = extent_of(x), min(_GRID, grid_along(len(setup.network.layers)))
    outputs = setup.model(state.theta, state.statistics).outputs(grid_points(extent, along))
    with np.errstate(invalid="ignore"):
        cells = np.rint(100 * outputs[:, -1]) if binary else outputs.argmax(axis=1)
    labels = (y[:, -1] > 0.5).astype(int) if binary else y.argmax(axis=1)
    return {
        "step": state.step,
        "extent": extent,
        "along": along,
        "binary": binary,
        "names": dataset.columns.input_names,
        "classes": classes,
        "cells": np.where(np.isfinite(outputs).all(axis=1), cells, -1).astype(int).tolist(),
        "points": _points(x, labels),
    }


def _points(x: Array, labels: Iterable[int]) -> list[tuple[float | None, ...]]:
    return [
        (*map(_short, row), int(label)) for row, label in zip(x.tolist(), labels, strict=True) if np.isfinite(row).all()
    ]
