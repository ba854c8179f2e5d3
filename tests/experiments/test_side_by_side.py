"""Tasks on several processors: in copies of a process without threads, and one after the other elsewhere."""

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest
from support import environment

from nnlab.experiments.side_by_side import side_by_side

SEVERAL = sys.platform.startswith("linux") and len(os.sched_getaffinity(0)) > 1


BEGIN = "import os, signal\nfrom nnlab.experiments.side_by_side import side_by_side\n"
ALONE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def run(script, cwd=None):
    """The script in a process of its own, which has no threads."""
    return subprocess.run(
        [sys.executable, "-c", BEGIN + script],
        cwd=cwd,
        env=environment(**ALONE),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 20])
def test_results_come_in_the_order_of_the_tasks(count):
    script = f"print(side_by_side([lambda i=i: i * i for i in range({count})]))"
    assert run(script).stdout == f"{[i * i for i in range(count)]}\n"
    assert side_by_side([lambda i=i: i * i for i in range(count)]) == [i * i for i in range(count)]


@pytest.mark.skipif(not SEVERAL, reason="one processor, or a system where a process is not copied")
def test_copies_of_the_process_share_the_work_and_none_is_left_behind(tmp_path):
    script = """
import time
from pathlib import Path
def short(number):
    Path(f"{number}.done").touch()
    return os.getpid()
def long():
    begun = time.monotonic()
    while len(list(Path().glob("*.done"))) < 5 and time.monotonic() < begun + 30:
        time.sleep(0.01)
    return os.getpid()
found = side_by_side([long, *(lambda i=i: short(i) for i in range(5))])
try:
    os.wait()
except ChildProcessError:
    print(os.getpid() in found, found[0] in found[1:])  # while one was at work on the first, others did the rest
"""
    assert run(script, cwd=tmp_path).stdout == "True False\n"


def test_beside_a_thread_nothing_is_copied():
    script = """
import threading
done = threading.Event()
threading.Thread(target=done.wait).start()
print(set(side_by_side([os.getpid] * 6)) == {os.getpid()})
done.set()
"""
    assert run(script).stdout == "True\n"


def test_what_a_copy_cannot_do_is_done_by_the_first_process():
    """Because it was killed, or because its result cannot be sent."""
    script = """
first = os.getpid()
def killed():
    if os.getpid() != first:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"
print(side_by_side([killed] * 5))
print([f() for f in side_by_side([lambda: (lambda: 7)] * 3)])
"""
    result = run(script)
    assert result.stdout == f"{['done'] * 5}\n{[7] * 3}\n", result.stderr


@pytest.mark.parametrize("bad", range(4))
def test_an_exception_of_any_task_is_raised(bad):
    script = f"""
def task(i):
    if i == {bad}:
        raise ValueError(f"task {{i}}")
    return i
try:
    side_by_side([lambda i=i: task(i) for i in range(4)])
except ValueError as error:
    print(error)
"""
    result = run(script)
    assert (result.stdout, result.stderr) == (f"task {bad}\n", "")


def test_what_was_written_but_not_flushed_is_written_once():
    script = """
file = open(1, "w", closefd=False)
file.write("once\\n")
side_by_side([lambda: None] * 4)
file.close()
"""
    assert run(script).stdout == "once\n"


@pytest.mark.skipif(not SEVERAL, reason="one processor, or a system where a process is not copied")
def test_a_copy_does_not_outlive_a_process_that_is_killed(tmp_path):
    """A copy that did would keep the lock of a killed training, so that a resume were refused."""
    script = """
import fcntl, time
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
def task():
    open(f"begun{os.getpid()}", "w").close()
    time.sleep(120)
side_by_side([task, task])
"""
    first = subprocess.Popen([sys.executable, "-c", BEGIN + script], cwd=tmp_path, env=environment(**ALONE))
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("begun*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(list(tmp_path.glob("begun*"))) == 2
    first.kill()
    first.wait()
    with (tmp_path / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                assert time.monotonic() < deadline, "the copy has kept the lock"
                time.sleep(0.01)
            else:
                break


def test_an_interrupt_ends_the_copies_with_the_first_process(tmp_path):
    """As Ctrl-C at a terminal does: every process of the group gets it."""
    script = """
import time
def task():
    print(os.getpid(), flush=True)
    time.sleep(30)
side_by_side([task] * 2)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + script],
        env=environment(**ALONE),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    numbers = {int(process.stdout.readline()) for _ in range(2 if SEVERAL else 1)}
    os.killpg(process.pid, signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=20)[1]
    for number in numbers:
        with pytest.raises(ProcessLookupError):
            os.kill(number, 0)


REFUSING = """
import errno
def refuse(*_):
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
granted, given = GRANTED, os.NAME
def once(*words):
    global granted
    granted -= 1
    return given(*words) if granted >= 0 else refuse()
os.NAME = once
before = len(os.listdir("/proc/self/fd"))
print(side_by_side([lambda i=i: i * i for i in range(9)]) == [i * i for i in range(9)])
print(len(os.listdir("/proc/self/fd")) == before)
"""


@pytest.mark.skipif(not SEVERAL, reason="one processor, or a system where a process is not copied")
@pytest.mark.parametrize("granted", [0, 1, 2])
@pytest.mark.parametrize("name", ["fork", "pipe"])
def test_where_the_system_refuses_a_process_or_a_pipe_the_work_is_done_here(name, granted):
    script = REFUSING.replace("NAME", name).replace("GRANTED", str(granted))
    done = run(f"os.sched_getaffinity = lambda _: range(8)\n{script}")
    assert (done.stdout, done.stderr) == ("True\nTrue\n", "")
