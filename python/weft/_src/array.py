"""Arrays from Python: making them, and giving methods to them and to tracers alike.

Decides what `asarray` takes and when it copies. The class itself is `Array` of the compiled module: a handle to an
immutable value, whose memory NumPy and DLPack consumers see read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from weft._src import _weft, dtypes, normalize, trace
from weft._src.errors import BorderError, UnsupportedDtypeError, WrongArgumentError, api_boundary
from weft._src.trace import Stateful, Tracer

Array = _weft.Array
_weft.set_dtypes(dtypes.ALL)


def install(methods: dict[str, Callable[..., Any]]) -> None:
    """Gives functions to `Array` and to `Tracer` as methods, operators or properties.

    Args:
        methods: from a name such as "__add__" or "sum" to a function or property of (self, ...).
    """
    for name, method in methods.items():
        setattr(Array, name, method)
        setattr(Tracer, name, method)


@api_boundary
def asarray(x: Any, dtype: Any = None, *, device: Any = None, copy: bool | None = None) -> Any:
    """An array of `x`.

    Args:
        x: an Array, a NumPy array or scalar, anything with `__dlpack__` in main memory, a Python number, or nested
            sequences of numbers.
        dtype: its dtype; by default that of `x`, for Python numbers the default dtypes.
        device: "cpu" or None.
        copy: True: always new memory. False: never (NumPy memory can be written by others, so only other libraries'
            read-only or given-away memory, and Arrays, pass). None: only where needed.

    Returns:
        An Array; a Tracer if `x` is one.

    Raises:
        BorderError: WF1801 where copy=False cannot be.
        UnsupportedDtypeError: WF1023 for elements that Weft does not have.
        WrongArgumentError: WF1031 for what is no array.

    >>> a = asarray([[1, 2], [3, 4]], dtypes.int32)
    >>> a.shape, a.dtype, int(np.asarray(a).sum())
    ((2, 2), weft.int32, 10)
    """
    if device is not None:
        normalize.check_device(device)
    if isinstance(x, Stateful):
        x = x.value
    if isinstance(x, Tracer):
        return x if dtype is None else trace.cast(x, dtypes.dtype(dtype))
    if isinstance(x, Array):
        if (dtype is None or dtypes.dtype(dtype) is x.dtype) and not copy:
            return x
        if copy is False:
            raise BorderError("WF1801", "another dtype needs a copy.")
        return from_numpy(np.array(x)) if dtype is None or dtypes.dtype(dtype) is x.dtype else _convert(x, dtype)
    if isinstance(x, (np.ndarray, np.generic)):
        if copy is False:
            raise BorderError("WF1801", "a NumPy array can be changed by others: its elements are copied.")
        made = from_numpy(np.asarray(x))
        return made if dtype is None or dtypes.dtype(dtype) is made.dtype else _convert(made, dtype)
    if hasattr(x, "__dlpack__"):
        made = from_dlpack(x, copy=copy)
        return made if dtype is None else asarray(made, dtype, copy=copy)
    if copy is False:
        raise BorderError("WF1801", f"a {type(x).__name__} has no memory to share.")
    try:
        array = np.asarray(x)
    except ValueError as err:
        raise WrongArgumentError("WF1031", f"not an array: {err}.") from None
    if array.dtype.kind == "O" and all(type(n) is int for n in array.flat):
        dtypes.check_scalar(max(array.flat, key=abs), dtypes.default_int() if dtype is None else dtypes.dtype(dtype))
    if array.dtype.kind not in "biuf":
        raise WrongArgumentError("WF1031", f"{type(x).__name__} is not an array.")
    own = {"b": dtypes.bool_, "f": dtypes.default_float()}.get(array.dtype.kind, dtypes.default_int())
    target = own if dtype is None else dtypes.dtype(dtype)
    if array.dtype.kind == "f" and target.kind != "float":
        return _convert(from_numpy(array), target)
    if array.size and array.dtype.kind in "iu":
        dtypes.check_scalar(int(array.max()), target)
        dtypes.check_scalar(int(array.min()), target)
    return from_numpy(array.astype(target.numpy))


def _convert(x: Any, dtype: Any) -> Any:
    """Another dtype by the op `convert`, whose answers for what does not fit are Weft's own, not NumPy's."""
    from weft._src import jit, trace

    return jit.run_once(lambda t: [trace.cast(t, dtypes.dtype(dtype))], x)[0]


def from_numpy(x: np.ndarray) -> Any:
    """An Array with a copy of a NumPy array's elements."""
    if not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    if type(x) is not np.ndarray:
        x = np.asarray(x)
    dtypes.dtype(x.dtype)  # refuses what Weft does not have
    return _weft.from_numpy(x)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Any:
    """An Array of another library's array in main memory; shares its memory where the layout allows.

    Args:
        x: has `__dlpack__` and `__dlpack_device__`. device: "cpu" or None.
        copy: as for `asarray`.

    Raises:
        BorderError: WF1803 for memory of another device, WF1801 where copy=False cannot be, WF1802 for a broken tensor.
        UnsupportedDtypeError: WF1023 for elements that Weft does not have.

    >>> from_dlpack(np.arange(3, dtype=np.int16)).dtype
    weft.int16
    """
    normalize.check_device(device)
    place = getattr(x, "__dlpack_device__", lambda: (1, 0))()
    if place[0] not in (1, 3):
        raise BorderError("WF1803", "the memory lies on another device.")
    try:
        capsule = x.__dlpack__(max_version=(1, 0))
    except TypeError:  # a library from before version 1
        capsule = x.__dlpack__()
    except BufferError as err:
        raise UnsupportedDtypeError("WF1023", f"DLPack: {err}.") from None
    return _weft.from_dlpack(capsule, copy)


def _repr(self: Any) -> str:
    if self.is_deleted:
        return f"Array({dtypes.spec_text(self.shape, self.dtype)}, donated)"
    if self.dtype is dtypes.key:
        text = np.array2string(_words(self), separator=", ", prefix="Array(keys of ", threshold=1000)
        return f"Array(keys of {text}, dtype=key)"
    text = np.array2string(np.asarray(self), separator=", ", prefix="Array(", threshold=1000)
    return f"Array({text}, dtype={self.dtype.name})"


def _words(keys: Any) -> np.ndarray:
    from weft import random

    with trace.suspended():
        return np.asarray(random.key_data(keys))


def _reduce(self: Any) -> tuple:
    if self.dtype is dtypes.key:
        from weft import random

        return random.wrap_key_data, (_words(self),)
    return asarray, (np.array(self),)


def _format(self: Any, spec: str) -> str:
    return format(np.asarray(self).item(), spec) if spec and self.shape == () else format(repr(self), spec)


def _number(what: str, convert: Callable[[Any], Any], one: Callable[[Any], bool]) -> Callable[[Any], Any]:
    """A conversion of the one element that an array has; `one` says whether it is fit for that."""

    @api_boundary
    def method(self: Any) -> Any:
        if not one(self):
            raise WrongArgumentError("WF1041", f"{_spec(self)} is no single number to be made {what} of.")
        return convert(np.asarray(self))

    return method


def _spec(x: Any) -> str:
    return dtypes.spec_text(x.shape, x.dtype)


def _is_scalar(x: Any) -> bool:
    return x.shape == ()


def _is_one(x: Any) -> bool:
    return all(n == 1 for n in x.shape)


def _is_index(x: Any) -> bool:
    return x.shape == () and x.dtype.kind in ("int", "uint")


# What needs the numbers themselves: on arrays only (tracers have their own).
for _name, _method in {
    "__repr__": _repr,
    "__format__": _format,
    "__bool__": _number("a truth value", bool, _is_one),
    "__int__": _number("an int", int, _is_scalar),
    "__float__": _number("a float", float, _is_scalar),
    "__complex__": _number("a complex number", complex, _is_scalar),
    "__index__": _number("an index", int, _is_index),
    "item": _number("a Python number", lambda x: x.item(), _is_one),
    "tolist": lambda self: np.asarray(self).tolist(),
    "__reduce__": _reduce,
    "weak_type": False,
    "block_until_ready": lambda self: self,
}.items():
    setattr(Array, _name, _method)

# Last, since the ops take arrays.
from weft._src import methods, state  # noqa: E402

install(methods.table())
state.install(methods.table())
