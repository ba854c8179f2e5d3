"""Dead and saturated units, by hand and by what an activation's own slopes say."""

import numpy as np
import pytest
from scipy import special

from nnlab.maths.statistics import dead_share, saturated_share

NAN = float("nan")

#            dead, nearly dead, saturated twice, alive; three samples, the largest slope is 1
SLOPES = np.array([[0, 1e-7, 0.01, 1], [0, -1e-9, -0.04, 0.5], [0, 0, 0.06, -0.06]])


def test_dead_units_are_dead_on_every_sample():
    assert dead_share(SLOPES, 1.0) == 2 / 4
    assert dead_share(SLOPES[:1], 1.0) == 2 / 4
    assert dead_share(SLOPES[:, 3:], 1.0) == 0
    assert dead_share([[0.0, 0.0], [1.0, 0.0]], 1.0) == 1 / 2


def test_saturation_is_counted_by_sample_and_unit():
    assert saturated_share(SLOPES, 1.0) == 8 / 12
    assert saturated_share(SLOPES, 0.5) == 7 / 12  # -0.04 is more than 5 % of 0.5


def test_replicas_keep_to_themselves():
    slopes = np.stack([SLOPES, np.ones_like(SLOPES)])
    np.testing.assert_array_equal(dead_share(slopes, 1.0), [0.5, 0])
    np.testing.assert_array_equal(saturated_share(slopes, 1.0), [8 / 12, 0])


def test_the_words_mean_the_same_for_every_activation():
    z = np.linspace(-20, 20, 4001)[:, None]
    tanh, sigmoid = 1 - np.tanh(z) ** 2, special.expit(z) * special.expit(-z)
    assert saturated_share(tanh, 1.0) == pytest.approx(np.mean(np.abs(np.tanh(z)) > np.sqrt(0.95)), abs=1e-3)
    assert saturated_share(sigmoid, 0.25) == pytest.approx(np.mean(np.abs(np.tanh(z / 2)) > np.sqrt(0.95)), abs=1e-3)
    assert saturated_share((z > 0).astype(float), 1.0) == pytest.approx(0.5, abs=1e-3)
    assert dead_share(sigmoid, 0.25) == 0
    assert dead_share(sigmoid[z[:, 0] > 16], 0.25) == 1


@pytest.mark.parametrize("share", [dead_share, saturated_share])
@pytest.mark.parametrize(
    ("slopes", "reference", "message"),
    [
        ([1.0, 2.0], 1, "samples and units"),
        (np.ones((3, 0)), 1, "samples and units"),
        ([[NAN]], 1, "nan"),
        ([[1.0]], 0, "positive"),
        ([[1.0]], NAN, "positive"),
    ],
)
def test_slopes_that_cannot_be_are_refused(share, slopes, reference, message):
    with pytest.raises(ValueError, match=message):
        share(slopes, reference)
