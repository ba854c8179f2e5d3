"""Edit the files of finished runs at random, then use the runs: each edit ends in a fault, or does no harm.

    python benchmarks/tamper.py [--edits 10000] [--seed 0] [--jobs 2] [--only KIND]

A base run of each kind is made once, with the answers of every command. An attempt copies one of them, edits one to
three of its files (cut, swap, retype, deepen, link, FIFO, …; see `EDITS`) and runs a command in a process of its own,
forked from one that has loaded everything. A finding is any of:

- a traceback, an exit code that is none of nnlab's, an error that is not said, a raw control character;
- a process that has not ended after SECONDS;
- exit code 2 and a byte of the folder that differs, or any change outside of the run;
- exit code 0 and other figures, weights or predictions than those of the untouched run, unless it was made longer: the
  length of a training may be edited.

Each finding is printed with the number of the attempt, which makes it again: `--seed NUMBER --edits 1`. Exit code 1 if
there are any.
"""

# ruff: noqa: E402 - the number of BLAS threads is set before NumPy is loaded: no fork may need a thread

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import math
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np

import nnlab.experiments.pictures
from nnlab.cli.app import main as nnlab_main

SECONDS = 30  # far more than any command here takes
DRAWS = 20  # one attempt of so many draws its pictures
CODES = {0, 2, 3, 5}  # 3: hashes.csv tells of other weights; no training diverges, no gradient is wrong

TABLE = "".join(
    f"{a % 7 - 3 + a / 50:.2f},{a % 5 - 2 - a / 90:.2f},{'yes' if a % 7 > a % 5 else 'no'}\n" for a in range(60)
)
CONFIG = """\
name: base
task: binary
seed: 1
data: {source: d.csv, scale: standard, test: 0.2, validation: 0.2}
network: {layers: [4, batch_norm, 3], activation: swish}
training: {epochs: 4, batch_size: 8, checkpoint_every: 5, early_stopping: {monitor: val/loss, patience: 50}}
"""
NEW = "a,b,y\n" + TABLE[: TABLE.index("\n", 300) + 1]

Words = tuple[str, ...]


@dataclass(frozen=True)
class Base:
    """A kind of run: the words that make it, and those of each command that is tried on it."""

    made_by: Words
    commands: Mapping[str, Words]


BASES = {
    "train": Base(
        ("train", "e.yaml", "--set", "training.show_parameters=1"),
        {
            "eval": ("eval", "latest", "--json"),
            "eval of the last weights": ("eval", "latest", "--checkpoint", "last", "--json"),
            "eval of new rows": ("eval", "latest", "--data", "new.csv", "--predictions", "p.csv", "--json"),
            "gradcheck": ("gradcheck", "latest", "--json"),
            "verify": ("verify", "latest", "--json"),
            "resume": ("train", "--resume", "latest", "--json"),
            "resume for longer": ("train", "--resume", "latest", "--epochs", "6", "--json"),
            "baseline": ("train", "e.yaml", "--baseline", "latest", "--gate", "val/loss@10 <= baseline + 0", "--json"),
        },
    ),
    "compare": Base(
        ("compare-activations", "e.yaml", "-a", "tanh", "-a", "swish", "--seeds", "3"),
        {
            "compare again": (
                "compare-activations",
                "e.yaml",
                "-a",
                "tanh",
                "-a",
                "swish",
                "--seeds",
                "3",
                "--needed",
                "--json",
            ),
            "eval": ("eval", "latest", "--json"),
        },
    ),
    "sweep": Base(
        ("sweep", "e.yaml", "--grid", "optimizer.learning_rate=0.01,0.1", "--seeds", "2"),
        {"eval": ("eval", "latest", "--json"), "resume": ("train", "--resume", "latest", "--json")},
    ),
}

# --- edits ------------------------------------------------------------------------------------------------------------

Chance = random.Random
DEEP = b"[" * 100_000 + b"]" * 100_000
STRANGE = (
    b"",
    b"\x00",
    b"\xff\xfe",
    b"{}",
    b"[]",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"\x1b[31m",
    "é\u2028".encode("utf-16"),
)
OTHER_VALUES = (None, True, -1, 0, 7, 10**400, 1.5, -0.0, "", "x", "\x1b[2J\n", "../../victim.txt", [], {}, [{}], ["x"])


def cut(path: Path, chance: Chance) -> None:
    """Leave only the beginning."""
    os.truncate(path, chance.randrange(path.stat().st_size + 1))


def swap(path: Path, chance: Chance) -> None:
    """Exchange two stretches of bytes, or two lines."""
    content = path.read_bytes()
    if chance.random() < 0.5 and content.count(b"\n") > 2:
        lines = content.splitlines(keepends=True)
        a, b = chance.sample(range(len(lines)), 2)
        lines[a], lines[b] = lines[b], lines[a]
        path.write_bytes(b"".join(lines))
        return
    length = chance.randint(1, 1 + len(content) // 10)
    a, b = sorted(chance.randrange(max(1, len(content))) for _ in range(2))
    one, other = content[a : a + length], content[b : b + length]
    path.write_bytes(content[:a] + other + content[a + length : b] + one + content[b + length :])


def exchange(path: Path, chance: Chance) -> None:
    """Exchange the file with another one of the run."""
    other = chance.choice(files_in(run_in(path)))
    between = path.with_name(".between")
    path.rename(between)
    if other.exists():
        other.rename(path)
    between.rename(other)


def overwrite(path: Path, chance: Chance) -> None:
    """Write strange bytes at a random place, or flip one bit."""
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content) + 1)
    if chance.random() < 0.5 and content:
        content[at - 1] ^= 1 << chance.randrange(8)
    else:
        strange = chance.choice(STRANGE)
        content[at : at + len(strange)] = strange
    path.write_bytes(content)


def replace(path: Path, chance: Chance) -> None:
    """Write something else altogether."""
    path.write_bytes(chance.choice((*STRANGE, DEEP)))


def change_digit(path: Path, chance: Chance) -> None:
    """Write another digit for one of them: what is hardest to see."""
    content = bytearray(path.read_bytes())
    digits = [at for at, byte in enumerate(content) if 48 <= byte <= 57]
    if digits:
        content[chance.choice(digits)] = 48 + chance.randrange(10)
        path.write_bytes(content)


def double_line(path: Path, chance: Chance) -> None:
    """Write one line twice."""
    lines = path.read_bytes().splitlines(keepends=True)
    if lines:
        at = chance.randrange(len(lines))
        path.write_bytes(b"".join([*lines[: at + 1], *lines[at:]]))


def retype(path: Path, chance: Chance) -> None:
    """Give a value of a document, or a cell of a table, another type."""
    if path.suffix == ".json":
        document = json.loads(path.read_bytes())
        retype_in(document, chance)
        path.write_text(json.dumps(document), encoding="utf-8")
    elif path.suffix == ".npz":
        path.write_bytes(sealed_again(path.read_bytes(), chance))
    else:
        words = re.split(rb"([,\n: ])", path.read_bytes())
        words[chance.randrange(len(words))] = str(chance.choice(OTHER_VALUES)).encode()
        path.write_bytes(b"".join(words))


def retype_in(document: Any, chance: Chance, new: Any = None) -> None:
    """Put another value in place of one that is somewhere in a document, or take it out."""
    inner = document
    while True:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(inner[key], dict | list) and inner[key] and chance.random() < 0.8:
            inner = inner[key]
            continue
        if new is None and chance.random() < 0.2:
            del inner[key]
        else:
            inner[key] = chance.choice(OTHER_VALUES) if new is None else new
        return


def deepen(path: Path, chance: Chance) -> None:
    """Nest a value of a document without end."""
    if path.suffix != ".json":
        replace(path, chance)
        return
    document = json.loads(path.read_bytes())
    retype_in(document, chance, "DEEP")
    path.write_bytes(json.dumps(document).encode().replace(b'"DEEP"', DEEP, 1))


def sealed_again(content: bytes, chance: Chance) -> bytes:
    """A checkpoint that lies about its form, by a member or a fact of another type or shape; sealed again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        arrays = {
            n.removesuffix(".npy"): np.lib.format.read_array(io.BytesIO(archive.read(n))) for n in archive.namelist()
        }
    if "about" not in arrays:
        return content
    about = json.loads(arrays.pop("about").tobytes())
    if chance.random() < 0.5:
        retype_in(about, chance)
    else:
        name = chance.choice(list(arrays))
        arrays[name] = chance.choice(NEW_FORMS)(arrays[name])
    about["members"] = {name: digest(array) for name, array in arrays.items()}
    stream = io.BytesIO()
    np.savez(stream, **arrays, about=np.frombuffer(json.dumps(about).encode(), np.uint8))
    sealed = stream.getvalue()[:-2] + (64).to_bytes(2, "little")
    return sealed + hashlib.sha256(sealed).hexdigest().encode()


def digest(array: Any) -> str:
    """As nnlab describes a member of a checkpoint."""
    found = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


NEW_FORMS: tuple[Callable[[Any], Any], ...] = (
    lambda array: np.full(array.shape, "x"),
    lambda array: array.reshape(-1),
    lambda array: array[..., None],
    lambda array: array[:0],
    lambda array: np.concatenate([array, array]) if array.ndim else array,
    lambda array: array.astype(np.complex128) if array.dtype.kind in "fiub" else array,
    lambda array: np.full(array.shape, np.nan) if array.dtype.kind == "f" else array,
)


def link(path: Path, chance: Chance) -> None:
    """Put a link in its place: to a file outside, to another one of the run, to itself, or to nothing."""
    targets = ["../../victim.txt", "../../../victim.txt", path.name, "nothing", "/dev/null", "/dev/zero"]
    targets += [str(other) for other in files_in(run_in(path)) if other != path]
    path.unlink()
    path.symlink_to(chance.choice(targets))


def fifo(path: Path, _chance: Chance) -> None:
    """Put a pipe in its place."""
    path.unlink()
    os.mkfifo(path)


def folder(path: Path, _chance: Chance) -> None:
    """Put a folder in its place."""
    path.unlink()
    path.mkdir()


def remove(path: Path, _chance: Chance) -> None:
    """Take it away."""
    path.unlink()


def link_folder(path: Path, _chance: Chance) -> None:
    """Put a link in place of the folder it is in."""
    inner = path.parent
    if inner != run_in(path):
        moved = inner.with_name(f"{inner.name}-moved")
        inner.rename(moved)
        inner.symlink_to(moved.name)


EDITS: tuple[Callable[[Path, Chance], None], ...] = (
    *(cut, swap, exchange, overwrite, replace, change_digit, double_line, retype, retype, deepen),
    *(link, fifo, folder, remove, link_folder),
)


def run_in(path: Path) -> Path:
    """The folder of the run that a file belongs to."""
    return next(parent for parent in (path, *path.parents) if parent.parent.name == "runs")


def files_in(run: Path) -> list[Path]:
    """The plain files of a run, in an order that depends on nothing but their names."""
    found = [path for path in run.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted([*found, run / ".lock"])


# --- one attempt ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """How a command ended, what it said, and the figures it gave."""

    code: int | None
    out: str
    err: str
    figures: Any


def run_nnlab(words: Sequence[str], place: Path, *, draws: bool = False) -> Answer:
    """Run a command in a process of its own in a folder; the code is None if it has not ended after SECONDS.

    Pictures take most of a command's time; without them a thousand attempts take a minute.
    """
    out, err = place.parent / f"{place.name}.out", place.parent / f"{place.name}.err"
    child = os.fork()
    if not child:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        for number, path in ((1, out), (2, err)):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        if not draws:
            nnlab.experiments.pictures._attempt = lambda *_: None  # noqa: SLF001
        be_nnlab(words, place)
    status = os.waitpid(child, 0)[1]
    code = (
        None if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else os.waitstatus_to_exitcode(status)
    )
    said = [path.read_bytes().decode(errors="replace") for path in (out, err)]
    return Answer(code, *said, figures_of(said[0], place) if code == 0 else None)


def be_nnlab(words: Sequence[str], place: Path) -> None:
    """Become the command."""
    code = 1
    try:
        os.chdir(place)
        sys.argv = ["nnlab", *words]
        nnlab_main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


# The parts of a result that are figures; others tell of times, places and warnings.
FIGURES = (
    "figures",
    "final",
    "best",
    "gates",
    "same",
    "passed",
    "points",
    "arms",
    "pairs",
    "shares",
    "wins",
    "step",
    "steps",
)


def figures_of(out: str, place: Path) -> Any:
    """What a command measured: the figures of its result, predictions, and the weights that it left."""
    try:
        result = json.loads(out)
    except ValueError:
        result = {}
    found = {name: result[name] for name in FIGURES if name in result}
    predictions, last = place / "p.csv", place / "runs" / "latest" / "checkpoints" / "last.npz"
    if predictions.exists():
        found["predictions"] = predictions.read_text(encoding="utf-8")
    if "steps" in result and last.is_file() and not last.is_symlink():  # a training: what it was for
        with np.load(last) as members:
            found["theta"] = hashlib.sha256(members["theta"].tobytes()).hexdigest()
    return json.loads(json.dumps(without_times(found)))


NOT_FIGURES = ("seconds", "time_per_step", "command", "run")


def without_times(value: Any) -> Any:
    """A value without what differs from one run to another of the same experiment."""
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in NOT_FIGURES}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, Any]:
    """Every file with its bytes, every link with where it leads, every other thing with its kind."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.name != ".lock":
            mode = path.lstat().st_mode
            is_plain = path.is_file() and not path.is_symlink()
            found[str(path.relative_to(folder))] = (
                path.read_bytes() if is_plain else (mode, str(path.readlink()) if path.is_symlink() else "")
            )
    return found


def is_longer(figures: Any, untouched: Any) -> bool:
    """Whether a training is longer than the untouched one, of which its length is all that may be edited."""
    return isinstance(figures, dict) and figures.get("steps", 0) > untouched.get("steps", math.inf)


def attempt(
    number: int, root: Path, expected: Mapping[tuple[str, str], Any], only: str | None
) -> tuple[str, list[str]]:
    """Edit and use a copy of a run; what was done, and what was wrong with what came of it."""
    chance = random.Random(number)
    kind = chance.choices(list(BASES), weights=[8, 2, 1])[0] if only is None else only
    name, words = chance.choice(list(BASES[kind].commands.items()))
    place = root / f"attempt-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(root / kind, place, symlinks=True)
    edited = [edit_one(place, chance) for _ in range(chance.choices((1, 2, 3), weights=(8, 2, 1))[0])]
    before = contents(place)
    answer = run_nnlab(words, place, draws=number % DRAWS == 0)
    wrong = [*faults_of(answer), *changes_of(answer, before, contents(place))]
    untouched = expected[kind, name]
    if answer.code == 0 and answer.figures != untouched and not is_longer(answer.figures, untouched):
        wrong.append(f"other figures: {first_difference(expected[kind, name], answer.figures)}")
    how = f"{number}: {' and '.join(edited)}; nnlab {' '.join(words)} (in a {kind} run) ended with {answer.code}"
    return f"{answer.code}", [f"{how}: {one}\n    {answer.err.strip()[-600:]}" for one in wrong]


def edit_one(place: Path, chance: Chance) -> str:
    """Edit a file of the run in a folder; what was done, in words."""
    run = next(path for path in (place / "runs").iterdir() if not path.is_symlink())
    path, edit = chance.choice(files_in(run)), chance.choice(EDITS)
    if path.name == ".lock" and not path.exists():
        path.write_text("1\n", encoding="utf-8")
    try:
        edit(path, chance)
    except (
        ValueError,
        OSError,
        LookupError,
        TypeError,
        RecursionError,
        zipfile.BadZipFile,
    ):  # what an edit before this one has made cannot be edited like this
        return f"no {edit.__name__} of {path.relative_to(run)}"
    return f"{edit.__name__} {path.relative_to(run)}"


def faults_of(answer: Answer) -> list[str]:
    """What is wrong with how a command ended, and with what it said."""
    found = []
    if answer.code is None:
        found.append(f"it had not ended after {SECONDS} s")
    elif answer.code not in CODES:
        found.append(f"exit code {answer.code}")
    if "Traceback" in answer.err:
        found.append("a traceback")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", answer.out + answer.err):
        found.append("a control character")
    if answer.code in (2, 5) and not answer.err.strip():
        found.append("no word")
    return found


def changes_of(answer: Answer, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What was written where nothing may be."""
    found = []
    outside = ("victim.txt", "e.yaml", "d.csv", "new.csv")
    found += [f"{name} was changed" for name in outside if before.get(name) != after.get(name)]
    if answer.code == 2:
        differ = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
        found += [f"written at exit code 2: {', '.join(differ[:5])}"] if differ else []
    return found


def first_difference(expected: Any, found: Any, place: str = "") -> str:
    """The first place at which two results differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            if expected.get(key) != found.get(key):
                return first_difference(expected.get(key), found.get(key), f"{place}/{key}")
    return f"{place}: {str(expected)[:80]} became {str(found)[:80]}"


# --- all of them ------------------------------------------------------------------------------------------------------


def load_all(root: Path) -> None:
    """Run every command in this process, so that no fork has anything left to load."""
    draw = nnlab.experiments.pictures._attempt  # noqa: SLF001
    nnlab.experiments.pictures._attempt = lambda *_: None  # noqa: SLF001
    for kind, base in BASES.items():
        place = begin(root / kind)
        for words in (base.made_by, *base.commands.values()):
            sys.argv = ["nnlab", *words]
            said = io.StringIO()
            with (
                contextlib.chdir(place),
                contextlib.redirect_stdout(said),
                contextlib.redirect_stderr(said),
                contextlib.suppress(SystemExit),
            ):
                nnlab_main()
    nnlab.experiments.pictures._attempt = draw  # noqa: SLF001


def begin(place: Path) -> Path:
    """Make a folder with what every command needs."""
    place.mkdir(parents=True)
    files = {"e.yaml": CONFIG, "d.csv": "a,b,y\n" + TABLE, "new.csv": NEW, "victim.txt": "mine\n"}
    for name, text in files.items():
        (place / name).write_text(text, encoding="utf-8")
    return place


def make_bases(root: Path) -> dict[tuple[str, str], Any]:
    """Make a run of each kind in `root`, and return the figures that each command gives on it untouched."""
    expected = {}
    for kind, base in BASES.items():
        place = begin(root / kind)
        made = run_nnlab([*base.made_by, "--quiet"], place)
        assert made.code == 0, made.err
        for name, words in base.commands.items():
            copy = root / "copy"
            shutil.copytree(place, copy, symlinks=True)
            expected[kind, name] = run_nnlab(words, copy).figures
            shutil.rmtree(copy)
    return expected


def main() -> int:
    """Edit, use and print what came of it; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first attempt")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=BASES)
    given = parser.parse_args()
    root, begun, counted = Path(tempfile.mkdtemp(prefix="nnlab-tamper-")), time.monotonic(), Counter[str]()
    try:
        load_all(root / "loaded")
        one = partial(attempt, root=root, expected=make_bases(root), only=given.only)
        with multiprocessing.get_context("fork").Pool(given.jobs) as pool:
            for code, wrong in pool.imap_unordered(one, range(given.seed, given.seed + given.edits), chunksize=4):
                counted += {f"ended with {code}": 1, "findings": len(wrong)}
                for line in wrong:
                    print(line, flush=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    codes = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()) if name != "findings")
    print(f"{given.edits} edits in {time.monotonic() - begun:.0f} s: {codes}; {counted['findings']} findings")
    return 1 if counted["findings"] else 0


if __name__ == "__main__":
    sys.exit(main())
