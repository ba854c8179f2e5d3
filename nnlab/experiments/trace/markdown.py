"""A traced step as a Markdown document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nnlab.experiments.trace.quantities import Trace
from nnlab.experiments.trace.tables import DIGITS, TraceTable, formulas, grids, notes, results
from nnlab.report.tables import plain_markdown


def markdown(trace: Trace, digits: int = DIGITS) -> str:
    """The trace as a Markdown document, with a table for each part."""
    return "\n".join(_markdown_lines(trace, digits)) + "\n"


def _markdown_lines(trace: Trace, digits: int) -> Iterator[str]:
    yield f"# {plain_markdown(trace.title)}"
    for section in trace.sections:
        yield from ("", f"## {plain_markdown(section.title)}", "")
        yield from (f"- `{formula}` ({plain_markdown(name)})" for formula, name in formulas(section))
        yield from (f"- {plain_markdown(note)}" for note in notes(section))
        for grid in grids(section, digits):
            yield from ("", *_markdown_table(grid))
        if found := results(section, digits):
            yield from ("", *(f"`{one}`" for one in found))


def _markdown_table(grid: TraceTable) -> Iterator[str]:
    if grid.title:
        yield from (f"**{plain_markdown(grid.title)}**", "")
    yield _markdown_row(grid.columns)
    yield _markdown_row((":--", *["--:"] * (len(grid.columns) - 1)), escapes=False)
    yield from map(_markdown_row, grid.rows)


def _markdown_row(cells: Sequence[str], *, escapes: bool = True) -> str:
    return f"| {' | '.join(map(plain_markdown, cells) if escapes else cells)} |"
