"""Everyone at the same settings, and each at its best: which arms of a tuned comparison these are.

Settings are chosen by the mean of a figure on the validation part; what they are worth is told on the test part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnlab.comparison.tasks import Arm
from nnlab.comparison.variants import Settings
from nnlab.config.document import read_value
from nnlab.config.experiment import to_plain
from nnlab.config.schema import Experiment
from nnlab.errors import ConfigError
from nnlab.maths.metrics import TRAINING_METRICS, metric_of
from nnlab.runs.summary import SameSettings, TunedArm, TunedSummary


@dataclass(frozen=True)
class Tuned:
    """For each family of arms, which is an activation with its initialiser, the label of an arm.

    `same` has the arm at the settings that all share, `best` the one at the family's own best `settings`. `figure`
    is what these were chosen by. `common` are the shared settings, `why` says how they were found.
    """

    figure: str
    same: Mapping[str, str]
    best: Mapping[str, str]
    settings: Mapping[str, Settings]
    common: Settings
    why: str

    def summary(self) -> TunedSummary:
        """What summary.json says of it."""
        arms = {
            family: TunedArm(same=self.same.get(family), best=best, settings=dict(self.settings[family]))
            for family, best in self.best.items()
        }
        common = SameSettings(settings=dict(self.common), why=self.why)
        return TunedSummary(chosen_by=f"mean {self.figure}", same_settings=common, arms=arms)


def choosing_figure(experiment: Experiment) -> str:
    """The figure that settings are chosen by, unless another is asked for: the task's first, on the validation part.

    Where no rows are held out at all, as in exclusive or, it is that of the training part.
    """
    part = "train" if experiment.data.validation is None else "val"
    return f"{part}/{next(iter(TRAINING_METRICS[experiment.task]))}"


def check_choosing(figure: str, figures: Sequence[str]) -> None:
    """Refuse to choose on training data where rows are held out: ConfigError. Arms end with `figures`."""
    if not figure.startswith("val/") and any(name.startswith("test/") for name in figures):
        raise ConfigError("found no validation part to choose the best settings on, expected data.validation")


def choice_warnings(figure: str, finals: Iterable[str]) -> Iterator[str]:
    """What is wrong with a figure that settings are chosen by, where arms end with these final figures."""
    if not figure.startswith("val/"):
        yield (
            f"settings are chosen by {figure}, on the very rows that were trained on: it tells which of them fit these "
            "rows best, not which do best on new ones; for that, expected data.validation"
        )
    elif not any(name.startswith("test/") for name in finals):
        yield (
            f"{figure} of the best settings looks better than it is, for they were chosen by it; for figures on rows "
            "that chose nothing, expected data.test"
        )


def tuned_from(arms: Sequence[Arm], experiment: Experiment) -> Tuned | None:
    """The best settings of each family, and those that all share; None where nothing was tuned."""
    if not any(arm.settings for arm in arms):
        return None
    figure = choosing_figure(experiment)
    families: dict[str, list[Arm]] = {}
    for arm in arms:
        families.setdefault(arm.family, []).append(arm)
    best = {family: ranked(own, figure)[0] for family, own in families.items()}
    common, why = _common(families, experiment, figure)
    same = {arm.family: arm.label for arm in arms if arm.settings == common}
    labels = {family: arm.label for family, arm in best.items()}
    return Tuned(figure, same, labels, {family: arm.settings for family, arm in best.items()}, common, why)


def ranked(arms: Sequence[Arm], figure: str) -> list[Arm]:
    """The arms from the best to the worst: fewest diverged seeds first, then by the mean of the figure, then the loss.

    The mean alone would favour an arm of which only the lucky seeds are left.
    """
    return sorted(arms, key=lambda arm: merit(arm, figure))


def merit(arm: Arm, figure: str) -> tuple[float, float, float]:
    """What an arm is ranked by, the smaller the better."""
    split, sign = figure.partition("/")[0], -1 if larger_is_better(figure) else 1
    diverged = float(arm.diverged.sum())
    return diverged, mean_of(sign * arm.finals[figure]), mean_of(arm.finals[f"{split}/loss"])


def larger_is_better(figure: str) -> bool:
    """Whether of two figures such as `val/accuracy` the larger is the better one."""
    return metric_of(figure.partition("/")[2]).larger_is_better


def mean_of(values: Any) -> float:
    """The mean of what is known; infinite where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.inf


def _common(families: Mapping[str, Sequence[Arm]], experiment: Experiment, figure: str) -> tuple[Settings, str]:
    """The settings of the experiment file where they are among those tried, else those best on average."""
    tried = list(dict.fromkeys(arm.settings for own in families.values() for arm in own))
    plain = to_plain(experiment)
    for settings in tried:
        if all(_at(plain, key) == read_value(value, "").values for key, value in settings):
            return settings, "those of the experiment file"
    merits = {
        settings: np.sum(
            [merit(arm, figure) for own in families.values() for arm in own if arm.settings == settings], 0
        )
        for settings in tried
        if sum(arm.settings == settings for own in families.values() for arm in own) == len(families)
    }
    if not merits:  # arms have failed
        return (), "none: no settings were tried by all"
    return min(merits, key=lambda settings: tuple(merits[settings])), f"best on average by mean {figure}"


def _at(plain: Any, key: str) -> Any:
    """The value under a dotted key of a resolved experiment; None where there is none."""
    for name in key.split("."):
        if isinstance(plain, str):
            plain = {"name": plain}
        if isinstance(plain, list) and name.isdecimal() and int(name) < len(plain):
            plain = plain[int(name)]
        elif isinstance(plain, dict):
            plain = plain.get(name)
        else:
            return None
    return plain
