"""From the data of an experiment to rows that are read, split and scaled for each seed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.config.document import Document, KeyPath
from nnlab.config.experiment import SPLITS, memory_fault, refusal, refusal_at
from nnlab.config.schema import Data, DateFormat, Experiment
from nnlab.data.catalogue import CATALOGUE, existing_path, load
from nnlab.data.dataset import Dataset
from nnlab.data.files import quoted
from nnlab.data.prepare import Prepared, prepare
from nnlab.data.splits import Split, split
from nnlab.data.stored import stack
from nnlab.data.tables.options import ColumnKind, TableOptions
from nnlab.errors import DataError, Fault
from nnlab.networks.network import Inputs, Network
from nnlab.setup.network import dtype_of, network_for
from nnlab.setup.plan import batch_size_for
from nnlab.setup.weights import weight_findings
from nnlab.storage.cache import UserCache
from nnlab.training.evaluation import Part

Array = NDArray[Any]


# A start looks at all training rows, or at so many numbers of them in rows that are spread evenly.
_NUMBERS_LOOKED_AT, _FEWEST_LOOKED_AT = 2**22, 256


@dataclass(frozen=True)
class Rows:
    """A data set prepared for some seeds: one `Prepared` for each, or one that all share."""

    dataset: Dataset
    seeds: tuple[int, ...]
    prepared: tuple[Prepared, ...]

    def of(self, replica: int) -> Prepared:
        """The rows of replica number `replica`."""
        return self.prepared[replica if len(self.prepared) > 1 else 0]

    def parts(self) -> dict[str, Part]:
        """The splits that exist, stacked along the replica axis."""
        return {name: self._stacked(name) for name in SPLITS if getattr(self.prepared[0], name) is not None}

    def inputs(self, replica: int) -> Inputs:
        """Scaled training rows, from which a start that looks at its inputs takes their size."""
        return self._shared_inputs if len(self.prepared) == 1 else _inputs_of(self.prepared[replica])

    @cached_property
    def _shared_inputs(self) -> Inputs:
        return _inputs_of(self.prepared[0])

    def _stacked(self, name: str) -> Part:
        parts = [getattr(prepared, name) for prepared in self.prepared]
        x, y = stack([part.x for part in parts]), stack([part.y for part in parts])
        weights = None if self.dataset.rows.weights is None else stack([part.weights for part in parts])
        truth = stack([part.truth for part in parts]) if self.dataset.task == "regression" else None
        return Part(x, y, self._unit(), weights, truth)

    def _unit(self) -> tuple[Array, Array] | None:
        """Mean and divisor by which scaled targets are inverted, (R or 1, 1, outputs)."""
        scalings = [prepared.target_scaling for prepared in self.prepared]
        if any(scaling is None for scaling in scalings):
            return None
        mean = stack([scaling.shift[None] for scaling in scalings if scaling])
        divisor = stack([scaling.divisor[None] for scaling in scalings if scaling])
        return mean, divisor


def _inputs_of(prepared: Prepared) -> Inputs:
    """All training rows, or so many that are spread evenly over them."""
    x = prepared.train.x
    most = max(_FEWEST_LOOKED_AT, _NUMBERS_LOOKED_AT // max(x.shape[1], 1))
    return Inputs(x[np.linspace(0, len(x) - 1, min(len(x), most)).round().astype(np.int64)])


def read_rows(experiment: Experiment, document: Document | None, base: Path) -> Dataset:
    """The data set of an experiment, checked against what the experiment says about its columns."""
    experiment = experiment if document is None else experiment.read_from(document)
    data = experiment.data
    with _placed(experiment):
        dataset = load(
            data.source.name,
            task=experiment.task,
            parameters=data.source.parameters,
            table=table_options(data),
            in_blocks=data.in_blocks,
            resize=data.resize,
            channels=data.channels,
            bad_images=data.bad_images,
            cache=UserCache.of(),
            base=base,
        )
    if data.files is None and data.source.name not in CATALOGUE:
        dataset = replace(dataset, read_from=str(existing_path(data.source.name, base).absolute()))
    findings = list(_data_findings(experiment, dataset))
    if findings:
        raise refusal(experiment, findings)
    return dataset


def table_options(data: Data) -> TableOptions:
    """What the experiment says of a table."""
    kinds: dict[str, ColumnKind] = {
        name: ("date", kind.date) if isinstance(kind, DateFormat) else (kind, "") for name, kind in data.columns.items()
    }
    said: dict[str, Any] = {key: getattr(data, key) for key in (*_LISTS, *_SAME)}
    lists = {key: tuple(said[key]) for key in _LISTS if said[key] is not None}
    files = None if data.files is None else {part: path for part, path in data.files if path is not None}
    return TableOptions(**{**said, **lists}, columns=kinds, files=files)


_LISTS = ("target", "ignore", "names", "missing", "keep")
_SAME = (
    *("blanks", "separator", "decimal", "thousands", "header", "max_categories", "unseen", "bad_rows"),
    *("weight", "split", "group", "time"),
)


@contextlib.contextmanager
def _placed(experiment: Experiment) -> Iterator[None]:
    """Give faults of data the place of the key that causes them; faults in a data file keep theirs."""
    try:
        yield
    except MemoryError as error:
        found = f"found a data set that does not fit into memory, {_SMALLER}"
        raise refusal(experiment, [(("data", "source"), found)]) from error
    except DataError as error:
        raise placed(error, experiment.document) from error


_SMALLER = "expected a smaller one (inputs in .npz, .npy, IDX and image files may stay there: data.in_blocks: 16384)"


def placed(error: DataError, document: Document | None) -> DataError:
    """The error with each fault at the place of the key that causes it; faults in a data file keep theirs."""
    causes = [(fault, _cause(fault, document)) for fault in error.faults]
    findings = [(path, fault.message) for fault, path in causes if path is not None]
    own = [fault for fault, path in causes if path is None]
    return DataError([*(refusal_at(document, findings).faults if findings else ()), *own])


def _cause(fault: Fault, document: Document | None) -> KeyPath | None:
    """The key that causes a fault of the data; None for a fault in a data file that no written key causes."""
    if fault.file is None:
        return fault.key or ("data", "source")
    is_said = document is None or (fault.key is not None and fault.key[:2] in document.places)
    return fault.key if is_said else None


def _data_findings(experiment: Experiment, dataset: Dataset) -> list[tuple[KeyPath, str]]:
    """Mismatches between experiment and data: input size, output size, network size."""
    inputs, outputs = dataset.x.shape[1], dataset.y.shape[1]
    spec = experiment.network
    findings: list[tuple[KeyPath, str]] = [*_loss_findings(experiment, dataset)]
    if spec.inputs not in (None, inputs):
        findings.append(
            (("network", "inputs"), f"found inputs: {spec.inputs}, but the data have {inputs} input columns")
        )
    fault = _size_fault(experiment, network_for(experiment, dataset.sample_shape, outputs), len(dataset.x))
    return [*findings, (("network", "layers"), fault)] if fault else findings


def _size_fault(experiment: Experiment, network: Network, rows: int) -> str | None:
    """Why a network is too large to be trained, or None; layers that do not fit each other are reported elsewhere."""
    with contextlib.suppress(ValueError):
        workspace = network.workspace(batch_size_for(experiment, rows), dtype_of(experiment).itemsize)
        return memory_fault(network.layout.size, experiment, workspace)
    return None


def _loss_findings(experiment: Experiment, dataset: Dataset) -> Iterator[tuple[KeyPath, str]]:
    """Mismatches between loss and targets: unknown classes, counts below 0."""
    yield from weight_findings(experiment, dataset.columns)
    loss = experiment.network.head.loss
    if loss is not None and loss.name == "poisson" and dataset.y.min(initial=0) < 0:
        row, column = np.argwhere(dataset.y < 0)[0]
        found = f"found {dataset.y[row, column]:g} in target {quoted(dataset.columns.targets[column])}"
        yield ("network", "head", "loss"), f"{found}, but poisson is for counts; expected no target below 0"


def prepare_rows(experiment: Experiment, dataset: Dataset, seeds: Sequence[int]) -> Rows:
    """Split and scale for each seed; once for all seeds if no split is drawn. Warnings are those of the first seed."""
    data = experiment.data
    with _placed(experiment):
        drawn = seeds if data.draws_a_part else seeds[:1]
        prepared = tuple(_prepared(experiment, dataset, seed, warn=seed == seeds[0]) for seed in drawn)
    return Rows(dataset, tuple(seeds), prepared)


def split_rows(experiment: Experiment, dataset: Dataset) -> Split:
    """The rows of each part for the experiment's own seed, as `prepare_rows` has them; nothing is scaled."""
    data = experiment.data
    with _placed(experiment):
        return split(dataset, test=data.test, validation=data.validation, train=data.train, seed=experiment.seed)


def _prepared(experiment: Experiment, dataset: Dataset, seed: int, *, warn: bool) -> Prepared:
    data, loss = experiment.data, experiment.network.head.loss
    return prepare(
        dataset,
        seed=seed,
        test=data.test,
        validation=data.validation,
        train=data.train,
        scale_name=data.scale.name,
        epsilon=data.scale.epsilon,
        together=data.scale.together,
        per_channel=data.scale.per_channel,
        source_range=None
        if data.scale.source_range is None
        else (data.scale.source_range[0], data.scale.source_range[1]),
        target_range=data.scale.target_range,
        warn=warn,
        refuse_unseen=data.unseen == "error",
        blanks=data.blanks,
        scale_targets=data.scale_targets,
        class_weights=loss is not None and loss.class_weights is not None,
        counts=loss is not None and loss.name == "poisson",
        dtype=dtype_of(experiment),
    )
