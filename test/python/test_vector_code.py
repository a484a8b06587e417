"""Kernels compute in vectors of the target's width, and call no math library: read from the assembly, for each target.

Every program of example_programs.py is compiled, whatever the host is; each of its kernels that computes on floats must
hold packed instructions of the target's full width, or `why_scalar` says why not; no kernel may call a math library.
Register tiles of contractions stay in registers.
"""

import math
import re

import numpy as np
import pytest
import weft as wf
from example_programs import PROGRAMS

LANES = 16  # floats in the widest vector
# Operands that are registers of the full width.
WIDTH = {"x86-64-v3": "%ymm", "x86-64-v4": "%zmm", "aarch64": r"\bv\d+\.(?:4s|2d|16b)"}
# Arithmetic, fused products, comparisons and roots; moves do not count.
PACKED_X86 = (
    r"\bv(?:add|sub|mul|div|max|min|sqrt|f?n?madd\w*|fmadd\w*|fnmadd\w*|fmsub\w*|cmp\w*|and|xor|or|pternlog\w*|blend\w*)"
    r"p[sd]\b"
)
PACKED_ARM = r"\b(?:f(?:add|sub|mul|div|max\w*|min\w*|sqrt|mla|mls|neg|abs|cm\w+|rint\w)|and|orr|eor|bsl|bit|bif)\b"
PACKED = {"x86-64-v3": PACKED_X86, "x86-64-v4": PACKED_X86, "aarch64": PACKED_ARM}
LIBM = re.compile(
    r"^(?:exp|log|tanh|sin|cos|erf|pow|tan|sinh|cosh|atan|asin|acos|cbrt|expm1|log1p|fmod|fma)(?:2|10)?[fl]?$"
)


def functions(assembly):
    """The body of each function, by name."""
    parts = re.split(r"^([\w.$]+):\s*(?:(?:#|//).*)?$", assembly, flags=re.MULTILINE)
    bodies, current = {}, None
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if not name.startswith(".L"):
            current = name
            bodies[current] = ""
        if current is not None:
            bodies[current] += text
    return bodies


# Ops that compute nothing: they move elements or name them.
MOVES = {
    "broadcast",
    "reshape",
    "transpose",
    "slice",
    "pad",
    "concat",
    "reverse",
    "constant",
    "iota",
    "dim_size",
    "empty",
}
INTEGER = ("i1", "i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64")


def float_kernels(planned):
    """Kernels that compute on floats: name -> (ops, the most elements of a value, its row; None if unknown)."""
    found = {}
    for name, body in re.findall(r"func\.func private @(k_\w+)(.*?)\n  }", planned, re.DOTALL):
        ops = [op for op in re.findall(r"weft\.(\w+)[ (]", body) if op not in MOVES and op not in ("kernel", "symbols")]
        types = re.findall(r"tensor<([^>,]*)", body)
        if not ops or all(t.split("x")[-1] in INTEGER for t in types):
            continue
        sizes = [[int(n) for n in t.split("x")[:-1] if n != "?"] for t in types if "?" not in t]
        largest = None if len(sizes) < len(types) else max(sizes, key=math.prod)
        found[name] = (ops, None if largest is None else math.prod(largest), largest[-1] if largest else None)
    return found


def why_narrow(ops, row, lanes, body):
    """Why a kernel's vectors are narrower than the target's: its rows are short."""
    register = {4: "xmm", 8: "ymm"}.get(lanes)
    if "dot" in ops and lanes == 16 and row is not None and row <= 8:  # half of a vector of 64 bytes holds it
        register = "ymm"
    if register and row is not None and row < 2 * LANES and re.search(PACKED_X86 + rf"[^\n]*%{register}", body):
        return "rows shorter than two vectors"
    if lanes == 2 and row is not None and row < 2 * LANES and re.search(r"\bf(?:add|mul|mla)\s+v\d+\.2s", body):
        return "rows shorter than two vectors, in halves of one"
    return None


def why_scalar(ops, elements, row):
    """Why a kernel may have no packed arithmetic; None if it may not."""
    if elements is not None and elements < LANES:
        return "fewer elements than a vector has"
    if set(ops) <= {"select", "convert", "and", "or", "not", "xor"}:
        return "only selects and conversions, which are moves and blends"
    return None


@pytest.mark.parametrize("target", sorted(WIDTH))
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_kernels_are_packed_and_call_no_libm(name, target):
    lowered = PROGRAMS[name]().lower(target=target)
    assembly = lowered.as_text("asm")
    called = set(re.findall(r"\b(?:callq?|jmp|bl?)\s+([A-Za-z_]\w*)", assembly))
    assert not [c for c in called if LIBM.match(c.partition("@")[0])]
    packed = re.compile(PACKED[target] + rf"[^\n]*{WIDTH[target]}")
    bodies = {}  # what runs in threads is a function of its own, <kernel>_body
    for symbol, body in functions(assembly).items():
        if found := re.match(r"k_[0-9a-f]{32}", symbol):
            bodies[found.group()] = bodies.get(found.group(), "") + body
    kernels = float_kernels(lowered.as_text("planned"))
    lanes = dict(
        re.findall(r"@(k_[0-9a-f]{32})\(.*?weft\.schedule = \{[^}]*?\blanes = (\d+)", lowered.as_text("scheduled"))
    )
    missing = {
        n: why_scalar(*kernels[n]) or why_narrow(kernels[n][0], kernels[n][2], int(lanes.get(n, 0)), body)
        for n, body in bodies.items()
        if n in kernels and not packed.search(body)
    }
    assert [n for n in kernels if n in bodies], "no kernel that computes on floats"
    unexplained = {n: kernels[n] for n, why in missing.items() if why is None}
    assert not unexplained, f"kernels of {name} without packed arithmetic on {target}: {unexplained}"


def loops(assembly):
    """The innermost loops that are one block: from a label to the branch back to it."""
    parts = re.split(r"^(\.L\w+):.*$", assembly, flags=re.MULTILINE)
    for label, block in zip(parts[1::2], parts[2::2], strict=True):
        if end := re.search(rf"^.*\b(?:j\w+|b\.\w+|cbn?z|tbn?z)\b.*{re.escape(label)}\b", block, re.MULTILINE):
            yield block[: end.end()]


LOOKUP = {"x86-64-v3": r"\bvpermps\b", "x86-64-v4": r"\bvpermps\b", "aarch64": r"\btbl\b"}


# erf has tables of eight, which are one register of AVX2; exp has one of 16. Choices are by signs, not by comparisons,
# but for where exp is 0.
@pytest.mark.parametrize("target", sorted(WIDTH))
@pytest.mark.parametrize(("name", "lookups"), [("erf", 7), ("exp", 1)])
def test_tables_stand_in_registers(name, lookups, target):
    assembly = wf.jit(getattr(wf, name)).lower(wf.spec((1 << 15,), "float32"), target=target).as_text("asm")
    found = [block for block in loops(assembly) if re.search(LOOKUP[target], block)]
    permutations = lookups * (2 if (name, target) == ("exp", "x86-64-v3") else 1)
    assert found
    for block in found:
        assert len(re.findall(LOOKUP[target], block)) % permutations == 0
        if target == "x86-64-v3":
            zeros = len(re.findall(LOOKUP[target], block)) // permutations if name == "exp" else 0
            assert len(re.findall(r"\bvcmp", block)) == zeros
            assert name != "erf" or not re.search(r"\bvblendv", block)


PRODUCT = {
    "x86-64-v3": r"\bvfmadd231p[sd]\b[^\n]*%ymm",
    "x86-64-v4": r"\bvfmadd231p[sd]\b[^\n]*%zmm",
    "aarch64": r"\bfmla\s+v\d+\.(?:4s|2d)",
}
# A vector that goes to the stack or comes from it.
SPILLED = {
    "x86-64-v3": r"%[xyz]mm\d+[^\n]*\(%r[sb]p\)|\(%r[sb]p\)[^\n]*%[xyz]mm\d+",
    "x86-64-v4": r"%[xyz]mm\d+[^\n]*\(%r[sb]p\)|\(%r[sb]p\)[^\n]*%[xyz]mm\d+",
    "aarch64": r"\b(?:str|stp|ldr|ldp|stur|ldur)\s+q\d+[^\n]*\[sp",
}
# The tile of many rows is squarer where there are registers for it.
TILES = {"x86-64-v3": [(6, 2)], "x86-64-v4": [(14, 2), (9, 3)], "aarch64": [(12, 2)]}


# Packed in passing and before, whole tiles and not.
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("size", [(504, 512, 512), (1008, 999, 1024), (84, 300, 1024)])
@pytest.mark.parametrize("target", sorted(WIDTH))
def test_register_tiles_stay_in_registers(target, size, dtype):
    m, k, n = size
    lowered = wf.jit(lambda x, y: x @ y).lower(wf.spec((m, k), dtype), wf.spec((k, n), dtype), target=target)
    (schedule,) = (line for line in lowered.as_text("scheduled").splitlines() if 'form = "tile"' in line)
    rows, vectors = TILES[target][-1 if m == 1008 else 0]
    assert f"rows = {rows} : i64, vectors = {vectors} : i64" in schedule
    tiles = [loop for loop in loops(lowered.as_text("asm")) if len(re.findall(PRODUCT[target], loop)) == rows * vectors]
    assert tiles
    for loop in tiles:
        if re.search(r"\b(?:add|sub)q[^\n]*%rbp", loop):  # an address that the loop carries, no frame
            loop = loop.replace("(%rbp", "(%address")
        assert not re.search(SPILLED[target], loop), loop
        # Each vector of the right operand is read once, each number of the left one too: little else is in the loop.
        assert loop.count("\n") < 3 * rows * vectors + 12, loop


@pytest.mark.parametrize("target", sorted(WIDTH))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_powers_of_two_are_one_instruction_where_there_is_one(target, dtype):
    x = np.ones(1000, dtype)
    assembly = wf.jit(lambda x: (wf.exp(x), wf.exp2(x), wf.nn.sigmoid(x))).lower(x, target=target).as_text("asm")
    assert ("vscalef" in assembly) == (target == "x86-64-v4")


# A result too small for a number takes 150 cycles of Intel's processors: what is 0 is not scaled.
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scaling_leaves_out_what_is_zero(dtype):
    lowered = wf.jit(lambda x: (wf.exp(x), wf.exp2(x))).lower(np.ones(1000, dtype), target="x86-64-v4")
    scalings = re.findall(r"\bvscalef\w+[^\n]*%zmm[^\n]*", lowered.as_text("asm"))
    assert scalings and all(re.search(r"\{%k\d\} \{z\}$", line) for line in scalings)


@pytest.mark.parametrize("target", sorted(WIDTH))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logarithms_take_numbers_apart_where_an_instruction_does(target, dtype):
    x = np.ones(1000, dtype)
    assembly = wf.jit(lambda x: (wf.log(x), wf.log10(x))).lower(x, target=target).as_text("asm")
    assert ("vgetmant" in assembly and "vcmp" not in assembly) == (target == "x86-64-v4")


@pytest.mark.parametrize("target", sorted(WIDTH))
def test_tables_are_looked_up_in_registers(target):
    assembly = wf.jit(wf.erf).lower(np.ones(1000, np.float32), target=target).as_text("asm")
    lookups = {"x86-64-v3": "vpermps", "x86-64-v4": "vpermps", "aarch64": "tbl"}
    assert lookups[target] in assembly and "gather" not in assembly
