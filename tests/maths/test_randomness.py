"""Streams of many seeds at once are those of each seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlab.maths.randomness import Purpose, Streams, stream

SEEDS = st.one_of(st.integers(0, 2**33), st.integers(0, 2**140))


@given(st.lists(SEEDS, min_size=1, max_size=5), st.sampled_from(Purpose), st.lists(st.integers(0, 2**70), max_size=2))
@pytest.mark.parametrize("times", [1, 20], ids=["few", "many"])
def test_each_seed_has_the_numbers_of_its_own_stream(times, seeds, purpose, index):
    seeds = seeds * times
    streams = Streams(seeds, purpose, *index)
    for replica in reversed(range(len(seeds))):
        own, alone = streams[replica], stream(seeds[replica], purpose, *index)
        assert own.integers(0, 2**62, 3).tolist() == alone.integers(0, 2**62, 3).tolist()
        assert own.permutation(7).tolist() == alone.permutation(7).tolist()


@pytest.mark.parametrize("times", [1, 20], ids=["few", "many"])
def test_a_stream_begins_anew_when_it_is_asked_for_again(times):
    streams = Streams([3, 4] * times, Purpose.NOISE)
    streams[0].random(dtype=np.float32)  # leaves half a word over
    assert streams[1].random(3).tolist() == stream(4, Purpose.NOISE).random(3).tolist()
    assert streams[0].random(3).tolist() == stream(3, Purpose.NOISE).random(3).tolist()
