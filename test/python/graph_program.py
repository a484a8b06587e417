"""The random program of a seed.

Decides what a seed stands for, for good: a stored seed names the same program after the generator has grown. Ranges of
seeds have kits of ops, and chains of requests (jvp, vjp, vmap) on top:

    0 ...           10 to 40 ops of the first families, one loop or branch in a block, at most one derivative
    CHAINED ...     up to three requests, each of the function that the one before it made
    OPEN ...        every elementwise op of the dialect
    INDEXED ...     and the ops of indexing, sorting and running folds
    EVERY ...       10 to 60 ops, and every op of the dialect: windows, keys, effects, sizes that are formulas and sizes
                    that are values, all kinds of control, calls, rules of a function's own, requests inside of programs
    FACTORED ...    and linear algebra; effects, keys, sorting and comparisons more often
    RARER ...       most of all factorisations, and matrices that loops read packed
    NAMED ...       and composites
    NETWORKS ...    and those of networks
    BARRIERS ...    and optimization_barrier
"""

import random
import re

import graph_control
import graph_families
import graph_networks
import numpy as np
from graph_block import FLOATS, MOST_ELEMENTS, SIZES, Block, Kit, Size, Value, listed
from weft._src._op_table import OPS

NUMPY = {"f32": "f4", "f64": "f8", "f16": "f2", "i1": "?"} | {
    n: ("u" if n[0] == "u" else "i") + str(int(n.lstrip("ui")) // 8)
    for n in ("i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64")
}
CHAINED, OPEN, INDEXED, EVERY, FACTORED = 10_000, 20_000, 30_000, 40_000, 60_000
RARER, NAMED, NETWORKS, BARRIERS = 80_000, 100_000, 120_000, 140_000
COMPOSITE = ["gelu_tanh"]  # elementwise ones
ELEMENTWISE = sorted(
    n for n, r in OPS.items()
    if r.family == "Elementwise" and (not r.attributes or n == "convert") and n not in COMPOSITE
)  # fmt: skip
# Those before OPEN draw from the ops that there were at first.
FIRST = """
    abs acos acosh add and asin asinh atan atan2 atanh cbrt ceil convert cos cosh div eq erf erfc exp exp2 expm1
    floor ge gt is_finite is_inf is_nan le log log10 log1p log2 logistic lt max min mul ne neg not or pow rem round
    rsqrt select shift_left shift_right sign sin sinh sqrt stop_gradient sub tan tanh trunc xor
""".split()


def kit_of(seed, rng):
    """The kit of a seed. Those from EVERY on have one kind of effects in every third program."""
    structured = graph_families.STRUCTURED
    if seed < INDEXED:
        return Kit(FIRST if seed < OPEN else ELEMENTWISE, structured, graph_control.FIRST)
    structured = structured + graph_families.INDEXING
    if seed < EVERY:
        return Kit(ELEMENTWISE, structured, graph_control.FIRST)
    structured = structured + graph_families.NAMED + graph_families.MORE
    tells = [graph_families.tell, graph_families.check]
    if seed < FACTORED:
        effects = rng.choice([[], [], [], tells, [graph_families.callback] * 2])
        return Kit(ELEMENTWISE, structured + effects, graph_control.EVERY, rate=0.1)
    structured = structured + graph_families.FACTORS + graph_families.RARE
    elementwise = ELEMENTWISE
    if seed >= NAMED:
        elementwise, structured = ELEMENTWISE + COMPOSITE, structured + [graph_families.softmax] * 2
    if seed >= NETWORKS:
        structured = structured + graph_networks.NETWORKS
    if seed >= BARRIERS:
        structured = structured + graph_families.BARRIERS
    effects, control = rng.choice([[], [], tells * 2, tells * 2, [graph_families.callback] * 3]), graph_control.EVERY
    if RARER <= seed < NAMED:
        structured = structured + graph_families.RARER
        control = control + [graph_control.control_packed] * rng.choice([0, 0, 4])
    return Kit(elementwise, structured + effects, control, rate=0.1)


class Program:
    """The random program of a seed: its text and inputs.

    Attributes:
        seed: its number. text: .mlir. inputs: NumPy arrays. requests: the chain, innermost first.
        num_results: how many arrays it returns.
    """

    def __init__(self, seed):
        self.seed, rng = seed, random.Random(seed)
        data = np.random.default_rng(seed)
        named = [Size(rng.choice(SIZES), name) for name in ("N", "M")] if rng.random() < 0.5 else []
        pool = [Size(rng.choice(SIZES)) for _ in range(3)] + named
        if seed >= EVERY and rng.random() < 0.05:
            pool.append(Size(0))
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
        block = Block(rng, "v", arguments, kit_of(seed, rng))
        if seed < EVERY:
            block.grow(rng.randint(10, 40))
            results = [rng.choice(block.values[-8:]) for _ in range(rng.randint(1, 3))]
            results += [v for v in block.values[-1:] if v not in results]
        else:
            block.grow(rng.choice([10, 15, 20, 25, 30, 40, 60]))
            results = self.unread(rng, block)
        # Arrays of bf16 are no matter of NumPy: they leave as f32, exactly.
        results = [block.emit("convert", [v], v.shape, "f32") if v.element == "bf16" else v for v in results]
        body = "\n".join(block.lines)
        outs = ", ".join(v.type for v in results)
        given = ", ".join(f"{v.name}: {v.type}" for v in arguments)
        head = "func.func private @f0" if self.requests else "func.func @main"
        self.text = f"{head}({given}) -> ({outs}) {{\n{body}\nreturn {listed(results)}\n}}\n"
        self.text += "".join(block.functions)
        for depth, request in enumerate(self.requests):
            callee, name = f"@f{depth}", f"@f{depth + 1}" if depth + 1 < len(self.requests) else "@main"
            wrapped = self.batched if request == "vmap" else self.derived
            arguments, results = wrapped(rng, request, callee, name, arguments, results)
        self.inputs = [self.sample(data, v) for v in arguments]
        self.num_results = len(results)

    @staticmethod
    def unread(rng, block):
        """Values that nothing reads, and the last one: with them as results, little is dead."""
        read = re.findall(r"%\w+", "\n".join(line.split(" = ", 1)[-1] for line in block.lines))
        ends = [v for v in block.values if v.name not in {*read} and v not in block.arguments]
        chosen = rng.sample(ends, min(len(ends), rng.randint(2, 8)))
        return chosen or block.values[-1:]

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
