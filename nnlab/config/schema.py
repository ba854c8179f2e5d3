"""The frozen models of an experiment: every key of an experiment file, its type, its range and its default."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, StrictStr, field_validator

from nnlab.config.choices import (
    ActivationChoice,
    Choice,
    InitializerChoice,
    Inner,
    LastActivationChoice,
    OptimizerChoice,
    inner_faults,
    shown,
)
from nnlab.config.gates import Gate, parse_gate
from nnlab.maths.losses import LOSSES

MOST_STEPS = 10**9  # more would run for years
LARGEST_SEED = 2**63 - 1


def _number(value: Any) -> Any:
    """Numbers only: pydantic would also take true for 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise inner_faults([((), f"found {shown(value)}, expected a number")])
    return float(value)


Number = Annotated[float, BeforeValidator(_number)]
Positive = Annotated[Number, Field(gt=0)]
NotNegative = Annotated[Number, Field(ge=0)]
Count = Annotated[StrictInt, Field(ge=1, le=MOST_STEPS)]


def _share_or_count(value: Any) -> Any:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 1):
        return value
    if isinstance(value, float) and 0 < value < 1:
        return value
    raise inner_faults([((), f"found {shown(value)}, expected a share in (0, 1) or a count of at least 1 row")])


class Model(BaseModel):
    """What all models share: frozen, no unknown keys, defaults checked like given values."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Source(Model):
    """Where rows come from: a name of the catalogue with its parameters, or a path."""

    name: StrictStr
    samples: Count | None = None
    noise: NotNegative | None = None
    classes: Count | None = None
    seed: Annotated[StrictInt, Field(ge=0, le=LARGEST_SEED)] | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """What is set beside the name."""
        return {key: value for key, value in self if key != "name" and value is not None}


class Scale(Model):
    """How inputs are scaled; fitted on the training part alone.

    `standard` gives (x - mean) / (deviation + epsilon), `minmax` (x - min) / (max - min), each per column, or over all
    columns `together`, as is right for the pixels of an image.
    """

    name: Literal["none", "standard", "minmax"] = "none"
    epsilon: NotNegative = 0.0
    together: StrictBool = False


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Data(Model):
    """The rows, how they are read, scaled and split."""

    source: Annotated[Source, BeforeValidator(_named)]
    target: Annotated[list[StrictStr], Field(min_length=1), BeforeValidator(_listed)] | None = None
    ignore: Annotated[list[StrictStr], BeforeValidator(_listed)] = []
    blanks: Literal["refuse", "drop", "mean", "median"] = "refuse"
    scale: Annotated[Scale, BeforeValidator(_named)] = Scale()
    scale_targets: StrictBool = False
    test: Annotated[float | int | None, BeforeValidator(_share_or_count)] = None
    validation: Annotated[float | int | None, BeforeValidator(_share_or_count)] = None


class Init(Model):
    """How a dense layer starts."""

    weights: InitializerChoice | Literal["recommended"] = "recommended"
    bias: InitializerChoice = Choice(name="zeros", values={})


def _init(value: Any) -> Any:
    return value if isinstance(value, Init) or (isinstance(value, dict) and "name" not in value) else {"weights": value}


InitField = Annotated[Init, BeforeValidator(_init)]


class LayerSpec(Model):
    """A layer: dense with a width, perhaps with its own activation; or an activation standing alone."""

    dense: Annotated[StrictInt, Field(ge=1)] | None = None
    activation: ActivationChoice | None = None
    init: InitField | None = None
    l2: NotNegative | None = None


def _layer(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"dense": value}
    if isinstance(value, dict) and not {"dense", "activation"} & set(value):
        raise inner_faults([((), f"found {shown(value)}, expected a layer with 'dense' or 'activation'")])
    if not isinstance(value, dict | LayerSpec):
        raise inner_faults([((), f"found {shown(value)}, expected a width or a mapping such as {{dense: 30}}")])
    return value


class HeadSpec(Model):
    """The last activation and the loss.

    `dense: false` leaves out the dense layer before them; `logits: false` computes sigmoid and binary cross-entropy
    from the probabilities, as old notebooks do.
    """

    activation: LastActivationChoice | None = None
    loss: Literal[tuple(LOSSES)] | None = None  # type: ignore[valid-type]
    dense: StrictBool = True
    logits: StrictBool = True


class NetworkSpec(Model):
    """Layers from the inputs on, without the last dense layer, whose width follows from the task."""

    layers: Annotated[list[Annotated[LayerSpec, BeforeValidator(_layer)]], Field(min_length=1)] | None = None
    inputs: Annotated[StrictInt, Field(ge=1)] | None = None
    activation: ActivationChoice = Choice(name="relu", values={})
    init: InitField = Init()
    l2: NotNegative = 0.0
    head: HeadSpec = HeadSpec()


class EarlyStopping(Model):
    """Stop a replica after `patience` evaluations without an improvement of more than `min_delta`."""

    monitor: StrictStr = "val/loss"
    patience: Count = 10
    min_delta: NotNegative = 0.0


class GradientCheck(Model):
    """Check the gradient before each of the first steps; a failure stops the run or is only recorded."""

    steps: Count = 3
    epsilon: Positive = 1e-7
    threshold: Positive = 1e-8
    on_failure: Literal["stop", "record"] = "stop"


class Training(Model):
    """How long, in which batches, and when to measure. Counts are steps; `null` leaves the choice to nnlab."""

    epochs: Annotated[StrictInt, Field(ge=0, le=MOST_STEPS)] | None = None
    steps: Annotated[StrictInt, Field(ge=0, le=MOST_STEPS)] | None = None
    batch_size: Count | Literal["all"] = 32
    shuffle: StrictBool = True
    log_every: Count | None = None
    evaluate_every: Count | None = None
    evaluate: Annotated[list[Literal["train", "val"]], Field(min_length=1)] = ["train", "val"]
    early_stopping: EarlyStopping | None = None
    checkpoint_every: Count | None = None
    gradcheck: GradientCheck | None = None


class Experiment(Model):
    """A whole experiment file."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
    task: Literal["binary", "multiclass", "multilabel", "regression"]
    seed: Annotated[StrictInt, Field(ge=0, le=LARGEST_SEED)] = 0
    precision: Literal["float32", "float64"] = "float32"
    generator: Literal["pcg64", "legacy"] = "pcg64"
    data: Data
    network: NetworkSpec = NetworkSpec()
    optimizer: OptimizerChoice = Choice(
        name="adam", values={"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    )
    training: Training = Training(epochs=20)
    gates: list[StrictStr] = []

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
