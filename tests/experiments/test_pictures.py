"""Which pictures a run gets, and what is prepared for them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from nnlab import pictures as plots
from nnlab.data.dataset import Columns, InputColumn
from nnlab.errors import StorageError
from nnlab.experiments.parameter_table import ParameterWay
from nnlab.experiments.pictures import PICTURES, RunPlotData, draw, draw_all, in_turn
from nnlab.maths.metrics import report
from nnlab.networks.diagrams.diagram import Diagram, Names, Node
from nnlab.networks.feature_maps import FeatureMaps, Kernels
from nnlab.networks.first_layer import Incoming
from nnlab.pictures.style import number, percent
from nnlab.training.health import Portrait

ROWS = 24
NAN = np.nan


def columns(inputs, targets=("y",), classes=()):
    return Columns(tuple(InputColumn(f"x{index}") for index in range(inputs)), tuple(targets), tuple(classes))


def material(task, inputs, y, named, *, image_shape=None, metric="accuracy", right=0.8):
    """A small run whose outputs are its targets, seen through a fog, with every fifth row wrong."""
    x = np.random.default_rng(5).normal(size=(len(y), inputs))
    wrong = np.where((np.arange(len(y)) % 5 == 0)[:, None], np.roll(y, 1, axis=1) if y.shape[1] > 1 else 1 - y, y)
    outputs = right * wrong + 0.1
    steps = np.arange(0, 30, 10)
    curves = {"batch/loss": np.array([NAN, 0.6, 0.4])}
    curves |= {f"{part}/{name}": np.array([0.9, 0.5, 0.3]) for part in ("train", "val") for name in ("loss", metric)}
    return RunPlotData(
        title="small",
        task=task,
        loss="mse",
        columns=named,
        image_shape=image_shape,
        steps=steps,
        curves=curves,
        epoch_steps=10,
        best_step=20,
        split="test",
        x=x,
        y=y,
        outputs=outputs,
        predict=lambda rows: np.resize(outputs, (len(rows), y.shape[1])),
        all_x=x,
        all_y=y,
        trained=np.arange(len(y)) % 2 == 0,
        validating=np.arange(len(y)) % 4 == 1,
    )


def binary(inputs=2, **more):
    y = (np.arange(ROWS) % 2)[:, None].astype(float)
    return material("binary", inputs, y, columns(inputs, classes=("no", "yes")), **more)


def multiclass(inputs=2, **more):
    return material("multiclass", inputs, np.eye(3)[np.arange(ROWS) % 3], columns(inputs, classes="abc"), **more)


def multilabel(inputs=2, **more):
    y = np.array([[row & 1, row >> 1 & 1, row >> 2 & 1] for row in range(ROWS)], float)
    return material("multilabel", inputs, y, columns(inputs, ("p", "q", "r")), metric="subset_accuracy", **more)


def regression(inputs=2, targets=1, **more):
    y = np.random.default_rng(6).normal(size=(ROWS, targets))
    return material("regression", inputs, y, columns(inputs, [f"t{k}" for k in range(targets)]), metric="rmse", **more)


SUITABLE = {
    "binary, two inputs": (binary(), {"cost", "accuracy", "confusion", "boundary", "predictions"}),
    "binary, three inputs": (binary(3), {"cost", "accuracy", "confusion"}),
    "binary, images": (binary(4, image_shape=(2, 2)), {"cost", "accuracy", "confusion", "misclassified", "samples"}),
    "multiclass, two inputs": (multiclass(), {"cost", "accuracy", "confusion", "boundary", "predictions"}),
    "multiclass, images": (
        multiclass(4, image_shape=(2, 2)),
        {"cost", "accuracy", "confusion", "misclassified", "samples"},
    ),
    "multilabel, two inputs": (multilabel(), {"cost", "accuracy", "labels"}),
    "multilabel, images": (
        multilabel(4, image_shape=(2, 2)),
        {"cost", "accuracy", "labels", "misclassified", "samples"},
    ),
    "regression, one input": (regression(1), {"cost", "fit"}),
    "regression, two targets": (regression(3, 2), {"cost", "fit"}),
    "regression, images": (regression(4, image_shape=(2, 2)), {"cost", "fit", "samples"}),
}


def watched(one):
    """The same run with its units looked at: one layer of tanh between two dense ones."""
    quantities = {"dense1": _WEIGHTS, "tanh1": _UNITS, "dense2": _WEIGHTS}
    found = [f"health/{layer}/{name}" for layer, names in quantities.items() for name in names]
    curves = {name: np.array([0.1, 0.2, 0.05 * (1 + index)]) for index, name in enumerate(found)}
    depths = {"dense1": 1, "tanh1": 1, "dense2": 2}
    return replace(one, curves={**one.curves, **curves}, depths=depths, portraits=[portrait()])


_UNITS, _WEIGHTS = ("dead", "saturated", "mean", "deviation"), ("gradient_norm", "update_ratio")


def portrait():
    z = np.linspace(-4, 4, 60)
    slope = 1 / np.cosh(z) ** 2
    return Portrait("tanh1", z, np.tanh(z), slope, slope <= 0.05, (), z[5:-5], 0.0, 0.4)


SUITABLE["units looked at"] = (
    watched(regression(1)),
    {"cost", "fit", "units", "health", "gradients"},
)


def scheduled(one, schedule):
    """The same run with the learning rates of its updates, of which two were logged."""
    logged = {"optimizer/learning_rate": np.array([NAN, 0.1, 0.05])}
    rates = np.arange(1, 21), np.linspace(0.12, 0.05, 20)
    return replace(one, curves={**one.curves, **logged}, schedule=schedule, rates=rates)


SUITABLE["a schedule"] = (scheduled(regression(1), "cosine"), {"cost", "fit", "learning_rate"})
SUITABLE["a rate that never changes"] = (scheduled(regression(1), ""), {"cost", "fit"})


def convolved(one):
    """The same run of images with what its network makes of them: a convolution with three filters, and relu."""
    kernels, maps = Kernels("conv2d1", np.ones((2, 2, 1, 3))), FeatureMaps(("conv2d1", "relu1"), np.ones((3, 2, 2)))
    channels = replace(
        portrait(), saturated_by_channel=np.array([0.0, 0.5, 1]), dead_channels=np.array([0, 0, 1], bool)
    )
    return replace(one, kernels=kernels, stages=[maps], portraits=[channels])


SUITABLE["a convolution"] = (
    convolved(regression(4, image_shape=(2, 2))),
    {"cost", "fit", "samples", "filters", "feature_maps", "units", "channels"},
)


def shown(one):
    """The same run with the recorded way of its parameters, and an activation that learns one."""
    tensors = {"dense1/weights": np.ones((3, 2, 1)), "dense1/bias": np.ones((3, 1))}
    way = ParameterWay(np.arange(3), tensors, are_norms=False)
    curves = {**one.curves, "parameters/swish1.beta": np.array([1.0, 1.1, 1.2])}
    return replace(one, way=lambda: way, curves=curves)


FIRST = Incoming("dense1", np.ones((4, 3)))
SUITABLE["parameters shown"] = (shown(regression(1)), {"cost", "fit", "parameters", "learned_parameters"})
SUITABLE["a dense layer"] = (replace(regression(4), incoming=FIRST), {"cost", "fit", "first_layer"})
SUITABLE["a dense layer of images"] = (
    replace(regression(4, image_shape=(2, 2)), incoming=FIRST),
    {"cost", "fit", "samples", "first_layer"},
)
SUITABLE["a dense layer behind a pool"] = (replace(regression(9), incoming=FIRST), {"cost", "fit"})


def test_an_interrupted_run_has_the_way_of_its_parameters(tmp_path):
    one = replace(shown(regression(1)), x=np.empty((0, 0)))
    assert list(draw(one, tmp_path)) == []
    assert {path.name for path in tmp_path.iterdir()} == {"cost.png", "parameters.png", "learned_parameters.png"}


def layered(one):
    """The same run with a diagram of its network."""
    nodes = (
        Node("input", "input", "input", shape=(2,), has_units=True),
        Node("layer1", "layer", "dense1", ("weights",), shape=(1,), has_units=True, weights=np.array([[1.0], [-2.0]])),
        Node("loss", "loss", "loss", ("mean squared error",)),
    )
    named = Names("small", "binary", "", "mse", "mse", "", ("x0", "x1"), ("y = yes",))
    return replace(one, diagram=Diagram(named, "2 inputs", nodes, ()))


SUITABLE["a diagram of the network"] = (layered(regression(1)), {"cost", "fit", "architecture"})


def words(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


@pytest.mark.parametrize("case", SUITABLE)
def test_a_run_gets_the_pictures_that_suit_it(case, tmp_path):
    one, expected = SUITABLE[case]
    assert list(draw(one, tmp_path)) == []
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.png" for name in expected}


def test_every_picture_of_the_table_suits_some_run():
    assert set().union(*(expected for _, expected in SUITABLE.values())) == set(PICTURES)


def test_the_same_run_gets_the_same_bytes(tmp_path):
    one, _ = SUITABLE["multilabel, images"]
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        assert list(draw(one, tmp_path / name)) == []
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


@pytest.mark.parametrize("name", ["cost", "accuracy"])
def test_the_best_step_is_told_only_where_its_weights_are_used(name):
    best, last = (words(PICTURES[name].draw(replace(binary(), uses_best=used))) for used in (True, False))
    assert "at the best step" in best
    assert "best step (20)" in best
    assert "at the last step" in last
    assert "best step" not in last


def test_the_loss_of_scaled_targets_is_called_that():
    one = regression()
    assert PICTURES["cost"].draw(one).axes[0].get_ylabel() == "loss (mean squared error)"
    scaled = PICTURES["cost"].draw(replace(one, scaled_targets=True))
    assert scaled.axes[0].get_ylabel() == "loss (mean squared error, scaled\ntargets)"


def test_the_learning_rate_is_drawn_at_its_steps():
    figure = PICTURES["learning_rate"].draw(scheduled(regression(), "cosine"))
    axes = figure.axes[0]
    rates = np.column_stack([np.arange(1, 21), np.linspace(0.12, 0.05, 20)])
    assert axes.get_lines()[0].get_xydata().tolist() == rates.tolist()
    assert "schedule cosine; highest 0.12 at step 1, last 0.05 at step 20" in words(figure)
    assert axes.get_ylim()[0] == 0
    falling = replace(scheduled(regression(), "exponential"), rates=(np.arange(1, 21), np.geomspace(0.1, 1e-4, 20)))
    assert PICTURES["learning_rate"].draw(falling).axes[0].get_yscale() == "log"


def test_the_rate_of_a_plateau_is_that_of_the_updates_since_the_last_evaluation():
    one = replace(scheduled(regression(), "plateau"), rates=(np.array([1]), np.array([0.1])))
    figure = PICTURES["learning_rate"].draw(one)
    (line,) = figure.axes[0].get_lines()
    assert line.get_xydata().tolist() == [[1, 0.1], [10, 0.1], [20, 0.05]]
    assert line.get_drawstyle() == "steps-pre"
    assert "highest 0.1 at step 1, last 0.05 at step 20" in words(figure)


def test_learned_parameters_stand_above_their_units():
    learned = replace(portrait(), parameters="beta = 1.23 learned")
    figure = PICTURES["units"].draw(replace(regression(), portraits=[learned]))
    assert "tanh1: beta = 1.23 learned; 0 % dead" in words(figure).replace("\N{NO-BREAK SPACE}", " ")


def test_a_curve_that_is_the_mean_of_the_units_says_so():
    own = replace(portrait(), parameters="alpha = 0.12 to 0.42 learned", are_means=True)
    figure = PICTURES["units"].draw(replace(regression(), portraits=[own]))
    assert "tanh1: alpha = 0.12 to 0.42 learned; curve: mean of the units; 0 % dead" in flat(figure)
    of_channels = replace(own, saturated_by_channel=np.zeros(3))
    assert "curve: mean of the channels; " in flat(
        PICTURES["units"].draw(replace(regression(), portraits=[of_channels]))
    )


def flat(figure):
    return " ".join(words(figure).replace("\N{NO-BREAK SPACE}", " ").split())


def test_accuracy_has_epochs_above():
    assert PICTURES["accuracy"].draw(binary()).axes[0].child_axes


WEIGHTS = np.where(np.arange(ROWS) % 5 == 0, 0.25, 1.5)


def test_titles_count_rows_by_their_weights_and_cells_without():
    one = replace(binary(), weights=WEIGHTS)
    right = WEIGHTS[np.arange(ROWS) % 5 > 0].sum() / WEIGHTS.sum()
    said = flat(PICTURES["confusion"].draw(one))
    assert f"test part, {ROWS} samples, {percent(right)} right by weight; cells count rows, without" in said
    assert "weight" not in flat(PICTURES["confusion"].draw(binary()))
    said = flat(PICTURES["predictions"].draw(one))
    assert f"Predicted classes: 5 of {ROWS} wrong ({percent(5 / ROWS)} of the rows, without their weights)" in said
    assert "weight" not in flat(PICTURES["predictions"].draw(binary()))


def test_the_errors_of_a_fit_are_by_weight():
    one = replace(regression(2, 2), weights=WEIGHTS)
    found = report("regression", one.outputs, one.y, WEIGHTS, target_names=["t0", "t1"])
    said = flat(PICTURES["fit"].draw(one))
    for target in ("t0", "t1"):
        errors = [found[f"{name}/{target}"] for name in ("rmse", "r2")]
        assert "RMSE {}; R² {}, by weight".format(*map(number, (errors[0], round(errors[1], 4)))) in said
    assert "weight" not in flat(PICTURES["fit"].draw(regression(2, 2)))


def test_the_rates_of_labels_are_by_weight():
    one = replace(multilabel(), weights=WEIGHTS)
    figure = PICTURES["labels"].draw(one)
    found = report("multilabel", one.outputs, one.y, WEIGHTS, target_names=["p", "q", "r"])
    assert [bars[0].get_width() for bars in figure.axes[0].containers] == [
        found[f"{rate}/p"] for rate in ("precision", "recall", "f1")
    ]
    assert "how well each label is given, by weight" in flat(figure)
    assert "weight" not in flat(PICTURES["labels"].draw(multilabel()))


def test_the_rates_of_a_label_are_those_of_its_rows():
    one = multilabel()
    given, has = one.outputs[:, 0] > 0.5, one.y[:, 0] > 0.5
    figure = PICTURES["labels"].draw(one)
    precision, recall, _ = (bars[0].get_width() for bars in figure.axes[0].containers)
    assert precision == (given & has).sum() / given.sum()
    assert recall == (given & has).sum() / has.sum()
    assert f"{has.sum()} of {ROWS} have it" in words(figure)


def test_wrong_images_come_with_the_most_confident_mistake_first():
    one = binary(4, image_shape=(2, 2))
    outputs = one.outputs.copy()
    outputs[[0, 5]] = [[0.98], [0.01]]  # class 0 taken for 1, and class 1 taken for 0, even more surely
    captions = [axes.get_title() for axes in PICTURES["misclassified"].draw(replace(one, outputs=outputs)).axes]
    assert captions[:2] == ["truth yes\n→ no (99 %)", "truth no\n→ yes (98 %)"]


def test_an_output_that_decides_nothing_is_undecided():
    one = multiclass(4, image_shape=(2, 2))
    outputs = one.outputs.copy()
    outputs[1] = NAN
    assert "truth b → undecided" in [
        a.get_title() for a in PICTURES["misclassified"].draw(replace(one, outputs=outputs)).axes
    ]


def test_outputs_that_are_no_probabilities_are_no_confidence():
    figure = PICTURES["misclassified"].draw(multiclass(4, image_shape=(2, 2), right=1.2))
    assert "%)" not in figure.axes[0].get_title()
    assert "confidence" not in words(figure)


def test_wrong_labels_stand_above_their_image():
    one = multilabel(4, image_shape=(2, 2))
    outputs = one.y.copy()
    outputs[3] = [0.2, 1.0, 0.7]  # the row has p and q, and is given q and r
    figure = PICTURES["misclassified"].draw(replace(one, outputs=outputs))
    assert [axes.get_title() for axes in figure.axes] == ["− p (80 %)\n+ r (70 %)"]
    assert "1 of 24 are wrong" in words(figure)


def test_the_gradient_is_drawn_at_the_first_and_the_last_step_at_which_it_was_measured():
    one = watched(regression())
    never = np.array([NAN, NAN, NAN])
    gone = {**one.curves, "health/dense1/gradient_norm": np.array([0.5, 0.25, NAN]), "health/tanh1/mean": never}
    gone["health/dense2/gradient_norm"] = np.array([1.0, 2.0, NAN])
    figure = PICTURES["gradients"].draw(replace(one, curves=gone))
    start, end = figure.axes[0].get_lines()
    assert (start.get_ydata().tolist(), end.get_ydata().tolist()) == ([0.5, 1.0], [0.25, 2.0])
    assert (start.get_label(), end.get_label()) == ("at the start", "after step 10")
    assert "0.5 at the start, 0.125 at the end" in words(figure)


def test_a_run_whose_units_nobody_looked_at_has_no_picture_of_health():
    one = replace(regression(), depths={"dense1": 1})
    assert [PICTURES[name].draw(one) for name in ("units", "health", "gradients")] == [None] * 3


def test_a_picture_that_fails_costs_a_warning_and_a_full_disk_the_run(tmp_path, monkeypatch):
    broken = replace(binary(), predict=lambda rows: rows[:, :0])
    (warning,) = draw(broken, tmp_path)
    assert warning.startswith("the picture boundary.png could not be drawn: ")
    assert (tmp_path / "predictions.png").exists()

    def refuse(*_of_picture):
        raise StorageError("no space")

    monkeypatch.setattr(plots, "save", refuse)
    with pytest.raises(StorageError, match="no space"):
        list(draw(binary(), tmp_path))


def test_a_picture_is_renewed_in_the_formats_in_which_it_is_there(tmp_path):
    def drawn(title):
        return {"a": lambda: PICTURES["cost"].draw(replace(binary(), title=title))}

    assert draw_all(drawn("one"), tmp_path, formats=["svg"]) == []
    before = (tmp_path / "a.svg").read_bytes()
    assert draw_all(drawn("another"), tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} == {"a.png", "a.svg"}
    assert (tmp_path / "a.svg").read_bytes() != before


# --- Images -----------------------------------------------------------------------------------------------------------


def captions(figure):
    return [axes.get_title() for axes in figure.axes if axes.images]


def test_samples_are_training_rows_with_each_class_in_turn():
    figure = PICTURES["samples"].draw(multiclass(4, image_shape=(2, 2)))
    assert captions(figure) == ["a", "b", "c"] * 4  # of 24 rows every other one is trained on
    assert "12 of 12 images of the training part" in words(figure)


def test_a_sample_is_drawn_as_it_is_in_the_set():
    one = multiclass(12, image_shape=(2, 2))
    values = np.arange(ROWS * 12).reshape(ROWS, 12).astype(np.uint8)
    figure = PICTURES["samples"].draw(replace(one, x=values, all_x=values))
    first = np.asarray(figure.axes[0].images[0].get_array())
    span = float(values.max()) - float(values.min())
    np.testing.assert_allclose(first, values[0].reshape(3, 2, 2).transpose(1, 2, 0) / span)


def test_the_labels_of_a_sample_are_those_it_has():
    shown = captions(PICTURES["samples"].draw(multilabel(4, image_shape=(2, 2))))
    # Rows 2, 4, 0 and 6: only even rows are trained on, and none of them has p.
    assert shown[:4] == ["q", "r", "no label", "q, r"]


def test_a_sample_of_a_regression_has_its_value():
    one = regression(4, image_shape=(2, 2))
    assert captions(PICTURES["samples"].draw(one))[0] == f"t0 = {one.y[0, 0]:.4g}"


def test_without_training_rows_there_are_no_samples():
    assert PICTURES["samples"].draw(replace(binary(4, image_shape=(2, 2)), trained=np.zeros(ROWS, bool))) is None


@given(st.integers(0, 30), st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=20))
def test_groups_take_turns_and_none_is_left_out(count, members):
    groups = np.array(members)
    taken = in_turn(groups, count).tolist()
    assert len(set(taken)) == len(taken) == min(count, int(groups.any(axis=1).sum()))
    assert groups[taken].any(axis=1).all()
    if count >= 3:
        assert groups[taken].any(axis=0).tolist() == groups.any(axis=0).tolist()


def test_every_one_of_many_classes_has_a_sample():
    y = np.eye(47)[np.arange(94) % 47]
    one = material("multiclass", 4, y, columns(4, classes=[f"c{k}" for k in range(47)]), image_shape=(2, 2))
    figure = PICTURES["samples"].draw(replace(one, trained=np.ones(94, bool)))
    assert captions(figure) == [f"c{k}" for k in range(47)]


def test_wrong_images_of_three_channels_are_in_colour():
    figure = PICTURES["misclassified"].draw(binary(12, image_shape=(2, 2)))
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (2, 2, 3)


def test_the_mapped_image_is_named_with_its_class():
    figure = PICTURES["feature_maps"].draw(convolved(multiclass(4, image_shape=(2, 2))))
    assert "The image is the first of the test part: a." in words(figure)
