"""Drafting: what is decided for made tables, what is asked, and that any table gives a file that can be read."""

from __future__ import annotations

import csv
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nnlab.config.document import read_text
from nnlab.config.experiment import OPEN, validate
from nnlab.errors import ConfigError, DataError
from nnlab.experiments.drafting.draft import draft
from nnlab.experiments.drafting.settings import HEADS, SIZES, TABLE, answers_in_words, as_yaml
from nnlab.experiments.drafting.text import text_of
from nnlab.setup.experiment_file import ExperimentFile

RANDOM = random.Random(1)


def noise(digits=3):
    return f"{RANDOM.random():.{digits}f}"


@pytest.fixture
def drafted(tmp_path):
    """Writes a table of a header and rows, drafts an experiment, and gives the draft and the values of its file."""

    def make(header, rows, *targets, name="table.csv", separator=","):
        path = tmp_path / name
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter=separator).writerows([header, *rows] if header else rows)
        found = draft(str(path), targets, tmp_path / "e.yaml", force=True)
        return found, read_text(found.path.read_text(encoding="utf-8"), "e.yaml").values

    return make


def opened(found):
    """The experiment of a draft, read, and the rows of its data."""
    file = ExperimentFile.read(found.path)
    return file.experiment, file.setup()


def answered(found, key, answer):
    """The draft with the question at the end of a key answered."""
    lines = found.path.read_text(encoding="utf-8").splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.strip().startswith(f"{key}: ") and OPEN in line]
    lines[at] = f"{lines[at].partition(key)[0]}{key}: {answer}"
    found.path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def two_classes(rows, share=0.5):
    return [[noise(), noise(), "yes" if i < share * rows else "no"] for i in range(rows)]


# --- what is decided --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "target"),
    [
        (["a", "y", "b"], "y"),
        (["Class", "a", "b"], "Class"),
        (["outcome", "label", "b"], "label"),  # the first of the usual names
        (["a", "b", "c"], "c"),
        (["a", "c", "row_id"], "c"),  # the last one is an id
    ],
)
def test_the_target_is_a_usual_name_or_the_last_column_that_names_no_row(drafted, columns, target):
    rows = [[1000 - 7 * i if name == "row_id" else noise() for name in columns] for i in range(60)]
    found, values = drafted(columns, rows)
    assert values["data"]["target"] == [target]
    is_usual = target.lower() in ("y", "class", "label")
    assert found.known.inquiry.is_guess != is_usual
    assert ("a guess" in found.path.read_text()) != is_usual


def test_the_target_that_is_named_wins(drafted):
    _, values = drafted(["a", "b", "target"], two_classes(60), "a")
    assert values["data"]["target"] == ["a"]


@pytest.mark.parametrize(
    ("cells", "task", "head"),
    [
        (lambda i: "ab"[i % 2], "binary", ("sigmoid", "binary_cross_entropy")),
        (lambda i: "abc"[i % 3], "multiclass", ("softmax", "cross_entropy")),
        (lambda _: 10 * RANDOM.random() - 5, "regression", ("identity", "mse")),
        (lambda _: 10 * RANDOM.random() + 1, "regression", ("softplus", "mse")),
        (lambda _: 1e5 * RANDOM.random() + 1e5, "regression", ("identity", "mse")),  # too large to be learned as it is
    ],
)
def test_the_head_follows_from_what_is_predicted(drafted, cells, task, head):
    found, values = drafted(["a", "b", "out"], [[noise(), noise(), cells(i)] for i in range(60)])
    assert values["task"] == task
    chosen = values["network"]["head"]
    assert (chosen["activation"], chosen["loss"]["name"]) == head
    assert values["data"]["scale_targets"] == (task == "regression" and head[0] == "identity")
    opened(found)


def test_several_targets_of_yes_and_no_are_labels_and_of_numbers_a_regression(drafted):
    rows = [[noise(), i % 2, i // 2 % 2, -i, 3 * i + RANDOM.random()] for i in range(60)]
    _, values = drafted(["a", "hot", "wet", "down", "up"], rows, "hot", "wet")
    assert (values["task"], values["network"]["head"]["activation"]) == ("multilabel", "sigmoid")
    found, values = drafted(["a", "hot", "wet", "down", "up"], rows, "down", "up")
    assert (values["task"], values["data"]["target"]) == ("regression", ["down", "up"])
    opened(found)


@pytest.mark.parametrize(("share", "weights"), [(0.5, None), (0.3, None), (0.1, "balanced"), (0.02, None)])
def test_uneven_classes_are_weighted_if_the_rare_one_has_enough_rows(drafted, share, weights):
    found, values = drafted(["a", "b", "y"], two_classes(200, share))
    assert values["network"]["head"]["loss"].get("class_weights") == weights
    opened(found)


def reasons(found):
    return " ".join(found.path.read_text(encoding="utf-8").replace("#", "").split())


def test_blanks_are_filled_with_the_median_and_counted(drafted):
    rows = two_classes(60)
    for row in rows[:3]:
        row[0] = ""
    found, values = drafted(["a", "b", "y"], rows)
    assert values["data"]["blanks"] == "median"
    assert "the median fills 3 blanks in 'a' " in reasons(found)
    _, values = drafted(["a", "b", "y"], two_classes(60))
    assert values["data"]["blanks"] == "refuse"


def test_blank_targets_are_never_filled(drafted):
    rows = two_classes(60)
    rows[7][2] = ""
    found, values = drafted(["a", "b", "y"], rows)
    assert values["data"]["blanks"] == "drop"
    assert "no target is filled: rows with 1 blank in 'y' are left out; no input has a blank" in reasons(found)
    assert opened(found)[1].rows.dataset.y.shape == (59, 1)
    rows[3][0] = ""
    found, values = drafted(["a", "b", "y"], rows)
    assert values["data"]["blanks"] == "median"
    assert "fills 1 blank in 'a'; no target is filled: rows with 1 blank in 'y' are left out" in reasons(found)
    assert opened(found)[1].rows.dataset.y.shape == (59, 1)


@pytest.mark.parametrize(
    ("rows", "test", "validation", "stops"), [(12, None, None, False), (60, 0.2, 0.2, True), (1000, 0.2, 0.2, True)]
)
def test_parts_and_the_end_of_training_follow_from_the_rows(drafted, rows, test, validation, stops):
    found, values = drafted(["a", "b", "y"], two_classes(rows))
    assert (values["data"]["test"], values["data"]["validation"]) == (test, validation)
    assert ("early_stopping" in values["training"]) == stops
    size = next(size for size in SIZES if rows <= size.rows)
    assert values["network"]["layers"] == list(size.layers)
    assert values["training"]["batch_size"] == size.batch_size
    opened(found)


def test_columns_that_are_left_out_by_themselves_are_told_and_not_ignored(drafted):
    rows = [[1000 - 7 * i, "same", noise(), "ab"[i % 2]] for i in range(60)]
    found, values = drafted(["user_id", "const", "x", "y"], rows)
    assert values["data"]["ignore"] == []
    assert "what says nothing is left out by itself: 'user_id': it is named like" in reasons(found)
    assert "'const': it is 'same' in every row" in reasons(found)
    assert opened(found)[1].rows.dataset.columns.input_names == ("x",)


def test_a_column_that_one_answer_alone_leaves_out_is_not_ignored(drafted):
    """With a decimal point all prices are whole and differ, as numbers of rows do; with a comma none is whole."""
    rows = [[i % 11, f"{1 + i % 9},{100 + i}", "ab"[i % 2]] for i in range(60)]
    for answer, inputs in (('"."', ("a",)), ('","', ("a", "price_id"))):
        found, values = drafted(["a", "price_id", "y"], rows)
        assert values["data"]["ignore"] == []
        assert "by itself, as read with the first answer to each question: 'price_id': it is named" in reasons(found)
        answered(found, "decimal", answer)
        assert opened(found)[1].rows.dataset.columns.input_names == inputs


def test_how_a_table_is_written_stands_in_the_file(drafted):
    rows = [[noise().replace(".", ","), "1.234,5", noise().replace(".", ",")] for _ in range(60)]
    _, values = drafted(["a", "b", "c"], rows, separator=";")
    data = values["data"]
    assert (data["separator"], data["decimal"], data["header"]) == (";", ",", True)
    assert values["task"] == "regression"


def test_every_setting_has_a_reason(drafted):
    found, _ = drafted(["a", "b", "y"], two_classes(60))
    assert [setting.key for setting in found.settings if not setting.because] == []
    reasons = found.path.read_text().count("# because ")
    assert reasons == len(found.settings) > 35
    assert {".".join(setting.key) for setting in found.settings} <= set(TABLE)
    assert set(HEADS) == {"binary", "multiclass", "multilabel", "regression"}


@pytest.mark.parametrize(
    "name", ["no", "2020", "a: b", "#x", 'it\'s "q"', "two\nlines", "- x", "null", "[a]", "CHOOSE"]
)
def test_names_and_classes_of_any_text_are_quoted(drafted, name):
    rows = [[noise(), i % 7, name if i % 2 else "other", "x"] for i in range(60)]
    if "\n" in name:
        with pytest.raises(DataError, match="control character"):
            drafted([name, "b", "c", name + "!"], rows, "c")
        return
    found, values = drafted([name, "b", "c", name + "!"], rows, "c")
    assert values["data"]["ignore"] == []
    opened(found)
    found, values = drafted(["a", "b", name, "d"], rows, name)
    assert values["data"]["target"] == [name]
    opened(found)


# --- what is asked ----------------------------------------------------------------------------------------------------


def numbers_with(cells):
    """Rows of a number, a cell and a class."""
    return [[noise(), cells(i), "ab"[i % 2]] for i in range(60)]


ASKED = [
    (["a", "b", "y"], [[noise(), noise(), i % 5] for i in range(60)], ("task",), ["regression", "multiclass"]),
    (None, numbers_with(lambda _: noise()), ("data", "header"), ["true", "false"]),
    (
        ["a", "b", "y"],
        [[i % 11, f"{1 + i % 9},{100 + i}", "ab"[i % 2]] for i in range(60)],
        ("data", "decimal"),
        ['"."', '","'],
    ),
    (
        ["a", "b", "y"],
        numbers_with(lambda i: f"{1 + i % 12:02d}/{1 + i % 11:02d}/2020"),
        ("data", "columns", "b"),
        ['{date: "%d/%m/%Y"}', '{date: "%m/%d/%Y"}'],
    ),
    (
        ["a", "b", "y"],
        numbers_with(lambda i: f"${i}.5" if i % 2 else f"{i}%"),
        ("data", "columns", "b"),
        ["number", "category", "ignore"],
    ),
    (["a", "b", "y"], numbers_with(lambda i: "tbd" if i == 3 else i + 0.5), ("data", "missing"), ["[tbd]"]),
]


@pytest.mark.parametrize(("header", "rows", "key", "answers"), ASKED, ids=lambda one: str(one)[:25])
def test_a_question_is_refused_until_it_is_answered_by_either_answer(drafted, header, rows, key, answers):
    for answer in answers:
        found, values = drafted(header, rows)
        assert [setting.key for setting in found.questions] == [key]
        for part in key:
            values = values[part]
        assert values.startswith(f"{OPEN}: ")
        assert all(answer in values for answer in answers)
        with pytest.raises(ConfigError) as raised:
            ExperimentFile.read(found.path)
        (fault,) = raised.value.faults
        assert fault.message.startswith(f"found {OPEN}, expected an answer: ")
        assert answers[0] in fault.message
        assert OPEN in found.path.read_text().splitlines()[fault.line - 1]
        answered(found, key[-1], answer)
        opened(found)


def test_all_questions_are_asked_at_once(drafted):
    rows = [
        [f"{1 + i % 12:02d}/{1 + i % 11:02d}/2020", "tbd" if i == 3 else i + 0.5, "?!" if i == 5 else -i, i % 4]
        for i in range(60)
    ]
    found, _ = drafted(["when", "b", "c", "stars"], rows)
    assert {setting.key for setting in found.questions} == {
        ("task",),
        ("data", "columns", "when"),
        ("data", "missing"),
    }
    (missing,) = (setting for setting in found.questions if setting.key == ("data", "missing"))
    assert missing.fault.question.answers[0][0] == ["tbd", "?!"]
    with pytest.raises(ConfigError) as raised:
        ExperimentFile.read(found.path)
    assert len(raised.value.faults) == 3


def test_two_separators_are_a_question_and_the_one_with_more_columns_is_read_on(drafted):
    rows = [[noise(), f"{i},{i % 7}", "ab"[i % 2]] for i in range(60)]
    found, values = drafted(["a", "b,c", "y"], rows, separator=";")
    assert values["data"]["separator"] == f'{OPEN}: ";" (3 columns) or "," (2 columns)'
    assert found.known.dataset.columns.targets == ("y",)


def test_a_table_that_may_have_no_header_keeps_its_names_and_its_last_column_is_the_target(drafted):
    first, *_ = rows = numbers_with(lambda _: noise())
    for answer, count, names in (("true", 59, tuple(first)), ("false", 60, ("column1", "column2", "column3"))):
        found, values = drafted(None, rows)
        assert (values["data"]["names"], values["data"]["target"]) == (None, None)
        assert "null is the last column, 'a' with header: true or 'column3' with header: false" in reasons(found)
        assert found.document()["target"] is None
        answered(found, "header", answer)
        dataset = opened(found)[1].rows.dataset
        assert len(dataset.y) == count
        assert (*dataset.columns.input_names, *dataset.columns.targets) == names


def flights(count=60):
    return [
        [("JFK", "SFO", "BOS")[i % 3], ("LAX", "BOS")[i // 3 % 2], ("late", "on time")[i % 2]] for i in range(count)
    ]


def test_the_task_is_asked_where_the_name_of_the_target_would_be_a_class_too(drafted):
    for header, task, classes in (
        ("true", "binary", ("late", "on time")),
        ("false", "multiclass", ("late", "on time", "status")),
    ):
        found, values = drafted(["from", "to", "status"], flights())
        assert [setting.key for setting in found.questions] == [("task",), ("data", "header")]
        assert values["task"] == "CHOOSE: binary (with header: true) or multiclass (with header: false)"
        assert values["data"]["scale_targets"] is False
        answered(found, "header", header)
        answered(found, "task", task)
        assert opened(found)[1].rows.dataset.columns.classes == classes


def test_the_target_is_asked_where_it_is_the_last_column_with_one_answer_alone(drafted):
    rows = [row[::-1] for row in flights()]
    for header, target, task in (("true", "[class]", "binary"), ("false", "[column3]", "multiclass")):
        found, _ = drafted(["class", "to", "from"], rows)
        keys = [("task",), ("data", "target"), ("data", "header")]
        assert [setting.key for setting in found.questions] == keys
        for key, answer in zip(("task", "target", "header"), (task, target, header), strict=True):
            answered(found, key, answer)
        assert opened(found)[1].rows.dataset.columns.targets == (target.strip("[]"),)


def test_a_first_line_that_can_hold_no_names_is_asked_about_with_what_hinders_it(drafted):
    rows = [[*("xob"[(i // k) % 3] for k in (1, 3, 9)), ("win", "lose")[i % 2]] for i in range(60)]
    found, values = drafted(None, [["x", "x", "o", "win"], *rows])
    assert "the first line holds names; but then found column name 'x' twice" in values["data"]["header"]
    answered(found, "header", "false")
    assert len(opened(found)[1].rows.dataset.y) == 61


def test_columns_without_a_name_as_yet_are_asked_about_once_the_header_is_known(drafted):
    found, values = drafted(None, numbers_with(lambda i: f"{1 + i % 12:02d}/{1 + i % 11:02d}/2020"))
    assert [setting.key for setting in found.questions] == [("data", "header")]
    assert values["data"]["columns"] == {}
    assert "once data.header is answered: found dates such as" in found.sentences()[-1]
    answered(found, "header", "false")
    with pytest.raises(DataError, match="found dates such as"):
        opened(found)


def test_a_blank_in_a_first_line_that_may_be_a_row_is_filled(drafted):
    rows = [[i, ("Bob", "Al", "Cy")[i % 3], ("Rome", "Oslo")[i % 2]] for i in range(60)]
    found, values = drafted(["", "name", "city"], rows)
    assert values["data"]["blanks"] == "median"
    for header, task, count in (("true", "binary", 60), ("false", "multiclass", 61)):
        found, _ = drafted(["", "name", "city"], rows)
        answered(found, "header", header)
        answered(found, "task", task)
        assert len(opened(found)[1].rows.dataset.y) == count


def test_a_target_with_two_symbols_is_a_question_of_the_task_too(drafted):
    rows = [[noise(), f"${1 + i % 9}" if i % 2 else f"{1 + i % 9}%"] for i in range(60)]
    for task, kind, outputs in (("regression", "number", 1), ("multiclass", "category", 18)):
        found, _ = drafted(["a", "cost"], rows)
        assert [setting.key for setting in found.questions] == [("task",), ("data", "columns", "cost")]
        assert [value for value, _ in found.questions[1].fault.question.answers] == ["number", "category"]
        answered(found, "task", task)
        answered(found, "cost", kind)
        assert opened(found)[1].rows.dataset.y.shape == (60, outputs)


def test_a_target_that_is_named_says_whether_there_is_a_header(drafted):
    rows = [[f"n{i % 7}", i, -i] for i in range(60)]
    found, values = drafted(["name", "2019", "2020"], rows, "2020")
    assert (values["data"]["header"], found.questions) == (True, [])
    found, values = drafted(None, numbers_with(lambda _: noise()), "column3")
    assert (values["data"]["header"], found.questions) == (False, [])
    assert len(opened(found)[1].rows.dataset.y) == 60


def test_a_fault_that_no_setting_ends_is_raised(drafted):
    with pytest.raises(DataError, match="found 2 cells, expected 3"):
        drafted(["a", "b", "y"], [*two_classes(60), ["1", "2"]])
    with pytest.raises(DataError, match="found target 'z', expected the name of a column"):
        drafted(["a", "b", "y"], two_classes(60), "z")


def test_choose_is_a_question_as_the_value_of_a_key_alone():
    start = "name: e\ntask: binary\ntraining: {steps: 1}\ndata: {source: x.csv, "
    assert validate(read_text(f"{start}ignore: ['CHOOSE: a or b']}}", "e.yaml")).data.ignore == ["CHOOSE: a or b"]
    assert validate(read_text(f"{start}target: CHOOSEN}}", "e.yaml")).data.target == ["CHOOSEN"]
    for text in (f"{start}unseen: CHOOSE}}", f"{start}unseen: 'CHOOSE: warn or error', sorce: x}}"):
        with pytest.raises(ConfigError) as raised:
            validate(read_text(text, "e.yaml"))
        assert str(raised.value.faults[0]).startswith("e.yaml:4:31: found CHOOSE, expected an answer")
    assert len(raised.value.faults) == 2  # it hides no other fault


# --- any table --------------------------------------------------------------------------------------------------------

CELLS = st.one_of(
    st.integers(-5, 9).map(str),
    st.floats(-1e3, 1e3).map("{:.3f}".format),
    st.sampled_from(
        ["", "NA", "?", "yes", "no", "0", "1", "01/02/2020", "2020-01-02", "$5", "12%", "1,234", "a: b", "#x"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
)


@st.composite
def tables(draw):
    """A header and rows: each column draws its cells from a few, so that it may be of one kind."""
    width, count = draw(st.integers(1, 4)), draw(st.integers(1, 70))
    names = draw(st.lists(st.text(min_size=1, max_size=8), min_size=width, max_size=width))
    columns = [draw(st.lists(CELLS, min_size=1, max_size=6)) for _ in range(width)]
    return names, [[cells[(i * (3 + j)) % len(cells)] for j, cells in enumerate(columns)] for i in range(count)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables(), separator=st.sampled_from(",;\t"))
def test_any_table_that_can_be_read_gives_an_experiment_that_is_valid_or_asks(drafted, table, separator):
    header, rows = table
    try:
        found, _ = drafted(header, rows, separator=separator)
    except DataError:
        return
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        return
    if not found.questions:
        again = ExperimentFile.read(found.path).setup().rows.dataset
        assert again.fingerprint == found.known.dataset.fingerprint
        return
    with pytest.raises(ConfigError) as raised:
        ExperimentFile.read(found.path)
    assert {fault.message.partition(",")[0] for fault in raised.value.faults} == {f"found {OPEN}"}
    assert len(raised.value.faults) == len(found.questions)


def test_where_the_mark_is_known_a_sign_between_three_digits_has_one_reading(drafted):
    rows = [[i % 11, f"{1 + i % 9},{100 + i}", "ab"[i % 2]] for i in range(60)]
    for answer, first in (('"."', 1100.0), ('","', 1.1)):
        found, values = drafted(["a", "b", "y"], rows)
        assert values["data"]["thousands"] is None
        question = found.questions[0].fault
        assert 'expected decimal: "." (the comma groups thousands, as thousands: "," says) or decimal: ","' in str(
            question
        )
        assert 'or thousands: ","' not in str(question)
        answered(found, "decimal", answer)
        assert opened(found)[1].rows.dataset.x[0].tolist() == [0.0, first]


@pytest.mark.parametrize("cell", ["{:.1f}", "${:.1f}", "{:.0f}%"])
@pytest.mark.parametrize("mark", [".", ","])
def test_a_target_is_a_number_in_whatever_way_it_is_written(drafted, cell, mark):
    rows = [[noise().replace(".", mark), cell.format(1.5 * i).replace(".", mark)] for i in range(60)]
    found, values = drafted(["a", "b"], rows, separator=";")
    assert values["task"] == "regression"
    assert opened(found)[1].rows.dataset.y[4, 0] == 6


def test_a_parquet_file_is_drafted_for_without_the_keys_of_texts(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"a": [i % 7 + 0.5 for i in range(60)], "kind": ["xy"[i % 2] for i in range(60)]}
    parquet.write_table(arrow.table(columns), tmp_path / "t.parquet")
    found = draft(str(tmp_path / "t.parquet"), (), tmp_path / "e.yaml")
    assert opened(found)[0].data.target == ["kind"]
    assert "separator" not in found.path.read_text(encoding="utf-8")


def test_values_stand_on_one_line():
    assert as_yaml({"date": "%d/%m"}) == '{date: "%d/%m"}'
    assert as_yaml(["a: b", "?"]) == '["a: b", "?"]'
    assert as_yaml(None) == "null"


def test_answers_are_listed_in_words(drafted):
    found, _ = drafted(["a", "b", "y"], [[noise(), noise(), i % 5] for i in range(60)])
    question = found.questions[0].fault.question
    assert answers_in_words(question) == "regression (an amount) or multiclass (a class each)"
    assert text_of(["A title."], found.questions).startswith("# A title.\n# CHOOSE: found no task")
