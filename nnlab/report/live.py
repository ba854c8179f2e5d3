"""live.html: a page that follows a run while it trains; live.js: what it shows, written anew again and again.

The page opens from disk and needs no server: it loads live.js as a script, once a second, which hands it a document.
A script beside a page is a program: whoever can write live.js can run code in the page, which its policy keeps from
loading anything from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from nnlab.errors import printable
from nnlab.report.page import document, escaped, resource


def live_page(title: str) -> str:
    """The HTML of live.html for a run of that name."""
    style, script = resource("report.css"), resource("curves.js") + resource("live-page.js")
    style += resource("curves.css") + resource("live-page.css")
    return "\n".join(document(title, style, script, _body(title), scripts_beside=True)) + "\n"


def live_script(content: Mapping[str, Any]) -> str:
    """The text of live.js, which hands `content` to the page: data in quotes, whatever texts they hold."""
    return f"nnlabLive({json.dumps(json.dumps(_legible(content), allow_nan=False, separators=(',', ':')))});\n"


def _legible(value: Any) -> Any:
    """A document with the unprintable characters of its texts escaped."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: _legible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple) and any(isinstance(inner, str | Mapping | list | tuple) for inner in value):
        return [_legible(inner) for inner in value]
    return value


def _body(title: str) -> Iterator[str]:
    yield "<header>"
    yield f"<h1>{escaped(title)}</h1>"
    yield '<p class="verdict plain" id="state" role="status">Waiting for the first figures …</p>'
    yield '<progress id="progress" max="1" value="0" aria-label="steps done"></progress>'
    yield '<p class="about" id="now"></p>'
    yield '<p class="about" id="whole"></p>'
    yield '<p id="controls"><button type="button" id="pause" aria-pressed="false">Pause</button>'
    yield '<button type="button" id="again" hidden>Look again</button>'
    yield '<a href="report.html" id="report" hidden>report.html: the results</a></p>'
    yield "<noscript><p>This page needs JavaScript: its figures come as a script.</p></noscript>"
    yield "</header>"
    yield '<main id="main">'
    yield '<section id="arms" aria-labelledby="arms-title" hidden><h2 id="arms-title"></h2></section>'
    yield '<section id="figures" aria-label="Curves"></section>'
    yield '<p class="about" id="notes"></p>'
    yield "</main>"
