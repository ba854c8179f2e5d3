"""Learning-rate schedules at the command line: those that do not fit are refused, the others leave their rates."""

import pytest
from support import nnlab_here, read_json, read_rows, trained, write

from nnlab.pictures import curves

pytestmark = pytest.mark.usefixtures("no_pictures")

# 120 rows, 24 of them for validation: 30 steps.
BLOBS = """\
name: wu
task: regression
data: {{source: rows.csv, validation: 0.2}}
network: {{layers: [8], activation: {activation}}}
optimizer: {{name: adam, learning_rate: {rate}}}
training: {{epochs: 10, batch_size: 32, log_every: 1}}
"""
WARM = "{name: cosine, base: 0.05, warmup: 500}"
CYCLES = "{name: cosine, base: 0.05, cycles: 50}"
NEVER = (
    "found warmup: 500 in a run of 30 steps, so that it never ends; expected at most 29, or a share of the run such "
)
SWISH = "{name: swish, learn: [beta]}"


@pytest.fixture
def here(tmp_path):
    rows = [f"{i % 7},{i % 11},{(i % 7) - 0.5 * (i % 11) + (i % 3)}" for i in range(120)]
    write(tmp_path, "\n".join(["a,b,y", *rows]) + "\n", "rows.csv")
    return tmp_path


def file(here, rate, activation="tanh"):
    return write(here, BLOBS.format(rate=rate, activation=activation))


def names(here):
    return sorted(path.name for path in here.iterdir())


# --- schedules that do not fit ----------------------------------------------------------------------------------------

COMMANDS = {
    "train": ("train",),
    "dry run": ("train", "--dry-run"),
    "gradcheck": ("gradcheck",),
    "compare": ("compare-activations", "-a", "relu", "-a", "tanh", "--seeds", 2),
    "sweep": ("sweep", "--grid", "optimizer.learning_rate.final=0.01,0.02", "--seeds", 2),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ("rate", "column", "found"),
    [
        (WARM, 75, NEVER + "as 0.1 (for one run: --set optimizer.learning_rate.warmup=…)"),
        (
            CYCLES,
            75,
            "found cycles: 50 in a run of 30 steps, so that one has 0.6 steps; expected cycles of 2 steps or ",
        ),
    ],
    ids=["warmup", "cycles"],
)
def test_a_schedule_that_does_not_fit_is_a_fault_with_its_place_before_anything_is_made(
    here, command, rate, column, found
):
    file(here, rate)
    before = names(here)
    result = nnlab_here(command[0], "experiment.yaml", *command[1:], cwd=here)
    assert result.exit_code == 2
    assert f"experiment.yaml:5:{column}: {found}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert names(here) == before


def test_a_shortened_run_takes_the_cure_that_the_message_names(here):
    file(here, WARM.replace("500", "20"))
    trained(here, "experiment.yaml")
    short = ("train", "experiment.yaml", "--steps", 3)
    refused = nnlab_here(*short, cwd=here)
    assert refused.exit_code == 2
    assert "found warmup: 20 in a run of 3 steps" in refused.stderr
    assert "--set optimizer.learning_rate.warmup=" in refused.stderr
    cured = nnlab_here(*short, "--set", "optimizer.learning_rate.warmup=0.1", cwd=here)
    assert cured.exit_code == 0


def test_every_step_of_a_sweep_has_its_own_schedule(here):
    file(here, WARM)
    sweep = ("sweep", "experiment.yaml", "--seeds", 2, "--grid")
    refused = nnlab_here(*sweep, "optimizer.learning_rate.warmup=0.1,31,40", cwd=here)
    assert refused.exit_code == 2
    assert [line.partition("in a run")[0] for line in refused.stderr.splitlines()] == [
        f"experiment.yaml:5:75: with warmup={steps}: found warmup: {steps} " for steps in (31, 40)
    ]
    assert "runs" not in names(here)
    assert nnlab_here(*sweep, "optimizer.learning_rate.warmup=0.1,29", cwd=here).exit_code == 0


def test_a_run_cannot_be_made_shorter_than_its_warmup(here):
    file(here, WARM.replace("500", "25"))
    folder = trained(here, "experiment.yaml", "--epochs", 20, "--set", "training.checkpoint_every=5")
    longer = nnlab_here("train", "--resume", folder, "--epochs", 21, cwd=here)
    assert longer.exit_code == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    refused = nnlab_here("train", "--resume", folder, "--steps", 20, cwd=here)
    assert refused.exit_code == 2
    assert "found warmup: 25 in a run of 20 steps" in refused.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_every_schedule_fits_a_run_without_steps(here):
    file(here, WARM)
    folder = trained(here, "experiment.yaml", "--set", "training.epochs=0")
    assert [row["step"] for row in read_rows(folder / "metrics.csv")] == ["0"]
    assert not (folder / "plots" / "learning_rate.png").exists()


# --- the rate as a figure ---------------------------------------------------------------------------------------------


def test_the_rate_is_a_column_a_gate_and_a_picture(here, with_pictures):
    file(here, "{name: step, base: 0.05, every: 10}")
    gates = ("--gate", "optimizer/learning_rate@11 == 0.005 +- 1e-12", "--gate", "optimizer/learning_rate <= 0.0006")
    result = nnlab_here("train", "experiment.yaml", *gates, cwd=here)
    assert result.exit_code == 0, result.stderr
    assert " · learning rate 0.0005 · " in result.stderr
    folder = here / result.stdout.strip()
    found = [row["optimizer/learning_rate"] for row in read_rows(folder / "metrics.csv")]
    assert found[0] == ""
    assert [float(rate) for rate in found[1:]] == pytest.approx([0.05] * 10 + [0.005] * 10 + [0.0005] * 10)
    assert (folder / "plots" / "learning_rate.png").is_file()
    assert "The learning rate of the updates" in (folder / "report.html").read_text(encoding="utf-8")
    missed = nnlab_here("train", "experiment.yaml", "--gate", "optimizer/learning_rate@3 <= 0.01", cwd=here)
    assert missed.exit_code == 3
    never = nnlab_here("train", "experiment.yaml", "--gate", "optimizer/learning_rate@0 <= 1", cwd=here)
    assert "found step 0 for optimizer/learning_rate, expected one from 1 to 30" in never.stderr


@pytest.mark.parametrize(
    ("rate", "title"),
    [
        ("{name: cosine, base: 0.1, cycles: 15}", "cosine; highest 0.1 at step 1, last 0.05 at step 30"),
        ("{name: linear, base: 0.1, warmup: 7}", "linear; highest 0.1 at step 7, last 0.004167 at step 30"),
        ("{name: plateau, base: 0.1}", "plateau; highest 0.1 at step 1, last 0.1 at step 30"),
    ],
)
def test_the_picture_has_the_rate_of_every_step_however_few_are_logged(here, rate, title, monkeypatch, with_pictures):
    said = []
    drawn = curves._rate_sentence
    monkeypatch.setattr(curves, "_rate_sentence", lambda *found: said.append(drawn(*found)) or said[-1])
    monkeypatch.setattr("nnlab.experiments.pictures.side_by_side", lambda tasks: [task() for task in tasks])
    file(here, rate)
    trained(here, "experiment.yaml", "--set", "training.log_every=10")
    assert said == [f"Learning rate by the schedule {title}"]


def test_a_rate_that_never_changes_is_a_column_alone(here):
    file(here, 0.05)
    result = nnlab_here("train", "experiment.yaml", cwd=here)
    assert "learning rate" not in result.stderr
    folder = here / result.stdout.strip()
    assert {row["optimizer/learning_rate"] for row in read_rows(folder / "metrics.csv")} == {"", "0.05"}
    assert not (folder / "plots" / "learning_rate.png").exists()


def test_each_arm_of_a_tuned_comparison_shows_its_own_rate(here):
    file(here, 0.05)
    command = ("compare-activations", "experiment.yaml", "-a", "relu", "--seeds", 2, "--quiet")
    result = nnlab_here(*command, "--tune", "optimizer.learning_rate=0.05,0.01", cwd=here)
    assert result.exit_code == 0, result.stderr
    rows = read_rows(here / result.stdout.strip() / "metrics.csv")
    found = {(row["activation"], row["optimizer/learning_rate"]) for row in rows if row["step"] != "0"}
    assert found == {(f"relu learning_rate={rate}", rate) for rate in ("0.05", "0.01")}
    again = nnlab_here(*command, "--tune", "optimizer.learning_rate=0.05,0.01", "--needed", cwd=here)
    assert again.exit_code == 0, again.stderr
    assert read_rows(here / again.stdout.strip() / "metrics.csv") == rows


# --- learned activation parameters ------------------------------------------------------------------------------------

BETA = "parameters/swish1.beta"


def test_learned_parameters_are_figures_of_a_run_and_of_its_evaluation(here):
    file(here, 0.05, SWISH)
    gates = ("--gate", f"{BETA} >= 0.5", "--gate", f"{BETA}@0 == 1", "--gate", f"{BETA} > 0 by step 4")
    result = nnlab_here("train", "experiment.yaml", *gates, cwd=here)
    assert result.exit_code == 0, result.stderr
    assert "Learned activation parameters" in result.stderr
    folder = here / result.stdout.strip()
    rows, summary = read_rows(folder / "metrics.csv"), read_json(folder / "summary.json")
    assert rows[0][BETA] == "1.0"
    assert summary["final"][BETA] == float(rows[-1][BETA]) != 1
    best = next(row for row in rows if row["step"] == str(summary["best"]["step"]))
    assert summary["best"][BETA] == float(best[BETA])
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "swish1.beta" in report.partition("Learned activation parameters")[2]
    evaluated = nnlab_here("eval", folder, "--json", "--gate", f"{BETA} >= 0.5", cwd=here)
    assert evaluated.exit_code == 0, evaluated.stderr
    assert f'"{BETA}": {summary["final"][BETA]!r}' in evaluated.stdout
    shown = nnlab_here("eval", folder, cwd=here)
    assert "swish1.beta" in shown.stderr
    assert nnlab_here("eval", folder, "--gate", f"{BETA} >= 50", cwd=here).exit_code == 3
    on_best = nnlab_here("eval", folder, "--checkpoint", "best", "--json", cwd=here)
    assert f'"{BETA}": {summary["best"][BETA]!r}' in on_best.stdout


def test_with_early_stopping_the_final_parameters_are_those_of_the_best_weights(here):
    file(here, 0.3, SWISH)
    watch = ("--set", "training.early_stopping={monitor: val/loss, patience: 2}")
    folder = trained(here, "experiment.yaml", *watch, "--epochs", 60)
    summary = read_json(folder / "summary.json")
    assert summary["best"]["step"] < summary["steps"]
    assert summary["final"][BETA] == summary["best"][BETA]


@pytest.mark.parametrize(
    ("activation", "gate", "expected"),
    [
        ("swish", f"{BETA} >= 1", "expected an activation that learns, such as {name: swish, learn: [beta]}"),
        (SWISH, "parameters/swish1.bta >= 1", f"did you mean '{BETA}'?"),
        (SWISH, "parameters/zzzzzzzzzzzzzzzzzzzzzzzzzz >= 1", f"expected one of {BETA}"),
    ],
)
def test_a_parameter_that_is_not_learned_is_no_figure(here, activation, gate, expected):
    file(here, 0.05, activation)
    result = nnlab_here("train", "experiment.yaml", "--gate", gate, cwd=here)
    assert result.exit_code == 2
    assert f"{gate.split()[0]} is never measured: it is no learned parameter of an activation" in result.stderr
    assert expected in result.stderr
    assert "runs" not in names(here)


def test_the_arms_of_a_comparison_have_columns_for_what_they_learn(here):
    file(here, 0.05)
    arms = ("-a", "relu", "-a", "prelu", "-a", "swish:learn=[beta]")
    result = nnlab_here("compare-activations", "experiment.yaml", *arms, "--seeds", 2, "--quiet", cwd=here)
    assert result.exit_code == 0, result.stderr
    folder = here / result.stdout.strip()
    for name in ("results.csv", "metrics.csv"):
        rows = [row for row in read_rows(folder / name) if not row["activation"].startswith("baseline/")]
        filled = {(row["activation"], key) for row in rows for key in row if key.startswith("parameters/") and row[key]}
        assert filled == {("prelu", "parameters/prelu1.alpha"), ("swish", BETA)}
    last = {(r["activation"], r["seed"]): r[BETA] for r in read_rows(folder / "metrics.csv") if r["step"] == "30"}
    assert {(r["activation"], r["seed"]): r[BETA] for r in read_rows(folder / "results.csv")}.items() >= last.items()
