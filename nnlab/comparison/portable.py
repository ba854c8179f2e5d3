"""Make one process compute like another: the same number of BLAS threads, and files recreated from their bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits


def blas_threads(count: int) -> AbstractContextManager[object]:
    """Context in which BLAS uses this many threads, even if NumPy is already loaded."""
    limits: AbstractContextManager[object] = threadpool_limits(count)
    return limits


@contextmanager
def as_files(contents: Sequence[tuple[str, bytes]]) -> Iterator[list[Path]]:
    """Context with temporary files of these names and contents, each in a separate folder."""
    if not contents:
        yield []
        return
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) / name for number, (name, _) in enumerate(contents)]
        for file, (_, content) in zip(files, contents, strict=True):
            file.parent.mkdir()
            file.write_bytes(content)
        yield files
