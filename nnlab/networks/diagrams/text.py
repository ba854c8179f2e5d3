"""A diagram as text: Mermaid, which Markdown pages draw, and DOT, which Graphviz does."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from nnlab.errors import printable
from nnlab.networks.diagrams.diagram import Diagram, Edge, Node

_LONGEST = 120  # characters of a line in a box

# Characters that mean something in Mermaid or in the HTML of its labels, written as entities by their numbers.
_ENTITIES = {ord(c): f"#{ord(c)};" for c in "#&<>\"'`[]{}|\\%~"}
_ENTITIES[ord("$")] = "#36;#8203;"  # with a space of no width behind it, since two in a row begin a formula
_WIDE = '%%{init: {"flowchart": {"wrappingWidth": 600}}}%%'  # else lines are broken after 200 pixels


def mermaid(diagram: Diagram) -> str:
    """A flow chart: from left to right, or of operations from top to bottom with derivatives as dotted arrows."""
    return "\n".join(_mermaid_lines(diagram)) + "\n"


def _mermaid_lines(diagram: Diagram) -> Iterator[str]:
    yield _WIDE
    yield f"flowchart {'TB' if _has_derivatives(diagram) else 'LR'}"
    for node in diagram.nodes:
        opened, closed = {"input": ("([", "])"), "output": ("([", "])"), "loss": ("{{", "}}")}.get(
            node.kind, ("[", "]")
        )
        label = "<br/>".join(map(_entities, _lines(node)))
        yield f'  {node.key}{opened}"{label}"{closed}'
    if _has_derivatives(diagram):
        yield f'  about["{"<br/>".join(map(_entities, _about(diagram)))}"]'
    for edge in diagram.edges:
        arrow = "-.->" if edge.is_back else "-->"
        label = f'|"{_entities(edge.label)}"|' if edge.label else ""
        yield f"  {edge.source} {arrow}{label} {edge.target}"


def _entities(text: str) -> str:
    return _cut(text).translate(_ENTITIES)


_DOT_ESCAPES = {ord("&"): "&amp;", ord("\\"): "\\\\", ord('"'): '\\"'}


def dot(diagram: Diagram) -> str:
    """A directed graph in Graphviz' language."""
    return "\n".join(_dot_lines(diagram)) + "\n"


def _dot_lines(diagram: Diagram) -> Iterator[str]:
    yield f"digraph {_quoted(diagram.names.title)} {{"
    yield f"  rankdir={'TB' if _has_derivatives(diagram) else 'LR'}"
    yield '  node [shape=box, fontname="sans-serif"]'
    yield '  edge [fontname="sans-serif"]'
    for node in diagram.nodes:
        yield f"  {node.key} [label={_quoted(*_lines(node))}]"
    if _has_derivatives(diagram):
        yield f"  label={_quoted(*_about(diagram))}"
    yield from map(_dot_edge, diagram.edges)
    yield "}"


def _dot_edge(edge: Edge) -> str:
    style = ", style=dashed, constraint=false" if edge.is_back else ""
    return f"  {edge.source} -> {edge.target} [label={_quoted(edge.label)}{style}]"


def _quoted(*lines: str) -> str:
    r"""A string in DOT, in which \n separates lines."""
    return '"' + r"\n".join(_cut(line).translate(_DOT_ESCAPES) for line in lines) + '"'


def _lines(node: Node) -> list[str]:
    """All lines of a box; derivatives come last."""
    return [node.name, *node.lines, *node.back]


def _about(diagram: Diagram) -> list[str]:
    """What signs mean, in lines."""
    return textwrap.wrap(diagram.about, _LONGEST)


def _cut(text: str) -> str:
    text = printable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _has_derivatives(diagram: Diagram) -> bool:
    return any(node.back for node in diagram.nodes)
