"""{forward, reverse, vmap} three deep over each form of a function, static and with named sizes: in IR, resolved one
level at a time, so that every level is text that weft-opt wrote and read."""

import pathlib
import tempfile

import numpy as np
import pytest
import transform_matrix as matrix
from ir_tools import call, tool
from weft._src._op_table import OPS


def types(sizes):
    """The type of a vector, and of two of them; a scalar stands for all its elements in the bodies below."""
    if sizes == "static":
        return "tensor<5xf64>", "tensor<2x5xf64>"
    return "tensor<?xf64, #weft.dims<B>>", "tensor<2x?xf64, #weft.dims<_, B>>"


def poly(x, v, prefix=""):
    """Text of the polynomial of %x by Horner; the last value is the result."""
    lines, last = [], None
    for i, k in enumerate([0.5, 0.25, -1.0, 0.5]):
        c, b, s, p = (f"%{prefix}{n}{i}" for n in "cbsp")
        lines.append(f"{c} = weft.constant {{value = dense<{k}> : tensor<f64>}} : () -> tensor<f64>")
        lines.append(f"{b} = weft.broadcast {c} {{dims = array<i64>}} : (tensor<f64>) -> {v}")
        if last is None:
            last = b
            continue
        lines.append(f"{p} = weft.mul {last}, {x} : ({v}, {v}) -> {v}")
        lines.append(f"{s} = weft.add {p}, {b} : ({v}, {v}) -> {v}")
        last = s
    return "\n".join(lines), last


def slope(x, t, v):
    """Text of p'(x) t."""
    lines, last = [], None
    for i, k in enumerate([1.5, 0.5, -1.0]):
        lines.append(f"%k{i} = weft.constant {{value = dense<{k}> : tensor<f64>}} : () -> tensor<f64>")
        lines.append(f"%d{i} = weft.broadcast %k{i} {{dims = array<i64>}} : (tensor<f64>) -> {v}")
        if last is None:
            last = "%d0"
            continue
        lines.append(
            f"%m{i} = weft.mul {last}, {x} : ({v}, {v}) -> {v}\n%a{i} = weft.add %m{i}, %d{i} : ({v}, {v}) -> {v}"
        )
        last = f"%a{i}"
    lines.append(f"%slope = weft.mul {last}, {t} : ({v}, {v}) -> {v}")
    return "\n".join(lines), "%slope"


def function(name, v, body, result, attributes="", arguments="", results=None):
    signature = f"%x: {v}" + arguments
    given = results or f"{v}"
    return (
        f"func.func private @{name}({signature}) -> ({given}) {attributes} {{\n{body}\nreturn {result} : {given}\n}}\n"
    )


def start(v):
    """Text of what a loop by Horner begins with: %first, and the numbers %ks of its steps."""
    return f"""%h = weft.constant {{value = dense<0.5> : tensor<f64>}} : () -> tensor<f64>
%first = weft.broadcast %h {{dims = array<i64>}} : (tensor<f64>) -> {v}
%ks = weft.constant {{value = dense<[0.25, -1.0, 0.5]> : tensor<3xf64>}} : () -> tensor<3xf64>"""


def step(v):
    """Text of %next = %c %y + element %i of %k."""
    return f"""%w0 = weft.iota {{dim = 0 : i64}} : () -> tensor<3xi64>
%w1 = weft.broadcast %i {{dims = array<i64>}} : (tensor<i64>) -> tensor<3xi64>
%w2 = weft.eq %w0, %w1 : (tensor<3xi64>, tensor<3xi64>) -> tensor<3xi1>
%w3 = weft.constant {{value = dense<0.0> : tensor<3xf64>}} : () -> tensor<3xf64>
%w4 = weft.select %w2, %k, %w3 : (tensor<3xi1>, tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
%w5 = weft.reduce %w4 {{kind = #weft.reduce_kind<add>, dims = array<i64: 0>}} : (tensor<3xf64>) -> tensor<f64>
%w6 = weft.broadcast %w5 {{dims = array<i64>}} : (tensor<f64>) -> {v}
%w7 = weft.mul %c, %y : ({v}, {v}) -> {v}
%next = weft.add %w7, %w6 : ({v}, {v}) -> {v}"""


def form(kind, v):
    """The functions of a form; @f is the polynomial."""
    body, last = poly("%x", v)
    stopped = f"{body}\n%still = weft.stop_gradient {last} : ({v}) -> {v}"
    if kind == "plain":
        return function("f", v, body, last)
    if kind == "checkpoint":
        return function("f", v, body, last, 'attributes {weft.checkpoint = "nothing"}')
    if kind == "call":
        return function("g", v, body, last) + function("f", v, f"%r = weft.call @g(%x) : ({v}) -> {v}", "%r")
    if kind == "if":
        inner, result = poly("%y", v)
        text = f"""%p = weft.constant {{value = dense<true> : tensor<i1>}} : () -> tensor<i1>
%r = weft.if %p captures(%x : {v}) : tensor<i1> -> ({v}) {{
^bb0(%y: {v}):
  weft.yield %y : {v}
}}, {{
^bb0(%y: {v}):
{inner}
  weft.yield {result} : {v}
}}"""
        return function("f", v, text, "%r")
    if kind == "for":
        text = f"""%h = weft.constant {{value = dense<0.5> : tensor<f64>}} : () -> tensor<f64>
%first = weft.broadcast %h {{dims = array<i64>}} : (tensor<f64>) -> {v}
%ks = weft.constant {{value = dense<[0.25, -1.0, 0.5]> : tensor<3xf64>}} : () -> tensor<3xf64>
%r = weft.for #weft.size<3> carries(%first : {v}) xs(%ks : tensor<3xf64>) captures(%x : {v}) -> ({v}) {{
^bb0(%i: tensor<i64>, %c: {v}, %k: tensor<f64>, %y: {v}):
  %m = weft.mul %c, %y : ({v}, {v}) -> {v}
  %b = weft.broadcast %k {{dims = array<i64>}} : (tensor<f64>) -> {v}
  %n = weft.add %m, %b : ({v}, {v}) -> {v}
  weft.yield %n : {v}
}}"""
        return function("f", v, text, "%r")
    rule, result = slope("%x", "%t", v)
    if kind == "map":
        inner, result = poly("%y", "tensor<f64>")
        count = "B" if "?" in v else "5"
        text = f"""%r = weft.map #weft.size<{count}> xs(%x : {v}) -> ({v}) {{
^bb0(%y: tensor<f64>):
{inner}
  weft.yield {result} : tensor<f64>
}}"""
        return function("f", v, text, "%r")
    if kind == "while":
        text = f"""{start(v)}
%z = weft.constant {{value = dense<0> : tensor<i64>}} : () -> tensor<i64>
%n, %r = weft.while carries(%z, %first : tensor<i64>, {v}) captures(%ks, %x : tensor<3xf64>, {v})
    -> (tensor<i64>, {v}) {{
^bb0(%i: tensor<i64>, %c: {v}, %k: tensor<3xf64>, %y: {v}):
  %end = weft.constant {{value = dense<3> : tensor<i64>}} : () -> tensor<i64>
  %more = weft.lt %i, %end : (tensor<i64>, tensor<i64>) -> tensor<i1>
  weft.yield %more : tensor<i1>
}} do {{
^bb0(%i: tensor<i64>, %c: {v}, %k: tensor<3xf64>, %y: {v}):
{step(v)}
  %one = weft.constant {{value = dense<1> : tensor<i64>}} : () -> tensor<i64>
  %j = weft.add %i, %one : (tensor<i64>, tensor<i64>) -> tensor<i64>
  weft.yield %j, %next : tensor<i64>, {v}
}}"""
        return function("f", v, text, "%r")
    if kind == "sized":
        text = f"""{start(v)}
%trips = weft.constant {{value = dense<3> : tensor<i64>}} : () -> tensor<i64>
%r = weft.sized "n" = %trips captures(%first, %ks, %x : {v}, tensor<3xf64>, {v}) : tensor<i64> -> ({v}) {{
^bb0(%s: {v}, %ls: tensor<3xf64>, %u: {v}):
  %q = weft.for #weft.size<n> carries(%s : {v}) captures(%ls, %u : tensor<3xf64>, {v}) -> ({v}) {{
  ^bb0(%i: tensor<i64>, %c: {v}, %k: tensor<3xf64>, %y: {v}):
{step(v)}
    weft.yield %next : {v}
  }}
  weft.yield %q : {v}
}}"""
        return function("f", v, text, "%r")
    if kind == "jvp":
        rule = f"%y = weft.call @f(%x) : ({v}) -> {v}\n{rule}"
        return function("f", v, stopped, "%still", "attributes {weft.jvp = @g}") + function(
            "g", v, rule, f"%y, {result}", arguments=f", %t: {v}", results=f"{v}, {v}"
        )
    assert kind == "vjp"
    return (
        function("f", v, stopped, "%still", "attributes {weft.fwd = @a, weft.bwd = @g}")
        + function("a", v, f"%y = weft.call @f(%x) : ({v}) -> {v}", "%y, %x", results=f"{v}, {v}")
        + function("g", v, rule, result, arguments=f", %t: {v}")
    )


FORMS = ["plain", "call", "if", "for", "while", "map", "sized", "jvp", "vjp", "checkpoint"]


def level(name, callee, kind, v, two):
    """A function that is a transformation of another."""
    if kind == "fwd":
        ask = f"%y, %r = weft.jvp @{callee}(%x, %x) {{active = array<i1: true>}} : ({v}, {v}) -> ({v}, {v})"
    elif kind == "rev":
        ask = f"%y, %r = weft.vjp @{callee}(%x, %x) {{active = array<i1: true>}} : ({v}, {v}) -> ({v}, {v})"
    else:
        n = v.replace("tensor<", "tensor<1x").replace("dims<", "dims<_, ")
        ask = f"""%d = weft.add %x, %x : ({v}, {v}) -> {v}
%u = weft.reshape %x : ({v}) -> {n}
%w = weft.reshape %d : ({v}) -> {n}
%s = weft.concat %u, %w {{dim = 0 : i64}} : ({n}, {n}) -> {two}
%m = weft.vmap @{callee}(%s) {{batched = array<i1: true>, size = #weft.size<2>}} : ({two}) -> {two}
%r = weft.reduce %m {{kind = #weft.reduce_kind<add>, dims = array<i64: 0>}} : ({two}) -> {v}"""
    return function(name, v, ask, "%r")


def program(kind, sizes):
    v, two = types(sizes)
    text, names = form(kind, v), {(): "f"}
    for chain in matrix.CHAINS:
        names[chain] = "f_" + "_".join(chain)
        text += level(names[chain], names[chain[:-1]], chain[-1], v, two)
    calls = "\n".join(f"%r{i} = weft.call @{names[c]}(%x) : ({v}) -> {v}" for i, c in enumerate(matrix.CHAINS))
    results = ", ".join(f"%r{i}" for i in range(len(matrix.CHAINS)))
    many = ", ".join([v] * len(matrix.CHAINS))
    return text + f"func.func @main(%x: {v}) -> ({many}) {{\n{calls}\nreturn {results} : {many}\n}}\n"


@pytest.mark.parametrize("sizes", ["static", "named"])
@pytest.mark.parametrize("kind", FORMS)
def test_three_deep(kind, sizes):
    text = program(kind, sizes)
    resolved = call([tool("weft-opt"), "-", "--weft-resolve-requests"], text)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/x.npy", matrix.X)
        outputs = [f"--output={folder}/r{i}.npy" for i in range(len(matrix.CHAINS))]
        call([tool("weft-run"), "-", "--reference", f"--input={folder}/x.npy", *outputs], resolved)
        matrix.check([np.load(pathlib.Path(folder) / f"r{i}.npy") for i in range(len(matrix.CHAINS))])


def test_every_form_of_control_is_in_the_matrix():
    """An op with regions, or one that calls, is a form."""
    control = {n for n, r in OPS.items() if "RegionDerivativeOpInterface" in r.traits}
    known = {*FORMS, "recompute"}  # what a checkpoint becomes
    assert control <= known, "a new form: give it a row here and in test_transform_matrix.py"
