"""Pictures of networks: legible, nothing over anything else, weights by colour and width, the same bytes each time."""

from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib import image as picture_file
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.colors import to_hex
from matplotlib.text import Text
from strategies import HEADS, network_of

from nnlab import pictures as plots
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.networks.diagrams.architecture import architecture
from nnlab.networks.diagrams.diagram import Names, Scaled
from nnlab.networks.diagrams.operations import operations
from nnlab.pictures.style import BLUE, VERMILLION, page
from nnlab.setup.network import network_for

BINARY = next(head for head in HEADS if head[:3] == ("binary", "sigmoid", "binary_cross_entropy"))
STRANGE = ("$x_{", "猫 \n\x1b[31m", "a very long name indeed, far longer than any picture has room for")
NAMES = Names(
    "small",
    "binary",
    "sigmoid",
    "binary_cross_entropy",
    "binary_cross_entropy",
    "-sum y log a",
    STRANGE,
    ("yes",),
    from_logits=True,
    scaled=Scaled("min-max scaled", "({x} − min) / (max − min)", "min and max of each channel of the training rows"),
    scales_targets=True,
)

LENET = """\
name: lenet
task: binary
data: {source: portraits}
network:
  layers:
    - {augment: {flip: both, shift: 2}}
    - {conv2d: 6, kernel: 5, activation: {name: leaky_relu, negative_slope: 0.2}}
    - {max_pool: 2}
    - {conv2d: 16, kernel: 3}
    - batch_norm
    - {max_pool: 2}
    - {conv2d: 16, kernel: 1, activation: soft_exponential}
    - {dropout: 0.25}
    - flatten
    - 120
    - 84
    - {dense: 20, activation: maxout}
"""


def images():
    return network_for(validate(read_text(LENET, "lenet.yaml")), (32, 32, 3), 1)


NETWORKS = {
    "small": lambda: network_of(BINARY, [2], activation="tanh"),
    "no hidden layer": lambda: network_of(BINARY, [{"dropout": 0.5}]),
    "spelled": lambda: network_of(BINARY, [4, {"batch_norm": {}}, 3], activation="prelu"),
    "wide": lambda: network_of(BINARY, [1000, {"layer_norm": {}}, 17, {"activation": "softmax"}, 16]),
    "deep": lambda: network_of(BINARY, [2] * 60, activation="soft_exponential"),
    "images": images,
}


def described(name):
    network = NETWORKS[name]()
    return network, NAMES if len(network.shape) == 1 else replace(NAMES, inputs=())


def drawn(name, **more):
    network, names = described(name)
    theta = network.start([1], np.float64)
    theta[:, ::3] *= -2
    return plots.architecture(architecture(network, replace(names, **more), theta))


def drawn_for_a_column(name):
    with page(3.35):
        return drawn(name)


def of_operations(name):
    return plots.operations(operations(*described(name), plots.MOST_LAYERS))


def texts(figure):
    return [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]


def words(figure):
    return "\n".join(text.get_text() for text in texts(figure))


@pytest.mark.parametrize("draw", [drawn, drawn_for_a_column, of_operations])
@pytest.mark.parametrize("name", NETWORKS)
def test_texts_are_legible_within_the_picture_and_not_on_top_of_each_other(draw, name, tmp_path):
    figure = draw(name)
    plots.save(figure, tmp_path / "one.png")
    pixels = picture_file.imread(tmp_path / "one.png")
    assert all((edge == 1).all() for edge in (pixels[:2], pixels[-2:], pixels[:, :2], pixels[:, -2:]))
    assert min(text.get_fontsize() for text in texts(figure)) >= 10
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    assert [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if one.shrunk(0.98, 0.9).overlaps(other)] == []
    outer = figure.bbox
    assert [text for text, box in boxes if box.x0 < 0 or box.x1 > outer.x1 or box.y0 < 0 or box.y1 > outer.y1] == []


def test_weights_are_lines_by_sign_and_size_and_are_printed_where_there_is_room():
    network = network_of(BINARY, [2], inputs=2, activation="tanh")
    theta = np.array([[1.0, -4.0, 0.0, 2.0, -1.0, 3.0, 0.5, -0.5, np.nan]])
    figure = plots.architecture(architecture(network, replace(NAMES, inputs=("p", "q")), theta))
    first, second = (lines for lines in figure.findobj(LineCollection) if len(lines.get_segments()) > 1)
    assert [to_hex(colour) for colour in first.get_colors()][1:] == [BLUE.lower(), BLUE.lower(), VERMILLION.lower()]
    dashed = [dashes is not None for _, dashes in first.get_linestyles()]
    assert dashed[1:] == [False, False, True]
    widths = first.get_linewidths()
    assert all(thin < thick for thin, thick in pairwise(widths))
    assert widths[-1] == 3.5
    assert second.get_linewidths()[0] < widths[1]  # one scale for all layers
    shown = words(figure).split("\n")
    assert {"−4", "1", "2", "0.5", "−0.5", "3", "p", "q", "yes", "fill of a circle: bias"} <= {*shown}
    assert {"dense1", "tanh1", "dense2", "sigmoid"} <= {*shown}


def test_a_scale_is_symmetric_and_an_untrained_network_has_none():
    shown = words(drawn("wide")).split("\n")
    ends = shown[shown.index("lines: weights") + 1 :][:4]
    assert [ends[0], ends[1]] == [f"−{ends[3]}", f"−{ends[2]}"]
    bare = plots.architecture(architecture(*described("wide")))
    assert "lines: weights" not in words(bare)
    assert {to_hex(colour) for lines in bare.findobj(LineCollection) for colour in lines.get_colors()} == {"#a6a6a6"}


def test_of_wide_layers_and_deep_networks_the_ends_are_drawn():
    figure = drawn("wide")
    circles = [len(units.get_offsets()) for units in figure.findobj(EllipseCollection)]
    assert circles == [3, 16, 16, 16, 1]
    assert {"1,000 units", "17 units", "16 units"} <= {*words(figure).split("\n")}
    deep = words(drawn("deep"))
    assert "dense61" in deep
    assert "more\nlayers" in deep
    assert len(drawn("deep").findobj(EllipseCollection)) == 11


def test_images_are_boxes_with_their_shapes():
    shown = words(drawn("images")).split("\n")
    sizes = ["32 × 32 × 3", "28 × 28 × 6", "14 × 14 × 6", "12 × 12 × 16", "6 × 6 × 16", "6 × 6 × 16", "576 units"]
    assert [line for line in shown if line in sizes] == sizes
    for name in ("augment1", "leaky_relu1", "batch_norm1", "max_pool2", "flatten1", "rate 0.25"):
        assert name in shown


@pytest.mark.parametrize("kind", ["svg", "pdf"])
def test_vector_pictures_have_the_same_bytes_each_time_and_no_date(kind):
    made = [plots.to_format(drawn("small"), kind) for _ in range(2)]
    assert made[0] == made[1]
    assert not any(word in made[0] for word in (b"CreationDate", b"dc:date", b"/Type3"))
    if kind == "pdf":
        assert b"/TrueType" in made[0] or b"/CIDFontType2" in made[0]


def test_a_bias_fills_its_circle():
    network = network_of(BINARY, [2], activation="tanh")
    theta = np.zeros((1, network.layout.size))
    theta[:, network.layout.places["dense1/bias"]] = [1, -1]
    _, hidden, _ = plots.architecture(architecture(network, NAMES, theta)).findobj(EllipseCollection)
    (red, _, blue, _), (more_red, _, less_blue, _) = hidden.get_facecolors()
    assert red < blue
    assert more_red > less_blue


def test_the_sign_of_a_bias_is_not_told_by_its_colour_alone():
    network = network_of(BINARY, [8], activation="tanh")
    theta = np.zeros((1, network.layout.size))
    theta[:, network.layout.places["dense1/bias"]] = [1, -1, 0.5, -0.01, 0, 0, 0, 0]
    shown = words(plots.architecture(architecture(network, NAMES, theta))).split("\n")
    assert (shown.count("+"), shown.count("−")) == (2, 1)


def test_what_is_cut_above_a_column_and_how_numbers_are_scaled_stands_below_in_full():
    formula = "x * sigmoid(beta * x) + 0.125 * sin(x) + 0.25 * cos(2 * x)"
    network = network_of(BINARY, [{"dense": 2, "activation": {"formula": formula, "beta": 1.5}}])
    shown = " ".join(words(plots.architecture(architecture(network, NAMES))).split())
    assert f"formula1: {formula}, beta=1.5." in shown
    assert "Min-max scaled: (x − min) / (max − min), min and max of each channel of the training rows." in shown
    assert "Scaling undone: x · deviation + mean" in shown
    assert "3 inputs" in shown
