"""Values that float32 cannot tell apart are told of, with the cure; those of well-scaled sets never are."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support import ROOT, nnlab_here, trained, write

from nnlab.data.catalogue import load
from nnlab.data.npy import stored_file
from nnlab.data.rounding import rounded_columns
from nnlab.data.scaling import Scaling
from nnlab.data.stored import StoredRows
from nnlab.data.tables.options import TableOptions

pytestmark = pytest.mark.usefixtures("no_pictures")

N = 200
ALL = np.arange(N)
UNIT = np.random.default_rng(3).uniform(0, 100, N)


def rounded(column, scale="none", dtype=np.float32, **options):
    x = np.column_stack([UNIT, column])
    found = rounded_columns(x, ALL, Scaling.fit(x, scale, **options), dtype)
    return [(one.column, one.before, one.after) for one in found]


def values_in_float32(column):
    return len(set(column.astype(np.float32).tolist()))


# --- what is rounded --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [1.7e9, -3e9, 1e8, 1e12])
def test_values_that_fall_together_are_counted_as_python_counts_them(offset):
    column = offset + ALL / 2
    assert rounded(column) == [(1, N, values_in_float32(column))]
    assert rounded(column, "standard") == rounded(column, "minmax") == []
    assert rounded(column, dtype=np.float64) == []


def test_a_range_that_leaves_values_together_is_found_as_scaled():
    assert rounded(1.7e9 + UNIT, "range", source_range=(0, 2e9))[0][:2] == (1, N)
    own = rounded(1.7e9 + UNIT, "range", source_range=(1.7e9, 1.7e9 + 100))
    assert [column for column, _, _ in own] == [0]  # which that range does not suit


def test_values_beside_one_far_from_all_others_fall_together_where_scaling_moves_them():
    column = ALL / 2.0
    column[7] = 1e13
    ((_, before, after),) = rounded(column, "standard")
    assert (before, after < before / 2) == (N, True)
    assert rounded(column) == rounded(column, "minmax") == []  # there they are beside 0, and each keeps its digits


def test_two_values_that_become_one_are_found():
    assert rounded(np.where(UNIT > 50, 1.7e9, 1.7e9 + 1)) == [(1, 2, 1)]


@pytest.mark.parametrize(
    "column",
    [
        np.zeros(N),
        np.full(N, 1.7e9),
        ALL.astype(float),
        1.7e9 + 86400.0 * ALL,  # days: float32 keeps them apart
        ALL % 7 + 1e-16 * ALL,  # rounding errors of float64
        (ALL % 3 == 0).astype(float),
        np.exp(UNIT),
        UNIT.astype(np.float32).astype(float) * 2.0**40,
    ],
)
def test_what_loses_nothing_is_not_told(column):
    assert rounded(column) == []


@given(st.integers(0, 2**32 - 1), st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.sampled_from(["standard", "minmax"]))
def test_a_column_that_is_scaled_to_its_own_spread_loses_nothing(seed, offset, spread, scale):
    assume(abs(offset) < 1e6 * spread)
    random = np.random.default_rng(seed)
    for column in (random.normal(offset, spread, N), random.exponential(spread, N), random.integers(0, 9, N) * spread):
        assert rounded(column, scale) == []


def test_of_many_rows_some_are_looked_at_and_blanks_count_as_filled():
    x = np.full((400_000, 8), np.nan)
    x[:, 0] = 1.7e9 + np.arange(400_000) % 101
    x[::2, 1:] = 1.0
    (one,) = rounded_columns(x, np.arange(400_000), Scaling.fit(x, "none", fill="mean"), np.float32)
    assert (one.column, one.before, one.after) == (0, 101, 2)
    assert one.rows < 400_000


def test_rows_in_a_file_are_looked_at_as_those_in_memory(tmp_path):
    x = np.column_stack([1.7e9 + UNIT, UNIT, UNIT])
    np.save(tmp_path / "x.npy", x)
    rows = StoredRows([stored_file(tmp_path / "x.npy")], 8)
    scaling = Scaling.fit(x, "none")
    assert rounded_columns(rows, ALL, scaling, np.float32) == rounded_columns(x, ALL, scaling, np.float32) != []


@pytest.mark.parametrize("name", ["digits", "iris", "breast-cancer", "penguins", "auto-mpg", "concrete", "energy"])
@pytest.mark.parametrize("scale", ["none", "standard", "minmax"])
def test_sound_sets_lose_nothing(name, scale):
    task = {"breast-cancer": "binary", "auto-mpg": "regression", "concrete": "regression", "energy": "regression"}
    data = load(name, task=task.get(name, "multiclass"), table=TableOptions(blanks="mean"))
    for values in (data.x, data.y):
        assert (
            rounded_columns(values, np.arange(len(data.y)), Scaling.fit(values, scale, fill="mean"), np.float32) == []
        )


# --- what is said -----------------------------------------------------------------------------------------------------

OFFSET = """\
name: offset
task: regression
data: {source: off.csv, target: "y", scale: standard, scale_targets: true}
network: {head: {activation: identity}}
optimizer: {name: lbfgs}
training: {epochs: 3, batch_size: all}
"""
X = np.linspace(-2, 2, N)


def off(folder, x, y, text=OFFSET):
    write(folder, text, "off.yaml")
    lines = "".join(f"{float(a)!r},{float(b)!r}\n" for a, b in zip(x, y, strict=True))
    write(folder, f"x,y\n{lines}", "off.csv")


def warned(folder, *words):
    done = nnlab_here("train", "off.yaml", *words, cwd=folder)
    assert done.exit_code == 0, done.stderr
    return [line for line in " ".join(done.stderr.split()).split("warning: ") if "float32" in line]


TARGET = (
    "target 'y' is rounded to steps of 128 in float32, but deviates by 29: 200 different values in 200 rows become 2, "
    "so that digits are lost: precision: float64, and data.scale_targets: true, keep them"
)


def test_a_target_whose_values_fall_together_is_warned_of_with_the_cure(tmp_path):
    """What the handed case `float32-targets-collapse` asks for."""
    off(tmp_path, X, 1.7e9 + 25 * (X + 2))
    for words in ((), ("--dry-run",)):
        (told,) = warned(tmp_path, "--set", "data.scale_targets=false", *words)
        assert TARGET in told
    assert warned(tmp_path, "--set", "data.scale_targets=false", "--set", "precision=float64") == []
    assert warned(tmp_path) == []


def test_inputs_whose_values_fall_together_are_warned_of_with_the_cure(tmp_path):
    off(tmp_path, 1.7e9 + 25 * (X + 2), np.sin(X))
    (told,) = warned(tmp_path, "--set", "data.scale=none")
    cure = "data.scale: standard, or precision: float64, keeps them apart"
    assert f"1 of 1 input ('x') is rounded in float32: 200 different values in 200 rows become 2 of 'x': {cure}" in told
    assert warned(tmp_path) == warned(tmp_path, "--set", "data.scale=none", "--set", "precision=float64") == []


def test_new_rows_whose_values_fall_together_are_warned_of(tmp_path):
    off(tmp_path, X, np.sin(X))
    run = trained(tmp_path, "off.yaml")
    off(tmp_path, 1.7e9 + X, np.sin(X))
    done = nnlab_here("eval", run, "--data", "off.csv", cwd=tmp_path)
    assert "1 of 1 input ('x') is rounded in float32: 200 different values in 200 rows become" in " ".join(
        done.stderr.split()
    )
    off(tmp_path, X, 1.7e10 + X)
    done = " ".join(nnlab_here("eval", run, "--data", "off.csv", cwd=tmp_path).stderr.split())
    assert "target 'y' is rounded, once scaled, to steps of" in done
    assert "200 different values in 200 rows become 1, so that digits are lost: a network trained with" in done
    off(tmp_path, X / 3, np.sin(X))
    assert "float32" not in nnlab_here("eval", run, "--data", "off.csv", cwd=tmp_path).stderr


@pytest.mark.parametrize("config", sorted(path.name for path in (ROOT / "configs").glob("*.yaml")))
def test_no_shipped_experiment_is_warned_of(config):
    fewer = ["--set", "data.source.samples=500"] if config == "portraits.yaml" else []  # to draw all takes seconds
    done = nnlab_here("train", ROOT / "configs" / config, "--dry-run", *fewer, cwd=ROOT)
    assert done.exit_code == 0, done.stderr
    assert "float32:" not in done.stderr
