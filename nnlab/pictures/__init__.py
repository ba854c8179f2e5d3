"""Pictures of a run: each a pure function from plain arrays to a matplotlib Figure, and `save` to write it.

architecture.py  a network: its units, images and weights
operations.py    the formulas of a forward pass, and the derivatives that flow back
curves.py   cost, accuracy and learning rate over the updates
classes.py  confusion matrix, misclassified images
labels.py   precision, recall and F1 of each label
regions.py  decision regions, truth beside prediction, for two inputs
fits.py     predictions against true values, the curve of a network with one input
functions.py  an activation and its slope, or several over each other
answers.py  images that a network was asked about, with its answers
images.py   rows of images as pictures, galleries of them, samples with their labels
convolutions.py  kernels, feature maps, the health of channels
units.py    the activations of a network over their pre-activations
parameters.py   weights and biases over the updates, and what activations learn
first_layer.py  the weights of the first layer's strongest units
health.py   dead and saturated units, gradients and updates over the steps and over depth
arms.py     several activations (arms) over many seeds
survival.py    how soon the arms' seeds reach a target, and the ranking of the arms
runs.py        the curves of several runs over each other
passport.py    what an activation does to signals and gradients, on one page
sweeps.py      a figure over the keys of a sweep
pair_matrix.py, critical_difference.py  every pair of arms over several data sets; their average ranks
forest.py      an arm against the baseline on each data set, and on the next one
profiles.py    how often each arm is close to the best of a data set; what tuning is worth
boundaries.py  decision regions of the arms' networks for two inputs, at the end and during training
arm_units.py, arm_health.py  the arms' activations over their pre-activations, and the health of their units
arm_parameters.py  what the arms' activations learn of their own parameters
paper.py    a picture at another width, or for print
style.py    shared by all: palette, type sizes, legends, writing the file
scales.py   the scale of an axis: percent, logarithm, finite values
"""

from nnlab.pictures.folder import ensure_matplotlib_folder

ensure_matplotlib_folder()  # matplotlib reads and writes this folder when it is imported

from matplotlib.figure import Figure  # noqa: E402

from nnlab.pictures.answers import answered  # noqa: E402
from nnlab.pictures.architecture import architecture  # noqa: E402
from nnlab.pictures.arm_health import arm_health  # noqa: E402
from nnlab.pictures.arm_parameters import arm_parameters  # noqa: E402
from nnlab.pictures.arm_units import arm_units  # noqa: E402
from nnlab.pictures.arms import MOST_SPREADS, arm_style, compare_curves, compare_finals  # noqa: E402
from nnlab.pictures.boundaries import Plane, boundaries, film  # noqa: E402
from nnlab.pictures.classes import confusion, misclassified, mislabelled  # noqa: E402
from nnlab.pictures.convolutions import channels, feature_maps, filters  # noqa: E402
from nnlab.pictures.critical_difference import critical_difference  # noqa: E402
from nnlab.pictures.curves import accuracy, cost, learning_rate  # noqa: E402
from nnlab.pictures.first_layer import first_layer, first_layer_of_images  # noqa: E402
from nnlab.pictures.fits import fit, fit_curve  # noqa: E402
from nnlab.pictures.forest import forest  # noqa: E402
from nnlab.pictures.functions import FunctionCurve, activation, functions  # noqa: E402
from nnlab.pictures.health import gradients, health  # noqa: E402
from nnlab.pictures.images import as_pictures, samples  # noqa: E402
from nnlab.pictures.labels import label_rates  # noqa: E402
from nnlab.pictures.operations import MOST_LAYERS, operations  # noqa: E402
from nnlab.pictures.pair_matrix import pair_matrix  # noqa: E402
from nnlab.pictures.paper import fit_to, page_for  # noqa: E402
from nnlab.pictures.parameters import learned_parameters, parameters  # noqa: E402
from nnlab.pictures.passport import PassportCurve, PassportGradients, PassportTimes, passport  # noqa: E402
from nnlab.pictures.profiles import budget_curves, performance_profiles  # noqa: E402
from nnlab.pictures.regions import boundary, grid_along, truth_and_prediction  # noqa: E402
from nnlab.pictures.runs import run_curves  # noqa: E402
from nnlab.pictures.style import add_note, save, shortened, to_format  # noqa: E402
from nnlab.pictures.survival import rankings, survival  # noqa: E402
from nnlab.pictures.sweeps import Key, sweep_keys  # noqa: E402
from nnlab.pictures.units import units  # noqa: E402

__all__ = [
    "MOST_LAYERS",
    "MOST_SPREADS",
    "Figure",
    "FunctionCurve",
    "Key",
    "PassportCurve",
    "PassportGradients",
    "PassportTimes",
    "Plane",
    "accuracy",
    "activation",
    "add_note",
    "answered",
    "architecture",
    "arm_health",
    "arm_parameters",
    "arm_style",
    "arm_units",
    "as_pictures",
    "boundaries",
    "boundary",
    "budget_curves",
    "channels",
    "compare_curves",
    "compare_finals",
    "confusion",
    "cost",
    "critical_difference",
    "feature_maps",
    "film",
    "filters",
    "first_layer",
    "first_layer_of_images",
    "fit",
    "fit_curve",
    "fit_to",
    "forest",
    "functions",
    "gradients",
    "grid_along",
    "health",
    "label_rates",
    "learned_parameters",
    "learning_rate",
    "misclassified",
    "mislabelled",
    "operations",
    "page_for",
    "pair_matrix",
    "parameters",
    "passport",
    "performance_profiles",
    "rankings",
    "run_curves",
    "samples",
    "save",
    "shortened",
    "survival",
    "sweep_keys",
    "to_format",
    "truth_and_prediction",
    "units",
]
