"""Make one process compute like another: the same number of BLAS threads, and files recreated from their text."""

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
def as_files(texts: Sequence[tuple[str, str]]) -> Iterator[list[Path]]:
    """Context with temporary files of these names and texts, each in a separate folder."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / str(number) / name for number, (name, _) in enumerate(texts)]
        for file, (_, text) in zip(files, texts, strict=True):
            file.parent.mkdir()
            file.write_text(text, encoding="utf-8")
        yield files
