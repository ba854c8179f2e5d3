"""`nnlab benchmark`: several activations on several data sets, each under many seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.compare import Activation
from nnlab.cli.output import command_line

Configs = Annotated[
    list[str],
    typer.Argument(
        parser=o.path_text,
        autocompletion=completion.experiments,
        metavar="CONFIG…",
        help="Experiment files, one for each data set, or one suite file that lists them.",
        show_default=False,
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        parser=o.count,
        metavar="N",
        help="Seeds per arm and set: the experiment's and the next; by default 10.",
        show_default=False,
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        autocompletion=completion.one_of("error", "balanced_accuracy", "roc_auc", "mae"),
        metavar="FIGURE",
        help="What is compared, as an error; by default error: 1 - accuracy, or the RMSE.",
        show_default=False,
    ),
]
BaselineArm = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        autocompletion=completion.entries("activations"),
        metavar="ARM",
        help="Arm that the others are compared with; by default every pair is compared.",
        show_default=False,
    ),
]
Equivalence = Annotated[
    float | None,
    typer.Option(
        "--equivalence",
        parser=o.not_negative,
        metavar="SHARE",
        help="Errors that differ by no more than this share are the same; by default 0.05.",
        show_default=False,
    ),
]
Tune = Annotated[
    list[str] | None,
    typer.Option(
        "--tune",
        autocompletion=completion.settings,
        metavar="KEY=V1,V2,…",
        help="Values, or a range LOW..HIGH[:log], that every arm tries on validation rows. Repeatable.",
    ),
]
Budget = Annotated[
    int | None,
    typer.Option(
        "--budget",
        parser=o.count,
        metavar="N",
        help="Settings to draw of what is tuned, the same for every arm; by default all.",
        show_default=False,
    ),
]
TuningSeeds = Annotated[
    int | None,
    typer.Option(
        "--tuning-seeds",
        parser=o.count,
        metavar="N",
        help="Seeds on which each setting is tried, none of them those of --seeds; by default 3.",
        show_default=False,
    ),
]
Plan = Annotated[
    bool, typer.Option("--dry-run", help="Show the sets, the number of trainings and their time; run nothing.")
]
SessionSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-seconds",
        parser=o.positive,
        metavar="S",
        help="Begin no training after S seconds; the same with --needed goes on.",
        show_default=False,
    ),
]
SuiteName = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Override the benchmark's name.")]


@dataclass(frozen=True, repr=False, eq=False)
class BenchmarkOptions:
    """What is compared, in place of what a suite file says."""

    activation: Activation = None
    seeds: Seeds = None
    metric: Metric = None
    baseline: BaselineArm = None
    equivalence: Equivalence = None
    tune: Tune = None
    budget: Budget = None
    tuning_seeds: TuningSeeds = None
    name: SuiteName = None

    @property
    def chosen(self) -> dict[str, Any]:
        """What `nnlab.api.resolve_suite` takes of it."""
        own = ("seeds", "metric", "baseline", "equivalence", "budget", "tuning_seeds", "name")
        given = {name: getattr(self, name) for name in own}
        return {"activations": self.activation or (), "tune": self.tune or (), **given}


@dataclass(frozen=True, repr=False, eq=False)
class SessionOptions(g.PictureOptions):
    """Who trains, what is reused, and how long it may take."""

    jobs: o.Jobs = 1
    needed: o.Needed = False
    dask: o.Dask = None
    dask_timeout: o.DaskTimeout = None
    max_seconds: SessionSeconds = None
    runs_dir: o.RunsDir = Path("runs")

    @property
    def chosen(self) -> dict[str, Any]:
        """The arguments for `nnlab.api.benchmark`."""
        own = ("jobs", "needed", "dask", "dask_timeout", "max_seconds", "runs_dir")
        return {**super().chosen, **{name: getattr(self, name) for name in own}}


@dataclass(frozen=True, repr=False, eq=False)
class EveryFileOptions(g.CodeOptions):
    """Options for reading the experiment of every set."""

    sets: o.Set = None
    seed: o.Seed = None

    @property
    def reading(self) -> dict[str, Any]:
        """The arguments for `nnlab.api.resolve_suite`."""
        return {"set": self.sets or (), "seed": self.seed, "plugins": self.plugins, "threads": self.threads}


def benchmark(
    config: Configs,
    *,
    dry_run: Plan = False,
    what: BenchmarkOptions,
    work: SessionOptions,
    file: EveryFileOptions,
    output: g.Output,
) -> None:
    """Train several activations on several data sets, with many seeds, and compare them across sets."""
    from nnlab import api
    from nnlab.cli import show

    suite = api.resolve_suite(config, **what.chosen, **file.reading)
    if dry_run:
        show.plan(output, api.plan_benchmark(suite))
    else:
        about: dict[str, Any] = {"command": command_line(), "watcher": output.screen}
        show.benchmark(output, api.benchmark(suite, **work.chosen, **about))
