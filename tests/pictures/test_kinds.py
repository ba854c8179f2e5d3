"""Every picture: labelled, deterministic, undisturbed by nan and by strange names, and written whole or not at all."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from legible import lay_out
from matplotlib import image as picture_file
from matplotlib import rcParams
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.contour import ContourSet
from matplotlib.text import Text

from nnlab import pictures as plots
from nnlab.errors import StorageError
from nnlab.maths.decisions import ConfusionCounts
from nnlab.maths.losses import LOSSES
from nnlab.networks.feature_maps import FeatureMaps, Kernels
from nnlab.pictures import convolutions, folder, images, scales, style
from nnlab.training.health import Portrait

NAN, INF = np.nan, np.inf
STRANGE = ("$x_{", "_hidden", "猫 \n\x1b[31m", "a very long name indeed, far longer than any axis has room for")


def random():
    return np.random.default_rng(3)


def run(length=60):
    steps = np.arange(0, 10 * length, 10)
    fall = np.exp(-steps / 100) + 0.001
    sparse = np.where(steps % 50 == 0, fall, NAN)
    return steps, {"batch/loss": fall * 1.1, "train/loss": sparse, "val/loss": 1.2 * sparse}


def points(count=40, classes=3):
    x = random().normal(size=(count, 2)) * [1.0, 100.0]
    return x, np.arange(count) % classes


def nearest(classes):
    centres = random().normal(size=(classes, 2)) * [1.0, 100.0]
    return lambda grid: -((grid[:, None] - centres) ** 2).sum(axis=-1)


def draw_cost():
    return plots.cost(*run(), epoch_steps=50.0, best_step=550, loss_name="mean_squared_error", title="Cost")


def draw_accuracy():
    steps, curves = run()
    shares = {name: 1 - values / 2 for name, values in curves.items()}
    return plots.accuracy(steps, shares, metric_name="accuracy", best_step=300, title="Accuracy")


def draw_confusion():
    confused = ConfusionCounts.of_matrix(random().integers(0, 90, (4, 4)))
    return plots.confusion(confused, STRANGE, split="test", accuracy=0.87, title="Confusion")


def draw_misclassified():
    images = random().random((7, 6, 5))
    names = [STRANGE[index % 4] for index in range(7)]
    return plots.misclassified(images, names, names, np.full(7, 0.871), total_wrong=30, total=400, title="Wrong")


def draw_mislabelled():
    mistakes = [[(STRANGE[k % 4], k % 2 == 0, 0.871) for k in range(row + 1)] for row in range(7)]
    return plots.mislabelled(random().random((7, 6, 5)), mistakes, total_wrong=30, total=400, title="Wrong labels")


def draw_label_rates(labels=STRANGE):
    shares = np.linspace(0, 1, len(labels))
    rates = {"precision": shares, "recall": shares**2, "f1": np.where(shares > 0, shares, NAN)}
    return plots.label_rates(rates, labels, present=np.arange(len(labels)), samples=400, split="test", title="Labels")


def draw_boundary_binary():
    x, y = points(classes=2)
    return plots.boundary(lambda grid: 1 / (1 + np.exp(-grid[:, :1])), x, y[:, None].astype(float), names=("a", "b"),
                          classes=("no", "yes"), task="binary", title="Regions")  # fmt: skip


def draw_boundary_multiclass():
    x, y = points(classes=4)
    return plots.boundary(
        nearest(4), x, np.eye(4)[y], names=("a", "b"), classes=STRANGE, task="multiclass", title="Regions"
    )


def draw_truth_and_prediction():
    x, y = points(classes=2)
    return plots.truth_and_prediction(x, y, np.roll(y, 1), names=("a", "b"), classes=("0", "1"), title="Both")


def draw_fit():
    truth = random().normal(size=(50, 4))
    return plots.fit(truth, truth + 0.1, targets=STRANGE, split="test", title="Fit")


def draw_fit_curve():
    x = np.linspace(-1, 1, 30)
    return plots.fit_curve(x, x**2, x[::-1], x**2, input_name="t (s)", target_name="h (m)", title="Curve",
                           parts={"training": x < 0.5, "test": x >= 0.5})  # fmt: skip


def seeds(arms=4, count=6, length=30):
    names = [*STRANGE, *(f"arm {index}" for index in range(8))][:arms]
    generator = random()
    return {name: np.exp(generator.normal(size=(count, length)) - np.arange(length) / 4) for name in names}


def draw_compare_curves():
    return plots.compare_curves(np.arange(30), seeds(), metric_name="val/loss", title="Curves")


def draw_run_curves():
    steps = np.arange(0, 300, 10)
    losses = {name: (steps, runs[0]) for name, runs in seeds().items()}
    shares = {name: (steps[::3], np.full(10, 0.9)) for name in [*losses][:3]}
    return plots.run_curves({"val/loss": losses, "val/accuracy": shares}, title="4 runs")


def draw_compare_finals(arms=4, count=6):
    finals = {name: runs[:, -1] for name, runs in seeds(arms, count).items()}
    intervals = {name: (values.mean(), values.min(), values.max()) for name, values in finals.items()}
    return plots.compare_finals(finals, intervals, metric_name="test/loss", larger_is_better=False, title="Finals")


def portraits(layers=4):
    z = np.linspace(-3, 3, 50)
    slope = 1 / np.cosh(z) ** 2
    return [
        Portrait(
            STRANGE[k % 4],
            z,
            np.tanh(z),
            slope,
            slope <= 0.05,
            (0.0,) * (k % 2),
            random().uniform(-2.9, 2.9, 200),
            0.3,
            0.9999,
        )
        for k in range(layers)
    ]


def draw_units():
    return plots.units(portraits(), title="Units")


def watched(layers=3, length=30):
    generator, curves, depths = random(), {}, {}
    for depth in range(1, layers + 1):
        for layer, quantities in ((f"dense{depth}", ("gradient_norm", "update_ratio")), (f"relu{depth}", SHARES)):
            depths[layer] = depth
            for name in quantities:
                values = np.abs(generator.normal(size=length))
                curves[f"health/{layer}/{name}"] = np.minimum(values, 1) if name in SHARES else 10 ** (4 * values)
    return np.arange(length) * 10, curves, depths


SHARES = ("dead", "saturated")


def draw_health():
    return plots.health(*watched(), title="Health")


def draw_gradients(layers=5):
    profile = 10.0 ** -np.arange(layers)
    return plots.gradients([STRANGE[k % 4] for k in range(layers)], {0: profile, 500: profile[::-1]}, title="Depth")


def coloured(count=7):
    return plots.as_pictures(random().integers(0, 256, (count, 3 * 6 * 5)), (6, 5, 3), (0, 255))


def draw_samples():
    labels = [[STRANGE[k % 4] for k in range(row % 5)] for row in range(7)]
    return plots.samples(coloured(), labels, columns=6, total=4000, channels=3, title="Samples")


def kernels(channels=1, filters=5, rows=3):
    return Kernels("conv2d1", random().normal(size=(rows, 3, channels, filters)))


def draw_filters():
    return plots.filters(kernels(), title="Filters")


def draw_filters_in_colour():
    return plots.filters(kernels(channels=3), title="Filters")


def stages(count=2, channels=5, *, signed=False):
    maps = random().normal(size=(channels, 6, 5))
    return [FeatureMaps((f"conv2d{k}", f"relu{k}"), maps if signed else np.maximum(maps, 0.0)) for k in range(count)]


def draw_feature_maps(found=None):
    found = stages() if found is None else found
    return plots.feature_maps(coloured()[0], found, about="the first one: $x_{", channels=3, title="Maps")


def by_channel(*sizes):
    shares = [np.linspace(0, 1, size) for size in sizes]
    return [
        replace(one, saturated_by_channel=share, dead_channels=share == 1, images=256)
        for one, share in zip(portraits(len(sizes)), shares, strict=True)
    ]


def answered(names, files=STRANGE, columns=5):
    """Four white images with answers."""
    return plots.answered(np.ones((4, 4, 4)), files, [[name] for name in names], [["9"]] * 4, [0.5] * 4,
                          columns=columns, total=4, title="Answers")  # fmt: skip


def draw_answered():
    return answered(STRANGE)


def draw_channels():
    return plots.channels(by_channel(6, 70), title="Channels")


def draw_learning_rate():
    steps = np.arange(0, 1001, 10)
    rates = np.where(steps > 0, 0.1 * np.cos(steps / 700) ** 2, np.nan)
    return plots.learning_rate(steps, rates, schedule="cosine", epoch_steps=50.0, title="Rate")


def parameters(*shapes, length=30):
    generator = random()
    names = ["weights", "bias"]
    return {f"dense{k // 2 + 1}/{names[k % 2]}": np.cumsum(generator.normal(size=(length, *shape)), axis=0)
            for k, shape in enumerate(shapes)}  # fmt: skip


def draw_parameters(*shapes):
    tensors = parameters(*shapes or ((2, 3), (3,), (3, 1), (1,)))
    return plots.parameters(10 * np.arange(30), tensors, are_norms=False, epoch_steps=5, title="Parameters")


def draw_parameters_of_many_units():
    return draw_parameters((4, 14), (14,), (14, 2), (2,))


def draw_norms():
    tensors = {name: np.abs(values) for name, values in parameters(*[()] * 6).items()}
    return plots.parameters(10 * np.arange(30), tensors, are_norms=True, epoch_steps=5, title="Norms")


def learned(length=30):
    curve = 1 + np.sqrt(np.arange(length)) / 20
    over_units = {f"parameters/prelu1.alpha/{end}": by * curve for end, by in (("min", -1), ("mean", 1), ("max", 2))}
    return {**over_units, "parameters/swish1.beta": np.where(np.arange(length) % 3, NAN, curve)}


def draw_learned_parameters():
    return plots.learned_parameters(10 * np.arange(30), learned(), epoch_steps=5, title="Learned")


def draw_arm_parameters():
    curves = {name: np.stack([values, 1.1 * values]) for name, values in learned().items()}
    arms = {STRANGE[0]: (10 * np.arange(30), curves), "tanh": (np.arange(3), {"train/loss": np.ones((2, 3))})}
    return plots.arm_parameters(arms, title="Learned", styles=plots.arm_style(arms))


def draw_first_layer(inputs=9, units=6, *, scaled=False):
    names = [STRANGE[index % 4] for index in range(inputs)]
    return plots.first_layer(random().normal(size=(inputs, units)), names, layer="dense1", scaled=scaled, title="First")


def draw_first_layer_of_images(channels=1, units=40):
    weights = random().choice([-1.0, 1.0], size=(channels * 30, units)) * np.linspace(0.1, 1, units)
    return plots.first_layer_of_images(weights, (6, 5, channels), layer="dense1", title="First")


def draw_first_layer_in_colour():
    return draw_first_layer_of_images(3)


def draw_functions():
    x = np.linspace(-6, 6, 601)
    rises = [np.maximum(x, 0), np.exp(x), np.tanh(x), np.where(x > 0, x, np.inf)]
    curves = [
        plots.FunctionCurve(name, y, np.gradient(np.where(np.isfinite(y), y, 0), x), (0.0,))
        for name, y in zip(STRANGE, rises, strict=True)
    ]
    return plots.functions(x, curves)


PICTURES = [
    draw_parameters,
    draw_parameters_of_many_units,
    draw_norms,
    draw_learned_parameters,
    draw_arm_parameters,
    draw_first_layer,
    draw_first_layer_of_images,
    draw_first_layer_in_colour,
    draw_cost,
    draw_learning_rate,
    draw_accuracy,
    draw_confusion,
    draw_misclassified,
    draw_mislabelled,
    draw_label_rates,
    draw_boundary_binary,
    draw_boundary_multiclass,
    draw_truth_and_prediction,
    draw_fit,
    draw_fit_curve,
    draw_compare_curves,
    draw_run_curves,
    draw_compare_finals,
    draw_units,
    draw_health,
    draw_gradients,
    draw_samples,
    draw_filters,
    draw_filters_in_colour,
    draw_feature_maps,
    draw_channels,
    draw_answered,
    draw_functions,
]


@pytest.fixture(scope="module", params=PICTURES, ids=lambda draw: draw.__name__.removeprefix("draw_"))
def picture(request, tmp_path_factory):
    """How a picture is drawn, its figure, and the file it was saved to."""
    figure, path = request.param(), tmp_path_factory.mktemp("plots") / "picture.png"
    plots.save(figure, path)
    return request.param, figure, path


def saved(figure, path):
    plots.save(figure, path)
    return path.read_bytes()


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


def test_same_arrays_give_the_same_bytes(picture, tmp_path):
    draw, _, path = picture
    before = dict(rcParams)
    assert saved(draw(), tmp_path / "again.png") == path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["again.png"]
    assert dict(rcParams) == before


def test_nothing_is_cut_at_the_edge(picture):
    pixels = picture_file.imread(picture[2])
    assert all((edge == 1).all() for edge in (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]))


def test_figure_has_a_title_labels_and_legible_type(picture):
    figure = picture[1]
    assert figure.get_suptitle()
    axes = [axes for axes in figure.axes if axes.axison and axes.get_visible() and axes.get_label() != "<colorbar>"]
    above_another = [not one.xaxis.get_tick_params().get("labelbottom", True) for one in axes]  # has its x axis there
    assert all(one.get_xlabel() or above for one, above in zip(axes, above_another, strict=True))
    assert any(one.get_xlabel() for one in axes) or not axes
    unmarked = [not one.get_yticks().size for one in axes]  # a single row has nothing to tell along y
    assert all(
        one.get_ylabel() or any(text.get_text() for text in one.get_yticklabels()) or nothing
        for one, nothing in zip(axes, unmarked, strict=True)
    )
    sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text()}
    assert sizes <= {style.SMALL, style.NORMAL, style.LARGE}
    assert min(sizes) >= 10


def test_saved_picture_has_no_clock_and_no_versions(tmp_path):
    data = saved(draw_cost(), tmp_path / "cost.png")
    assert b"Software" not in data
    assert b"tEXt" not in data
    assert picture_file.imread(tmp_path / "cost.png").shape[1] == 960  # 8 inches of 120 dots


def test_saving_twice_gives_the_same_bytes(tmp_path):
    figure = draw_confusion()
    assert saved(figure, tmp_path / "one.png") == saved(figure, tmp_path / "two.png")


def test_a_failed_write_is_named_and_leaves_the_old_picture(tmp_path, monkeypatch):
    plots.save(draw_fit_curve(), tmp_path / "fit.png")
    old = (tmp_path / "fit.png").read_bytes()

    def refuse(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError, match=r"fit\.png: cannot write the picture: No space left"):
        plots.save(draw_fit_curve(), tmp_path / "fit.png")
    assert [path.name for path in tmp_path.iterdir()] == ["fit.png"]
    assert (tmp_path / "fit.png").read_bytes() == old


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StorageError, match="No such file"):
        plots.save(draw_fit_curve(), tmp_path / "nowhere" / "fit.png")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Not a directory"):
        plots.save(draw_fit_curve(), tmp_path / "file" / "fit.png")


def test_cost_is_logarithmic_only_over_many_positive_decades():
    steps = np.arange(5)

    def scale(*values):
        figure = plots.cost(steps, {"batch": np.array(values)}, epoch_steps=None, best_step=None, loss_name="mse",
                            title="t")  # fmt: skip
        return figure.axes[0].get_yscale()

    assert scale(1.0, 0.1, 0.01, 1e-5, 1e-9) == "log"
    assert scale(1.0, 0.9, 0.5, 0.4, 0.3) == "linear"
    assert scale(1.0, 0.1, 0.01, 1e-5, 0.0) == "linear"
    assert scale(1.0, 0.1, 0.01, 1e-5, -1.0) == "linear"


def test_cost_joins_over_cells_that_were_not_measured():
    lines = {line.get_label(): line for line in draw_cost().axes[0].get_lines()}
    assert np.isfinite(lines["training"].get_ydata()).all()
    assert len(lines["training"].get_xdata()) == 12


def test_cost_marks_the_best_step_with_its_validation_loss():
    figure = draw_cost()
    assert "validation 0.006104 at the best step" in words(figure)
    assert "best step (550)" in words(figure)


@pytest.mark.parametrize(("epoch_steps", "expected"), [(50.0, True), (None, False), (1e6, False), (0.0, False)])
def test_epochs_are_shown_where_there_is_one(epoch_steps, expected):
    figure = plots.cost(*run(), epoch_steps=epoch_steps, best_step=None, loss_name="mse", title="t")
    assert bool(figure.axes[0].child_axes) is expected


def test_diverged_cost_says_where(tmp_path):
    steps, curves = run()
    for values in curves.values():
        values[40:] = NAN
    curves["batch/loss"][38:41] = [1e38, 1e200, INF]
    figure = plots.cost(steps, curves, epoch_steps=50, best_step=10**6, loss_name="mse", title="t")
    plots.save(figure, tmp_path / "cost.png")
    assert "not finite from step 390 on" in words(figure)
    assert "2 infinite values left out" in words(figure)


@pytest.mark.parametrize(("length", "value"), [(0, 1.0), (1, NAN), (1, 1e-320), (4, INF), (4, -1e99)])
def test_any_constant_curve_can_be_drawn(length, value, tmp_path):
    curves = {"batch": np.full(length, value), "train": np.full(length, value)}
    steps = np.arange(length)
    plots.save(plots.cost(steps, curves, epoch_steps=2, best_step=0, loss_name="mse", title="t"), tmp_path / "c.png")
    plots.save(plots.accuracy(steps, curves, metric_name="accuracy", best_step=0, title="t"), tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mse", "loss (mean squared error)"),
        ("cross_entropy", "loss (cross-entropy)"),
        ("binary_cross_entropy", "loss (binary cross-entropy)"),
        ("some_other", "loss (some other)"),
    ],
)
def test_a_loss_is_named_in_words(name, expected):
    figure = plots.cost(*run(), epoch_steps=None, best_step=None, loss_name=name, title="t")
    assert figure.axes[0].get_ylabel() == expected


def test_every_loss_has_words():
    assert set(style.LOSS_WORDS) == set(LOSSES)


def test_a_loss_of_scaled_targets_says_so():
    figure = plots.cost(*run(), epoch_steps=None, best_step=None, loss_name="mse", title="t", scaled_targets=True)
    assert figure.axes[0].get_ylabel() == "loss (mean squared error, scaled\ntargets)"


@pytest.mark.parametrize(("epoch_steps", "expected"), [(1, False), (2, True), (None, True)])
def test_the_batch_curve_is_left_out_where_one_batch_is_an_epoch(epoch_steps, expected):
    steps, curves = run()
    figure = plots.cost(steps, curves, epoch_steps=epoch_steps, best_step=None, loss_name="mse", title="t")
    assert ("batch" in [line.get_label() for line in figure.axes[0].get_lines()]) is expected


def test_a_batch_curve_that_is_all_there_is_stays_and_one_left_out_still_tells_where_the_run_diverged():
    steps, curves = run()
    alone = plots.cost(steps, {"batch/loss": curves["batch/loss"]}, epoch_steps=1, best_step=None, loss_name="mse",
                       title="t")  # fmt: skip
    assert [line.get_label() for line in alone.axes[0].get_lines()] == ["batch"]
    for values in curves.values():
        values[40:] = NAN
    diverged = plots.cost(steps, curves, epoch_steps=1, best_step=None, loss_name="mse", title="t")
    assert "not finite from step 400 on" in words(diverged)


def test_without_a_best_step_the_last_value_is_told_and_no_star_is_drawn():
    steps, curves = run()
    curves["val/loss"][-1] = 0.25
    figure = plots.cost(steps, curves, epoch_steps=None, best_step=None, loss_name="mse", title="t")
    assert "validation 0.25 at the last step" in words(figure)
    assert "best step" not in words(figure)
    assert not figure.axes[0].collections
    curves["val/loss"][-1] = NAN
    figure = plots.cost(steps, curves, epoch_steps=None, best_step=None, loss_name="mse", title="t")
    assert "validation 0.006104 at step 550" in words(figure)


def rising(low=0.1, steps=100):
    """An accuracy that starts at `low`, is at 0.95 after a twentieth of the steps and rises slowly from there."""
    at = np.arange(steps + 1.0)
    return at, np.where(at < steps / 20, low, 0.95 + 0.04 * at / steps)


def test_accuracy_is_framed_for_what_comes_after_the_first_tenth():
    steps, values = rising()
    figure = plots.accuracy(steps, {"val": values}, metric_name="accuracy", best_step=None, title="t", epoch_steps=10)
    bottom, top = figure.axes[0].get_ylim()
    assert 0.9 < bottom < values[steps > 10].min()
    assert 0.99 < top < 1.02
    assert "some of the first steps lie below the frame" in words(figure)
    assert figure.axes[0].child_axes


def test_a_best_step_at_the_start_stays_in_the_frame():
    steps, values = rising()
    figure = plots.accuracy(steps, {"val": values}, metric_name="accuracy", best_step=2, title="t")
    assert figure.axes[0].get_ylim()[0] < 0.1


def test_functions_that_end_alike_have_names_that_do_not_touch():
    x = np.linspace(-6, 6, 601)
    curves = [plots.FunctionCurve(f"f{i}", np.maximum(x, -i), (x > -i) * 1.0, ()) for i in range(8)]
    for axes in plots.functions(x, curves).axes:
        heights = sorted(text.get_position()[1] for text in axes.texts)
        low, high = axes.get_ylim()
        assert len(heights) == 8
        assert min(b - a for a, b in pairwise(heights)) >= 0.08 * (high - low)
        assert low <= heights[0]
        assert heights[-1] <= high


@pytest.mark.parametrize("later", [np.full(101, 1.0), np.linspace(0.3, 1.0, 101)])
def test_nothing_is_cut_where_that_would_show_no_more(later):
    steps = np.arange(101)
    values = np.where(steps == 0, 0.1, later)
    figure = plots.accuracy(steps, {"val": values}, metric_name="accuracy", best_step=None, title="t")
    assert figure.axes[0].get_ylim()[0] < 0.1
    assert "frame" not in words(figure)


def test_few_measurements_are_all_in_the_frame_and_no_bold_line_joins_them():
    steps, values = np.array([0, 5000, 10000, 15000]), np.array([0.1, 0.91, 0.92, 0.93])
    figure = plots.accuracy(steps, {"train": values}, metric_name="accuracy", best_step=None, title="t", epoch_steps=9)
    assert figure.axes[0].get_ylim()[0] < 0.1
    (line,) = figure.axes[0].get_lines()
    assert (line.get_marker(), line.get_linestyle(), line.get_linewidth()) == ("o", ":", 1.0)
    assert "marks: measured, dotted: not in between" in words(figure)
    steps, values = rising()
    dense = plots.accuracy(steps, {"train": values}, metric_name="accuracy", best_step=None, title="t")
    assert dense.axes[0].get_lines()[0].get_linestyle() == "-"
    assert "marks" not in words(dense)


def test_nothing_stands_between_the_axis_of_epochs_and_the_sentence():
    figure = plots.cost(*run(), epoch_steps=50, best_step=None, loss_name="mse", title="t")
    lay_out(figure)
    (axes,), (epochs,) = figure.axes, figure.axes[0].child_axes
    sentence = next(text for text in axes.findobj(Text) if "over the updates" in text.get_text())
    free = sentence.get_window_extent().y0 - epochs.xaxis.label.get_window_extent().y1
    assert free > 0.04 * style.DOTS_PER_INCH


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1e-6, 3e-6], {"1e−6", "3e−6"}),
        ([1234.0001, 1234.0003], {"1234.0001", "1234.0003"}),
        ([20_000.0, 60_000.0], {style.count(20_000), style.count(60_000)}),
        ([-0.5, 0.5], {"−0.4", "0"}),
    ],
)
def test_a_tick_tells_its_whole_value(values, expected):
    figure = plots.cost(np.arange(2), {"train": np.array(values)}, epoch_steps=None, best_step=None, loss_name="mse",
                        title="t")  # fmt: skip
    lay_out(figure)
    axis = figure.axes[0].yaxis
    assert not axis.get_offset_text().get_text()
    assert expected <= {text.get_text() for text in axis.get_ticklabels()}


def test_accuracy_ends_at_one_hundred_percent():
    figure = plots.accuracy(np.arange(3), {"val": np.array([0.5, 1.0, 1.0])}, metric_name="val/accuracy",
                            best_step=1, title="t")  # fmt: skip
    figure.canvas.draw()
    ticks = [float(text.get_text()) for text in figure.axes[0].get_yticklabels()]
    assert 100 in ticks
    assert figure.axes[0].get_ylim()[1] < 1.05
    assert "100 % at the best step" in words(figure)


@pytest.mark.parametrize("classes", [2, 26, 41])
def test_confusion_counts_stand_in_their_cells(classes, tmp_path):
    matrix = np.zeros((classes, classes), dtype=np.int64)
    matrix[0, 1] = 12345
    names = [f"{STRANGE[3]} {index}" for index in range(classes)]
    figure = plots.confusion(ConfusionCounts.of_matrix(matrix), names, split="val", accuracy=NAN, title="t")
    if classes <= 26:
        plots.save(figure, tmp_path / "c.png")
    cells = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert cells.get((1, 0)) == (style.count(12345) if classes <= 40 else None)
    assert "right" not in words(figure)


def test_of_many_classes_the_confusion_shows_those_that_are_confused_most():
    matrix = np.diag(np.full(1000, 3))
    matrix[900, 700], matrix[20:34, 40] = 9, 2  # 2 classes, and 15
    confused, names = ConfusionCounts.of_matrix(matrix), [f"k{k}" for k in range(1000)]
    figure = plots.confusion(confused, names, split="test", accuracy=0.5, title="t")
    axes = figure.axes[0]
    rows, columns = (
        [label.get_text() for label in labels] for labels in (axes.get_yticklabels(), axes.get_xticklabels())
    )
    assert rows == columns
    assert len(rows) == 30
    assert {"k700", "k900", "k40", *(f"k{k}" for k in range(20, 34))} <= {*rows}
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells[rows.index("k700"), rows.index("k900")] == "9"
    assert axes.images[0].get_array()[rows.index("k900"), rows.index("k700")] == 9 / 12
    assert f"{style.count(3037)} samples" in words(figure)
    assert f"the 30 of {style.count(1000)} classes that are confused most" in words(figure)


def test_a_class_that_is_a_number_is_called_a_class():
    names = plots.truth_and_prediction(
        points()[0], points()[1], points()[1], names=("x1", "x2"), classes=["0", "1", "other"], title="t"
    )
    assert [text.get_text() for text in names.legends[0].get_texts()] == ["class 0", "class 1", "other"]


def test_more_classes_than_can_be_told_apart_are_not_drawn_in_the_plane():
    x, labels = points(200, classes=100)
    names = [f"k{k}" for k in range(100)]
    y, unasked = np.eye(100)[labels], None  # the network, which is not asked
    plane = plots.Plane(x, labels, ("a", "b"), names, is_binary=False)
    for figure in (
        plots.boundary(unasked, x, y, names=("a", "b"), classes=names, task="multiclass", title="t"),
        plots.truth_and_prediction(x, labels, labels, names=("a", "b"), classes=names, title="t"),
        plots.boundaries(plane, {"tanh": ("", unasked)}, title="t"),
        plots.film(plane, {"tanh": {0: unasked}}, title="t"),
    ):
        assert "100 classes: too many to tell apart" in words(figure)
        assert not figure.legends


def test_misclassified_shows_25_and_tells_truth_prediction_confidence():
    images = random().random((30, 4, 4))
    figure = plots.misclassified(images, ["4"] * 30, ["9"] * 30, np.full(30, 0.871), total_wrong=40, total=400,
                                 title="t")  # fmt: skip
    assert words(figure).count("truth 4 → 9 (87 %)") == 25
    assert "40 of 400 are wrong (10 %); 25 of them" in words(figure)


def test_confidences_near_one_hundred_percent_differ_and_are_told_once_if_all_are_alike():
    def told(*confidence):
        some = ["4"] * len(confidence)
        figure = plots.misclassified(np.ones((len(confidence), 4, 4)), some, some, np.array(confidence), total_wrong=9,
                                     total=99, title="t")  # fmt: skip
        return [flat(axes.get_title()) for axes in figure.axes if axes.get_title()], words(figure)

    assert [one.partition(" (")[2] for one in told(0.99999, 0.9997, 0.42)[0]] == ["> 99.99 %)", "99.97 %)", "42 %)"]
    captions, sentence = told(1.0, 0.99999, 0.99995)
    assert captions == ["truth 4 → 4"] * 3
    assert "each with a confidence > 99.99 %" in sentence


def test_misclassified_with_nothing_wrong_says_so(tmp_path):
    figure = plots.misclassified(np.empty((0, 4, 4)), [], [], np.empty(0), total_wrong=0, total=360, title="t")
    plots.save(figure, tmp_path / "m.png")
    assert "No sample was misclassified: all 360 are right." in words(figure)


def test_wrong_labels_are_told_shortly():
    mistakes = [[("even", True, 0.93), ("prime", False, NAN)], [(name, True, 0.5) for name in "abcd"]]
    figure = plots.mislabelled(np.zeros((2, 4, 4)), mistakes, total_wrong=2, total=9, title="t")
    captions = [axes.get_title() for axes in figure.axes]
    assert captions == ["+ even (93 %)\n− prime", "+ a (50 %)\n+ b (50 %)\nand 2 more"]
    assert "2 of 9 are wrong (22.22 %); + label wrongly given, − label missed (confidence)" in words(figure)


def test_rates_stand_behind_their_bars():
    figure = draw_label_rates()
    axes = figure.axes[0]
    widths = [[bar.get_width() for bar in container] for container in axes.containers]
    np.testing.assert_allclose(widths, [np.linspace(0, 1, 4), np.linspace(0, 1, 4) ** 2, np.linspace(0, 1, 4)])
    assert [text.get_text() for text in axes.texts[:4]] == ["0 %", "33.33 %", "66.67 %", "100 %"]
    assert axes.texts[8].get_text() == "not defined"
    assert "3 of 400 have it" in words(figure)
    assert "test part, 400 samples" in words(figure)


def test_of_many_labels_the_first_are_drawn(tmp_path):
    figure = draw_label_rates([f"label {index}" for index in range(45)])
    plots.save(figure, tmp_path / "l.png")
    assert "30 of 45 labels drawn" in words(figure)
    assert len(figure.axes[0].get_yticklabels()) == 30


def test_misclassified_survives_nan(tmp_path):
    figure = plots.misclassified(np.full((2, 4, 4), NAN), ["a", "b"], ["b", "a"], np.array([NAN, INF]), total_wrong=2,
                                 total=0, title="t")  # fmt: skip
    plots.save(figure, tmp_path / "m.png")


@pytest.mark.parametrize("output", [NAN, 0.2, 0.5, 0.9])
def test_boundary_without_a_line_or_an_output_is_drawn(output, tmp_path):
    x, y = points(classes=2)
    x[0] = NAN
    figure = plots.boundary(lambda grid: np.full((len(grid), 1), output), x, y[:, None].astype(float),
                            names=("a", "b"), classes=("no", "yes"), task="binary", title="t")  # fmt: skip
    plots.save(figure, tmp_path / "b.png")
    assert ("not finite" in words(figure)) == np.isnan(output)


def test_an_area_at_fifty_percent_is_hatched_and_no_line_is_drawn_through_it():
    x, y = points(40, 2)

    def drawn(slope_below_0):
        def predict(grid):
            z = grid[:, :1]
            noise = 1e-9 * np.sin(1e4 * grid[:, 1:])
            return 1 / (1 + np.exp(-np.where(z > 0, z, slope_below_0 * z) - noise))

        figure = plots.boundary(predict, x, y[:, None].astype(float), names=("a", "b"), classes=("no", "yes"),
                                task="binary", title="t")  # fmt: skip
        lines = [one for one in figure.axes[0].collections if isinstance(one, ContourSet) and not one.filled]
        plane = plots.Plane(x, y, ("a", "b"), ("no", "yes"), is_binary=True)
        panels = plots.boundaries(plane, {"relu": ("", predict)}, title="t")
        strip = plots.film(plane, {"relu": {0: predict}}, title="t")
        return lines, ["undecided: flat at 50 %" in words(one) for one in (figure, panels, strip)]

    assert drawn(0.0) == ([], [True] * 3)
    lines, told = drawn(1.0)
    assert len(lines) == 1
    assert told == [False] * 3


def test_boundary_asks_for_points_around_the_data_in_their_own_units():
    asked = []
    x, y = points()

    def predict(grid):
        asked.append(grid)
        return nearest(3)(grid)

    plots.boundary(predict, x, np.eye(3)[y], names=("a", "b"), classes=("0", "1", "2"), task="multiclass", title="t")
    (grid,) = asked
    assert (grid.min(axis=0) < x.min(axis=0)).all()
    assert (grid.max(axis=0) > x.max(axis=0)).all()
    assert (np.ptp(grid, axis=0) < 1.2 * np.ptp(x, axis=0)).all()


def test_boundary_with_one_point_and_with_partly_lost_classes(tmp_path):
    def predict(grid):
        outputs = nearest(3)(grid)
        outputs[::2] = NAN
        return outputs

    figure = plots.boundary(predict, np.zeros((1, 2)), np.eye(3)[:1], names=STRANGE[:2], classes=STRANGE[:3],
                            task="multiclass", title="t")  # fmt: skip
    plots.save(figure, tmp_path / "b.png")


@pytest.mark.parametrize(("ratio", "expected"), [(1.0, 1.0), (2.9, 1.0), (0.35, 1.0), (3.1, "auto"), (0.3, "auto")])
def test_inputs_of_like_ranges_share_one_scale(ratio, expected, tmp_path):
    x, y = points(classes=3)
    x = (x - x.min(axis=0)) / np.ptp(x, axis=0) * [1.0, ratio]
    one = plots.boundary(nearest(3), x, np.eye(3)[y], names=("a", "b"), classes=("0", "1", "2"), task="multiclass",
                         title="t")  # fmt: skip
    two = plots.truth_and_prediction(x, y, y, names=("a", "b"), classes=("0", "1", "2"), title="t")
    assert [axes.get_aspect() for axes in (*one.axes, *two.axes)] == [expected] * 3
    plots.save(one, tmp_path / "b.png")
    plots.save(two, tmp_path / "p.png")


def thirds():
    """Masks of 40 rows: 20 for training, 12 for validation, 8 for test."""
    row = np.arange(40)
    return {"training": row < 20, "validation": (row >= 20) & (row < 32), "test": row >= 32}


def test_points_of_training_validation_and_test_have_marks_of_their_own():
    x, y = points(40, 2)

    def drawn(parts):
        return plots.boundary(lambda grid: np.full((len(grid), 1), 0.2), x, y[:, None].astype(float), names=("a", "b"),
                              classes=("no", "yes"), task="binary", title="t", parts=parts)  # fmt: skip

    figure = drawn(thirds())
    found = {"filled": 0, "hollow": 0, "rimmed": 0}
    for line in figure.axes[0].get_lines():
        rimmed, hollow = line.get_markeredgecolor() == style.BLACK, line.get_markerfacecolor() == "white"
        found["rimmed" if rimmed else "hollow" if hollow else "filled"] += len(line.get_xdata())
    assert found == {"filled": 20, "hollow": 12, "rimmed": 8}
    assert {"training (20)", "validation (12)", "test (8)"} <= {text.get_text() for text in figure.findobj(Text)}
    assert "all were trained on" in words(drawn({"training": np.ones(40, bool)}))
    assert "train" not in words(drawn(None))


def test_samples_of_training_validation_and_test_differ_in_shape():
    x = np.linspace(-1, 1, 40)
    figure = plots.fit_curve(x, x, x, x, input_name="x", target_name="y", title="t", parts=thirds())
    *groups, _ = figure.axes[0].get_lines()
    assert [len(line.get_xdata()) for line in groups] == [20, 12, 8]
    assert len({line.get_marker() for line in groups}) == 3


@pytest.mark.parametrize("inches", [3.35, None])
def test_the_scale_of_probabilities_is_as_tall_as_the_plane(inches):
    x, y = points(40, 2)
    with plots.page_for(inches):
        figure = plots.boundary(lambda grid: np.full((len(grid), 1), 0.2), x * [2, 1], y[:, None].astype(float),
                                names=("a", "b"), classes=("no", "yes"), task="binary", title="t")  # fmt: skip
    plots.fit_to(figure, inches)
    plots.to_format(figure, "png")
    (axes,) = figure.axes
    (bar,) = axes.child_axes
    plane, scale = axes.get_window_extent(), bar.get_window_extent()
    assert (scale.y0, scale.y1) == pytest.approx((plane.y0, plane.y1), abs=1)
    assert axes.bbox.height > 0.4 * figure.bbox.height  # it fills its picture


def test_points_are_smaller_in_a_narrow_picture_as_its_plane_is():
    def drawn():
        x, y = points(40, 2)
        return plots.boundary(nearest(2), x, np.eye(2)[y], names=("a", "b"), classes=("0", "1"), task="multiclass",
                              title="t")  # fmt: skip

    with plots.page_for(3.5):
        narrow = drawn()
    plots.fit_to(narrow, 3.5)
    sizes = [figure.axes[0].get_lines()[0].get_markersize() for figure in (narrow, drawn())]
    assert sizes[0] == pytest.approx(sizes[1] * 3.5 / 7)


def test_rings_shrink_where_wrong_points_are_near_each_other():
    x = np.random.default_rng(3).uniform(-1, 1, (300, 2))
    near = np.hypot(*x.T) < 0.2

    def rings(wrong):
        truth = np.zeros(300, int)
        figure = plots.truth_and_prediction(x, truth, wrong.astype(int), names=("a", "b"), classes=("0", "1"),
                                            title="t")  # fmt: skip
        return figure.axes[1].get_lines()[-1]

    crowded, far = rings(near), rings(np.arange(300) == 5)
    assert crowded.get_markersize() < far.get_markersize() == 11
    assert crowded.get_markeredgewidth() < far.get_markeredgewidth()


def test_without_a_wrong_prediction_no_ring_is_explained():
    x, truth = points(20, 2)
    figure = plots.truth_and_prediction(x, truth, truth, names=("a", "b"), classes=("0", "1"), title="t")
    assert "0 of 20 wrong" in words(figure)
    assert "predicted wrongly" not in words(figure)


def test_wrong_predictions_are_ringed_and_counted():
    x, truth = points(20, 2)
    predicted = truth.copy()
    predicted[[3, 7]] = 1 - predicted[[3, 7]]
    figure = plots.truth_and_prediction(x, truth, predicted, names=("a", "b"), classes=("0", "1"), title="t")
    assert "2 of 20 wrong (10 %)" in words(figure)
    np.testing.assert_array_equal(figure.axes[1].get_lines()[-1].get_xydata(), x[[3, 7]])


def test_fit_tells_rmse_and_r_squared_on_equal_axes():
    truth = np.array([[0.0], [2.0], [4.0], [NAN]])
    figure = plots.fit(truth, truth + 1, targets=["y"], split="test", title="t")
    assert "RMSE 1; R² 0.625; 1 not finite, left out" in words(figure)
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim()


@pytest.mark.parametrize(
    "truth", [np.full((3, 1), 2.0), np.full((3, 1), NAN), np.empty((0, 1)), np.full((3, 1), -1e80)]
)
def test_fit_of_nothing_or_of_a_constant(truth, tmp_path):
    figure = plots.fit(truth, truth, targets=["y"], split="test", title="t")
    plots.save(figure, tmp_path / "f.png")
    assert "R² not defined" in words(figure) or "no finite value" in words(figure)


def test_fit_curve_is_sorted_and_has_gaps(tmp_path):
    x = np.array([3.0, 1.0, 2.0])
    figure = plots.fit_curve(x, x, x, np.array([INF, 1.0, 2.0]), input_name="x", target_name="y", title="t",
                             parts={})  # fmt: skip
    plots.save(figure, tmp_path / "f.png")
    np.testing.assert_array_equal(figure.axes[0].get_lines()[-1].get_xdata(), [1, 2, 3])
    assert "gaps" in words(figure)


def test_arms_look_different_and_the_same_everywhere():
    looks = plots.arm_style([f"arm {index}" for index in range(26)])
    assert len(set(looks.values())) == 26
    assert len({(colour, marker) for colour, _, marker in looks.values()}) == 26
    assert looks == plots.arm_style(looks)


def test_compared_curves_show_the_median_and_the_seeds():
    runs = np.array([[1.0, 2.0], [3.0, 4.0], [50.0, NAN]])
    figure = plots.compare_curves(np.array([0, 10]), {"a": runs}, metric_name="val/loss", title="t")
    np.testing.assert_allclose(figure.axes[0].get_lines()[0].get_ydata(), [3.0, 3.0])
    assert "a (3 seeds, 1 diverged)" in words(figure)
    assert "median of the seeds; thin lines: single seeds; a diverged seed drops out" in words(figure)


def test_an_arm_whose_seeds_all_diverged_counts_them():
    arms = {"gone": np.array([[1.0, NAN], [1.0, NAN]]), "there": np.ones((2, 2))}
    figure = plots.compare_curves(np.arange(2), arms, metric_name="val/loss", title="t")
    assert "gone (2 seeds, 2 diverged)" in words(figure)
    assert "there (2 seeds)" in words(figure)


def test_few_seeds_are_drawn_as_lines_and_many_as_a_band():
    steps = np.arange(30)
    few = plots.compare_curves(steps, seeds(2, 10), metric_name="val/loss", title="t")
    many = plots.compare_curves(steps, seeds(1, 11), metric_name="val/loss", title="t")
    one = plots.compare_curves(steps, seeds(2, 1), metric_name="val/loss", title="t")
    assert [len(lines.get_segments()) for lines in few.axes[0].collections] == [10, 10]
    assert "thin lines: single seeds" in words(few)
    (band,) = many.axes[0].collections
    assert isinstance(band, PolyCollection)
    assert "band: 10th to 90th percentile" in words(many)
    assert not one.axes[0].collections
    assert "Line: the only seed" in words(one)


def test_each_band_of_several_arms_is_alone_in_a_panel_with_its_arm():
    arms = seeds(3, 11)
    figure = plots.compare_curves(np.arange(30), arms, metric_name="val/loss", title="t")
    above, *panels = figure.axes
    assert not above.collections
    assert "below, arm by arm: the band from the 10th to 90th percentile" in words(figure)
    for index, (panel, runs) in enumerate(zip(panels, arms.values(), strict=True)):
        (band,) = panel.collections
        bold = [line for line in panel.get_lines() if line.get_linewidth() > 1]
        assert [line.get_color() for line in bold] == [style.COLOURS[index]]
        np.testing.assert_allclose(bold[0].get_ydata(), np.median(runs, axis=0))
        assert to_hex(band.get_facecolor()[0]).upper() == style.COLOURS[index]
        assert (panel.get_ylim(), panel.get_xlim()) == (above.get_ylim(), above.get_xlim())


def test_a_seeds_line_has_the_colour_of_its_arm_and_stops_where_the_seed_does():
    figure = plots.compare_curves(np.arange(3), {"a": np.array([[1.0, 2.0, NAN], [2.0, 3.0, 4.0]])},
                                  metric_name="val/loss", title="t")  # fmt: skip
    (behind,) = figure.axes[0].collections
    np.testing.assert_array_equal(behind.get_segments()[0], [[0, 1], [1, 2]])
    assert to_hex(behind.get_color()[0]) == figure.axes[0].get_lines()[0].get_color().lower()


def test_compared_shares_are_framed_for_what_comes_after_the_first_tenth():
    steps, values = rising()
    figure = plots.compare_curves(steps, {"a": np.stack([values, values - 0.01])}, metric_name="val/accuracy",
                                  title="t")  # fmt: skip
    assert figure.axes[0].get_ylim()[0] > 0.9
    assert "below the frame" in words(figure)


@pytest.mark.parametrize("start", [3.0, 1000.0])
def test_a_falling_figure_leaves_the_frame_at_the_top(start):
    steps, values = rising()
    fall = np.where(steps < 3, start, 1 - values)
    figure = plots.compare_curves(steps, {"a": fall[None]}, metric_name="val/rmse", title="t")
    assert figure.axes[0].get_ylim()[1] < 0.1
    assert "above the frame" in words(figure)
    assert figure.axes[0].get_ylabel() == "validation RMSE"


def test_compared_losses_are_named():
    figure = plots.compare_curves(np.arange(30), seeds(), metric_name="val/loss", title="t", loss="mse",
                                  scaled_targets=True, kept=True)  # fmt: skip
    assert figure.axes[0].get_ylabel() == "validation loss (mean squared error,\nscaled targets)"
    assert "a seed that stopped early keeps its last value" in words(figure)


def test_finals_and_keys_name_a_loss_of_scaled_targets():
    about = {"larger_is_better": False, "title": "t", "loss": "mse", "scaled_targets": True}
    finals = {"a": np.array([0.1, 0.2])}
    named = "validation loss (mean squared error, scaled targets)"
    for figure, expected in (("val/loss", named), ("val/rmse", "validation RMSE")):
        drawn = plots.compare_finals(finals, {"a": (0.1, 0.15, 0.2)}, metric_name=figure, **about)
        assert flat(drawn.axes[0].get_xlabel()) == f"final {expected}; ← smaller is better"
        key = plots.Key("rate", [0.1, 0.2])
        drawn = plots.sweep_keys([key], np.array([[0.1], [0.2]]), best=0, metric_name=figure, **about)
        assert flat(drawn.axes[0].get_ylabel()) == f"{expected}, less is better"


def flat(text):
    return " ".join(text.split())


def test_compared_curves_name_an_arm_without_values(tmp_path):
    arms = {"dead": np.full((2, 3), NAN), "gone": np.full((2, 3), INF)}
    figure = plots.compare_curves(np.arange(3), arms, metric_name="val/loss", title="t")
    plots.save(figure, tmp_path / "c.png")
    assert "never finite: dead, gone" in words(figure)


@pytest.mark.parametrize(("arms", "count"), [(2, 5), (12, 5), (3, 1000), (1, 1)])
def test_compared_finals_show_every_seed(arms, count, tmp_path):
    figure = draw_compare_finals(arms, count)
    plots.save(figure, tmp_path / "c.png")
    assert [len(line.get_xdata()) for line in figure.axes[0].get_lines()[:arms]] == [count] * arms


@pytest.mark.parametrize(("larger_is_better", "expected"), [(True, ["b", "a", "dead"]), (False, ["a", "b", "dead"])])
def test_compared_finals_put_the_best_on_top(larger_is_better, expected, tmp_path):
    arms = {"dead": np.full(3, NAN), "a": np.array([0.1, 0.2, INF]), "b": np.array([0.3, 0.4, 0.5])}
    intervals = {"a": (0.15, -1.0, 0.2), "b": (0.3, 0.4, 0.5), "dead": (NAN, NAN, NAN)}
    figure = plots.compare_finals(arms, intervals, metric_name="x", larger_is_better=larger_is_better, title="t")
    plots.save(figure, tmp_path / "c.png")
    labels = [text.get_text().split("\n") for text in figure.axes[0].get_yticklabels()]
    assert [label[0] for label in labels] == expected
    assert labels[2][1] == "3 of 3 not finite"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("test/accuracy", "90 %\n[74 %, 100 %]"), ("test/rmse", "0.9\n[0.74, 1.06]")],
)
def test_the_interval_of_a_share_ends_where_shares_do(metric, expected):
    arms = {"a": np.array([0.5, 1.0, 1.0])}
    figure = plots.compare_finals(arms, {"a": (0.9, 0.74, 1.06)}, metric_name=metric, larger_is_better=True, title="t")
    axes = figure.axes[0]
    assert axes.texts[0].get_text() == expected
    drawn = axes.get_lines()[-2].get_xdata()
    assert drawn[1] == (1.0 if metric == "test/accuracy" else min(1.06, axes.get_xlim()[1]))


@pytest.mark.parametrize(("reach", "expected"), [(0.6, True), (5.0, False)])
@pytest.mark.parametrize("metric", ["test/accuracy", "test/rmse"])
def test_the_frame_holds_intervals_that_leave_room_for_the_seeds(metric, reach, expected):
    arms = {"a": np.array([0.5, 0.502, 0.51])}
    interval = (0.505 - reach / 100, 0.505, 0.505 + reach / 100)
    figure = plots.compare_finals(arms, {"a": interval}, metric_name=metric, larger_is_better=True, title="t")
    left, right = figure.axes[0].get_xlim()
    assert bool(left < interval[0] and interval[2] < right) is expected


def test_an_interval_ends_in_a_mark_or_beyond_the_frame_in_an_arrow():
    def ends(*interval):
        arms = {"a": np.array([0.5, 0.502, 0.51])}
        figure = plots.compare_finals(arms, {"a": interval}, metric_name="test/rmse", larger_is_better=True, title="t")
        marks = [line.get_marker() for line in figure.axes[0].get_lines() if line.get_clip_on() is False]
        return marks, "an arrow: it goes on beyond the frame" in words(figure)

    assert ends(0.501, 0.505, 0.509) == (["|", "|"], False)
    assert ends(0.501, 0.505, 9.0) == (["|", ">"], True)
    assert ends(-9.0, 0.505, 9.0) == (["<", ">"], True)


def test_compared_finals_cut_an_interval_that_a_logarithm_cannot_hold(tmp_path):
    arms = {"a": np.array([1e-6, 1e-3, 1.0])}
    figure = plots.compare_finals(arms, {"a": (-0.3, 0.3, 0.9)}, metric_name="x", larger_is_better=False, title="t")
    plots.save(figure, tmp_path / "c.png")
    assert figure.axes[0].get_xscale() == "log"


def test_thinning_keeps_the_spikes_and_the_ends():
    values = np.zeros(100_000)
    values[[123, 77_777]] = [5.0, -5.0]
    kept = scales.thinned(values)
    assert len(kept) < 4000
    assert {0, 123, 77_777, 99_999} <= set(kept.tolist())


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.012344, "0.01234"), (1e-9, "1e−9"), (2.5e8, "2.5e8"), (45210.3, "45\u2009210"), (0.0, "0"), (-3.0, "−3")],
)
def test_numbers_are_short(value, expected):
    assert style.number(value) == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [(1.0, "100 %"), (0.99999, "> 99.99 %"), (0.9721, "97.21 %"), (1e-6, "< 0.01 %"), (0.0, "0 %")],
)
def test_percent_never_rounds_to_all_or_nothing(share, expected):
    assert style.percent(share) == expected


def test_names_that_the_font_lacks_are_escaped_and_long_ones_keep_their_ends():
    assert style.legible("猫\n") == "\\u732b\\n"
    assert style.legible(f"{style.count(60000)} images") == "60\N{THIN SPACE}000 images"
    assert style.shortened("abcdefghij", 5) == "ab…ij"
    assert style.shortened("abcde", 5) == "abcde"


def interpreter(code, **environment):
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(plots.__file__).parents[2]), **environment}
    return subprocess.run([sys.executable, "-W", "error", "-c", code], env=variables, capture_output=True, text=True,
                          check=False, timeout=60)  # fmt: skip


def test_without_a_home_nothing_is_said_and_the_temporary_folder_goes():
    code = (
        "import os, pathlib\n"
        "pathlib.Path.home = classmethod(lambda cls: (_ for _ in ()).throw(RuntimeError()))\n"
        "import sys; from nnlab import pictures as plots\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "print(os.environ['MPLCONFIGDIR'])"
    )
    result = interpreter(code)
    assert (result.returncode, result.stderr) == (0, "")
    assert not Path(result.stdout.strip()).exists()


def test_a_home_that_can_be_written_is_used(tmp_path):
    result = interpreter("import os\nfrom nnlab import pictures as plots\nprint(os.environ.get('MPLCONFIGDIR'))",
                         HOME=str(tmp_path))  # fmt: skip
    assert (result.returncode, result.stdout, result.stderr) == (0, "None\n", "")


def test_a_folder_is_judged_without_being_made(tmp_path):
    (tmp_path / "file").touch()
    assert folder._can_be_written(tmp_path / "new" / "folder")
    assert not folder._can_be_written(tmp_path / "file" / "folder")
    assert not folder._can_be_written(None)
    assert not (tmp_path / "new").exists()


# --- Health -----------------------------------------------------------------------------------------------------------


def test_each_layer_has_its_function_its_slope_and_its_histogram():
    figure = plots.units(portraits(2), title="t")
    above, _, middle, _, below, _ = figure.axes
    np.testing.assert_allclose(above.get_lines()[0].get_ydata(), np.tanh(np.linspace(-3, 3, 50)))
    assert middle.get_lines()[0].get_ydata().max() == pytest.approx(1, abs=0.01)
    assert sum(bar.get_height() for bar in below.patches) == pytest.approx(1)
    assert "30 % dead, 99.99 % saturated" in words(figure).replace("\N{NO-BREAK SPACE}", " ")


def test_a_pole_leaves_the_function_its_room_and_a_long_name_stays_whole():
    z = np.linspace(-3, 147, 601)
    name, words_of_it = "shifted_soft_exponential1", "alpha = 0.0416 learned, beta = 6.09 learned"
    pole = replace(portraits(1)[0], name=name, grid=z, value=6 + 1 / (z + 0.001), slope=-1 / (z + 0.001) ** 2, kinks=(),
                   saturated=z > 50, parameters=words_of_it)  # fmt: skip
    for count in (1, 3):
        figure = plots.units([pole] * count, title="t")
        assert figure.axes[0].get_ylim()[1] < 30
        assert f"{name}: {words_of_it}" in words(figure)
    tanh = replace(pole, grid=50 * z, value=np.tanh(50 * z), slope=1 - np.tanh(50 * z) ** 2)
    assert plots.units([tanh], title="t").axes[1].get_ylim()[1] > tanh.slope.max()


def test_of_many_layers_the_first_and_the_last_are_drawn():
    figure = plots.units(portraits(9), title="t")
    assert len(figure.axes) == 18
    assert "the first and the last three of 9 layers" in figure.get_suptitle()


def test_the_picture_of_some_layers_tells_how_many_there_are_in_all():
    figure = plots.units(portraits(6), of=400, title="t")
    assert "the first and the last three of 400 layers" in figure.get_suptitle()


def test_of_very_many_layers_some_are_drawn_over_the_steps_and_the_title_says_so():
    figure = plots.health(*watched(layers=200, length=4), title="t")
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata())]
    assert len(lines) == 120
    assert "120 of 20" in figure.get_suptitle()


@pytest.mark.parametrize(("layers", "along"), [(0, 240), (1000, 240), (8000, 91), (40_000, 40), (10**6, 32)])
def test_the_grid_of_a_boundary_is_coarser_for_very_deep_networks(layers, along):
    assert plots.grid_along(layers) == along


def test_a_coarse_boundary_says_so():
    asked = []
    figure = plots.boundary(
        lambda grid: asked.append(len(grid)) or np.full((len(grid), 1), 0.5),
        np.array([[0.0, 0.0], [1.0, 1.0]]),
        np.array([[0.0], [1.0]]),
        names=("a", "b"),
        classes=("0", "1"),
        task="binary",
        title="t",
        along=40,
    )
    assert asked == [1600]
    assert "only 40 × 40 points" in words(figure)


@pytest.mark.parametrize("layers", [1, 4, 5])
def test_places_without_a_layer_are_empty(layers):
    assert sum(axes.get_visible() for axes in plots.units(portraits(layers), title="t").axes) == 3 * layers


def test_layers_of_one_depth_share_a_colour_and_depths_differ():
    figure = draw_health()
    assert len({line.get_color() for line in figure.axes[0].get_lines()}) == 3
    dead, gradients = figure.axes[0], figure.axes[2]
    assert [line.get_color() for line in dead.get_lines()[:3]] == [line.get_color() for line in gradients.get_lines()]
    assert "dense2, relu2" in words(figure)


def test_shares_are_in_percent_and_norms_over_decades_logarithmic():
    figure = draw_health()
    assert [axes.get_ylabel() for axes in figure.axes[:2]] == ["dead units (%)", "saturated (%)"]
    assert figure.axes[2].get_yscale() == "log"
    assert [axes.get_ylabel().endswith("(logarithmic)") for axes in figure.axes] == [False, False, True, True]


def test_layers_have_the_colours_of_all_pictures_and_of_very_many_a_scale_between_these():
    few, many = (plots.health(*watched(layers=count), title="t") for count in (7, 8))
    assert [line.get_color() for line in few.axes[0].get_lines()[:7]] == [*style.COLOURS]
    shades = [to_hex(line.get_color()).upper() for line in many.axes[0].get_lines()[:8]]
    assert (shades[0], shades[-1], len({*shades})) == (style.BLACK, style.SKY, 8)


def test_quantities_that_nobody_measured_have_no_panel():
    steps, curves, depths = watched()
    some = {name: values for name, values in curves.items() if name.endswith("gradient_norm")}
    assert sum(axes.get_visible() for axes in plots.health(steps, some, depths, title="t").axes) == 1
    assert plots.health(steps, {}, depths, title="t") is None


def test_a_legend_of_many_layers_names_some_of_them(tmp_path):
    figure = plots.health(*watched(layers=60, length=4), title="t")
    assert len(figure.legends[0].get_texts()) == 12
    plots.save(figure, tmp_path / "deep.png")
    plots.save(draw_gradients(60), tmp_path / "gradients.png")


@pytest.mark.parametrize("values", [[NAN, NAN], [0.0, 0.0], [INF, 1.0], [1e-300, 1e300]])
def test_any_gradient_can_be_drawn(values, tmp_path):
    figure = plots.gradients(["a", "b"], {0: np.array(values), 9: np.array(values)}, title="t")
    plots.save(figure, tmp_path / "gradients.png")


def test_the_gradient_of_the_first_layer_is_told_beside_that_of_the_last():
    figure = plots.gradients(["a", "b", "c"], {0: np.array([1.0, 9.0, 4.0]), 80: np.array([3.0, 9.0, 2.0])}, title="t")
    assert "0.25 at the start, 1.5 at the end" in words(figure)


# --- Images -----------------------------------------------------------------------------------------------------------


def test_rows_hold_images_plane_by_plane():
    rows = np.arange(2 * 3 * 2 * 4).reshape(2, -1)  # two images of 2 × 4 pixels in 3 channels
    pictures = plots.as_pictures(rows, (2, 4, 3), (0, 47))
    assert pictures.shape == (2, 2, 4, 3)
    for image, row, column, channel in np.ndindex(pictures.shape):
        assert pictures[image, row, column, channel] * 47 == pytest.approx(
            rows[image, (channel * 2 + row) * 4 + column]
        )


def test_one_channel_is_grey_and_of_other_numbers_it_is_the_mean():
    rows = np.array([[0.0, 1.0, 4.0, 3.0]])
    np.testing.assert_allclose(plots.as_pictures(rows, (2, 2, 1), (0, 4))[0], [[0, 0.25], [1, 0.75]])
    np.testing.assert_allclose(plots.as_pictures(rows, (1, 2, 2), (0, 4))[0], [[0.5, 0.5]])
    assert images.channels_sentence(2) == "grey: the mean of 2 channels"
    assert images.channels_sentence(1) == images.channels_sentence(3) == ""


@pytest.mark.parametrize("limits", [(0.0, 1.0), (3.0, 3.0)])
def test_what_lies_outside_or_is_not_finite_is_drawn_all_the_same(limits):
    pictures = plots.as_pictures(np.array([[NAN, INF, -9.0, 99.0]]), (2, 2, 1), limits)
    assert pictures.tolist() == [[[0.0, 0.0], [0.0, 1.0]]]


def test_an_image_in_colour_is_drawn_in_its_colours():
    rows = np.zeros((1, 3 * 4 * 4), np.uint8)
    rows[0, :16] = 255  # the plane of red
    figure = plots.samples(
        plots.as_pictures(rows, (4, 4, 3), (0, 255)), [["red"]], columns=6, total=9, channels=3, title="t"
    )
    (image,) = figure.axes[0].images
    assert (np.asarray(image.get_array()) == [1, 0, 0]).all()
    assert "1 of 9 images of the training part" in words(figure)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], "no label"),
        (["hat"], "hat"),
        (["hat", "beard"], "hat, beard"),
        (["a class of three words"], "a class of three\nwords"),
        (["a class of far too many words for two lines"], "a class o…wo lines"),
        ([f"label_{k}" for k in range(40)], "label_0, label_1,\nlabel_2, label_3,\nlabel_4, label_5,\nand 34 more"),
    ],
)
def test_labels_stand_above_an_image_in_few_lines(labels, expected):
    assert images.label_caption(labels, 18) == expected


@pytest.mark.parametrize("letter", "wWi")
def test_captions_of_neighbours_leave_a_gap(letter):
    long = [letter * 240] * 12
    sampled = plots.samples(np.ones((12, 4, 4)), [[name] for name in long], columns=10, total=12, channels=1, title="t")
    wrong = plots.misclassified(np.ones((12, 4, 4)), long, long, np.full(12, 0.871), total_wrong=12, total=99,
                                title="t")  # fmt: skip
    asked = answered(long[:4], files=long[:4])
    for figure in (sampled, wrong, asked):
        lay_out(figure)
        titles = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
        for left, right in pairwise(titles):
            assert right.x0 > left.x1 + 0.05 * style.DOTS_PER_INCH or right.y1 < left.y0
        assert min(box.x0 for box in titles) > 0
        assert max(box.x1 for box in titles) < figure.bbox.width
    assert all("(87 %)" in axes.get_title() for axes in wrong.axes if axes.get_title())


def test_a_text_is_cut_only_where_it_does_not_fit():
    assert style.fitted("truth 4 → 9 (87 %)", 1.7, style.SMALL) == "truth 4 → 9 (87 %)"
    wide, narrow = (style.fitted(letter * 240, 1.7, style.SMALL) for letter in "wi")
    assert len(wide) < len(narrow) / 2 < 240 / 2
    assert wide == f"{wide[0] * (len(wide) // 2)}…{wide[-1] * ((len(wide) - 1) // 2)}"
    assert style.fitted("", 1.7, style.SMALL) == ""
    assert style.fitted("ww", 0.01, style.SMALL) == "…"


def test_white_images_have_a_frame():
    asked = answered(STRANGE)
    maps = plots.feature_maps(np.ones((4, 8)), stages(1), about="it", channels=1, title="t")
    for axes in asked.axes[:4]:
        (edge,) = axes.patches
        assert to_hex(edge.get_edgecolor()) == style.FAINT
        assert edge.get_bbox().bounds == (-0.5, -0.5, 4, 4)
    assert next(edge.get_bbox().bounds for edge in maps.axes[0].patches) == (0, 0, 2, 1)
    assert len(maps.axes[0].patches) == 1 + len(stages(1)[0].maps)


def test_filters_share_a_scale_around_zero():
    found = kernels(filters=3)
    found.weights[0, 0, 0, 1] = -7.5
    figure = plots.filters(found, title="t")
    *drawn, scale = figure.axes[0].images
    assert [image.get_clim() for image in (*drawn, scale)] == [(-7.5, 7.5)] * 4
    for index, image in enumerate(drawn):
        np.testing.assert_array_equal(np.asarray(image.get_array()), found.weights[:, :, 0, index])
    assert [text.get_text() for text in figure.axes[0].texts[:6]] == ["0", "1", "2", "7.5", "0", "−7.5"]
    assert "conv2d1: 3 filters of 3 × 3 pixels" in words(figure)


def test_filters_of_three_channels_are_in_colour_and_zero_is_grey():
    weights = np.zeros((1, 2, 3, 1))
    weights[0, 0, 0], weights[0, 0, 2] = 2.0, -2.0
    figure = plots.filters(Kernels("conv2d1", weights), title="t")
    np.testing.assert_allclose(np.asarray(figure.axes[0].images[0].get_array()), [[[1, 0.5, 0], [0.5, 0.5, 0.5]]])
    assert "R G B 2 0 −2 conv2d1" in words(figure)
    assert "grey: 0" in words(figure)


def test_of_other_channels_the_mean_is_drawn_and_told():
    found = kernels(channels=4, filters=1)
    figure = plots.filters(found, title="t")
    np.testing.assert_allclose(np.asarray(figure.axes[0].images[0].get_array()), found.weights.mean(axis=2)[..., 0])
    assert "the mean of the weights by the 4 channels" in words(figure)


@pytest.mark.parametrize("filters", [1, 64, 512])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_number_of_filters_can_be_drawn(filters, channels, tmp_path):
    figure = plots.filters(kernels(channels, filters), title="t")
    plots.save(figure, tmp_path / "f.png")
    *drawn, _scale = figure.axes[0].images
    assert len(drawn) == min(filters, convolutions.MOST_TILES)
    assert ("the first 64 of 512" in words(figure)) == (filters == 512)


@pytest.mark.parametrize("value", [0.0, NAN, INF, 1e-300, 1e200])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_weights_can_be_drawn(value, channels, tmp_path):
    plots.save(plots.filters(Kernels("c", np.full((2, 2, channels, 2), value)), title="t"), tmp_path / "f.png")
    maps = [FeatureMaps(("c",), np.full((2, 3, 3), value)), FeatureMaps(("d",), np.full((1, 3, 3), -value))]
    plots.save(draw_feature_maps(maps), tmp_path / "m.png")


def maps_of(figure, stages):
    """The maps of each stage, without the scale behind each."""
    drawn, found = iter(figure.axes[0].images[1:]), []
    for count in stages:
        found.append([next(drawn) for _ in range(count)])
        next(drawn)
    assert next(drawn, None) is None
    return found


def test_each_stage_has_its_layers_its_channels_and_one_scale():
    found = stages(2)
    found[1].maps[:] *= 2
    found[0].maps[3] = 0
    figure = draw_feature_maps(found)
    first, second = maps_of(figure, [5, 5])
    for maps, stage in ((first, found[0]), (second, found[1])):
        assert {image.get_clim() for image in maps} == {(0, stage.maps.max())}
        for image, drawn in zip(maps, stage.maps, strict=True):
            np.testing.assert_array_equal(np.asarray(image.get_array()), drawn)
    assert "0 1 2 3: all 0 4" in words(figure)
    assert "conv2d0 → relu0: 6 × 5 pixels, 5 channels" in words(figure)


def test_maps_with_negative_values_have_a_scale_around_zero():
    found = stages(1, signed=True)
    largest = np.abs(found[0].maps).max()
    assert {image.get_clim() for image in maps_of(draw_feature_maps(found), [5])[0]} == {(-largest, largest)}


@pytest.mark.parametrize(("count", "channels", "shown"), [(1, 512, [16]), (4, 512, [8] * 4), (9, 1, [1] * 6)])
def test_of_many_stages_and_channels_some_are_drawn(count, channels, shown, tmp_path):
    figure = draw_feature_maps(stages(count, channels))
    plots.save(figure, tmp_path / "m.png")
    maps_of(figure, shown)
    assert ("the first and the last three of 9 stages" in figure.get_suptitle()) == (count == 9)
    assert ("channels 0 to" in words(figure)) == (channels == 512)


@pytest.mark.parametrize(("rows", "columns"), [(1, 40), (40, 1), (3, 9)])
def test_tiles_of_any_shape_do_not_overlap(rows, columns):
    maps = [FeatureMaps((f"conv2d{k}",), np.ones((10, rows, columns))) for k in range(2)]
    image = plots.as_pictures(np.ones((1, rows * columns)), (rows, columns, 1), (0, 1))[0]
    figure = plots.feature_maps(image, maps, about="it", channels=1, title="t")
    lay_out(figure)
    boxes = [one.get_window_extent() for one in figure.axes[0].images]
    for index, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[index + 1 :])


@pytest.mark.parametrize("signed", [False, True])
def test_a_square_root_scale_says_so(signed):
    drawn = [text.get_text() for text in draw_feature_maps(stages(1, signed=signed)).axes[0].texts]
    assert not any(" …" in text for text in drawn)
    assert ("output,\nsquare-root scale" in drawn, "output" in drawn) == (not signed, signed)


def test_the_key_of_coloured_filters_has_a_strip_for_each_channel():
    figure = plots.filters(Kernels("c", np.linspace(-0.5, 0.5, 27 * 2).reshape(3, 3, 3, 2)), title="t")
    key = np.asarray(figure.axes[0].images[-1].get_array())
    assert figure.axes[0].images[-1].get_interpolation() == "nearest"
    assert key[0].tolist() == [[1, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 1]]
    assert key[-1].tolist() == [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
    assert [text.get_text() for text in figure.axes[0].texts[2:8]] == ["R", "G", "B", "0.5", "0", "−0.5"]


def test_a_channel_has_the_number_of_its_row_and_of_its_column():
    *axes, _ = plots.channels(by_channel(6, 70), title="t").axes
    one, several = ([text.get_text() for text in layer.get_yticklabels()] for layer in axes)
    assert (one, several) == ([], ["0 +", "32 +", "64 +"])
    assert axes[0].get_xticks().tolist() == [0, 4]
    assert axes[1].get_xticks().tolist() == [*range(0, 32, 4)]
    assert [layer.xaxis.get_tick_params()["labelbottom"] for layer in axes] == [True, True]
    assert [layer.get_xlabel().partition(",")[0] for layer in axes] == ["channel", "channel"]
    assert ["row" in layer.get_xlabel() for layer in axes] == [False, True]


def test_a_dead_channel_is_crossed_and_named(tmp_path):
    figure = plots.channels(by_channel(3, 70), title="t")
    plots.save(figure, tmp_path / "c.png")
    assert "1 of 3 channels dead (2)" in words(figure)
    assert "on 256 images of the training part" in words(figure)
    assert "1 of 70 channels dead (69)" in words(figure)
    assert figure.axes[1].get_lines()[0].get_xydata().tolist() == [[69 % 32, 69 // 32]]
    cells = np.asarray(figure.axes[1].images[0].get_array()).ravel()
    np.testing.assert_array_equal(cells[:70], np.linspace(0, 1, 70))


@pytest.mark.parametrize("sizes", [(1,), (512, 64, 128, 256), (6,) * 9])
def test_any_number_of_channels_can_be_drawn(sizes, tmp_path):
    figure = plots.channels(by_channel(*sizes), title="t")
    plots.save(figure, tmp_path / "c.png")
    assert sum(bool(axes.images) for axes in figure.axes) == min(len(sizes), 6)


def test_units_of_images_are_called_channels():
    steps, curves, depths = watched(layers=2)
    label = [plots.health(steps, curves, depths, title="t", channels=names).axes[0].get_ylabel() for names in (
        (), ("relu1",), ("relu1", "relu2"))]  # fmt: skip
    assert label == ["dead units (%)", "dead channels or units (%)", "dead channels (%)"]
    assert "30 % of channels dead" in words(plots.units(by_channel(4), title="t")).replace("\N{NO-BREAK SPACE}", " ")


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "expected"), [(1, "1 sample"), (0, "0 samples"), (2, "2 samples")])
def test_samples_are_counted_in_words(number, expected):
    assert style.sample_count(number) == expected


# --- parameters and the first layer -----------------------------------------------------------------------------------


def labels_at_ends(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_few_lines_have_their_indices_at_their_ends_apart_from_each_other():
    figure = draw_parameters()
    assert labels_at_ends(figure)[:6] != labels_at_ends(figure)
    assert sorted(labels_at_ends(figure)[:6]) == [f"[{i},{j}]" for i in range(2) for j in range(3)]
    places = [text.get_position()[1] for text in draw_parameters((1, 12)).axes[0].texts]
    assert all(later - earlier > 0.1 for earlier, later in pairwise(places))


def test_of_many_lines_colours_tell_the_units_and_the_words_stand_above_their_names():
    figure = draw_parameters_of_many_units()
    (box,) = figure.legends
    names = [text.get_text() for text in box.get_texts()]
    assert (len(names), names[0], names[-1]) == (12, "unit 0", "unit 13")
    assert "from input i to unit j" in box.get_title().get_text().replace("\n", " ")
    assert not figure.get_supxlabel()


def test_of_many_layers_the_first_and_the_last_have_their_parameters_drawn(tmp_path):
    figure = draw_parameters(*[(1, 1), (1,)] * 20)
    assert "the first and the last 4 of 20 layers" in figure.get_suptitle()
    assert len([axes for axes in figure.axes if axes.get_visible()]) == 16
    saved(figure, tmp_path / "many.png")


@pytest.mark.parametrize("value", [0.0, NAN, INF, 1e-300, 1e200])
def test_any_parameters_and_weights_can_be_drawn(value, tmp_path):
    steps, tensors = np.arange(3), {"dense1/weights": np.full((3, 2, 2), value), "dense1/bias": np.full((3, 2), value)}
    saved(plots.parameters(steps, tensors, are_norms=False, epoch_steps=1, title="Any"), tmp_path / "p.png")
    curves = {"parameters/swish1.beta": np.full(3, value)}
    saved(plots.learned_parameters(steps, curves, epoch_steps=1, title="Any"), tmp_path / "l.png")
    saved(plots.first_layer(np.full((2, 3), value), ("a", "b"), layer="d", scaled=True, title="A"), tmp_path / "f.png")
    images = plots.first_layer_of_images(np.full((4, 3), value), (2, 2, 1), layer="d", title="Any")
    saved(images, tmp_path / "i.png")


def test_a_learned_parameter_is_told_in_numbers_and_one_of_each_unit_has_a_band():
    figure = draw_learned_parameters()
    alpha, beta = figure.axes
    assert (
        alpha.get_title(loc="left")
        .replace("\n", " ")
        .startswith("prelu1.alpha: mean 1 → 1.27; in the end from −1.27 to")
    )
    assert beta.get_title(loc="left") == "swish1.beta: 1 → 1.26"
    assert [len(axes.findobj(PolyCollection)) for axes in (alpha, beta)] == [1, 0]


def test_arms_that_learn_nothing_have_no_line_and_without_any_there_is_no_picture():
    (box,) = draw_arm_parameters().legends
    assert [text.get_text() for text in box.get_texts()] == [STRANGE[0]]
    arms = {"tanh": (np.arange(3), {"train/loss": np.ones((2, 3))})}
    assert plots.arm_parameters(arms, title="None", styles=plots.arm_style(arms)) is None


def test_the_strongest_units_stand_first_and_one_scale_around_zero_is_for_all():
    weights = np.array([[0.1, 3.0, 1.0], [0.1, -4.0, 1.0]])
    figure = plots.first_layer(weights, ("size", "age"), layer="dense1", scaled=True, title="First")
    axes, scale = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "0"]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["size", "age"]
    assert scale.get_ylim() == (-4.0, 4.0)
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0.1", "−4", "1", "0.1"]
    assert "not scaled" not in words(figure)
    assert "not scaled" in words(draw_first_layer())


@pytest.mark.parametrize(("channels", "units", "heads"), [
    (1, 40, ["unit 39", 25]), (1, 3, ["unit 2", 3]), (3, 40, ["unit 39, red", 24]), (30, 2, ["unit 1, channel 0", 25]),
])  # fmt: skip
def test_the_weights_of_at_most_25_images_are_drawn(channels, units, heads, tmp_path):
    figure = draw_first_layer_of_images(channels, units)
    assert [figure.axes[0].texts[0].get_text(), len(figure.axes[0].images)] == heads
    saved(figure, tmp_path / "images.png")


def test_of_many_inputs_and_units_the_strongest_are_drawn(tmp_path):
    figure = draw_first_layer(100, 60)
    assert figure.axes[0].images[0].get_array().shape == (40, 25)
    assert "Of 100 inputs the 40 with the largest weights." in words(figure)
    saved(figure, tmp_path / "many.png")
