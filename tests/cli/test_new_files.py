"""Dates, marks and symbols of tables, from the keys of the experiment to a new file."""

import pytest
import yaml
from support import nnlab_here, read_rows, table, write

pytestmark = pytest.mark.usefixtures("no_pictures")

CONFIG = """\
name: e
task: {task}
data: {{source: rows.csv, target: y{data}}}
training: {{steps: 3, batch_size: all}}
"""


def run_of(tmp_path, content, *words, task="binary", data=""):
    """The run folder of a short training."""
    write(tmp_path, content, "rows.csv")
    result = nnlab_here("train", write(tmp_path, CONFIG.format(task=task, data=data)), "--quiet", *words, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    return tmp_path / result.stdout.strip()


def test_dates_in_a_format_that_is_said_train_and_the_config_reads_back(tmp_path):
    content = table("d,y", lambda i: f"{i % 9 + 1:02}/{i % 7 + 1:02}/2020,{'pq'[i % 2]}", 60)
    run = run_of(tmp_path, content, data=', columns: {d: {date: "%d/%m/%Y"}}')
    assert yaml.safe_load((run / "config.yaml").read_text())["data"]["columns"] == {"d": {"date": "%d/%m/%Y"}}
    again = nnlab_here("train", run / "config.yaml", "--quiet", "--dry-run", cwd=tmp_path)
    assert again.exit_code == 0, again.stderr
    write(tmp_path, "d,y\n31/12/2020,p\n", "new.csv")
    result = nnlab_here("eval", run, "--data", "new.csv", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr


def test_signs_work_bare_after_set_and_a_new_file_has_its_own(tmp_path):
    content = table("a;y", lambda i: f"{i},5;{'pq'[i % 2]}", 60)
    run = run_of(tmp_path, content, "--set", "data.decimal=,", "--set", "data.separator=;")
    outputs = []
    for new in ("a;y\n530,74;p\n", "a;y\n530.74;p\n", "a,y\n530.74,p\n"):
        write(tmp_path, new, "new.csv")
        result = nnlab_here("eval", run, "--data", "new.csv", "--predictions", "p.csv", cwd=tmp_path)
        assert result.exit_code == 0, result.stderr
        outputs.append(read_rows(tmp_path / "p.csv"))
        (tmp_path / "p.csv").unlink()
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.parametrize(("cell", "is_fine"), [("67%", True), ("0.62", False)])
def test_the_symbol_of_a_target_survives_a_checkpoint(tmp_path, cell, is_fine):
    run = run_of(tmp_path, table("a,y", lambda i: f"{i * 0.5},{i + 1}%", 60), task="regression")
    write(tmp_path, f"a,y\n1,{cell}\n", "new.csv")
    result = nnlab_here("eval", run, "--data", "new.csv", cwd=tmp_path)
    assert (result.exit_code == 0) is is_fine
    assert ("expected numbers with %, as in training" in result.stderr) is not is_fine
    assert "Traceback" not in result.stderr
