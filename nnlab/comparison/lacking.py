"""Figures that the parts of some seeds do not have, though arms are stopped or ranked by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from nnlab.config.experiment import refusal
from nnlab.config.schema import Experiment
from nnlab.data.dataset import Dataset
from nnlab.errors import ConfigError, printable
from nnlab.maths.statistics import seeds_of
from nnlab.maths.undefined import may_be_undefined
from nnlab.setup.rows import split_rows
from nnlab.setup.watched import MONITOR, instead_of, undefined_in


def lacking_figures(
    experiments: Sequence[Experiment], dataset: Dataset, seeds: Sequence[int], ranked_by: str | None
) -> list[str]:
    """A warning for each figure that the parts of some seeds lack; ConfigError for one that those of all seeds lack.

    The figures are what early stopping watches in any of the experiments, and `ranked_by`, what a sweep ranks by.
    """
    warnings: list[str] = []
    for figure, experiment in _asked(experiments, ranked_by):
        drawn = seeds if experiment.data.draws_a_part else seeds[:1]
        reasons = Counter(filter(None, (_why(experiment, dataset, seed, figure) for seed in drawn)))
        lacking = reasons.total()
        if lacking == len(drawn):
            raise _refused(experiment, figure, _words(reasons, len(seeds)), is_metric=figure == ranked_by)
        if lacking:
            what = f"{printable(figure)}: for {lacking:,} of {seeds_of(len(seeds))}"
            warnings.append(f"{what} {_listed(reasons)}; {instead_of(figure)}")
    return list(dict.fromkeys(warnings))


def _asked(experiments: Sequence[Experiment], ranked_by: str | None) -> Iterator[tuple[str, Experiment]]:
    """Each figure that may be undefined, with an experiment for each way in which the data are divided.

    Splitting takes time, and most figures are defined everywhere.
    """
    found: dict[tuple[str, str], Experiment] = {}
    for experiment in experiments:
        stopping = experiment.training.early_stopping
        for figure in (stopping.monitor if stopping else None, ranked_by):
            if figure and may_be_undefined(figure.partition("/")[2]):
                found.setdefault((figure, repr(experiment.data)), experiment)
    return ((figure, experiment) for (figure, _), experiment in found.items())


def _why(experiment: Experiment, dataset: Dataset, seed: int, figure: str) -> str | None:
    parts = split_rows(experiment.model_copy(update={"seed": seed}), dataset)
    return undefined_in(parts, dataset, figure)


def _refused(experiment: Experiment, figure: str, why: str, *, is_metric: bool) -> ConfigError:
    found = f"found {printable(figure)}, but {why}; {instead_of(figure)}"
    return ConfigError(f"--metric: {found}") if is_metric else refusal(experiment, [(MONITOR, found)])


def _words(reasons: Counter[str], seeds: int) -> str:
    return _listed(reasons) + ("" if seeds == 1 else f", for each of {seeds_of(seeds)}")


def _listed(reasons: Counter[str]) -> str:
    """The reasons, the most frequent first, each with its count where there are several."""
    if len(reasons) == 1:
        return next(iter(reasons))
    return ", ".join(f"{why} ({seeds_of(count)})" for why, count in reasons.most_common(3))
