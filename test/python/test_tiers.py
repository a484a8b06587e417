"""`jit(compile_budget=)`: the quick tier answers with the bits of the full one, and what happens around the thread that
makes the full one: forks, the end of the process, other threads, errors, the persistent cache."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import weft as wf
from running import same_bits, wrong_calls
from weft._src import _weft, errors, tiers

rng = np.random.default_rng(5)


def arrays(*shapes, dtype="float32"):
    return [rng.standard_normal(s).astype(dtype) for s in shapes]


def awkward(n):
    x = rng.standard_normal(n).astype(np.float32)
    x[: min(n, 5)] = [np.inf, -np.inf, np.nan, -0.0, 1e-42][: min(n, 5)]
    return x


FUNCTIONS = {
    "elementwise": (lambda x: wf.tanh(x) * wf.exp(-x) + wf.erf(x), [awkward(1003)]),
    "empty": (lambda x: wf.sum(wf.sin(x)) + 1, arrays((0, 3))),
    "one": (lambda x: wf.sqrt(x), [awkward(1)]),
    "products": (lambda x, y: wf.nn.relu(x @ y) @ y.T, arrays((129, 65), (65, 33))),
    "large products": (lambda x, y: x @ y + 1, arrays((300, 700), (700, 260))),
    "rows": (lambda x: wf.nn.softmax(x, axis=-1), arrays((37, 1001))),
    "columns": (lambda x: wf.sum(x, axis=0) / wf.max(x, axis=0), arrays((513, 70))),
    "convolution": (lambda x, w: wf.nn.conv2d(x, w), arrays((1, 5, 19, 17), (9, 5, 3, 3))),
    "attention": (wf.nn.dot_product_attention, arrays((2, 65, 16), (2, 65, 16), (2, 65, 16))),
    "halves": (lambda x, y: (x @ y).astype("float32"), [a.astype(np.float16) for a in arrays((65, 40), (40, 33))]),
    "doubles": (lambda x: wf.cumulative_sum(wf.log1p(wf.abs(x))), arrays((777,), dtype="float64")),
    "integers": (lambda x: (x * 7) // 3 % 11 + (x > 5), [rng.integers(-99, 99, 1001)]),
    "sorted": (lambda x: wf.sort(x)[::2], [awkward(515)]),
    "loop": (lambda x: wf.fori_loop(0, 7, lambda i, c: wf.sin(c) * 1.5 + i, x), arrays((101,))),
    "gradient": (wf.grad(lambda w, x: wf.sum(wf.nn.gelu(x @ w) ** 2)), arrays((40, 24), (33, 40))),
    "strided": (lambda x: wf.sum(x * 2, axis=1), [arrays((64, 90))[0][::2, 5::3]]),
}


def same(a, b):
    same_bits(np.asarray(a), np.asarray(b))


@pytest.fixture
def held():
    """Holds the thread back, so that calls are in the quick tier for certain."""
    busy = tiers.WORKER._busy
    busy.acquire()
    released = []

    def release():
        if not released:
            released.append(busy.release())
        tiers.WORKER.wait()

    yield release
    release()


@pytest.fixture(autouse=True)
def no_cache(monkeypatch):
    monkeypatch.setenv("WEFT_CACHE", "0")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_tiers_give_the_same_bits(name, held):
    f, args = FUNCTIONS[name]
    whole = wf.jit(lambda *args: f(*args))(*args)
    quick = wf.jit(lambda *args: f(*args) if args else None, compile_budget=0)
    first = quick(*args)
    assert quick.explain(*args).tier == "quick" and "quick tier" in str(quick.explain(*args))
    again = quick(*args)
    held()
    assert quick.explain(*args).tier == "full" and "quick tier" not in str(quick.explain(*args))
    last = quick(*args)
    for x in (first, again, last):
        same(whole, x)
    assert len(quick.misses) == 1


def test_a_call_takes_the_full_tier_without_python(held):
    f = wf.jit(lambda x: wf.sin(x) @ x, compile_budget=0)
    (x,) = arrays((20, 20))
    f(x)
    quick = f._variants[next(iter(f._variants))][0].compiled
    held()
    full = f._variants[next(iter(f._variants))][0].compiled
    assert quick.tier == "quick" and full.tier == "full" and full.program is not quick.program
    assert len(full.image) != len(quick.image)
    before = sys.getrefcount(quick.program)
    assert before <= 3  # no entry of the calls' path holds it


def test_a_budget_that_is_enough_gives_the_full_tier():
    f = wf.jit(lambda x: wf.cos(x) * 3, compile_budget=60)
    (x,) = arrays((50,))
    np.testing.assert_allclose(f(x), np.cos(x) * 3, rtol=1e-5)
    assert f.explain(x).tier == "full"


@pytest.mark.parametrize("budget", [-1, "1", True, float("nan"), np.ones(2)])
def test_a_budget_is_seconds(budget):
    with pytest.raises(wf.errors.ArgumentValueError, match="WF1902"):
        wf.jit(lambda x: x, compile_budget=budget)


def test_an_error_of_the_thread_leaves_the_quick_tier(held, monkeypatch):
    compile_ = _weft.compile

    def failing(module, options="", store=None):
        if "budget=" not in options:
            raise errors.error("WF1505", "a pass failed")
        return compile_(module, options, store)

    monkeypatch.setattr(_weft, "compile", failing)
    f = wf.jit(lambda x: wf.exp(x) + 2, compile_budget=0)
    (x,) = arrays((50,))
    first = f(x)
    held()
    e = f.explain(x)
    assert e.tier == "quick" and any("does not compile" in note and "a pass failed" in note for note in e.notes)
    same(first, f(x))
    monkeypatch.undo()
    g = wf.jit(lambda x: wf.exp(x) + 3, compile_budget=0)  # the thread goes on
    g(x)
    tiers.WORKER.wait()
    assert g.explain(x).tier == "full"


def test_captured_arrays_that_are_packed_stay(held):
    w = wf.asarray(arrays((320, 320))[0])
    f = wf.jit(lambda x: x @ w, compile_budget=0)
    (x,) = arrays((128, 320))
    first = f(x)
    assert [k.kept for k in f.explain(x).kernels] == [True, False]
    held()
    same(first, f(x))
    np.testing.assert_allclose(first, x.astype(float) @ np.asarray(w, np.float64), rtol=1e-4, atol=1e-3)


def test_variables_and_donated_arrays_go_on(held):
    v = wf.Variable(np.zeros(5, np.float32))

    def step(x):
        v.value = v + x
        return v * 2

    f = wf.jit(step, compile_budget=0, donate="x")
    ones = np.ones(5, np.float32)
    f(wf.asarray(ones))
    held()
    assert np.asarray(f(wf.asarray(ones))).tolist() == [4.0] * 5 and np.asarray(v).tolist() == [2.0] * 5


def test_forgetting_programs_while_one_is_made(held):
    f = wf.jit(lambda x: wf.sin(x) + 4, compile_budget=0)
    (x,) = arrays((9,))
    first = f(x)
    f.clear_cache()
    held()
    same(first, f(x))


def test_calls_of_many_threads_while_the_tier_changes():
    f = wf.jit(lambda x: wf.nn.softmax(x @ x) @ x, compile_budget=0)
    (x,) = arrays((64, 64))
    want = np.asarray(wf.jit(lambda x: wf.nn.softmax(x @ x) @ x)(x))
    wrong = wrong_calls(lambda: f(x), [want], threads=4, times=300)
    tiers.WORKER.wait()
    assert wrong == 0 and f.explain(x).tier == "full"
    same(f(x), want)


# -------------------------------------------------------------------------------------------- processes of their own

MAKE = """
import os, sys
import numpy as np
import weft as wf
from weft._src import tiers

def net(x):
    for i in range(6):
        x = wf.tanh(x[: 60 - i, : 60 - i] @ x[: 60 - i, : 60 - i])
    return x

f = wf.jit(net, compile_budget=0)
x = np.random.default_rng(1).standard_normal((64, 64)).astype(np.float32)
first = np.asarray(f(x))
"""


def run(code, **environment):
    done = subprocess.run(
        [sys.executable, "-c", MAKE + textwrap.dedent(code)],
        env=os.environ | {"WEFT_CACHE": "0"} | environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_process_may_end_while_the_thread_compiles():
    assert run("print(f.explain(x).tier)") == ["quick"]


def test_a_process_may_end_with_programs_to_make():
    assert run("g = wf.jit(lambda x: wf.sin(x), compile_budget=0); g(x); sys.exit(0)") == []


def test_a_process_may_fork_while_the_thread_compiles():
    told = run(
        """
        children = []
        for i in range(3):
            child = os.fork()
            if not child:
                g = wf.jit(lambda x: wf.cos(net(x)), compile_budget=0)
                g(x)
                tiers.WORKER.wait()
                good = f.explain(x).tier == g.explain(x).tier == "full" and np.array_equal(np.asarray(f(x)), first)
                os._exit(0 if good else 1)
            children.append(child)
        print(*(os.waitpid(child, 0)[1] for child in children))
        tiers.WORKER.wait()
        print(f.explain(x).tier, np.array_equal(np.asarray(f(x)), first))
        """
    )
    assert told == ["0", "0", "0", "full", "True"]


def test_a_forked_child_makes_what_was_not_begun():
    told = run(
        """
        more = [wf.jit(lambda x, i=i: wf.cos(net(x)) + i, compile_budget=0) for i in range(4)]
        for g in more:
            g(x)
        child = os.fork()
        if not child:
            tiers.WORKER.wait()
            os._exit(0 if all(g.explain(x).tier == "full" for g in [f, *more]) else 1)
        print(os.waitpid(child, 0)[1])
        """
    )
    assert told == ["0"]


def test_only_the_full_tier_is_stored(tmp_path):
    cache = {"WEFT_CACHE": "1", "WEFT_CACHE_DIR": str(tmp_path)}
    code = "e = f.explain(x); print(e.tier, e.is_stored, tiers.WORKER.wait(), first.tobytes().hex()[:64])"
    held = "tiers.WORKER._busy.acquire(); g = wf.jit(lambda x: net(x) + 1, compile_budget=0); g(x); "
    tier, stored, _, bits = run(code, **cache)
    assert (tier, stored) == ("quick", "False")
    assert run(code, **cache) == ["full", "True", "None", bits]
    # A program of which only the quick tier was made is in no cache.
    dropped = held + "print(g.explain(x).tier); tiers.WORKER._busy.release(); os._exit(0)"
    assert run(dropped, **cache) == ["quick"] == run(dropped, **cache)
