"""Which quantities of a step give another one away: those that a pupil could read a blank back from.

A quantity gives another away if its numbers come from that one's without a sum over several rows, units or pixels: a
from z, dL/dz from f′(z), the update from the gradient, the new value from the update. One step of arithmetic leads back
from it. A sum of several terms does not: z of a dense layer tells no single input, and dL/dW no single row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from nnlab.networks.layers.avg_pool import AveragePooling
from nnlab.networks.layers.base import Layer, Shape, units_of
from nnlab.networks.layers.elementwise import Elementwise
from nnlab.networks.layers.global_avg_pool import GlobalAveragePooling
from nnlab.networks.layers.weighted import Weighted
from nnlab.networks.network import Network

Pair = tuple[str, str]  # a quantity, and one that gives it away
Giveaways = Mapping[str, tuple[str, ...]]


def giveaways_of(
    network: Network, given: Sequence[str], slots: Iterable[str], known: Collection[str], batch: int
) -> Giveaways:
    """For each quantity of those `known` the ones that give it away directly.

    `given` names what each layer gives, in the order of the layers; `slots` are those of the optimizer, `batch` the
    rows of the batch.
    """
    found: dict[str, list[str]] = {}
    pairs = [*_of_layers(network, given, known, batch), *_of_loss(network, given[-1], known, batch)]
    pairs += [*_of_update(network, [*slots]), *_of_statistics(network)]
    for source, follower in pairs:
        if source in known and follower in known:
            found.setdefault(source, []).append(follower)
    return {source: tuple(dict.fromkeys(followers)) for source, followers in found.items()}


def with_giveaways(names: Iterable[str], giveaways: Giveaways) -> list[str]:
    """The names, with all that gives any of them away, and what gives that away."""
    found = [*names]
    for name in found:  # grows meanwhile
        found += [one for one in giveaways.get(name, ()) if one not in found]
    return found


def _of_layers(network: Network, given: Sequence[str], known: Collection[str], batch: int) -> Iterator[Pair]:
    """Each layer forward and backward; of a batch of one row gradients are no sums either."""
    for index, layer in enumerate(network.layers):
        shape, x, y = network.shapes[index], "batch.x" if index == 0 else given[index - 1], given[index]
        tensors = [spec.name for spec in layer.parameter_specs(shape)]
        old, slopes = [f"{name}.old" for name in tensors], _slopes(layer, known)
        if not _sums(layer, shape):
            inner = [f"{layer.name}.{name}" for name in ("mean", "variance", "mask", "noise", "normalized")]
            yield from _each([x, *inner[:2]], inner[-1:])
            yield from _each([x, *inner, *old], [y])
            yield from _each([x, *old, y], slopes)
        if index and not (isinstance(layer, Weighted) and layer.fans(shape)[1] > 1):
            factors = [f"{layer.name}.{name}" for name in ("delta", "slope", "mask")]
            yield from _each([*factors, *old], [f"{network.layers[index - 1].name}.delta"])
        if batch == 1:
            factors = [x, f"{layer.name}.delta", f"{layer.name}.normalized", *slopes]
            yield from _each(factors, [f"{name}.gradient" for name in tensors])


def _sums(layer: Layer, shape: Shape) -> bool:
    """Whether what the layer gives are sums of several of its inputs."""
    if isinstance(layer, Weighted):
        return layer.fans(shape)[0] > 1
    if isinstance(layer, AveragePooling):
        return units_of(layer.windows.kernel) > 1
    return isinstance(layer, GlobalAveragePooling)


def _slopes(layer: Layer, known: Collection[str]) -> list[str]:
    """The derivatives that a layer shows; none where they are drawn, since nobody can work those out."""
    if isinstance(layer, Elementwise) and layer.activation.randomized is not None:
        return []
    return [name for name in known if name.startswith(f"{layer.name}.") and name.endswith("slope")]


def _of_loss(network: Network, last: str, known: Collection[str], batch: int) -> Iterator[Pair]:
    """The outputs, the losses of the rows, their mean where there is one row, and the first derivative."""
    outputs = "loss.a" if "loss.a" in known else last
    yield last, outputs
    yield from _each([outputs, "batch.y", "batch.weight"], ["loss.rows", f"{network.layers[-1].name}.delta"])
    if batch == 1:
        yield "loss.rows", "loss.mean"


def _of_update(network: Network, slots: Sequence[str]) -> Iterator[Pair]:
    """The way from a gradient to the new value, in the order of the columns."""
    for name in network.layout.places:
        way = [f"{name}.{kind}" for kind in ("gradient", "clipped", *slots, "update", "unbounded", "new")]
        yield from ((one, later) for place, one in enumerate(way) for later in way[place + 1 :])
        yield from ((f"{name}.{slot}_before", f"{name}.{slot}") for slot in slots)
        yield from _each([f"{name}.old"], way[-2:])


def _of_statistics(network: Network) -> Iterator[Pair]:
    """Running statistics: the new ones from the old ones and from those of the batch."""
    for name in network.statistics.places:
        yield from _each([f"{name}.old", name.replace("/", ".")], [f"{name}.new"])


def _each(sources: Iterable[str], followers: Sequence[str]) -> Iterator[Pair]:
    return ((source, follower) for source in sources for follower in followers if source != follower)
