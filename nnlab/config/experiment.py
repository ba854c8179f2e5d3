"""From an experiment file to a validated `Experiment`: every fault of the file in one pass, each with its place."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from nnlab.config.choices import ActivationChoice, Choice, LossChoice, choose, shown
from nnlab.config.document import MOST_BYTES as MOST_BYTES_OF_TEXT
from nnlab.config.document import BooleanWord, Document, KeyPath, of_values, read_file, write
from nnlab.config.overrides import Setting, override_all, with_gates
from nnlab.config.schema import Data, Experiment
from nnlab.errors import ConfigError, Fault, nearest, printable, suggestion
from nnlab.gates.parse import Gate, names_a_parameter, unknown_figure
from nnlab.maths.activations import ACTIVATIONS, Activation, AnyActivation
from nnlab.maths.baselines import baseline_figures
from nnlab.maths.literature import ALL_ACTIVATIONS
from nnlab.maths.losses import DEFAULT_HEADS, LOSSES, TEXTBOOK, head_fault, implied_activation
from nnlab.maths.metrics import METRICS, TRAINING_METRICS, Task, metric_of

Finding = tuple[KeyPath, str]

# A run that would need more memory than this for its parameters and its layers' buffers is refused.
MOST_BYTES = 8 * 2**30
_MANY_VALUES = 2000  # with fewer, an experiment's complete file is far from too long


def read(
    source: str | Path | Mapping[str, Any], overrides: Sequence[str | Setting] = (), gates: Sequence[str] = ()
) -> Document:
    """Read an experiment file, or the values of one, and override it. ConfigError carries every fault found."""
    document = of_values(source) if isinstance(source, Mapping) else read_file(source)
    return with_gates(override_all(document, overrides), gates)


def load(
    path: str | Path,
    overrides: Sequence[str | Setting] = (),
    activations: Mapping[str, AnyActivation] = ALL_ACTIVATIONS,
    gates: Sequence[str] = (),
) -> tuple[Experiment, Document]:
    """Read, override and validate an experiment file, with more gates. ConfigError carries every fault found."""
    document = read(path, overrides, gates)
    return validate(document, activations), document


def data_of(values: Mapping[str, Any]) -> Data | None:
    """The data of an experiment that may lack other keys; None if they are not valid."""
    try:
        return Data.model_validate(values.get("data"))
    except ValidationError:
        return None


def validate(document: Document, activations: Mapping[str, AnyActivation] = ALL_ACTIVATIONS) -> Experiment:
    """The experiment that a document describes, or a ConfigError with all faults, in the order of their places."""
    if is_suite(document):
        raise refusal_at(document, [((), "found a suite of experiments, expected one; nnlab benchmark takes a suite")])
    fields = _Fields(document.values, activations)
    findings = fields.findings + ([] if fields.experiment is None else _meaning_findings(fields))
    if findings:
        raise ConfigError(faults_at(document, findings))
    assert fields.experiment is not None
    experiment = with_defaults(fields.experiment).read_from(document, activations)
    _require_readable(experiment, document)
    return experiment


def is_suite(document: Document) -> bool:
    """Whether a file is the suite of a benchmark: it lists experiments."""
    return isinstance(document.values, dict) and "experiments" in document.values


def _require_readable(experiment: Experiment, document: Document) -> None:
    """ConfigError for an experiment whose complete file, which its run folder gets, would be too long to read again."""
    if len(document.places) < _MANY_VALUES:
        return
    if len(to_yaml(experiment).encode()) > MOST_BYTES_OF_TEXT:
        found = f"found an experiment of more than {MOST_BYTES_OF_TEXT:,} bytes when all its keys are written out"
        raise refusal(experiment, [((), f"{found}, expected a smaller one")])


def refusal(experiment: Experiment, findings: Sequence[Finding]) -> ConfigError:
    """A ConfigError with the findings about an experiment, each at its place in the file it was read from."""
    return refusal_at(experiment.document, findings)


def refusal_at(document: Document | None, findings: Sequence[Finding]) -> ConfigError:
    """A ConfigError with findings, each at its place in a document, or by its key where there is none."""
    if document is not None:
        return ConfigError(faults_at(document, findings))
    return ConfigError([Fault(f"{'.'.join(map(str, path))}: {message}") for path, message in findings])


def faults_at(document: Document, findings: Sequence[Finding]) -> list[Fault]:
    """The findings with their places in the document, sorted by place, without repetition."""
    faults = {_fault(document, path, message) for path, message in findings}
    return sorted(faults, key=lambda fault: (fault.file or "", fault.line or 0, fault.column or 0, fault.message))


def _fault(document: Document, path: KeyPath, message: str) -> Fault:
    place = document.position(path, of_key=message.startswith("unknown key"))
    if place[0].startswith("--set ") and message.endswith(QUOTE_IT):
        message += " twice, since the shell takes one pair away: '\"…\"'"
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
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if hasattr(value, "model_fields_set"):
        fields = type(value).model_fields
        return {fields[key].alias or key: to_plain(item) for key, item in value if item is not None}
    return value


def with_defaults(experiment: Experiment) -> Experiment:
    """The experiment with what its task and its optimizer imply written out: the head, and batches of all rows."""
    head = experiment.network.head
    loss = head.loss or choose(DEFAULT_HEADS[experiment.task][1], LOSSES, LossChoice)
    implied = implied_activation(experiment.task, loss.name) if head.loss else DEFAULT_HEADS[experiment.task][0]
    activation = head.activation or choose(implied, ACTIVATIONS, ActivationChoice)
    filled = head.model_copy(update={"activation": activation, "loss": loss})
    network, training = experiment.network.model_copy(update={"head": filled}), experiment.training
    if experiment.optimizer.entry.needs_all_rows and "batch_size" not in training.model_fields_set:
        training = training.model_copy(update={"batch_size": "all"})
    return experiment.model_copy(update={"network": network, "training": training})


# --- fields -----------------------------------------------------------------------------------------------------------


# Values in place of required keys that are missing or wrong, so that the other keys can be validated.
_PLACEHOLDERS: dict[KeyPath, Any] = {
    ("name",): "placeholder",
    ("task",): "regression",
    ("data",): {"source": "xor"},
    ("data", "source"): "xor",
    ("data", "source", "name"): "xor",
}
OPEN = "CHOOSE"  # a value that begins so is a question, which `nnlab init` leaves to the user
_CUT = object()  # replaces a wrong value, so that the items after it keep their indexes


class _Fields:
    """The faults of single fields, and the experiment without the faulty fields.

    Faulty values are removed and the rest is validated again, so that one mistake does not hide another. A value that
    becomes invalid by a removal, such as a list that is now empty, is removed as well but not reported.
    """

    def __init__(self, values: Any, activations: Mapping[str, AnyActivation]) -> None:
        self.values = copy.deepcopy(values)
        self.findings: list[Finding] = []
        self.cut: set[KeyPath] = set()
        self.experiment: Experiment | None = None
        for path, text in _open_questions(values, ()):
            self.findings.append((path, f"found {OPEN}, expected an answer{printable(text.removeprefix(OPEN))}"))
            self.cut.add(_cut(self.values, path))
        more = True
        while self.experiment is None and more:
            more = self._validate_rest(activations)

    def _validate_rest(self, activations: Mapping[str, AnyActivation]) -> bool:
        """Validate the remaining values; returns whether another pass may find more."""
        left = _without_cut(self.values)
        try:
            self.experiment = Experiment.model_validate(left, context={"activations": activations})
        except ValidationError as error:
            found = [(self.original(path), text) for path, text in findings_of(error, left, Experiment)]
            self.findings += [finding for finding in found if finding[1] and not self._is_consequence(finding[0])]
            cut = {_cut(self.values, _whole_choice(path)) for path, _ in found}
            is_new = () not in cut and not cut <= self.cut
            self.cut |= cut | {path for path, _ in found}
            return is_new
        return False

    def _is_consequence(self, path: KeyPath) -> bool:
        """Whether a finding is only the consequence of an earlier removal."""
        return any(path == cut[: len(path)] for cut in self.cut)

    def original(self, path: KeyPath) -> KeyPath:
        """The path in the file for a path in the remaining values, in which lists may be shorter."""
        values, found = self.values, list[str | int]()
        for part in path:
            if isinstance(values, list) and isinstance(part, int):
                kept = [index for index, item in enumerate(values) if item is not _CUT]
                part = kept[part] if part < len(kept) else part  # noqa: PLW2901 - the same part, counted otherwise
            values = values[part] if _has(values, part) else None
            found.append(part)
        return tuple(found)

    def is_intact(self, path: KeyPath) -> bool:
        """Whether nothing was removed at, within or around this path, nor a key that was probably mistyped for it."""
        return not any(path[: len(cut)] == cut[: len(path)] for cut in (*self.cut, *map(_meant, self.cut)))


def _open_questions(values: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    """The values, each with its path, that say `CHOOSE` and so wait for an answer."""
    for key, value in values.items() if isinstance(values, dict) else ():
        if isinstance(value, str) and (value == OPEN or value.startswith(f"{OPEN}: ")):
            yield (*path, key), value
        else:
            yield from _open_questions(value, (*path, key))


def _meant(path: KeyPath) -> KeyPath:
    """The path with an unknown last key replaced by the known key it was probably mistyped for."""
    known = _sibling_keys(path, Experiment) if path and isinstance(path[-1], str) else []
    return path if not known or path[-1] in known else (*path[:-1], nearest(str(path[-1]), known) or path[-1])


def _without_cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_cut(item) for key, item in value.items() if item is not _CUT}
    if isinstance(value, list):
        return [_without_cut(item) for item in value if item is not _CUT]
    return value


def _whole_choice(path: KeyPath) -> KeyPath:
    """The path of the whole choice if its name is wrong: the keys beside a wrong name cannot be checked."""
    return path[:-1] if path[-1:] == ("name",) and len(path) > 1 else path


def _cut(values: Any, path: KeyPath) -> KeyPath:
    """Remove the value at `path`, or its parent if it is missing; returns the path removed, () for none."""
    while path and path not in _PLACEHOLDERS and not _reachable(values, path):
        path = path[:-1]
    for part in path[:-1]:
        values = values[part]
    if path:
        values[path[-1]] = copy.deepcopy(_PLACEHOLDERS[path]) if path in _PLACEHOLDERS else _CUT
    return path


def _reachable(values: Any, path: KeyPath) -> bool:
    for part in path:
        if not _has(values, part) or values[part] is _CUT:
            return False
        values = values[part]
    return True


def _has(values: Any, part: str | int) -> bool:
    if isinstance(values, dict):
        return part in values
    return isinstance(values, list) and isinstance(part, int) and part < len(values)


def findings_of(error: ValidationError, values: Any, model: Any) -> list[Finding]:
    """What pydantic found in the values of a `model`, as findings with paths as in the file.

    A message is "" if another finding covers it.
    """
    return [finding for line in error.errors(include_url=False) for finding in _findings(line, values, model)]


def _findings(line: Mapping[str, Any], values: Any, model: Any) -> Iterator[Finding]:
    path = _path_in(values, line["loc"])
    if line["type"] == "inner":
        for inner, message in line["ctx"]["faults"]:
            yield (*path, *inner), message
    elif line["type"] == "extra_forbidden":
        key = str(path[-1])
        yield (
            path,
            f"unknown key {shown(key)}{suggestion(key, _sibling_keys(path, model)) or _section_hint(path, model)}",
        )
    elif line["type"] == "missing":
        key = str(line["loc"][-1])
        missing = f"missing key '{key}'{_expected_of(line['loc'])}"
        yield (*path, key), "" if _is_mistyped(path, values, key, model) else missing
    else:
        yield path, f"found {shown(line['input'])}, expected {_expected(line)}"


def _is_mistyped(path: KeyPath, values: Any, key: str, model: Any) -> bool:
    """Whether a missing key was probably mistyped as an unknown key beside it, which is reported already."""
    for part in path:
        values = values[part]
    known = _sibling_keys((*path, key), model)
    return any(nearest(other, known) == key for other in values if other not in known)


def _path_in(values: Any, loc: Sequence[str | int]) -> KeyPath:
    """Pydantic's location without union branches and expanded shorthands, which are not in the file."""
    path: list[str | int] = []
    for part in loc:
        if _has(values, part):
            path.append(part)
            values = values[part]
    return tuple(path)


def _sibling_keys(path: KeyPath, model: Any) -> list[str]:
    """The keys of a `model` that are allowed where an unknown one was found."""
    for part in path[:-1]:
        if isinstance(part, str) and model is not None and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation)
    return [field.alias or name for name, field in model.model_fields.items()] if model is not None else []


def _section_hint(path: KeyPath, model: Any) -> str:
    """A hint at the section for a top-level key that belongs one level below; "" for other keys."""
    sections = {name: _model_in(field.annotation) for name, field in model.model_fields.items()}
    homes = [name for name, model in sections.items() if model and path[-1] in model.model_fields]
    return f"; expected it in '{homes[0]}'" if len(path) == 1 and homes else ""


def _model_in(annotation: Any) -> Any:
    """The first model class inside an annotation such as `Annotated[list[Model], …] | None`."""
    if hasattr(annotation, "model_fields"):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)


def _expected_of(loc: Sequence[str | int]) -> str:
    if loc == ("name",):
        return ", expected a name for the run's folder, as in name: xor-tanh"
    known = {
        "task": ", expected binary, multiclass, multilabel or regression",
        "data": ", expected a mapping with a source, as in data: {source: xor}",
        "source": ", expected a data set's name or path",
        "name": ", expected a data set's name or path",
    }
    return known.get(str(loc[-1]), "")


_EXPECTED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "int_type": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "bool_type": lambda _: "true or false",
    "string_type": lambda _: "text",
    "string_unicode": lambda _: "text in UTF-8",
    "list_type": lambda _: "a list",
    "dict_type": lambda _: "a mapping",
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
    "literal_error": lambda context: _in_yaml(context["expected"]),
}


def _in_yaml(choices: str) -> str:
    """Pydantic's list of choices as an experiment file has them."""
    return choices.replace("'", "").replace("True", "true").replace("False", "false")


QUOTE_IT = "text; quote it"


def _expected(line: Mapping[str, Any]) -> str:
    kind, found = line["type"], line["input"]
    if kind == "bool_type" and isinstance(found, BooleanWord):
        return "a boolean: write true/false"
    if kind == "string_type" and isinstance(found, int | float):
        return QUOTE_IT
    words = _EXPECTED.get(kind)
    expected = words(line.get("ctx", {})) if words else "another value"  # the words of pydantic are for programmers
    if kind == "literal_error" and isinstance(found, str):
        choices = expected.replace(" or ", ", ").split(", ")
        expected += suggestion(found, choices)
    return expected


# --- meaning ----------------------------------------------------------------------------------------------------------


def _meaning_findings(fields: _Fields) -> list[Finding]:
    """Faults between fields that are each valid alone; checks that need a faulty field are skipped."""
    assert fields.experiment is not None
    return [
        (fields.original(path), message)
        for check, needed in _CHECKS.items()
        if all(fields.is_intact(tuple(key.split("."))) for key in needed)
        for path, message in check(fields.experiment)
    ]


def _seed_findings(experiment: Experiment) -> Iterator[Finding]:
    if experiment.generator == "legacy" and experiment.seed >= 2**32:
        yield ("seed",), f"found seed {experiment.seed} with generator: legacy, expected at most {2**32 - 1}"


def _optimizer_findings(experiment: Experiment) -> Iterator[Finding]:
    values: dict[str, Any] = experiment.optimizer.values
    if values.get("nesterov") and not values.get("momentum"):
        yield ("optimizer", "nesterov"), "found nesterov: true without momentum, expected momentum above 0"


def line_search_findings(experiment: Experiment) -> Iterator[Finding]:
    """Settings that a line search excludes: changing objectives, and whatever alters its steps or weights."""
    name, training, network = experiment.optimizer.name, experiment.training, experiment.network
    if not experiment.optimizer.entry.needs_objective:
        return
    for key in ("clip_norm", "clip_value"):
        if getattr(training, key) is not None:
            found = f"found {key} with {name}, whose line search chooses the length of a step itself"
            yield ("training", key), f"{found}; expected no {key}"
    layers = list(enumerate(network.layers or []))
    for path, limit in ((("network",), network.max_norm), *(((*_LAYERS, i), layer.max_norm) for i, layer in layers)):
        if limit is not None:
            found = f"found max_norm with {name}: it would move weights away from where the line search has put them"
            yield (*path, "max_norm"), f"{found}; expected no max_norm"
    for index, layer in layers:
        if layer.kind in {"augment", "dropout", "noise"}:
            found = f"found {layer.kind} with {name}: it makes every step's objective another one"
            yield (*_LAYERS, index), f"{found}, between which no curvature can be learned"
    chosen: list[tuple[KeyPath, ActivationChoice]] = [(("network", "activation"), network.activation)]
    chosen += [((*_LAYERS, i, "activation"), layer.activation) for i, layer in layers if layer.activation]
    for path, activation in chosen:
        if isinstance(activation.entry, Activation) and activation.entry.randomized is not None:
            yield path, f"found {activation.name} with {name}: it draws its slopes anew in every step"


_LAYERS = ("network", "layers")


def _head_findings(experiment: Experiment) -> Iterator[Finding]:
    head = with_defaults(experiment).network.head
    assert head.activation is not None
    assert head.loss is not None
    outputs = 1 if experiment.task == "binary" else None
    fault = head_fault(experiment.task, head.activation.name, head.loss.name, outputs)
    if fault:
        key = "loss" if experiment.network.head.loss else "activation"
        yield ("network", "head", key), fault
    elif not head.logits and (head.activation.name, head.loss.name) not in TEXTBOOK:
        found = f"found logits: false with {head.activation.name} and {head.loss.name}"
        yield ("network", "head", "logits"), f"{found}, expected it with sigmoid and binary_cross_entropy"


def _scale_findings(experiment: Experiment) -> Iterator[Finding]:
    loss = experiment.network.head.loss
    if loss and loss.name == "poisson" and experiment.data.scale_targets:
        found = "found scale_targets: true with the loss poisson, which is for counts as they are"
        yield ("data", "scale_targets"), f"{found}; expected false"


def _block_findings(experiment: Experiment) -> Iterator[Finding]:
    """Settings that need all rows in memory, and so exclude `in_blocks`."""
    blocks, batch, optimizer = experiment.data.in_blocks, experiment.training.batch_size, experiment.optimizer
    if blocks is None:
        return
    if optimizer.entry.needs_all_rows:
        found = f"found in_blocks with {optimizer.name}, whose steps each need all rows"
        yield ("data", "in_blocks"), f"{found}; expected no in_blocks, or another optimizer"
    elif batch == "all" or batch > blocks:
        found = f"found batch_size: {batch} with data.in_blocks: {blocks}"
        yield ("training", "batch_size"), f"{found}, expected a number of at most {blocks}"
    if experiment.data.blanks != "refuse":
        found = f"found blanks: {experiment.data.blanks} with in_blocks, which is for arrays without blanks"
        yield ("data", "blanks"), f"{found}; expected refuse"


def _split_findings(experiment: Experiment) -> Iterator[Finding]:
    """Keys that say in different ways which rows are in which part, or that say it of parts which are not drawn."""
    data = experiment.data
    for key, other, why in _EXCLUDING:
        if getattr(data, key) is not None and getattr(data, other) is not None:
            yield ("data", key), f"found {key} with {other}: {why}; expected one of them"
    if data.files is not None and data.source.name != data.files.train:
        found = f"found source {shown(data.source.name)} with files, whose train is {shown(data.files.train)}"
        yield ("data", "source"), f"{found}; expected no source beside files"
    nothing_drawn = data.split is None and data.keeps_parts
    for key in ("group", "time"):
        if getattr(data, key) is not None and nothing_drawn:
            found = f"found {key}, which says how parts are drawn, but none is"
            yield ("data", key), f"{found}; expected data.test or data.validation, or the column in data.ignore"


_EXCLUDING = (
    ("group", "split", "the table itself gives each row to a part, whatever its group is"),
    ("time", "split", "the table itself gives each row to a part, whatever its time is"),
    ("time", "group", "later rows are the test part, whether or not their group has earlier ones"),
    ("files", "split", "files give each row to a part already"),
)


def _duration_findings(experiment: Experiment) -> Iterator[Finding]:
    training = experiment.training
    if (training.epochs is None) == (training.steps is None):
        found = "both 'epochs' and 'steps'" if training.epochs is not None else "neither 'epochs' nor 'steps'"
        yield ("training",), f"found {found}, expected one of them"


def _evaluate_findings(experiment: Experiment) -> Iterator[Finding]:
    if not evaluated_parts(experiment):
        found = "found val alone, but there is no validation part; expected data.validation, or train beside it"
        yield ("training", "evaluate"), found


def evaluated_parts(experiment: Experiment) -> list[str]:
    """The parts that exist and are evaluated during training."""
    return [part for part in experiment.training.evaluate if part != "val" or experiment.data.may_validate]


def _monitor_findings(experiment: Experiment) -> Iterator[Finding]:
    stopping = experiment.training.early_stopping
    if stopping is None or not evaluated_parts(experiment):
        return
    known = [f"{split}/{name}" for split in experiment.training.evaluate for name in nameable(experiment.task)]
    part, _, name = stopping.monitor.partition("/")
    fault = unmeasured(experiment.task, name, f"{part}/") if part in experiment.training.evaluate else ""
    if fault is not None:
        hint = suggestion(stopping.monitor, known) or f", expected one of {', '.join(known)}"
        yield ("training", "early_stopping", "monitor"), fault or f"unknown figure {shown(stopping.monitor)}{hint}"
    elif stopping.monitor.startswith("val/") and not experiment.data.may_validate:
        yield (
            ("training", "early_stopping"),
            f"early stopping watches {stopping.monitor}, but there is no validation part; expected data.validation",
        )


def _figures_findings(experiment: Experiment) -> Iterator[Finding]:
    for index, name in enumerate(experiment.training.figures):
        fault = unmeasured(experiment.task, name)
        if fault is not None:
            known = nameable(experiment.task)
            hint = suggestion(name, known) or f", expected one of {', '.join(known)}"
            yield ("training", "figures", index), fault or f"unknown figure {shown(name)}{hint}"


def watchable(experiment: Experiment) -> list[str]:
    """The figures that are measured of parts during training: loss and quick ones, and what is asked for or watched."""
    quick, stopping = quick_figures(experiment.task), experiment.training.early_stopping
    watched = [] if stopping is None else [stopping.monitor.partition("/")[2]]
    return list(dict.fromkeys([*quick, *experiment.training.figures, *watched]))


def quick_figures(task: Task) -> list[str]:
    """The figures that every training measures of parts."""
    return ["loss", *TRAINING_METRICS[task]]


def measuring(experiment: Experiment, names: Iterable[str]) -> Experiment:
    """The experiment that measures these figures of parts during training as well."""
    quick = quick_figures(experiment.task)
    more = [name for name in dict.fromkeys([*experiment.training.figures, *names]) if name not in quick]
    training = experiment.training.model_copy(update={"figures": more})
    return experiment.model_copy(update={"training": training})


def nameable(task: Task) -> list[str]:
    """The figures of a task that can be named without knowing its classes, labels or targets."""
    return [name for name in METRICS if task in _tasks_of(name) and name not in _OF_EACH_CLASS]


def unmeasured(task: Task, name: str, part: str = "") -> str | None:
    """Why a task has no figure of this name, with empty text for an unknown one; None for one that it may have.

    What depends on the data, such as the class in `f1/cat`, is checked when they are read. `part` is `val/` or empty.
    """
    if task not in _tasks_of(name):
        return ""
    if name in _OF_EACH_CLASS:
        return f"found {part}{name}, which there is for each class; expected {part}{name}/CLASS"
    return None


def _precision_findings(experiment: Experiment) -> Iterator[Finding]:
    check = experiment.training.gradcheck
    if check and experiment.precision != "float64":
        yield ("training", "gradcheck"), "a gradient check while training needs precision: float64, found float32"


def _size_findings(experiment: Experiment) -> Iterator[Finding]:
    """Networks that are too large for any data: each weight matrix has at least one row."""
    weighted = [layer for layer in experiment.network.layers or [] if layer.width]
    parameters, before = 0, 1
    for layer in weighted:
        parameters += (layer.width or 0) * (before * math.prod(layer.kernel or (1, 1)) + 1)
        before = layer.width or 1
    fault = memory_fault(parameters, experiment)
    if fault:
        yield ("network", "layers"), fault


def memory_fault(parameters: int, experiment: Experiment, workspace: int = 0) -> str | None:
    """Why a network with this many parameters and bytes of workspace for a batch is too large, or None."""
    kept = parameters * bytes_kept(experiment)
    if kept + workspace <= MOST_BYTES:
        return None
    expected = f"expected at most {MOST_BYTES / 2**30:.0f} GiB"
    if workspace > kept:
        found = f"found batches of {experiment.training.batch_size} rows, for which layers need"
        return f"{found} {workspace / 2**30:,.1f} GiB; {expected}: smaller batches or layers"
    return (
        f"found at least {parameters:,} parameters, which take {kept / 2**30:,.0f} GiB while "
        f"{experiment.optimizer.name} trains them; {expected}"
    )


def bytes_kept(experiment: Experiment) -> int:
    """How many bytes a training keeps for each parameter, independent of the batch.

    These are theta, its gradient, the best weights and the optimizer's slots, and a copy of all but the gradient, from
    which a replica is restored if its update fails. A line search has its own weights and gradient, in float64.
    """
    optimizer = experiment.optimizer.entry
    arrays = 1 + 2 * (2 + len(optimizer.slots(experiment.optimizer.values)))
    return arrays * (4 if experiment.precision == "float32" else 8) + (2 * 8 if optimizer.needs_objective else 0)


def _gate_findings(experiment: Experiment) -> Iterator[Finding]:
    """Gates on figures that no data or network can provide; the others are checked once these are known."""
    for index, gate in enumerate(experiment.parsed_gates):
        for asked in gate.asks:
            fault = _missing_part(experiment, asked) or _unknown_figure(experiment, asked)
            if fault:
                yield ("gates", index), fault


def _missing_part(experiment: Experiment, gate: Gate) -> str | None:
    name = printable(gate.figure)
    if gate.figure.startswith("val/") and not experiment.data.may_validate:
        return f"{name} is never measured: there is no validation part; expected data.validation"
    if gate.figure.startswith("gradcheck/") and experiment.training.gradcheck is None:
        return f"{name} is never measured: there is no gradient check; expected training.gradcheck"
    if gate.figure == "batch/running_loss" and not experiment.training.running_loss:
        return f"{name} is never measured: nobody adds up the losses; expected training.running_loss: true"
    if gate.figure.startswith("health/") and not experiment.training.health:
        return f"{name} is never measured: nobody looks at the units; expected training.health: true"
    return None


def _unknown_figure(experiment: Experiment, gate: Gate) -> str | None:
    head, _, name = gate.figure.partition("/")
    if head == "baseline":
        figure = name.partition("/")[2]
        return unknown_figure(gate, [figure, *baseline_figures(experiment.task, [figure])])
    if names_a_parameter(gate.figure.removeprefix("gradcheck/")) or head in ("health", "parameters"):
        return None
    if head in SPLITS and experiment.task in _tasks_of(name):
        return unmeasured(experiment.task, name, f"{head}/")
    known = [f"{split}/{name}" for split in SPLITS for name in nameable(experiment.task)]
    others = ["batch/loss", "batch/running_loss", "gradcheck/error", "optimizer/learning_rate"]
    return unknown_figure(gate, [*known, *others])


def _tasks_of(metric: str) -> Sequence[str]:
    """The tasks that a reported name such as `f1/cat` or `top_3_accuracy` belongs to."""
    try:
        return () if metric == "top_k_accuracy" else metric_of(metric).tasks
    except ValueError:
        return ()


SPLITS = ("train", "val", "test")
_OF_EACH_CLASS = ("precision", "recall", "f1")

# Each check with the keys it needs.
_CHECKS: dict[Callable[[Experiment], Iterator[Finding]], tuple[str, ...]] = {
    _seed_findings: ("generator", "seed"),
    _optimizer_findings: ("optimizer",),
    line_search_findings: ("optimizer", "network", "training.clip_norm", "training.clip_value"),
    _head_findings: ("task", "network.head"),
    _scale_findings: ("data.scale_targets", "network.head"),
    _block_findings: ("data.in_blocks", "data.blanks", "optimizer", "training.batch_size"),
    _split_findings: ("data",),
    _duration_findings: ("training.epochs", "training.steps"),
    _evaluate_findings: ("data.validation", "data.split", "data.files", "training.evaluate"),
    _monitor_findings: (
        "task",
        "data.validation",
        "data.split",
        "data.files",
        "training.evaluate",
        "training.early_stopping.monitor",
    ),
    _figures_findings: ("task", "training.figures"),
    _precision_findings: ("precision", "training.gradcheck"),
    _size_findings: ("precision", "network.layers"),
    _gate_findings: ("task", "data.validation", "data.split", "data.files", "training.gradcheck"),
}
