"""`jit`: when it traces, what it passes and gives back, what it watches, what a call costs."""

import threading
import time
from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pytest
import weft._src.dtypes as dt
from weft._src import errors, trace
from weft._src.array import Array, asarray
from weft._src.jit import jit, spec
from weft._src.trace import emit


def add(x, y):
    """The sum; Python numbers take the dtype of the other operand."""
    if isinstance(y, (int, float)):
        y = trace.as_tracer(y, x.dtype) if x.shape == () else fill(y, x)
    return emit("add", [x, y])


def fill(value, like):
    return emit("broadcast", [trace.as_tracer(value, like.dtype)], results=[(like.shape, like.dtype)], dims=[])


def f32(*values):
    return np.array(values, np.float32)


def counted(f):
    """`f`, and a list that grows by one whenever it is traced."""
    traces = []

    def g(*args, **kwargs):
        traces.append(1)
        return f(*args, **kwargs)

    return g, traces


def test_x_plus_one():
    f = jit(lambda x: add(x, 1))
    out = f(f32(1, 2, 3))
    assert isinstance(out, Array) and out.dtype is dt.float32
    assert (np.asarray(out) == [2, 3, 4]).all()
    assert (np.asarray(f(f32(5, 6, 7))) == [6, 7, 8]).all()


def test_one_trace_for_each_signature():
    g, traces = counted(lambda x: add(x, x))
    f = jit(g)
    for x in (f32(1), f32(2), asarray(f32(3)), f32(1, 2), f32(1, 2), np.array([1]), f32(1)):
        assert (np.asarray(f(x)) == 2 * np.asarray(x)).all()
    assert len(traces) == 3


def test_python_numbers_are_arguments_not_constants():
    g, traces = counted(lambda x, s: emit("mul", [x, trace.cast(s, x.dtype)]))
    f = jit(g)
    x = np.float64(np.pi).reshape(())
    for s in (0.1, 0.2, 1e-30):
        assert np.asarray(f(x, s)) == np.pi * s  # to the last bit: the number is not rounded to float32 on its way
    assert len(traces) == 1
    assert np.asarray(f(x, 3)) == np.pi * 3
    assert len(traces) == 2


def test_a_number_alone_takes_the_default_dtype():
    assert jit(lambda s: s)(1.5).dtype is dt.float32
    assert jit(lambda s: s)(3).dtype is dt.int64


class Pair(NamedTuple):
    a: object
    b: object


def test_trees_go_in_and_come_out():
    def f(p, *rest, scale):
        return {"sum": add(p["w"][0], p["b"]), "rest": [add(r, scale) for r in rest], "none": None, "t": (p["b"],)}

    g, traces = counted(f)
    j = jit(g)
    one = j({"w": [f32(1), None], "b": f32(2)}, f32(5), scale=f32(10))
    assert list(one) == ["none", "rest", "sum", "t"]
    assert np.asarray(one["sum"]) == 3 and np.asarray(one["rest"][0]) == 15 and one["none"] is None
    assert isinstance(one["t"], tuple) and isinstance(one["rest"], list)
    # The other order of the dict is the same program, with its leaves where they belong.
    for _ in range(2):
        two = j({"b": f32(20), "w": [f32(1), None]}, f32(5), scale=f32(10))
        assert np.asarray(two["sum"]) == 21 and np.asarray(two["t"][0]) == 20
    assert len(traces) == 1


def test_the_same_object_at_two_places():
    f = jit(lambda p: emit("sub", [p["a"], p["b"]]))
    x = f32(1)
    assert np.asarray(f({"b": x, "a": x})) == 0
    assert np.asarray(f({"b": f32(1), "a": f32(5)})) == 4


def test_other_containers_take_the_slow_path():
    f = jit(lambda p: Pair(add(p.a, p.b), p.a))
    for i in range(2):
        out = f(Pair(f32(1 + i), f32(2)))
        assert isinstance(out, Pair) and np.asarray(out.a) == 3 + i
    g = jit(lambda d: add(d["x"], d["y"]))
    assert np.asarray(g(OrderedDict(y=f32(1), x=f32(2)))) == 3


def test_static_arguments():
    g, traces = counted(lambda x, n, flag=False: add(x, n) if flag else x)
    f = jit(g, static=("n", "flag"))
    with pytest.raises(errors.ArgumentValueError):
        jit(lambda x: x, static="y")
    f = jit(lambda x, n: add(x, n) if n else x, static="n")
    assert np.asarray(f(f32(1), 2)) == 3 and np.asarray(f(f32(1), 5)) == 6 and np.asarray(f(f32(1), n=0)) == 1
    assert np.asarray(f(f32(1), 2.0)) == 3
    with pytest.raises(errors.WrongArgumentError) as caught:
        f(f32(1), [1])
    assert caught.value.code == "WF1209"
    assert not traces


def test_arrays_that_are_read_are_read_at_each_call():
    table = f32(1, 2)

    def f(x):
        return add(x, table)

    j = jit(f)
    assert (np.asarray(j(f32(0, 0))) == [1, 2]).all()
    table[0] = 10  # the same array with other numbers
    assert (np.asarray(j(f32(0, 0))) == [10, 2]).all()
    table = f32(7, 7)  # another array
    assert (np.asarray(j(f32(0, 0))) == [7, 7]).all()


def test_numbers_that_are_read_are_watched():
    scale = 2
    g, traces = counted(lambda x: x)

    def f(x):
        g(x)
        return add(x, scale)

    j = jit(f)
    assert np.asarray(j(f32(1))) == 3 and np.asarray(j(f32(1))) == 3
    assert len(traces) == 1
    scale = 5
    assert np.asarray(j(f32(1))) == 6
    scale = 2
    assert np.asarray(j(f32(1))) == 3
    assert len(traces) == 2, "the program of a value seen before is still there"


GLOBAL = 1


def helper(x):
    return add(x, GLOBAL)


def test_globals_of_functions_it_calls_are_watched():
    global GLOBAL, helper
    f = jit(lambda x: helper(x))
    assert np.asarray(f(f32(1))) == 2
    before, GLOBAL = GLOBAL, 10
    try:
        assert np.asarray(f(f32(1))) == 11
    finally:
        GLOBAL = before
    old, helper = helper, lambda x: x
    try:
        assert np.asarray(f(f32(1))) == 1
    finally:
        helper = old


def test_donation():
    f = jit(lambda p, x: add(p, x), donate="p")
    p = asarray(f32(1, 2))
    for _ in range(3):
        new = f(p, f32(1, 1))
        assert p.is_deleted
        p = new
    assert (np.asarray(p) == [4, 5]).all()
    with pytest.raises(errors.WrongArgumentError) as caught:
        f(p, p)
    assert caught.value.code == "WF1607"
    used = asarray(f32(1, 2))
    used._delete()
    with pytest.raises(errors.DonatedError):
        f(used, f32(1, 1))


def test_jit_in_jit_is_one_function():
    g, traces = counted(lambda x: add(x, 1))
    inner = jit(g)
    outer = jit(lambda x: inner(inner(x)))
    assert np.asarray(outer(f32(1))) == 3
    assert len(traces) == 1
    text = outer.trace(f32(1)).as_text()
    assert text.count("func.func private") == 1 and text.count("weft.call") == 2


def test_stages_are_texts():
    traced = jit(lambda x: add(x, x)).trace(spec((4,), "float32"))
    assert "weft.add" in traced.as_text()
    low = traced.lower()
    assert "weft.launch" in low.as_text("kernels")
    assert "linalg.generic" in low.as_text("linalg")
    assert "weft_entry" in low.as_text("asm")
    with pytest.raises(errors.ArgumentValueError):
        low.as_text("kernel")
    assert (np.asarray(low.compile()(f32(1, 2, 3, 4))) == [2, 4, 6, 8]).all()


def test_what_is_no_array_is_told_with_its_place():
    with pytest.raises(errors.WrongArgumentError) as caught:
        jit(lambda p: p)({"w": [object()]})
    assert "p['w'][0]" in caught.value.message
    with pytest.raises(errors.WrongArgumentError):
        jit(lambda x: "text")(f32(1))


def test_methods_and_names():
    class Model:
        @jit
        def double(self, x):
            """Twice."""
            return add(x, x)

    assert Model.double.__doc__ == "Twice." and Model.double.__name__ == "double"
    assert np.asarray(Model().double(f32(1))) == 2  # the object is static without a word

    class Static:
        double = jit(lambda self, x: add(x, x), static="self")

    assert np.asarray(Static().double(f32(2))) == 4


def test_layouts_of_arguments():
    f = jit(lambda x: add(x, x))
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    for view in (x.T, x[::-1], x[:, ::2]):
        assert (np.asarray(f(view)) == 2 * view).all()
    odd = np.frombuffer(b"\0" + f32(1, 2).tobytes(), np.uint8)[1:].view(np.float32)  # not aligned
    assert (np.asarray(f(odd)) == [2, 4]).all()


def test_threads_call_one_function():
    f = jit(lambda x: add(x, x))
    wrong = []

    def work(seed):
        for i in range(200):
            x = np.full((1 + (seed + i) % 3, 100), seed, np.float32)
            if not (np.asarray(f(x)) == 2 * seed).all():
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_memory_of_results_is_given_back():
    from weft._src import _weft

    f = jit(lambda x: add(x, x))
    x = np.zeros(100_000, np.float32)
    f(x)
    before = _weft.pool_stats()["live_buffers"]
    for _ in range(50):
        f(x)
    assert _weft.pool_stats()["live_buffers"] == before


def test_functions_and_what_they_hold_are_collected():
    import gc
    import weakref

    f = jit(lambda x: add(x, x))
    f(f32(1))
    alive = weakref.ref(f)
    del f
    gc.collect()
    assert alive() is None


def test_a_call_costs_less_than_a_microsecond():
    f = jit(lambda x: add(x, 1))
    x = asarray(np.zeros(8, np.float32))
    for _ in range(10):
        f(x)
    best = min(_time(f, x) for _ in range(20))
    assert best < 2e-6, f"{best * 1e9:.0f} ns"  # the aim is 500 ns; machines of tests are busy


def _time(f, x, n=5000):
    start = time.thread_time()
    for _ in range(n):
        f(x)
    return (time.thread_time() - start) / n


def endless(x):
    """So many steps that they take hours."""
    body = trace.region(lambda i, c: [emit("sin", [c])], [trace.Spec((), dt.int64), x.spec])
    return emit("for", [[x], [], []], regions=[body], count=10**12, results=[(x.shape, x.dtype)])


def test_ctrl_c_stops_native_code():
    import signal

    def interrupt(*_):
        raise KeyboardInterrupt

    f = jit(endless)
    f.trace(f32(1)).lower()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        start = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        with pytest.raises(KeyboardInterrupt):
            f(f32(1))
        assert time.monotonic() - start < 10  # the poll itself is every 20 ms; the rest is compiling on a busy machine
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_other_threads_run_during_a_long_call():
    import signal

    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.wait(0.01):
            ticks.append(time.monotonic())

    f = jit(endless)
    thread = threading.Thread(target=tick)
    thread.start()
    before = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        with pytest.raises(KeyboardInterrupt):
            f(f32(1))
        end = time.monotonic()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        stop.set()
        thread.join()
    assert sum(end - 0.5 < t < end for t in ticks) >= 3
