"""Which pictures a run and a comparison get, and what is prepared for them."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from matplotlib.text import Text

from nnlab.data.dataset import Columns, InputColumn
from nnlab.errors import StorageError
from nnlab.records import comparison as comparisons
from nnlab.records import plots
from nnlab.records.comparison import Comparison, carried_on
from nnlab.records.pictures import PICTURES, Material, draw

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
    return Material(
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
    "binary, images": (binary(4, image_shape=(2, 2)), {"cost", "accuracy", "confusion", "misclassified"}),
    "multiclass, two inputs": (multiclass(), {"cost", "accuracy", "confusion", "boundary", "predictions"}),
    "multiclass, images": (multiclass(4, image_shape=(2, 2)), {"cost", "accuracy", "confusion", "misclassified"}),
    "multilabel, two inputs": (multilabel(), {"cost", "accuracy", "labels"}),
    "multilabel, images": (multilabel(4, image_shape=(2, 2)), {"cost", "accuracy", "labels", "misclassified"}),
    "regression, one input": (regression(1), {"cost", "fit"}),
    "regression, two targets": (regression(3, 2), {"cost", "fit"}),
    "regression, images": (regression(4, image_shape=(2, 2)), {"cost", "fit"}),
}


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
    best, last = (words(PICTURES[name](replace(binary(), uses_best=used))) for used in (True, False))
    assert "at the best step" in best
    assert "best step (20)" in best
    assert "at the last step" in last
    assert "best step" not in last


def test_the_loss_of_scaled_targets_is_called_that():
    one = regression()
    assert PICTURES["cost"](one).axes[0].get_ylabel() == "loss (mean squared error)"
    scaled = PICTURES["cost"](replace(one, scaled_targets=True))
    assert scaled.axes[0].get_ylabel() == "loss (mean squared error, scaled\ntargets)"


def test_accuracy_has_epochs_above():
    assert PICTURES["accuracy"](binary()).axes[0].child_axes


def test_the_rates_of_a_label_are_those_of_its_rows():
    one = multilabel()
    given, has = one.outputs[:, 0] > 0.5, one.y[:, 0] > 0.5
    figure = PICTURES["labels"](one)
    precision, recall, _ = (bars[0].get_width() for bars in figure.axes[0].containers)
    assert precision == (given & has).sum() / given.sum()
    assert recall == (given & has).sum() / has.sum()
    assert f"{has.sum()} of {ROWS} have it" in words(figure)


def test_wrong_images_come_with_the_most_confident_mistake_first():
    one = binary(4, image_shape=(2, 2))
    outputs = one.outputs.copy()
    outputs[[0, 5]] = [[0.98], [0.01]]  # class 0 taken for 1, and class 1 taken for 0, even more surely
    captions = [axes.get_title() for axes in PICTURES["misclassified"](replace(one, outputs=outputs)).axes]
    assert captions[:2] == ["truth yes\n→ no (99 %)", "truth no\n→ yes (98 %)"]


def test_an_output_that_decides_nothing_is_undecided():
    one = multiclass(4, image_shape=(2, 2))
    outputs = one.outputs.copy()
    outputs[1] = NAN
    assert "truth b → undecided" in [
        a.get_title() for a in PICTURES["misclassified"](replace(one, outputs=outputs)).axes
    ]


def test_outputs_that_are_no_probabilities_are_no_confidence():
    figure = PICTURES["misclassified"](multiclass(4, image_shape=(2, 2), right=1.2))
    assert "%)" not in figure.axes[0].get_title()
    assert "confidence" not in words(figure)


def test_wrong_labels_stand_above_their_image():
    one = multilabel(4, image_shape=(2, 2))
    outputs = one.y.copy()
    outputs[3] = [0.2, 1.0, 0.7]  # the row has p and q, and is given q and r
    figure = PICTURES["misclassified"](replace(one, outputs=outputs))
    assert [axes.get_title() for axes in figure.axes] == ["− p (80 %)\n+ r (70 %)"]
    assert "1 of 24 are wrong" in words(figure)


def test_a_picture_that_fails_costs_a_warning_and_a_full_disk_the_run(tmp_path, monkeypatch):
    broken = replace(binary(), predict=lambda rows: rows[:, :0])
    (warning,) = draw(broken, tmp_path)
    assert warning.startswith("the picture boundary.png could not be drawn: ")
    assert (tmp_path / "predictions.png").exists()

    def refuse(figure, path):
        raise StorageError("no space")

    monkeypatch.setattr(plots, "save", refuse)
    with pytest.raises(StorageError, match="no space"):
        list(draw(binary(), tmp_path))


# --- Comparisons ------------------------------------------------------------------------------------------------------


@dataclass
class Arm:
    steps: np.ndarray
    curves: dict
    finals: dict
    diverged: np.ndarray


def compared(arms, **more):
    return Comparison(
        name="small",
        figure="test/accuracy",
        larger_is_better=True,
        seeds=[0, 1],
        arms=arms,
        steps_to_target={},
        intervals=dict.fromkeys(arms, (0.9, 0.8, 1.1)),
        summary={},
        **more,
    )


def arm(loss, accuracy, diverged=(False, False), steps=(0, 5, 10, 15, 20)):
    curves = {
        "batch/loss": np.full((2, len(steps)), 0.5),
        "val/loss": np.array(loss),
        "val/accuracy": np.array(accuracy),
    }
    return Arm(np.array(steps), curves, {"test/accuracy": np.array([0.8, 1.0])}, np.array(diverged))


EVERY_TENTH = [0.9, NAN, 0.5, NAN, 0.1]
STOPPED = [0.9, NAN, 0.7, NAN, NAN]


def drawn(figure):
    line = figure.axes[0].get_lines()[0]
    return line.get_xdata().tolist(), line.get_ydata().tolist()


def picture(name, one):
    return dict(comparisons._pictures(one))[name]()


def test_a_seed_that_stopped_early_keeps_its_last_value():
    figure = picture("cost.png", compared({"a": arm([EVERY_TENTH, STOPPED], [EVERY_TENTH, STOPPED])}))
    steps, means = drawn(figure)
    assert steps == [0, 10, 20]
    np.testing.assert_allclose(means, [0.9, 0.6, 0.4])
    assert "a seed that stopped early keeps its last value" in words(figure)
    assert "diverged" not in words(figure)


def test_a_diverged_seed_drops_out_and_is_counted():
    both = [EVERY_TENTH, STOPPED]
    figure = picture("cost.png", compared({"a": arm(both, both, diverged=(False, True))}))
    np.testing.assert_allclose(drawn(figure)[1], [0.9, 0.6, 0.1])
    assert "a (2 seeds, 1 diverged)" in words(figure)
    assert "keeps its last value" not in words(figure)


def test_an_arm_that_ended_before_the_others_goes_on_to_their_end():
    short = arm([STOPPED[:3], STOPPED[:3]], [STOPPED[:3], STOPPED[:3]], steps=(0, 5, 10))
    short.curves["batch/loss"] = short.curves["batch/loss"][:, :3]
    long = arm([EVERY_TENTH, EVERY_TENTH], [EVERY_TENTH, EVERY_TENTH])
    figure = picture("accuracy.png", compared({"short": short, "long": long}))
    assert drawn(figure) == ([0, 10, 20], [0.9, 0.7, 0.7])


def test_each_curve_goes_on_from_its_own_last_value():
    curve = np.array([[1.0, NAN, 3.0, NAN, NAN], [NAN] * 5, [1.0, 2.0, NAN, NAN, NAN], [1.0, NAN, np.inf, NAN, NAN]])
    carried = carried_on(curve, np.array([False, False, True, False]))
    np.testing.assert_array_equal(carried[0], [1, NAN, 3, 3, 3])
    np.testing.assert_array_equal(carried[1], [NAN] * 5)
    np.testing.assert_array_equal(carried[2], [1, 2, NAN, NAN, NAN])
    np.testing.assert_array_equal(carried[3], [1, NAN, np.inf, np.inf, np.inf])


def test_the_table_keeps_what_was_measured():
    one = compared({"a": arm([EVERY_TENTH, STOPPED], [EVERY_TENTH, STOPPED])})
    picture("cost.png", one)
    assert one.arms["a"].curves["val/loss"][1].tolist()[2] == 0.7
    assert np.isnan(one.arms["a"].curves["val/loss"][1, 3:]).all()


def test_a_comparisons_loss_is_named_and_its_interval_possible():
    one = compared({"a": arm([EVERY_TENTH, STOPPED], [EVERY_TENTH, STOPPED])}, loss="cross_entropy")
    assert picture("cost.png", one).axes[0].get_ylabel() == "validation loss (cross-entropy)"
    assert picture("accuracy.png", one).axes[0].get_ylabel() == "validation accuracy (%)"
    assert "[80 %, 100 %]" in words(picture("final.png", one))
