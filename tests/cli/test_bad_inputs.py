"""What a user can get wrong, by the command line from end to end: a line that says so, an exit code, nothing written.

The readers alone are tested in test_data_*.py and test_config_*.py, and with anything at all in test_fuzz.py.
"""

import gzip
import io
import os
import pickle
import pty
import shutil
import subprocess
import zipfile

import numpy as np
import pytest
from support import COMMAND, HOUSES, PAINTED, environment, nnlab, nnlab_here, read_json, trained, write

from nnlab.config.document import read_file
from nnlab.config.experiment import validate
from nnlab.data.arrays import read_npz
from nnlab.data.scaling import Scaling
from nnlab.data.tables import read_csv, read_csv_like
from nnlab.errors import CheckpointError, DataError, suggestion
from nnlab.setup.model import Model
from nnlab.storage import checkpoints
from nnlab.storage.checkpoints import Checkpoint
from nnlab.storage.folder import RunFolder

pytestmark = pytest.mark.usefixtures("no_pictures")

EXPERIMENT = """\
name: own
task: {task}
data:
  source: {source}
{more}network: {{layers: [3]}}
training:
  steps: 3
"""
TABLE = "a,b,y\n" + "".join(f"{n * 3 % 20},{n * n % 7},{n % 2}\n" for n in range(20))


def prepared(folder, source, task="binary", more=""):
    """An experiment on a file of one's own."""
    return write(folder, EXPERIMENT.format(task=task, source=source, more=more)).name


def refused(folder, *words, command="train", lines=1):
    """What the command says when it refuses: exit code 2, nothing on stdout, nothing written."""
    before = sorted(path.name for path in folder.iterdir())
    result = nnlab_here(command, *words, cwd=folder)
    assert (result.exit_code, result.stdout) == (2, ""), result.stderr
    said = result.stderr.splitlines()
    assert len(said) == lines, said
    assert all(line.isprintable() for line in said)
    assert sorted(path.name for path in folder.iterdir()) == before
    return result.stderr


# --- Tables -----------------------------------------------------------------------------------------------------------

TABLES = {
    "empty": ("", "t.csv:1: found an empty file or first line"),
    "empty lines": ("\n\n\n", "t.csv:1: found an empty file or first line"),
    "header only": ("a,b,y\n", "found a line of names and no rows"),
    "no header": ("1,2,0\n3,4,1\n", "t.csv:1: found a first line that may be names or a row"),
    "ragged row": (TABLE + "1,2\n", "t.csv:22: found 2 cells, expected 3"),
    "text among numbers": (
        TABLE + "1,foo,0\n",
        "t.csv:22:2: found 1 cell of 21 in column 'b' that is no number ('foo')",
    ),
    "nan": (TABLE + "1,nan,0\n", "t.csv:22:2: found 1 blank in column 'b' (line 22), expected a value"),
    "inf": (TABLE + "1,Inf,0\n", "t.csv:22:2: found 1 cell of 21 in column 'b' that is no number ('Inf')"),
    "1e400": (TABLE + "1,1e400,0\n", "t.csv:22:2: found 1 cell of 21 in column 'b' that is no number ('1e400')"),
    "trailing comma": (TABLE + "1,2,0,\n", "t.csv:22: found 4 cells (the line ends in a separator)"),
    "unclosed quote": (TABLE + '1,"2,0\n', "t.csv:22: found a quote that is never closed"),
    "misplaced quote": (TABLE + '1,"2"x,0\n', "t.csv:22: found a misplaced quote"),
    "a name twice": (TABLE.replace("a,b", "a,a"), "t.csv:1:2: found column name 'a' twice"),
    "no name": (TABLE.replace("a,b", "a,"), "t.csv:1:2: found no name for column 2, expected one"),
    "an escape in a name": (TABLE.replace("a,b", "\x1b[31ma,b"), r"'\x1b[31ma'"),
    "one class": ("a,y\n" + "1,1\n2,1\n" * 9, "found 1 class ('1'), expected at least two"),
    "one row of classes": ("a,y\n1,0\n", "found 1 class ('0')"),
    "three classes": (TABLE + "1,2,2\n", "found 3 classes"),
    "label -1": (TABLE + "1,2,2\n1,2,-1\n", "found 4 classes ('-1', '0', '1', '2'), expected exactly 2"),
    "label 2.7": (TABLE + "1,2,2.7\n", "found 3 classes ('0', '1', '2.7'), expected exactly 2"),
    "label nan": (TABLE + "1,2,nan\n", "t.csv:22:3: found 1 blank in column 'y' (line 22)"),
    "no label": (TABLE + "1,2,\n", "t.csv:22:3: found 1 blank in column 'y' (line 22)"),
    "only a target": ("y\n0\n1\n", "found one column, 'y', expected inputs and a target"),
    "nothing but a constant": (
        "a,y\n" + "1,0\n1,1\n" * 9,
        "found no column left for the inputs ('a': it is 1 in every",
    ),
    "two separators": (TABLE.replace(",", ",;"), "by commas and"),
    "latin-1": (TABLE.encode() + b"\xe9,1,0\n", "t.csv:22: found byte 0xe9"),
    "utf-16": (TABLE.encode("utf-16"), "expected text in UTF-8; it looks like UTF-16"),
    "NUL": (TABLE + "1,\x002,0\n", r"that is no number ('\x002')"),
}


@pytest.mark.parametrize(("content", "message"), TABLES.values(), ids=TABLES)
def test_a_table_that_cannot_be_used_is_refused(content, message, tmp_path):
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert message in refused(tmp_path, prepared(tmp_path, "t.csv"))


def test_labels_are_judged_though_there_are_faults_enough_already(tmp_path):
    columns = read_csv(write(tmp_path, "a,y\n1,no\n2,yes\n", "t.csv"), task="binary").columns
    wrong = write(tmp_path, "a,y\n" + "x,maybe\n" * 25, "wrong.csv")
    with pytest.raises(DataError) as error:
        read_csv_like(wrong, columns, task="binary", blanks_allowed=False)
    assert [fault.column for fault in error.value.faults] == [1, 2]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("  target: [b, z]\n", "expected the name of a column"),
        ("  ignore: [aa]\n", "experiment.yaml:5:12: found ignore 'aa', expected the name of a column; did"),
        ("  ignore: [a, b]\n", "found no column left for the inputs"),
        ("  validation: 20\n", "found 20 rows for data.validation: 20, expected fewer than the 20 there are"),
        ("  validation: 0\n", "experiment.yaml:5:15: found 0, expected a share in (0, 1)"),
        ("  test: 1.5\n", "experiment.yaml:5:9: found 1.5"),
        ("  test: 19\n  validation: 0.5\n", "found 1 row for data.validation"),
        ("  blanks: mode\n", "experiment.yaml:5:11: found 'mode', expected refuse, drop, mean or median"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_table_is_refused_at_its_place(more, message, tmp_path):
    write(tmp_path, TABLE, "t.csv")
    found = nnlab_here("train", prepared(tmp_path, "t.csv", more=more), cwd=tmp_path)
    assert found.exit_code == 2
    assert message in found.stderr
    assert not (tmp_path / "runs").exists()


FINE = {
    "BOM and CRLF": ("\ufeff" + TABLE.replace("\n", "\r\n"), "binary", "", ""),
    "spaces around cells": (TABLE.replace(",", " , "), "binary", "", ""),
    "semicolons": (TABLE.replace(",", ";"), "binary", "", ""),
    "tabs": (TABLE.replace(",", "\t"), "binary", "", ""),
    "labels of text and numbers": (TABLE.replace(",0\n", ",no\n"), "binary", "", ""),
    "names in other scripts": (TABLE.replace("a,b", "größe,日本"), "binary", "", ""),
    "a constant column": (TABLE.replace("a,b", "c,a,b").replace("\n", "\n5,")[: -len("5,")], "binary",
                          "  scale: standard\n", ""),
    "near 1e308": ("a,y\n" + "".join(f"{(-1) ** n * n / 20 * 1.7e308},{n % 2}\n" for n in range(20)), "binary",
                   "  scale: standard\n", ""),
    "one row": ("a,y\n1,0.5\n", "regression", "", ""),
    "a class absent from validation": ("a,y\n" + "".join(f"{n * 3 % 20},{n % 2 if n else 2}\n" for n in range(20)),
                                       "multiclass", "  validation: 0.2\n", "class '2' absent from the validation"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "task", "more", "warning"), FINE.values(), ids=FINE)
def test_a_table_that_is_odd_but_sound_is_used(content, task, more, warning, tmp_path, with_pictures):
    write(tmp_path, content, "t.csv")
    result = nnlab_here("train", prepared(tmp_path, "t.csv", task, more), "--quiet", cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert warning in result.stderr
    assert result.stderr.count("warning") == (1 if warning else 0)
    final = read_json(tmp_path / result.stdout.strip() / "summary.json")["final"]
    assert np.isfinite(final["train/loss"])


# --- Arrays, images, paths --------------------------------------------------------------------------------------------

X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


def packed(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def member(content):
    """An .npz file whose `x` is these bytes."""
    stream = io.BytesIO(packed(y=Y))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("x.npy", content)
    return stream.getvalue()


def header(descr="<f8", shape="(20, 2)"):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


SOUND = packed(x=X, y=Y)
ARRAYS = {
    "objects, that is pickles": (packed(x=X.astype(object), y=Y), "found elements of type '|O'"),
    "a pickle": (pickle.dumps({"x": 1}), "not a zip file"),
    "text": (packed(x=X.astype(str), y=Y), "expected bool, integer or float"),
    "complex": (packed(x=X + 1j, y=Y), "expected bool, integer or float"),
    "a structure": (packed(x=np.zeros(20, "f8,i4"), y=Y), "found elements of type a structure"),
    "10^12 promised": (member(header(shape="(1000000000000,)") + b"\x00" * 16), "its header promises"),
    "10^24 promised": (member(header(shape="(1000000000000, 1000000000000)")), "its header promises"),
    "extra bytes in a member": (member(header() + X.tobytes() + b"more"), "found more bytes than its header promises"),
    "extra bytes behind": (SOUND + b"more", "found extra bytes before or after the arrays"),
    "extra bytes before": (b"more" + SOUND, "found extra bytes before or after the arrays"),
    "cut": (SOUND[:-100], "corrupt or truncated"),
    "empty": (b"", "corrupt or truncated"),
    "a flipped bit": (SOUND[:300] + bytes([SOUND[300] ^ 1]) + SOUND[301:], "Bad CRC-32"),
    "label -1": (packed(x=X, y=np.r_[-1, Y[1:]]), "found label -1 in row 1 of y"),
    "label 2.7": (packed(x=X, y=np.r_[2.7, Y[1:]]), "found label 2.7 in row 1 of y"),
    "label nan": (packed(x=X, y=np.r_[np.nan, Y[1:]]), "found label nan in row 1 of y"),
    "nan": (packed(x=np.where(X == 3, np.nan, X), y=Y), "found nan in row 2, column 2 of x"),
    "lengths": (packed(x=X, y=Y[:5]), "expected as many rows"),
    "no y": (packed(x=X), "expected x and y"),
    "five dimensions": (packed(x=X.reshape(5, 2, 2, 2, 1), y=Y[:5]), "expected (rows, inputs)"),
}


@pytest.mark.parametrize(("content", "message"), ARRAYS.values(), ids=ARRAYS)
def test_arrays_that_cannot_be_used_are_refused(content, message, tmp_path):
    (tmp_path / "a.npz").write_bytes(content)
    assert message in refused(tmp_path, prepared(tmp_path, "a.npz"))


def test_big_endian_and_fortran_order_give_the_same_bits(tmp_path):
    for name, x in (("a", X), ("b", np.asfortranarray(X.astype(">f8")))):
        (tmp_path / f"{name}.npz").write_bytes(packed(x=x, y=Y))
    first, second = (read_npz(tmp_path / f"{name}.npz", task="binary") for name in "ab")
    assert first.x.tobytes() == second.x.tobytes()
    assert first.fingerprint == second.fingerprint


def idx(rank, *sizes, content=b""):
    return bytes((0, 0, 8, rank)) + b"".join(size.to_bytes(4, "big") for size in sizes) + content


IMAGES, LABELS = idx(3, 4, 2, 2, content=bytes(16)), idx(1, 4, content=bytes([0, 1, 2, 0]))
FOLDERS = {
    "wrong magic number": (b"\x00\x00\x0d\x03" + IMAGES[4:], LABELS, "found magic number 00000d03"),
    "dimensions beyond the file": (idx(3, 2**31, 2**31, 2**31), LABELS, "found 16 bytes, expected"),
    "one byte too many": (IMAGES + b"\x00", LABELS, "found 33 bytes, expected 32"),
    "one byte too few": (IMAGES[:-1], LABELS, "found 31 bytes, expected 32"),
    "other numbers": (IMAGES, idx(1, 3, content=bytes(3)), "found 3 train labels, expected 4"),
    "empty": (b"", LABELS, "found magic number none"),
    "no rows": (idx(3, 0, 2, 2), idx(1, 0), "expected none to be 0"),
}


@pytest.mark.parametrize(("images", "labels", "message"), FOLDERS.values(), ids=FOLDERS)
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_that_cannot_be_used_are_refused(images, labels, message, ending, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name, content in (("images-idx3", images), ("labels-idx1", labels)):
        (folder / f"train-{name}-ubyte{ending}").write_bytes(gzip.compress(content) if ending else content)
    said = refused(tmp_path, prepared(tmp_path, "images", "multiclass"))
    assert message in said or ending  # packed, sizes are known only when it is unpacked


def test_a_bomb_is_refused_at_a_limit(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,y\n" + b"1,0\n" * 10_000_000))
    assert "MiB of text, expected less" in refused(tmp_path, prepared(tmp_path, "t.csv.gz"))


PATHS = {
    "''": "experiment.yaml:4:11: found ''",
    ".": "found a folder with none of the known files, expected a table (.csv",
    "/dev/null": "found a device, expected a file",
    "/dev/zero": "found a device, expected a file",
    "pipe.csv": "found a FIFO, expected a file",
    "nowhere.csv": "found a link that leads nowhere",
    "loop.csv": "found a link that leads nowhere",
    "folder.csv": "found a directory, expected a file",
    "nosuch.csv": "experiment.yaml:4:11: found no file 'nosuch.csv'",
    "xorr": "did you mean 'xor'?",
    "XOR": "did you mean 'xor'?",
    "experiment.yaml": "expected a table (.csv, .tsv, .txt, .data, also as .gz or .zip, .xlsx, .parquet), .npz",
    r'"a\0b.csv"': r"found no file 'a\x00b.csv'",
    r'"\x1b[31m.csv"': r"'\x1b[31m.csv'",
    "{name: xor, noise: 2}": "experiment.yaml:4:30: found 1 parameter for a set that takes none",
    "[t.csv]": "expected a name or {name: …, …}",
    "5": "found 5, expected a name",
}


@pytest.mark.parametrize(("source", "message"), PATHS.items())
def test_a_source_that_is_none_is_refused_at_once(source, message, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "nowhere.csv").symlink_to("nothing")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "folder.csv").mkdir()
    assert message in refused(tmp_path, prepared(tmp_path, source))


@pytest.mark.parametrize(
    ("word", "near"), [("ReLU", "relu"), ("Adam", "adam"), ("TANH", "tanh"), ("Val/Accuracy", "val/accuracy")]
)
def test_a_word_in_capitals_is_near_the_one_without(word, near):
    known = ["relu", "adam", "tanh", "val/accuracy", "gelu"]
    assert suggestion(word, known) == f"; did you mean '{near}'?"


def test_a_near_word_is_escaped_too():
    assert suggestion("blue", ["bl\x1bue"]) == r"; did you mean 'bl\x1bue'?"


# --- Checkpoints that are whole but say what cannot be ----------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    return trained(folder, write(folder, HOUSES.replace("source: houses", "source: houses\n  scale: standard")))


ODD_ARRAYS = {
    "another type": lambda a: a.astype(np.float16),
    "text": lambda a: a.astype("<U5"),
    "complex": lambda a: a.astype(complex),
    "bool": lambda a: a.astype(bool),
    "another shape": lambda a: a[..., None],
    "nothing": lambda a: a[..., :0],
}


@pytest.mark.parametrize("name", ["theta", "scaling/shift", "scaling/divisor"])
@pytest.mark.parametrize("change", ODD_ARRAYS.values(), ids=ODD_ARRAYS)
def test_a_checkpoint_of_odd_arrays_is_refused(finished, name, change):
    found = checkpoints.load(RunFolder(finished).checkpoint("last"))
    arrays = found.arrays | {name: change(found.arrays[name])}
    with pytest.raises(CheckpointError, match="the checkpoint"):
        Model.from_checkpoint(_experiment_of(finished), Checkpoint(arrays, found.about))


@pytest.mark.parametrize(
    ("key", "value"),
    [("columns", None), ("columns", {}), ("columns", {"inputs": [], "targets": [], "classes": []}), ("layout", []),
     ("layout", None), ("image_shape", 3), ("columns", {"inputs": [{"name": 3}], "targets": 1, "classes": 2})],
)  # fmt: skip
def test_a_checkpoint_that_describes_itself_oddly_is_refused(finished, key, value):
    found = checkpoints.load(RunFolder(finished).checkpoint("last"))
    with pytest.raises(CheckpointError, match="the checkpoint"):
        Model.from_checkpoint(_experiment_of(finished), Checkpoint(found.arrays, found.about | {key: value}))
    missing = {name: fact for name, fact in found.about.items() if name != key}
    with pytest.raises(CheckpointError, match="the checkpoint"):
        Model.from_checkpoint(_experiment_of(finished), Checkpoint(found.arrays, missing))


def _experiment_of(run):
    return validate(read_file(run / "config.yaml"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("shift", np.inf), ("divisor", 0.0), ("divisor", -1.0), ("divisor", np.nan), ("shift", np.nan)],
)
def test_a_scaling_by_impossible_numbers_is_refused(name, value):
    arrays = Scaling.fit(X).to_arrays()
    with pytest.raises(ValueError, match="found a scaling"):
        Scaling.from_arrays(arrays | {name: np.full(2, value)})


def test_a_scaling_by_the_smallest_numbers_is_read_back():
    fitted = Scaling.fit(np.array([[0.0], [5e-324]]), "minmax")
    assert Scaling.from_arrays(fitted.to_arrays()).divisor == 5e-324


# --- Surroundings -----------------------------------------------------------------------------------------------------

COMMANDS = {
    "train": ("train", "experiment.yaml"),
    "eval": ("eval", "latest"),
    "compare": ("compare-activations", "experiment.yaml", "--set", "network.layers=[2]", "--seeds", "2"),
    "dry run": ("train", "experiment.yaml", "--dry-run"),
    "refusal": ("train", "nothing.yaml"),
}
CODES = {"refusal": 2}


@pytest.fixture(scope="module")
def houses(tmp_path_factory):
    """A folder with an experiment and a run of it."""
    folder = tmp_path_factory.mktemp("houses")
    trained(folder, write(folder, HOUSES))
    return folder


@pytest.fixture
def folder(houses, tmp_path):
    """A copy of it for one test."""
    shutil.copytree(houses, tmp_path, symlinks=True, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_stderr_that_nobody_reads_any_more_costs_no_run(name, folder):
    reader, writer = os.pipe()
    os.close(reader)
    result = nnlab(*COMMANDS[name], cwd=folder, stderr=writer)
    os.close(writer)
    assert result.returncode == CODES.get(name, 0)
    assert (name in ("refusal", "dry run")) == (not result.stdout)


@pytest.mark.parametrize("name", ["train", "refusal"])
def test_a_full_disk_behind_stderr_costs_no_run(name, folder):
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        result = nnlab(*COMMANDS[name], cwd=folder, stderr=full)
    assert result.returncode == CODES.get(name, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eval", "compare", "dry run"])
def test_a_stdout_that_nobody_reads_any_more_is_quiet(name, folder):
    reader, writer = os.pipe()
    os.close(reader)
    result = nnlab(*COMMANDS[name], "--json", cwd=folder, stdout=writer)
    os.close(writer)
    assert (result.returncode, result.stderr) == (0, "")


BARE = {"HOME": None, "MPLCONFIGDIR": None, "TERM": None, "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0", "COLUMNS": "1"}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_bare_surroundings_are_fine(name, folder):
    result = nnlab(*COMMANDS[name], cwd=folder, **BARE, **PAINTED)
    assert result.returncode == CODES.get(name, 0), result.stderr
    assert result.stderr.isascii()
    assert "Warning" not in result.stderr  # Python's; two seeds are warned about as they should be
    assert "\x1b" not in result.stderr


def on_a_terminal(*words, cwd, **changes):
    """Exit code and output of a command whose streams are a terminal."""
    mine, its = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words], cwd=cwd, env=environment(**changes), stdin=its, stdout=its, stderr=its, close_fds=True
    )
    os.close(its)
    found = b""
    while True:
        try:
            piece = os.read(mine, 65536)
        except OSError:  # the other end was closed
            break
        if not piece:
            break
        found += piece
    os.close(mine)
    return process.wait(timeout=60), found.decode("utf-8", "replace")


PLAIN = {"a dumb terminal": {"TERM": "dumb"}, "NO_COLOR": {"TERM": "xterm", "NO_COLOR": "1"},
         "one column": {"TERM": "xterm", "COLUMNS": "1"}}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("changes", PLAIN.values(), ids=PLAIN)
def test_where_plain_text_is_asked_for_it_is_plain(changes, folder):
    code, found = on_a_terminal(*COMMANDS["train"], cwd=folder, **changes)
    assert code == 0, found
    assert "\x1b" not in found


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{"COLUMNS": "0"}, {"COLUMNS": "wide", "TERM": "no-such", "LANG": "xx"}], ids=str)
def test_odd_terminals_are_fine(changes, folder):
    code, found = on_a_terminal("train", "experiment.yaml", cwd=folder, **{"TERM": "xterm", **changes})
    assert code == 0, found
    assert "Traceback" not in found


def test_a_good_terminal_gets_a_live_line(folder):
    _, found = on_a_terminal("train", "experiment.yaml", cwd=folder, TERM="xterm")
    assert "\x1b[" in found


@pytest.mark.parametrize("option", ["--predictions", "--junit"])
@pytest.mark.parametrize("place", ["pipe", "no/such.csv", "", "."])
def test_what_cannot_be_written_is_said_before_anything_is_computed(option, place, folder):
    os.mkfifo(folder / "pipe")
    result = nnlab_here("eval", "latest", option, place, cwd=folder)
    assert (result.exit_code, result.stdout) == (2 if place == "pipe" else 5, "")
    assert len(result.stderr.splitlines()) == 1
    assert (folder / "pipe").is_fifo()


@pytest.mark.parametrize("place", ["", "a\0b"])
def test_a_runs_folder_without_a_name_is_refused(place, tmp_path):
    refused(tmp_path, write(tmp_path, HOUSES).name, "--runs-dir", place, lines=4)


@pytest.mark.parametrize("option", ["--set", "--gate"])
def test_a_message_is_not_as_long_as_what_it_tells_of(option, tmp_path):
    said = refused(
        tmp_path, write(tmp_path, HOUSES).name, option, "x" * 5000 + ("=1" if option == "--set" else " >= 1")
    )
    assert len(said) < 500


ODD_NAMES = ["a\nb", "\x1b[31mred", "a/b", "..", ".", "", "-x", "a" * 300, " a", "é", "a\x00b", "con:", "*"]


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
def test_an_odd_run_name_is_refused_by_option_and_by_file(name, tmp_path):
    path = write(tmp_path, HOUSES)
    refused(tmp_path, path.name, "--name", name)


def test_a_data_error_can_be_told_whatever_the_file_is_called(tmp_path):
    source = tmp_path / "new\nline \x1b[31m.csv"
    source.write_text("a,y\n1\n")
    with pytest.raises(DataError):
        read_npz(source, task="binary")
    said = refused(tmp_path, prepared(tmp_path, '"new\\nline \\x1b[31m.csv"'))
    assert r"new\nline \x1b[31m.csv:2: found 1 cell, expected 2" in said
