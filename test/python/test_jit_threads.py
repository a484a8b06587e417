"""Threads of a call, calls after a fork, and Ctrl-C inside native code."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import weft as wf


def python(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


TASKS = """
import os, numpy as np, weft as wf
def tasks(): return len(os.listdir("/proc/self/task"))
x = np.ones((2000, 2000), np.float32)
compiled = [wf.jit(lambda x: wf.exp(x) + 1, threads=n).trace(wf.asarray(x)).lower().compile() for n in (1, None)]
before = tasks()
for f in compiled:
    f(x)
    print(tasks() - before)
"""


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are counted in /proc")
def test_threads_of_a_function_and_of_the_process():
    assert python(TASKS, WEFT_NUM_THREADS="3") == ["0", "2"]
    assert python(TASKS, WEFT_NUM_THREADS="1") == ["0", "0"]


FORK = """
import os, numpy as np, weft as wf
x = np.ones((2000, 2000), np.float32)
f = wf.jit(lambda x: wf.sum(wf.exp(x) + 1))
want = float(f(x))
child = os.fork()
if child == 0:
    same = float(f(x)) == want and float(wf.jit(lambda x: wf.sum(x))(x)) == 4e6
    os._exit(0 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), float(f(x)) == want)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_calls_what_its_parent_compiled():
    assert python(FORK, WEFT_NUM_THREADS="3") == ["0", "True"]


def late(call, delay=0.3):
    """Seconds from a signal to the return of the call that it interrupts."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        fires = time.monotonic() + delay
        signal.setitimer(signal.ITIMER_REAL, delay)
        with pytest.raises(KeyboardInterrupt):
            call()
        return time.monotonic() - fires
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("threads", [1, None])
def test_ctrl_c_inside_one_long_kernel(threads):
    a = np.ones((8000, 8000), np.float32)  # 10^12 operations: many seconds on any one machine of tests
    f = wf.jit(lambda a: wf.matmul(a, a), threads=threads).trace(a).lower().compile()
    assert f.report["launches"] and len(f.report["launches"]) == 1
    assert late(lambda: f(a)) < 1.0  # the aim is 0.1 s; machines of tests are busy


def test_ctrl_c_in_a_compiled_loop():
    x = np.ones(8, np.float32)
    f = wf.jit(lambda x: wf.fori_loop(0, 10**12, lambda i, c: wf.sin(c), x)).trace(x).lower().compile()
    assert late(lambda: f(x)) < 1.0
    assert np.asarray(wf.jit(lambda x: x + 1)(x)).tolist() == [2.0] * 8


def test_two_threads_are_in_one_function_at_once():
    f = wf.jit(lambda x: wf.sum(wf.sin(wf.exp(wf.sin(wf.exp(wf.sin(x)))))), dims={"x": ("B",)}, threads=1)
    small, big = np.ones(8, np.float32), np.ones(40_000_000, np.float32)
    want = float(f(small))
    for _ in range(5):
        f(small)  # short calls keep the interpreter's lock; what comes next must not be taken for one
    f(big)
    ends, wrong, stop = [], [], threading.Event()

    def other():
        while not stop.is_set():
            if float(f(small)) != want:
                wrong.append(1)
            ends.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=other)
    thread.start()
    try:
        start = time.monotonic()
        for _ in range(3):
            out = float(f(big))
        end = time.monotonic()
    finally:
        stop.set()
        thread.join()
    assert not wrong and out == pytest.approx(want * 5e6, rel=1e-3)
    assert sum(start < t < end for t in ends) >= 3
