"""From command-line arguments to the arms of a comparison or a sweep, checked before anything is trained."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nnlab.comparison.arms import (
    Target,
    arms_from,
    check_arms_used,
    check_seeds,
    check_steps,
    check_widths,
    default_target,
    labels_of,
    measured,
    target_for,
)
from nnlab.comparison.cluster import dask_workers
from nnlab.comparison.compare import ComparisonResult, Conclude, compare, final_figures
from nnlab.comparison.lacking import lacking_figures
from nnlab.comparison.points import points
from nnlab.comparison.start_warnings import warnings_of_starts
from nnlab.comparison.starts import starts_from
from nnlab.comparison.sweep import check_best_gates, conclude_sweep, metric_for, search_of, sweep_variants
from nnlab.comparison.tune import check_choosing, choosing_figure
from nnlab.comparison.variants import Variant, variants, without_twins
from nnlab.comparison.workers import Processes, SerialWorkers, Workers
from nnlab.config.experiment import measuring, refusal, watchable
from nnlab.data.dataset import Dataset
from nnlab.errors import ConfigError
from nnlab.gates.hold import name_arms
from nnlab.gates.parse import Gate, gates_from
from nnlab.setup.experiment_file import ExperimentFile
from nnlab.setup.watched import reported_findings


@dataclass(frozen=True)
class Arms:
    """The variants to train, with everything needed to run and conclude the comparison or sweep.

    `check` validates the names of the final figures. Without a `target` there is a default for the data. `conclude` is
    None for a comparison of activations, and `ranked_by` is the figure of a sweep.
    """

    file: ExperimentFile
    variants: Sequence[Variant]
    seeds: range
    target: Target | None
    gates: Sequence[Gate]
    check: Callable[[Sequence[str]], None]
    remarks: Sequence[str] = ()
    starts: Sequence[str] = ()
    kind: str = "compare-activations"
    suffix: str = "compare"
    conclude: Conclude | None = None
    ranked_by: str | None = None

    def checked(self, dataset: Dataset) -> Dataset:
        """Return the data set, with warnings of its parts; ConfigError if the arms do not fit it."""
        experiment = self.file.experiment
        findings = [*reported_findings(experiment, dataset)]
        if findings:
            raise refusal(experiment, findings)
        self.check(final_figures(experiment, dataset))
        experiments = {arm.label: arm.experiment for arm in self.variants}
        check_widths(experiment, experiments, dataset.sample_shape, dataset.y.shape[1])
        check_steps(experiment, experiments, dataset)
        lacking = lacking_figures([arm.experiment for arm in self.variants], dataset, self.seeds, self.ranked_by)
        return replace(dataset, warnings=(*dataset.warnings, *lacking, *warnings_of_starts(experiments, dataset)))

    def compare(self, dataset: Dataset, **about: Any) -> ComparisonResult:
        """Train all variants; `about` are further arguments of `compare`, such as `runs` and `workers`."""
        experiment = self.file.experiment
        return compare(
            experiment,
            dataset,
            self.variants,
            self.seeds,
            target=measured(self.target or default_target(experiment, dataset.y), final_figures(experiment, dataset)),
            kind=self.kind,
            suffix=self.suffix,
            plugins=self.file.plugins,
            facts=self.file.facts,
            gates=self.gates if self.conclude is None else (),
            remarks=self.remarks,
            starts=self.starts,
            conclude=self.conclude,
            **about,
        )


def activation_arms(
    file: ExperimentFile,
    words: Sequence[str],
    seeds: int,
    *,
    target: str | None = None,
    layer: str | None = None,
    starts: Sequence[str] = (),
    gains: Sequence[float] = (),
    tune: Sequence[str] = (),
    gates: Sequence[str] = (),
) -> Arms:
    """The arms of a comparison of activations; ConfigError for what cannot be compared."""
    experiment = file.experiment
    choices = arms_from(words, file.activations)
    level = None if target is None else target_for(target, experiment)
    if layer is None:
        check_arms_used(experiment)
    chosen = starts_from(starts, gains, experiment)
    arms, remarks = without_twins(variants(experiment, choices, layer=layer, starts=chosen, tune=tune))

    def check(figures: Sequence[str]) -> None:
        if level is not None and measured(level, figures) != level:
            raise ConfigError(f"--target: {level.figure} is never measured: data.split gives no row to that part")
        if tune:
            check_choosing(choosing_figure(experiment), figures)

    named = dict(zip(words, labels_of(choices), strict=True))
    parsed = name_arms(gates_from(gates, [*words, *(arm.label for arm in arms)]), named)
    file, arms = measured_alike(file, arms)
    names = [start.name for start in chosen]
    return Arms(file, arms, _seeds(file, seeds), level, parsed, check, remarks, names)


def sweep_arms(
    file: ExperimentFile,
    grid: Sequence[str],
    random: Sequence[str],
    budget: int | None,
    seeds: int,
    *,
    metric: str | None = None,
    gates: Sequence[str] = (),
) -> Arms:
    """The points of a sweep; ConfigError for what cannot be searched."""
    experiment, parsed = file.experiment, gates_from(gates)
    figure, chosen_seeds = metric_for(metric, experiment), _seeds(file, seeds)
    arms = sweep_variants(experiment, points(grid, random, budget, experiment.seed))
    search = search_of(grid, random, len(arms), experiment.seed)
    file, arms = measured_alike(file, arms, figure.partition("/")[2])

    def check(figures: Sequence[str]) -> None:
        if metric is None or figure not in figures:
            check_choosing(figure, figures)
        check_best_gates(parsed, figures)

    return Arms(
        file,
        arms,
        chosen_seeds,
        None,
        parsed,
        check,
        kind="sweep",
        suffix="sweep",
        ranked_by=figure,
        conclude=lambda trained: conclude_sweep(trained, search, figure, parsed),
    )


def measured_alike(file: ExperimentFile, arms: Sequence[Variant], *names: str) -> tuple[ExperimentFile, list[Variant]]:
    """The experiment and its variants, all of which measure what one of them watches, and the figures in `names`."""
    every = [*names, *(name for arm in arms for name in watchable(arm.experiment))]
    experiment = measuring(file.experiment, every)
    alike = [replace(arm, experiment=measuring(arm.experiment, watchable(experiment))) for arm in arms]
    return replace(file, paths=replace(file.paths, experiment=experiment)), alike


def _seeds(file: ExperimentFile, count: int) -> range:
    """The experiment's seed and the next ones."""
    seeds = range(file.experiment.seed, file.experiment.seed + count)
    check_seeds(file.experiment, seeds)
    return seeds


@contextlib.contextmanager
def workers_for(
    jobs: int, dask: str | None, dask_timeout: float | None, warn: Callable[[str], None]
) -> Iterator[Workers]:
    """The workers: this process for one job, several processes, or the Dask cluster at an address."""
    if dask is None and dask_timeout is not None:
        raise ConfigError("found --dask-timeout without --dask, expected both or neither")
    if dask is None:
        yield SerialWorkers() if jobs == 1 else Processes(jobs)
        return
    if jobs != 1:
        raise ConfigError("found both --jobs and --dask, expected one of them: a cluster has workers of its own")
    with dask_workers(dask, dask_timeout, warn) as cluster:
        yield cluster
