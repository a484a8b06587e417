"""A corpus of impure functions, and what happens to each: traced anew when what it read changes, an error with a code,
or listed in `unchecked_reads`. Each is a function of nothing that returns the traced function and what changes between
two calls; the table is printed in docs/purity.md, and a test holds the two equal."""

import datetime
import functools
import io
import os
import pathlib
import random
import re
import secrets
import time
import types
import uuid

import numpy as np
import pytest
import weft as wf
from weft.errors import ImpureError, WeftError

RATE = 2.0
TABLE = {"k": 2.0, "deep": {"w": [1.0, 2.0]}}
COUNT = 0
HERE = pathlib.Path(__file__)
GENERATOR = np.random.default_rng(0)


class Config:
    rate = 2.0

    def __init__(self):
        self.k = 2.0
        self.items = [2.0]

    @property
    def twice(self):
        return self.k * 2


class Slots:
    __slots__ = ("k",)


class Computed:
    def __getattr__(self, name):
        return 2.0


def set_global(name, value):
    globals()[name] = value


def a_global():
    set_global("RATE", 2.0)
    return lambda x: x * RATE, lambda: set_global("RATE", 3.0)


def a_closure():
    k = 2.0

    def change():
        nonlocal k
        k = 3.0

    return lambda x: x * k, change


def an_attribute():
    c = Config()
    return lambda x: x * c.k, lambda: setattr(c, "k", 3.0)


def a_property():
    c = Config()
    return lambda x: x * c.twice, lambda: setattr(c, "k", 3.0)


def a_class_attribute():
    cls = type("Own", (), {"rate": 2.0})
    return lambda x: x * cls.rate, lambda: setattr(cls, "rate", 3.0)


def self_of_a_method():
    class Model:
        def __init__(self):
            self.k = 2.0

        def __call__(self, x):
            return x * self.k

    m = Model()
    return m, lambda: setattr(m, "k", 3.0)


def an_item_of_a_dict():
    d = {"k": 2.0}
    return lambda x: x * d["k"], lambda: d.update(k=3.0)


def a_dict_walked_over():
    d = {"a": 1.0}
    return lambda x: x * sum(d.values()), lambda: d.update(b=2.0)


def a_deep_item():
    d = {"deep": {"w": [1.0, 2.0]}}
    return lambda x: x * d["deep"]["w"][1], lambda: d["deep"]["w"].__setitem__(1, 3.0)


def an_item_of_a_list():
    items = [2.0]
    return lambda x: x * items[0], lambda: items.__setitem__(0, 3.0)


def a_list_that_grows():
    items = [2.0]
    return lambda x: x * len(items), lambda: items.append(3.0)


def a_slot():
    s = Slots()
    s.k = 2.0
    return lambda x: x * s.k, lambda: setattr(s, "k", 3.0)


def a_helper_is_replaced():
    names = types.SimpleNamespace(f=lambda x: x * 2.0)
    return lambda x: names.f(x), lambda: setattr(names, "f", lambda x: x * 3.0)


def a_default():
    c = Config()
    return lambda x, c=c: x * c.k, lambda: setattr(c, "k", 3.0)


def a_partial():
    items = [2.0]
    return functools.partial(lambda i, x: x * i[0], items), lambda: items.__setitem__(0, 3.0)


def the_default_dtype():
    return lambda x: x * wf.zeros(1).dtype.itemsize, lambda: wf.set_default_dtype(float="float64")


def what_a_helper_reads():
    c = Config()

    def helper(x):
        return x * c.k

    return lambda x: helper(x), lambda: setattr(c, "k", 3.0)


def elements_of_an_array():
    a = np.float32([2.0])
    return lambda x: x * a, lambda: a.__setitem__(0, 3.0)


def a_variable():
    v = wf.Variable(np.float32(2.0))
    return lambda x: x * v, lambda: setattr(v, "value", 3.0)


def an_array_behind_a_handle():
    a = wf.asarray([2.0])
    return lambda x: x * a, lambda: a.__setitem__(0, 3.0)


def the_clock():
    return lambda x: x * time.time(), None


def the_clock_by_another_name():
    now = time.perf_counter
    return lambda x: x + now(), None


def the_date():
    return lambda x: x + datetime.datetime.now().year, None


def pythons_random():
    return lambda x: x * random.random(), None


def a_random_integer():
    return lambda x: x * random.randint(1, 9), None


def a_shuffle():
    return lambda x: x * random.sample([1, 2, 3], 1)[0], None


def numpys_global_random():
    return lambda x: x + np.random.normal(), None


def a_generator_of_numpy():
    return lambda x: x + GENERATOR.normal(), None


def an_unseeded_generator():
    return lambda x: x + np.random.default_rng().normal(), None


def secrets_of_the_system():
    return lambda x: x + secrets.randbelow(9), None


def an_identifier():
    return lambda x: x + uuid.uuid4().int % 9, None


def a_file():
    def f(x):
        with open(HERE) as file:
            return x + len(file.read())

    return f, None


def a_path():
    return lambda x: x + len(HERE.read_text()), None


def a_file_of_numbers():
    return (
        lambda x: x + len(np.fromfile(HERE, dtype=np.uint8)) + len(np.genfromtxt(HERE, dtype=str, delimiter="#")),
        None,
    )


def a_folder():
    return lambda x: x + len(os.listdir(HERE.parent)), None


def the_environment():
    return lambda x: x * float(os.environ.get("WEFT_K", "2")), None


def the_environment_by_getenv():
    return lambda x: x * float(os.getenv("HOME", "2") != ""), None


def the_terminal():
    return lambda x: x * float(input()), None


def in_a_helper_of_a_helper():
    def inner():
        return time.time_ns()

    def outer():
        return inner()

    return lambda x: x + outer() % 2, None


def a_write_to_a_global():
    def f(x):
        global COUNT
        COUNT += 1
        return x * 2

    return f, None


def a_write_to_a_closure():
    n = 0

    def f(x):
        nonlocal n
        n += 1
        return x * n

    return f, None


def a_write_to_an_attribute():
    c = Config()

    def f(x):
        c.k = c.k + 1
        return x * 2

    return f, None


def a_write_to_a_dict():
    d = {"k": 2.0}

    def f(x):
        d["last"] = 1
        return x * d["k"]

    return f, None


def a_write_to_a_list():
    items = [2.0]

    def f(x):
        items[0] = items[0] + 1
        return x

    return f, None


def an_assignment_to_a_captured_array():
    a = wf.zeros(2)

    def f(x):
        a[0] = x[0]
        return x

    return f, None


def a_log_of_traces():
    seen = []

    def f(x):
        seen.append(1)
        return x * 2

    return f, None


def a_computed_attribute():
    c = Computed()
    return lambda x: x * c.anything, None


def an_iterator():
    numbers = iter([2.0, 3.0])
    return lambda x: x * next(numbers), None


def a_buffer_of_the_library():
    text = io.StringIO("2 3")
    return lambda x: x * float(text.getvalue()[0]), None


CORPUS = {
    "traced anew": [
        a_global, a_closure, an_attribute, a_property, a_class_attribute, self_of_a_method, an_item_of_a_dict,
        a_dict_walked_over, a_deep_item, an_item_of_a_list, a_list_that_grows, a_slot, a_helper_is_replaced, a_default,
        a_partial, the_default_dtype, what_a_helper_reads,
    ],
    "read at each call": [elements_of_an_array, a_variable, an_array_behind_a_handle],
    "WF1204": [
        the_clock, the_clock_by_another_name, the_date, pythons_random, a_random_integer, a_shuffle,
        numpys_global_random, a_generator_of_numpy, an_unseeded_generator, secrets_of_the_system, an_identifier, a_file,
        a_path, a_file_of_numbers, a_folder, the_environment, the_environment_by_getenv, the_terminal,
        in_a_helper_of_a_helper,
    ],
    "WF1211": [
        a_write_to_a_global, a_write_to_a_closure, a_write_to_an_attribute, a_write_to_a_dict, a_write_to_a_list,
    ],
    "WF1206": [an_assignment_to_a_captured_array],
    "listed": [a_log_of_traces, a_computed_attribute, an_iterator, a_buffer_of_the_library],
}  # fmt: skip
ALL = [(f, what) for what, functions in CORPUS.items() for f in functions]
X = np.float32([1.0, 2.0])


@pytest.mark.parametrize(("make", "what"), ALL, ids=[f.__name__ for f, _ in ALL])
def test_what_happens(make, what):
    f, change = make()
    jitted = wf.jit(f)
    if what.startswith("WF"):
        with pytest.raises(WeftError, match=what) as caught:
            jitted(X)
        assert what == "WF1206" or isinstance(caught.value, ImpureError)
        if what == "WF1204" and make not in (numpys_global_random, a_generator_of_numpy):
            assert "test_purity.py" in str(caught.value)  # the user's line
        if make not in (an_assignment_to_a_captured_array, the_terminal):
            wf.jit(make()[0], allow_impure=True)(X)
        return
    first = np.asarray(jitted(X))
    if what == "listed":
        assert jitted.unchecked_reads and len(jitted.misses) == 1
        return
    try:
        change()
        second = np.asarray(jitted(X))
        assert second.tolist() == np.asarray(f(wf.asarray(X))).tolist() and second.tolist() != first.tolist()
        assert len(jitted.misses) == (2 if what == "traced anew" else 1)
        assert np.asarray(jitted(X)).tolist() == second.tolist()
        assert len(jitted.misses) == (2 if what == "traced anew" else 1)
    finally:
        wf.set_default_dtype(float="float32")
        set_global("RATE", 2.0)


def test_there_are_forty():
    assert len(ALL) >= 40 and len({f for f, _ in ALL}) == len(ALL)


def test_the_page_has_the_table():
    page = (HERE.parents[2] / "docs" / "purity.md").read_text()
    rows = dict(re.findall(r"^\| (.*?) \| (.*?) \|$", page, flags=re.M))
    assert {name: rows.get(name) for f, _ in ALL for name in [f.__name__.replace("_", " ")]} == {
        f.__name__.replace("_", " "): what for f, what in ALL
    }


def test_libraries_may_read_the_clock_for_themselves(caplog):
    import logging

    @wf.jit
    def f(x):
        logging.getLogger("weft-test").warning("traced")
        return x * 2

    assert np.asarray(f(X)).tolist() == [2, 4] and "traced" in caplog.text


def test_impure_calls_outside_of_a_trace_are_nobodys_business():
    assert time.time() > 0 and random.random() < 1
    wf.jit(lambda x: x)(X)
    assert time.time() > 0


def test_a_profiler_of_the_user_goes_on():
    import cProfile

    with cProfile.Profile() as profile:
        assert np.asarray(wf.jit(lambda x: x * 2)(X)).tolist() == [2, 4]
    assert profile.getstats()
