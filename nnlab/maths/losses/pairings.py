"""Which last activation goes with which loss, and why others do not."""

from __future__ import annotations

from nnlab.errors import listed
from nnlab.maths.losses.table import LOSSES

# The head a task gets when the experiment names none: (activation, loss).
DEFAULT_HEADS: dict[str, tuple[str, str]] = {
    "binary": ("sigmoid", "binary_cross_entropy"),
    "multiclass": ("softmax", "cross_entropy"),
    "multilabel": ("sigmoid", "binary_cross_entropy"),
    "regression": ("identity", "mse"),
}

_MARGIN = "holds scores of any size against a margin of 1, and {activation} would bend them"
# The activations that a loss goes with, and why only these; a loss that is not here goes with most of them.
_NEEDS: dict[str, tuple[tuple[str, ...], str]] = {
    "binary_cross_entropy": (("sigmoid",), "needs probabilities, and {activation} may leave (0, 1)"),
    "cross_entropy": (
        ("softmax", "softmin"), "needs class probabilities that sum to 1, which {activation} does not give",
    ),
    "focal": (("sigmoid", "softmax"), "needs probabilities, and {activation} may leave (0, 1)"),
    "hinge": (("identity",), _MARGIN),
    "squared_hinge": (("identity",), _MARGIN),
    "poisson": (("exponential",), "works on logarithms of rates, and {activation} is not what turns these into rates"),
    "gaussian_nll": (
        ("identity",), "takes a mean and the logarithm of a variance for each target, and {activation} would bend both",
    ),
}  # fmt: skip

# Pairs that look right and are not.
_MISTAKEN: dict[tuple[str, str], str] = {
    ("sparsemax", "cross_entropy"): (
        "sparsemax gives classes probability 0, and cross_entropy is infinite where such a class is right; "
        "expected softmax, or sparsemax with mse"
    ),
    ("log_softmax", "cross_entropy"): (
        "log_softmax gives logarithms of probabilities, which cross_entropy takes itself; expected softmax"
    ),
}
_SHARING = ("softmax", "softmin", "sparsemax")
_BELOW_ZERO = ("log_sigmoid", "log_softmax")


def head_fault(task: str, activation: str, loss: str, outputs: int | None) -> str | None:
    """Why this head makes no sense for the task and number of outputs (None: not known yet), or None if it does."""
    tasks = LOSSES[loss].tasks
    if task not in tasks:
        return f"{loss} is for {listed(tasks)} tasks, not a {task} task; expected {_either(task)}"
    if (activation, loss) in _MISTAKEN:
        return _MISTAKEN[activation, loss]
    return (
        _sharing_fault(task, activation, loss, outputs)
        or _needs_fault(activation, loss)
        or _zero_fault(task, activation)
    )


def implied_activation(task: str, loss: str) -> str:
    """The last activation where an experiment names the loss alone."""
    usual = DEFAULT_HEADS[task][0]
    possible = _NEEDS[loss][0] if loss in _NEEDS else (usual,)
    return usual if usual in possible else possible[0]


def _sharing_fault(task: str, activation: str, loss: str, outputs: int | None) -> str | None:
    """What is wrong with outputs that sum to 1."""
    is_apt = task == "multiclass" and (activation, loss) in {
        ("softmax", "cross_entropy"), ("softmin", "cross_entropy"), ("softmax", "focal"), ("sparsemax", "mse"),
    }  # fmt: skip
    on_scores = loss in _NEEDS and _NEEDS[loss][0] == ("identity",)
    if activation not in _SHARING or on_scores or loss == "poisson":
        return None
    if not is_apt:
        apt = "mse in a multiclass task" if activation == "sparsemax" else "cross_entropy"
        return f"{activation} shares probability 1 among classes; expected it with {apt}, found {loss}"
    if outputs == 1:
        return f"{activation} over one output is always 1 and learns nothing; expected sigmoid, or at least 2 classes"
    return None


def _needs_fault(activation: str, loss: str) -> str | None:
    possible, reason = _NEEDS.get(loss, ((activation,), ""))
    if activation in possible:
        return None
    return f"{loss} {reason.format(activation=activation)}; expected {' or '.join(possible)}"


def _zero_fault(task: str, activation: str) -> str | None:
    """What is wrong with outputs that never reach the target 1, or that are logarithms of shares."""
    if activation == "log_softmax" and task == "regression":
        return "log_softmax gives logarithms of shares, not numbers of their own; expected identity"
    if activation in _BELOW_ZERO and task != "regression":
        return f"{activation} stays below 0 and never comes near a target of 1; expected {DEFAULT_HEADS[task][0]}"
    return None


def _either(task: str) -> str:
    return " or ".join(name for name, entry in LOSSES.items() if task in entry.tasks)
