"""From an experiment file to a validated `Experiment`: every fault of the file in one pass, each with its place."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from nnlab.config.choices import Choice, shown
from nnlab.config.document import Document, KeyPath, read_file, write
from nnlab.config.overrides import override_all
from nnlab.config.schema import Experiment
from nnlab.errors import ConfigError, Fault, printable, suggestion
from nnlab.maths.activations import ACTIVATIONS, Activation
from nnlab.maths.losses import DEFAULT_HEADS, LOSSES, TEXTBOOK, head_fault
from nnlab.maths.metrics import METRICS, TRAINING_METRICS, Task

Finding = tuple[KeyPath, str]

# A run that would need more memory than this for theta, gradient, best weights and slots is refused.
MOST_BYTES = 8 * 2**30


def load(
    path: str | Path, overrides: Sequence[str] = (), activations: Mapping[str, Activation] = ACTIVATIONS
) -> tuple[Experiment, Document]:
    """Read, override and validate an experiment file. ConfigError carries every fault found."""
    document = override_all(read_file(path), overrides)
    return validate(document, activations), document


def validate(document: Document, activations: Mapping[str, Activation] = ACTIVATIONS) -> Experiment:
    """The experiment that a document describes, or a ConfigError with all faults, in the order of their places."""
    findings, values = _field_findings(document.values, activations)
    experiment = None if values is None else _model(values, activations)
    findings += _meaning_findings(experiment) if experiment else []
    if findings:
        raise ConfigError(faults_at(document, findings))
    assert experiment is not None
    return with_defaults(experiment)


def faults_at(document: Document, findings: Sequence[Finding]) -> list[Fault]:
    """The findings with their places in the document, sorted by place, without repetition."""
    faults = {_fault(document, path, message) for path, message in findings}
    return sorted(faults, key=lambda fault: (fault.file or "", fault.line or 0, fault.column or 0, fault.message))


def _fault(document: Document, path: KeyPath, message: str) -> Fault:
    place = document.position(path, of_key=message.startswith("unknown key"))
    return Fault(message, *place)


def to_yaml(experiment: Experiment) -> str:
    """The experiment as a complete experiment file."""
    return write(to_plain(experiment))


def to_plain(value: Any) -> Any:
    """Models as plain dicts and lists, choices in the form of an experiment file, unset options left out."""
    if isinstance(value, Choice):
        return value.plain()
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if hasattr(value, "model_fields_set"):
        return {key: to_plain(item) for key, item in value if item is not None}
    return value


def with_defaults(experiment: Experiment) -> Experiment:
    """The experiment with the head that its task implies written out."""
    head = experiment.network.head
    activation, loss = DEFAULT_HEADS[experiment.task]
    if head.loss and not head.activation:
        activation = _activation_for(head.loss, activation)
    chosen = head.activation or Choice(name=activation, values={})
    filled = head.model_copy(update={"activation": chosen, "loss": head.loss or loss})
    network = experiment.network.model_copy(update={"head": filled})
    return experiment.model_copy(update={"network": network})


def _activation_for(loss: str, otherwise: str) -> str:
    """The last activation that a loss implies where only the loss is named."""
    return {"binary_cross_entropy": "sigmoid", "cross_entropy": "softmax"}.get(loss, otherwise)


# --- fields -----------------------------------------------------------------------------------------------------------


def _model(values: Any, activations: Mapping[str, Activation]) -> Experiment:
    return Experiment.model_validate(values, context={"activations": activations})


def _field_findings(values: Any, activations: Mapping[str, Activation]) -> tuple[list[Finding], Any]:
    """What is wrong with single fields, and the values without them (None where a needed field is wrong).

    Wrong parts are cut out and the rest is looked at again, so that one mistake does not hide another.
    """
    findings: list[Finding] = []
    values = copy.deepcopy(values)
    while True:
        try:
            _model(values, activations)
        except ValidationError as error:
            found = [finding for line in error.errors(include_url=False) for finding in _findings(line, values)]
            cut = [path for path, _ in found]
            findings += [f for f in found if f[0] not in cut[: cut.index(f[0])] or f not in findings]
            if not all(_cut(values, path) for path in _outermost(cut)):
                return findings, None
        else:
            return findings, values


def _outermost(paths: Sequence[KeyPath]) -> list[KeyPath]:
    """The distinct paths, later list items first, so that cutting one leaves the others where they are."""
    return sorted(
        set(paths), key=lambda path: [(isinstance(part, int), str(part).zfill(9)) for part in path], reverse=True
    )


def _cut(values: Any, path: KeyPath) -> bool:
    """Remove the value at `path`; False if it is not there, as when a needed key is missing."""
    for part in path[:-1]:
        values = values[part] if _has(values, part) else None
    if not path or not _has(values, path[-1]):
        return False
    del values[path[-1]]
    return True


def _has(values: Any, part: str | int) -> bool:
    if isinstance(values, dict):
        return part in values
    return isinstance(values, list) and isinstance(part, int) and part < len(values)


def _findings(line: Mapping[str, Any], values: Any) -> Iterator[Finding]:
    """The findings of one pydantic error, its path reduced to what stands in the file."""
    path = _path_in(values, line["loc"])
    if line["type"] == "inner":
        for inner, message in line["ctx"]["faults"]:
            yield (*path, *inner), message
    elif line["type"] == "extra_forbidden":
        yield path, f"unknown key '{printable(str(path[-1]))}'{suggestion(str(path[-1]), _sibling_keys(path))}"
    elif line["type"] == "missing":
        yield (*path, str(line["loc"][-1])), f"missing key '{line['loc'][-1]}'{_expected_of(line['loc'])}"
    else:
        yield path, f"found {shown(line['input'])}, expected {_expected(line)}"


def _path_in(values: Any, loc: Sequence[str | int]) -> KeyPath:
    """Pydantic's location without the parts that name branches of unions or shorthands written out."""
    path: list[str | int] = []
    for part in loc:
        if _has(values, part):
            path.append(part)
            values = values[part]
    return tuple(path)


def _sibling_keys(path: KeyPath) -> list[str]:
    """The keys that are known where an unknown one was found."""
    model: Any = Experiment
    for part in path[:-1]:
        if isinstance(part, str) and model is not None and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields) if model is not None else []


def _model_in(annotation: Any) -> Any:
    """The first model class inside an annotation such as `Annotated[list[Model], …] | None`."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)


def _expected_of(loc: Sequence[str | int]) -> str:
    known = {
        "task": ", expected binary, multiclass, multilabel or regression",
        "source": ", expected a data set's name or path",
    }
    return known.get(str(loc[-1]), "")


_EXPECTED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "bool_type": lambda _: "true or false",
    "string_type": lambda _: "text",
    "list_type": lambda _: "a list",
    "model_type": lambda _: "a mapping",
    "model_attributes_type": lambda _: "a mapping",
    "greater_than": lambda context: f"a number above {context['gt']:g}",
    "greater_than_equal": lambda context: f"a number of at least {context['ge']}",
    "less_than": lambda context: f"a number below {context['lt']:g}",
    "less_than_equal": lambda context: f"a number of at most {context['le']}",
    "too_short": lambda _: "at least one item; leave the key out for none",
    "string_too_short": lambda _: "some text",
    "string_too_long": lambda context: f"at most {context['max_length']} characters",
    "string_pattern_mismatch": lambda _: "letters, digits and . _ + - (first a letter or digit)",
    "literal_error": lambda context: context["expected"].replace("'", ""),
}


def _expected(line: Mapping[str, Any]) -> str:
    words = _EXPECTED.get(line["type"])
    expected = words(line.get("ctx", {})) if words else line["msg"]
    if line["type"] == "literal_error" and isinstance(line["input"], str):
        choices = expected.replace(" or ", ", ").split(", ")
        expected += suggestion(line["input"], choices)
    return expected


# --- meaning ----------------------------------------------------------------------------------------------------------


def _meaning_findings(experiment: Experiment) -> list[Finding]:
    """What is wrong between fields that are each fine alone."""
    checks = (
        _head_findings,
        _duration_findings,
        _monitor_findings,
        _precision_findings,
        _size_findings,
        _gate_findings,
    )
    return [finding for check in checks for finding in check(experiment)]


def _head_findings(experiment: Experiment) -> Iterator[Finding]:
    head = with_defaults(experiment).network.head
    assert head.activation is not None
    assert head.loss is not None
    outputs = 1 if experiment.task == "binary" else None
    fault = head_fault(experiment.task, head.activation.name, head.loss, outputs)
    if fault:
        key = "loss" if experiment.network.head.loss else "activation"
        yield ("network", "head", key), fault
    elif not head.logits and (head.activation.name, head.loss) not in TEXTBOOK:
        found = f"found logits: false with {head.activation.name} and {head.loss}"
        yield ("network", "head", "logits"), f"{found}, expected it with sigmoid and binary_cross_entropy"


def _duration_findings(experiment: Experiment) -> Iterator[Finding]:
    training = experiment.training
    if (training.epochs is None) == (training.steps is None):
        found = "both 'epochs' and 'steps'" if training.epochs is not None else "neither 'epochs' nor 'steps'"
        yield ("training",), f"found {found}, expected one of them"


def _monitor_findings(experiment: Experiment) -> Iterator[Finding]:
    stopping = experiment.training.early_stopping
    if stopping is None:
        return
    known = [f"{split}/{metric}" for split in experiment.training.evaluate for metric in watchable(experiment.task)]
    if stopping.monitor not in known:
        hint = suggestion(stopping.monitor, known) or f", expected one of {', '.join(known)}"
        yield ("training", "early_stopping", "monitor"), f"unknown figure {shown(stopping.monitor)}{hint}"
    elif stopping.monitor.startswith("val/") and experiment.data.validation is None:
        yield (
            ("training", "early_stopping"),
            f"early stopping watches {stopping.monitor}, but there is no validation part; expected data.validation",
        )


def watchable(task: Task) -> list[str]:
    """The figures that are measured while a task trains."""
    return ["loss", *TRAINING_METRICS[task]]


def _precision_findings(experiment: Experiment) -> Iterator[Finding]:
    check = experiment.training.gradcheck
    if check and experiment.precision != "float64":
        yield ("training", "gradcheck"), "a gradient check while training needs precision: float64, found float32"


def _size_findings(experiment: Experiment) -> Iterator[Finding]:
    """Networks that are too large whatever the data: each weight matrix has at least one row."""
    widths = [layer.dense for layer in experiment.network.layers or [] if layer.dense]
    parameters = sum(width * (before + 1) for before, width in zip([1, *widths], widths, strict=False))
    fault = memory_fault(parameters, experiment.precision)
    if fault:
        yield ("network", "layers"), fault


def memory_fault(parameters: int, precision: str) -> str | None:
    """Why a network of this size is refused, or None."""
    needed = parameters * (4 if precision == "float32" else 8) * 5
    if needed <= MOST_BYTES:
        return None
    return (
        f"found at least {parameters:,} parameters, which take {needed / 2**30:,.0f} GiB with gradient, best weights "
        f"and two optimizer slots; expected at most {MOST_BYTES / 2**30:.0f} GiB"
    )


def _gate_findings(experiment: Experiment) -> Iterator[Finding]:
    metrics = [name for name, metric in METRICS.items() if experiment.task in metric.tasks]
    known = {f"{split}/{name}" for split in ("train", "val", "test") for name in metrics} | {"batch/loss"}
    for index, gate in enumerate(experiment.parsed_gates):
        head, _, tail = gate.figure.partition("/")
        if head in ("train", "val", "test", "batch") and tail.count("/") == 0 and gate.figure not in known:
            hint = suggestion(gate.figure, known)
            yield ("gates", index), f"unknown figure '{printable(gate.figure)}' for a {experiment.task} task{hint}"


def losses_of(task: str) -> list[str]:
    """The losses that a task may use."""
    return [name for name, loss in LOSSES.items() if task in loss.tasks]
