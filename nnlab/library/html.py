"""What a notebook shows of results: a heading, sentences, a small table, and figures as SVG.

A figure stands in an `img` of its own, where it can run nothing and its identifiers meet no others. All text is
escaped.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nnlab.experiments.catalogue import Description, drawn
from nnlab.report.page import escaped

_MOST_ROWS = 30


def block(title: str, *parts: str) -> str:
    """A heading and parts in HTML below each other."""
    return f"<div><strong>{escaped(title)}</strong>{''.join(parts)}</div>"


def sentences(lines: Iterable[str]) -> str:
    """Sentences, one below the other."""
    return "".join(f"<div>{escaped(line)}</div>" for line in lines)


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; of many rows the first, with how many more there are."""
    head = "".join(f"<th>{escaped(name)}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escaped(_cell(cell))}</td>' for cell in row)}</tr>" for row in rows[:_MOST_ROWS]
    )
    more = f"<div>and {len(rows) - _MOST_ROWS:,} more</div>" if len(rows) > _MOST_ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def picture(svg: bytes, words: str) -> str:
    """An SVG picture with the words that say what it shows."""
    data = base64.b64encode(svg).decode()
    return f'<img style="max-width:100%" alt="{escaped(words)}" src="data:image/svg+xml;base64,{data}">'


def figures_table(final: Mapping[str, float | None]) -> str:
    """Figures such as `test/accuracy` by name and part."""
    parts = list(dict.fromkeys(name.partition("/")[0] for name in final))
    names = list(dict.fromkeys(name.partition("/")[2] for name in final))
    return table(["", *parts], [[name, *(final.get(f"{part}/{name}", "") for part in parts)] for name in names])


def activation_html(description: Description) -> str:
    """An activation with its formulas, and its picture if it is one of single units."""
    about = description.about
    told = [f"f(x) = {about['formula']}", f"f′(x) = {about['slope_formula']}"]
    parts = [sentences(told)]
    if len(description.x):
        parts.append(picture(drawn([description], "svg"), f"{description.label} and its slope"))
    return block(description.label, *parts)


def _cell(cell: Any) -> str:
    """Numbers with four significant digits; nothing for what was not measured."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4g}" if math.isfinite(cell) else str(cell)
    return str(cell)
