"""Every figure of every shipped experiment, made again by scikit-learn from predictions.csv alone."""

import csv
import json
import re
import warnings

import numpy as np
import pytest
from sklearn import metrics
from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss  # log_loss takes rounded probabilities, these logits
from support import NOTEBOOKS, ROOT, nnlab_here

from nnlab.config.experiment import load
from nnlab.config.plugins import with_plugins

CONFIGS = {path.stem if path.parent != NOTEBOOKS else f"notebooks/{path.stem}": path for path in
           sorted([*(ROOT / "configs").glob("*.yaml"), *NOTEBOOKS.glob("*.yaml")])}  # fmt: skip

# What is left out, and why.
LEFT_OUT = {
    "notebooks/celeba": "its photographs do not come with nnlab; portraits.yaml has the same head and task",
    "notebooks/cifar10": "its pictures do not come with nnlab; digits-conv.yaml has the same head and task",
    "mnist-conv": "28 × 28 pixels of 70,000 images take half a minute; digits-conv.yaml has the same layers",
}
SCALED = "a loss of scaled targets, which predictions.csv has in their own units"
HUBER = "scikit-learn has no figure for the Huber loss"
NO_LOSS = {
    **dict.fromkeys(("auto-mpg", "concrete", "energy", "houses"), SCALED),
    "robust": HUBER,
}
SMALL = ("--set", "data.source=digits", "--set", "data.test=0.2")  # instead of the 70,000 images of MNIST
CHANGED = {
    "portraits": ("--set", "data.source.samples=200"),
    "mnist": (*SMALL, "--set", "data.validation=0.2"),
    "notebooks/gradcheck-wrong-relu": ("--set", "training.gradcheck=null"),  # which ends the command with 6
    **{name: SMALL for name in CONFIGS if name.startswith("notebooks/digits")},
}


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """Nobody looks at them here."""
    monkeypatch.setattr("nnlab.experiments.pictures.PICTURES", {})


def figures_and_rows(folder, path, *words):
    """The figures of each part of a run of a few steps, and the rows of its predictions.csv."""
    plugins = [
        word for name in re.findall(r"--plugin (\S+\.py)", path.read_text()) for word in ("--plugin", ROOT / name)
    ]
    begun = nnlab_here("train", path, "--set", "gates=[]", "--no-baselines", "-q", *words, *plugins, cwd=folder)
    assert begun.exit_code == 0, begun.stderr
    found = nnlab_here("eval", "latest", "--predictions", "p.csv", "--json", *plugins, cwd=folder)
    assert found.exit_code == 0, found.stderr
    figures, reports = json.loads(found.stdout)["figures"], {}
    for name, value in figures.items():
        part, _, figure = name.partition("/")
        if part != "parameters":  # those of the network, not of its predictions
            reports.setdefault(part, {})[figure] = value
    with (folder / "p.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return reports, {name: [row for row in rows if row.get("split", name) == name] for name in reports}


class Recomputed:
    """The figures of some rows of predictions.csv, by task."""

    def __init__(self, task, rows, training):
        self.task, self.rows, self.training = task, rows, training
        self.targets = [name.removeprefix("true/") for name in rows[0] if name.startswith("true/")]
        self.behind = [name.removeprefix("probability/") for name in rows[0] if name.startswith("probability/")]
        self.weights = self.numbers("weight")[:, 0] if "weight" in rows[0] else None

    def numbers(self, *names):
        return np.array([[float(row[name]) for name in names] for row in self.rows])

    @property
    def scores(self):
        return self.numbers(*(f"score/{name}" for name in self.behind))

    def figures(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about classes that are predicted but absent, and r2 of one row
            return {"regression": self.of_values, "multilabel": self.of_labels}.get(self.task, self.of_classes)()

    def rates(self, truth, decided, names, **more):
        more = {"sample_weight": self.weights, "zero_division": 0} | more
        found = metrics.precision_recall_fscore_support(truth, decided, **more)
        return dict(zip(names, found[:3], strict=True))

    def of_classes(self):
        (target,) = self.targets
        truth, decided = ([row[name] for row in self.rows] for name in (f"true/{target}", target))
        others = {row[f"true/{target}"] for row in [*self.rows, *self.training]} - {*self.behind}
        classes = [*others, *self.behind] if self.task == "binary" else self.behind
        seen, w = [name for name in classes if name in {*truth, *decided}], {"sample_weight": self.weights}
        found = {
            "accuracy": metrics.accuracy_score(truth, decided, **w),
            "balanced_accuracy": metrics.balanced_accuracy_score(truth, decided, **w),
        }
        found |= self.rates(truth, decided, ("macro_precision", "macro_recall", "macro_f1"), average="macro")
        for kind, values in self.rates(truth, decided, ("precision", "recall", "f1"), labels=seen).items():
            each = dict(zip(seen, values, strict=True))
            found |= {f"{kind}/{name}": each.get(name) for name in classes}
        return found | (self.of_ranked_rows(truth) if self.task == "binary" else self.of_ranked_classes(truth))

    def of_ranked_rows(self, truth):
        positive, z = np.array(truth) == self.behind[0], self.scores[:, 0]
        both, w = 0 < positive.sum() < len(positive), {"sample_weight": self.weights}
        return {
            "roc_auc": metrics.roc_auc_score(positive, z, **w) if both else None,
            "average_precision": metrics.average_precision_score(positive, z, **w) if positive.any() else None,
        }

    def of_ranked_classes(self, truth):
        places, labels = [self.behind.index(name) for name in truth], range(len(self.behind))
        more = {"labels": labels, "sample_weight": self.weights}
        wanted = (3, 5) if len(labels) > 5 else ()
        return {f"top_{k}_accuracy": metrics.top_k_accuracy_score(places, self.scores, k=k, **more) for k in wanted}

    def of_labels(self):
        truth, decided = self.numbers(*(f"true/{name}" for name in self.targets)), self.numbers(*self.targets)
        found = {
            "subset_accuracy": metrics.accuracy_score(truth, decided),
            "hamming_loss": metrics.hamming_loss(truth, decided),
        }
        for mean in ("micro", "macro"):
            names = [f"{mean}_{kind}" for kind in ("precision", "recall", "f1")]
            found |= self.rates(truth, decided, names, average=mean)
        for kind, values in self.rates(truth, decided, ("precision", "recall", "f1"), average=None).items():
            found |= {f"{kind}/{name}": value for name, value in zip(self.targets, values, strict=True)}
        return found

    def of_values(self):
        truth, outputs = self.numbers(*(f"true/{name}" for name in self.targets)), self.numbers(*self.targets)
        found, more = {}, {"sample_weight": self.weights, "multioutput": "raw_values"}
        for name, figure in (
            ("mae", metrics.mean_absolute_error),
            ("mse", metrics.mean_squared_error),
            ("rmse", metrics.root_mean_squared_error),
            ("r2", metrics.r2_score),
        ):
            values = np.atleast_1d(figure(truth, outputs, **more)) if len(truth) > 1 or name != "r2" else [None]
            found[name] = None if None in values else np.mean(values)
            if len(self.targets) > 1:
                found |= {f"{name}/{target}": value for target, value in zip(self.targets, values, strict=True)}
        return found

    def loss(self, activation, class_weights):
        """The mean loss of a row, from the scores; a regression's from its outputs."""
        if self.task == "regression":
            truth, outputs = self.numbers(*(f"true/{name}" for name in self.targets)), self.numbers(*self.targets)
            return metrics.mean_squared_error(truth, outputs)
        truth, w = self.zeros_and_ones(), np.ones(len(self.rows)) if self.weights is None else self.weights
        if activation == "softmax":
            w = w * (truth @ [self.balanced(name) for name in self.behind] if class_weights else 1)
            losses = HalfMultinomialLoss(n_classes=len(self.behind)).loss(truth.argmax(axis=1) * 1.0, self.scores)
        else:
            losses = sum(
                HalfBinomialLoss().loss(y.copy(), z.copy()) for y, z in zip(truth.T, self.scores.T, strict=True)
            )
        return float(np.sum(w * losses) / (len(w) if self.weights is None else self.weights.sum()))

    def balanced(self, name):
        """The weight N / (K n) of a class with n of the N training rows."""
        count = sum(row[f"true/{self.targets[0]}"] == name for row in self.training)
        return len(self.training) / (len(self.behind) * count)

    def zeros_and_ones(self):
        if self.task == "multilabel":
            return self.numbers(*(f"true/{name}" for name in self.targets))
        return np.array([[float(row[f"true/{self.targets[0]}"] == name) for name in self.behind] for row in self.rows])


def check(reports, rows, experiment, *, has_loss):
    head, task = experiment.network.head, experiment.task
    for part, figures in reports.items():
        again = Recomputed(task, rows[part], rows.get("train", rows[part]))
        expected = again.figures()
        assert {*figures} == {*expected, "loss"}
        close = {key: None if value is None else pytest.approx(value, rel=1e-12, abs=1e-12)
                 for key, value in expected.items()}  # fmt: skip
        assert {key: figures[key] for key in expected} == close
        if has_loss:
            # In float32 the loss of each row is rounded to 2⁻²⁴ of itself, and so is what it is computed from.
            rel = 1e-12 if experiment.precision == "float64" else 2e-6
            weighed = head.loss.class_weights is not None
            assert figures["loss"] == pytest.approx(again.loss(head.activation.name, weighed), rel=rel)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*CONFIGS} - {*LEFT_OUT}))
def test_figures_are_those_that_scikit_learn_makes_of_the_predictions(name, tmp_path):
    experiment, _ = load(CONFIGS[name], activations=with_plugins(sorted(NOTEBOOKS.glob("*.py"))))
    words = ("--steps", "5", *CHANGED.get(name, ()))
    reports, rows = figures_and_rows(tmp_path, CONFIGS[name], *words)
    check(reports, rows, experiment, has_loss=name not in NO_LOSS)


def test_nothing_is_left_out_that_is_not_there():
    assert {*LEFT_OUT, *NO_LOSS, *CHANGED} <= {*CONFIGS}


WEIGHTED = """\
name: weighted
task: TASK
precision: float64
data: {source: rows.csv, target: y, weight: w, test: 0.3, validation: 0.2}
training: {epochs: 3}
"""


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_figures_of_rows_with_weights_are_made_of_the_weights_beside_them(task, tmp_path):
    random = np.random.default_rng(4)
    x, w = random.normal(size=90), random.integers(0, 5, 90)
    y = {"binary": "ab", "multiclass": "abc"}.get(task)
    cells = [f"{value:.3f}" if y is None else y[int(3 * abs(value)) % len(y)] for value in x + random.normal(size=90)]
    lines = [f"{a:.4f},{b},{c}" for a, b, c in zip(x, cells, w, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["x,y,w", *lines]) + "\n")
    (tmp_path / "w.yaml").write_text(WEIGHTED.replace("TASK", task))
    experiment, _ = load(tmp_path / "w.yaml")
    reports, rows = figures_and_rows(tmp_path, tmp_path / "w.yaml")
    assert {row["weight"] for row in rows["train"]} == {"0.0", "1.0", "2.0", "3.0", "4.0"}
    check(reports, rows, experiment, has_loss=task != "regression")
