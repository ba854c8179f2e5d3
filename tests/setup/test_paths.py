"""The paths of an experiment's data: which folder each is seen from, and what is said where there is a choice."""

from __future__ import annotations

import os
import pwd

import pytest
from support import write

from nnlab.config.document import BooleanWord, folder_of, shown_path
from nnlab.config.experiment import load
from nnlab.errors import ConfigError
from nnlab.paths import expanded
from nnlab.setup.paths import with_absolute_paths

TEXT = """\
name: t
task: binary
data:
  source: {source}
training: {{steps: 1}}
"""
FILES = TEXT.replace("source: {source}", 'files: {{train: a.csv, val: b.csv, test: "~/c.csv"}}').format()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder with an experiment and one in which the command is run."""
    for name in ("there", "here", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write(tmp_path / "there", FILES, "e.yaml")
    return tmp_path


def located(places, *overrides):
    experiment, _ = load(places / "there" / "e.yaml", overrides)
    return with_absolute_paths(experiment, places / "there")


def test_the_files_of_parts_are_absolute_whether_they_are_there_or_not(places):
    (places / "there" / "a.csv").touch()
    found = located(places)
    files = found.experiment.data.files
    assert (files.train, files.val) == (str(places / "there" / "a.csv"), str(places / "there" / "b.csv"))
    assert files.test == str(places / "home" / "c.csv")
    assert found.files == (files.train, files.val, files.test)
    assert (found.notes, found.warnings) == ((), ())


def test_one_file_of_a_part_may_be_an_option_and_the_others_the_files(places):
    for place in ("here", "there"):
        for name in ("a.csv", "b.csv"):
            (places / place / name).touch()
    found = located(places, "data.files.train=./a.csv")
    files = found.experiment.data.files
    assert found.experiment.data.source.name == files.train
    assert (files.train, files.val) == (str(places / "here" / "a.csv"), str(places / "there" / "b.csv"))
    here, there = places / "here" / "b.csv", places / "there" / "b.csv"
    assert found.warnings == (f"data.files.val 'b.csv': read {there}, beside the experiment file, not {here}",)


def test_a_link_to_the_same_file_is_no_choice(places):
    (places / "there" / "d.csv").touch()
    (places / "here" / "d.csv").symlink_to(places / "there" / "d.csv")
    write(places / "there", TEXT.format(source="d.csv"), "e.yaml")
    found = located(places)
    assert found.experiment.data.source.name == str(places / "there" / "d.csv")
    assert found.warnings == ()


def test_the_key_of_a_path_may_be_the_name_of_a_mapping(places):
    (places / "here" / "d.csv").touch()
    (places / "there" / "d.csv").touch()
    write(places / "there", TEXT.format(source="{name: d.csv}"), "e.yaml")
    assert located(places).experiment.data.source.name == str(places / "there" / "d.csv")
    for text in ("data.source.name=d.csv", "data.source={name: d.csv}", "data.source=d.csv"):
        assert located(places, text).experiment.data.source.name == str(places / "here" / "d.csv")
    noise = located(places, "data.source.noise=0.1").experiment
    assert noise.data.source.name == str(places / "there" / "d.csv")


def test_users_who_are_not_there_are_faults_at_their_keys(places):
    files = FILES.replace("a.csv", "~none/a.csv").replace("b.csv", "~nobody-here/b.csv")
    write(places / "there", files, "e.yaml")
    with pytest.raises(ConfigError) as error:
        located(places)
    train, val = (str(fault).replace(str(places), "") for fault in error.value.faults)
    assert train.startswith("/there/e.yaml:4:18: found '~none/a.csv', but there is no home folder ~none")
    assert val.startswith("/there/e.yaml:4:36: found '~nobody-here/b.csv', but there is no home folder ~nobody-here")
    write(places / "there", TEXT.format(source="~nobody-here/d.csv"), "e.yaml")
    with pytest.raises(ConfigError) as error:
        located(places)
    (source,) = (str(fault).replace(str(places), "") for fault in error.value.faults)
    assert source == (
        "/there/e.yaml:4:11: found '~nobody-here/d.csv', but there is no home folder ~nobody-here; "
        "expected ./~nobody-here/d.csv for a path of this name"
    )


def test_home_folders(monkeypatch):
    monkeypatch.setenv("HOME", "/h")
    user = pwd.getpwuid(os.getuid())
    assert (expanded("~"), expanded("~/a b")) == ("/h", "/h/a b")
    assert expanded(f"~{user.pw_name}/x") == f"{user.pw_dir}/x"
    for path in ("", "a/~", "./~", "/~", BooleanWord("y")):
        assert expanded(path) == path


def test_an_experiment_in_a_pipe_has_no_folder_of_its_own():
    assert str(folder_of("x/e.yaml")) == "x"
    for path in ("-", "/dev/stdin", "/dev/fd/63", "/proc/self/fd/11"):
        assert str(folder_of(path)) == "."
    assert str(folder_of("/dev/fd/63/e.yaml")) == "/dev/fd/63"
    assert (shown_path("-"), shown_path("./-"), shown_path("/dev/fd/63")) == ("<stdin>", "./-", "/dev/fd/63")
