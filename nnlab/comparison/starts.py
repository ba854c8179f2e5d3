"""Starts: by which initialiser the weights of all arms of a comparison start, and by how much they are multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nnlab.config.choices import ActivationChoice, InitializerChoice, choose
from nnlab.config.schema import LARGEST_GAIN, Experiment, Init, LayerSpec
from nnlab.errors import ConfigError, Fault, printable, suggestion
from nnlab.maths.initializers import INITIALIZERS

STARTS = ("fair", "same", "own")

Weights = InitializerChoice | Literal["recommended"]
_FAIR: Weights = choose("fair", INITIALIZERS, InitializerChoice)


@dataclass(frozen=True)
class Start:
    """How the networks of all arms start: by the initialiser that a word of `STARTS` means, times a gain.

    - fair: `init: fair` for every arm.
    - same: one initialiser for all: that of the experiment file or, where this is fair or recommended, the one that is
      recommended for the file's activation.
    - own: for each activation the initialiser that is recommended for it.
    - None: as in the experiment file.

    Layers that name another initialiser than fair or recommended keep it.
    """

    name: str
    word: str | None = None
    gain: float = 1.0


def starts_from(words: Sequence[str], gains: Sequence[float], experiment: Experiment) -> list[Start]:
    """Every start with every gain, none without both; ConfigError with all faults.

    The first is the one in which arms are compared: fair with gain 1 if it is there, else the first of `words`, with
    gain 1 if that is there. Without words it is the start of the experiment file, without gains the gain is 1.
    """
    if not words and not gains:
        return []
    faults = [Fault(f"--starts: found {printable(word)!r}, {_expected(word)}") for word in words if word not in STARTS]
    faults += [
        Fault(f"--gains: found {gain:g}, expected numbers above 0 and at most {LARGEST_GAIN:g}")
        for gain in gains
        if not 0 < gain <= LARGEST_GAIN
    ]
    for option, texts in (("--starts", words), ("--gains", [f"{gain:.12g}" for gain in gains])):
        again = dict.fromkeys(text for text in texts if texts.count(text) > 1)
        faults += [Fault(f"{option}: found {printable(text)!r} twice, expected different ones") for text in again]
    if faults:
        raise ConfigError(faults)
    found = [_start(word, gain, experiment) for word in words or (None,) for gain in gains or (1.0,)]
    first = min(found, key=lambda one: ((one.word, one.gain) != ("fair", 1), one.word != found[0].word, one.gain != 1))
    return [first, *(start for start in found if start != first)]


def _expected(word: str) -> str:
    return f"expected some of {', '.join(STARTS)}{suggestion(word, STARTS)}"


def _start(word: str | None, gain: float, experiment: Experiment) -> Start:
    weights = experiment.network.init.weights
    own = "own" if isinstance(weights, str) else weights.label
    return Start(f"{word or own}{'' if gain == 1 else f' × {gain:.12g}'}", word, float(gain))


def with_start(experiment: Experiment, start: Start) -> Experiment:
    """The experiment whose weights start so, except those of layers that name an initialiser of their own."""
    spec = experiment.network
    hidden, head = _weights(start.word, experiment)
    alike = hidden == head
    layers = [_started(layer, spec.init, hidden, start.gain, is_as_head=alike) for layer in spec.layers or []]
    init = _multiplied(spec.init.model_copy(update={"weights": head}), start.gain)
    return experiment.model_copy(update={"network": spec.model_copy(update={"layers": layers or None, "init": init})})


def _weights(word: str | None, experiment: Experiment) -> tuple[Weights, Weights]:
    """The initialiser of hidden layers, and that of the head."""
    spec = experiment.network
    if word == "same" and _is_general(spec.init.weights):
        return _recommended(spec.activation), "recommended"
    weights = {"fair": _FAIR, "own": "recommended"}.get(word or "", spec.init.weights)
    return weights, weights


def _started(layer: LayerSpec, shared: Init, weights: Weights, gain: float, *, is_as_head: bool) -> LayerSpec:
    """The layer with its initial weights; one that starts as the head says nothing of it."""
    init = layer.init
    if layer.width is None or (init is None and is_as_head):
        return layer
    if init is None or _is_general(init.weights):
        init = (init or shared).model_copy(update={"weights": weights})
    return layer.model_copy(update={"init": _multiplied(init, gain)})


def _multiplied(init: Init, gain: float) -> Init:
    return init if gain == 1 else init.model_copy(update={"gain": init.gain * gain})


def _is_general(weights: Weights) -> bool:
    """Whether an initialiser is one of those that look at the activation, and not one of the user's choice."""
    return weights in (_FAIR, "recommended")


def _recommended(activation: ActivationChoice) -> InitializerChoice:
    """The initialiser recommended for an activation."""
    return choose(activation.entry.initializer, INITIALIZERS, InitializerChoice)


def resolved(experiment: Experiment) -> Experiment:
    """The experiment with the initialiser written out for each hidden layer."""
    spec = experiment.network
    layers = []
    for layer in spec.layers or []:
        start = layer.init or spec.init
        if layer.width is not None and start.weights == "recommended":
            start = start.model_copy(update={"weights": _recommended(layer.activation or spec.activation)})
        layers.append(layer.model_copy(update={"init": start}) if layer.width is not None else layer)
    return experiment.model_copy(update={"network": spec.model_copy(update={"layers": layers or None})})
