"""The frozen models of an experiment: every key of an experiment file, its type, its range and its default."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictInt,
    StrictStr,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from nnlab.config.choices import (
    ActivationChoice,
    ActivationField,
    InitializerChoice,
    InitializerField,
    Inner,
    LossField,
    OptimizerChoice,
    OptimizerField,
    WeightsField,
    choose,
    faults_of,
    inner_faults,
    shown,
)
from nnlab.config.document import BooleanWord, Document
from nnlab.errors import printable, suggestion
from nnlab.gates.parse import Gate, parse_gate
from nnlab.maths.activations import ACTIVATIONS, AnyActivation
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.literature import ALL_ACTIVATIONS
from nnlab.maths.optimizers import OPTIMIZERS

MOST_STEPS = 10**9  # more would run for years
LARGEST_SEED = 2**63 - 1


def _number(value: Any) -> Any:
    """Numbers only: pydantic would also take true for 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise inner_faults([((), f"found {shown(value)}, expected a number")])
    return float(value)


Number = Annotated[float, BeforeValidator(_number)]
Positive = Annotated[Number, Field(gt=0)]
Share = Annotated[Number, Field(ge=0, lt=1)]
NotNegative = Annotated[Number, Field(ge=0)]
Count = Annotated[StrictInt, Field(ge=1, le=MOST_STEPS)]
Side = Annotated[StrictInt, Field(ge=1, le=4096)]


def _two(value: Any) -> Any:
    if isinstance(value, list) and len(value) != 2:
        raise inner_faults([((), f"found a list of {len(value)}, expected two numbers")])
    return value


Two = BeforeValidator(_two)


def _batch_size(value: Any) -> Any:
    if value == "all":
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        expected = "a whole number of at least 1, or all"
    elif value < 1:
        expected = "a number of at least 1, or all"
    elif value > MOST_STEPS:
        expected = f"a number of at most {MOST_STEPS}, or all"
    else:
        return value
    raise inner_faults([((), f"found {shown(value)}, expected {expected}")])


BatchSize = Annotated[int | Literal["all"], BeforeValidator(_batch_size)]


def _share_or_count(value: Any) -> Any:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise inner_faults([((), f"found {shown(value)}, expected a share in (0, 1) or a count of at least 1 row")])


def _share_count_or_own(value: Any) -> Any:
    return value if value == "own" else _share_or_count(value)


def _share_count_or_whole(value: Any) -> Any:
    return value if isinstance(value, float) and value == 1 else _share_or_count(value)


class FrozenModel(BaseModel):
    """Base of all models: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Source(FrozenModel):
    """Where rows come from: a name of the catalogue with its parameters, or a path."""

    name: Annotated[StrictStr, Field(min_length=1)]
    """A name of the catalogue, or a path."""
    samples: Count | None = None
    """How many rows a computed set has."""
    noise: NotNegative | None = None
    """Deviation of what is added to the points of a computed set, or of its pixels."""
    classes: Count | None = None
    """How many classes `blobs` or `spirals` have."""
    size: Count | None = None
    """Rows and columns of a drawn image."""
    seed: Annotated[StrictInt, Field(ge=0, le=LARGEST_SEED)] | None = None
    """Seed of the rows that are computed."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What is set beside the name."""
        return {key: value for key, value in self if key != "name" and value is not None}


class Scale(FrozenModel):
    """How inputs are scaled; fitted on the training part alone.

    `standard` gives (x - mean) / (deviation + epsilon), `minmax` (x - min) / (max - min), each per column, or over all
    columns `together`, as is right for the pixels of an image, or `per_channel` of it. `range` brings `source_range`,
    the key `from`, to `low` … `high`, whatever the data are; bytes are from 0 to 255.
    """

    name: Literal["none", "standard", "minmax", "range"] = "none"
    """How inputs are scaled, fitted on the training part alone."""
    epsilon: NotNegative = 0.0
    """Added to the deviation."""
    together: StrictBool = False
    """One scale for all columns, as is right for pixels."""
    per_channel: StrictBool = False
    """One scale for each channel of an image."""
    low: Number | None = None
    """Where a range begins, 0 by default."""
    high: Number | None = None
    """Where a range ends, 1 by default."""
    source_range: Annotated[list[Number], Two] | None = Field(None, alias="from")
    """The range that is brought to low … high."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = [*self._misplaced(), *self._reversed()]
        if found:
            raise inner_faults(found)
        return self

    def _misplaced(self) -> Iterator[Inner]:
        """Keys of another scaling."""
        for key, value in (("low", self.low), ("high", self.high), ("from", self.source_range)):
            if value is not None and self.name != "range":
                yield (key,), f"found {key} with {self.name}, expected it with range"
        if self.per_channel and self.name not in ("standard", "minmax"):
            yield ("per_channel",), f"found per_channel with {self.name}, expected it with standard or minmax"
        if self.per_channel and self.together:
            yield ("per_channel",), "found per_channel and together, expected one of them"

    def _reversed(self) -> Iterator[Inner]:
        """Ranges that do not go upwards."""
        low, high = self.target_range
        if self.name == "range" and not low < high:
            yield ("high" if self.high is not None else "low",), f"found {low:g} … {high:g}, expected low below high"
            yield ("low",), ""  # the same fault, so that low is not compared with the default of high
        if self.source_range and not self.source_range[0] < self.source_range[1]:
            yield ("from",), f"found {self.source_range}, expected the lower end first"

    @property
    def from_range(self) -> tuple[float, float] | None:
        """The range that is brought to another, if it is given."""
        return None if self.source_range is None else (self.source_range[0], self.source_range[1])

    @property
    def target_range(self) -> tuple[float, float]:
        """Where a range is brought to."""
        return (0.0 if self.low is None else self.low, 1.0 if self.high is None else self.high)


def _named(value: Any) -> Any:
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict | FrozenModel):
        raise inner_faults([((), f"found {shown(value)}, expected a name or {{name: …, …}}")])
    return value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | int | float) else value


def _word(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


# A name of a column or another word of a table, which may be one of YAML's for true and false.
TableWord = Annotated[StrictStr, BeforeValidator(_word)]


def _words_for_a_blank(value: Any) -> Any:
    """`missing: no` may mean the word, or no word at all: a list says which."""
    if isinstance(value, bool | BooleanWord):
        word = shown(value)
        raise inner_faults([((), f"found {word}, expected a list: [{word}] for this word, [] for none")])
    return _listed(value)


class DateFormat(FrozenModel):
    """A column of dates in one format, in the directives of `strptime`: `{date: "%d/%m/%Y"}`."""

    date: Annotated[StrictStr, Field(min_length=1)]
    """The format in the directives of strptime, such as %d/%m/%Y."""


COLUMN_KINDS = ("number", "category", "date", "ignore")


def _column_kind(value: Any) -> Any:
    if isinstance(value, str) and value not in COLUMN_KINDS:
        hint = suggestion(value, COLUMN_KINDS)
        expected = f'{", ".join(COLUMN_KINDS)}, or a format as in {{date: "%d/%m/%Y"}}'
        raise inner_faults([((), f"found {shown(value)}, expected one of {expected}{hint}")])
    return DateFormat.model_validate(value) if isinstance(value, dict) else value


ColumnKind = Annotated[Literal["number", "category", "date", "ignore"] | DateFormat, BeforeValidator(_column_kind)]


class Files(FrozenModel):
    """A table in parts: a file for each."""

    train: Annotated[StrictStr, Field(min_length=1)]
    """The file to train on."""
    val: Annotated[StrictStr, Field(min_length=1)] | None = None
    """The file of the validation part."""
    test: Annotated[StrictStr, Field(min_length=1)] | None = None
    """The file of the test part."""


class Data(FrozenModel):
    """The rows, how they are read, scaled and split.

    With `in_blocks`, inputs in arrays stay in their files, and about this many rows are in memory at once during
    training; with `null`, the default, all are. It also changes the order in which rows are visited. Of image files,
    `resize` is [rows, columns] and `channels` rgb or gray; of arrays with channels, `channels` is first or last.
    `validation: own` is the validation part that the set comes with. The keys from `separator` to `files` are for
    tables: see `nnlab.data.tables.options.TableOptions`; with `files`, `source` is the first of them, and may be left
    out.
    """

    source: Annotated[Source, BeforeValidator(_named)]
    """A name of the catalogue, or a path: .csv, .xlsx, .parquet, .npz, a folder of images …"""
    target: Annotated[list[TableWord], Field(min_length=1), BeforeValidator(_listed)] | None = None
    """The columns to predict; by default the catalogue's own, in a table of your own the last column."""
    ignore: Annotated[list[TableWord], BeforeValidator(_listed)] = []
    """Columns to leave out, such as names and numbers of rows."""
    blanks: Literal["refuse", "drop", "mean", "median"] = "refuse"
    """What to do about empty cells: refuse them, drop their rows, or fill inputs with the mean or the median."""
    separator: Literal["auto", ",", ";", "\t", "|", " "] = "auto"
    """What stands between two cells."""
    decimal: Literal["auto", ".", ","] = "auto"
    """The decimal mark."""
    thousands: Literal[",", ".", " ", "'"] | None = None
    """What stands between thousands."""
    header: Literal["auto", True, False] = "auto"
    """Whether the first line has the names of the columns."""
    names: Annotated[list[TableWord], Field(min_length=1)] | None = None
    """Names of the columns of a file without a header."""
    missing: Annotated[list[TableWord], BeforeValidator(_words_for_a_blank)] | None = None
    """The words that are blank in every column, beside the empty cell."""
    columns: dict[str, ColumnKind] = {}
    """How a column is read: number, category, date, ignore, or the format of its dates."""
    max_categories: Annotated[StrictInt, Field(ge=2, le=1000)] = 40
    """Categories of a column of text; above, the rarest go together as other."""
    unseen: Literal["warn", "error"] = "warn"
    """What to do about a category that training never saw."""
    bad_rows: Literal["error", "skip"] = "error"
    """What to do about lines with another number of cells."""
    weight: TableWord | None = None
    """A column with a weight for each row, in the loss and in every figure."""
    split: TableWord | None = None
    """A column that names the part of each row."""
    group: TableWord | None = None
    """A column whose equal values stay in one part."""
    time: TableWord | None = None
    """A column by which later rows are the test part."""
    keep: Annotated[list[TableWord], BeforeValidator(_listed)] = []
    """Columns that are carried into predictions and not learned from."""
    files: Files | None = None
    """A table in parts: a file for each."""
    scale: Annotated[Scale, BeforeValidator(_named)] = Scale()
    """How inputs are scaled: none, standard, minmax, range, or a mapping with more."""
    scale_targets: StrictBool = False
    """Scale the targets of a regression as well."""
    in_blocks: Count | None = None
    """About so many rows are in memory at once; by default all."""
    resize: Annotated[list[Side], Two] | None = None
    """Rows and columns to which images are brought."""
    channels: Literal["rgb", "gray", "first", "last"] | None = None
    """rgb or gray for image files; first or last for arrays with channels."""
    bad_images: Literal["error", "skip"] = "error"
    """What to do about images that cannot be read."""
    test: Annotated[float | int | None, BeforeValidator(_share_or_count)] = None
    """The test part: a share or a count of rows, for sets that have none of their own."""
    validation: Annotated[float | int | Literal["own"] | None, BeforeValidator(_share_count_or_own)] = None
    """The validation part: a share or a count of what is left, or own for the set's own."""
    train: Annotated[float | int | None, BeforeValidator(_share_count_or_whole)] = None
    """How much of the rows that are left to train on: a share up to 1.0 or a count; by default all of them."""

    @model_validator(mode="before")
    @classmethod
    def _first_of_files(cls, values: Any) -> Any:
        """The source of a table in several files is the one to train on."""
        files = values.get("files") if isinstance(values, dict) and "source" not in values else None
        first = files.get("train") if isinstance(files, dict) else None
        return {**values, "source": first} if isinstance(first, str) else values

    @property
    def draws_a_part(self) -> bool:
        """Whether each seed has rows of its own in some part; the latest rows are the same for all."""
        return self.time is None and not self.keeps_parts

    @property
    def keeps_parts(self) -> bool:
        """Whether all parts are as the data set gives them, whole."""
        return self.test is None and self.validation in (None, "own") and self.train is None

    @property
    def may_validate(self) -> bool:
        """Whether a validation part is asked for; a column `split` that has none is known once the table is read."""
        return self.validation is not None or self.split is not None or bool(self.files and self.files.val)


LARGEST_GAIN = 1e6


class Init(FrozenModel):
    """The initial weights and biases of a layer that has them."""

    weights: WeightsField = choose("fair", INITIALIZERS, InitializerChoice)
    """Initialiser of the weights; by default one that is fair to every activation, or `recommended` for each."""
    bias: InitializerField | None = None
    """Initialiser of the biases; by default what belongs to the weights, mostly zeros."""
    gain: Annotated[float, Field(gt=0, le=LARGEST_GAIN)] = 1.0
    """Factor of the initial weights."""


def _init(value: Any) -> Any:
    return value if isinstance(value, Init) or (isinstance(value, dict) and "name" not in value) else {"weights": value}


InitField = Annotated[Init, BeforeValidator(_init)]


class Norm(FrozenModel):
    """Layer normalisation; `epsilon` is added to the variance."""

    epsilon: Positive = 1e-5
    """Added to the variance."""


class BatchNorm(Norm):
    """Batch normalisation; `momentum` is the weight of a new batch in the running statistics."""

    momentum: Annotated[Number, Field(gt=0, le=1)] = 0.1
    """Weight of a new batch in the running statistics."""


def _switched(value: Any) -> Any:
    """`true` stands for the defaults."""
    if isinstance(value, BooleanWord):
        raise inner_faults([((), f"found {shown(value)}, expected a boolean: write true/false")])
    return {} if value is True else value


def _sizes(least: int) -> Any:
    """A whole number for rows and columns alike, or [rows, columns], as a pair."""

    def pair(value: Any) -> Any:
        both = [value, value] if isinstance(value, int) else value
        if not isinstance(both, list | tuple) or len(both) != 2:
            raise inner_faults([((), f"found {shown(value)}, expected a whole number or [rows, columns]")])
        wrong = [one for one in both if isinstance(one, bool) or not isinstance(one, int) or not least <= one <= WIDEST]
        if wrong:
            raise inner_faults([((), f"found {shown(wrong[0])}, expected a whole number from {least} to {WIDEST}")])
        return tuple(both)

    return pair


WIDEST = 10**5
Sizes = Annotated[tuple[int, int], BeforeValidator(_sizes(1))]


def _padding(value: Any) -> Any:
    if isinstance(value, str):
        if value not in ("valid", "same"):
            hint = suggestion(value, ("valid", "same"))
            raise inner_faults([((), f"found {shown(value)}, expected valid, same, or a number of pixels{hint}")])
        return value
    return _sizes(0)(value)


PaddingField = Annotated[Literal["valid", "same"] | tuple[int, int], BeforeValidator(_padding)]


class Augmentation(FrozenModel):
    """What a training pass does to each image at random: mirror it, shift it by up to `shift` pixels."""

    flip: Literal["none", "horizontal", "vertical", "both"] = "none"
    """Mirror each image at random."""
    shift: Annotated[StrictInt, Field(ge=0, le=WIDEST)] = 0
    """Shift each image at random by up to so many pixels."""


# The keys of a layer that are no layers themselves, but say more of one: which kinds each belongs to.
SAYS_MORE: Mapping[str, tuple[str, ...]] = {
    "kernel": ("conv2d",),
    "stride": ("conv2d", "max_pool", "avg_pool"),
    "padding": ("conv2d",),
    "init": ("dense", "conv2d"),
    "l1": ("dense", "conv2d"),
    "l2": ("dense", "conv2d"),
    "max_norm": ("dense", "conv2d"),
}
# Layers that bring their activation along, and those that a name alone stands for.
_WITH_ACTIVATION, LAYERS_BY_NAME = ("dense", "conv2d"), ("flatten", "global_avg_pool", "batch_norm", "layer_norm")


class LayerSpec(FrozenModel):
    """A layer: dense with a width or a convolution with filters, perhaps with its own activation; or one of the others.

    Each key that says nothing more of another one is a kind of layer; `nnlab.setup.network.LAYERS` says what it builds.
    Windows of `kernel` rows and columns step by `stride`: without it by 1 in a convolution, by their size in a pool.
    """

    dense: Annotated[StrictInt, Field(ge=1)] | None = None
    """A dense layer with so many units."""
    conv2d: Annotated[StrictInt, Field(ge=1)] | None = None
    """A convolution with so many filters; it needs a kernel."""
    max_pool: Sizes | None = None
    """The largest of each window of so many rows and columns."""
    avg_pool: Sizes | None = None
    """The mean of each window of so many rows and columns."""
    global_avg_pool: Literal[True] | None = None
    """The mean of each channel."""
    flatten: Literal[True] | None = None
    """From an image to a row of numbers."""
    augment: Augmentation | None = None
    """Mirror and shift images in training."""
    dropout: Share | None = None
    """Share of the units that is left out in training."""
    noise: NotNegative | None = None
    """Deviation of the noise that is added in training."""
    batch_norm: Annotated[BatchNorm, BeforeValidator(_switched)] | None = None
    """Batch normalisation; true, or its settings."""
    layer_norm: Annotated[Norm, BeforeValidator(_switched)] | None = None
    """Layer normalisation; true, or its settings."""
    activation: ActivationField | None = None
    """The activation of this layer; standing alone, a layer of its own."""
    kernel: Sizes | None = None
    """Rows and columns of a filter: a number or [rows, columns]."""
    stride: Sizes | None = None
    """By how much windows step; by default 1 in a convolution, their size in a pool."""
    padding: PaddingField | None = None
    """valid for none, same for as many windows as pixels over stride, or a margin of zeros in pixels."""
    init: InitField | None = None
    """Initialiser of this layer."""
    l1: NotNegative | None = None
    """L1 penalty of the weights."""
    l2: NotNegative | None = None
    """L2 penalty of the weights."""
    max_norm: Positive | None = None
    """Largest norm of the weights into a unit."""

    @property
    def kind(self) -> str:
        """What the layer is: `dense`, `dropout`, … or `activation`."""
        return next(key for key in LAYER_KINDS if getattr(self, key) is not None)

    @property
    def width(self) -> int | None:
        """The units or filters of a layer with weights."""
        return self.conv2d if self.dense is None else self.dense


LAYER_KINDS = tuple(key for key in LayerSpec.model_fields if key not in SAYS_MORE)


def _layer(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"dense": value}
    if isinstance(value, str):
        return _named_layer(value)
    if isinstance(value, dict) and (faults := [*_kind_faults(value)]):
        raise inner_faults(faults)
    if not isinstance(value, dict | LayerSpec):
        raise inner_faults([((), f"found {shown(value)}, expected a width or a mapping such as {{dense: 30}}")])
    return value


def _named_layer(name: str) -> Any:
    if name not in LAYERS_BY_NAME:
        hint = suggestion(name, LAYERS_BY_NAME)
        expected = f"a width, a mapping such as {{dense: 30}}, or one of {', '.join(LAYERS_BY_NAME)}"
        raise inner_faults([((), f"found {shown(name)}, expected {expected}{hint}")])
    return {name: True}


def _faults_of(key: str, check: Callable[[Any], Any], value: Any) -> Iterator[Inner]:
    """What a check finds wrong with a key, so that it is said in one pass with what else is wrong."""
    try:
        check(value)
    except PydanticCustomError as error:
        yield from (((key, *path), text) for path, text in faults_of(error))


# A value of each layer for which `true` is none.
_EXAMPLES = {
    **dict.fromkeys(("dense", "conv2d"), "30"),
    **dict.fromkeys(("max_pool", "avg_pool"), "2"),
    **dict.fromkeys(("dropout", "noise"), "0.1"),
    "augment": "{shift: 1}",
    "activation": "tanh",
}


def _kind_faults(value: dict[str, Any]) -> Iterator[Inner]:
    """Why a mapping is not exactly one layer; layers with weights may bring their activation along."""
    unknown = [str(key) for key in value if key not in LayerSpec.model_fields]
    if unknown and any(kind in value for kind in LAYER_KINDS):
        return  # pydantic names them, and what is missing may be what was mistyped
    kinds = [kind for kind in LAYER_KINDS if kind in value]
    if not kinds:
        yield (), f"found {shown(value)}, expected a layer with one of {', '.join(LAYER_KINDS)}"
        return
    if len(kinds) > 1 and not (len(kinds) == 2 and kinds[0] in _WITH_ACTIVATION and kinds[1] == "activation"):
        yield (), f"found {' and '.join(kinds)} in one layer, expected a layer for each"
        return
    if value[kinds[0]] is None:
        yield (kinds[0],), f"found nothing, expected what says how, as in {kinds[0]}: {_EXAMPLES.get(kinds[0], 'true')}"
        return
    for key, owners in SAYS_MORE.items():
        if key in value and kinds[0] not in owners:
            *others, last = owners
            yield (), f"found {key} without {' or '.join([', '.join(others), last]) if others else last}"
    if kinds[0] == "conv2d" and value.get("kernel") is None:
        yield (), "found conv2d without kernel, expected one, as in {conv2d: 6, kernel: 5}"
        for key, check in (("stride", _sizes(1)), ("padding", _padding)):
            yield from _faults_of(key, check, value.get(key, 1))


class HeadSpec(FrozenModel):
    """The last activation and the loss.

    `dense: false` leaves out the dense layer before them; `logits: false` computes sigmoid and binary cross-entropy
    from the probabilities, as old notebooks do.
    """

    activation: ActivationField | None = None
    """The last activation; by default from the task or the loss."""
    loss: LossField | None = None
    """The loss; by default from the task."""
    dense: StrictBool = True
    """false leaves out the dense layer before the last activation."""
    logits: StrictBool = True
    """false computes the loss from probabilities, as old notebooks do."""


class NetworkSpec(FrozenModel):
    """Layers from the inputs on, without the last dense layer, whose width follows from the task."""

    layers: Annotated[list[Annotated[LayerSpec, BeforeValidator(_layer)]], Field(min_length=1)] | None = None
    """The hidden layers: widths of dense ones, names, or mappings such as {dense: 16, l2: 1.0e-4}."""
    inputs: Annotated[StrictInt, Field(ge=1)] | None = None
    """How many inputs the data must have."""
    activation: ActivationField = choose("relu", ACTIVATIONS, ActivationChoice)
    """Of hidden layers that do not name their own; what compare-activations varies."""
    init: InitField = Init()
    """A name such as he_normal, or {weights: …, bias: …}; by default it follows the activation."""
    l1: NotNegative = 0.0
    """L1 penalty of all weights."""
    l2: NotNegative = 0.0
    """L2 penalty of all weights."""
    max_norm: Positive | None = None
    """Largest norm of the weights into any unit."""
    head: HeadSpec = HeadSpec()
    """The last activation and the loss; by default from the task."""


class EarlyStopping(FrozenModel):
    """Stop a replica after `patience` evaluations without an improvement of more than `min_delta`.

    The weights that are kept are those of the best figure, by however little (see `nnlab.training.stopping.Watch`).
    """

    monitor: StrictStr = "val/loss"
    """The figure that is watched, such as val/loss or val/roc_auc."""
    patience: Count = 10
    """Evaluations in a row without an improvement that end the training."""
    min_delta: NotNegative = 0.0
    """By how much a figure must be better to be an improvement."""


class GradientCheck(FrozenModel):
    """Check the gradient before each of the first steps; a failure stops the run or is only recorded.

    `epsilon` and `threshold` belong to central differences; the exact method uses neither.
    """

    steps: Count = 3
    """How many of the first steps are checked."""
    method: Literal["exact", "central"] = "exact"
    """Exact by complex step, or central differences."""
    epsilon: Positive | None = None
    """Half the step of central differences."""
    threshold: Positive | None = None
    """Largest error that central differences let pass."""
    on_failure: Literal["stop", "record"] = "stop"
    """Whether a wrong gradient stops the training or is only recorded."""

    @model_validator(mode="before")
    @classmethod
    def _central_alone(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        given = [key for key in CENTRAL_DEFAULTS if values.get(key) is not None]
        if values.get("method") == "central":
            return {**CENTRAL_DEFAULTS, **values}
        if given and values.get("method", "exact") == "exact":
            message = "which the exact method does without; expected it with method: central"
            raise inner_faults([((key,), f"found {key}, {message}") for key in given])
        return values


CENTRAL_DEFAULTS = {"epsilon": 1e-7, "threshold": 1e-8}


def _different(parts: list[str]) -> list[str]:
    again = [index for index, part in enumerate(parts) if part in parts[:index]]
    if again:
        raise inner_faults([((index,), f"found {parts[index]} a second time, expected it once") for index in again])
    return parts


class Duration(FrozenModel):
    """A length of time."""

    seconds: Positive
    """Seconds between two savings."""


def _saving(value: Any) -> Any:
    """Steps or `{seconds: …}`, checked by hand: a union would report one fault for each of its members."""
    if isinstance(value, Duration) or value is None:
        return value
    if isinstance(value, dict) and "seconds" in value:
        return _interval(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_STEPS:
        return value
    raise inner_faults([((), f"found {shown(value)}, expected a number of steps, at least 1, or {{seconds: 30}}")])


def _interval(value: dict[str, Any]) -> Duration:
    unknown = [str(key) for key in value if key != "seconds"]
    if unknown:
        raise inner_faults([((key,), f"unknown key '{printable(key)}', expected seconds alone") for key in unknown])
    seconds = value["seconds"]
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        raise inner_faults([(("seconds",), f"found {shown(seconds)}, expected a number above 0")])
    return Duration(seconds=seconds)


Saving = Annotated[int | Duration, BeforeValidator(_saving)]


class TrainingSpec(FrozenModel):
    """How long, in which batches, and when to measure. Counts are steps; `null` leaves the choice to nnlab.

    `figures` are figures of merit to be measured at every evaluation beside the quick ones, such as `roc_auc`; one that
    early stopping watches is measured without being named here. After `max_seconds` of a session the training stops
    with its state saved, and can be resumed. Every `show_parameters` epochs weights and biases are shown and recorded.
    """

    epochs: Annotated[StrictInt, Field(ge=0, le=MOST_STEPS)] | None = None
    """How often all training rows are visited; or give steps."""
    steps: Annotated[StrictInt, Field(ge=0, le=MOST_STEPS)] | None = None
    """How many updates are made; or give epochs."""
    max_seconds: Positive | None = None
    """Stop a session after so many seconds, with the state saved."""
    batch_size: BatchSize = 32
    """Rows of a batch, or all."""
    drop_last: StrictBool = False
    """Leave out the short last batch of each epoch."""
    shuffle: StrictBool = True
    """Visit the rows of each epoch in a new order."""
    log_every: Count | None = None
    """Steps between two rows of metrics.csv."""
    evaluate_every: Count | None = None
    """Steps between two evaluations of whole parts."""
    evaluate: Annotated[list[Literal["train", "val"]], Field(min_length=1), AfterValidator(_different)] = [
        "train",
        "val",
    ]
    """The parts that are evaluated during training."""
    early_stopping: EarlyStopping | None = None
    """Stop when a figure is no longer improved, and keep the best weights."""
    checkpoint_every: Saving | None = None
    """How often the state is saved: steps, or {seconds: 30}."""
    clip_norm: Positive | None = None
    """Largest norm of a gradient."""
    clip_value: Positive | None = None
    """Largest size of a gradient's entry."""
    gradcheck: GradientCheck | None = None
    """Check the gradients of the first steps; needs precision: float64."""
    health: StrictBool = False
    """Measure dead and saturated units, and the size of updates, at every evaluation."""
    running_loss: StrictBool = False
    """Measure the mean of the batch losses since the last log."""
    show_parameters: Count | None = None
    """Epochs from one showing and recording of weights and biases, or of their norms in large networks, to the next."""
    figures: Annotated[list[StrictStr], AfterValidator(_different)] = []
    """Figures of merit to be measured at every evaluation beside the quick ones, such as roc_auc."""


@dataclass(frozen=True)
class _Origin:
    """The document an experiment was read from, and the activations known then, which are not pickled with it.

    It takes no part in comparing experiments: all origins are equal.
    """

    document: Document | None = field(default=None, compare=False)
    activations: Mapping[str, AnyActivation] = field(default_factory=lambda: ALL_ACTIVATIONS, compare=False)

    def __deepcopy__(self, _memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[type[_Origin], tuple[Document | None]]:
        return _Origin, (self.document,)


class Experiment(FrozenModel):
    """A whole experiment file. `document` is the text it was read from, with the place of each key.

    `activations` are those known when it was read: those of nnlab and those of plugins.
    """

    name: Annotated[StrictStr, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    """The name of the run's folder."""
    task: Literal["binary", "multiclass", "multilabel", "regression"]
    """What is predicted: yes or no, one class, several labels, or numbers."""
    seed: Annotated[StrictInt, Field(ge=0, le=LARGEST_SEED)] = 0
    """Seed of the split, the order of the rows and the initial weights."""
    precision: Literal["float32", "float64"] = "float32"
    """Of all numbers in training."""
    generator: Literal["pcg64", "legacy"] = "pcg64"
    """pcg64, or legacy to draw weights as the old notebooks do."""
    data: Data
    """The rows, how they are read, scaled and split."""
    network: NetworkSpec = NetworkSpec()
    """The layers, and the head that follows the task."""
    optimizer: OptimizerField = choose("adam", OPTIMIZERS, OptimizerChoice)
    """A name, or a mapping such as {name: sgd, learning_rate: 0.1}."""
    training: TrainingSpec = TrainingSpec(epochs=20)
    """How long, in which batches, and when to measure."""
    gates: list[StrictStr] = []
    """What must hold at the end, such as test/accuracy >= 0.9; else exit code 3."""
    _origin: _Origin = PrivateAttr(default_factory=_Origin)

    @field_validator("gates")
    @classmethod
    def _gates_parse(cls, gates: list[str]) -> list[str]:
        faults: list[Inner] = []
        for index, text in enumerate(gates):
            try:
                parse_gate(text)
            except ValueError as error:
                faults.append(((index,), str(error)))
        if faults:
            raise inner_faults(faults)
        return gates

    @property
    def parsed_gates(self) -> list[Gate]:
        """The gates as objects."""
        return [parse_gate(text) for text in self.gates]

    @property
    def document(self) -> Document | None:
        """The document it was read from, or None."""
        return self._origin.document

    @property
    def activations(self) -> Mapping[str, AnyActivation]:
        """The table in which names of activations were looked up."""
        return self._origin.activations

    def read_from(self, document: Document, activations: Mapping[str, AnyActivation] | None = None) -> Experiment:
        """A copy that was read from `document`; without `activations` it keeps its own."""
        experiment = self.model_copy()
        known = self.activations if activations is None else activations
        experiment._origin = _Origin(document, known)  # noqa: SLF001 - its own
        return experiment
