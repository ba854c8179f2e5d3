"""Sweep: one experiment at many settings, ranked by a figure on validation data and reported on test data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nnlab.config.experiment import watchable
from nnlab.config.gates import Gate
from nnlab.config.schema import Experiment
from nnlab.config.variants import Settings, Variant, settle, short
from nnlab.errors import ConfigError, printable, suggestion
from nnlab.experiments.compare import SumUp
from nnlab.experiments.gates import Measured, Outcome, arm_figures, check_gates, figures_of_arms, hold
from nnlab.experiments.pieces import Arm
from nnlab.experiments.tune import choosing_figure, mean_of, ranked
from nnlab.maths.activations import AnyActivation
from nnlab.records.runs import finite

BEST = "best"


def sweep_variants(
    experiment: Experiment, points: Sequence[Settings], activations: Mapping[str, AnyActivation]
) -> list[Variant]:
    """A variant for each point, each once; ConfigError with what is wrong with any of their values."""
    family = experiment.network.activation.label
    return [
        Variant(
            " ".join(short(settings)),
            own.network.activation,
            own.model_copy(update={"gates": []}),
            settings,
            family=family,
        )
        for settings, own in settle(experiment, list(dict.fromkeys(points)), activations, "--grid or --random")
    ]


def metric_for(text: str | None, experiment: Experiment) -> str:
    """The figure that ranks the points; ConfigError for one that every arm lacks, or that would spend the test part."""
    figure = choosing_figure(experiment) if text is None else text
    part, _, name = figure.partition("/")
    known = [f"{part}/{name}" for part in ("val", "train") for name in watchable(experiment.task)]
    if part == "test" and name in watchable(experiment.task):
        found = f"--metric: found {printable(figure)}: what the best is chosen by says nothing about new data any more"
        raise ConfigError(f"{found}; expected val/{name}")
    if figure not in known:
        hint = suggestion(figure, known) or f"; expected one of {', '.join(known)}"
        raise ConfigError(f"--metric: unknown figure '{printable(figure)}'{hint}")
    if part == "val" and experiment.data.validation is None:
        raise ConfigError(f"--metric: {printable(figure)} is never measured, expected data.validation")
    return figure


def sum_up_by(figure: str) -> SumUp:
    """The part `sweep` of summary.json: the points from the best to the worst by the mean of a figure."""

    def sum_up(arms: Sequence[Arm], _experiment: Experiment) -> tuple[Mapping[str, str], dict[str, Any]]:
        order = ranked(arms, figure)
        best = order[0].label
        ranking = [_line(arm, figure) for arm in order]
        return {arms[0].family: best}, {"sweep": {"ranked_by": f"mean {figure}", BEST: best, "ranking": ranking}}

    return sum_up


def _line(arm: Arm, figure: str) -> dict[str, Any]:
    """A point of the ranking: what it was ranked by, and what its other figures are in the mean."""
    means = {name: finite(mean_of(values)) for name, values in arm.finals.items()}
    return {
        "point": arm.label,
        "settings": dict(arm.settings),
        "value": means[figure],
        "diverged": int(arm.diverged.sum()),
        "means": means,
    }


# --- gates ------------------------------------------------------------------------------------------------------------


def check_best_gates(gates: Sequence[Gate], figures: Sequence[str]) -> None:
    """Refuse gates on anything but `best.` and a figure of an arm: ConfigError."""
    check_gates(gates, arm_figures(BEST, figures), baseline=False)


def hold_best(gates: Sequence[Gate], summary: Mapping[str, Any]) -> list[Outcome]:
    """The outcome of each gate on the best point."""
    best = summary["arms"][summary["sweep"][BEST]]
    return hold(gates, Measured(final=figures_of_arms({**summary, "arms": {BEST: best}})))
