"""The atlas of activations: its suites, and the page whose tables and figures are those that were recorded."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml
from documentation import DOCS, make_reference, text_of
from support import ROOT

from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.literature import LITERATURE

SUITES = ROOT / "configs" / "atlas"
_MADE_OR_CODE = re.compile(r"<!-- table \w+ -->.*?<!-- end -->|`[^`]*`|\]\([^)]*\)", re.DOTALL)
_CONVENTIONS = ("1 − accuracy", "1 is best", "below 0.05", "95 %")
_NAMES = re.compile(r"\b[a-z_]+\d\b")  # such as relu6


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "make_reference", make_reference())
        spec = importlib.util.spec_from_file_location("make_atlas", DOCS / "make_atlas.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module


@pytest.fixture(scope="module")
def facts(script):
    return script.facts()


def suite(name):
    return yaml.safe_load((SUITES / f"{name}.yaml").read_text(encoding="utf-8"))


def test_every_figure_of_the_page_is_what_the_tables_say(facts):
    page = " ".join(text_of("atlas.md").split())
    assert [fact for fact in facts if fact not in page] == []


def test_the_page_states_no_other_figures(facts):
    page = " ".join(_MADE_OR_CODE.sub(" ", text_of("atlas.md")).split())
    for fact in sorted([*facts, *_CONVENTIONS], key=len, reverse=True):
        page = page.replace(fact, "")
    assert re.findall(r".{0,30}\d.{0,20}", _NAMES.sub(" ", page)) == []


def test_the_tables_are_those_that_the_script_makes(script):
    again = "run `python docs/make_atlas.py` and commit what it writes"
    assert (script.TABLES / "tables.md").read_text(encoding="utf-8") == script.tables_page(), again
    assert script.with_tables(text_of("atlas.md")) == text_of("atlas.md"), again


def test_the_pictures_that_the_page_shows_are_there_and_no_others():
    shown = {DOCS / name for name in re.findall(r"\((atlas/[\w-]+\.png)\)", text_of("atlas.md"))}
    assert shown == set((DOCS / "atlas").glob("*.png"))
    assert sum(picture.stat().st_size for picture in shown) <= 600 * 1024


def test_the_page_is_short():
    assert len(text_of("atlas.md").splitlines()) <= 200


def test_the_tables_and_data_are_small():
    assert sum(file.stat().st_size for file in (DOCS / "atlas").rglob("*") if file.is_file()) <= 5 * 2**20


@pytest.mark.parametrize("depth", [2, 8])
def test_the_first_round_has_the_activations_of_the_catalogue(script, depth):
    arms = suite(f"screening-{depth}")["arms"]
    assert len(set(arms)) == len(arms)
    assert sum(arm in ACTIVATIONS for arm in arms) >= 40
    assert sum(arm in LITERATURE for arm in arms) >= 60
    assert list(script.errors_of(f"screening-{depth}").arms) == arms


@pytest.mark.parametrize("depth", [2, 8])
def test_the_second_round_has_the_finalists_of_the_first_on_at_least_12_sets(script, depth):
    found = suite(f"finals-{depth}")
    assert found["arms"] == [*script.finalists(), *script.WELL_KNOWN]
    recorded = script.errors_of(f"finals-{depth}")
    assert list(recorded.arms) == found["arms"]
    paths = [one if isinstance(one, str) else one["config"] for one in found["experiments"]]
    assert list(recorded.sets) == [Path(path).stem for path in paths]
    assert len(recorded.sets) >= 12
    assert recorded.seeds == found["seeds"]


@pytest.mark.parametrize("depth", [2, 8])
def test_pairs_are_those_that_the_benchmark_recorded(script, depth):
    recorded = {(row["better"], row["worse"]): row for row in script.rows_of(f"finals-{depth}/pairs.csv")}
    for pair in script.compared(depth).pairs:
        row = recorded[pair.better, pair.worse]
        assert pair.effect.mean.estimate == pytest.approx(float(row["log_ratio"]), abs=1e-12)
        assert pair.adjusted == pytest.approx(float(row["p_adjusted"]))
        assert pair.beliefs.same == pytest.approx(float(row["p_same"]), abs=0.01)
        assert pair.at_least == int(row["at_least"])


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(-0.1, -0.02, "2 to 10 % smaller"), (-0.3, 0.17, "26 % smaller to 19 % larger"), (0.1, 0.3, "11 to 35 % larger")],
)
def test_an_interval_in_words(script, low, high, words):
    assert script.span(low, high) == words
