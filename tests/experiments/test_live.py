"""`train --live`: what is written for the page, and that the training is the same with it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from support import HOUSES, ROOT, XOR, nnlab, nnlab_here, read_rows, trained, write

from nnlab import api
from nnlab.experiments import live_page as module
from nnlab.experiments.live_page import MOST_POINTS, LiveCurve, LivePage
from nnlab.storage.folder import RunFolder

pytestmark = pytest.mark.usefixtures("no_pictures")


def shown(run):
    """The document that live.js hands to the page."""
    (text,) = re.fullmatch(r"nnlabLive\((.*)\);\n", (Path(run) / "live.js").read_text(encoding="utf-8")).groups()
    return json.loads(json.loads(text))


def curves(run):
    """Every curve, by its chart and its name there, as (step, value) pairs."""
    return {
        (chart["title"], one["name"]): list(zip(one["x"], one["y"], strict=True))
        for chart in shown(run)["charts"]
        for one in chart["series"]
    }


@pytest.fixture(scope="module")
def xor(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("xor"), XOR, "--live", "--steps", "300", "--set", "training.health=true")


def test_a_page_shows_every_figure_of_the_training(xor):
    found, rows = curves(xor), read_rows(xor / "metrics.csv")
    assert (shown(xor)["status"], shown(xor)["step"], shown(xor)["steps"]) == ("completed", 300, 300)
    names = {"Loss": "training", "Accuracy": "training", "Learning rate": "learning rate"}
    columns = {"Loss": "train/loss", "Accuracy": "train/accuracy", "Learning rate": "optimizer/learning_rate"}
    for title, name in names.items():
        measured = [(int(row["step"]), float(row[columns[title]])) for row in rows if row[columns[title]]]
        assert found[title, name] == [(step, pytest.approx(value, rel=1e-5)) for step, value in measured]
    assert any(title.startswith("Health: ") for title, _ in found)
    assert shown(xor)["goOn"] == f"nnlab train --resume {Path('runs') / xor.name} --live; then look again"
    assert (xor / "live.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_network_with_two_inputs_shows_its_decision_region(xor):
    region = shown(xor)["region"]
    along, cells = region["along"], np.array(region["cells"])
    assert len(cells) == along**2
    left, right, bottom, top = region["extent"]
    for x, y, label in region["points"]:  # the network has learned XOR: each point lies in its region
        column, row = int((x - left) / (right - left) * along), int((y - bottom) / (top - bottom) * along)
        assert (cells[row * along + column] > 50) == label


def test_learned_parameters_and_several_classes_are_shown(tmp_path):
    blobs = ROOT / "configs" / "blobs.yaml"
    run = trained(tmp_path, blobs, "--live", "--steps", "20", "--set", "network.activation=prelu")
    assert any(title == "Learned parameters" for title, _ in curves(run))
    assert set(shown(run)["region"]["cells"]) <= set(range(len(shown(run)["region"]["classes"])))


def test_live_changes_no_bit_and_without_it_nothing_is_written(tmp_path):
    config = write(tmp_path, HOUSES)
    plain, live = trained(tmp_path, config), trained(tmp_path, config, "--live")
    for name in ("metrics.csv", "hashes.csv"):
        assert (plain / name).read_bytes() == (live / name).read_bytes()
    assert {path.name for path in live.iterdir()} - {path.name for path in plain.iterdir()} == {"live.html", "live.js"}


def test_the_path_is_printed_and_a_resume_shows_the_steps_before(tmp_path):
    config = write(tmp_path, HOUSES)
    done = nnlab("train", config, "--live", cwd=tmp_path)
    run = tmp_path / done.stdout.strip()
    assert f"live: {run / 'live.html'}\n" in done.stderr
    result = nnlab_here("train", "--resume", run, "--steps", "20", "--live", cwd=tmp_path)
    assert result.exit_code == 0
    steps = [step for step, _ in curves(run)["Loss", "training"]]
    assert (steps[0], steps[-1]) == (0, 20)


def test_a_run_that_fails_says_so_on_the_page(tmp_path):
    config = write(tmp_path, HOUSES.replace("learning_rate: 0.01", "learning_rate: 1.0e+300"))
    result = nnlab_here("train", config, "--live", "--quiet", cwd=tmp_path)
    (run,) = (tmp_path / "runs").glob("2*")
    assert (result.exit_code, shown(run)["status"]) == (4, "diverged")


def test_a_resume_follows_no_link(tmp_path):
    run = trained(tmp_path, write(tmp_path, HOUSES), "--live")
    (run / "live.js").unlink()
    (run / "live.js").symlink_to(write(tmp_path, "kept", "other"))
    result = nnlab_here("train", "--resume", run, "--steps", "20", "--live", cwd=tmp_path)
    assert (result.exit_code, (tmp_path / "other").read_text(encoding="utf-8")) == (2, "kept")
    assert "live.js: found a link, expected a file" in result.stderr


def test_the_library_tells_the_path_to_its_watcher(tmp_path):
    class Watcher(api.Nobody):
        def live_page(self, path):
            self.path = path

    watcher = Watcher()
    file = api.resolve(write(tmp_path, HOUSES))
    result = api.train(file, runs_dir=tmp_path / "runs", live=True, watcher=watcher)
    assert watcher.path == result.folder / "live.html"


# --- when and how much is written -------------------------------------------------------------------------------------


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page with a clock that stands still unless it is moved, and the warnings that it gave."""
    page, warnings, clock = None, [], [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: clock[0])
    page = LivePage(RunFolder(tmp_path), "name", lambda _path: None, warnings.append)
    page.clock, page.warnings = clock, warnings
    return page


def test_nothing_is_written_in_the_first_second_then_once_a_second(page, tmp_path):
    assert not page.is_due()
    assert not (tmp_path / "live.js").exists()
    page.clock[0] += 1
    assert page.is_due()
    page.write("training", dict)
    assert (shown(tmp_path)["status"], page.is_due()) == ("training", False)
    page.clock[0] += 0.99
    assert not page.is_due()
    page.clock[0] += 0.01
    assert page.is_due()


def test_a_slow_disk_gets_a_twentieth_of_the_time(page):
    def slow():
        page.clock[0] += 2
        return {}

    page.write("training", slow)
    page.clock[0] += 37.9
    assert not page.is_due()
    page.clock[0] += 0.2
    assert page.is_due()


def test_the_longest_silence_is_told_for_the_page_must_be_patient(page, tmp_path):
    for seconds in (1, 30, 2):
        page.clock[0] += seconds
        page.write("training", dict)
    assert shown(tmp_path)["every"] == 30


def test_a_page_that_cannot_be_written_costs_one_warning(page, tmp_path):
    (tmp_path / "live.js").mkdir()
    for _ in range(2):
        page.clock[0] += 5
        page.write("training", dict)
    assert not page.is_due()
    assert len(page.warnings) == 1
    assert "live.html shows no more" in page.warnings[0]


@pytest.mark.parametrize("count", [1, MOST_POINTS - 1, MOST_POINTS, MOST_POINTS + 1, 12_345])
def test_a_curve_has_few_points_evenly_spread_with_the_first_and_the_last(count):
    curve = LiveCurve()
    for step in range(count):
        curve.add(10 * step, np.array([step / 2]))
    steps, rows = curve.points()
    assert len(steps) <= MOST_POINTS
    assert len(steps) > min(count, MOST_POINTS) / 2 - 1
    assert (steps[0], steps[-1]) == (0, 10 * (count - 1))
    assert len(set(np.diff(steps)[:-1])) <= 1
    np.testing.assert_array_equal(rows[:, 0], steps / 20)


def test_a_replica_that_has_stopped_counts_with_its_last_value():
    curve = LiveCurve()
    curve.add(1, np.array([1.0, 3.0]))
    curve.add(2, np.array([0.0, np.nan]))
    np.testing.assert_array_equal(curve.points()[1], [[2, 1, 3], [1.5, 0, np.nan]])
