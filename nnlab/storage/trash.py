"""Removed runs lie in the folder `.trash` beside the others, which no command looks into, until somebody deletes it.

A run is moved by one rename: a process that is killed leaves it in one of the two folders, whole. `latest` is pointed
elsewhere before its run goes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nnlab.errors import CheckpointError, printable
from nnlab.storage.files import refuse_other_than_folder, remove, storage_errors, sync_folder
from nnlab.storage.folder import LATEST, point_latest, take_free_name
from nnlab.storage.lock import take_lock
from nnlab.storage.lookup import match, path_of, run_folders, runs_in

TRASH = ".trash"


def removable(root: Path, names: Sequence[str]) -> list[Path]:
    """The folders of these runs, each once. CheckpointError if there is no such run, or if a process works on one."""
    paths = list(dict.fromkeys(_whole(path_of(root, name)) for name in names))
    for path in paths:
        if path.is_symlink() or path.parent.name == TRASH:
            found = "a link" if path.is_symlink() else "a run that was removed already"
            raise CheckpointError(f"{printable(str(path))}: found {found}, expected the folder of a run")
        _unlock(path, _locked(path))
    return paths


def _whole(path: Path) -> Path:
    """A path that ends in the folder's name, also for `.`."""
    return path if path.name not in ("", "..") else path.resolve()


def move_to_trash(path: Path) -> Path:
    """Move a run to the trash beside it; where it is now. CheckpointError if a process works on it."""
    root, trash = path.parent, path.parent / TRASH
    refuse_other_than_folder(trash)
    descriptor = _locked(path)
    try:
        with storage_errors(path):
            trash.mkdir(exist_ok=True)
            mend_latest(root, without=path.name)
            moved = take_free_name(path, trash, path.name)
            _sync(trash, root)
    except BaseException:
        _unlock(path, descriptor)
        raise
    _unlock(moved, descriptor)
    mend_latest(root)
    return moved


def restore(root: Path, name: str) -> tuple[Path, Path]:
    """Move a run from the trash of `root` back; where it was and is now, with another number if its name is taken."""
    trash = root / TRASH
    refuse_other_than_folder(trash)
    if not (names := run_folders(trash)):
        raise CheckpointError(f"{printable(str(trash))}: found no removed run, expected one to restore")
    path = trash / match(names, name, trash)
    with storage_errors(path):
        restored = take_free_name(path, root, path.name)
        _sync(root, trash)
    if runs_in(root)[-1:] == [restored.name]:
        point_latest(root, restored.name)
    mend_latest(root)
    return path, restored


def mend_latest(root: Path, without: str = "") -> None:
    """Point `latest` to the newest run other than `without`, if it points to that one or nowhere."""
    link = root / LATEST
    for _ in range(2):  # the second time for a run that was made meanwhile
        if not link.is_symlink() or (link.exists() and link.resolve().name != without):
            return
        left = [name for name in runs_in(root) if name != without]
        if left:
            point_latest(root, left[-1])
        else:
            remove(link)


def _locked(path: Path) -> int:
    with storage_errors(path):
        return take_lock(path / ".lock")


def _unlock(path: Path, descriptor: int) -> None:
    remove(path / ".lock")
    os.close(descriptor)


def _sync(*folders: Path) -> None:
    """Flush both folders of a rename to the disk."""
    for folder in folders:
        sync_folder(folder)
