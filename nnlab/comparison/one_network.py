"""One network of a comparison or a sweep: an arm under a seed, opened like the network of a run.

Its weights are in the comparison's folder. Its rows and their scaling are made again: from config.yaml, with the
sections that are the arm's own, and the seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnlab.comparison.median_networks import median_replica
from nnlab.comparison.weights import read_weights
from nnlab.config.document import Document, read_file
from nnlab.config.experiment import validate
from nnlab.config.overrides import Setting, override_all
from nnlab.config.schema import Experiment
from nnlab.errors import CheckpointError, ConfigError, printable, suggestion
from nnlab.experiments.evaluate import ArmNetwork, Opened, plugins_named, weights_of
from nnlab.experiments.unchanged import (
    Trust,
    refuse_another_experiment,
    refuse_lost,
    refuse_other_plugins,
    refuse_other_rows,
)
from nnlab.maths.activations import AnyActivation
from nnlab.maths.statistics import seeds_of
from nnlab.setup.paths import moved_with, with_absolute_paths
from nnlab.setup.rows import prepare_rows, read_rows
from nnlab.setup.setup import set_up
from nnlab.storage.folder import CONFIG, RunFolder
from nnlab.storage.lookup import NamedArm
from nnlab.storage.run import ArmsRun
from nnlab.storage.summary import (
    ArmSummary,
    BenchmarkSummary,
    ComparisonSummary,
    SeveralSummary,
    SweepSummary,
    arm_labels,
)


@dataclass(frozen=True)
class OneNetwork:
    """A network of the comparison or sweep in `folder`."""

    folder: RunFolder
    summary: SeveralSummary
    which: ArmNetwork

    @classmethod
    def of(cls, named: NamedArm) -> OneNetwork:
        """The network that a user has named; without a seed that of the arm's median seed. CheckpointError for none."""
        summary, shown = named.folder.read_summary(), printable(str(named.folder.path))
        if not isinstance(summary, ComparisonSummary | SweepSummary):
            kinds = {type(None): "no summary", BenchmarkSummary: "a benchmark"}
            what = kinds.get(type(summary), "a run of one network")
            expected = "expected a comparison or a sweep that has one, for RUN:ARM"
            raise CheckpointError(f"{shown}: found {what}, {expected}")
        label = _label(summary, named.arm, shown)
        return cls(named.folder, summary, _with_seed(summary, label, named.seed, shown))

    @property
    def arm(self) -> ArmSummary:
        """What the summary says of its arm."""
        return self.summary.arms[self.which.label]

    @property
    def settings(self) -> list[Setting]:
        """What makes its experiment of config.yaml."""
        values = {**self.arm.experiment, "seed": self.which.seed, "gates": []}
        return [Setting(key, value, "summary.json") for key, value in values.items()]

    def refuse_checkpoint(self, name: str | None) -> None:
        """ConfigError for the name of a checkpoint, of which a comparison has none."""
        if name is not None:
            found = f"found {name}, but a comparison keeps only the weights whose figures it reports"
            raise ConfigError(f"--checkpoint: {found}; expected a run, or no --checkpoint")


def _label(summary: SeveralSummary, word: str, shown: str) -> str:
    """The label of the arm that a user names by it, by its family, by its formula, or as in -a."""
    names = arm_labels(summary)
    if word in names:
        return names[word]
    expected = f", expected one of {', '.join(map(printable, [*summary.arms][:_MOST_NAMED]))}"
    arm, at, seed = word.rpartition("@")
    as_seed = f"; did you mean '{printable(arm)}@seed{int(seed)}'?" if at and arm in names and seed.isdecimal() else ""
    hint = as_seed or suggestion(word, names) or expected
    failed = summary.failed.get(word)
    why = "" if failed is None else f": {printable(failed)}"
    raise CheckpointError(f"{shown}: found no arm '{printable(word)}'{why}{hint}")


_MOST_NAMED = 10


def _with_seed(summary: SeveralSummary, label: str, seed: int | None, shown: str) -> ArmNetwork:
    """The network of an arm with this seed, or with that whose final figure is the median of all seeds."""
    seeds = summary.seeds
    if seed is not None and seed not in seeds:
        raise CheckpointError(f"{shown}: found seed {seed}, expected one from {seeds[0]} to {seeds[-1]}")
    if seed is not None:
        return ArmNetwork(label, seed, f"one of {seeds_of(len(seeds))}")
    finals = {name: np.array(final.values, float) for name, final in summary.arms[label].final.items()}
    replica = median_replica(finals, summary.figure)
    if replica is None:
        found = f"no seed of {printable(label)} has a number for {summary.figure}"
        raise CheckpointError(f"{shown}: {found}, expected a seed: {printable(label)}@seed{seeds[0]}")
    why = f"the median of {seeds_of(len(seeds))} by {summary.figure}; @seedN takes another"
    return ArmNetwork(label, seeds[replica], why)


# --- opening it -------------------------------------------------------------------------------------------------------


def open_network(
    network: OneNetwork,
    activations: Mapping[str, AnyActivation],
    *,
    sets: Sequence[str] = (),
    plugins: Sequence[Path] = (),
    trust: Trust | None = None,
) -> Opened:
    """Open a network of a comparison; `sets`, `plugins` and `trust` are those of `open_run`.

    CheckpointError if experiment, rows, plugins or weights are not those of the comparison, unless they are trusted.
    """
    run, which, trust = network.folder, network.which, trust or Trust()
    document = read_file(run.path / CONFIG)
    with plugins_named(run):
        experiment = _experiment(network, document, activations, sets)
    refuse_other_plugins(run, None, plugins, trust)
    paths = moved_with(with_absolute_paths(experiment, run.path), run.then(), run.path.resolve())
    refuse_lost(paths)
    dataset, about = read_rows(paths.experiment, None, run.path), run.read_run()
    if not isinstance(about, ArmsRun) or about.data is None:
        raise CheckpointError(f"{printable(str(run.path))}: found no run.json of a comparison, expected one")
    refuse_other_rows(run.path, dataset, about.data.fingerprint, trust=trust)
    setup = set_up(paths.experiment, prepare_rows(paths.experiment, dataset, [which.seed]))
    layouts = setup.network.layout, setup.network.statistics
    model = setup.model(*read_weights(run, network.summary, which.label, which.seed, layouts, trust))
    if not model.fits:
        found = f"found weights of another network for {printable(which.label)}"
        raise CheckpointError(f"{printable(str(run.path))}: {found}, expected {setup.network.layout.size:,} parameters")
    stops_early = experiment.training.early_stopping is not None
    diverged_at = network.arm.diverged_at[network.summary.seeds.index(which.seed)]
    return Opened(
        paths,
        model,
        weights_of(experiment),
        about.data.fingerprint,
        None if stops_early or diverged_at is not None else setup.plan.steps,
        setup.plan.steps,
        "completed" if diverged_at is None else "diverged",
        trust,
        gradient_faults=() if network.arm.gradcheck is None else network.arm.gradcheck.faults,
        arm=which,
        dataset=dataset,
    )


def _experiment(
    network: OneNetwork, document: Document, activations: Mapping[str, AnyActivation], sets: Sequence[str]
) -> Experiment:
    """The experiment of an arm with its seed. CheckpointError if config.yaml is not the one of the comparison."""
    refuse_another_experiment(network.folder, validate(document, activations))
    return validate(override_all(document, [*network.settings, *sets]), activations)
