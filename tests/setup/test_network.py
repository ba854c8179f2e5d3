"""From the layers of an experiment to those of a network: every kind that a file may have is built."""

from nnlab.config.schema import LAYER_KINDS
from nnlab.setup.network import LAYERS


def test_every_kind_of_layer_is_built_by_an_entry_or_with_its_neighbours():
    assert {*LAYERS, "dense", "conv2d", "activation"} == {*LAYER_KINDS}
    assert len(LAYER_KINDS) == 12


def test_what_says_more_of_a_layer_is_no_kind():
    assert not {"kernel", "stride", "padding", "init", "l1", "l2", "max_norm"} & {*LAYER_KINDS}
