"""Find a run by its name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from nnlab.errors import CheckpointError, printable, suggestion
from nnlab.runs.folder import CONFIG, LATEST, RunFolder

NEWEST = f"@{LATEST}"


def find(root: Path, name: str) -> RunFolder:
    """The run that `name` means: a path, `latest`, a folder's name in `root`, or a unique beginning of one.

    The time in the name may be left out; `NAME@latest` is the newest of those that NAME means. CheckpointError if there
    is no such run, or more than one, or if its experiment file or one of its folders is behind a link.
    """
    folder = RunFolder(path_of(root, name))
    if not _is_run(folder.path):
        raise CheckpointError(f"{printable(str(folder.path / CONFIG))}: found no such file, expected a run's")
    folder.refuse_links()
    return folder


def path_of(root: Path, name: str) -> Path:
    """The folder of the run that `name` means; one named in full may have lost its experiment file."""
    for is_one in (_is_run, _has_lost_its_config):
        for path in (Path(name), root / name):
            if is_one(path):
                return path.resolve() if path.name == LATEST else path
    return root / match(runs_in(root), name, root)


def match(names: Sequence[str], name: str, root: Path) -> str:
    """The one of the run folders `names` in `root` that `name` means. CheckpointError for none and for several."""
    plain = name.removesuffix(NEWEST)
    matches = [run for run in names if run.partition("_")[2] == plain] if plain else []
    if not matches and plain:
        matches = [run for run in names if run.startswith(plain) or run.partition("_")[2].startswith(plain)]
    if len(matches) == 1 or (matches and plain != name):
        return matches[-1]
    raise CheckpointError(_not_found(root, plain, names, matches))


_SHOWN = 5


def _not_found(root: Path, name: str, names: Sequence[str], matches: Sequence[str]) -> str:
    if matches:
        newest, more = matches[-_SHOWN:], len(matches) - _SHOWN
        listed, name = ", ".join(newest) + (f" and {more} older" if more > 0 else ""), printable(name)
        expected = f"expected one of these names, or '{name}{NEWEST}' for the newest"
        return f"'{name}' means {len(matches)} runs ({printable(listed)}), {expected}"
    if not names:
        return f"found no run in {printable(str(root))}, expected one made by `nnlab train`"
    hint = suggestion(name, names) or f", expected one such as {printable(names[-1])}"
    return f"found no run '{printable(name)}' in {printable(str(root))}{hint}"


def _is_run(path: Path) -> bool:
    """Whether a path is a run folder, also with something else in place of its experiment file."""
    return os.path.lexists(path / CONFIG)


def _has_lost_its_config(path: Path) -> bool:
    """Whether a path is a run folder by its other files."""
    return any(os.path.lexists(path / own) for own in ("run.json", "checkpoints"))


def runs_in(root: Path) -> list[str]:
    """The names of the run folders in `root`, the oldest first."""
    return [name for name in run_folders(root) if _is_run(root / name)]


def run_folders(root: Path) -> list[str]:
    """The same with those that have lost their experiment file."""
    with contextlib.suppress(OSError):
        found = (p for p in root.iterdir() if not p.name.startswith(".") and (_is_run(p) or _has_lost_its_config(p)))
        return sorted(path.name for path in found if not path.is_symlink())
    return []


def config_or_run(target: str | Path, root: Path) -> tuple[str | Path, Path | None]:
    """The experiment file at `target`, or that of the run it names; and the run's folder, if it is one.

    `-` is standard input.
    """
    path = Path(target)
    if str(target) == "-" or path.suffix in {".yaml", ".yml"} or _is_file(path):
        return target, None
    run = find(root, str(target))
    return run.path / CONFIG, run.path


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # a name that the file system cannot look up
        return False
