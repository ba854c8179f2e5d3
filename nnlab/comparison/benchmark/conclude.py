"""Conclusions of a benchmark: the arms on each set, over their seeds, and over all sets together.

On a set two arms are compared by the paired permutation test over their seeds, corrected by Holm; all pairs, or the
baseline with each other arm. Errors are those of `errors`: a seed that diverged counts as chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from nnlab.comparison.baselines import PARTS
from nnlab.comparison.benchmark.across import across_summary, compared, errors_of, left_out
from nnlab.comparison.benchmark.contents import BenchmarkContents
from nnlab.comparison.benchmark.sets import BenchmarkSuite
from nnlab.comparison.benchmark.train import TrainedArm, TrainedSet, Tuning
from nnlab.comparison.conclusions import pair_summary
from nnlab.errors import few, listed, printable
from nnlab.maths.metrics import metric_of
from nnlab.maths.statistics import Figure, Pair, compare_with_best, mean_over_seeds, power_warnings, ranking, verdict
from nnlab.maths.statistics.across import best_of
from nnlab.storage.metrics import finite
from nnlab.storage.run import Status
from nnlab.storage.summary import (
    BenchmarkSummary,
    SetArm,
    SetSummary,
    TuningSummary,
    VerdictSummary,
)


def conclude(
    suite: BenchmarkSuite, trained: Sequence[TrainedSet], run: str, status: Status, seconds: float
) -> BenchmarkContents:
    """What the sets that are complete say, with the summary."""
    sets = {found.one.label: set_summary(found, suite.baseline) for found in trained}
    errors = errors_of(trained, [*suite.arms])
    across = None if errors is None else compared(suite, errors)
    ranking = [*(across.ranking if across else ()), *suite.arms]
    sentences = [*(across.sentences if across else ())]
    if across is None or len(across.families) < 2:  # then sets have more to say by themselves
        sentences = [*(sentence for one in sets.values() for sentence in one.sentences), *sentences]
    summary = BenchmarkSummary(
        run=run,
        status=status,
        metric=suite.suite.metric,
        baseline=suite.baseline,
        equivalence=suite.suite.equivalence,
        activations={label: choice.plain() for label, choice in suite.arms.items()},
        sets=sets,
        unfinished=tuple(one.label for one in suite.sets if one.label not in sets),
        across=None if across is None else across_summary(across),
        verdict=VerdictSummary(
            ranking=tuple(dict.fromkeys(ranking)),
            sentences=tuple(sentences),
            warnings=(
                *_warnings(sets, suite.sets[0].measure.part),
                *suite.start_warnings(),
                *left_out(suite, trained, errors),
                *(across.warnings if across else ()),
            ),
        ),
        seconds=round(seconds, 3),
    )
    return BenchmarkContents(suite.suite.name, summary, errors, across)


def _warnings(sets: Mapping[str, SetSummary], asked: str | None) -> Iterator[str]:
    """What is missing, and where arms are compared on rows that trained them, stopped them or chose their settings.

    `asked` is the part of the data that the metric names, None if it names none.
    """
    for name, one in sets.items():
        for label, why in one.failed.items():
            yield f"{name}: {printable(label)} is missing: {printable(why)}"
    why = "without a test part" if asked is None else "as the metric asks"
    for part in ("test", "val", "train"):
        rows = PARTS[part]
        judged = [name for name, one in sets.items() if one.figure.startswith(part)]
        if judged and part != "test":
            yield f"{why}, arms are compared on {rows} rows: {listed(judged)}"
        chosen = [name for name in judged if (tuning := sets[name].tuning) and tuning.figure.startswith(part)]
        if chosen:
            yield (
                f"the {rows} rows of {listed(chosen)} both chose the settings and judge the arms, which look better "
                "than they are"
            )


# --- one set ----------------------------------------------------------------------------------------------------------


def set_summary(found: TrainedSet, baseline: str) -> SetSummary:
    """What the arms of a set are, and every pair of them, or of the baseline and each other arm."""
    one, measure, scale = found.one, found.one.measure, found.scale
    scores = {label: dict(zip(one.seeds, arm.errors.tolist(), strict=True)) for label, arm in found.arms.items()}
    bounds = metric_of(measure.name).bounds
    within = bounds if bounds == (0.0, 1.0) else (0.0, math.inf)
    about = Figure(larger_is_better=False, share=measure.name.endswith("accuracy"), bounds=within, name=one.label)
    pairs, sentences, warnings = _compared(scores, about, baseline)
    return SetSummary(
        family=one.family,
        task=one.experiment.task,
        figure=found.figure,
        larger_is_better=measure.larger_is_better,
        chance=finite(scale.chance),
        floor=finite(scale.floor),
        rows=scale.rows,
        parameters=max((arm.parameters for arm in found.arms.values()), default=0),
        seeds=tuple(one.seeds),
        arms={label: _arm_summary(arm, within) for label, arm in found.arms.items()},
        ranking=tuple(ranking(scores, larger_is_better=False)),
        pairs=tuple(pair_summary(pair) for pair in pairs),
        sentences=tuple(sentences),
        warnings=(*found.warnings, *warnings),
        tuning=None if found.tuning is None else _tuning_summary(found, found.tuning),
        failed=dict(found.failed),
    )


def _compared(
    scores: dict[str, dict[int, float]], about: Figure, baseline: str
) -> tuple[Sequence[Pair], Sequence[str], Sequence[str]]:
    """The pairs, and what they say in sentences and warnings."""
    if len(scores) < 2:
        return (), (), ()
    if baseline in scores:
        pairs = [*compare_with_best(scores, baseline, larger_is_better=False, within=about.bounds).values()]
        return pairs, [*_beside_baseline(pairs, baseline, about)], [*power_warnings(pairs)]
    found = verdict(scores, about)
    return found.pairs, found.sentences, found.warnings


def _beside_baseline(pairs: Sequence[Pair], baseline: str, about: Figure) -> Iterator[str]:
    named = f"{about.heading}{{}}".format  # `iris: …`
    better = [pair.better for pair in pairs if pair.told_apart and pair.worse == baseline]
    worse = [pair.worse for pair in pairs if pair.told_apart and pair.better == baseline]
    left = len(pairs) - len(better) - len(worse)
    if better:
        yield named(f"{listed(few(better, _MOST_NAMED))} {'beats' if len(better) == 1 else 'each beat'} {baseline}.")
    if worse:
        yield named(f"{baseline} beats {listed(few(worse, _MOST_NAMED))}.")
    if left:
        yield named(f"{left:,} of {len(pairs):,} arms can't be told apart from {baseline}.")


_MOST_NAMED = 8


def _arm_summary(arm: TrainedArm, within: tuple[float, float]) -> SetArm:
    mean = mean_over_seeds(arm.errors, within=within)
    return SetArm(
        mean=mean.estimate,
        low=finite(mean.low),
        high=finite(mean.high),
        values=tuple(finite(float(value)) for value in arm.values),
        errors=tuple(arm.errors.tolist()),
        diverged=int(arm.diverged.sum()),
        settings=dict(arm.variant.settings),
        initializer=arm.initializer,
        gain=arm.variant.experiment.network.init.gain,
        steps=tuple(int(step) for step in arm.steps),
        seconds=round(arm.seconds, 6),
    )


def _tuning_summary(found: TrainedSet, tuning: Tuning) -> TuningSummary:
    return TuningSummary(
        figure=tuning.figure,
        chance=tuning.scale.chance,
        seeds=tuple(found.one.tuning_seeds),
        points=tuple(dict(point) for point in found.one.points),
        errors={label: tuple(errors.tolist()) for label, errors in tuning.errors.items()},
        best_of={label: tuple(best_of(errors).tolist()) for label, errors in tuning.errors.items()},
    )
