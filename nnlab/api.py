"""The functions behind the commands: each does the work of the command of its name and returns a typed result.

Nothing here prints or ends the process. Progress and warnings go to a `Watcher`; failures raise a `NnlabError`. A gate
that is not met, a wrong gradient and a run that cannot be reproduced are results, which the caller must act upon.

Modules are imported within the functions, so that each loads only what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nnlab.errors import ConfigError, OutputError, printable

if TYPE_CHECKING:
    from nnlab.comparison.benchmark.dry_run import BenchmarkPlan
    from nnlab.comparison.benchmark.run import BenchmarkResult
    from nnlab.comparison.benchmark.sets import BenchmarkSuite
    from nnlab.comparison.compare import ComparisonResult
    from nnlab.comparison.one_network import OneNetwork
    from nnlab.comparison.prepare import Arms
    from nnlab.config.overrides import Setting
    from nnlab.config.schema import Experiment
    from nnlab.experiments.catalogue import Description
    from nnlab.experiments.data_table import DataTable
    from nnlab.experiments.drafting.draft import Draft
    from nnlab.experiments.dry_run import DryRun
    from nnlab.experiments.evaluate import Evaluation, Opened
    from nnlab.experiments.gating import Gating
    from nnlab.experiments.passport import Passport
    from nnlab.experiments.redraw import DrawnPicture, KeptPicture, KeptPictures
    from nnlab.experiments.run_facts import RunDiff, RunFacts
    from nnlab.experiments.run_list import RunTable
    from nnlab.experiments.trace.answers import Marking
    from nnlab.experiments.trace.quantities import Trace
    from nnlab.experiments.train import Observer, Progress, TrainingResult
    from nnlab.experiments.verify import Verification
    from nnlab.exports.export import Exported, TensorLayout
    from nnlab.exports.ports import InputsForm
    from nnlab.gradients.results import CheckResult
    from nnlab.gradients.self_test import SelfTest
    from nnlab.maths.activations import AnyActivation
    from nnlab.setup.experiment_file import ExperimentFile
    from nnlab.setup.setup import Setup
    from nnlab.storage.folder import RunFolder
    from nnlab.storage.outputs import NamedOutput

DEFAULT_ARMS = ("sigmoid", "tanh", "relu")

_NONE: tuple[str, ...] = ()


class Watcher(Protocol):
    """Receives progress and warnings while a function runs."""

    def progress(self, what: str, /) -> AbstractContextManager[Callable[[Progress], None]]:
        """Context with a callback for the progress of the training `what`."""

    def arms(self) -> AbstractContextManager[Callable[[str, Progress], None]]:
        """Context with a callback for the label and the progress of each of several trainings."""

    def warn(self, text: str) -> None:
        """Show a warning: something that may change the meaning of a result."""

    def tell(self, text: str) -> None:
        """Show a note: how something was read that a user did not say."""

    def live_page(self, path: Path) -> None:
        """Show where the page is that follows a run; called once, before the training, where one is asked for."""


class Nobody:
    """A watcher that ignores everything."""

    @contextmanager
    def progress(self, _what: str, /) -> Iterator[Callable[[Progress], None]]:
        """Progress is dropped."""
        yield lambda _progress: None

    @contextmanager
    def arms(self) -> Iterator[Callable[[str, Progress], None]]:
        """Progress is dropped."""
        yield lambda _label, _progress: None

    def warn(self, text: str) -> None:
        """Warnings are dropped; results contain them as well."""

    def tell(self, text: str) -> None:
        """Notes are dropped; run.json contains them as well."""

    def live_page(self, path: Path) -> None:
        """The path is dropped; the page is live.html in the run folder."""


NOBODY = Nobody()


# --- one network ------------------------------------------------------------------------------------------------------


def config_or_own(config: str | None, run: str | None, runs_dir: Path = Path("runs")) -> str:
    """The path of the experiment file: the given one, else that of the resumed run; ConfigError without either."""
    if config is not None:
        return config
    if run is None:
        raise ConfigError("found no CONFIG, expected an experiment file, or --resume RUN")
    from nnlab.storage.lookup import find

    return str(find(runs_dir, run).path / "config.yaml")


def resolve(
    config: str | Path | Mapping[str, Any],
    *,
    set: Sequence[str | Setting] = _NONE,  # noqa: A002 - the option's name
    seed: int | None = None,
    name: str | None = None,
    steps: int | None = None,
    epochs: int | None = None,
    plugins: Sequence[Path] = (),
    threads: int = 1,
    gates: Sequence[str] = (),
) -> ExperimentFile:
    """Read an experiment file, or its values, with overrides and gates; ConfigError with all its faults.

    `set` holds texts such as `optimizer.learning_rate=0.01`; `steps` or `epochs` override the length of the training.
    """
    from nnlab.setup.experiment_file import ExperimentFile, length_settings, settings

    if steps is not None and epochs is not None:
        raise ConfigError("found both --steps and --epochs, expected one of them")
    overrides = [*settings(set, seed=seed, name=name), *length_settings(steps, epochs)]
    with _plugins_named(config):
        return ExperimentFile.read(config, overrides, plugins=plugins, threads=threads, gates=gates)


def _plugins_named(config: str | Path | Mapping[str, Any]) -> AbstractContextManager[None]:
    """Context in which an unknown activation is told with the plugins of the run, if the file is that of one."""
    if isinstance(config, Mapping) or Path(config).name != "config.yaml":
        return nullcontext()
    from nnlab.experiments.evaluate import plugins_named
    from nnlab.storage.folder import RunFolder

    return plugins_named(RunFolder(Path(config).parent))


def init(
    source: str | None = None,
    *,
    target: Sequence[str] = (),
    out: Path | None = None,
    force: bool = False,
) -> Draft:
    """Write an experiment for a table, every setting with its reason, or a starter for a set of the catalogue.

    `target` names the columns to predict; by default it is guessed. The file is `out`, by default in the working
    directory and named after the table; it replaces no other unless `force`. What the table leaves open stands in the
    file as a question, which training refuses.
    """
    from nnlab.experiments.drafting.draft import draft

    return draft(source, target, out, force=force)


def config_schema(out: Path | None = None, *, plugins: Sequence[Path] = ()) -> dict[str, Any]:
    """The JSON Schema (draft-07) of the experiment file, which knows the activations of `plugins`; written to `out`.

    A file there that is no schema of nnlab is left alone, which is an OutputError.
    """
    from nnlab.config.json_schema import experiment_schema, file_content, is_schema
    from nnlab.config.plugins import with_plugins

    (output,) = _outputs([out], plugins, Path(), None)
    if output is not None and output.is_file and output.found is not None and not is_schema(output.path):
        raise OutputError(
            f"{printable(str(output.path))}: found another file, which is left alone; expected a free name"
        )
    schema = experiment_schema(with_plugins(plugins))
    if output is not None:
        output.write(file_content(schema))
    return schema


def dry_run(file: ExperimentFile) -> tuple[Setup, DryRun]:
    """Set up an experiment and measure the cost of a training step; nothing is written."""
    from nnlab.experiments.dry_run import dry_run as measure

    setup = file.setup_to_train()
    return setup, measure(setup)


def train(
    file: ExperimentFile,
    *,
    runs_dir: Path = Path("runs"),
    baseline: str | None = None,
    baselines: bool | None = None,
    junit: Path | None = None,
    max_seconds: float | None = None,
    figures: Sequence[str] = (),
    live: bool = False,
    log_to: Sequence[str] = (),
    command: Sequence[str] = (),
    watcher: Watcher = NOBODY,
) -> TrainingResult:
    """Train the network of an experiment with its seed, in a new run folder under `runs_dir`.

    Gates may compare with the run `baseline`; outcomes are written to the file `junit`. `command` is recorded in
    run.json. `baselines` says whether a linear model is fitted to compare with; by default it is for a table of up to
    50,000 training rows. After `max_seconds` it stops with its state saved; `resume` goes on with it.
    With `live` the page live.html in the run folder follows the training; the watcher is told its path. Pictures are
    drawn as PNG, and in the formats `figures`, svg and pdf, beside. `log_to` are loggers, tensorboard and mlflow, that
    get figures, configuration and pictures once the training has ended, also by a signal or an error; one that fails is
    a warning.
    """
    from nnlab.experiments.gating import Gating
    from nnlab.experiments.train import train as train_network
    from nnlab.loggers.table import loggers_for
    from nnlab.storage.folder import refuse_other_formats

    refuse_other_formats(figures)
    (report,) = _outputs([junit], file.read_files, runs_dir, baseline)
    setup, gating = file.setup_to_train(), Gating(runs_dir, baseline, report, baselines)
    about: dict[str, Any] = {"command": command, "facts": file.facts, "baselines": baselines}
    about |= {"max_seconds": max_seconds, "live": watcher.live_page if live else None, "formats": figures}
    about |= {"kept": file.kept, "loggers": loggers_for(log_to), "say": watcher.warn}
    with _watched(file.experiment, setup, gating, watcher) as observe:
        result = train_network(setup, runs=runs_dir, observe=observe, baseline=gating.baseline, **about)
    return _ended(result, setup, gating, watcher)


def resume(
    run: str,
    file: ExperimentFile,
    *,
    runs_dir: Path = Path("runs"),
    baseline: str | None = None,
    baselines: bool | None = None,
    junit: Path | None = None,
    max_seconds: float | None = None,
    figures: Sequence[str] = (),
    live: bool = False,
    log_to: Sequence[str] = (),
    command: Sequence[str] = (),
    watcher: Watcher = NOBODY,
) -> TrainingResult:
    """Resume a run with the same bits as if uninterrupted; `file` is its own experiment, perhaps made longer.

    After `max_seconds` of this session it stops again, with its state saved. `file` may also say where the data are
    now; without that they are looked for beside a run that was moved with them. `live` and `log_to` as for `train`; a
    finished run is logged as it is. Pictures are drawn as PNG, in the formats `figures`, svg and pdf, and in those in
    which the run has them.
    """
    from nnlab.experiments.gating import Gating
    from nnlab.experiments.resume import resume as resume_run
    from nnlab.experiments.unchanged import beside
    from nnlab.loggers.table import loggers_for
    from nnlab.storage.folder import files_of_run, refuse_other_formats
    from nnlab.storage.lookup import find

    refuse_other_formats(figures)
    folder = find(runs_dir, run)
    file = beside(folder, file)
    read = [*file.read_files, *files_of_run(folder.path), *_origin(folder)]
    (report,) = _outputs([junit], read, runs_dir, baseline)
    setup, gating, loggers = file.setup(), Gating(runs_dir, baseline, report, baselines), loggers_for(log_to)
    with _watched(file.experiment, setup, gating, watcher) as observe:
        about: dict[str, Any] = {"command": command, "facts": file.facts, "baseline": gating.baseline}
        about |= {"baselines": baselines, "max_seconds": max_seconds, "formats": figures}
        about |= {"live": watcher.live_page if live else None, "loggers": loggers}
        result = resume_run(folder, setup, observe=observe, say=watcher.warn, **about)
    return _ended(result, setup, gating, watcher)


def _outputs(
    paths: Sequence[Path | None], read: Sequence[str | Path], runs_dir: Path, baseline: str | None
) -> list[NamedOutput | None]:
    """The outputs that a person names, none of which is another, is `read`, or is a file of the baseline."""
    from nnlab.storage.folder import files_of_run
    from nnlab.storage.lookup import find
    from nnlab.storage.outputs import outputs_at

    compared = [] if baseline is None or not any(paths) else files_of_run(find(runs_dir, baseline).path)
    return outputs_at(paths, [*read, *compared])


def _own_files(folder: RunFolder) -> list[str | Path]:
    """The files of a run, its folder, which takes no other, and the experiment file that it was made from."""
    from nnlab.storage.folder import files_of_run

    return [*files_of_run(folder.path), folder.path, *_origin(folder)]


def _origin(folder: RunFolder) -> list[Path]:
    """The experiment file from which a run was made, if it is seen from here or from beside the runs folder."""
    run = folder.read_run()
    return [] if run is None or not run.config else [Path(run.config), folder.path.resolve().parents[1] / run.config]


@contextmanager
def _watched(experiment: Experiment, setup: Setup, gating: Gating, watcher: Watcher) -> Iterator[Observer]:
    """Check the gates, pass on the warnings of data and start, and open the progress of a training."""
    gating.check(experiment)
    for warning in setup.warnings:
        watcher.warn(warning)
    for note in setup.rows.dataset.notes:
        watcher.tell(note)
    with watcher.progress(experiment.name) as observe:
        yield observe


def _ended(result: TrainingResult, setup: Setup, gating: Gating, watcher: Watcher) -> TrainingResult:
    """Pass on the warnings of a training that has ended, and write the report on its gates."""
    if result.status != "finished":
        for warning in result.warnings[len(setup.warnings) :]:
            watcher.warn(warning)
    gating.write(setup.experiment.name, result.folder, result.gates, result.summary.seconds)
    return result


def evaluate(
    run: str,
    *,
    split: str | None = None,
    data: str | None = None,
    checkpoint: str | None = None,
    predictions: Path | None = None,
    runs_dir: Path = Path("runs"),
    plugins: Sequence[Path] = (),
    gates: Sequence[str] = (),
    baseline: str | None = None,
    junit: Path | None = None,
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
    trust: bool = False,
    figures: Sequence[str] = (),
) -> Evaluation:
    """Evaluate a finished run on its parts, on one of them (`split`), or on the rows of a file (`data`).

    A run may be one network of a comparison or a sweep, `RUN:ARM@seedN`, or `RUN:ARM` for the median seed of an arm.

    `checkpoint` is best, last or previous. `predictions` is the path of a CSV file to write, which may be a device or a
    pipe, as may `junit`; both are nothing that is read. `set` says where the run's data are now. With `trust`,
    differences from what the checkpoint recorded are no error but part of the result. A picture of image files is drawn
    as PNG, and in the formats `figures`, svg and pdf.
    """
    import time
    from dataclasses import replace

    from nnlab.config.plugins import with_plugins
    from nnlab.experiments.evaluate import evaluate_opened
    from nnlab.experiments.gating import Gating
    from nnlab.experiments.predictions import refuse_other_format, write_predictions
    from nnlab.experiments.unchanged import GO_ON, Trust, refuse_settings
    from nnlab.gates.parse import gates_from
    from nnlab.storage.folder import refuse_other_formats

    refuse_other_formats(figures)
    if split and data is not None:
        raise ConfigError("found both --split and --data, expected one of them")
    refuse_settings(set)
    folder, network = _run_or_network(run, runs_dir)
    read = [*_own_files(folder), *([] if data is None else [data])]
    if predictions is not None or junit is not None:
        read += _data_files(folder, network, plugins, set)
    table, report = _outputs([predictions, junit], read, runs_dir, baseline)
    if table is not None:
        refuse_other_format(table)
    parsed, gating, clock = gates_from(gates), Gating(runs_dir, baseline, report), time.perf_counter()
    gating.check_used(parsed)
    held, sets = Trust(given=trust, hint=GO_ON), {"sets": set, "plugins": plugins}
    opened = _opened(folder, network, checkpoint, with_plugins(plugins), trust=held, **sets)
    about: dict[str, Any] = {"split": split, "data": data, "gates": parsed, "formats": figures}
    found = evaluate_opened(opened, folder, baseline=gating.baseline, **about)
    if table is not None:
        found = replace(found, escaped=write_predictions(found.model, found.predicted, table))
    gating.write(found.model.experiment.name, found.run, found.gates, time.perf_counter() - clock, found.trusted)
    return found


def _run_or_network(name: str, runs_dir: Path) -> tuple[RunFolder, OneNetwork | None]:
    """The run that a name means; for RUN:ARM the comparison and the network of it."""
    from nnlab.storage.lookup import arm_named, find

    named = arm_named(runs_dir, name)
    if named is None:
        return find(runs_dir, name), None
    from nnlab.comparison.one_network import OneNetwork

    return named.folder, OneNetwork.of(named)


def open_network_of(
    run: str, *, checkpoint: str | None = None, runs_dir: Path = Path("runs"), plugins: Sequence[Path] = ()
) -> tuple[Opened, RunFolder]:
    """The network of a run, or `RUN:ARM@seedN` of a comparison, with the folder that it is in."""
    from nnlab.config.plugins import with_plugins

    folder, network = _run_or_network(run, runs_dir)
    return _opened(folder, network, checkpoint, with_plugins(plugins), plugins=plugins), folder


def _opened(
    folder: RunFolder,
    network: OneNetwork | None,
    checkpoint: str | None,
    activations: Mapping[str, AnyActivation],
    **how: Any,
) -> Opened:
    """The model of a run's checkpoint, or of a network of the comparison in its place."""
    if network is None:
        from nnlab.experiments.evaluate import open_run

        return open_run(folder, checkpoint, activations, **how)
    from nnlab.comparison.one_network import open_network

    network.refuse_checkpoint(checkpoint)
    return open_network(network, activations, **how)


def _data_files(
    folder: RunFolder, network: OneNetwork | None, plugins: Sequence[Path], sets: Sequence[str]
) -> Sequence[str | Path]:
    """The files that are read with a run: its data, where they are now, and plugins."""
    from nnlab.storage.folder import CONFIG

    own = network.settings if network else []
    file = resolve(folder.path / CONFIG, set=[*own, *sets], plugins=plugins)
    return file.moved_with(folder.then(), folder.path.resolve()).read_files


def export(
    run: str,
    out: Path,
    *,
    layout: TensorLayout = "nnlab",
    inputs: InputsForm = "array",
    checkpoint: str | None = None,
    runs_dir: Path = Path("runs"),
    plugins: Sequence[Path] = (),
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
    trust: bool = False,
) -> Exported:
    """Write a trained network to a file for other programs: `out` ends in .onnx or .safetensors.

    A run may be one network of a comparison or a sweep, as for `evaluate`; so are `checkpoint`, `set` and `trust`.
    An ONNX model takes one array (N, inputs), or with `inputs="columns"` an input for each column of the table; it is
    written if its outputs are those of nnlab, for up to 256 rows of the test part, else of the validation part, else of
    the training part. Tensors have nnlab's names, or with `layout="torch"` those of an `nn.Sequential`, whose code is
    written beside them as a Python file.
    """
    from nnlab.config.plugins import with_plugins
    from nnlab.experiments.unchanged import GO_ON, Trust, refuse_settings
    from nnlab.exports.export import code_beside, export_onnx, export_tensors, format_of

    refuse_settings(set)
    kind = format_of(out, layout, inputs)
    folder, network = _run_or_network(run, runs_dir)
    read = [*_own_files(folder), *_data_files(folder, network, plugins, set)]
    file, code = _outputs([out, code_beside(out, layout)], read, runs_dir, None)
    assert file is not None
    held = Trust(given=trust, hint=GO_ON)
    opened = _opened(folder, network, checkpoint, with_plugins(plugins), trust=held, sets=set, plugins=plugins)
    return export_onnx(opened, folder, file, inputs) if kind == "onnx" else export_tensors(opened, file, code)


def verify(
    run: str,
    *,
    epochs: int | None = None,
    runs_dir: Path = Path("runs"),
    plugins: Sequence[Path] = (),
    threads: int = 1,
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
) -> Verification:
    """Train a run again, or its first `epochs`, and compare its weights with its recorded hashes.

    `set` says where the run's data are now.
    """
    from nnlab.experiments.evaluate import require_one_network
    from nnlab.experiments.interrupts import leaving
    from nnlab.experiments.unchanged import beside, refuse_settings
    from nnlab.experiments.verify import verify as verify_run
    from nnlab.storage.lookup import find

    refuse_settings(set)
    folder = find(runs_dir, run)
    file = resolve(folder.path / "config.yaml", set=set, plugins=plugins, threads=threads)
    with leaving(lambda: "the run was not compared to its end"):
        require_one_network(folder)
        return verify_run(folder, beside(folder, file).setup(), epochs=epochs, plugins=file.facts["plugins"])


def list_pictures(
    run: str,
    *,
    runs_dir: Path = Path("runs"),
    plugins: Sequence[Path] = (),
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
) -> list[KeptPicture]:
    """The pictures that a run has, each with its caption; some cannot be drawn again from what is kept of the run."""
    kept, _ = _kept_pictures(run, runs_dir, plugins, set)
    return kept.there()


def plot(
    run: str,
    name: str,
    out: Path | None = None,
    *,
    width: float | None = None,
    style: str = "screen",
    runs_dir: Path = Path("runs"),
    plugins: Sequence[Path] = (),
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
) -> DrawnPicture:
    """Draw a picture of a run again from what is kept of it, and return its path and its caption.

    `out` ends in .png, .svg or .pdf, or is a device or a pipe, which gets PNG; by default it is NAME.png. `width` is in
    inches. The style paper leaves the title out, which the caption has, takes small serif type and thin lines; its
    PNG has 300 dots per inch. `set` says where the run's data are now.
    """
    from nnlab.experiments.redraw import DrawnPicture

    if style not in ("screen", "paper"):
        raise ConfigError(f"--style: found '{printable(style)}', expected screen or paper")
    kept, read = _kept_pictures(run, runs_dir, plugins, set)
    kept.check(name)
    path = out or Path(f"{name}.png")
    (output,) = _outputs([path], [*_own_files(kept.folder), *read], runs_dir, None)
    assert output is not None
    return DrawnPicture(path, kept.draw(name, output, width, style))


def _kept_pictures(
    run: str, runs_dir: Path, plugins: Sequence[Path], sets: Sequence[str]
) -> tuple[KeptPictures, list[str | Path]]:
    """The pictures of a run, and the files that are read to draw them."""
    from nnlab.comparison.benchmark.redraw import benchmark_pictures
    from nnlab.comparison.redraw import arms_pictures
    from nnlab.experiments.redraw import training_pictures
    from nnlab.experiments.unchanged import refuse_settings
    from nnlab.storage.lookup import find
    from nnlab.storage.run import ArmsRun, SuiteRun

    refuse_settings(sets)
    folder = find(runs_dir, run)
    if isinstance(folder.read_run(), SuiteRun):
        return benchmark_pictures(folder), []
    file = resolve(folder.path / "config.yaml", set=sets, plugins=plugins)
    read = [*file.moved_with(folder.then(), folder.path.resolve()).read_files]
    if isinstance(folder.read_run(), ArmsRun):
        return arms_pictures(folder, file.experiment), read
    return training_pictures(folder, file), read


def draw(
    target: str | Path,
    out: Path | None = None,
    *,
    operations: bool = False,
    runs_dir: Path = Path("runs"),
    plugins: Sequence[Path] = (),
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
) -> bytes:
    """Draw the architecture of an experiment or a run, the latter with its weights, and return the content of the file.

    `out` ends in .svg, .pdf, .png, .mmd (Mermaid) or .dot and is written; without it, the content is Mermaid. With
    `operations` it is each operation of a forward pass, and the derivatives that flow back. `set` holds overrides, for
    a run only where its data are now.
    """
    from nnlab.config.plugins import with_plugins
    from nnlab.experiments.diagrams import kind_of, of_experiment, of_model
    from nnlab.experiments.unchanged import refuse_settings
    from nnlab.storage.lookup import is_config

    kind = kind_of(out)
    folder, network = (None, None) if is_config(target) else _run_or_network(str(target), runs_dir)
    if folder is None:
        file = resolve(target, set=set, plugins=plugins)
        (output,) = _outputs([out], file.read_files, runs_dir, None)
        drawn = of_experiment(file, kind, operations=operations)
    else:
        refuse_settings(set)
        read = [] if out is None else [*_own_files(folder), *_data_files(folder, network, plugins, set)]
        (output,) = _outputs([out], read, runs_dir, None)
        opened = _opened(folder, network, None, with_plugins(plugins), plugins=plugins, sets=set)
        drawn = of_model(opened.model, kind, operations=operations)
    if output is not None:
        output.write(drawn)
    return drawn


# --- gradients --------------------------------------------------------------------------------------------------------


def check_gradients(
    target: str | Path | Mapping[str, Any],
    *,
    method: str = "exact",
    steps: int | None = None,
    epsilon: float | None = None,
    threshold: float | None = None,
    strict: bool = False,
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
    seed: int | None = None,
    runs_dir: Path = Path("runs"),
    plugins: Sequence[Path] = (),
    threads: int = 1,
    trust: bool = False,
    command: Sequence[str] = (),
) -> CheckResult:
    """Check every derivative of a network in float64, at initial weights or, for a run, at its trained weights.

    The exact method needs no tolerance; central differences take `epsilon` and `threshold`. With `steps` the check is
    repeated before each of so many first updates. With `trust`, differences of a run from what its checkpoint recorded
    are no error but part of the result.
    """
    from nnlab.experiments.unchanged import GO_ON, Trust, beside, refuse_other_network, refuse_other_rows
    from nnlab.gradients.results import check, refuse_unfitting
    from nnlab.storage.folder import CONFIG
    from nnlab.storage.lookup import is_config

    refuse_unfitting(method, epsilon, threshold, strict=strict)
    is_file = isinstance(target, Mapping) or is_config(target)
    folder, network = (None, None) if is_file else _run_or_network(str(target), runs_dir)
    settings = [*(network.settings if network else ()), *set, "precision=float64"]
    path = target if folder is None else folder.path / CONFIG
    file = resolve(path, set=settings, seed=seed, plugins=plugins, threads=threads)
    theta, held = None, Trust(given=trust, hint=GO_ON)
    if folder is None:
        setup = file.setup()
    else:
        opened = _opened(folder, network, None, file.activations, plugins=plugins, trust=held)
        setup = beside(folder, file).setup()
        refuse_other_rows(folder.path, setup.rows.dataset, opened.fingerprint, trust=held)
        refuse_other_network(folder.path, setup.network, opened.model.network)
        theta = opened.model.theta
    about: dict[str, Any] = {"steps": steps, "epsilon": epsilon, "threshold": threshold}
    return check(setup, method, theta, strict=strict, command=command, **about).trusting(held.differences)


def self_test(seed: int = 0) -> SelfTest:
    """Plant known defects in a small network and report which ones the gradient check detects."""
    from nnlab.gradients.self_test import run_self_test

    return run_self_test(seed)


# --- one step by hand -------------------------------------------------------------------------------------------------


def trace(
    config: str | Path,
    *,
    step: int = 1,
    rows: Sequence[int] | None = None,
    blank: Sequence[str] = (),
    answers: Path | None = None,
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
    seed: int | None = None,
    plugins: Sequence[Path] = (),
    threads: int = 1,
) -> Trace:
    """One training step of a small network as one would do it by hand, with the numbers of the training itself.

    `step` counts from 1, as in metrics.csv; the steps before it are trained. `rows` are the rows of its batch, from 0,
    of which numbers are shown; by default all of up to 8, else the first 4. The quantities `blank`, such as
    `dense1/weights.gradient`, are left out, with those that would give them away, such as the update that is computed
    from it, and written to `answers`, by default answers.csv.
    """
    from nnlab.experiments.trace.answers import answers_of, blanked
    from nnlab.experiments.trace.build import trace_of

    if answers is not None and not blank:
        raise ConfigError("found --answers without --blank, expected the cells that are left out")
    file = resolve(config, set=set, seed=seed, plugins=plugins, threads=threads)
    path = answers or Path("answers.csv") if blank else None
    (output,) = _outputs([path], file.read_files, Path(), None)
    found = blanked(trace_of(file.setup_to_train(), step, rows), blank)
    if output is not None:
        output.write(answers_of(found))
    return found


def check_answers(
    config: str | Path,
    check: Path,
    *,
    step: int = 1,
    rows: Sequence[int] | None = None,
    blank: Sequence[str] = (),
    tolerance: float = 1e-3,
    digits: int = 6,
    set: Sequence[str] = _NONE,  # noqa: A002 - the option's name
    seed: int | None = None,
    plugins: Sequence[Path] = (),
    threads: int = 1,
) -> Marking:
    """Mark the file `check`, a CSV file with the columns cell and value, by the numbers of a training step.

    A cell is right within `tolerance` of the right value, as a share of it, or where it is that value rounded to so
    many significant `digits`. With `blank`, cells that `trace` leaves out for it and that the file lacks are wrong.
    """
    from nnlab.experiments.trace.answers import blanked, mark
    from nnlab.experiments.trace.build import trace_of

    setup = resolve(config, set=set, seed=seed, plugins=plugins, threads=threads).setup_to_train()
    return mark(blanked(trace_of(setup, step, rows), blank), check, tolerance, digits)


# --- many networks ----------------------------------------------------------------------------------------------------


def compare(
    file: ExperimentFile,
    activations: Sequence[str] = DEFAULT_ARMS,
    *,
    seeds: int = 10,
    target: str | None = None,
    layer: str | None = None,
    starts: Sequence[str] = (),
    gains: Sequence[float] = (),
    tune: Sequence[str] = (),
    jobs: int = 1,
    dask: str | None = None,
    dask_timeout: float | None = None,
    needed: bool = False,
    live: bool = False,
    log_to: Sequence[str] = (),
    runs_dir: Path = Path("runs"),
    gates: Sequence[str] = (),
    baseline: str | None = None,
    baselines: bool | None = None,
    junit: Path | None = None,
    figures: Sequence[str] = (),
    command: Sequence[str] = (),
    watcher: Watcher = NOBODY,
) -> ComparisonResult:
    """Train an experiment with several activations, each with so many seeds, and compare them.

    Arms are names, names with parameters (`leaky_relu:negative_slope=0.1`) or formulas in x. `layer` varies one hidden
    layer only; `tune` tries `KEY=V1,V2` and compares the arms at their best settings. `starts` are some of fair, same
    and own, and `gains` factors of all initial weights: arms are compared under the first start, and the sign of each
    difference is looked at under every start with every gain. `needed` reuses what earlier comparisons under `runs_dir`
    have trained. `baselines` says whether a linear model is fitted to compare with; by default it is for a table of up
    to 50,000 training rows. With `live` the page live.html in the folder follows the trainings; the watcher is told its
    path. Pictures are drawn as PNG, and in the formats `figures`, svg and pdf, beside. `log_to` as for `train`, with
    the medians over the seeds for each arm.
    """
    from nnlab.comparison.prepare import activation_arms
    from nnlab.experiments.gating import Gating
    from nnlab.loggers.table import loggers_for
    from nnlab.storage.folder import refuse_other_formats

    refuse_other_formats(figures)
    (report,) = _outputs([junit], [*file.read_files, *_pieces(runs_dir, needed=needed)], runs_dir, baseline)
    gating = Gating(runs_dir, baseline, report, baselines)
    varied: dict[str, Any] = {"layer": layer, "starts": starts, "gains": gains, "tune": tune}
    arms = activation_arms(file, activations, seeds, target=target, gates=gates, **varied)
    gating.check_used(arms.gates)
    about: dict[str, Any] = {
        "runs": runs_dir,
        "needed": needed,
        "command": command,
        "baselines": baselines,
        "live": live,
        "formats": figures,
        "loggers": loggers_for(log_to),
    }
    return _train_arms(arms, gating, watcher, jobs, (dask, dask_timeout), **about)


def sweep(
    file: ExperimentFile,
    *,
    grid: Sequence[str] = (),
    random: Sequence[str] = (),
    budget: int | None = None,
    seeds: int = 3,
    metric: str | None = None,
    jobs: int = 1,
    dask: str | None = None,
    dask_timeout: float | None = None,
    needed: bool = False,
    live: bool = False,
    log_to: Sequence[str] = (),
    runs_dir: Path = Path("runs"),
    gates: Sequence[str] = (),
    junit: Path | None = None,
    figures: Sequence[str] = (),
    command: Sequence[str] = (),
    watcher: Watcher = NOBODY,
) -> ComparisonResult:
    """Train an experiment at many settings, each with so many seeds, and rank them by a figure on validation data.

    `grid` combines all values of `KEY=V1,V2`, `random` draws from `KEY=LOW..HIGH[:log]`; `budget` is the number of
    points to draw, or the largest number to try of a grid. `live`, `figures` and `log_to` as for `compare`.
    """
    from nnlab.comparison.prepare import sweep_arms
    from nnlab.experiments.gating import Gating
    from nnlab.loggers.table import loggers_for
    from nnlab.storage.folder import refuse_other_formats

    refuse_other_formats(figures)
    (report,) = _outputs([junit], [*file.read_files, *_pieces(runs_dir, needed=needed)], runs_dir, None)
    gating = Gating(runs_dir, None, report)
    arms = sweep_arms(file, grid, random, budget, seeds, metric=metric, gates=gates)
    about: dict[str, Any] = {"runs": runs_dir, "needed": needed, "command": command, "live": live, "formats": figures}
    about["loggers"] = loggers_for(log_to)
    return _train_arms(arms, gating, watcher, jobs, (dask, dask_timeout), **about)


def resolve_suite(
    configs: Sequence[str | Path],
    *,
    activations: Sequence[str] = (),
    seeds: int | None = None,
    metric: str | None = None,
    baseline: str | None = None,
    equivalence: float | None = None,
    tune: Sequence[str] = (),
    budget: int | None = None,
    tuning_seeds: int | None = None,
    name: str | None = None,
    set: Sequence[str | Setting] = _NONE,  # noqa: A002 - the option's name
    seed: int | None = None,
    plugins: Sequence[Path] = (),
    threads: int = 1,
) -> BenchmarkSuite:
    """Read the suite of a benchmark, a suite file or several experiments; ConfigError with the faults of all of them.

    What is given stands in place of what the suite file has; without one, `activations` are by default those of
    `compare`. `set` and `seed` override every experiment.
    """
    from nnlab.comparison.benchmark.sets import benchmark_suite
    from nnlab.config.suite import suite_of
    from nnlab.setup.experiment_file import settings

    given: dict[str, Any] = {"name": name, "seeds": seeds, "metric": metric, "baseline": baseline}
    given |= {"equivalence": equivalence, "budget": budget, "tuning_seeds": tuning_seeds}
    source = suite_of(configs, given, activations, tune, DEFAULT_ARMS)
    return benchmark_suite(source, sets=settings(set, seed=seed), plugins=plugins, threads=threads)


def plan_benchmark(suite: BenchmarkSuite) -> BenchmarkPlan:
    """What a benchmark would train, and about how long it would take; nothing is written."""
    from nnlab.comparison.benchmark.dry_run import plan_of

    return plan_of(suite)


def benchmark(
    suite: BenchmarkSuite,
    *,
    jobs: int = 1,
    dask: str | None = None,
    dask_timeout: float | None = None,
    needed: bool = False,
    max_seconds: float | None = None,
    runs_dir: Path = Path("runs"),
    figures: Sequence[str] = (),
    command: Sequence[str] = (),
    watcher: Watcher = NOBODY,
) -> BenchmarkResult:
    """Train several activations on several data sets, each with many seeds, and compare them on each and across sets.

    With `needed`, what earlier comparisons under `runs_dir` have trained is reused, and an unfinished benchmark of the
    same suite is continued in its folder. After `max_seconds` no training begins; what is complete is concluded on.
    Pictures are drawn as PNG, and in the formats `figures`, svg and pdf, beside.
    """
    from nnlab.comparison.benchmark.run import run_benchmark
    from nnlab.comparison.prepare import workers_for
    from nnlab.storage.folder import refuse_other_formats

    refuse_other_formats(figures)
    for warning in suite.warnings():
        watcher.warn(warning)
    about: dict[str, Any] = {"runs": runs_dir, "needed": needed, "max_seconds": max_seconds}
    about |= {"command": command, "formats": figures}
    with workers_for(jobs, dask, dask_timeout, watcher.warn) as workers, watcher.arms() as report:
        return run_benchmark(suite, workers=workers, report=report, **about)


def _pieces(runs_dir: Path, *, needed: bool) -> list[Path]:
    """The files of earlier comparisons that are read."""
    from nnlab.comparison.pieces import files_of

    return [path for paths in files_of(runs_dir).values() for path in paths] if needed else []


def _train_arms(
    arms: Arms,
    gating: Gating,
    watcher: Watcher,
    jobs: int,
    dask: tuple[str | None, float | None],
    *,
    live: bool,
    **about: Any,
) -> ComparisonResult:
    """Train the arms of a comparison or the points of a sweep, and write the report on their gates."""
    from nnlab.comparison.prepare import workers_for

    dataset = arms.checked(arms.file.dataset())
    for warning in dataset.warnings:
        watcher.warn(warning)
    for note in dataset.notes:
        watcher.tell(note)
    if arms.file.experiment.training.max_seconds is not None:
        watcher.warn("training.max_seconds does not hold here: arms are compared at the end of their training")
    if arms.file.experiment.training.show_parameters is not None:
        watcher.warn("training.show_parameters does not hold here: weights and biases are shown of a single training")
    with workers_for(jobs, *dask, watcher.warn) as workers, watcher.arms() as report:
        about |= {"live": watcher.live_page if live else None, "kept": arms.file.kept, "say": watcher.warn}
        result = arms.compare(dataset, workers=workers, report=report, baseline=gating.baseline, **about)
    ended = result.compared
    gating.write(arms.file.experiment.name, ended.folder, ended.gates, ended.summary.seconds)
    return result


# --- finding runs again -----------------------------------------------------------------------------------------------


def list_runs(
    *,
    where: Sequence[str] = (),
    sort: str | None = None,
    reverse: bool = False,
    last: int | None = None,
    columns: Sequence[str] = (),
    all_keys: bool = False,
    runs_dir: Path = Path("runs"),
) -> RunTable:
    """The runs in a folder as a table, the newest last; by default with the keys of the experiment that differ.

    `where` holds gates such as `val/accuracy >= 0.9`, and texts such as `network.activation=relu`; a run must meet all
    of them. `last` takes the newest of these. A column, which may be sorted by, is one of the list's own, such as
    `seconds`, a key or a figure. A broken run is listed with what is wrong with it.
    """
    from nnlab.experiments.run_list import list_runs as table_of

    about: dict[str, Any] = {"where": where, "sort": sort, "reverse": reverse, "last": last}
    return table_of(runs_dir, columns=columns, all_keys=all_keys, **about)


def show_run(run: str, *, runs_dir: Path = Path("runs")) -> RunFacts:
    """Everything that the documents of one run say of it."""
    from nnlab.experiments.run_facts import RunFacts
    from nnlab.storage.lookup import find

    return RunFacts.read(find(runs_dir, run))


def diff_runs(runs: Sequence[str] = (), *, runs_dir: Path = Path("runs")) -> RunDiff:
    """In what two runs differ: experiment, environment and figures; by default the last two."""
    from nnlab.experiments.run_facts import RunDiff
    from nnlab.experiments.run_list import newest

    if len(runs) not in (0, 2):
        found = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
        raise ConfigError(f"found {found}, expected two, or none for the last two")
    old, new = runs or newest(runs_dir, 2)
    return RunDiff(show_run(old, runs_dir=runs_dir), show_run(new, runs_dir=runs_dir))


def compare_runs(
    runs: Sequence[str], *, figures: Sequence[str] = (), out: Path = Path("curves.png"), runs_dir: Path = Path("runs")
) -> list[str]:
    """Draw the curves of trainings over each other, and return the figures that were drawn; `out` names the format.

    Without `figures` these are the loss and the main figure, of the validation part if there is one.
    """
    from nnlab.experiments.run_curves import data_of, draw_runs
    from nnlab.storage.lookup import find

    folders = [find(runs_dir, run) for run in dict.fromkeys(runs)]
    (output,) = _outputs([out], [path for one in folders for path in (*_own_files(one), *data_of(one))], runs_dir, None)
    assert output is not None
    return draw_runs(folders, figures, output)


def remove_runs(
    runs: Sequence[str],
    *,
    runs_dir: Path = Path("runs"),
    agreed: Callable[[Sequence[Path]], bool] = lambda _paths: True,
) -> list[tuple[Path, Path]]:
    """Move runs to the folder `.trash` beside them; where each was and where it is now.

    Nothing is moved if one of them is not there or is being trained, nor if `agreed` returns False for the folders.
    """
    from nnlab.storage.trash import move_to_trash, removable

    paths = removable(runs_dir, runs)
    return [(path, move_to_trash(path)) for path in paths] if agreed(paths) else []


def restore_runs(runs: Sequence[str], *, runs_dir: Path = Path("runs")) -> list[tuple[Path, Path]]:
    """Move removed runs back; where each was and where it is now, under another number if its name is taken."""
    from nnlab.storage.trash import restore

    return [restore(runs_dir, run) for run in runs]


# --- data -------------------------------------------------------------------------------------------------------------


def show_data(source: str, *, set: Sequence[str] = _NONE) -> DataTable:  # noqa: A002 - the option's name
    """How the columns of a file, or of a set of the catalogue, are read; `set` holds keys such as `data.decimal=,`."""
    from nnlab.experiments.data_table import data_table

    return data_table(source, set)


# --- tables of activations, losses and so on --------------------------------------------------------------------------


def entries(kind: str, plugins: Sequence[Path] = (), *, everything: bool = False) -> list[dict[str, Any]]:
    """The entries of a table (activations, losses, optimizers, initializers, schedules), each as a document.

    `everything` adds the activations of the literature, with their certainty.
    """
    from nnlab.config.plugins import with_plugins
    from nnlab.experiments.catalogue import listed

    return listed(kind, with_plugins(plugins), everything=everything)


def entry(kind: str, name: str, plugins: Sequence[Path] = ()) -> dict[str, Any]:
    """An entry of a table as a document, with an example of the lines that choose it; ConfigError for no such name."""
    from nnlab.config.plugins import with_plugins
    from nnlab.experiments.catalogue import entry as entry_of

    return entry_of(kind, name, with_plugins(plugins))


def describe(text: str, values: Mapping[str, float] | None = None, plugins: Sequence[Path] = ()) -> Description:
    """Describe an activation, given by name or as a formula in x, with `values` of its parameters."""
    from nnlab.config.plugins import with_plugins
    from nnlab.experiments.catalogue import describe as describe_activation

    return describe_activation(text, with_plugins(plugins), values)


def activation_passport(
    text: str,
    out: Path | None = None,
    *,
    values: Mapping[str, float] | None = None,
    plugins: Sequence[Path] = (),
) -> Passport:
    """The passport of an activation, given by name or as a formula in x, with `values` of its parameters.

    What it is among all known functions, what it does to signals and gradients in a wide network, what it costs and how
    exact it is. `out` is a picture of it, as in `draw_activations`.
    """
    from nnlab.config.plugins import with_plugins
    from nnlab.experiments.passport import passport, picture

    (output,) = _outputs([out], plugins, Path(), None)
    found = passport(text, with_plugins(plugins), values)
    if output is not None:
        picture(found, output)
    return found


def draw_activations(
    texts: Sequence[str],
    out: Path,
    *,
    values: Mapping[str, float] | None = None,
    plugins: Sequence[Path] = (),
) -> None:
    """Draw activations, given by name or as formulas, and their slopes; several lie over each other.

    `values` are those of their parameters. `out` is a file that is none of the `plugins`, whose name
    ends in .png, .svg or .pdf, or a device or a pipe, which gets PNG.
    """
    from nnlab.config.plugins import with_plugins
    from nnlab.experiments.catalogue import describe_all, picture

    (output,) = _outputs([out], plugins, Path(), None)
    assert output is not None
    picture(describe_all(texts, with_plugins(plugins), values), output)
