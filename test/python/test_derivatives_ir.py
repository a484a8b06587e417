"""Derivatives of IR against finite differences: every op with a rule, control flow, and derivatives of derivatives.

Needs weft-opt and weft-run, from the folder that WEFT_BUILD names (default: build). One program per case holds the
function at x + e*t and x - e*t, its jvp along t and its vjp; all is float64, run by the reference interpreter.
"""

import os
import pathlib
import re
import subprocess
import tempfile

import numpy as np
import pytest
from op_table import ELEMENTWISE
from weft._src._op_table import OPS

ROOT = pathlib.Path(__file__).resolve().parents[2]
STEP = 1e-5


def tool(name):
    """The path of a built tool; FileNotFoundError says how to build it."""
    path = pathlib.Path(os.environ.get("WEFT_BUILD", ROOT / "build")) / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path}: build the target {name}, or set WEFT_BUILD to the build folder")
    return path


def tensor(shape, element="f64", names=None):
    """The text of a tensor type; `names` gives the name of each dynamic size ('_' where static)."""
    if names:
        sizes = "".join(("?" if name != "_" else str(size)) + "x" for size, name in zip(shape, names, strict=True))
        return f"tensor<{sizes}{element}, #weft.dims<{', '.join(names)}>>"
    return f"tensor<{''.join(f'{n}x' for n in shape)}{element}>"


def run(program, inputs, num_results):
    """Resolves the requests of a program and runs its @main; returns the results as arrays."""
    resolved = subprocess.run(
        [tool("weft-opt"), "-", "--weft-resolve-requests"], input=program, capture_output=True, text=True, check=False
    )
    assert resolved.returncode == 0, f"{resolved.stderr}\n{program}"
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for i, value in enumerate(inputs):
            np.save(f"{folder}/in{i}.npy", value)
            arguments.append(f"--input={folder}/in{i}.npy")
        arguments += [f"--output={folder}/out{i}.npy" for i in range(num_results)]
        done = subprocess.run(
            [tool("weft-run"), "-", "--reference", *arguments],
            input=resolved.stdout,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{done.stderr}\n{resolved.stdout}"
        return [np.load(f"{folder}/out{i}.npy") for i in range(num_results)]


class Function:
    """A function @name of a text of functions, with its argument and result types; `active`: what is differentiated."""

    def __init__(self, text, inputs, outputs, active=None, name="f"):
        self.text, self.inputs, self.outputs, self.name = text, inputs, outputs, name
        self.active = [t.endswith("f64>") or "f64," in t for t in inputs] if active is None else active

    def gradient(self):
        """The function (arguments, cotangents) -> gradients of the active arguments, by a vjp request."""
        inputs = self.inputs + self.outputs
        outputs = [t for t, a in zip(self.inputs, self.active, strict=True) if a]
        arguments = [f"%a{i}" for i in range(len(inputs))]
        n = len(self.outputs)
        text = f"""{self.text}
func.func private @{self.name}_grad({signature(arguments, inputs)}) -> ({", ".join(outputs)}) {{
  %r:{n + len(outputs)} = weft.vjp @{self.name}({", ".join(arguments)}) {{active = {mask(self.active)}}}
    : ({", ".join(inputs)}) -> ({", ".join(self.outputs + outputs)})
  return {", ".join(f"%r#{n + i}" for i in range(len(outputs)))} : {", ".join(outputs)}
}}"""
        return Function(text, inputs, outputs, self.active + [True] * n, self.name + "_grad")

    def check(self, values, seed=0, symbols=None):
        """Compares jvp with a central difference, and vjp with jvp by <c, J t> = <J^T c, t>."""
        rng = np.random.default_rng(seed)
        chosen = [i for i, a in enumerate(self.active) if a]
        tangents = [rng.standard_normal(values[i].shape) for i in chosen]
        plus, minus = list(values), list(values)
        for i, t in zip(chosen, tangents, strict=True):
            plus[i], minus[i] = values[i] + STEP * t, values[i] - STEP * t
        active_types = [self.inputs[i] for i in chosen]
        n, m, k = len(self.inputs), len(self.outputs), len(chosen)
        types = self.inputs * 3 + active_types + self.outputs
        names = [f"%a{i}" for i in range(len(types))]
        x, xp, xm = names[:n], names[n : 2 * n], names[2 * n : 3 * n]
        t, c = names[3 * n : 3 * n + k], names[3 * n + k :]
        calls = f"({', '.join(self.inputs)}) -> ({', '.join(self.outputs)})"
        results = [f"%p#{i}" for i in range(m)] + [f"%m#{i}" for i in range(m)]
        results += [f"%j#{m + i}" for i in range(m)] + [f"%v#{m + i}" for i in range(k)]
        result_types = self.outputs * 3 + active_types
        program = f"""{self.text}
func.func @main({signature(names, types)}) -> ({", ".join(result_types)}) {{
  %p:{m} = weft.call @{self.name}({", ".join(xp)}) : {calls}
  %m:{m} = weft.call @{self.name}({", ".join(xm)}) : {calls}
  %j:{2 * m} = weft.jvp @{self.name}({", ".join(x + t)}) {{active = {mask(self.active)}}}
    : ({", ".join(self.inputs + active_types)}) -> ({", ".join(self.outputs * 2)})
  %v:{m + k} = weft.vjp @{self.name}({", ".join(x + c)}) {{active = {mask(self.active)}}}
    : ({", ".join(self.inputs + self.outputs)}) -> ({", ".join(self.outputs + active_types)})
  return {", ".join(results)} : {", ".join(result_types)}
}}"""
        sizes = dict(symbols or {})
        cotangents = [rng.standard_normal(shape_of(t, sizes)) for t in self.outputs]
        found = run(program, [*values, *plus, *minus, *tangents, *cotangents], len(results))
        after, before, jvp, vjp = found[:m], found[m : 2 * m], found[2 * m : 3 * m], found[3 * m :]
        for high, low, derivative in zip(after, before, jvp, strict=True):
            # The difference's own error: STEP**2 times a third derivative, and a rounding of the values over STEP.
            tolerance = 2e-7 * (1 + abs(low).max(initial=0))
            np.testing.assert_allclose(derivative, (high - low) / (2 * STEP), rtol=2e-6, atol=tolerance)
        pairs = [*zip(cotangents, jvp, strict=True)], [*zip(vjp, tangents, strict=True)]
        forward, backward = (sum(np.vdot(a, b) for a, b in side) for side in pairs)
        scale = sum(abs(a * b).sum() for side in pairs for a, b in side)
        assert abs(forward - backward) <= 1e-12 * scale, (forward, backward)
        return jvp, vjp


def signature(names, types):
    return ", ".join(f"{name}: {t}" for name, t in zip(names, types, strict=True))


def mask(flags):
    return "array<i1: " + ", ".join("true" if f else "false" for f in flags) + ">"


def shape_of(text, symbols):
    """The shape of a type's text, its dynamic sizes looked up by name."""
    body, _, dims = text[len("tensor<") : -1].partition(", #weft.dims<")
    names = [name.strip() for name in dims.rstrip(">").split(",")] if dims else []
    sizes = body.split("x")[:-1]
    return tuple(symbols[names[i]] if s == "?" else int(s) for i, s in enumerate(sizes))


def one_op(op, inputs, output, attributes=""):
    """A function of one op."""
    names = [f"%x{i}" for i in range(len(inputs))]
    text = f"""func.func private @f({signature(names, inputs)}) -> {output} {{
  %r = {op} {", ".join(names)} {attributes} : ({", ".join(inputs)}) -> {output}
  return %r : {output}
}}"""
    return Function(text, inputs, [output])


# Where each op is smooth: an interval per operand. "jumps" have derivative zero where they are smooth.
SMOOTH = {
    "neg": [(-2, 2)], "abs": [(0.3, 2)], "sqrt": [(0.3, 2)], "rsqrt": [(0.3, 2)], "cbrt": [(0.3, 2)], "exp": [(-2, 2)],
    "exp2": [(-2, 2)], "expm1": [(-2, 2)], "log": [(0.3, 2)], "log2": [(0.3, 2)], "log10": [(0.3, 2)],
    "log1p": [(-0.5, 2)], "logistic": [(-2, 2)], "sin": [(-3, 3)], "cos": [(-3, 3)], "tan": [(-1, 1)],
    "asin": [(-0.8, 0.8)], "acos": [(-0.8, 0.8)], "atan": [(-2, 2)], "sinh": [(-2, 2)], "cosh": [(-2, 2)],
    "tanh": [(-2, 2)], "asinh": [(-2, 2)], "acosh": [(1.3, 3)], "atanh": [(-0.8, 0.8)], "erf": [(-2, 2)],
    "erfc": [(-2, 2)], "add": [(-2, 2)] * 2, "sub": [(-2, 2)] * 2, "mul": [(-2, 2)] * 2,
    "strong_mul": [(-2, 2)] * 2,
    "div": [(-2, 2), (0.5, 2)], "rem": [(2.1, 2.9), (0.9, 1.0)], "pow": [(0.3, 2), (-2, 2)],
    "atan2": [(0.3, 2), (-2, 2)], "max": [(-2, 0), (0.1, 2)], "min": [(-2, 0), (0.1, 2)],
}  # fmt: skip
JUMPS = {"sign": [(0.3, 2)], "floor": [(0.1, 0.9)], "ceil": [(0.1, 0.9)], "trunc": [(0.1, 0.9)], "round": [(0.6, 0.9)]}


def inner(domain):
    """The middle of a domain of the op table, near 0: finite differences need room on both sides."""
    low, high = domain
    return max(low + 0.1 * (high - low), -2), min(high - 0.1 * (high - low), 2)


# Ops that are not named above take their operands from where the op table does.
for row in ELEMENTWISE:
    if row.diff and row.name not in SMOOTH | JUMPS and OPS[row.name].operands[0][1] in ("Float", "Number"):
        domains = row.domain if isinstance(row.domain[0], tuple) else [row.domain] * row.arity
        SMOOTH[row.name] = [inner(domain) for domain in domains]


def test_every_float_op_has_a_case():
    source = (ROOT / "include/weft/Dialect/Weft/Ops/Elementwise.td").read_text()
    ops = set(re.findall(r': Weft_(?:Unary|Binary)<"(\w+)"', source)) - {"stop_gradient"}
    assert ops <= set(SMOOTH) | set(JUMPS)


def draw(intervals, shape=(3, 4), seed=1):
    rng = np.random.default_rng(seed)
    return [rng.uniform(low, high, shape) for low, high in intervals]


@pytest.mark.parametrize("op", sorted(SMOOTH | JUMPS))
def test_elementwise(op):
    intervals = (SMOOTH | JUMPS)[op]
    jvp, _ = one_op(f"weft.{op}", [tensor((3, 4))] * len(intervals), tensor((3, 4))).check(draw(intervals))
    assert (jvp[0] == 0).all() == (op in JUMPS)


@pytest.mark.parametrize("op", sorted(SMOOTH))
def test_elementwise_second(op):
    f = one_op(f"weft.{op}", [tensor((3, 4))] * len(SMOOTH[op]), tensor((3, 4)))
    f.gradient().check([*draw(SMOOTH[op]), draw([(-1, 1)])[0]])


def dims(*numbers):
    return f"array<i64: {', '.join(map(str, numbers))}>" if numbers else "array<i64>"


def dot(lhs, rhs, out, lb, rb, lc, rc):
    batch = f"lhs_batch = {dims(*lb)}, rhs_batch = {dims(*rb)}"
    attributes = f"{{{batch}, lhs_contract = {dims(*lc)}, rhs_contract = {dims(*rc)}}}"
    return one_op("weft.dot", [tensor(lhs), tensor(rhs)], tensor(out), attributes), [lhs, rhs]


def structured(op, shapes, out, attributes):
    return one_op(f"weft.{op}", [tensor(s) for s in shapes], tensor(out), attributes), shapes


STRUCTURED = {
    "reshape": structured("reshape", [(3, 4)], (2, 6), ""),
    "broadcast new": structured("broadcast", [(4,)], (3, 4, 2), f"{{dims = {dims(1)}}}"),
    "broadcast one": structured("broadcast", [(3, 1)], (2, 3, 4), f"{{dims = {dims(1, 2)}}}"),
    "transpose": structured("transpose", [(2, 3, 4)], (4, 2, 3), f"{{permutation = {dims(2, 0, 1)}}}"),
    "reverse": structured("reverse", [(3, 4)], (3, 4), f"{{dims = {dims(1)}}}"),
    "slice": structured("slice", [(7, 4)], (3, 2), f"{{starts = {dims(1, 2)}, strides = {dims(2, 1)}}}"),
    "slice nothing": structured("slice", [(7,)], (0,), f"{{starts = {dims(7)}, strides = {dims(3)}}}"),
    "pad": structured(
        "pad", [(3, 2), ()], (8, 2), f"{{low = {dims(1, 0)}, high = {dims(2, 0)}, interior = {dims(1, 0)}}}"
    ),
    "concat": structured("concat", [(2, 3), (2, 1), (2, 2)], (2, 6), "{dim = 1 : i64}"),
    "dot matrix": dot((3, 4), (4, 5), (3, 5), [], [], [1], [0]),
    "dot batch": dot((4, 2, 3), (3, 5, 2), (2, 4, 5), [1], [2], [2], [0]),
    "dot two": dot((2, 3, 4), (5, 4, 2), (3, 5), [], [], [0, 2], [2, 1]),
    "dot outer": dot((3,), (4,), (3, 4), [], [], [], []),
    "sum": structured("reduce", [(3, 4, 2)], (4,), f"{{kind = #weft.reduce_kind<add>, dims = {dims(0, 2)}}}"),
    "max": structured("reduce", [(3, 4)], (3,), f"{{kind = #weft.reduce_kind<max>, dims = {dims(1)}}}"),
    "min": structured("reduce", [(3, 4)], (4,), f"{{kind = #weft.reduce_kind<min>, dims = {dims(0)}}}"),
    "product": structured("reduce", [(3, 5, 2)], (5,), f"{{kind = #weft.reduce_kind<mul>, dims = {dims(0, 2)}}}"),
    "product of nothing": structured("reduce", [(3, 0)], (3,), f"{{kind = #weft.reduce_kind<mul>, dims = {dims(1)}}}"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(STRUCTURED))
def test_structured(name):
    f, shapes = STRUCTURED[name]
    values = [draw([(-2, 2)], shape, seed)[0] for seed, shape in enumerate(shapes)]
    f.check(values)
    f.gradient().check([*values, draw([(-1, 1)], shape_of(f.outputs[0], {}))[0]])


def test_product_with_zeros_is_right_to_second_order():
    f, _ = structured("reduce", [(5,)], (), f"{{kind = #weft.reduce_kind<mul>, dims = {dims(0)}}}")
    x = np.array([2.0, 0.0, 3.0, 0.0, 0.5])
    f.check([x])
    f.gradient().check([x, np.array(1.0)])
    _, vjp = f.check([np.array([2.0, 0.0, 3.0, 4.0, 0.5])])
    assert vjp[0][1] != 0 and (np.delete(vjp[0], 1) == 0).all()


def test_product_along_a_named_size():
    x, y = tensor((3, 5), names=["_", "N"]), tensor((3,))
    f = one_op("weft.reduce", [x], y, f"{{kind = #weft.reduce_kind<mul>, dims = {dims(1)}}}")
    values = draw([(-2, 2)], (3, 5))
    values[0][1, 2] = 0
    f.check(values)


def test_ties_share_equally():
    f, _ = structured("reduce", [(4,)], (), f"{{kind = #weft.reduce_kind<max>, dims = {dims(0)}}}")
    g = f.gradient()
    text = f"""{g.text}
func.func @main(%x: tensor<4xf64>, %c: tensor<f64>) -> tensor<4xf64> {{
  %r = weft.call @f_grad(%x, %c) : (tensor<4xf64>, tensor<f64>) -> tensor<4xf64>
  return %r : tensor<4xf64>
}}"""
    (gradient,) = run(text, [np.array([1.0, 3.0, 3.0, 2.0]), np.array(1.0)], 1)
    assert gradient.tolist() == [0, 0.5, 0.5, 0]


def test_where_keeps_what_was_not_chosen_out():
    # d/dx where(x > 0, log(x), 0) at x = 0: the branch not taken has an infinite derivative, the answer is 0.
    f = Function(
        """func.func private @f(%x: tensor<2xf64>) -> tensor<2xf64> {
  %z = weft.constant {value = dense<0.0> : tensor<2xf64>} : () -> tensor<2xf64>
  %p = weft.gt %x, %z : (tensor<2xf64>, tensor<2xf64>) -> tensor<2xi1>
  %l = weft.log %x : (tensor<2xf64>) -> tensor<2xf64>
  %r = weft.select %p, %l, %z : (tensor<2xi1>, tensor<2xf64>, tensor<2xf64>) -> tensor<2xf64>
  return %r : tensor<2xf64>
}""",
        ["tensor<2xf64>"],
        ["tensor<2xf64>"],
    )
    f.check([np.array([0.5, 2.0])])
    jvp = f"""{f.text}
func.func @main(%x: tensor<2xf64>, %t: tensor<2xf64>) -> tensor<2xf64> {{
  %y, %d = weft.jvp @f(%x, %t) {{active = array<i1: true>}}
    : (tensor<2xf64>, tensor<2xf64>) -> (tensor<2xf64>, tensor<2xf64>)
  return %d : tensor<2xf64>
}}"""
    (tangent,) = run(jvp, [np.array([0.0, 2.0]), np.array([1.0, 1.0])], 1)
    assert tangent.tolist() == [0, 0.5]


def test_the_check_can_fail():
    # The derivative says that stop_gradient(x) is constant; the difference says otherwise.
    f = one_op("weft.stop_gradient", ["tensor<3xf64>"], "tensor<3xf64>")
    with pytest.raises(AssertionError):
        f.check([np.ones(3)])


def test_stop_gradient_and_integers():
    f = Function(
        """func.func private @f(%x: tensor<3xf64>, %n: tensor<3xi64>) -> tensor<3xf64> {
  %s = weft.stop_gradient %x : (tensor<3xf64>) -> tensor<3xf64>
  %k = weft.convert %n {dtype = f64} : (tensor<3xi64>) -> tensor<3xf64>
  %a = weft.mul %s, %k : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  %r = weft.add %a, %x : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  return %r : tensor<3xf64>
}""",
        ["tensor<3xf64>", "tensor<3xi64>"],
        ["tensor<3xf64>"],
    )
    program = f"""{f.text}
func.func @main(%x: tensor<3xf64>, %n: tensor<3xi64>, %c: tensor<3xf64>) -> tensor<3xf64> {{
  %y, %g = weft.vjp @f(%x, %n, %c) {{active = array<i1: true, false>}}
    : (tensor<3xf64>, tensor<3xi64>, tensor<3xf64>) -> (tensor<3xf64>, tensor<3xf64>)
  return %g : tensor<3xf64>
}}"""
    (gradient,) = run(program, [np.ones(3), np.arange(3), np.array([1.0, 2.0, 3.0])], 1)
    assert gradient.tolist() == [1, 2, 3]


MATMUL = "{lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 0>, rhs_contract = array<i64: 0>}"
# A loop with a capture, a step-invariant product, a call and a branch; its carry is only later touched by the weights.
LOOP = f"""
func.func private @cell(%h: tensor<3xf64>, %w: tensor<3x3xf64>) -> tensor<3xf64> {{
  %d = weft.dot %h, %w {MATMUL} : (tensor<3xf64>, tensor<3x3xf64>) -> tensor<3xf64>
  %t = weft.tanh %d : (tensor<3xf64>) -> tensor<3xf64>
  return %t : tensor<3xf64>
}}
func.func private @f(%h: tensor<3xf64>, %xs: tensor<5x3xf64>, %w: tensor<3x3xf64>, %p: tensor<5xi1>)
    -> (tensor<3xf64>, tensor<5x3xf64>) {{
  %r, %ys = weft.for #weft.size<5> REVERSE carries(%h : tensor<3xf64>) xs(%xs, %p : tensor<5x3xf64>, tensor<5xi1>)
      captures(%w : tensor<3x3xf64>) -> (tensor<3xf64>, tensor<5x3xf64>) {{
  ^bb0(%i: tensor<i64>, %c: tensor<3xf64>, %xi: tensor<3xf64>, %pi: tensor<i1>, %wi: tensor<3x3xf64>):
    %w2 = weft.dot %wi, %wi {MATMUL} : (tensor<3x3xf64>, tensor<3x3xf64>) -> tensor<3x3xf64>
    %n = weft.add %c, %xi : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
    %k = weft.call @cell(%n, %w2) : (tensor<3xf64>, tensor<3x3xf64>) -> tensor<3xf64>
    %b = weft.if %pi captures(%k, %xi : tensor<3xf64>, tensor<3xf64>) : tensor<i1> -> (tensor<3xf64>) {{
    ^bb0(%a: tensor<3xf64>, %z: tensor<3xf64>):
      %s = weft.sin %z : (tensor<3xf64>) -> tensor<3xf64>
      %m = weft.mul %a, %s : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
      weft.yield %m : tensor<3xf64>
    }}, {{
    ^bb0(%a: tensor<3xf64>, %z: tensor<3xf64>):
      %m = weft.exp %a : (tensor<3xf64>) -> tensor<3xf64>
      weft.yield %m : tensor<3xf64>
    }}
    weft.yield %b, %n : tensor<3xf64>, tensor<3xf64>
  }}
  return %r, %ys : tensor<3xf64>, tensor<5x3xf64>
}}"""
LOOP_TYPES = ["tensor<3xf64>", "tensor<5x3xf64>", "tensor<3x3xf64>", "tensor<5xi1>"]


def loop_values():
    rng = np.random.default_rng(3)
    return [rng.standard_normal(3), rng.standard_normal((5, 3)), 0.5 * rng.standard_normal((3, 3)),
            np.array([True, False, True, True, False])]  # fmt: skip


@pytest.mark.parametrize("reverse", ["", "reverse"])
@pytest.mark.parametrize("active", [(1, 1, 1), (0, 0, 1), (1, 0, 0), (0, 1, 0)])
def test_loop(reverse, active):
    flags = [bool(a) for a in active] + [False]
    f = Function(LOOP.replace("REVERSE", reverse), LOOP_TYPES, ["tensor<3xf64>", "tensor<5x3xf64>"], flags)
    f.check(loop_values())


def test_loop_second_and_third():
    outputs = ["tensor<3xf64>", "tensor<5x3xf64>"]
    f = Function(LOOP.replace("REVERSE", ""), LOOP_TYPES, outputs, [True, True, True, False])
    rng = np.random.default_rng(4)
    cotangents = [rng.standard_normal(3), rng.standard_normal((5, 3))]
    g = f.gradient()
    g.check([*loop_values(), *cotangents])
    seeds = [rng.standard_normal(3), rng.standard_normal((5, 3)), rng.standard_normal((3, 3))]
    g.gradient().check([*loop_values(), *cotangents, *seeds])


def test_nested_loops_with_named_sizes():
    x, w = tensor((2, 4), names=["T", "N"]), tensor((4,), names=["N"])
    f = Function(
        f"""func.func private @f(%x: {x}, %w: {w}) -> tensor<f64> {{
  %z = weft.constant {{value = dense<0.1> : tensor<f64>}} : () -> tensor<f64>
  %r = weft.for #weft.size<T> carries(%z : tensor<f64>) xs(%x : {x}) captures(%w : {w}) -> (tensor<f64>) {{
  ^bb0(%i: tensor<i64>, %c: tensor<f64>, %xi: {w}, %wi: {w}):
    %e = weft.exp %wi : ({w}) -> {w}
    %q = weft.for #weft.size<N> carries(%c : tensor<f64>) xs(%xi, %e : {w}, {w}) -> (tensor<f64>) {{
    ^bb0(%j: tensor<i64>, %d: tensor<f64>, %xj: tensor<f64>, %ej: tensor<f64>):
      %p = weft.mul %xj, %ej : (tensor<f64>, tensor<f64>) -> tensor<f64>
      %s = weft.add %d, %p : (tensor<f64>, tensor<f64>) -> tensor<f64>
      %t = weft.sin %s : (tensor<f64>) -> tensor<f64>
      weft.yield %t : tensor<f64>
    }}
    weft.yield %q : tensor<f64>
  }}
  return %r : tensor<f64>
}}""",
        [x, w],
        ["tensor<f64>"],
        [True, True],
    )
    values = [draw([(-1, 1)], (2, 4))[0], draw([(-1, 1)], (4,))[0]]
    symbols = {"T": 2, "N": 4}
    f.check(values, symbols=symbols)
    f.gradient().check([*values, np.array(0.7)], symbols=symbols)
