"""Kernels compute in vectors of the host's width, and call no math library: read from the assembly, for two targets.

Every program of example_programs.py is compiled; each of its kernels that computes on floats must hold packed instructions
of the target's full width, and no kernel may call anything but the runtime.
"""

import re

import pytest
from example_programs import PROGRAMS

WIDTH = {"x86-64-v3": "ymm", "x86-64-v4": "zmm"}
# v<op>ps/pd on registers: arithmetic, fused products, comparisons and roots; moves do not count.
PACKED = r"\bv(?:add|sub|mul|div|max|min|sqrt|f?n?madd\w*|fmadd\w*|fnmadd\w*|fmsub\w*|cmp\w*|and|xor|or|pternlog\w*|blend\w*)p[sd]\b"
LIBM = re.compile(r"^(?:exp|log|tanh|sin|cos|erf|pow|tan|sinh|cosh|atan|asin|acos|cbrt|expm1|log1p|fmod|fma)(?:2|10)?[fl]?$")


def functions(assembly):
    """The body of each function, by name."""
    parts = re.split(r"^([\w.$]+):\s*(?:#.*)?$", assembly, flags=re.MULTILINE)
    bodies, current = {}, None
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if not name.startswith(".L"):
            current = name
            bodies[current] = ""
        if current is not None:
            bodies[current] += text
    return bodies


@pytest.mark.parametrize("target", sorted(WIDTH))
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_kernels_are_packed_and_call_no_libm(name, target):
    lowered = PROGRAMS[name]().lower(target=target)
    assembly = lowered.as_text("asm")
    called = set(re.findall(r"\b(?:callq?|jmp)\s+([A-Za-z_]\w*)", assembly))
    assert not [c for c in called if LIBM.match(c.partition("@")[0])]
    width = WIDTH[target]
    packed = re.compile(PACKED + rf"[^\n]*%{width}")
    bodies = {n: body for n, body in functions(assembly).items() if n.startswith("k_")}
    assert bodies, "no kernel in the assembly"
    # Kernels that only move data, or whose whole work is less than a vector, compute nothing in vectors.
    schedules = re.findall(r"@(k_\w+)\(.*?weft\.schedule = (#weft\.\w+<[^>]*>|\{[^}]*\})", lowered.as_text("scheduled"))
    wide = [n for n, body in bodies.items() if packed.search(body)]
    assert wide, f"no kernel of {name} has packed arithmetic on {width}: {schedules}"
