"""Change the code by one operator, number or condition at a time, and count the changes that the tests do not notice.

    pip install -r benchmarks/requirements-mutation.txt      # into an environment with nnlab and its tests' packages
    python benchmarks/mutation.py --only losses,optimizers --sample 200 --seed 1 [--jobs 2] [--csv FILE]

cosmic-ray finds the places and makes the changes, in copies of the checkout in a temporary folder, one for each of
`--jobs`; for each change only the test files of its group run, and end at the first failure. All of it takes more
than an hour: `--sample` takes so many changes of each group, the same ones for the same seed, and `--known FILE` tries
only those again that survived in the CSV of an earlier run.

A change that survives is printed as file:line, the function it is in, and the line before and after. Those that no test
should notice are listed with the reason in mutation-survivors.md, in the same words. Exit code 1 if a survivor is not
listed there, or if less than 95 % of a group's changes were noticed.
"""

from __future__ import annotations

import argparse
import ast
import csv
import math
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields, replace
from difflib import SequenceMatcher
from pathlib import Path
from queue import Queue

from cosmic_ray.commands import init
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import MutationSpec

ROOT = Path(__file__).resolve().parents[1]
JUSTIFIED = Path(__file__).with_name("mutation-survivors.md")
TESTS = Path(__file__).with_name("mutation_tests.py").resolve()
_LONGEST = 3600  # seconds for tests that have not been timed yet
WANTED = 0.95  # share of the changes that the tests must notice
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "dist", "results")


@dataclass(frozen=True)
class Group:
    """Modules, and the files under tests/ that test them, quickest first; test_descriptions.py runs for every group."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


_PARAMETERS, _NETWORK = "maths/test_parameters.py", "networks/test_network.py"
_FORWARD_MODE, _EXACT = "networks/test_forward_mode.py", "gradcheck/test_exact_gradients.py"
_TRAINING = "training/test_training.py"

GROUPS = {
    "losses": Group(
        ("nnlab/maths/losses/*.py",),
        (_PARAMETERS, "maths/test_losses.py", _NETWORK, "maths/test_loss_catalogue.py"),
    ),
    "activations": Group(
        ("nnlab/maths/functions/*.py", "nnlab/maths/activations.py"),
        (
            *(_PARAMETERS, _NETWORK, _FORWARD_MODE, "maths/dual/test_dual.py"),
            *("maths/test_activations.py", "maths/test_expressions.py", _EXACT),
        ),
    ),
    "networks": Group(
        ("nnlab/networks/*.py", "nnlab/networks/layers/*.py"),
        (
            *("networks/test_layers.py", _NETWORK, "maths/test_initializers.py"),
            *("gradcheck/test_gradcheck.py", _TRAINING, _FORWARD_MODE, _EXACT),
        ),
    ),
    "dual": Group(("nnlab/maths/dual/*.py",), ("maths/dual/test_dual.py", _FORWARD_MODE, _EXACT)),
    "optimizers": Group(
        ("nnlab/maths/optimizers.py",),
        (_PARAMETERS, "maths/test_optimizers.py", "maths/test_optimizer_catalogue.py"),
    ),
    "checkpoints": Group(("nnlab/storage/checkpoints.py",), ("runs/test_checkpoints.py",)),
    "gates": Group(("nnlab/gates/parse.py",), ("gates/test_gates.py", _TRAINING)),
}

# One or two replacements for each kind of operator. The others (a shift of floats, `is` for `==`) fail at once,
# whatever the tests do, and would only make the share look better.
OPERATORS = (
    *("Add_Sub", "Sub_Add", "Mul_Div", "Mul_Add", "Div_Mul", "FloorDiv_Div", "FloorDiv_Mul", "Mod_Div", "Pow_Mul"),
    *("BitAnd_BitOr", "BitOr_BitAnd", "BitXor_BitOr", "LShift_RShift", "RShift_LShift"),
    *("Eq_NotEq", "NotEq_Eq", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt"),
    *("Is_IsNot", "IsNot_Is", "USub_UAdd", "Delete_Not", "Delete_Invert"),
    *("AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ExceptionReplacer", "NumberReplacer"),
    *("RemoveDecorator", "ZeroIterationForLoop"),
)


@dataclass(frozen=True)
class Result:
    """What became of one change."""

    group: str
    file: str
    line: int
    place: str
    before: str
    after: str
    killed: bool
    seconds: float

    @property
    def words(self) -> str:
        """The change as mutation-survivors.md lists it: without the line's number, which drifts."""
        return words_of(self.file, self.place, self.before, self.after)


def words_of(file: str, place: str, before: str, after: str) -> str:
    """The words of a change."""
    return f"`{file}` `{place}`: `{before}` → `{after}`"


# --- the copy ---------------------------------------------------------------------------------------------------------


def copy_of(root: Path, folder: Path) -> Path:
    """A copy of the checkout, with an interpreter of its own that imports nnlab from there, in any folder.

    A variable such as PYTHONPATH would not do: the tests start commands in a clean environment.
    """
    copy = folder / "checkout"
    shutil.copytree(root, copy, ignore=_left_out)
    venv.create(copy / ".venv", symlinks=True)
    paths = [str(copy), *(path for path in sys.path if path.endswith("site-packages"))]
    site = next((copy / ".venv").glob("lib/python*/site-packages"))
    (site / "copy.pth").write_text("\n".join(paths), encoding="utf-8")
    return copy


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What `copytree` skips; the folder `runs` only at the top, since nnlab and its tests have rooms of that name."""
    return LEFT_OUT(folder, names) | ({"runs"} if Path(folder) == ROOT else set())


class Copy:
    """A copy of the checkout, and a process in it that runs the tests of a group on request."""

    def __init__(self, root: Path, folder: Path, group: Group) -> None:
        self.folder = copy_of(root, folder)
        files = [f"tests/{name}" for name in (*group.tests, "maths/test_descriptions.py")]
        self.process = subprocess.Popen(
            [".venv/bin/python", "-P", str(TESTS), *files],  # a script beside it has the name of a package: coverage
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def passes(self, seconds: float, *change: object) -> bool:
        """Whether all tests pass in that time; a change is a module, and its first and last line that differ."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(math.ceil(seconds), *change, file=self.process.stdin)
        self.process.stdin.flush()
        return self.process.stdout.readline() == "0\n"

    def end(self) -> None:
        """Let the process go."""
        self.process.communicate()


def seconds_of(copy: Copy) -> float:
    """How long the tests take where nothing has been changed; they must pass."""
    start = time.perf_counter()
    if not copy.passes(_LONGEST):
        sys.exit(f"the tests fail without any change: {shlex.join(copy.process.args)}")
    return time.perf_counter() - start


# --- the changes ------------------------------------------------------------------------------------------------------


def changes_of(group: Group, database: Path) -> list[MutationSpec]:
    """Every change of a group's modules that OPERATORS makes, except where it would mean nothing."""
    modules = [path.relative_to(ROOT) for pattern in group.modules for path in sorted(ROOT.glob(pattern))]
    with use_db(str(database), WorkDB.Mode.create) as work:
        init(modules, work, {})
        found = [change for item in work.work_items for change in item.mutations]
    spared = {module: list(spared_in(module)) for module in modules}
    wanted = [
        change
        for change in found
        if change.operator_name.removeprefix("core/").split("Operator_")[-1] in OPERATORS
        and not any(start <= change.start_pos < end for start, end in spared[change.module_path])
    ]
    return sorted(wanted, key=lambda change: (change.module_path, change.operator_name, change.occurrence))


def spared_in(module: Path) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Where annotations begin and end, which nothing evaluates, and the stars of signatures, which are no operators."""
    text = module.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)
    for number, line in enumerate(text.split("\n"), 1):
        for star in re.finditer(r"\*(?=,)", line):
            yield (number, star.start()), (number, star.end())


def tried(name: str, change: MutationSpec, copy: Copy, limit: float, noticed: Collection[str]) -> Result | None:
    """Make a change, run the tests for at most `limit` seconds, and take it back; None where it is no Python.

    What is known to be `noticed` is not tried.
    """
    start = time.perf_counter()
    operator = get_operator(change.operator_name)(**change.operator_args)
    with use_mutation(copy.folder / change.module_path, operator, change.occurrence) as (before, after):
        try:
            compile(after, str(change.module_path), "exec")
        except SyntaxError:
            return None
        module, place = str(change.module_path), change.definition_name or "module"
        first, last, was, becomes = difference(before, after)
        result = Result(name, module, first, place, was, becomes, killed=True, seconds=0)
        if result.words in noticed:
            return result
        killed = not copy.passes(limit, module, first, last)
    return replace(result, killed=killed, seconds=round(time.perf_counter() - start, 1))


def difference(before: str, after: str) -> tuple[int, int, str, str]:
    """The numbers of the first and last line that differ, and what these are in either text, written as one line."""
    old, new = before.split("\n"), after.split("\n")
    steps = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    _, start, end, start_new, end_new = next(step for step in steps if step[0] != "equal")
    was, becomes = (" ".join(" ".join(lines).split()) for lines in (old[start:end], new[start_new:end_new]))
    return start + 1, end, was, becomes


# --- the command ------------------------------------------------------------------------------------------------------


def run_group(name: str, sample: int | None, seed: int, jobs: int, noticed: Collection[str]) -> Iterator[Result]:
    """Try a group's changes, or a sample of them, so many at a time."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        changes = changes_of(GROUPS[name], Path(folder) / "changes.sqlite")
        chosen = changes if sample is None else random.Random(seed).sample(changes, min(sample, len(changes)))
        free: Queue[Copy] = Queue()
        copies = [Copy(ROOT, Path(folder) / str(number), GROUPS[name]) for number in range(jobs)]
        limit = 10 + 2 * max(pool.map(seconds_of, copies))
        print(f"{name}: {len(chosen)} of {len(changes)} changes, at most {limit:.0f} s each", flush=True)

        def one(change: MutationSpec) -> Result | None:
            copy = free.get()
            try:
                return tried(name, change, copy, limit, noticed)
            finally:
                free.put(copy)

        for copy in copies:
            free.put(copy)
        for result in filter(None, pool.map(one, chosen)):
            if not result.killed:
                print(f"  {result.file}:{result.line} {result.place}: {result.before} → {result.after}", flush=True)
            yield result
        for copy in copies:
            copy.end()


def noticed_in(file: Path) -> set[str]:
    """The changes that were noticed according to the CSV of an earlier run, and that nothing like them survived."""
    with file.open(encoding="utf-8", newline="") as table:
        words: dict[str, set[str]] = {"True": set(), "False": set()}
        for row in csv.DictReader(table):
            words[row["killed"]].add(words_of(row["file"], row["place"], row["before"], row["after"]))
    return words["True"] - words["False"]


def justified() -> set[str]:
    """The changes that mutation-survivors.md gives a reason for."""
    return set(re.findall(r"^- (`.+?` `.+?`: `.*?` → `.*?`): .", JUSTIFIED.read_text(encoding="utf-8"), re.MULTILINE))


def report(results: Sequence[Result]) -> bool:
    """Print the table and what survived without a reason; whether all is well."""
    listed = justified()
    print(f"\n{'group':12} {'changes':>8} {'noticed':>8} {'survived':>9} {'listed':>7} {'share':>8}")
    well = True
    for name in GROUPS:
        of_group = [result for result in results if result.group == name]
        if not of_group:
            continue
        survivors = [result for result in of_group if not result.killed]
        known = sum(result.words in listed for result in survivors)
        share = 1 - len(survivors) / len(of_group)
        well = well and share >= WANTED and known == len(survivors)
        noticed = len(of_group) - len(survivors)
        print(f"{name:12} {len(of_group):8} {noticed:8} {len(survivors):9} {known:7} {share:8.1%}")
    unknown = [result.words for result in results if not result.killed and result.words not in listed]
    print("\n".join(["", "survived without a reason in mutation-survivors.md:", *unknown] if unknown else []))
    return well


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(GROUPS), help=f"groups, separated by commas: {', '.join(GROUPS)}")
    parser.add_argument("--sample", type=int, help="so many changes of each group instead of all")
    parser.add_argument("--seed", type=int, default=1, help="which sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="so many at a time, each in a copy of its own")
    parser.add_argument("--csv", type=Path, help="write every change and what became of it to this file, as it goes")
    parser.add_argument("--known", type=Path, help="count as noticed, untried, what was noticed in such a file")
    return parser.parse_args()


def main() -> int:
    """Run the groups asked for; 1 if a survivor has no reason or too many survived."""
    chosen = arguments()
    names = chosen.only.split(",")
    if unknown := set(names) - set(GROUPS):
        sys.exit(f"no such group: {', '.join(sorted(unknown))}; expected {', '.join(GROUPS)}")
    noticed = noticed_in(chosen.known) if chosen.known else set()
    table = (chosen.csv.resolve() if chosen.csv else Path(os.devnull)).open("w", encoding="utf-8", newline="")
    os.environ["CI"] = "1"  # hypothesis draws the same examples for every change
    results = []
    os.chdir(ROOT)
    with table:
        writer = csv.writer(table)
        writer.writerow(field.name for field in fields(Result))
        for name in names:
            for result in run_group(name, chosen.sample, chosen.seed, chosen.jobs, noticed):
                results.append(result)
                writer.writerow(astuple(result))
                table.flush()
    return 0 if report(results) else 1


if __name__ == "__main__":
    os.nice(10)
    sys.exit(main())
