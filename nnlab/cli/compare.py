"""`nnlab compare-activations`: one experiment under several activations and many seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from nnlab.api import DEFAULT_ARMS
from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.output import command_line
from nnlab.errors import ConfigError, printable

Activation = Annotated[
    list[str] | None,
    typer.Option(
        "--activation",
        "-a",
        autocompletion=completion.entries("activations"),
        metavar="NAME",
        help=f"Activation to compare. Repeatable; by default {', '.join(DEFAULT_ARMS)}.",
    ),
]
Seeds = Annotated[
    int, typer.Option("--seeds", parser=o.count, metavar="N", help="Seeds per activation: the config's and the next.")
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        autocompletion=completion.gates,
        metavar="GATE",
        help="Level that seeds should reach, as in 'val/accuracy >= 0.9'; by default 95 % accuracy, or an r2 of 0.9.",
    ),
]
Layer = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="N",
        help="Vary the activation of one hidden dense layer alone: its number, from 1, or name.",
        show_default=False,
    ),
]
Starts = Annotated[
    str | None,
    typer.Option(
        "--starts",
        autocompletion=completion.one_of("fair", "same", "own", "fair,same,own"),
        metavar="fair,same,own",
        help="Start all arms fairly, from the same initialiser, from each one's own, or from each of these in turn.",
        show_default=False,
    ),
]
Gains = Annotated[
    str | None,
    typer.Option(
        "--gains",
        autocompletion=completion.one_of("0.5,1,2"),
        metavar="G1,G2,…",
        help="Multiply all initial weights by each of these, under each start.",
        show_default=False,
    ),
]
Tune = Annotated[
    list[str] | None,
    typer.Option(
        "--tune",
        autocompletion=completion.settings,
        metavar="KEY=V1,V2,…",
        help="Try each value; the best are chosen on validation data, if any. Repeatable.",
    ),
]


@dataclass(frozen=True, repr=False, eq=False)
class ComparisonOptions:
    """What is compared."""

    activation: Activation = None
    seeds: Seeds = 10
    target: Target = None
    layer: Layer = None
    starts: Starts = None
    gains: Gains = None
    tune: Tune = None

    @property
    def chosen(self) -> dict[str, Any]:
        """What `nnlab.api.compare` takes of it."""
        own = {name: getattr(self, name) for name in ("seeds", "target", "layer")}
        own |= {"starts": _parts(self.starts), "gains": [*map(_number, _parts(self.gains))], "tune": self.tune or ()}
        return {"activations": self.activation or DEFAULT_ARMS, **own}


def _parts(text: str | None) -> list[str]:
    return [] if text is None else [part.strip() for part in text.split(",")]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"--gains: found {printable(text)!r}, expected numbers above 0") from None


def compare_activations(
    config: o.Config,
    *,
    what: ComparisonOptions,
    work: g.WorkOptions,
    file: g.FileOptions,
    gates: g.BaselineOptions,
    output: g.Output,
) -> None:
    """Train the same experiment under several activations and many seeds, and compare them."""
    from nnlab import api
    from nnlab.cli import show

    output = output.beside(gates.junit)
    experiment = api.resolve(config, **file.reading)
    about: dict[str, Any] = {"runs_dir": file.runs_dir, "command": command_line(), "watcher": output.screen}
    show.comparison(output, api.compare(experiment, **what.chosen, **work.chosen, **gates.held, **about))
