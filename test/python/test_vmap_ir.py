"""Batches of IR against a loop over the batch, bit for bit: every op's batch rule, control flow, nesting.

Needs weft-opt and weft-run, from the folder that WEFT_BUILD names (default: build). One program per case holds a vmap
request of @f and one call of @f per index; the reference interpreter runs it, and again what weft-simplify makes of it.
"""

import pathlib
import tempfile

import numpy as np
import pytest
from ir_tools import call, tool

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZE = 3


def tensor(shape, element="f32"):
    """The text of a tensor type of static shape."""
    return f"tensor<{''.join(f'{n}x' for n in shape)}{element}>"


def types(values):
    """The types of arrays."""
    elements = {"float32": "f32", "int64": "i64", "bool": "i1"}
    return [tensor(v.shape, elements[v.dtype.name]) for v in values]


def run(program, inputs, count):
    """The results of @main by the reference, before and after simplification (which must be the same bits)."""
    resolved = call([tool("weft-opt"), "-", "--weft-resolve-requests"], program)
    simplified = call([tool("weft-opt"), "-", "--weft-inline", "--weft-simplify=derivatives-taken"], resolved)
    found = []
    for text in (resolved, simplified):
        with tempfile.TemporaryDirectory() as folder:
            arguments = []
            for i, value in enumerate(inputs):
                np.save(f"{folder}/in{i}.npy", value)
                arguments.append(f"--input={folder}/in{i}.npy")
            arguments += [f"--output={folder}/out{i}.npy" for i in range(count)]
            call([tool("weft-run"), "-", "--reference", *arguments], text)
            found.append([np.load(f"{folder}/out{i}.npy") for i in range(count)])
    for before, after in zip(*found, strict=True):
        assert before.tobytes() == after.tobytes(), simplified
    return found[0]


def check(text, items, batched, outputs):
    """Compares a vmap of @f with calls of it.

    Args:
        text: the functions; items: per argument its value at one index, from which the others are made;
        batched: which arguments have the axis; outputs: the result types of @f, static.
    """
    rng = np.random.default_rng(0)

    def another(value):
        if value.dtype == np.float32:
            return rng.standard_normal(value.shape).astype(np.float32)
        return rng.integers(0, 2 if value.dtype == bool else 5, value.shape).astype(value.dtype)

    rows = [[another(v) for _ in range(SIZE)] if b else v for v, b in zip(items, batched, strict=True)]
    stacked = [np.stack(r) if b else r for r, b in zip(rows, batched, strict=True)]
    inputs = stacked + [row for r, b in zip(rows, batched, strict=True) if b for row in r]
    n, m = len(items), len(outputs)
    names = [f"%a{i}" for i in range(len(inputs))]
    wide = [t.replace("tensor<", f"tensor<{SIZE}x", 1) for t in outputs]
    mask = "array<i1: " + ", ".join(str(bool(b)).lower() for b in batched) + ">"
    lines = [
        f"  %v:{m} = weft.vmap @f({', '.join(names[:n])}) {{batched = {mask}, size = #weft.size<{SIZE}>}} : "
        f"({', '.join(types(stacked))}) -> ({', '.join(wide)})"
    ]
    for k in range(SIZE):
        at, operands = n, []
        for i, b in enumerate(batched):
            operands.append(names[at + k] if b else names[i])
            at += SIZE if b else 0
        lines.append(
            f"  %c{k}:{m} = weft.call @f({', '.join(operands)}) : ({', '.join(types(items))}) -> ({', '.join(outputs)})"
        )
    results = [f"%v#{j}" for j in range(m)] + [f"%c{k}#{j}" for k in range(SIZE) for j in range(m)]
    result_types = wide + outputs * SIZE
    signature = ", ".join(f"{a}: {t}" for a, t in zip(names, types(inputs), strict=True))
    program = f"func.func @main({signature}) -> ({', '.join(result_types)}) {{\n" + "\n".join(lines)
    program += f"\n  return {', '.join(results)} : {', '.join(result_types)}\n}}\n{text}"
    found = run(program, inputs, len(results))
    for j in range(m):
        loop = np.stack([found[m + k * m + j] for k in range(SIZE)])
        assert found[j].shape == loop.shape
        assert found[j].tobytes() == loop.tobytes(), program


def f32(*shape):
    """Some array of a shape."""
    return np.random.default_rng(1).standard_normal(shape).astype(np.float32)


def op(line, inputs, output):
    """A function @f of one op on %0, %1, ...; `inputs` are arrays."""
    arguments = ", ".join(f"%x{i}: {t}" for i, t in enumerate(types(inputs)))
    for i in range(len(inputs)):
        line = line.replace(f"%{i}", f"%x{i}")
    body = f"  %r = {line} : ({', '.join(types(inputs))}) -> {output}"
    return f"func.func private @f({arguments}) -> {output} {{\n{body}\n  return %r : {output}\n}}\n"


DOT = (
    "weft.dot %0, %1 {lhs_batch = array<i64: 1>, rhs_batch = array<i64: 0>, lhs_contract = array<i64: 0>, "
    "rhs_contract = array<i64: 2>}"
)
MATMUL = (
    "weft.dot %0, %1 {lhs_batch = array<i64>, rhs_batch = array<i64>, lhs_contract = array<i64: 1>, "
    "rhs_contract = array<i64: 0>}"
)
PAD = "weft.pad %0, %1 {low = array<i64: 1, 0>, high = array<i64: 0, 2>, interior = array<i64: 1, 0>}"
OPS = {
    "unary": ("weft.exp %0", [f32(4)], tensor((4,))),
    "binary": ("weft.mul %0, %1", [f32(4, 2), f32(4, 2)], tensor((4, 2))),
    "convert": ("weft.convert %0 {dtype = i64}", [f32(4)], tensor((4,), "i64")),
    "select": ("weft.select %0, %1, %2", [f32(4) > 0, f32(4), f32(4)], tensor((4,))),
    "reduce": ("weft.reduce %0 {kind = #weft.reduce_kind<add>, dims = array<i64: 0, 2>}", [f32(2, 3, 5)], tensor((3,))),
    "reshape": ("weft.reshape %0", [f32(2, 6)], tensor((3, 4))),
    "broadcast": ("weft.broadcast %0 {dims = array<i64: 0, 2>}", [f32(2, 1)], tensor((2, 3, 4))),
    "broadcast of a scalar": ("weft.broadcast %0 {dims = array<i64>}", [f32()], tensor((2, 3))),
    "transpose": ("weft.transpose %0 {permutation = array<i64: 2, 0, 1>}", [f32(2, 3, 4)], tensor((4, 2, 3))),
    "reverse": ("weft.reverse %0 {dims = array<i64: 1>}", [f32(2, 3)], tensor((2, 3))),
    "slice": ("weft.slice %0 {starts = array<i64: 1, 0>, strides = array<i64: 2, 1>}", [f32(5, 3)], tensor((2, 2))),
    "pad": (PAD, [f32(2, 3), f32()], tensor((4, 5))),
    "concat": ("weft.concat %0, %1 {dim = 1 : i64}", [f32(2, 3), f32(2, 1)], tensor((2, 4))),
    "dot": (MATMUL, [f32(2, 3), f32(3, 4)], tensor((2, 4))),
    "dot of vectors": (
        MATMUL.replace("contract = array<i64: 1>", "contract = array<i64: 0>"),
        [f32(3), f32(3)],
        tensor(()),
    ),
    "dot with batches": (DOT, [f32(3, 5, 2), f32(5, 4, 3)], tensor((5, 2, 4))),
}


def masks(n):
    """All ways in which at least one of n arguments is batched."""
    return [[bool(bits >> i & 1) for i in range(n)] for bits in range(1, 2**n)]


@pytest.mark.parametrize("name, batched", [(k, m) for k, v in OPS.items() for m in masks(len(v[1]))])
def test_op(name, batched):
    """Each op, with every choice of batched operands."""
    line, values, output = OPS[name]
    check(op(line, values, output), values, batched, [output])


def test_values_from_nothing():
    """Ops without operands do not depend on the batch; what mixes them with what does is right at each index."""
    text = """func.func private @f(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xi64>, tensor<i64>) {
  %c = weft.constant {value = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>} : () -> tensor<4xf32>
  %i = weft.iota {dim = 0 : i64} : () -> tensor<4xi64>
  %n = weft.dim_size {size = #weft.size<4>} : () -> tensor<i64>
  %r = weft.add %x, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %r, %i, %n : tensor<4xf32>, tensor<4xi64>, tensor<i64>
}
"""
    check(text, [f32(4)], [True], [tensor((4,)), tensor((4,), "i64"), tensor((), "i64")])


LOOP = """func.func private @f(%h: tensor<4xf32>, %k: tensor<f32>, %xs: tensor<5x4xf32>, %w: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<f32>, tensor<5x4xf32>, tensor<5xf32>) {
  %r:4 = weft.for #weft.size<5> reverse carries(%h, %k : tensor<4xf32>, tensor<f32>) xs(%xs : tensor<5x4xf32>)
      captures(%w : tensor<4xf32>) -> (tensor<4xf32>, tensor<f32>, tensor<5x4xf32>, tensor<5xf32>) {
  ^bb0(%i: tensor<i64>, %c: tensor<4xf32>, %n: tensor<f32>, %x: tensor<4xf32>, %v: tensor<4xf32>):
    %m = weft.mul %c, %v : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %a = weft.add %m, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %s = weft.convert %i {dtype = f32} : (tensor<i64>) -> tensor<f32>
    %t = weft.add %n, %s : (tensor<f32>, tensor<f32>) -> tensor<f32>
    weft.yield %a, %t, %m, %t : tensor<4xf32>, tensor<f32>, tensor<4xf32>, tensor<f32>
  }
  return %r#0, %r#1, %r#2, %r#3 : tensor<4xf32>, tensor<f32>, tensor<5x4xf32>, tensor<5xf32>
}
"""


@pytest.mark.parametrize("batched", masks(4))
def test_loop(batched):
    """A loop with carries, slices, captures and stacked results, with every choice of what is batched."""
    outputs = [tensor((4,)), tensor(()), tensor((5, 4)), tensor((5,))]
    check(LOOP, [f32(4), f32(), f32(5, 4), f32(4)], batched, outputs)


def test_carry_batched_by_another():
    """A carry that becomes batched only in the second step, by way of another carry."""
    text = """func.func private @f(%x: tensor<f32>, %y: tensor<f32>, %z: tensor<f32>)
      -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  %r:3 = weft.for #weft.size<4> carries(%y, %z, %y : tensor<f32>, tensor<f32>, tensor<f32>) captures(%x : tensor<f32>)
      -> (tensor<f32>, tensor<f32>, tensor<f32>) {
  ^bb0(%i: tensor<i64>, %a: tensor<f32>, %b: tensor<f32>, %c: tensor<f32>, %k: tensor<f32>):
    %n = weft.add %a, %b : (tensor<f32>, tensor<f32>) -> tensor<f32>
    weft.yield %n, %k, %c : tensor<f32>, tensor<f32>, tensor<f32>
  }
  return %r#0, %r#1, %r#2 : tensor<f32>, tensor<f32>, tensor<f32>
}
"""
    check(text, [f32(), f32(), f32()], [True, False, False], [tensor(())] * 3)


@pytest.mark.parametrize("batched", [[False, True, False], [False, False, True], [False, True, True]])
@pytest.mark.parametrize("index", [0, 1, 7])
def test_branch(batched, index):
    """A branch on an index that is the same for all: results batched by one branch, by both, by none."""
    text = """func.func private @f(%p: tensor<i64>, %x: tensor<4xf32>, %y: tensor<4xf32>)
    -> (tensor<4xf32>, tensor<4xf32>, tensor<f32>) {
  %r:3 = weft.if %p captures(%x, %y : tensor<4xf32>, tensor<4xf32>) : tensor<i64>
      -> (tensor<4xf32>, tensor<4xf32>, tensor<f32>) {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %n = weft.neg %a : (tensor<4xf32>) -> tensor<4xf32>
    %c = weft.constant {value = dense<1.0> : tensor<f32>} : () -> tensor<f32>
    weft.yield %n, %b, %c : tensor<4xf32>, tensor<4xf32>, tensor<f32>
  }, {
  ^bb0(%a: tensor<4xf32>, %b: tensor<4xf32>):
    %m = weft.mul %a, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    %c = weft.constant {value = dense<2.0> : tensor<f32>} : () -> tensor<f32>
    weft.yield %b, %m, %c : tensor<4xf32>, tensor<4xf32>, tensor<f32>
  }
  return %r#0, %r#1, %r#2 : tensor<4xf32>, tensor<4xf32>, tensor<f32>
}
"""
    check(text, [np.int64(index).reshape(()), f32(4), f32(4)], batched, [tensor((4,)), tensor((4,)), tensor(())])


NAMED = """func.func private @g(%x: tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<N>> {
  %s = weft.reduce %x {kind = #weft.reduce_kind<add>, dims = array<i64: 0>}
      : (tensor<?xf32, #weft.dims<N>>) -> tensor<f32>
  %n = weft.dim_size {size = #weft.size<N>} : () -> tensor<i64>
  %c = weft.convert %n {dtype = f32} : (tensor<i64>) -> tensor<f32>
  %m = weft.div %s, %c : (tensor<f32>, tensor<f32>) -> tensor<f32>
  %b = weft.broadcast %m {dims = array<i64>} : (tensor<f32>) -> tensor<?xf32, #weft.dims<N>>
  %r = weft.sub %x, %b : (tensor<?xf32, #weft.dims<N>>, tensor<?xf32, #weft.dims<N>>) -> tensor<?xf32, #weft.dims<N>>
  return %r : tensor<?xf32, #weft.dims<N>>
}
"""


def test_call():
    """Calls of a function of named sizes, twice with different sizes."""
    text = """func.func private @f(%x: tensor<4xf32>, %y: tensor<6xf32>) -> (tensor<4xf32>, tensor<6xf32>) {
  %a = weft.call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = weft.call @g(%y) : (tensor<6xf32>) -> tensor<6xf32>
  return %a, %b : tensor<4xf32>, tensor<6xf32>
}
"""
    for batched in masks(2):
        check(text + NAMED, [f32(4), f32(6)], batched, [tensor((4,)), tensor((6,))])


def test_nested():
    """A batch of batches."""
    text = """func.func private @f(%x: tensor<2x4xf32>, %y: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %r = weft.vmap @h(%x, %y) {batched = array<i1: true, true>, size = #weft.size<2>}
      : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %r : tensor<2x4xf32>
}
func.func private @h(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %a = weft.call @g(%x) : (tensor<4xf32>) -> tensor<4xf32>
  %b = weft.mul %a, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %b : tensor<4xf32>
}
"""
    for batched in masks(2):
        check(text + NAMED, [f32(2, 4), f32(2, 4)], batched, [tensor((2, 4))])


GRADIENT = """func.func private @f(%x: tensor<4xf32>, %c: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %r:2 = weft.vjp @h(%x, %c) {active = array<i1: true>}
      : (tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}
func.func private @h(%x: tensor<4xf32>) -> tensor<4xf32> {
  %r = weft.for #weft.size<3> carries(%x : tensor<4xf32>) captures(%x : tensor<4xf32>) -> (tensor<4xf32>) {
  ^bb0(%i: tensor<i64>, %h: tensor<4xf32>, %w: tensor<4xf32>):
    %t = weft.tanh %h : (tensor<4xf32>) -> tensor<4xf32>
    %m = weft.mul %t, %w : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    weft.yield %m : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
"""


def test_batch_of_gradients():
    """vmap of vjp through a loop."""
    for batched in masks(2):
        check(GRADIENT, [f32(4), f32(4)], batched, [tensor((4,)), tensor((4,))])


def test_gradient_of_a_batch():
    """vjp of vmap: the cotangent of an argument that the whole batch shares is a sum over the batch."""
    x, w, c = f32(SIZE, 4), f32(4), f32(SIZE, 4)
    program = """func.func @main(%x: tensor<3x4xf32>, %w: tensor<4xf32>, %c: tensor<3x4xf32>)
      -> (tensor<3x4xf32>, tensor<4xf32>) {
  %r:3 = weft.vjp @b(%x, %w, %c) {active = array<i1: true, true>} : (tensor<3x4xf32>, tensor<4xf32>, tensor<3x4xf32>)
      -> (tensor<3x4xf32>, tensor<3x4xf32>, tensor<4xf32>)
  return %r#1, %r#2 : tensor<3x4xf32>, tensor<4xf32>
}
func.func private @b(%x: tensor<3x4xf32>, %w: tensor<4xf32>) -> tensor<3x4xf32> {
  %r = weft.vmap @h(%x, %w) {batched = array<i1: true, false>, size = #weft.size<3>}
      : (tensor<3x4xf32>, tensor<4xf32>) -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}
func.func private @h(%x: tensor<4xf32>, %w: tensor<4xf32>) -> tensor<4xf32> {
  %m = weft.mul %x, %w : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %s = weft.mul %m, %m : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %s : tensor<4xf32>
}
"""
    dx, dw = run(program, [x, w, c], 2)
    # d(x*w)^2: 2 (x w) w and 2 (x w) x; the tolerance is that of five roundings of f32.
    np.testing.assert_allclose(dx, 2 * x * w * w * c, rtol=5 * 2**-23)
    np.testing.assert_allclose(
        dw, (2 * x * w * x * c).sum(0), rtol=0, atol=8 * 2**-23 * np.abs(2 * x * w * x * c).sum()
    )
