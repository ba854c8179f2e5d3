"""Find a run by its name."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from nnlab.errors import CheckpointError, printable, suggestion
from nnlab.runs.folder import CONFIG, LATEST, RunFolder


def find(root: Path, name: str) -> RunFolder:
    """The run that `name` means: a path, `latest`, a folder's name in `root`, or a unique prefix of one.

    The time in the name may be left out. CheckpointError if there is no such run, or more than one, or if its
    experiment file or one of its folders is behind a link.
    """
    for path in (Path(name), root / name):
        if _is_run(path):
            return _checked(path.resolve() if path.name == LATEST else path)
    for path in (Path(name), root / name):
        if _has_lost_its_config(path):
            raise CheckpointError(f"{printable(str(path / CONFIG))}: found no such file, expected a run's")
    names = _runs_in(root)
    matches = [run for run in names if run.partition("_")[2] == name]
    if len(matches) != 1 and name:
        matches = [run for run in names if run.startswith(name) or run.partition("_")[2].startswith(name)]
    if len(matches) == 1:
        return _checked(root / matches[0])
    raise CheckpointError(_not_found(root, name, names, matches))


def _checked(path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.refuse_links()
    return folder


_SHOWN = 5


def _not_found(root: Path, name: str, names: list[str], matches: list[str]) -> str:
    if matches:
        newest, more = matches[-_SHOWN:], len(matches) - _SHOWN
        listed = ", ".join(newest) + (f" and {more} older" if more > 0 else "")
        return f"'{printable(name)}' means {len(matches)} runs ({listed}), expected one of these names or '{LATEST}'"
    if not names:
        return f"found no run in {printable(str(root))}, expected one made by `nnlab train`"
    hint = suggestion(name, names) or f", expected one such as {names[-1]}"
    return f"found no run '{printable(name)}' in {printable(str(root))}{hint}"


def _is_run(path: Path) -> bool:
    """Whether a path is a run folder, also with something else in place of its experiment file."""
    return os.path.lexists(path / CONFIG)


def _has_lost_its_config(path: Path) -> bool:
    """Whether a path is a run folder by its other files."""
    return any(os.path.lexists(path / own) for own in ("run.json", "checkpoints"))


def _runs_in(root: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return sorted(
            p.name for p in root.iterdir() if _is_run(p) and not p.is_symlink() and not p.name.startswith(".")
        )
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
