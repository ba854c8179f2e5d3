"""The options that several commands share, and their parsers."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from nnlab.cli import completion
from nnlab.errors import ConfigError, printable, suggestion
from nnlab.lengths import inches_of
from nnlab.paths import expanded

LARGEST_SEED = 2**63 - 1

# The environment variables for the number of threads of the BLAS libraries; they work only before NumPy is loaded.
_THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OMP_NUM_THREADS",
)


# Typer passes defaults to a parser as well, already converted.


def _whole_number(given: str | int) -> int:
    """Parse digits only: `int` would also accept ' 5 ' and 1_000."""
    text = str(given)
    if not (text.isascii() and text.removeprefix("-").isdigit()) or len(text) > 20:
        raise typer.BadParameter(f"found {text[:40]!r}, expected a whole number")
    return int(text)


def _count(text: str | int) -> int:
    number = _whole_number(text)
    if not 1 <= number <= 10**9:
        raise typer.BadParameter(f"found {number}, expected a whole number of at least 1 and at most 1000000000")
    return number


def _seed(text: str | int) -> int:
    number = _whole_number(text)
    if not 0 <= number <= LARGEST_SEED:
        raise typer.BadParameter(f"found {number}, expected a seed from 0 to {LARGEST_SEED}")
    return number


def _path(given: str | Path) -> Path:
    """Parse a path; '' is refused, for it is most likely an unset shell variable, not the current folder."""
    if not str(given) or "\0" in str(given):
        raise typer.BadParameter(f"found {str(given)[:40]!r}, expected a path")
    return _file(given)


def _file(given: str | Path) -> Path:
    """Parse the path of a file; whoever opens it says what is wrong with it."""
    return Path(_expanded(str(given)))


def _output(given: str | Path) -> Path:
    """Parse the path of an output; `-` is stdout, and `./-` a file of that name."""
    return Path("/dev/stdout") if given == "-" else _file(given)


def _picture(given: str | Path) -> Path:
    """Parse the path of a picture, which must end in a format for pictures, unless it is a device or a pipe."""
    from nnlab.storage.outputs import format_of

    path = _output(given)
    try:
        format_of(path)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    return path


def _width(given: str | float) -> float:
    """Parse a width into inches: 12cm, 5in, or a number of centimetres."""
    try:
        return inches_of(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _expanded(given: str) -> str:
    """Parse a path that stays text, so that `./-` is not `-`; a `~` at its start is the home folder."""
    try:
        return expanded(given)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def one_of(*names: str) -> Callable[[str], str]:
    """A parser that accepts one of these words."""

    def parse(given: str) -> str:
        if given not in names:
            expected = f"one of {', '.join(names)}{suggestion(given, names)}"
            raise typer.BadParameter(f"found '{printable(given[:40])}', expected {expected}")
        return given

    return parse


def _positive(given: str | float) -> float:
    number = _number(str(given))
    if not 0 < number < float("inf"):
        raise typer.BadParameter(f"found {str(given)[:40]!r}, expected a number above 0")
    return number


def _not_negative(given: str | float) -> float:
    number = _number(str(given))
    if not 0 <= number < float("inf"):
        raise typer.BadParameter(f"found {str(given)[:40]!r}, expected a number of at least 0")
    return number


def _number(text: str) -> float:
    """The number that a text is, nan if it is none."""
    try:
        return float(text) if text == text.strip() and "_" not in text else float("nan")
    except ValueError:
        return float("nan")


Config = Annotated[
    str,
    typer.Argument(
        parser=_expanded,
        autocompletion=completion.experiments,
        metavar="CONFIG",
        help="Experiment file in YAML, or - for standard input.",
        show_default=False,
    ),
]
OptionalConfig = Annotated[
    str | None,
    typer.Argument(
        parser=_expanded,
        autocompletion=completion.experiments,
        metavar="CONFIG",
        help="Experiment file in YAML, or - for standard input; not needed with --resume.",
        show_default=False,
    ),
]
Resume = Annotated[
    str | None,
    typer.Option(
        "--resume",
        parser=_expanded,
        autocompletion=completion.runs,
        metavar="RUN",
        help="Go on with a run where it was saved last, bit for bit.",
        show_default=False,
    ),
]
Run = Annotated[
    str,
    typer.Argument(
        parser=_expanded,
        autocompletion=completion.runs,
        metavar="RUN",
        help="Run folder: a path, `latest`, the unique beginning of a name, or NAME@latest for the newest of several.",
        show_default=False,
    ),
]
Network = Annotated[
    str,
    typer.Argument(
        parser=_expanded,
        autocompletion=completion.networks,
        metavar="RUN",
        help="Run folder: a path, `latest`, the unique beginning of a name, or NAME@latest for the newest of several; "
        "of a comparison RUN:ARM, or RUN:ARM@seedN.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        autocompletion=completion.settings,
        metavar="KEY=VALUE",
        help="Override a key, as in optimizer.learning_rate=0.01. Repeatable.",
    ),
]
Place = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        autocompletion=completion.one_of("data.source=", "data.files.train=", "data.files.val=", "data.files.test="),
        metavar="KEY=FILE",
        help="Where the data of the run are now: data.source or data.files.PART. Repeatable.",
    ),
]
Trust = Annotated[
    bool,
    typer.Option("--trust", help="Go on where a run differs from what its checkpoint recorded, and say so."),
]
Checkpoint = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        parser=one_of("best", "last", "previous"),
        autocompletion=completion.one_of("best", "last", "previous"),
        metavar="best|last|previous",
        help="Which weights to use; by default those whose figures `train` printed.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", parser=_seed, metavar="N", help="Override the experiment's seed.", show_default=False),
]
Gate = Annotated[
    list[str] | None,
    typer.Option(
        "--gate",
        autocompletion=completion.gates,
        metavar="EXPR",
        help="What must hold, as in 'val/loss <= 0.2' or 'test/accuracy >= majority + 0.05', also mean, median, "
        "linear; else exit code 3. Repeatable.",
    ),
]
SweepGate = Annotated[
    list[str] | None,
    typer.Option(
        "--gate",
        autocompletion=completion.gates_of_the_best,
        metavar="EXPR",
        help="What must hold of the best point, as in 'best.test/accuracy >= 0.9'; else exit code 3. Repeatable.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        parser=_expanded,
        autocompletion=completion.runs,
        metavar="RUN",
        help="Run that gates compare with, as in 'val/loss <= baseline * 1.05'.",
    ),
]
Baselines = Annotated[
    bool | None,
    typer.Option(
        "--baselines/--no-baselines",
        help="Fit a linear model to compare with; by default for tables of up to 50,000 training rows.",
        show_default=False,
    ),
]
Junit = Annotated[
    Path | None,
    typer.Option(
        "--junit", parser=_output, metavar="FILE", help="Write the outcome of the gates as JUnit XML; - is stdout."
    ),
]
Figures = Annotated[
    str | None,
    typer.Option(
        "--figures",
        autocompletion=completion.one_of("svg", "pdf", "svg,pdf"),
        metavar="svg,pdf",
        help="Draw every picture in these formats as well, beside PNG.",
        show_default=False,
    ),
]
PictureFile = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        parser=_picture,
        metavar="FILE",
        help="Where the picture goes: a name that ends in .png, .svg or .pdf; - is stdout, as PNG.",
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        "--steps", parser=_count, metavar="N", help="Train N steps in all; may extend a run.", show_default=False
    ),
]
Epochs = Annotated[
    int | None,
    typer.Option(
        "--epochs", parser=_count, metavar="N", help="Train N epochs in all; may extend a run.", show_default=False
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        "--max-seconds",
        parser=_positive,
        metavar="S",
        help="Stop this session after S seconds, with the state saved and a full report; --resume goes on.",
        show_default=False,
    ),
]
Live = Annotated[
    bool,
    typer.Option("--live", help="Write live.html into the run folder: a page that follows the run while it trains."),
]
LogTo = Annotated[
    list[str] | None,
    typer.Option(
        "--log-to",
        autocompletion=completion.one_of("tensorboard", "mlflow"),
        metavar="LOGGER",
        help="Log figures, configuration and pictures at the end, to tensorboard or mlflow. Repeatable.",
    ),
]
RunsDir = Annotated[
    Path, typer.Option("--runs-dir", parser=_path, metavar="DIR", help="Where run folders are made and looked for.")
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Override the experiment's name.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print the path of what is written, such as the run folder, and no more.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document with the result.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the network, the data and the cost of a step; run nothing.")
]
PrintConfig = Annotated[bool, typer.Option("--print-config", help="Print the resolved experiment file; run nothing.")]
Plugin = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", parser=_file, metavar="FILE.py", help="Python file that defines activations. It is run. Repeatable."
    ),
]
Threads = Annotated[int, typer.Option("--threads", parser=_count, metavar="N", help="BLAS threads.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Count = Annotated[int, typer.Option(parser=_count, metavar="N")]
Jobs = Annotated[
    int, typer.Option("--jobs", "-j", parser=_count, metavar="N", help="Processes that train at the same time.")
]
Needed = Annotated[
    bool, typer.Option("--needed", help="Train only what no comparison or sweep in the runs folder has trained.")
]
Dask = Annotated[
    str | None,
    typer.Option(
        "--dask",
        metavar="ADDRESS",
        help="Train on a Dask cluster: tcp://HOST:PORT of its scheduler, or local for one on this machine.",
        show_default=False,
    ),
]
DaskTimeout = Annotated[
    float | None,
    typer.Option(
        "--dask-timeout",
        parser=_positive,
        metavar="SECONDS",
        help="How long to wait for the scheduler's answer and for a worker; by default 10 and 600 seconds.",
        show_default=False,
    ),
]
count, positive, file, path, path_text, output = _count, _positive, _file, _path, _expanded, _output
picture, width, not_negative = _picture, _width, _not_negative


def use_threads(threads: int) -> None:
    """Limit BLAS to a number of threads: by environment variables, or by threadpoolctl once NumPy is loaded."""
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(threads)
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads)
