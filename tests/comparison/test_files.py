"""The files of a comparison: tidy CSV whatever the names, Markdown and LaTeX that read as they should, the report."""

import csv
import io
import json
import re
import subprocess
import sys
from statistics import median
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pages import Reader
from support import nnlab_here, parse_json, read_json, read_rows, unsealed, write

from nnlab.comparison import write as records
from nnlab.comparison.contents import Comparison
from nnlab.comparison.report import comparison_page, result_table
from nnlab.comparison.tables import arm_rows, tables_of
from nnlab.report.page import HtmlTable
from nnlab.report.tables import escaped, latex, markdown
from nnlab.storage.cells import cells_of
from nnlab.storage.files import FileInParts
from nnlab.storage.folder import RunFolder
from nnlab.storage.metrics import cell
from nnlab.storage.summary import ArmSummary, ComparisonSummary, GateLine

pytestmark = pytest.mark.usefixtures("quick_pictures")

MOONS = """\
name: moons
task: binary
seed: 3
data: {source: {name: moons, samples: 60}, test: 0.25}
network: {layers: [3]}
optimizer: {name: adam, learning_rate: 0.05}
training: {steps: 20, batch_size: 16}
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A comparison of an activation with parameters, a formula with signs, and a name, with a gate."""
    folder = tmp_path_factory.mktemp("records")
    arms = ("-a", "leaky_relu:negative_slope=0.3", "-a", "x*sigmoid(x) + 0.1*x", "-a", "tanh")
    words = (*arms, "--seeds", 3, "--gate", "tanh.test/accuracy >= 0", "--json")
    result = nnlab_here("compare-activations", write(folder, MOONS), *words, cwd=folder)
    assert (result.exit_code, result.stderr) == (0, "")
    return folder / parse_json(result.stdout)["run"]


@pytest.fixture
def summary(path):
    return read_json(path / "summary.json")


@pytest.fixture
def found(path):
    """The same as a document."""
    return RunFolder(path).summary(ComparisonSummary)


# --- CSV --------------------------------------------------------------------------------------------------------------


class Made:
    """An arm of two seeds with all there is to write in metrics.csv."""

    def __init__(self, **curves):
        self.steps = np.array([0, 10, 200])
        self.curves = curves


def one_by_one(comparison, figures):
    """The rows of metrics.csv cell by cell, as slowly as can be."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["activation", "seed", "step", *figures])
    for label, arm in comparison.arms.items():
        for replica, seed in enumerate(comparison.seeds):
            for place, step in enumerate(arm.steps):
                found = [arm.curves[name][replica, place] if name in arm.curves else None for name in figures]
                writer.writerow([label, seed, step, *(cell(None if x is None else float(x)) for x in found)])
    return text.getvalue()


@given(
    st.lists(st.floats(width=32) | st.floats(), min_size=6, max_size=6),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\n"), min_size=1),
    st.sampled_from([1, 4, 100]),
)
def test_metrics_are_written_as_if_cell_by_cell(values, label, rows_at_once):
    arms = {
        label: Made(**{"val/loss": np.array(values).reshape(2, 3)}),
        "b": Made(**{"train/loss": np.full((2, 3), np.nan)}),
    }
    nothing = dict.fromkeys(arms, ArmSummary.model_construct(settings={}))
    summary = ComparisonSummary.model_construct(arms=nothing)
    comparison = Comparison("n", "val/loss", False, [3, 14], arms, {}, {}, summary, 200)  # noqa: FBT003 - as it is defined
    if label != "b":
        with patch.object(records, "_ROWS_AT_ONCE", rows_at_once):
            lines = "".join(line for part in records._metric_parts(comparison) for line in part)
        assert lines == one_by_one(comparison, ["val/loss", "train/loss"])


EDGES = [0.0, -0.0, 1e-4, 9.999999999999999e-5, 1e15, 1e16, 123456789012345680.0, 5e-324, 2.0**53, float("nan")]


@given(st.lists(st.floats(width=32) | st.floats() | st.sampled_from(EDGES), min_size=1, max_size=200))
def test_numbers_are_written_as_python_writes_them(values):
    assert cells_of(np.array(values)) == list(map(cell, values))


def test_a_table_in_parts_is_joined_and_nothing_else_is_left(tmp_path):
    written = FileInParts(tmp_path / "table.csv", 3)
    for number in (2, 0, 1):  # whoever is first
        written.write(number, [f"{number}", f"{number}\n"])
    written.write(1, ["again\n"])  # as where a process has failed
    written.join()
    written.close()
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert (tmp_path / "table.csv").read_text() == "00\nagain\n22\n"


def test_a_part_for_which_there_is_no_room_is_told_once(tmp_path):
    script = (
        "import resource, signal, sys; from contextlib import closing; from pathlib import Path\n"
        "from nnlab.errors import StorageError; from nnlab.storage.files import FileInParts\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    with closing(FileInParts(Path(sys.argv[1]) / 'table.csv', 1)) as table: table.write(0, ['a' * 600] * 2)\n"
        "except StorageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{tmp_path}/table.csv: cannot write: File too large\n", "")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_the_parts_of_a_killed_process(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from nnlab.storage.files import FileInParts\n"
        "FileInParts(Path(sys.argv[1]) / 'table.csv', 2).write(0, ['a']); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path], check=False)
    assert list(tmp_path.iterdir()) == []


def test_many_arms_share_parts():
    arms = {f"a{number}": Made(**{"val/loss": np.full((2, 3), number)}) for number in range(40)}
    summary = ComparisonSummary.model_construct(arms=dict.fromkeys(arms, ArmSummary.model_construct(settings={})))
    comparison = Comparison("n", "val/loss", False, [3, 14], arms, {}, {}, summary, 200)  # noqa: FBT003 - as it is defined
    parts = records._metric_parts(comparison)
    assert len(parts) <= 13
    assert "".join(line for part in parts for line in part) == one_by_one(comparison, ["val/loss"])


def test_every_table_has_a_row_for_each_arm(path, summary):
    labels = set(summary["arms"])
    for name in ("metrics.csv", "arms.csv"):
        assert {row["activation"] for row in read_rows(path / name)} == labels
    baselines = {"baseline/majority", "baseline/linear"}
    assert {row["activation"] for row in read_rows(path / "results.csv")} == labels | baselines
    assert {row["better"] for row in read_rows(path / "pairs.csv")} <= labels


def test_arms_are_told_in_one_row_per_statistic(found):
    header, *rows = arm_rows(found)
    assert header == ["activation", "figure", "statistic", "value", "low", "high", "seeds", "note"]
    keys = [tuple(row[:3]) for row in rows]
    assert len(keys) == len(set(keys))
    assert ("tanh", "reached", "share") in keys
    assert ("tanh", "steps_to_target", "median") in keys


# --- Markdown and LaTeX -----------------------------------------------------------------------------------------------

TABLE = HtmlTable("50 % of a_b", ["name", "x & y", "n"], [["a|b_c", 0.123456, 12345], [r"\d{2}^~#$<", None, -2]])


LATEX = r"""% \usepackage{booktabs}

\begin{table}
  \caption{50 \% of a\_b}
  \begin{tabular}{lrr}
    \toprule
    name & x \& y & n \\
    \midrule
    a|b\_c & 0.1235 & 12,345 \\
    \textbackslash{}d\{2\}\textasciicircum{}\textasciitilde{}\#\$\textless{} & -- & -2 \\
    \bottomrule
  \end{tabular}
\end{table}
"""


def test_latex_is_escaped_and_aligned():
    assert latex([TABLE]) == LATEX


@given(st.text())
def test_nothing_in_a_name_is_a_command_of_latex(text):
    signs = r"\$\\(times|gamma)\$|\\(text(backslash|asciitilde|asciicircum|less|greater)\{\}|[&%$#_{}])"
    left = re.sub(signs, "", escaped(text))
    assert not set(left) & set("\\&%$#_{}~^")


def test_markdown_is_a_document_whose_tables_have_as_many_cells_in_each_row():
    text = markdown("t_1", ["a beats b by 2 points."], ["few seeds"], [TABLE])
    assert text.startswith("# t\\_1\n\na beats b by 2 points.\n\n> warning: few seeds\n\n## 50 % of a\\_b\n\n| name |")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}
    assert rows[1] == "| --- | ---: | ---: |"
    assert r"| a\|b\_c | 0.1235 | 12,345 |" in rows


def test_tables_of_a_comparison_are_in_both_documents(path, found):
    for text in ((path / "table.md").read_text(), (path / "table.tex").read_text()):
        for table in tables_of(found):
            assert re.split(r"[/>%]", table.caption)[0] in text
        assert "x*sigmoid" in text or r"x\*sigmoid" in text


def test_tuned_arms_are_shown_each_at_its_best_beside_the_same_settings(summary):
    arms = dict(zip(("tanh rate=1", "tanh rate=2", "relu rate=1"), summary["arms"].values(), strict=True))
    for label, arm in arms.items():
        family, _, setting = label.partition(" ")
        arm |= {"family": family, "settings": dict([setting.split("=")])}
    best = {"tanh": "tanh rate=2", "relu": "relu rate=1"}
    own = {
        "tanh": {"same": "tanh rate=1", "best": "tanh rate=2", "settings": {"rate": "2"}},
        "relu": {"same": "relu rate=1", "best": "relu rate=1", "settings": {"rate": "1"}},
    }
    same_settings = {"settings": {"rate": "1"}, "why": "best on average"}
    told = {"chosen_by": "mean train/loss", "same_settings": same_settings, "arms": own}
    tuned = {**unsealed(summary), "arms": arms, "best": best, "tuned": told, "pairs": [], "shares": [], "wins": {}}
    tuned["verdict"] = {**summary["verdict"], "ranking": [*best.values()]}
    both, tried, *others = tables_of(ComparisonSummary.of(tuned, "tuned"))
    assert both.caption.endswith("all at the same settings (rate=1, best on average) and each at its best")

    def interval(label):
        return [arms[label]["final"]["test/accuracy"][key] for key in ("mean", "low", "high")]

    assert both.rows == [
        ["tanh", *interval("tanh rate=1"), *interval("tanh rate=2"), "rate=2"],
        ["relu", *interval("relu rate=1"), *interval("relu rate=1"), "rate=1"],
    ]
    assert list(tried.columns) == ["settings", "tanh", "relu"]
    means = {label: arm["final"]["train/loss"]["mean"] for label, arm in arms.items()}
    assert tried.rows == [
        ["rate=1", means["tanh rate=1"], means["relu rate=1"]],
        ["rate=2", means["tanh rate=2"], None],
    ]
    final = next(table for table in others if table.caption.startswith("Final test/accuracy"))
    baselines = {"baseline/majority", "baseline/linear"}
    assert {row[0] for row in final.rows} == {"tanh rate=1", "tanh rate=2", "relu rate=1"} | baselines


def test_labels_that_would_share_a_file_have_one_each(tmp_path):
    arms = ("-a", "x*sigmoid(x) + 1", "-a", "x*sigmoid(x) - 1", "-a", "x*sigmoid(x) * 1")
    words = (*arms, "--seeds", 1, "--json", "--set", "training.steps=1")
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    found = list((tmp_path / parse_json(result.stdout)["run"] / "weights").glob("*.npz"))
    assert len(found) == 3


# --- The report -------------------------------------------------------------------------------------------------------


def test_the_report_has_the_verdict_tables_pictures_config_and_environment(path, summary):
    text = (path / "report.html").read_text(encoding="utf-8")
    page = Reader(text)
    headings = page.text("h2")
    for section in ("Result", "Verdict", "Gates", "Figures", "Arms", "Pictures", "Experiment", "Environment"):
        assert section in headings
    pictures = [image["src"] for image in page.all("img")]
    assert len(pictures) == len(list((path / "plots").glob("*.png")))
    assert all(source.startswith("data:image/png;base64,") for source in pictures)
    assert summary["verdict"]["sentences"][0] in page.text()
    assert "learning_rate: 0.05" in page.text("pre")
    assert "python" in page.text().lower()


def test_every_table_of_the_report_can_be_sorted_by_its_numbers(path, summary, found):
    page = Reader((path / "report.html").read_text(encoding="utf-8"))
    tables = [table for table in page.all("table") if table["class"] == "sortable"]
    assert len(tables) >= len(tables_of(found))
    values = {float(found["data-value"]) for found in page.all("td") if "data-value" in found}
    assert summary["arms"]["tanh"]["final"]["test/accuracy"]["mean"] in values


def test_the_report_opens_with_one_table_of_all_arms_and_their_curves(path, found):
    page = Reader((path / "report.html").read_text(encoding="utf-8"))
    table = result_table(found)
    assert table.columns == ["activation", "initialiser", "test accuracy", "reached target", "median steps", "diverged"]
    ranked = [*found.verdict.ranking, "majority baseline", "linear baseline"]
    assert [row[0] for row in table.rows] == ranked
    first = found.arms[ranked[0]].final["test/accuracy"]
    assert table.rows[0][2].value == first.mean
    assert table.rows[0][2].text.startswith(f"{100 * first.mean:.4g} % ")
    weights = "interval, at the last weights; "
    assert page.text("caption").startswith(table.caption.replace("interval; ", weights))
    charts = [json.loads(text) for tag, text in page.texts if tag == "script" and text.startswith('{"title"')]
    assert [chart["title"] for chart in charts] == [
        "Training accuracy, median of the seeds",
        "Training loss, median of the seeds",
    ]
    assert [series["name"] for series in charts[0]["series"]] == [*found.arms]
    for series in charts[0]["series"]:
        assert len(series["members"]) == 3
        assert series["y"] == pytest.approx([*map(median, zip(*series["members"], strict=True))], rel=1e-5)
    assert charts[0]["notes"] == ["Thin lines: single seeds.", "f1 = x*sigmoid(x) + 0.1*x."]


def test_the_report_says_what_a_short_label_is_and_which_weights_its_figures_belong_to(tmp_path):
    arms = ("-a", "tanh", "-a", "x * sigmoid(x)", "--seeds", 12, "--json")
    stops = ("--set", "training.early_stopping={monitor: train/loss, patience: 2}", "--set", "training.steps=40")
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), *arms, *stops, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    page = Reader((tmp_path / parse_json(result.stdout)["run"] / "report.html").read_text(encoding="utf-8"))
    tags = [tag for tag, _ in page.texts]
    assert ("p", "f1 = x * sigmoid(x)") in page.texts[: tags.index("caption")]
    assert "at the best weights of each seed; the target is" in page.text("caption")
    assert "Final figures are at the best weights of each seed." in page.text("p")
    chart = next(json.loads(text) for tag, text in page.texts if tag == "script" and text.startswith('{"title"'))
    assert chart["notes"] == [
        "Thin lines: 10th and 90th percentile of the seeds.",
        "Latest values are at the last weights, the tables at the best weights of each seed.",
        "f1 = x * sigmoid(x).",
    ]
    low, high = chart["series"][0]["members"]
    assert all(a <= middle <= b for a, middle, b in zip(low, chart["series"][0]["y"], high, strict=True))


def test_the_report_says_how_each_arm_was_made(tmp_path):
    arms = ("-a", "tanh", "-a", "prelu", "--seeds", 2, "--starts", "own,same", "--json")
    result = nnlab_here("compare-activations", write(tmp_path, MOONS), *arms, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    page = Reader((tmp_path / parse_json(result.stdout)["run"] / "report.html").read_text(encoding="utf-8"))
    texts = [text for tag, text in page.texts if tag in ("caption", "th", "td")]
    made = texts[texts.index("How each arm was made") :]
    optimizer = "adam, learning_rate 0.05, beta1 0.9, beta2 0.999, epsilon 1e-08"
    assert made[made.index("tanh") :][:3] == ["tanh", "glorot_uniform", optimizer]
    assert made[made.index("tanh [same]") :][:3] == ["tanh [same]", "he_normal", optimizer]
    learned = made[made.index("Learned activation parameters") :]
    assert learned[1:6] == ["arm", "parameter", "mean over the seeds", "smallest", "largest"]
    assert learned[6:8] == ["prelu", "prelu1.alpha"]


def test_a_report_of_200_arms_without_pictures_has_all_of_them(path, found, tmp_path):
    folder = RunFolder.create(tmp_path, "many", ("plots",), (path / "config.yaml").read_text())
    arms = {f"arm {number}": found.arms["tanh"] for number in range(200)}
    alone = {"pairs": (), "shares": (), "wins": {}, "gates": ()}
    verdict = found.verdict.model_copy(update={"ranking": tuple(arms)})
    folder.write_summary(found.model_copy(update={"arms": arms, "verdict": verdict, **alone}))
    page = comparison_page(folder, "many")
    assert [row[0] for row in page.sections[0].tables[0].rows][:200] == [*arms]
    assert page.sections[0].pictures == []


@pytest.mark.parametrize(("met", "tone"), [([], "plain"), ([True], "good"), ([True, False], "bad")])
def test_the_tone_is_that_of_the_gates(met, tone, path, found, tmp_path):
    folder = RunFolder.create(tmp_path, "copy", ("plots",), (path / "config.yaml").read_text())
    gates = tuple(GateLine(gate="g", value=1.0, met=one) for one in met)
    folder.write_summary(found.model_copy(update={"gates": gates}))
    assert comparison_page(folder, "t").tone == tone


def test_one_arm_alone_has_no_verdict_but_a_report(summary, path, tmp_path):
    folder = RunFolder.create(tmp_path, "copy", ("plots",), (path / "config.yaml").read_text())
    alone = {"tanh": summary["arms"]["tanh"]}
    verdict = {"ranking": ["tanh"], "sentences": [], "warnings": []}
    nothing = {"pairs": [], "shares": [], "wins": {"tanh": {"tanh": None}}}
    changed = {**unsealed(summary), "arms": alone, "verdict": verdict, **nothing}
    folder.write_summary(ComparisonSummary.of(changed, "alone"))
    assert comparison_page(folder, "t").verdict == "One arm alone: nothing to compare it with."
