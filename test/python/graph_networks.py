"""Composites of networks in random programs: how a program gets one, and what it is made of, in the ops of graph_rules,
so that its derivative follows from theirs.

Decides the formulas by NumPy, apart from those of the compiler: attention repeats the heads of keys.
"""

import numpy as np
from graph_block import FLOATS, INTS, SIZES, Size, Unfit, array
from graph_families import flag, fresh

# ---------------------------------------------------------------------------------------------------------- programs


def over(block, x):
    """Some dimensions, at least one."""
    return sorted(block.rng.sample(range(len(x.shape)), block.rng.randint(1, len(x.shape))))


def without(x, dims):
    return [s for i, s in enumerate(x.shape) if i not in dims]


def gelu(block):
    x = block.pick(FLOATS)
    block.emit("gelu", [x], x.shape, x.element)


def logsumexp(block):
    x = block.pick(FLOATS, condition=lambda v: v.shape)
    dims = over(block, x)
    block.emit("logsumexp", [x], without(x, dims), x.element, f"{{dims = {array(dims)}}}")


def norm(block):
    x = block.pick(FLOATS, condition=lambda v: v.shape)
    dims, eps = over(block, x), f"eps = {block.rng.choice(['1.0e-5', '1.0'])} : f64"
    name = block.rng.choice(["layer_norm", "rms_norm", "batch_norm"])
    operands = [x]
    if name == "batch_norm":
        operands += [fresh(block, without(x, dims), x.element) for _ in range(2)]
        square = block.emit("mul", [operands[2]] * 2, operands[2].shape, x.element)
        operands[2] = square
    block.emit(name, operands, x.shape, x.element, f"{{dims = {array(dims)}, {eps}}}")


def cross_entropy(block):
    x = block.pick(FLOATS, condition=lambda v: v.shape)
    if block.rng.random() < 0.4:
        labels = fresh(block, x.shape, x.element)
    else:
        labels = fresh(block, x.shape[:-1], block.rng.choice(INTS))
    block.emit("cross_entropy", [x, labels], x.shape[:-1], x.element)


def attention(block):
    q = block.pick(FLOATS, condition=lambda v: len(v.shape) >= 2 and v.count <= 400)
    if len(q.shape) == 2:
        shape = [Size(block.rng.choice([1, 2, 4])), *q.shape]
        q = block.emit("broadcast", [q], shape, q.element, f"{{dims = {array([1, 2])}}}")
    *lead, heads, length, size = q.shape
    key_heads = (
        heads if heads.named else Size(block.rng.choice([n for n in (1, 2, heads.count) if n and heads.count % n == 0]))
    )
    if not heads.count:
        raise Unfit
    keys, values = Size(block.rng.choice(SIZES)), Size(block.rng.choice(SIZES[:6]))
    k = fresh(block, [*lead, key_heads, keys, size], q.element)
    v = fresh(block, [*lead, key_heads, keys, values], q.element)
    scores = [Size(1) if block.rng.random() < 0.3 else s for s in (*lead, heads, length, keys)]
    bias = [fresh(block, scores, q.element)] if block.rng.random() < 0.4 else []
    mask = [fresh(block, scores, "i1")] if block.rng.random() < 0.4 else []
    segments = f"operandSegmentSizes = array<i32: 1, 1, 1, {len(bias)}, {len(mask)}>"
    block.emit("attention", [q, k, v, *bias, *mask], [*q.shape[:-1], values], q.element,
               f"{{scale = 0.5 : f64, causal = {flag(block)}, {segments}}}")  # fmt: skip


NETWORKS = [gelu, logsumexp, norm, norm, norm, cross_entropy, cross_entropy, attention, attention]

# ------------------------------------------------------------------------------------------------------------- rules


class Ops:
    """Ops of some `Rules` on values in the type that composites are computed in."""

    def __init__(self, rules):
        self.r = rules

    def __getattr__(self, name):
        return lambda *xs, **more: self.r.do(name, *xs, **more)

    def wide(self, x, like=None):
        """x as floats of at least 32 bits, or of as many as `like` has."""
        element = "f64" if self.r.value(x if like is None else like).dtype == np.float64 else "f32"
        return self.r.do("convert", x, element=element)

    def like(self, value, x):
        return np.full(self.r.shape(x), value, self.r.value(x).dtype)

    def fold(self, kind, x, dims):
        rest = [n for i, n in enumerate(self.r.shape(x)) if i not in dims]
        return self.r.do("reduce", x, shape=rest, kind=kind, dims=dims)

    def back(self, folded, x, dims):
        kept = [i for i in range(len(self.r.shape(x))) if i not in dims]
        return self.r.do("broadcast", folded, shape=self.r.shape(x), dims=kept)

    def mean(self, x, dims):
        total = self.fold("add", x, dims)
        n = np.prod([self.r.shape(x)[i] for i in dims], dtype=np.int64)
        return self.div(total, self.like(n, total))

    def shifted(self, x, dims, finite):
        """x less its greatest, and that; `finite`: 0 in its place where it is infinite."""
        most = self.r.value(self.fold("max", x, dims))
        if finite:
            most = np.where(np.isfinite(most), most, 0).astype(most.dtype)
        return self.sub(x, self.back(most, x, dims)), most


def _gelu(o, xs, a):
    x = o.wide(xs[0])
    tail = o.erfc(o.mul(o.like(-(0.5**0.5), x), x))
    return o.mul(x, o.mul(o.like(0.5, x), tail))


def _logsumexp(o, xs, a):
    shifted, most = o.shifted(o.wide(xs[0]), a["dims"], finite=True)
    return o.add(o.log(o.fold("add", o.exp(shifted), a["dims"])), most)


def _normalized(o, x, a):
    scale = o.rsqrt(o.add(m := o.mean(o.mul(x, x), a["dims"]), o.like(a["eps"], m)))
    return o.mul(x, o.back(scale, x, a["dims"]))


def _layer_norm(o, xs, a):
    x = o.wide(xs[0])
    return _normalized(o, o.sub(x, o.back(o.mean(x, a["dims"]), x, a["dims"])), a)


def _rms_norm(o, xs, a):
    return _normalized(o, o.wide(xs[0]), a)


def _batch_norm(o, xs, a):
    x, mean, variance = map(o.wide, xs)
    scale = o.rsqrt(o.add(variance, o.like(a["eps"], variance)))
    return o.mul(o.sub(x, o.back(mean, x, a["dims"])), o.back(scale, x, a["dims"]))


def _cross_entropy(o, xs, a):
    x, labels = o.wide(xs[0]), xs[1]
    last = [len(o.r.shape(x)) - 1]
    shifted, _ = o.shifted(x, last, finite=False)
    total = o.log(o.fold("add", o.exp(shifted), last))
    if o.r.value(labels).dtype.kind not in "iu":
        logs = o.sub(shifted, o.back(total, x, last))
        return o.neg(o.fold("add", o.mul(o.wide(labels, x), logs), last))
    labels = o.r.value(labels)
    hot = labels[..., None] == np.arange(o.r.shape(x)[-1])
    picked = o.fold("add", o.select(hot, shifted, o.like(0, x)), last)
    loss = o.sub(total, picked)
    return o.select(hot.any(-1), loss, o.like(0, loss))


def _attention(o, xs, a):
    segments = a["operandSegmentSizes"]
    q, k, v = map(o.wide, xs[:3])
    shape, keys = o.r.shape(q), o.r.shape(k)
    n, lead = len(shape), list(range(len(shape) - 3))
    groups = shape[-3] // keys[-3]

    def repeated(x):
        """Each head of the keys, as often as it serves."""
        own = o.r.shape(x)
        wide = o.r.do("broadcast", x, shape=(*own[:-2], groups, *own[-2:]), dims=[*range(n - 2), n - 1, n])
        return o.r.do("reshape", wide, shape=(*own[:-3], own[-3] * groups, *own[-2:]))

    k, v = repeated(k), repeated(v)
    batch = [*lead, n - 3]

    def dot(x, y, right):
        made = (*o.r.shape(x)[:-1], o.r.shape(y)[n - 1 if right == n - 2 else n - 2])
        return o.r.do("dot", x, y, shape=made, lhs_batch=batch, rhs_batch=batch, lhs_contract=[n - 1],
                      rhs_contract=[right])  # fmt: skip

    scores = dot(q, k, n - 1)
    scores = o.mul(scores, o.like(a["scale"], scores))
    wide = o.r.shape(scores)
    if segments[3]:
        scores = o.add(scores, o.r.do("broadcast", o.wide(xs[3], q), shape=wide, dims=[*range(n)]))
    last, masked = [n - 1], segments[4] or a["causal"]
    allowed = np.ones(wide, bool)
    if segments[4]:
        allowed &= np.broadcast_to(o.r.value(xs[-1]), wide)
    if a["causal"]:
        allowed &= np.arange(wide[-1]) <= np.arange(wide[-2])[:, None]
    if masked:
        scores = o.select(allowed, scores, o.like(-np.inf, scores))
    power = o.exp(o.shifted(scores, last, finite=masked)[0])
    total = o.fold("add", power, last)
    if masked:
        total = o.select(o.r.value(total) == 0, o.like(1, total), total)
    return dot(o.div(power, o.back(total, power, last)), v, n - 2)


MADE_OF = {
    "gelu": _gelu, "logsumexp": _logsumexp, "layer_norm": _layer_norm, "rms_norm": _rms_norm,
    "batch_norm": _batch_norm, "cross_entropy": _cross_entropy, "attention": _attention,
}  # fmt: skip


def composite(rules, name, xs, attributes, element):
    """A composite on arrays and duals."""
    made = MADE_OF[name](Ops(rules), xs, attributes)
    return rules.do("convert", made, element=element)
