"""The time of a step in a dry run is that of the step, not that of the machine's other work."""

from __future__ import annotations

import time

from nnlab.experiments.dry_run import fastest


def timed(monkeypatch, *durations):
    """What `fastest` finds of steps that take so long, the last duration again and again, and how many it took."""
    clock, steps = [0.0], []

    def step():
        clock[0] += durations[min(len(steps), len(durations) - 1)]
        steps.append(clock[0])

    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    return round(fastest(step), 9), len(steps)


def test_a_hiccup_in_the_first_steps_does_not_count(monkeypatch):
    assert timed(monkeypatch, 0.015, 14e-6) == (14e-6, 7)
    assert timed(monkeypatch, 0.015, 0.2, 0.015, 14e-6)[0] == 14e-6
    assert timed(monkeypatch, 3.0, 14e-6)[0] == 14e-6


def test_long_steps_are_taken_twice_and_short_ones_for_two_milliseconds(monkeypatch):
    assert timed(monkeypatch, 4.0) == (4.0, 2)
    assert timed(monkeypatch, 10e-6)[1] >= 200
