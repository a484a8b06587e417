"""Tracing: a Python function is run once on stand-ins for arrays, and each op it calls is built into IR.

Decides what a traced value is, where ops go, and how a value gets from one function or region into another. For those
who write ops, transformations and control flow on top:

    emit("add", [x, y])                       one op in the function being traced; a Tracer, or a list of several
    emit("reduce", [x], kind="add", dims=[0]) attributes by name, as plain Python values (kinds: the generated op table)
    emit("reshape", [x], results=[((6,), float32)])     result types where the op does not infer them
    as_tracer(x, dtype)                       a Tracer of anything like an array: numbers (weak), NumPy, Array, Tracer
    cast(x, dtype)                            x in another dtype, strong
    constant(np_array)                        a value baked into the program
    current()                                 the scope being traced in this thread, or None (then `run_once` makes one)
    function(f, specs, name)                  traces f into a private function: symbol, result specs, captured tracers
    call(traced, args)                        weft.call of it; emit("vjp", ..., callee=traced.symbol) works too
    region(f, specs)                          traces f into a region of an op to come (for, if)
    data_sizes.as_size(number, what)          a traced number as a size, a Dim, in all that is traced from here on
    same_captures(regions)                    gives several regions of one op one list of captures (if)

A `Spec` is (shape, dtype, weak); a shape is a tuple of ints and `Dim`s. Tracers of an enclosing function or region
may be used inside: functions and regions are isolated in the IR, so each such value becomes an explicit trailing
argument, listed in `captures` as tracers of the enclosing scope. Arrays that the Python function merely reads
(closures, globals) become hidden arguments of the program with the attribute `weft.role = "captured"`.

Weak bits are Python's business alone: `emit(..., weak=True)` marks a result whose operands were all weak.

>>> import numpy as np
>>> from weft._src.dtypes import float32
>>> t = trace_program(lambda x: emit("add", [x, x]), [Spec((8,), float32)], "double")
>>> print(t.module)
module {
  func.func @double(%arg0: tensor<8xf32> {weft.path = "x0"}) -> tensor<8xf32> {
    %0 = weft.add %arg0, %arg0 : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
    return %0 : tensor<8xf32>
  }
}
<BLANKLINE>
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, dims, dtypes, errors, source
from weft._src._op_table import OPS
from weft._src.dtypes import DType
from weft._src.errors import InternalError, LeakedTracerError, WrongArgumentError

ir = _weft.ir


class Spec(NamedTuple):
    """What is known of a value before it exists: its shape (ints and Dims), dtype, and whether it is weak.

    >>> str(Spec((2, 3), dtypes.float32))
    'f32[2,3]'
    """

    shape: tuple
    dtype: DType
    weak: bool = False

    def __str__(self) -> str:
        return dtypes.spec_text(self.shape, self.dtype) + ("*" if self.weak else "")


class Tracer:
    """A value of the program being traced. Arithmetic and methods are those of `Array` (see `array.install`).

    Attributes:
        shape: a tuple of ints and Dims. dtype: its DType. weak_type: whether it bends to the dtypes it meets.
        scope: the function or region it belongs to. value: its handle in the IR.
        concrete: the value where it has been computed while tracing (see `known_value`), else None.
        storage: the dtype of the value in the IR. It differs from `dtype` for Python numbers alone, which are kept at
        full
            precision (float64, int64) until they meet an array; `cast` and `emit` see to it.
    """

    __slots__ = ("__weakref__", "concrete", "dtype", "scope", "shape", "storage", "value", "weak_type")

    def __init__(
        self,
        scope: Scope,
        value: Any,
        shape: tuple,
        dtype: DType,
        weak: bool = False,
        concrete: Any = None,
        storage: DType | None = None,
    ):
        self.storage = storage or dtype
        self.scope = scope
        self.value = value
        self.shape = shape
        self.dtype = dtype
        self.weak_type = weak
        self.concrete = concrete

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> Any:
        """The number of elements: an int, or an expression in symbolic sizes."""
        n: Any = 1
        for size in self.shape:
            n = n * size
        return n

    @property
    def spec(self) -> Spec:
        """Shape, dtype and weak bit."""
        return Spec(self.shape, self.dtype, self.weak_type)

    def __repr__(self) -> str:
        return f"Tracer({self.spec})"

    def __bool__(self) -> bool:
        return _known(self, "WF1201", "a truth value", bool)

    def __int__(self) -> int:
        return _known(self, "WF1202", "an int", int)

    def __index__(self) -> int:
        return _known(self, "WF1202", "an index", lambda x: x.__index__())

    def __float__(self) -> float:
        return _known(self, "WF1202", "a float", float)

    def __complex__(self) -> complex:
        return _known(self, "WF1202", "a complex number", complex)

    def item(self) -> Any:
        """The one element as a Python number; only where the value is known."""
        return _known(self, "WF1202", "a Python number", lambda x: x.item())

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        # Not even where the value is known: what NumPy makes of it would have no derivative, silently.
        raise errors.TracerError("WF1207", f"a traced value ({self.spec}) has no numbers to hand to NumPy.")


# One hook for all places where Python needs the number behind a tracer: graph breaks will be put here.
def _known(tracer: Tracer, code: str, what: str, convert: Callable[[Any], Any]) -> Any:
    value = known_value(tracer)
    if value is None:
        raise errors.ConcretizationError(
            code, f"a traced value ({tracer.spec}) was used as {what}.", operands=(str(tracer.spec),)
        )
    return convert(value)


def known_value(tracer: Tracer) -> Any:
    """The array that a tracer stands for, where the trace is made for one call whose arguments are known (a derivative
    outside of `jit`); else None. What computes it is compiled and run by itself."""
    if tracer.concrete is None and tracer.scope.trace.runs_once:
        tracer.concrete = tracer.scope.evaluate(tracer.value)
    return tracer.concrete


class Stateful:
    """Base of what has a `value` that functions read and write: `Variable` (state.py)."""

    __slots__ = ()


class Scope:
    """One block under construction: the body of a function or of a region, or the rest of it (`as_size`).

    Attributes:
        trace: the whole. parent: the scope around it, None for the program's entry.
        block: the IR block. captures: the parent's tracers that are read here, in the order of their arguments.
        body: the scope that the function or region began with.
    """

    def __init__(self, trace: Trace, parent: Scope | None, block: Any):
        self.trace = trace
        self.parent = parent
        self.block = block
        self.body = self
        self.rest: _Rest | None = None
        self.sizes: dict[Any, Any] = {}  # by the formulas of numbers (as_size)
        self.captures: list[Tracer] = []
        # Variables by id (state.py): their values here, those written and read here; what may be written.
        self.state: dict[int, tuple[Any, Tracer]] = {}
        self.written: dict[int, Any] = {}
        self.reads: dict[int, Any] = {}
        self.open = parent is None
        self.carried: set[int] = set()
        self.stands_for: dict[Any, Any] = {}  # arguments and values -> a tracer of the parent, or an array
        self._inner: dict[Any, Tracer] = {}
        self._outer: dict[Any, Tracer] = {}

    def lift(self, tracer: Tracer) -> Tracer:
        """The same value here: itself, or the argument that brings it in from an enclosing scope.

        Raises:
            LeakedTracerError: WF1203 for a value of another trace, or of a function or region that has ended.
        """
        if tracer.scope is self:
            return tracer
        if self.parent is None or tracer.scope.trace is not self.trace:
            raise leaked(tracer)
        outer = self.parent.lift(tracer)
        inner = self._inner.get(outer.value)
        if inner is None:
            inner = self.add_capture(outer)
        if inner.weak_type is not tracer.weak_type or inner.dtype is not tracer.dtype:  # it came in by `captures`
            return Tracer(
                self, inner.value, inner.shape, tracer.dtype, tracer.weak_type, tracer.concrete, tracer.storage
            )
        return inner

    def add_capture(self, outer: Tracer) -> Tracer:
        """Adds the trailing argument that brings a tracer of the parent in."""
        outer = fresh(outer)  # the function may put another value behind its handle before this scope ends
        value = self.trace.builder.add_argument(self.block, outer.value.type, self.trace.location())
        inner = Tracer(self, value, outer.shape, outer.dtype, outer.weak_type, outer.concrete, outer.storage)
        self._inner[outer.value] = inner
        self._outer[value] = outer
        self.captures.append(_as_stored(outer))
        return inner

    def encloses(self, scope: Scope | None) -> bool:
        """Whether `scope` is this one or inside it."""
        while scope is not None and scope is not self:
            scope = scope.parent
        return scope is self

    def evaluate(self, value: Any) -> Any:
        """The array that a value of this scope is, if that follows from what its arguments stand for; else None."""
        known = self.stands_for.get(value, self._outer.get(value))
        if known is None:
            given = {**self._outer, **self.stands_for}
            found = self.trace.builder.extract(value, list(given))
            if found is None:
                return None
            module, needed = found
            sources = list(given.values())
            arrays = [known_value(x) if isinstance(x, Tracer) else x for x in (sources[i] for i in needed)]
            if any(x is None for x in arrays):
                return None
            from weft._src import compiler

            with suspended():
                (known,) = compiler.compile_module(module, compiler.options()).program(arrays)
            self.stands_for[value] = known
        return known_value(known) if isinstance(known, Tracer) else known

    def arguments(self, specs: Sequence[Spec], storages: Sequence[DType] | None = None) -> list[Tracer]:
        """Tracers of the block's first arguments."""
        storages = storages or [s.dtype for s in specs]
        return [
            Tracer(self, value, s.shape, s.dtype, s.weak, storage=d)
            for value, s, d in zip(self.block.arguments, specs, storages, strict=False)
        ]


def _as_stored(tracer: Tracer) -> Tracer:
    """A tracer that says the dtype that its value has in the IR, so that `emit` passes it on as it is."""
    return (
        tracer if tracer.storage is tracer.dtype else Tracer(tracer.scope, tracer.value, tracer.shape, tracer.storage)
    )


def origin(tracer: Tracer) -> Tracer:
    """The value itself where `tracer` is an argument that brings it in from an enclosing scope."""
    while (outer := tracer.scope._outer.get(tracer.value)) is not None:
        tracer = outer
    return tracer


def storage_of(spec: Spec) -> DType:
    """The dtype that a program's argument has in the IR: Python numbers come at full precision."""
    if not spec.weak:
        return spec.dtype
    return {"float": dtypes.float64, "int": dtypes.int64}.get(spec.dtype.kind, spec.dtype)


def fresh(x: Any) -> Any:
    """Another handle of the same value, so that assigning to one leaves the other alone."""
    if type(x) is not Tracer:
        return x
    return Tracer(x.scope, x.value, x.shape, x.dtype, x.weak_type, x.concrete, x.storage)


def become(x: Any, new: Any) -> None:
    """Puts the value `new` behind the handle `x`: what `x[i] = v` and `x += y` do.

    Raises:
        TracerError: WF1206 for a handle from outside of the function or region that is being traced: the assignment
            would be made once, by the trace, and never by a call.
        DTypeError, ShapeError: WF1028, WF1017 if the new value has another dtype or shape.
    """
    scope = current()
    if type(x) is not Tracer:
        if scope is not None:
            raise errors.TracerError(
                "WF1206", f"an array ({spec_of(x)}) from outside of the traced function is assigned to."
            )
        given = x.dtype, x.shape
    else:
        if scope is None:
            raise leaked(x)
        if x.scope.body is not scope.body:
            raise errors.TracerError(
                "WF1206", f"a value ({x.spec}) from outside of this branch, loop or function is assigned to."
            )
        given = x.dtype, x.shape
    if new.dtype is not given[0]:
        raise errors.DTypeError("WF1028", f"{new.dtype.name} is put in the place of {given[0].name}.")
    if len(new.shape) != len(given[1]) or not all(map(dims.same, new.shape, given[1])):
        raise errors.ShapeError("WF1017", f"a value of shape {new.shape} is put in the place of one of {given[1]}.")
    if type(x) is Tracer:
        new = scope.lift(new)
        x.scope, x.value, x.storage, x.weak_type, x.concrete = (
            scope, new.value, new.storage, new.weak_type, new.concrete,
        )  # fmt: skip
    else:
        x._replace(new)


def leaked(tracer: Tracer) -> LeakedTracerError:
    """The error about a value that outlived its function."""
    return LeakedTracerError(
        "WF1203", f"a value ({tracer.spec}) of a function that is not being traced any more was used.",
        operands=(str(tracer.spec),),
    )  # fmt: skip


class Trace:
    """One program under construction: a context, a module, and what it reads from outside.

    Attributes:
        context, module, builder: the IR. captured: the arrays that are read from outside, in the order of their
        arguments.
    """

    def __init__(self) -> None:
        self.context = ir.Context()
        self.unknown = ir.Location.unknown(context=self.context)
        self.module = ir.Module.create(loc=self.unknown)
        self.builder = _weft.Builder(self.module, OPS)
        self.root: Scope | None = None
        self.sizes = 0  # named by fresh_size
        self.captured: list[Any] = []
        self.updates: list[tuple[int, int]] = []  # (result, captured array that takes its value): written Variables
        self.runs_once = False  # made for one call, whose arguments are known
        self.functions: dict[Any, TracedFunction] = {}  # nested jit functions, each traced once
        self.data_sizes: dict[str, Any] = {}  # by name (data_sizes.DataSize)
        self._captured: dict[int, Tracer] = {}
        self._names: dict[str, int] = {}
        self._locations: dict[bytes, tuple[source.Stack, Any]] = {}
        self._frames: dict[source.Frame, Any] = {}

    def tensor_type(self, shape: Sequence[Any], dtype: DType) -> Any:
        """The IR type of a shape and a dtype."""
        return self.builder.tensor_type(dtype.code, shape)

    def symbol(self, name: str) -> str:
        """A function name that is not taken yet."""
        name = re.sub(r"\W", "_", name) or "f"
        n = self._names.get(name, 0)
        self._names[name] = n + 1
        return name if n == 0 else self.symbol(f"{name}_{n}")

    def location(self) -> Any:
        """The user's place now, as a location of the IR; a repeated place costs one look-up."""
        key = _weft.frame_key(source._internal_files, source.MAX_FRAMES)
        known = self._locations.get(key)
        if known is None:
            stack = source.capture(1)
            known = (stack, self.location_of(stack.frames))
            # The stack keeps the code objects alive whose addresses are in the key.
            if (key := _weft.frame_key(source._internal_files, source.MAX_FRAMES)) is not None:
                self._locations[key] = known
        return known[1]

    def location_of(self, frames: Sequence[source.Frame]) -> Any:
        """`callsite("f"(file:line:col to :col) at ...)` of user frames, innermost first."""
        if not frames:
            return self.unknown
        return ir.Location.callsite(self._frame(frames[0]), [self._frame(f) for f in frames[1:]])

    def _frame(self, f: source.Frame) -> Any:
        found = self._frames.get(f)
        if found is None:
            # Columns count from 1 in MLIR.
            end = (0, 0) if f.end_line is None or f.end_col is None else (f.end_line, f.end_col + 1)
            place = ir.Location.file(f.filename, f.line, 0 if f.col is None else f.col + 1, *end, context=self.context)
            found = self._frames[f] = ir.Location.name(f.function, place)
        return found

    def capture(self, array: Any) -> Tracer:
        """The hidden argument of the program for an array that the function reads; the same one for the same object."""
        known = self._captured.get(id(array))
        if known is None:
            assert self.root is not None
            d = dtypes.check_supported(dtypes.dtype(array.dtype))
            shape = tuple(array.shape)
            value = self.builder.add_argument(self.root.block, self.tensor_type(shape, d), self.location())
            known = self._captured[id(array)] = Tracer(self.root, value, shape, d)
            self.root.stands_for[value] = array
            self.captured.append(array)  # also keeps its id alive
        return known

    def capture_number(self, array: Any) -> int:
        """Which of the captured arrays it is; one of them from now on."""
        self.capture(array)
        return next(i for i, x in enumerate(self.captured) if x is array)


class _Stack(threading.local):
    scopes: tuple[Scope, ...] = ()


_stack = _Stack()


def current() -> Scope | None:
    """The innermost scope being traced in this thread; None when ops run eagerly."""
    return _stack.scopes[-1] if _stack.scopes else None


def _go_on(scopes: tuple[Scope, ...]) -> None:
    """Sets the scopes of this thread; C++ knows whether there are any."""
    _stack.scopes = scopes
    _weft.set_tracing(bool(scopes))


@contextlib.contextmanager
def entered(scope: Scope) -> Iterator[Scope]:
    """Ops built inside go to `scope`."""
    before = _stack.scopes
    _go_on((*before, scope))
    try:
        yield scope
    finally:
        _go_on(before)


@contextlib.contextmanager
def suspended() -> Iterator[None]:
    """Inside, no trace is going on: ops run eagerly."""
    before = _stack.scopes
    _go_on(())
    try:
        yield
    finally:
        _go_on(before)


# ------------------------------------------------------------------------------------------------------------ values


def spec_of(x: Any) -> Spec:
    """The spec of an argument of a traced function.

    Args:
        x: an Array, NumPy array or scalar, Python number (weak), Tracer, or Spec.

    Raises:
        WrongArgumentError: WF1208 for anything else.
        UnsupportedDtypeError: WF1023 or WF1024 for a dtype that no op handles.

    >>> str(spec_of(np.zeros((2, 3), np.int8))), str(spec_of(1.5))
    ('i8[2,3]', 'f32[]*')
    """
    if isinstance(x, Spec):
        return x
    if isinstance(x, Tracer):
        return x.spec
    if isinstance(x, Stateful):
        raise WrongArgumentError(
            "WF1208", "a Variable is no argument of a traced function.",
            hint="read it where the function stands (a global, a closure, an attribute of self), or pass its value.",
        )  # fmt: skip
    if isinstance(x, (bool, int, float)) and not isinstance(x, np.generic):
        # Runtime numbers keep their full precision in the IR; each use converts (see docs/rationale.md).
        return Spec((), dtypes.weak_type_of(x).dtype, True)
    if hasattr(x, "dtype") and hasattr(x, "shape"):
        return Spec(tuple(x.shape), dtypes.check_supported(dtypes.dtype(x.dtype)), bool(getattr(x, "weak_type", False)))
    raise WrongArgumentError(
        "WF1208", f"a traced function got a {type(x).__name__}, which is no array, number or container of them."
    )


def constant(x: Any, dtype: Any = None, *, weak: bool = False) -> Tracer:
    """A value baked into the program being traced.

    Args:
        x: a Python number, NumPy array or scalar, or Array.
        dtype: its dtype; by default that of `x`.
        weak: whether the result is weak.

    >>> with tracing() as scope: constant([1, 2], dtypes.int32).spec.shape
    (2,)
    """
    scope = _scope()
    trace = scope.trace
    d = dtypes.dtype(dtype if dtype is not None else (dtypes.weak_type_of(x).dtype if np.isscalar(x) else x.dtype))
    array = np.ascontiguousarray(np.asarray(x, dtype=d.numpy)).reshape(np.shape(x))
    kind = trace.tensor_type(array.shape, d)
    data = array.reshape(-1).view(np.uint8) if array.size else b""
    (value,) = _build(scope, "constant", [], {"value": (kind, data)}, (), None)
    return Tracer(scope, value, tuple(array.shape), d, weak)


def as_tracer(x: Any, dtype: DType | None = None) -> Tracer:
    """`x` as a value of the scope being traced.

    Args:
        x: a Tracer (brought in from an enclosing scope if need be), an Array or NumPy array (becomes a hidden
        argument), a
            NumPy scalar (a constant), a Python number (a constant, weak without a dtype), or a sequence of these (a
            constant).
        dtype: its dtype; without it that of `x`.

    Raises:
        WrongArgumentError: WF1031 for what is no array.
        ScalarRangeError: WF1026 for a Python number that `dtype` does not hold.
        LeakedTracerError: WF1203 for a value of another trace.

    >>> with tracing(): as_tracer(2), as_tracer(2.5, dtypes.float16)
    (Tracer(i64[]*), Tracer(f16[]))
    """
    scope = _scope()
    if type(x) is Tracer:
        x = scope.lift(x)
    elif isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic):
        if dtype is not None:
            return constant(dtypes.check_scalar(x, dtype), dtype)
        spec = Spec((), dtypes.check_supported(dtypes.weak_type_of(x).dtype), True)
        storage = storage_of(spec)
        made = constant(dtypes.check_scalar(x, storage), storage)
        return Tracer(scope, made.value, (), spec.dtype, True, storage=storage)
    elif isinstance(x, np.generic):
        x = constant(x)
    elif isinstance(x, (np.ndarray, _weft.Array)):
        x = scope.lift(scope.trace.capture(x))
    elif isinstance(x, Stateful):
        x = scope.lift(x.value)
    elif isinstance(x, dims.Dim):  # a number that the call knows: weak, like the ints that sizes are elsewhere
        made = cast(emit("dim_size", [], size=str(x)), dtypes.int64)
        x = Tracer(scope, made.value, (), dtypes.default_int(), True, storage=dtypes.int64)
    elif isinstance(x, (list, tuple)):
        array = np.asarray(x)
        kind = {"f": dtypes.default_float(), "b": dtypes.bool_, "i": dtypes.default_int()}.get(array.dtype.kind)
        if kind is None:
            raise WrongArgumentError("WF1031", f"a {type(x).__name__} of {array.dtype} is not an array.")
        return constant(array, dtype or kind)
    else:
        raise WrongArgumentError("WF1031", f"{type(x).__name__} is not an array.")
    return x if dtype is None else cast(x, dtype)


def cast(x: Any, dtype: DType) -> Tracer:
    """`x` in another dtype, strong; itself where nothing changes.

    >>> with tracing(): cast(as_tracer(2.5), dtypes.int8)
    Tracer(i8[])
    """
    scope = _scope()
    x = as_tracer(x)
    if x.storage is dtype:
        return (
            x if x.dtype is dtype and not x.weak_type else Tracer(x.scope, x.value, x.shape, dtype, concrete=x.concrete)
        )
    (value,) = _build(scope, "convert", [x.value], {"dtype": dtype}, (), None)
    return Tracer(scope, value, x.shape, dtype)


def _operand(x: Any) -> Any:
    """The handle of an operand, at the dtype that its tracer says."""
    tracer = as_tracer(x)
    return tracer.value if tracer.storage is tracer.dtype else cast(tracer, tracer.dtype).value


def _scope() -> Scope:
    scopes = _stack.scopes
    if not scopes:
        raise InternalError("WF1990", "a value was traced while nothing is being traced.")
    return scopes[-1]


# --------------------------------------------------------------------------------------------------------------- ops

Results = Sequence[tuple[Sequence[Any], DType]]


def emit(
    name: str,
    operands: Sequence[Any],
    *,
    results: Results | None = None,
    regions: Sequence[TracedRegion] = (),
    weak: bool = False,
    **attributes: Any,
) -> Any:
    """Builds one op of the dialect in the scope being traced; its location is the user's line.

    Args:
        name: the op without its dialect, such as "add".
        operands: anything `as_tracer` takes; for an op with several variadic operands (for) a list of lists.
        results: (shape, dtype) of each result, for an op that does not infer them.
        regions: made by `region`.
        weak: whether the results are weak.
        attributes: by name; None leaves an optional one out.

    Returns:
        A Tracer; a list of them where the op has no result or several, or may have several.

    Raises:
        WeftError: with the code that the op's own check gives; ops normalise before, so that is rare.

    >>> with tracing() as scope: emit("iota", [], results=[((4,), dtypes.int32)], dim=0)
    Tracer(i32[4])
    """
    scopes = _stack.scopes
    scope = scopes[-1] if scopes else _scope()
    trace = scope.trace
    row = OPS[name]
    if row.segments:
        values = [[_operand(x) for x in group] for group in operands]
    else:  # most operands are values of this very scope: no call is made for them
        values = [
            x.value if type(x) is Tracer and x.scope is scope and x.storage is x.dtype else _operand(x)
            for x in operands
        ]
    types = None if results is None else [trace.tensor_type(shape, d) for shape, d in results]
    inner = [r.region for r in regions] if regions else regions
    try:
        made = trace.builder.build(scope.block, name, values, attributes, trace.location(), inner, types)
    except ValueError as err:
        raise _refusal(name, values, str(err)) from None
    if len(row.results) == 1 and not row.results[0][2]:
        return wrap(scope, made[0], weak)
    return [wrap(scope, value, weak) for value in made]


def _build(scope: Scope, name: str, values: list, attributes: dict, regions: Sequence[Any], types: Any) -> list:
    """One op as it is given, for the few that `emit` does not make."""
    trace = scope.trace
    try:
        return trace.builder.build(scope.block, name, values, attributes, trace.location(), regions, types)
    except ValueError as err:
        raise _refusal(name, values, str(err)) from None


def _refusal(name: str, values: list, text: str) -> errors.WeftError:
    """The error for an op that the builder refuses to make."""
    kinds = [v.describe()[0] for group in values for v in (group if isinstance(group, list) else [group])]
    if dtypes.key.code in kinds and not _CODE.search(text):
        return errors.error("WF1022", f"{name} takes numbers, not keys.")
    return _complaint(name, text)


_CODE = re.compile(r"\[(WF\d{4})\] (.*)", re.S)


def _complaint(name: str, text: str) -> errors.WeftError:
    """The op's own complaint as an error: by its code, or as a bug of ours where it has none."""
    line = text.splitlines()[0] if text else ""
    found = _CODE.search(line)
    if found:
        return errors.error(found[1], f"{name}: {found[2]}")
    return InternalError("WF1990", f"weft.{name}: {line}")


def wrap(scope: Scope, value: Any, weak: bool = False) -> Tracer:
    """A Tracer of a value of the IR that stands in the scope's block."""
    code, sizes = value.describe()
    for n in sizes:  # most are ints, which need no parsing
        if type(n) is str:
            sizes = tuple(dims.parse(n) if type(n) is str else n for n in sizes)
            break
    return Tracer(scope, value, sizes, dtypes.BY_CODE[code], weak)


# ------------------------------------------------------------------------------------------------ functions, regions


class TracedFunction(NamedTuple):
    """A private function of the program: its symbol, specs, and the tracers of enclosing scopes that it reads.

    Its arguments are those of `arguments`, then one for each of `captures`.
    """

    symbol: str
    arguments: tuple[Spec, ...]
    results: tuple[Spec, ...]
    captures: tuple[Tracer, ...]
    out: Any  # what `f` returned, with tracers of the function's own scope
    op: Any = None  # its op, for attributes


class TracedRegion(NamedTuple):
    """A region of an op to come; its block's arguments are those of the specs, then one for each capture."""

    region: Any
    scope: Scope
    results: tuple[Spec, ...]
    out: Any  # what `f` returned


def function(
    f: Callable[..., Sequence[Any]], specs: Sequence[Spec], name: str, at: Sequence[Tracer] = ()
) -> TracedFunction:
    """Traces `f(*tracers)` into a private function of the program being traced.

    Args:
        f: takes one Tracer for each spec and returns a sequence of values (anything `as_tracer` takes).
        specs: its arguments.
        name: a wish; the symbol is made distinct.
        at: values that the arguments stand for, where the function is for one point: Python may then ask for numbers in
            a trace that runs once.

    Returns:
        A TracedFunction, to be called by `call` or named by a request op.
    """
    outer = _scope()
    trace = outer.trace
    b, where = trace.builder, trace.location()
    symbol = trace.symbol(name)
    types = [trace.tensor_type(s.shape, s.dtype) for s in specs]
    op = b.function(symbol, True, types, [where] * len(types), where)
    scope = Scope(trace, outer, b.body(op))
    with entered(scope):
        arguments = scope.arguments(specs)
        scope.stands_for.update(zip((a.value for a in arguments), at, strict=False))
        out = f(*arguments)
        results = _ended(scope, [as_tracer(x) for x in out])
        b.finish(op, [_operand(r) for r in results], where)
    _check_sizes(trace, results, f"the function {name}", scope)
    captures = tuple(_as_stored(origin(t)) for t in scope.captures)
    return TracedFunction(symbol, tuple(specs), tuple(r.spec for r in results), captures, out, op)


def call(traced: TracedFunction, args: Sequence[Any]) -> list[Tracer]:
    """`weft.call` of a traced function; its captures are added. The results' weak bits are the function's."""
    made = emit(
        "call",
        [*args, *traced.captures],
        callee=traced.symbol,
        results=[(r.shape, r.dtype) for r in traced.results],
    )
    for tracer, spec in zip(made, traced.results, strict=True):
        tracer.weak_type = spec.weak
    return made


def fresh_size(prefix: str) -> str:
    """A name for a size that this program has nowhere else."""
    trace = _scope().trace
    trace.sizes += 1
    return f"{prefix}{trace.sizes}"


def region(f: Callable[..., Sequence[Any]], specs: Sequence[Spec], captures: Sequence[Tracer] = ()) -> TracedRegion:
    """Traces `f(*tracers)` into a region that ends with `weft.yield`.

    Args:
        f: takes one Tracer for each spec, returns a sequence of values.
        specs: the region's own arguments (for: step, carries, slices; if: none).
        captures: tracers of this scope that are to be its first captures.

    Returns:
        A TracedRegion; pass `scope.captures` as the op's captures.
    """
    outer = _scope()
    trace = outer.trace
    where = trace.location()
    handle, block = trace.builder.region([trace.tensor_type(s.shape, s.dtype) for s in specs], where)
    scope = Scope(trace, outer, block)
    for tracer in captures:
        scope.lift(tracer)
    with entered(scope):
        out = f(*scope.arguments(specs))
        results = _ended(scope, [as_tracer(x) for x in out])
        _build(scope, "yield", [_operand(r) for r in results], {}, (), [])
    _check_sizes(trace, results, "a branch or the body of a loop", scope)
    return TracedRegion(handle, scope, tuple(r.spec for r in results), out)


def same_captures(regions: Sequence[TracedRegion]) -> list[Tracer]:
    """Gives all regions the same captures in the same order, and returns them.

    Trace each region with the captures of the one before (`region(f, specs, before.scope.captures)`); what the later
    ones
    added is added to the earlier ones here.
    """
    longest = max((r.scope.captures for r in regions), key=len, default=[])
    for r in regions:
        have = r.scope.captures
        if [t.value for t in have] != [t.value for t in longest[: len(have)]]:
            raise InternalError("WF1990", "the captures of the regions do not continue each other.")
        for tracer in longest[len(have) :]:
            r.scope.add_capture(tracer)
    return list(longest)


# ------------------------------------------------------------------------------------------------- the rest of a body


class _Rest(NamedTuple):
    """How a scope ends that holds the rest of a body: the op whose region it is."""

    region: Any
    number: Tracer
    symbol: str
    location: Any


def go_into_rest(number: Tracer, symbol: str) -> Scope:
    """From here to the end of the function or region, ops go into a region in which the number is the size `symbol`
    (`weft.sized`); its scope."""
    scope = _scope()
    number = scope.lift(number)
    where = scope.trace.location()
    region, block = scope.trace.builder.region([], where)
    inner = Scope(scope.trace, scope, block)
    inner.body = scope.body
    inner.rest = _Rest(region, number, symbol, where)
    # Variables are those of the body.
    inner.state, inner.written, inner.reads = scope.state, scope.written, scope.reads
    inner.open, inner.carried = scope.open, scope.carried
    _go_on((*_stack.scopes[:-1], inner))
    return inner


def _ended(body: Scope, results: list[Tracer]) -> list[Tracer]:
    """Ends the regions that hold the rest of a body, innermost first: its results, in the body's own scope."""
    while (scope := _scope()) is not body:
        rest = scope.rest
        assert rest is not None and scope.parent is not None
        builder = scope.trace.builder
        values = [_operand(r) for r in results]
        builder.build(scope.block, "yield", values, {}, rest.location, (), [])
        outer = scope.parent
        _go_on((*_stack.scopes[:-1], outer))
        made = builder.build(
            outer.block,
            "sized",
            [_operand(rest.number), *(_operand(t) for t in scope.captures)],
            {"symbol": rest.symbol},
            rest.location,
            [rest.region],
            [v.type for v in values],
        )
        results = [
            Tracer(outer, v, r.shape, r.dtype, r.weak_type, r.concrete) for v, r in zip(made, results, strict=True)
        ]
    return results


def _check_sizes(trace: Trace, results: Sequence[Tracer], where: str, body: Scope) -> None:
    """Raises SizeError where a result has a size that is known inside of the function or region alone."""
    if not trace.data_sizes:
        return
    for r in results:
        for n in r.shape:
            for name in n.symbols if isinstance(n, dims.Dim) else ():
                size = trace.data_sizes.get(name)
                if size is not None and size.scope.body is body:
                    raise errors.SizeError("WF1410", f"a result of {where} is {r.spec}.")


# ----------------------------------------------------------------------------------------------------------- programs


class TracedProgram(NamedTuple):
    """A whole program at stage `traced`.

    Attributes:
        trace: the trace, whose `captured` are the arrays for the trailing arguments.
        entry: the symbol of the public function. arguments, results: their specs, captured arrays included last.
        out: what the function returned, with tracers.
    """

    trace: Trace
    entry: str
    arguments: tuple[Spec, ...]
    results: tuple[Spec, ...]
    out: Any

    @property
    def module(self) -> Any:
        """The IR."""
        return self.trace.module


def trace_program(
    f: Callable[..., Any],
    specs: Sequence[Spec],
    name: str = "main",
    *,
    paths: Sequence[str] = (),
    donated: Sequence[int] = (),
    assume: Sequence[str] = (),
) -> TracedProgram:
    """Traces `f(*tracers)` into a program of its own.

    Args:
        f: takes one Tracer for each spec; returns a value or a sequence of values.
        specs: the arguments.
        name: of the entry.
        paths: what the arguments are called in errors, such as "p['w1']".
        donated: the numbers of the arguments whose memory the program may take.
        assume: assumptions on symbolic sizes, such as "S mod 8 == 0".

    Raises:
        WrongArgumentError: WF1208 if `f` returns something that is no array.
    """
    trace = Trace()
    b, where = trace.builder, trace.location()
    symbol = trace.symbol(name)
    storages = [storage_of(s) for s in specs]
    types = [trace.tensor_type(s.shape, d) for s, d in zip(specs, storages, strict=True)]
    op = b.function(symbol, False, types, [where] * len(types), where)
    scope = trace.root = Scope(trace, None, b.body(op))
    with entered(scope):
        out = f(*scope.arguments(specs, storages))
        results = _ended(scope, [_result(x) for x in (out if isinstance(out, (list, tuple)) else [out])])
        b.finish(op, [r.value for r in results], where)
    for i in range(len(specs)):
        path = paths[i] if i < len(paths) else f"x{i}"
        b.set_argument_attribute(op, i, "weft.path", b.attribute("str", path))
    for i in donated:
        b.set_argument_attribute(op, i, "weft.donated", b.attribute("unit", True))
    for i in range(len(trace.captured)):
        b.set_argument_attribute(op, len(specs) + i, "weft.role", b.attribute("str", "captured"))
    for result, i in trace.updates:
        b.set_argument_attribute(op, len(specs) + i, "weft.updates", b.attribute("i64", result))
        b.set_argument_attribute(op, len(specs) + i, "weft.donated", b.attribute("unit", True))
    if assume:
        b.set_attribute(op, "weft.assume", b.attribute("array", [b.attribute("str", a) for a in assume]))
    captured = tuple(spec_of(x) for x in trace.captured)
    return TracedProgram(trace, symbol, (*specs, *captured), tuple(r.spec for r in results), out)


def _result(x: Any) -> Tracer:
    try:
        tracer = as_tracer(x)
        return cast(tracer, tracer.dtype)
    except WrongArgumentError:
        raise WrongArgumentError(
            "WF1208", f"a traced function returned a {type(x).__name__}, which is no array or number."
        ) from None


@contextlib.contextmanager
def tracing() -> Iterator[Scope]:
    """A scope to build into, without a function around it: for tests and examples."""
    trace = Trace()
    op = trace.builder.function("main", False, [], [], trace.unknown)
    trace.root = Scope(trace, None, trace.builder.body(op))
    with entered(trace.root) as scope:
        yield scope
