"""Distributions that are drawn by rejection, in loops until a candidate is accepted, and what is made of them.

Decides the algorithms. Their numbers do not vary smoothly with the parameters: no derivative in them.
"""

from __future__ import annotations

import math
from typing import Any

from weft._src import dtypes, normalize
from weft._src.control import scan, while_loop
from weft._src.dispatch import op
from weft._src.normalize import check_shape, convert
from weft._src.trace import Tracer, cast
from weft._src.transforms import stop_gradient, vmap
from weft.ops import elementwise, movement, reduction
from weft.random.common import float_type, keys_of, parameters, signs, unit
from weft.random.continuous import exponential, normal, uniform
from weft.random.keys import fold_in, split

__all__ = [
    "ball", "beta", "binomial", "chisquare", "dirichlet", "f", "gamma", "generalized_normal", "loggamma", "multinomial",
    "poisson", "t",
]  # fmt: skip


def _gamma_one(key_: Any, alpha: Any, log: bool) -> Any:
    """One number of the gamma distribution, or its logarithm, from that of alpha + 1 where alpha is below 1
    (G. Marsaglia and W. Tsang, "A simple method for generating gamma variables", 2000)."""
    d_ = alpha.dtype
    large = alpha >= 1
    d = elementwise.where(large, alpha, alpha + 1) - 1 / 3
    c = convert(1 / 3, d_) / elementwise.sqrt(d)
    loop, last = fold_in(key_, 0), fold_in(key_, 1)

    def candidate(state: tuple) -> tuple:
        first = fold_in(state[0], 0)
        return first, *_cube_root(fold_in(state[0], 1)), uniform(fold_in(state[0], 2), dtype=d_)

    def _cube_root(k: Any) -> tuple:
        def draw(s: tuple) -> tuple:
            x = normal(fold_in(s[0], 1), dtype=d_)
            return fold_in(s[0], 0), x, 1 + x * c

        _, x, v = while_loop(lambda s: s[2] <= 0, draw, (k, convert(0, d_), convert(-1, d_)))
        return x * x, v * v * v

    def rejected(state: tuple) -> Any:
        _, x2, v, u = state
        return (u >= 1 - 0.0331 * (x2 * x2)) & (elementwise.log(u) >= x2 / 2 + d * (1 - v + elementwise.log(v)))

    v = while_loop(rejected, candidate, (loop, convert(0, d_), convert(1, d_), convert(2, d_)))[2]
    if log:
        small = -exponential(last, dtype=d_)
        shift = elementwise.where(large | (small == 0), convert(0, d_), small / alpha)
        return elementwise.log(d) + elementwise.log(v) + shift
    boost = elementwise.where(large, convert(1, d_), (1 - uniform(last, dtype=d_)) ** (1 / alpha))
    return d * v * boost


def _gamma(name: str, keys: Any, a: Any, shape: Any, dtype: Any, log: bool) -> Tracer:
    keys, d = keys_of(keys, name), float_type(dtype, name)
    shape, (a,) = parameters(name, shape, d, a)
    full = (*keys.shape, *shape)
    n = normalize.count(full)
    wide = dtypes.float32 if d.bits == 16 else d
    a = cast(normalize.reshape(normalize.broadcast(a, full), (n,)), wide)
    each = normalize.reshape(split(keys, shape), (n,)) if shape else normalize.reshape(fold_in(keys, 0), (n,))
    made = vmap(lambda k, x: _gamma_one(k, x, log))(each, stop_gradient(a))
    return cast(normalize.reshape(made, full), d)


@op(arrays=2)
def gamma(keys: Any, a: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the gamma distribution of shape parameter `a` and scale 1.

    Args:
        keys: keys of any shape K. a: positive numbers, broadcasting to `shape`; others give NaN.
        shape: how many from each key; by default the shape of `a`.
        dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape. It has no derivative in `a`.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.gamma(weft.random.key(0), 2.0, (3,)).shape
    (3,)
    """
    return _gamma("gamma", keys, a, shape, dtype, log=False)


@op(arrays=2)
def loggamma(keys: Any, a: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """The logarithms of numbers of the gamma distribution: for small `a` the numbers themselves are 0 in floats.

    Args and errors: as `gamma`.

    >>> bool(weft.isfinite(weft.random.loggamma(weft.random.key(0), 1e-4, (100,))).all())
    True
    """
    return _gamma("loggamma", keys, a, shape, dtype, log=True)


@op(arrays=3)
def beta(keys: Any, a: Any, b: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the beta distribution of parameters `a` and `b`.

    Args and errors: as `gamma`; `a` and `b` broadcast to `shape`.

    >>> weft.random.beta(weft.random.key(0), 2.0, 3.0, (4,)).shape
    (4,)
    """
    keys, d = keys_of(keys, "beta"), float_type(dtype, "beta")
    shape, (a, b) = parameters("beta", shape, d, a, b)
    x, y = loggamma(fold_in(keys, 0), a, shape, d), loggamma(fold_in(keys, 1), b, shape, d)
    top = elementwise.maximum(x, y)
    x, y = elementwise.exp(x - top), elementwise.exp(y - top)
    return x / (x + y)


@op(arrays=2)
def dirichlet(keys: Any, alpha: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Vectors of the Dirichlet distribution: positive, of sum 1.

    Args:
        keys: keys of any shape K. alpha: positive numbers; the last axis is that of the vectors.
        shape: how many vectors from each key; by default the other axes of `alpha`, which broadcast to it.
        dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape + alpha.shape[-1:]. It has no derivative in `alpha`.

    Raises:
        DTypeError: WF1022; ShapeError: WF1008, WF1011, WF1014.

    >>> x = weft.random.dirichlet(weft.random.key(0), weft.asarray([1.0, 2.0, 3.0]), (5,))
    >>> x.shape, bool((abs(x.sum(axis=1) - 1) < 1e-6).all())
    ((5, 3), True)
    """
    keys, d, alpha = keys_of(keys, "dirichlet"), float_type(dtype, "dirichlet"), normalize.array(alpha)
    if not alpha.shape:
        raise normalize.ShapeError("WF1011", "dirichlet: alpha has an axis for the vectors, got a number.")
    shape = alpha.shape[:-1] if shape is None else check_shape(shape)
    x = loggamma(keys, alpha, (*shape, alpha.shape[-1]), d)
    weights = elementwise.exp(x - reduction.max(x, axis=-1, keepdims=True))
    return weights / reduction.sum(weights, axis=-1, keepdims=True)


# ------------------------------------------------------------------------------------------- made of gamma numbers


@op(arrays=2)
def chisquare(keys: Any, df: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the chi-squared distribution of `df` degrees of freedom.

    Args and errors: as `gamma`.

    >>> weft.random.chisquare(weft.random.key(0), 3.0, (4,)).shape
    (4,)
    """
    keys, d = keys_of(keys, "chisquare"), float_type(dtype, "chisquare")
    shape, (df,) = parameters("chisquare", shape, d, df)
    return 2 * elementwise.exp(loggamma(keys, df / 2, shape, d))


@op(arrays=3)
def f(keys: Any, dfnum: Any, dfden: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the F distribution: the quotient of two chi-squared ones, each by its degrees of freedom.

    Args and errors: as `gamma`; `dfnum` and `dfden` broadcast to `shape`.

    >>> weft.random.f(weft.random.key(0), 3.0, 5.0, (4,)).shape
    (4,)
    """
    keys, d = keys_of(keys, "f"), float_type(dtype, "f")
    shape, (dfnum, dfden) = parameters("f", shape, d, dfnum, dfden)
    below, above = chisquare(fold_in(keys, 0), dfden, shape, d), chisquare(fold_in(keys, 1), dfnum, shape, d)
    return (above / dfnum) / (below / dfden)


@op(arrays=2)
def t(keys: Any, df: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of Student's t distribution of `df` degrees of freedom.

    Args and errors: as `gamma`.

    >>> weft.random.t(weft.random.key(0), 3.0, (4,)).shape
    (4,)
    """
    keys, d = keys_of(keys, "t"), float_type(dtype, "t")
    shape, (df,) = parameters("t", shape, d, df)
    half = df / 2
    return normal(fold_in(keys, 0), shape, d) * elementwise.sqrt(half / gamma(fold_in(keys, 1), half, shape, d))


@op(arrays=2)
def generalized_normal(keys: Any, p: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the generalized normal distribution: their density falls as exp(-|x|^p).

    Args and errors: as `gamma`; p: positive numbers that broadcast to `shape`.

    >>> weft.random.generalized_normal(weft.random.key(0), 1.5, (4,)).shape
    (4,)
    """
    keys, d = keys_of(keys, "generalized_normal"), float_type(dtype, "generalized_normal")
    shape, (p,) = parameters("generalized_normal", shape, d, p)
    size = elementwise.pow(gamma(fold_in(keys, 0), 1 / p, shape, d), 1 / p)
    return signs(fold_in(keys, 1), shape, d) * size


@op
def ball(keys: Any, d: int, /, p: float = 2, shape: Any = (), dtype: Any = None) -> Any:
    """Points uniformly distributed in the unit ball of the p-norm in `d` dimensions (F. Barthe et al., "A probabilistic
    approach to the geometry of the l_p^n-ball", 2005).

    Args:
        keys: keys of any shape K. d: how many dimensions. p: of the norm, a number of 1 or more. shape: how many points
            from each key. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape + (d,).

    Raises:
        DTypeError: WF1022; ShapeError: WF1008.

    >>> x = weft.random.ball(weft.random.key(0), 3, shape=(100,))
    >>> bool(((x * x).sum(axis=-1) <= 1).all())
    True
    """
    keys, out, shape = keys_of(keys, "ball"), float_type(dtype, "ball"), check_shape(shape)
    x = generalized_normal(fold_in(keys, 0), p, (*shape, d), out)
    size = reduction.sum(elementwise.pow(elementwise.abs(x), p), axis=-1) + exponential(fold_in(keys, 1), shape, out)
    return x / elementwise.pow(size, 1 / p)[..., None]


# --------------------------------------------------------------------------------------------------------- counts


def _log_factorial(k: Tracer) -> Tracer:
    """log(k!) by Stirling's series, from 8 on; below by the product up to there."""
    x = k + 1
    low = x < 8
    near, z, product = elementwise.minimum(x, 8.0), elementwise.where(low, x + 7, x), None
    for i in range(7):
        product = near + i if product is None else product * (near + i)
    r = 1 / z
    series = r * (1 / 12 - r * r * (1 / 360 - r * r / 1260))
    sum_ = (z - 0.5) * elementwise.log(z) - z + math.log(2 * math.pi) / 2 + series
    return elementwise.where(low, sum_ - elementwise.log(product), sum_)


@op(arrays=2)
def poisson(keys: Any, lam: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Integers of the Poisson distribution of mean `lam`.

    Args:
        keys: keys of any shape K. lam: means, 0 or more, broadcasting to `shape`; others give -1.
        shape: how many from each key; by default the shape of `lam`. dtype: by default the default integer.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.poisson(weft.random.key(0), 4.0, (3,)).shape
    (3,)
    """
    keys, d = keys_of(keys, "poisson"), dtypes.default_int() if dtype is None else dtypes.dtype(dtype)
    if d.kind not in ("int", "float"):
        raise normalize.DTypeError("WF1022", f"poisson gives integers, and -1 for no answer, not {d.name}.")
    shape, (lam,) = parameters("poisson", shape, dtypes.float32, lam)
    full = (*keys.shape, *shape)
    lam = stop_gradient(normalize.broadcast(lam, full))
    few = elementwise.bitwise_invert(lam >= 10)
    counted = _poisson_few(fold_in(keys, 0), elementwise.where(few, lam, 0.0), shape)
    drawn = _poisson_many(fold_in(keys, 1), elementwise.where(few | (lam == math.inf), 1e5, lam), shape)
    result = elementwise.where(few, counted, drawn)
    return cast(elementwise.where((lam >= 0) & (lam < math.inf), result, -1.0), d)


def _poisson_few(keys: Tracer, lam: Tracer, shape: tuple) -> Tracer:
    """How many uniform numbers can be multiplied before the product is below exp(-lam) (D. Knuth, "Seminumerical
    algorithms", 3.4.1)."""

    def multiply(state: tuple) -> tuple:
        k, count, log = state
        more = log > -lam
        return (
            fold_in(k, 0),
            elementwise.where(more, count + 1, count),
            log + elementwise.log(unit(fold_in(k, 1), shape, dtypes.float32)),
        )

    zero = elementwise.multiply(lam, 0.0)
    count = while_loop(lambda s: (s[2] > -lam).any(), multiply, (keys, zero, zero))[1]
    return elementwise.maximum(count - 1, 0.0)


def _poisson_many(keys: Tracer, lam: Tracer, shape: tuple) -> Tracer:
    """Transformed rejection (W. Hormann, "The transformed rejection method for generating Poisson random variables",
    1993)."""
    log = elementwise.log(lam)
    b = 0.931 + 2.53 * elementwise.sqrt(lam)
    a = -0.059 + 0.02483 * b
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2)

    def draw(state: tuple) -> tuple:
        key_, made, done = state
        u = unit(fold_in(key_, 1), shape, dtypes.float32) - 0.5
        v = unit(fold_in(key_, 2), shape, dtypes.float32)
        us = 0.5 - elementwise.abs(u)
        k = elementwise.floor((2 * a / us + b) * u + lam + 0.43)
        s = elementwise.log(v * inverse / (a / (us * us) + b))
        t = -lam + k * log - _log_factorial(elementwise.maximum(k, 0.0))
        bad = (k < 0) | ((us < 0.013) & (v > us))
        taken = ((us >= 0.07) & (v <= v_r)) | (elementwise.bitwise_invert(bad) & (s <= t))
        return fold_in(key_, 0), elementwise.where(taken & elementwise.bitwise_invert(done), k, made), done | taken

    start = (keys, elementwise.multiply(lam, 0.0), lam < 0)
    return while_loop(lambda s: elementwise.bitwise_invert(s[2]).any(), draw, start)[1]


@op(arrays=3)
def binomial(keys: Any, n: Any, p: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """How many of `n` trials succeed, each with probability `p`; whole numbers in floating point, as `n` is.

    Args:
        keys: keys of any shape K. n: whole numbers of 0 or more. p: probabilities; both broadcast to `shape`. Others
            give NaN. shape: how many from each key; by default the common shape. dtype: floating; by default the
            default float.

    Returns:
        An array of shape K + shape. It has no derivative in `n` and `p`.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> x = weft.random.binomial(weft.random.key(0), 10, 0.3, (100,))
    >>> bool(((x >= 0) & (x <= 10)).all())
    True
    """
    keys, d = keys_of(keys, "binomial"), float_type(dtype, "binomial")
    shape, (n, p) = parameters("binomial", shape, dtypes.float64, n, p)
    full = (*keys.shape, *shape)
    return cast(_binomial(keys, normalize.broadcast(n, full), normalize.broadcast(p, full), shape), d)


def _binomial(keys: Tracer, n: Tracer, p: Tracer, shape: tuple) -> Tracer:
    """Of parameters for each number: in float64, since logarithms of factorials of large numbers differ by little."""
    n, p = stop_gradient(elementwise.floor(n)), stop_gradient(p)
    good = (n >= 0) & (n < math.inf) & (p >= 0) & (p <= 1)
    q = elementwise.where(good, elementwise.minimum(p, 1 - p), 0.0)
    few = elementwise.bitwise_invert(good & (n * q >= 10))
    counted = _binomial_few(fold_in(keys, 0), elementwise.where(few & good, n, 0.0), q, shape)
    many = _binomial_many(fold_in(keys, 1), elementwise.where(few, 1e4, n), elementwise.where(few, 0.5, q), shape)
    made = elementwise.where(few, counted, many)
    return elementwise.where(good, elementwise.where(p <= 0.5, made, n - made), math.nan)


def _binomial_few(keys: Tracer, n: Tracer, p: Tracer, shape: tuple) -> Tracer:
    """How many waits for a success fit into n trials: the first waiting time method (L. Devroye, "Non-uniform random
    variate generation", 1986, chapter X.4)."""

    def wait(state: tuple) -> tuple:
        k, count, trials = state
        u = unit(fold_in(k, 1), shape, dtypes.float64)
        trials = trials + elementwise.floor(elementwise.log(u) / elementwise.log1p(-p)) + 1
        return fold_in(k, 0), elementwise.where(trials <= n, count + 1, count), trials

    zero = elementwise.multiply(n, 0.0)
    return while_loop(lambda s: (s[2] <= n).any(), wait, (keys, zero, zero))[1]


def _binomial_many(keys: Tracer, n: Tracer, p: Tracer, shape: tuple) -> Tracer:
    """Transformed rejection with a squeeze, for n p >= 10 (W. Hormann, "The generation of binomial random variates",
    1993, algorithm BTRS)."""
    spread = elementwise.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    v_r = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * spread
    odds = elementwise.log(p / (1 - p))
    top = elementwise.floor((n + 1) * p)
    height = _log_factorial(top) + _log_factorial(n - top)

    def draw(state: tuple) -> tuple:
        key_, made, done = state
        u = unit(fold_in(key_, 1), shape, dtypes.float64) - 0.5
        v = unit(fold_in(key_, 2), shape, dtypes.float64)
        us = 0.5 - elementwise.abs(u)
        k = elementwise.floor((2 * a / us + b) * u + n * p + 0.5)
        inside = (k >= 0) & (k <= n)
        at = elementwise.where(inside, k, top)
        s = height - _log_factorial(at) - _log_factorial(n - at) + (at - top) * odds
        taken = ((us >= 0.07) & (v <= v_r)) | (inside & (elementwise.log(v * alpha / (a / (us * us) + b)) <= s))
        return fold_in(key_, 0), elementwise.where(taken & elementwise.bitwise_invert(done), k, made), done | taken

    start = (keys, elementwise.multiply(n, 0.0), n < 0)
    return while_loop(lambda s: elementwise.bitwise_invert(s[2]).any(), draw, start)[1]


@op(arrays=3)
def multinomial(keys: Any, n: Any, p: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """How many of `n` trials fall into each category: binomial numbers, category by category, of the trials that are
    left.

    Args:
        keys: keys of any shape K. n: whole numbers of 0 or more. p: weights of the categories along the last axis, of
            sum 1. shape: of the result from each key, with the axis of the categories; by default the shape of `p`. The
            other axes of `n` and `p` broadcast to it. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape. It has no derivative in `n` and `p`.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1011, WF1014.

    >>> x = weft.random.multinomial(weft.random.key(0), 10, weft.asarray([0.2, 0.3, 0.5]))
    >>> x.shape, float(x.sum())
    ((3,), 10.0)
    """
    keys, d, p = keys_of(keys, "multinomial"), float_type(dtype, "multinomial"), normalize.array(p)
    if not p.shape:
        raise normalize.ShapeError("WF1011", "multinomial: p has an axis for the categories, got a number.")
    shape = p.shape if shape is None else check_shape(shape)
    _, (p,) = parameters("multinomial", shape, dtypes.float64, p)
    _, (n,) = parameters("multinomial", shape[:-1], dtypes.float64, n)
    full = (*keys.shape, *shape)
    n, p = normalize.broadcast(n, full[:-1]), movement.moveaxis(normalize.broadcast(p, full), -1, 0)
    left = movement.flip(reduction.cumulative_sum(movement.flip(p, axis=0), axis=0), axis=0)
    shares = elementwise.clip(p / elementwise.where(left == 0, 1.0, left), 0.0, 1.0)
    each = movement.moveaxis(split(keys, shape[-1]), -1, 0)

    def category(rest: Tracer, given: tuple) -> tuple:
        share, key_ = given
        count = _binomial(key_, rest, share, shape[:-1])
        return rest - count, count

    _, counts = scan(category, n, (shares, each))
    return cast(movement.moveaxis(counts, 0, -1), d)
