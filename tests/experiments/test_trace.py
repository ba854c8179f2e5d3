"""A worked step: the bits of the training, the numbers of a calculation by hand, and what cannot be followed."""

import hashlib
import math
import re
from fractions import Fraction

import numpy as np
import pytest
from strategies import setup_of, weighted_setup
from support import NOTEBOOKS, read_rows, trained, write

from nnlab import api
from nnlab.errors import ConfigError, DivergedError
from nnlab.experiments.saving import hashes, tensor_names
from nnlab.experiments.trace.answers import answers_of, blanked
from nnlab.experiments.trace.build import trace_of
from nnlab.experiments.trace.latex import latex
from nnlab.experiments.trace.markdown import markdown
from nnlab.experiments.trace.tables import number
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.parameters import resolved

# Every layer and setting that changes a step, between them.
TABLE = """\
name: table
task: multiclass
seed: 3
data: {source: iris, validation: 0.2, scale: standard}
network:
  layers:
    - {dense: 3, l1: 0.001, l2: 0.01, max_norm: 0.3, activation: {name: prelu, learn: [alpha]}}
    - batch_norm
    - {dropout: 0.3}
    - {noise: 0.1}
    - {dense: 4, activation: maxout}
    - layer_norm
    - {activation: rrelu}
  head: {loss: {name: cross_entropy, smoothing: 0.1, class_weights: {setosa: 3}}}
optimizer: {name: nadam, learning_rate: {name: plateau, base: 0.01, patience: 1}}
training: {steps: 30, batch_size: 16, clip_norm: 0.5, clip_value: 0.2, evaluate_every: 1}
"""
IMAGES = """\
name: images
task: multiclass
data: {source: digits}
network:
  layers: [{augment: {shift: 1}}, {conv2d: 2, kernel: 3, activation: swish}, {max_pool: 2}, batch_norm,
           {avg_pool: [1, 2]}, {conv2d: 3, kernel: [2, 1]}, global_avg_pool, {dense: 2}]
optimizer: {name: sgd, momentum: 0.9, nesterov: true}
training: {steps: 6, batch_size: 16}
"""
REGRESSION = """\
name: two-targets
task: regression
precision: float64
data: {source: energy, scale: standard, scale_targets: true}
network: {layers: [{dense: 2, activation: tanh}], head: {loss: huber}}
optimizer: {name: rmsprop, momentum: 0.5, centered: true}
training: {steps: 9, batch_size: 100}
"""
TEXTS = {
    "table": TABLE,
    "images": IMAGES,
    "regression": REGRESSION,
    "two logits an output": REGRESSION.replace("huber", "gaussian_nll"),
}


@pytest.fixture(scope="module")
def setups():
    return {name: setup_of(text) for name, text in TEXTS.items()}


@pytest.fixture(scope="module")
def traces(setups):
    """The third step of each."""
    return {name: trace_of(setup, 3) for name, setup in setups.items()}


def sha256(values):
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def state_after(setup, steps):
    """The state of a training after so many steps, every one of them done by the training loop."""
    state = setup.start()
    for record in setup.fit(state, pause=lambda: True):
        if record.step == steps:
            return state
    raise AssertionError


# --- the bits of the training -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_pictures")
def test_a_step_leaves_the_weights_and_has_the_loss_that_a_run_recorded(tmp_path):
    run = trained(tmp_path, NOTEBOOKS / "xor-tanh.yaml", "--steps", "5", "--set", "gates=[]")
    recorded = {int(row["step"]): row for row in read_rows(run / "hashes.csv")}
    losses = {int(row["step"]): row["batch/loss"] for row in read_rows(run / "metrics.csv")}
    for step in (1, 4, 5):
        found = api.trace(NOTEBOOKS / "xor-tanh.yaml", step=step)
        names = ["dense1/weights", "dense1/bias", "dense2/weights", "dense2/bias"]
        assert {name: sha256(found[f"{name}.new"]) for name in names} == {n: recorded[step][n] for n in names}
        assert sha256(found["dense1/weights.old"]) == recorded[step - 1]["dense1/weights"]
        assert repr(found.loss) == losses[step] if losses.get(step) else step == 4


@pytest.mark.parametrize("name", TEXTS)
def test_a_traced_step_ends_where_the_training_does(name, setups, traces):
    setup, found = setups[name], traces[name]
    before, after = state_after(setup, 2), state_after(setup, 3)
    wanted = {"old": hashes(setup, before), "new": hashes(setup, after)}
    for kind, recorded in wanted.items():
        assert {tensor: sha256(found[f"{tensor}.{kind}"]) for tensor in tensor_names(setup)} == recorded
    choice = setup.optimizer.choice
    for slot, (_, factor) in choice.entry.terms(choice.values).items():
        if slot in after.slots:
            views = setup.network.layout.views(after.slots[slot])
            assert all((found[f"{tensor}.{slot}"] == view[0] * factor).all() for tensor, view in views.items())


def test_gradients_are_those_of_the_whole_batch_whatever_rows_are_shown(setups, traces):
    all_rows, some = trace_of(setups["table"], 3, rows=range(16)), traces["table"]
    assert (some.rows, len(all_rows.rows)) == ((0, 1, 2, 3), 16)
    assert (some["dense1/weights.gradient"] == all_rows["dense1/weights.gradient"]).all()
    assert (some["dense1.z"] == all_rows["dense1.z"][:4]).all()
    assert some.loss == pytest.approx(float(all_rows["loss.rows"].mean()), rel=1e-6)


def test_what_is_shown_fits_together(traces):
    """Each line of the calculation follows from the ones before, in float32."""
    found = trace_of(setup_of(TABLE), 3, rows=range(16))
    close = {"rtol": 1e-4, "atol": 1e-6}
    z = found["batch.x"] @ found["dense1/weights.old"] + found["dense1/bias.old"]
    np.testing.assert_allclose(found["dense1.z"], z, **close)
    np.testing.assert_allclose(found["dense1.delta"], found["prelu1.delta"] * found["prelu1.slope"], **close)
    alpha = (found["prelu1.delta"] * found["prelu1.alpha_slope"]).sum()
    np.testing.assert_allclose(found["prelu1/alpha.gradient"], [alpha], **close)
    np.testing.assert_allclose(found["dropout1.h"], found["batch_norm1.h"] * found["dropout1.mask"], **close)
    np.testing.assert_allclose(found["noise1.h"], found["dropout1.h"] + 0.1 * found["noise1.noise"], **close)
    np.testing.assert_allclose(found["batch_norm1.mean"], found["prelu1.a"].mean(axis=0), **close)
    np.testing.assert_allclose(found["layer_norm1.variance"], found["maxout1.a"].var(axis=1, keepdims=True), **close)
    W = found["dense1/weights.old"]
    gradient = found["batch.x"].T @ found["dense1.delta"] + 0.001 * np.sign(W) + 0.01 * W
    np.testing.assert_allclose(found["dense1/weights.gradient"], gradient, **close)
    tensors = [name for name in found.quantities if name.endswith(".clipped")]
    assert math.hypot(*(np.linalg.norm(found[name]) for name in tensors)) <= 0.5 + 1e-6
    assert max(float(np.abs(found[name]).max()) for name in tensors) <= 0.2
    assert (np.linalg.norm(found["dense1/weights.new"], axis=0) <= 0.3 + 1e-6).all()
    first = trace_of(setup_of(TABLE), 1)  # whose weights are too large at the start
    assert (np.abs(first["dense1/weights.unbounded"]) > np.abs(first["dense1/weights.new"])).all()
    kernel, image = traces["images"]["conv2d1/weights.old"], traces["images"]["augment1.h"]
    assert (kernel.shape, image.shape) == ((3, 3, 1, 2), (4, 8, 8, 1))
    first = (image[0, :3, :3, 0] * kernel[:, :, 0, 1]).sum() + traces["images"]["conv2d1/bias.old"][1]
    assert traces["images"]["conv2d1.z"][0, 0, 0, 1] == pytest.approx(first, rel=1e-4)


def test_rows_with_weights_show_them():
    weights = np.linspace(0.5, 2, 90)
    found = trace_of(weighted_setup(weights), 2, rows=range(16))
    plain = -np.log(np.where(found["batch.y"], found["loss.a"], 1 - found["loss.a"]))
    np.testing.assert_allclose(found["loss.rows"], found["batch.weight"] * plain, rtol=1e-4)
    delta = found["batch.weight"] * (found["loss.a"] - found["batch.y"]) / 16
    np.testing.assert_allclose(found["dense2.delta"], delta, rtol=1e-4, atol=1e-7)


# --- by hand ----------------------------------------------------------------------------------------------------------

BY_HAND = """\
name: by-hand
task: regression
precision: float64
data: {source: two.csv, target: y, scale: none}
network:
  layers: [1]
  activation: relu
  init: {name: constant, value: 0.5}
optimizer: {name: sgd, learning_rate: 0.125, momentum: 0.5}
training: {steps: 2, batch_size: all}
"""


@pytest.fixture(scope="module")
def two_rows(tmp_path_factory):
    """Two rows, one input, one hidden unit: y = 2 at x = 1 and y = 1 at x = 3."""
    folder = tmp_path_factory.mktemp("by_hand")
    (folder / "two.csv").write_text("x,y\n1,2\n3,1\n")
    return write(folder, BY_HAND)


def test_the_numbers_of_a_small_network_are_those_worked_out_by_hand(two_rows):
    """W1 = W2 = 1/2 and no bias, so that z2 = x/4; r = z2 - y; the loss is the mean of r², dL/dz2 = 2 r / 2."""
    found = api.trace(two_rows)
    wanted = {
        "dense1.z": [["1/2"], ["3/2"]],
        "relu1.a": [["1/2"], ["3/2"]],
        "relu1.slope": [["1"], ["1"]],
        "dense2.z": [["1/4"], ["3/4"]],
        "loss.rows": [["49/16"], ["1/16"]],
        "loss.mean": "25/16",
        "dense2.delta": [["-7/4"], ["-1/4"]],
        "dense2/weights.gradient": [["-5/4"]],  # 1/2 · -7/4 + 3/2 · -1/4
        "dense2/bias.gradient": ["-2"],
        "relu1.delta": [["-7/8"], ["-1/8"]],
        "dense1.delta": [["-7/8"], ["-1/8"]],
        "dense1/weights.gradient": [["-5/4"]],  # 1 · -7/8 + 3 · -1/8
        "dense1/bias.gradient": ["-1"],
        "dense1/weights.velocity": [["-5/4"]],
        "dense1/weights.update": [["5/32"]],  # -1/8 · -5/4
        "dense1/weights.new": [["21/32"]],
        "dense2/bias.new": ["1/4"],
    }
    numbers = {name: np.vectorize(lambda text: float(Fraction(text)))(values) for name, values in wanted.items()}
    assert {name: found[name].tolist() for name in wanted} == {name: v.tolist() for name, v in numbers.items()}


def test_the_second_step_goes_on_from_the_first(two_rows):
    found = api.trace(two_rows, step=2)
    W, b1, b2 = Fraction(21, 32), Fraction(1, 8), Fraction(1, 4)
    r = [(W * x + b1) * W + b2 - y for x, y in ((1, 2), (3, 1))]
    velocity = Fraction(1, 2) * -2 + sum(r)
    assert found["dense2.delta"].ravel() == pytest.approx([float(one) for one in r], rel=1e-14)
    assert found["dense2/bias.velocity_before"] == pytest.approx([-2.0])
    assert found["dense2/bias.velocity"] == pytest.approx([float(velocity)], rel=1e-14)
    assert found["dense2/bias.new"] == pytest.approx([float(b2 - velocity / 8)], rel=1e-14)


def mean_of(gradients, beta):
    """An exponential mean from 0, as textbooks define it."""
    mean = 0.0
    for g in gradients:
        mean = beta * mean + (1 - beta) * g
    return mean


G = (0.5, -2.0, 0.25)
SQUARES = [g * g for g in G]
TERMS = {
    "adam": {"m": mean_of(G, 0.9), "v": mean_of(SQUARES, 0.999)},
    "amsgrad": {"w": max(mean_of(SQUARES[:n], 0.999) for n in (1, 2, 3))},
    "nadam": {"m": mean_of(G, 0.9), "v": mean_of(SQUARES, 0.999)},
    "lion": {"m": mean_of(G, 0.99)},
    "adagrad": {"v": sum(SQUARES)},
    "sgd": {"v": 0.5 * (0.5 * 0.5 - 2.0) + 0.25},
    "rmsprop": {
        "m": mean_of(G, 0.99),
        "v": mean_of(SQUARES, 0.99),
        "u": sum(
            0.5 ** (3 - n) * G[n - 1] / (math.sqrt(mean_of(SQUARES[:n], 0.99) - mean_of(G[:n], 0.99) ** 2) + 1e-8)
            for n in (1, 2, 3)
        ),
    },
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizers_letters_stand_for_the_numbers_of_its_formula(name):
    entry = OPTIMIZERS[name]
    given = {"momentum": 0.5, "centered": True}
    chosen = resolved(entry, {p.name: given[p.name] for p in entry.parameters if p.name in given})
    terms = entry.terms(chosen)
    assert name == "lbfgs" or set(entry.slots(chosen)) <= set(terms)
    assert all(letter in " ".join(entry.written(chosen)) for letter, _ in terms.values())
    if name in TERMS:
        theta = np.ones((1, 1))
        slots = entry.start(theta, chosen)
        others = {key: value for key, value in chosen.items() if key != "learning_rate"}
        for step, g in enumerate(G, 1):
            entry.update(theta, np.full((1, 1), g), slots, step, 0.01, **others)
        found = {letter: float(slots[slot][0, 0] * factor) for slot, (letter, factor) in terms.items()}
        assert {letter: found[letter] for letter in TERMS[name]} == pytest.approx(TERMS[name], rel=1e-9)


# --- on paper ---------------------------------------------------------------------------------------------------------


def test_every_formula_of_the_notebooks_xor_is_there():
    found = api.trace(NOTEBOOKS / "xor-first.yaml")
    assert found.quantities["dense1.z"].formula == "x W₁ + b₁"
    without = {name for name, one in found.quantities.items() if not one.formula}
    assert found.quantities["sigmoid1.slope"].formula == "σ(z₁) (1 − σ(z₁))"
    given = {"batch.x", "batch.y"}
    assert {name for name in without if name.rpartition(".")[2] not in ("old", "update", "new")} == given


@pytest.mark.parametrize("name", TEXTS)
def test_latex_is_plain_characters_in_pairs(name, traces):
    text = latex(traces[name], 4)
    assert text.isascii()
    assert re.search(r"NaN|None|nan", text) is None
    for begin, end in ((r"(?<!\\)\{", r"(?<!\\)\}"), (r"(?<!\\)\\\[", r"\\\]"), (r"\\begin\{", r"\\end\{")):
        assert len(re.findall(begin, text)) == len(re.findall(end, text)) > 0
    for line in text.splitlines():
        assert len(re.findall(r"(?<!\\)\$", line)) % 2 == 0
        assert max(nesting(line)) <= 4
        assert nesting(line)[-1] == 0
    matrices = re.findall(r"\\begin\{pmatrix\}(.*?)\\end\{pmatrix\}", text)
    columns = max(row.count("&") + 1 for matrix in matrices for row in matrix.split("\\\\"))
    assert columns <= 10 or f"{{MaxMatrixCols}}{{{columns}}}" in text


def test_the_update_of_adam_is_set_as_a_book_sets_it():
    text = latex(trace_of(setup_of(REGRESSION.replace("rmsprop, momentum: 0.5, centered: true", "adam")), 1))
    assert r"\hat{m} / (\sqrt{\hat{v}} + \varepsilon)" in text
    assert r"\hat{m} = m / (1 - \text{beta1}^{t})" in text
    assert r"\frac{\partial L}{\partial W_{2}} = a_{1}^{\top} \frac{\partial L}{\partial z_{2}}" in text


def test_latex_names_its_cells_and_sets_words_as_words():
    lines = latex(api.trace(NOTEBOOKS / "xor-tanh.yaml")).splitlines()
    assert r"\noindent their places in the data, counted from 1: 1, 2, 3, 4\\" in lines
    assert any(line.startswith(r"\noindent $m$: rows of a batch; $\sum$: sum over them; $\cdot$: ") for line in lines)
    assert any(r"\sigma(x) = 1 / (1 + \exp(-x))" in line for line in lines)
    (slope,) = (line for line in lines if line.endswith(r"\tag*{\texttt{tanh1.slope}} \]"))
    assert slope.startswith(r"\[ f'(z_{1}) = 1 - \tanh^{2}(z_{1}) = \begin{pmatrix}")
    assert any(line.endswith(r"\tag*{\texttt{dense1/weights.new}} \]") for line in lines)
    assert "mathrm" not in "".join(lines)


def nesting(line):
    """How deep in braces each character of a line is."""
    depth, found = 0, [0]
    for sign in re.sub(r"\\[{}]", "", line):
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
        found.append(depth)
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_markdown_tables_have_as_many_cells_in_every_row(name, traces):
    blocks = re.findall(r"(?:^\|.*\n)+", markdown(traces[name]), re.MULTILINE)
    assert len(blocks) > 10
    for block in blocks:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}) == 1


def test_a_blank_hides_its_numbers_in_every_form(traces):
    names = ["prelu1.slope", "dense1/weights.gradient", "loss.mean"]
    found = blanked(traces["table"], names)
    columns = [f"dense1/weights.{kind}" for kind in ("clipped", "mean", "square", "update", "unbounded", "new")]
    assert {*found.blanks} == {*names, "dense1.delta", *columns}
    hidden = [cell for name in found.blanks for cell, _ in found.quantities[name].cells()]
    blanks = markdown(found).count("\\_\\_\\_\\_") + markdown(found).count("L = ____")
    assert latex(found).count(r"\underline{\hspace{3em}}") == blanks == len(hidden) + 12  # the gradient stands twice
    document = found.document()
    assert document["loss"] is None
    assert [document["quantities"][name]["values"] for name in names] == [None, None, None]
    lines = answers_of(found).decode().splitlines()
    assert len(lines) == 1 + len(hidden)
    assert lines[0] == "cell,value"


def hidden_with(trace, name):
    return [one for one in blanked(trace, [name]).blanks if one != name]


@pytest.mark.parametrize(
    ("name", "others"),
    [
        (
            "dense1.z",
            {"relu1.a", "relu1.slope", "dense2.z", "loss.rows", "dense2.delta", "relu1.delta", "dense1.delta"},
        ),
        ("relu1.slope", {"dense1.delta"}),
        ("dense2/weights.gradient", {f"dense2/weights.{kind}" for kind in ("velocity", "update", "new")}),
        ("dense2/weights.velocity_before", {f"dense2/weights.{kind}" for kind in ("velocity", "update", "new")}),
        ("dense2/weights.update", {"dense2/weights.new"}),
        ("dense2/weights.new", set()),
    ],
)
def test_what_a_blank_could_be_read_back_from_is_left_out_as_well(name, others, two_rows):
    """Of one unit after the other, where no product of matrices is a sum; the sums over the two rows stay."""
    assert {*hidden_with(api.trace(two_rows), name)} == others


def test_sums_stay_beside_their_blank_terms_and_so_do_numbers_that_are_drawn(traces):
    assert hidden_with(traces["table"], "batch.x") == []  # each z is a sum over the columns
    assert {"batch_norm1.normalized", "dropout1.h", "noise1.h"} == {*hidden_with(traces["table"], "prelu1.a")} - {
        "batch_norm1.h", "prelu1.slope", "prelu1.alpha_slope", "dense1.delta", "prelu1.delta",
    }  # fmt: skip
    assert "rrelu1.slope" not in hidden_with(traces["table"], "layer_norm1.h")
    assert "batch_norm1/mean.new" in hidden_with(traces["table"], "batch_norm1.mean")
    assert "max_pool1.h" in hidden_with(traces["images"], "swish1.a")
    assert "avg_pool1.h" not in hidden_with(traces["images"], "batch_norm1.h")


def test_of_a_batch_of_one_row_gradients_are_no_sums(two_rows):
    one = api.trace(two_rows, set=["training.batch_size=1"])
    assert {"dense2/weights.gradient", "dense2/bias.gradient", "dense2/bias.new"} <= {*hidden_with(one, "dense2.delta")}


def test_a_sum_that_cancels_is_shown_as_0_and_keeps_its_bits():
    found = api.trace(NOTEBOOKS / "xor-tanh.yaml")
    assert 0 < abs(found["dense2/bias.gradient"][0]) < 1e-16
    assert "| dL/db₂ | 0 |" in markdown(found)
    assert r"| dense2/bias\[0\] | 0 | 0 | 0 | 0 |" in markdown(found)
    assert "| dL/db₁ | -0.0211028 | -2.83227e-06 |" in markdown(found)
    assert markdown(found).count("a sum that is 0 but for rounding is shown as 0") == 2
    assert "shown as 0" not in markdown(blanked(found, ["dense2/bias.gradient"]))
    small = api.trace(NOTEBOOKS / "xor-tanh.yaml", set=["optimizer.learning_rate=1.0e-18"])
    assert number(small["dense1/bias.new"][0]) in markdown(small)  # a small number that is no rounding stays


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "step", "rows", "message"),
    [
        (TABLE, 31, None, "--step: found 31, expected a step from 1 to 30, the last of the training"),
        (TABLE, 0, None, "--step: found 0, expected a step from 1 to 30"),
        (TABLE, 1, [16], "--rows: found 16, but the batch of step 1 has the rows 0 to 15"),
        (TABLE.replace("dense: 3", "dense: 300"), 1, None, "expected at most 2,000 of both together"),
        (IMAGES.replace("batch_norm,", "").replace("16}", "17}"), 1, [0], "found a batch of 17 images, which goes"),
        (REGRESSION.replace("rmsprop, momentum: 0.5, centered: true", "lbfgs").replace("100", "all"), 1, [0], "lbfgs"),
        (
            TABLE.replace("evaluate_every: 1", "evaluate_every: 1, early_stopping: {patience: 1, min_delta: 10}"),
            20,
            None,
            "--step: found 20, but early stopping ends the training after step 1",
        ),
    ],
)
def test_what_is_no_calculation_by_hand_is_refused_with_the_reason(text, step, rows, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        trace_of(setup_of(text), step, rows)


@pytest.mark.parametrize("step", [1, 8])
def test_a_training_that_diverges_is_said_to(step):
    text = REGRESSION.replace("rmsprop, momentum: 0.5, centered: true", "sgd, learning_rate: 1.0e+200")
    wild = text.replace("activation: tanh", "activation: identity").replace("huber", "mse")
    with pytest.raises(DivergedError, match="the training diverges in step"):
        trace_of(setup_of(wild), step + 1)
