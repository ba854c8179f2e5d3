"""What is in a folder of images, by names alone.

What is no image by its name is passed over, and listed so that it can be said; what is hidden or left behind by file
managers is passed over without a word. Links are followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnlab.data.files import quoted, reading
from nnlab.errors import listed

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")

# The tables of CelebA's layout.
ATTRIBUTES = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"

_LEFT_BEHIND = {"thumbs.db", "desktop.ini", "__macosx"}  # by file managers; .DS_Store is hidden


@dataclass(frozen=True)
class Listing:
    """The names of the images, of the folders, and of all else in a folder, sorted."""

    images: list[str]
    folders: list[str]
    others: list[str]


def list_folder(folder: Path) -> Listing:
    """What is in a folder. StorageError if it cannot be listed.

    What has the name of an image counts as one, so that a folder or a pipe of such a name is reported.
    """
    with reading(folder):
        names = sorted(path.name for path in folder.iterdir())
    shown = [name for name in names if not name.startswith(".") and name.lower() not in _LEFT_BEHIND]
    images = [name for name in shown if name.lower().endswith(SUFFIXES)]
    rest = [name for name in shown if not name.lower().endswith(SUFFIXES)]
    folders = [name for name in rest if _is_folder(folder / name)]
    return Listing(images, folders, sorted(set(rest) - set(folders)))


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except OSError:  # a link that leads nowhere
        return False


def passed_over(others: Sequence[str]) -> tuple[str, ...]:
    """A warning of the files that are no images by their names, if there are any."""
    if not others:
        return ()
    were = "file of another kind was" if len(others) == 1 else "files of other kinds were"
    return (f"{len(others)} {were} passed over, such as {quoted(others[0])} (expected {listed(SUFFIXES, 'or')})",)


def is_image_folder(folder: Path) -> bool:
    """Whether a folder holds images, or a folder with images or folders that may."""
    listing = list_folder(folder)
    inner = (list_folder(folder / name) for name in listing.folders)
    return bool(listing.images) or any(within.images or within.folders for within in inner)


def is_celeba_folder(folder: Path) -> bool:
    """Whether a folder has one of the tables of CelebA."""
    return any(os.path.lexists(folder / name) for name in (ATTRIBUTES, PARTITION))
