"""Outputs that a person names: none is what the command reads, links are followed, devices and pipes written to."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import socket
import stat
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support import COMMAND, nnlab, nnlab_here, parse_json, sh, table, trained, write

from nnlab.errors import OutputError, StorageError
from nnlab.storage import outputs
from nnlab.storage.files import write_atomically
from nnlab.storage.folder import RunFolder, files_of_run
from nnlab.storage.outputs import is_stdout, is_stream, outputs_at

TEXT = """\
name: t
task: binary
data: {source: d.csv, test: 0.25, validation: 0.2}
network: {layers: [2]}
training: {steps: 3}
"""
ROWS = table("a,b,y", lambda i: f"{i % 7},{i % 5},{'yes' if i % 2 else 'no'}")
RATES = "optimizer.learning_rate=0.1,0.2"
GATE = ("--gate", "train/loss <= 9")


@pytest.fixture(scope="module")
def base(tmp_path_factory, quick_pictures):
    """A folder with a table, an experiment, a run of it called m, a plugin and an own text."""
    folder = tmp_path_factory.mktemp("outputs")
    for name in ("d.csv", "new.csv"):
        write(folder, ROWS, name)
    write(folder, TEXT, "e.yaml")
    write(folder, "ACTIVATIONS = []\n", "p.py")
    write(folder, "mine\n", "own.txt")
    trained(folder, "e.yaml", "--name", "m")
    return folder


@pytest.fixture
def place(base, tmp_path):
    """A copy of that folder."""
    shutil.copytree(base, tmp_path / "w", symlinks=True)
    return tmp_path / "w"


def run_in(folder):
    return next(path for path in (folder / "runs").iterdir() if not path.is_symlink())


def contents(folder):
    """Every path with what it is, its mode and its bytes, or where it leads."""
    return {
        path: (path.lstat().st_mode, path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes())
        for path in sorted(folder.rglob("*"))
    }


def refused(folder, *words, message="", code=2):
    """A command that ends with one line, and changes nothing."""
    before = contents(folder)
    result = nnlab_here(*words, cwd=folder)
    assert (result.exit_code, result.stdout) == (code, ""), result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert message in result.stderr
    assert contents(folder) == before
    return result.stderr


# --- what is read stays as it is --------------------------------------------------------------------------------------

TRAIN = ("train", "e.yaml", *GATE, "--plugin", "p.py")
EVAL = ("eval", "m", *GATE, "--data", "new.csv", "--plugin", "p.py")
COMMANDS = {
    "train": (TRAIN, ("d.csv", "e.yaml", "p.py")),
    "resume": (("train", "--resume", "m", "--steps", "4", *GATE), ("d.csv", "RUN/config.yaml", "RUN/checkpoints/new")),
    "baseline": (
        ("train", "e.yaml", "--gate", "train/loss <= 9 * baseline", "--baseline", "m"),
        ("RUN/summary.json", "RUN/metrics.csv", "RUN/plots/new.xml"),
    ),
    "compare": (("compare-activations", "e.yaml", "--plugin", "p.py"), ("d.csv", "e.yaml", "p.py", "RUN/run.json")),
    "sweep": (
        ("sweep", "e.yaml", "--grid", RATES, "--plugin", "p.py"),
        ("d.csv", "e.yaml", "p.py"),
    ),
    "eval": (EVAL, ("d.csv", "new.csv", "p.py", "RUN/config.yaml", "RUN/train.log", "RUN/autopsy.json", "RUN/.lock")),
}
WAYS = {
    "itself": lambda _folder, victim: victim,
    "by ..": lambda _folder, victim: f"runs/../{victim}",
    "by its whole path": lambda folder, victim: str(folder / victim),
    "by a link": lambda folder, victim: (folder / "link").symlink_to(victim) or "link",
    "by a linked folder": lambda folder, victim: (folder / "here").symlink_to(folder) or f"here/{victim}",
    "by a hard link": lambda folder, victim: (folder / "hard").hardlink_to(folder / victim) or "hard",
}


READ = [(command, victim, way) for command, (_, victims) in COMMANDS.items() for victim in victims for way in WAYS]
NO_HARD_LINK = {"RUN/checkpoints/new", "RUN/plots/new.xml", "RUN/autopsy.json", "RUN/.lock"}  # there is no such file
NOT_READ = {("compare", "RUN/run.json", "by a hard link")}  # only the other name leads to another file then


@pytest.mark.parametrize(
    ("command", "victim", "way"),
    [one for one in READ if one not in NOT_READ and not (one[1] in NO_HARD_LINK and one[2] == "by a hard link")],
)
def test_no_output_takes_the_place_of_what_the_command_reads(command, victim, way, base, place):
    run = run_in(place)
    config = run / "config.yaml"  # it names the table in the folder that was copied
    config.write_text(config.read_text().replace(str(base), str(place)))
    victim = victim.replace("RUN", str(run.relative_to(place)))
    named = WAYS[way](place, victim)
    for option in ("--junit", "--predictions") if command == "eval" else ("--junit",):
        assert refused(place, *COMMANDS[command][0], option, named).startswith(f"{named}: found ")


def test_the_files_that_a_file_of_parts_names_are_read_too(place):
    write(
        place,
        TEXT.replace("source: d.csv, test: 0.25, validation: 0.2", "files: {train: d.csv, test: new.csv}"),
        "parts.yaml",
    )
    for victim in ("d.csv", "new.csv"):
        refused(place, "train", "parts.yaml", "--junit", victim, message="which this command reads")


def test_a_set_of_the_catalogue_is_read_from_a_file(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copy(Path(__file__).parents[2] / "data" / "iris.csv", folder)
    write(tmp_path, "name: i\ntask: multiclass\ndata: {source: iris}\ntraining: {steps: 2}\n", "i.yaml")
    refused(tmp_path, "train", "i.yaml", "--junit", "data/iris.csv", message="data/iris.csv, which this command reads")


def test_a_folder_of_images_takes_no_output(tmp_path):
    for number, kind in enumerate(["cat", "dog"] * 6):
        (tmp_path / "pictures" / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), 20 * number, np.uint8)).save(tmp_path / "pictures" / kind / f"{number}.png")
    write(tmp_path, "name: i\ntask: binary\ndata: {source: pictures}\ntraining: {steps: 2}\n", "i.yaml")
    (tmp_path / "hard").hardlink_to(tmp_path / "pictures" / "cat" / "0.png")
    (tmp_path / "nowhere").symlink_to("pictures/dog/new.xml")
    for junit in ("pictures/g.xml", "pictures/cat/0.png", "nowhere", "hard"):
        refused(tmp_path, "train", "i.yaml", "--junit", junit, message="pictures, which this command reads")


def test_an_experiment_on_standard_input_is_read_as_well(place):
    before = contents(place)
    command = "python -m nnlab train - --junit e.yaml < e.yaml"
    done = sh(command.replace("python", COMMAND[0]), place)
    assert (done.returncode, done.stdout) == (2, "")
    assert "e.yaml: found /dev/stdin, which this command reads" in done.stderr
    assert contents(place) == before


def test_pieces_that_may_be_used_again_are_read(place):
    pieces = run_in(place) / "pieces"
    pieces.mkdir()
    key = pieces / "key-0x1.npz"
    key.touch()
    (place / "hard").hardlink_to(key)
    words = ("compare-activations", "e.yaml", "--needed", "--junit")
    for path in ("hard", str(key), "runs/latest/pieces/new.npz"):
        refused(place, *words, path)


def test_no_output_of_a_run_takes_the_place_of_its_experiment_or_its_data_or_lies_in_its_folder(base, place):
    run = run_in(place)
    config = run / "config.yaml"  # it names the table in the folder that was copied
    config.write_text(config.read_text().replace(str(base), str(place)))
    (place / "data.svg").symlink_to("d.csv")
    (place / "origin.svg").symlink_to("e.yaml")
    (place / "origin.csv").symlink_to("e.yaml")
    (place / "sub").mkdir()
    drawn = (("plot", "m", "cost", "-o"), ("draw", "m", "-o"), ("runs", "compare", "m", "-o"))
    cases = [(words, name) for words in drawn for name in ("data.svg", "origin.svg", run / "new.svg")]
    cases += [(("eval", "m", "--predictions"), name) for name in ("origin.csv", "e.yaml", run / "new.csv")]
    cases += [(("train", "--resume", "m", *GATE, "--junit"), "e.yaml")]
    for words, name in cases:
        assert "which this command reads" in refused(place, *words, name)
    message = "e.yaml, which this command reads"
    refused(place, "eval", run, "--predictions", place / "e.yaml", "--runs-dir", place / "sub", message=message)


def test_no_output_takes_the_place_of_a_file_of_another_run_but_new_names_in_it_are_free(place):
    run = trained(place, "e.yaml", "--name", "other")
    for name in ("config.yaml", "report.html", "hashes.csv", "plots/cost.png", "plots/new.png", "checkpoints/best.npz"):
        refused(place, "eval", "m", "--predictions", run / name, message="found a file of the run ")
    for _ in range(2):
        assert nnlab_here("eval", "m", "--predictions", run / "p.csv", "--quiet", cwd=place).exit_code == 0


def test_a_report_that_goes_to_the_newest_run_takes_no_file_of_the_run_that_is_made(place, monkeypatch):
    """`latest` leads elsewhere at the end than at the beginning."""
    shutil.rmtree(place / "runs")
    (place / "runs" / "first").mkdir(parents=True)
    (place / "runs" / "latest").symlink_to("first")
    result = nnlab_here("train", "e.yaml", "--junit", "runs/latest/summary.json", "--quiet", cwd=place)
    assert result.exit_code == 2
    assert "found a file of the run " in result.stderr
    assert json.loads((place / "runs" / "latest" / "summary.json").read_text())["status"] == "completed"
    assert list((place / "runs" / "first").iterdir()) == []


@pytest.mark.parametrize("other", ["x", "./x", "sub/../x", "link", "hard"])
def test_two_outputs_have_two_places(other, place):
    (place / "sub").mkdir()
    (place / "link").symlink_to("x")
    if other == "hard":
        write(place, "mine", "x")
        (place / "hard").hardlink_to(place / "x")
    message = f"{Path(other)}: found the place of another output, x, expected a file of its own"
    refused(place, "eval", "m", "--predictions", "x", "--junit", other, message=message)


def test_every_file_of_all_kinds_of_runs_is_known_as_theirs(place, tmp_path):
    """A file that nnlab learns to write is to be named in `nnlab/storage/folder.py`."""
    for command in (
        ("compare-activations", "-a", "relu", "-a", "tanh"),
        ("sweep", "--grid", RATES),
    ):
        done = nnlab_here(command[0], "e.yaml", *command[1:], "--seeds", "2", "--quiet", cwd=place)
        assert done.exit_code == 0, done.stderr
    for run in (path for path in (place / "runs").iterdir() if not path.is_symlink()):
        assert sorted({*run.iterdir()} - {*files_of_run(run)}) == []


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--predictions", "--junit"])
def test_a_link_is_followed_and_stays(option, place):
    (place / "results").mkdir()
    (place / "link.csv").symlink_to("results/there.csv")
    for _ in range(2):  # first it leads to nothing
        assert nnlab_here("eval", "m", option, "link.csv", "--quiet", cwd=place).exit_code == 0
        assert (place / "link.csv").readlink() == Path("results/there.csv")
        assert (place / "results" / "there.csv").read_text().startswith(("split,row", "<?xml"))
        write(place, "old", "results/there.csv")
    assert [path.name for path in (place / "results").iterdir()] == ["there.csv"]


def test_the_other_commands_follow_links_too(place):
    for name in ("e2.yaml", "relu.png"):
        write(place, "old", f"to-{name}")
        (place / name).symlink_to(f"to-{name}")
    assert nnlab_here("init", "d.csv", "-o", "e2.yaml", "--force", cwd=place).exit_code == 0
    assert nnlab_here("activations", "plot", "relu", "--out", "relu.png", cwd=place).exit_code == 0
    assert (place / "e2.yaml").is_symlink()
    assert "source" in (place / "to-e2.yaml").read_text()
    assert (place / "relu.png").is_symlink()
    assert (place / "to-relu.png").read_bytes().startswith(b"\x89PNG")


def test_a_link_in_a_circle_and_one_into_no_folder_are_refused(place):
    (place / "circle").symlink_to("circle")
    (place / "far").symlink_to("no/such/folder")
    for link in ("circle", "far"):
        refused(place, "eval", "m", "--predictions", link, code=5, message=f"{link}: cannot write: ")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_a_file_that_is_replaced_keeps_its_mode_and_its_owner(mode, tmp_path):
    path = write(tmp_path, "old", "x")
    path.chmod(mode)
    with contextlib.suppress(PermissionError):
        os.chown(path, 12345, 23456)
    before = path.stat()
    outputs_at([path])[0].write(b"new")
    after = path.stat()
    assert path.read_bytes() == b"new"
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def no_chown(*_):
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("content", [b"new", b"", b"longer than before"])
def test_a_file_whose_owner_a_new_one_may_not_get_is_written_in_place(content, tmp_path, monkeypatch):
    path = write(tmp_path, "as it was", "x")
    path.chmod(0o664)
    with contextlib.suppress(PermissionError):
        os.chown(path, 12345, 23456)
    before = path.stat()
    monkeypatch.setattr("nnlab.storage.files.os.fchown", no_chown)
    outputs_at([path])[0].write(content)
    after = path.stat()
    assert [entry.read_bytes() for entry in tmp_path.iterdir()] == [content]
    for name in ("st_ino", "st_mode", "st_uid", "st_gid"):
        assert getattr(after, name) == getattr(before, name)


def test_a_file_in_place_is_as_it_was_where_the_disk_is_full(tmp_path, monkeypatch):
    path = write(tmp_path, "old", "x")

    def full(descriptor, *_):
        os.ftruncate(descriptor, 100)  # as far as it came
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nnlab.storage.files.os.fchown", no_chown)
    monkeypatch.setattr("nnlab.storage.files.os.posix_fallocate", full)
    with pytest.raises(StorageError, match="x: cannot write: No space left"):
        outputs_at([path])[0].write(b"new and longer")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("x", "old")]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_mode_that_the_umask_allows(mask, mode, tmp_path):
    before = os.umask(mask)
    try:
        outputs_at([tmp_path / "x"])[0].write(b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == mode


def test_what_is_secret_is_never_readable_while_it_is_written(tmp_path):
    path = write(tmp_path, "old", "x")
    path.chmod(0o600)
    seen = []
    write_atomically(path, lambda stream: seen.append(stat.S_IMODE(os.fstat(stream.fileno()).st_mode)))
    assert seen == [0o600]


def test_a_write_protected_file_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path, "old", "x")
    monkeypatch.setattr(outputs.os, "access", lambda _path, mode: mode != os.W_OK)  # root may write it
    with pytest.raises(StorageError, match="x: cannot write: Permission denied"):
        outputs_at([path])
    assert path.read_text() == "old"


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = write(tmp_path, "old", "x")
    (output,) = outputs_at([path])

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nnlab.storage.files.os.fsync", full)
    with pytest.raises(StorageError, match="x: cannot write: No space left"):
        output.write(b"new")
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("x", "old")]


def test_a_link_in_place_of_the_temporary_file_is_not_followed(tmp_path):
    victim = write(tmp_path, "mine", "victim")
    (tmp_path / f".x.{os.getpid()}.part").symlink_to(victim)
    outputs_at([tmp_path / "x"])[0].write(b"new")
    assert (victim.read_text(), (tmp_path / "x").read_text()) == ("mine", "new")


# --- devices, pipes and descriptors -----------------------------------------------------------------------------------


def test_a_device_is_written_to_and_stays(tmp_path):
    (tmp_path / "link").symlink_to("/dev/null")
    for path in (Path("/dev/null"), tmp_path / "link"):
        outputs_at([path, path])[0].write(b"x" * 10**6)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert (tmp_path / "link").is_symlink()


def test_a_full_device_is_a_storage_error():
    with pytest.raises(StorageError, match="/dev/full: cannot write: No space left"):
        outputs_at([Path("/dev/full")])[0].write(b"x")


def read_later(path, found, *, after=0.0):
    """A thread that reads a pipe to its end."""

    def read():
        time.sleep(after)
        found.append(path.read_bytes())

    thread = threading.Thread(target=read)
    thread.start()
    return thread


@pytest.mark.parametrize("after", [0.0, 0.3])
def test_a_pipe_is_written_to_by_one_who_waits_a_moment_for_its_reader(after, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    content, found = os.urandom(10**6), []
    thread = read_later(tmp_path / "pipe", found, after=after)
    (output,) = outputs_at([tmp_path / "pipe"])
    time.sleep(0.1)  # the reader keeps waiting
    output.write(content)
    thread.join(20)
    assert found == [content]
    assert (tmp_path / "pipe").is_fifo()


def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(place):
    os.mkfifo(place / "pipe")
    begun = time.monotonic()
    refused(place, "eval", "m", "--predictions", "pipe", message="pipe: found a pipe that nobody reads, expected one ")
    assert time.monotonic() - begun < 20


def test_a_reader_who_has_had_enough_is_no_error(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    (output,) = outputs_at([tmp_path / "pipe"])
    os.close(reader)
    output.write(b"x" * 10**6)


def test_an_output_that_is_not_written_lets_go_of_its_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    found = outputs_at([tmp_path / "pipe"])
    del found
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as one:
        one.bind("socket")
        with pytest.raises(OutputError, match="socket: found a socket, expected a file, a pipe or a device"):
            outputs_at([Path("socket")])


def test_a_disk_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path, "mine", "disk")
    found = list(path.stat())
    found[0] = stat.S_IFBLK | 0o600
    monkeypatch.setattr(outputs, "_found", lambda _path, _descriptor: os.stat_result(found))
    with pytest.raises(OutputError, match="disk: found a disk, expected a file"):
        outputs_at([path])


@pytest.mark.parametrize("how", ["/dev/fd/{}", "/proc/self/fd/{}", "{folder}/link"])
def test_a_descriptor_is_written_at_its_position(how, tmp_path):
    path = write(tmp_path, "before\nlong after", "x")
    descriptor = os.open(path, os.O_WRONLY)
    os.lseek(descriptor, 7, os.SEEK_SET)
    (tmp_path / "link").symlink_to(f"/dev/fd/{descriptor}")
    outputs_at([Path(how.format(descriptor, folder=tmp_path))])[0].write(b"then")
    os.write(descriptor, b"!")
    os.close(descriptor)
    assert path.read_text() == "before\nthen!after"


@pytest.mark.parametrize("number", ["900000", "9" * 30, "²"])
def test_a_descriptor_that_is_not_open_is_refused(number):
    with pytest.raises(StorageError, match="cannot write: "):
        outputs_at([Path(f"/dev/fd/{number}")])


def test_a_descriptor_for_reading_is_refused(tmp_path):
    with write(tmp_path, "x").open() as stream, pytest.raises(StorageError, match="cannot write: Bad file descriptor"):
        outputs_at([Path(f"/dev/fd/{stream.fileno()}")])


def test_a_descriptor_that_is_set_not_to_wait_gets_everything(tmp_path):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    found, content = [], os.urandom(10**6)
    (output,) = outputs_at([Path(f"/dev/fd/{writing}")])
    thread = read_later(Path(f"/dev/fd/{reading}"), found)
    output.write(content)
    os.close(writing)
    thread.join(20)
    os.close(reading)
    assert found == [content]


@given(st.text(st.characters(exclude_characters="\0/", exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_other_name_is_that_of_a_file(tmp_path_factory, name):
    folder = tmp_path_factory.mktemp("names")
    with contextlib.suppress(StorageError):  # . and ..
        (output,) = outputs_at([folder / name])
        output.write(b"x")
        assert [path.name for path in folder.iterdir()] == [name]
        assert not is_stream(folder / name)
        assert not is_stdout(folder / name)


# --- standard output --------------------------------------------------------------------------------------------------

PIPED = ["--predictions -", "--predictions /dev/stdout", "--predictions=- --quiet", "--predictions /dev/fd/1"]


def shell(command, folder):
    return sh(f'nnlab() {{ {COMMAND[0]} -m nnlab "$@"; }}\n{command}', folder)


@pytest.mark.slow
@pytest.mark.parametrize("words", PIPED)
def test_stdout_carries_the_predictions_alone(words, place):
    assert nnlab_here("eval", "m", "--predictions", "p.csv", cwd=place).exit_code == 0
    done = nnlab("eval", "m", *words.split(), cwd=place)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (place / "p.csv").read_text()
    assert done.stderr.splitlines()[-1] == f"runs/{run_in(place).name}"
    assert not (place / "-").exists()


@pytest.mark.slow
def test_stdout_is_written_at_its_position_where_it_is_a_file(place):
    command = "eval m --quiet --predictions"
    script = f"(echo before; nnlab {command} -; echo after) > x; (nnlab {command} /dev/stdout) >> x"
    script = f"{script}; nnlab {command} p.csv"
    done = shell(script, place)
    assert done.returncode == 0, done.stderr
    table_of = (place / "p.csv").read_text()
    assert (place / "x").read_text() == f"before\n{table_of}after\n{table_of}"


@pytest.mark.slow
def test_a_file_to_which_stdout_is_redirected_is_written_as_stdout(place):
    """A rename would take the file from the shell, and what else is written to it."""
    done = shell("(nnlab eval m --quiet --predictions p.csv; echo after) > p.csv", place)
    assert done.returncode == 0, done.stderr
    header, *_, last = (place / "p.csv").read_text().splitlines()
    assert (header[:9], last) == ("split,row", "after")


@pytest.mark.slow
def test_stdout_that_leads_to_what_is_read_is_refused(place):
    before = contents(place)
    done = shell("nnlab eval m --data new.csv --quiet --predictions - >> new.csv", place)
    assert done.returncode == 2
    assert "/dev/stdout: found new.csv, which this command reads" in done.stderr
    assert contents(place) == before


@pytest.mark.slow
def test_shells_can_pipe_every_output(place):
    script = """
    set -o pipefail
    nnlab eval m --gate "train/loss <= 9" --junit - --quiet | head -c 5; echo
    nnlab train e.yaml --gate "train/loss <= 9" --junit - --quiet | tail -n 1
    nnlab init d.csv -o - | grep -c source:
    nnlab init d.csv --target y -o - | nnlab train - --dry-run --json | head -c 1; echo
    PYTHONPATH= nnlab activations plot tanh --out - | head -c 4 | tail -c 3; echo
    nnlab eval m --predictions >(head -n 1 > first) --quiet > path; sleep 0.5; cut -c 1-9 first; wc -l < path
    nnlab eval m --predictions - --quiet | head -n 0
    """
    done = shell(script, place)
    assert done.stdout.split() == ["<?xml", "</testsuites>", "1", "{", "PNG", "split,row", "1"], done.stderr
    assert done.returncode == 0
    assert [path.name for path in place.iterdir() if path.name in {"-", "activation.png"}] == []


@pytest.mark.slow
def test_a_closed_stdout_cannot_be_written(place):
    done = shell("nnlab eval m --quiet --predictions - >&-", place)
    assert done.returncode == 5
    assert done.stderr.splitlines()[0] == "/dev/stdout: cannot write: Bad file descriptor"


@pytest.mark.parametrize("option", ["--predictions", "--junit"])
@pytest.mark.parametrize("path", ["-", "/dev/stdout"])
def test_only_one_document_goes_to_stdout(option, path, place):
    expected = "found --json and an output on stdout, expected one of them"
    refused(place, "eval", "m", option, path, "--json", message=expected)
    refused(place, "eval", "m", "--junit", path, "--predictions", "-", message="found the place of another output")


def test_every_command_with_an_output_refuses_json_beside_it_on_stdout(place):
    for words in (TRAIN, COMMANDS["compare"][0], COMMANDS["sweep"][0]):
        refused(place, *words, "--junit", "-", "--json", message="found --json and an output on stdout")
    refused(place, "init", "d.csv", "-o", "-", "--json", message="found --json and an output on stdout")


def test_a_file_named_like_stdout_is_named_by_its_folder(place):
    assert nnlab_here("eval", "m", "--junit", "./-", "--json", cwd=place).exit_code == 0
    assert (place / "-").read_text().startswith("<?xml")


def test_two_outputs_may_go_to_devnull(place):
    done = nnlab("eval", "m", "--predictions", "/dev/null", "--junit", "/dev/null", "--json", cwd=place)
    assert done.returncode == 0
    assert parse_json(done.stdout)["rows"] == 30


def test_predictions_do_not_get_the_name_of_another_format(place):
    (place / "x.csv").symlink_to("e2.yaml")
    write(place, TEXT, "e2.yaml")
    for name in ("p.xlsx", "notes.md", "p", "x.csv"):
        refused(place, "eval", "m", "--predictions", name, message=", expected a name that ends in .csv")


def test_a_picture_is_a_png_file_or_goes_to_a_device(place):
    for out in ("x.txt", "/dev/nulk"):
        result = nnlab_here("activations", "plot", "relu", "--out", out, cwd=place)
        assert result.exit_code == 2
        assert "expected a name that ends in .png" in result.stderr.replace("\n│", "").replace("  ", " ")
    assert nnlab_here("activations", "plot", "relu", "--out", "/dev/null", cwd=place).exit_code == 0
    (place / "x.png").symlink_to("p.py")
    words = ("activations", "plot", "relu", "--plugin", "p.py", "--out", "x.png")
    refused(place, *words, message="x.png: found p.py, which this command reads")


# --- spreadsheets -----------------------------------------------------------------------------------------------------


def test_texts_that_a_spreadsheet_would_run_are_told_of(tmp_path):
    kinds = ["=cmd()", "+1+1", "@SUM(A1)"]
    write(tmp_path, table("a,b,y", lambda i: f"{i % 7},{i % 5},{kinds[i % 3]}"), "d.csv")
    write(tmp_path, TEXT.replace("binary", "multiclass"), "e.yaml")
    trained(tmp_path, "e.yaml", "--name", "m")
    result = nnlab_here("eval", "m", "--predictions", "p.csv", cwd=tmp_path)
    assert "note: an apostrophe stands before each text that a spreadsheet would run as a formula, in y, true/y" in (
        result.stderr.replace("\n", " ")
    )
    cells = (tmp_path / "p.csv").read_text().replace("\n", ",").split(",")
    assert {f"'{kind}" for kind in kinds} <= {*cells}
    assert not {*kinds} & {*cells}


def test_ordinary_texts_are_not_told_of(place):
    assert "apostrophe" not in nnlab_here("eval", "m", "--predictions", "p.csv", cwd=place).stderr


# --- runs folders -----------------------------------------------------------------------------------------------------


def test_a_file_called_latest_stays(tmp_path):
    mine = write(tmp_path, "mine", "latest")
    RunFolder.create(tmp_path, "xor")
    assert mine.read_text() == "mine"
