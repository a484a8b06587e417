"""A block of a random program: its values, and how a value that fits an op is found or made.

Decides what sizes, values and lines are; which ops there are is the matter of graph_families.py and graph_control.py,
and which of them a seed draws from that of graph_program.py (its kit).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from weft._src._op_table import OPS

FLOATS, INTS = ["f32", "f64", "f16", "bf16"], ["i8", "i16", "i32", "i64", "ui8", "ui16", "ui32", "ui64"]
TAKES = {
    "Float": FLOATS, "Number": FLOATS + INTS, "Int": INTS, "IntOrBool": [*INTS, "i1"], "Bool": ["i1"],
    "Plain": [*FLOATS, *INTS, "i1"], "Any": [*FLOATS, *INTS, "i1"],
}  # fmt: skip
MOST_ELEMENTS = 3000
# Small, on both sides of the lanes of any target, and one past the rows of a tile.
SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33]
KEY = "!weft.key"


class Size:
    """A size: `count` elements, in the program's text a number or `factor * symbol + more`."""

    def __init__(self, count, symbol=None, factor=1, more=0):
        self.count, self.symbol, self.factor, self.more = count, symbol, factor, more
        self.text = str(count)
        if symbol:
            self.text = (f"{factor}*" if factor > 1 else "") + symbol + (f"+{more}" if more else "")

    @property
    def named(self):
        return self.symbol is not None

    def times(self, n):
        return Size(self.count * n, self.symbol, self.factor * n, self.more * n)

    def plus(self, n):
        return Size(self.count + n, self.symbol, self.factor, self.more + n)

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


class Kit(NamedTuple):
    """What a seed draws from.

    Attributes:
        elementwise: names of ops. structured: functions of a block that add ops. control: those that add regions.
        rate: how likely a step is one of control; 0: at most one in a block, in every second block.
    """

    elementwise: list
    structured: list[Callable]
    control: list[Callable]
    rate: float = 0.0


def array(values):
    return f"array<i64{': ' if values else ''}{', '.join(map(str, values))}>"


def listed(values):
    """Names and types, as captures and operands of regions are listed."""
    return f"{', '.join(v.name for v in values)} : {', '.join(v.type for v in values)}"


class Block:
    """A block under construction: the values that can be read, and its lines.

    Attributes:
        values, keys: what can be read; keys of random numbers stand apart, for few ops take them.
        functions: the texts of the private functions that the program calls, shared by all its blocks.
    """

    def __init__(self, rng, prefix, arguments, kit, depth=0, functions=None):
        self.rng, self.prefix, self.kit, self.depth = rng, prefix, kit, depth
        self.functions = [] if functions is None else functions
        self.arguments, self.lines = list(arguments), []
        self.values = [v for v in arguments if v.element != KEY]
        self.keys = [v for v in arguments if v.element == KEY]

    def child(self, prefix, arguments):
        """The block of a region, or of a function."""
        return Block(self.rng, prefix, arguments, self.kit, self.depth + 1, self.functions)

    # ------------------------------------------------------------------------------------------------ building

    def emit(self, op, operands, shape, element, attributes=""):
        result = Value(f"%{self.prefix}{len(self.lines)}", shape, element)
        if op == "convert":
            attributes = f"{{dtype = {element}}}"
        names, types = ", ".join(v.name for v in operands), ", ".join(v.type for v in operands)
        return self.add(f"{result.name} = weft.{op} {names} {attributes} : ({types}) -> {result.type}", result)

    def add(self, line, *results):
        """Appends a line that defines values; gives the first of them."""
        self.lines.append(line)
        for v in results:
            (self.keys if v.element == KEY else self.values).append(v)
        return results[0] if results else None

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
        if element == "i1":
            text = self.rng.choice(["true", "false"])
        elif element in FLOATS:
            text = repr(self.rng.choice([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -0.75, 1e-3, 100.0]))
            text = text if "e" in text or "." in text else text + ".0"
        else:
            text = str(self.rng.choice([0, 1, 2, 3, 5, 100] + ([] if element[0] == "u" else [-1, -7])))
        return self.fixed(text, shape, element)

    def fixed(self, text, shape, element):
        """A constant of given text."""
        result = Value(f"%{self.prefix}{len(self.lines)}", shape, element)
        kind = result.type
        return self.add(f"{result.name} = weft.constant {{value = dense<{text}> : {kind}}} : () -> {kind}", result)

    # --------------------------------------------------------------------------------------------------- steps

    def elementwise(self):
        name = self.rng.choice(self.kit.elementwise)
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

    def results(self, like):
        return [Value(f"%r{self.prefix}{len(self.lines)}_{i}", v.shape, v.element) for i, v in enumerate(like)]

    def scalar(self, element):
        x = self.pick(TAKES["Plain"])
        if x.shape:
            x = self.emit("slice", [x], [Size(1)] * len(x.shape), x.element,
                          f"{{starts = {array([0] * len(x.shape))}, strides = {array([1] * len(x.shape))}}}") \
                if x.count and not any(s.named for s in x.shape) else self.constant([], x.element)  # fmt: skip
            if x.shape:
                x = self.emit("reshape", [x], [], x.element)
        return x if x.element == element else self.emit("convert", [x], [], element)

    def of(self, like):
        """The newest value of a shape and an element type."""
        among = self.keys if like.element == KEY else self.values
        fit = [v for v in among if v.shape == like.shape and v.element == like.element]
        return fit[-1] if fit else self.like(like)

    def region(self, yielded):
        arguments = ", ".join(f"{v.name}: {v.type}" for v in self.arguments)
        body = "\n".join(["  " + line for line in self.lines])
        end = f"  weft.yield {', '.join(v.name for v in yielded)} : {', '.join(v.type for v in yielded)}"
        return f"{{\n^bb0({arguments}):\n{body}\n{end}\n}}"

    def grow(self, ops):
        """Adds at least so many ops."""
        target = len(self.lines) + ops
        kit, first = self.kit, len(self.lines)
        at = None
        if not kit.rate and self.depth < 2 and self.rng.random() < 0.5:
            at = first + self.rng.randrange(ops)
        while len(self.lines) < target:
            if at is not None and len(self.lines) >= at:
                at = None
                step = self.rng.choice(kit.control)
            elif kit.rate and self.depth < 2 and self.rng.random() < kit.rate:
                step = self.rng.choice(kit.control)
            else:
                step = self.rng.choice(kit.structured) if self.rng.random() >= 0.6 else Block.elementwise
            try:
                step(self)
            except Unfit:  # no value here is one for that op
                if not self.values:
                    self.constant([], "f32")
