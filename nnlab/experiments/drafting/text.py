"""The settings of a draft as an experiment file: YAML with a reason behind each value, and questions above theirs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from nnlab.config.document import write
from nnlab.config.experiment import OPEN
from nnlab.data.files import Key
from nnlab.errors import Fault, printable
from nnlab.experiments.drafting.settings import DraftSetting, as_yaml

_WIDTH, _COMMENTS = 120, 38  # of a line, and where the reasons begin


def text_of(title: Sequence[str], settings: Sequence[DraftSetting]) -> str:
    """The text of an experiment file; `title` are the sentences at its top."""
    lines = [line for sentence in title for line in _comment(sentence, "")]
    before: Key = ()
    for setting in settings:
        lines += _opened(before, setting.key)
        indent = "  " * (len(setting.key) - 1)
        lines += [indent + line if line else line for line in _entry(setting, len(indent))]
        before = setting.key
    return "\n".join(lines) + "\n"


def _opened(before: Key, key: Key) -> Iterator[str]:
    """The lines of the mappings that are open for a key and were not for the one before it."""
    for depth in range(1, len(key)):
        if before[:depth] != key[:depth]:
            yield from [""] if depth == 1 else []
            yield f"{'  ' * (depth - 1)}{_key(key[depth - 1])}:"
    if len(key) == 1 and len(before) > 1:
        yield ""


def _key(key: Any) -> str:
    return write({str(key): 0}).rpartition(": 0")[0]


def _entry(setting: DraftSetting, indent: int) -> Iterator[str]:
    """The lines of a setting, without its indentation."""
    lines = write({str(setting.key[-1]): setting.value}).splitlines()
    if setting.fault is not None:
        yield from _question(setting, setting.fault, indent)
        yield from lines
    elif len(lines) == 1 and len(lines[0]) + indent < _COMMENTS - 1:
        first, *more = _comment(f"because {setting.because}", " " * _COMMENTS)
        yield f"{lines[0]:{_COMMENTS - indent}}{first.lstrip()}"
        yield from (line[indent:] for line in more)
    else:
        yield from _comment(f"because {setting.because}", "", indent)
        yield from lines


def _question(setting: DraftSetting, fault: Fault, indent: int) -> Iterator[str]:
    """What is asked, and a line for each answer as it would stand in the file."""
    assert fault.question is not None
    yield from _comment(f"{OPEN}: {fault.message}", "", indent)
    for value, meaning in fault.question.answers:
        yield f"#     {_key(setting.key[-1])}: {as_yaml(value)}    {printable(meaning)}"


def _comment(sentence: str, before: str, indent: int = 0) -> list[str]:
    """A sentence as lines of a comment, each after `before`."""
    room = _WIDTH - len(before) - indent - 2
    wrapped = textwrap.wrap(printable(sentence), room, break_on_hyphens=False, break_long_words=False)
    return [f"{before}# {line}" for line in wrapped]
