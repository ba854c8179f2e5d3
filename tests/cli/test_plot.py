"""Pictures in other formats, at another width and for print, and one picture of a run drawn again."""

import re

import pytest
from matplotlib import image
from support import HOUSES, nnlab, nnlab_here, parse_json, write

FORMATS = ("png", "svg", "pdf")


def the_run(folder):
    """The newest run in a folder."""
    return (folder / "runs" / "latest").resolve()


@pytest.fixture(scope="module")
def cwd(tmp_path_factory):
    """A folder with a training whose pictures are there in all formats."""
    folder = tmp_path_factory.mktemp("houses")
    write(folder, HOUSES)
    result = nnlab("train", "experiment.yaml", "--figures", "svg,pdf", cwd=folder)
    assert result.returncode == 0, result.stderr
    return folder


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """A folder with a comparison and a sweep."""
    folder = tmp_path_factory.mktemp("compared")
    write(folder, HOUSES.replace("optimizer:", "network: {layers: [3]}\noptimizer:"))
    for words in (
        "compare-activations experiment.yaml -a tanh -a prelu --seeds 2 --set training.health=true",
        "sweep experiment.yaml --grid optimizer.learning_rate=0.01,0.1 --seeds 2",
    ):
        result = nnlab_here(*words.split(), "--figures", "svg", cwd=folder)
        assert result.exit_code == 0, result.stderr
    return folder


def plotted(*words, cwd):
    result = nnlab_here("plot", *words, cwd=cwd)
    assert result.exit_code == 0, result.stderr
    return result.stdout


def refused(*words, cwd):
    result = nnlab_here("plot", *words, cwd=cwd)
    assert (result.exit_code, result.stdout) == (2, "")
    return result.stderr


# --- formats ----------------------------------------------------------------------------------------------------------


def test_a_training_draws_every_picture_in_every_format_without_a_date(cwd):
    plots = the_run(cwd) / "plots"
    names = {path.stem for path in plots.iterdir()}
    assert {"cost", "fit"} <= names
    assert {path.name for path in plots.iterdir()} == {f"{name}.{kind}" for name in names for kind in FORMATS}
    for path, begin in ((plots / "fit.svg", b"<?xml"), (plots / "fit.pdf", b"%PDF-")):
        assert path.read_bytes().startswith(begin)
        assert b"Date" not in path.read_bytes()
    assert b"/FontFile2" in (plots / "fit.pdf").read_bytes()  # TrueType, which journals ask for


def test_another_process_at_another_time_draws_the_same_bytes(cwd):
    elsewhere = {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "5"}
    result = nnlab("plot", "latest", "fit", "-o", "again.svg", cwd=cwd, **elsewhere)
    assert (result.returncode, result.stdout) == (0, "again.svg\n"), result.stderr
    assert (cwd / "again.svg").read_bytes() == (the_run(cwd) / "plots" / "fit.svg").read_bytes()
    nnlab("plot", "latest", "cost", "--style", "paper", "-o", "there.pdf", cwd=cwd, **elsewhere)
    plotted("latest", "cost", "--style", "paper", "-o", "here.pdf", cwd=cwd)
    assert (cwd / "there.pdf").read_bytes() == (cwd / "here.pdf").read_bytes()


def test_a_format_that_is_none_is_refused_before_anything_is_made(tmp_path):
    write(tmp_path, HOUSES)
    for words in ((), ("--dry-run",), ("--print-config",)):
        result = nnlab_here("train", "experiment.yaml", "--figures", "svg,jpg", *words, cwd=tmp_path)
        assert (result.exit_code, result.stderr) == (2, "--figures: found 'jpg', expected some of png, svg, pdf\n")
    assert not (tmp_path / "runs").exists()


def test_the_name_of_a_file_says_its_format(cwd):
    for words in ("activations plot relu", "runs compare latest"):
        result = nnlab_here(*words.split(), "-o", "drawn.pdf", cwd=cwd)
        assert (result.exit_code, result.stdout) == (0, "drawn.pdf\n"), result.stderr
        assert (cwd / "drawn.pdf").read_bytes().startswith(b"%PDF-")


# --- width and style --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "inches"), [("12", 12 / 2.54), ("5in", 5)])
def test_a_width_is_in_centimetres_or_inches(width, inches, cwd):
    plotted("latest", "cost", "--width", width, "-o", "wide.png", cwd=cwd)
    assert image.imread(cwd / "wide.png").shape[1] == pytest.approx(120 * inches, abs=1)


def test_a_picture_for_print_is_as_wide_as_a_page(cwd):
    plotted("latest", "cost", "--style", "paper", "-o", "paper.svg", cwd=cwd)
    (points,) = re.findall(r'<svg [^>]*width="([\d.]+)pt"', (cwd / "paper.svg").read_text(encoding="utf-8"))
    assert float(points) == pytest.approx(72 * 16 / 2.54)


@pytest.mark.parametrize("width", ["0", "1mm", "inf", "1cm", "2m", "-5cm", "cm"])
def test_a_width_that_is_none_is_refused(width, cwd):
    assert "'--width': found" in refused("latest", "cost", f"--width={width}", cwd=cwd)


def test_another_unit_of_width_is_refused_with_those_there_are(cwd):
    assert "centimetres or inches: 8.5cm or 5in" in refused("latest", "cost", "--width=8.5pt", cwd=cwd)


# --- one picture again ------------------------------------------------------------------------------------------------


def test_without_a_name_the_pictures_of_the_run_are_listed(cwd):
    names = {path.stem for path in (the_run(cwd) / "plots").iterdir()}
    assert {line.split()[0] for line in plotted("latest", cwd=cwd).splitlines()} == names
    assert {one["name"] for one in parse_json(plotted("latest", "--json", cwd=cwd))} == names


def test_a_picture_goes_to_a_file_of_its_name_and_never_into_the_run(cwd):
    assert parse_json(plotted("latest", "cost", "--json", cwd=cwd))["picture"] == "cost.png"
    assert (cwd / "cost.png").read_bytes() == (the_run(cwd) / "plots" / "cost.png").read_bytes()
    inside = the_run(cwd) / "plots" / "mine.png"
    assert "expected one elsewhere to write to" in refused("latest", "cost", "-o", inside, cwd=cwd)


def test_the_caption_is_told_with_the_title_that_a_picture_for_print_leaves_out(cwd):
    words = ("plot", "latest", "cost", "--style", "paper", "-o", "again.png")
    told, silent, document = (nnlab_here(*words, *how, cwd=cwd) for how in ([], ["--quiet"], ["--json"]))
    assert (told.stdout, silent.stdout, silent.stderr, document.stderr) == ("again.png\n", "again.png\n", "", "")
    listed = {one["name"]: one["caption"] for one in parse_json(plotted("latest", "--json", cwd=cwd))}
    caption = parse_json(document.stdout)["caption"]
    assert caption.endswith(f". {listed['cost']}")
    assert caption.startswith("houses")
    assert told.stderr == f"{caption}\n"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("csot", "found no picture 'csot'; did you mean 'cost'?"),
        ("../cost", "found no picture '../cost'"),
        ("confusion", "confusion: this run has nothing to show in it; expected cost, "),
        ("answers", "answers: cannot be drawn again from what is kept of the run; nnlab eval RUN --data FILES"),
    ],
)
def test_what_cannot_be_drawn_is_told(name, found, cwd):
    assert found in refused("latest", name, cwd=cwd)


@pytest.mark.parametrize("kind", ["compare", "sweep"])
def test_pictures_of_arms_are_drawn_again_from_their_tables(kind, compared):
    run = next(path for path in (compared / "runs").iterdir() if path.name.endswith(kind))
    listed = [line.split(maxsplit=1) for line in plotted(run, cwd=compared).splitlines()]
    lost = [name for name, text in listed if text.startswith("cannot be drawn again: ")]
    assert lost == (["units", "architecture"] if kind == "compare" else [])
    for name in {name for name, _ in listed} - {*lost}:
        plotted(run, name, "-o", "again.png", cwd=compared)
        assert (compared / "again.png").read_bytes() == (run / "plots" / f"{name}.png").read_bytes(), name
        assert (run / "plots" / f"{name}.svg").is_file()


@pytest.mark.parametrize(
    ("name", "how"), [("units", "--needed --figures svg,pdf"), ("architecture", "nnlab draw RUN:ARM")]
)
def test_a_picture_of_the_arms_networks_says_how_to_get_it(name, how, compared):
    run = next(path for path in (compared / "runs").iterdir() if path.name.endswith("compare"))
    assert f"{name}: cannot be drawn again" in (said := refused(run, name, cwd=compared))
    assert how in said


def test_a_table_of_arms_that_was_cut_is_told(compared):
    run = next(path for path in (compared / "runs").iterdir() if path.name.endswith("sweep"))
    table = run / "metrics.csv"
    whole = table.read_text(encoding="utf-8")
    table.write_text(whole[: whole.rindex(",")], encoding="utf-8")
    try:
        assert f"{table}:" in refused(run, "cost", cwd=compared)
    finally:
        table.write_text(whole, encoding="utf-8")
