"""Shared by the tests that draw hostile inputs: those of benchmarks/fuzz.py."""

import importlib.util
import sys

from support import ROOT

_SPEC = importlib.util.spec_from_file_location("fuzz", ROOT / "benchmarks" / "fuzz.py")
fuzz = importlib.util.module_from_spec(_SPEC)
sys.modules["fuzz"] = fuzz  # where its dataclasses look their annotations up
_SPEC.loader.exec_module(fuzz)
