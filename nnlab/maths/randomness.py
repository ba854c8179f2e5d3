"""Random numbers as a function of (seed, purpose, index), never of how often a stream was read.

Each purpose has streams of its own, so that drawing more of one thing moves nothing else: a new layer does not change
the shuffling, a resumed run does not need to replay what was drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """What random numbers are for. The numbers are part of every result: never reuse or reorder them."""

    DATA = 0
    SPLIT = 1
    SHUFFLE = 2
    WEIGHTS = 3
    NOISE = 4
    SWEEP = 5


def stream(seed: int, purpose: Purpose, *index: int) -> np.random.Generator:
    """The PCG64 stream of a seed for a purpose and an index, such as the epoch or the layer."""
    sequence = np.random.SeedSequence(seed, spawn_key=(int(purpose), *index))
    return np.random.Generator(np.random.PCG64(sequence))


class Streams:
    """The streams of many seeds for one purpose and index: `streams[r]` has the numbers of `stream(seeds[r], …)`.

    To make a SeedSequence and a PCG64 takes longer than to draw a few numbers from it. Of many seeds all are hashed at
    once, and one generator is set to the beginning of the stream that is asked for: use it before you ask for another.
    """

    def __init__(self, seeds: Sequence[int], purpose: Purpose, *index: int) -> None:
        self._seeds, self._purpose, self._index = seeds, purpose, index
        self._is_few = len(seeds) < _MANY
        if self._is_few:
            return
        self._words = _state_words(seeds, (int(purpose), *map(int, index)))
        self._bits = np.random.PCG64(0)
        self._generator = np.random.Generator(self._bits)

    def __getitem__(self, replica: int) -> np.random.Generator:
        """The generator at the beginning of a seed's stream: PCG64's start from four words (O'Neill 2014)."""
        if self._is_few:
            return stream(self._seeds[replica], self._purpose, *self._index)
        high, low, inc_high, inc_low = self._words[replica].tolist()
        increment = ((inc_high << 64 | inc_low) << 1 | 1) & _ALL
        state = (((high << 64 | low) + increment) * _PCG_MULTIPLIER + increment) & _ALL
        own: Any = {"state": state, "inc": increment}
        self._bits.state = {"bit_generator": "PCG64", "state": own, "has_uint32": 0, "uinteger": 0}
        return self._generator


_MANY = 20  # seeds from which on it takes less time to hash them at once: 0.2 ms for any number, 11 µs for each
_ALL = (1 << 128) - 1
_PCG_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
_POOL = 4  # words of 32 bits in which a SeedSequence keeps what it has hashed


def _state_words(seeds: Sequence[int], key: tuple[int, ...]) -> NDArray[np.uint64]:
    """`SeedSequence(seed, spawn_key=key).generate_state(4, np.uint64)` of each seed, (R, 4).

    The hash is that of M. E. O'Neill's seed_seq (2015) as NumPy has it, which NumPy promises to keep (NEP 19). A seed
    of more than 128 bits is left to NumPy.
    """
    seeds = [int(seed) for seed in seeds]  # of NumPy's integers too, whose shifts are not those of Python's
    words = np.empty((len(seeds), 4), np.uint64)
    short = [replica for replica, seed in enumerate(seeds) if seed.bit_length() <= 32 * _POOL]
    for replica in set(range(len(seeds))).difference(short):
        words[replica] = np.random.SeedSequence(seeds[replica], spawn_key=key).generate_state(4, np.uint64)
    own = [seeds[replica] for replica in short]
    entropy = [np.array([seed >> 32 * place & 0xFFFFFFFF for seed in own], np.uint32) for place in range(_POOL)]
    for number in key:  # each as many words as it needs
        entropy += [np.full(len(own), number >> 32 * place & 0xFFFFFFFF, np.uint32) for place in range(_count(number))]
    words[short] = _generated(_pooled(entropy))
    return words


def _count(number: int) -> int:
    """How many words of 32 bits a number has."""
    return max(1, -(-number.bit_length() // 32))


class _Hash:
    """The hash of one word, whose constant moves on with every use."""

    def __init__(self, constant: int, factor: int) -> None:
        self.constant, self.factor = constant, factor

    def __call__(self, word: Any) -> Any:
        word = word ^ np.uint32(self.constant)
        self.constant = self.constant * self.factor & 0xFFFFFFFF
        word = word * np.uint32(self.constant)
        return word ^ word >> 16


def _mixed(x: Any, y: Any) -> Any:
    word = np.uint32(0xCA01F9DD) * x - np.uint32(0x4973F715) * y
    return word ^ word >> 16


def _pooled(entropy: list[Any]) -> list[Any]:
    """The pool of a SeedSequence: every word of entropy has moved every word of it."""
    hashed = _Hash(0x43B0D7E5, 0x931E8875)
    pool = [hashed(word) for word in entropy[:_POOL]]
    for source in range(_POOL):
        for place in range(_POOL):
            if place != source:
                pool[place] = _mixed(pool[place], hashed(pool[source]))
    for word in entropy[_POOL:]:
        pool = [_mixed(own, hashed(word)) for own in pool]
    return pool


def _generated(pool: list[Any]) -> NDArray[np.uint64]:
    """Four words of 64 bits, (R, 4), the low half of each first."""
    hashed = _Hash(0x8B51F9DD, 0x58F38DED)
    halves = [hashed(pool[number % _POOL]).astype(np.uint64) for number in range(8)]
    return np.stack([low | high << np.uint64(32) for low, high in zip(halves[::2], halves[1::2], strict=True)], axis=-1)
