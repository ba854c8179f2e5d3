"""The package as a whole: who may import whom, what is loaded when, who writes, and that all is explained."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from functools import cache
from importlib import metadata

import pytest
import scipy.special
import typer
from support import ROOT, environment, nnlab_here

import nnlab
from nnlab.cli.app import app_of
from nnlab.maths import special

PACKAGE = ROOT / "nnlab"
# Its own file is above all rooms: it names what `import nnlab` offers, and loads none of it.
FILES = sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"})

# From the bottom to the top: a room imports only from those below it.
ROOMS = (
    {"errors", "signals", "limits"},
    {"paths", "lengths"},
    {"maths"},
    {"networks", "data"},
    {"training"},
    {"storage"},
    {"report"},
    {"gates", "pictures"},
    {"config"},
    {"setup", "loggers"},
    {"gradients"},
    {"experiments"},
    {"exports"},
    {"comparison"},
    {"api"},
    {"cli", "library", "sklearn"},
    {"__main__"},
)
LEVELS = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}

# Who may use a library beside the standard one. numpy and scipy are for everybody but the command line, which must be
# quick to start; threads are counted in the runs' environment and set by the command line.
_COMPUTING = {*LEVELS} - {"errors", "signals", "limits", "paths", "lengths", "api", "cli", "__main__"}
LIBRARIES = {
    "numpy": _COMPUTING,
    "scipy": _COMPUTING,
    "pydantic": {"config", "storage"},
    "pydantic_core": {"config", "storage"},
    "yaml": {"config"},
    "matplotlib": {"pictures"},
    "PIL": {"data"},
    "threadpoolctl": {"storage", "comparison", "cli"},
    "typer": {"cli"},
    "rich": {"cli"},
    "distributed": {"comparison"},  # an extra
    "mlflow": {"loggers"},  # an extra
    "onnx": {"exports"},  # an extra
    "safetensors": {"exports"},  # an extra
    "sklearn": {"sklearn"},  # an extra
    "tensorboard": {"loggers"},  # an extra
    "pandas": {"library"},  # where a table is asked for
}


def part_of(file):
    """The first name below the package: `maths`, `errors`; empty for the package's own file."""
    inner = file.relative_to(PACKAGE).parts
    return "" if inner == ("__init__.py",) else inner[0].removesuffix(".py")


@cache
def imports_of(file):
    """Every module that a file imports, wherever in it: in functions and for annotations too."""
    return tuple(_imports_in(file))


@cache
def declarations_of(file):
    """The classes and the import statements of a file, wherever in it: read once for all tests that ask for them."""
    kinds = (ast.ClassDef, ast.Import, ast.ImportFrom)
    return [node for node in ast.walk(ast.parse(file.read_bytes())) if isinstance(node, kinds)]


def _imports_in(file):
    for node in declarations_of(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield from ([f"nnlab.{alias.name}" for alias in node.names] if node.module == "nnlab" else [node.module])


def own_imports(file):
    return [name.split(".")[1] for name in imports_of(file) if name.startswith("nnlab.")]


def foreign_imports(file):
    roots = {name.split(".")[0] for name in imports_of(file)}
    return sorted(roots - sys.stdlib_module_names - {"nnlab", "__future__"})


def at_fault(check):
    """The files for which a check finds something, with what it finds."""
    return {str(file.relative_to(PACKAGE)): found for file in FILES if (found := check(file))}


def test_every_part_of_the_package_is_a_room():
    assert {part_of(file) for file in FILES} == set(LEVELS)


def test_a_room_imports_only_from_rooms_below_it():
    def from_above(file):
        room = part_of(file)
        return [name for name in own_imports(file) if name != room and LEVELS[name] >= LEVELS.get(room, 0)]

    assert at_fault(from_above) == {}


def test_no_modules_import_each_other_in_a_circle():
    """Every import counts, also one within a function: none is there to hide a circle."""
    modules = {module_of(file): file for file in FILES}
    imports = {name: {m for m in modules_imported(file, modules) if m != name} for name, file in modules.items()}
    while free := [name for name, others in imports.items() if not others & imports.keys()]:
        for name in free:
            del imports[name]
    assert sorted(imports) == []


def module_of(file):
    """`nnlab.maths.losses` for its `__init__.py`."""
    return ".".join(("nnlab", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def modules_imported(file, modules):
    """The modules of the package that a file names: of `from a import b` a.b where that is one, else a."""
    for node in declarations_of(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from inner & modules.keys()
            if not inner <= modules.keys():
                yield from {node.module} & modules.keys()


def test_no_two_classes_share_a_name():
    found = {}
    for file in FILES:
        for node in declarations_of(file):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(str(file.relative_to(PACKAGE)))
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_libraries_are_used_only_where_they_belong():
    assert at_fault(lambda f: [n for n in foreign_imports(f) if part_of(f) not in LIBRARIES.get(n, ())]) == {}


NOW = {"now", "utcnow", "today"}


def test_no_clock_is_read_below_the_runs():
    def clocks(file):
        if LEVELS.get(part_of(file), 0) >= LEVELS["storage"]:
            return ()
        nodes = ast.walk(ast.parse(file.read_bytes()))
        called = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute) and node.attr in NOW}
        read = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today"} & called  # dates in cells are none
        return ({"time"} & set(imports_of(file))) | read

    assert at_fault(clocks) == {}


def test_the_command_line_is_imported_by_nobody_but_itself():
    users = {part_of(file) for file in FILES if "cli" in own_imports(file)}
    assert users <= {"cli", "__main__"}


# --- what is loaded when ---------------------------------------------------------------------------------------------

LOADED = """
import atexit, sys
atexit.register(lambda: print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr))
"""


def loaded_by(code):
    """The top-level modules in memory when a process that ran `code` ends, and its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED + code], env=environment(), capture_output=True, text=True, check=False
    )
    return set(done.stderr.rpartition("LOADED")[2].split()), done.returncode


@pytest.mark.parametrize(
    "words", [["--help"], ["train", "--help"], ["export", "--help"], ["compare-activations", "--help"], ["--version"]]
)
def test_help_loads_neither_numpy_nor_matplotlib(words):
    loaded, code = loaded_by(f"import sys; sys.argv = ['nnlab', *{words}]\nfrom nnlab.cli.app import main\nmain()")
    assert code == 0
    assert "typer" in loaded
    assert loaded & {"numpy", "scipy", "matplotlib", "yaml", "onnx"} == set()


def test_a_dry_run_loads_nothing_that_it_does_not_need():
    words = ["train", str(ROOT / "configs" / "xor.yaml"), "--dry-run"]
    loaded, code = loaded_by(
        f"""
sys.argv = ["nnlab", *{words}]
sys.modules["numpy.ma"] = None  # np.unique loads it: a tenth of what NumPy takes
from nnlab.cli.app import main
main()
"""
    )
    assert code == 0
    assert loaded & {"scipy", "matplotlib", "dask", "PIL"} == set()


def test_a_command_is_built_alone_and_any_other_word_builds_all():
    assert [command.name for command in app_of(["train", "--help"]).registered_commands] == ["train"]
    for words in ([], ["--help"], ["trai"], ["losses"]):
        assert list(typer.main.get_command(app_of(words)).commands) == list(COMMANDS)


def test_matplotlib_is_loaded_only_when_something_is_drawn():
    loaded, code = loaded_by("import nnlab.experiments.train, nnlab.comparison.compare, nnlab.experiments.evaluate")
    assert code == 0
    assert "numpy" in loaded
    assert loaded & {"matplotlib", "typer", "rich", "mlflow", "tensorboard"} == set()


def test_a_passport_loads_matplotlib_only_for_its_page():
    words = ["activations", "show", "relu"]
    loaded, code = loaded_by(f"sys.argv = ['nnlab', *{words}]\nfrom nnlab.cli.app import main\nmain()")
    assert code == 0
    assert "numpy" in loaded
    assert loaded & {"matplotlib", "PIL", "pandas"} == set()


def test_special_functions_are_scipys_loaded_when_one_is_asked_for():
    from_numpy, _ = loaded_by("import nnlab.maths.functions.gates")
    assert {"numpy", "scipy"} - from_numpy == {"scipy"}
    assert special.erfcx is scipy.special.erfcx
    assert special.erfcx is special.erfcx
    assert not hasattr(special, "__path__")  # what Python's own tools ask a module for loads nothing
    with pytest.raises(AttributeError, match="no_such_function"):
        special.no_such_function  # noqa: B018 - asking is what is tested


def test_the_package_itself_loads_no_library():
    loaded, code = loaded_by("import nnlab")
    assert code == 0
    assert loaded & {*LIBRARIES} == set()


# --- writing and printing --------------------------------------------------------------------------------------------


def writes(file):
    """Calls that print, or open a file for writing: (line, what)."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Call) and (what := write_of(node)):
            yield node.lineno, what


def write_of(call):
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in {"print", "write_text", "write_bytes", "mkdir", "makedirs", "savez", "save", "savetxt", "tofile"}:
        return name
    position = 0 if isinstance(call.func, ast.Attribute) and name == "open" else 1
    modes = [*call.args[position : position + 1], *(k.value for k in call.keywords if k.arg == "mode")]
    known = [str(mode.value) for mode in modes if isinstance(mode, ast.Constant)]
    writing = any(re.fullmatch("[rwaxbt+]{1,4}", mode) and set(mode) & set("wax+") for mode in known)
    return "open" if name in {"open", "fdopen"} and writing else ""


def test_nothing_below_the_runs_writes_a_file_and_only_the_command_line_prints():
    def forbidden(file):
        room, found = part_of(file), [what for _, what in writes(file)]
        may = {*found} if LEVELS.get(room, 0) >= LEVELS["storage"] else set()
        may = may if room == "cli" else may - {"print"}
        return [what for what in found if what not in may]

    assert at_fault(forbidden) == {}


def test_the_search_for_writing_finds_each_kind():
    code = "open('a', 'w'); p.open(mode='ab'); print(1); p.write_text(t); np.savez(f); open('a'); p.open('rb')"
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    assert sorted(filter(None, map(write_of, calls))) == ["open", "open", "print", "savez", "write_text"]


# --- explanations ----------------------------------------------------------------------------------------------------


def test_every_module_says_what_it_is_for():
    assert at_fault(lambda file: len(ast.get_docstring(ast.parse(file.read_bytes())) or "") <= 20) == {}


def test_every_module_can_be_imported():
    for module in pkgutil.walk_packages(nnlab.__path__, "nnlab."):
        if module.name != "nnlab.__main__":
            importlib.import_module(module.name)


COMMANDS = typer.main.get_command(app_of()).commands


def test_the_commands_are_those_of_the_design():
    assert list(COMMANDS)[:4] == ["train", "eval", "gradcheck", "compare-activations"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_argument_and_option_has_help(command):
    assert COMMANDS[command].help
    assert [p.name for p in COMMANDS[command].params if not (p.help or "").strip().endswith((".", "'."))] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_shown_by_help(command, tmp_path):
    result = nnlab_here(command, "--help", cwd=tmp_path)
    assert result.exit_code == 0
    options = [name for p in COMMANDS[command].params for name in p.opts if name.startswith("--")]
    assert [name for name in options if name not in result.stdout] == []


@pytest.mark.parametrize("option", ["--runs-dir", "--plugin", "--threads", "--quiet", "--json", "--debug"])
def test_options_that_all_commands_share_mean_the_same_everywhere(option):
    helps = {p.help for command in COMMANDS.values() for p in command.params if option in p.opts}
    assert len(helps) == 1


def test_version_is_the_installed_one(tmp_path):
    result = nnlab_here("--version", cwd=tmp_path)
    assert (result.exit_code, result.stdout) == (0, f"nnlab {nnlab.__version__}\n")
    assert metadata.version("nnlab") == nnlab.__version__


def test_without_a_command_the_help_is_shown(tmp_path):
    result = nnlab_here(cwd=tmp_path)
    assert result.exit_code == 2
    assert "compare-activations" in result.stdout + result.stderr


def code_lines(function, lines):
    """How many lines of a function are code: no blank ones, no comments, no docstring."""
    told = function.body[0] if ast.get_docstring(function) is not None else None
    skipped = set(range(told.lineno, told.end_lineno + 1)) if told else set()
    inner = (number for number in range(function.lineno, function.end_lineno + 1) if number not in skipped)
    return sum(bool(text) and not text.startswith("#") for text in (lines[number - 1].strip() for number in inner))


def test_a_command_parses_calls_and_shows_in_25_lines_of_code():
    def long(file):
        if part_of(file) != "cli":
            return []
        text = file.read_text(encoding="utf-8")
        functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
        return [f.name for f in functions if code_lines(f, text.splitlines()) > 25]

    assert at_fault(long) == {}


def test_the_training_loop_is_read_in_two_minutes():
    assert len((PACKAGE / "training" / "loop.py").read_text(encoding="utf-8").splitlines()) <= 150
