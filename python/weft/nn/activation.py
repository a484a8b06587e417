"""Activations: elementwise functions, and the gated unit.

Decides their derivatives at corners (that of the side that is flat, as is usual) and that none overflows where its
value does not.
"""

from __future__ import annotations

from typing import Any

from weft._src import normalize
from weft._src.dispatch import elementwise, op
from weft._src.errors import ShapeError
from weft._src.normalize import array, text
from weft._src.trace import emit
from weft.nn.common import as_float, like
from weft.ops.elementwise import abs, exp, expm1, log1p, maximum, minimum, where
from weft.ops.movement import cut

__all__ = [
    "celu", "elu", "gelu", "glu", "hard_sigmoid", "hard_swish", "hard_tanh", "leaky_relu", "log_sigmoid", "mish",
    "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign", "softplus", "swish",
]  # fmt: skip


@op(collapse=elementwise)
def relu(x: Any, /) -> Any:
    """`x` where it is positive, else 0; NaN stays NaN. The derivative at 0 is 0.

    Args:
        x: an array of numbers.

    >>> relu(np.float32([-2, 0, 3]))
    Array([0., 0., 3.], dtype=float32)
    """
    x = array(x)
    # Not max(x, 0): its derivative at 0 is one half, and units that rest at 0 would learn.
    return emit("select", [emit("le", [x, like(x, 0)]), like(x, 0), x])


@op(collapse=elementwise)
def sigmoid(x: Any, /) -> Any:
    """`1 / (1 + exp(-x))`.

    Args:
        x: an array of numbers; integers are taken as the default float.

    >>> sigmoid(np.float32([0, 100]))
    Array([0.5, 1. ], dtype=float32)
    """
    return emit("logistic", [as_float(x)])


@op(collapse=elementwise)
def gelu(x: Any, /, *, approximate: bool = True) -> Any:
    """The Gaussian error linear unit, `x * Phi(x)` with Phi the normal distribution function.

    Args:
        x: an array of numbers; integers are taken as the default float.
        approximate: True: `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`; False: by the error function. Neither
            loses small values below 0, as a sum with 1 has it. Both from Hendrycks and Gimpel, "Gaussian Error Linear
            Units", 2016, section 2.

    >>> gelu(np.float32([0, 1])).tolist()[0]
    0.0
    """
    return emit("gelu_tanh" if approximate else "gelu", [as_float(x)])


@op(collapse=elementwise)
def relu6(x: Any, /) -> Any:
    """`min(max(x, 0), 6)`, with the derivative 0 at both corners.

    >>> relu6(np.float32([-2, 3, 9]))
    Array([0., 3., 6.], dtype=float32)
    """
    x = array(x)
    return where(x <= 0, like(x, 0), where(x >= 6, like(x, 6), x))


@op(collapse=elementwise)
def silu(x: Any, /) -> Any:
    """`x * sigmoid(x)`, also called swish (Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016).

    Args:
        x: an array of numbers; integers are taken as the default float.

    >>> silu(np.float32([0, 100]))
    Array([  0., 100.], dtype=float32)
    """
    x = as_float(x)
    return x * emit("logistic", [x])


swish = silu


@op(collapse=elementwise)
def softplus(x: Any, /) -> Any:
    """`log(1 + exp(x))`, as `max(x, 0) + log1p(exp(-|x|))`.

    >>> softplus(np.float32([-200, 200]))
    Array([  0., 200.], dtype=float32)
    """
    return _softplus(as_float(x))


def _softplus(x: Any) -> Any:
    return maximum(x, 0.0) + log1p(exp(-abs(x)))


@op(collapse=elementwise)
def log_sigmoid(x: Any, /) -> Any:
    """`log(sigmoid(x))`, that is `-softplus(-x)`.

    >>> log_sigmoid(np.float32([-200, 200]))
    Array([-200.,   -0.], dtype=float32)
    """
    return -_softplus(-as_float(x))


@op(collapse=elementwise)
def mish(x: Any, /) -> Any:
    """`x * tanh(softplus(x))` (Misra, "Mish", 2019).

    >>> mish(np.float32([0, 100]))
    Array([  0., 100.], dtype=float32)
    """
    x = as_float(x)
    return x * emit("tanh", [_softplus(x)])


@op(collapse=elementwise)
def elu(x: Any, /, *, alpha: float = 1.0) -> Any:
    """`x` where it is positive, else `alpha * (exp(x) - 1)` (Clevert et al., "Exponential Linear Units", 2015).

    >>> elu(np.float32([-100, 2]))
    Array([-1.,  2.], dtype=float32)
    """
    x = as_float(x)
    return where(x > 0, x, alpha * expm1(minimum(x, 0.0)))


@op(collapse=elementwise)
def celu(x: Any, /, *, alpha: float = 1.0) -> Any:
    """`x` where it is positive, else `alpha * (exp(x / alpha) - 1)` (Barron, "Continuously Differentiable ELUs", 2017).

    >>> celu(np.float32([-100, 2]), alpha=2.0)
    Array([-2.,  2.], dtype=float32)
    """
    x = as_float(x)
    return where(x > 0, x, alpha * expm1(minimum(x, 0.0) / alpha))


@op(collapse=elementwise)
def selu(x: Any, /) -> Any:
    """`elu` scaled so that it keeps mean 0 and variance 1 (Klambauer et al., "Self-Normalizing Networks", 2017,
    equation 2 and the constants after it).

    >>> selu(np.float32([1])).item() > 1.05
    True
    """
    x = as_float(x)
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * where(x > 0, x, alpha * expm1(minimum(x, 0.0)))


@op(collapse=elementwise)
def leaky_relu(x: Any, /, *, negative_slope: float = 0.01) -> Any:
    """`x` where it is positive, else `negative_slope * x`.

    >>> leaky_relu(np.float32([-100, 2]))
    Array([-1.,  2.], dtype=float32)
    """
    x = as_float(x)
    return where(x > 0, x, negative_slope * x)


@op(collapse=elementwise)
def hard_tanh(x: Any, /) -> Any:
    """`x` between -1 and 1, else the nearer of them; the derivative at the corners is 1.

    >>> hard_tanh(np.float32([-3, 0.5, 3]))
    Array([-1. ,  0.5,  1. ], dtype=float32)
    """
    x = as_float(x)
    return where(x < -1, like(x, -1), where(x > 1, like(x, 1), x))


@op(collapse=elementwise)
def hard_sigmoid(x: Any, /) -> Any:
    """`relu6(x + 3) / 6` (Howard et al., "Searching for MobileNetV3", 2019, section 5.2).

    >>> hard_sigmoid(np.float32([-4, 0, 4]))
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return _hard_sigmoid(as_float(x))


def _hard_sigmoid(x: Any) -> Any:
    return where(x <= -3, like(x, 0), where(x >= 3, like(x, 1), x / 6 + 0.5))


@op(collapse=elementwise)
def hard_swish(x: Any, /) -> Any:
    """`x * hard_sigmoid(x)`, from the same place.

    >>> hard_swish(np.float32([-4, 0, 4]))
    Array([-0.,  0.,  4.], dtype=float32)
    """
    x = as_float(x)
    return x * _hard_sigmoid(x)


@op(collapse=elementwise)
def soft_sign(x: Any, /) -> Any:
    """`x / (1 + |x|)`.

    >>> soft_sign(np.float32([-1, 3]))
    Array([-0.5 ,  0.75], dtype=float32)
    """
    x = as_float(x)
    return x / (1 + abs(x))


@op
def glu(x: Any, /, axis: int = -1) -> Any:
    """The first half along an axis times the sigmoid of the second (Dauphin et al., "Language
    Modeling with Gated Convolutional Networks", 2017).

    Raises:
        AxisError: WF1002; ShapeError: WF1012 for an odd or symbolic size.

    >>> glu(np.float32([3, 100]))
    Array([3.], dtype=float32)
    """
    x = as_float(x)
    i = normalize.axis(axis, x.ndim)
    n = x.shape[i]
    if not isinstance(n, int) or n % 2:
        raise ShapeError("WF1012", f"glu halves axis {i}, whose size {n} is not known to be even.", operands=(text(x),))
    return cut(x, i, 0, n // 2) * emit("logistic", [cut(x, i, n // 2, n // 2)])
