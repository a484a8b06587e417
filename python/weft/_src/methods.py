"""Operators and methods of arrays and tracers, given to both classes alike.

Decides what Python's syntax means: operators are the ops of `weft.ops`, with their reflected forms; NumPy functions
that get an array or a tracer are answered by Weft's function of that name (where there is none: NumPy's, on arrays
only). A method of an array does what the function does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from weft._src import _weft, dtypes, trace
from weft._src.errors import UnsupportedError, WrongArgumentError, api_boundary
from weft._src.normalize import check_device
from weft._src.trace import Tracer
from weft.ops import contraction, elementwise, indexing, movement, reduction

_BINARY = {
    "add": elementwise.add,
    "sub": elementwise.subtract,
    "mul": elementwise.multiply,
    "truediv": elementwise.divide,
    "floordiv": elementwise.floor_divide,
    "mod": elementwise.remainder,
    "pow": elementwise.pow,
    "matmul": contraction.matmul,
    "and": elementwise.bitwise_and,
    "or": elementwise.bitwise_or,
    "xor": elementwise.bitwise_xor,
    "lshift": elementwise.bitwise_left_shift,
    "rshift": elementwise.bitwise_right_shift,
}
_COMPARE = {
    "lt": elementwise.less,
    "le": elementwise.less_equal,
    "gt": elementwise.greater,
    "ge": elementwise.greater_equal,
    "eq": elementwise.equal,
    "ne": elementwise.not_equal,
}


def _in_place(f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    operate = _weft.Operator(f, False)

    def method(self: Any, other: Any) -> Any:
        made = operate(self, other)
        if made is NotImplemented:
            return made
        trace.become(self, made)
        return self

    return method


def _divmod(x: Any, y: Any) -> tuple[Any, Any]:
    return elementwise.floor_divide(x, y), elementwise.remainder(x, y)


@api_boundary
def _len(self: Any) -> int:
    if not self.shape:
        raise WrongArgumentError("WF1042", f"{dtypes.spec_text(self.shape, self.dtype)} has no length.")
    return self.shape[0].__index__()  # a symbolic size tells that it has no number


@api_boundary
def _iter(self: Any) -> Iterator[Any]:
    if not self.shape:
        raise WrongArgumentError("WF1042", f"{dtypes.spec_text(self.shape, self.dtype)} cannot be iterated over.")
    return iter(movement.unstack(self))


def _contains(self: Any, value: Any) -> bool:
    return bool(reduction.any(elementwise.equal(self, value)))


def _reshape(self: Any, *shape: Any) -> Any:
    return movement.reshape(self, shape[0] if len(shape) == 1 else shape)


def _permute(self: Any, *axes: Any) -> Any:
    if not axes or axes == (None,):
        return movement.transpose(self)
    return movement.permute_dims(self, axes[0] if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes)


def _namespace(self: Any, *, api_version: str | None = None) -> Any:
    import weft

    if api_version not in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        raise ValueError(f"weft follows the array API 2024.12, not {api_version!r}")
    return weft


# NumPy's names where they differ from the array API's.
_NUMPY_NAMES = {
    "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctan2": "atan2",
    "arctanh": "atanh", "power": "pow", "mod": "remainder", "true_divide": "divide", "absolute": "abs", "fabs": "abs",
    "invert": "bitwise_invert", "left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift",
    "rint": "round",
    "concatenate": "concat", "amax": "max", "amin": "min",
}  # fmt: skip


def _to_device(self: Any, device: Any, /, *, stream: Any = None) -> Any:
    check_device(device)
    return trace.fresh(self)


def _from_numpy(f: Any, args: Any, kwargs: Any, name: str | None) -> Any:
    """A call of NumPy's function, by Weft's of that name where there is one, else by NumPy's own on the arrays' memory.

    Raises:
        UnsupportedError: WF1507 if there is none and an argument is a tracer, which has no numbers.
    """
    import weft

    found = getattr(weft, _NUMPY_NAMES.get(name, name), None) if name else None
    if callable(found) and not kwargs.keys() & {"out", "where", "casting", "order", "subok", "initial"}:
        return found(*args, **kwargs)

    def plain(x: Any) -> Any:
        if isinstance(x, Tracer):
            raise UnsupportedError("WF1507", f"numpy's {f.__name__} has no code for traced values yet.")
        if isinstance(x, (list, tuple)):
            return type(x)(plain(y) for y in x)
        return np.asarray(x) if isinstance(x, _weft.Array) else x

    return f(*plain(args), **{k: plain(v) for k, v in kwargs.items()})


def _array_ufunc(self: Any, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
    if method == "__call__":
        return _from_numpy(ufunc, args, kwargs, ufunc.__name__)
    return _from_numpy(getattr(ufunc, method), args, kwargs, None)  # np.add.reduce and the like


def _array_function(self: Any, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
    return _from_numpy(f, args, kwargs, f.__name__)


def table() -> dict[str, Any]:
    """All of it by name, for `array.install`."""
    table: dict[str, Any] = {
        "__divmod__": _weft.Operator(_divmod, False),
        "__rdivmod__": _weft.Operator(_divmod, True),
        "__neg__": elementwise.negative,
        "__pos__": elementwise.positive,
        "__abs__": elementwise.abs,
        "__invert__": elementwise.bitwise_invert,
        "__getitem__": indexing.getitem,
        "__setitem__": indexing.setitem,
        "__len__": _len,
        "__iter__": _iter,
        "__contains__": _contains,
        "__hash__": None,
        "__array_namespace__": _namespace,
        "__array_ufunc__": _array_ufunc,
        "__array_function__": _array_function,
        "__array_priority__": 100,
        "T": property(lambda self: movement.transpose(self), doc="The axes in reverse order."),
        "mT": property(lambda self: movement.matrix_transpose(self), doc="The last two axes exchanged."),
        "device": property(lambda self: "cpu", doc="Where the elements are."),
        "to_device": _to_device,
        "reshape": _reshape,
        "transpose": _permute,
        "flatten": lambda self: movement.ravel(self),
    }
    for name, f in _BINARY.items():
        table[f"__{name}__"] = _weft.Operator(f, False)
        table[f"__r{name}__"] = _weft.Operator(f, True)
        table[f"__i{name}__"] = _in_place(f)
    for name, f in _COMPARE.items():
        table[f"__{name}__"] = _weft.Operator(f, False)
    for family, names in (
        (reduction, ("all", "any", "max", "mean", "min", "prod", "std", "sum", "var")),
        (elementwise, ("astype", "clip", "round", "conj")),
        (movement, ("ravel", "squeeze", "repeat", "swapaxes")),
        (contraction, ("dot",)),
    ):
        for name in names:
            if hasattr(family, name):
                table[name] = getattr(family, name)
    return table
