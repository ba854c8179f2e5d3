"""From a suite to its sets: an experiment each, with all arms, read and checked before anything is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nnlab.comparison.arms import arm_experiment, check_arms_used, check_seeds, labels_of
from nnlab.comparison.benchmark.errors import Measure, measure_of
from nnlab.comparison.compare import final_figures
from nnlab.comparison.points import tuning_points
from nnlab.comparison.prepare import Arms, measured_alike
from nnlab.comparison.start_warnings import sentences_of_starts, warnings_over_sets
from nnlab.comparison.tune import check_choosing
from nnlab.comparison.variants import TUNE, Settings, Variant, settle, short
from nnlab.config.choices import ActivationChoice, activation_mapping, choose_activation
from nnlab.config.document import KeyPath, write
from nnlab.config.experiment import Finding, measuring, to_plain, to_yaml, watchable
from nnlab.config.overrides import Setting
from nnlab.config.plugins import with_plugins
from nnlab.config.schema import Experiment
from nnlab.config.suite import Suite, SuiteEntry, SuiteFile
from nnlab.data.dataset import Dataset
from nnlab.errors import ConfigError, Fault, InputError, listed, printable, suggestion
from nnlab.maths.activations import AnyActivation
from nnlab.setup.experiment_file import ExperimentFile
from nnlab.setup.network import network_for
from nnlab.setup.plan import epoch_for, steps_for
from nnlab.setup.rows import split_rows
from nnlab.storage.folder import EXPERIMENTS

# Far from the seeds of the evaluation, so that more of these never become seeds of tuning.
_TO_TUNING_SEEDS = 1_000_000


@dataclass(frozen=True)
class BenchmarkSet:
    """A data set with the experiment that is trained on it under every arm.

    `file` measures what all arms are compared by; `choices` are the activations by label, and `points` the settings
    that each of them tries on `tuning_seeds`, none if nothing is tuned. `cost` is that of a training, in roughly
    seconds, by which progress is weighed. `starts` is what theory warns of, in the arms' networks at the first point.
    """

    label: str
    family: str
    file: ExperimentFile
    choices: Mapping[str, ActivationChoice]
    seeds: range
    points: Sequence[Settings]
    tuning_seeds: range
    measure: Measure
    cost: float = 1.0
    starts: Sequence[str] = ()

    @property
    def experiment(self) -> Experiment:
        """The experiment that all arms share."""
        return self.file.experiment

    @cached_property
    def settled(self) -> dict[Settings, Experiment]:
        """The experiment at each point, or as it is if nothing is tuned."""
        measured = watchable(self.experiment)
        return {point: measuring(own, measured) for point, own in settle(self.experiment, self.points or [()], TUNE)}

    def variant(self, label: str, settings: Settings = ()) -> Variant:
        """The arm of this label, at some settings."""
        choice, name = self.choices[label], " ".join([label, *short(settings)])
        return Variant(name, choice, arm_experiment(self.settled[settings], choice), settings, family=label)

    def tuning_variants(self) -> list[Variant]:
        """Every arm at every point."""
        return [self.variant(label, point) for label in self.choices for point in self.points]

    def dataset(self) -> Dataset:
        """The rows, read and checked against every arm; with what there is to say of them. ConfigError if one misfits.

        The data may have changed since the benchmark was checked as a whole.
        """
        dataset = self.file.dataset()
        figure = self.measure.figure(final_figures(self.experiment, dataset))
        variants = [self.variant(label, settings) for label in self.choices for settings in self.settled]
        return Arms(self.file, variants, self.seeds, None, (), self._check, ranked_by=figure).checked(dataset)

    def _check(self, figures: Sequence[str]) -> None:
        """ConfigError if there is nothing to choose settings by; `figures` are the final ones."""
        if self.points:
            check_choosing(self.measure.tuning_figure(figures), figures)


@dataclass(frozen=True)
class BenchmarkSuite:
    """A suite with its sets, ready to be trained."""

    source: SuiteFile
    suite: Suite
    sets: Sequence[BenchmarkSet]
    baseline: str
    plugins: tuple[Path, ...]
    threads: int

    @property
    def arms(self) -> dict[str, ActivationChoice]:
        """The activations by label."""
        return dict(self.sets[0].choices)

    def warnings(self) -> Iterator[str]:
        """What of the experiments does not hold in a benchmark, and what theory says of the starts of the arms."""
        for key in ("max_seconds", "show_parameters", "gradcheck"):
            names = [one.label for one in self.sets if getattr(one.experiment.training, key) is not None]
            if names:
                yield f"training.{key} does not hold here, though {listed(names[:5])} have it"
        yield from self.start_warnings()

    def start_warnings(self) -> list[str]:
        """What theory says of the starts of the arms, each sentence once with its sets."""
        return warnings_over_sets({one.label: one.starts for one in self.sets})

    @property
    def read_files(self) -> list[str | Path]:
        """The files and folders that it is read from."""
        return [*filter(None, [self.source.path]), *(path for one in self.sets for path in one.file.read_files)]

    def to_yaml(self) -> str:
        """The suite as a complete file, for the run folder: its experiments lie in a folder beside it."""
        entries = [
            {"config": f"{EXPERIMENTS}/{one.label}.yaml", "name": one.label, "family": one.family} for one in self.sets
        ]
        return write({**to_plain(self.suite), "experiments": entries})

    def experiment_files(self) -> dict[str, str]:
        """The complete experiment file of each set, by its path in the run folder."""
        return {f"{EXPERIMENTS}/{one.label}.yaml": to_yaml(one.experiment) for one in self.sets}

    @property
    def digest(self) -> str:
        """The SHA-256 of all that is trained and concluded."""
        whole = "\0".join([self.to_yaml(), *self.experiment_files().values()])
        return hashlib.sha256(whole.encode()).hexdigest()


def benchmark_suite(
    source: SuiteFile,
    *,
    sets: Sequence[str | Setting] = (),
    plugins: Sequence[Path] = (),
    threads: int = 1,
) -> BenchmarkSuite:
    """Read the experiments of a suite and check all arms on all data; ConfigError lists every fault.

    `sets` are overrides of every experiment, after those of the suite.
    """
    suite, activations = source.suite, with_plugins(plugins)
    choices, unknown = _choices(source, activations)
    baseline, unnamed = _baseline(suite, dict(zip(suite.arms, choices, strict=False)))
    source.refuse([*unknown, *unnamed, *_tuning_findings(suite)])
    how = {"plugins": plugins, "threads": threads, "activations": activations}
    files = _files(source, sets, how)
    return BenchmarkSuite(source, suite, _sets(source, files, choices), baseline, tuple(plugins), threads)


# --- arms -------------------------------------------------------------------------------------------------------------


def _choices(
    source: SuiteFile, activations: Mapping[str, AnyActivation]
) -> tuple[dict[str, ActivationChoice], list[Finding]]:
    """The activation of each arm by its label; or findings of unknown ones and of two with the same label."""
    choices, findings = list[ActivationChoice](), list[Finding]()
    for index, word in enumerate(source.suite.arms):
        place: KeyPath = ("arms", index)
        try:
            choice = choose_activation(activation_mapping(word), activations)
        except ConfigError as error:
            findings += [(place, fault.message) for fault in error.faults]
            continue
        if choice.label in [one.label for one in choices]:
            findings.append((place, f"found {printable(choice.label)} a second time, expected it once"))
        choices.append(choice)
    return dict(zip(labels_of(choices), choices, strict=True)), findings


def _baseline(suite: Suite, words: Mapping[str, str]) -> tuple[str, list[Finding]]:
    """The label of the baseline, named by its label or as an arm, empty without one; or the finding that it is none."""
    named = suite.baseline
    known = {arm: arm for arm in suite.arms} | dict(words) | {label: label for label in words.values()}
    if named is None or named in known:
        return "" if named is None else known[named], []
    found = f"found {printable(named)!r}{suggestion(named, known) or ', expected one of the arms'}"
    return "", [(("baseline",), found)]


def _tuning_findings(suite: Suite) -> Iterator[Finding]:
    """What cannot be tuned in any experiment."""
    if suite.budget is not None and not suite.tune:
        yield ("budget",), "found budget without tune, expected what is to be tuned"
        return
    try:
        tuning_points(suite.tuned, suite.budget, 0)
    except ConfigError as error:
        for fault in error.faults:
            yield ("tune",), str(fault).removeprefix(f"{TUNE} ").removeprefix(f"{TUNE}: ")


# --- experiments ------------------------------------------------------------------------------------------------------


def _files(source: SuiteFile, sets: Sequence[str | Setting], how: Mapping[str, Any]) -> list[ExperimentFile]:
    """The experiment files of a suite, read as `how` says; ConfigError with the faults of all of them."""
    files, faults = list[ExperimentFile](), list[Fault]()
    for index, entry in enumerate(source.suite.experiments):
        overrides = [*_own_settings(source, index, entry), *sets]
        path = _path(source, entry)
        try:
            files.append(ExperimentFile.read(path, overrides, **how))
        except ConfigError as error:
            unset = _faults_without_set(path, sets, how) if entry.set else error.faults
            faults += [_placed(fault, source, index, entry, unset) for fault in error.faults]
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    return files


def _path(source: SuiteFile, entry: SuiteEntry) -> Path:
    """The experiment file: seen from the suite's folder, or from here if there is nothing of that name."""
    beside = source.folder / entry.config
    return beside if beside.exists() or not Path(entry.config).exists() else Path(entry.config)


def _own_settings(source: SuiteFile, index: int, entry: SuiteEntry) -> Iterator[Setting]:
    """The overrides of an entry; the place of each is the one in the suite."""
    for key, value in entry.set.items():
        file, line, column = source.document.position(("experiments", index, "set", key), of_key=True)
        yield Setting(key, value, ":".join(str(part) for part in (file, line, column) if part is not None))


def _faults_without_set(path: Path, sets: Sequence[str | Setting], how: Mapping[str, Any]) -> Sequence[Fault]:
    """The faults that an experiment has without the overrides of its entry."""
    try:
        ExperimentFile.read(path, sets, **how)
    except ConfigError as error:
        return error.faults
    return ()


def _placed(fault: Fault, source: SuiteFile, index: int, entry: SuiteEntry, unset: Sequence[Fault]) -> Fault:
    """The fault; one of a file that is not there, or that only the entry's `set` brings about, at its place there."""
    of_set = source.document.position(("experiments", index, "set"), of_key=True)
    if of_set[1] is not None and fault not in unset and not str(fault.file).startswith(str(of_set[0])):
        return Fault(f"with this set: {fault}", *of_set)
    if fault.line is not None or fault.file != str(source.folder / entry.config):
        return fault
    place = source.document.position(("experiments", index))
    return fault if place[1] is None else Fault(f"{printable(entry.config)}: {fault.message}", *place)


# --- sets -------------------------------------------------------------------------------------------------------------


def _sets(
    source: SuiteFile, files: Sequence[ExperimentFile], choices: Mapping[str, ActivationChoice]
) -> list[BenchmarkSet]:
    """The sets of a suite, with all arms checked on the rows; ConfigError lists the faults of all sets."""
    suite, found, faults = source.suite, list[BenchmarkSet](), list[Fault]()
    source.refuse([*_repeated(source, files)])
    for index, (entry, file) in enumerate(zip(suite.experiments, files, strict=True)):
        label = entry.name or file.experiment.name
        try:
            one = _set(suite, label, entry.family or label, file, choices)
            dataset = one.dataset()
            one = replace(one, cost=_cost(one, dataset), starts=_starts(one, dataset))
        except InputError as error:
            faults += [fault if fault.file else _at_entry(fault, source, index, label) for fault in error.faults]
        else:
            found.append(one)
    if faults:
        raise ConfigError(list(dict.fromkeys(_at_arms(faults, source, [*choices]))))
    return found


def _at_entry(fault: Fault, source: SuiteFile, index: int, label: str) -> Fault:
    """A fault of a set without a place, at the suite's key that causes it, or at the set's entry."""
    found_at = source.document.position(fault.key or ("experiments", index))
    return Fault(f"{label}: {fault.message}", *((None, None, None) if found_at[1] is None else found_at))


def _at_arms(faults: Sequence[Fault], source: SuiteFile, labels: Sequence[str]) -> Iterator[Fault]:
    """The faults; those of an arm, which begin with it, at its place in the suite, and what several sets share once."""
    for fault in faults:
        arm, colon, message = fault.message.removeprefix("with ").partition(": ")
        if fault.message.startswith("with ") and colon and arm in labels:
            index = labels.index(arm)
            place = source.document.position(("arms", index))
            text = f"{printable(source.suite.arms[index])} does not fit: {message}"
            yield Fault(text, *place) if place[1] is not None else Fault(text)
        else:
            yield fault


def _repeated(source: SuiteFile, files: Sequence[ExperimentFile]) -> Iterator[Finding]:
    labels = [entry.name or file.experiment.name for entry, file in zip(source.suite.experiments, files, strict=True)]
    for index, label in enumerate(labels):
        if label in labels[:index]:
            found = f"found a second experiment of the name {label}, expected another name, as in"
            yield ("experiments", index), f"{found} {{…, name: {label}-2}}"


def _set(
    suite: Suite, label: str, family: str, file: ExperimentFile, choices: Mapping[str, ActivationChoice]
) -> BenchmarkSet:
    experiment = file.experiment
    check_arms_used(experiment)
    measure = _measure(suite.metric, experiment)
    first = experiment.seed
    seeds = range(first, first + suite.seeds)
    points = tuning_points(suite.tuned, suite.budget, first)
    tuning_seeds = range(first + _TO_TUNING_SEEDS, first + _TO_TUNING_SEEDS + suite.tuning_seeds)
    for some in (seeds, tuning_seeds if points else range(0)):
        check_seeds(experiment, some)
    draft = BenchmarkSet(label, family, file, choices, seeds, points, tuning_seeds if points else range(0), measure)
    alike, _ = measured_alike(file, [draft.variant(next(iter(choices)), point) for point in points], measure.name)
    return BenchmarkSet(label, family, alike, choices, seeds, points, draft.tuning_seeds, measure)


def _starts(one: BenchmarkSet, dataset: Dataset) -> list[str]:
    first = next(iter(one.settled))
    return sentences_of_starts({label: one.variant(label, first).experiment for label in one.choices}, dataset)


def _measure(metric: str, experiment: Experiment) -> Measure:
    try:
        return measure_of(metric, experiment)
    except ConfigError as error:
        raise ConfigError([replace(fault, key=("metric",)) for fault in error.faults]) from error


# Roughly, of a step: what it takes however small the network is, and for each operation in its matrix products.
_SECONDS_PER_STEP, _SECONDS_PER_OPERATION = 1e-4, 2e-10


def _cost(one: BenchmarkSet, dataset: Dataset) -> float:
    """What a training of a set takes in roughly seconds."""
    experiment = next(iter(one.settled.values()))
    network = network_for(experiment, dataset.sample_shape, dataset.y.shape[1])
    epoch = epoch_for(experiment, network, len(split_rows(experiment, dataset).train))
    seconds = _SECONDS_PER_STEP + _SECONDS_PER_OPERATION * network.operations(epoch.size)
    return steps_for(experiment, epoch) * seconds
