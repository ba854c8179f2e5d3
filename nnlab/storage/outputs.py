"""Outputs: files that a person names to be written, such as `--predictions FILE`, and that are none of nnlab's own.

All outputs of a command are checked before it computes anything, and each is written at the end, in one go.

    a file          is replaced as a whole and keeps its mode and its owner; a link to it stays. One of an owner or a
                    group that a new file may not get is written in place instead
    a descriptor    /dev/stdout, which is `-` on the command line, /dev/stderr or /dev/fd/N: it is written to at its
                    present position, whatever it leads to
    a device, a pipe    is written to; a pipe must have a reader when the command starts, and keeps it
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import stat
import sys
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nnlab.errors import ConfigError, OutputError, StorageError, printable
from nnlab.storage.files import check_folder_of, ignore, keeps_owner, storage_errors, write_atomically, write_in_place
from nnlab.storage.folder import PICTURE_FORMATS, files_of_run

STDOUT = Path("/dev/stdout")

_STANDARD = {1: "__stdout__", 2: "__stderr__"}  # None in `sys` if the descriptor was closed when the process started
_MOST_LINKS = 40  # as in Linux
_WAIT = 2.0  # seconds for the reader of a pipe that is started at the same time


class NamedOutput:
    """A path to write to, with what it led to when it was looked at."""

    def __init__(self, path: Path) -> None:
        """Look a path up. StorageError if that fails, or if it is a folder or a descriptor that is not for writing."""
        self.path = path
        self.descriptor = _descriptor_of(path)
        with storage_errors(path):
            self.found = _found(path, self.descriptor)
            self.place = _place(path)
        if self.descriptor is None and self._is_one_of(stat.S_ISREG):
            self.descriptor = _standard_of(self.found)

    @property
    def is_file(self) -> bool:
        """Whether a file is made or replaced; else something is written to that stays where it is."""
        return self.descriptor is None and (self.found is None or self._is_one_of(stat.S_ISREG))

    def is_same(self, found: os.stat_result | None) -> bool:
        """Whether it is, by device and inode, this file or pipe. A terminal may be read and written."""
        is_known = found is not None and self.found is not None and os.path.samestat(found, self.found)
        return is_known and self._is_one_of(stat.S_ISREG, stat.S_ISFIFO)

    def is_twice(self, other: NamedOutput) -> bool:
        """Whether both write to the same place."""
        if self.is_file and other.is_file and self.place == other.place:
            return True
        shares_descriptor = self.descriptor is not None and self.descriptor == other.descriptor
        return shares_descriptor or self.is_same(other.found)

    def make_ready(self) -> None:
        """See that it can be written to; a pipe or a device is opened. StorageError or OutputError if not."""
        if self.is_file:
            self._check_file()
        elif self.descriptor is None:
            self._refuse(stat.S_ISBLK, "a disk")
            self._refuse(stat.S_ISSOCK, "a socket")
            with storage_errors(self.path):
                self.descriptor = _opened(self.path)
            self._close = weakref.finalize(self, os.close, self.descriptor)

    def write(self, content: bytes) -> None:
        """Write the whole content. A reader that has closed its pipe has had enough, which is no error.

        Raises:
            StorageError: it cannot be written; a file that is replaced is as it was before.
            OutputError: the path leads to a file of a run by now.

        """
        if self.descriptor is None:
            place = _place(self.path)
            _refuse_file_of_run(self.path, place)
            with storage_errors(self.path):
                if keeps_owner(place):
                    write_atomically(place, lambda stream: ignore(stream.write(content)))
                else:
                    write_in_place(place, content)
            return
        with storage_errors(self.path), contextlib.suppress(BrokenPipeError):
            _write_all(self.descriptor, content)
        if hasattr(self, "_close"):
            self._close()

    def _check_file(self) -> None:
        with storage_errors(self.path):
            if self.found is not None and not os.access(self.place, os.W_OK):  # a rename would not ask
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        check_folder_of(self.place, self.path)

    def _is_one_of(self, *kinds: Callable[[int], bool]) -> bool:
        return self.found is not None and any(kind(self.found.st_mode) for kind in kinds)

    def _refuse(self, kind: Callable[[int], bool], name: str) -> None:
        if self._is_one_of(kind):
            raise OutputError(f"{printable(str(self.path))}: found {name}, expected a file, a pipe or a device")


def outputs_at(paths: Sequence[Path | None], read: Sequence[str | Path] = ()) -> list[NamedOutput | None]:
    """The outputs at these paths, checked and ready; None for None. `read` is what the command reads, also folders.

    Raises:
        OutputError: an output is, by device and inode, something that is read, lies in a folder that is read, is a
            file of a run, or is another output; or a pipe has no reader.
        StorageError: it cannot be written to.

    """
    outputs = [None if path is None else NamedOutput(path) for path in paths]
    given = [output for output in outputs if output is not None]
    for index, output in enumerate(given):
        _refuse_what_is_read(output, read)
        _refuse_file_of_run(output.path, output.place)
        for other in given[:index]:
            if output.is_twice(other):
                found = f"found the place of another output, {printable(str(other.path))}"
                raise OutputError(f"{printable(str(output.path))}: {found}, expected a file of its own")
    for output in given:
        output.make_ready()
    return outputs


def is_stream(path: Path) -> bool:
    """Whether a path leads to a descriptor, a device or a pipe, so that nothing takes its place."""
    with contextlib.suppress(StorageError):
        return not NamedOutput(path).is_file
    return False


def format_of(path: Path) -> str:
    """The format of a picture that goes to a path: that of its name, PNG for a descriptor, a device or a pipe.

    ConfigError for a file with another name.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind in PICTURE_FORMATS:
        return kind
    if is_stream(path):
        return "png"
    expected = " or ".join(f".{known}" for known in PICTURE_FORMATS)
    raise ConfigError(f"found '{printable(str(path)[:40])}', expected a name that ends in {expected}")


def is_stdout(path: Path) -> bool:
    """Whether what is written to a path goes to stdout."""
    return NamedOutput(path).descriptor == 1


# --- what a path leads to ---------------------------------------------------------------------------------------------


def _descriptor_of(path: Path) -> int | None:
    """The number of the descriptor of this process that /dev/stdout or /dev/fd/N means, also through links."""
    own = {os.path.realpath("/dev/fd"), os.path.realpath("/proc/self/fd")}
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if folder in own and path.name.isdecimal():
            return int(path.name)
        try:
            path = Path(folder, path.readlink())
        except (OSError, ValueError):
            return None
    return None


def _found(path: Path, descriptor: int | None) -> os.stat_result | None:
    """What there is at a path, links followed; None if nothing. OSError for a folder or what is not for writing."""
    if descriptor is not None:
        return _open_for_writing(descriptor)
    try:
        found = path.stat()
    except FileNotFoundError:
        found = None
    if not path.name or (found is not None and stat.S_ISDIR(found.st_mode)):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return found


def _open_for_writing(descriptor: int) -> os.stat_result:
    """What an open descriptor leads to. OSError if it is not open for writing."""
    is_closed = descriptor in _STANDARD and getattr(sys, _STANDARD[descriptor]) is None
    try:
        flags = os.O_RDONLY if is_closed else fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OverflowError:
        flags = os.O_RDONLY
    if flags & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return os.fstat(descriptor)


def _standard_of(found: os.stat_result | None) -> int | None:
    """The number of stdout or stderr, if a shell has redirected it to this very file."""
    for descriptor in _STANDARD:
        with contextlib.suppress(OSError):
            if found is not None and os.path.samestat(found, _open_for_writing(descriptor)):
                return descriptor
    return None


def _place(path: Path) -> Path:
    """The absolute path without links; of a link to nothing, where the file would be."""
    return Path(os.path.realpath(path))


# --- what may not be written to ---------------------------------------------------------------------------------------


def _refuse_what_is_read(output: NamedOutput, read: Sequence[str | Path]) -> None:
    for source in read:
        place, shown = _place(Path(source)), f"{printable(str(source))}, which this command reads"
        status = _status(place)
        if place == output.place or output.is_same(status):
            found = f"found {shown}, expected another file to write to"
        elif status is not None and stat.S_ISDIR(status.st_mode) and _is_in(output, place, status):
            found = f"found a place in {shown}, expected one elsewhere to write to"
        else:
            continue
        raise OutputError(f"{printable(str(output.path))}: {found}")


def _refuse_file_of_run(path: Path, place: Path) -> None:
    for folder in (place.parent, place.parent.parent):
        if (folder / "run.json").exists() and any(own in (place, *place.parents) for own in files_of_run(folder)):
            found = f"found a file of the run {printable(folder.name)}, expected another file to write to"
            raise OutputError(f"{printable(str(path))}: {found}")


def _is_in(output: NamedOutput, folder: Path, status: os.stat_result) -> bool:
    """Whether an output lies in a folder, or is a hard link to a file in it."""
    above = (_status(parent) for parent in output.place.parents)
    if any(found is not None and os.path.samestat(status, found) for found in above):
        return True
    may_be_linked = output.found is not None and output.found.st_nlink > 1
    return may_be_linked and any(output.is_same(_status(file)) for file in _files_in(folder))


def _files_in(folder: Path) -> Iterator[Path]:
    for above, _, names in os.walk(folder):
        yield from (Path(above, name) for name in names)


def _status(path: Path) -> os.stat_result | None:
    with contextlib.suppress(OSError, ValueError):
        return path.stat()
    return None


# --- devices, pipes and descriptors -----------------------------------------------------------------------------------


def _opened(path: Path) -> int:
    """A descriptor of a device or a pipe. OutputError for a pipe that nobody reads."""
    deadline = time.monotonic() + _WAIT
    while True:
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.ENXIO or not path.is_fifo():
                raise
            if time.monotonic() > deadline:
                expected = f"expected one with a reader, as in: cat {printable(str(path))} &"
                raise OutputError(f"{printable(str(path))}: found a pipe that nobody reads, {expected}") from error
            time.sleep(0.02)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


def _write_all(descriptor: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # whoever started this process set the descriptor so
            select.select([], [descriptor], [])
