"""The commands as functions: the names of their arguments are those of the options, `gate` for `--gate`.

A repeatable option takes one value or several. Where a command has no option for it, `data` gives arrays X and y in
place of the experiment's data; they are kept in the run folder, so that the run can be resumed, evaluated and verified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from nnlab import api
from nnlab.comparison.compare import ComparisonResult
from nnlab.comparison.portable import blas_threads
from nnlab.config.choices import name_and_values
from nnlab.config.plugins import with_plugins
from nnlab.errors import CheckpointError, ConfigError, printable
from nnlab.experiments.trace.build import trace_of
from nnlab.exports.export import Exported, TensorLayout
from nnlab.exports.ports import InputsForm
from nnlab.gradients.results import CheckResult
from nnlab.library.activations import ActivationFunction
from nnlab.library.files import Config, experiment_file, plain
from nnlab.library.progress import watcher
from nnlab.library.results import BenchmarkRun, ComparisonRun, Run, Runs, WorkedStep, result_in
from nnlab.library.values import (
    Paths,
    Settings,
    Several,
    choices_of,
    folder,
    numbers_above_0,
    paths,
    positive_or_none,
    settings_of,
    several,
    texts_of,
    whole,
    whole_or_none,
)
from nnlab.storage.lookup import arm_named, find

Name = str | PathLike[str]


def train(
    config: Config | None = None,
    *,
    data: tuple[Any, Any] | None = None,
    resume: Name | Run | None = None,
    set: Settings | None = None,  # noqa: A002 - the option's name
    seed: int | None = None,
    name: str | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    max_seconds: float | None = None,
    live: bool = False,
    log_to: Several = (),
    figures: Several = (),
    gate: Several = (),
    baseline: str | None = None,
    baselines: bool | None = None,
    junit: Name | None = None,
    plugin: Paths = (),
    threads: int = 1,
    runs_dir: Name = "runs",
) -> Run:
    """Train one network in a new run folder under `runs_dir`, or go on with the run `resume`.

    `config` is the path of an experiment file, its values, or an experiment. Values need neither a name nor a training,
    which are then `python` and 100 epochs of batches of 32 rows. `set` holds overrides such as
    `{"network.activation": "gelu"}`. `data` is a pair of arrays: inputs X (N, inputs) or images (N, rows, columns[,
    channels]), and targets y, (N,) numbers or names of classes or (N, outputs). `max_seconds` ends the training with
    its state saved, `live` writes a page that follows it, `figures` are formats of pictures beside PNG, such as svg.
    `log_to` are loggers that get its figures and pictures at the end: tensorboard, mlflow.

    Raises NnlabError with the words of the command. A gate that is not met, and a training that diverged, are results.
    """
    if resume is not None and data is not None:
        raise ConfigError("found both resume and data=(X, y), expected one of them: a run has data of its own")
    root = folder(runs_dir)
    resumed = str(resume.path) if isinstance(resume, Run) else None if resume is None else str(resume)
    source = api.config_or_own(None, resumed, root) if config is None else config
    own = _reading(set, seed, plugin, threads, name=name, gates=several(gate, "gate"))
    own |= {"steps": whole_or_none(steps, "steps", 1), "epochs": whole_or_none(epochs, "epochs", 1)}
    held = _around(root, junit, figures, log_to, live=live)
    held |= {"baseline": baseline, "baselines": baselines}
    held["max_seconds"] = positive_or_none(max_seconds, "max_seconds")
    with blas_threads(threads), experiment_file(source, data, **own) as file:
        ended = api.train(file, **held) if resumed is None else api.resume(resumed, file, **held)
    return Run(ended.folder, ended.warnings, plugin)


def compare_activations(
    config: Config,
    activation: Several = api.DEFAULT_ARMS,
    *,
    data: tuple[Any, Any] | None = None,
    seeds: int = 10,
    target: str | None = None,
    layer: str | None = None,
    starts: Several = (),
    gains: float | Sequence[float] = (),
    tune: Several = (),
    set: Settings | None = None,  # noqa: A002 - the option's name
    seed: int | None = None,
    name: str | None = None,
    jobs: int = 1,
    needed: bool = False,
    dask: str | None = None,
    dask_timeout: float | None = None,
    live: bool = False,
    log_to: Several = (),
    figures: Several = (),
    gate: Several = (),
    baseline: str | None = None,
    baselines: bool | None = None,
    junit: Name | None = None,
    plugin: Paths = (),
    threads: int = 1,
    runs_dir: Name = "runs",
) -> ComparisonRun:
    """Train an experiment with several activations and many seeds, the same for each, and compare them.

    `activation` are names, names with parameters (`leaky_relu:negative_slope=0.1`) or formulas in x. `config`, `data`,
    `set` and so on are those of `train`, the rest as in `nnlab compare-activations --help`.

    Raises NnlabError with the words of the command, also if an arm failed; what is trained is kept.
    """
    read = _reading(set, seed, plugin, threads, name=name)
    how = _around(folder(runs_dir), junit, figures, log_to, live=live)
    how |= _many(seeds, jobs, dask, dask_timeout, gate, needed=needed)
    how |= {"target": target, "layer": layer, "tune": several(tune, "tune")}
    how |= {"starts": several(starts, "starts"), "gains": numbers_above_0(gains, "gains")}
    how |= {"baseline": baseline, "baselines": baselines}
    with blas_threads(threads), experiment_file(config, data, **read) as file:
        return _compared(api.compare(file, _some(activation), **how), plugin)


def benchmark(
    config: Name | Sequence[Name],
    activation: Several = (),
    *,
    seeds: int | None = None,
    metric: str | None = None,
    baseline: str | None = None,
    equivalence: float | None = None,
    tune: Several | Mapping[str, Any] = (),
    budget: int | None = None,
    tuning_seeds: int | None = None,
    set: Settings | None = None,  # noqa: A002 - the option's name
    seed: int | None = None,
    name: str | None = None,
    jobs: int = 1,
    needed: bool = False,
    dask: str | None = None,
    dask_timeout: float | None = None,
    max_seconds: float | None = None,
    figures: Several = (),
    plugin: Paths = (),
    threads: int = 1,
    runs_dir: Name = "runs",
) -> BenchmarkRun:
    """Train several activations on several data sets, each under many seeds, and compare them on each and across sets.

    `config` is a suite file, or the paths of experiment files, one for each set; what is given stands in place of what
    the suite has. `tune` holds values or a range for each key, as `{"optimizer.learning_rate": "1e-4..1e-1:log"}`,
    `budget` how many settings are drawn, the same for every arm. The rest as in `nnlab benchmark --help`.

    Raises NnlabError with the words of the command, also if an arm failed; what is trained is kept.
    """
    configs = [config] if isinstance(config, str | PathLike) else list(config)
    given: dict[str, Any] = {"metric": metric, "baseline": baseline, "equivalence": equivalence, "name": name}
    given |= {"seeds": whole_or_none(seeds, "seeds", 1), "budget": whole_or_none(budget, "budget", 1)}
    given["tuning_seeds"] = whole_or_none(tuning_seeds, "tuning_seeds", 1)
    about: dict[str, Any] = {"activations": several(activation, "activation"), "tune": choices_of(tune, "tune")}
    read = _reading(set, seed, plugin, threads)
    how = _workers(jobs, dask, dask_timeout, needed=needed) | {"runs_dir": folder(runs_dir)}
    how |= {"figures": several(figures, "figures"), "watcher": watcher()}
    how["max_seconds"] = positive_or_none(max_seconds, "max_seconds")
    with blas_threads(read["threads"]):
        found = api.benchmark(api.resolve_suite([str(path) for path in configs], **given, **about, **read), **how)
    if found.error is not None:
        raise found.error
    return BenchmarkRun(found.folder, found.warnings, plugin)


def sweep(
    config: Config,
    *,
    data: tuple[Any, Any] | None = None,
    grid: Several | Mapping[str, Sequence[Any]] = (),
    random: Several | Mapping[str, str] = (),
    budget: int | None = None,
    seeds: int = 3,
    metric: str | None = None,
    set: Settings | None = None,  # noqa: A002 - the option's name
    seed: int | None = None,
    name: str | None = None,
    jobs: int = 1,
    needed: bool = False,
    dask: str | None = None,
    dask_timeout: float | None = None,
    live: bool = False,
    log_to: Several = (),
    figures: Several = (),
    gate: Several = (),
    junit: Name | None = None,
    plugin: Paths = (),
    threads: int = 1,
    runs_dir: Name = "runs",
) -> ComparisonRun:
    """Train an experiment at many settings, each with so many seeds, and rank them by a figure on validation data.

    `grid` combines all values of `KEY=V1,V2`, `random` draws from `KEY=LOW..HIGH[:log]`; the rest as in
    `compare_activations`.
    """
    read = _reading(set, seed, plugin, threads, name=name)
    how = _around(folder(runs_dir), junit, figures, log_to, live=live)
    how |= _many(seeds, jobs, dask, dask_timeout, gate, needed=needed)
    how |= {"grid": choices_of(grid, "grid"), "random": choices_of(random, "random"), "metric": metric}
    how["budget"] = whole_or_none(budget, "budget", 1)
    with blas_threads(threads), experiment_file(config, data, **read) as file:
        return _compared(api.sweep(file, **how), plugin)


def gradcheck(
    config: Config | Run,
    *,
    method: str = "exact",
    steps: int | None = None,
    epsilon: float | None = None,
    threshold: float | None = None,
    strict: bool = False,
    trust: bool = False,
    set: Settings | None = None,  # noqa: A002 - the option's name
    seed: int | None = None,
    plugin: Paths = (),
    threads: int = 1,
    runs_dir: Name = "runs",
) -> CheckResult:
    """Check every derivative of a network, at the initial weights of an experiment or the trained ones of a run.

    `config` may be the name of a run, or the run itself. The verdict is a result: `fault` says why it is not passed.
    """
    target = config.path if isinstance(config, Run) else plain(config)
    how: dict[str, Any] = {"method": method, "steps": steps, "epsilon": epsilon, "threshold": threshold}
    how |= {"strict": strict, "trust": trust, **_reading(set, seed, plugin, threads)}
    with blas_threads(threads):
        return api.check_gradients(target, runs_dir=folder(runs_dir), **how)


def trace(
    config: Config,
    *,
    data: tuple[Any, Any] | None = None,
    step: int = 1,
    rows: Sequence[int] | None = None,
    set: Settings | None = None,  # noqa: A002 - the option's name
    seed: int | None = None,
    plugin: Paths = (),
    threads: int = 1,
) -> WorkedStep:
    """Work out one training step of a small network as one would by hand: forward, loss, backward and update.

    `step` counts from 1, and `rows` are the rows of its batch, from 0, of which numbers are shown. Every number is that
    of the training itself; a notebook shows them as tables. ConfigError for a network that is too large.
    """
    read = _reading(set, seed, plugin, threads)
    with blas_threads(threads), experiment_file(config, data, **read) as file:
        return WorkedStep(**vars(trace_of(file.setup_to_train(), whole(step, "step", 1), rows)))


def export(
    run: Name | Run,
    out: Name,
    *,
    layout: TensorLayout = "nnlab",
    inputs: InputsForm = "array",
    checkpoint: str | None = None,
    trust: bool = False,
    set: Settings | None = None,  # noqa: A002 - the option's name
    plugin: Paths = (),
    threads: int = 1,
    runs_dir: Name = "runs",
) -> Exported:
    """Write a trained network as ONNX or as tensors: `out` ends in .onnx or .safetensors.

    `run` may be a run, its name, or a network of a comparison, `RUN:ARM@seedN`. An ONNX model is written only if its
    outputs are those of nnlab on rows held back. `set` says where the run's data are now.

    Raises NnlabError for what cannot be expressed, such as an activation of a plugin, and where a package is missing.
    """
    name = str(run.path) if isinstance(run, Run) else str(run)
    how: dict[str, Any] = {"layout": layout, "inputs": inputs, "checkpoint": checkpoint, "trust": trust}
    with blas_threads(whole(threads, "threads", 1)):
        return api.export(name, Path(out), set=texts_of(set), plugins=paths(plugin), runs_dir=folder(runs_dir), **how)


def load(run: Name, *, plugin: Paths = (), runs_dir: Name = "runs") -> Run | ComparisonRun | BenchmarkRun:
    """A run by its path, by `latest`, or by a unique beginning of its name, as on the command line.

    CheckpointError if there is none, or more than one. `plugin` are the files of its activations.
    """
    arm = arm_named(folder(runs_dir), str(run))
    if arm is not None:
        which = repr(arm.arm) if arm.seed is None else f"{arm.arm!r}, seed={arm.seed}"
        where = printable(str(arm.folder.path))
        raise CheckpointError(f"found a network of {where}, expected a run: load({where!r}).model({printable(which)})")
    return result_in(find(folder(runs_dir), str(run)).path, plugin)


def runs(
    runs_dir: Name = "runs",
    *,
    where: Several = (),
    sort: str | None = None,
    reverse: bool = False,
    last: int | None = None,
    columns: Several = (),
    all_keys: bool = False,
) -> Runs:
    """The runs in a folder as a table, the newest last, with the keys of their experiments that differ.

    `where` holds conditions such as `val/accuracy >= 0.9` and `network.activation=relu`, as `nnlab runs list`.
    """
    how: dict[str, Any] = {
        "sort": sort,
        "reverse": reverse,
        "last": whole_or_none(last, "last", 1),
        "all_keys": all_keys,
    }
    how |= {"where": several(where, "where"), "columns": several(columns, "columns")}
    return Runs(api.list_runs(runs_dir=folder(runs_dir), **how))


def activation(text: str, *, plugin: Paths = (), **parameters: float) -> ActivationFunction:
    """An activation by its name or as a formula in x, with values of its parameters: a function of arrays.

    `nnlab.activation("elu", alpha=0.5)(x)`, or `"elu:alpha=0.5"` as for a comparison, are its values, `.slope(x)` its
    derivative. ConfigError for an unknown name or parameter, and for a formula that cannot be read.
    """
    (text,) = several(text, "activation")
    text, named = name_and_values(text)
    found = ActivationFunction(text, {**named, **parameters}, with_plugins(paths(plugin)))
    found.check()
    return found


def _reading(
    set: Settings | None,  # noqa: A002 - the option's name
    seed: int | None,
    plugin: Paths,
    threads: int,
    **more: Any,
) -> dict[str, Any]:
    """The arguments with which an experiment is read."""
    own = {"set": settings_of(set), "seed": whole_or_none(seed, "seed"), "plugins": paths(plugin)}
    return {**own, "threads": whole(threads, "threads", 1), **more}


def _around(runs_dir: Path, junit: Name | None, figures: Several, log_to: Several, *, live: bool) -> dict[str, Any]:
    """The arguments that say where trainings go and who follows them."""
    written = {"runs_dir": runs_dir, "junit": None if junit is None else Path(junit), "live": live}
    shown = {"figures": several(figures, "figures"), "log_to": several(log_to, "log_to"), "watcher": watcher()}
    return {**written, **shown}


def _many(
    seeds: int, jobs: int, dask: str | None, dask_timeout: float | None, gate: Several, *, needed: bool
) -> dict[str, Any]:
    """The arguments of many trainings: their seeds, who trains them, and the gates of their arms."""
    workers = _workers(jobs, dask, dask_timeout, needed=needed)
    return {"seeds": whole(seeds, "seeds", 1), **workers, "gates": several(gate, "gate")}


def _workers(jobs: int, dask: str | None, dask_timeout: float | None, *, needed: bool) -> dict[str, Any]:
    """The arguments that say who trains, and whether what is trained already is taken over."""
    return {"jobs": whole(jobs, "jobs", 1), "needed": needed, "dask": dask, "dask_timeout": dask_timeout}


def _compared(result: ComparisonResult, plugin: Paths) -> ComparisonRun:
    if result.error is not None:
        raise result.error
    return ComparisonRun(result.compared.folder, result.compared.warnings, plugin)


def _some(activation: Several) -> list[str]:
    """The arms of a comparison; ConfigError for none."""
    arms = several(activation, "activation")
    if not arms:
        raise ConfigError("activation: found none, expected at least one")
    return arms
