"""From the layers of an experiment to those of a network: every kind that a file may have is built."""

from nnlab.config.schema import LAYER_KINDS
from nnlab.setup.network import LAYERS


def test_every_kind_of_layer_is_built_by_an_entry_or_with_its_neighbours():
    assert {*LAYERS, "dense", "activation"} == {*LAYER_KINDS}
    assert len(LAYER_KINDS) == 6


def test_what_belongs_to_a_dense_layer_is_no_kind():
    assert not {"init", "l1", "l2", "max_norm"} & {*LAYER_KINDS}
