"""The recorded SHA-256 of the data files of the repository, against the files, and against others of their names."""

from __future__ import annotations

import shutil

import pytest
from support import ROOT

from nnlab.data.catalogue import CATALOGUE, load
from nnlab.data.shipped import SHIPPED, is_shipped

FILES = sorted({entry.file for entry in CATALOGUE.values() if entry.file})


@pytest.mark.parametrize("file", FILES)
def test_the_files_of_the_repository_are_the_recorded_ones(file):
    assert is_shipped(ROOT / "data" / file, file)


def test_every_record_belongs_to_a_set_of_the_catalogue():
    assert {name.partition("/")[0] for name in SHIPPED} == set(FILES)


def test_a_copy_is_the_same_and_a_changed_file_is_not(tmp_path):
    copy = tmp_path / "flowers.csv"
    shutil.copy(ROOT / "data" / "iris.csv", copy)
    assert is_shipped(copy, "iris.csv")
    assert not is_shipped(copy, "penguins.csv")
    copy.write_text(copy.read_text() + "1,2,3,4,setosa\n")
    assert not is_shipped(copy, "iris.csv")


def test_a_folder_is_compared_file_by_file_and_may_hold_others(tmp_path):
    shutil.copytree(ROOT / "data" / "mnist", tmp_path / "mnist")
    (tmp_path / "mnist" / ".DS_Store").touch()
    assert is_shipped(tmp_path / "mnist", "mnist")
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()
    assert not is_shipped(tmp_path / "mnist", "mnist")


def test_what_is_computed_has_no_file():
    assert load("moons", task="binary").read_from == ""
    assert load("digit-traits", task="multilabel").read_from == str(ROOT / "data" / "digits.csv.gz")
