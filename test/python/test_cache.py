"""The persistent cache: what a second process finds, what it must not find, and files that are not what they say.

Every test starts processes of its own with a folder of its own.
"""

import json
import os
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
@pytest.mark.parametrize("kinds", [("manifest", "program", "kernel"), ("program",), ("kernel",)], ids=str)
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
