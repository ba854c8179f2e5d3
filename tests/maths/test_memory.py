"""Arrays that begin where a line of the cache does."""

import numpy as np
import pytest

from nnlab.maths import memory


def begins_on_a_line(array):
    return array.ctypes.data % memory.LINE == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (1,), (3, 5, 7), (1000,)])
def test_an_array_begins_on_a_line_in_c_order(shape, dtype):
    for array in (memory.empty(shape, dtype), memory.zeros(shape, dtype)):
        assert (array.shape, array.dtype, array.flags.c_contiguous) == (shape, dtype, True)
        assert begins_on_a_line(array)
    assert not array.any()
    array[...] = 1
    assert array.sum() == array.size


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_an_array_like_another_has_its_axes_in_the_same_order(axes):
    other = np.ones((2, 3, 5), np.float32).transpose(axes)
    for array in (memory.empty_like(other), memory.zeros_like(other)):
        assert (array.shape, array.strides, array.dtype) == (other.shape, other.strides, other.dtype)
        assert begins_on_a_line(array)
    assert not memory.zeros_like(other).any()
