"""From a data set to the arrays that a network trains on."""

import dataclasses

import numpy as np
import pytest

from nnlab.data.catalogue import load
from nnlab.data.dataset import Columns, RowFacts, fingerprint_of
from nnlab.data.prepare import prepare, relative_weights
from nnlab.data.tables.options import TableOptions
from nnlab.errors import DataError

OPTIONS = {
    "seed": 1,
    "test": 0.2,
    "validation": 0.2,
    "scale_name": "standard",
    "epsilon": 0.0,
    "together": False,
    "blanks": "refuse",
    "scale_targets": False,
    "dtype": np.float32,
}


def prepared(dataset, **changes):
    return prepare(dataset, **{**OPTIONS, **changes})


def test_parts_are_contiguous_and_of_the_type_asked_for():
    for dtype in (np.float32, np.float64):
        data = prepared(load("iris", task="multiclass"), dtype=dtype)
        assert [len(part.x) for part in (data.train, data.val, data.test)] == [96, 24, 30]
        for part in (data.train, data.val, data.test):
            for values in (part.x, part.y):
                assert values.dtype == dtype
                assert values.flags.c_contiguous


def test_the_scaling_is_learned_from_the_training_part_alone():
    iris = load("iris", task="multiclass")
    data = prepared(iris, dtype=np.float64)
    np.testing.assert_allclose(data.train.x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_array_equal(data.scaling.shift, iris.x[data.split.train].mean(axis=0))
    np.testing.assert_array_equal(data.test.x, data.scaling.apply(iris.x[data.split.test]))


def test_absent_parts_are_none():
    data = prepared(load("xor", task="binary"), test=None, validation=None)
    assert data.val is None
    assert data.test is None
    np.testing.assert_array_equal(data.train.x, [[-1, -1], [-1, 1], [1, -1], [1, 1]])
    assert data.warnings == ()


@pytest.mark.parametrize("scales", [False, True])
def test_targets_of_a_regression(scales):
    energy = load("energy", task="regression")
    data = prepared(energy, scale_targets=scales, dtype=np.float64)
    if scales:
        np.testing.assert_allclose(data.train.y.std(axis=0), 1)
        np.testing.assert_allclose(data.target_scaling.invert(data.test.y), energy.y[data.split.test])
    else:
        assert data.target_scaling is None
        np.testing.assert_array_equal(data.test.y, energy.y[data.split.test])


def test_targets_with_classes_are_never_scaled():
    data = prepared(load("iris", task="multiclass"), scale_targets=True)
    assert data.target_scaling is None
    assert set(np.unique(data.train.y)) == {0, 1}


def test_blanks_are_filled():
    data = prepared(load("penguins", task="multiclass", table=TableOptions(blanks="median")), blanks="median")
    assert np.isfinite(data.train.x).all()
    assert np.isfinite(data.test.x).all()
    with pytest.raises(DataError, match="a blank in column"):
        prepared(load("penguins", task="multiclass", table=TableOptions(blanks="mean")))


def test_constant_columns_are_said_once():
    data = prepared(load("digits", task="multiclass"))
    (warning,) = data.warnings
    assert warning.startswith("3 of 64 columns are constant in the training part ('pixel_0_0'")
    np.testing.assert_array_equal(data.test.x[:, 0], 0)
    assert prepared(load("digits", task="multiclass"), scale_name="none").warnings == ()


@pytest.mark.parametrize(
    ("epsilon", "spread", "cure"),
    [(1e-9, 0.0, "without epsilon in data.scale such columns are 0"), (0.0, 1e-9, "data.ignore: ['size'] leaves them")],
)
def test_columns_that_scaling_blows_up_in_the_test_part_are_named_with_the_cure(epsilon, spread, cure):
    houses = load("houses", task="regression")
    train = prepared(houses).split.train
    x = np.arange(float(len(houses.x)))[:, None]
    x[train] = 3 + spread * np.linspace(0, 1, len(train))[:, None]
    warnings = prepared(dataclasses.replace(houses, x=x), epsilon=epsilon).warnings
    (found,) = [warning for warning in warnings if "hardly varies" in warning and "test part" in warning]
    assert found.startswith("1 of 1 column ('size') hardly varies in the training part, and scaled are up to ")
    assert cure in found
    assert not any("hardly varies" in warning for warning in prepared(houses).warnings)


def test_a_constant_target_is_said():
    houses = load("houses", task="regression")
    houses = dataclasses.replace(houses, y=np.ones((12, 1)))
    assert prepared(houses, scale_targets=True).warnings == ("target 'value' is constant in the training part",)


def test_absent_classes_are_said():
    data = prepared(load("xor", task="binary"), scale_name="none", test=1, validation=None)
    assert data.warnings == ("class '1' absent from the test part",)


def test_one_row_and_one_column():
    houses = load("houses", task="regression")
    one = dataclasses.replace(houses, x=houses.x[:1], y=houses.y[:1])
    data = prepared(one, test=None, validation=None)
    np.testing.assert_array_equal(data.train.x, [[0]])
    assert data.warnings == ("1 of 1 column is constant in the training part ('size')",)


def test_targets_too_large_for_the_type():
    houses = load("houses", task="regression")
    with pytest.raises(DataError, match="float32"):
        prepared(dataclasses.replace(houses, y=houses.y * 1e300))


def test_images_scaled_together():
    data = prepared(load("digits", task="multiclass"), together=True, scale_name="minmax")
    np.testing.assert_array_equal(data.scaling.divisor, 16)
    assert data.train.x.max() == 1


def test_columns_survive_json_and_name_the_inputs():
    columns = load("penguins", task="multiclass", table=TableOptions(blanks="drop")).columns
    assert Columns.from_dict(columns.to_dict()) == columns
    assert columns.input_names[:2] == ("island=Biscoe", "island=Dream")


def test_the_fingerprint_sees_values_and_names_not_layout():
    x, y = np.arange(6.0).reshape(3, 2), np.ones((3, 1))
    columns = load("xor", task="binary").columns
    plain = fingerprint_of(x, y, columns)
    assert plain == fingerprint_of(np.asfortranarray(x.astype(">f8")), y, columns)
    assert plain != fingerprint_of(x + 1e-9, y, columns)
    assert plain != fingerprint_of(x, y, dataclasses.replace(columns, targets=("z",)))


def test_the_fingerprint_sees_what_a_training_depends_on_beside_the_values():
    x, y, columns = np.zeros((3, 2)), np.ones((3, 1)), load("xor", task="binary").columns
    plain, numbers = fingerprint_of(x, y, columns), np.array([0, 1, 1])
    facts = [RowFacts(**{name: numbers}) for name in ("parts", "groups", "times", "weights")]
    found = {fingerprint_of(x, y, columns, rows) for rows in [*facts, RowFacts(groups=numbers[::-1])]}
    assert len(found | {plain}) == 6
    others = RowFacts(lines=numbers, kept={"id": ("a", "b", "c")})
    assert fingerprint_of(x, y, columns, others) == fingerprint_of(x, y, columns, RowFacts()) == plain


def images(tmp_path, **arrays):
    np.savez(tmp_path / "a.npz", **arrays)
    return load(str(tmp_path / "a.npz"), task="multiclass")


def test_images_are_scaled_per_channel(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (20, 4, 5, 3)).astype(np.uint8)
    data = prepared(images(tmp_path, x=x, y=np.arange(20) % 2), per_channel=True, dtype=np.float64)
    planes = data.train.x.reshape(-1, 3, 20)
    np.testing.assert_allclose(planes.mean(axis=(0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(planes.std(axis=(0, 2)), 1)
    with pytest.raises(DataError, match="per_channel for data that are no images, expected together"):
        prepared(load("iris", task="multiclass"), per_channel=True)


def test_images_are_brought_to_a_range(tmp_path):
    x = np.tile(np.array([[[[0], [255]]]], np.uint8), (10, 1, 1, 1))
    dataset = images(tmp_path, x=x, y=np.arange(10) % 2)
    data = prepared(dataset, scale_name="range", target_range=(-1.0, 1.0), test=None, validation=None)
    np.testing.assert_array_equal(data.train.x, [[-1, 1]] * 10)
    dataset = images(tmp_path, x=x / 255.0, y=np.arange(10) % 2)
    data = prepared(dataset, scale_name="range", source_range=(0.0, 1.0), target_range=(-1.0, 1.0))
    np.testing.assert_array_equal(data.train.x, [[-1, 1]] * 6)


def test_what_a_reader_warns_of_is_a_warning():
    dataset = dataclasses.replace(load("iris", task="multiclass"), warnings=("first",), notes=("as published",))
    assert prepared(dataset).warnings == ("first",)


# --- splits that a table asks for -------------------------------------------------------------------------------------


def rows_of(dataset, **facts):
    return dataclasses.replace(dataset, rows=RowFacts(**facts))


def test_a_table_s_own_parts_are_prepared_and_their_absent_classes_are_said():
    iris = load("iris", task="multiclass")
    data = prepared(
        rows_of(iris, parts=np.repeat(np.arange(3, dtype=np.int8), [90, 30, 30])), test=None, validation=None
    )
    assert [len(part.x) for part in (data.train, data.val, data.test)] == [90, 30, 30]
    np.testing.assert_array_equal(data.scaling.shift, iris.x[:90].mean(axis=0))
    assert data.warnings == (
        "class 'virginica' absent from the training part",
        "class 'setosa' absent from the validation part",
        "classes 'setosa', 'versicolor' absent from the test part",
    )


def test_groups_stay_together_in_what_a_network_trains_on():
    iris = load("iris", task="multiclass")
    groups = np.arange(150) // 7
    data = prepared(rows_of(iris, groups=groups))
    split = data.split
    of_parts = [set(groups[part].tolist()) for part in (split.train, split.validation, split.test)]
    assert sum(map(len, of_parts)) == 22
    assert [sentence for sentence in data.warnings if "data.group" in sentence] == list(split.warnings)
    np.testing.assert_array_equal(data.test.x, data.scaling.apply(iris.x[split.test], np.float32))


def test_later_rows_test_and_every_seed_has_the_same():
    energy = load("energy", task="regression")
    times = np.random.default_rng(0).permutation(768).astype(np.float64)
    one, other = (prepared(rows_of(energy, times=times), seed=seed) for seed in (1, 2))
    assert times[one.split.test].min() > times[one.split.validation].max()
    assert times[one.split.validation].min() > times[one.split.train].max()
    np.testing.assert_array_equal(one.test.x, other.test.x)
    np.testing.assert_array_equal(one.train.y, other.train.y)


def test_suspicions_are_warnings_that_later_seeds_need_not_look_for():
    cancer = load("breast-cancer", task="binary")
    (told,) = prepared(cancer, scale_name="none").warnings
    assert told.startswith("2 of 30 inputs ('area_mean', 'area_worst') are not scaled")
    assert prepared(cancer, scale_name="none", warn=False).warnings == ()


def test_a_target_that_is_an_input_is_a_warning_of_a_table():
    energy = load("energy", task="regression")
    leaking = dataclasses.replace(energy, x=np.column_stack([energy.x[:, 1:], energy.y[:, 0]]))
    (told,) = prepared(leaking).warnings
    assert told.startswith("target 'heating_load' follows column ")
    assert prepared(rows_of(leaking)).warnings == ()  # a set without lines is none that was read from a table


# --- weights of rows --------------------------------------------------------------------------------------------------


def test_the_weights_of_a_part_have_a_mean_of_1_and_change_neither_split_nor_scaling():
    weights = np.random.default_rng(1).uniform(0, 5, 150)
    iris = load("iris", task="multiclass")
    data, plain = prepared(rows_of(iris, weights=weights)), prepared(iris)
    for name, rows in (("train", data.split.train), ("val", data.split.validation), ("test", data.split.test)):
        part, other = getattr(data, name), getattr(plain, name)
        np.testing.assert_allclose(part.weights, weights[rows] / weights[rows].mean(), rtol=1e-14)
        np.testing.assert_array_equal(part.x, other.x)
        assert other.weights is None


@pytest.mark.parametrize("weight", [5e-324, 0.1, 1 / 3, 1e308])
def test_equal_weights_are_1_to_the_bit(weight):
    np.testing.assert_array_equal(relative_weights(np.full(9, weight), np.arange(7), "the part"), 1)


@pytest.mark.parametrize(("name", "part"), [("train", "training"), ("validation", "validation"), ("test", "test")])
def test_a_part_whose_rows_all_weigh_0_is_refused(name, part):
    weights = np.ones(150)
    weights[getattr(prepared(load("iris", task="multiclass")).split, name)] = 0
    with pytest.raises(DataError, match=f"found a weight of 0 for each of the .* rows of the {part} part") as error:
        prepared(rows_of(load("iris", task="multiclass"), weights=weights))
    assert error.value.faults[0].key == ("data", "weight")
