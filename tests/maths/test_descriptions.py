"""What describes an experiment, its mathematics or its records never changes: only what is under way has a state."""

import importlib
import pkgutil
from dataclasses import is_dataclass

import nnlab

PARTS = {"maths", "networks", "data", "config", "records"}
MODULES = [module.name for module in pkgutil.walk_packages(nnlab.__path__, "nnlab.")]


def test_descriptions_never_change():
    kinds = [
        kind
        for name in MODULES
        if name.split(".")[1] in PARTS
        for kind in vars(importlib.import_module(name)).values()
        if isinstance(kind, type) and is_dataclass(kind)
    ]
    assert len(kinds) > 50
    assert [kind for kind in kinds if not kind.__dataclass_params__.frozen] == []
