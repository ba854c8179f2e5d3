"""report.html: one self-contained page that works from disk without a network, on paper and on a phone.

A `Page` is a verdict and sections of paragraphs, tables, pictures and text. `write_page` makes a single HTML file that
embeds the pictures, the style sheet and a few lines of JavaScript, which only sort tables. Its Content-Security-Policy
allows nothing else to be loaded or run, whatever names and texts the page contains.
"""

from __future__ import annotations

import base64
import hashlib
import html
import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

from nnlab.errors import printable
from nnlab.runs.files import write_text

FILE = "report.html"
Cell = str | int | float | None
Tone = Literal["good", "bad", "plain"]


@dataclass(frozen=True)
class HtmlTable:
    """Rows under named columns; the first cell of a row is its heading. Numbers are right-aligned, and sort as such."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Picture:
    """The bytes of a PNG file; `shows` is its caption and alternative text."""

    name: str
    png: bytes
    shows: str


@dataclass(frozen=True)
class Section:
    """A heading with its content; `text` is preformatted, shown in a monospaced font."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[HtmlTable] = ()
    pictures: Sequence[Picture] = ()
    text: str = ""


@dataclass(frozen=True)
class Page:
    """A report: title, a line about the run, the verdict in one or two sentences, and sections."""

    title: str
    about: str
    verdict: str
    tone: Tone
    sections: Sequence[Section]


def write_page(path: Path, page: Page) -> None:
    """Write a page as HTML. The same page gives the same bytes."""
    write_text(path, rendered(page))


def rendered(page: Page) -> str:
    """The HTML of a page."""
    return "\n".join(_document(page)) + "\n"


def _document(page: Page) -> Iterator[str]:
    return document(page.title, resource("report.css"), resource("report.js"), _body(page))


def document(
    title: str, style: str, script: str, body: Iterable[str], *, scripts_beside: bool = False
) -> Iterator[str]:
    """The lines of an HTML document that runs this script and nothing else, or also `scripts_beside` it on the disk."""
    beside = "'self' " if scripts_beside else ""
    policy = (
        f"default-src 'none'; img-src data:; style-src {fingerprint(style)}; script-src {beside}{fingerprint(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield '<link rel="icon" href="data:,">'
    yield f"<title>{escaped(title)} – nnlab</title>"
    yield f"<style>{style}</style>"
    yield "</head>"
    yield "<body>"
    yield from body
    yield f"<script>{script}</script>"
    yield "</body>"
    yield "</html>"


def _body(page: Page) -> Iterator[str]:
    yield from _header(page)
    yield "<main>"
    for number, section in enumerate(page.sections, 1):
        yield from _section(section, f"s{number}")
    yield "</main>"


@cache
def resource(name: str) -> str:
    """The content of a file beside this module."""
    return resources.files("nnlab.report").joinpath(name).read_text(encoding="utf-8")


def fingerprint(content: str) -> str:
    """The hash in the policy that allows exactly this style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _header(page: Page) -> Iterator[str]:
    yield "<header>"
    yield f"<h1>{escaped(page.title)}</h1>"
    yield f'<p class="about">{escaped(page.about)}</p>'
    yield f'<p class="verdict {page.tone}">{escaped(page.verdict)}</p>'
    links = [f'<a href="#s{number}">{escaped(section.title)}</a>' for number, section in enumerate(page.sections, 1)]
    yield f'<nav aria-label="Sections">{" ".join(links)}</nav>'
    yield "</header>"


def _section(section: Section, place: str) -> Iterator[str]:
    yield f'<section id="{place}" aria-labelledby="{place}-title">'
    yield f'<h2 id="{place}-title">{escaped(section.title)}</h2>'
    for paragraph in section.paragraphs:
        yield f"<p>{escaped(paragraph)}</p>"
    for number, table in enumerate(section.tables, 1):
        yield from _table(table, f"{place}-table{number}")
    for picture in section.pictures:
        yield from _picture(picture)
    if section.text:
        yield f'<pre tabindex="0">{_lines(section.text)}</pre>'
    yield "</section>"


def _table(table: HtmlTable, place: str) -> Iterator[str]:
    """A table in a box that scrolls on narrow pages."""
    numeric = [_is_numeric([row[column] for row in table.rows]) for column in range(len(table.columns))]
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{place}">'
    yield '<table class="sortable">'
    yield f'<caption id="{place}">{escaped(table.caption)}</caption>'
    heads = [
        f'<th scope="col"{_aligned(right)}>{escaped(name)}</th>'
        for name, right in zip(table.columns, numeric, strict=True)
    ]
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    for row in table.rows:
        cells = [_cell(value, right=right) for value, right in zip(row[1:], numeric[1:], strict=True)]
        yield f'<tr><th scope="row">{escaped(shown(row[0]))}</th>{"".join(cells)}</tr>'
    yield "</tbody>"
    yield "</table>"
    yield "</div>"


def _is_numeric(values: Sequence[Cell]) -> bool:
    """Whether a column holds numbers, perhaps with gaps."""
    return any(value is not None for value in values) and not any(isinstance(value, str) for value in values)


def _cell(value: Cell, *, right: bool) -> str:
    known = isinstance(value, int | float) and math.isfinite(value)
    sorts_as = f' data-value="{value!r}"' if known else ""
    return f"<td{_aligned(right)}{sorts_as}>{escaped(shown(value))}</td>"


def _aligned(right: bool) -> str:  # noqa: FBT001 - the only argument
    return ' class="number"' if right else ""


def shown(value: Cell, digits: int = 6) -> str:
    """The text of a cell: numbers with so many significant digits, a dash for None."""
    if isinstance(value, str):
        return value
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 point`, `2,000 points`."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def _picture(picture: Picture) -> Iterator[str]:
    yield "<figure>"
    if (size := _size(picture.png)) is None:
        yield f"<p>{escaped(picture.name)}: found no whole PNG file, so that it cannot be shown.</p>"
    else:
        source = f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"
        yield f'<img src="{source}" width="{size[0]}" height="{size[1]}" alt="{escaped(picture.shows)}">'
    yield f"<figcaption>{escaped(picture.shows)} <span>{escaped(picture.name)}</span></figcaption>"
    yield "</figure>"


_PNG_BEGIN, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def _size(png: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, from the first chunk (IHDR) of a PNG file; None if it is none, or cut short."""
    if not (len(png) > 24 and png.startswith(_PNG_BEGIN) and png.endswith(_PNG_END)):
        return None
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def escaped(value: str) -> str:
    """Text escaped for HTML, also for the value of an attribute."""
    return html.escape(printable(value), quote=True)


def _lines(value: str) -> str:
    return "\n".join(escaped(line) for line in value.split("\n"))
