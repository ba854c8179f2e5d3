"""Images that a network was asked about, each under the name of its file and what the network says of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from numpy.typing import NDArray

from nnlab.pictures.images import confidence_words, gallery, label_caption
from nnlab.pictures.style import count, joined, shortened

_LETTERS = 20  # of a caption's line, which leave a gap between neighbours


def answered(
    pictures: NDArray[Any],
    files: Sequence[str],
    says: Sequence[Sequence[str]],
    truths: Sequence[Sequence[str] | None],
    confidences: Sequence[float | None],
    *,
    columns: int,
    total: int,
    title: str,
) -> Figure:
    """Pictures of `as_pictures` with the files' names and the answers, out of `total`.

    An answer is a class with its probability, the labels that are given, or numbers. A truth that differs stands below.
    """
    rows = zip(files, says, truths, confidences, strict=True)
    captions = [_caption(*row) for row in rows]
    shown = f"{count(len(pictures))} of {count(total)} images" if total > len(pictures) else ""
    knows = [truth for truth in truths if truth is not None]
    wrong = sum(truth is not None and tuple(truth) != tuple(own) for truth, own in zip(truths, says, strict=True))
    mistakes = f"{count(wrong)} of these are wrong, and come first" if knows and wrong else ""
    parts = [shown, mistakes, "above each: its file, and what the network says of it"]
    return gallery(pictures, captions, joined(parts), columns=columns, cell=2.0, title=title)


def _caption(file: str, says: Sequence[str], truth: Sequence[str] | None, confidence: float | None) -> str:
    sure = "" if confidence is None else f" ({confidence_words(confidence)})"
    lines = [_end_of(file), label_caption(says, _LETTERS) + sure]
    if truth is not None and tuple(truth) != tuple(says):
        lines.append(f"truth: {label_caption(truth, _LETTERS)}")
    return "\n".join(lines)


def _end_of(file: str) -> str:
    """The file's name, without the folders that do not fit."""
    kept = file if len(file) <= _LETTERS else file.rsplit("/", 1)[-1]
    return shortened(kept, _LETTERS)
