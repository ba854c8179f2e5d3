"""What conftest.py is to this process, for each Python that has this folder on its PYTHONPATH: quick disks, pictures.

The module of one name is changed as it is loaded, and nothing is loaded before a command wants it.
"""

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path


class Changing(MetaPathFinder):
    """Changes a module once it is loaded."""

    def __init__(self, name, change):
        self.name, self.change = name, change

    def find_spec(self, fullname, *_where):
        if fullname != self.name:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            self.change(module)

        spec.loader.exec_module = exec_module
        return spec


def beside(name):
    """A module of the tests, which are not on the path of what is tested."""
    spec = spec_from_file_location(name, Path(__file__).parents[1] / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unpainted(style):
    """Pictures are composed, and saved as the smallest PNG file."""
    style.to_png = lambda _figure: beside("pages").png()


def undrawn(pictures):
    """No picture of a training is composed."""
    pictures.load_drawing = lambda: None
    pictures.draw_all = lambda _drawing, _folder, beside=(), **_formats: [*filter(None, pictures.side_by_side(beside))]


def without_charts(report):
    """The report of a training has no charts, for which alone matplotlib would be loaded: a third of its time."""
    report._charts = lambda _data: []


if os.environ.get("NO_PICTURES"):
    sys.meta_path.insert(0, Changing("nnlab.experiments.report", without_charts))
    sys.meta_path.insert(0, Changing("nnlab.experiments.pictures", undrawn))
sys.meta_path.insert(0, Changing("nnlab.pictures.style", unpainted))
beside("disks").believe()
