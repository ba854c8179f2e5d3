"""The table of settings of a draft: what each key of an experiment is set to for a data set, and because of what."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from nnlab.config.document import write
from nnlab.config.experiment import OPEN
from nnlab.data.dataset import ColumnReading, Dataset, Task
from nnlab.data.files import Key, counted, quoted
from nnlab.data.splits import class_indices
from nnlab.errors import Fault, Question, listed
from nnlab.experiments.drafting.inquiry import DECIMAL, TASK, Inquiry, header_of, possible_tasks

_FEW, _MANY = 50, 50_000  # rows: too few to hold some back, and so many that a tenth says enough
_UNEVEN, _FEWEST = 3, 10  # how many times larger a class is, and how many rows the smallest needs to be weighted
_SHOWN = 5  # columns that a reason names


@dataclass(frozen=True)
class DraftSetting:
    """A key of an experiment file, its value, and the reason. `fault` asks for the value where it is not known."""

    key: Key
    value: Any
    because: str
    fault: Fault | None = None


@dataclass(frozen=True)
class BySize:
    """What is usual for a table of at most so many `rows`."""

    rows: float
    layers: tuple[int, ...]
    batch_size: int
    learning_rate: float
    epochs: int
    patience: int


SIZES = (
    BySize(_FEW, (8,), 8, 0.01, 500, 50),
    BySize(500, (16,), 16, 0.01, 200, 20),
    BySize(5_000, (64, 32), 32, 0.003, 200, 20),
    BySize(_MANY, (64, 32), 64, 0.003, 60, 10),
    BySize(500_000, (128, 64), 256, 0.001, 30, 5),
    BySize(math.inf, (128, 64), 512, 0.001, 10, 3),
)

# Which last activation and which loss for which problem.
HEADS: dict[Task, tuple[str, str, str]] = {
    "binary": ("sigmoid", "binary_cross_entropy", "the question is whether something is true: one probability"),
    "multiclass": ("softmax", "cross_entropy", "one of several classes is right: probabilities that sum to 1"),
    "multilabel": ("sigmoid", "binary_cross_entropy", "several may be true at once: a sigmoid for each"),
    "regression": ("identity", "mse", "any number is possible"),
}
_POSITIVE_HEAD = ("softplus", "mse", "all numbers to predict are positive, as are the outputs of softplus")


@dataclass(frozen=True)
class Known:
    """What the settings depend on: a data set, and the inquiry that found it, if it is a table of the user.

    `source` is what the file calls the data, a name or a path, with parameters of the catalogue's set.
    """

    name: str
    source: dict[str, Any]
    dataset: Dataset
    inquiry: Inquiry | None = None

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.dataset.y)

    @property
    def inputs(self) -> int:
        """The number of inputs of the network."""
        return int(self.dataset.x.shape[1])

    @property
    def task(self) -> Task | None:
        """The task; None if it is asked for."""
        return None if self.inquiry and TASK in self.inquiry.asked else self.dataset.task

    @property
    def tasks(self) -> list[Task]:
        """The tasks that it may be for: several if the task is asked for."""
        return possible_tasks(self.inquiry) if self.inquiry else [self.dataset.task]

    @property
    def target_in_words(self) -> str:
        """The names of the targets; with each answer, if the header is asked for."""
        if self.inquiry is None or not self.inquiry.is_header_open:
            return _some(self.dataset.columns.targets)
        found = self.inquiry.with_either_header
        return " or ".join(f"{_some(one.dataset.columns.targets)} with {header_of(one)}" for one in found)

    @property
    def size(self) -> BySize:
        """What is usual for so many rows; an epoch of convolutions takes long."""
        usual = next(size for size in SIZES if self.rows <= size.rows)
        return replace(usual, epochs=15, patience=5) if self.has_colours else usual

    @property
    def has_colours(self) -> bool:
        """Whether inputs are images of several channels."""
        return self.dataset.image_shape is not None and self.dataset.sample_shape[-1] > 1

    @property
    def has_validation(self) -> bool:
        """Whether rows are held back to watch the training."""
        return self.rows >= _FEW

    @cached_property
    def class_rows(self) -> list[tuple[int, str]]:
        """How many rows each class has, the rarest first; none for other tasks."""
        classes = self.dataset.columns.classes if self.task else ()
        if not classes:
            return []
        counts = np.bincount(class_indices(self.dataset.y), minlength=len(classes)).tolist()
        return sorted(zip(counts, classes, strict=True))

    @property
    def has_softplus(self) -> bool:
        """Whether all targets are positive and of a size that can be learned as it is."""
        if self.task != "regression":
            return False
        spread = self.dataset.y.std(axis=0)
        return bool((self.dataset.y > 0).all() and (spread >= 0.1).all() and (spread <= 100).all())


def _some(names: Sequence[str]) -> str:
    return listed([quoted(name) for name in names[:5]]) + (", …" if len(names) > 5 else "")


Chosen = tuple[Any, str] | None  # a value and its reason; None leaves the key out


def settings_for(known: Known) -> list[DraftSetting]:
    """The settings of an experiment, each with its reason, in the order of an experiment file."""
    asked = {} if known.inquiry is None else known.inquiry.asked
    found = []
    for words, choose in TABLE.items():
        key: Key = tuple(words.split("."))
        if fault := asked.get(key):
            found.append(_open(key, fault))
        elif chosen := choose(known):
            found.append(DraftSetting(key, *chosen))
        if key == ("data", "columns"):
            found += [_open(column, fault) for column, fault in asked.items() if column[:2] == key]
    return found


def _open(key: Key, fault: Fault) -> DraftSetting:
    assert fault.question is not None
    return DraftSetting(key, f"{OPEN}: {answers_in_words(fault.question)}", "", fault)


def answers_in_words(question: Question) -> str:
    """`regression (an amount) or multiclass (a class each)`."""
    return listed([f"{as_yaml(value)} ({meaning})" for value, meaning in question.answers], "or")


def as_yaml(value: Any) -> str:
    """A value as one writes it on one line of YAML."""
    if isinstance(value, dict):
        return f"{{{', '.join(write({key: item}).strip() for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    return write({"a": value}).removeprefix("a: ").rstrip("\n")


# --- the data ---------------------------------------------------------------------------------------------------------


def _of_table(value: Any, because: str) -> Callable[[Known], Chosen]:
    """A setting that a user's own table has, always the same."""
    return lambda known: (value, because) if known.inquiry else None


def _as_read(key: str, because: str, otherwise: str = "") -> Callable[[Known], Chosen]:
    """A setting that says how a user's own table was read; `otherwise` is the reason for null and false."""

    def choose(known: Known) -> Chosen:
        if known.inquiry is None:
            return None
        value = getattr(known.inquiry.options, key)
        is_plain = value == "auto"  # in a file that is no text, such as a workbook
        return None if is_plain else (value, because if value else otherwise)

    return choose


def _task(known: Known) -> Chosen:
    why = known.inquiry.why_task if known.inquiry else "that is what the set is for"
    return known.dataset.task, why


def _target(known: Known) -> Chosen:
    if known.inquiry is None:
        return None
    guess = ": a guess, is it what you want to predict?" if known.inquiry.is_guess else ""
    if known.inquiry.is_header_open and known.inquiry.has_last_target:
        return None, f"null is the last column, {known.target_in_words}{guess}"
    return list(known.dataset.columns.targets), known.inquiry.why_target + guess


def _ignore(known: Known) -> Chosen:
    if known.inquiry is None:
        return None
    out = [f"{name}: {column.why}" for name, column in _columns_of(known, "left out")]
    if not out:
        return [], "every column says something"
    more = f"; and {len(out) - _SHOWN} more" if len(out) > _SHOWN else ""
    so_far = ", as read with the first answer to each question" if known.inquiry.asked else ""
    return [], f"what says nothing is left out by itself{so_far}: {'; '.join(out[:_SHOWN])}{more}"


def _columns_of(known: Known, role: str) -> list[tuple[str, ColumnReading]]:
    """The columns in a role, each with what to call it: by its place while it is asked which names there are."""
    has_names = known.inquiry is None or not known.inquiry.is_header_open
    return [
        (quoted(column.name) if has_names and column.name else f"column {place}", column)
        for place, column in enumerate(known.dataset.readings, 1)
        if column.role == role
    ]


def _blanks(known: Known) -> Chosen:
    inputs, targets = ([one for one in _columns_of(known, role) if one[1].missing] for role in ("input", "target"))
    if inputs:
        drop = f"; no target is filled: rows with {_blanks_in(targets)} are left out" if targets else ""
        return "median", f"the median fills {_blanks_in(inputs)}{drop}"
    if known.inquiry and known.inquiry.asked.keys() - {TASK}:
        drop = f": rows with {_blanks_in(targets)} are left out" if targets else ""
        return "median", f"the answers may leave blanks in inputs, which the median fills; no target is filled{drop}"
    if targets:
        return "drop", f"no target is filled: rows with {_blanks_in(targets)} are left out; no input has a blank"
    return "refuse", "no cell is blank, and a new row with a blank should not pass in silence"


def _blanks_in(columns: Sequence[tuple[str, ColumnReading]]) -> str:
    """`3 blanks in 'a', 1 blank in 'b'`."""
    more = f" and in {counted(len(columns) - _SHOWN, 'more column')}" if len(columns) > _SHOWN else ""
    return ", ".join(f"{counted(column.missing, 'blank')} in {name}" for name, column in columns[:_SHOWN]) + more


def _thousands(known: Known) -> Chosen:
    if known.inquiry and DECIMAL in known.inquiry.asked:
        return None, "once the decimal mark is known, the other sign groups digits wherever it stands between three"
    return _as_read("thousands", "digits are grouped so", "no digits are grouped in threes")(known)


def _columns(known: Known) -> Chosen:
    if known.inquiry is None or any(key[:2] == ("data", "columns") for key in known.inquiry.asked):
        return None
    if known.inquiry.later:
        return {}, "columns have names once data.header is answered: then nnlab asks about some of them"
    return {}, "each column is what all of its cells say it is; --dry-run shows what"


def _scale(known: Known) -> Chosen:
    if known.dataset.image_shape:
        return {"name": "minmax", "together": True}, "pixels share one range"
    return "standard", "columns of like size are learned alike; the training part decides"


def _scale_targets(known: Known) -> Chosen:
    if known.task is None and "regression" in known.tasks:
        return True, "an amount is learned best around 0; for classes it means nothing"
    if known.task != "regression":
        return False, "classes have no size"
    if known.has_softplus:
        return False, "softplus needs the numbers as they are, and they have a size that can be learned"
    return True, "numbers around 0 are learned best; figures are in your units all the same"


def _test(known: Known) -> Chosen:
    if known.dataset.own_test:
        return None, "the set comes with a test part"
    if known.rows < _FEW:
        return (
            None,
            f"{counted(known.rows, 'row')} are too few to hold some back: figures will be of rows learned",
        )
    share = _share(known)
    return share, f"{round(share * known.rows):,} of {known.rows:,} rows should say how good it is on new ones"


def _validation(known: Known) -> Chosen:
    if known.dataset.own_validation:
        return "own", "the set comes with a validation part"
    if not known.has_validation:
        return None, "there are too few rows"
    return _share(known), "this share of what is left decides when to stop"


def _share(known: Known) -> float:
    return 0.2 if known.rows <= _MANY else 0.1


# --- the network ------------------------------------------------------------------------------------------------------


def _layers(known: Known) -> Chosen:
    if known.has_colours:
        convolutions = [{"conv2d": 16, "kernel": 3}, {"max_pool": 2}, {"conv2d": 32, "kernel": 3}, {"max_pool": 2}]
        return [*convolutions, 64], "things in images may be anywhere, which convolutions see"
    layers = list(known.size.layers)
    if known.inputs > 2 * layers[0] >= 64:
        layers[0] *= 2
    return layers, f"that is enough for {counted(known.rows, 'row')} of {counted(known.inputs, 'input')}"


def _l2(known: Known) -> Chosen:
    each = known.rows / known.inputs
    if each > 50:
        return 1e-4, f"{each:.3g} rows for each input are not easily learned by heart"
    value = 1e-2 if each < 10 else 1e-3
    return value, f"{each:.3g} rows for each input are easily learned by heart"


def _head(known: Known) -> Chosen:
    if known.task is not None:
        return None
    heads = [f"{HEADS[task][0]} and {HEADS[task][1]} for {task}" for task in known.tasks]
    return {}, f"it follows from the task: {', '.join(heads)}"


def _of_head(known: Known) -> tuple[str, str, str]:
    return _POSITIVE_HEAD if known.has_softplus else HEADS[known.dataset.task]


def _last(known: Known) -> Chosen:
    if known.task is None:
        return None
    positive = known.task == "regression" and not known.has_softplus and bool((known.dataset.y > 0).all())
    more = "; all are positive, for which softplus is made, but scaled ones go below 0" if positive else ""
    return _of_head(known)[0], _of_head(known)[2] + more


def _loss(known: Known) -> Chosen:
    if known.task is None:
        return None
    classes = known.class_rows
    if classes and not _is_uneven(classes):
        why = f"classes count alike, with {classes[0][0]:,} to {classes[-1][0]:,} rows each"
    else:
        why = "squared errors go with numbers" if known.task == "regression" else "it goes with that activation"
    return _of_head(known)[1], why


def _class_weights(known: Known) -> Chosen:
    classes = known.class_rows
    if not classes or not _is_uneven(classes) or classes[0][0] < _FEWEST:
        return None
    (least, rare), (most, common) = classes[0], classes[-1]
    return "balanced", (
        f"{quoted(rare)} has {least:,} rows and {quoted(common)} {most:,}: the rare one would hardly be learned"
    )


def _is_uneven(classes: Sequence[tuple[int, str]]) -> bool:
    return classes[-1][0] > _UNEVEN * classes[0][0]


# --- the training -----------------------------------------------------------------------------------------------------


def _by_size(field: str, because: str) -> Callable[[Known], Chosen]:
    return lambda known: (getattr(known.size, field), because.format(rows=f"{known.rows:,}"))


def _epochs(known: Known) -> Chosen:
    if known.has_validation:
        return known.size.epochs, "more are hardly of use; early stopping ends it before"
    return known.size.epochs, f"{known.rows} rows are soon gone through, and nothing is held back to say when to stop"


def _stopping(value: Callable[[Known], Any], because: str) -> Callable[[Known], Chosen]:
    return lambda known: (value(known), because) if known.has_validation else None


# Every key of a draft, in the order of the file, and what decides it.
TABLE: dict[str, Callable[[Known], Chosen]] = {
    "name": lambda known: (known.name, "its run folders should be found by it"),
    "task": _task,
    "seed": lambda _: (0, "any number will do: it decides the split, first weights and order"),
    "precision": lambda _: ("float32", "it is fast, and finer than tables are"),
    "data.source": lambda known: (
        (known.source["name"] if len(known.source) == 1 else known.source),
        "a path is seen from the folder of this file" if known.inquiry else "it is a name of the catalogue",
    ),
    "data.target": _target,
    "data.ignore": _ignore,
    "data.blanks": _blanks,
    "data.separator": _as_read("separator", "it gives every line the same number of cells"),
    "data.decimal": _as_read("decimal", "numbers are written so"),
    "data.thousands": _thousands,
    "data.header": _as_read("header", "the first line holds names", "the first line is a row like the others"),
    "data.names": _of_table(None, "they are those of the header, or else column1, column2 and so on"),
    "data.missing": _of_table(None, "the usual words (NA, ?, null) are blanks among numbers and dates"),
    "data.columns": _columns,
    "data.max_categories": _of_table(40, "of more texts the rarest go together as other"),
    "data.unseen": _of_table("warn", "a new row may have a text that training never saw"),
    "data.bad_rows": _of_table("error", "a line with too many or too few cells should be looked at"),
    "data.weight": _of_table(None, "every row counts the same; or name a column"),
    "data.split": _of_table(None, "parts are drawn; or name a column with train, val and test"),
    "data.group": _of_table(None, "rows are taken for independent; or name a column, such as patient"),
    "data.time": _of_table(None, "rows are taken for unordered in time; or name a column of dates"),
    "data.keep": _of_table([], "no column has to go into predictions.csv beside the predictions"),
    "data.scale": _scale,
    "data.scale_targets": _scale_targets,
    "data.test": _test,
    "data.validation": _validation,
    "network.layers": _layers,
    "network.activation": lambda _: ("relu", "it trains fast and well; compare-activations tries others"),
    "network.init": lambda _: ("fair", "signals keep their size from layer to layer, whatever the activation"),
    "network.l2": _l2,
    "network.head": _head,
    "network.head.activation": _last,
    "network.head.loss.name": _loss,
    "network.head.loss.class_weights": _class_weights,
    "optimizer.name": lambda _: ("adam", "it needs the least tuning"),
    "optimizer.learning_rate": _by_size("learning_rate", "that is usual for {rows} rows; divergence asks for less"),
    "training.epochs": _epochs,
    "training.batch_size": _by_size("batch_size", "for {rows} rows that is a fair trade of speed and fineness"),
    "training.shuffle": lambda _: (True, "batches of a new order in every epoch are not alike"),
    "training.early_stopping.monitor": _stopping(lambda _: "val/loss", "rows that are not trained on say when to stop"),
    "training.early_stopping.patience": _stopping(
        lambda known: known.size.patience, "so many epochs without a better one are enough; the best is kept"
    ),
    "gates": lambda _: ([], 'nothing has to hold as yet; one would be "test/loss <= 0.1"'),
}
