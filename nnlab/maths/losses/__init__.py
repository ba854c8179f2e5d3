"""Losses, and heads: a last activation together with a loss, computed on logits.

A loss of a sample sums over classes or labels (cross-entropies, hinges) or averages over targets (squared error and the
other losses of numbers); the loss of a batch is the mean over its samples. Arrays have shape (R, m, K): replicas,
samples, outputs.

Activation and loss are computed together where that is more precise. Cross-entropy of a sigmoid or softmax that has
rounded to 0 is infinite, while the same loss written on the logits z is finite and exact; and its gradient with respect
to z is simply a - y. `FUSED` is the table of such pairs; any other activation and loss are composed by the chain rule.
"""

from __future__ import annotations

from nnlab.maths.losses.classes import sigmoid_cross_entropy, softmax_cross_entropy
from nnlab.maths.losses.heads import CLASSES, FUSED, TEXTBOOK, Head, bound, row_weighted, unfused, worked_out
from nnlab.maths.losses.pairings import DEFAULT_HEADS, head_fault, implied_activation
from nnlab.maths.losses.table import LOSSES, Loss
from nnlab.maths.losses.weights import balanced, with_row_weights

__all__ = [
    "CLASSES",
    "DEFAULT_HEADS",
    "FUSED",
    "LOSSES",
    "TEXTBOOK",
    "Head",
    "Loss",
    "balanced",
    "bound",
    "head_fault",
    "implied_activation",
    "row_weighted",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "unfused",
    "with_row_weights",
    "worked_out",
]
