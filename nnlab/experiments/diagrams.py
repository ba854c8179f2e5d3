"""Diagrams of an experiment's or a run's network, as files of the kind that their names ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nnlab.errors import ConfigError, printable
from nnlab.networks.diagrams.diagram import MOST_LAYERS, Diagram
from nnlab.networks.diagrams.text import dot, mermaid
from nnlab.setup.diagrams import architecture_of, operations_of
from nnlab.setup.experiment_file import ExperimentFile
from nnlab.setup.model import Model
from nnlab.storage.outputs import is_stream

TEXTS: dict[str, Callable[[Diagram], str]] = {"mmd": mermaid, "dot": dot}
FIGURES = ("svg", "pdf", "png")


def kind_of(path: Path | None) -> str:
    """What to make for a path: the kind that its name ends in, Mermaid without one. ConfigError for another."""
    if path is None or is_stream(path):
        return "mmd"
    kind = path.suffix.lower().removeprefix(".")
    if kind not in (*TEXTS, *FIGURES):
        kinds = ", ".join(f".{known}" for known in (*FIGURES, *TEXTS))
        raise ConfigError(f"found '{printable(str(path))}', expected a name that ends in one of {kinds}")
    return kind


def of_experiment(file: ExperimentFile, kind: str, *, operations: bool) -> bytes:
    """The diagram of an experiment that has not been trained; its data are read, since they decide shapes and names."""
    setup = file.setup()
    described = setup.experiment, setup.network, setup.rows.dataset.columns
    return _made(kind, operations=operations, described=described)


def of_model(model: Model, kind: str, *, operations: bool) -> bytes:
    """The diagram of a trained network with its weights."""
    described = model.experiment, model.network, model.columns
    return _made(kind, operations=operations, described=described, theta=model.theta)


def _made(kind: str, *, operations: bool, described: tuple[Any, Any, Any], theta: Any = None) -> bytes:
    if kind in TEXTS:
        diagram = operations_of(*described, MOST_LAYERS) if operations else architecture_of(*described)
        return TEXTS[kind](diagram).encode()
    from nnlab import pictures as plots  # noqa: PLC0415 - matplotlib is loaded when the first picture is drawn

    if operations:
        figure = plots.operations(operations_of(*described, plots.MOST_LAYERS))
    else:
        figure = plots.architecture(architecture_of(*described, theta))
    return plots.to_format(figure, kind)
