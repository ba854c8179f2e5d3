"""The task of an experiment file that names none: that of its set of the catalogue, or what its table asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnlab.config.document import Document, Place
from nnlab.config.experiment import data_of
from nnlab.config.schema import Data
from nnlab.data.catalogue import CATALOGUE, existing_path, is_table
from nnlab.data.dataset import Task
from nnlab.data.tables import infer_task
from nnlab.errors import DataError
from nnlab.paths import expanded
from nnlab.setup.paths import SOURCE, folder_of_key
from nnlab.setup.rows import placed, table_options


def with_task(document: Document, folder: Path) -> tuple[Document, tuple[str, ...]]:
    """The document with the task that its data ask for, where it names none, and the reason as a sentence.

    ConfigError with the question if its table has two readings. A document whose data are at fault stays as it is.
    """
    values = document.values
    data = data_of(values) if isinstance(values, dict) and "task" not in values else None
    try:
        found = None if data is None else asked_for(document, data, folder)
    except DataError as error:
        raise placed(error, document) from error
    if found is None:
        return document, ()
    task, why = found
    place = document.position(("data", "source"))
    places: dict[Any, Place] = {**document.places, ("task",): place}
    whole = Document({**values, "task": task}, places, {**document.key_places, ("task",): place})
    return whole, (f"task: {task}, since {why}",)


def asked_for(document: Document, data: Data, folder: Path) -> tuple[Task, str] | None:
    """The task that data ask for, and the reason; None for data that do not say it. DataError as `infer_task`."""
    name = data.source.name
    if name in CATALOGUE and data.target is None:
        return CATALOGUE[name].task, f"it is that of the set {name}"
    try:
        path = existing_path(expanded(name), folder_of_key(document, SOURCE, folder))
    except ValueError:  # a home folder of nobody: said when the paths are read
        return None
    return infer_task(path, table_options(data)) if is_table(path) else None
