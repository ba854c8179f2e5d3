"""TensorBoard: event files in RUN/tensorboard, and in a folder below it for each arm. Needs `nnlab[tensorboard]`.

They are written by the writer of the package tensorboard, as the loggers of PyTorch do: figures as simple values, and
pictures as encoded images.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_STRING
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.metadata import NULL_TENSOR, SESSION_END_INFO_TAG, create_summary_metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from nnlab.loggers.logged import LoggedRun
from nnlab.storage.files import refuse_other_than_folder, remove, storage_errors, temporary_for
from nnlab.storage.folder import TENSORBOARD

_OURS = ".nnlab"  # suffix of event files
_STATUS = {"completed": api_pb2.STATUS_SUCCESS, "stopped": api_pb2.STATUS_SUCCESS}
_RGBA = 4  # channels
_QUEUE = 1000  # events that wait to be written


class TensorBoardLogger:
    """Writes event files."""

    name = "tensorboard"

    def write(self, folder: Path, run: LoggedRun) -> None:
        """Write the event files of a run and its arms aside, then put them in place of those of before."""
        place, draft = folder / TENSORBOARD, temporary_for(folder / TENSORBOARD)
        refuse_other_than_folder(place)
        remove(draft)
        with storage_errors(place):
            try:
                for name, one in {"": run, **run.arms}.items():
                    _write_events(draft / name, one)
                _replace(place, draft)
            finally:
                remove(draft)


def _replace(place: Path, draft: Path) -> None:
    """Move new event files to their place and remove our old ones; the files of anybody else stay."""
    old = [*place.rglob(f"*{_OURS}")]
    for path in draft.rglob(f"*{_OURS}"):
        target = place / path.relative_to(draft)
        refuse_other_than_folder(target.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    for path in old:
        path.unlink()


def _write_events(folder: Path, run: LoggedRun) -> None:
    writer = EventFileWriter(str(folder), max_queue_size=_QUEUE, filename_suffix=_OURS)
    try:
        for event in _events(run):
            event.wall_time = run.begun
            writer.add_event(event)
    finally:
        writer.close()


def _events(run: LoggedRun) -> Iterator[Any]:
    """The events of a run. Steps begin anew, by which a TensorBoard that is open forgets what it has read before."""
    if not run.arms:
        yield Event(summary=hparams_pb(dict(run.config), start_time_secs=run.begun))
    for step, figures in (*run.rows, (run.steps, run.final)):
        values = [Summary.Value(tag=name, simple_value=value) for name, value in figures.items()]
        yield Event(step=step, summary=Summary(value=values))
    yield Event(summary=Summary(value=[*_texts(run), *_images(run)]))
    if not run.arms:
        yield Event(summary=Summary(value=[_session_end(run)]))


def _session_end(run: LoggedRun) -> Any:
    """Whether the run ended well, for the table of hyperparameters."""
    ended = SessionEndInfo(status=_STATUS.get(run.status, api_pb2.STATUS_FAILURE), end_time_secs=run.ended)
    metadata = create_summary_metadata(HParamsPluginData(session_end_info=ended))
    return Summary.Value(tag=SESSION_END_INFO_TAG, metadata=metadata, tensor=NULL_TENSOR)


def _texts(run: LoggedRun) -> Iterator[Any]:
    """The facts, the conclusions, the configuration and the documents, in Markdown."""
    yield _text("about", "\n".join(f"- {name}: {value}" for name, value in run.facts.items()))
    if run.notes:
        yield _text("conclusions", "\n\n".join(run.notes))
    yield _text("config", "\n".join(f"    {name}: {value}" for name, value in run.config.items()))
    for path, content in run.files.items():
        if path.endswith(".md"):
            yield _text(path, content.decode())


def _text(tag: str, text: str) -> Any:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[text.encode()], tensor_shape=shape)
    return Summary.Value(tag=tag, metadata=metadata, tensor=tensor)


def _images(run: LoggedRun) -> Iterator[Any]:
    """The pictures that are PNG, whose header has width and height."""
    for path, content in run.files.items():
        if path.endswith(".png"):
            width, height = struct.unpack(">II", content[16:24])
            image = Summary.Image(encoded_image_string=content, width=width, height=height, colorspace=_RGBA)
            yield Summary.Value(tag=path.removesuffix(".png"), image=image)
