"""The self-test of the gradient check: every planted defect has to be caught."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.gradients.derivatives import CheckVerdict
from nnlab.gradients.planted_defects import DEFECTS, ROWS, Defect
from nnlab.gradients.planted_image_defects import IMAGE_DEFECTS
from nnlab.gradients.point import BOTH, Batch, Examined, Plant, examine, nothing
from nnlab.networks.layers.base import PassContext
from nnlab.networks.network import Network

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Caught:
    """Whether a defect was noticed, and by what: the exact derivative, the differences, a kink."""

    defect: str
    by: tuple[str, ...]

    @property
    def caught(self) -> bool:
        """Whether anything noticed it."""
        return bool(self.by)


@dataclass(frozen=True)
class SelfTest:
    """What became of each planted defect."""

    seed: int
    defects: tuple[Caught, ...]

    @property
    def missed(self) -> list[Caught]:
        """The defects that nothing noticed."""
        return [one for one in self.defects if not one.caught]

    @property
    def line(self) -> str:
        """The outcome in one line."""
        caught = len(self.defects) - len(self.missed)
        return f"{'FAILED' if self.missed else 'passed'}: {caught} of {len(self.defects)} planted defects caught"

    @property
    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        defects = [{"defect": one.defect, "caught": one.caught, "by": list(one.by)} for one in self.defects]
        return {"passed": not self.missed, "seed": self.seed, "defects": defects}


def run_self_test(seed: int = 0) -> SelfTest:
    """Plant every defect and see what notices it."""
    return SelfTest(seed, tuple(self_test(seed)))


def self_test(seed: int = 0) -> Iterator[Caught]:
    """Plant each defect; before that the same network has to pass as it is, or it would prove nothing."""
    for defect in (*DEFECTS, *IMAGE_DEFECTS):
        sound = examined_with(defect, seed, nothing)
        by = noticed(examined_with(defect, seed, defect.plant)) if sound.passed else ()
        yield Caught(defect.name, by)


def noticed(examined: Examined) -> tuple[str, ...]:
    """What has noticed a defect; nothing if the check has passed."""
    if examined.passed:
        return ()
    check = examined.checks[BOTH]
    with np.errstate(invalid="ignore"):
        by_differences = np.any(np.abs(check.second - check.analytic) > check.slack)
    by_exact = any(bool((part.verdicts == CheckVerdict.FAIL).any()) for part in examined.checks.values())
    by_kink = any(not layer.kinks.agrees.all() for layer in examined.kinks)
    noticed = {"exact": by_exact, "differences": by_differences, "kink": by_kink}
    return tuple(name for name, true in noticed.items() if true) or ("inconclusive",)


def examined_with(defect: Defect, seed: int, plant: Plant) -> Examined:
    """The network of a defect, checked with `plant` in it."""
    network, theta, batch, context = case(defect, seed)
    return examine(network, theta, batch, context, plant=plant)


def case(defect: Defect, seed: int) -> tuple[Network, Array, Batch, PassContext]:
    """The network of a defect with a theta (1, P), a batch, and the noise of a step."""
    draws = np.random.default_rng(seed)
    network = Network(defect.shape, defect.layers, defect.head)
    theta = network.start([seed], np.float64)
    theta += draws.normal(0, 0.2, theta.shape)  # a scale of exactly 1 would hide that it is forgotten
    x = draws.normal(size=(1, ROWS, network.inputs))
    if defect.on_kink:
        x[0, 0] = 0
        theta[:, network.layout.places["dense1/bias"]] = 0
    if defect.tied:
        theta[:, network.layout.places[network.layout.specs[0].name]] = 0
    outputs = network.outputs
    y = np.eye(outputs)[draws.integers(outputs, size=(1, ROWS))]
    return network, theta, (x, y), PassContext([seed], learns=False)
