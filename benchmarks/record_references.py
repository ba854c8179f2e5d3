"""Record PyTorch's figures for the tests: `python benchmarks/record_references.py`, where torch is installed.

Writes optimizers.json, schedules.json and losses.json into tests/references/, each with the version of torch. Only this
script needs torch; what it records is committed, and the tests compare with that.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

REFERENCES = Path(__file__).resolve().parents[1] / "tests" / "references"
sys.path.insert(0, str(REFERENCES.parent))

from references.problem import EXTREMES, RECORDED, STARTS, STEPS, gradient  # noqa: E402 - after the path is set

# (nnlab's entry, its parameters other than the defaults, PyTorch's class, its arguments). `l2` is a penalty's
# coefficient, which nnlab adds to the gradient itself and PyTorch calls weight_decay.
Case = tuple[str, dict[str, Any], type[torch.optim.Optimizer], dict[str, Any]]
OPTIMIZERS: list[Case] = [
    ("sgd", {"learning_rate": 0.01}, torch.optim.SGD, {"lr": 0.01}),
    ("sgd", {"learning_rate": 0.01, "l2": 0.1}, torch.optim.SGD, {"lr": 0.01, "weight_decay": 0.1}),
    ("sgd", {"learning_rate": 0.005, "momentum": 0.9}, torch.optim.SGD, {"lr": 0.005, "momentum": 0.9}),
    (
        "sgd", {"learning_rate": 0.005, "momentum": 0.9, "nesterov": True},
        torch.optim.SGD, {"lr": 0.005, "momentum": 0.9, "nesterov": True},
    ),
    ("adagrad", {}, torch.optim.Adagrad, {}),
    (
        "adagrad", {"learning_rate": 0.5, "rate_decay": 0.1, "initial": 0.1, "epsilon": 1e-3},
        torch.optim.Adagrad, {"lr": 0.5, "lr_decay": 0.1, "initial_accumulator_value": 0.1, "eps": 1e-3},
    ),
    ("rmsprop", {}, torch.optim.RMSprop, {}),
    (
        "rmsprop", {"learning_rate": 0.02, "beta": 0.9, "epsilon": 1e-3, "momentum": 0.8},
        torch.optim.RMSprop, {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "momentum": 0.8},
    ),
    ("rmsprop", {"beta": 0.9, "centered": True}, torch.optim.RMSprop, {"alpha": 0.9, "centered": True}),
    (
        "rmsprop", {"learning_rate": 0.003, "centered": True, "momentum": 0.5},
        torch.optim.RMSprop, {"lr": 0.003, "centered": True, "momentum": 0.5},
    ),
    ("adadelta", {}, torch.optim.Adadelta, {}),
    (
        "adadelta", {"learning_rate": 0.2, "beta": 0.5, "epsilon": 1e-3},
        torch.optim.Adadelta, {"lr": 0.2, "rho": 0.5, "eps": 1e-3},
    ),
    ("adam", {}, torch.optim.Adam, {}),
    ("adam", {"learning_rate": 0.1, "l2": 0.1}, torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.1}),
    (
        "adam", {"learning_rate": 0.1, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3},
        torch.optim.Adam, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3},
    ),
    ("amsgrad", {}, torch.optim.Adam, {"amsgrad": True}),
    (
        "amsgrad", {"learning_rate": 0.1, "beta2": 0.9}, torch.optim.Adam,
        {"lr": 0.1, "betas": (0.9, 0.9), "amsgrad": True},
    ),
    ("adamw", {}, torch.optim.AdamW, {}),
    (
        "adamw", {"learning_rate": 0.1, "weight_decay": 0.3}, torch.optim.AdamW,
        {"lr": 0.1, "weight_decay": 0.3},
    ),
    ("adamw", {"weight_decay": 0.0}, torch.optim.AdamW, {"weight_decay": 0.0}),
    ("nadam", {}, torch.optim.NAdam, {}),
    (
        "nadam", {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.9, "momentum_decay": 0.5, "epsilon": 1e-3},
        torch.optim.NAdam, {"lr": 0.02, "betas": (0.8, 0.9), "momentum_decay": 0.5, "eps": 1e-3},
    ),
    ("nadam", {"beta1": 0.1}, torch.optim.NAdam, {"betas": (0.1, 0.999)}),
    ("radam", {}, torch.optim.RAdam, {}),
    (
        "radam", {"learning_rate": 0.02, "beta1": 0.5, "beta2": 0.99, "epsilon": 1e-3},
        torch.optim.RAdam, {"lr": 0.02, "betas": (0.5, 0.99), "eps": 1e-3},
    ),
    ("radam", {"learning_rate": 0.02, "beta2": 0.5}, torch.optim.RAdam, {"lr": 0.02, "betas": (0.9, 0.5)}),
    ("rprop", {}, torch.optim.Rprop, {}),
    (
        "rprop", {"learning_rate": 0.05, "shrink": 0.3, "grow": 1.5, "smallest": 0.01, "largest": 0.4},
        torch.optim.Rprop, {"lr": 0.05, "etas": (0.3, 1.5), "step_sizes": (0.01, 0.4)},
    ),
]  # fmt: skip

BASE = 0.3
LR = torch.optim.lr_scheduler
# (nnlab's entry, its parameters, the number of steps, PyTorch's scheduler).
SCHEDULES: list[tuple[str, dict[str, float], int, Any]] = [
    ("linear", {"final": 0.0}, 20, lambda o: LR.LinearLR(o, 1.0, 0.0, total_iters=20)),
    ("linear", {"final": 0.25}, 7, lambda o: LR.LinearLR(o, 1.0, 0.25, total_iters=7)),
    ("constant", {"warmup": 10}, 12, lambda o: LR.LinearLR(o, 0.1, 1.0, total_iters=9)),
    ("exponential", {"final": 0.01}, 20, lambda o: LR.ExponentialLR(o, 0.01 ** (1 / 20))),
    ("step", {"factor": 0.5, "every": 7}, 30, lambda o: LR.StepLR(o, 7, 0.5)),
    ("step", {"factor": 0.1, "every": 0.3}, 30, lambda o: LR.StepLR(o, 9, 0.1)),
    ("cosine", {"final": 0.0}, 20, lambda o: LR.CosineAnnealingLR(o, 20)),
    ("cosine", {"final": 0.1}, 33, lambda o: LR.CosineAnnealingLR(o, 33, eta_min=0.1 * BASE)),
    ("cosine", {"cycles": 4, "final": 0.1}, 28, lambda o: LR.CosineAnnealingWarmRestarts(o, 7, eta_min=0.1 * BASE)),
    ("cosine", {"cycles": 3, "growth": 2, "final": 0.0}, 35, lambda o: LR.CosineAnnealingWarmRestarts(o, 5, 2)),
    ("cosine", {"cycles": 4, "growth": 3, "final": 0.2}, 80, lambda o: LR.CosineAnnealingWarmRestarts(o, 2, 3, 0.06)),
    ("one_cycle", {}, 40, lambda o: LR.OneCycleLR(o, BASE, total_steps=40)),
    (
        "one_cycle", {"rise": 0.45, "start": 0.1, "final": 0.001}, 37,
        lambda o: LR.OneCycleLR(o, BASE, total_steps=37, pct_start=0.45, div_factor=10, final_div_factor=100),
    ),
]  # fmt: skip
PLATEAUS = [
    {"factor": 0.5, "patience": 2, "min_delta": 0.0, "min_scale": 0.1},
    {"factor": 0.1, "patience": 3, "min_delta": 0.05, "min_scale": 0.001, "larger_is_better": True},
    {"factor": 0.5, "patience": 2, "min_delta": 0.01, "relative": True, "min_scale": 0.001},
    {"factor": 0.5, "patience": 1, "min_delta": 0.1, "relative": True, "min_scale": 0.001, "larger_is_better": True},
    {"factor": 0.5, "patience": 1, "min_delta": 0.0, "cooldown": 2, "min_scale": 0.001},
    {"factor": 0.7, "patience": 2, "min_delta": 0.02, "relative": True, "cooldown": 3, "min_scale": 0.001},
]
WATCHED = [5.0, 4.0, 4.0, 3.96, 3.5, 3.6, 3.6, 3.6, 3.49, 3.7, 3.8, 3.9, 3.9, 3.9, 3.9, 3.0, 3.0, 3.01, 3.02, 6.0, 6.1]


def run(kind: type[torch.optim.Optimizer], arguments: dict[str, Any]) -> dict[str, list[list[float]]]:
    """Theta after the recorded steps on the problem."""
    theta = torch.tensor(STARTS, dtype=torch.float64, requires_grad=True)
    optimizer, recorded = kind([theta], **arguments), {}
    for step in range(1, STEPS + 1):
        theta.grad = torch.from_numpy(gradient(theta.detach().numpy()))
        optimizer.step()
        if step in RECORDED:
            recorded[str(step)] = theta.detach().tolist()
    return recorded


def lost_to_extremes(kind: type[torch.optim.Optimizer], arguments: dict[str, Any]) -> list[int]:
    """Which parameters are not finite after steps with extreme gradients in float32."""
    theta = torch.ones(len(EXTREMES[0]), dtype=torch.float32, requires_grad=True)
    optimizer = kind([theta], **arguments)
    for row in EXTREMES:
        theta.grad = torch.tensor(row, dtype=torch.float32)
        optimizer.step()
    return torch.nonzero(~torch.isfinite(theta.detach())).ravel().tolist()


def recorded_optimizer(case: Case) -> dict[str, Any]:
    """One case with PyTorch's figures."""
    name, parameters, kind, arguments = case
    defaults = kind([torch.zeros(1, requires_grad=True)]).defaults
    kept = ("lr", "eps", "betas", "alpha", "rho", "momentum_decay", "etas", "step_sizes", "weight_decay")
    return {
        "name": name,
        "parameters": parameters,
        "torch": f"{kind.__name__}({', '.join(f'{key}={value}' for key, value in arguments.items())})",
        "defaults": {key: defaults[key] for key in kept if key in defaults},
        "theta": run(kind, arguments),
        "not_finite": lost_to_extremes(kind, arguments),
    }


def recorded_rates(name: str, parameters: dict[str, float], steps: int, schedule: Any) -> dict[str, Any]:
    """The learning rate of every step, as PyTorch's scheduler sets it before the step."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=BASE, momentum=0.5)
    scheduler, rates = schedule(optimizer), []
    for step in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < steps:
            scheduler.step()
    return {"name": name, "parameters": parameters, "base": BASE, "steps": steps, "rates": rates}


def recorded_plateau(given: dict[str, Any]) -> dict[str, Any]:
    """The learning rate after each watched value, from a rate of 1. PyTorch waits for one value more."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = LR.ReduceLROnPlateau(
        optimizer,
        mode="max" if given.get("larger_is_better") else "min",
        factor=given["factor"],
        patience=given["patience"] - 1,
        threshold=given["min_delta"],
        threshold_mode="rel" if given.get("relative") else "abs",
        cooldown=given.get("cooldown", 0),
        min_lr=given["min_scale"],
    )
    scales = []
    for value in WATCHED:
        scheduler.step(value)
        scales.append(optimizer.param_groups[0]["lr"])
    return {"parameters": given, "values": WATCHED, "scales": scales}


F = torch.nn.functional
WEIGHTS = torch.tensor([0.5, 2.0, 1.25])
Function = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
# (nnlab's loss, its parameters, class weights, the task, PyTorch's function, what it gives for each sample.) The focal
# losses are torchvision's formula, `ce * (1 - p_t) ** gamma`.
LOSSES: list[tuple[str, dict[str, float], list[float] | None, str, str, Function]] = [
    ("mse", {}, None, "regression", "mse_loss", lambda z, y: F.mse_loss(z, y, reduction="none").mean(-1)),
    ("mae", {}, None, "regression", "l1_loss", lambda z, y: F.l1_loss(z, y, reduction="none").mean(-1)),
    (
        "huber", {"delta": 1.0}, None, "regression", "huber_loss",
        lambda z, y: F.huber_loss(z, y, reduction="none").mean(-1),
    ),
    (
        "huber", {"delta": 1.5}, None, "regression", "huber_loss(delta=1.5)",
        lambda z, y: F.huber_loss(z, y, reduction="none", delta=1.5).mean(-1),
    ),
    (
        "poisson", {}, None, "counts", "poisson_nll_loss",
        lambda z, y: F.poisson_nll_loss(z, y, reduction="none").mean(-1),
    ),
    (
        "gaussian_nll", {}, None, "regression", "gaussian_nll_loss(eps=0)",
        lambda z, y: F.gaussian_nll_loss(z[..., :3], y, torch.exp(z[..., 3:]), eps=0, reduction="none").mean(-1),
    ),
    (
        "cross_entropy", {}, None, "multiclass", "cross_entropy",
        lambda z, y: F.cross_entropy(z, y.argmax(-1), reduction="none"),
    ),
    (
        "cross_entropy", {"smoothing": 0.1}, None, "multiclass", "cross_entropy(label_smoothing=0.1)",
        lambda z, y: F.cross_entropy(z, y.argmax(-1), reduction="none", label_smoothing=0.1),
    ),
    (
        "cross_entropy", {}, WEIGHTS.tolist(), "multiclass", "cross_entropy(weight=…)",
        lambda z, y: F.cross_entropy(z, y.argmax(-1), reduction="none", weight=WEIGHTS.double()),
    ),
    (
        "binary_cross_entropy", {"smoothing": 0.2}, None, "multilabel", "binary_cross_entropy_with_logits at smooth y",
        lambda z, y: F.binary_cross_entropy_with_logits(z, y * 0.8 + 0.1, reduction="none").sum(-1),
    ),
    (
        "binary_cross_entropy", {}, WEIGHTS.tolist(), "multilabel", "binary_cross_entropy_with_logits(pos_weight=…)",
        lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="none", pos_weight=WEIGHTS.double()).sum(-1),
    ),
    ("focal", {"gamma": 2.0}, None, "multilabel", "sigmoid_focal_loss", lambda z, y: sigmoid_focal(z, y, 2.0)),
    ("focal", {"gamma": 0.5}, None, "multilabel", "sigmoid_focal_loss", lambda z, y: sigmoid_focal(z, y, 0.5)),
    ("focal", {"gamma": 2.0}, None, "multiclass", "of cross_entropy", lambda z, y: softmax_focal(z, y, 2.0)),
    ("focal", {"gamma": 0.0}, None, "multiclass", "of cross_entropy", lambda z, y: softmax_focal(z, y, 0.0)),
]  # fmt: skip


def sigmoid_focal(z: torch.Tensor, y: torch.Tensor, gamma: float) -> torch.Tensor:
    """torchvision.ops.sigmoid_focal_loss with alpha=-1, summed over the labels."""
    p = torch.sigmoid(z)
    p_t = p * y + (1 - p) * (1 - y)
    return (F.binary_cross_entropy_with_logits(z, y, reduction="none") * (1 - p_t) ** gamma).sum(-1)


def softmax_focal(z: torch.Tensor, y: torch.Tensor, gamma: float) -> torch.Tensor:
    """The same factor on a cross-entropy."""
    p_t = (torch.softmax(z, -1) * y).sum(-1)
    return F.cross_entropy(z, y.argmax(-1), reduction="none") * (1 - p_t) ** gamma


def recorded_loss(
    name: str, parameters: dict[str, float], weights: list[float] | None, task: str, words: str, function: Function
) -> dict[str, Any]:
    """The loss of each of six samples and its derivative by their logits."""
    generator = torch.Generator().manual_seed(7)
    z = 2 * torch.randn(6, 6 if name == "gaussian_nll" else 3, generator=generator)
    y = {
        "regression": torch.randn(6, 3, generator=generator),
        "counts": torch.randint(0, 9, (6, 3), generator=generator).double(),
        "multilabel": torch.randint(0, 2, (6, 3), generator=generator).double(),
        "multiclass": torch.eye(3)[[0, 2, 1, 1, 0, 2]],
    }[task]
    z.requires_grad_()
    losses = function(z, y)
    losses.sum().backward()
    about = {"name": name, "parameters": parameters, "weights": weights, "task": task.replace("counts", "regression")}
    figures = {"z": z, "y": y, "losses": losses, "gradient": z.grad}
    return {**about, "torch": words, **{key: value.tolist() for key, value in figures.items() if value is not None}}


def write(name: str, **lists: list[dict[str, Any]]) -> None:
    """One JSON file, a line per case; its figures are read back to the same bits."""
    lines = [f'"torch": "{torch.__version__}"']
    for key, cases in lists.items():
        rows = ",\n".join(json.dumps(case, allow_nan=False) for case in cases)
        lines.append(f'"{key}": [\n{rows}\n]')
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    (REFERENCES / name).write_text(text, encoding="utf-8")
    print(f"{REFERENCES / name}: {len(text)} characters")


def main() -> None:
    """Record everything."""
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product of momenta in the default type
    write("optimizers.json", cases=[recorded_optimizer(case) for case in OPTIMIZERS])
    schedules = [recorded_rates(*case) for case in SCHEDULES]
    write("losses.json", cases=[recorded_loss(*case) for case in LOSSES])
    write("schedules.json", schedules=schedules, plateaus=[recorded_plateau(given) for given in PLATEAUS])


if __name__ == "__main__":
    main()
