"""report.html: one self-contained page that works from disk without a network, on paper and on a phone.

A `Page` is a verdict and sections of paragraphs, tables, curves, pictures and text. `write_page` makes a single HTML
file that embeds the pictures, the style sheet and the JavaScript that draws curves, sorts tables and unfolds sections.
Its Content-Security-Policy allows nothing else to be loaded or run, whatever names and texts the page contains.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

from nnlab.errors import printable
from nnlab.storage.files import write_text

FILE = "report.html"


class Amount(NamedTuple):
    """A number as it is shown, with its unit or its interval: `97.5 %`, `0.12 ± 0.03`. It sorts by `value`."""

    value: float
    text: str


def rounded(value: float | None, digits: int = 4) -> Amount | None:
    """A number as it is shown with so many digits."""
    return None if value is None else Amount(value, f"{value:.{digits}g}")


Cell = str | int | float | Amount | None
Tone = Literal["good", "bad", "plain"]
Chart = Mapping[str, Any]  # a description of curves, as curves.js takes it
_NOTE = "note"  # a last column whose name begins so is shown below its table, where no narrow page hides it


@dataclass(frozen=True)
class HtmlTable:
    """Rows under named columns; the first cell of a row is its heading. Numbers are right-aligned, and sort as such."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Picture:
    """The bytes of a PNG file; `shows` is its caption and alternative text.

    A dark page inverts its brightness, but not that of one that `is_photographic`: images in it would be negatives.
    """

    name: str
    png: bytes
    shows: str
    is_photographic: bool = False


@dataclass(frozen=True)
class Section:
    """A heading with its content; `text` is preformatted, shown in a monospaced font.

    Of a `folded` section only the heading is shown until a reader opens it; on paper it is left out while it is closed.
    """

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[HtmlTable] = ()
    pictures: Sequence[Picture] = ()
    text: str = ""
    charts: Sequence[Chart] = ()
    folded: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing below the heading."""
        return not (self.paragraphs or self.tables or self.charts or self.pictures or self.text)


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
    style, script = resource("report.css") + resource("curves.css"), resource("curves.js") + resource("report.js")
    return document(page.title, style, script, _body(page))


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
    heading = f'<h2 id="{place}-title">{escaped(section.title)}</h2>'
    yield f"<details><summary>{heading}</summary>" if section.folded else heading
    yield from _content(section, place)
    if section.folded:
        yield "</details>"
    yield "</section>"


def _content(section: Section, place: str) -> Iterator[str]:
    """Texts and tables, which are one cell of a grid, then a cell for each chart and picture."""
    yield '<div class="cells">'
    yield '<div class="words">'
    for paragraph in section.paragraphs:
        yield f"<p>{escaped(paragraph)}</p>"
    for number, table in enumerate(section.tables, 1):
        yield from _table(table, f"{place}-table{number}")
    if section.text:
        yield f'<pre tabindex="0">{_lines(section.text)}</pre>'
    yield "</div>"
    for chart in section.charts:
        yield f'<div class="chart"><script type="application/json">{_data(chart)}</script></div>'
    for picture in section.pictures:
        yield from _picture(picture)
    yield "</div>"
    if section.charts:
        yield "<noscript><p>The curves of this page need JavaScript; the pictures below show them too.</p></noscript>"


def _data(value: Any) -> str:
    """A document as JSON that no HTML can end, whatever texts it holds."""
    text = json.dumps(legible(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("&", "\\u0026")


def legible(value: Any) -> Any:
    """A document with the unprintable characters of its texts escaped."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: legible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple) and any(isinstance(inner, str | Mapping | list | tuple) for inner in value):
        return [legible(inner) for inner in value]
    return value


def _table(table: HtmlTable, place: str) -> Iterator[str]:
    """A table in a box that scrolls if it is wider or much higher than the page, and below it its notes."""
    columns, rows, notes = _without_notes(table)
    numeric = [_is_numeric([row[column] for row in rows]) for column in range(len(columns))]
    yield f'<div class="scroll" role="region" tabindex="0" aria-labelledby="{place}">'
    yield '<table class="sortable">'
    yield f'<caption id="{place}">{escaped(table.caption)}</caption>'
    heads = [
        f'<th scope="col"{_aligned(right)}>{escaped(name)}</th>' for name, right in zip(columns, numeric, strict=True)
    ]
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    yield "<tbody>"
    for row in rows:
        cells = [_cell(value, right=right) for value, right in zip(row[1:], numeric[1:], strict=True)]
        yield f'<tr><th scope="row">{escaped(shown(row[0]))}</th>{"".join(cells)}</tr>'
    yield "</tbody>"
    yield "</table>"
    yield "</div>"
    if notes:
        yield f'<ul class="notes">{"".join(f"<li>{escaped(note)}</li>" for note in notes)}</ul>'


def _without_notes(table: HtmlTable) -> tuple[Sequence[str], Sequence[Sequence[Cell]], list[str]]:
    """The columns and rows of a table without its column of notes, and these, each with the heading of its row."""
    if not (len(table.columns) > 1 and table.columns[-1].startswith(_NOTE)):
        return table.columns, table.rows, []
    notes = [f"{shown(row[0])}: {shown(row[-1])}" for row in table.rows if row[-1]]
    return table.columns[:-1], [row[:-1] for row in table.rows], notes


def _is_numeric(values: Sequence[Cell]) -> bool:
    """Whether a column holds numbers, perhaps with gaps."""
    return any(value is not None for value in values) and not any(isinstance(value, str) for value in values)


def _cell(value: Cell, *, right: bool) -> str:
    number = value.value if isinstance(value, Amount) else value
    known = isinstance(number, int | float) and math.isfinite(number)
    sorts_as = f' data-value="{number!r}"' if known else ""
    text = escaped(shown(value))
    if right:
        text = text.replace(" (", " <wbr>(")  # the interval of a number may stand on a line of its own
    return f"<td{_aligned(right)}{sorts_as}>{text}</td>"


def _aligned(right: bool) -> str:  # noqa: FBT001 - the only argument
    return ' class="number"' if right else ""


def shown(value: Cell, digits: int = 6) -> str:
    """The text of a cell: numbers with so many significant digits, a dash for None."""
    if isinstance(value, str):
        return value
    if isinstance(value, Amount):
        return value.text
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 point`, `2,000 points`."""
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def _picture(picture: Picture) -> Iterator[str]:
    """A picture with its caption; one whose type half the page would make too small takes the whole."""
    size = _size(picture.png)
    yield '<figure class="wide">' if size and size[0] > _MOST_PIXELS_OF_HALF else "<figure>"
    if size is None:
        yield f"<p>{escaped(picture.name)}: found no whole PNG file, so that it cannot be shown.</p>"
    else:
        source = f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"
        kind = ' class="photographic"' if picture.is_photographic else ""
        size_and_words = f'width="{size[0]}" height="{size[1]}" alt="{escaped(picture.shows)}"'
        yield f'<div class="picture" tabindex="0"><img{kind} src="{source}" {size_and_words}></div>'
    yield f"<figcaption>{escaped(picture.shows)} <span>{escaped(picture.name)}</span></figcaption>"
    yield "</figure>"


_MOST_PIXELS_OF_HALF = 1000  # half of the page has about 600 pixels, and the smallest type 17 in the picture
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
