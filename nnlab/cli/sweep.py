"""`nnlab sweep`: one experiment at many settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.output import command_line

Grid = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        autocompletion=completion.settings,
        metavar="KEY=V1,V2,…",
        help="Values of a key, crossed with the others. Repeatable.",
    ),
]
Random = Annotated[
    list[str] | None,
    typer.Option(
        "--random",
        autocompletion=completion.settings,
        metavar="KEY=LOW..HIGH[:log]",
        help="Draw a key from a range, by the seed. Repeatable.",
    ),
]
Budget = Annotated[
    int | None,
    typer.Option("--budget", parser=o.count, metavar="N", help="Points to draw, or the most to try of a grid."),
]
Seeds = Annotated[
    int, typer.Option("--seeds", parser=o.count, metavar="N", help="Seeds per point: the config's and the next.")
]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        autocompletion=completion.figures,
        metavar="FIGURE",
        help="What ranks the points; by default the task's, on validation data if any.",
    ),
]


@dataclass(frozen=True, repr=False, eq=False)
class SweepOptions:
    """What is searched, and what ranks it."""

    grid: Grid = None
    random: Random = None
    budget: Budget = None
    seeds: Seeds = 3
    metric: Metric = None

    @property
    def chosen(self) -> dict[str, Any]:
        """What `nnlab.api.sweep` takes of it."""
        own = {name: getattr(self, name) for name in ("budget", "seeds", "metric")}
        return {"grid": self.grid or (), "random": self.random or (), **own}


def sweep(
    config: o.Config,
    *,
    what: SweepOptions,
    work: g.WorkOptions,
    file: g.FileOptions,
    gate: o.SweepGate = None,
    junit: o.Junit = None,
    output: g.Output,
) -> None:
    """Train the same experiment at many settings, and rank them by a figure on validation data."""
    from nnlab import api
    from nnlab.cli import show

    output = output.beside(junit)
    experiment = api.resolve(config, **file.reading)
    held: dict[str, Any] = {"gates": gate or (), "junit": junit, "runs_dir": file.runs_dir}
    about: dict[str, Any] = {"command": command_line(), "watcher": output.screen}
    show.sweep(output, api.sweep(experiment, **what.chosen, **work.chosen, **held, **about))
