"""The catalogue: every set of it, made or read, and what is refused by name."""

import os
import re
import shutil

import numpy as np
import pytest

from nnlab.data.catalogue import CATALOGUE, TRAITS, data_path, load, load_new
from nnlab.data.synthetic import CLOUDS
from nnlab.data.tables import read_csv
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError

SHAPES = {
    "xor": (4, 2, 1),
    "moons": (1000, 2, 1),
    "circles": (1000, 2, 1),
    "spirals": (1000, 2, 2),
    "blobs": (1000, 2, 3),
    "houses": (12, 1, 1),
    "portraits": (2000, 3072, 12),
    "shapes": (2000, 3072, 6),
    "digits": (1797, 64, 10),
    "digit-traits": (1797, 64, 4),
    "iris": (150, 4, 3),
    "breast-cancer": (569, 30, 1),
    "penguins": (333, 9, 3),
    "auto-mpg": (392, 7, 1),
    "concrete": (1030, 8, 1),
    "energy": (768, 8, 2),
    "mnist": (70000, 784, 10),
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_set(name):
    entry = CATALOGUE[name]
    data = load(name, task=entry.task, table=TableOptions(blanks="drop" if name == "penguins" else "refuse"))
    rows, inputs, outputs = SHAPES[name]
    assert (data.x.shape, data.y.shape) == ((rows, inputs), (rows, outputs))
    assert (data.name, data.task) == (name, entry.task)
    assert len(data.columns.input_names) == inputs
    assert len(data.fingerprint) == 64
    assert data.image_shape == entry.image_shape
    assert np.isfinite(data.x).all()
    assert entry.description
    assert entry.source


def test_mnist():
    data = load("mnist", task="multiclass")
    assert (data.x.dtype, data.own_test, data.columns.classes) == (np.uint8, 10000, tuple("0123456789"))
    assert data.y.argmax(axis=1)[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.y.argmax(axis=1)[60000:60005].tolist() == [7, 2, 1, 0, 4]


def test_digit_traits_follow_the_digit():
    digits = load("digits", task="multiclass").y.argmax(axis=1)
    data = load("digit-traits", task="multilabel")
    assert data.columns.targets == tuple(TRAITS)
    for digit, row in zip(digits[:50], data.y[:50], strict=True):
        assert row.tolist() == [digit in having for having in TRAITS.values()]


def test_penguins_need_a_word_about_blanks():
    with pytest.raises(DataError, match="drop leaves such rows out, mean or median fill them"):
        load("penguins", task="multiclass")
    data = load("penguins", task="multiclass", table=TableOptions(blanks="median"))
    assert (len(data.x), int(np.isnan(data.x).sum())) == (344, 8)
    assert "year" not in data.columns.input_names


def test_another_target_makes_another_task():
    data = load("penguins", task="regression", table=TableOptions(target=("body_mass_g",), blanks="drop"))
    assert data.columns.targets == ("body_mass_g",)
    names = load("auto-mpg", task="multiclass", table=TableOptions(target=("name",), ignore=("mpg",)))
    assert names.y.shape[1] > 200
    assert load("digits", task="multiclass", table=TableOptions(ignore=("pixel_0_0",))).image_shape is None


@pytest.mark.parametrize(
    ("name", "task"), [("breast-cancer", "multiclass"), ("moons", "multiclass"), ("spirals", "binary")]
)
def test_two_classes_may_be_learned_either_way(name, task):
    data = load(name, task=task)
    assert data.y.shape[1] == {"binary": 1, "multiclass": 2}[task]


@pytest.mark.parametrize(
    ("name", "task"),
    [("iris", "regression"), ("houses", "binary"), ("energy", "multilabel"), ("iris", "binary"), ("blobs", "binary")],
)
def test_a_task_that_does_not_fit(name, task):
    with pytest.raises(DataError, match=r"expected (multiclass|regression|exactly 2)"):
        load(name, task=task)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("moon", "did you mean 'moons'"),
        ("zzz", "known are xor, moons"),
        ("", "found no file ''"),
        ("nowhere/iris.csv", "found no file 'nowhere/iris.csv'"),
        ("a\0b.csv", "a\\\\x00b.csv"),
    ],
)
def test_a_source_that_is_not_there(source, words):
    with pytest.raises(DataError, match=words):
        load(source, task="multiclass")


@pytest.mark.parametrize(
    "options",
    [
        {"parameters": {"noise": 1}},
        {"table": TableOptions(target=("y",))},
        {"table": TableOptions(ignore=("x1",))},
        {"table": TableOptions(separator=";")},
        {"table": TableOptions(header=False)},
        {"table": TableOptions(keep=("x1",))},
    ],
)
def test_options_that_mean_nothing_here(options, tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(2), y=np.arange(2))
    for source in ("xor", "mnist", str(tmp_path / "a.npz")):
        with pytest.raises(DataError):
            load(source, task="binary" if source == "xor" else "multiclass", **options)


def test_where_the_data_folder_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("NNLAB_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    shipped = data_path("iris", "iris.csv")
    assert shipped.is_absolute()
    (tmp_path / "data").mkdir()
    shutil.copy(shipped, tmp_path / "data")
    assert str(data_path("iris", "iris.csv")) == "data/iris.csv"
    (tmp_path / "mine").mkdir()
    shutil.move(tmp_path / "data" / "iris.csv", tmp_path / "mine")
    monkeypatch.setenv("NNLAB_DATA", str(tmp_path / "mine"))
    assert data_path("iris", "iris.csv").parent == tmp_path / "mine"
    with pytest.raises(DataError, match=r"found no data for absent, expected .*mine.*ships in data/"):
        data_path("absent", "absent.csv")


def test_a_path_is_relative_to_the_config_first(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,y\n1,2\n")
    assert load("t.csv", task="regression", base=tmp_path / "configs").x.tolist() == [[1]]
    (tmp_path / "configs" / "t.csv").write_text("a,y\n3,4\n")
    assert load("t.csv", task="regression", base=tmp_path / "configs").x.tolist() == [[3]]
    assert load(str(tmp_path / "t.csv"), task="regression", base=tmp_path / "configs").x.tolist() == [[1]]


def test_files_of_other_kinds(tmp_path):
    (tmp_path / "t.rst").write_text("a,y\n1,2\n")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("t.rst", "fifo", "link", "."):
        with pytest.raises(DataError, match="found"):
            load(str(tmp_path / name), task="regression")


def test_new_rows_of_every_format(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.eye(4), y=np.array([1, 0, 0, 1]))
    (tmp_path / "a.csv").write_text("p,q,r,s,y\n1,0,0,0,1\n0,1,0,0,0\n0,0,1,0,0\n0,0,0,1,1\n")
    for name in ("a.npz", "a.csv"):
        columns = load(str(tmp_path / name), task="binary").columns
        rows = load_new(name, columns, task="binary", base=tmp_path)
        np.testing.assert_array_equal(rows.x, np.eye(4))
        np.testing.assert_array_equal(rows.y, [[1], [0], [0], [1]])
    columns = load("mnist", task="multiclass").columns
    assert load_new(str(data_path("mnist", "mnist")), columns, task="multiclass").x.shape == (10000, 784)


# --- sets that are made ---


def test_xor_and_houses():
    data = load("xor", task="binary")
    assert data.x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert data.y[:, 0].tolist() == [0, 1, 1, 0]
    houses = load("houses", task="regression")
    assert houses.x[:, 0].tolist() == list(range(30, 150, 10))
    assert houses.y[:, 0].tolist() == [7.5, 7, 6.5, 6, 5.5, 5, 4.5, 3.5, 3.2, 2.8, 3, 2.5]


@pytest.mark.parametrize("name", CLOUDS)
def test_clouds_depend_on_their_parameters_alone(name):
    def made(**parameters):
        return load(name, task="multiclass", parameters=parameters)

    assert made().fingerprint == made().fingerprint == made(seed=0).fingerprint
    assert (
        len({made(**{key: value}).fingerprint for key, value in (("seed", 1), ("samples", 500), ("noise", 0.5))}) == 3
    )
    small = made(samples=101)
    assert small.x.shape == (101, 2)
    assert np.ptp(small.y.sum(axis=0)) <= 1


def test_clouds_without_noise_lie_where_they_should():
    circles = load("circles", task="binary", parameters={"noise": 0})
    np.testing.assert_allclose(np.hypot(*circles.x.T), 1 - circles.y[:, 0] / 2)
    moons = load("moons", task="binary", parameters={"noise": 0.0})
    upper = moons.x[moons.y[:, 0] == 0]
    np.testing.assert_allclose(np.hypot(*upper.T), 1)
    lower = moons.x[moons.y[:, 0] == 1]
    np.testing.assert_allclose(np.hypot(*(lower - [1, 0.5]).T), 1)


@pytest.mark.parametrize("name", ["spirals", "blobs"])
def test_as_many_classes_as_asked_for(name):
    assert load(name, task="multiclass", parameters={"classes": 5}).y.shape == (1000, 5)
    assert load(name, task="binary", parameters={"classes": 2}).y.shape == (1000, 1)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"sample": 5}, "did you mean 'samples'"),
        ({"classes": 3}, "found parameter 'classes' for moons"),
        ({"samples": 1}, "samples: '1'"),
        ({"samples": True}, "samples: 'True'"),
        ({"samples": 1e3}, "samples"),
        ({"samples": 10**18}, "samples"),
        ({"noise": -1}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"noise": float("inf")}, "noise"),
        ({"noise": 10**400}, "noise"),
        ({"noise": "much"}, "noise"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**63}, "seed"),
    ],
)
def test_parameters_that_cannot_be_meant(parameters, words):
    with pytest.raises(DataError, match=words):
        load("moons", task="binary", parameters=parameters)


def test_fewer_points_than_classes():
    with pytest.raises(DataError, match="at least one for each class"):
        load("blobs", task="multiclass", parameters={"samples": 3, "classes": 4})


def test_a_missing_file_at_the_end_of_a_long_path_is_named(tmp_path):
    path = tmp_path / ("folder" * 20) / "rows.csv"
    for read in (lambda: load(str(path), task="binary"), lambda: read_csv(path, task="binary")):
        with pytest.raises(DataError, match=re.escape(f"found no file '{path}'")):
            read()
