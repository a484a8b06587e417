"""What explain() says that a call takes of the machine's memory is what it takes, measured in a fresh process."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import weft as wf
from weft._src import _weft, memory

# In MB: the rise of the peak over a process that has compiled the program and has the arguments.
CHILD = """
import json, pathlib, sys
import numpy as np
import weft as wf

def status(file, name):
    lines = pathlib.Path(f"/proc/self/{file}").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape, np.float32)

PROGRAMS = {
    "rows": lambda: (wf.nn.softmax, normal(2048, 2048)),
    "product": lambda: (lambda a, b: a @ b, normal(1024, 1024), normal(1024, 1024)),
    "captured": lambda: (
        (lambda w: lambda x: wf.nn.relu(x @ w.T))(wf.asarray(normal(4096, 1024))), normal(300, 1024)
    ),
    "gaps": lambda: (lambda x: wf.sum(wf.sin(x), 0), normal(2048, 4096)[:, ::2]),
    "steps": lambda: (
        lambda xs, w: wf.scan(lambda c, x: (wf.tanh(c @ w + x), c), xs[0], xs)[1],
        normal(64, 128, 256), normal(256, 256),
    ),
    "beside": lambda: (
        lambda xs, ys, w: [
            wf.scan(lambda c, x: (wf.tanh(wf.nofuse(wf.sin(c)) @ w + x), wf.sum(c)), xs[0], xs, reverse=back)
            for xs, back in ((xs, False), (ys, True))
        ],
        normal(20, 4096, 96), normal(20, 4096, 96), normal(96, 96),
    ),
    "gradient": lambda: (
        wf.grad(lambda w, x: wf.sum(wf.tanh(wf.tanh(x @ w) @ w))), normal(1000, 1000), normal(1000, 1000)
    ),
    "attention": lambda: (wf.nn.dot_product_attention, *(normal(24, 512, 64) for _ in range(3))),
    "donated": lambda: (lambda x: wf.flip(wf.nofuse(wf.sin(x))), normal(1500, 1500)),
    "convolution": lambda: (
        lambda x, w: wf.nn.relu(wf.nn.conv2d(x, w, padding=1)), normal(4, 64, 56, 56), normal(64, 64, 3, 3)
    ),
}

f, *args = PROGRAMS[sys.argv[1]]()
if sys.argv[1] != "gaps":
    args = [wf.asarray(x) for x in args]
donated = sys.argv[1] == "donated"
f = wf.jit(f, donate=("x",)) if donated else wf.jit(f)
told = f.explain(*args)
pathlib.Path("/proc/self/clear_refs").write_text("5")  # proc(5): forgets the peak
idle = status("smaps_rollup", "Rss:")
for _ in range(4):
    out = f(*args)
    if donated:
        args = [out]
    del out
print(json.dumps({"told": told.peak_bytes, "parts": told.memory, "measured": status("status", "VmHWM") - idle}))
"""


@pytest.mark.parametrize(
    "name",
    ["rows", "product", "captured", "gaps", "steps", "beside", "gradient", "attention", "donated", "convolution"],
)
def test_a_call_takes_what_was_told(name):
    quiet = os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"}  # else the kernel fills NumPy's pages at a time of its own
    run = [sys.executable, "-c", CHILD, name]
    done = subprocess.run(run, capture_output=True, text=True, check=False, env=quiet)
    assert done.returncode == 0, done.stderr
    told, parts, measured = json.loads(done.stdout).values()
    assert told == sum(parts)
    # The kernel counts pages of each processor by itself and adds them up 32 at a time, and what Python and threads
    # do meanwhile takes some pages; a worker that came too late to all calls has packed nothing.
    slack = (1 << 18) + parts[3] // 2
    assert told - 0.02 * told - slack <= measured <= 1.02 * told + (1 << 18), parts
    assert told > 8 << 18


def test_the_parts_add_up():
    w = wf.asarray(np.ones((512, 1024), np.float32))
    x = np.ones((1200, 2048), np.float32)[:, ::2]
    e = wf.jit(lambda x: wf.nn.relu(x @ w.T)).explain(x)
    assert e.peak_bytes == e.memory.total == sum(e.memory)
    whole = {name: _weft.buffer_footprint(n) for name, n in {"results": 1200 * 512 * 4, "kept": w.nbytes}.items()}
    assert e.memory.results == whole["results"] and e.memory.kept == whole["kept"] and e.kept_bytes == w.nbytes
    assert e.memory.copies == _weft.buffer_footprint(1200 * 1024 * 4) and e.memory.scratch > 0 and e.memory.arena == 0
    assert f"memory: {e.memory}" in str(e) and f"peak {memory.bytes_text(e.peak_bytes)}" in str(e)


def test_results_in_the_memory_of_arguments_are_none():
    f = lambda x: wf.flip(wf.nofuse(wf.sin(x)))  # noqa: E731
    x = np.ones(1000, np.float32)
    block = _weft.buffer_footprint(4000)
    assert wf.jit(f).explain(wf.asarray(x)).memory.results == block
    assert wf.jit(f, donate=("x",)).explain(wf.asarray(x)).memory.results == 0
    assert wf.jit(f, donate=("x",)).explain(x).memory.results == block  # NumPy's is never written
    table = wf.Variable(x)

    def put(i):
        table[i] = 5.0

    assert wf.jit(put).explain(3).memory.results == 0


def test_named_sizes_give_a_formula_that_bounds_every_size():
    f = lambda x: (wf.sort(x @ x.mT, axis=0), wf.sum(wf.exp(x)))  # noqa: E731
    named = wf.jit(f).explain(wf.spec(("B", 70), "float32"))
    formula = wf.Dim(named.peak_bytes) if isinstance(named.peak_bytes, str) else None
    assert formula is not None and named.memory.total == named.peak_bytes
    for b in (1, 2, 50, 333, 1024):
        exact = wf.jit(f).explain(np.ones((b, 70), np.float32))
        arena, results = (exact.memory.arena, exact.memory.results)
        # Blocks of known size are told in whole pages with their headers.
        assert formula.evaluate({"B": b}) + 8 * 8192 >= arena + results


def test_scratch_is_that_of_the_threads_that_take_part():
    uses = [{"own": "100", "body": "0", "threads": 1}, {"own": "0", "body": "1000", "threads": 2},
            {"own": "0", "body": "600", "threads": 0}]  # fmt: skip
    block = _weft.buffer_footprint
    for threads in (1, 2, 3, 5):
        told = memory._scratch(uses, threads)
        assert told == block(100) + block(1000) * min(threads, 2) + block(600) * max(0, threads - 2)
    # In a part of two: what the caller asks for by itself, a worker does too; and bodies inside are one deeper.
    part = [
        {"own": "100", "body": "1000", "threads": 0, "beside": 2},
        {"own": "0", "body": "600", "threads": 0, "beside": 0},
    ]
    assert memory._scratch(part, 3) == block(100) + 3 * block(1000) + 2 * block(1000)
    named = [{"own": "4*B", "body": "64", "threads": 0}, {"own": "100", "body": "8*B", "threads": 0}]
    assert memory._scratch(named, 2) == str(wf.Dim("4*B") + 100 + 2 * (64 + wf.Dim("8*B")))


def test_a_kernel_from_the_cache_tells_its_scratch_too(tmp_path, monkeypatch):
    monkeypatch.setenv("WEFT_CACHE", "1")
    monkeypatch.setenv("WEFT_CACHE_DIR", str(tmp_path))
    code = """
import numpy as np, weft as wf, sys
f = {"a": lambda x: x @ x, "b": lambda x: (x @ x, wf.flip(x))}[sys.argv[1]]
e = wf.jit(f).explain(np.ones((700, 700), np.float32))
print(e.report["stored_kernels"], e.memory.scratch)
"""
    told = [
        subprocess.run([sys.executable, "-c", code, n], capture_output=True, text=True, check=True).stdout.split()
        for n in ("a", "b")
    ]
    assert [n for n, _ in told] == ["0", "1"] and told[0][1] == told[1][1] != "0"
