"""`nnlab gradcheck`: every derivative of a network against exact and numeric derivatives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from nnlab.cli import completion
from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.output import command_line
from nnlab.errors import ConfigError


class Method(StrEnum):
    """How the numeric derivative is measured."""

    exact = "exact"
    central = "central"


Target = Annotated[
    str | None,
    typer.Argument(
        parser=o.path_text,
        autocompletion=completion.experiments_and_networks,
        metavar="CONFIG|RUN",
        help="Experiment file, - for standard input, or a run whose weights are checked.",
        show_default=False,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps",
        parser=o.count,
        metavar="N",
        help="Check before each of the first N updates. By default: exact at several points, central before one.",
        show_default=False,
    ),
]
ByMethod = Annotated[
    Method,
    typer.Option(
        "--method",
        parser=lambda given: Method(o.one_of(*Method)(given)),
        autocompletion=completion.one_of("exact", "central"),
        metavar="exact|central",
        help="Exact derivatives, which need no tolerance, or the notebooks' differences.",
    ),
]
Epsilon = Annotated[
    float | None,
    typer.Option(
        "--epsilon",
        parser=o.positive,
        metavar="E",
        help="With --method central: half the step of the differences, by default 1e-7.",
        show_default=False,
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        "--threshold",
        parser=o.positive,
        metavar="T",
        help="With --method central: largest absolute error that passes, by default 1e-8.",
        show_default=False,
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Fail where fewer than 95 % of the entries could be tested.")]
SelfTest = Annotated[
    bool, typer.Option("--self-test", help="Plant defects in small networks and see that each is caught.")
]


@dataclass(frozen=True, repr=False, eq=False)
class CheckOptions:
    """How the derivatives are checked."""

    steps: Steps = None
    method: ByMethod = Method.exact
    epsilon: Epsilon = None
    threshold: Threshold = None
    strict: Strict = False
    trust: o.Trust = False


def gradcheck(
    target: Target = None, *, how: CheckOptions, self_test: SelfTest = False, file: g.UnnamedOptions, output: g.Output
) -> None:
    """Check every derivative of the network, in float64, and say which error can be excluded."""
    from nnlab import api
    from nnlab.cli import show

    if self_test:
        _refuse(target)
        show.self_test(output, api.self_test(file.seed or 0))
        return
    if target is None:
        raise ConfigError("found no CONFIG|RUN, expected an experiment file or a run, or --self-test")
    about: dict[str, Any] = {"runs_dir": file.runs_dir, "command": command_line()}
    show.check(output, api.check_gradients(target, **asdict(how), **file.reading, **about))


def _refuse(target: str | None) -> None:
    """The self-test has its own networks."""
    if target is not None:
        raise ConfigError("found --self-test and CONFIG|RUN, expected one of them: the self-test has its own networks")
