"""The drawn image sets: what is in the pictures, what decides it, and that the same parameters give the same bits."""

import hashlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from support import nnlab_here, parse_json, trained, write

from nnlab.data import portraits as portrait_drawing
from nnlab.data.catalogue import load
from nnlab.data.drawing import Canvas, bow, box, circle, ellipse, polygon, ring
from nnlab.data.drawn import DRAWN, FIGURES, LEAST_CONTRAST, draw_shapes, luminance
from nnlab.data.faces import LAYERS, draw_portraits
from nnlab.data.portraits import ATTRIBUTES, DRAWS, VARIATIONS, attributes_of
from nnlab.errors import DataError

TASKS = {"portraits": "multilabel", "shapes": "multiclass"}


def made(name, **parameters):
    return load(name, task=TASKS[name], parameters=parameters)


@pytest.fixture(scope="module")
def portraits():
    return made("portraits")


@pytest.fixture(scope="module")
def shapes():
    return made("shapes")


# --- the sets ---


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("name", DRAWN)
def test_rows_are_images_plane_by_plane(name, size):
    data = made(name, samples=7, size=size)
    assert (data.x.shape, data.x.dtype) == ((7, 3 * size * size), np.uint8)
    assert (data.image_shape, data.sample_shape) == ((size, size), (size, size, 3))
    assert (data.y.dtype, data.own_test, data.name) == (np.float64, 0, name)
    assert set(np.unique(data.y)) <= {0.0, 1.0}
    names = data.columns.input_names
    assert names[0] == "red_0_0"
    assert names[size * size + 1] == "green_0_1"
    assert names[-1] == f"blue_{size - 1}_{size - 1}"


def test_labels_have_names(portraits, shapes):
    assert portraits.columns.targets == tuple(ATTRIBUTES)
    assert len(ATTRIBUTES) == 12
    assert shapes.columns.classes == tuple(FIGURES) == ("circle", "square", "triangle", "star", "cross", "ring")
    assert shapes.y.argmax(axis=1)[:8].tolist() == [0, 1, 2, 3, 4, 5, 0, 1]


HASHES = {
    ("portraits", 32): "ace9a0bea031e763f672ab45350a56fc7e3a13efdbf80c6ce47b509c4035bd8d",
    ("portraits", 64): "8a6167b276ca31274994da1f178d53443192a5b5baf2b46c71deb8d4264b8611",
    ("shapes", 32): "be21e50eb4447e500c29ed2037c5eca5f6ede26dd30d06391095baa605e29c46",
    ("shapes", 64): "8ecc229ae8358983c71fb35e8092568ac529d1863a0d78bd81bf72efe8222f43",
}


@pytest.mark.parametrize(("name", "size"), HASHES)
def test_the_bits_are_recorded(name, size):
    data = made(name, samples=12, size=size, seed=3)
    digest = hashlib.sha256(data.x.tobytes() + data.y.astype(np.uint8).tobytes()).hexdigest()
    assert digest == HASHES[name, size]


@settings(max_examples=40)
@given(
    name=st.sampled_from(list(DRAWN)), few=st.integers(6, 20), more=st.integers(0, 30), seed=st.integers(0, 2**63 - 1)
)
def test_a_row_does_not_depend_on_how_many_there_are(name, few, more, seed):
    short, long = made(name, samples=few, seed=seed), made(name, samples=few + more, seed=seed)
    np.testing.assert_array_equal(short.x, long.x[:few])
    np.testing.assert_array_equal(short.y, long.y[:few])


@pytest.mark.parametrize("name", DRAWN)
def test_sets_depend_on_their_parameters_alone(name):
    assert made(name, samples=9).fingerprint == made(name, samples=9, seed=0, size=32, noise=0.04).fingerprint
    others = [{"seed": 1}, {"size": 64}, {"noise": 0.05}, {"samples": 10}, {"noise": 0}]
    assert len({made(name, **{"samples": 9, **other}).fingerprint for other in others}) == len(others)


@pytest.mark.parametrize("name", DRAWN)
def test_no_two_rows_are_alike(name):
    assert len(np.unique(made(name, samples=300, noise=0).x, axis=0)) == 300


@pytest.mark.parametrize("name", DRAWN)
def test_noise_is_a_deviation_as_a_share_of_the_range(name):
    clean, noisy = (made(name, samples=40, noise=noise).x.astype(float) / 255 for noise in (0, 0.05))
    inner = (clean > 0.2) & (clean < 0.8)  # elsewhere it is clipped
    off = (noisy - clean)[inner]
    assert off.std() == pytest.approx(0.05, rel=0.02)
    assert off.mean() == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"size": 48}, "found size: '48', expected 32 or 64 pixels"),
        ({"size": True}, "size"),
        ({"size": 32.0}, "size"),
        ({"size": "32"}, "size"),
        ({"sise": 32}, "did you mean 'size'"),
        ({"classes": 6}, "found parameter 'classes'"),
        ({"noise": 1.5}, "expected a number from 0 to 1"),
        ({"noise": float("nan")}, "noise"),
        ({"samples": 10**6}, "expected an integer from 2 to 100000"),
        ({"samples": 1}, "samples"),
        ({"seed": -1}, "seed"),
    ],
)
@pytest.mark.parametrize("name", DRAWN)
def test_parameters_that_cannot_be_meant(name, parameters, words):
    with pytest.raises(DataError, match=words):
        made(name, **parameters)


def test_what_else_is_refused():
    with pytest.raises(DataError, match="found samples: 5 for shapes, expected at least one for each of 6 classes"):
        made("shapes", samples=5)
    with pytest.raises(DataError, match="exactly 2 for a binary task"):
        load("shapes", task="binary")
    with pytest.raises(DataError, match="expected multilabel"):
        load("portraits", task="multiclass")
    with pytest.raises(DataError, match="found parameter 'size' for moons"):
        load("moons", task="binary", parameters={"size": 32})


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("name", DRAWN)
def test_a_convolution_trains_on_them_and_its_run_is_evaluated(tmp_path, name):
    layers = "[{conv2d: 2, kernel: 4, stride: 4}, 4]"
    data = f"{{source: {{name: {name}, samples: 30, size: 64, noise: 0.1, seed: 5}}, test: 0.2}}"
    text = f"name: drawn\ntask: {TASKS[name]}\ndata: {data}\nnetwork: {{layers: {layers}}}\ntraining: {{steps: 2}}\n"
    run = trained(tmp_path, write(tmp_path, text))
    result = nnlab_here("eval", run, "--json", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert "test/loss" in parse_json(result.stdout)["figures"]


def test_a_wrong_size_is_refused_with_its_place(tmp_path):
    text = "name: drawn\ntask: multiclass\ndata: {source: {name: shapes, size: 48}}\n"
    result = nnlab_here("train", write(tmp_path, text), cwd=tmp_path)
    assert result.exit_code == 2
    assert "experiment.yaml:3:37: found size: '48', expected 32 or 64 pixels" in result.stderr


# --- portraits ---


def test_attributes_depend_on_each_other_as_stated():
    """Every share and conditional share lies within four standard errors."""
    has = dict(zip(ATTRIBUTES, attributes_of(np.random.default_rng(0).random((20000, DRAWS))).T, strict=True))
    for name, chance in ATTRIBUTES.items():
        condition = has[chance.given] if chance.given else np.ones(20000, bool)
        for rows, expected in ((condition, chance.yes), (~condition, chance.no)):
            if rows.any():
                assert abs(has[name][rows].mean() - expected) < 4 * (expected * (1 - expected) / rows.sum()) ** 0.5


def test_the_docstring_states_the_probabilities_of_the_table():
    stated = re.findall(r"P\(\w+ \| \w+\) = [\d.]+, else [\d.]+", portrait_drawing.__doc__)
    chances = [(name, chance) for name, chance in ATTRIBUTES.items() if chance.given]
    assert stated == [f"P({name} | {chance.given}) = {chance.yes}, else {chance.no}" for name, chance in chances]


def test_labels_of_the_set_are_correlated(portraits):
    has = dict(zip(ATTRIBUTES, portraits.y.T > 0, strict=True))
    assert abs(np.corrcoef(has["beard"], has["long_hair"])[0, 1] + 0.44) < 0.08
    assert abs(np.corrcoef(has["moustache"], has["beard"])[0, 1] - 0.43) < 0.08
    assert abs(np.corrcoef(has["hat"], has["smile"])[0, 1]) < 0.08


STILL = {"right": 0.0, "down": 0.0, "scale": 1.0, "slope": 0.0}


def unmoved(count, seed):
    """Random attributes and draws of faces that lie straight in the middle."""
    draws = np.random.default_rng(seed).random((count, DRAWS))
    for i, (name, (low, high)) in enumerate(VARIATIONS.items(), start=len(ATTRIBUTES)):
        if name in STILL:
            draws[:, i] = (STILL[name] - low) / (high - low)
    return attributes_of(draws), draws


AREAS = {
    # Where an attribute may show, from |x| and y of a pixel's centre in [-1, 1], for a face in the middle.
    "long_hair": lambda x, y: (x < 0.72) & (y > -0.7) & (y < 0.72) & ((x > 0.3) | (abs(y) > 0.3)),
    "dark_hair": lambda x, y: (x < 0.72) & (y > -0.8) & (y < 0.72),
    "beard": lambda x, y: (x < 0.6) & (y > 0) & (y < 0.68),
    "moustache": lambda x, y: (x < 0.32) & (y > 0) & (y < 0.32),
    "earrings": lambda x, y: (x > 0.3) & (x < 0.72) & (y > 0.05) & (y < 0.36),
    "freckles": lambda x, y: (x < 0.5) & (y > 0) & (y < 0.32),
    "smile": lambda x, y: (x < 0.32) & (y > 0) & (y < 0.56),
    "open_mouth": lambda x, y: (x < 0.32) & (y > 0) & (y < 0.56),
    "glasses": lambda x, y: (x < 0.56) & (y > -0.38) & (y < 0.2),
    "hat": lambda x, y: (x < 0.8) & (y < -0.24),
    "tie": lambda x, y: (x < 0.36) & (y > 0.52),
    "blue_background": lambda x, y: (x > 0.34) | (abs(y) > 0.34),
}


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_an_attribute_shows_on_every_face_and_only_where_it_belongs(attribute):
    has, draws = unmoved(300, seed=5)
    column = list(ATTRIBUTES).index(attribute)
    with_it, without = has.copy(), has.copy()
    with_it[:, column], without[:, column] = True, False
    change = abs(draw_portraits(with_it, draws, 32) - draw_portraits(without, draws, 32)).max(axis=1)
    places = (2 * np.arange(32) + 1) / 32 - 1
    area = AREAS[attribute](abs(places), places[:, np.newaxis])
    assert not change[:, ~area].any()
    assert (change > 0.1).sum(axis=(1, 2)).min() >= 2


def test_every_attribute_is_drawn_by_a_layer_or_chosen_in_one():
    colours_or_shapes = {"dark_hair", "smile", "open_mouth", "blue_background"}
    assert set(ATTRIBUTES) - set(LAYERS) == colours_or_shapes


def test_a_face_keeps_its_look_at_another_size():
    has, draws = unmoved(20, seed=6)
    small, large = draw_portraits(has, draws, 32), draw_portraits(has, draws, 64)
    shrunk = large.reshape(20, 3, 32, 2, 32, 2).mean(axis=(3, 5))
    assert abs(small - shrunk).mean() < 0.02


def test_shifts_scales_and_turns_move_the_face():
    has, still = unmoved(1, seed=7)
    base = draw_portraits(has, still, 32)
    for name in STILL:
        moved = still.copy()
        moved[:, len(ATTRIBUTES) + list(VARIATIONS).index(name)] = 0.99
        assert abs(draw_portraits(has, moved, 32) - base).max() > 0.2


def test_pictures_are_float32_and_within_range():
    draws = np.random.default_rng(8).random((50, DRAWS))
    picture = draw_portraits(attributes_of(draws), draws, 32)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1.06


# --- learnable, but not by one pixel or one plane ---


def test_no_single_pixel_decides_an_attribute(portraits):
    labels = portraits.y > 0
    best = np.zeros(12)
    for threshold in range(10, 250, 10):
        above = (portraits.x > threshold).astype(np.float32)
        for i, label in enumerate(labels.T):
            right = (above[label].sum(axis=0) + (1 - above[~label]).sum(axis=0)) / len(labels)
            best[i] = max(best[i], right.max(), 1 - right.min())
    assert (best < 0.93).all()


def test_attributes_can_be_learned_but_not_all_by_a_linear_classifier(portraits):
    x, y = portraits.x / 255.0, portraits.y
    found = np.column_stack([RidgeClassifier(300.0).fit(x[:1500], column).predict(x[1500:]) for column in y[:1500].T])
    right = (found == y[1500:]).mean(axis=0)
    majority = np.maximum(y[1500:].mean(axis=0), 1 - y[1500:].mean(axis=0))
    assert (right > majority + 0.08).all()
    assert right.min() < 0.85
    assert (found == y[1500:]).all(axis=1).mean() < 0.4


def test_shapes_can_be_learned_but_not_by_a_linear_classifier(shapes):
    x, labels = shapes.x / 255.0, shapes.y.argmax(axis=1)
    assert RidgeClassifier(300.0).fit(x[:1500], labels[:1500]).score(x[1500:], labels[1500:]) < 0.4
    gray = x.reshape(-1, 3, 1024).mean(axis=1)
    contrast = abs(gray - np.median(gray, axis=1, keepdims=True))
    seen = PCA(40, random_state=0).fit_transform(contrast)
    near = KNeighborsClassifier(5).fit(seen[:1500], labels[:1500])
    assert near.score(seen[1500:], labels[1500:]) > 0.35


# --- shapes ---


def test_figure_and_ground_differ_in_luminance():
    draws = np.random.default_rng(9).random((600, 10))
    picture = draw_shapes(np.eye(6, dtype=bool)[np.arange(600) % 6], draws, 32)
    light = luminance(picture.transpose(0, 2, 3, 1).reshape(-1, 3)).reshape(600, -1)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    assert np.ptp(light, axis=1).min() > LEAST_CONTRAST - 1e-5


def test_figures_lie_within_the_picture():
    draws = np.random.default_rng(10).random((600, 10))
    for cls in range(6):
        picture = draw_shapes(np.tile(np.arange(6) == cls, (600, 1)), draws, 32)
        rim = np.concatenate([picture[:, :, [0, -1]], picture[:, :, :, [0, -1]].swapaxes(2, 3)], axis=2)
        assert np.ptp(rim.reshape(600, 3, -1), axis=2).max() == 0


# --- distances ---


def points(count=400):
    return np.random.default_rng(11).uniform(-1.5, 1.5, (2, count)).astype(np.float32)


def test_distances_have_closed_forms():
    x, y = points()
    away = np.hypot(x, y)
    np.testing.assert_allclose(circle(x, y, 0.5), away - 0.5, atol=1e-6)
    np.testing.assert_allclose(ring(x, y, 0.5, 0.2), abs(away - 0.5) - 0.1, atol=1e-6)
    np.testing.assert_allclose(ellipse(x, y, 0.5, 0.5), away - 0.5, atol=1e-5)
    square = [(-0.5, -0.3), (0.5, -0.3), (0.5, 0.3), (-0.5, 0.3)]
    np.testing.assert_allclose(polygon(x, y, square), box(x, y, 0.5, 0.3), atol=1e-6)
    np.testing.assert_allclose(polygon(x, y, square[::-1]), box(x, y, 0.5, 0.3), atol=1e-6)
    np.testing.assert_allclose(box(x, y, 0.5, 0.5, 0.5), away - 0.5, atol=1e-6)
    np.testing.assert_allclose(bow(x, y, 0.0, 0.5, 0.2), np.maximum(abs(y) - 0.1, abs(x) - 0.5), atol=1e-6)


@pytest.mark.parametrize("figure", FIGURES)
def test_figures_are_near_their_edges_as_far_as_they_say(figure):
    """A signed distance changes no faster than the point moves, and is negative in the figure, positive outside."""
    x, y = points()
    near = FIGURES[figure](x, y)
    step = np.float32(0.01)
    assert (abs(FIGURES[figure](x + step, y) - near) < 1.01 * step).all()
    assert (near[np.hypot(x, y) > 1.001] > 0).all()
    assert (near < 0).any()


def test_the_star_has_a_notch_and_the_ring_a_hole():
    x, y = np.array([[0.0, 0.0, 0.588], [0.0, -0.9, -0.809]], np.float32)
    assert (FIGURES["star"](x, y) < 0).tolist() == [True, True, False]
    assert (FIGURES["ring"](x, y) < 0).tolist() == [False, True, False]


def test_a_canvas_covers_by_area_and_turns_clockwise():
    one, none = np.ones((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.float32)
    white = np.ones((1, 3), np.float32)
    disc = Canvas(64, (none, none), one, none)
    disc.fill(circle(disc.x, disc.y, 0.5), white)
    assert disc.picture.mean() * 4 == pytest.approx(np.pi / 4, rel=0.005)
    turned = Canvas(64, (none, none), one, np.float32(0.41421356) * one)  # tan(45° / 2)
    assert turned.x[0, 32, 63] == pytest.approx(turned.y[0, 32, 63] * -1, rel=0.05)
    assert turned.x[0, 63, 63] > 1.3
