"""What the pages say holds: every block runs, every list is complete, every file in them is valid."""

import re
import subprocess
import sys

import pytest
import typer
import yaml
from documentation import (
    DOCS,
    PAGES,
    README,
    REFERENCE,
    Reader,
    blocks_of,
    clusters,
    commands_of_a_build_server,
    experiment_of,
    make_reference,
    text_of,
    words_of,
)
from support import ROOT

import nnlab
from nnlab import errors
from nnlab.cli.app import app_of
from nnlab.comparison import pictures as of_comparisons
from nnlab.comparison import sweep_pictures as of_sweeps
from nnlab.comparison.benchmark.pictures import BENCHMARK_PICTURES
from nnlab.config.document import read_text
from nnlab.config.experiment import validate
from nnlab.config.schema import Data, DateFormat, Experiment
from nnlab.data import targets
from nnlab.data.catalogue import CATALOGUE
from nnlab.errors import ConfigError, NnlabError
from nnlab.experiments import pictures as of_trainings
from nnlab.maths.activations import ACTIVATIONS
from nnlab.maths.initializers import INITIALIZERS
from nnlab.maths.literature import ALL_ALIASES, LITERATURE
from nnlab.maths.losses import DEFAULT_HEADS
from nnlab.maths.one_hot import MOST_DENSE
from nnlab.maths.optimizers import OPTIMIZERS
from nnlab.maths.schedules import SCHEDULES
from nnlab.pictures import classes, regions
from nnlab.setup.network import network_for

EXPERIMENTS = text_of("experiment-file.md")
TABLES = text_of("your-own-table.md")
IMAGES = text_of("images.md")
OPTIONS = text_of("command-line.md")


def name_of(page):
    return page.name


# --- every block ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_blocks_of_a_page_run_one_after_the_other(page, tmp_path, monkeypatch):
    for name, module in clusters().items():
        monkeypatch.setitem(sys.modules, name, module)
    reader = Reader(tmp_path / "checkout")
    for block in blocks_of(page):
        if not block.sets_up:
            reader.follow(block)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_block_is_in_a_language_that_is_run_or_shows_what_is_printed(page):
    assert {block.language for block in blocks_of(page)} <= {"sh", "python", "yaml", "text", ""}


def test_a_line_that_needs_a_shell_is_told_from_a_command_of_nnlab():
    assert words_of('nnlab train a.yaml --gate "train/loss <= 1"') == ["train", "a.yaml", "--gate", "train/loss <= 1"]
    assert words_of("nnlab train a.yaml | grep loss") is None
    assert words_of("nnlab train a.yaml && nnlab eval latest") is None
    assert words_of('nnlab eval "$run"') is None
    assert words_of("for a in relu; do nnlab train a.yaml; done") is None


@pytest.mark.parametrize("page", REFERENCE, ids=name_of)
def test_the_lines_of_an_experiment_on_a_reference_page_are_valid_for_some_task(page):
    for block in blocks_of(page, "yaml"):
        found = [experiment_for(task, block.text) for task in DEFAULT_HEADS]
        assert any(isinstance(one, Experiment) for one in found), (block.text, found[0])


def experiment_for(task, text):
    """The experiment, or what is wrong with it."""
    try:
        return experiment_of(f"task: {task}\n{text}")
    except ConfigError as error:
        return error


def test_the_files_for_build_servers_run_nnlab_and_keep_what_it_writes():
    found = [block for block in blocks_of(DOCS / "gates.md", "yaml") if block.is_of_a_build_server]
    assert [block.title for block in found] == [".github/workflows/network.yml", ".gitlab-ci.yml"]
    assert all("--junit gates.xml" in commands_of_a_build_server(block.text) for block in found)
    github, gitlab = (yaml.safe_load(block.text) for block in found)
    assert github["jobs"]["train"]["steps"][-1]["uses"].startswith("actions/upload-artifact@")
    assert gitlab["network"]["artifacts"]["reports"] == {"junit": "gates.xml"}


# --- the site ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_no_other_server(tmp_path):
    pytest.importorskip("material", reason="the site needs the extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    loaded = [
        address
        for page in (tmp_path / "site").rglob("*.html")
        for address in re.findall(r'<(?:script|link|img)\b[^>]*?(?:src|href)="?(https?:[^"> ]+)', page.read_text())
    ]
    assert loaded == []


def test_every_link_of_the_readme_leads_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    assert len(links) > 25
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_page_is_linked_from_the_readme():
    links = set(re.findall(r"\]\(docs/([^)#]+)\)", README.read_text(encoding="utf-8")))
    pages = {str(page.relative_to(DOCS)) for page in [*PAGES[1:], *REFERENCE]}
    assert pages - links == set()


def test_the_gallery_has_an_image_of_every_kind_of_picture_and_is_small():
    tables = {"training": of_trainings, "comparison": of_comparisons, "sweep": of_sweeps}
    names = {kind: table.PICTURES for kind, table in tables.items()} | {"benchmark": BENCHMARK_PICTURES}
    wanted = {f"{kind}-{name}.png" for kind, table in names.items() for name in table}
    images = [*(DOCS / "images").rglob("*.png")]
    by_commands = {
        f"command-{name}.png" for name in ("activation", "passport", "functions", "operations", "runs", "answers")
    }
    assert {image.name for image in images} == wanted | by_commands | {"comparison.png"}
    shown = re.findall(r"images/gallery/([\w-]+\.png)", text_of("reference/gallery.md"))
    assert set(shown) == wanted | by_commands
    assert sum(image.stat().st_size for image in images) <= 3 * 2**20


def test_the_citation_names_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == nnlab.__version__
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()


# --- an experiment file -----------------------------------------------------------------------------------------------


def test_the_experiment_file_is_valid():
    text = blocks_of(DOCS / "experiment-file.md", "yaml")[0].text
    assert isinstance(validate(read_text(text, "experiment-file.md")), Experiment)


def test_the_keys_of_a_table_are_valid():
    (block,) = blocks_of(DOCS / "your-own-table.md", "yaml")
    data = validate(read_text(f"name: t\ntask: binary\n{block.text}", "tables.yaml")).data
    assert data.columns["joined"] == DateFormat(date="%d/%m/%Y")
    asked = set(Data.model_fields) - {"scale", "scale_targets", "in_blocks", "resize", "channels", "bad_images"}
    assert asked <= set(re.findall(r"[a-z_]+", TABLES + EXPERIMENTS))


def test_the_layers_for_images_are_valid_and_fit_each_other():
    (block,) = blocks_of(DOCS / "images.md", "yaml")
    text = f"name: images\ntask: multilabel\ndata: {{source: portraits}}\n{block.text}"
    network = network_for(validate(read_text(text, "images.yaml")), (32, 32, 3), 12)
    assert network.shapes[-2:] == ((120,), (12,))


def test_pytorchs_start_in_words_is_valid():
    (start,) = re.findall(r"\{name:\s+variance_scaling[^}]*\}", IMAGES)
    words = " ".join(start.split())
    text = "name: a\ntask: binary\ndata: {source: xor}\nnetwork: {layers: [2], init: {weights: W, bias: W}}\n"
    assert validate(read_text(text.replace("W", words), "a.yaml")).network.init.bias.name == "variance_scaling"


def test_the_numbers_of_classes_are_those_that_hold():
    text = " ".join(TABLES.split())
    most, whole, confused, drawn = re.search(
        r"up to ([\d,]+) classes.*?more than (\d+), `confusion\.png` shows the (\d+) .*?of more than (\d+), no regions",
        text,
    ).groups()
    assert int(most.replace(",", "")) == targets.MOST_CLASSES
    everywhere = re.findall(r"more than ([\d,]+)\s+classes", TABLES + text_of("comparisons.md"))
    assert {int(number.replace(",", "")) for number in everywhere} == {MOST_DENSE}
    assert f"Of more than {MOST_DENSE:,} the numbers for each row and class are in memory for some rows" in text
    assert (int(whole), int(confused), int(drawn)) == (classes.MOST_WHOLE, classes.MOST_CONFUSED, regions.MOST_CLASSES)


def test_the_faults_are_those_of_such_a_file():
    text = "name: a\ntask: binary\nseed: -1\ndata:\n  sorce: xor\ntraining: {steps: 1}\n"
    with pytest.raises(ConfigError) as raised:
        validate(read_text(text, "experiment.yaml"))
    (block,) = (b for b in blocks_of(DOCS / "experiment-file.md", "") if "experiment.yaml:" in b.text)
    assert block.text.splitlines() == [str(fault) for fault in raised.value.faults]


@pytest.mark.parametrize(
    "table", [ACTIVATIONS, OPTIMIZERS, SCHEDULES, CATALOGUE, DEFAULT_HEADS], ids=lambda table: next(iter(table))
)
def test_every_entry_of_a_table_is_named(table):
    text = EXPERIMENTS + text_of("activations.md")
    assert [name for name in table if not re.search(rf"\b{re.escape(name)}\b", text)] == []


def test_the_functions_of_the_literature_are_counted_and_their_second_names_are_right():
    page = text_of("activations.md")
    assert f"knows {len(LITERATURE)} published functions" in page
    seconds = re.findall(r"`(\w+)` is (\w+)[,.]", page)
    assert seconds
    assert all(ALL_ALIASES[second] == name for second, name in seconds)


def test_every_initializer_is_named():
    named = {"fair", "zeros", "constant", "uniform", "normal"}
    named |= {"identity", "truncated_normal", "orthogonal", "variance_scaling"}
    named |= {f"{kind}_{draw}" for kind in ("glorot", "he", "lecun") for draw in ("uniform", "normal")}
    assert named == set(INITIALIZERS)


def test_every_name_of_the_library_is_in_its_table():
    table = text_of("python.md")
    assert [name for name in nnlab.__all__ if name != "__version__" and f"`{name}`" not in table] == []


# --- options and exit codes -------------------------------------------------------------------------------------------


COMMANDS = dict(make_reference().leaves(typer.main.get_command(app_of())))
MAIN = [name for name in COMMANDS if " " not in name]  # the others are in the text: what they take is of these kinds


def option_names(command):
    return {option for parameter in command.params for option in parameter.opts if option.startswith("-")} - {"--help"}


ROWS = [
    (re.findall(r"`(--?[a-z-]+)", options), of)
    for options, of in re.findall(r"^\| (`-.*?) \| (.*?) \| .* \|$", OPTIONS, re.MULTILINE)
]


def commands_of(cell):
    """The commands that a cell of the table names: `train, eval`, `all`, or `all but init and data`."""
    if not cell.startswith("all"):
        return set(cell.split(", "))
    left_out = [] if cell == "all" else cell.removeprefix("all but ").split(" and ")
    return {name for name in COMMANDS if not any(f"{name} ".startswith(f"{other} ") for other in left_out)}


@pytest.mark.parametrize("name", MAIN)
def test_every_option_is_in_the_table_with_its_command(name):
    mine = {option for options, of in ROWS if name in commands_of(of) for option in options}
    assert option_names(COMMANDS[name]) - {"-q"} - mine == set()


@pytest.mark.parametrize(("options", "of"), ROWS, ids=lambda value: str(value)[:30])
def test_every_option_in_the_table_is_one_of_each_command_named_there(options, of):
    lacking = {name: set(options) - option_names(COMMANDS[name]) for name in commands_of(of)}
    assert {name: some for name, some in lacking.items() if some} == {}


def test_every_exit_code_is_in_the_table():
    rows = re.findall(r"^\| (\d[\d, ]*) \|", text_of("exit-codes.md"), re.MULTILINE)
    table = {int(code) for row in rows for code in row.split(", ")}
    faults = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, NnlabError)]
    assert {c.exit_code for c in faults} | {129, 130, 143} <= table


def test_the_tables_of_speed_are_those_that_the_benchmark_wrote():
    page = text_of("benchmarks.md")
    for folder, count in (("", 2), ("images", 1)):
        results = (ROOT / "benchmarks" / "results" / folder / "results.md").read_text(encoding="utf-8")
        tables = [part.partition("\n\n")[2].partition("\n\n")[0] for part in results.split("## In short: ")[1:]]
        assert len(tables) == count
        assert all(f"\n\n{table}\n" in page for table in tables)
