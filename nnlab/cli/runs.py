"""`nnlab runs list`, `show`, `diff`, `compare`, `rm` and `restore`: finding runs again."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnlab.cli import options as o
from nnlab.cli.groups import BareOutput, Debugging, command_of
from nnlab.cli.output import aligned, complain, result, written
from nnlab.errors import ConfigError, printable

if TYPE_CHECKING:
    from nnlab.experiments.run_facts import RunDiff, RunFacts
    from nnlab.experiments.run_list import RunTable

_RUN = "A run: a path, `latest`, the unique beginning of a name, or NAME@latest."

Runs = Annotated[list[str], typer.Argument(parser=o.path_text, metavar="RUN...", help=_RUN, show_default=False)]
Pair = Annotated[
    list[str] | None,
    typer.Argument(
        parser=o.path_text,
        metavar="[OLD NEW]",
        help="Two runs; by default the last two of the runs folder.",
        show_default=False,
    ),
]
Removed = Annotated[
    list[str],
    typer.Argument(metavar="RUN...", help="A removed run, by the beginning of its name.", show_default=False),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="EXPR",
        help="List what meets a gate such as 'val/accuracy >= 0.9', or has KEY=VALUE, as in network.activation=relu or "
        "status=completed. Repeatable: all must hold.",
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(
        "--sort", metavar="COLUMN", help="Sort by a column of the list, a key or a figure.", show_default=False
    ),
]
Reverse = Annotated[bool, typer.Option("--reverse", help="List in the opposite order.")]
Last = Annotated[
    int | None,
    typer.Option(
        "--last", parser=o.count, metavar="N", help="List the N newest runs that are found.", show_default=False
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--columns",
        metavar="A,B,…",
        help="Show these columns alone: those of the list, keys and figures, as in run,seed,test/loss. Repeatable.",
    ),
]
AllKeys = Annotated[bool, typer.Option("--all-keys", help="Show every key, not only those that differ.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print the list as CSV.")]
Figures = Annotated[
    list[str] | None,
    typer.Option(
        "--figure", metavar="NAME", help="Figure to draw, as in val/loss; by default two main ones. Repeatable."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def runs() -> typer.Typer:
    """The group of commands on runs."""
    group = typer.Typer(help="List, compare and remove runs.", no_args_is_help=True, rich_markup_mode=None)
    for name, (function, line) in COMMANDS.items():
        group.command(name, short_help=line)(command_of(function))
    return group


# --- list -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, repr=False, eq=False)
class ListOptions:
    """Which runs are listed, in which order, and with which columns."""

    where: Where = None
    sort: Sort = None
    reverse: Reverse = False
    last: Last = None
    columns: Columns = None
    all_keys: AllKeys = False
    runs_dir: o.RunsDir = Path("runs")

    @property
    def chosen(self) -> dict[str, Any]:
        """The arguments for `nnlab.api.list_runs`."""
        columns = [name.strip() for names in self.columns or () for name in names.split(",") if name.strip()]
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return given | {"where": self.where or (), "columns": columns}


def list_(*, which: ListOptions, csv: Csv = False, output: BareOutput) -> None:
    """List runs, the newest last, with up to eight keys of the experiment in which they differ."""
    from nnlab import api

    if csv and output.as_json:
        raise ConfigError("found both --csv and --json, expected one of them")
    table = api.list_runs(**which.chosen)
    _tell_keys_left_out(table.keys_left_out)
    if csv:
        return result(_as_csv(table))
    output.result([*table.rows()], *_as_lines(table))
    if not table.runs and not output.as_json:
        others = f", beside {table.left_out:,} others" if table.left_out else ""
        complain(f"found no such run in {which.runs_dir}{others}{table.hint}")
    return None


def _tell_keys_left_out(count: int) -> None:
    """Say on stderr, beside every format, that the runs differ in more keys than the table has."""
    if count:
        keys = "1 more key" if count == 1 else f"{count:,} more keys"
        complain(f"the runs differ in {keys}: --all-keys shows every key, --columns those that you name")


def _as_csv(table: RunTable) -> str:
    """The runs as CSV, with no text that a terminal or a spreadsheet would act on: runs may come from others."""
    from nnlab.config.keys import shown
    from nnlab.data.spreadsheets import escaped
    from nnlab.storage.files import to_csv

    rows = ([shown(value) for value in row.values()] for row in table.rows())
    harmless = ([escaped(printable(cell)) for cell in row] for row in (table.columns, *rows))
    return to_csv(harmless).removesuffix("\n")


_HEADLINE = 60  # characters of it in a table


def _as_lines(table: RunTable) -> Iterator[str]:
    """The runs below each other in columns or, where the terminal is too narrow for these, each in a paragraph."""
    rows = [{column: _cell(column, value) for column, value in row.items()} for row in table.rows()]
    cut = [{**row, "headline": _cut(row["headline"])} if "headline" in row else row for row in rows]
    lines = [*aligned([[*table.columns], *(list(row.values()) for row in cut)])] if rows else []
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    if width is None or max(map(len, lines), default=0) <= width:
        yield from lines
    else:
        for row in rows:
            yield from _paragraph(row, width)


def _cut(text: str) -> str:
    return text if len(text) <= _HEADLINE else f"{text[: _HEADLINE - 1]}…"


def _cell(column: str, value: Any) -> str:
    """A value as a person reads it."""
    from nnlab.config.keys import shown
    from nnlab.storage.listing import local_time

    if column == "started":
        return local_time(value)
    return printable(f"{value:.6g}" if isinstance(value, float) else shown(value))


_WORDS = {"seconds": "{} s", "steps": "{} steps"}


def _paragraph(row: dict[str, str], width: int) -> Iterator[str]:
    """A run in lines no wider than the terminal: its name and status, what else is known, its keys."""
    from nnlab.experiments.run_list import STANDARD

    first = [row[name] for name in ("run", "status") if row.get(name)]
    facts = [_WORDS.get(name, "{}").format(row[name]) for name in STANDARD[1:] if name != "status" and row.get(name)]
    keys = [f"{name}={value}" for name, value in row.items() if name not in STANDARD and value]
    indent = "    " if first else ""
    yield from _wrapped("  ".join(first), width, "")
    yield from _wrapped(", ".join(facts), width, indent)
    yield from _wrapped("  ".join(keys), width, indent)


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text, max(width, 20), initial_indent=indent, subsequent_indent=indent or "    ", break_on_hyphens=False
    )


# --- show, diff, compare ----------------------------------------------------------------------------------------------


def show(run: o.Run, *, runs_dir: o.RunsDir = Path("runs"), output: BareOutput) -> None:
    """Show one run: status, result, figures, gates, experiment and environment."""
    from nnlab import api

    facts = api.show_run(run, runs_dir=runs_dir)
    output.result(facts.document(), *_facts(facts))


def _facts(facts: RunFacts) -> Iterator[str]:
    document = facts.document()
    yield printable(document["run"])
    yield from _paragraph({name: _cell(name, document[name]) for name in _ABOUT}, 100)
    yield from map(printable, [*([shlex.join(document["command"])] if document["command"] else ()), *facts.sentences])
    words = {True: "met", False: "NOT MET"}
    yield from _section("gates", [["", words[g["met"]], g["gate"], _cell("", g["value"])] for g in document["gates"]])
    for title in _SECTIONS:
        yield from _section(title, [["", name, _cell(name, value)] for name, value in document[title].items()])


def _section(title: str, rows: list[list[str]]) -> list[str]:
    return ["", title, *aligned(rows)] if rows else []


_ABOUT = ("status", "kind", "started", "seconds", "steps")
_SECTIONS = ("figures", "config", "environment")


def diff(pair: Pair = None, *, runs_dir: o.RunsDir = Path("runs"), output: BareOutput) -> None:
    """Show in what two runs differ, old with - and new with +: experiment, environment and figures."""
    from nnlab import api

    found = api.diff_runs(pair or (), runs_dir=runs_dir)
    output.result(found.document(), *map(printable, _differences(found)))


def _differences(found: RunDiff) -> Iterator[str]:
    yield f"- {found.old.entry.run}"
    yield f"+ {found.new.entry.run}"
    for section, differences in found.sections().items():
        yield from ("", section if differences else f"{section}: the same")
        for one in differences:
            both = [_cell(one.key, one.old), _cell(one.key, one.new)]
            old, new = both if both[0] != both[1] else (repr(one.old), repr(one.new))
            yield from [f"- {one.key}: {old}"] if one.old is not None else []
            yield from [f"+ {one.key}: {new}"] if one.new is not None else []


def compare(
    chosen: Runs,
    *,
    figures: Figures = None,
    out: o.PictureFile = Path("curves.png"),
    runs_dir: o.RunsDir = Path("runs"),
    _errors: Debugging,
) -> None:
    """Draw the curves of runs over each other."""
    from nnlab import api

    api.compare_runs(chosen, figures=figures or (), out=out, runs_dir=runs_dir)
    written(out)


# --- rm, restore ------------------------------------------------------------------------------------------------------


def remove(chosen: Runs, *, yes: Yes = False, runs_dir: o.RunsDir = Path("runs"), output: BareOutput) -> None:
    """Move runs to the folder .trash in the runs folder, from where restore takes them back."""
    from nnlab import api

    moved = api.remove_runs(chosen, runs_dir=runs_dir, agreed=lambda paths: yes or _agreed(paths))
    _note_names(moved)
    document = [{"run": str(path), "moved_to": str(now)} for path, now in moved]
    output.result(document, *(str(now) for _, now in moved))


def _agreed(paths: Sequence[Path]) -> bool:
    """Ask on the terminal whether these runs may be removed. ConfigError without one."""
    if not sys.stdin.isatty():
        raise ConfigError(f"found no terminal to ask whether to remove {_count(paths)}, expected --yes")
    for path in paths:
        complain(str(path))
    complain(f"Move {_count(paths)} to .trash? [y/N]")
    agreed = sys.stdin.readline().strip().lower() in ("y", "yes")
    if not agreed:
        complain("nothing was moved")
    return agreed


def _count(paths: Sequence[Path]) -> str:
    return "1 run" if len(paths) == 1 else f"{len(paths)} runs"


def restore(chosen: Removed, *, runs_dir: o.RunsDir = Path("runs"), output: BareOutput) -> None:
    """Move removed runs back; `nnlab runs list --runs-dir runs/.trash` lists them."""
    from nnlab import api

    restored = api.restore_runs(chosen, runs_dir=runs_dir)
    _note_names(restored)
    paths = [str(now) for _, now in restored]
    output.result(paths, *paths)


def _note_names(moved: Sequence[tuple[Path, Path]]) -> None:
    """Say which runs have another name where they are now."""
    for before, now in moved:
        if before.name != now.name:
            complain(f"note: {before.name} is now {now.name}, since another run there has its name")


# Each with a line for `nnlab runs --help` that fits into 80 columns.
COMMANDS: dict[str, tuple[Callable[..., None], str]] = {
    "list": (list_, "List runs with the keys in which they differ."),
    "show": (show, "Show all that is known of one run."),
    "diff": (diff, "Show in what two runs differ."),
    "compare": (compare, "Draw the curves of runs over each other."),
    "rm": (remove, "Move runs to the trash."),
    "restore": (restore, "Move removed runs back."),
}
