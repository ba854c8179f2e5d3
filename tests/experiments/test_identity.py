"""A run is what its checkpoints recorded: another seed, plugin or checkpoint is refused, another place is not."""

from __future__ import annotations

import json
import shutil
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from support import nnlab_here, parse_json, read_json, read_rows, table, trained, write

from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.experiments.resume import _rates_differ
from nnlab.maths.schedules import SCHEDULES, Plateau
from nnlab.setup.network import dtype_of
from nnlab.setup.optimizer import optimizer_for
from nnlab.storage import checkpoints

pytestmark = pytest.mark.usefixtures("no_pictures")

ROWS = table("a,b,kind", lambda i: f"{i % 7},{i * i % 11},{'xyz'[i * i % 11 % 3]}", 60)
TEXT = """\
name: base
task: multiclass
seed: 1
data: {source: d.csv, test: 0.2, validation: 0.2, scale: standard}
network: {layers: [4], activation: tanh}
optimizer: {name: adam, learning_rate: 0.05}
training: {epochs: 3, batch_size: 9, checkpoint_every: 4, early_stopping: {monitor: val/loss, patience: 30}}
"""
EVALUATE, CHECK, VERIFY = ("eval", "latest"), ("gradcheck", "latest"), ("verify", "latest")
RESUME = ("train", "--resume", "latest", "--epochs", "5")
TRUSTED = "warning: trusted, though the run was trained otherwise: "


def made(place, text=TEXT, rows=ROWS, *words):
    """A folder with an experiment, its data and a run of it."""
    place.mkdir(parents=True)
    write(place, rows, "d.csv")
    return trained(place, write(place, text), *words)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """A run, one of the same experiment but for a longer training, and one on other rows; each with its data."""
    folder = tmp_path_factory.mktemp("bases")
    made(folder / "own")
    made(folder / "longer", TEXT.replace("epochs: 3", "epochs: 6"))
    made(folder / "otherwise", rows=ROWS.replace("x", "w", 1).replace("w", "y"))
    return folder


@pytest.fixture
def case(bases, tmp_path):
    """A copy of the folder with the run; its data have the path that the run recorded."""
    for path in (bases / "own").iterdir():
        (shutil.copytree if path.is_dir() else shutil.copy)(path, tmp_path / path.name, **kept(path))
    config = run_in(tmp_path) / "config.yaml"
    config.write_text(config.read_text().replace(str(bases / "own"), str(tmp_path)))
    return tmp_path


def kept(path):
    return {"symlinks": True} if path.is_dir() else {}


def run_in(place):
    return next(path for path in (place / "runs").iterdir() if not path.is_symlink())


def contents(folder):
    """Every file with its bytes."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def replaced(name, before, after):
    def edit(case, _bases):
        path = run_in(case) / name
        content = path.read_text()
        assert before in content
        path.write_text(content.replace(before, after, 1))

    return edit


def taken(run, name):
    """Another run's checkpoint in the place of this one's."""
    return lambda case, bases: shutil.copy(
        run_in(bases / run) / f"checkpoints/{name}.npz", run_in(case) / f"checkpoints/{name}.npz"
    )


def other_rows(case, _bases):
    (case / "d.csv").write_text(ROWS.replace("x", "y", 1))


def other_columns(case, _bases):
    (case / "d.csv").write_text(ROWS.replace("a,b,kind", "a,c,kind", 1))


def another_best(case, _bases):
    """Best weights of the right step and the same experiment that are not those of this run."""
    path = run_in(case) / "checkpoints/best.npz"
    found = checkpoints.load(path)
    checkpoints.save(
        path, checkpoints.Checkpoint(dict(found.arrays) | {"theta": found.arrays["theta"] + 1}, found.about)
    )


# What is edited; what is said; whether an evaluation of new rows is refused as well.
EDITS = {
    "seed": (replaced("config.yaml", "seed: 1", "seed: 77"), "seed: found 77, there it is 1", True),
    "scale": (replaced("config.yaml", "standard", "minmax"), "data.scale.name: found 'minmax', there it is 'sta", True),
    "rows": (other_rows, "data: found fingerprint", False),
    "names of columns": (other_columns, "data: found fingerprint", False),
    "another best": (another_best, "theta: found other weights than the best there", True),
    "the best of a run on other rows": (taken("otherwise", "best"), "data: found fingerprint", True),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_is_not_as_it_was_trained_is_refused_with_a_diff_and_nothing_is_written(name, case, bases):
    edit, message, matters_for_new_rows = EDITS[name]
    new = ("eval", "latest", "--data", write(case, ROWS, "new.csv"))
    edit(case, bases)
    before = contents(case)
    for command in (EVALUATE, CHECK, VERIFY, RESUME):
        result = nnlab_here(*command, cwd=case)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr
        assert ("--trust goes on" in result.stderr) == (command in (EVALUATE, CHECK))
    assert nnlab_here(*new, cwd=case).exit_code == (2 if matters_for_new_rows else 0)
    assert contents(case) == before


@pytest.mark.parametrize("name", ["seed", "rows", "another best"])
def test_a_run_that_is_trusted_goes_on_and_the_result_says_so(name, case, bases):
    edit, message, _ = EDITS[name]
    edit(case, bases)
    for command in (EVALUATE, CHECK):
        result = nnlab_here(*command, "--trust", cwd=case)
        assert result.exit_code == 0, result.stderr
        assert TRUSTED + message in result.stderr
        found = parse_json(nnlab_here(*command, "--trust", "--json", cwd=case).stdout)["trusted"]
        assert [line for line in found if message in line]


def test_a_junit_report_says_what_was_trusted(case, bases):
    replaced("config.yaml", "seed: 1", "seed: 77")(case, bases)
    words = ("--trust", "--gate", "test/accuracy >= 0", "--junit", "out.xml")
    assert nnlab_here(*EVALUATE, *words, cwd=case).exit_code == 0
    found = ET.parse(case / "out.xml").getroot().findall("testsuite/properties/property")
    properties = [(one.get("name"), one.get("value")) for one in found]
    assert ("trusted", "seed: found 77, there it is 1") in properties


@pytest.mark.parametrize("command", [EVALUATE, CHECK])
def test_a_run_that_is_as_it_was_has_nothing_to_trust(command, case):
    assert "trusted" not in parse_json(nnlab_here(*command, "--trust", "--json", cwd=case).stdout)


def test_the_last_checkpoint_of_a_longer_run_of_the_same_experiment_is_another_run_s(case, bases):
    taken("longer", "last")(case, bases)
    result = nnlab_here("eval", "latest", "--checkpoint", "last", cwd=case)
    assert (result.exit_code, "hashes.csv: found other rows" in result.stderr) == (2, True)
    before = contents(case)
    assert nnlab_here("train", "--resume", "latest", "--epochs", "9", cwd=case).exit_code == 2
    assert contents(case) == before


def test_best_weights_saved_just_before_a_kill_are_the_run_s_own(case):
    """The best are saved first: those of a later step than the last state are not known to it."""
    checkpoint = run_in(case) / "checkpoints"
    shutil.copy(checkpoint / "previous.npz", checkpoint / "last.npz")
    for command in (EVALUATE, RESUME):
        assert nnlab_here(*command, cwd=case).exit_code == 0


def test_new_rows_are_evaluated_where_the_data_of_the_run_are_gone(case):
    new = (case / "d.csv").rename(case / "new.csv")
    assert nnlab_here("eval", "latest", "--data", new, cwd=case).exit_code == 0
    result = nnlab_here(*EVALUATE, cwd=case)
    assert result.exit_code == 2
    assert "--set data.source=FILE (or data.files.PART=FILE) says where they are now" in result.stderr


def test_columns_that_a_checkpoint_reads_otherwise_are_refused_even_if_trusted(case, bases):
    def reversed_classes(name):
        path = run_in(case) / f"checkpoints/{name}.npz"
        found = checkpoints.load(path)
        columns = {**found.about["columns"], "classes": found.about["columns"]["classes"][::-1]}
        checkpoints.save(path, checkpoints.Checkpoint(found.arrays, {**found.about, "columns": columns}))

    reversed_classes("best")
    for words in ((), ("--trust",)):
        result = nnlab_here(*EVALUATE, *words, cwd=case)
        assert (result.exit_code, "classes: found 'z', the data have 'x'" in result.stderr) == (2, True)


def test_an_array_file_with_another_test_part_of_its_own_is_refused(tmp_path):
    x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2

    def divided(train):
        np.savez(tmp_path / "d.npz", x_train=x[:train], y_train=y[:train], x_test=x[train:], y_test=y[train:])

    divided(15)
    text = "name: arrays\ntask: binary\ndata: {source: d.npz}\ntraining: {epochs: 2, batch_size: 5}\n"
    trained(tmp_path, write(tmp_path, text))
    divided(10)
    for command in (EVALUATE, VERIFY, RESUME):
        result = nnlab_here(*command, cwd=tmp_path)
        assert (result.exit_code, "test: found 10 rows, there it is 5" in result.stderr) == (2, True), result.stderr


# --- plugins ----------------------------------------------------------------------------------------------------------

PLUGIN = """\
from nnlab.maths.activations import Activation
ACTIVATIONS = [Activation.from_functions("mine", lambda z: FACTOR * z, lambda z: 0 * z + FACTOR)]
"""
MINE = TEXT.replace("activation: tanh", "activation: mine")


def plugin(place, factor, name="mine.py"):
    return write(place, PLUGIN.replace("FACTOR", str(factor)), name)


def test_a_plugin_that_was_changed_is_refused_where_it_is_used_and_trusted_where_that_is_said(tmp_path):
    place = tmp_path / "own"
    place.mkdir()
    made(place / "in", MINE, ROWS, "--plugin", plugin(place, 2.0))
    plugin(place, 3.0)
    before = contents(tmp_path)
    for command in (EVALUATE, CHECK, VERIFY, RESUME, ("eval", "latest", "--data", "d.csv")):
        result = nnlab_here(*command, "--plugin", "../mine.py", cwd=place / "in")
        assert result.exit_code == 2
        assert "plugin ../mine.py: found SHA-256" in result.stderr
    assert contents(tmp_path) == before
    result = nnlab_here(*EVALUATE, "--trust", "--plugin", "../mine.py", cwd=place / "in")
    assert (result.exit_code, f"{TRUSTED}plugin ../mine.py" in result.stderr) == (0, True)


def test_a_plugin_may_lie_elsewhere_and_others_may_be_given_too(tmp_path):
    place = tmp_path / "in"
    write(tmp_path, "", "empty")
    made(place, MINE, ROWS, "--plugin", plugin(tmp_path, 2.0))
    elsewhere = plugin(place, 2.0, "copy.py")
    more = write(place, PLUGIN.replace("mine", "more").replace("FACTOR", "5.0"), "more.py")
    for command in (EVALUATE, CHECK, VERIFY, RESUME):
        result = nnlab_here(*command, "--plugin", elsewhere, "--plugin", more, cwd=place)
        assert (result.exit_code, "not bit-exact" in result.stderr) == (0, False), result.stderr


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def moved(case):
    """The folder `there`, to which a run and its data were moved."""
    there = case / "there"
    there.mkdir()
    trained(case, case / "experiment.yaml")
    for name in ("runs", "d.csv"):
        (case / name).rename(there / name)
    return there


def test_a_run_that_was_moved_with_its_data_goes_on_in_every_way(moved):
    for command in (EVALUATE, CHECK, VERIFY, RESUME, EVALUATE, VERIFY):
        result = nnlab_here(*command, cwd=moved)
        assert result.exit_code == 0, result.stderr
    run = (moved / "runs/latest").resolve()
    assert read_text((run / "config.yaml").read_text(), "x").values["data"]["source"]["name"] == str(moved / "d.csv")
    assert read_json(run / "run.json")["folder"] == str(run)
    assert read_json(run / "run.json")["sessions"][-1]["warnings"] == []


def test_where_moved_data_are_read_from_is_noted(moved):
    result = nnlab_here(*EVALUATE, cwd=moved)
    assert f"note: {moved.parent / 'd.csv'} is gone: read from {moved / 'd.csv'}, beside the run" in result.stderr


@pytest.mark.parametrize("command", [EVALUATE, CHECK, VERIFY, RESUME])
def test_the_place_of_the_data_may_be_set_where_their_fingerprint_agrees(command, moved):
    (moved / "d.csv").rename(moved / "e.csv")
    assert nnlab_here(*command, cwd=moved).exit_code == 2
    before = contents(moved)
    write(moved, ROWS.replace("x", "y", 1), "f.csv")
    result = nnlab_here(*command, "--set", "data.source=f.csv", cwd=moved)
    assert (result.exit_code, "the data have changed since the run" in result.stderr) == (2, True)
    (moved / "f.csv").unlink()
    assert contents(moved) == before
    result = nnlab_here(*command, "--set", "data.source=e.csv", cwd=moved)
    assert result.exit_code == 0, result.stderr


def test_an_experiment_whose_path_was_edited_is_the_same(moved):
    config = moved / "runs/latest/config.yaml"
    config.write_text(config.read_text().replace(str(moved.parent / "d.csv"), str(moved / "d.csv")))
    for command in (EVALUATE, CHECK, VERIFY, RESUME, VERIFY):
        result = nnlab_here(*command, cwd=moved)
        assert result.exit_code == 0, result.stderr


def test_files_of_parts_may_lie_elsewhere_too(tmp_path):
    for name in ("train", "test"):
        write(tmp_path, ROWS, f"{name}.csv")
    text = TEXT.replace("source: d.csv, test: 0.2", "files: {train: train.csv, test: test.csv}")
    trained(tmp_path, write(tmp_path, text))
    (tmp_path / "test.csv").rename(tmp_path / "t.csv")
    for command in (EVALUATE, VERIFY, RESUME, EVALUATE):
        words = () if command is EVALUATE and (tmp_path / "done").exists() else ("--set", "data.files.test=t.csv")
        result = nnlab_here(*command, *words, cwd=tmp_path)
        assert result.exit_code == 0, result.stderr
        if command is RESUME:
            write(tmp_path, "", "done")


@pytest.mark.parametrize("command", [EVALUATE, VERIFY])
def test_nothing_but_the_place_may_be_set_of_a_run(command, case):
    result = nnlab_here(*command, "--set", "seed=3", cwd=case)
    assert result.exit_code == 2
    assert result.stderr.startswith("--set seed: found a change, expected data.source or data.files.PART")


def test_a_set_of_the_catalogue_is_no_place(case):
    result = nnlab_here(*RESUME, "--set", "data.source=iris", cwd=case)
    assert (result.exit_code, "data.source.name: found 'iris'" in result.stderr) == (2, True)


def test_predictions_do_not_replace_data_that_were_moved(moved):
    result = nnlab_here(*EVALUATE, "--predictions", "d.csv", cwd=moved)
    assert result.exit_code != 0
    assert (moved / "d.csv").read_text() == ROWS


def test_a_finished_run_that_was_moved_says_where_it_is(moved):
    result = nnlab_here("train", "--resume", "latest", "--json", cwd=moved)
    assert (result.exit_code, parse_json(result.stdout)["run"]) == (0, f"runs/{(moved / 'runs/latest').resolve().name}")


# --- verify -----------------------------------------------------------------------------------------------------------


def test_more_epochs_than_the_run_has_are_refused(case):
    result = nnlab_here(*VERIFY, "--epochs", "4", cwd=case)
    assert (result.exit_code, "found --epochs 4, but its hashes end with epoch 3" in result.stderr) == (2, True)
    assert nnlab_here(*VERIFY, "--epochs", "3", cwd=case).exit_code == 0


def test_hashes_cut_to_fewer_rows_reproduce_nothing(case):
    path = run_in(case) / "hashes.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:2]))
    assert len(read_rows(path)) == 1
    result = nnlab_here(*VERIFY, cwd=case)
    assert (result.exit_code, "found hashes.csv cut" in result.stderr) == (2, True)


def test_a_network_without_a_tensor_is_no_success(tmp_path):
    text = "name: none\ntask: regression\ndata: {source: d.csv, target: b, scale: none}\n"
    text += "network: {layers: [{activation: tanh}], head: {dense: false}}\ntraining: {steps: 2, batch_size: 5}\n"
    write(tmp_path, table("a,b", lambda i: f"{i},{i % 3}"), "d.csv")
    trained(tmp_path, write(tmp_path, text))
    result = nnlab_here(*VERIFY, cwd=tmp_path)
    assert (result.exit_code, "found no tensor to compare" in result.stderr) == (2, True)


# --- schedules --------------------------------------------------------------------------------------------------------

# A schedule of a training of 3 epochs, of 5 steps each, made longer; whether the steps done had other rates.
LONGER = {
    "constant": ("{name: constant, base: 0.05, warmup: 3}", False),
    "constant, share": ("{name: constant, base: 0.05, warmup: 0.5}", True),
    "inverse_sqrt": ("{name: inverse_sqrt, base: 0.05, warmup: 3}", False),
    "inverse_sqrt, share": ("{name: inverse_sqrt, base: 0.05, warmup: 0.5}", True),
    "step": ("{name: step, base: 0.05, every: 4}", False),
    "step, share": ("{name: step, base: 0.05, every: 0.4}", True),
    "plateau": ("{name: plateau, base: 0.05}", False),
    "cosine": ("{name: cosine, base: 0.05}", True),
    "linear": ("{name: linear, base: 0.05}", True),
    "flat": ("{name: linear, base: 0.05, final: 1}", False),
}


@pytest.mark.parametrize("name", LONGER)
def test_a_schedule_is_warned_of_if_the_steps_done_had_other_rates_than_those_of_a_longer_run(name, tmp_path):
    rate, differs = LONGER[name]
    run = made(tmp_path / "a", TEXT.replace("learning_rate: 0.05", f"learning_rate: {rate}"))
    whole = made(tmp_path / "b", TEXT.replace("learning_rate: 0.05", f"learning_rate: {rate}"), ROWS, "--epochs", "5")
    result = nnlab_here(*RESUME, cwd=tmp_path / "a")
    assert result.exit_code == 0
    assert ("goes on as one of 25 steps; it began as one of 15" in result.stderr) == differs
    thetas = [checkpoints.load(path / "checkpoints/last.npz").arrays["theta"] for path in (run, whole)]
    assert np.array_equal(*thetas) != differs


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != Plateau.name])
@pytest.mark.parametrize("parameters", [{}, {"warmup": 3}, {"warmup": 0.3}, {"every": 5}, {"every": 0.01}])
def test_rates_are_compared_as_they_are_step_by_step(name, parameters):
    entry = SCHEDULES[name]
    own = {key: value for key, value in parameters.items() if key in {one.name for one in entry.parameters}}
    rate = json.dumps({"name": name, "base": 0.1, **own})
    text = f"name: x\ntask: binary\ndata: {{source: xor}}\noptimizer: {{name: sgd, learning_rate: {rate}}}\n"
    experiment = validate(read_text(text + "training: {steps: 9}\n", "x"))
    values = experiment.optimizer.schedule.values
    for before, now, done in ((10, 20, 10), (10, 20, 1), (100, 101, 50), (7, 5, 5)):
        optimizer = optimizer_for(experiment, layout(experiment), now)
        expected = any(
            entry.rate(0.1, step, before, **values) != entry.rate(0.1, step, now, **values)
            for step in range(1, done + 1)
        )
        assert _rates_differ(optimizer, before, range(done, 0, -1)) == expected


def test_a_million_steps_whose_rates_hang_on_no_length_are_not_compared_one_by_one():
    experiment = validate(
        read_text(
            "name: x\ntask: binary\ndata: {source: xor}\ntraining: {steps: 9}\n"
            "optimizer: {name: sgd, learning_rate: {name: step, base: 0.1, every: 1000, warmup: 5}}\n",
            "x",
        )
    )
    assert not _rates_differ(optimizer_for(experiment, layout(experiment), 10**6), 10**5, Never())


class Never:
    """Steps at which nobody may look."""

    def __iter__(self):
        raise AssertionError


def layout(experiment):
    class Layout:
        def decayed(self, dtype):
            assert dtype == dtype_of(experiment)
            return np.ones(1, dtype)

    return Layout()


# --- exit 2 means that nothing was written ----------------------------------------------------------------------------


def damaged(name, content="{"):
    return lambda run: (run / name).write_text(content)


def resealed(name, change):
    def edit(run):
        path = run / f"checkpoints/{name}.npz"
        found = checkpoints.load(path)
        arrays = dict(found.arrays)
        change(arrays)
        checkpoints.save(path, checkpoints.Checkpoint(arrays, found.about))

    return edit


def only_previous(edit):
    """The last checkpoint damaged, so that the one before is used, with this edit."""

    def both(run):
        (run / "checkpoints/last.npz").write_bytes(b"half")
        edit(run)

    return both


def first_slot(arrays):
    return next(name for name in arrays if name.startswith("slots/"))


BROKEN = {
    "run.json": damaged("run.json"),
    "summary.json": damaged("summary.json"),
    "autopsy.json": damaged("autopsy.json"),
    "config.yaml": damaged("config.yaml", "name: ["),
    "metrics.csv": damaged("metrics.csv", "step,epoch\n"),
    "hashes.csv": damaged("hashes.csv", "step,epoch\n"),
    "a slot gone": resealed("last", lambda arrays: arrays.pop(first_slot(arrays))),
    "a slot of another shape": resealed("last", lambda arrays: arrays.update({first_slot(arrays): np.ones(3)})),
    "statistics of another network": resealed("last", lambda arrays: arrays.update(statistics=np.ones((1, 2), "f"))),
    "gradient errors of another network": resealed(
        "last", lambda arrays: arrays.update(gradient_errors=np.ones((2, 3)))
    ),
    "no best weights": resealed("last", lambda arrays: arrays.pop("best/theta")),
    "the one before without a slot": only_previous(resealed("previous", lambda arrays: arrays.pop(first_slot(arrays)))),
    "the one before damaged as well": only_previous(lambda run: (run / "checkpoints/previous.npz").write_bytes(b"")),
    "best of a newer nnlab": resealed("best", lambda arrays: arrays.update(theta=arrays["theta"] * 2)),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("finished", [True, False])
def test_a_resume_that_is_refused_has_not_changed_a_byte(name, finished, case):
    run = run_in(case)
    if not finished:
        document = {**read_json(run / "run.json"), "status": "running"}
        del document["sha256"]
        (run / "run.json").write_text(json.dumps(document))
        (run / "checkpoints/.last.npz.1.part").write_bytes(b"half")
    BROKEN[name](run)
    before = contents(case)
    result = nnlab_here(*RESUME, cwd=case)
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    assert "Traceback" not in result.stderr
    assert contents(case) == before


def test_a_finished_run_whose_measurements_were_edited_holds_no_gates(case):
    replaced("metrics.csv", "0.", "1.")(case, None)
    result = nnlab_here("train", "--resume", "latest", cwd=case)
    assert (result.exit_code, "metrics.csv: found other rows" in result.stderr) == (2, True)


def test_last_weights_that_were_exchanged_for_earlier_ones_are_refused(tmp_path):
    text = "name: q\ntask: binary\ndata: {source: xor}\ntraining: {steps: 10, checkpoint_every: 4}\n"
    run = trained(tmp_path, write(tmp_path, text))
    last, previous = run / "checkpoints" / "last.npz", run / "checkpoints" / "previous.npz"
    last.rename(run / "between")
    previous.rename(last)
    (run / "between").rename(previous)
    result = nnlab_here("eval", "latest", "--checkpoint", "last", cwd=tmp_path)
    assert result.exit_code == 2
    assert "an earlier one of the run" in result.stderr
    assert "step: found 8, in summary.json it is 10" in result.stderr
    assert nnlab_here("eval", "latest", "--checkpoint", "last", "--trust", cwd=tmp_path).exit_code == 0
