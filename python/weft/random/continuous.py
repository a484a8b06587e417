"""Distributions of real numbers that are made of uniform ones by a formula.

Decides the formulas; those of JAX, whose numbers are the same to a few units in the last place.
"""

from __future__ import annotations

import math
from typing import Any

from weft._src import normalize
from weft._src.dispatch import op
from weft._src.errors import ArgumentValueError
from weft._src.normalize import check_shape, convert
from weft._src.trace import Tracer, emit
from weft.ops import contraction, elementwise, movement
from weft.random.common import between, eps, float_type, keys_of, parameters, positive_unit, signs, tiny, unit
from weft.random.keys import fold_in

__all__ = [
    "cauchy", "double_sided_maxwell", "exponential", "gumbel", "laplace", "logistic", "lognormal", "maxwell",
    "multivariate_normal", "normal", "orthogonal", "pareto", "rayleigh", "triangular", "truncated_normal", "uniform",
    "wald", "weibull_min",
]  # fmt: skip


@op
def uniform(keys: Any, /, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0) -> Any:
    """Numbers uniformly distributed in [minval, maxval).

    Args:
        keys: keys of any shape K. shape: how many from each key. dtype: floating; by default the default float.
        minval, maxval: numbers or arrays that broadcast to the result.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022 for another dtype; ShapeError: WF1008, WF1014.

    >>> weft.random.uniform(weft.random.key(0), (2,))
    Array([0.947667 , 0.9785799], dtype=float32)
    """
    keys, d = keys_of(keys, "uniform"), float_type(dtype, "uniform")
    shape, _ = parameters("uniform", shape, d, minval, maxval)
    return between(keys, shape, d, minval, maxval)


def _erf_inv(x: Tracer) -> Tracer:
    """As JAX computes it, which is less accurate near 1 than `weft.erf_inv`: its normal numbers are made so."""
    return emit("erf_inv_coarse", [x])


@op
def normal(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the normal distribution of mean 0 and variance 1.

    Args and errors: as `bits`, with a floating dtype, by default the default float.

    >>> weft.random.normal(weft.random.key(0), (2,))
    Array([1.6226422, 2.0252647], dtype=float32)
    """
    keys, d, shape = keys_of(keys, "normal"), float_type(dtype, "normal"), check_shape(shape)
    x = between(keys, shape, d, -(1 - eps(d) / 2), 1.0)
    return elementwise.multiply(_erf_inv(x), math.sqrt(2))


@op
def truncated_normal(keys: Any, lower: Any, upper: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the standard normal distribution, given that they lie in (lower, upper).

    Args:
        keys: keys of any shape K. lower, upper: numbers or arrays that broadcast to `shape`.
        shape: how many from each key; by default the common shape of lower and upper.
        dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> x = weft.random.truncated_normal(weft.random.key(0), -1, 2, (1000,))
    >>> bool((x > -1).all() & (x < 2).all())
    True
    """
    keys, d = keys_of(keys, "truncated_normal"), float_type(dtype, "truncated_normal")
    shape, (lower, upper) = parameters("truncated_normal", shape, d, lower, upper)
    root = convert(math.sqrt(2), d)
    low, high = (elementwise.erf(elementwise.divide(x, root)) for x in (lower, upper))
    x = elementwise.multiply(_erf_inv(between(keys, shape, d, low, high)), root)
    return elementwise.minimum(
        elementwise.maximum(x, elementwise.nextafter(lower, math.inf)), elementwise.nextafter(upper, -math.inf)
    )


@op
def exponential(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the exponential distribution of rate 1.

    Args and errors: as `normal`.

    >>> weft.random.exponential(weft.random.key(0), (2,))
    Array([2.950128 , 3.8434246], dtype=float32)
    """
    keys, d = keys_of(keys, "exponential"), float_type(dtype, "exponential")
    u = unit(keys, check_shape(shape), d)
    return elementwise.negative(elementwise.log1p(elementwise.negative(u)))


@op
def gumbel(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the Gumbel distribution of location 0 and scale 1.

    Args and errors: as `normal`.

    >>> weft.random.gumbel(weft.random.key(0), (2,))
    Array([2.9233725, 3.8326175], dtype=float32)
    """
    keys, d = keys_of(keys, "gumbel"), float_type(dtype, "gumbel")
    u = between(keys, check_shape(shape), d, tiny(d), 1.0)
    return elementwise.negative(elementwise.log(elementwise.negative(elementwise.log(u))))


@op
def laplace(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the Laplace distribution of location 0 and scale 1.

    Args and errors: as `normal`.

    >>> weft.random.laplace(weft.random.key(0), (2,))
    Array([-2.2569816, -3.1502788], dtype=float32)
    """
    keys, d = keys_of(keys, "laplace"), float_type(dtype, "laplace")
    u = between(keys, check_shape(shape), d, -1 + eps(d) / 2, 1.0)
    return elementwise.multiply(elementwise.sign(u), elementwise.log1p(elementwise.negative(elementwise.abs(u))))


@op
def logistic(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the logistic distribution of location 0 and scale 1.

    Args and errors: as `normal`.

    >>> weft.random.logistic(weft.random.key(0), (2,))
    Array([2.896376 , 3.8217716], dtype=float32)
    """
    keys, d = keys_of(keys, "logistic"), float_type(dtype, "logistic")
    u = between(keys, check_shape(shape), d, tiny(d), 1.0)
    return elementwise.subtract(elementwise.log(u), elementwise.log1p(elementwise.negative(u)))


@op
def cauchy(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the Cauchy distribution of location 0 and scale 1.

    Args and errors: as `normal`.

    >>> weft.random.cauchy(weft.random.key(0), (2,))
    Array([ 6.0274944, 14.837895 ], dtype=float32)
    """
    keys, d = keys_of(keys, "cauchy"), float_type(dtype, "cauchy")
    u = between(keys, check_shape(shape), d, eps(d), 1.0)
    return elementwise.tan(elementwise.multiply(elementwise.subtract(u, 0.5), math.pi))


@op
def lognormal(keys: Any, /, sigma: Any = 1.0, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers whose logarithm is of the normal distribution of mean 0 and standard deviation `sigma`.

    Args:
        keys: keys of any shape K. sigma: numbers that broadcast to `shape`. shape: how many from each key; by default
            the shape of `sigma`. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.lognormal(weft.random.key(0), 0.5, (2,))
    Array([2.2508798, 2.752838 ], dtype=float32)
    """
    keys, d = keys_of(keys, "lognormal"), float_type(dtype, "lognormal")
    shape, (sigma,) = parameters("lognormal", shape, d, sigma)
    return elementwise.exp(normal(keys, shape, d) * sigma)


@op
def maxwell(keys: Any, /, shape: Any = (), dtype: Any = None) -> Any:
    """Numbers of the Maxwell distribution of scale 1: lengths of vectors of three normal numbers.

    Args and errors: as `normal`.

    >>> weft.random.maxwell(weft.random.key(0), (2,))
    Array([2.6310966, 0.9910329], dtype=float32)
    """
    keys, d = keys_of(keys, "maxwell"), float_type(dtype, "maxwell")
    x = normal(keys, (*check_shape(shape), 3), d)
    return elementwise.sqrt((x * x).sum(axis=-1))


@op(arrays=3)
def double_sided_maxwell(keys: Any, loc: Any, scale: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Maxwell distribution with a random sign, times `scale`, plus `loc`.

    Args:
        keys: keys of any shape K. loc, scale: numbers that broadcast to `shape`. shape: how many from each key; by
            default their common shape. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.double_sided_maxwell(weft.random.key(0), 1.0, 2.0, (2,))
    Array([4.091442 , 4.1482553], dtype=float32)
    """
    keys, d = keys_of(keys, "double_sided_maxwell"), float_type(dtype, "double_sided_maxwell")
    shape, (loc, scale) = parameters("double_sided_maxwell", shape, d, loc, scale)
    return maxwell(fold_in(keys, 0), shape, d) * signs(fold_in(keys, 1), shape, d) * scale + loc


@op(arrays=2)
def pareto(keys: Any, b: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Pareto distribution of exponent `b`: 1 or more, above x with probability x^-b.

    Args:
        keys: keys of any shape K. b: positive numbers that broadcast to `shape`. shape: how many from each key; by
            default the shape of `b`. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.pareto(weft.random.key(0), 3.0, (2,))
    Array([2.6734667, 3.6007476], dtype=float32)
    """
    keys, d = keys_of(keys, "pareto"), float_type(dtype, "pareto")
    shape, (b,) = parameters("pareto", shape, d, b)
    return elementwise.exp(exponential(keys, shape, d) / b)


@op(arrays=2)
def rayleigh(keys: Any, scale: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Rayleigh distribution: lengths of vectors of two normal numbers of standard deviation `scale`.

    Args:
        keys: keys of any shape K. scale: positive numbers that broadcast to `shape`. shape: how many from each key; by
            default the shape of `scale`. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.rayleigh(weft.random.key(0), 2.0, (2,))
    Array([0.65575665, 0.41620055], dtype=float32)
    """
    keys, d = keys_of(keys, "rayleigh"), float_type(dtype, "rayleigh")
    shape, (scale,) = parameters("rayleigh", shape, d, scale)
    return scale * elementwise.sqrt(-2 * elementwise.log(positive_unit(keys, shape, d)))


@op(arrays=4)
def triangular(keys: Any, left: Any, mode: Any, right: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the triangular distribution: from `left` to `right`, the likeliest at `mode`.

    Args:
        keys: keys of any shape K. left, mode, right: numbers in this order, which broadcast to `shape`. shape: how many
            from each key; by default their common shape. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.triangular(weft.random.key(0), 0.0, 1.0, 4.0, (2,))
    Array([3.2075381, 3.4930074], dtype=float32)
    """
    keys, d = keys_of(keys, "triangular"), float_type(dtype, "triangular")
    shape, (left, mode, right) = parameters("triangular", shape, d, left, mode, right)
    u = unit(keys, shape, d)
    rising = left + elementwise.sqrt(u * (right - left) * (mode - left))
    falling = right - elementwise.sqrt((1 - u) * (right - left) * (right - mode))
    return elementwise.where(u < (mode - left) / (right - left), rising, falling)


@op(arrays=2)
def wald(keys: Any, mean: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Wald (inverse Gaussian) distribution of shape parameter 1: one of the two roots of a quadratic in
    a squared normal number (J. Michael, W. Schucany and R. Haas, "Generating random variates using transformations with
    multiple roots", 1976).

    Args:
        keys: keys of any shape K. mean: positive numbers that broadcast to `shape`. shape: how many from each key; by
            default the shape of `mean`. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.wald(weft.random.key(0), 2.0, (2,))
    Array([0.53342175, 0.5981154 ], dtype=float32)
    """
    keys, d = keys_of(keys, "wald"), float_type(dtype, "wald")
    shape, (mean,) = parameters("wald", shape, d, mean)
    v, z = normal(fold_in(keys, 0), shape, d), unit(fold_in(keys, 1), shape, d)
    y = mean * (v * v)
    # The roots are mean * large and mean / large; the small one would cancel in its own formula.
    large = 1 + (y + elementwise.sqrt(y * (4 + y))) / 2
    return elementwise.where(z <= 1 / (1 + 1 / large), mean / large, mean * large)


@op(arrays=3)
def weibull_min(keys: Any, scale: Any, concentration: Any, /, shape: Any = None, dtype: Any = None) -> Any:
    """Numbers of the Weibull distribution of a scale and a concentration (its shape parameter).

    Args:
        keys: keys of any shape K. scale, concentration: positive numbers that broadcast to `shape`. shape: how many
            from each key; by default their common shape. dtype: floating; by default the default float.

    Returns:
        An array of shape K + shape.

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1014.

    >>> weft.random.weibull_min(weft.random.key(0), 2.0, 1.5, (2,))
    Array([4.1139336, 4.9072957], dtype=float32)
    """
    keys, d = keys_of(keys, "weibull_min"), float_type(dtype, "weibull_min")
    shape, (scale, concentration) = parameters("weibull_min", shape, d, scale, concentration)
    return elementwise.pow(exponential(keys, shape, d), 1 / concentration) * scale


# -------------------------------------------------------------------------------------------------- vectors, matrices


@op(arrays=3)
def multivariate_normal(
    keys: Any, mean: Any, cov: Any, /, shape: Any = None, dtype: Any = None, method: str = "cholesky"
) -> Any:
    """Vectors of the normal distribution of a mean and a covariance matrix.

    Args:
        keys: keys of any shape K. mean: of shape (..., n). cov: symmetric and positive definite, of shape (..., n, n).
        shape: how many vectors from each key; by default the common shape of the other axes, which broadcast to it.
        dtype: floating; by default the common dtype of `mean` and `cov`. method: how the matrix is taken apart:
            "cholesky", or "eigh" or "svd" where it is singular.

    Returns:
        An array of shape K + shape + (n,).

    Raises:
        DTypeError: WF1022; ShapeError: WF1001, WF1008, WF1011, WF1012, WF1014; ArgumentValueError: WF1902.

    >>> weft.random.multivariate_normal(weft.random.key(0), weft.zeros(2), weft.eye(2), (3,)).shape
    (3, 2)
    """
    from weft import linalg

    if method not in ("cholesky", "eigh", "svd"):
        raise ArgumentValueError("WF1902", f'the methods are "cholesky", "eigh" and "svd", not {method!r}.')
    keys, mean, cov = keys_of(keys, "multivariate_normal"), normalize.array(mean), normalize.array(cov)
    d = normalize.floating([mean, cov]) if dtype is None else float_type(dtype, "multivariate_normal")
    if len(mean.shape) < 1 or len(cov.shape) < 2:
        raise normalize.ShapeError(
            "WF1011", "multivariate_normal takes a mean (..., n) and a covariance (..., n, n).", operands=(mean, cov)
        )
    n = mean.shape[-1]
    if not normalize.same_shape(cov.shape[-2:], (n, n)):
        raise normalize.ShapeError(
            "WF1012", "multivariate_normal: the covariance has the size of the mean.", operands=(mean, cov)
        )
    batch = normalize.broadcast_shapes(mean.shape[:-1], cov.shape[:-2], operands=(mean, cov))
    shape = batch if shape is None else check_shape(shape)
    if not normalize.same_shape(normalize.broadcast_shapes(shape, batch, operands=(mean, cov)), shape):
        raise normalize.ShapeError("WF1014", "multivariate_normal: mean and covariance do not broadcast to the shape.")
    mean, cov = convert(mean, d), convert(cov, d)
    if method == "cholesky":
        factor = linalg.cholesky(cov)
    elif method == "eigh":
        values, vectors = linalg.eigh(cov)
        factor = vectors * elementwise.sqrt(values)[..., None, :]
    else:
        u, s, _ = linalg.svd(cov)
        factor = u * elementwise.sqrt(s)[..., None, :]
    x = normal(keys, (*shape, n), d)
    return mean + contraction.matmul(factor, x[..., None])[..., 0]


@op
def orthogonal(keys: Any, n: int, /, shape: Any = (), dtype: Any = None, m: int | None = None) -> Any:
    """Orthogonal matrices, uniformly distributed: Q of normal numbers, with signs that make the diagonal of R positive
    (F. Mezzadri, "How to generate random matrices from the classical compact groups", 2007).

    Args:
        keys: keys of any shape K. n: rows. shape: how many matrices from each key. dtype: floating; by default the
            default float. m: columns; by default n. Of other than square matrices the rows or the columns, whichever
            are fewer, are orthonormal.

    Returns:
        An array of shape K + shape + (n, m).

    Raises:
        DTypeError: WF1022; ShapeError: WF1008.

    >>> q = weft.random.orthogonal(weft.random.key(0), 3)
    >>> bool(weft.allclose(q @ q.T, weft.eye(3), atol=1e-6))
    True
    """
    from weft import linalg

    keys, d = keys_of(keys, "orthogonal"), float_type(dtype, "orthogonal")
    m = n if m is None else m
    q, r = linalg.qr(normal(keys, (*check_shape(shape), max(n, m), min(n, m)), d))
    q = q * elementwise.sign(linalg.diagonal(r))[..., None, :]
    return movement.matrix_transpose(q) if n < m else q
