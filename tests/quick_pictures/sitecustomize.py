"""What the fixture `quick_pictures` is to this process, for each Python that has this folder on its PYTHONPATH."""

import sys
from importlib.abc import MetaPathFinder
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

STYLE = "nnlab.pictures.style"


class QuickPictures(MetaPathFinder):
    """Exchanges `to_png` as its module is loaded, and loads nothing before a command wants it."""

    def find_spec(self, fullname, *_where):
        if fullname != STYLE:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(fullname)
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            module.to_png = lambda _figure: smallest()

        spec.loader.exec_module = exec_module
        return spec


def smallest():
    """The picture of tests/pages.py, which is not on the path of what is tested."""
    spec = spec_from_file_location("pages", Path(__file__).parents[1] / "pages.py")
    pages = module_from_spec(spec)
    spec.loader.exec_module(pages)
    return pages.png()


sys.meta_path.insert(0, QuickPictures())
