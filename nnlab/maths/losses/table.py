"""The table of losses, `LOSSES`, and what an entry of it says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnlab.maths.losses import classes, numbers
from nnlab.maths.parameters import Parameter, by_name


@dataclass(frozen=True)
class Loss:
    """A loss of outputs a and targets y, both (..., m, K).

    `value(a, y, **parameters)` gives the loss of each sample, (..., m); `slope(a, y, out, **parameters)` writes its
    derivative by a into `out`. Both are None for a loss that is worked out on logits alone, with the activations that
    `heads.FUSED` and `heads.CLASSES` pair it with. A `weighted` loss takes weights of classes. No sample's loss is
    below `least`.
    """

    name: str
    formula: str
    tasks: tuple[str, ...]
    source: str
    parameters: tuple[Parameter, ...] = ()
    value: Callable[..., Any] | None = None
    slope: Callable[..., None] | None = None
    weighted: bool = False
    least: float = 0.0


_SMOOTHING = Parameter(
    "smoothing", 0.0, "share of each target that is spread evenly over all classes", low=0, high=1, open_=(1,)
)
_NUMBERS = ("regression",)
_DECIDED = ("binary", "multiclass", "multilabel")

LOSSES: dict[str, Loss] = by_name(
    Loss(
        "mse", "mean_k (a_k - y_k)²", ("regression", *_DECIDED), "Gauss 1809",
        value=numbers.mse, slope=numbers.mse_slope,
    ),
    Loss(
        "mae", "mean_k |a_k - y_k|", _NUMBERS, "Laplace 1774",
        value=numbers.mae, slope=numbers.mae_slope,
    ),
    Loss(
        "huber", "mean_k h(a_k - y_k), h(r) = r² / 2 if |r| <= delta, else delta (|r| - delta / 2)", _NUMBERS,
        "Huber 1964, Annals of Mathematical Statistics 35",
        (Parameter("delta", 1.0, "error from which on the loss grows in a straight line", low=0, open_=(0,)),),
        value=numbers.huber, slope=numbers.huber_slope,
    ),
    Loss(
        "log_cosh", "mean_k log cosh(a_k - y_k)", _NUMBERS, "Green 1990, IEEE Trans. Medical Imaging 9",
        value=numbers.log_cosh, slope=numbers.log_cosh_slope,
    ),
    Loss(
        "poisson", "mean_k (exp(z_k) - y_k z_k), a = exp(z); log y_k! is left out", _NUMBERS,
        "McCullagh, Nelder 1989, Generalized Linear Models, chapter 6", least=-math.inf,
    ),
    Loss(
        "gaussian_nll", "mean_k (s_k + (y_k - μ_k)² exp(-s_k)) / 2, z = (μ, s), a = μ; log(2π) / 2 is left out",
        _NUMBERS, "Nix, Weigend 1994, ICNN", least=-math.inf,
    ),
    Loss(
        "binary_cross_entropy", "-sum_k (y_k log a_k + (1 - y_k) log(1 - a_k))", _DECIDED,
        "Bishop 2006, Pattern Recognition and Machine Learning, 4.90", (_SMOOTHING,),
        value=classes.binary_cross_entropy, slope=classes.binary_cross_entropy_slope, weighted=True,
    ),
    Loss(
        "cross_entropy", "-sum_k y_k log a_k", ("multiclass",),
        "Bishop 2006, Pattern Recognition and Machine Learning, 4.108", (_SMOOTHING,),
        value=classes.cross_entropy, slope=classes.cross_entropy_slope, weighted=True,
    ),
    Loss(
        "focal", "-sum (1 - p)^gamma log p, p the probability of what is true", _DECIDED,
        "Lin, Goyal, Girshick, He, Dollár 2017, ICCV",
        (Parameter("gamma", 2.0, "how little rows count that are right already; 0 is cross-entropy", low=0),),
        weighted=True,
    ),
    Loss(
        "hinge", "sum_k max(0, 1 - t_k z_k), t = 2y - 1; of classes max(0, 1 - z_true + largest other z)", _DECIDED,
        "Cortes, Vapnik 1995, Machine Learning 20; Crammer, Singer 2001, JMLR 2", weighted=True,
    ),
    Loss(
        "squared_hinge", "sum_k max(0, 1 - t_k z_k)², t = 2y - 1; of classes max(0, 1 - z_true + largest other z)²",
        _DECIDED, "Lee, Mangasarian 2001, Computational Optimization and Applications 20", weighted=True,
    ),
)  # fmt: skip
