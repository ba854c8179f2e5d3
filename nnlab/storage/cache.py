"""The user's cache folder, in which decoded images are kept between runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nnlab.errors import StorageError
from nnlab.storage.files import storage_errors, sweep, write_atomically

NAMED = "NNLAB_CACHE"


@dataclass(frozen=True)
class UserCache:
    """Files in a folder that may be emptied at any time: what is missing is computed again."""

    folder: Path

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> UserCache | None:
        """The folder that NNLAB_CACHE names, else `nnlab` in $XDG_CACHE_HOME or in ~/.cache.

        None where NNLAB_CACHE is empty, or neither of the others is a whole path.
        """
        named, general, home = (environment.get(name, "") for name in (NAMED, "XDG_CACHE_HOME", "HOME"))
        if NAMED in environment:
            return cls(Path(named).absolute()) if named else None
        folder = Path(general) if general.startswith(os.sep) else Path(home) / ".cache"
        return cls(folder / "nnlab") if folder.is_absolute() else None

    def path(self, name: str) -> Path:
        """The path of the file of this name, which need not exist."""
        return self.folder / f"{name}.pixels"

    def store(self, name: str, write: Callable[[IO[bytes]], None]) -> str:
        """Let `write` fill the file of this name. Returns why that failed, or an empty text."""
        try:
            with storage_errors(self.folder):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sweep(self.folder)
            write_atomically(self.path(name), write)
        except StorageError as error:
            return str(error)
        return ""
