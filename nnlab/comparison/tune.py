"""Tuned comparisons: find the arms at the settings that all share, and each family's arm at its best settings.

Settings are chosen by the mean of a figure on the validation part; the arms are then compared on the test part.
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
from nnlab.storage.summary import SameSettings, TunedArm, TunedSummary


@dataclass(frozen=True)
class Tuned:
    """The chosen arms of each family, an activation with its initialiser.

    `same` holds the label of the family's arm at the `common` settings, `best` that at its best `settings`, chosen by
    `figure`. `why` explains the choice of the common settings.
    """

    figure: str
    same: Mapping[str, str]
    best: Mapping[str, str]
    settings: Mapping[str, Settings]
    common: Settings
    why: str

    def summary(self) -> TunedSummary:
        """The tuning in the form of summary.json."""
        arms = {
            family: TunedArm(same=self.same.get(family), best=best, settings=dict(self.settings[family]))
            for family, best in self.best.items()
        }
        common = SameSettings(settings=dict(self.common), why=self.why)
        return TunedSummary(chosen_by=f"mean {self.figure}", same_settings=common, arms=arms)


def choosing_figure(experiment: Experiment) -> str:
    """The default figure for choosing settings: the task's first metric on the validation part.

    Without a validation part, as in XOR, it is measured on the training part.
    """
    part = "train" if not experiment.data.may_validate else "val"
    return f"{part}/{next(iter(TRAINING_METRICS[experiment.task]))}"


def check_choosing(figure: str, figures: Sequence[str]) -> None:
    """ConfigError for choosing on training data although there is a test part, or by a figure that is not measured.

    `figures` are the final ones.
    """
    on_training_rows = not figure.startswith("val/") and any(name.startswith("test/") for name in figures)
    if on_training_rows or figure not in figures:
        raise ConfigError("found no validation part to choose the best settings on, expected data.validation")


def choice_warnings(figure: str, finals: Iterable[str]) -> Iterator[str]:
    """Warnings on choosing settings by `figure`, given the names of the final figures."""
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
    """The best settings of each family and the common settings; None if nothing was tuned."""
    if not any(arm.settings for arm in arms):
        return None
    figure = choosing_figure(experiment)
    families: dict[str, list[Arm]] = {}
    for arm in arms:
        families.setdefault(arm.family, []).append(arm)
    best = {family: ranked(members, figure)[0] for family, members in families.items()}
    common, why = _common(families, experiment, figure)
    same = {arm.family: arm.label for arm in arms if arm.settings == common}
    labels = {family: arm.label for family, arm in best.items()}
    return Tuned(figure, same, labels, {family: arm.settings for family, arm in best.items()}, common, why)


def ranked(arms: Sequence[Arm], figure: str) -> list[Arm]:
    """The arms from best to worst: by the number of diverged seeds, then the mean of the figure, then the loss.

    The mean alone would favour an arm whose bad seeds all diverged.
    """
    return sorted(arms, key=lambda arm: merit(arm, figure))


def merit(arm: Arm, figure: str) -> tuple[float, float, float]:
    """The sort key of an arm; smaller is better."""
    split, sign = figure.partition("/")[0], -1 if larger_is_better(figure) else 1
    diverged = float(arm.diverged.sum())
    return diverged, mean_of(sign * arm.finals[figure]), mean_of(arm.finals[f"{split}/loss"])


def larger_is_better(figure: str) -> bool:
    """Whether larger values of a figure such as `val/accuracy` are better."""
    return metric_of(figure.partition("/")[2]).larger_is_better


def mean_of(values: Any) -> float:
    """The mean of the finite values; infinite if there are none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.inf


def _common(families: Mapping[str, Sequence[Arm]], experiment: Experiment, figure: str) -> tuple[Settings, str]:
    """The experiment file's settings if they were tried, else those best on average; with the reason."""
    tried = list(dict.fromkeys(arm.settings for members in families.values() for arm in members))
    plain = to_plain(experiment)
    for settings in tried:
        if all(_at(plain, key) == read_value(value, "").values for key, value in settings):
            return settings, "those of the experiment file"
    merits = {
        settings: np.sum(
            [merit(arm, figure) for members in families.values() for arm in members if arm.settings == settings], 0
        )
        for settings in tried
        if sum(arm.settings == settings for members in families.values() for arm in members) == len(families)
    }
    if not merits:  # arms have failed
        return (), "none: no settings were tried by all"
    return min(merits, key=lambda settings: tuple(merits[settings])), f"best on average by mean {figure}"


def _at(plain: Any, key: str) -> Any:
    """The value under a dotted key of a resolved experiment; None if there is none."""
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
