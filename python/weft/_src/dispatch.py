"""Ops outside of a trace: each call runs a small compiled program, by the same compiler as `jit`.

Decides what is compiled, and for which calls it holds. The program of a call is a trace of the op's own Python
function,
so eager and traced calls cannot differ in what they compute. Shapes are made alike first, so that one program serves
them all: elementwise ops merge neighbouring axes that repeat in the same operands, reductions those that are reduced or
kept alike, all others give each size but 0 and 1 a name; a comparison of sizes that the op makes while it is traced
becomes a condition of its program. Where an op cannot be traced so, its shapes are part of the key. A known call never
comes here: its path is in C++ (python/src/EagerOp.cpp).
"""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, assumptions, compiler, dims, dtypes, errors, normalize, trace
from weft._src.errors import SizeError, UndecidedSizeError, WeftError, WrongArgumentError
from weft._src.trace import Spec, Tracer

Array = _weft.Array

sizes, elementwise, reduction = range(3)
"""How the shapes of an op's operands become alike (see `op`)."""

_OPS = ("==", "!=", "<", "<=", ">", ">=")
_unnamed: set[tuple] = set()
"""The calls that could not be traced with named sizes."""
compiled = 0
"""How many programs were compiled for eager calls; tests count them."""


class _Hole(NamedTuple):
    """Stands in the arguments for array number `index`."""

    index: int


def op(
    function: Callable[..., Any] | None = None,
    *,
    arrays: int = 1,
    sequence: bool = False,
    collapse: int = sizes,
    eager: Callable[..., Any] | None = None,
) -> Any:
    """Makes a public op of a function that builds it into the scope being traced: outside of a trace it runs at once.

    Args:
        function: takes arrays and static arguments, calls `emit` and other ops, returns a Tracer or several.
        arrays: how many leading positional arguments are arrays, where Python numbers are values and not static.
        sequence: whether the first argument is a list of arrays.
        collapse: `elementwise` or `reduction` for ops of that kind (a reduction takes `axis` and `keepdims`); by
            default sizes are named.
        eager: answers calls outside of a trace that need no program (another shape on the same memory), or returns
            NotImplemented.
    """
    if function is None:
        return functools.partial(op, arrays=arrays, sequence=sequence, collapse=collapse, eager=eager)
    public = _weft.EagerOp(function, _miss, eager, min(arrays, 1 << 30), sequence, collapse)
    functools.update_wrapper(public, function)
    public.collapse = collapse
    return public


# ---------------------------------------------------------------------------------------------------- unknown calls


def _miss(fast: Any, args: tuple, kwargs: dict) -> Any:
    """A call that C++ does not know: its arguments made plain, its program compiled and installed."""
    values: list[Any] = []
    holes = tuple(
        type(x)(_hole(y, values, True) for y in x)
        if fast.sequence and i == 0 and isinstance(x, (list, tuple))
        else _hole(x, values, i < fast.arrays)
        for i, x in enumerate(args)
    )
    named = {k: _hole(v, values, False) for k, v in kwargs.items()}
    low, high = _number_range(values)
    args = tuple(_filled(x, values) for x in holes)
    kwargs = {k: _filled(v, values) for k, v in named.items()}
    specs = [trace.spec_of(v) for v in values]
    described = fast._describe(args, kwargs)
    if described is not None and described[1] is not None and (mark := (id(fast), described[0])) not in _unnamed:
        key, shapes, axes = described
        numbers = _numbers(shapes, specs) if fast.collapse == sizes else {}
        static = named
        call = holes
        if axes is not None:  # a reduction: its axes are the merged ones
            call = tuple(x for i, x in enumerate(holes) if i != 1)
            static = {k: v for k, v in named.items() if k not in ("axis", "keepdims")} | {"axis": axes}
        merged = [Spec(tuple(map(_size, s)), old.dtype, old.weak) for s, old in zip(shapes, specs, strict=True)]
        guards: list[tuple] = []
        try:
            with (
                assumptions.assuming(*(f"{name} >= 2" for name in numbers)),
                dims.using_guard_hook(_recorder(numbers, guards)),
            ):
                program, container = _compile(fast.function, call, static, merged)
        except WeftError:
            _unnamed.add(mark)  # complaints speak of the shapes that the user gave
        else:
            if fast.collapse != sizes:
                fast._install(args, kwargs, True, program, container, low, high, guards)
                return fast(*args, **kwargs)
            with contextlib.suppress(SizeError):  # what the program takes for granted of its sizes does not hold
                results = program(values)
                fast._install(args, kwargs, True, program, container, low, high, guards)
                return _contained(container, results)
    program, container = _compile(fast.function, holes, named, specs)
    if described is not None and fast._install(args, kwargs, False, program, container, low, high, ()):
        return fast(*args, **kwargs)
    results = program(values)
    return _contained(container, results)


def _contained(container: type | None, results: Sequence) -> Any:
    """The results in the container that the op returned them in."""
    if container is None:
        return results[0]
    return container._make(results) if hasattr(container, "_make") else container(results)


def _compile(function: Any, args: tuple, kwargs: dict, specs: Sequence[Spec]) -> tuple[Any, type | None]:
    """The program of a call, and the type of what the op returned: None for one value, else a list or (named) tuple."""
    global compiled
    traced = trace.trace_program(_traced(function, args, kwargs), specs)
    made = compiler.compile_module(traced.module, compiler.options(), f"the op {function.__name__}")
    compiled += 1
    return made.program, type(traced.out) if isinstance(traced.out, (list, tuple)) else None


def _hole(x: Any, values: list[Any], number: bool) -> Any:
    """What stands for `x` in the arguments; arrays (and numbers, where they are values) go to `values`."""
    if isinstance(x, trace.Stateful):
        x = x.value
    if isinstance(x, complex):
        dtypes.check_supported(dtypes.weak_type_of(x).dtype)
    if type(x) is Array or type(x) is np.ndarray or (number and type(x) in (bool, int, float)):
        pass
    elif isinstance(x, np.ndarray) or (number and normalize.is_number(x)):
        x = _asarray(x) if isinstance(x, np.ndarray) else operator.pos(x)
    elif isinstance(x, np.generic) and not number:
        return x.item()  # a static argument
    elif isinstance(x, np.generic) or (number and isinstance(x, (list, tuple))):
        x = _asarray(x)
    elif isinstance(x, Tracer):
        raise trace.leaked(x)
    elif number and x is not None and (hasattr(x, "__dlpack__") or hasattr(x, "__array__")):
        x = _asarray(x)
    elif number and x is not None:
        raise WrongArgumentError("WF1031", f"{type(x).__name__} is not an array.")
    else:
        return _static(x)
    values.append(x)
    return _Hole(len(values) - 1)


def _static(x: Any) -> Any:
    """A static argument as plain as it can be."""
    if type(x) in (tuple, list):
        return type(x)(x.item() if isinstance(x, np.generic) else _static(x) for x in x)
    try:
        hash(x)
    except TypeError:
        if isinstance(x, slice):
            return x
        raise WrongArgumentError("WF1032", f"a {type(x).__name__} is not an argument of this op.") from None
    return x


def _number_range(values: list[Any]) -> tuple[int, int]:
    """Between which Python integers may lie; those that a weak argument does not hold become arrays.

    Raises:
        ScalarRangeError: WF1026 for one that the common dtype does not hold.
    """
    low, high = -(1 << 63), (1 << 63) - 1
    if any(type(v) is int for v in values):
        d = normalize.common_type([v for v in values if getattr(v, "dtype", None) is not dtypes.key]).dtype
        for i, v in enumerate(values):
            if type(v) is int:
                dtypes.check_scalar(v, d)
                if not low <= v <= high:
                    values[i] = _asarray(np.asarray(v, d.numpy))
        if d.kind in ("int", "uint"):
            info = dtypes.iinfo(d)
            low, high = max(low, info.min), min(high, info.max)
    return low, high


def _asarray(x: Any) -> Any:
    from weft._src import array  # it gives the ops to arrays as methods, so it comes after them

    return array.asarray(x)


def _filled(x: Any, values: Sequence[Any]) -> Any:
    """An argument with values in its holes."""
    if type(x) is _Hole:
        return values[x.index]
    if type(x) in (list, tuple):
        return type(x)([_filled(y, values) for y in x])
    return x


def _traced(function: Any, args: tuple, kwargs: dict) -> Callable[..., Any]:
    """The call with tracers in the places of its arrays."""

    def call(*tracers: Tracer) -> Any:
        return function(*[_filled(x, tracers) for x in args], **{k: _filled(v, tracers) for k, v in kwargs.items()})

    return call


# ------------------------------------------------------------------------------------------------------- named sizes


def _size(n: int) -> Any:
    return n if n >= 0 else dims.Dim(f"n{~n}")


def _numbers(shapes: Sequence[tuple], specs: Sequence[Spec]) -> dict[str, int]:
    """The number that each name stands for in this call; all are 2 or more, since 0 and 1 have no name."""
    return {
        f"n{~n}": have
        for shape, spec in zip(shapes, specs, strict=True)
        for n, have in zip(shape, spec.shape, strict=True)
        if n < 0
    }


def _recorder(numbers: dict[str, int], guards: list[tuple]) -> Callable[[dims.Question], bool]:
    """Answers comparisons for the sizes of this call, and records the answer as a condition of the program."""

    def answer(question: dims.Question) -> bool:
        difference = question.lhs - question.rhs
        terms = []
        for factors, coefficient in difference._terms:
            if not numbers or not all(isinstance(a, str) for a in factors):
                raise UndecidedSizeError("WF1401", f"whether {question} is known only at the call.")
            terms.append((coefficient, tuple(int(a[1:]) for a in factors)))
        holds = dims.HOLDS[question.op](difference.evaluate(numbers), 0)
        which = (
            question.op if holds else {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}[question.op]
        )
        guards.append((_OPS.index(which), terms))
        return holds

    return answer


_weft.set_eager_hooks(errors.trim, normalize.is_operand, trace.fresh)
