"""What the shell completes with TAB: commands, options and the words that may follow them.

Typer finds out what is asked for and prints the answer in the shell's own form. Here are the words of arguments and
options. They come from `words.json`, which `benchmarks/record_completion.py` makes of the tables and of the experiment
file's schema, so that neither is loaded while a person waits; a test compares it with them. Where a single word would
do, a shell puts a blank behind it: what has to go on, such as a key, is offered together with what may follow.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer

from nnlab.errors import NnlabError
from nnlab.paths import expanded
from nnlab.storage.labels import typed

VARIABLE = "_NNLAB_COMPLETE"  # set by the shell's function; its name is typer's choice
_PARTS = ("train", "val", "test")
_OPERATORS = (">=", "<=")


def is_asked() -> bool:
    """Whether a shell asks what may follow."""
    return VARIABLE in os.environ


def answer(app_of: Callable[[Sequence[str]], typer.Typer]) -> None:
    """Print what may follow the words typed so far, and exit; `app_of` makes the application for these.

    Typer would load pydantic to convert the words that were typed, and rich to take marks out of help that has none.
    Both take longer than all the rest; without pydantic the words stay as they are, since nothing is run.
    """
    for name in ("pydantic", "rich"):
        sys.modules[name] = None  # type: ignore[assignment] # importing it fails
    before = _join_words_of_bash() if os.environ[VARIABLE] == "complete_bash" else ""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            app_of(_typed())()
    finally:
        sys.stdout.write("".join(line.removeprefix(before) for line in printed.getvalue().splitlines(keepends=True)))


def _typed() -> list[str]:
    """The words that are complete, without the name of the command line itself."""
    text = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    return text.split()[1:] if text[-1:].isspace() else text.split()[1:-1]


def _join_words_of_bash() -> str:
    """Join the words that bash breaks at =, : and @, as in KEY=VALUE; returns what is before the last break."""
    words, at = os.environ["COMP_WORDS"].split("\n"), int(os.environ["COMP_CWORD"])
    current, joined, is_broken = "", list[str](), False
    for word in [*words, ""][: at + 1]:
        is_break = bool(word) and not word.strip("=:@")
        goes_on = bool(joined) and (is_break or is_broken)
        current = word if not is_break else ""
        joined[-1:] = [joined[-1] + word] if goes_on else [*joined[-1:], word]
        is_broken = is_break
    os.environ |= {"COMP_WORDS": "\n".join(joined), "COMP_CWORD": str(len(joined) - 1)}
    return joined[-1].removesuffix(current)


# --- what may follow --------------------------------------------------------------------------------------------------


@functools.cache
def _known() -> dict[str, Any]:
    """The words of `words.json`."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("words.json").read_bytes())
    return found


def entries(table: str) -> Callable[[], list[str]]:
    """The names of a table."""
    return lambda: _known()[table]


def one_of(*words: str) -> Callable[[], list[str]]:
    """One of these words."""
    return lambda: [*words]


def settings(incomplete: str) -> list[str]:
    """KEY=VALUE: the keys of the next level, or the values of a key."""
    keys: dict[str, list[str]] = _known()["keys"]
    key, equals, _ = incomplete.partition("=")
    if equals:
        return [f"{key}={value}" for value in keys.get(key, ())]
    near = [name for name in keys if name.startswith(key)]
    heads = dict.fromkeys(".".join(name.split(".")[: key.count(".") + 1]) for name in near)
    if len(heads) > 1:
        return [f"{head}{'=' if head in keys else '.'}" for head in heads]
    values = [f"{near[0]}={value}" for value in keys[near[0]]] if len(near) == 1 else []
    return [*(f"{name}=" for name in near), *values]


def settings_of_data(incomplete: str) -> list[str]:
    """The same of the keys of data."""
    return settings(incomplete if incomplete.startswith("data.") else "data.")


def figures() -> list[str]:
    """The figures of parts."""
    return [f"{part}/{name}" for part in _PARTS for name in _known()["figures"]]


def gates(incomplete: str) -> list[str]:
    """The figures of which gates are made; a single one with what may follow."""
    known = [*figures(), *_known()["other_figures"]]
    near = [name for name in known if name.startswith(incomplete)]
    return near if len(near) > 1 else [f"{name} {operator} " for name in near for operator in _OPERATORS]


def gates_of_the_best(incomplete: str) -> list[str]:
    """The same of a sweep's best point."""
    return [f"best.{gate}" for gate in gates(incomplete.removeprefix("best."))]


def runs(incomplete: str) -> list[str]:
    """The runs: `latest`, then names without their time, or with it where that is needed or begun."""
    names = list(_runs_in(_runs_dir()))
    short = Counter(name.partition("_")[2] for name in names)
    alone = [name for name, count in short.items() if name and count == 1]
    rest = [name for name in names if incomplete[:1].isdigit() or short[name.partition("_")[2]] > 1]
    return [*(["latest"] if names else []), *alone, *rest]


def networks(incomplete: str) -> list[str]:
    """Runs and, of a single comparison or sweep, RUN:ARM for its arms; behind an arm's `@` its seeds."""
    near = [name for name in runs(incomplete) if name.startswith(incomplete)]
    run = near[0] if len(near) == 1 else incomplete.partition(":")[0] if ":" in incomplete else ""
    arms, seeds = _arms_of(run)
    words = [f"{run}:{arm}" for arm in arms]
    arm, at, _ = incomplete.rpartition("@")
    return [f"{arm}@seed{seed}" for seed in seeds] if at and arm in words else words or near


_PLAIN = re.compile(r"[\w.,:=+@%/^-]+")  # a word that no shell wants in quotes


def _arms_of(name: str) -> tuple[list[str], list[int]]:
    """The arms of a comparison or a sweep as they are typed, those for quotes left out, and its seeds; else none."""
    from nnlab.storage.files import read_plain  # not needed by every TAB

    with contextlib.suppress(NnlabError, OSError, ValueError, LookupError, TypeError, RecursionError):
        summary = json.loads(read_plain(_folder_of(name) / "summary.json"))
        best = ["best"] if "sweep" in summary else []
        return [*filter(_PLAIN.fullmatch, (*map(typed, summary["arms"]), *best))], [*map(int, summary["seeds"])]
    return [], []


def _folder_of(name: str) -> Path:
    """The folder of a run: a path, `latest`, or the newest of those that a name means."""
    if not name or os.path.lexists(f"{name}/config.yaml"):
        return Path(name)
    root, plain = _runs_dir(), name.removesuffix("@latest")
    short = {run: run.partition("_")[2] for run in _runs_in(root)}
    begun = [run for run in short if run.startswith(plain) or short[run].startswith(plain)]
    meant = [run for run in short if short[run] == plain] or begun or [name]
    return root / meant[-1]


def _runs_dir() -> Path:
    """The folder of runs that was typed, or `runs`."""
    typed = [word for part in _typed() for word in part.split("=", 1)]
    return Path(typed[typed.index("--runs-dir") + 1] if "--runs-dir" in typed[:-1] else "runs")


def pictures() -> list[str]:
    """The pictures that the run typed before has, or all that a run may have."""
    typed = [word for word in _typed()[1:] if not word.startswith("-")]
    folder = Path(_runs_dir(), typed[0]) if typed else Path()
    names = sorted(path.stem for path in folder.glob("plots/*.png"))
    return names or _known()["pictures"]


def _runs_in(folder: Path) -> Iterator[str]:
    """The names of the run folders, oldest first, as `nnlab.storage.lookup` finds them, which would load NumPy."""
    with contextlib.suppress(OSError):
        entries = sorted(entry.name for entry in os.scandir(folder) if not entry.is_symlink())
        yield from (n for n in entries if n[0] != "." and os.path.lexists(folder / n / "config.yaml"))


def experiments(incomplete: str) -> list[str]:
    """Experiment files, and folders on the way to them; of a single folder what is in it as well."""
    folder, slash, begun = incomplete.rpartition("/")
    found = [f"{folder}{slash}{name}" for name in _files_in(f"{folder}{slash}") if name.startswith(begun)]
    if len(found) == 1 and found[0].endswith("/") and found[0] != incomplete:
        return [*found, *experiments(found[0])]
    return found


def _files_in(folder: str) -> list[str]:
    """The names of the experiment files and, with a slash, of the folders in a folder; hidden ones left out."""
    with contextlib.suppress(OSError, ValueError):
        entries = [entry for entry in os.scandir(expanded(folder) or ".") if entry.name[0] != "."]
        folders = [f"{entry.name}/" for entry in entries if entry.is_dir()]
        return sorted([*folders, *(entry.name for entry in entries if entry.name.endswith((".yaml", ".yml")))])
    return []


def experiments_and_networks(incomplete: str) -> list[str]:
    """Experiment files, runs, and networks of comparisons."""
    return [*experiments(incomplete), *networks(incomplete)]
