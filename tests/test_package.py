"""The package as a whole: who may import whom, what is loaded when, who writes, and that all is explained."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from importlib import metadata

import pytest
import scipy.special
import typer
from support import ROOT, environment, nnlab_here

import nnlab
from nnlab.cli.app import app_of
from nnlab.maths import special

PACKAGE = ROOT / "nnlab"
FILES = sorted(PACKAGE.rglob("*.py"))

LEVELS = {
    "errors": 0, "signals": 0, "maths": 0,
    "networks": 1, "data": 1,
    "training": 2, "config": 2,
    "records": 3,
    "experiments": 4,
    "cli": 5, "__main__": 5,
}  # fmt: skip

# Who may use a library beside the standard one. numpy and scipy are for everybody but the command line, which must be
# quick to start; threads are counted in the records and set by the command line.
LIBRARIES = {
    "numpy": {"maths", "networks", "data", "training", "config", "records", "experiments"},
    "scipy": {"maths", "networks", "data", "training", "config", "records", "experiments"},
    "pydantic": {"config"},
    "pydantic_core": {"config"},
    "yaml": {"config"},
    "matplotlib": {"records"},
    "threadpoolctl": {"records", "cli"},
    "typer": {"cli"},
    "rich": {"cli"},
    "distributed": {"experiments"},  # an extra
}


def part_of(file):
    """The first name below the package: `maths`, `errors`; empty for the package's own file."""
    inner = file.relative_to(PACKAGE).parts
    return "" if inner == ("__init__.py",) else inner[0].removesuffix(".py")


def imports_of(file):
    """Every module that a file imports, wherever in it: in functions and for annotations too."""
    for node in ast.walk(ast.parse(file.read_bytes())):
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


ids = [str(file.relative_to(PACKAGE)) for file in FILES]


def test_every_part_of_the_package_has_a_level():
    assert {part_of(file) for file in FILES} - {""} == set(LEVELS)


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_no_module_imports_from_a_level_above_its_own(file):
    level = LEVELS.get(part_of(file), 0)
    assert [name for name in own_imports(file) if LEVELS[name] > level] == []


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_libraries_are_used_only_where_they_belong(file):
    assert [name for name in foreign_imports(file) if part_of(file) not in LIBRARIES.get(name, ())] == []


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_no_clock_is_read_below_the_records(file):
    if LEVELS.get(part_of(file), 0) < LEVELS["records"]:
        assert {"time", "datetime"} & set(imports_of(file)) == set()


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


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["compare-activations", "--help"], ["--version"]])
def test_help_loads_neither_numpy_nor_matplotlib(words):
    loaded, code = loaded_by(f"import sys; sys.argv = ['nnlab', *{words}]\nfrom nnlab.cli.app import main\nmain()")
    assert code == 0
    assert "typer" in loaded
    assert loaded & {"numpy", "scipy", "matplotlib", "yaml"} == set()


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
    assert loaded & {"scipy", "matplotlib", "dask"} == set()


def test_a_command_is_built_alone_and_any_other_word_builds_all():
    assert [command.name for command in app_of(["train", "--help"]).registered_commands] == ["train"]
    for words in ([], ["--help"], ["trai"], ["losses"]):
        assert list(typer.main.get_command(app_of(words)).commands) == list(COMMANDS)


def test_matplotlib_is_loaded_only_when_something_is_drawn():
    loaded, code = loaded_by("import nnlab.experiments.train, nnlab.experiments.compare, nnlab.experiments.evaluate")
    assert code == 0
    assert "numpy" in loaded
    assert loaded & {"matplotlib", "typer", "rich"} == set()


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


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_only_records_and_the_command_line_print_or_write_files(file):
    found = [] if part_of(file) in {"records", "cli"} else [what for _, what in writes(file)]
    # An experiment hands its checkpoints to the records' own function of that name.
    assert [what for what in found if not (what == "save" and part_of(file) == "experiments")] == []


def test_the_search_for_writing_finds_each_kind():
    code = "open('a', 'w'); p.open(mode='ab'); print(1); p.write_text(t); np.savez(f); open('a'); p.open('rb')"
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    assert sorted(filter(None, map(write_of, calls))) == ["open", "open", "print", "savez", "write_text"]


# --- explanations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_every_module_says_what_it_is_for(file):
    assert len(ast.get_docstring(ast.parse(file.read_bytes())) or "") > 20


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
