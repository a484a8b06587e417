"""Simplification changes no bit: the program of each rule before and after, by the reference, on awkward numbers.

Needs weft-opt and weft-run, from the folder that WEFT_BUILD names (default: build).
"""

import pathlib
import tempfile

import numpy as np
import pytest
from ir_tools import call, tool

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Zeros of both signs, infinities, NaN, the least and greatest numbers, and some between.
FLOATS = np.array(
    [
        0.0,
        -0.0,
        np.inf,
        -np.inf,
        np.nan,
        1e-45,
        -1e-45,
        1.1754944e-38,
        3.4028235e38,
        -3.4028235e38,
        1,
        -1,
        0.1,
        -7.5,
        3,
        1e20,
    ],
    np.float32,
)
INTS = np.array([0, 1, -1, 2, 7, -8, 127, -128, 2**31 - 1, -(2**31), 3, 5, 100, -100, 1000, -1], np.int32)
N = len(FLOATS)


def run(text, inputs, num_results):
    """The results of @main by the reference."""
    with tempfile.TemporaryDirectory() as folder:
        for i, value in enumerate(inputs):
            np.save(f"{folder}/in{i}.npy", value)
        arguments = [f"--input={folder}/in{i}.npy" for i in range(len(inputs))]
        arguments += [f"--output={folder}/out{i}.npy" for i in range(num_results)]
        call([tool("weft-run"), "-", "--reference", *arguments], text)
        return [np.load(f"{folder}/out{i}.npy") for i in range(num_results)]


F, I, B = f"tensor<{N}xf32>", f"tensor<{N}xi32>", f"tensor<{N}xi1>"
SIGNATURE = f"%x: {F}, %y: {F}, %i: {I}, %j: {I}, %p: {B}, %q: {B}"


def function(symbol, lines):
    """A function of %x, %y: floats, %i, %j: integers, %p, %q: bools, and its result type.

    `lines` are (name, op, operands, result type); the last is the result.
    """
    f, i, b = F, I, B
    of = {"x": f, "y": f, "i": i, "j": i, "p": b, "q": b}
    text = []
    for name, op, operands, kind in lines:
        attributes = ""
        if op == "constant":
            element = {"f": "f32", "i": "i32", "b": "i1"}[kind]
            attributes, operands = f" {{value = dense<{operands}> : tensor<{N}x{element}>}}", ""
        if op.startswith("convert"):
            op, dtype = op.split()
            attributes = f" {{dtype = {dtype}}}"
            kind = f"tensor<{N}x{dtype}>"
        of[name] = {"f": f, "i": i, "b": b}.get(kind, kind)
        names = operands.split()
        text.append(
            f"  %{name} = weft.{op} {', '.join('%' + o for o in names)}{attributes} : "
            f"({', '.join(of[o] for o in names)}) -> {of[name]}"
        )
    last = lines[-1][0]
    body = "\n".join(text)
    return (
        f"func.func private @{symbol}({SIGNATURE}) -> {of[last]} {{\n{body}\n  return %{last} : {of[last]}\n}}\n",
        of[last],
    )


def unary(a, b, kind="f", x="x"):
    """b(a(x))."""
    return [("u", a, x, kind), ("r", b, "u", kind)]


def binary(op, number, kind="f", x="x", left=False, result=None):
    """x op number, or number op x."""
    return [("c", "constant", number, kind), ("r", op, f"c {x}" if left else f"{x} c", result or kind)]


CASES = {
    "x + -0": binary("add", "-0.0"),
    "-0 + x": binary("add", "-0.0", left=True),
    "x - 0": binary("sub", "0.0"),
    "-0 - x": binary("sub", "-0.0", left=True),
    "x * 1": binary("mul", "1.0"),
    "x * -1": binary("mul", "-1.0"),
    "x / 1": binary("div", "1.0"),
    "x / 8": binary("div", "8.0"),
    "x / 2^-126": binary("div", "1.17549435E-38"),
    "x / -2^126": binary("div", "-8.50705917E+37"),
    "x + -y": [("n", "neg", "y", "f"), ("r", "add", "x n", "f")],
    "-y + x": [("n", "neg", "y", "f"), ("r", "add", "n x", "f")],
    "x - -y": [("n", "neg", "y", "f"), ("r", "sub", "x n", "f")],
    "- -x": unary("neg", "neg"),
    "| -x |": unary("neg", "abs"),
    "||x||": unary("abs", "abs"),
    "sign sign x": unary("sign", "sign"),
    "floor ceil x": unary("ceil", "floor"),
    "max(x, x)": [("r", "max", "x x", "f")],
    "not (x = y)": [("e", "eq", "x y", "b"), ("r", "not", "e", "b")],
    "not (x != y)": [("e", "ne", "x y", "b"), ("r", "not", "e", "b")],
    "not (i < j)": [("e", "lt", "i j", "b"), ("r", "not", "e", "b")],
    "not (i >= j)": [("e", "ge", "i j", "b"), ("r", "not", "e", "b")],
    "choice by not": [("n", "not", "p", "b"), ("r", "select", "n x y", "f")],
    "choice of one": [("r", "select", "p x x", "f")],
    "i + 0": binary("add", "0", "i", "i"),
    "i * 0": binary("mul", "0", "i", "i"),
    "0 - i": binary("sub", "0", "i", "i", left=True),
    "i - i": [("r", "sub", "i i", "i")],
    "i / 0": binary("div", "0", "i", "i"),
    "0 / i": binary("div", "0", "i", "i", left=True),
    "i / 1": binary("div", "1", "i", "i"),
    "i rem 1": binary("rem", "1", "i", "i"),
    "i rem 0": binary("rem", "0", "i", "i"),
    "i ^ 0": binary("pow", "0", "i", "i"),
    "i ^ 1": binary("pow", "1", "i", "i"),
    "i and -1": binary("and", "-1", "i", "i"),
    "i and 0": binary("and", "0", "i", "i"),
    "i or -1": binary("or", "-1", "i", "i"),
    "i xor i": [("r", "xor", "i i", "i")],
    "i shifted by 0": binary("shift_right", "0", "i", "i"),
    "i = i": [("r", "eq", "i i", "b")],
    "i < i": [("r", "lt", "i i", "b")],
    "p = true": binary("eq", "true", "b", "p"),
    "p != false": binary("ne", "false", "b", "p"),
    "p and p": [("r", "and", "p p", "b")],
    "f64 and back": [("w", "convert f64", "x", ""), ("r", "convert f32", "w", "")],
    "f64, then f16": [("w", "convert f64", "x", ""), ("r", "convert f16", "w", "")],
    "f64, then i8": [("w", "convert f64", "x", ""), ("r", "convert i8", "w", "")],
    "i64, then f32": [("w", "convert i64", "i", ""), ("r", "convert f32", "w", "")],
    "i64, then ui8": [("w", "convert i64", "i", ""), ("r", "convert ui8", "w", "")],
    "f32 of a bool, then i32": [("w", "convert f32", "p", ""), ("r", "convert i32", "w", "")],
}

# What looks alike and is not the same: x = -0, infinite, NaN; a float that saturates, a type too narrow.
KEPT = {
    "x + 0": binary("add", "0.0"),
    "0 - x": binary("sub", "0.0", left=True),
    "x * 0": binary("mul", "0.0"),
    "x - x": [("r", "sub", "x x", "f")],
    "x / x": [("r", "div", "x x", "f")],
    "x / 3": binary("div", "3.0"),
    "x / 2^127": binary("div", "1.70141183E+38"),
    "x = x": [("r", "eq", "x x", "b")],
    "not (x < y)": [("e", "lt", "x y", "b"), ("r", "not", "e", "b")],
    "f16 and back": [("w", "convert f16", "x", ""), ("r", "convert f32", "w", "")],
    "f32 and back": [("w", "convert f32", "i", ""), ("r", "convert i32", "w", "")],
    "f64 of an integer, then ui8": [("w", "convert f64", "i", ""), ("r", "convert ui8", "w", "")],
    "neg abs": unary("abs", "neg"),
}


def count(text):
    """How many ops a function has, constants aside."""
    return text.count("weft.") - text.count("weft.constant")


class Sides:
    """All cases in one program, before and after simplification: the text of each function, and its result."""

    def __init__(self, cases):
        made = [function(f"f{k}", lines) for k, lines in enumerate(cases.values())]
        result_types = [t for _, t in made]
        calls = "".join(
            f"  %r{k} = weft.call @f{k}(%x, %y, %i, %j, %p, %q) : ({F}, {F}, {I}, {I}, {B}, {B}) -> {t}\n"
            for k, t in enumerate(result_types)
        )
        results = ", ".join(f"%r{k}" for k in range(len(made)))
        types = ", ".join(result_types)
        main = f"func.func @main({SIGNATURE}) -> ({types}) {{\n{calls}  return {results} : {types}\n}}\n"
        program = main + "".join(text for text, _ in made)
        rng = np.random.default_rng(0)
        bools = np.arange(N) % 3 == 0
        inputs = [FLOATS, rng.permutation(FLOATS), INTS, rng.permutation(INTS), bools, rng.permutation(bools)]
        simplified = call([tool("weft-opt"), "-", "--weft-simplify"], program)
        self.texts, self.results = {}, {}
        for side, text in (("before", program), ("after", simplified)):
            bodies = {t.split("(")[0]: t for t in text.split("func.func private @")[1:]}
            self.texts[side] = {name: bodies[f"f{k}"] for k, name in enumerate(cases)}
            self.results[side] = dict(zip(cases, run(text, inputs, len(made)), strict=True))


@pytest.fixture(scope="module")
def sides():
    """Both tables of cases, run once."""
    return Sides({**CASES, **KEPT})


# These put one op in another's place.
EXCHANGED = {"x / 8", "x / 2^-126", "x / -2^126", "x * -1", "-0 - x", "0 - i"}


@pytest.mark.parametrize("name", CASES)
def test_rule_keeps_every_bit(sides, name):
    """The rule fires, and the result is the same for every awkward number (the sign and payload of NaN aside)."""
    before, after = sides.texts["before"][name], sides.texts["after"][name]
    if name in EXCHANGED:
        assert "weft.div" not in after and "weft.sub" not in after, after
        assert "weft.mul" in after if "/" in name else "weft.neg" in after, after
    else:
        assert count(after) < count(before), after
    expected, found = sides.results["before"][name], sides.results["after"][name]
    assert expected.dtype == found.dtype
    if expected.dtype.kind == "f":
        nan = np.isnan(expected)
        assert (nan == np.isnan(found)).all()
        expected, found = expected[~nan], found[~nan]
    assert expected.tobytes() == found.tobytes(), f"{expected}\n{found}\n{after}"


@pytest.mark.parametrize("name", KEPT)
def test_what_is_not_exact_stays(sides, name):
    """No rule touches what would change a bit of some number."""
    before, after = sides.texts["before"][name], sides.texts["after"][name]
    assert count(after) == count(before), after
