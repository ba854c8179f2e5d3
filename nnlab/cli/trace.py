"""`nnlab trace`: one training step as one would do it by hand, as a text to read or as an exercise that is marked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlab.cli import groups as g
from nnlab.cli import options as o
from nnlab.cli.output import complain, result
from nnlab.errors import ConfigError, GateError, printable

if TYPE_CHECKING:
    from nnlab.experiments.trace.answers import Marking
    from nnlab.experiments.trace.quantities import Trace, TraceSection

_MOST_DIGITS = 17


def _row_numbers(given: str) -> tuple[int, ...]:
    """Parse row numbers such as 0,3."""
    words = given.split(",")
    if not all(word.isascii() and word.isdigit() and len(word) <= 9 for word in words):
        raise typer.BadParameter(f"found '{printable(given[:40])}', expected row numbers from 0, as in 0,1")
    return tuple(map(int, words))


def _digit_count(given: str | int) -> int:
    """Parse a number of significant digits."""
    count = o.count(given)
    if count > _MOST_DIGITS:
        raise typer.BadParameter(f"found {count}, expected at most {_MOST_DIGITS} digits: numbers have no more")
    return count


Step = Annotated[
    int,
    typer.Option("--step", parser=o.count, metavar="N", help="Which step, from 1; those before it are trained first."),
]
Rows = Annotated[
    Any,
    typer.Option(
        "--rows",
        parser=_row_numbers,
        metavar="N,N,…",
        help="Which rows of the batch are shown, from 0; by default all of up to 8, else the first 4.",
        show_default=False,
    ),
]
Blank = Annotated[
    list[str] | None,
    typer.Option(
        "--blank",
        metavar="NAME",
        help="Leave these cells out, as in dense1/weights.gradient or tanh1.slope, and those that would give them "
        "away, and write the answers. Repeatable.",
    ),
]
Answers = Annotated[
    Path | None,
    typer.Option(
        "--answers",
        parser=o.output,
        metavar="FILE.csv",
        help="Where the answers to --blank go, by default answers.csv; - is stdout.",
        show_default=False,
    ),
]
Check = Annotated[
    Path | None,
    typer.Option(
        "--check",
        parser=o.file,
        metavar="FILE.csv",
        help="Mark the cells and values of a file; exit code 3 if some are wrong.",
        show_default=False,
    ),
]
Tolerance = Annotated[
    float,
    typer.Option("--tolerance", parser=o.positive, metavar="SHARE", help="With --check: how far a value may be off."),
]
Show = Annotated[bool, typer.Option("--show", help="With --check: list the right values too.")]
Latex = Annotated[bool, typer.Option("--latex", help="Print a fragment of LaTeX, with matrices.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown, with tables.")]
Digits = Annotated[
    int,
    typer.Option(
        "--digits", parser=_digit_count, metavar="N", help="How many significant digits numbers have; --json has all."
    ),
]


@dataclass(frozen=True, repr=False, eq=False)
class ExerciseOptions:
    """What is left out or marked."""

    blank: Blank = None
    answers: Answers = None
    check: Check = None
    tolerance: Tolerance = 1e-3
    show: Show = False

    @property
    def fills_stdout(self) -> bool:
        """Whether stdout carries the answers."""
        from nnlab.storage.outputs import is_stdout

        return self.answers is not None and is_stdout(self.answers)


@dataclass(frozen=True, repr=False, eq=False)
class FormatOptions(g.BareOutput):
    """How the step is printed."""

    digits: Digits = 6
    latex: Latex = False
    markdown: Markdown = False


def trace(
    config: o.Config,
    *,
    step: Step = 1,
    rows: Rows = None,
    sets: o.Set = None,
    seed: o.Seed = None,
    exercise: ExerciseOptions,
    code: g.CodeOptions,
    output: FormatOptions,
) -> None:
    """Work out one training step of a small network as one would by hand: forward, loss, backward and update."""
    from nnlab import api

    _refuse_both(exercise, output)
    about: dict[str, Any] = {"step": step, "rows": rows, "blank": exercise.blank or (), "set": sets or (), "seed": seed}
    about |= {"plugins": code.plugins, "threads": code.threads}
    if exercise.check is not None:
        about |= {"tolerance": exercise.tolerance, "digits": output.digits}
        _show_marks(output, api.check_answers(config, exercise.check, **about), show=exercise.show)
        return
    found = api.trace(config, answers=exercise.answers, **about)
    _show(output, found, on_stderr=exercise.fills_stdout)
    if exercise.blank:
        if others := [name for name in found.blanks if name not in exercise.blank]:
            complain(f"left out as well, since the blanks could be read back from it: {', '.join(others)}")
        complain(f"answers: {exercise.answers or 'answers.csv'}")


def _refuse_both(exercise: ExerciseOptions, output: FormatOptions) -> None:
    """ConfigError for options that exclude each other, or that need another."""
    formats = {"--latex": output.latex, "--markdown": output.markdown, "--json": output.as_json}
    given = [name for name, is_given in formats.items() if is_given]
    if exercise.check is not None:
        others = [*given, *["--answers"] * (exercise.answers is not None)]
        given = ["--check", *(name for name in others if name != "--json")]
    elif exercise.show:
        raise ConfigError("found --show without --check, expected the file that is marked")
    if output.as_json and exercise.fills_stdout:
        raise ConfigError("found --json and an output on stdout, expected one of them: stdout holds one document")
    if len(given) > 1:
        raise ConfigError(f"found {' and '.join(given)}, expected one of them")


def _show(output: FormatOptions, found: Trace, *, on_stderr: bool) -> None:
    """Print the step in the format that is asked for."""
    if output.as_json:
        output.result(found.document())
        return
    text = _text(output, found)
    for line in text.split("\n") if on_stderr else ():
        complain(line)
    if not on_stderr:
        result(text)


def _text(output: FormatOptions, found: Trace) -> str:
    from nnlab.experiments.trace.latex import latex
    from nnlab.experiments.trace.markdown import markdown

    if output.latex or output.markdown:
        return (latex if output.latex else markdown)(found, output.digits).rstrip("\n")
    return _tables(found, output.digits)


def _tables(found: Trace, digits: int) -> str:
    """The step as tables as wide as the terminal."""
    from nnlab.cli.console import console

    screen = console(stderr=False)
    with screen.capture() as captured:
        screen.print(printable(found.title), style="bold")
        for section in found.sections:
            _print_section(screen, section, digits)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _print_section(screen: Any, section: TraceSection, digits: int) -> None:
    """Formulas with the names of their cells, notes, and numbers."""
    from rich.padding import Padding

    from nnlab.cli.terminal import print_table
    from nnlab.experiments.trace.tables import formulas, grids, notes, results

    screen.print()
    screen.print(printable(section.title), style="bold")
    named = formulas(section)
    width = max([len(formula) for formula, _ in named], default=0)
    lines = [*(f"{formula:{width}}   {name}" for formula, name in named), *notes(section)]
    for line in lines:
        screen.print(Padding(printable(line), (0, 0, 0, 2)))
    for grid in grids(section, digits):
        screen.print()
        if grid.title:
            screen.print(grid.title)
        print_table(screen, [grid.columns, *grid.rows])
    for line in results(section, digits):
        screen.print(f"\n{line}")


def _show_marks(output: FormatOptions, marking: Marking, *, show: bool) -> None:
    """Print the mark of each cell; GateError if some are wrong."""
    from nnlab.cli.output import aligned
    from nnlab.experiments.trace.tables import number

    rows = [["cell", "given", "", *["right value"] * show]]
    for mark in marking.marks:
        right = [number(0.0 if mark.is_zero else mark.right, output.digits)] * show
        rows.append([mark.cell, mark.given or "–", "right" if mark.is_right else "WRONG", *right])
    output.result(marking.document(show=show), *aligned(rows), marking.sentence)
    if marking.wrong:
        raise GateError(f"{len(marking.wrong)} of {len(marking.marks)} cells are wrong or empty")
