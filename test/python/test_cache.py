"""The persistent cache: what a second process finds, what it must not find, and files that are not what they say.

Every test starts processes of its own with a folder of its own.
"""

import json
import os
import re
import stat
import subprocess
import sys
import textwrap

import pytest

RUN = """
import json, sys, warnings
import numpy as np
import weft as wf
told = []
warnings.showwarning = lambda message, *rest: told.append(str(message).splitlines()[0][1:7])
{code}
# The compiler's library is in the process only if it was needed.
compiler = "libweft_compiler" in open("/proc/self/maps").read()
print(json.dumps(dict(out=out, compiler=compiler, told=told)))
"""

PLAIN = """
@wf.jit
def f(x):
    return wf.nn.softmax(wf.sin(x) @ x) + 1
x = np.linspace(-1, 1, 35 * 35, dtype=np.float32).reshape(35, 35)
report = f.explain(x).report
out = [np.asarray(f(x)).tobytes().hex(), report["fresh_kernels"], report["stored_kernels"]]
"""


class Cache:
    """A folder for the cache, and a program to run beside it.

    Args:
        folder: of the test. environment: more variables of the processes.
    """

    def __init__(self, folder, **environment):
        self.folder = folder / "cache"
        self.script = folder / "script.py"
        self.environment = {k: v for k, v in os.environ.items() if k != "WEFT_CACHE"} | environment
        self.environment["WEFT_CACHE_DIR"] = str(self.folder)

    def start(self, code):
        text = RUN.replace("{code}", textwrap.dedent(code))
        if not self.script.exists() or self.script.read_text() != text:  # another process may be reading it
            self.script.write_text(text)
        return subprocess.Popen(
            [sys.executable, str(self.script)], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, code):
        """What the program left in `out`, whether it opened the compiler, and the codes of its warnings."""
        return self.result(self.start(code))

    @staticmethod
    def result(process):
        out, err = process.communicate()
        assert process.returncode == 0, err.decode()
        return json.loads(out.decode().splitlines()[-1])

    def files(self, kind):
        return sorted(self.folder.glob(f"*.{kind}"))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_the_same_bits_from_the_cache(cache):
    cold, warm = cache.run(PLAIN), cache.run(PLAIN)
    assert cold["out"][0] == warm["out"][0]
    assert cold["told"] == warm["told"] == []


def test_a_program_is_found_by_its_text(cache):
    cache.run(PLAIN)
    before = {kind: cache.files(kind) for kind in ("program", "kernel")}
    assert before["program"] and before["kernel"]
    # Another name, other lines, another file: the same program.
    cache.run(
        PLAIN.replace("def f", "# a comment\ndef g").replace("f.explain", "g.explain").replace("f(x)).", "g(x)).")
    )
    assert {kind: cache.files(kind) for kind in before} == before


def test_a_changed_layer_compiles_one_kernel(cache):
    cold = cache.run(PLAIN)
    changed = cache.run(PLAIN.replace("+ 1", "* 2"))
    assert cold["out"][1:] == [3, 0]
    assert changed["out"][1:] == [1, 2]
    assert changed["out"][0] == Cache(cache.folder.parent, WEFT_CACHE="0").run(PLAIN.replace("+ 1", "* 2"))["out"][0]


def test_options_are_part_of_the_key(cache):
    cache.run(PLAIN)
    programs = len(cache.files("program"))
    cache.run(PLAIN.replace("@wf.jit", "@wf.jit(numerics='strict')"))
    assert len(cache.files("program")) > programs


def test_files_are_the_users_alone(cache):
    cache.run(PLAIN)
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in cache.folder.iterdir())


def test_it_can_be_switched_off(cache):
    cache.environment["WEFT_CACHE"] = "0"
    cache.run(PLAIN)
    assert not cache.folder.exists()


def test_two_processes_at_once(cache):
    results = [cache.result(p) for p in [cache.start(PLAIN) for _ in range(3)]]
    assert len({r["out"][0] for r in results}) == 1
    assert all(r["told"] == [] for r in results)
    assert not cache.files("tmp")
    assert cache.run(PLAIN)["out"][0] == results[0]["out"][0]


def _truncate(data):
    return data[: len(data) // 2]


def _flip(data):
    at = len(data) * 2 // 3
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _other_version(data):
    return data[:8] + bytes([data[8] + 1]) + data[9:]


@pytest.mark.parametrize(
    "damage",
    [_truncate, _flip, _other_version, lambda d: b"", lambda d: b"#!/bin/sh\n", lambda d: d + b"x"],
    ids=["truncated", "flipped", "other version", "empty", "foreign", "longer"],
)
@pytest.mark.parametrize("kinds", [("manifest", "program"), ("kernel",)], ids=str)
def test_damaged_files_are_told_removed_and_made_anew(cache, damage, kinds):
    cold = cache.run(PLAIN)
    whole = {f: f.read_bytes() for kind in kinds for f in cache.files(kind)}
    for file, data in whole.items():
        file.write_bytes(damage(data))
    if kinds == ("kernel",):  # they are read where the program is not there
        for file in (*cache.files("manifest"), *cache.files("program")):
            file.unlink()
    damaged = cache.run(PLAIN)
    assert damaged["out"][0] == cold["out"][0]
    assert damaged["told"] == ["WF9003"]
    again = cache.run(PLAIN)
    assert again["out"][0] == cold["out"][0] and again["told"] == []


def test_a_file_under_another_name(cache):
    cold = cache.run(PLAIN)
    other = cache.run(PLAIN.replace("+ 1", "+ 3"))
    programs = cache.files("program")
    contents = [file.read_bytes() for file in programs]
    for file, data in zip(programs, [*contents[1:], contents[0]], strict=True):
        file.write_bytes(data)
    mixed = cache.run(PLAIN), cache.run(PLAIN.replace("+ 1", "+ 3"))
    assert [m["out"][0] for m in mixed] == [cold["out"][0], other["out"][0]]
    assert mixed[0]["told"] == ["WF9003"]


def test_a_folder_that_takes_no_files(cache):
    cache.folder.parent.mkdir(exist_ok=True)
    cache.folder.write_text("a file where the folder should be")
    result = cache.run(PLAIN)
    assert result["told"] == ["WF9004"]
    assert result["out"][0] == Cache(cache.folder.parent, WEFT_CACHE="0").run(PLAIN)["out"][0]


def test_the_bound_holds(cache):
    cache.environment["WEFT_CACHE_BYTES"] = str(100_000)
    many = "out = 0\n" + "".join(
        f"wf.jit(lambda x: wf.sin(x) * {i} @ wf.cos(x + {i}))(np.ones((8, 8), np.float32))\n" for i in range(1, 25)
    )
    cache.run(many)
    sizes = [f.stat().st_size for f in cache.folder.iterdir()]
    assert sizes and sum(sizes) <= 100_000


def test_the_least_recently_used_go_first(tmp_path):
    from weft._src.cache import Store

    store = Store(str(tmp_path / "s"), 1000)
    for i in range(3):
        store.write("kernel", f"{i:032x}", bytes(150), "a kernel")
        os.utime(tmp_path / "s" / f"{i:032x}.kernel", (i, i))
    assert store.read("kernel", f"{0:032x}") is not None  # used: now the youngest
    store.write("kernel", f"{3:032x}", bytes(150), "a kernel")
    assert [store.read("kernel", f"{i:032x}") is not None for i in range(4)] == [True, False, True, True]


def test_a_bound_that_is_no_number(cache):
    cache.environment["WEFT_CACHE_BYTES"] = "1GB"
    process = cache.start(PLAIN)
    assert b"WF1902" in process.communicate()[1]


# ------------------------------------------------------------------------------------------------------------ manifests

STEP = """
import helper
SCALE = 3.0
CONFIG = {"rate": 2.0, "names": ["a", "b"]}
WEIGHTS = np.arange(5, dtype=np.float32)

def maker(n):
    @wf.jit
    def f(p, x, flag=True):
        h = helper.twice(x @ p["w"]) * SCALE + WEIGHTS
        return {"h": h * CONFIG["rate"] if flag else h, "n": (x + n, None)}
    return f

f = maker(1.5)
p = {"w": np.linspace(-1, 1, 15, dtype=np.float32).reshape(3, 5)}
x = np.float32([[1, 2, 3], [4, 5, -0.0]])
y = f(p, x)
out = [np.asarray(y["h"]).tobytes().hex(), np.asarray(y["n"][0]).tobytes().hex(), y["n"][1]]
"""
HELPER = "def twice(x):\n    return x * 2\n"


@pytest.fixture
def warm(cache):
    """A cache in which `STEP` has been run."""
    (cache.script.parent / "helper.py").write_text(HELPER)
    cache.first = cache.run(STEP)
    return cache


def test_a_warm_start_neither_traces_nor_opens_the_compiler(warm):
    again = warm.run(STEP)
    assert warm.first["compiler"] and not again["compiler"]
    assert again["out"] == warm.first["out"] and again["told"] == []


def test_lines_that_move_still_find_it(warm):
    moved = warm.run("# one more line\n\n" + STEP)
    assert not moved["compiler"] and moved["out"] == warm.first["out"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("* SCALE + WEIGHTS", "* SCALE - WEIGHTS"),
        ("SCALE = 3.0", "SCALE = 4.0"),
        ("SCALE = 3.0", "SCALE = 3"),
        ("maker(1.5)", "maker(2.5)"),
        ('"rate": 2.0', '"rate": 5.0'),
        ("flag=True", "flag=False"),
        ("np.arange(5, dtype=np.float32)", "np.ones(5, np.float32)"),
        ("dtype=np.float32).reshape(3, 5)", "dtype=np.float64).reshape(3, 5)"),
        ("[[1, 2, 3], [4, 5, -0.0]]", "[[1, 2, 3]]"),
        ("@wf.jit", "@wf.jit(numerics='strict')"),
    ],
)
def test_what_changes_the_program_finds_another(warm, old, new):
    assert old in STEP
    code = STEP.replace(old, new)
    changed = warm.run(code)
    assert changed["compiler"]
    assert changed["out"] == Cache(warm.folder.parent, WEFT_CACHE="0").run(code)["out"]
    assert not warm.run(code)["compiler"] and not warm.run(STEP)["compiler"]


def test_a_changed_helper(warm):
    (warm.script.parent / "helper.py").write_text(HELPER.replace("* 2", "* 7"))
    changed = warm.run(STEP)
    assert changed["compiler"] and changed["out"][0] != warm.first["out"][0]
    assert changed["out"] == Cache(warm.folder.parent, WEFT_CACHE="0").run(STEP)["out"]


READS = {
    "a class": """
class C:
    rate = {v}
    def __init__(self): self.own = 1.0
c = C()
@wf.jit
def f(x): return x * c.rate * c.own
""",
    "an attribute": """
class C: pass
c = C()
c.rate = {v}
@wf.jit
def f(x): return x * c.rate
""",
    "a method": """
class C:
    def __init__(self, rate): self.rate = rate
    @wf.jit
    def step(self, x): return x * self.rate
f = C({v}).step
""",
    "a default": """
@wf.jit
def f(x, rate={v}): return x * rate
""",
    "a partial": """
import functools
def g(rate, x): return x * rate
f = wf.jit(functools.partial(g, {v}))
""",
    "a derivative": """
rate = {v}
f = wf.jit(wf.grad(lambda x: (x * x * rate).sum()))
""",
    "an argument of grad": """
f0 = wf.jit(wf.grad(lambda a, b: (a * b * b).sum(), int({v}) - 2))
f = lambda x: f0(x, x)
""",
    "a nested function of jit": """
rate = {v}
g = wf.jit(lambda x: x * rate)
@wf.jit
def f(x): return g(x) + 1
""",
    "a static argument": """
g = wf.jit(lambda x, n: x * n, static="n")
f = lambda x: g(x, {v})
""",
    "numbers of a numpy array": """
data = np.full(3, {v})
@wf.jit
def f(x): return x * float(data.mean())
""",
    "numbers of an array": """
data = wf.asarray(np.full(3, {v}))
@wf.jit
def f(x): return x * float(np.asarray(data).mean())
""",
    "a module of the user": """
import types, sys
settings = types.ModuleType("settings")
settings.rate = {v}
@wf.jit
def f(x): return x * settings.rate
""",
    "a module that is handed on": """
import types
settings = types.ModuleType("settings")
settings.rate = {v}
def g(m): return getattr(m, "ra" + "te")
@wf.jit
def f(x): return x * g(settings)
""",
    "an import inside": """
import sys, types
settings = types.ModuleType("settings")
settings.rate = {v}
sys.modules["settings"] = settings
@wf.jit
def f(x):
    from settings import rate
    return x * rate
""",
    "an import by name": """
import importlib, sys, types
settings = types.ModuleType("settings")
settings.rate = {v}
sys.modules["settings"] = settings
@wf.jit
def f(x): return x * importlib.import_module("settings").rate
""",
    "globals": """
rate = {v}
@wf.jit
def f(x): return x * globals()["rate"]
""",
    "a class that is called": """
class C:
    rate = {v}
@wf.jit
def f(x): return x * C().rate
""",
    "a magic method": """
class C:
    def __getitem__(self, i): return RATES[i]
RATES = [1.0, {v}]
c = C()
@wf.jit
def f(x): return x * c[1]
""",
    "a method that a helper runs": """
rate = {v}
class C:
    def scale(self, x): return x * rate
c = C()
def helper(e, x): return e.scale(x)
@wf.jit
def f(x): return helper(c, x)
""",
    "a method of one of many": """
class C:
    def __init__(self, rate): self.rate = rate
    def scale(self, x): return self.inner(x)
    def inner(self, x): return x * self.rate
class Net:
    def __init__(self): self.layers = [C(1.0), C({v})]
    @wf.jit
    def __call__(self, x):
        for layer in self.layers:
            x = layer.scale(x)
        return x
f = Net()
""",
    "a static method and one of the base": """
class Base:
    @staticmethod
    def double(x): return x * rate
    def __add__(self, x): return self.double(x) + 1
class C(Base): pass
rate = {v}
c = C()
def helper(e, x): return e + x
@wf.jit
def f(x): return helper(c, x)
""",
    "an object of the class": """
class Config: pass
class C:
    config = Config()
C.config.rate = {v}
c = C()
def helper(e, x): return x * e.config.rate
@wf.jit
def f(x): return helper(c, x)
""",
    "a number of the class": """
class C:
    rate = {v}
c = C()
def helper(e, x): return x * e.rate
@wf.jit
def f(x): return helper(c, x)
""",
    "a module in an object": """
import types
class C: pass
c = C()
c.settings = types.ModuleType("settings")
c.settings.rate = {v}
def helper(e, x): return x * e.settings.rate
@wf.jit
def f(x): return helper(c, x)
""",
    "a method that writes": """
class C:
    def __init__(self): self.n = {v}
    def count(self, x):
        self.n += 1
        return x * self.n
def helper(make, x): return make().count(x)
@wf.jit
def f(x): return helper(C, x)
""",
    "a variable": """
v = wf.Variable(np.float32({v}))
@wf.jit
def f(x):
    v.value = v.value + 1
    return x * v.value
""",
    "the default dtype": """
if {v} == 3.0: wf.set_default_dtype(float=wf.float64)
@wf.jit
def f(x): return x.sum() * 1.0 + wf.zeros(3)
""",
}
CALL = """
x = np.float32([1, 2, 3])
a, b = f(x), f(x)
out = [np.asarray(a).tobytes().hex(), np.asarray(b).tobytes().hex()]
"""


@pytest.mark.parametrize("kind", READS)
def test_a_changed_value_is_seen_by_the_next_process(cache, kind):
    """Whatever a function reads, however: never the numbers of the value that another process had."""
    two, three = (READS[kind].replace("{v}", v) + CALL for v in ("2.0", "3.0"))
    first = cache.run(two)
    changed = cache.run(three)
    assert changed["out"] == Cache(cache.folder.parent, WEFT_CACHE="0").run(three)["out"] != first["out"]
    assert cache.run(two)["out"] == first["out"]


WARM = ["a class", "an attribute", "a method", "a default", "a partial", "a derivative", "an argument of grad",
        "a nested function of jit", "a static argument", "numbers of an array",
        "a method that a helper runs", "a method of one of many", "a static method and one of the base",
        "an object of the class", "a number of the class", "a variable"]  # fmt: skip


@pytest.mark.parametrize("kind", WARM)
def test_what_needs_no_trace(cache, kind):
    code = READS[kind].replace("{v}", "2.0") + CALL
    assert cache.run(code)["compiler"]
    # `f(x)` outside of jit may run ops by themselves, which trace; these cases have none.
    assert not cache.run(code)["compiler"]


LARGE = """
w = wf.asarray(np.full((1100, 4096), {v}, np.float32))  # 17 MiB
@wf.jit
def f(x): return x @ w {look}
out = [np.asarray(f(np.ones(1100, np.float32)))[:3].tolist(), str(f.explain(np.ones(1100, np.float32)))]
"""


def test_arrays_that_python_does_not_look_into_count_by_their_types(cache):
    two, three = (LARGE.replace("{v}", v).replace("{look}", "") for v in ("2.0", "3.0"))
    assert cache.run(two)["compiler"]
    warm = cache.run(three)
    assert warm["out"][0] == [3300.0] * 3 and not warm["compiler"]


def test_large_arrays_that_python_looks_into_have_no_manifest(cache):
    looks = LARGE.replace("{v}", "2.0").replace("{look}", "+ float(np.asarray(w).max())")
    first, again = cache.run(looks), cache.run(looks)
    assert first["out"][0] == again["out"][0] == [2202.0] * 3 and again["compiler"]
    assert "it looks into arrays of too many bytes" in again["out"][1]


def test_what_has_no_manifest_is_told(cache):
    code = READS["globals"].replace("{v}", "2.0") + "x = np.float32([1])\nout = str(f.explain(x))"
    assert "the next process traces it again: it calls globals()" in cache.run(code)["out"]
    assert cache.run(code)["compiler"] and not cache.files("manifest")


def test_explain_after_a_warm_start(cache):
    code = PLAIN + "report = f.explain(x)\nout = [str(report).replace(', from the cache', ''), report.is_stored]"
    cold, warm = cache.run(code), cache.run(code)
    assert [cold["out"][1], warm["out"][1], warm["compiler"]] == [False, True, False]
    assert cold["out"][0] == warm["out"][0]
    moved = cache.run("#\n#\n#\n" + code)
    assert not moved["compiler"]

    def lines(text):
        return [int(n) for n in re.findall(r"script\.py:(\d+)", text)]

    assert lines(moved["out"][0]) == [n + 3 for n in lines(cold["out"][0])] != []


def test_lines_of_errors_after_a_warm_start(cache):
    code = """
@wf.jit
def f(x):
    wf.check(x > 0, "not positive: {}", x)
    return x + 1
try:
    f(np.float32(-1))
except wf.CheckError as err:
    out = [err.message, err.where.line if hasattr(err, "where") else str(err)]
"""
    cold, warm = cache.run(code), cache.run(code)
    assert cold["out"] == warm["out"] and not warm["compiler"]
    moved = cache.run("#\n#\n" + code)
    assert moved["out"] == Cache(cache.folder.parent, WEFT_CACHE="0").run("#\n#\n" + code)["out"] != cold["out"]


def test_named_sizes(cache):
    code = """
f = wf.jit(lambda x: x * 2 if x.shape[0] > 4 else x, dims={"x": ("B",)})
out = [np.asarray(f(np.ones(n, np.float32))).tolist() for n in (3, 9, 5, 2)]
"""
    cold, warm = cache.run(code), cache.run(code)
    assert cold["out"] == warm["out"] == [[1.0] * 3, [2.0] * 9, [2.0] * 5, [1.0] * 2]
    assert not warm["compiler"]


def test_donation_after_a_warm_start(cache):
    code = """
f = wf.jit(lambda s, x: s + x, donate="s")
s = wf.asarray(np.ones(1000, np.float32))
t = f(s, np.float32(1))
out = [float(t.sum()), s.is_deleted, f.explain(t, np.float32(1)).donated]
"""
    cold, warm = cache.run(code), cache.run(code)
    assert cold["out"] == warm["out"] == [2000.0, True, ["s"]]


def test_arrays_that_the_trace_makes(cache):
    code = """
@wf.jit
def f(x): return x + np.arange(3, dtype=np.float32) * 2
out = np.asarray(f(np.float32([1, 2, 3]))).tolist()
"""
    assert cache.run(code)["out"] == [1.0, 4.0, 7.0]
    warm = cache.run(code)
    assert warm["out"] == [1.0, 4.0, 7.0] and not warm["compiler"]


# --------------------------------------------------------------------------------------------------- the command line


def command(cache, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "weft", "cache", *arguments], env=cache.environment, capture_output=True, text=True
    )


def test_list_check_and_clear(cache):
    assert "0 entries" in command(cache, "list").stdout
    cache.run(PLAIN)
    listed = command(cache, "list")
    assert listed.returncode == 0
    assert "a kernel of f" in listed.stdout and "traces of f" in listed.stdout
    assert command(cache, "check").returncode == 0
    file = cache.files("kernel")[0]
    file.write_bytes(_flip(file.read_bytes()))
    checked = command(cache, "check")
    assert checked.returncode == 1 and file.name in checked.stdout
    cleared = command(cache, "clear")
    assert cleared.returncode == 0 and not list(cache.folder.iterdir())
    assert command(cache, "nothing").returncode == 2
    assert "list" in command(cache, "--help").stdout
