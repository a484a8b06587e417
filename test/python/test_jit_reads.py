"""What a jitted function reads from outside: any change that can be seen is seen, the rest is listed; nothing
is compiled twice for it without need."""

import functools
import inspect
import types
import weakref

import numpy as np
import pytest
import weft as wf
from weft._src import compiler, errors

X = np.arange(1, 5, dtype=np.float32)


def value(out):
    return np.asarray(out).tolist()


def times(k):
    return (X * k).tolist()


def counted(f):
    traces = []

    @functools.wraps(f)
    def g(*args, **kwargs):
        traces.append(1)
        return f(*args, **kwargs)

    return g, traces


class Layer:
    def __init__(self, w):
        self.w = w

    def __call__(self, x):
        return x * self.w


class Model:
    rate = 1

    def __init__(self):
        self.k = 2
        self.w = wf.asarray(X)
        self.layers = [Layer(2), Layer(3)]
        self.options = {"scale": 4, "unused": 0}
        self.traces = 0

    def scaled(self, x):
        return x * self.k

    def weighted(self, x):
        return x * self.w

    def stacked(self, x):
        for layer in self.layers:
            x = layer(x)
        return x

    def optional(self, x):
        return x * self.options["scale"]

    @property
    def twice(self):
        return self.k * 2

    def through_property(self, x):
        return x * self.twice

    def through_class(self, x):
        return x * self.rate

    def counting(self, x):
        self.traces += 1
        return x * self.k

    @wf.jit
    def decorated(self, x):
        return x * self.k


def test_attributes_of_self():
    m = Model()
    f = wf.jit(m.scaled)
    assert value(f(X)) == times(2)
    m.k = 7
    assert value(f(X)) == times(7)
    g = wf.jit(m.weighted)
    assert value(g(X)) == value(X * X)
    m.w = wf.asarray(np.float32([1, 1, 1, 1]))
    assert value(g(X)) == times(1)


def test_objects_in_lists_and_items_of_dicts():
    m = Model()
    f = wf.jit(m.stacked)
    assert value(f(X)) == times(6)
    m.layers[1].w = 10
    assert value(f(X)) == times(20)
    m.layers.append(Layer(2))
    assert value(f(X)) == times(40)
    m.layers[0] = Layer(1)
    assert value(f(X)) == times(20)
    g, traces = counted(m.optional)
    g = wf.jit(g)
    assert value(g(X)) == times(4)
    m.options["unused"] = 1
    assert value(g(X)) == times(4)
    assert len(traces) == 1, "an item that is not read is no reason to trace anew"
    m.options["scale"] = 5
    assert value(g(X)) == times(5)


def test_properties_and_class_attributes(monkeypatch):
    m = Model()
    f, g = wf.jit(m.through_property), wf.jit(m.through_class)
    assert value(f(X)) == times(4) and value(g(X)) == times(1)
    m.k = 5
    monkeypatch.setattr(Model, "rate", 3)
    assert value(f(X)) == times(10) and value(g(X)) == times(3)
    m.rate = 9  # now the object has its own
    assert value(g(X)) == times(9)


def test_a_method_decorated_in_its_class():
    one, two = Model(), Model()
    two.k = 5
    for _ in range(2):
        assert value(one.decorated(X)) == times(2) and value(two.decorated(X)) == times(5)
    one.k = 3
    assert value(one.decorated(X)) == times(3) and value(two.decorated(X)) == times(5)


def scaled(e, x):
    return e.scale(x)


SHARED = 2


class Scaler:
    config = types.SimpleNamespace()

    def __init__(self, k):
        self.k = k

    def scale(self, x):
        return x * self.k * SHARED

    @wf.jit
    def compiled(self, x, n=1.0):
        "Times k."
        return x * self.k * n


def test_methods_that_run_on_an_object_are_watched(monkeypatch):
    a, b = Scaler(1), Scaler(1)
    counter, traces = counted(lambda x: scaled(b, scaled(a, x)))
    f = wf.jit(counter)
    assert value(f(X)) == value(f(X)) == times(4) and len(traces) == 1
    monkeypatch.setitem(globals(), "SHARED", 3)
    assert value(f(X)) == value(f(X)) == times(9) and len(traces) == 2
    monkeypatch.setattr(Scaler, "scale", lambda self, x: x * 7)
    assert value(f(X)) == value(f(X)) == times(49) and len(traces) == 3


def test_jitted_methods_inside_others_watch_their_object():
    m = Scaler(2)
    functions = [wf.jit(lambda x: m.compiled(x)), wf.jit(m.compiled), wf.jit(lambda x: Scaler.compiled(m, x))]
    assert [value(f(X)) for f in functions] == [times(2)] * 3
    m.k = 5
    assert [value(f(X)) for f in functions] == [times(5)] * 3


def test_a_bound_method_has_the_stages_of_its_object():
    m = Scaler(2)
    bound = m.compiled
    assert value(bound(X)) == value(m.compiled(X)) == value(bound(*[X], n=1.0)) == times(2)
    assert value(bound(X, 3.0)) == times(6) == value(next(map(functools.partial(bound, n=3.0), [X])))
    assert [len(f(X, n=2.0).kernels) for f in (bound.explain, m.compiled.explain)] == [1, 1]
    assert "weft.mul" in bound.trace(X).as_text() and "weft.launch" in bound.lower(X).as_text("kernels")
    assert value(bound.lower(X).compile()(m, X)) == times(2)
    assert bound.__func__ is Scaler.compiled and bound.__self__ is m and bound.unchecked_reads == []
    assert (bound.__name__, bound.__doc__, str(inspect.signature(bound))) == ("compiled", "Times k.", "(x, n=1.0)")
    assert bound == m.compiled != Scaler(2).compiled and len({bound, m.compiled}) == 1
    assert value(weakref.WeakMethod(bound)()(X)) == times(2)
    with pytest.raises(AttributeError):
        _ = bound.nothing


CONFIG = types.SimpleNamespace(rate=2, table=[1, 2])
config_module = types.ModuleType("config_module")
config_module.rate = 2


def test_globals_namespaces_and_modules():
    def f(x):
        return x * (CONFIG.rate + CONFIG.table[1] + config_module.rate)

    j = wf.jit(f)
    try:
        assert value(j(X)) == times(6)
        CONFIG.rate = 3
        assert value(j(X)) == times(7)
        CONFIG.table[1] = 3
        assert value(j(X)) == times(8)
        config_module.rate = 4
        assert value(j(X)) == times(10)
    finally:
        CONFIG.rate, CONFIG.table[1], config_module.rate = 2, 2, 2


class Slots:
    __slots__ = ("k",)


def test_slots_and_static_objects():
    s = Slots()
    s.k = 2
    f = wf.jit(lambda x: x * s.k)
    assert value(f(X)) == times(2)
    s.k = 4
    assert value(f(X)) == times(4)
    g = wf.jit(lambda x, model: model.scaled(x), static="model")
    m = Model()
    assert value(g(X, m)) == times(2)
    m.k = 6
    assert value(g(X, m)) == times(6)
    assert value(g(X, model=m)) == times(6)


def test_functions_inside_transformations_are_followed():
    k = 2.0

    def loss(x):
        return wf.sum(x * x) * k

    f = wf.jit(wf.grad(loss))
    assert value(f(X)) == times(4)
    k = 3.0
    assert value(f(X)) == times(6)


def test_partials():
    def f(k, x, *, bias):
        return x * k + bias

    j = wf.jit(functools.partial(f, 3, bias=0))
    assert value(j(X)) == times(3) and value(j(x=X)) == times(3)
    box = [2]
    j = wf.jit(functools.partial(lambda b, x: x * b[0], box))
    assert value(j(X)) == times(2)
    box[0] = 5
    assert value(j(X)) == times(5)


def test_what_a_function_writes_does_not_trace_anew_but_is_listed():
    m = Model()
    f = wf.jit(m.counting, allow_impure=True)
    for _ in range(3):
        assert value(f(X)) == times(2)
    assert m.traces == 1
    assert f.unchecked_reads == ["self.traces"] == f.explain(X).unchecked_reads
    seen = []

    def g(x):
        seen.append(1)
        return x

    j = wf.jit(g)
    for n in (1, 2, 1, 2):
        j(X[:n])
    assert len(seen) == 2


def test_what_cannot_be_followed_is_listed():
    class Odd:
        __slots__ = ()

        def __getattr__(self, name):
            return 2

    odd = Odd()
    f = wf.jit(lambda x: x * odd.k)
    assert value(f(X)) == times(2)
    assert f.unchecked_reads == ["odd.k"]


def test_the_same_code_is_compiled_once(monkeypatch):
    m = Model()
    compiled = []
    real = compiler._weft.compile
    monkeypatch.setattr(compiler._weft, "compile", lambda *args: compiled.append(1) or real(*args))
    for _ in range(4):
        wf.jit(lambda x: x * 3 + 1.25)(X)
        wf.jit(m.weighted)(X)
        wf.jit(functools.partial(Model.scaled, m))(X)
    assert len(compiled) == 3
    # A captured array that another one of its kind replaces is traced anew, not compiled anew.
    f = wf.jit(m.weighted)
    for k in range(3):
        m.w = wf.asarray(np.full(4, k, np.float32))
        assert value(f(X)) == times(k)
    assert len(compiled) <= 4


def test_programs_of_values_that_always_change_are_not_kept_for_ever():
    box = {"w": wf.asarray(X)}
    f = wf.jit(lambda x: x + box["w"])
    for k in range(40):
        box["w"] = wf.asarray(np.full(4, k, np.float32))
        assert value(f(X)) == (X + k).tolist()
    assert sum(len(v) for v in f._variants.values()) <= 16


# ---------------------------------------------------------------------------------------------------------- bad input


def code_of(f, *args, **kwargs):
    with pytest.raises(errors.WeftError) as caught:
        f(*args, **kwargs)
    assert caught.value.hint or caught.value.code == "WF1601"
    return caught.value.code


def test_calls_that_do_not_fit_the_function():
    f = wf.jit(lambda x, y=1: x)
    for args, kwargs in (((), {}), ((X, X, X), {}), ((X,), {"z": X})):
        with pytest.raises(errors.WrongArgumentError) as caught:
            f(*args, **kwargs)
        assert caught.value.code == "WF1601" and "(x, y=1)" in caught.value.message


def test_recursion_is_told():
    def g(x):
        return j(x) + 1

    j = wf.jit(g)
    assert code_of(j, X) == "WF1205"

    def h(x):
        return h(x) + 1

    assert code_of(wf.jit(h), X) == "WF1205"


def test_tracers_that_outlive_their_function():
    kept = []

    def f(x):
        kept.append(x)
        return x

    wf.jit(f)(X)
    assert code_of(lambda: kept[0] + 1) == "WF1203"
    assert code_of(wf.jit(lambda x: x), kept[0]) == "WF1203"
    assert code_of(wf.jit(lambda x: x + kept[0]), X) == "WF1203"


def test_numbers_and_elements_that_no_dtype_holds():
    same = wf.jit(lambda x: x)
    assert code_of(same, 2**70) == "WF1026"
    assert code_of(same, np.zeros(2, complex)) == "WF1024"
    assert code_of(wf.asarray, np.array(["a"])) == "WF1023"
    assert code_of(wf.asarray, np.zeros(2, complex)) == "WF1023"
    assert value(same(np.arange(3, dtype=">f4"))) == [0, 1, 2]


def test_truth_and_numbers_of_tracers():
    assert code_of(wf.jit(lambda x: x if x[0] > 0 else -x), X) == "WF1201"
    assert code_of(wf.jit(lambda x: float(x[0])), X) == "WF1202"
    assert code_of(wf.jit(lambda x: np.asarray(x)), X) == "WF1207"


def test_more_memory_than_there_is():
    f = wf.jit(lambda x: wf.broadcast_to(x, (1 << 45, 4)) + 1)
    with pytest.raises(errors.OutOfMemoryError) as caught:
        f(X)
    assert caught.value.code == "WF5010"
    # More than can be counted is refused before anything runs.
    assert code_of(wf.jit(lambda x: wf.broadcast_to(x, (1 << 62, 4)) + 1), X) == "WF1604"
    assert value(wf.jit(lambda x: x + 1)(X)) == (X + 1).tolist()


def test_format_of_one_element():
    assert f"{wf.asarray(np.float32(1.5)):.3f}" == "1.500"
    assert f"{wf.asarray(X)}" == repr(wf.asarray(X))


def test_side_effects_of_tracing_do_not_trace_anew():
    class Log:
        def __init__(self):
            self.calls = 0

    def touch(log, x):
        log.calls += 1
        return x * 2

    log = Log()
    f = wf.jit(lambda x: touch(log, x), allow_impure=True)
    for _ in range(3):
        assert value(f(X)) == times(2)
    assert log.calls == 1 and f.unchecked_reads == ["calls"]
