"""Random edits of the files of finished runs: benchmarks/tamper.py tries ten thousand of them, here are a hundred."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from support import ROOT, environment

pytestmark = pytest.mark.slow

EDITS = 100
PLACES = f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'quick_pictures'}"


def test_random_edits_end_in_a_fault_or_do_no_harm():
    result = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "tamper.py", "--edits", str(EDITS)],
        env=environment(PYTHONPATH=PLACES, PYTHONWARNINGS=None),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(rf"^{EDITS} edits in \d+ s: .*; 0 findings$", result.stdout, re.MULTILINE)
