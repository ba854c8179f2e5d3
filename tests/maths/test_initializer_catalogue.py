"""Truncated normal, orthogonal and identity weights: their distributions and what they promise of every matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnlab.maths.initializers import INITIALIZERS, draws_from, legacy_draws
from nnlab.maths.parameters import resolved

SIZES = st.integers(1, 12)
SHAPES = [(1, 1), (1, 6), (6, 1), (4, 4), (7, 3), (3, 7)]


def drawn(name, shape, seed=0, **given):
    entry = INITIALIZERS[name]
    return entry.weights(draws_from(np.random.default_rng(seed), shape), shape, shape, **resolved(entry, given))


# --- Truncated normal -------------------------------------------------------------------------------------------------


def test_truncated_normals_have_their_distribution():
    weights = drawn("truncated_normal", (300, 500), mean=1.0, std=0.5).ravel()
    expected = stats.truncnorm(-2, 2, loc=1.0, scale=0.5)
    assert np.abs(weights - 1).max() <= 1
    assert np.abs(weights - 1).max() > 0.999
    assert weights.mean() == pytest.approx(1, abs=5 * expected.std() / weights.size**0.5)
    assert weights.std() == pytest.approx(expected.std(), rel=0.01)
    assert expected.std() / 0.5 == pytest.approx(0.8796, abs=5e-5)
    assert stats.kstest(weights, expected.cdf).pvalue > 1e-3


def test_truncated_normals_are_a_rising_function_of_the_standard_uniforms():
    uniforms = np.random.default_rng(5).random((20, 30))
    weights = drawn("truncated_normal", (20, 30), seed=5)
    expected = stats.truncnorm.ppf(uniforms, -2, 2, scale=0.05)
    np.testing.assert_allclose(weights, expected, rtol=1e-9, atol=1e-12)
    assert (np.argsort(weights, axis=None) == np.argsort(uniforms, axis=None)).all()


@pytest.mark.parametrize("uniform", [0.0, 2**-53, 0.5, 1 - 2**-53])
def test_the_most_extreme_uniforms_stay_within_the_cut(uniform):
    entry = INITIALIZERS["truncated_normal"]
    weight = entry.weights(lambda _kind: np.full((1, 1), uniform), (1, 1), (1, 1), mean=0.0, std=1.0).item()
    assert abs(weight) <= 2
    assert weight == pytest.approx({0.0: -2, 0.5: 0}.get(uniform, np.copysign(2, uniform - 0.5)), abs=1e-12)


def test_a_truncated_normal_without_deviation_is_its_mean():
    assert (drawn("truncated_normal", (3, 4), mean=-2.5, std=0.0) == -2.5).all()


# --- Orthogonal -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=80)
@given(SIZES, SIZES, st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_the_shorter_side_is_orthonormal(fan_in, fan_out, seed, gain):
    weights = drawn("orthogonal", (fan_in, fan_out), seed, gain=gain) / gain
    assert weights.shape == (fan_in, fan_out)
    products = weights.T @ weights if fan_in >= fan_out else weights @ weights.T
    np.testing.assert_allclose(products, np.eye(min(fan_in, fan_out)), atol=1e-13)


@pytest.mark.parametrize("shape", [(5, 5), (8, 3), (3, 8)])
def test_what_is_left_of_the_normals_is_triangular_with_a_positive_diagonal(shape):
    weights, normals = drawn("orthogonal", shape, seed=3), np.random.default_rng(3).standard_normal(shape)
    q, a = (weights, normals) if shape[0] >= shape[1] else (weights.T, normals.T)
    r = q.T @ a
    np.testing.assert_allclose(np.tril(r, -1), 0, atol=1e-13)
    assert (np.diagonal(r) > 0).all()
    np.testing.assert_allclose(q @ r, a, atol=1e-13)


def test_every_rotation_is_equally_likely():
    # Entries of a random orthogonal matrix have mean 0 and variance 1 / n, its trace mean 0 and variance 1. Without
    # the fixed signs the trace of LAPACK's Q is negative on average.
    found = np.array([drawn("orthogonal", (4, 4), seed) for seed in range(2000)])
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=5 * 0.5 / 2000**0.5)
    np.testing.assert_allclose(found.var(axis=0), 1 / 4, rtol=0.15)
    traces = np.trace(found, axis1=1, axis2=2)
    assert traces.mean() == pytest.approx(0, abs=5 / 2000**0.5)
    assert traces.var() == pytest.approx(1, rel=0.2)
    assert (np.linalg.det(found) > 0).mean() == pytest.approx(0.5, abs=5 * 0.5 / 2000**0.5)


def test_a_square_one_keeps_lengths():
    x = np.random.default_rng(1).normal(size=(10, 6))
    y = x @ drawn("orthogonal", (6, 6), gain=2.0)
    assert np.linalg.norm(y, axis=1) == pytest.approx(2 * np.linalg.norm(x, axis=1), rel=1e-13)


# --- Identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_identity_hands_on_what_fits(shape):
    x = np.random.default_rng(1).normal(size=(5, shape[0]))
    y = x @ drawn("identity", shape, gain=3.0)
    shared = min(shape)
    np.testing.assert_array_equal(y[:, :shared], 3 * x[:, :shared])
    assert not y[:, shared:].any()


def test_identity_draws_nothing():
    def refuse(kind):
        raise AssertionError(kind)

    assert INITIALIZERS["identity"].weights(refuse, (2, 3), (2, 3), gain=1.0).tolist() == [[1, 0, 0], [0, 1, 0]]


# --- All of them ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["truncated_normal", "orthogonal", "identity"])
def test_the_seed_decides_and_legacy_draws_serve_as_well(name, shape):
    weights = drawn(name, shape, seed=9)
    assert weights.shape == shape
    assert weights.dtype == np.float64
    np.testing.assert_array_equal(weights, drawn(name, shape, seed=9))
    entry = INITIALIZERS[name]
    legacy = entry.weights(legacy_draws(np.random.RandomState(9), shape), shape, shape, **resolved(entry, {}))
    assert legacy.shape == shape
    assert np.isfinite(legacy).all()


@pytest.mark.parametrize(
    ("name", "given"),
    [("orthogonal", {"gain": 0}), ("identity", {"gain": -1}), ("truncated_normal", {"std": -0.1})],
)
def test_ranges(name, given):
    with pytest.raises(ValueError, match=f"of {name}, expected"):
        resolved(INITIALIZERS[name], given)
