"""`nnlab init`: from a table to an experiment to a trained network, as a user would type it."""

from __future__ import annotations

import shutil

import pytest
from support import ROOT, nnlab, nnlab_here, parse_json, read_json, write

from nnlab.config.json_schema import experiment_schema
from nnlab.data.catalogue import CATALOGUE

pytestmark = pytest.mark.usefixtures("no_pictures")


@pytest.fixture
def checkout(tmp_path):
    """A folder with the data of the checkout."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    return tmp_path


def trained(folder, name, *words):
    """The final figures of a training."""
    done = nnlab_here("train", name, "--json", *words, cwd=folder)
    assert done.exit_code == 0, done.stderr
    return parse_json(done.stdout)["final"]


def test_iris_from_the_table_to_a_network_that_beats_the_largest_class(checkout):
    done = nnlab("init", "data/iris.csv", cwd=checkout)
    assert (done.returncode, done.stdout) == (0, "iris.yaml\n")
    assert "data/iris.csv: 150 rows of 4 inputs, to predict 'species'" in done.stderr
    assert "target 'species': a guess, it is the last column" in done.stderr
    assert done.stderr.endswith("wrote iris.yaml; next:\n    nnlab train iris.yaml\n")
    done = nnlab("train", "iris.yaml", "--json", cwd=checkout)
    assert done.returncode == 0, done.stderr
    assert parse_json(done.stdout)["final"]["test/accuracy"] >= 0.9  # the largest class is a third


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "figure", "least"),
    [
        (["data/penguins.csv", "--target", "species"], "test/accuracy", 0.95),
        (["data/auto-mpg.csv", "--target", "mpg"], "test/r2", 0.8),
        (["data/concrete.csv"], "test/r2", 0.8),
        (["data/energy.csv", "--target", "heating_load", "--target", "cooling_load"], "test/r2", 0.95),
        ([], "test/accuracy", 0.93),
        (["xor"], "train/accuracy", 1.0),
        (["spirals"], "test/accuracy", 0.93),
    ],
    ids=lambda one: one[0] if isinstance(one, list) and one else None,
)
def test_what_is_drafted_trains_well(checkout, words, figure, least):
    done = nnlab_here("init", *words, "--out", "e.yaml", "--quiet", cwd=checkout)
    assert (done.exit_code, done.stdout) == (0, "e.yaml\n"), done.stderr
    assert trained(checkout, "e.yaml")[figure] >= least


@pytest.mark.parametrize("name", sorted({*CATALOGUE} - {"mnist", "portraits", "shapes"}))
def test_every_set_of_the_catalogue_has_a_starter_that_is_set_up(checkout, name):
    made = nnlab_here("init", name, "--quiet", cwd=checkout)
    assert (made.exit_code, made.stdout) == (0, f"{name}.yaml\n")
    assert nnlab_here("train", f"{name}.yaml", "--dry-run", cwd=checkout).exit_code == 0


def test_ratings_are_asked_about_and_train_once_that_is_answered(tmp_path):
    rows = "".join(f"{i % 7},{i % 5 + i / 100},{i % 5 + 1}\n" for i in range(80))
    write(tmp_path, f"length,price,rating\n{rows}", "ratings.csv")
    done = nnlab_here("init", "ratings.csv", "--json", cwd=tmp_path)
    assert done.exit_code == 0
    document = parse_json(done.stdout)
    (question,) = document.pop("questions")
    assert document == {"config": "ratings.yaml", "target": ["rating"], "task": None}
    assert question["key"] == "task"
    assert [answer["value"] for answer in question["answers"]] == ["regression", "multiclass"]
    refused = nnlab_here("train", "ratings.yaml", cwd=tmp_path)
    assert refused.exit_code == 2
    expected = "found CHOOSE, expected an answer: regression (an amount) or multiclass (a class each)"
    assert refused.stderr == f"ratings.yaml:10:7: {expected}\n"
    for task, figure in (("regression", "test/r2"), ("multiclass", "test/accuracy")):
        assert figure in trained(tmp_path, "ratings.yaml", "--set", f"task={task}")


def test_a_table_without_a_header_is_asked_about_and_loses_no_row(tmp_path):
    lines = (ROOT / "data" / "iris.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    write(tmp_path, "".join(lines[1:]), "flowers.csv")
    done = nnlab_here("init", "flowers.csv", cwd=tmp_path)
    assert done.exit_code == 0
    assert "CHOOSE data.header: found a first line that may be names or a row" in done.stderr
    assert "wrote flowers.yaml; answer what it asks, then:" in done.stderr
    assert nnlab_here("train", "flowers.yaml", cwd=tmp_path).exit_code == 2
    dry = nnlab_here("train", "flowers.yaml", "--dry-run", "--set", "data.header=false", cwd=tmp_path)
    assert dry.exit_code == 0
    assert trained(tmp_path, "flowers.yaml", "--set", "data.header=false")["test/accuracy"] >= 0.9


def test_a_table_of_texts_keeps_the_names_that_its_header_has(tmp_path):
    """Columns of another order are then found by name, and not by place."""
    rows = [(("JFK", "SFO")[i % 2], ("LAX", "BOS")[i // 2 % 2], ("late", "on time")[i % 2]) for i in range(80)]
    lines = [",".join(row) for row in [("from", "to", "status"), *rows]]
    write(tmp_path, "\n".join(lines) + "\n", "flights.csv")
    write(tmp_path, "\n".join(",".join(line.split(",")[::-1]) for line in lines) + "\n", "turned.csv")
    document = parse_json(nnlab_here("init", "flights.csv", "--json", cwd=tmp_path).stdout)
    assert document["target"] is None
    assert [question["key"] for question in document["questions"]] == ["task", "data.header"]
    answers = ["--set", "task=binary", "--set", "data.header=true"]
    assert trained(tmp_path, "flights.yaml", *answers)["test/accuracy"] == 1
    done = nnlab_here("eval", "latest", "--data", "turned.csv", "--json", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert parse_json(done.stdout)["figures"]["data/accuracy"] == 1


def test_a_target_that_is_named_settles_the_header_of_a_table_of_texts(tmp_path):
    rows = "".join(f"{'JS'[i % 2]},{'LB'[i // 2 % 2]},{('late', 'on time')[i % 2]}\n" for i in range(80))
    write(tmp_path, f"from,to,status\n{rows}", "flights.csv")
    document = parse_json(nnlab_here("init", "flights.csv", "--target", "status", "--json", cwd=tmp_path).stdout)
    assert document == {"config": "flights.yaml", "target": ["status"], "task": "binary", "questions": []}
    assert trained(tmp_path, "flights.yaml")["test/accuracy"] == 1


@pytest.mark.parametrize("mark", [".", ","])
def test_either_answer_about_the_decimal_mark_trains(tmp_path, mark):
    rows = "".join(f'{i % 7},"{1 + i % 9},{100 + 3 * i}",{"pq"[i % 2]}\n' for i in range(80))
    write(tmp_path, f"a,price_id,y\n{rows}", "t.csv")
    assert nnlab_here("init", "t.csv", cwd=tmp_path).exit_code == 0
    read = nnlab_here("train", "t.yaml", "--dry-run", "--set", f'data.decimal="{mark}"', cwd=tmp_path)
    assert read.exit_code == 0, read.stderr
    assert "test/accuracy" in trained(tmp_path, "t.yaml", "--set", f'data.decimal="{mark}"')


def test_a_file_is_overwritten_only_by_force(tmp_path):
    path = write(tmp_path, "mine", "moons.yaml")
    done = nnlab_here("init", cwd=tmp_path)
    assert done.exit_code == 2
    assert "moons.yaml: found a file, expected no file of this name: --force overwrites it" in done.stderr
    assert path.read_text(encoding="utf-8") == "mine"
    assert nnlab_here("init", "--force", cwd=tmp_path).exit_code == 0
    assert "\n# moons: 1000 rows" in path.read_text(encoding="utf-8")


def test_an_editor_finds_the_schema_beside_the_experiment(tmp_path):
    """It is replaced where it is one of nnlab's, perhaps of another version, and never where it is not."""
    (tmp_path / "work").mkdir()
    schema, first = tmp_path / "work" / "nnlab.schema.json", "# yaml-language-server: $schema=nnlab.schema.json\n"
    for before in (None, '{"title": "An experiment of nnlab"}'):
        if before is not None:
            schema.write_text(before, encoding="utf-8")
        assert nnlab_here("init", "xor", "-o", "work/e.yaml", "--force", cwd=tmp_path).exit_code == 0
        assert (tmp_path / "work" / "e.yaml").read_text(encoding="utf-8").startswith(first)
        assert read_json(schema) == experiment_schema()
    schema.write_text("mine", encoding="utf-8")
    assert nnlab_here("init", "xor", "-o", "work/e.yaml", "--force", cwd=tmp_path).exit_code == 0
    assert (tmp_path / "work" / "e.yaml").read_text(encoding="utf-8").startswith("# xor: 4 rows")
    assert schema.read_text(encoding="utf-8") == "mine"
    assert nnlab("init", "xor", "-o", "-", cwd=tmp_path).stdout.startswith("# xor: 4 rows")
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_the_table_itself_is_never_overwritten(tmp_path):
    path = write(tmp_path, "a,y\n1.5,x\n2.5,z\n3.5,x\n", "t.csv")
    done = nnlab_here("init", "t.csv", "--out", "t.csv", "--force", cwd=tmp_path)
    assert (done.exit_code, done.stderr) == (
        2,
        "t.csv: found t.csv, which this command reads, expected another file to write to\n",
    )
    assert path.read_text(encoding="utf-8").startswith("a,y")


def test_the_source_is_seen_from_the_file_that_is_written(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "work" / "deep")
    shutil.copy(ROOT / "data" / "iris.csv", tmp_path / "tables" / "~iris.csv")
    elsewhere = tmp_path / "work"
    for out, source in (
        ("./~e.yaml", "source: tables/~iris.csv"),
        ("work/e.yaml", "source: ../tables/~iris.csv"),
        ("tables/e.yaml", "source: ./~iris.csv"),
        ("link/e.yaml", f"source: {tmp_path}/tables/~iris.csv"),  # .. of a link is that of what it leads to
    ):
        assert nnlab_here("init", "tables/~iris.csv", "-o", out, cwd=tmp_path).exit_code == 0
        assert source in (tmp_path / out).read_text(encoding="utf-8").replace('"', "")
        assert nnlab_here("train", tmp_path / out, "--dry-run", cwd=elsewhere).exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["irsi"],
            "found no file 'irsi', expected a table (.csv, .tsv, .txt, .data, .xlsx, .parquet) or a name of the ",
        ),
        (["no.csv"], "found no file 'no.csv', expected a table"),
        (["a.npz"], "a.npz: found a file that is no table, expected a table (.csv"),
        (["iris", "--target", "species"], "found --target with iris of the catalogue, whose target is known"),
        (["t.csv", "--target", "z"], "found target 'z', expected the name of a column; they are a, y"),
        (["."], ".: found a folder, expected a table"),
        (["", "--quiet"], "found no file '', expected a table"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_file(tmp_path, words, message):
    write(tmp_path, "", "a.npz")
    write(tmp_path, "a,y\n1.5,x\n2.5,z\n3.5,x\n", "t.csv")
    done = nnlab_here("init", *words, cwd=tmp_path)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "t.csv"]


def test_a_name_that_no_run_folder_can_have_is_made_one(tmp_path):
    write(tmp_path, "a,y\n" + "".join(f"{i * 1.5 % 7},{'xz'[i % 2]}\n" for i in range(60)), "-2.0 Größen.csv")
    assert nnlab_here("init", "--", "-2.0 Größen.csv", cwd=tmp_path).exit_code == 0
    text = (tmp_path / "-2.0 Größen.yaml").read_text(encoding="utf-8")
    assert '\nname: "2.0-Gr-en" ' in text
    assert nnlab_here("train", "--dry-run", "--", "-2.0 Größen.yaml", cwd=tmp_path).exit_code == 0
