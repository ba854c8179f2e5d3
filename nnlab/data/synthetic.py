"""Synthetic data sets: a few points, or clouds in the plane that depend on their parameters alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnlab.data.dataset import Columns, Dataset, InputColumn, Task, fingerprint_of
from nnlab.data.files import SOURCE, quoted, refuse
from nnlab.data.targets import MOST_CLASSES, check_classes, class_targets
from nnlab.errors import suggestion
from nnlab.maths.randomness import Purpose, stream

Points = tuple[NDArray[np.float64], NDArray[np.int64]]
"""Points (N, 2) and their classes (N,)."""

MOST_SAMPLES = 10_000_000
MOST_NOISE = 1e6
IMAGE_SIZES = (32, 64)
LARGEST_SEED = 2**63 - 1


def moons(samples: int, noise: float, random: np.random.Generator) -> Points:
    """Two interleaving half circles: (cos t, sin t) and (1 - cos t, 1/2 - sin t) for t in [0, π]."""
    first, second = (np.linspace(0, np.pi, count) for count in _shares(samples, 2))
    upper = np.column_stack([np.cos(first), np.sin(first)])
    lower = np.column_stack([1 - np.cos(second), 0.5 - np.sin(second)])
    return _cloud([upper, lower], noise, random)


def circles(samples: int, noise: float, random: np.random.Generator) -> Points:
    """A circle of radius 1 around one of radius 1/2."""
    angles = [np.linspace(0, 2 * np.pi, count, endpoint=False) for count in _shares(samples, 2)]
    rings = [radius * np.column_stack([np.cos(t), np.sin(t)]) for radius, t in zip((1, 0.5), angles, strict=True)]
    return _cloud(rings, noise, random)


def spirals(samples: int, noise: float, random: np.random.Generator, classes: int = 2) -> Points:
    """Spiral arms of one and a half turns around the origin, from radius 0 to 1."""
    arms = []
    for arm, count in enumerate(_shares(samples, classes)):
        radius = np.linspace(0, 1, count)
        angle = 3 * np.pi * radius + 2 * np.pi * arm / classes
        arms.append(radius[:, np.newaxis] * np.column_stack([np.cos(angle), np.sin(angle)]))
    return _cloud(arms, noise, random)


def blobs(samples: int, noise: float, random: np.random.Generator, classes: int = 3) -> Points:
    """Round clouds whose centres are evenly spaced on a circle of radius 4."""
    angles = 2 * np.pi * np.arange(classes) / classes
    centres = 4 * np.column_stack([np.cos(angles), np.sin(angles)])
    repeated = [np.tile(centre, (count, 1)) for centre, count in zip(centres, _shares(samples, classes), strict=True)]
    return _cloud(repeated, noise, random)


CLOUDS: Mapping[str, tuple[int, Callable[..., Points], Mapping[str, int | float]]] = {
    # name: number of its random stream (part of every result: never reuse), function, parameters with their defaults
    "moons": (0, moons, {"samples": 1000, "noise": 0.2, "seed": 0}),
    "circles": (1, circles, {"samples": 1000, "noise": 0.1, "seed": 0}),
    "spirals": (2, spirals, {"samples": 1000, "noise": 0.02, "seed": 0, "classes": 2}),
    "blobs": (3, blobs, {"samples": 1000, "noise": 1.0, "seed": 0, "classes": 3}),
}


def cloud(name: str, task: Task, parameters: Mapping[str, object]) -> Dataset:
    """One of CLOUDS as a data set with columns x1, x2 and class. DataError for a parameter out of range."""
    number, make, defaults = CLOUDS[name]
    values = {**defaults, **checked(name, parameters, defaults)}
    random = stream(int(values.pop("seed")), Purpose.DATA, number)
    count = int(values.get("classes", 2))
    check_classes([str(label) for label in range(count)], task, name)
    if values["samples"] < count:
        found = f"found samples: {values['samples']} for {name}, expected at least one for each class"
        refuse(None, found, key=(*SOURCE, "samples"))
    x, labels = make(**values, random=random)
    columns = Columns((InputColumn("x1"), InputColumn("x2")), ("class",), tuple(str(label) for label in range(count)))
    return _dataset(name, task, x, class_targets(labels, count, task), columns)


def xor(task: Task) -> Dataset:
    """The four points of the exclusive or."""
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    columns = Columns((InputColumn("x1"), InputColumn("x2")), ("xor",), ("0", "1"))
    return _dataset("xor", task, x, class_targets(np.array([0, 1, 1, 0]), 2, task), columns)


def houses(task: Task) -> Dataset:
    """Twelve house sizes, each with one number to predict."""
    x = np.arange(30.0, 150.0, 10.0)[:, np.newaxis]
    y = np.array([[7.5, 7, 6.5, 6.0, 5.5, 5.0, 4.5, 3.5, 3.2, 2.8, 3.0, 2.5]]).T
    return _dataset("houses", task, x, y, Columns((InputColumn("size"),), ("value",)))


def _dataset(name: str, task: Task, x: NDArray[np.float64], y: NDArray[np.float64], columns: Columns) -> Dataset:
    y = np.ascontiguousarray(y)
    return Dataset(name, task, x, y, columns, fingerprint=fingerprint_of(x, y, columns))


def _shares(samples: int, classes: int) -> list[int]:
    """The number of points of each class; the first classes get the remainder."""
    return [samples // classes + (i < samples % classes) for i in range(classes)]


def _cloud(groups: list[NDArray[np.float64]], noise: float, random: np.random.Generator) -> Points:
    """The groups' points with normal noise of standard deviation `noise`, one class per group, in random order."""
    points = np.concatenate(groups)
    points = points + noise * random.standard_normal(points.shape)
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    order = random.permutation(len(points))
    return points[order], labels[order]


def checked(
    name: str,
    parameters: Mapping[str, Any],
    known: Mapping[str, int | float],
    most_samples: int = MOST_SAMPLES,
    most_noise: float = MOST_NOISE,
) -> dict[str, int | float]:
    """The parameters of a set. DataError for one that is not among those `known` of the set, or out of its range."""
    limits = {"samples": (2, most_samples), "seed": (0, LARGEST_SEED), "classes": (2, MOST_CLASSES)}
    for key, value in parameters.items():
        if key not in known:
            expected = f"one of {', '.join(known)}{suggestion(str(key), known)}"
            refuse(None, f"found parameter {quoted(str(key))} for {name}, expected {expected}", key=(*SOURCE, key))
        if key == "noise":
            _check_noise(value, most_noise)
        elif key == "size":
            _check_size(value)
        else:
            _check_count(key, value, *limits[key])
    return dict(parameters)


def _check_count(key: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        expected = f"expected an integer from {low} to {high}"
        refuse(None, f"found {key}: {quoted(str(value))}, {expected}", key=(*SOURCE, key))


def _check_noise(value: object, most: float) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        expected = f"expected a number from 0 to {most:g}"
        refuse(None, f"found noise: {quoted(str(value))}, {expected}", key=(*SOURCE, "noise"))


def _check_size(value: object) -> None:
    if not isinstance(value, int) or value not in IMAGE_SIZES:
        expected = f"expected {' or '.join(str(size) for size in IMAGE_SIZES)} pixels"
        refuse(None, f"found size: {quoted(str(value))}, {expected}", key=(*SOURCE, "size"))
