"""report.html without a browser: well formed, nothing but itself, and nothing that a name in it could do."""

import base64
import hashlib
import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import HOSTILE, Reader, png
from strategies import setup_of
from support import HOUSES, XOR, nnlab_here, read_json, trained, write

from nnlab.errors import StorageError
from nnlab.experiments import train as training
from nnlab.experiments.report import training_page, write_training_report
from nnlab.pictures.style import COLOURS
from nnlab.report.page import Amount, HtmlTable, Page, Picture, Section, counted, rendered, resource, write_page
from nnlab.report.parts import Drawing, environment_tables, pictures_in
from nnlab.storage.folder import RunFolder
from nnlab.storage.run import TrainingRun

pytestmark = pytest.mark.usefixtures("quick_pictures")


def page(text="plain", *, tone="good"):
    table = HtmlTable(text, ["name", text], [[text, 1.5], ["b", None], ["c", -2]])
    words = HtmlTable("words", ["name", "what", "count"], [["a", text, 12345]])
    about = {"title": text, "x": "step", "series": [{"name": text, "x": [0, 1], "y": [0.5, None]}]}
    picture = Picture(text, png(), text)
    section = Section(text, [text], [table, words], [picture], f"{text}\n  second line", charts=[about])
    return Page(text, text, text, tone, [section, Section("empty"), Section("folded", [text], folded=True)])


# --- The page ---------------------------------------------------------------------------------------------------------


def test_a_page_is_well_formed_and_its_headings_are_in_order():
    read = Reader(rendered(page()))
    assert rendered(page()).startswith("<!DOCTYPE html>\n")
    assert read.all("html") == [{"lang": "en"}]
    assert read.all("meta")[0] == {"charset": "utf-8"}
    assert read.headings == [1, 2, 2, 2]
    assert [a["href"] for a in read.all("a")] == [f"#{section['id']}" for section in read.all("section")]
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {a["aria-labelledby"] for _, a in read.elements if "aria-labelledby" in a} <= set(ids)


def test_tables_have_captions_heads_with_a_scope_and_numbers_that_sort():
    read = Reader(rendered(page()))
    assert len(read.all("caption")) == len(read.all("table")) == 2
    assert {head["scope"] for head in read.all("th")} == {"col", "row"}
    cells = [(cell.get("data-value"), cell.get("class")) for cell in read.all("td")]
    assert cells == [("1.5", "number"), (None, "number"), ("-2", "number"), (None, None), ("12345", "number")]
    assert "–" in read.text("td")
    assert "12,345" in read.text("td")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_is_a_dash(value):
    read = Reader(
        rendered(Page("t", "a", "v", "plain", [Section("s", tables=[HtmlTable("c", ["n", "x"], [["a", value]])])]))
    )
    assert read.text("td") == "–"
    assert "data-value" not in read.all("td")[0]


@given(text=st.text() | st.just(HOSTILE))
def test_no_text_means_anything_but_itself(text):
    plain, read = Reader(rendered(page())), Reader(rendered(page(text)))
    assert [tag for tag, _ in read.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(attributes) for _, attributes in read.elements] == [sorted(a) for _, a in plain.elements]
    rendered(page(text)).encode("utf-8")


def test_a_text_is_there_as_it_was_written():
    read = Reader(rendered(page("a < b & \"c\" 'd'")))
    for tag in ("title", "h1", "h2", "p", "caption", "th", "td", "figcaption", "pre"):
        assert "a < b & \"c\" 'd'" in read.text(tag)
    assert read.all("img")[0]["alt"] == "a < b & \"c\" 'd'"
    assert "\n  second line" in read.text("pre")


def test_a_column_of_notes_stands_below_its_table_where_no_narrow_page_hides_it():
    table = HtmlTable("c", ["arm", "mean", "note on the mean"], [["a", 1.0, ""], ["b", None, "no value <at all>"]])
    read = Reader(rendered(Page("t", "a", "v", "plain", [Section("s", tables=[table])])))
    assert "note" not in read.text("th")
    assert read.text("li") == "b: no value <at all>"


def test_an_amount_is_shown_with_its_unit_and_sorts_as_a_number():
    table = HtmlTable("c", ["arm", "mean"], [["a", Amount(0.975, "97.5 % ± 0.3")], ["b", None]])
    read = Reader(rendered(Page("t", "a", "v", "plain", [Section("s", tables=[table])])))
    assert read.text("td") == "97.5 % ± 0.3 –"
    assert read.all("td")[0] == {"class": "number", "data-value": "0.975"}


def test_curves_are_data_that_no_text_in_them_can_end():
    read = Reader(rendered(page(HOSTILE)))
    (kind,) = (attributes for attributes in read.all("script") if "type" in attributes)
    assert kind == {"type": "application/json"}
    (data,) = (json.loads(text) for tag, text in read.texts if tag == "script" and text.startswith('{"title"'))
    assert data["series"][0]["y"] == [0.5, None]
    assert html.unescape(data["title"]).startswith("</script><script>alert(1)</script> & ")


def test_curves_have_the_colours_of_the_pictures():
    light, _, _ = resource("curves.css").partition("@media")
    assert re.findall(r"--look-\d: (#\w+)", light) == [colour.lower() for colour in COLOURS]


def test_a_folded_section_shows_its_heading_alone():
    read = Reader(rendered(page()))
    assert len(read.all("details")) == len(read.all("summary")) == 1
    assert "open" not in read.all("details")[0]


def test_characters_that_act_are_written_as_escapes():
    text = rendered(page(HOSTILE))
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\udc80]", text)
    assert r"\x00 \x1b[31m \u202e 猫 \udc80" in html.unescape(text)


def test_a_page_asks_for_nothing_and_runs_nothing_but_its_own():
    text = rendered(page()).replace("http://www.w3.org/2000/svg", "the name of a language")
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text)
    assert not re.search(r"\son\w+=|javascript:|\sstyle=", text)
    text = rendered(page())
    read = Reader(text)
    assert {value.partition(":")[0] for _, a in read.elements for name, value in a.items() if name == "src"} == {"data"}
    (policy,) = (m["content"] for m in read.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_a_picture_is_within_the_page_with_its_size_and_its_words():
    (image,) = Reader(rendered(page())).all("img")
    assert base64.b64decode(image["src"].removeprefix("data:image/png;base64,")) == png()
    assert (image["width"], image["height"], image["alt"]) == ("3", "2", "plain")


def test_pictures_of_a_folder_have_the_order_and_the_captions_of_their_table(tmp_path):
    def draw(_data):
        """A docstring, which is no caption."""

    for name in ("first", "second", "other"):
        (tmp_path / f"{name}.png").write_bytes(png())
    table = {name: Drawing(draw, f"The {name} caption.") for name in ("second", "missing", "first")}
    found = [(picture.name, picture.shows) for picture in pictures_in(tmp_path, table)]
    assert found == [("plots/second.png", "The second caption."), ("plots/first.png", "The first caption.")]


@pytest.mark.parametrize(("count", "text"), [(0, "0 points"), (1, "1 point"), (2000, "2,000 points")])
def test_a_count_has_its_noun_in_the_right_number(count, text):
    assert counted(count, "point") == text


def test_the_same_page_gives_the_same_bytes(tmp_path):
    for name in ("a.html", "b.html"):
        write_page(tmp_path / name, page())
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    with pytest.raises(StorageError, match="cannot write"):
        write_page(tmp_path / "nowhere" / "c.html", page())


# --- The report of a training -----------------------------------------------------------------------------------------


MOONS = """\
name: moons
task: binary
data: {source: {name: moons, samples: 60}, test: 0.25}
network: {layers: [3], activation: tanh}
optimizer: {name: adam}
training: {steps: 20, batch_size: 16}
"""


@pytest.fixture(scope="module")
def xor(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("xor"), XOR, "--set", "training.health=true")


def sections(read):
    return [text for tag, text in read.texts if tag == "h2"]


def test_a_training_leaves_a_report(xor):
    read = Reader((xor / "report.html").read_text(encoding="utf-8"))
    assert sections(read) == [
        *("Result", "Gates", "By class or target", "Network and optimizer", "Start", "More curves"),
        *("Pictures", "Data", "Experiment", "Environment"),
    ]
    assert read.text("h1") == "xor"
    assert "Completed 1,000 steps in" in read.text("p")
    assert "train accuracy 100 %. All 2 gates are met." in read.text("p")
    assert "Figures of whole splits, at the last weights (step 1,000)" in read.text("caption")
    assert read.text("pre") == (xor / "config.yaml").read_text().rstrip("\n")
    pictures = sorted(path.read_bytes() for path in (xor / "plots").iterdir())
    shown = [base64.b64decode(image["src"].partition(",")[2]) for image in read.all("img")]
    assert sorted(shown) == pictures
    assert all(image["alt"] for image in read.all("img"))


def test_the_report_has_every_figure_of_the_summary_in_full(xor):
    values = {
        float(cell["data-value"])
        for cell in Reader((xor / "report.html").read_text()).all("td")
        if "data-value" in cell
    }
    assert set(read_json(xor / "summary.json")["final"].values()) <= values


def test_the_report_names_command_data_and_machine(xor):
    read = Reader((xor / "report.html").read_text())
    facts = {data for tag, data in read.texts if tag == "th"}
    assert {"command", "data fingerprint", "data rows", "nnlab", "numpy", "processor", "blas"} <= facts
    assert "train 4, val 0, test 0" in read.text("td")


def test_the_report_of_the_same_run_has_the_same_bytes(tmp_path, monkeypatch):
    written = []

    def write_and_note(*words, **more):
        written.append((words, more))
        write_training_report(*words, **more)

    monkeypatch.setattr(training, "write_training_report", write_and_note)
    file = training.train(setup_of(MOONS), runs=tmp_path).folder / "report.html"
    before = file.read_bytes()
    ((words, more),) = written
    write_training_report(*words, **more)
    assert file.read_bytes() == before


def test_a_training_shows_its_curves_of_at_most_500_points(tmp_path):
    folder = trained(tmp_path, XOR, "--set", "training.log_every=1", "--set", "training.steps=1200")
    read = Reader((folder / "report.html").read_text())
    charts = [json.loads(text) for tag, text in read.texts if tag == "script" and text.startswith('{"title"')]
    assert [chart["title"] for chart in charts] == ["Loss", "Accuracy"]
    batch, train = charts[0]["series"]
    assert (batch["name"], train["name"], charts[1]["percent"]) == ("batch", "training", True)
    assert 400 < len(batch["x"]) <= 500
    assert (batch["x"][0], batch["x"][-1]) == (1, 1200)


def test_a_training_says_what_was_trained_and_counts_the_rows_of_each_class(tmp_path):
    folder = trained(tmp_path, write(tmp_path, MOONS), "--set", "optimizer.learning_rate=0.02")
    read = Reader((folder / "report.html").read_text())
    assert {"fair", "adam, learning_rate 0.02, beta1 0.9, beta2 0.999, epsilon 1e-08"} <= {
        text for tag, text in read.texts if tag == "td"
    }
    tags = [text for tag, text in read.texts if tag in ("caption", "th", "td")]
    at = tags.index("Rows of each class")
    assert tags[at + 1 : at + 6] == ["class", "rows", "trained on", "in the test part", "right there"]
    rows, trained_on, tested, right = map(int, tags[at + 7 : at + 11])
    assert 0 < trained_on < rows
    assert 0 <= right <= tested < rows


def test_a_training_that_stops_early_says_of_which_weights_its_figures_are(tmp_path):
    watch = "training.early_stopping={monitor: train/loss, patience: 2}"
    folder = trained(tmp_path, write(tmp_path, MOONS), "--set", watch)
    read, best = Reader((folder / "report.html").read_text()), read_json(folder / "summary.json")["best"]["step"]
    assert f"Figures of whole splits, at the best weights (step {best:,})" in read.text("caption")
    chart = next(json.loads(text) for tag, text in read.texts if tag == "script" and text.startswith('{"title"'))
    assert chart["best"] == best


def test_a_missed_gate_and_a_warning_are_told(tmp_path):
    done = nnlab_here(
        "train", write(tmp_path, HOUSES), "--set", "gates=['train/r2 > 2', 'train/loss > 0']", cwd=tmp_path
    )
    assert done.exit_code == 3
    (folder,) = (path.resolve() for path in (tmp_path / "runs").iterdir() if path.name == "latest")
    read = Reader((folder / "report.html").read_text())
    assert "1 of 2 gates not met. train/r2 is " in read.text("p")
    assert "; more than 2 was asked for." in read.text("p")
    assert [p["class"] for p in read.all("p") if "class" in p] == ["about", "verdict bad"]
    assert "NOT MET" in read.text("td")
    told = training_page(RunFolder(folder), "houses", ["the picture x could not be drawn"])
    assert [(s.title, list(s.paragraphs)) for s in told.sections if s.title == "Warnings"] == [
        ("Warnings", ["the picture x could not be drawn"])
    ]


def test_a_training_that_diverged_has_a_report_that_says_so(tmp_path):
    done = nnlab_here(
        "train", write(tmp_path, HOUSES), "--set", "optimizer={name: sgd, learning_rate: 1e30}", cwd=tmp_path
    )
    assert done.exit_code == 4
    (folder,) = (path.resolve() for path in (tmp_path / "runs").iterdir() if path.name == "latest")
    read = Reader((folder / "report.html").read_text())
    assert "Diverged" in read.text("p")
    assert [p["class"] for p in read.all("p") if "class" in p] == ["about", "verdict bad"]
    assert {"Autopsy", "Experiment", "Environment"} <= set(sections(read))
    autopsy = read_json(folder / "autopsy.json")
    assert autopsy["account"][0].startswith("diverged at step ")
    assert any(line.startswith("likely cause: the learning rate of 1e+30") for line in autopsy["account"])
    assert all(line in read.text("p") for line in autopsy["account"])
    assert [quantity["quantity"] for quantity in autopsy["quantities"]][:2] == ["input", "pre-activation"]
    assert all(quantity["quantity"] in read.text("th", "td") for quantity in autopsy["quantities"])
    assert not {"Pictures", "By class or target"} & set(sections(read))


MET = {"gate": "g", "met": True, "value": 1}
MANY_LABELS = {"val/loss": 1.0, "val/subset_accuracy": 0.98765}


def summary(**changes):
    values = {
        "run": "runs/x", "status": "completed", "steps": 1, "parameters": 3, "seconds": 0.25, "gates": [],
        "final": {"train/loss": 0.5, "test/rmse": 2.5}, "best": {"step": 0, "monitor": "val/loss", "value": None},
    }  # fmt: skip
    return values | changes


@pytest.mark.parametrize(
    ("changes", "verdict", "tone"),
    [
        ({}, "Completed 1 step in 0.25 s: test rmse 2.5.", "plain"),
        ({"status": "stopped", "steps": 1200}, "Stopped early, after 1,200 steps and 0.25 s: test rmse 2.5.", "plain"),
        ({"final": {}}, "Completed 1 step in 0.25 s.", "plain"),
        ({"gates": [MET]}, "Completed 1 step in 0.25 s: test rmse 2.5. Its gate is met.", "good"),
        ({"final": MANY_LABELS}, "Completed 1 step in 0.25 s: val subset accuracy 98.77 %.", "plain"),
    ],
)
def test_the_verdict_is_a_sentence(changes, verdict, tone, tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps(summary(**changes)))
    (tmp_path / "config.yaml").write_text("name: x\n")
    told = training_page(RunFolder(tmp_path), "x")
    assert (told.verdict, told.tone) == (verdict, tone)


def test_figures_of_classes_stand_class_by_class(tmp_path):
    final = {"train/loss": 1.0, "train/f1/a/b": 0.5, "train/f1/c": 0.25, "test/f1/c": None, "test/loss": 2.0}
    (tmp_path / "summary.json").write_text(json.dumps(summary(final=final)))
    (tmp_path / "config.yaml").write_text("name: x\n")
    by_title = {section.title: section for section in training_page(RunFolder(tmp_path), "x").sections}
    (figures,) = by_title["Result"].tables
    assert figures.rows == [["loss", Amount(1.0, "1"), Amount(2.0, "2")]]
    train, test = by_title["By class or target"].tables
    assert (train.columns, train.rows) == (["name", "f1"], [["a/b", 0.5], ["c", 0.25]])
    assert test.rows == [["a/b", None], ["c", None]]


def test_facts_that_are_documents_are_told_in_a_line():
    facts = {"blas": [{"num_threads": 1}, {"x": None}], "none": None}
    (table,) = environment_tables(TrainingRun(status="completed", command=("nnlab", "a b"), environment=facts))
    assert [*table.rows] == [["command", "nnlab 'a b'"], ["blas", "num threads 1; x "]]
