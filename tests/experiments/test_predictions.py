"""predictions.csv: whose name a column has, what stands in it, and that it reads back."""

from __future__ import annotations

import csv
import tracemalloc
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnlab.data.dataset import Columns, InputColumn, RowFacts
from nnlab.data.spreadsheets import unescaped
from nnlab.experiments.predictions import Predicted, PredictionColumn, unique_names, write_predictions
from nnlab.storage.outputs import NamedOutput


def model(task, targets, classes=()):
    """What `write_predictions` asks of a model."""
    columns = Columns((InputColumn("a"),), tuple(targets), tuple(classes))
    return SimpleNamespace(experiment=SimpleNamespace(task=task), columns=columns)


def part(outputs, targets=None, numbers=None, **more):
    outputs = np.array(outputs, float)
    numbers = np.arange(1, len(outputs) + 1) if numbers is None else np.array(numbers)
    return Predicted(outputs, numbers, None if targets is None else np.array(targets, float), **more)


def written(path, *args):
    """The lines of the file, as cells."""
    write_predictions(*args, NamedOutput(path))
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def facts(**kept):
    return RowFacts(kept={name: tuple(cells) for name, cells in kept.items()})


# --- names ------------------------------------------------------------------------------------------------------------


def names(targets=(), kept=(), own=()):
    groups = {"target": targets, "kept": kept, "nnlab": own}
    return unique_names([PredictionColumn(name, owner, ()) for owner, group in groups.items() for name in group])


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ((["y"], ["id"], ["row", "line"]), ["y", "id", "row", "line"]),
        ((["row"], [], ["row"]), ["row", "nnlab/row"]),
        ((["probability/c0"], [], ["probability/c0"]), ["probability/c0", "nnlab/probability/c0"]),
        ((["y"], ["line"], ["line"]), ["y", "line", "nnlab/line"]),
        ((["y"], ["y"], []), ["y", "kept/y"]),
        ((["row"], ["nnlab/row"], ["row"]), ["row", "nnlab/row", "nnlab/nnlab/row"]),
        ((["x", "true/x"], [], ["true/x", "true/true/x"]), ["x", "true/x", "nnlab/true/x", "true/true/x"]),
        ((["y"], ["=1+1", ""], []), ["y", "'=1+1", "kept/"]),
    ],
)
def test_of_columns_with_one_name_the_one_of_nnlab_gives_way(groups, expected):
    assert names(*groups) == expected


NAMES = st.lists(
    st.sampled_from(["row", "line", "split", "unseen", "file", "y", "probability/y", "true/y", "nnlab/row", " row", ""])
    | st.text("rowy/= '-\t", max_size=6),
    max_size=5,
    unique=True,
)


@given(NAMES, NAMES, NAMES)
def test_no_two_names_are_the_same_even_to_a_reader_that_strips_blanks(targets, kept, own):
    found = [name.strip() for name in names(targets, kept, own)]
    assert len(set(found)) == len(found)
    assert "" not in found


@given(NAMES, NAMES, NAMES)
def test_names_that_collide_with_none_stay(targets, kept, own):
    every = [*targets, *kept, *own]
    alone = len({name.strip() for name in every}) == len(every) and "" not in {name.strip() for name in every}
    assert not alone or [unescaped(name) for name in names(targets, kept, own)] == every


# --- cells ------------------------------------------------------------------------------------------------------------


def test_the_columns_stand_in_their_order(tmp_path):
    about = RowFacts(lines=np.array([2, 4]), kept={"id": ("p", "q")}, unseen=("", "city=Rome"))
    one = part([[0.25], [0.75]], [[1], [1]], facts=about)
    assert written(tmp_path / "p.csv", model("binary", ["sick"], ["no", "yes"]), {"data": one}) == [
        ["row", "line", "id", "unseen", "sick", "probability/yes", "true/sick"],
        ["1", "2", "p", "", "no", "0.25", "yes"],
        ["2", "4", "q", "city=Rome", "yes", "0.75", "yes"],
    ]


def test_scores_stand_behind_the_outputs_that_they_rank_and_weights_behind_the_truth(tmp_path):
    about, scores = RowFacts(weights=np.array([0.5, 3.0])), np.array([[0.1], [-170.123456789]], np.float32)
    one = part([[0.25], [0.75]], [[1], [1]], facts=about, scores=scores)
    header, *rows = written(tmp_path / "p.csv", model("binary", ["sick"], ["no", "yes"]), {"data": one})
    assert header == ["row", "sick", "probability/yes", "score/yes", "true/sick", "weight"]
    assert rows[0] == ["1", "no", "0.25", "0.10000000149011612", "yes", "0.5"]
    assert (float(rows[1][3]), rows[1][5]) == (scores[1, 0].item(), "3.0")


def test_the_texts_of_many_cells_are_never_all_in_memory(tmp_path):
    outputs = np.random.default_rng(1).random((250, 500))
    many, path = part(outputs), tmp_path / "p.csv"
    model_of_many = model("multilabel", [f"c{k}" for k in range(500)])
    tracemalloc.start()
    write_predictions(model_of_many, {"data": many}, NamedOutput(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4.5 * path.stat().st_size
    lines = path.read_text().splitlines()
    assert len(lines) == 251
    for row in (0, 64, 65, 249):  # the first and the last, and two between which a block may end
        cells = lines[row + 1].split(",")
        assert cells[0] == str(row + 1)
        assert [float(cell) for cell in cells[501:1001]] == outputs[row].tolist()


def test_a_column_is_named_whose_only_escaped_text_is_far_below(tmp_path):
    kept = facts(id=["a"] * 69_999 + ["=1+1"])
    many = part(np.zeros((70_000, 1)), facts=kept)
    found = write_predictions(model("regression", ["y"]), {"data": many}, NamedOutput(tmp_path / "p.csv"))
    assert found == ("id",)


def test_of_a_set_without_lines_and_of_rows_without_unseen_categories_there_are_no_such_columns(tmp_path):
    one = part([[1.5]], facts=RowFacts(unseen=("",)))
    assert written(tmp_path / "p.csv", model("regression", ["y"]), {"data": one}) == [["row", "y"], ["1", "1.5"]]


def test_each_part_has_the_facts_of_its_own_rows(tmp_path):
    about = RowFacts(lines=np.array([2, 3, 5, 8]), kept={"id": ("p", "q", "r", "s")})
    parts = {
        "train": part([[1.0], [2.0]], numbers=[1, 3], facts=about),
        "test": part([[3.0], [4.0]], numbers=[2, 4], facts=about),
    }
    assert written(tmp_path / "p.csv", model("regression", ["y"]), parts) == [
        ["split", "row", "line", "id", "y"],
        ["train", "1", "2", "p", "1.0"],
        ["train", "3", "5", "r", "2.0"],
        ["test", "2", "3", "q", "3.0"],
        ["test", "4", "8", "s", "4.0"],
    ]


@pytest.mark.parametrize(
    ("task", "targets", "classes", "outputs", "cells"),
    [
        ("binary", ["t"], ["a", "b"], 1, ["t", "probability/b"]),
        ("multiclass", ["t"], ["a", "b", "c"], 3, ["t", "probability/a", "probability/b", "probability/c"]),
        ("multilabel", ["t", "u"], [], 2, ["t", "u", "probability/t", "probability/u"]),
        ("regression", ["t", "u"], [], 2, ["t", "u"]),
    ],
)
def test_a_blank_row_has_empty_predictions(task, targets, classes, outputs, cells, tmp_path):
    one = part([[np.nan] * outputs, [0.5] * outputs], blank=np.array([0]))
    header, blank, other = written(tmp_path / "p.csv", model(task, targets, classes), {"data": one})
    assert header == ["row", *cells]
    assert blank == ["1", *[""] * len(cells)]
    assert "" not in other
    assert one.rows == 1


def test_texts_that_a_spreadsheet_would_run_are_escaped_and_class_names_else_come_back_as_they_are(tmp_path):
    one = part([[0.9, 0.1], [0.1, 0.9]], [[0, 1], [1, 0]], facts=facts(**{"@id": ["=1+1", "-7"]}))
    rows = written(tmp_path / "p.csv", model("multiclass", ["y"], ["007", "-x"]), {"data": one})
    assert rows == [
        ["row", "'@id", "y", "probability/007", "probability/-x", "true/y"],
        ["1", "'=1+1", "007", "0.9", "0.1", "'-x"],
        ["2", "-7", "'-x", "0.1", "0.9", "007"],
    ]


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.sampled_from(["=1", "+", "a,b", 'q"', "\r"])


@given(
    st.lists(CELLS, min_size=2, max_size=4, unique=True),
    st.dictionaries(CELLS, st.tuples(CELLS, CELLS), max_size=3),
    CELLS,
)
def test_any_names_and_texts_read_back(tmp_path_factory, classes, kept, target):
    one = part(np.eye(2, len(classes)), np.eye(2, len(classes)), facts=RowFacts(kept=kept))
    path = tmp_path_factory.mktemp("p") / "p.csv"
    header, *rows = written(path, model("multiclass", [target], classes), {"data": one})
    assert len({name.strip() for name in header}) == len(header)
    width = 1 + len(kept)
    for i, row in enumerate(rows):
        assert [unescaped(cell) for cell in row[1:width]] == [cells[i] for cells in kept.values()]
        assert unescaped(row[width]) == unescaped(row[-1]) == classes[i]
