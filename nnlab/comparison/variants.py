"""Variants of an experiment: with another activation, another start, or other values of some keys.

A variant is a complete experiment with a label. Comparisons and sweeps are lists of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from nnlab.comparison.arms import arm_experiment, labels_of
from nnlab.comparison.starts import Start, resolved, with_start
from nnlab.config.choices import ActivationChoice
from nnlab.config.experiment import validate
from nnlab.config.overrides import override
from nnlab.config.schema import Data, Experiment
from nnlab.errors import ConfigError, Fault, listed, printable, suggestion

TUNE = "--tune"
LEARNING_RATE = "optimizer.learning_rate"

# Keys that determine the rows or the meaning of a seed cannot be varied: of the data, all but how rows are used.
_OF_USE = {"scale", "scale_targets", "test", "validation", "train"}
_FIXED = ("name", "task", "seed", "gates", *(f"data.{key}" for key in Data.model_fields if key not in _OF_USE))
COMPARED = "network.activation"
_MOST_POINTS = 100_000
_SHORT = re.compile(r"[^.]*(\.\d+)*$")

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Variant:
    """One arm: a complete experiment under a label.

    `settings` are the changed keys, each with the text of its value. `family` is the label without the settings, `name`
    that without the start, and `starts` are the starts under which the activation makes this experiment.
    """

    label: str
    choice: ActivationChoice
    experiment: Experiment
    settings: Settings = ()
    family: str = ""
    name: str = ""
    starts: tuple[str, ...] = ()

    @property
    def legend(self) -> str:
        """The label, and for a short label such as f1 the formula that it stands for."""
        short, _, rest = self.label.partition(" ")
        if self.choice.formula is None or not re.fullmatch("f[0-9]+", short):
            return self.label
        return ", ".join(filter(None, (f"{short} = {self.choice.formula}", rest)))


def variants(
    experiment: Experiment,
    choices: Sequence[ActivationChoice],
    *,
    layer: str | None = None,
    starts: Sequence[Start] = (),
    tune: Sequence[str] = (),
) -> list[Variant]:
    """Every activation under every start and every combination of tuned values; ConfigError with all faults.

    The labels under other starts than the first name the start.
    """
    number = None if layer is None else layer_number(experiment, layer)
    points = tuned(experiment, grid(tune, TUNE), TUNE)
    found = []
    for start, (choice, name) in product(starts or (None,), zip(choices, labels_of(choices), strict=True)):
        family = name if start is None or start == starts[0] else f"{name} [{start.name}]"
        own = () if start is None else (start.name,)
        for settings, base in points:
            changed = _with_activation(base if start is None else with_start(base, start), choice, number)
            found.append(Variant(_label(family, settings), choice, changed, settings, family, name, own))
    return found


def _label(family: str, settings: Settings) -> str:
    return " ".join([family, *short(settings)])


def short(settings: Settings) -> list[str]:
    """Settings as `key=value`, with the last part of each key if these are distinct; an index keeps its list's name."""
    last = [_SHORT.search(key)[0] for key, _ in settings]  # type: ignore[index]
    names = last if len({*last}) == len(last) else [key for key, _ in settings]
    return [f"{name}={value}" for name, (_, value) in zip(names, settings, strict=True)]


# --- the layer --------------------------------------------------------------------------------------------------------


def layer_number(experiment: Experiment, name: str) -> int:
    """The index in `network.layers` of a hidden layer with weights, given its number from 1 or its name.

    ConfigError if there is none.
    """
    known = dict(_hidden_layers(experiment))
    numbered = dict(enumerate(known.values(), start=1))
    found = numbered.get(int(name)) if name.isdecimal() else known.get(name)
    if found is None:
        expected = f"expected one of 1 to {len(known)}, or {', '.join(known)}" if known else "there is none"
        raise ConfigError(f"--layer: found no hidden layer with weights {printable(name)!r}; {expected}")
    return found


def _hidden_layers(experiment: Experiment) -> Iterator[tuple[str, int]]:
    """The name in the network and the index in the file of each hidden layer with weights."""
    counts: Counter[str] = Counter()
    for index, layer in enumerate(experiment.network.layers or []):
        if layer.width is not None:
            counts[layer.kind] += 1
            yield f"{layer.kind}{counts[layer.kind]}", index


def _with_activation(experiment: Experiment, choice: ActivationChoice, layer: int | None) -> Experiment:
    """The experiment with an activation in each hidden layer that does not name one itself, or in one `layer` only."""
    if layer is None:
        return arm_experiment(experiment, choice)
    changed = [
        spec.model_copy(update={"activation": choice}) if index == layer else spec
        for index, spec in enumerate(experiment.network.layers or [])
    ]
    network = experiment.network.model_copy(update={"layers": changed})
    return experiment.model_copy(update={"network": network, "gates": []})


# --- the same under two starts ----------------------------------------------------------------------------------------


def without_twins(arms: Sequence[Variant]) -> tuple[list[Variant], list[str]]:
    """The arms without those that are the same under two starts, and a sentence for each activation that has some."""
    kept: list[Variant] = []
    for arm in arms:
        place = next((at for at, one in enumerate(kept) if one.settings == arm.settings and _are_twins(one, arm)), None)
        if place is None:
            kept.append(arm)
        else:
            kept[place] = replace(kept[place], starts=(*kept[place].starts, *arm.starts))
    alike: dict[str, dict[str, None]] = {}
    for arm in kept:
        if len(arm.starts) > 1:
            alike.setdefault(arm.name, {})[listed(arm.starts)] = None
    once = "so that it was trained once for both"
    return kept, [f"{name} starts alike under {', under '.join(starts)}, {once}." for name, starts in alike.items()]


def _are_twins(one: Variant, other: Variant) -> bool:
    return one.name == other.name and resolved(one.experiment) == resolved(other.experiment)


# --- settings ---------------------------------------------------------------------------------------------------------


def grid(texts: Sequence[str], option: str) -> dict[str, list[str]]:
    """Parse `KEY=V1,V2` into the values of each key; ConfigError with the faults of all texts."""
    found: dict[str, list[str]] = {}
    faults = []
    for text in texts:
        key, equals, values = text.partition("=")
        parts = split_values(values)
        if fault := _grid_fault(key, equals, parts, found) or compared_fault(key, option):
            faults.append(Fault(fault, f"{option} {printable(text)}"))
        found.setdefault(key, parts)
    if faults:
        raise ConfigError(faults)
    return found


def _grid_fault(key: str, equals: str, parts: Sequence[str], before: Mapping[str, list[str]]) -> str | None:
    if not equals or not all(parts):
        return "expected KEY=VALUE,VALUE,…"
    if key in before:
        return f"found {printable(key)} again, expected all its values at once"
    again = next((part for index, part in enumerate(parts) if part in parts[:index]), None)
    if again is not None:
        return f"found {printable(again)} twice, expected different values"
    return fixed_fault(key)


def compared_fault(key: str, option: str) -> str | None:
    """Why a key cannot be tuned, or None: the compared activation itself cannot."""
    if option != TUNE or not (key == COMPARED or key.startswith(f"{COMPARED}.")):
        return None
    return f"found {printable(key)}, which is what is compared; expected it as -a"


def fixed_fault(key: str) -> str | None:
    """Why a key cannot be varied, or None."""
    for name in _FIXED:
        if key == name or key.startswith(f"{name}."):
            return f"found {printable(key)}, which all arms share; expected a key that leaves data and task as they are"
    top = key.partition(".")[0]
    if top not in Experiment.model_fields:
        return f"unknown key '{printable(top)}'{suggestion(top, Experiment.model_fields)}"
    return None


def split_values(text: str) -> list[str]:
    """Split at commas, except those within brackets or quotes."""
    parts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        depth += (character in "([{") - (character in ")]}") if not quote else 0
        if character == "," and not quote and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def tuned(
    experiment: Experiment, values: Mapping[str, Sequence[str]], option: str
) -> list[tuple[Settings, Experiment]]:
    """Every combination of values, with its experiment; ConfigError with the faults of all values."""
    count = 1
    for texts in values.values():
        count *= len(texts)
    if count > _MOST_POINTS:
        raise ConfigError(f"{option}: found {count} combinations of values, expected at most {_MOST_POINTS}")
    keys = list(values)
    points = [tuple(zip(keys, texts, strict=True)) for texts in product(*values.values())]
    alone = [((key, text),) for key, texts in values.items() for text in texts]
    _check([point for point in alone if len(keys) > 1], experiment, option)
    return settle(experiment, points, option)


def settle(experiment: Experiment, points: Sequence[Settings], option: str) -> list[tuple[Settings, Experiment]]:
    """The experiment at the settings of each point; ConfigError with the faults of all points."""
    return list(zip(points, _check(points, experiment, option), strict=True))


def _check(points: Sequence[Settings], experiment: Experiment, option: str) -> list[Experiment]:
    """The experiment of each point. ConfigError with all faults; one that several values of a key share stands once."""
    found, faults = [], dict[Fault, set[Fault]]()
    for point in points:
        try:
            found.append(_changed(experiment, point))
        except ConfigError as error:
            for of_key, of_value in (_placed(fault, point, option) for fault in error.faults):
                faults.setdefault(of_key, set()).add(of_value)
    if faults:
        raise ConfigError([of_key if len(values) > 1 else values.pop() for of_key, values in faults.items()])
    return found


def _changed(experiment: Experiment, settings: Settings) -> Experiment:
    """The experiment with other values of some keys, validated like a file."""
    if not settings:
        return experiment
    document = experiment.document
    assert document is not None, "the experiment was read from a document"
    for key, value in settings:
        document = override(document, f"{key}={value}")
    changed = validate(document, experiment.activations)
    # The document has the paths of the data as written; the experiment has them made absolute.
    data = changed.data.model_copy(update={key: getattr(experiment.data, key) for key in ("source", "files")})
    return changed.model_copy(update={"data": data})


def _placed(fault: Fault, point: Settings, option: str) -> tuple[Fault, Fault]:
    """The fault, located at the key on the command line that caused it, and at the key's value."""
    for key, value in point:
        if fault.file == f"--set {key}=…":
            of_key = replace(fault, file=f"{option} {printable(key)}", line=None, column=None)
            return of_key, replace(of_key, file=f"{of_key.file}={printable(value)}")
    return fault, fault


def same_but_rate(experiment: Experiment) -> Experiment:
    """The experiment without its learning rate: experiments that are equal then can be trained at once."""
    optimizer = experiment.optimizer
    values = {name: value for name, value in optimizer.values.items() if name != "learning_rate"}
    bare = optimizer.model_copy(update={"values": values, "changed": ()})
    return experiment.model_copy(update={"optimizer": bare})


def rates_of(points: Sequence[Variant]) -> Iterator[float]:
    """The learning rate of each variant."""
    return (float(point.experiment.optimizer.values["learning_rate"]) for point in points)
