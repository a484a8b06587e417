"""The meaning of the ops without regions by NumPy, and their derivatives: what graph_numpy.py evaluates programs by.

Decides for each op its value on arrays, and its tangent as ops again, so that duals of duals work. Elementwise values
are those of the op table. Where a derivative is not documented (a running extremum with ties), it is NaN: not known.
"""

import ast
import itertools
import re

import graph_networks
import numpy as np
from op_table import ELEMENTWISE, threefry
from weft._src import dtypes

_SHORT = {"i1": "bool", "f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"}
_SHORT |= {
    f"{sign}{bits}": f"{word}{bits}" for sign, word in (("i", "int"), ("ui", "uint")) for bits in (8, 16, 32, 64)
}
DTYPE = {short: dtypes.BY_NAME[name].numpy for short, name in _SHORT.items()} | {"!weft.key": np.dtype(np.uint64)}
CODE = {dtype: short for short, dtype in DTYPE.items()}
REAL = {DTYPE[e] for e in ("f16", "bf16", "f32", "f64")}
ROWS = {row.name: row for row in ELEMENTWISE}
# Of these IEEE arithmetic says every bit; the rest is perturbed.
EXACT = {
    "neg", "abs", "sign", "floor", "ceil", "trunc", "round", "stop_gradient", "sqrt", "is_nan", "is_inf", "is_finite",
    "not", "add", "sub", "mul", "strong_mul", "div", "rem", "max", "min", "and", "or", "xor", "shift_left",
    "shift_right", "eq", "ne", "lt", "le", "gt", "ge", "select", "convert", "checkpoint_name",
    "optimization_barrier",
}  # fmt: skip


MOST_OPS = 6000  # of one run
SUMS = {"reduce", "cumulative", "dot", "convolution", "reduce_window", "scatter"}


class Dual:
    """value + tangent * e with e * e = 0; of different e, the one of the greater tag is outermost."""

    tags = itertools.count(1)

    def __init__(self, tag, value, tangent):
        self.tag, self.value, self.tangent = tag, value, tangent

    @staticmethod
    def fresh():
        return next(Dual.tags)

    @staticmethod
    def parts(x, tag):
        """The value and the tangent of a tag; None for no tangent."""
        return (x.value, x.tangent) if isinstance(x, Dual) and x.tag == tag else (x, None)


class TooLarge(Exception):
    """More ops than are worth the time."""


def plain(x):
    while isinstance(x, Dual):
        x = x.value
    return x


def is_real(x):
    return x is not None and plain(x).dtype in REAL


class Rules:
    """Ops on arrays and duals.

    Args:
        noise: a NumPy generator that perturbs what is not exact, or None.

    Attributes:
        endless: whether a number that is not finite was met. In reverse mode a zero times an infinite slope is NaN
            where forward mode, as here, drops the direction before.
        vague: whether a tangent was not known: then no derivative of it is.
    """

    def __init__(self, noise):
        self.noise, self.left, self.tangents = noise, MOST_OPS, 0
        self.endless = self.vague = False
        # Some runs round as NumPy does: noise never gives what is exact by chance, such as erfc(0).
        self.quiet = noise is None or noise.random() < 0.2
        # Others err more, so that what is next to a step of an op on either side shows that it is.
        self.units = 3 if noise is None else noise.choice([3, 12, 48])

    # ------------------------------------------------------------------------------------------------ conveniences

    value = staticmethod(plain)

    def shape(self, x):
        return plain(x).shape

    def size(self, x):
        return plain(x).size

    def zeros(self, element, shape):
        return np.zeros(shape, DTYPE[element])

    def zeros_like(self, x):
        return np.zeros_like(plain(x))

    def doubtful(self, gradient):
        """A gradient inside of a program; in runs with noise all NaN or without any where one of the modes may have met
        0 times infinity: what is made of it is then not known."""
        if self.noise is None or not (self.endless or self.vague):
            return gradient
        if isinstance(gradient, Dual):
            return Dual(gradient.tag, self.doubtful(gradient.value), self.doubtful(gradient.tangent))
        if self.noise.random() < 0.5:
            return np.full_like(gradient, np.nan)
        return np.where(np.isfinite(gradient), gradient, self.noise.normal(size=gradient.shape).astype(gradient.dtype))

    def one_hot(self, x, at):
        made = np.zeros_like(plain(x))
        if at is not None:
            made[at] = 1
        return made

    def do(self, name, *xs, shape=None, element=None, **attributes):
        dtype = DTYPE[element] if element else plain(xs[-1]).dtype
        return self._apply(name, list(xs), attributes, dtype, plain(xs[0]).shape if shape is None else shape)

    def add(self, x, y):
        return self.do("add", x, y)

    def sum_of(self, x, y):
        """Of scalars that may be None."""
        return y if x is None else x if y is None else self._wide("add", x, y)

    def _wide(self, name, x, y):
        return self.do(name, self._double(x), self._double(y))

    def _double(self, x):
        return x if plain(x).dtype == np.float64 else self.do("convert", x, element="f64")

    def total(self, xs, weights):
        """The sum over all elements of the products of values and weights, where both are there: a scalar of f64."""
        out = None
        for x, w in zip(xs, weights, strict=True):
            if x is None or w is None:
                continue
            product = self._wide("mul", x, w)
            dims = list(range(plain(product).ndim))
            out = self.sum_of(out, self.do("reduce", product, shape=(), kind="add", dims=dims) if dims else product)
        return np.zeros((), np.float64) if out is None else out

    def gathered(self, elements, like):
        """Scalars as an array in the shape and dtype of `like`."""
        shape, dtype = plain(like).shape, plain(like).dtype
        if not elements:
            return np.zeros(shape, dtype)
        made = self.do("reshape", self.stack(elements), shape=shape)
        return made if plain(made).dtype == dtype else self._apply("convert", [made], {}, dtype, shape)

    def row(self, x, i):
        if isinstance(x, Dual):
            return Dual(x.tag, self.row(x.value, i), self.row(x.tangent, i))
        return np.asarray(x[i])

    def stack(self, xs):
        if any(x is None for x in xs):
            return None
        tag = max((x.tag for x in xs if isinstance(x, Dual)), default=None)
        if tag is None:
            return np.stack(xs)
        parts = [Dual.parts(x, tag) for x in xs]
        return Dual(tag, self.stack([p for p, _ in parts]),
                    self.stack([self.zeros_like(p) if t is None else t for p, t in parts]))  # fmt: skip

    # ------------------------------------------------------------------------------------------------------- apply

    def apply(self, name, xs, attributes, element, shape):
        """One op; `element` and `shape` are those of the result."""
        return self._apply(name, xs, attributes, DTYPE[element], shape)

    def _apply(self, name, xs, attributes, dtype, shape):
        if name in graph_networks.MADE_OF:
            return graph_networks.composite(self, name, xs, attributes, CODE[dtype])
        tag = max((x.tag for x in xs if isinstance(x, Dual)), default=None)
        if tag is None:
            with np.errstate(all="ignore"):
                return self._evaluate(name, xs, attributes, dtype, shape)
        primals, tangents = zip(*(Dual.parts(x, tag) for x in xs), strict=True)
        y = self._apply(name, list(primals), attributes, dtype, shape)
        self.tangents += 1  # a derivative is right by any formula for it: nothing is exact
        tangent = self._tangent(name, primals, tangents, y, attributes, dtype, shape) if dtype in REAL else None
        self.tangents -= 1
        return y if tangent is None else Dual(tag, y, tangent)

    # ------------------------------------------------------------------------------------------------------ values

    def jittered(self, y, dtype):
        """The same, some units of dtype up or down."""
        return self._jitter(y, "", dtype)

    def _jitter(self, y, name, dtype):
        """Some units in the last place up or down."""
        if self.quiet or dtype not in REAL or not y.size:
            return y
        limits = dtypes.finfo(dtypes.dtype(dtype))
        eps = float(limits.eps)
        eps = eps**0.5 if name == "erf_inv_coarse" else 16 * eps if name == "gelu_tanh" else eps
        y = y * (1 + self.units * eps * self.noise.uniform(-1, 1, y.shape))
        # Below the least normal number there may be nothing, or half a unit.
        below = (np.abs(y) < float(limits.smallest_normal)) & (self.noise.random(y.shape) < 0.5)
        return np.where(below, np.copysign(np.zeros_like(y), y), y)

    def _evaluate(self, name, xs, attributes, dtype, shape):
        y = self._result(name, xs, attributes, dtype, shape)
        self.endless |= dtype in REAL and not np.isfinite(y.astype(np.float64)).all()
        return y

    def _result(self, name, xs, attributes, dtype, shape):
        self.left -= 1
        if self.left < 0:
            raise TooLarge
        if name in ROWS or name in ("convert", "checkpoint_name", "optimization_barrier", "stop_gradient"):
            return np.asarray(self._elementwise(name, xs, dtype))  # NumPy makes numbers of arrays without axes
        y = getattr(self, f"_v_{name}")(xs, attributes, dtype, shape)
        if name in SUMS and self.noise is not None and dtype in REAL:
            # Whether a sum that is 0 has a sign depends on what it begins with, and on the order.
            y = np.where(np.asarray(y) == 0, np.copysign(0.0, self.noise.uniform(-1, 1, np.shape(y))), y)
        y = np.asarray(y)
        assert y.shape == tuple(shape), f"{name} gives {y.shape}, not {shape}"
        return y if y.dtype == dtype else convert(y, dtype)

    def _elementwise(self, name, xs, dtype):
        if name in ("checkpoint_name", "optimization_barrier", "stop_gradient"):
            return xs[0]
        if name == "convert":
            y = convert(xs[0], dtype)
            if self.tangents and y.dtype in REAL and xs[0].dtype in REAL:  # reverse mode rounds another number here
                rough = min(y.dtype, xs[0].dtype, key=lambda d: float(-dtypes.finfo(dtypes.dtype(d)).eps))
                y = self._jitter(y.astype(np.float64), name, rough).astype(dtype)
            return y
        if name == "select":
            return np.where(*xs)
        row, real = ROWS[name], xs[-1].dtype in REAL
        if not real:
            return np.asarray((row.ints or row.numpy)(*xs)).astype(dtype)
        if name in ("erf_inv", "erf_inv_coarse"):
            y = _erf_inv(xs[0].astype(np.float64))
        else:
            # Wider than f64 only where it is f64's own bits that count.
            wide = np.float64 if name in EXACT or xs[-1].dtype != np.float64 else np.longdouble
            y = np.asarray(row.numpy(*[x.astype(wide) for x in xs]))
        if dtype == np.bool_:
            return y.astype(bool)
        if name not in EXACT or self.tangents and name in ("add", "sub", "mul", "div"):
            y = self._jitter(y.astype(np.float64), name, dtype)
        return y.astype(dtype)

    def _accumulated(self, x, dtype):
        """Operands of a sum: integers wrap, floats are wide and perturbed in place of another order of summing."""
        if dtype not in REAL:
            return x
        inner = np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)
        return self._jitter(x.astype(np.float64), "sum", inner)

    def _v_constant(self, xs, a, dtype, shape):
        text = a["value"].replace("true", "True").replace("false", "False")
        if not text:
            return np.zeros(shape, dtype)
        if match := re.fullmatch(r"0x([0-9A-F]+)", text):
            bits = np.dtype(f"u{dtype.itemsize}")
            return np.full(shape, np.array(int(match.group(1), 16), bits).view(dtype))
        made = ast.literal_eval(text)
        return np.broadcast_to(np.asarray(made, np.float64 if dtype in REAL else dtype).astype(dtype), shape)

    def _v_iota(self, xs, a, dtype, shape):
        index = np.arange(shape[a["dim"]]).reshape([-1 if i == a["dim"] else 1 for i in range(len(shape))])
        return np.broadcast_to(convert(index, dtype), shape)

    def _v_reshape(self, xs, a, dtype, shape):
        return xs[0].reshape(shape)

    def _v_broadcast(self, xs, a, dtype, shape):
        sizes = [1] * len(shape)
        for i, dim in enumerate(a["dims"]):
            sizes[dim] = xs[0].shape[i]
        return np.broadcast_to(xs[0].reshape(sizes), shape)

    def _v_transpose(self, xs, a, dtype, shape):
        return xs[0].transpose(a["permutation"])

    def _v_reverse(self, xs, a, dtype, shape):
        return np.flip(xs[0], tuple(a["dims"]))

    def _v_slice(self, xs, a, dtype, shape):
        at = [slice(s, s + (n - 1) * step + 1 if n else s, step)
              for s, step, n in zip(a["starts"], a["strides"], shape, strict=True)]  # fmt: skip
        return xs[0][tuple(at)]

    def _v_pad(self, xs, a, dtype, shape):
        out = np.full(shape, xs[1], dtype)
        at = [slice(low, low + (n - 1) * (between + 1) + 1 if n else low, between + 1)
              for low, between, n in zip(a["low"], a["interior"], xs[0].shape, strict=True)]  # fmt: skip
        out[tuple(at)] = xs[0]
        return out

    def _v_concat(self, xs, a, dtype, shape):
        return np.concatenate(xs, axis=a["dim"])

    def _v_reduce(self, xs, a, dtype, shape):
        return self._fold(a["kind"], xs[0], tuple(a["dims"]), dtype)

    def _fold(self, kind, x, axes, dtype):
        if kind in ("and", "or"):
            return {"and": np.bitwise_and, "or": np.bitwise_or}[kind].reduce(x, axis=axes)
        if kind in ("add", "mul"):
            x = self._accumulated(x, dtype)
            return (np.add if kind == "add" else np.multiply).reduce(x, axis=axes, dtype=x.dtype)
        return (np.maximum if kind == "max" else np.minimum).reduce(x, axis=axes, initial=_neutral(kind, dtype))

    def _v_softmax(self, xs, a, dtype, shape):
        axes = tuple(a["dims"])
        inner = np.dtype(np.float64) if dtype == np.float64 else np.dtype(np.float32)
        x = xs[0].astype(np.float64)
        shifted = self._jitter(x - x.max(axis=axes, keepdims=True, initial=-np.inf), "sub", inner)
        power = self._jitter(np.exp(shifted), "exp", inner)
        total = self._jitter(power.sum(axis=axes, keepdims=True), "sum", inner)
        return shifted - self._jitter(np.log(total), "log", inner) if a["log"] else power / total

    def _v_cumulative(self, xs, a, dtype, shape):
        x = self._accumulated(xs[0], dtype) if a["kind"] in ("add", "mul") else xs[0]
        f = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}[a["kind"]]
        x = np.flip(x, a["dim"]) if a["reverse"] else x
        y = f.accumulate(x, axis=a["dim"], dtype=x.dtype) if x.size else x
        return np.flip(y, a["dim"]) if a["reverse"] else y

    def _v_sort(self, xs, a, dtype, shape):
        return np.take_along_axis(xs[0], order(xs[0], a), a["dim"])

    def _v_argsort(self, xs, a, dtype, shape):
        return order(xs[0], a)

    def _v_dot(self, xs, a, dtype, shape):
        x, y = (self._accumulated(v, dtype) for v in xs)
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        left = [next(letters) for _ in x.shape]
        right = [next(letters) for _ in y.shape]
        for what in ("batch", "contract"):
            for i, j in zip(a[f"lhs_{what}"], a[f"rhs_{what}"], strict=True):
                right[j] = left[i]
        out = [left[i] for i in a["lhs_batch"]]
        out += [c for i, c in enumerate(left) if i not in (*a["lhs_batch"], *a["lhs_contract"])]
        out += [c for i, c in enumerate(right) if i not in (*a["rhs_batch"], *a["rhs_contract"])]
        product = f"{''.join(left)},{''.join(right)}->{''.join(out)}"
        made = np.einsum(product, x, y, dtype=x.dtype)
        if self.noise is not None and dtype in REAL:  # which infinity is met first is a matter of order
            limit = np.finfo(np.float64 if dtype == np.float64 else np.float32).max
            most = np.einsum(product, np.abs(x), np.abs(y), dtype=np.float64)
            total = np.abs(np.einsum(product, x, y, dtype=np.float64))
            lost = (most > limit) & (total < most * 0.999)
            made = np.where(lost, self.noise.choice([-np.inf, np.inf], made.shape).astype(x.dtype), made)
        return made

    def _v_convolution(self, xs, a, dtype, shape):
        x, w = (self._accumulated(v, dtype) for v in xs)
        n = len(a["lhs_window"])
        low, high, dilation = [0] * x.ndim, [0] * x.ndim, [1] * x.ndim
        for i, dim in enumerate(a["lhs_window"]):
            low[dim], high[dim], dilation[dim] = a["low"][i], a["high"][i], a["lhs_dilation"][i]
        steps = shape[len(shape) - n :]
        x = widened(x, 0, low, high, dilation)
        out = np.zeros(shape, x.dtype)
        if not out.size:
            return out
        dims = {"lhs_batch": a["lhs_batch"], "rhs_batch": a["rhs_batch"],
                "lhs_contract": a["lhs_contract"], "rhs_contract": a["rhs_contract"]}  # fmt: skip
        for at in np.ndindex(*(w.shape[d] for d in a["rhs_window"])):
            left, right = [slice(None)] * x.ndim, [slice(None)] * w.ndim
            for i, (ld, rd) in enumerate(zip(a["lhs_window"], a["rhs_window"], strict=True)):
                start = at[i] * a["rhs_dilation"][i]
                left[ld] = slice(start, start + (steps[i] - 1) * a["strides"][i] + 1, a["strides"][i])
                right[rd] = at[i]
            # The window's dimensions stand among the free ones of the left operand: they go last.
            part = self._window_dot(x[tuple(left)], w[tuple(right)], dims, a["lhs_window"], a["rhs_window"])
            out = out + part
        return out

    @staticmethod
    def _window_dot(x, w, dims, lhs_window, rhs_window):
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        left = [next(letters) for _ in x.shape]
        kept = [
            d for d in range(w.ndim + len(rhs_window)) if d not in rhs_window
        ]  # w's dimensions, in the op's numbers
        right = {d: next(letters) for d in kept}
        for what in ("batch", "contract"):
            for i, j in zip(dims[f"lhs_{what}"], dims[f"rhs_{what}"], strict=True):
                right[j] = left[i]
        out = [left[i] for i in dims["lhs_batch"]]
        out += [c for i, c in enumerate(left) if i not in (*dims["lhs_batch"], *dims["lhs_contract"], *lhs_window)]
        out += [c for d, c in right.items() if d not in (*dims["rhs_batch"], *dims["rhs_contract"])]
        out += [left[i] for i in lhs_window]
        return np.einsum(f"{''.join(left)},{''.join(right[d] for d in kept)}->{''.join(out)}", x, w, dtype=x.dtype)

    def _v_reduce_window(self, xs, a, dtype, shape):
        x = self._accumulated(xs[0], dtype) if a["kind"] == "add" else xs[0]
        neutral = _neutral(a["kind"], x.dtype)
        x = widened(x, neutral, a["low"], a["high"], a["dilation"])
        out = np.full(shape, neutral, x.dtype)
        if not out.size:
            return out
        f = {"add": np.add, "max": np.maximum, "min": np.minimum}[a["kind"]]
        for at in np.ndindex(*a["sizes"]):
            out = f(out, x[tuple(steps_of(at, a, shape))])
        return out

    def _v_gather(self, xs, a, dtype, shape):
        x, starts = xs
        out = np.zeros(shape, dtype)
        for source, target in places(x, starts, out, a):
            out[target] = x[source]
        return out

    def _v_scatter(self, xs, a, dtype, shape):
        x, starts, updates = xs
        out, kind = x.copy(), a["kind"]
        for target, source in places(x, starts, updates, a):
            old, new = out[target], updates[source]
            if kind == "set":
                out[target] = new
            else:
                row = ROWS[kind]
                real = dtype in REAL
                args = [v.astype(np.float64) if real else v for v in (old, new)]
                out[target] = np.asarray((row.numpy if real else row.ints or row.numpy)(*args)).astype(dtype)
        return out

    def _v_fold_in(self, xs, a, dtype, shape):
        return _joined(*threefry(_words(xs[0]), xs[1].astype(np.uint64)))

    def _v_key_data(self, xs, a, dtype, shape):
        return _words(xs[0])

    def _v_wrap_key_data(self, xs, a, dtype, shape):
        return _joined(xs[0][..., 0], xs[0][..., 1])

    def _v_random_bits(self, xs, a, dtype, shape):
        inner = shape[a["first"] :]
        counts = np.broadcast_to(np.arange(int(np.prod(inner)), dtype=np.uint64).reshape(inner), shape)
        high, low = threefry(_words(xs[0]), counts)
        return _joined(high, low) if dtype.itemsize == 8 else (high ^ low).astype(dtype)

    # ---------------------------------------------------------------------------------------------------- tangents

    def _tangent(self, name, xs, ts, y, a, dtype, shape):
        """The tangent of an op's result; None where it is zero."""
        if all(t is None for t in ts):
            return None
        if rule := getattr(self, f"_t_{name}", None):
            return rule(xs, ts, y, a, dtype, shape)
        if name in LINEAR:
            places = LINEAR[name]
            if name in ("concat", "pad", "select", "scatter"):
                places = range(len(xs)) if places is None else places
                given = [(self.zeros_like(x) if t is None else t) if i in places else x
                         for i, (x, t) in enumerate(zip(xs, ts, strict=True))]  # fmt: skip
                return self._apply(name, given, a, dtype, shape)
            total = None
            for i in places:
                if ts[i] is not None and is_real(xs[i]):
                    given = [ts[i] if j == i else x for j, x in enumerate(xs)]
                    part = self._apply(name, given, a, dtype, shape)
                    total = part if total is None else self.add(total, part)
            return total
        if name in PARTIALS:
            total = None
            for i, partial in enumerate(PARTIALS[name]):
                if ts[i] is None or partial is None:
                    continue
                factor = partial(self, *xs, y) if callable(partial) else partial
                part = self.do("mul", self._like(factor, y), ts[i])
                total = part if total is None else self.add(total, part)
            return total
        return None

    def _like(self, c, y):
        return np.full(plain(y).shape, c, plain(y).dtype) if isinstance(c, (int, float)) else c

    def unknown(self, y, where):
        """Where the tangents of y are not known: NaN."""
        self.vague |= bool(np.any(where))
        return np.full(plain(y).shape, np.nan, plain(y).dtype)

    def _t_reduce(self, xs, ts, y, a, dtype, shape):
        (x,), (t,) = xs, ts
        wide = plain(x).shape
        keep = [i for i in range(len(wide)) if i not in a["dims"]]

        def back(v):
            return self.do("broadcast", v, shape=wide, dims=keep)

        def summed(v):
            return self.do("reduce", v, shape=shape, kind="add", dims=a["dims"])

        if a["kind"] == "add":
            return summed(t)
        if a["kind"] == "mul":
            return self.do("mul", y, summed(self._per_factor(t, x)))
        return self._shared(self.do("eq", x, back(y), element="i1"), t, summed, dtype)

    def _shared(self, equal, t, summed, dtype):
        """The tangents of the elements that equal the result, shared equally."""
        ones = convert(plain(equal), dtype)
        moved = summed(self.do("select", equal, t, self.zeros_like(t)))
        return self.do("div", moved, summed(ones))

    def _per_factor(self, t, x):
        """t / x, of which the sum times a product is that product's derivative. Where a factor is infinite, whether the
        terms cancel depends on the order in which they meet: it is not known."""
        return self.do("select", np.isinf(plain(x)), self.unknown(t, np.isinf(plain(x))), self.do("div", t, x))

    def _t_softmax(self, xs, ts, y, a, dtype, shape):
        (t,) = ts
        p = self.do("exp", y) if a["log"] else y
        kept = [i for i in range(len(shape)) if i not in a["dims"]]
        sums = self.do("reduce", self.do("mul", p, t), shape=[shape[i] for i in kept], kind="add", dims=a["dims"])
        rest = self.do("sub", t, self.do("broadcast", sums, shape=shape, dims=kept))
        return rest if a["log"] else self.do("mul", p, rest)

    def _t_cumulative(self, xs, ts, y, a, dtype, shape):
        (x,), (t,) = xs, ts
        summed = {**a, "kind": "add"}
        if a["kind"] == "add":
            return self._apply("cumulative", [t], a, dtype, shape)
        if a["kind"] == "mul":
            return self.do("mul", y, self._apply("cumulative", [self._per_factor(t, x)], summed, dtype, shape))
        # Each takes the tangent of the last element that was the extremum; not known from the first tie on.
        p, q, axis = plain(x), plain(y), a["dim"]
        if not p.size:
            return None
        if a["reverse"]:
            p, q = np.flip(p, axis), np.flip(q, axis)
        n = p.shape[axis]
        index = np.broadcast_to(np.arange(n).reshape([-1 if i == axis else 1 for i in range(p.ndim)]), p.shape)
        last = np.maximum.accumulate(np.where(p == q, index, 0), axis)
        ties = np.maximum.accumulate((index > 0) & (p == np.roll(q, 1, axis)), axis)
        if a["reverse"]:
            last, ties = np.flip(n - 1 - last, axis), np.flip(ties, axis)
        return self.do("select", ties, self.unknown(y, ties), self._take(t, last, axis))

    def _take(self, t, indices, axis):
        if isinstance(t, Dual):
            return Dual(t.tag, self._take(t.value, indices, axis), self._take(t.tangent, indices, axis))
        return np.take_along_axis(t, indices, axis)

    def _t_sort(self, xs, ts, y, a, dtype, shape):
        return self._take(ts[0], order(plain(xs[0]), a), a["dim"])

    def _t_reduce_window(self, xs, ts, y, a, dtype, shape):
        (x,), (t,) = xs, ts
        if a["kind"] == "add":
            return self._apply("reduce_window", [t], a, dtype, shape)
        neutral = _neutral(a["kind"], plain(x).dtype)
        sides = {"low": [max(v, 0) for v in a["low"]], "high": [max(v, 0) for v in a["high"]],
                 "interior": [d - 1 for d in a["dilation"]]}  # fmt: skip
        wide = widened(plain(x), neutral, a["low"], a["high"], a["dilation"])

        def moved(v, value):
            full = [(n - 1) * d + 1 if n else 0 for n, d in zip(plain(v).shape, a["dilation"], strict=True)]
            full = [n + low + high for n, low, high in zip(full, sides["low"], sides["high"], strict=True)]
            made = self.do("pad", v, np.asarray(value, plain(v).dtype), shape=tuple(full), **sides)
            starts = [max(-v, 0) for v in a["low"]]
            return self.do("slice", made, shape=wide.shape, starts=starts, strides=[1] * len(starts))

        if not plain(y).size:
            return None
        x, t = moved(x, neutral), moved(t, 0)
        total, count = None, np.zeros(shape)
        for at in np.ndindex(*a["sizes"]):
            starts = [k * d for k, d in zip(at, a["window_dilation"], strict=True)]
            part = self.do("slice", x, shape=shape, starts=starts, strides=a["strides"])
            slope = self.do("slice", t, shape=shape, starts=starts, strides=a["strides"])
            equal = plain(part) == plain(y)
            count += equal
            term = self.do("select", equal, slope, self.zeros_like(slope))
            total = term if total is None else self.add(total, term)
        return self.do("div", total, convert(count, dtype))

    def _t_scatter(self, xs, ts, y, a, dtype, shape):
        if a["kind"] in ("set", "add"):
            given = [self.zeros_like(xs[0]) if ts[0] is None else ts[0], xs[1],
                     self.zeros_like(xs[2]) if ts[2] is None else ts[2]]  # fmt: skip
            return self._apply("scatter", given, a, dtype, shape)
        if a["kind"] == "mul":  # y * (t / x + the sum of the updates' t / u)
            x = None if ts[0] is None else self._per_factor(ts[0], xs[0])
            u = None if ts[2] is None else self._per_factor(ts[2], xs[2])
            given = [self.zeros_like(xs[0]) if x is None else x, xs[1], self.zeros_like(xs[2]) if u is None else u]
            return self.do("mul", y, self._apply("scatter", given, {**a, "kind": "add"}, dtype, shape))
        # The one that is the extremum gives its tangent; where several are, it is not known here.
        count = convert(plain(xs[0]) == plain(y), dtype)
        equal = self._apply("gather", [y, xs[1]], {**a, "bounds": a["bounds"]}, dtype, plain(xs[2]).shape)
        hit = plain(equal) == plain(xs[2])
        add = {**a, "kind": "add"}
        count = self._apply("scatter", [count, xs[1], convert(hit, dtype)], add, dtype, shape)
        x = self.zeros_like(xs[0]) if ts[0] is None else ts[0]
        u = self.zeros_like(xs[2]) if ts[2] is None else ts[2]
        x = self.do("select", plain(xs[0]) == plain(y), x, self.zeros_like(x))
        u = self.do("select", hit, u, self.zeros_like(u))
        total = self._apply("scatter", [x, xs[1], u], add, dtype, shape)
        return self.do("select", plain(count) == 1, total, self.unknown(y, plain(count) != 1))


# Operands in which an op is linear: jointly, or (dot, convolution, gather) each alone.
LINEAR = {
    "convert": [0], "reshape": [0], "broadcast": [0], "transpose": [0], "reverse": [0], "slice": [0], "pad": None,
    "concat": None, "gather": [0], "select": [1, 2], "dot": [0, 1], "convolution": [0, 1], "neg": [0],
    "checkpoint_name": [0], "optimization_barrier": [0],
}  # fmt: skip


def _mul(r, *xs):
    out = xs[0]
    for x in xs[1:]:
        out = (
            r.do("mul", out, r._like(x, out)) if not isinstance(out, (int, float)) else r.do("mul", r._like(out, x), x)
        )
    return out


def _inverse(r, x):
    return r.do("div", r._like(1.0, x), x)


def _square_plus(r, x, c, sign=1.0):
    """c + sign * x * x."""
    return r.do("add", _mul(r, x, x, sign), r._like(c, x))


def _half(less):
    """1 where x is the extremum, 1/2 where both are, 0 where y is."""

    def partial(r, x, y, _):
        p, q = plain(x), plain(y)
        return convert(np.where(p == q, 0.5, (p < q if less else p > q) * 1.0), p.dtype)

    return partial


def _one_over_root(c, sign):
    return lambda r, x, y: _inverse(r, r.do("sqrt", _square_plus(r, x, c, sign)))


def _scaled(f, c):
    return lambda r, *v: _mul(r, f(r, *v), c)


def _gelu_slope(r, x, y):
    """s + y (1 - s) t', where s = 1 / (1 + exp(-t)), t = 2 sqrt(2/pi) (x + 0.044715 x^3)."""
    a, b = 1.5957691216057308, 0.07135481627260025
    square = _mul(r, x, x)
    s = r.do("logistic", _mul(r, x, r.add(r._like(a, x), _mul(r, square, b))))
    slope = r.add(r._like(a, x), _mul(r, square, 3 * b))
    return r.add(s, _mul(r, _mul(r, y, r.do("sub", r._like(1.0, s), s)), slope))


_GAUSS = lambda r, x, y: r.do("exp", r.do("neg", _mul(r, x, x)))  # noqa: E731
_ERF_INV = [_scaled(lambda r, x, y: r.do("exp", _mul(r, y, y)), 0.886226925452758)]
PARTIALS = {
    "abs": [lambda r, x, y: r.do("sign", x)],
    "sqrt": [lambda r, x, y: r.do("div", r._like(0.5, y), y)],
    "rsqrt": [lambda r, x, y: _mul(r, r.do("div", y, x), -0.5)],
    "cbrt": [lambda r, x, y: r.do("div", y, _mul(r, x, 3.0))],
    "exp": [lambda r, x, y: y],
    "exp2": [lambda r, x, y: _mul(r, y, 0.6931471805599453)],
    "expm1": [lambda r, x, y: r.do("exp", x)],
    "log": [lambda r, x, y: _inverse(r, x)],
    "log2": [lambda r, x, y: _mul(r, _inverse(r, x), 1.4426950408889634)],
    "log10": [lambda r, x, y: _mul(r, _inverse(r, x), 0.4342944819032518)],
    "log1p": [lambda r, x, y: _inverse(r, r.do("add", x, r._like(1.0, x)))],
    "softplus": [lambda r, x, y: r.do("logistic", x)],
    "logistic": [lambda r, x, y: _mul(r, y, r.do("sub", r._like(1.0, y), y))],
    "gelu_tanh": [lambda r, x, y: _gelu_slope(r, x, y)],
    "sin": [lambda r, x, y: r.do("cos", x)],
    "cos": [lambda r, x, y: r.do("neg", r.do("sin", x))],
    "tan": [lambda r, x, y: _square_plus(r, y, 1.0)],
    "asin": [_one_over_root(1.0, -1.0)],
    "acos": [_scaled(_one_over_root(1.0, -1.0), -1.0)],
    "atan": [lambda r, x, y: _inverse(r, _square_plus(r, x, 1.0))],
    "sinh": [lambda r, x, y: r.do("cosh", x)],
    "cosh": [lambda r, x, y: r.do("sinh", x)],
    "tanh": [lambda r, x, y: _square_plus(r, y, 1.0, -1.0)],
    "asinh": [_one_over_root(1.0, 1.0)],
    "acosh": [_one_over_root(-1.0, 1.0)],
    "atanh": [lambda r, x, y: _inverse(r, _square_plus(r, x, 1.0, -1.0))],
    "erf": [_scaled(_GAUSS, 1.1283791670955126)],
    "erfc": [_scaled(_GAUSS, -1.1283791670955126)],
    "erf_inv": _ERF_INV,
    "erf_inv_coarse": _ERF_INV,
    "add": [1.0, 1.0],
    "sub": [1.0, -1.0],
    "mul": [lambda r, x, y, _: y, lambda r, x, y, _: x],
    "strong_mul": [lambda r, x, y, _: y, lambda r, x, y, _: x],
    "div": [lambda r, x, y, _: _inverse(r, y), lambda r, x, y, q: r.do("neg", r.do("div", q, y))],
    "rem": [1.0, lambda r, x, y, _: r.do("neg", r.do("trunc", r.do("div", x, y)))],
    "pow": [
        lambda r, x, y, _: _mul(r, y, r.do("pow", x, r.do("sub", y, r._like(1.0, y)))),
        # 0^y is 0 for all y > 0, so there is no slope along y; nor at y = 0, as in JAX.
        lambda r, x, y, q: _mul(r, q, r.do("log", r.do("select", np.asarray(r.value(x) == 0), r._like(1.0, x), x))),
    ],
    "atan2": [
        lambda r, x, y, _: r.do("div", y, r.add(_mul(r, x, x), _mul(r, y, y))),
        lambda r, x, y, _: r.do("neg", r.do("div", x, r.add(_mul(r, x, x), _mul(r, y, y)))),
    ],
    "max": [_half(False), lambda r, x, y, q: _half(False)(r, y, x, q)],
    "min": [_half(True), lambda r, x, y, q: _half(True)(r, y, x, q)],
}


# --------------------------------------------------------------------------------------------------------- helpers


def convert(x, dtype):
    """As the op does: to integers truncating and saturating, NaN gives 0; to bool what is not 0."""
    with np.errstate(all="ignore"):
        if dtype == x.dtype:
            return x
        if dtype == np.bool_:
            return x != 0
        if x.dtype in REAL and dtype not in REAL:
            info = np.iinfo(dtype)
            wide = np.nan_to_num(np.trunc(x.astype(np.float64)), nan=0.0, posinf=np.inf, neginf=-np.inf)
            inside = np.clip(wide, -(2.0**63) if info.min else 0.0, 2.0**63 if info.min else 2.0**64)
            high = wide >= float(info.max)
            low = wide <= float(info.min)
            middle = np.where(high | low, 0, inside).astype(np.int64 if info.min else np.uint64).astype(dtype)
            return np.where(high, info.max, np.where(low, info.min, middle)).astype(dtype)
        if x.dtype.itemsize == 8 and x.dtype.kind in "iu" and dtype in REAL and dtype != np.float64:
            # Rounded once, not by way of f64.
            return _rounded_once(x, dtype)
        return x.astype(dtype)


def _rounded_once(x, dtype):
    """To odd in f64 first: then the second rounding is right."""
    wide = x.astype(np.float64)
    exact = wide.astype(np.longdouble) == x.astype(np.longdouble)
    above = np.abs(wide.astype(np.longdouble)) > np.abs(x.astype(np.longdouble))
    bits = wide.view(np.int64)
    bits = np.where(exact, bits, np.where(above, bits - 1, bits) | 1)
    return bits.view(np.float64).astype(dtype)


def _neutral(kind, dtype):
    if kind in ("add", "mul"):
        return 0 if kind == "add" else 1
    if dtype in REAL:
        return -np.inf if kind == "max" else np.inf
    if dtype == np.bool_:
        return kind == "min"
    return np.iinfo(dtype).min if kind == "max" else np.iinfo(dtype).max


def order(x, a):
    """The positions along a dimension in order: NaN last either way, equal elements in their order."""
    axis = a["dim"]
    real = x.dtype in REAL
    nan = np.isnan(x.astype(np.float64)) if real else np.zeros(x.shape, bool)
    y = x.astype(np.float64) + 0.0 if real else x
    rank = np.zeros(x.shape, np.int64)
    if x.size:  # ranks of integers can be turned around without overflow
        values, index = np.unique(np.where(nan, 0, y), return_inverse=True)
        rank = index.reshape(x.shape).astype(np.int64)
        rank = len(values) - rank if a["descending"] else rank
        rank = np.where(nan, len(values) + 1, rank)
    return np.argsort(rank, axis=axis, kind="stable")


def widened(x, value, low, high, dilation):
    """Dilated, then padded; negative amounts cut."""
    sizes = [(n - 1) * d + 1 if n else 0 for n, d in zip(x.shape, dilation, strict=True)]
    before, after = [max(n, 0) for n in low], [max(n, 0) for n in high]
    full = np.full([n + b + c for n, b, c in zip(sizes, before, after, strict=True)], value, x.dtype)
    at = [slice(b, b + n, d) for n, b, d in zip(sizes, before, dilation, strict=True)]
    full[tuple(at)] = x
    starts = [max(-n, 0) for n in low]
    cut = [slice(s, max(n - max(-h, 0), s)) for s, n, h in zip(starts, full.shape, high, strict=True)]
    return full[tuple(cut)]


def steps_of(at, a, shape):
    """Where position `at` of each window lies."""
    starts = [k * d for k, d in zip(at, a["window_dilation"], strict=True)]
    return [slice(s, s + (n - 1) * step + 1, step) for s, n, step in zip(starts, shape, a["strides"], strict=True)]


def places(x, starts, windows, a):
    """For each index tuple, row-major: where its window lies in x, and where in the windows."""
    batch, dims, at = a["batch"], a["dims"], a["at"]
    index = starts.shape[batch:-1]
    whole = windows.shape[:batch], windows.shape[batch:]
    sizes = [*whole[1][:at], *whole[1][at + len(index) :]]  # of a window, for x's dimensions behind the batch
    for lead in np.ndindex(*x.shape[:batch]):
        for tup in np.ndindex(*index):
            source, skip = list(lead), False
            for d, size in enumerate(sizes, batch):
                start = 0
                if d in dims:
                    start = int(starts[(*lead, *tup, dims.index(d))])
                    most = x.shape[d] - size
                    skip |= most < 0 or a["bounds"] == "drop" and not 0 <= start <= most
                    start = min(max(start, 0), max(most, 0))
                source.append(slice(start, start + size))
            if not skip:
                target = [slice(None)] * at + list(tup)
                yield tuple(source), (*lead, *target, ...)


def _words(keys):
    return np.stack([(keys >> np.uint64(32)).astype(np.uint32), keys.astype(np.uint32)], axis=-1)


def _joined(high, low):
    return high.astype(np.uint64) << np.uint64(32) | low.astype(np.uint64)


def _erf_inv(x):
    """By Newton's method on erfc of the smaller tail, from a coarse start."""
    import math

    def one(v):
        if not -1 < v < 1:
            return math.copysign(math.inf, v) if abs(v) == 1 else math.nan
        if v == 0 or abs(v) < 1e-8:
            return v * 0.886226925452758
        w = math.log(1 - v * v)
        k = 2 / (math.pi * 0.147) + w / 2
        r = math.copysign(math.sqrt(max(math.sqrt(k * k - w / 0.147) - k, 0.0)), v)
        for _ in range(4):
            error = math.erf(r) - v if abs(v) < 0.5 else math.copysign(1, v) * ((1 - abs(v)) - math.erfc(abs(r)))
            r -= error / (1.1283791670955126 * math.exp(-r * r))
        return r

    return np.array([one(float(v)) for v in x.ravel()]).reshape(x.shape)
