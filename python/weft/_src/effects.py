"""What a program tells the world while it runs: prints, checks, and calls of Python functions.

Decides how messages are formatted (Python's format strings, on NumPy's view of the values), how a call of Python sees
and returns values, and what an effect does outside of a trace: the same at once. In a program an effect is an op
(`Effects.td`) that the runtime performs between kernels, in program order; `perform` is where it comes back to Python.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, dtypes, errors, normalize, pytree, trace
from weft._src.errors import WrongArgumentError, api_boundary
from weft._src.normalize import is_number
from weft._src.source import Frame
from weft._src.trace import Spec, Tracer, as_tracer, emit, spec_of

# ----------------------------------------------------------------------------------------------------------- messages


def _is_array(x: Any) -> bool:
    return isinstance(x, (Tracer, _weft.Array, np.ndarray, np.generic)) or hasattr(x, "__dlpack__")


def _message(fmt: Any, args: tuple, kwargs: dict) -> tuple[str, list[Any]]:
    """The format with one `{}` for each array in its order, the rest filled in; and the arrays."""
    if not isinstance(fmt, str):
        raise WrongArgumentError("WF1032", f"a format is a string, not {type(fmt).__name__}.")
    text, arrays, count = "", [], 0
    try:
        parts = list(string.Formatter().parse(fmt))
    except ValueError as err:
        raise WrongArgumentError("WF1035", f"the format {fmt!r} is malformed: {err}.") from None
    for literal, field, spec, conversion in parts:
        text += literal.replace("{", "{{").replace("}", "}}")
        if field is None:
            continue
        name: Any = field
        if field == "":
            name, count = count, count + 1
        elif field.isdigit():
            name = int(field)
        try:
            value = kwargs[name] if isinstance(name, str) else args[name]
        except (KeyError, IndexError):
            raise WrongArgumentError(
                "WF1035", f"the format {fmt!r} asks for {{{field}}}, which was not given."
            ) from None
        form = (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
        if _is_array(value):
            text += "{" + form + "}"
            arrays.append(value)
        else:
            text += ("{" + form + "}").format(value).replace("{", "{{").replace("}", "}}")
    return text, arrays


class _Shown:
    """An array as messages show it: without axes a Python number, else as NumPy prints it; a format goes to numbers."""

    def __init__(self, x: Any):
        self.x = x

    def __format__(self, spec: str) -> str:
        x = _numpy(self.x)
        if x.ndim == 0:
            return format(x.item(), spec)
        if spec:
            return np.array2string(x, formatter={"all": lambda v: format(v.item(), spec)})
        return str(x)

    def __str__(self) -> str:
        return format(self, "")

    def __repr__(self) -> str:
        x = _numpy(self.x)
        return repr(x.item() if x.ndim == 0 else x)


def _numpy(x: Any) -> np.ndarray:
    if isinstance(x, _weft.Array) and x.dtype is dtypes.key:
        from weft import random

        x = random.key_data(x)
    return np.asarray(x)


def _shown(text: str, values: Sequence[Any]) -> str:
    return text.format(*[_Shown(v) for v in values])


# ---------------------------------------------------------------------------------------------------------- functions


def _mask(mask: Any) -> list[Any]:
    if mask is None:
        return []
    made = normalize.array(mask)
    if made.dtype is not dtypes.bool_ or made.shape:
        raise normalize.unsupported("mask", made, "one truth value")
    return [made]


@api_boundary
def debug_print(fmt: str, /, *args: Any, mask: Any = None, **kwargs: Any) -> None:
    """Prints a line while the program runs; outside of a trace at once.

    Prints come in program order, in a loop once a step, under `vmap` once a lane. They change no value, and which ops
    are fused into one kernel is decided as if they were not there.

    Args:
        fmt: a format string as for `str.format`. args, kwargs: what it shows; arrays are shown as NumPy prints them.
        mask: a truth value; nothing is printed where it is False.

    Raises:
        WrongArgumentError: WF1035 for a malformed format, or one that asks for what was not given.

    >>> import weft as wf
    >>> @wf.jit
    ... def f(x):
    ...     wf.debug.print("x is {}, its sum {s:.2f}", x, s=x.sum())
    ...     return x * 2
    >>> y = f(np.array([1.0, 2.0], np.float32))
    x is [1. 2.], its sum 3.00
    """
    text, arrays = _message(fmt, args, kwargs)
    if trace.current() is None:
        if mask is None or bool(mask):
            print(_shown(text, arrays))
        return
    emit("print", [[as_tracer(x) for x in arrays], _mask(mask)], results=[], format=text, lanes=0)


@api_boundary
def check(condition: Any, fmt: str = "the check failed", /, *args: Any, mask: Any = None, **kwargs: Any) -> None:
    """Raises while the program runs, unless the condition holds; outside of a trace at once.

    The call stops before anything that comes later in the program is seen to happen. Its results do not exist then, and
    arrays whose memory it took over (donated ones) are gone.

    Args:
        condition: a truth value or an array of them, which all must hold.
        fmt, args, kwargs: the message, as for `debug.print`. mask: a truth value; nothing is checked where it is False.

    Raises:
        CheckError: WF5023, with the line of the check and the message.
        WrongArgumentError: WF1035 as `debug.print`. DTypeError: WF1022 where the condition is no truth value.

    >>> import weft as wf
    >>> @wf.jit
    ... def root(x):
    ...     wf.check(x >= 0, "root of the negative number {}", x)
    ...     return wf.sqrt(x)
    >>> try:
    ...     root(np.float32(-4))
    ... except wf.CheckError as err:
    ...     print(err.message)
    root of the negative number -4.0
    """
    text, arrays = _message(fmt, args, kwargs)
    if trace.current() is None:
        held = np.asarray(condition)
        if held.dtype != bool:
            raise normalize.DTypeError("WF1022", f"a check takes truth values, not {held.dtype}.")
        if not held.all() and (mask is None or bool(mask)):
            raise errors.error("WF5023", _shown(text, arrays))
        return
    condition = normalize.array(condition)
    if condition.dtype is not dtypes.bool_:
        raise normalize.unsupported("check", condition, "truth values")
    emit("check", [[condition], [as_tracer(x) for x in arrays], _mask(mask)], results=[], format=text, lanes=0)


class _Function(NamedTuple):
    """What `callback` calls: the function, and what it must give."""

    function: Callable[..., Any]
    results: tuple[Spec, ...]
    tree: Any
    arguments: Any


_functions: dict[str, _Function] = {}
_names: dict[Any, str] = {}


@api_boundary
def callback(function: Callable[..., Any], results: Any, /, *args: Any, mask: Any = None) -> Any:
    """Calls a Python function while the program runs, in program order; outside of a trace at once.

    Under `vmap` it is called once a lane. It has no derivative: `stop_gradient` on its arguments takes it as constant.
    The function is kept as long as the process.

    Args:
        function: gets `args` with Arrays in them, and returns arrays or numbers.
        results: what it returns: `spec`s or arrays, in the same containers; None for nothing.
        args: arrays and numbers, in containers too.
        mask: a truth value; where it is False, nothing is called and the results are zeros.

    Returns:
        Arrays, in the containers of `results`.

    Raises:
        CallbackError: WF1610 where the function returned something else. What it raises comes out of the call.

    >>> import weft as wf
    >>> @wf.jit
    ... def f(x):
    ...     return wf.callback(np.sort, wf.spec(x.shape, x.dtype), x) + 1
    >>> f(np.array([3, 1, 2]))
    Array([2, 3, 4], dtype=int64)
    """
    leaves, tree = pytree.flatten(results, is_leaf=lambda x: isinstance(x, Spec))
    specs = tuple(spec_of(x)._replace(weak=False) for x in leaves)
    values, arguments = pytree.flatten(args)
    if trace.current() is None:
        given = [x if is_number(x) else _weft_array(x) for x in values]
        if mask is not None and not bool(mask):
            return pytree.unflatten(tree, [_weft_array(np.zeros(s.shape, s.dtype.numpy)) for s in specs])
        made = _answer(_Function(function, specs, tree, arguments), given, [s.shape for s in specs])
        return pytree.unflatten(tree, made)
    identity = (id(function), specs, tree, arguments)
    name = _names.get(identity)
    if name is None:
        name = _names[identity] = f"{getattr(function, '__qualname__', type(function).__name__)}#{len(_names)}"
        _functions[name] = _Function(function, specs, tree, arguments)
    traced = [normalize.array(x) for x in values]
    traced = [trace.cast(x, x.dtype) for x in traced]
    made = emit(
        "callback", [traced, _mask(mask)], results=[(s.shape, s.dtype) for s in specs], function=name, lanes=0
    )  # fmt: skip
    return pytree.unflatten(tree, made)


def _weft_array(x: Any) -> Any:
    from weft._src.array import asarray

    return asarray(x)


def _answer(f: _Function, values: list[Any], shapes: Sequence[tuple]) -> list[Any]:
    """The results of one call, as Arrays of the shapes and dtypes that were promised."""
    made = f.function(*pytree.unflatten(f.arguments, values))
    try:
        leaves, tree = pytree.flatten(made)
        if f.tree != tree:
            raise errors.error("WF1610", f"the function returned {tree}, not {f.tree}.")
        arrays = [_weft_array(x) for x in leaves]
    except errors.WeftError as err:
        if err.code == "WF1610":
            raise
        raise errors.error("WF1610", f"the function returned what is no array: {err.message}") from None
    for array, leaf, spec, shape in zip(arrays, leaves, f.results, shapes, strict=True):
        if tuple(array.shape) != tuple(shape) or not (array.dtype is spec.dtype or is_number(leaf)):
            got, want = dtypes.spec_text(array.shape, array.dtype), dtypes.spec_text(shape, spec.dtype)
            raise errors.error("WF1610", f"the function returned {got} where {want} was promised.", operands=(got,))
    return [a if a.dtype is s.dtype else a.astype(s.dtype) for a, s in zip(arrays, f.results, strict=True)]


# -------------------------------------------------------------------------------------------------------- from native


class _Site(NamedTuple):
    kind: str
    lanes: int
    masked: bool
    where: Frame | None
    text: str


@functools.lru_cache(1024)
def _site(text: str) -> _Site:
    """A site of include/weft/Runtime/Effect.h."""
    kind, lanes, masked, _, _, where, rest = text.split("\n", 6)
    frame = None
    if where:
        file, line, function = where.rsplit(":", 2)
        frame = Frame(file, function, int(line))
    return _Site(kind, int(lanes), masked == "1", frame, rest)


def perform(text: str, values: list[Any], shapes: list[tuple]) -> list[Any]:
    """Performs an effect of a program that runs: called by the runtime.

    Args:
        text: the site. values: its operands. shapes: of its results.

    Returns:
        The results as Arrays.
    """
    site = _site(text)
    with trace.suspended():
        mask = np.asarray(values.pop()) if site.masked else None
        lanes = tuple(values[0].shape[: site.lanes]) if site.lanes else ()
        results: list[list[Any]] = [[] for _ in shapes]
        for lane in np.ndindex(*lanes):
            on = mask is None or bool(mask[lane])
            inside = [v[lane] if site.lanes else v for v in values] if on else []
            made = _perform(site, inside, [s[site.lanes :] for s in shapes], on)
            for result, value in zip(results, made, strict=True):
                result.append(value)
        if not site.lanes:
            return [r[0] for r in results]
        f = _functions.get(site.text)
        return [_stacked(r, s, spec.dtype) for r, s, spec in zip(results, shapes, f.results if f else (), strict=True)]


def _stacked(parts: list[Any], shape: tuple, d: Any) -> Any:
    from weft import ops

    if not parts:
        return ops.creation.zeros(shape, dtype=d)
    return ops.movement.stack(parts)._reshaped(shape)


def _perform(site: _Site, values: list[Any], shapes: list[tuple], on: bool) -> list[Any]:
    if site.kind == "callback":
        f = _functions.get(site.text)
        if f is None:
            raise errors.error("WF5011", f"the program calls {site.text}, which this process does not have.")
        if on:
            return _answer(f, values, shapes)
        return [_weft_array(np.zeros(s, spec.dtype.numpy)) for s, spec in zip(shapes, f.results, strict=True)]
    if on and site.kind == "print":
        print(_shown(site.text, values))
    elif on and not np.asarray(values[0]).all():
        raise errors.error("WF5023", _shown(site.text, values[1:]), where=site.where or False)
    return []


_weft.set_effects(perform)
