"""Targets: classes that keep their texts, labels of yes or no, numbers; and which task a table asks for."""

import numpy as np
import pytest
from support import table

from nnlab.data.tables import infer_task
from nnlab.data.tables.options import TableOptions
from nnlab.data.targets import MOST_CLASSES
from nnlab.errors import DataError


def labelled(labels, count=None):
    """A table with one input and these labels, again and again."""
    return table("a,y", lambda i: f"{i * 0.5},{labels[i % len(labels)]}", count or len(labels))


# --- classes ---


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["10", "9", "2"], ("2", "9", "10")),
        (["01", "1", "10"], ("01", "1", "10")),
        (["007", "070", "700"], ("007", "070", "700")),
        (["-1", "0", "1"], ("-1", "0", "1")),
        (["-2", "-1"], ("-2", "-1")),
        (["1", "-1"], ("-1", "1")),
        (["+1", "-1"], ("-1", "+1")),
        (["0.5", "1.5", "10.5"], ("0.5", "1.5", "10.5")),
        (["1", "x", "10"], ("1", "10", "x")),
        (["yes", "no"], ("no", "yes")),
        (["9007199254740993", "1"], ("1", "9007199254740993")),
        (["$1", "$2"], ("$1", "$2")),
        (["2020-01-01", "2020-01-02"], ("2020-01-01", "2020-01-02")),
        ([" left ", "right"], ("left", "right")),
        (['"a,b"', "c"], ("a,b", "c")),
        (["é", "日本"], ("é", "日本")),
    ],
    ids=str,
)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_keep_their_texts_and_numbers_their_order(read, labels, classes, task):
    if task == "binary" and len(labels) > 2:
        return
    data = read(labelled(labels * 3), task=task)
    assert data.columns.classes == classes
    codes = data.y[:, 0].astype(int) if task == "binary" else data.y.argmax(axis=1)
    assert [classes[code] for code in codes] == [label.strip(' "') for label in labels * 3]


def test_classes_of_a_column_of_integers_are_spelled_as_in_the_file_after_rows_are_dropped(read):
    data = read("a,y\n1,07\n2,70\n,700\n3,70\n4,07\n5,70\n", task="binary", blanks="drop")
    assert data.columns.classes == ("07", "70")


@pytest.mark.parametrize(
    "pair",
    [
        ("cat", "Cat"),
        ("two words", "twowords"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9"),
        ("01", "1"),
        ("1.0", "1"),
        ("\ufb01n", "fin"),
        ("stra\u00dfe", "STRASSE"),
    ],
)
def test_labels_that_differ_in_spelling_alone_are_warned_of(read, pair):
    data = read(labelled([*pair, "other"] * 3), task="multiclass")
    assert set(data.columns.classes) == {*pair, "other"}
    named = {f"target column 'y' has the classes '{a}' and '{b}', which" for a, b in (pair, pair[::-1])}
    (warning,) = data.warnings
    assert warning.endswith(", which differ in their spelling alone and are learned as different classes")
    assert any(warning.startswith(one) for one in named)


def test_labels_that_differ_in_more_are_not_warned_of(read):
    assert read(labelled(["1", "10", "100", "a", "b"] * 3), task="multiclass").warnings == ()


@pytest.mark.parametrize(("task", "labels"), [("binary", "00"), ("binary", "012"), ("multiclass", "11")])
def test_too_few_or_too_many_classes(faults_of, task, labels):
    assert "class" in faults_of(labelled(labels), task=task)[0].message


def test_more_classes_than_a_network_may_have(fault_of):
    fault = fault_of(labelled(range(MOST_CLASSES + 1)), task="multiclass")
    assert "expected at most 10,000 (for numbers to predict: task: regression)" in fault.message


def test_many_classes_of_numbers_are_warned_of(read):
    (warning,) = read(labelled(range(101), 300), task="multiclass").warnings
    found = "target column 'y' has numbers, of which 101 are taken for classes"
    assert warning == f"{found}; to predict them as numbers: task: regression"
    assert read(labelled(range(100), 300), task="multiclass").warnings == ()
    assert read(labelled([f"c{i}" for i in range(101)], 300), task="multiclass").warnings == ()


def test_a_class_in_every_row_is_warned_of(read):
    assert read(labelled([f"c{i}" for i in range(60)]), task="multiclass").warnings == (
        "target column 'y' has 60 classes in 60 rows: few of them can be learned",
    )


@pytest.mark.parametrize("word", ["NA", "?", "nan"])
def test_a_missing_word_among_texts_is_a_class_and_is_warned_of(read, word):
    data = read(labelled([word, "ZA", "BW"] * 4), task="multiclass")
    assert word in data.columns.classes
    (warning,) = data.warnings
    assert warning.startswith(f"column 'y' keeps '{word}' (4 rows) as a text like any other; if it stands for a blank")


@pytest.mark.parametrize("word", ["NA", "?", "nan", ""])
def test_a_missing_word_among_numbers_is_a_blank(read, fault_of, word):
    content = labelled(["0", "1", "2", word] * 4)
    assert "found 4 blanks in column 'y' (lines 5, 9, 13, …)" in fault_of(content, task="multiclass").message
    with pytest.raises(DataError, match="at most half"):
        read(labelled(["0", "1", word, word, word] * 4), blanks="drop")


def test_a_word_among_labels_that_are_numbers_is_a_fault(fault_of):
    fault = fault_of(labelled([*range(10), "x"] * 2), task="multiclass")
    assert (fault.line, fault.column) == (12, 2)
    assert fault.message.startswith("found 2 cells of 22 in column 'y' that are no numbers ('x')")


def test_classes_that_the_user_says_are_categories(read):
    data = read(labelled([*range(10), "x"] * 2), task="multiclass", columns={"y": ("category", "")})
    assert "x" in data.columns.classes


def test_a_control_character_in_a_label(fault_of):
    fault = fault_of(labelled(["a", '"b\tc"', "d"]), task="multiclass")
    assert fault.line == 3
    assert fault.message == r"found a control character in label 'b\tc' in column 'y', expected none"


# --- labels of yes or no ---


def test_labels_of_a_multilabel_task(read, fault_of):
    content = "a,p,q,r\n1,0,no,True\n2,1,yes,FALSE\n"
    data = read(content, task="multilabel", target=["p", "q", "r"])
    np.testing.assert_array_equal(data.y, [[0, 0, 1], [1, 1, 0]])
    fault = fault_of(content.replace("yes", "2"), task="multilabel", target=["p", "q", "r"])
    assert (fault.line, fault.column) == (3, 3)
    assert fault.message.startswith("found '2' in label 'q', expected 0 or 1, no or yes, false or true")


def test_labels_that_are_none_are_one_fault_for_each_column(faults_of):
    content = table("a,p,q", lambda i: f"{i * 0.5},{'maybe' if i % 3 == 1 else i % 2},{'x' if i % 5 == 0 else i % 2}")
    faults = faults_of(content, task="multilabel", target=["p", "q"])
    assert [(fault.line, fault.column) for fault in faults] == [(2, 3), (3, 2)]
    assert "found 'maybe' and 9 more cells in label 'p'" in faults[1].message


# --- a target for another task ---


@pytest.mark.parametrize(
    ("labels", "task", "found", "advice"),
    [
        (["oak", "elm", "ash"], "regression", "found 'oak' in target column 'y'", "(for classes: task: multiclass)"),
        (["oak", "elm"], "regression", "found 'oak' in target column 'y'", "(for classes: task: binary)"),
        (["oak", "elm", "ash"], "multilabel", "found 'oak'", "(for one class among several: task: multiclass)"),
        ([f"{i}.5" for i in range(30)], "multiclass", "found '0.5'", "(for numbers to predict: task: regression)"),
    ],
)
def test_a_target_for_another_task_is_one_fault_that_names_the_column_and_the_task(
    fault_of, labels, task, found, advice
):
    fault = fault_of(labelled(labels * 3), task=task)
    assert fault.column == 2
    assert fault.message.startswith(found)
    assert "'y', expected " in fault.message
    assert advice in fault.message


def test_words_among_the_numbers_to_predict(fault_of):
    fault = fault_of(labelled([f"{i}.5" for i in range(19)] + ["oak"]), task="regression")
    assert (fault.line, fault.column) == (21, 2)
    assert fault.message.startswith("found 1 cell of 20 in column 'y' that is no number ('oak')")


# --- which task ---


@pytest.mark.parametrize(
    ("labels", "task", "why"),
    [
        (["no", "yes"], "binary", "target 'y' has two different values, 'no' and 'yes'"),
        (["0", "1"], "binary", "target 'y' has two different values, '0' and '1'"),
        (["1.5", "2"], "binary", "target 'y' has two different values, '1.5' and '2'"),
        (["oak", "elm", "ash"], "multiclass", "target 'y' has 3 different texts ('ash', 'elm', 'oak')"),
        (["1", "2", "x"], "multiclass", "target 'y' has 3 different texts ('1', '2', 'x')"),
        (["1.5", "2.5", "3"], "regression", "target 'y' has 3 different numbers ('1.5', '2.5', '3')"),
        (range(21), "regression", "target 'y' has 21 different numbers ('0', '1', '2', '3', '4', …)"),
    ],
    ids=str,
)
def test_the_task_that_a_table_asks_for(write, labels, task, why):
    assert infer_task(write(labelled(labels, 60)), TableOptions()) == (task, why)


@pytest.mark.parametrize("count", [3, 5, 20])
def test_whole_numbers_of_few_values_are_a_question_with_both_answers(write, count):
    with pytest.raises(DataError) as error:
        infer_task(write(labelled(range(1, count + 1), 60)), TableOptions())
    (fault,) = error.value.faults
    assert fault.key == ("task",)
    assert fault.message.startswith(f"found no task, and target 'y' has whole numbers with {count} different values (")
    assert fault.message.endswith("expected task: regression (an amount) or task: multiclass (a class each)")


@pytest.mark.parametrize(
    ("cells", "task", "why"),
    [
        (("0,1", "1,0"), "multilabel", "targets 'p', 'q' are 0 or 1, no or yes"),
        (("0.5,2", "1,3"), "regression", "targets 'p', 'q' are numbers"),
    ],
)
def test_the_task_of_several_targets(write, cells, task, why):
    path = write(table("a,p,q", lambda i: f"{i * 0.5},{cells[i % 2]}"))
    assert infer_task(path, TableOptions(target=("p", "q"))) == (task, why)


def test_several_targets_of_text_are_no_task(write):
    path = write(table("a,p,q", lambda i: f"{i * 0.5},{'uv'[i % 2]},{i}"))
    with pytest.raises(DataError, match="expected one target column of classes"):
        infer_task(path, TableOptions(target=("p", "q")))


# --- labels that look alike ---


@pytest.mark.parametrize(
    "labels",
    [
        ["36028797018963968", "36028797018963969"],
        ["9007199254740992", "9007199254740993"],
        ["1.0000000000000002", "1.5"],
        ["10000001", "10000002"],
        ["0.1234567", "0.1234568"],
        ["1" * 1200 + "1", "1" * 1200 + "2"],
    ],
    ids=lambda labels: labels[0][:20],
)
def test_long_numbers_that_differ_are_not_said_to_be_alike(read, labels):
    data = read(labelled(labels * 9))
    assert data.columns.classes == tuple(labels)
    assert not any("alike" in told or "differ" in told for told in (*data.warnings, *data.notes))


@pytest.mark.parametrize("labels", [["7", "007", "8"], ["7", "7.0", "8"], ["+7", "7", "8"], ["Yes", "yes", "no"]])
def test_labels_that_differ_in_spelling_alone_are(read, labels):
    assert any("differ" in told or "alike" in told for told in read(labelled(labels * 9), "multiclass").warnings)
