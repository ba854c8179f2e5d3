"""nnlab: a laboratory for activation functions and small neural networks.

    import nnlab
    run = nnlab.train("configs/iris.yaml", set={"network.activation": "gelu"}, seed=3)
    run.metrics["train/loss"], run.figures, run.model("best").predict(X)

The names of `__all__` are the whole of what a program may rely on; everything else is internal. They are loaded when
they are first used: importing the package loads neither numpy nor matplotlib, so that `nnlab --help` is quick.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # type checkers read it as true; importing `typing` would take as long as all the rest
if TYPE_CHECKING:
    from typing import Any

    from nnlab.config.schema import Experiment as Experiment
    from nnlab.errors import NnlabError as NnlabError
    from nnlab.library.activations import ActivationFunction as ActivationFunction
    from nnlab.library.functions import activation as activation
    from nnlab.library.functions import benchmark as benchmark
    from nnlab.library.functions import compare_activations as compare_activations
    from nnlab.library.functions import export as export
    from nnlab.library.functions import gradcheck as gradcheck
    from nnlab.library.functions import load as load
    from nnlab.library.functions import runs as runs
    from nnlab.library.functions import sweep as sweep
    from nnlab.library.functions import trace as trace
    from nnlab.library.functions import train as train
    from nnlab.library.networks import TrainedNetwork as TrainedNetwork
    from nnlab.library.results import BenchmarkRun as BenchmarkRun
    from nnlab.library.results import ComparisonRun as ComparisonRun
    from nnlab.library.results import Run as Run
    from nnlab.library.results import Runs as Runs
    from nnlab.library.results import WorkedStep as WorkedStep

__version__ = "0.2.0"

_FUNCTIONS = "nnlab.library.functions"
_RESULTS = "nnlab.library.results"
_HOMES = {
    "ActivationFunction": "nnlab.library.activations",
    "BenchmarkRun": _RESULTS,
    "ComparisonRun": _RESULTS,
    "Experiment": "nnlab.config.schema",
    "NnlabError": "nnlab.errors",
    "Run": _RESULTS,
    "Runs": _RESULTS,
    "TrainedNetwork": "nnlab.library.networks",
    "WorkedStep": _RESULTS,
    "activation": _FUNCTIONS,
    "benchmark": _FUNCTIONS,
    "compare_activations": _FUNCTIONS,
    "export": _FUNCTIONS,
    "gradcheck": _FUNCTIONS,
    "load": _FUNCTIONS,
    "runs": _FUNCTIONS,
    "sweep": _FUNCTIONS,
    "trace": _FUNCTIONS,
    "train": _FUNCTIONS,
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the keys are texts


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'nnlab' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
