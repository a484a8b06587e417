"""Every form of control flow under every short chain of transformations, against loops in Python and differences.

The programs are made, not listed: {if, for, while, map, call, and a scan of a branch of a while} times chains of up to
three of {forward, reverse, vmap}, with sizes static and named. What a chain gives is compared with the same chain on a
NumPy twin of the program, where derivatives are dual numbers (exact, also beside the edge of a branch) and vmap is a
loop. Central differences check the dual numbers.
"""

import itertools

import numpy as np
import pytest
import weft as wf

N, LANES = 3, 4
FORWARD, REVERSE, VMAP = "jvp", "grad", "vmap"


# ------------------------------------------------------------------------------------- programs: x[N] -> one number
# Each twice: for weft, and for NumPy with the same arithmetic. Where a predicate is differentiated, the point is kept
# away from its edge by the data.


def branch(x):
    return wf.sum(wf.cond(wf.sum(x) > 0.0, lambda v: wf.sin(v) * v, lambda v: v * v * v, x))


def branch_np(x):
    return np.sum(np.sin(x) * x if np.sum(x).real > 0 else x * x * x)


def counted(x):
    return wf.sum(wf.fori_loop(0, 3, lambda i, c: wf.sin(c) * x + c * 0.5, x))


def counted_np(x):
    c = x
    for _ in range(3):
        c = np.sin(c) * x + c * 0.5
    return np.sum(c)


def traced_count(x):
    n = wf.astype(wf.abs(wf.sum(x)) * 3.0, "int64") + 1
    return wf.sum(wf.fori_loop(0, n, lambda i, c: wf.sin(c) * x + c * 0.5, x))


def traced_count_np(x):
    c = x
    for _ in range(int(abs(np.sum(x).real) * 3.0) + 1):
        c = np.sin(c) * x + c * 0.5
    return np.sum(c)


def until(x):
    return wf.sum(wf.while_loop(lambda c: wf.sum(c * c) < 9.0, lambda c: c * 1.5 + wf.sin(x) * 0.1, x))


def until_np(x):
    c = x
    while np.sum(c * c).real < 9.0:
        c = c * 1.5 + np.sin(x) * 0.1
    return np.sum(c)


def bounded(x):
    last = wf.while_loop(lambda c: wf.sum(c * c) < 9.0, lambda c: c * 1.5 + wf.sin(x) * 0.1, x, max_trips=3)
    return wf.sum(last * last)


def bounded_np(x):
    c, trips = x, 0
    while np.sum(c * c).real < 9.0 and trips < 3:
        c, trips = c * 1.5 + np.sin(x) * 0.1, trips + 1
    return np.sum(c * c)


def lanes(x):
    y = wf.vmap(lambda a: wf.cond(a > 0.2, lambda v: wf.sin(v) * wf.sum(x), lambda v: v * v * v, a))(x)
    return wf.sum(y * y)


def lanes_np(x):
    y = np.array([np.sin(a) * np.sum(x) if a.real > 0.2 else a * a * a for a in x])
    return np.sum(y * y)


def lanes_until(x):
    y = wf.vmap(lambda a: wf.while_loop(lambda c: c * c < 4.0, lambda c: c * 1.7 + 0.1 * wf.sum(x), a))(x)
    return wf.sum(y * y)


def lanes_until_np(x):
    def one(a):
        while (a * a).real < 4.0:
            a = a * 1.7 + 0.1 * np.sum(x)
        return a

    y = np.array([one(a) for a in x])
    return np.sum(y * y)


@wf.jit
def inner(x, y):
    return wf.while_loop(lambda c: wf.sum(c * c) < 5.0, lambda c: c * 1.3 + y, x)


def called(x):
    return wf.sum(inner(x, wf.sin(x)) * inner(x * 0.5, x * x + 0.2))


def called_np(x):
    def run(c, y):
        while np.sum(c * c).real < 5.0:
            c = c * 1.3 + y
        return c

    return np.sum(run(x, np.sin(x)) * run(x * 0.5, x * x + 0.2))


def nested(x):
    def step(c, a):
        def grow(v):
            return wf.while_loop(lambda u: wf.sum(u * u) < 6.0, lambda u: u * 1.4 + a * 0.1, v)

        c = wf.cond(a > 0.0, grow, lambda v: v * 0.5, c)
        return c, wf.sum(c)

    last, sums = wf.scan(step, x, x)
    return wf.sum(last) + wf.sum(sums * sums)


def nested_np(x):
    c, total = x, 0.0
    for a in x:
        if a.real > 0:
            while np.sum(c * c).real < 6.0:
                c = c * 1.4 + a * 0.1
        else:
            c = c * 0.5
        total = total + np.sum(c) ** 2
    return np.sum(c) + total


PROGRAMS = {
    f.__name__: (f, twin)
    for f, twin in [
        (branch, branch_np), (counted, counted_np), (traced_count, traced_count_np), (until, until_np),
        (bounded, bounded_np), (lanes, lanes_np), (lanes_until, lanes_until_np), (called, called_np),
        (nested, nested_np),
    ]
}  # fmt: skip


# -------------------------------------------------------------------------------------------------------- chains
# A chain is applied from the inside out. Every link gives a function of one array again: `grad` makes vectors of
# numbers (then a sum of squares makes one number of them), jvp along the ones takes numbers to numbers, vmap is summed
# in squares over the lanes, so that any link can follow.


def chain(f, links, w):
    """The composite for a namespace `w` of link functions."""
    for link in links:
        f = w[link](f)
    return f


def weft_links():
    def jvp(f):
        return lambda x: wf.jvp(f, (x,), (wf.ones_like(x),))[1]

    def grad(f):
        def g(x):
            d = wf.grad(f)(x)
            return wf.sum(d * d * wf.asarray(np.float64(0.5)))

        return g

    def vmap(f):
        # Lanes near x, each another number of trips away.
        return lambda x: wf.sum(wf.vmap(lambda s: f(x * s))(SCALES) * WEIGHTS)

    return {FORWARD: jvp, REVERSE: grad, VMAP: vmap}


SCALES = np.array([1.0, 0.6, 1.7, -0.9])
WEIGHTS = np.array([1.0, -0.5, 0.3, 2.0])


class Dual:
    """value + tangent * e, with e * e = 0; of two different e, the one of the greater tag is outermost."""

    tags = itertools.count()

    def __init__(self, tag, value, tangent):
        self.tag, self.value, self.tangent = tag, value, tangent

    @property
    def real(self):
        return self.value.real

    def _parts(self, tag):
        return (self.value, self.tangent) if self.tag == tag else (self, 0.0)

    def _binary(self, other, value, tangent):
        tag = max(self.tag, getattr(other, "tag", -1))
        a, da = self._parts(tag)
        b, db = other._parts(tag) if isinstance(other, Dual) else (other, 0.0)
        return Dual(tag, value(a, b), tangent(a, da, b, db))

    def __add__(self, other):
        return self._binary(other, lambda a, b: a + b, lambda a, da, b, db: da + db)

    def __mul__(self, other):
        return self._binary(other, lambda a, b: a * b, lambda a, da, b, db: da * b + db * a)

    def __sub__(self, other):
        return self + other * -1.0

    def __rsub__(self, other):
        return self * -1.0 + other

    def __pow__(self, n):
        assert n == 2
        return self * self

    __radd__, __rmul__ = __add__, __mul__

    def sin(self):
        return Dual(self.tag, np.sin(self.value), self.tangent * self.cos_of(self.value))

    def cos(self):
        return Dual(self.tag, self.cos_of(self.value), np.sin(self.value) * self.tangent * -1.0)

    @staticmethod
    def cos_of(x):
        return x.cos() if isinstance(x, Dual) else np.cos(x)


def directional(f, x, t):
    tag = next(Dual.tags)
    y = f(np.array([Dual(tag, a, b) for a, b in zip(x, t, strict=True)], dtype=object))
    return y.tangent if isinstance(y, Dual) and y.tag == tag else 0.0


def numpy_links():
    def jvp(f):
        return lambda x: directional(f, x, np.ones(len(x)))

    def grad(f):
        return lambda x: sum(d * d * 0.5 for d in [directional(f, x, e) for e in np.eye(len(x))])

    def vmap(f):
        return lambda x: sum(f(x * s) * w for s, w in zip(SCALES, WEIGHTS, strict=True))

    return {FORWARD: jvp, REVERSE: grad, VMAP: vmap}


CHAINS = [links for n in (1, 2, 3) for links in itertools.product((FORWARD, REVERSE, VMAP), repeat=n)]
X = np.array([0.53, -0.37, 0.81])


# A third link adds nothing about sizes that two do not.
CASES = [(links, "static") for links in CHAINS] + [(links, "named") for links in CHAINS if len(links) < 3]


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(("links", "sizes"), CASES, ids=lambda x: x if isinstance(x, str) else "-".join(x))
def test_chain(program, links, sizes):
    f, twin = PROGRAMS[program]
    composite = wf.jit(chain(f, links, weft_links()))
    if sizes == "named":
        got = float(composite.lower(wf.spec((wf.Dim("S"),), "float64")).compile()(X))
    else:
        got = float(composite(X))
    want = chain(twin, links, numpy_links())(X)
    want = float(getattr(want, "real", want))
    assert abs(got - want) <= 1e-9 * max(1.0, abs(want)), (got, want)


@pytest.mark.parametrize("program", PROGRAMS)
def test_dual_numbers_against_differences(program):
    f, t, step = PROGRAMS[program][1], np.array([0.3, -1.0, 0.7]), 1e-4
    difference = (8 * (f(X + step * t) - f(X - step * t)) - (f(X + 2 * step * t) - f(X - 2 * step * t))) / (12 * step)
    assert abs(directional(f, X, t) - difference) <= 1e-7 * max(1.0, abs(difference))
