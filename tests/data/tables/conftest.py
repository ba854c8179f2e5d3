"""What the tests of tables share: a file with some content, the set that is read from it, the faults that are found."""

import pytest
from support import packed

from nnlab.data.tables import read_csv, read_csv_like
from nnlab.errors import DataError


@pytest.fixture
def write(tmp_path):
    """Write a table, packed where its name says so, and return its path."""

    def written(content, name="t.csv"):
        path = tmp_path / name
        path.write_bytes(packed(content.encode() if isinstance(content, str) else content, name))
        return path

    return written


@pytest.fixture
def read(write):
    """Write a table and read it."""
    return lambda content, task="binary", **options: read_csv(write(content), task=task, **options)


@pytest.fixture
def read_like(write):
    """Write a table and read it in the way of another set."""

    def read(content, columns, task="binary", *, blanks_allowed=True, options=None):
        path = write(content, "new.csv")
        return read_csv_like(path, columns, task=task, blanks_allowed=blanks_allowed, options=options)

    return read


@pytest.fixture
def faults_of(write):
    """Write a table and return the faults that are found in it; each names the file."""

    def found(content, task="binary", **options):
        path = write(content)
        with pytest.raises(DataError) as error:
            read_csv(path, task=task, **options)
        assert all(fault.file == str(path) for fault in error.value.faults)
        assert all("\n" not in fault.message for fault in error.value.faults)
        return error.value.faults

    return found


@pytest.fixture
def fault_of(faults_of):
    """Write a table and return its only fault."""

    def found(content, task="binary", **options):
        (fault,) = faults_of(content, task=task, **options)
        return fault

    return found
