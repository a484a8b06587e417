"""Random programs of the dialect, each compiled, run, and held to the reference interpreter bit for bit.

Decides what a random program looks like: 10 to 40 ops of all families over a few shapes, some with named sizes, one
`for` or `if` (nested once). On top of it there is sometimes a derivative (seeds below 10,000), or up to three requests
of jvp, vjp and vmap, each of the function that the one before it made (seeds from 10,000 on). Ops, their operands and
results come from the dialect's own table, so a new elementwise op takes part by itself (in seeds from 20,000 on).

Run by hand for many (each seed is one program; the last one named is the one that a crash belongs to):

    python test/python/random_graphs.py 0 1000          seeds 0 to 999; prints what differs, and how often each op ran
    python test/python/random_graphs.py 17 --text       the program of seed 17 (weft-run takes it)
"""

import argparse
import collections
import os
import random
import re
import signal
import sys

import numpy as np
from weft._src import _weft, compiler, dtypes
from weft._src._op_table import OPS
from weft._src.array import asarray

FLOATS, INTS = ["f32", "f64", "f16", "bf16"], ["i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64"]
TAKES = {
    "Float": FLOATS, "Number": FLOATS + INTS, "Int": INTS, "IntOrBool": [*INTS, "i1"], "Bool": ["i1"],
    "Plain": [*FLOATS, *INTS, "i1"], "Any": [*FLOATS, *INTS, "i1"],
}  # fmt: skip
NUMPY = {"f32": "f4", "f64": "f8", "f16": "f2", "i1": "?"} | {
    n: ("u" if n[0] == "u" else "i") + str(int(n.lstrip("ui")) // 8) for n in INTS
}
MOST_ELEMENTS = 3000
CHAINED = 10_000  # seeds from here on have chains of requests
OPEN = 20_000  # seeds from here on have every elementwise op of the dialect
INDEXED = 30_000  # and seeds from here on have the ops of indexing, sorting and running folds
PATIENCE = 20  # seconds for one program; the process ends by SIGALRM where something does not return
# Small, on both sides of the lanes of any target, and one past the rows of a tile.
SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33]


class Size:
    """A size: `count` elements, in the program's text a number or an expression in a symbol."""

    def __init__(self, count, text=None):
        self.count, self.text = count, text or str(count)

    @property
    def named(self):
        return not self.text.isdigit()

    def __eq__(self, other):
        return self.text == other.text

    __hash__ = None


class Value:
    """An SSA value: its name, sizes and element type."""

    def __init__(self, name, shape, element):
        self.name, self.shape, self.element = name, list(shape), element

    @property
    def count(self):
        return int(np.prod([s.count for s in self.shape], dtype=np.int64))

    @property
    def type(self):
        sizes = "".join(("?" if s.named else s.text) + "x" for s in self.shape)
        names = ", ".join(s.text if s.named else "_" for s in self.shape)
        encoding = f", #weft.dims<{names}>" if any(s.named for s in self.shape) else ""
        return f"tensor<{sizes}{self.element}{encoding}>"


class Unfit(Exception):
    """No value that is there fits an op."""


def array(values):
    return f"array<i64{': ' if values else ''}{', '.join(map(str, values))}>"


class Block:
    """A block under construction: the values that can be read, and its lines."""

    def __init__(self, rng, prefix, values, elementwise_ops, depth=0, structured=()):
        self.elementwise_ops = elementwise_ops
        self.rng, self.prefix, self.values, self.lines, self.depth = rng, prefix, list(values), [], depth
        self.structured = structured
        self.arguments = list(values)

    # ------------------------------------------------------------------------------------------------ building

    def emit(self, op, operands, shape, element, attributes=""):
        result = Value(f"%{self.prefix}{len(self.lines)}", shape, element)
        if op == "convert":
            attributes = f"{{dtype = {element}}}"
        names, types = ", ".join(v.name for v in operands), ", ".join(v.type for v in operands)
        self.lines.append(f"{result.name} = weft.{op} {names} {attributes} : ({types}) -> {result.type}")
        self.values.append(result)
        return result

    def pick(self, elements=None, condition=lambda v: True):
        """A value of one of the element types, the newer the likelier; converted where none has one."""
        fit = [v for v in self.values if (elements is None or v.element in elements) and condition(v)]
        if not fit:
            near = [v for v in self.values if condition(v)]
            if not near or elements is None:
                raise Unfit
            v = self.rng.choice(near)
            return self.emit("convert", [v], v.shape, self.rng.choice(elements))
        return fit[max(self.rng.randrange(len(fit)), self.rng.randrange(len(fit)))]

    def like(self, x, element=None):
        """Another value of x's shape."""
        element = element or x.element
        same = [v for v in self.values if v.shape == x.shape]
        fit = [v for v in same if v.element == element]
        if fit and self.rng.random() < 0.8:
            return self.rng.choice(fit)
        scalars = [v for v in self.values if not v.shape and v.element == element]
        if scalars and self.rng.random() < 0.5:
            return self.emit("broadcast", [self.rng.choice(scalars)], x.shape, element, f"{{dims = {array([])}}}")
        if same and self.rng.random() < 0.7:
            return self.emit("convert", [self.rng.choice(same)], x.shape, element)
        c = self.constant([], element)
        return self.emit("broadcast", [c], x.shape, element, f"{{dims = {array([])}}}") if x.shape else c

    def constant(self, shape, element):
        kind = Value("", shape, element).type
        if element == "i1":
            text = self.rng.choice(["true", "false"])
        elif element in FLOATS:
            text = repr(self.rng.choice([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -0.75, 1e-3, 100.0]))
            text = text if "e" in text or "." in text else text + ".0"
        else:
            text = str(self.rng.choice([0, 1, 2, 3, 5, 100] + ([] if element[0] == "u" else [-1, -7])))
        result = Value(f"%{self.prefix}{len(self.lines)}", shape, element)
        self.lines.append(f"{result.name} = weft.constant {{value = dense<{text}> : {kind}}} : () -> {kind}")
        self.values.append(result)
        return result

    # ------------------------------------------------------------------------------------------------ families

    def elementwise(self):
        name = self.rng.choice(self.elementwise_ops)
        row = OPS[name]
        varying = [t for _, t, _ in row.operands if t != "Bool"]
        x = self.pick(TAKES[varying[0]] if varying else ["i1"])
        operands = []
        for _, takes, _ in row.operands:
            if takes == "Bool" and varying:
                operands.append(self.predicate(x))
            else:
                operands.append(
                    x if not operands or operands[-1].element == "i1" and x.element != "i1" else self.like(x)
                )
        if name == "convert":
            result = self.rng.choice(TAKES["Any"])
        else:
            result = "i1" if row.results[0][1] == "Bool" else x.element
        self.emit(name, operands, x.shape, result)

    def predicate(self, x):
        fit = [v for v in self.values if v.element == "i1" and v.shape == x.shape]
        if fit and self.rng.random() < 0.5:
            return self.rng.choice(fit)
        compare = self.rng.choice(["lt", "ge", "ne"] if x.element != "i1" else ["eq", "ne"])
        return self.emit(compare, [x, self.like(x)], x.shape, "i1")

    def reduce(self):
        x = self.pick(condition=lambda v: v.shape)
        dims = sorted(self.rng.sample(range(len(x.shape)), self.rng.randint(1, len(x.shape))))
        kinds = ["and", "or"] if x.element == "i1" else ["add", "add", "mul", "max", "min"]
        kinds += ["and", "or"] if x.element in INTS else []
        kind = f"{{kind = #weft.reduce_kind<{self.rng.choice(kinds)}>, dims = {array(dims)}}}"
        rest = [s for i, s in enumerate(x.shape) if i not in dims]
        r = self.emit("reduce", [x], rest, x.element, kind)
        if self.rng.random() < 0.6:  # what softmax and layer norm do next
            keep = [i for i in range(len(x.shape)) if i not in dims]
            b = self.emit("broadcast", [r], x.shape, x.element, f"{{dims = {array(keep)}}}")
            op = self.rng.choice(["xor", "eq"] if x.element == "i1" else ["sub", "mul", "add", "max"])
            self.emit(op, [x, b], x.shape, "i1" if op == "eq" else x.element)

    def transpose(self):
        x = self.pick(condition=lambda v: len(v.shape) > 1)
        order = list(range(len(x.shape)))
        self.rng.shuffle(order)
        self.emit("transpose", [x], [x.shape[i] for i in order], x.element, f"{{permutation = {array(order)}}}")

    def reverse(self):
        x = self.pick(condition=lambda v: v.shape)
        dims = sorted(self.rng.sample(range(len(x.shape)), self.rng.randint(0, len(x.shape))))
        if dims:
            self.emit("reverse", [x], x.shape, x.element, f"{{dims = {array(dims)}}}")

    def broadcast(self):
        x = self.pick(condition=lambda v: v.count <= 100 and len(v.shape) < 4)
        shape = [Size(self.rng.choice(SIZES[:8])) if s.text == "1" else s for s in x.shape]
        at = self.rng.randint(0, len(shape))
        shape.insert(at, Size(self.rng.choice(SIZES[:8])))
        if np.prod([s.count for s in shape]) <= MOST_ELEMENTS:
            dims = [i for i in range(len(shape)) if i != at]
            self.emit("broadcast", [x], shape, x.element, f"{{dims = {array(dims)}}}")

    def reshape(self):
        x = self.pick(condition=lambda v: not any(s.named for s in v.shape))
        n, shape = x.count, []
        for factor in (2, 3):
            if n % factor == 0 and n and self.rng.random() < 0.5:
                shape.append(Size(factor))
                n //= factor
        shape.insert(self.rng.randint(0, len(shape)), Size(n))
        self.emit("reshape", [x], shape, x.element)

    def slice(self):
        x = self.pick(condition=lambda v: v.shape)
        starts, strides, shape = [], [], []
        for s in x.shape:
            if s.named or s.count < 2 or self.rng.random() < 0.3:
                start, stride, size = 0, 1, s
            else:
                start, stride = self.rng.randrange(s.count), self.rng.choice([1, 1, 2, 3])
                size = Size(self.rng.randint(1, (s.count - start - 1) // stride + 1))
            starts.append(start)
            strides.append(stride)
            shape.append(size)
        self.emit("slice", [x], shape, x.element, f"{{starts = {array(starts)}, strides = {array(strides)}}}")

    def pad(self):
        x = self.pick(condition=lambda v: v.shape and v.count < MOST_ELEMENTS // 4)
        value = next((v for v in self.values if not v.shape and v.element == x.element), None) or self.constant(
            [], x.element
        )
        low, high, interior, shape = [], [], [], []
        for s in x.shape:
            choice = (
                (0, 0, 0) if s.named else (self.rng.randint(0, 2), self.rng.randint(0, 2), self.rng.choice([0, 0, 1]))
            )
            low.append(choice[0])
            high.append(choice[1])
            interior.append(choice[2])
            shape.append(
                s if s.named else Size(choice[0] + choice[1] + s.count + (s.count - 1) * choice[2] * (s.count > 0))
            )
        attributes = f"{{low = {array(low)}, high = {array(high)}, interior = {array(interior)}}}"
        self.emit("pad", [x, value], shape, x.element, attributes)

    def along(self):
        """A value that has a dimension, and one of them."""
        x = self.pick(condition=lambda v: v.shape)
        return x, self.rng.randrange(len(x.shape))

    def flag(self):
        return self.rng.choice(["true", "false"])

    def cumulative(self):
        x, dim = self.along()
        if x.element == "i1":
            return
        kind = self.rng.choice(["add", "add", "mul", "max", "min"])
        attributes = f"{{kind = #weft.reduce_kind<{kind}>, dim = {dim} : i64, reverse = {self.flag()}}}"
        self.emit("cumulative", [x], x.shape, x.element, attributes)

    def sort(self):
        x, dim = self.along()
        name = self.rng.choice(["sort", "sort", "argsort"])
        element = x.element if name == "sort" else "i64"
        self.emit(name, [x], x.shape, element, f"{{dim = {dim} : i64, descending = {self.flag()}}}")

    def numbers(self, x):
        """Dimension numbers for windows of x: batch, dims, place of the index dimensions, their shape, the windows'."""
        batch = self.rng.choice([0, 0, 0, *range(len(x.shape))])
        window = x.shape[batch:]
        dims = sorted(self.rng.sample(range(batch, len(x.shape)), self.rng.randint(1, len(window))))
        at = self.rng.choice([0, 0, len(window), self.rng.randint(0, len(window))])
        index = [Size(self.rng.choice(SIZES[:6])) for _ in range(self.rng.choice([0, 1, 1, 2]))]
        sizes = []
        for i, s in enumerate(window, batch):
            small = [1, 1, 2] if s.named else [1, 1, self.rng.randint(1, max(s.count, 1))]
            sizes.append(Size(self.rng.choice(small)) if i in dims else s)
        return batch, dims, at, index, [*x.shape[:batch], *sizes[:at], *index, *sizes[at:]]

    def indices(self, x, batch, index, dims):
        """Indices on both sides of the bounds."""
        shape = [*x.shape[:batch], *index, Size(len(dims))]
        made = self.emit("iota", [], shape, "i32", f"{{dim = {self.rng.randrange(len(shape))} : i64}}")
        if self.rng.random() < 0.7:
            made = self.emit(self.rng.choice(["rem", "mul", "sub"]), [made, self.like(made)], shape, "i32")
        return made

    def gather(self):
        x = self.pick(condition=lambda v: v.shape and all(s.named or s.count for s in v.shape))
        batch, dims, at, index, windows = self.numbers(x)
        if np.prod([s.count for s in windows]) <= MOST_ELEMENTS:
            i = self.indices(x, batch, index, dims)
            self.emit("gather", [x, i], windows, x.element, self.places(batch, dims, at))

    def scatter(self):
        x = self.pick(condition=lambda v: v.shape and all(s.named or s.count for s in v.shape))
        batch, dims, at, index, windows = self.numbers(x)
        if np.prod([s.count for s in windows]) <= MOST_ELEMENTS:
            i = self.indices(x, batch, index, dims)
            kind = "set" if x.element == "i1" else self.rng.choice(["set", "add", "mul", "min", "max"])
            updates = self.like(Value("", windows, x.element))
            extra = f"kind = #weft.scatter_kind<{kind}>, "
            self.emit("scatter", [x, i, updates], x.shape, x.element, self.places(batch, dims, at, extra))

    def places(self, batch, dims, at, extra=""):
        bounds = self.rng.choice(["clamp", "drop"])
        return (
            f"{{{extra}batch = {batch} : i64, dims = {array(dims)}, at = {at} : i64, bounds = #weft.bounds<{bounds}>}}"
        )

    def concat(self):
        x = self.pick(condition=lambda v: v.shape and v.count < MOST_ELEMENTS // 4)
        fixed = [i for i, s in enumerate(x.shape) if not s.named]
        if not fixed:
            return
        dim = self.rng.choice(fixed)
        others = [
            v for v in self.values
            if v.element == x.element and len(v.shape) == len(x.shape) and not v.shape[dim].named
            and all(i == dim or a == b for i, (a, b) in enumerate(zip(v.shape, x.shape, strict=True)))
        ]  # fmt: skip
        parts = [x] + [self.rng.choice(others) for _ in range(self.rng.randint(1, 2))]
        shape = list(x.shape)
        shape[dim] = Size(sum(v.shape[dim].count for v in parts))
        if np.prod([s.count for s in shape]) <= MOST_ELEMENTS:
            self.emit("concat", parts, shape, x.element, f"{{dim = {dim} : i64}}")

    def iota(self):
        x = self.pick(TAKES["Number"], condition=lambda v: v.shape)
        self.emit("iota", [], x.shape, x.element, f"{{dim = {self.rng.randrange(len(x.shape))} : i64}}")

    def dot(self):
        x = self.pick(TAKES["Number"], condition=lambda v: 1 <= len(v.shape) <= 3)
        y = self.pick([x.element], condition=lambda v: any(s == t for s in v.shape for t in x.shape))
        pairs = [(i, j) for i, s in enumerate(x.shape) for j, t in enumerate(y.shape) if s == t]
        if not pairs:
            return
        self.rng.shuffle(pairs)
        used: list = []
        for i, j in pairs:
            if all(i != a and j != b for a, b in used) and len(used) < 2:
                used.append((i, j))
        # The first pair is contracted, a second one is a batch or contracted too.
        contract, batch = used[:1], used[1:]
        if self.rng.random() < 0.3:
            contract, batch = used, []
        shape = [x.shape[i] for i, _ in batch]
        shape += [s for i, s in enumerate(x.shape) if i not in [p[0] for p in used]]
        shape += [s for i, s in enumerate(y.shape) if i not in [p[1] for p in used]]
        if len(shape) > 4 or np.prod([s.count for s in shape]) > MOST_ELEMENTS:
            return
        attributes = ", ".join(
            f"{side}_{what} = {array([p[k] for p in chosen])}"
            for what, chosen in (("batch", batch), ("contract", contract))
            for k, side in enumerate(("lhs", "rhs"))
        )
        self.emit("dot", [x, y], shape, x.element, f"{{{attributes}}}")

    # ------------------------------------------------------------------------------------------------- control

    def inner(self, arguments):
        """A block of a region: grown, with as many ops as make sense inside."""
        block = Block(
            self.rng,
            f"{self.prefix}{len(self.lines)}_",
            arguments,
            self.elementwise_ops,
            self.depth + 1,
            self.structured,
        )
        block.grow(self.rng.randint(2, 8))
        return block

    def captured(self, count):
        chosen = [self.pick() for _ in range(count)]
        return chosen, [
            Value(f"%c{self.prefix}{len(self.lines)}_{i}", v.shape, v.element) for i, v in enumerate(chosen)
        ]

    def control_if(self):
        branches = self.rng.choice([2, 2, 3])
        chosen, _ = self.captured(self.rng.randint(1, 3))
        index = self.scalar("i1" if branches == 2 else "i64")
        wanted = [self.rng.choice(chosen) for _ in range(self.rng.randint(1, 2))]
        texts = []
        for k in range(branches):
            arguments = [
                Value(f"%b{self.prefix}{len(self.lines)}_{k}_{i}", v.shape, v.element) for i, v in enumerate(chosen)
            ]
            block = Block(
                self.rng,
                f"{self.prefix}{len(self.lines)}_{k}_",
                arguments,
                self.elementwise_ops,
                self.depth + 1,
                self.structured,
            )
            block.grow(self.rng.randint(1, 6))
            texts.append(block.region([block.of(v) for v in wanted]))
        results = self.results(wanted)
        captures = f"({', '.join(v.name for v in chosen)} : {', '.join(v.type for v in chosen)})"
        left = ", ".join(v.name for v in results)
        types = ", ".join(v.type for v in results)
        self.lines.append(
            f"{left} = weft.if {index.name} captures{captures} : {index.type} -> ({types}) {', '.join(texts)}"
        )
        self.values += results

    def control_for(self):
        count = self.rng.choice([s for v in self.values for s in v.shape] or [Size(3)])
        carries, carried = self.captured(self.rng.randint(1, 2))
        xs = [v for v in self.values if v.shape and v.shape[0] == count][: self.rng.randint(0, 2)]
        captures = [self.pick() for _ in range(self.rng.randint(0, 2))]
        tag = f"{self.prefix}{len(self.lines)}"
        arguments = [Value(f"%i{tag}", [], "i64"), *carried]
        arguments += [Value(f"%x{tag}_{i}", v.shape[1:], v.element) for i, v in enumerate(xs)]
        arguments += [Value(f"%k{tag}_{i}", v.shape, v.element) for i, v in enumerate(captures)]
        block = Block(self.rng, f"{tag}_", arguments, self.elementwise_ops, self.depth + 1, self.structured)
        block.grow(self.rng.randint(2, 8))
        rows = [
            v for v in [block.pick() for _ in range(self.rng.randint(0, 2))] if v.count * count.count <= MOST_ELEMENTS
        ]
        text = block.region([*[block.of(v) for v in carries], *rows])
        stacked = [Value("", [count, *v.shape], v.element) for v in rows]
        results = self.results([*carries, *stacked])
        line = ", ".join(v.name for v in results) + f" = weft.for #weft.size<{count.text}>"
        line += " reverse" if self.rng.random() < 0.3 else ""
        for word, values in (("carries", carries), ("xs", xs), ("captures", captures)):
            if values:
                line += f" {word}({', '.join(v.name for v in values)} : {', '.join(v.type for v in values)})"
        self.lines.append(f"{line} -> ({', '.join(v.type for v in results)}) {text}")
        self.values += results

    def results(self, like):
        return [Value(f"%r{self.prefix}{len(self.lines)}_{i}", v.shape, v.element) for i, v in enumerate(like)]

    def scalar(self, element):
        x = self.pick(TAKES["Plain"])
        if x.shape:
            x = self.emit("slice", [x], [Size(1)] * len(x.shape), x.element,
                          f"{{starts = {array([0] * len(x.shape))}, strides = {array([1] * len(x.shape))}}}") \
                if not any(s.named for s in x.shape) else self.constant([], x.element)  # fmt: skip
            if x.shape:
                x = self.emit("reshape", [x], [], x.element)
        return x if x.element == element else self.emit("convert", [x], [], element)

    def of(self, like):
        """The newest value of a shape and an element type."""
        fit = [v for v in self.values if v.shape == like.shape and v.element == like.element]
        return fit[-1] if fit else self.like(like)

    def region(self, yielded):
        arguments = ", ".join(f"{v.name}: {v.type}" for v in self.arguments)
        body = "\n".join(["  " + line for line in self.lines])
        end = f"  weft.yield {', '.join(v.name for v in yielded)} : {', '.join(v.type for v in yielded)}"
        return f"{{\n^bb0({arguments}):\n{body}\n{end}\n}}"

    def grow(self, ops):
        target = len(self.lines) + ops
        control = self.rng.randrange(ops) if self.depth < 2 and self.rng.random() < 0.5 else None
        while len(self.lines) < target:
            if control is not None and len(self.lines) >= target - ops + control:
                control = None
                step = self.rng.choice([Block.control_if, Block.control_for])
            else:
                step = Block.elementwise if self.rng.random() < 0.6 else self.rng.choice(self.structured)
            try:
                step(self)
            except Unfit:  # no value here is one for that op
                if not self.values:
                    self.constant([], "f32")


ELEMENTWISE = sorted(n for n, r in OPS.items() if r.family == "Elementwise" and (not r.attributes or n == "convert"))
# A seed names the same program for good: those before OPEN draw from the ops that there were at first.
FIRST = """
    abs acos acosh add and asin asinh atan atan2 atanh cbrt ceil convert cos cosh div eq erf erfc exp exp2 expm1
    floor ge gt is_finite is_inf is_nan le log log10 log1p log2 logistic lt max min mul ne neg not or pow rem round
    rsqrt select shift_left shift_right sign sin sinh sqrt stop_gradient sub tan tanh trunc xor
""".split()
STRUCTURED = [
    Block.reduce, Block.reduce, Block.transpose, Block.reverse, Block.broadcast, Block.reshape, Block.slice, Block.pad,
    Block.concat, Block.iota, Block.dot, Block.dot,
]  # fmt: skip
INDEXING = [Block.gather, Block.gather, Block.scatter, Block.scatter, Block.sort, Block.cumulative, Block.cumulative]


class Program:
    """The random program of a seed: its text and inputs.

    Attributes:
        text: .mlir. inputs: NumPy arrays.
    """

    def __init__(self, seed):
        rng = random.Random(seed)
        data = np.random.default_rng(seed)
        named = [Size(rng.choice(SIZES), name) for name in ("N", "M")] if rng.random() < 0.5 else []
        pool = [Size(rng.choice(SIZES)) for _ in range(3)] + named
        if seed < CHAINED:
            self.requests = [rng.choice(["vjp", "jvp"])] if rng.random() < 0.35 else []
        else:
            self.requests = [rng.choice(["vjp", "jvp", "vmap"]) for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        floats = ["f64", "f32"] if {"vjp", "jvp"} & {*self.requests} else ["f32", "f32", "f64", "f16"]
        arguments = []
        for i in range(rng.randint(1, 4)):
            shape = [rng.choice(pool) for _ in range(rng.choice([0, 1, 2, 2, 3]))]
            while np.prod([s.count for s in shape]) > MOST_ELEMENTS:
                shape.pop()
            element = rng.choice(floats) if rng.random() < 0.75 else rng.choice(["i32", "i64", "ui8", "i8", "i1"])
            arguments.append(Value(f"%a{i}", shape, element))
        # A symbol is solved from a size that is the symbol alone.
        for size in named:
            arguments.append(Value(f"%n{size.text}", [size], rng.choice(floats)))
        structured = STRUCTURED if seed < INDEXED else STRUCTURED + INDEXING
        block = Block(rng, "v", arguments, FIRST if seed < OPEN else ELEMENTWISE, 0, structured)
        block.grow(rng.randint(10, 40))
        results = [rng.choice(block.values[-8:]) for _ in range(rng.randint(1, 3))]
        results += [v for v in block.values[-1:] if v not in results]
        # Arrays of bf16 are no matter of NumPy: they leave as f32, exactly.
        results = [block.emit("convert", [v], v.shape, "f32") if v.element == "bf16" else v for v in results]
        body = "\n".join(block.lines)
        outs = ", ".join(v.type for v in results)
        given = ", ".join(f"{v.name}: {v.type}" for v in arguments)
        end = f"return {', '.join(v.name for v in results)} : {outs}"
        head = "func.func private @f0" if self.requests else "func.func @main"
        self.text = f"{head}({given}) -> ({outs}) {{\n{body}\n{end}\n}}\n"
        for depth, request in enumerate(self.requests):
            callee, name = f"@f{depth}", f"@f{depth + 1}" if depth + 1 < len(self.requests) else "@main"
            wrapped = self.batched if request == "vmap" else self.derived
            arguments, results = wrapped(rng, request, callee, name, arguments, results)
        self.inputs = [self.sample(data, v) for v in arguments]
        self.num_results = len(results)

    def derived(self, rng, request, callee, name, arguments, results):
        """A function that asks for a derivative of another; gives its arguments and results."""
        active = [v.element in FLOATS for v in arguments]
        floating = [v for v in results if v.element in FLOATS]
        moving = [v for v, a in zip(arguments, active, strict=True) if a]
        extra = floating if request == "vjp" else moving
        given = arguments + [Value(f"%t{len(arguments)}_{i}", v.shape, v.element) for i, v in enumerate(extra)]
        out = results + (moving if request == "vjp" else floating)
        self.asks(request, callee, name, given, out, f"active = {self.mask(active)}")
        return given, out

    def batched(self, rng, request, callee, name, arguments, results):
        """A function that asks for another over a leading axis of its own; gives its arguments and results."""
        taken = [rng.random() < 0.7 for _ in arguments]
        taken[rng.randrange(len(taken))] = True
        number = len(re.findall(r"weft\.vmap", self.text))
        size = Size(rng.choice([1, 2, 3, 5]), f"K{number}" if rng.random() < 0.4 else None)
        if size.named:  # solved from an argument
            taken[-1] = True
        given = [
            Value(v.name, [size, *v.shape] if t else v.shape, v.element) for v, t in zip(arguments, taken, strict=True)
        ]
        out = [Value("", [size, *v.shape], v.element) for v in results]
        self.asks(request, callee, name, given, out, f"batched = {self.mask(taken)}, size = #weft.size<{size.text}>")
        return given, out

    def asks(self, request, callee, name, given, out, attributes):
        operands, types = ", ".join(v.name for v in given), ", ".join(v.type for v in out)
        signature = f"({', '.join(v.type for v in given)}) -> ({types})"
        visibility = "" if name == "@main" else "private "
        self.text += f"""func.func {visibility}{name}({", ".join(f"{v.name}: {v.type}" for v in given)}) -> ({types}) {{
%r:{len(out)} = weft.{request} {callee}({operands}) {{{attributes}}} : {signature}
return {", ".join(f"%r#{i}" for i in range(len(out)))} : {types}
}}
"""

    @staticmethod
    def mask(bits):
        return f"array<i1: {', '.join(str(b).lower() for b in bits)}>"

    @staticmethod
    def sample(data, value):
        shape = [s.count for s in value.shape]
        kind = np.dtype(NUMPY[value.element])
        if kind.kind == "f":
            x = (data.standard_normal(shape) * 2).astype(kind)
            if data.random() < 0.2 and x.size:
                x.flat[data.integers(x.size)] = data.choice([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e4])
            return np.asarray(x)
        if kind.kind == "b":
            return np.asarray(data.random(shape) < 0.5)
        low, high = (-20, 20) if data.random() < 0.7 else (np.iinfo(kind).min, np.iinfo(kind).max)
        return np.asarray(data.integers(max(low, np.iinfo(kind).min), high, shape, dtype=kind, endpoint=True))


def difference(program):
    """Compiles and runs a program; None, or what is wrong with it."""
    module = _weft.ir.Module.parse(program.text, context=_weft.ir.Context())
    resolved = module.clone()
    _weft.pipeline(resolved, "traced", "resolved", "")
    compiled = compiler.compile_module(module, compiler.options(numerics="strict"))
    got = [np.asarray(r) for r in compiled.program([asarray(a) for a in program.inputs])]
    given = [
        (dtypes.dtype(a.dtype).code, a.shape, np.ascontiguousarray(a).reshape(-1).view(np.uint8).tobytes())
        for a in program.inputs
    ]
    want = _weft.reference(resolved, "main", given, program.num_results)
    for i, (g, (code, shape, raw)) in enumerate(zip(got, want, strict=True)):
        w = np.frombuffer(raw, dtypes.BY_CODE[code].numpy).reshape(shape)
        if g.shape != w.shape or g.dtype != w.dtype:
            return f"result {i} is {g.dtype}{g.shape}, by the reference {w.dtype}{w.shape}"
        bits = np.dtype(f"u{w.dtype.itemsize}")
        wrong = np.asarray(g).view(bits) != w.view(bits) if w.ndim else np.asarray(g.tobytes() != w.tobytes())
        if w.dtype.kind == "f":
            wrong &= ~(np.isnan(g) & np.isnan(w))
        if wrong.any():
            at = tuple(int(k[0]) for k in np.nonzero(wrong)) if w.ndim else ()
            found = f"{g[at]!r}, by the reference {w[at]!r}"
            return f"result {i}: {int(wrong.sum())} of {w.size} differ, first at {at}: {found}"
    return None


class Coverage:
    """How many programs each op stood in: in all, and under each transformation."""

    def __init__(self):
        self.programs = collections.Counter()
        self.under = {"jvp": collections.Counter(), "vjp": collections.Counter(), "vmap": collections.Counter()}

    def add(self, program):
        ops = {*re.findall(r"weft\.(\w+) ", program.text)} & {*OPS}
        self.programs.update(ops)
        for request in {*program.requests}:
            self.under[request].update(ops)

    def __str__(self):
        rows = [f"{'op':16}{'programs':>10}" + "".join(f"{name:>8}" for name in self.under)]
        for op, count in sorted(self.programs.items(), key=lambda item: item[1]):
            rows.append(f"{op:16}{count:10}" + "".join(f"{counts[op]:8}" for counts in self.under.values()))
        return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int, nargs="?", help="one past the last seed")
    parser.add_argument("--text", action="store_true", help="print the program instead of running it")
    options = parser.parse_args()
    bad, coverage = 0, Coverage()
    for seed in range(options.first, options.last or options.first + 1):
        program = Program(seed)
        if options.text:
            print(program.text)
            continue
        coverage.add(program)
        # Unbuffered, so that a crash is known by its seed.
        os.write(2, f"\r{seed} ".encode())
        signal.alarm(PATIENCE)
        try:
            wrong = difference(program)
        except Exception as error:  # a program that is not compiled is a finding too
            wrong = f"{type(error).__name__}: {str(error)[:1500]}"
        if wrong:
            bad += 1
            print(f"seed {seed}: {wrong}", flush=True)
    if not options.text:
        print(coverage)
        print(f"{bad} programs are wrong")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
