"""The problem on which optimizers are recorded and compared, and how they are called in both places.

f(θ) = (1 - a)² + 10 (b - a²)² + (c² - 1)² / 4 + (d² + 30 e² + d e) / 2 + 0.01 f² for θ = (a, b, c, d, e, f): a bent
valley, two wells, a narrow ellipse and a plain that is nearly flat. Only sums and products, so that every machine
computes the same bits.
"""

import numpy as np

STEPS = 30
RECORDED = (1, 2, 3, 7, 15, 30)
STARTS = [[-1.2, 1.0, 0.1, 2.0, -1.0, 3.0], [0.3, -0.5, -2.0, -1.5, 0.25, -100.0]]
# Gradients that are large, small, zero and of changing sign: one row per step.
EXTREMES = [
    [1e30, -1e30, 1e30, 1e-30, 0.0, 1e19],
    [1e30, 1e30, 0.0, 1e-30, 0.0, 1e-19],
    [-1e30, 1.0, 0.0, -1e30, 0.0, 1e25],
    [1.0, 1e-30, 1e30, 1.0, 0.0, -1e25],
    [1.0, 1.0, 1.0, 1.0, 0.0, 1.0],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
]


def value(theta):
    """f of each row, (R,)."""
    a, b, c, d, e, f = theta.T
    ellipse = (d * d + 30 * (e * e) + d * e) / 2
    return (1 - a) * (1 - a) + 10 * ((b - a * a) * (b - a * a)) + (c * c - 1) * (c * c - 1) / 4 + ellipse + f * f / 100


def gradient(theta):
    """The gradient of f at each row of theta, (R, 6)."""
    a, b, c, d, e, f = theta.T
    bend = b - a * a
    slopes = [-2 * (1 - a) - 40 * (a * bend), 20 * bend, c * (c * c - 1), d + e / 2, 30 * e + d / 2, f / 50]
    return np.stack(slopes, axis=1)
