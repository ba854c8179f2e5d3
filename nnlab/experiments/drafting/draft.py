"""Draft an experiment for a table or a set of the catalogue, and write it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nnlab.config.json_schema import FILE_NAME, experiment_schema, file_content, is_schema
from nnlab.data.catalogue import CATALOGUE, is_table, load
from nnlab.data.files import counted, quoted
from nnlab.data.tables.options import TableOptions
from nnlab.errors import ConfigError, Fault, suggestion
from nnlab.experiments.drafting.inquiry import inquire
from nnlab.experiments.drafting.settings import DraftSetting, Known, settings_for
from nnlab.experiments.drafting.text import text_of
from nnlab.storage.outputs import is_stream, outputs_at

STARTER = "moons"
_PACKED = (".gz", ".zip")
# Sets of the catalogue that are computed, with so many points as show something.
_POINTS: dict[str, dict[str, Any]] = {
    "moons": {"samples": 1000, "noise": 0.2},
    "circles": {"samples": 1000},
    "spirals": {"samples": 1500, "noise": 0.03},
    "blobs": {"samples": 1000},
}


@dataclass(frozen=True)
class Draft:
    """An experiment that was drafted and written to `path`."""

    path: Path
    known: Known
    settings: tuple[DraftSetting, ...]

    @property
    def to_train(self) -> str:
        """The experiment file's name in a command line: its path, or - if it was written to a pipe such as stdout."""
        return "-" if is_stream(self.path) else str(self.path)

    @property
    def questions(self) -> list[DraftSetting]:
        """The settings that wait for an answer."""
        return [setting for setting in self.settings if setting.fault is not None]

    def document(self) -> dict[str, Any]:
        """The draft for JSON; the task is null if it is a question, and so are targets whose names are one."""
        questions = [_question_document(setting) for setting in self.questions]
        is_open = self.known.inquiry is not None and self.known.inquiry.is_header_open
        targets = None if is_open else list(self.known.dataset.columns.targets)
        return {"config": str(self.path), "target": targets, "task": self.known.task, "questions": questions}

    def sentences(self) -> list[str]:
        """What was read, what is predicted and why, and what is asked, for people."""
        known = self.known
        lines = [_what_was_read(known), *known.dataset.notes]
        if known.inquiry:
            lines.append(
                f"target {known.target_in_words}: {'a guess, ' * known.inquiry.is_guess}{known.inquiry.why_target}"
            )
        if known.task:
            lines.append(f"task {known.task}{f': {known.inquiry.why_task}' if known.inquiry else ''}")
        asked = [(".".join(map(str, setting.key)), setting.fault) for setting in self.questions]
        later = known.inquiry.later if known.inquiry else ()
        return [
            *lines,
            *(f"CHOOSE {key}: {fault.message}" for key, fault in asked if fault),
            *(f"once data.header is answered: {fault.message}" for fault in later),
        ]


def draft(source: str | None, targets: Sequence[str] = (), out: Path | None = None, *, force: bool = False) -> Draft:
    """Write an experiment for the table at a path, or for a set of the catalogue; by default for moons.

    The file is `out`, by default named after the table in the working directory. ConfigError if it exists, unless
    `force`; DataError for a table that cannot be read whatever the experiment says.
    """
    name = STARTER if source is None else source
    file = None if name in CATALOGUE else _table(name)
    path = out or Path(f"{_stem(name)}.yaml")
    output, schema = outputs_at([path, _schema_beside(path)], [] if file is None else [file])
    assert output is not None
    if output.is_file and os.path.lexists(path) and not force:
        expected = "expected no file of this name: --force overwrites it, --out PATH writes another"
        raise ConfigError(Fault(f"found a file, {expected}", str(path)))
    known = _known_set(name, targets) if file is None else _known_table(file, path, targets)
    settings = tuple(settings_for(known))
    written = Draft(path, known, settings)
    text = text_of(_title(written), settings)
    if schema is not None:
        schema.write(file_content(experiment_schema()))
        text = f"# yaml-language-server: $schema={FILE_NAME}\n{text}"
    output.write(text.encode())
    return written


def _schema_beside(path: Path) -> Path | None:
    """Where the schema goes with which an editor explains the experiment at `path`: beside it, if it is a file.

    None as well if something else has that name; the schema of another version is replaced.
    """
    beside = path.with_name(FILE_NAME)
    if is_stream(path) or (os.path.lexists(beside) and not is_schema(beside)):
        return None
    return beside


def _table(name: str) -> Path:
    """The table at a path. ConfigError for a file of another kind, or for no file."""
    path = Path(name)
    exists = bool(name) and os.path.lexists(path)
    if exists and not is_table(path):
        what = "a folder" if path.is_dir() else "a file that is no table"
        raise ConfigError(
            Fault(f"found {what}, expected a table (.csv, .tsv, .txt, .data, .xlsx, .parquet)", str(path))
        )
    if not exists:
        near = "" if is_table(path) else suggestion(name, CATALOGUE)
        expected = f"expected a table (.csv, .tsv, .txt, .data, .xlsx, .parquet) or a name of the catalogue{near}"
        raise ConfigError(Fault(f"found no file {quoted(name)}, {expected}"))
    return path


def _known_set(name: str, targets: Sequence[str]) -> Known:
    if targets:
        raise ConfigError(
            f"found --target with {name} of the catalogue, whose target is known; expected a table's path"
        )
    parameters, task = _POINTS.get(name, {}), CATALOGUE[name].task
    dataset = load(name, task=task, parameters=parameters, table=TableOptions(blanks="median"))
    return Known(name, {"name": name, **parameters}, dataset)


def _known_table(file: Path, path: Path, targets: Sequence[str]) -> Known:
    found = inquire(file, targets)
    folder = Path() if is_stream(path) else path.parent  # what is piped to `train -` is seen from where that runs
    return Known(_run_name(_stem(file.name)), {"name": _seen_from(folder, file)}, found.dataset, found)


def _seen_from(folder: Path, file: Path) -> str:
    """The path of a file relative to a folder; absolute where links would lead elsewhere."""
    relative = os.path.relpath(file, folder)
    leads_there = (folder / relative).exists() and (folder / relative).samefile(file)
    if not leads_there:
        return os.path.abspath(file)  # noqa: PTH100 - links stay
    return f".{os.sep}{relative}" if relative.startswith("~") else relative


def _stem(name: str) -> str:
    """The name of a file without its folder and the end that tells its kind."""
    base = Path(name).name
    for packed in _PACKED:
        base = base[: -len(packed)] if base.lower().endswith(packed) else base
    return base.rpartition(".")[0] or base


def _run_name(stem: str) -> str:
    """A name for run folders: letters, digits and . _ + - alone."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", stem).strip("-._+")[:100] or "experiment"


# --- in words ---------------------------------------------------------------------------------------------------------


def _title(found: Draft) -> list[str]:
    use = f"Next: nnlab train {found.to_train}"
    if found.questions:
        count = counted(len(found.questions), "question")
        use = f"{count} to answer first: put one of the answers in place of CHOOSE. {use}"
    return [_what_was_read(found.known), "Every setting is here with its reason. Change what you know better.", use]


def _what_was_read(known: Known) -> str:
    what = f"{counted(known.rows, 'row')} of {counted(known.inputs, 'input')}, to predict {known.target_in_words}"
    return f"{known.source['name']}: {what}"


def _question_document(setting: DraftSetting) -> dict[str, Any]:
    assert setting.fault is not None
    assert setting.fault.question is not None
    answers = [{"value": value, "meaning": meaning} for value, meaning in setting.fault.question.answers]
    return {"key": ".".join(map(str, setting.key)), "question": setting.fault.message, "answers": answers}
