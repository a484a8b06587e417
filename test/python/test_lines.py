"""Every op that stems from a user's line carries it, through every stage; in native code too, with `debug="lines"`.

The programs are those of example_programs.py, each walked at every stage to `scheduled`. Constants of upstream
dialects are excepted: upstream's folders make them without a place.
"""

import os
import pathlib
import re
import shutil
import subprocess

import example_programs
import numpy as np
import pytest
import weft as wf
from example_programs import PROGRAMS
from weft._src import _weft, compiler

SOURCES = (
    str(pathlib.Path(example_programs.__file__)),
    str(example_programs.ROOT / "examples"),
    os.path.dirname(wf.__file__),
)
PLACE = re.compile(r'"([^"]+)":(\d+)(?::\d+)?')
UPSTREAM_CONSTANTS = ("arith.constant", "ub.poison")
# What has no line by nature: the frame of the module and its functions, and the end of a block.
FRAME = ("builtin.module", "func.func", "func.return", "weft.yield", "linalg.yield")
STAGES = compiler.STAGES[: compiler.STAGES.index("scheduled") + 1]


def at_stage(traced, stage):
    module = traced.module.clone()
    if stage != "traced":
        _weft.pipeline(module, "traced", stage, traced.jitted.options.text())
    return module


def places(location):
    """The (file, line) pairs of a location, innermost frames and callers alike."""
    return [(f, int(n)) for f, n in PLACE.findall(str(location))]


def is_users(location):
    """Whether a location speaks of a line that exists in one of the programs' files."""
    found = [p for p in places(location) if p[0].startswith(SOURCES)]
    return bool(found) and all(0 < n <= len(pathlib.Path(f).read_text().splitlines()) for f, n in found)


def split(text):
    """The parts of a printed list, split at the commas of its outermost brackets."""
    inner, parts, depth, start = text[text.index("[") + 1 : text.rindex("]")], [], 0, 0
    for i, c in enumerate(inner):
        depth += (c in "([<") - (c in ")]>")
        if c == "," and depth == 0:
            parts.append(inner[start:i])
            start = i + 1
    return [*parts, inner[start:]] if inner.strip() else []


def fused_members(location):
    """How many locations a location was merged of."""
    text = str(location)
    return len(split(text)) if text.removeprefix("loc(").startswith("fused[") else 1


def kernels_of(module):
    return {
        str(op.attributes["sym_name"]).strip('"'): op
        for op in module.body.operations
        if op.name == "func.func" and "weft.kernel" in op.attributes
    }


def walk(op):
    found = []
    op.walk(lambda o: found.append(o) and None)
    return found


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def program(request):
    return PROGRAMS[request.param]()


@pytest.mark.parametrize("stage", STAGES)
def test_every_op_has_its_line(program, stage):
    module = at_stage(program, stage)
    kernels = kernels_of(module)
    inside = {op for kernel in kernels.values() for op in walk(kernel)}
    lost, launches = [], 0
    for op in walk(module.operation):
        if op.name in FRAME or op in inside:
            continue
        if not is_users(op.location):
            lost.append(f"{op.name} at {op.location}")
        assert fused_members(op.location) <= 8
        if op.name == "weft.launch":
            launches += 1
            lines = split(str(op.attributes["lines"])) if "lines" in op.attributes else []
            lost += [f"line {i} of {op.attributes['callee']}: {x}" for i, x in enumerate(lines) if not is_users(x)]
            assert all(fused_members(line) <= 8 for line in lines)
            # The numbers in the kernel are those of the launch's list.
            name = str(op.attributes["callee"]).lstrip("@")
            for inner in walk(kernels[name]):
                if inner.name in FRAME or inner.name in UPSTREAM_CONSTANTS:
                    continue
                numbers = [n for f, n in places(inner.location) if f == name]
                if not numbers or not all(1 <= n <= len(lines) for n in numbers):
                    lost.append(f"{inner.name} of {name} at {inner.location}, of {len(lines)} lines")
    assert not lost, "\n".join(lost[:20])
    assert launches or stage in ("traced", "resolved", "optimized")


# ------------------------------------------------------------------------------------------------------- in native code


def dwarfdump():
    found = shutil.which("llvm-dwarfdump-22") or shutil.which("llvm-dwarfdump", path="/usr/lib/llvm-22/bin")
    if found is None:
        pytest.skip(reason="llvm-dwarfdump is not installed (cmake/packages.txt has llvm-22)")
    return found


def line_table(image, folder):
    """(file, line) pairs of the line tables in an image's objects."""
    pairs = set()
    for start in (m.start() for m in re.finditer(rb"\x7fELF", image)):
        path = folder / "code.o"
        path.write_bytes(image[start:])
        done = subprocess.run([dwarfdump(), "--debug-line", path], capture_output=True, text=True, check=True)
        names = dict(re.findall(r'file_names\[\s*(\d+)\]:\s*name: "([^"]*)"', done.stdout))
        rows = re.findall(r"^0x[0-9a-f]+\s+(\d+)\s+\d+\s+(\d+)", done.stdout, re.MULTILINE)
        pairs |= {(pathlib.Path(names[f]).name, int(line)) for line, f in rows if f in names}
    return pairs


def lines_with(text):
    """The lines of example_programs.py that hold a text."""
    source = pathlib.Path(example_programs.__file__).read_text().splitlines()
    return {i for i, line in enumerate(source, 1) if text in line}


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("softmax", ["shifted = x -", "e = wf.exp(shifted)", "return e / wf.sum"]),
        ("scan", ["h = wf.tanh(h @ w + x)", "return wf.sum(last) + wf.sum(hs)"]),
        ("mlp_gradient", ["h = wf.tanh(x @", "out = h @ p"]),
    ],
)
def test_native_code_knows_the_lines(name, texts, tmp_path):
    table = line_table(PROGRAMS[name]().lower(debug="lines").compile().image, tmp_path)
    mine = {n for f, n in table if f == "example_programs.py"}
    for text in texts:
        assert mine & lines_with(text), f"no instruction of the line {text!r}"


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_every_kernel_has_lines_in_native_code(name, tmp_path):
    """Each launch's own lines (innermost) occur in the line table of the object, for every example program."""
    compiled = PROGRAMS[name]().lower(debug="lines").compile()
    table, report = line_table(compiled.image, tmp_path), compiled.report
    assert report["launches"]
    for launch in report["launches"]:
        kernel = next(k for k in report["kernels"] if k["name"] == launch["kernel"])
        lines = {(pathlib.Path(f).name, int(n)) for f, _, n in (x.rpartition(":") for x in launch["lines"])}
        assert lines & table, f"no line of {sorted(lines)} ({', '.join(kernel['ops'])}) in the line table"


def test_without_debug_there_is_no_line_table(tmp_path):
    assert not line_table(PROGRAMS["softmax"]().lower().compile().image, tmp_path)


def test_lines_change_no_number():
    x = np.random.default_rng(0).standard_normal((64, 100)).astype(np.float32)
    plain, lines = wf.jit(example_programs.softmax), wf.jit(example_programs.softmax, debug="lines")
    np.testing.assert_array_equal(np.asarray(plain(x)), np.asarray(lines(x)))


def test_debug_takes_lines_alone():
    with pytest.raises(wf.errors.WeftError, match="WF1902"):
        wf.jit(lambda x: x, debug="everything")
