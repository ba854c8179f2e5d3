"""The claims of the literature: every file reads, says what was published, and is run by benchmarks/claims.py."""

import importlib.util
import re
import sys

import pytest
from support import ROOT

from nnlab import api
from nnlab.config.choices import activation_mapping, choose_activation
from nnlab.config.document import read_file
from nnlab.config.experiment import is_suite
from nnlab.config.overrides import Setting
from nnlab.config.suite import suite_of
from nnlab.maths.literature import ALL_ACTIVATIONS

CLAIMS = sorted((ROOT / "configs" / "claims").glob("*.yaml"))
_SPEC = importlib.util.spec_from_file_location("claims", ROOT / "benchmarks" / "claims.py")
SCRIPT = importlib.util.module_from_spec(_SPEC)
sys.modules["claims"] = SCRIPT  # where its dataclass looks its annotations up
_SPEC.loader.exec_module(SCRIPT)
SUITES = [path for path in CLAIMS if is_suite(read_file(path))]
EXPERIMENTS = [path for path in CLAIMS if path not in SUITES]


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiment_of_a_claim_reads_and_its_gates_parse(path):
    assert api.resolve(path).experiment.gates


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_a_suite_of_a_claim_reads_with_its_arms_and_experiments(path):
    suite = suite_of([path], {}).suite
    assert suite.name == path.stem
    assert suite.baseline in suite.arms
    for arm in suite.arms:
        choose_activation(activation_mapping(arm), ALL_ACTIVATIONS)
    for entry in suite.experiments:
        changes = [Setting(key, value, "set") for key, value in entry.set.items()]
        assert api.resolve(path.parent / entry.config, set=changes).experiment.name


@pytest.mark.parametrize("path", CLAIMS, ids=lambda path: path.stem)
def test_a_claim_begins_with_its_source_and_what_is_found_here(path):
    head = re.match(r"(?:# .*\n)+", path.read_text(encoding="utf-8")).group()
    assert re.search(r"\b(19|20)\d\d\b", head)
    assert "Here" in head


def test_the_script_prints_the_depths_that_were_published_and_those_of_theory(capsys):
    assert SCRIPT.main(["--only", "tanh-depth"]) == 0
    (row,) = capsys.readouterr().out.splitlines()[2:]
    found = re.findall(r"ξ ([\d.]+) \(published ([\d.]+)\)", row)
    assert len(found) == 6
    for ours, published in found:
        assert float(ours) == pytest.approx(float(published), rel=0.01)


def test_the_page_and_the_script_name_every_file():
    page = (ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
    script = (ROOT / "benchmarks" / "claims.py").read_text(encoding="utf-8")
    parts = {path for suite in SUITES for path in re.findall(r"[\w-]+(?=\.yaml)", suite.read_text(encoding="utf-8"))}
    for path in CLAIMS:
        assert path.stem in page
        assert path.stem in parts or f'"{path.stem}"' in script
