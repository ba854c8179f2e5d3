"""Find a run by its name."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nnlab.errors import CheckpointError, printable, suggestion
from nnlab.storage.folder import CONFIG, LATEST, RunFolder
from nnlab.storage.summary import ArmSummary, ComparisonSummary, SweepSummary, arm_labels

NEWEST = f"@{LATEST}"


def find(root: Path, name: str) -> RunFolder:
    """The run that `name` means, as `find_run` does. CheckpointError that says where to go for an arm, RUN:ARM."""
    arm = arm_named(root, name)
    if arm is None:
        return find_run(root, name)
    found = f"found its network '{printable(arm.arm)}', expected a run; eval and gradcheck take it as it is"
    line = shlex.join(["nnlab", "train", str(arm.folder.path / CONFIG), *_options_of(arm)])
    raise CheckpointError(f"{printable(str(arm.folder.path))}: {found}; to train it as a run: {printable(line)}")


def _options_of(arm: NamedArm) -> list[str]:
    """The options with which `train` makes the network of an arm, without a named seed its first, of config.yaml."""
    summary = arm.folder.read_summary()
    of_arms = summary if isinstance(summary, ComparisonSummary | SweepSummary) else None
    label = None if of_arms is None else arm_labels(of_arms).get(arm.arm)
    if of_arms is None or label is None:
        return ["--seed", "N" if arm.seed is None else str(arm.seed), "--set", "network.activation=NAME"]
    own, settings = of_arms.arms[label], dict(of_arms.arms[label].settings)
    if isinstance(of_arms, ComparisonSummary) and own.starts and "network" in own.experiment:
        settings = {"network": json.dumps(own.experiment["network"]), **settings}
    elif isinstance(of_arms, ComparisonSummary):
        settings = {"network.activation": _activation_of(own), **settings}
    if of_arms.gates:  # those of a comparison are on its arms
        settings["gates"] = "[]"
    seed = of_arms.seeds[0] if arm.seed is None else arm.seed
    return ["--seed", str(seed), *(word for key, value in settings.items() for word in ("--set", f"{key}={value}"))]


def _activation_of(arm: ArmSummary) -> str:
    """The activation of an arm as --set reads it: its name, if all its parameters are the usual ones."""
    name = arm.activation if isinstance(arm.activation, str) else arm.activation.get("name")
    return arm.family if name == arm.family else json.dumps(arm.activation)


def find_run(root: Path, name: str) -> RunFolder:
    """The run that `name` means: a path, `latest`, a folder's name in `root`, or a unique beginning of one.

    The time in the name may be left out; `NAME@latest` is the newest of those that NAME means. CheckpointError if there
    is no such run, or more than one, or if its experiment file or one of its folders is behind a link.
    """
    folder = RunFolder(path_of(root, name))
    if not _is_run(folder.path):
        raise CheckpointError(f"{printable(str(folder.path / CONFIG))}: found no such file, expected a run's")
    folder.refuse_links()
    return folder


@dataclass(frozen=True)
class NamedArm:
    """One network of the comparison or sweep in `folder`: an arm by its label, and a seed if one is named."""

    folder: RunFolder
    arm: str
    seed: int | None


_ARM = re.compile(r"(.+?)(?:@seed([0-9]{1,19}))?", re.DOTALL)


def arm_named(root: Path, name: str) -> NamedArm | None:
    """What `RUN:ARM` or `RUN:ARM@seedN` means, with RUN as in `find`; None for the name of a run or of a file.

    CheckpointError if there is no such RUN.
    """
    if ":" not in name or os.path.lexists(name):
        return None
    with contextlib.suppress(CheckpointError):
        find_run(root, name)
        return None
    places = [place for place, character in enumerate(name) if character == ":"]
    for place in places[:0:-1]:  # a name of a run may have a colon, and so may a label
        with contextlib.suppress(CheckpointError):
            return _arm(find_run(root, name[:place]), name[place + 1 :])
    return _arm(find_run(root, name[: places[0]]), name[places[0] + 1 :])


def _arm(folder: RunFolder, text: str) -> NamedArm:
    found = _ARM.fullmatch(text)
    if found is None:
        raise CheckpointError(f"{printable(str(folder.path))}: found no arm after the ':', expected RUN:ARM")
    return NamedArm(folder, found[1], None if found[2] is None else int(found[2]))


def path_of(root: Path, name: str) -> Path:
    """The folder of the run that `name` means; one named in full may have lost its experiment file."""
    for is_one in (_is_run, _has_lost_its_config):
        for path in (Path(name), root / name):
            if is_one(path):
                return _behind(path) if path.name == LATEST else path
    return root / match(runs_in(root), name, root)


def _behind(latest: Path) -> Path:
    """The folder behind a link, in the form in which the link is given: `runs/20261121-143015_xor`."""
    with contextlib.suppress(OSError):
        found = latest.parent / latest.readlink().name
        if not found.is_symlink() and found.samefile(latest):
            return found
    return latest.resolve()


def match(names: Sequence[str], name: str, root: Path) -> str:
    """The one of the run folders `names` in `root` that `name` means. CheckpointError for none and for several."""
    plain = name.removesuffix(NEWEST)
    matches = [run for run in names if run.partition("_")[2] == plain] if plain else []
    if not matches and plain:
        matches = [run for run in names if run.startswith(plain) or run.partition("_")[2].startswith(plain)]
    if len(matches) == 1 or (matches and plain != name):
        return matches[-1]
    raise CheckpointError(_not_found(root, plain, names, matches))


_SHOWN = 5


def _not_found(root: Path, name: str, names: Sequence[str], matches: Sequence[str]) -> str:
    if matches:
        newest, more = matches[-_SHOWN:], len(matches) - _SHOWN
        listed, name = ", ".join(newest) + (f" and {more} older" if more > 0 else ""), printable(name)
        expected = f"expected one of these names, or '{name}{NEWEST}' for the newest"
        return f"'{name}' means {len(matches)} runs ({printable(listed)}), {expected}"
    if not names:
        return f"found no run in {printable(str(root))}, expected one made by `nnlab train`"
    hint = suggestion(name, names) or f", expected one such as {printable(names[-1])}"
    return f"found no run '{printable(name)}' in {printable(str(root))}{hint}"


def _is_run(path: Path) -> bool:
    """Whether a path is a run folder, also with something else in place of its experiment file."""
    return os.path.lexists(path / CONFIG)


def _has_lost_its_config(path: Path) -> bool:
    """Whether a path is a run folder by its other files."""
    return any(os.path.lexists(path / own) for own in ("run.json", "checkpoints"))


def runs_in(root: Path) -> list[str]:
    """The names of the run folders in `root`, the oldest first."""
    return [name for name in run_folders(root) if _is_run(root / name)]


def run_folders(root: Path) -> list[str]:
    """The same with those that have lost their experiment file."""
    with contextlib.suppress(OSError):
        found = (p for p in root.iterdir() if not p.name.startswith(".") and (_is_run(p) or _has_lost_its_config(p)))
        return sorted(path.name for path in found if not path.is_symlink())
    return []


def is_config(target: str | Path) -> bool:
    """Whether a target is an experiment file, or `-` for standard input, and not the name of a run."""
    path = Path(target)
    return str(target) == "-" or path.suffix in {".yaml", ".yml"} or _is_file(path)


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except OSError:  # a name that the file system cannot look up
        return False
