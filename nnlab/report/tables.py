"""Tables for papers and pages: the same table as Markdown and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nnlab.errors import printable
from nnlab.report.page import HtmlTable, shown

_DIGITS = 4  # significant digits of numbers in tables for print

_LATEX = {
    "\\": r"\textbackslash{}",
    **{character: rf"\{character}" for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    "×": r"$\times$",
    "γ": r"$\gamma$",
}


def markdown(title: str, sentences: Sequence[str], warnings: Sequence[str], tables: Sequence[HtmlTable]) -> str:
    """A document: the verdict's sentences, its warnings, then every table."""
    parts = [f"# {plain_markdown(title)}", *(plain_markdown(sentence) for sentence in sentences)]
    parts += [f"> warning: {plain_markdown(warning)}" for warning in warnings]
    parts += ["\n".join([f"## {plain_markdown(table.caption)}", "", *_markdown_rows(table)]) for table in tables]
    return "\n\n".join(parts) + "\n"


def _markdown_rows(table: HtmlTable) -> Iterator[str]:
    numeric = _numeric(table)
    yield f"| {' | '.join(map(plain_markdown, table.columns))} |"
    yield f"|{'|'.join(' ---: ' if right else ' --- ' for right in numeric)}|"
    for row in table.rows:
        yield f"| {' | '.join(plain_markdown(shown(value, _DIGITS)) for value in row)} |"


def plain_markdown(text: str) -> str:
    """Text with Markdown's special characters escaped, inside tables and outside."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", printable(text))


def latex(tables: Sequence[HtmlTable], remarks: Sequence[str] = ()) -> str:
    """Every table as a `tabular` of the booktabs package, its caption above it; `remarks` are paragraphs at first."""
    head = "% \\usepackage{booktabs}\n\n" + "".join(f"{escaped(remark)}\n\n" for remark in remarks)
    return head + "\n\n".join("\n".join(_latex_lines(table)) for table in tables) + "\n"


def _latex_lines(table: HtmlTable) -> Iterator[str]:
    columns = "".join("r" if right else "l" for right in _numeric(table))
    yield "\\begin{table}"
    yield f"  \\caption{{{escaped(table.caption)}}}"
    yield f"  \\begin{{tabular}}{{{columns}}}"
    yield "    \\toprule"
    yield f"    {' & '.join(map(escaped, table.columns))} \\\\"
    yield "    \\midrule"
    for row in table.rows:
        yield f"    {' & '.join(escaped(shown(value, _DIGITS)) for value in row)} \\\\"
    yield "    \\bottomrule"
    yield "  \\end{tabular}"
    yield "\\end{table}"


def escaped(text: str) -> str:
    """Text with LaTeX's special characters escaped."""
    return "".join(_LATEX.get(character, character) for character in printable(text))


def _numeric(table: HtmlTable) -> list[bool]:
    """Which columns hold numbers, perhaps with gaps."""
    columns = [[row[place] for row in table.rows] for place in range(len(table.columns))]
    return [bool(column) and not any(isinstance(value, str) for value in column) for column in columns]
