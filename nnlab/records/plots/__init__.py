"""Pictures of a run: each a pure function from plain arrays to a matplotlib Figure, and `save` to write it.

curves.py   cost and accuracy over the updates
classes.py  confusion matrix, misclassified images
labels.py   precision, recall and F1 of each label
regions.py  decision regions, truth beside prediction, for two inputs
fits.py     predictions against true values, the curve of a network with one input
functions.py  an activation and its slope
arms.py     several activations (arms) over many seeds
style.py    what they share: palette, type sizes, legends, writing the file
scales.py   how values meet an axis: percent, logarithm, what is finite
"""

from nnlab.records.plots.folder import ensure_matplotlib_folder

ensure_matplotlib_folder()  # before anything below imports matplotlib, which reads and writes there as it is imported

from nnlab.records.plots.arms import arm_style, compare_curves, compare_finals  # noqa: E402
from nnlab.records.plots.classes import confusion, misclassified, mislabelled  # noqa: E402
from nnlab.records.plots.curves import accuracy, cost  # noqa: E402
from nnlab.records.plots.fits import fit, fit_curve  # noqa: E402
from nnlab.records.plots.functions import activation  # noqa: E402
from nnlab.records.plots.labels import label_rates  # noqa: E402
from nnlab.records.plots.regions import boundary, truth_and_prediction  # noqa: E402
from nnlab.records.plots.style import save  # noqa: E402

__all__ = [
    "accuracy",
    "activation",
    "arm_style",
    "boundary",
    "compare_curves",
    "compare_finals",
    "confusion",
    "cost",
    "fit",
    "fit_curve",
    "label_rates",
    "misclassified",
    "mislabelled",
    "save",
    "truth_and_prediction",
]
