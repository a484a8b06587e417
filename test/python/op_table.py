"""The op table: one row for each op of the dialect, with what is right by NumPy. It drives test_ops.py, and the
tests of derivatives and batching (`rows(diff=True)`, `samples`).

Decides what an op is compared with, and on which elements. What is allowed to differ is not said here: it is the
op's own bound in the TableGen files (`OPS[name].ulp`). A new elementwise op needs one line here.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath as mp
import numpy as np
from weft._src import dtypes
from weft._src._op_table import OPS
from weft._src.trace import Spec, call, constant, emit, function, region, same_captures

FLOATS = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)
INTS = (dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)
UINTS = (dtypes.uint8, dtypes.uint16, dtypes.uint32, dtypes.uint64)
BOOL = (dtypes.bool_,)
# By what the op says it takes in its TableGen line.
TAKES = {
    "Float": FLOATS,
    "Number": FLOATS + INTS + UINTS,
    "Int": INTS + UINTS,
    "IntOrBool": INTS + UINTS + BOOL,
    "Plain": FLOATS + INTS + UINTS + BOOL,
    "Any": FLOATS + INTS + UINTS + BOOL,
    "Bool": BOOL,
}


class OpRow(NamedTuple):
    """One op.

    Attributes:
        name: of the op in the dialect.
        numpy: the right answer. Of an elementwise op: from arrays in longdouble, or in their own integer dtype. Of a
            structured op: from arrays in float64 or their own dtype, for `shapes`.
        dtypes: of the operands that vary in dtype (a select's condition is always bool).
        domain: where float samples lie, one pair (low, high), or one for each operand.
        ints: the right answer for integers and truth values, where it is another function.
        fn: from Tracers to one; by default the op itself on them.
        shapes: of the operands; None: elementwise, any shape.
        diff: whether the op has a derivative that is not zero, for float operands.
        folds: whether an element of the result is made of many: then its error grows with their number.
        slack: ULP that the right answer itself may be wrong by, where longdouble has no such function.
    """

    name: str
    numpy: Callable[..., Any]
    dtypes: tuple = FLOATS
    domain: Any = (-4.0, 4.0)
    ints: Callable[..., Any] | None = None
    fn: Callable[..., Any] | None = None
    shapes: tuple | None = None
    diff: bool = True
    folds: bool = False
    slack: float = 0.0
    label: str = ""

    @property
    def arity(self) -> int:
        """How many operands."""
        return len(self.shapes) if self.shapes is not None else len(OPS[self.name].operands)

    def __str__(self) -> str:
        return self.name + (f"-{self.label}" if self.label else "")

    def call(self, *xs: Any) -> Any:
        """The op on values of the scope being traced."""
        return self.fn(*xs) if self.fn else emit(self.name, xs)

    def operand_dtypes(self, d: Any) -> list:
        """The dtype of each operand when the varying one is `d`."""
        takes = [o[1] for o in OPS[self.name].operands] if self.shapes is None else ["Any"] * self.arity
        return [dtypes.bool_ if t == "Bool" else d for t in takes]

    def expected(self, *xs: np.ndarray) -> Any:
        """The right answer, in wide floats for floats."""
        kind = xs[-1].dtype.kind if xs else "i"
        wide = np.longdouble if self.shapes is None else np.float64
        floats = kind not in "biu"
        given = [x if x.dtype.kind in "biu" else x.astype(np.float64).astype(wide) for x in xs]
        with np.errstate(all="ignore"):
            return (self.numpy if floats or self.ints is None else self.ints)(*given)


def _vectorized(f: Callable[[float], float]) -> Callable[..., Any]:
    return lambda *xs: np.vectorize(lambda *v: np.longdouble(f(*map(float, v))), otypes=[np.longdouble])(*xs)


def _erf_inv(x: float) -> Any:
    return mp.erfinv(x) if abs(x) < 1 else math.nan if abs(x) != 1 else x * math.inf


def row(name: str, numpy: Callable[..., Any], domain: Any = (-4.0, 4.0), **more: Any) -> OpRow:
    """An elementwise row; the dtypes are those of the op's TableGen line unless given."""
    if "dtypes" not in more:
        more["dtypes"] = TAKES[OPS[name].operands[-1][1]]
    return OpRow(name, numpy, domain=domain, **more)


# -------------------------------------------------------------------------------- integers: overflow wraps, x / 0 = 0


def _div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    safe = np.where(y == 0, 1, y).astype(y.dtype)
    # Truncation: floor division of magnitudes; Python's integers have no overflow.
    q = [abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1) for a, b in zip(x.flat, safe.flat, strict=True)]
    return np.where(y == 0, 0, _wrap(q, x)).astype(x.dtype)


def _rem(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    safe = np.where(y == 0, 1, y).astype(y.dtype)
    r = [int(math.copysign(1, int(a))) * (abs(int(a)) % abs(int(b))) for a, b in zip(x.flat, safe.flat, strict=True)]
    return np.where(y == 0, 0, _wrap(r, x)).astype(x.dtype)


def _pow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    def one(a: int, n: int) -> int:
        if n < 0:
            return a ** (n % 2) if a in (1, -1) else 0
        return pow(a, n, 1 << 64)

    return _wrap([one(int(a), int(n)) for a, n in zip(x.flat, y.flat, strict=True)], x)


def _wrap(values: list, like: np.ndarray) -> np.ndarray:
    bits = like.dtype.itemsize * 8
    unsigned = np.array([v % (1 << bits) for v in values], np.uint64).astype(f"u{like.dtype.itemsize}")
    return unsigned.view(like.dtype).reshape(like.shape)


def _shift(left: bool) -> Callable[..., Any]:
    def f(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        bits = x.dtype.itemsize * 8
        out = []
        for a, n in zip(x.flat, y.flat, strict=True):
            a, n = int(a), int(n)
            past = n < 0 or n >= bits
            out.append((0 if past else a << n) if left else ((-1 if a < 0 else 0) if past else a >> n))
        return _wrap(out, x)

    return f


def _max(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((x == 0) & (y == 0), np.where(np.signbit(x), y, x), np.maximum(x, y))


def _min(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where((x == 0) & (y == 0), np.where(np.signbit(x), x, y), np.minimum(x, y))


def _same(x: np.ndarray) -> np.ndarray:
    return x


# -------------------------------------------------------------------------------------------------------- elementwise

ELEMENTWISE = [
    # Signs and rounding
    row("neg", np.negative),
    row("abs", np.abs),
    row("sign", np.sign, diff=False),
    row("floor", np.floor, diff=False),
    row("ceil", np.ceil, diff=False),
    row("trunc", np.trunc, diff=False),
    row("round", np.rint, diff=False),
    row("stop_gradient", _same, diff=False),
    row("checkpoint_name", _same, fn=lambda x: emit("checkpoint_name", [x], label="x")),
    # Roots, exponentials, logarithms
    row("sqrt", np.sqrt, (0.1, 9.0)),
    row("rsqrt", lambda x: 1 / np.sqrt(x), (0.1, 9.0)),
    row("cbrt", np.cbrt, (0.1, 9.0)),
    row("exp", np.exp, (-8.0, 8.0)),
    row("exp2", np.exp2, (-8.0, 8.0)),
    row("expm1", np.expm1),
    row("log", np.log, (0.1, 9.0)),
    row("log2", np.log2, (0.1, 9.0)),
    row("log10", np.log10, (0.1, 9.0)),
    row("log1p", np.log1p, (-0.9, 9.0)),
    row("softplus", lambda x: np.logaddexp(x, 0)),
    row("logistic", lambda x: 1 / (1 + np.exp(-x))),
    row(
        "gelu_tanh",
        lambda x: x / (1 + np.exp(-2 * np.sqrt(2 / np.longdouble(np.pi)) * (x + 0.044715 * x**3))),
        slack=4.0,
    ),
    # Trigonometric and hyperbolic
    row("sin", np.sin, (-9.0, 9.0)),
    row("cos", np.cos, (-9.0, 9.0)),
    row("tan", np.tan, (-1.4, 1.4)),
    row("asin", np.arcsin, (-0.95, 0.95)),
    row("acos", np.arccos, (-0.95, 0.95)),
    row("atan", np.arctan),
    row("sinh", np.sinh),
    row("cosh", np.cosh),
    row("tanh", np.tanh),
    row("asinh", np.arcsinh),
    row("acosh", np.arccosh, (1.1, 9.0)),
    row("atanh", np.arctanh, (-0.95, 0.95)),
    row("erf", _vectorized(math.erf), slack=1.0),
    row("erfc", _vectorized(math.erfc), (-4.0, 4.0), slack=1.0),
    row("erf_inv", _vectorized(_erf_inv), (-0.99, 0.99), slack=1.0),
    row("erf_inv_coarse", _vectorized(_erf_inv), (-0.95, 0.95), slack=1.0),
    # Tests and bits
    row("is_nan", np.isnan, diff=False),
    row("is_inf", np.isinf, diff=False),
    row("is_finite", np.isfinite, diff=False),
    row("not", np.invert, diff=False),
    # Arithmetic
    row("add", np.add),
    row("sub", np.subtract),
    row("mul", np.multiply),
    row("strong_mul", lambda x, y: np.where((x == 0) | (y == 0), 0.0, x * y)),
    row("div", np.divide, ((-4.0, 4.0), (0.5, 4.0)), ints=_div),
    row("rem", np.fmod, ((-4.0, 4.0), (0.5, 4.0)), ints=_rem),
    row("pow", np.power, ((0.1, 3.0), (-3.0, 3.0)), ints=_pow),
    row("atan2", np.arctan2),
    row("max", _max, ints=np.maximum),
    row("min", _min, ints=np.minimum),
    # Bits
    row("and", np.bitwise_and, diff=False),
    row("or", np.bitwise_or, diff=False),
    row("xor", np.bitwise_xor, diff=False),
    row("shift_left", _shift(True), diff=False),
    row("shift_right", _shift(False), diff=False),
    # Comparisons
    row("eq", np.equal, diff=False),
    row("ne", np.not_equal, diff=False),
    row("lt", np.less, diff=False),
    row("le", np.less_equal, diff=False),
    row("gt", np.greater, diff=False),
    row("ge", np.greater_equal, diff=False),
    # Choice and conversion
    row("select", np.where),
    row("convert", _same, fn=lambda x: emit("convert", [x], dtype=dtypes.float64), ints=lambda x: x.astype(np.float64)),
]

# --------------------------------------------------------------------------------------------------------- structured


def structured(name: str, label: str, shapes: tuple, fn: Callable, numpy: Callable, **more: Any) -> OpRow:
    """A row of a structured op: one of its forms, on operands of fixed shapes."""
    more.setdefault("folds", name in ("reduce", "dot", "for", "map", "convolution", "reduce_window"))
    more.setdefault("dtypes", (dtypes.float32, dtypes.float64, dtypes.float16, dtypes.int32, dtypes.uint8))
    return OpRow(name, numpy, shapes=shapes, fn=fn, label=label, **more)


def _reduce(kind: str, axes: list, label: str, f: Callable, **more: Any) -> OpRow:
    return structured(
        "reduce",
        label,
        ((3, 5, 67),),
        lambda x: emit("reduce", [x], kind=kind, dims=axes),
        lambda x: f(x, tuple(axes)),
        **more,
    )


def _sum_like(f: Callable) -> Callable:
    """NumPy's sum and product of integers, in the dtype of the operand as ours."""
    return lambda x, axes: f(x, axis=axes, dtype=x.dtype)


def np_lu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both factors in one matrix, and the order of rows: elimination by hand."""
    x, order = x.copy(), np.arange(x.shape[0])
    for i in range(min(x.shape)):
        p = i + np.argmax(np.abs(x[i:, i]))
        x[[i, p]], order[[i, p]] = x[[p, i]], order[[p, i]]
        x[i + 1 :, i] /= x[i, i]
        x[i + 1 :, i + 1 :] -= np.outer(x[i + 1 :, i], x[i, i + 1 :])
    return x, order


def _linalg(name: str, label: str, shape: tuple, fn: Callable, numpy: Callable) -> OpRow:
    """Factors of matrices of numbers from 2 to 4; what is compared is of their magnitude."""
    more = dict(dtypes=(dtypes.float32, dtypes.float64), domain=(2.0, 4.0), diff=False, folds=True)
    return structured(name, label, (shape,), fn, numpy, **more)


def _product(x: Any, y: Any) -> Any:
    return emit("dot", [x, y], lhs_batch=[], rhs_batch=[], lhs_contract=[1], rhs_contract=[0])


def _transposed(x: Any) -> Any:
    return emit("transpose", [x], permutation=[1, 0])


def _scaled(u: Any, s: Any) -> Any:
    return emit("mul", [u, emit("broadcast", [s], dims=[1], results=[(u.shape, u.dtype)])])


def _cholesky(x: Any) -> Any:
    """L L' of x x', which is x x'."""
    lower = emit("cholesky", [_product(x, _transposed(x))])
    return _product(lower, _transposed(lower))


def _eigh(x: Any) -> Any:
    w, v = emit("eigh", [_product(x, _transposed(x))])
    return _product(_scaled(v, w), _transposed(v))


def _svd(complete: bool) -> Callable:
    def f(x: Any) -> Any:
        u, s, vh = emit("svd", [x], complete=complete)
        k = s.shape[0]
        u, vh = (emit("slice", [y], results=[(shape, x.dtype)], starts=[0, 0], strides=[1, 1])
                 for y, shape in ((u, (u.shape[0], k)), (vh, (k, vh.shape[1]))))  # fmt: skip
        return _product(_scaled(u, s), vh)

    return f


def _total(x: Any) -> Any:
    return emit("reduce", [x], kind="add", dims=[0])


def _largest(x: Any) -> Any:
    return emit("reduce", [x], kind="max", dims=[0])


def _triangular(**options: bool) -> Callable:
    return lambda a, b: emit("triangular_solve", [a, b], **options)


_INTS_BOOL = (dtypes.int32, dtypes.uint8, dtypes.bool_)
_F = (dtypes.float32, dtypes.float64)


def _dot(lhs_batch: list, rhs_batch: list, lhs: list, rhs: list) -> Callable:
    return lambda a, b: emit(
        "dot", [a, b], lhs_batch=lhs_batch, rhs_batch=rhs_batch, lhs_contract=lhs, rhs_contract=rhs
    )


def _einsum(subscripts: str) -> Callable:
    return lambda a, b: np.einsum(subscripts, a, b, dtype=a.dtype)


def _convolution(batch: tuple, contract: tuple, windows: tuple, **more: Any) -> Callable:
    """Dimension lists by operand, then one entry of the rest per window dimension."""
    n = len(windows[0])
    window = {"strides": [1] * n, "low": [0] * n, "high": [0] * n, "lhs_dilation": [1] * n, "rhs_dilation": [1] * n}
    lists = {
        "lhs_batch": batch[0], "rhs_batch": batch[1], "lhs_contract": contract[0], "rhs_contract": contract[1],
        "lhs_window": windows[0], "rhs_window": windows[1],
    }  # fmt: skip
    return lambda x, w: emit("convolution", [x, w], **lists, **{**window, **more})


def _np_padded(x: np.ndarray, value: Any, low: list, high: list, dilation: list) -> np.ndarray:
    """Dilated, then padded; negative amounts cut."""
    wide = np.full([max((n - 1) * d + 1, 0) for n, d in zip(x.shape, dilation, strict=True)], value, x.dtype)
    wide[tuple(slice(None, None, d) for d in dilation)] = x
    wide = np.pad(wide, [(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)], constant_values=value)
    return wide[tuple(slice(max(-a, 0), n - max(-b, 0)) for a, b, n in zip(low, high, wide.shape, strict=True))]


def _np_windows(x: np.ndarray, sizes: list, strides: list, dilations: list) -> np.ndarray:
    """The windows of the last axes: their axes last."""
    n = len(sizes)
    lead = x.ndim - n
    steps = [(x.shape[lead + i] - (sizes[i] - 1) * dilations[i] - 1) // strides[i] + 1 for i in range(n)]
    out = np.zeros((*x.shape[:lead], *steps, *sizes), x.dtype)
    for at in np.ndindex(*sizes):
        where = [
            slice(k * d, k * d + (m - 1) * s + 1, s) for k, d, m, s in zip(at, dilations, steps, strides, strict=True)
        ]
        out[(..., *at)] = x[(..., *where)]
    return out


def _np_conv2d(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    x = _np_padded(x, 0, [0, 0, 1, -1], [0, 0, 2, 1], [1, 1, 1, 2])
    return np.einsum("nchwij,ocij->nohw", _np_windows(x, [2, 3], [2, 1], [1, 2]), w, dtype=x.dtype)


def _np_pool(f: Callable) -> Callable:
    def pool(x: np.ndarray) -> np.ndarray:
        low = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
        wide = _np_padded(x, 0 if f is np.sum else low, [0, 1], [0, 2], [1, 1])
        return f(_np_windows(wide, [2, 3], [1, 2], [1, 1]), axis=(2, 3), **({"dtype": x.dtype} if f is np.sum else {}))

    return pool


def _pool(kind: str) -> Callable:
    return lambda x: emit("reduce_window", [x], kind=kind, sizes=[2, 3], strides=[1, 2], low=[0, 1], high=[0, 2],
                          dilation=[1, 1], window_dilation=[1, 1])  # fmt: skip


def _softmax(dims: list, log: bool) -> Callable:
    return lambda x: emit("softmax", [x], dims=dims, log=log)


def _np_softmax(dims: list, log: bool) -> Callable:
    def f(x: np.ndarray) -> Any:
        shifted = x - x.max(axis=tuple(dims), keepdims=True)
        total = np.exp(shifted).sum(axis=tuple(dims), keepdims=True)
        return shifted - np.log(total) if log else np.exp(shifted) / total

    return f


def _norm(name: str, dims: list, eps: float) -> Callable:
    """A norm and its operand, summed: elements near the mean would have no magnitude to bound their error by."""
    return lambda x, *more: emit("add", [emit(name, [x, *more], dims=dims, eps=eps), x])


def _np_norm(dims: tuple, eps: float, centred: bool = True) -> Callable:
    def f(x: np.ndarray) -> Any:
        d = x - x.mean(axis=dims, keepdims=True) if centred else x
        return d / np.sqrt((d * d).mean(axis=dims, keepdims=True) + eps) + x

    return f


def _cross_entropy(labels: list) -> Callable:
    return lambda x: emit("cross_entropy", [x, _indices(labels)])


def _np_cross_entropy(x: np.ndarray, y: np.ndarray) -> Any:
    return -(y * (x - np.log(np.exp(x).sum(-1, keepdims=True)))).sum(-1)


def _attention(causal: bool, *, biased: bool = False, masked: bool = False) -> Callable:
    """With the first operand more as its bias, and as its mask where the last but one is above the last."""

    def f(q: Any, k: Any, v: Any, *more: Any) -> Any:
        mask = [[emit("gt", list(more[-2:]))]] if masked else [[]]
        return emit("attention", [[q], [k], [v], [more[0]] if biased else [], *mask], scale=0.5, causal=causal)

    return f


def _np_attention(causal: bool, *, biased: bool = False, masked: bool = False) -> Callable:
    def f(q: np.ndarray, k: np.ndarray, v: np.ndarray, *more: np.ndarray) -> Any:
        group = q.shape[-3] // k.shape[-3]
        scores = 0.5 * q @ np.repeat(k, group, -3).swapaxes(-1, -2) + (more[0] if biased else 0)
        allowed = np.tril(np.ones(scores.shape[-2:], bool)) if causal else np.ones(scores.shape, bool)
        power = np.exp(scores) * (allowed & (more[-2] > more[-1]) if masked else allowed)
        total = power.sum(-1, keepdims=True)
        return power / np.where(total == 0, 1, total) @ np.repeat(v, group, -3)

    return f


def _reshape(x: Any) -> Any:
    return emit("reshape", [x], results=[((5, 6), x.dtype)])


def _broadcast(x: Any) -> Any:
    return emit("broadcast", [x], results=[((2, 3, 4, 5), x.dtype)], dims=[1, 3])


def _slice(x: Any) -> Any:
    return emit("slice", [x], results=[((3, 2), x.dtype)], starts=[1, 2], strides=[2, 3])


def _pad(x: Any, v: Any) -> Any:
    return emit("pad", [x, v], low=[1, 0], high=[2, 1], interior=[0, 2])


def _np_pad(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    out = np.full((x.shape[0] + 3, 3 * x.shape[1] - 1), v, x.dtype)
    out[1:-2, : 3 * x.shape[1] - 2 : 3] = x
    return out


def _call(x: Any) -> Any:
    return call(function(lambda a: [emit("add", [a, a])], [x.spec], "twice"), [x])[0]


def _if(i: Any) -> Callable:
    def f(x: Any) -> Any:
        index = emit("constant", [], value=_scalar(i))
        one = region(lambda: [emit("add", [x, x])], [])
        two = region(lambda: [emit("mul", [x, x])], [], one.scope.captures)
        captures = same_captures([one, two])
        return emit("if", [index, *captures], regions=[one, two], results=[(x.shape, x.dtype)])[0]

    return f


def _scalar(i: int) -> Any:
    from weft._src import trace

    scope = trace.current()
    return scope.trace.tensor_type((), dtypes.int32), np.array([i], np.int32).view(np.uint8)


def _for(reverse: bool) -> Callable:
    """A running sum over rows, stacked: carries, slices and stacked outputs at once."""

    def f(x: Any) -> Any:
        rows, d = x.shape, x.dtype
        start = emit("broadcast", [emit("convert", [emit("constant", [], value=_scalar(0))], dtype=d)],
                     results=[(rows[1:], d)], dims=[])  # fmt: skip
        body = region(
            lambda i, c, xi: [emit("add", [c, xi])] * 2, [Spec((), dtypes.int64), Spec(rows[1:], d), Spec(rows[1:], d)]
        )
        made = emit("for", [[start], [x], body.scope.captures], regions=[body], count=rows[0], reverse=reverse,
                    results=[(rows[1:], d), (rows, d)])  # fmt: skip
        return made[1]

    return f


def _while(x: Any) -> Any:
    """Doubled twice: the condition looks at a counter beside the value."""
    one, two = (emit("convert", [emit("constant", [], value=_scalar(k))], dtype=dtypes.int64) for k in (1, 2))
    specs = [x.spec, Spec((), dtypes.int64)]
    body = region(lambda c, i: [emit("add", [c, c]), emit("add", [i, one])], specs)
    condition = region(lambda c, i: [emit("lt", [i, two])], specs, body.scope.captures)
    captures = same_captures([body, condition])
    start = emit("convert", [emit("constant", [], value=_scalar(0))], dtype=dtypes.int64)
    return emit("while", [[x, start], captures], regions=[condition, body], results=[s[:2] for s in specs])[0]


def _map(x: Any) -> Any:
    """Squares of rows, plus the sum of all rows: stacked and summed results at once."""
    rows, d = x.shape, x.dtype
    body = region(lambda xi: [emit("mul", [xi, xi]), xi], [Spec(rows[1:], d)])
    y, total = emit("map", [[x], body.scope.captures], regions=[body], count=rows[0], sums=1,
                    results=[(rows, d), (rows[1:], d)])  # fmt: skip
    return emit("add", [y, emit("broadcast", [total], results=[(rows, d)], dims=[1])])


def _sized(x: Any) -> Any:
    """Doubled twice, in a loop whose count is a number of the program."""
    two = emit("stop_gradient", [emit("convert", [emit("constant", [], value=_scalar(2))], dtype=dtypes.int64)])

    def inside() -> list:
        body = region(lambda i, c: [emit("add", [c, c])], [Spec((), dtypes.int64), x.spec])
        return emit("for", [[x], [], body.scope.captures], regions=[body], count="k", results=[x.spec[:2]])

    outer = region(inside, [])
    return emit("sized", [two, *outer.scope.captures], regions=[outer], symbol="k", results=[x.spec[:2]])[0]


def _indices(values: list) -> Any:
    return constant(np.array(values, np.int64), dtypes.int64)


def _gather(values: list, shape: tuple, batch: int, axes: list, at: int, bounds: str = "clamp") -> Callable:
    numbers = dict(batch=batch, dims=axes, at=at, bounds=bounds)
    return lambda x: emit("gather", [x, _indices(values)], results=[(shape, x.dtype)], **numbers)


def _scatter(kind: str, values: list, axes: list, bounds: str = "drop") -> Callable:
    numbers = dict(kind=kind, batch=0, dims=axes, at=0, bounds=bounds)
    return lambda x, u: emit("scatter", [x, _indices(values), u], **numbers)


def _np_scatter(kind: str, rows: list) -> Callable:
    """Rows of the updates that are inside, one after the other."""
    step = {"set": lambda a, b: b, "add": np.add, "mul": np.multiply, "min": np.minimum, "max": np.maximum}[kind]

    def f(x: np.ndarray, u: np.ndarray) -> np.ndarray:
        x = x.copy()
        for i, row in zip(rows, u, strict=True):
            if 0 <= i < len(x):
                x[i] = step(x[i], row[0])
        return x

    return f


def _sorted(name: str, dim: int, descending: bool) -> Callable:
    return lambda x: emit(name, [x], dim=dim, descending=descending)


def _recompute(x: Any) -> Any:
    body = region(lambda: [emit("add", [emit("mul", [x, x]), x])], [])
    return emit("recompute", body.scope.captures, id="x", regions=[body], results=[(x.shape, x.dtype)])[0]


def _requested(name: str) -> Callable:
    """The request ops, on x * x."""

    def f(x: Any) -> Any:
        inner = function(
            lambda a: [emit("mul", [a, a])], [Spec(x.shape[1:] if name == "vmap" else x.shape, x.dtype)], "f"
        )
        if name == "vmap":
            return emit("vmap", [x], callee=inner.symbol, batched=[True], size=x.shape[0], results=[x.spec[:2]])[0]
        return emit(name, [x, x], callee=inner.symbol, active=[True], results=[x.spec[:2]] * 2)[1]

    return f


def threefry(keys: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two words of each block; keys: (..., 2) words, counts: numbers below 2^64. From the paper, not from Weft."""
    rotations = (13, 15, 26, 6, 17, 29, 16, 24)
    k = [keys[..., 0], keys[..., 1], keys[..., 0] ^ keys[..., 1] ^ np.uint32(0x1BD11BDA)]
    x = [(counts >> np.uint64(32)).astype(np.uint32) + k[0], counts.astype(np.uint32) + k[1]]
    for i in range(20):
        x[0] = x[0] + x[1]
        n = np.uint32(rotations[i % 8])
        x[1] = x[0] ^ (x[1] << n | x[1] >> (np.uint32(32) - n))
        if i % 4 == 3:
            j = i // 4 + 1
            x = [x[0] + k[j % 3], x[1] + k[(j + 1) % 3] + np.uint32(j)]
    return x[0], x[1]


def _random_bits(width: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Bits of two keys: shape (2, 3, 5), counted over the last two."""

    def ours(words: Any) -> Any:
        keys = emit("wrap_key_data", [words])
        keys = emit("broadcast", [keys], results=[((2, 3, 5), dtypes.key)], dims=[0])
        return emit("random_bits", [keys], first=1, dtype=dtypes.BY_NAME[f"uint{width}"])

    def theirs(words: np.ndarray) -> np.ndarray:
        a, b = threefry(words[:, None, :], np.arange(15, dtype=np.uint64)[None, :])
        bits = a.astype(np.uint64) << np.uint64(32) | b if width == 64 else (a ^ b).astype(f"u{width // 8}")
        return bits.reshape(2, 3, 5)

    return ours, theirs


def _fold_in(words: Any, number: Any) -> Any:
    return emit("key_data", [emit("fold_in", [emit("wrap_key_data", [words]), number])])


def _np_fold_in(words: np.ndarray, number: np.ndarray) -> np.ndarray:
    return np.stack(threefry(words, number.astype(np.uint64)), axis=-1)


def _moved(words: Any) -> Any:
    """Keys as the elements of movement, choice and a loop's carry."""
    keys = emit("wrap_key_data", [words])
    turned = emit("reverse", [emit("transpose", [keys], permutation=[1, 0])], dims=[0])
    first = emit("slice", [turned], results=[((4, 2), dtypes.key)], starts=[0, 0], strides=[1, 1])
    flag = emit(
        "lt", [emit("iota", [], results=[((4, 2), dtypes.int32)], dim=0), constant(np.full((4, 2), 2, np.int32))]
    )
    chosen = emit("select", [flag, first, emit("reverse", [first], dims=[1])])
    return emit("key_data", [emit("concat", [chosen, turned], dim=0)])


def _np_moved(words: np.ndarray) -> np.ndarray:
    turned = words.transpose(1, 0, 2)[::-1]
    first = turned[:4]
    chosen = np.where((np.arange(4) < 2)[:, None, None], first, first[:, ::-1])
    return np.concatenate([chosen, turned])


_WORDS = (dtypes.uint32,)


def _cumulative(kind: str, dim: int, reverse: bool, f: Callable, label: str, **more: Any) -> OpRow:
    def numpy(x: np.ndarray) -> np.ndarray:
        x = np.flip(x, dim) if reverse else x
        made = f.accumulate(x, axis=dim, dtype=x.dtype)
        return np.flip(made, dim) if reverse else made

    def fn(x: Any) -> Any:
        return emit("cumulative", [x], kind=kind, dim=dim, reverse=reverse)

    return structured("cumulative", label, ((3, 37, 5),), fn, numpy, folds=True, **more)


STRUCTURED = [
    _reduce("add", [2], "sum-last", _sum_like(np.sum)),
    _reduce("add", [0], "sum-first", _sum_like(np.sum)),
    _reduce("add", [0, 2], "sum-around", _sum_like(np.sum)),
    _reduce("add", [0, 1, 2], "sum-all", _sum_like(np.sum)),
    _reduce("mul", [1], "prod", _sum_like(np.prod), domain=(0.5, 1.5)),
    _reduce("max", [2], "max", lambda x, a: np.max(x, axis=a)),
    _reduce("min", [1], "min", lambda x, a: np.min(x, axis=a)),
    _reduce("and", [2], "and", lambda x, a: np.bitwise_and.reduce(x, axis=a[0]), dtypes=_INTS_BOOL, diff=False),
    _reduce("or", [0], "or", lambda x, a: np.bitwise_or.reduce(x, axis=a[0]), dtypes=_INTS_BOOL, diff=False),
    structured("reshape", "", ((3, 10),), _reshape, lambda x: x.reshape(5, 6)),
    structured("broadcast", "", ((3, 1),), _broadcast, lambda x: np.broadcast_to(x[None, :, None], (2, 3, 4, 5))),
    structured("transpose", "", ((2, 3, 5),), lambda x: emit("transpose", [x], permutation=[2, 0, 1]),
               lambda x: x.transpose(2, 0, 1)),
    structured("optimization_barrier", "", ((3, 4),), lambda x: emit("optimization_barrier", [x]), lambda x: x.copy()),
    structured("reverse", "", ((3, 4, 5),), lambda x: emit("reverse", [x], dims=[0, 2]), lambda x: x[::-1, :, ::-1]),
    structured("slice", "", ((7, 8),), _slice, lambda x: x[1:7:2, 2:8:3]),
    structured("pad", "", ((3, 4), ()), _pad, _np_pad),
    structured("concat", "", ((3, 2), (3, 1), (3, 4)), lambda *xs: emit("concat", xs, dim=1),
               lambda *xs: np.concatenate(xs, axis=1)),
    structured("dot", "matrix", ((5, 7), (7, 3)), _dot([], [], [1], [0]), _einsum("ij,jk->ik")),
    structured("dot", "batch", ((3, 5, 7), (7, 3, 2)), _dot([0], [1], [2], [0]), _einsum("bij,jbk->bik")),
    structured("dot", "two", ((3, 5, 7), (7, 3, 2)), _dot([], [], [2, 0], [0, 1]), _einsum("bij,jbk->ik")),
    structured("dot", "outer", ((5,), (4,)), _dot([], [], [], []), _einsum("i,j->ij")),
    structured("dot", "inner", ((70,), (70,)), _dot([], [], [0], [0]), _einsum("i,i->")),
    structured("convolution", "plain", ((2, 3, 9), (4, 3, 2)), _convolution(([], []), ([1], [1]), ([2], [2])),
               lambda x, w: np.einsum("nchi,oci->noh", _np_windows(x, [2], [1], [1]), w, dtype=x.dtype)),
    structured("convolution", "padded", ((2, 3, 6, 5), (4, 3, 2, 3)),
               _convolution(([], []), ([1], [1]), ([2, 3], [2, 3]), strides=[2, 1], low=[1, -1], high=[2, 1],
                            lhs_dilation=[1, 2], rhs_dilation=[1, 2]), _np_conv2d),
    structured("convolution", "groups", ((2, 3, 2, 7), (3, 4, 2, 3)),
               _convolution(([1], [0]), ([2], [2]), ([3], [3]), strides=[2]),
               lambda x, w: np.einsum("ngchi,goci->gnoh", _np_windows(x, [3], [2], [1]), w, dtype=x.dtype)),
    structured("reduce_window", "add", ((5, 9),), _pool("add"), _np_pool(np.sum)),
    structured("reduce_window", "max", ((5, 9),), _pool("max"), _np_pool(np.max)),
    structured("gather", "rows", ((5, 4),), _gather([[4], [0], [9]], (3, 1, 4), 0, [0], 0),
               lambda x: x[[4, 0, 4]][:, None]),
    structured("gather", "windows", ((6, 7),), _gather([[1, 2], [5, -3]], (2, 2, 3), 0, [0, 1], 0),
               lambda x: np.stack([x[1:3, 2:5], x[4:6, 0:3]])),
    structured("gather", "batch", ((3, 5, 2),),
               _gather([[[1], [4]], [[0], [0]], [[2], [9]]], (3, 1, 2, 2), 1, [1], 2, "drop"),
               lambda x: np.stack([x[[0, 1, 2], [1, 0, 2]], x[[0, 1, 2], [4, 0, 4]] * x.dtype.type(1)], -1)[:, None]
               * np.array([1, 1, 1, 1, 1, 0], x.dtype).reshape(3, 1, 1, 2)),
    *[structured("scatter", kind, ((5, 4), (4, 1, 4)), _scatter(kind, [[3], [0], [3], [8]], [0]),
                 _np_scatter(kind, [3, 0, 3, 8]), folds=True) for kind in ("set", "add", "mul", "min", "max")],
    _linalg("cholesky", "", (4, 6), _cholesky, lambda x: x @ x.T),
    _linalg("lu", "square", (5, 5), lambda x: emit("lu", [x])[0], lambda x: np_lu(x)[0]),
    _linalg("lu", "order", (6, 3), lambda x: emit("lu", [x])[1], lambda x: np_lu(x)[1]),
    _linalg("qr", "", (5, 3), lambda x: _product(*emit("qr", [x], complete=False)), lambda x: x),
    _linalg("qr", "complete", (5, 3), lambda x: _product(*emit("qr", [x], complete=True)), lambda x: x),
    _linalg("eigh", "", (4, 6), _eigh, lambda x: x @ x.T),
    _linalg("eigvalsh", "", (4, 6), lambda x: _total(emit("eigvalsh", [_product(x, _transposed(x))])),
            lambda x: np.trace(x @ x.T)),
    _linalg("svd", "", (5, 3), _svd(False), lambda x: x),
    _linalg("svd", "complete", (3, 5), _svd(True), lambda x: x),
    _linalg("svdvals", "", (5, 3), lambda x: _largest(emit("svdvals", [x])), lambda x: np.linalg.norm(x, 2)),
    structured("triangular_solve", "lower", ((4, 4), (4, 3)),
               _triangular(lower=True, transposed=False, unit_diagonal=False),
               lambda a, b: np.linalg.solve(np.tril(a), b), dtypes=_F, domain=(2.0, 4.0), folds=True),
    structured("triangular_solve", "upper", ((4, 4), (4, 3)),
               _triangular(lower=False, transposed=True, unit_diagonal=True),
               lambda a, b: np.linalg.solve(np.triu(a, 1).T + np.eye(4), b), dtypes=_F, domain=(2.0, 4.0), folds=True),
    *[structured(name, "last", ((3, 70),), _sorted(name, 1, False), lambda x, f=f: f(x, axis=1, kind="stable"),
                 dtypes=FLOATS[2:] + INTS[2:] + UINTS[:1] + BOOL, diff=name == "sort")
      for name, f in (("sort", np.sort), ("argsort", np.argsort))],
    *[structured(name, "down", ((7, 3),), _sorted(name, 0, True), lambda x, f=f: f(x), diff=name == "sort")
      for name, f in (("sort", lambda x: np.sort(x, 0)[::-1]),
                      ("argsort", lambda x: 6 - np.argsort(x[::-1], axis=0, kind="stable")[::-1]))],
    *[structured("softmax", label, ((3, 4, 70),), _softmax(dims, False), _np_softmax(dims, False), dtypes=FLOATS,
                 folds=True, domain=(0.0, 4.0))  # the bound is that of the magnitudes' softmax
      for label, dims in (("last", [2]), ("first", [0]), ("two", [0, 2]))],
    structured("softmax", "log", ((3, 4, 70),), _softmax([1, 2], True), _np_softmax([1, 2], True),
               dtypes=FLOATS, folds=True),
    *[structured("logsumexp", label, ((3, 4, 70),), lambda x, dims=dims: emit("logsumexp", [x], dims=dims),
                 lambda x, dims=dims: np.log(np.exp(x).sum(axis=tuple(dims))), dtypes=FLOATS, folds=True)
      for label, dims in (("last", [2]), ("first", [0]), ("two", [0, 2]))],
    structured("gelu", "", ((3, 5, 7),), lambda x: emit("gelu", [x]),
               lambda x: x / 2 * np.vectorize(math.erfc)(-x / np.sqrt(2)), dtypes=FLOATS, folds=True),
    *[structured("layer_norm", label, ((3, 4, 70),), _norm("layer_norm", dims, 1e-5), _np_norm(tuple(dims), 1e-5),
                 dtypes=FLOATS, folds=True, domain=(8.0, 16.0)) for label, dims in (("last", [2]), ("two", [0, 2]))],
    *[structured("rms_norm", label, ((3, 4, 70),), _norm("rms_norm", dims, 0.5), _np_norm(tuple(dims), 0.5, False),
                 dtypes=FLOATS, folds=True, domain=(0.0, 4.0)) for label, dims in (("last", [2]), ("two", [0, 2]))],
    structured("batch_norm", "", ((3, 4, 7), (4,), (4,)), _norm("batch_norm", [0, 2], 0.5),
               lambda x, m, v: (x - m[:, None]) / np.sqrt(v[:, None] + 0.5) + x, dtypes=FLOATS, folds=True,
               domain=((4.0, 8.0), (0.0, 1.0), (0.5, 2.0))),
    structured("cross_entropy", "labels", ((4, 7),), _cross_entropy([3, 0, 9, 6]),
               lambda x: _np_cross_entropy(x, np.eye(10, 7)[[3, 0, 9, 6]]), dtypes=FLOATS, folds=True,
               domain=(0.0, 4.0)),
    structured("cross_entropy", "probabilities", ((4, 7), (4, 7)), lambda x, y: emit("cross_entropy", [x, y]),
               _np_cross_entropy, dtypes=FLOATS, folds=True, domain=(0.0, 4.0)),
    *[structured("attention", label, shapes, _attention(causal, **more), _np_attention(causal, **more),
                 dtypes=FLOATS, folds=True, domain=(0.0, 1.0))
      for label, shapes, causal, more in (
          ("", ((2, 5, 4), (2, 7, 4), (2, 7, 3)), False, {}),
          ("causal-grouped", ((2, 4, 5, 4), (2, 2, 5, 4), (2, 2, 5, 3)), True, {}),
          ("bias", ((4, 5, 4), (2, 6, 4), (2, 6, 3), (4, 1, 6)), False, {"biased": True}),
          ("mask-bias", ((2, 5, 4), (2, 6, 4), (2, 6, 3), (1, 5, 6), (1, 5, 6)), False,
           {"biased": True, "masked": True}))],
    _cumulative("add", 1, False, np.add, "sum-inner"),
    _cumulative("add", 2, True, np.add, "sum-last-back"),
    _cumulative("add", 0, False, np.add, "sum-first"),
    _cumulative("mul", 1, True, np.multiply, "prod", domain=(0.5, 1.5)),
    _cumulative("max", 1, False, np.maximum, "max"),
    _cumulative("min", 2, True, np.minimum, "min"),
    structured("constant", "", (), lambda: emit("constant", [], value=_scalar(7)), lambda: np.int32(7),
               dtypes=(dtypes.int32,), diff=False),
    structured("iota", "", (), lambda: emit("iota", [], results=[((3, 5), dtypes.float32)], dim=1),
               lambda: np.broadcast_to(np.arange(5.0, dtype=np.float32), (3, 5)), dtypes=_F[:1], diff=False),
    *(structured("random_bits", str(n), ((2, 2),), *_random_bits(n), dtypes=_WORDS, diff=False)
      for n in (8, 16, 32, 64)),
    structured("fold_in", "", ((3, 4, 2), (3, 4)), _fold_in, _np_fold_in, dtypes=_WORDS, diff=False),
    structured("key_data", "moved", ((2, 5, 2),), _moved, _np_moved, dtypes=_WORDS, diff=False),
    structured("wrap_key_data", "", ((3, 2),), lambda x: emit("key_data", [emit("wrap_key_data", [x])]), lambda x: x,
               dtypes=_WORDS, diff=False),
    structured("dim_size", "", (), lambda: emit("dim_size", [], size="12"), lambda: np.int64(12), dtypes=_F[:1],
    diff=False),
    structured("call", "", ((3, 5),), _call, lambda x: x + x, dtypes=_F),
    structured("recompute", "", ((3, 5),), _recompute, lambda x: x * x + x, dtypes=_F, folds=True),
    structured("if", "first", ((3, 5),), _if(0), lambda x: x + x, dtypes=_F),
    structured("if", "clamped", ((3, 5),), _if(9), lambda x: x * x, dtypes=_F),
    structured("for", "forward", ((6, 5),), _for(False), lambda x: np.cumsum(x, axis=0), dtypes=_F),
    structured("for", "reverse", ((6, 5),), _for(True), lambda x: np.cumsum(x[::-1], axis=0)[::-1], dtypes=_F),
    structured("while", "", ((3, 5),), _while, lambda x: 4 * x, dtypes=_F),
    structured("map", "", ((4, 5),), _map, lambda x: x * x + x.sum(axis=0), dtypes=_F),
    structured("sized", "", ((3, 5),), _sized, lambda x: 4 * x, dtypes=_F),
    structured("jvp", "", ((3, 5),), _requested("jvp"), lambda x: 2 * x * x, dtypes=_F),
    structured("vjp", "", ((3, 5),), _requested("vjp"), lambda x: 2 * x * x, dtypes=_F),
    structured("vmap", "", ((3, 5),), _requested("vmap"), lambda x: x * x, dtypes=_F),
]  # fmt: skip

TABLE = ELEMENTWISE + STRUCTURED


def rows(*, diff: bool | None = None, elementwise: bool | None = None) -> list[OpRow]:
    """The rows, or those with (without) a derivative, those that are (not) elementwise."""
    return [r for r in TABLE if diff in (None, r.diff) and elementwise in (None, r.shapes is None)]


def samples(r: OpRow, d: Any, shape: tuple | None = None, seed: int = 0) -> list[np.ndarray]:
    """Operands of a row in its domain: random, the same for the same seed.

    Args:
        d: the dtype. shape: of elementwise operands; structured rows have their own.
    """
    rng = np.random.default_rng([seed, d.code, len(r.name)])
    out = []
    for i, (own, od) in enumerate(zip(r.shapes or [shape] * r.arity, r.operand_dtypes(d), strict=True)):
        size = own if r.shapes is not None else shape
        if od.kind == "bool":
            x = rng.integers(0, 2, size).astype(bool)
        elif od.kind == "float":
            low, high = r.domain[i] if isinstance(r.domain[0], tuple) else r.domain
            x = rng.uniform(low, high, size)
        else:
            info = dtypes.iinfo(od)
            x = rng.integers(max(info.min, -9), min(info.max, 9), size, endpoint=True)
        out.append(np.asarray(x).astype(od.numpy))
    return out


def specials(d: Any) -> np.ndarray:
    """Elements at the edges of a dtype: zeros of both signs, infinities, NaN, the greatest, the least,
    near-integers."""
    if d.kind == "bool":
        return np.array([False, True])
    if d.kind != "float":
        info = dtypes.iinfo(d)
        values = [0, 1, 2, 3, 7, 8, 63, 64, info.max, info.max - 1, info.min, info.min + 1]
        return np.array(
            [v for v in values if info.min <= v <= info.max] + ([-1, -2] if d.kind == "int" else []), d.numpy
        )
    info = dtypes.finfo(d)
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, info.max, info.min, info.eps]
    values += [info.smallest_normal, -info.smallest_normal, info.smallest_normal * info.eps]
    with np.errstate(all="ignore"):
        return np.array(values, np.float64).astype(d.numpy)
