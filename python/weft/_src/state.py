"""State: `Variable`, a value that traced functions read and write.

Decides how state becomes values. In the IR there are only values: a program that reads or writes a Variable has its
array as a hidden argument, and one that writes it has the new value as a hidden last result, which the call puts behind
the handle (`weft.updates`). While tracing, each function or region knows the Variables' values at this point of it;
what
a region writes must leave it, so a loop that writes a Variable carries it, and a branch that writes one returns it from
every branch. That is found by tracing: a write where no way out has been made yet ends the attempt, and the op is
traced again with that Variable among its carries. A derivative returns what its function wrote as auxiliary results.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft._src import _weft, dims, dtypes, trace
from weft._src.errors import DTypeError, ShapeError, UnsupportedError, api_boundary
from weft._src.trace import Scope, Tracer


class Variable(trace.Stateful):
    """A value that can be replaced, also by compiled functions, which update it in place where they can.

    Args:
        value: anything that `asarray` takes; its elements are copied. dtype: of the elements.

    Its operators, methods and indexing are those of arrays, on the present value; `v.value = x`, `v += x` and
    `v[i] = x` replace it. Dtype and shape never change.

    Raises:
        DTypeError: WF1028, ShapeError: WF1017, on assignment, for a value of another dtype or shape.

    >>> import weft as wf
    >>> count = wf.Variable(0)
    >>> @wf.jit
    ... def step(x):
    ...     count.value = count + 1
    ...     return x * count
    >>> float(step(10.0)), float(step(10.0)), count
    (10.0, 20.0, Variable(2, dtype=int64))
    """

    __slots__ = ("__weakref__", "_array")

    @api_boundary
    def __init__(self, value: Any, dtype: Any = None):
        from weft._src.array import asarray

        if isinstance(value, Variable):
            value = read(value)
        with trace.suspended():
            self._array = asarray(np.array(value) if isinstance(value, _weft.Array) else value, dtype)

    @property
    def value(self) -> Any:
        """The present value, an array."""
        return read(self)

    @value.setter
    def value(self, new: Any) -> None:
        write(self, new)

    @property
    def shape(self) -> tuple:
        """The sizes."""
        return self._array.shape

    @property
    def dtype(self) -> dtypes.DType:
        """Its DType."""
        return self._array.dtype

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The number of elements."""
        return self._array.size

    def __repr__(self) -> str:
        return repr(self._array).replace("Array(", "Variable(", 1)

    def __hash__(self) -> int:
        return id(self)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return read(self).__array__(*args, **kwargs)

    def __setitem__(self, index: Any, new: Any) -> None:
        from weft.ops.indexing import setitem

        value = read(self)
        setitem(value, index, new)
        write(self, value)

    def __reduce__(self) -> Any:
        return Variable, (np.array(self._array),)


def install(methods: dict[str, Any]) -> None:
    """Gives the operators and methods of arrays to Variables: on the present value; `__iadd__` and the like write."""
    for name, method in methods.items():
        if name in vars(Variable) or name == "__hash__":
            continue
        if isinstance(method, property):
            found: Any = property(functools.partial(_on_value, method.fget), doc=method.__doc__)
        elif not callable(method):
            found = method
        elif name.startswith("__i") and f"__r{name[3:]}" in methods:
            found = _in_place(name)
        else:
            found = _method(method, name)
        setattr(Variable, name, found)
    # Those that arrays and tracers have of their own.
    for name in ("__bool__", "__int__", "__float__", "__complex__", "__index__", "__format__", "item", "tolist"):
        setattr(Variable, name, _method(operator.methodcaller(name), name) if name != "__format__" else _format)


def _format(self: Variable, spec: str) -> str:
    return format(read(self), spec) if spec else repr(self)


def _on_value(f: Callable[..., Any], self: Variable) -> Any:
    return f(read(self))


def _method(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    def method(self: Variable, *args: Any, **kwargs: Any) -> Any:
        return f(read(self), *args, **kwargs)

    method.__name__, method.__doc__ = name, getattr(f, "__doc__", None)
    return method


def _in_place(name: str) -> Callable[..., Any]:
    plain = f"__{name[3:]}"

    def method(self: Variable, other: Any) -> Any:
        made = getattr(read(self), plain)(other)
        if made is NotImplemented:
            return made
        write(self, made)
        return self

    method.__name__ = name
    return method


# ------------------------------------------------------------------------------------------------- reading, writing


def read(v: Variable) -> Any:
    """The present value: outside of a trace an array, inside its value at this point of the function."""
    scope = trace.current()
    if scope is None:
        return v._array._reshaped(v._array.shape)  # another handle of the same value
    return trace.fresh(scope.lift(_found(v, scope)))


def _found(v: Variable, scope: Scope) -> Tracer:
    """The value in the nearest scope that has written it, or the program's argument."""
    at: Scope | None = scope
    while at is not None:
        if id(v) in at.state:
            return at.state[id(v)][1]
        at.reads.setdefault(id(v), v)
        at = at.parent
    return scope.trace.capture(v._array)


def write(v: Variable, new: Any) -> None:
    """Replaces the value; in a trace, from this point of the function on.

    Raises:
        DTypeError: WF1028, ShapeError: WF1017 for a value of another dtype or shape.
        UnsupportedError: WF1507 where what is written cannot leave: in `map`, in custom derivatives.
    """
    scope = trace.current()
    given = trace.as_tracer(new) if scope is not None else _array(new, v)
    if given.dtype is not v.dtype:
        weak = bool(getattr(given, "weak_type", False))
        if not (weak and dtypes.promote([v._array, 0 if given.dtype.kind == "int" else 0.0])[0] is v.dtype):
            raise DTypeError("WF1028", f"{given.dtype.name} is written to a Variable of {v.dtype.name}.")
    if len(given.shape) != len(v.shape) or not all(map(dims.same, given.shape, v.shape)):
        raise ShapeError("WF1017", f"a value of shape {given.shape} is written to a Variable of shape {v.shape}.")
    if scope is None:
        v._array._replace(given)
        return
    if not scope.open and id(v) not in scope.carried:
        raise Written(v)
    bind(v, trace.cast(given, v.dtype))
    scope.written.setdefault(id(v), v)


def _array(new: Any, v: Variable) -> Any:
    from weft._src.array import asarray

    if isinstance(new, Variable):
        return read(new)
    if isinstance(new, (bool, int, float)):
        common = dtypes.promote([v._array, new])[0]
        return asarray(new, v.dtype if common is v.dtype else None)
    return asarray(new)


def bind(v: Variable, value: Any) -> None:
    """From here on `v` has this value in the scope being traced."""
    scope = trace.current()
    assert scope is not None
    scope.state[id(v)] = v, trace.fresh(trace.as_tracer(value))


class Written(BaseException):
    """A Variable was written where no way out has been made for it yet; no error of the user's to catch."""

    def __init__(self, variable: Variable):
        super().__init__()
        self.variable = variable


def open_scope() -> None:
    """Whoever traces into the present scope returns what is written there, by `written`."""
    scope = trace.current()
    assert scope is not None
    scope.open = True


def written() -> list[tuple[Variable, Tracer]]:
    """The Variables that the present scope wrote, and their last values in it."""
    scope = trace.current()
    assert scope is not None
    return [(v, scope.lift(scope.state[id(v)][1])) for v in scope.written.values()]


def known(scope: Scope) -> list[Variable]:
    """The Variables that a scope or one around it has read or written so far."""
    found: dict[int, Variable] = {}
    at: Scope | None = scope
    while at is not None:
        found.update(at.reads)
        found.update((id(v), v) for v, _ in at.state.values())
        at = at.parent
    return list(found.values())


def snapshot(reads: Sequence[Variable], scope: Scope) -> list[tuple[Variable, Any]]:
    """Variables and the values in the IR that they have now, seen from a scope."""
    return [(v, trace.origin(_found(v, scope)).value) for v in reads]


def unchanged(seen: Sequence[tuple[Variable, Any]], scope: Scope) -> bool:
    """Whether the Variables of a snapshot have the same values still."""
    return all(trace.origin(_found(v, scope)).value == value for v, value in seen)


def assign(variables: Sequence[Variable], values: Sequence[Any]) -> None:
    """What a function or a region has written, in the scope around it."""
    for v, value in zip(variables, values, strict=True):
        write(v, value)


def refused(written: Written, where: str = "a function whose transformation returns no state") -> UnsupportedError:
    """The error for a write that cannot leave."""
    return UnsupportedError(
        "WF1507", f"a Variable of {trace.spec_of(written.variable._array)} is written inside {where}.",
        hint="return the new value, and write it outside.",
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------------- regions


def _settled(attempt: Callable[[tuple[Variable, ...]], Any]) -> Any:
    """`attempt` with the Variables that it turns out to write."""
    carried: list[Variable] = []
    while True:
        try:
            return attempt(tuple(carried))
        except Written as stop:
            if any(v is stop.variable for v in carried):
                raise
            carried.append(stop.variable)


def in_loop(build: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates what builds a loop from (step, f, count, reverse, init, xs, more): Variables that it writes are
    carries."""

    @functools.wraps(build)
    def built(step: Any, f: Any, count: Any, reverse: bool, init: Any, xs: Any, *more: Any) -> Any:
        def attempt(carried: tuple[Variable, ...]) -> Any:
            if not carried:
                return build(step, f, count, reverse, init, xs, *more)

            def stateful(i: Any, carry: Any, x: Any) -> Any:
                own, values = carry
                enter(carried, values)
                new, y = step(i, own, x)
                return (new, [read(v) for v in carried]), y

            before = [read(v) for v in carried]
            (carry, values), ys = build(stateful, f, count, reverse, (init, before), xs, *more)
            assign(carried, values)
            return carry, ys

        return _settled(attempt)

    return built


def in_while(build: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates what builds a loop from (max_trips, cond, body, init, more): Variables that the body writes are
    carries."""

    @functools.wraps(build)
    def built(max_trips: Any, cond: Any, body: Any, init: Any, *more: Any) -> Any:
        def attempt(carried: tuple[Variable, ...]) -> Any:
            if not carried:
                return build(max_trips, cond, body, init, *more)

            def holds(carry: Any) -> Any:
                for v, value in zip(carried, carry[1], strict=True):
                    bind(v, value)
                return cond(carry[0])

            def stateful(carry: Any) -> Any:
                enter(carried, carry[1])
                new = body(carry[0])
                return new, [read(v) for v in carried]

            carry, values = build(max_trips, holds, stateful, (init, [read(v) for v in carried]), *more)
            assign(carried, values)
            return carry

        return _settled(attempt)

    return built


def in_branches(build: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates what builds a branch from (index, branches, names, operands): what one branch writes, all return."""

    @functools.wraps(build)
    def built(index: Any, branches: Sequence[Any], names: Sequence[str], operands: tuple) -> Any:
        def attempt(carried: tuple[Variable, ...]) -> Any:
            if not carried:
                return build(index, branches, names, operands)

            def stateful(f: Callable[..., Any]) -> Callable[..., Any]:
                @functools.wraps(f)
                def branch(*args: Any) -> Any:
                    enter(carried, [read(v) for v in carried])
                    out = f(*args)
                    return out, [read(v) for v in carried]

                return branch

            out, values = build(index, [stateful(f) for f in branches], names, operands)
            assign(carried, values)
            return out

        return _settled(attempt)

    return built


def enter(carried: Sequence[Variable], values: Sequence[Any]) -> None:
    """Lets the present scope write these Variables, whose values it begins with."""
    scope = trace.current()
    assert scope is not None
    for v, value in zip(carried, values, strict=True):
        bind(v, value)
        scope.carried.add(id(v))
