"""A relu with a wrong slope, max(z, 0) instead of 0 or 1: what a gradient check is there to find."""

import numpy as np

from nnlab.maths.activations import Activation

ACTIVATIONS = [
    Activation.from_functions(
        "wrong_relu",
        value=lambda z: np.maximum(z, 0),
        slope=lambda z: np.maximum(z, 0),
        formula="max(z, 0)",
        slope_formula="max(z, 0), which is wrong",
        kinks=(0.0,),
        at_kink="0",
    )
]
