"""What CONTRIBUTING.md says holds: its paths and names exist, its map is that of the rooms, its examples work."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT, XOR, environment
from test_package import LIBRARIES, ROOMS

from nnlab.setup.experiment_file import ExperimentFile

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
TEXT = re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL)


def section(title):
    """The text between a heading and the next."""
    return re.search(rf"^#+ {title}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]


def table(title):
    """The rows of a section's table, as lists of cells."""
    rows = [line.strip("|").split("|") for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


def names_in(file):
    """What a file defines: functions, classes, tables, and `Class.method` for all that is in a class."""
    for node in ast.parse(file.read_bytes()).body:
        yield from defined_by(node)
        if isinstance(node, ast.ClassDef):
            yield from (f"{node.name}.{name}" for inner in node.body for name in defined_by(inner))


def defined_by(node):
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def missing(names, places):
    """The names that none of some files, or of the files in some folders, defines."""
    files = [f for place in places for f in ([place] if place.is_file() else place.glob("*.py"))]
    return {*names} - {name for file in files for name in names_in(file)}


# --- the map ----------------------------------------------------------------------------------------------------------


def test_the_map_is_that_of_the_rooms_from_top_to_bottom():
    shown = [re.sub(r"/|\.py", "", room) for cells in table("The rooms") for room in quoted(cells[0])]
    for rooms in reversed(ROOMS[:-1]):  # without `__main__`
        assert set(shown[: len(rooms)]) == rooms
        del shown[: len(rooms)]
    assert shown == []


def test_the_map_names_the_libraries_of_each_room():
    own = {name: rooms for name, rooms in LIBRARIES.items() if name not in {"numpy", "scipy", "pydantic_core"}}
    for room, _, libraries in table("The rooms"):
        wanted = {name for name, rooms in own.items() if rooms & {re.sub(r"/|\.py", "", r) for r in quoted(room)}}
        assert set(filter(None, libraries.split(", "))) == wanted, room


# --- paths and names --------------------------------------------------------------------------------------------------


def test_every_path_exists():
    paths = [word for word in quoted(TEXT) if re.match(r"(nnlab|tests|benchmarks)/", word)]
    assert len(paths) > 40
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_name_given_with_a_file_is_defined_there():
    pairs = re.findall(r"`([\w.]+)`\s+(?:in\s+|\()`(nnlab/[\w/]+\.py)`", TEXT)
    assert len(pairs) >= 6
    assert [pair for pair in pairs if missing([pair[0]], [ROOT / pair[1]])] == []


WAYS = ("The learning rate", "A batch of rows", "The name of an activation")


def steps(title):
    """(file, names) of each step: the names between the file and the colon, and those of methods behind it."""
    for step in re.split(r"^\d+\. ", section(title), flags=re.MULTILINE)[1:]:
        begin, _, rest = step.partition(":")
        file, *names = quoted(begin)
        yield file, [*names, *(word for word in quoted(rest) if re.fullmatch(r"[A-Z]\w+\.\w+", word))]


@pytest.mark.parametrize("title", WAYS)
def test_every_step_of_a_way_names_what_its_file_defines(title):
    found = list(steps(title))
    assert len(found) >= 5
    assert all(names for _, names in found)
    assert {file: names for file, given in found if (names := missing(given, [ROOT / file]))} == {}


def test_the_learning_rate_passes_at_most_six_files():
    assert len({file for file, _ in steps("The learning rate")}) <= 6


@pytest.mark.parametrize("rate", ["0.0123456789", "{name: cosine, base: 0.0123456789}"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_training_holds_the_learning_rate_only_in_files_of_the_list(rate, optimizer):
    """Whatever is called after the experiment has been read, which of its variables is that number?"""
    settings = [f"optimizer={{name: {optimizer}, learning_rate: {rate}}}", "training={steps: 3}"]
    setup_of = ExperimentFile.read(XOR, settings).setup
    found = set()

    def look(frame, event, _argument):
        file = Path(frame.f_code.co_filename)
        if event in {"call", "return"} and file.is_relative_to(ROOT / "nnlab"):
            found.update(str(file.relative_to(ROOT)) for held in frame.f_locals.values() if is_rate(held))

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        setup = setup_of()
        list(setup.fit(setup.start()))
    finally:
        sys.setprofile(before)
    listed = [file for file, _ in steps("The learning rate")]
    assert {"nnlab/setup/optimizer.py", "nnlab/maths/optimizers.py"} <= found <= {*listed}


def is_rate(value):
    return isinstance(value, float) and value == 0.0123456789


def test_each_extension_has_the_tables_and_models_that_the_page_names():
    rows = table("Where things go")
    assert len(rows) == 14
    for what, names, places in rows:
        assert missing(quoted(names), [ROOT / place for place in quoted(places)]) == set(), what


# --- the examples -----------------------------------------------------------------------------------------------------


def inserted(source, code, place):
    """The source with the code where the page says: `at the end`, `with the imports`, or `in NAME`, as its last."""
    lines, body = source.splitlines(keepends=True), ast.parse(source).body
    if place == "at the end":
        return f"{source}\n\n{code}"
    if place == "with the imports":
        before = [node for node in body if isinstance(node, ast.Import | ast.ImportFrom)]
    else:
        before = items(next(node for node in body if place.removeprefix("in ") in defined_by(node)))
    at = before[-1].end_lineno
    return "".join([*lines[:at], code, *lines[at:]])


def items(node):
    """The fields of a class, or the items of a table."""
    if isinstance(node, ast.ClassDef):
        return [field for field in node.body if isinstance(field, ast.AnnAssign)]
    return node.value.values if isinstance(node.value, ast.Dict) else node.value.args


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A copy of the package, and of the tests that the page changes, with every example applied as the page says."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(ROOT / "nnlab", folder / "nnlab")  # with byte code, which Python uses for what stays as it is
    (folder / "tests" / "maths").mkdir(parents=True)
    for name in ("maths/test_activations.py", "conftest.py", "disks.py", "pages.py", "strategies.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests" / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for language, block in BLOCKS:
        if language != "sh":
            heading, code = block.split("\n", 1)
            apply(folder, *re.fullmatch(r"# ([\w/.]+)(?:, (.*))?", heading).groups(), code)
    return folder


def apply(folder, path, place, code):
    file = folder / path
    if place in {None, "a new file"}:
        assert not file.exists()
        file.write_text(code, encoding="utf-8")
    else:
        file.write_text(inserted(file.read_text(encoding="utf-8"), code, place), encoding="utf-8")


def run(folder, *words):
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment(PYTHONPATH=os.fspath(folder)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def shown(changed):
    """What each command of the page shows on stdout, by its words."""
    lines = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
    return {line: run(changed, "-m", *line.split()) for line in lines}


@pytest.mark.slow
def test_the_examples_are_at_work_in_the_commands_of_the_page(changed, shown):
    assert run(changed, "-c", "import nnlab; print(nnlab.__file__)") == f"{changed / 'nnlab' / '__init__.py'}\n"
    assert "f'(x) = 1 / sqrt(x**2 + 1)" in shown["nnlab activations show arcsinh"]
    assert shown["nnlab tensors scaled.yaml"].splitlines() == [
        "layer_scale1/factors  2",
        "dense1/weights  2×4",
        "dense1/bias  4",
        "layer_scale2/factors  4",
        "dense2/weights  4×1",
        "dense2/bias  1",
    ]


@pytest.mark.slow
def test_the_examples_derivatives_are_right(changed):
    checked = json.loads(run(changed, "-m", "nnlab", "gradcheck", "scaled.yaml", "--json"))
    assert checked["verdict"] == "PASS"


@pytest.mark.slow
def test_an_example_with_a_wrong_derivative_is_found(changed, tmp_path):
    """The check of the layer looks at its gradient, and not at what the layer says of itself."""
    copy = tmp_path / "wrong"
    shutil.copytree(changed, copy, ignore=shutil.ignore_patterns("layer_scale.*.pyc"))
    file = copy / "nnlab" / "networks" / "layers" / "layer_scale.py"
    right = file.read_text(encoding="utf-8")
    file.write_text(right.replace("dy * self.x, out", "dy * self.y, out"), encoding="utf-8")
    with pytest.raises(AssertionError, match="layer_scale1/factors"):
        run(copy, "-m", "nnlab", "gradcheck", "scaled.yaml")


@pytest.mark.slow
def test_the_example_of_an_activation_passes_the_tests_of_all_activations(changed):
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/maths/test_activations.py", "-k")
    assert re.search(r"\b\d\d passed", run(changed, *words, "arcsinh or every_activation"))
