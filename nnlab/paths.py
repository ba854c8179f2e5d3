"""Paths as a person writes them: `~` for a home folder, wherever no shell has replaced it.

A shell replaces `~` at the start of a word only, so not in `--runs-dir=~/x`, and never in a file.
"""

from __future__ import annotations

import os

from nnlab.errors import printable


def expanded(path: str) -> str:
    """`path` with `~` or `~user` at its start replaced by the home folder; other paths as they are.

    ValueError, with what is expected instead, where there is no such user: a folder of that name is `./~user`.
    """
    if not path.startswith("~"):
        return path
    full = os.path.expanduser(path)  # noqa: PTH111 - a Path would drop a final slash, and raises RuntimeError
    if full.startswith("~"):
        user = path.partition(os.sep)[0]
        wrong = f"found '{printable(path)}', but there is no home folder {printable(user)}"
        raise ValueError(f"{wrong}; expected ./{printable(path)} for a path of this name")
    return full
