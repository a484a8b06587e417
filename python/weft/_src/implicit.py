"""Forms that exist only in a trace (derivatives, loops, branches), used where nothing is being traced.

Decides that such a use compiles by itself, and when two uses share one program: when they stand for the same code over
the same values, so that a lambda written inside a Python loop is compiled once. A derivative whose Python asks for
numbers is made for its arguments alone: outside of a trace they are known.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from weft._src import _weft, compiler, pytree, trace
from weft._src.errors import ConcretizationError
from weft._src.pytree import TreeDef

_LIMIT = 512
_PLAIN = (bool, int, float, str, bytes, type(None))
_cache: OrderedDict[tuple, tuple[Any, Any]] = OrderedDict()
_lock = threading.Lock()


def run(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Calls `f`, which works only while tracing: directly inside a trace, else as a program of its own.

    Args:
        f: a partial of a function of Weft over the user's functions and static values.
        args, kwargs: arrays, numbers and containers of them.
    """
    if trace.current() is not None:
        return f(*args, **kwargs)
    before = _weft.set_jit_disabled(False)
    try:
        return compiled(f)(*args, **kwargs)
    except ConcretizationError:
        # Python asks for a number. Here all arguments are known, so the answer may be.
        return run_known(f, args, kwargs)
    finally:
        _weft.set_jit_disabled(before)


def run_known(f: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
    """Calls `f` by a program made for these arguments alone, which is not kept: while it is traced, `bool`, `int` and
    `float` of values that follow from them are theirs.

    Raises:
        ConcretizationError: for values that do not, such as those of one element of a batch.
    """
    flat, tree = pytree.flatten((args, kwargs))
    trees: list[TreeDef] = []

    def call(*tracers: Any) -> list[Any]:
        scope = trace.current()
        assert scope is not None
        scope.trace.runs_once = True
        for tracer, x in zip(tracers, flat, strict=True):
            scope.stands_for[tracer.value] = x
        inner, named = tree.unflatten(tracers)
        out, structure = pytree.flatten(f(*inner, **named))
        trees.append(structure)
        return out

    traced = trace.trace_program(call, [trace.spec_of(x) for x in flat])
    program = compiler.compile_module(traced.module, compiler.options()).program
    return trees[0].unflatten(program([*flat, *traced.trace.captured]))


def compiled(f: Callable[..., Any]) -> Any:
    """The jitted form of `f`, shared by all functions of the same code over the same values."""
    key = identity(f)
    with _lock:
        found = _cache.get(key)
        # What the first function closes over may have changed since: then it no longer stands for this one.
        if found is not None and (found[0] is f or identity(found[0]) == key):
            _cache.move_to_end(key)
            return found[1]
    from weft._src.jit import jit

    made = jit(f)
    with _lock:
        _cache[key] = f, made
        if len(_cache) > _LIMIT:
            _cache.popitem(last=False)
    return made


def jit_disabled() -> bool:
    """Whether `disable_jit` is in force in this thread."""
    on = _weft.set_jit_disabled(False)
    _weft.set_jit_disabled(on)
    return on


@contextlib.contextmanager
def disable_jit() -> Iterator[None]:
    """Inside, jitted functions, `cond`, `switch`, `scan`, `fori_loop`, `while_loop` and `map` run as plain Python, op
    by op: for debuggers and print. Derivatives and `vmap` still trace what they are applied to.

    >>> import weft as wf
    >>> with wf.disable_jit():
    ...     wf.fori_loop(0, 2, lambda i, c: print(i) or c, 0)
    0
    1
    0
    """
    before = _weft.set_jit_disabled(True)
    try:
        yield
    finally:
        _weft.set_jit_disabled(before)


class _Same:
    """An object as a part of a key: equal only to itself. Holds it, so that its id stays its own."""

    __slots__ = ("x",)

    def __init__(self, x: Any):
        self.x = x

    def __hash__(self) -> int:
        return id(self.x)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.x is self.x


def identity(f: Any) -> tuple:
    """A key of a function: its code, with the values of its closure and defaults by identity, plain ones by value.

    >>> makers = [identity((lambda n: lambda x: x + n)(k)) for k in (1, 1, 1.0)]
    >>> makers[0] == makers[1], makers[0] == makers[2]
    (False, False)
    >>> def maker(n): return lambda x: x + n
    >>> identity(maker(1)) == identity(maker(1)), identity(maker(1)) == identity(maker(1.0))
    (True, False)
    """
    parts: list[Any] = []
    _collect(f, parts, set())
    return tuple(parts)


def _collect(x: Any, parts: list[Any], inside: set[int]) -> None:
    if id(x) in inside:  # a function that closes over itself
        parts.append("again")
        return
    if type(x) in _PLAIN:
        parts.append((type(x).__name__, repr(x)))  # repr tells 0.0 from -0.0, and NaN equals NaN
        return
    inside = inside | {id(x)}
    if isinstance(x, functools.partial):
        parts += ["partial", len(x.args), *x.keywords]
        for part in (x.func, *x.args, *x.keywords.values()):
            _collect(part, parts, inside)
    elif isinstance(x, (types.MethodType, _weft.BoundFunction)):
        parts += ["method", _Same(x.__self__)]
        _collect(x.__func__, parts, inside)
    elif isinstance(x, types.FunctionType):
        parts += ["function", _Same(x.__code__), _Same(x.__globals__)]
        for cell in x.__closure__ or ():
            try:
                _collect(cell.cell_contents, parts, inside)
            except ValueError:  # not filled yet
                parts.append(_Same(cell))
        for default in (*(x.__defaults__ or ()), *(x.__kwdefaults__ or {}).values()):
            _collect(default, parts, inside)
    elif isinstance(x, TreeDef):
        parts.append(x)
    elif isinstance(getattr(x, "traced", None), functools.partial):  # a transformed function
        _collect(x.traced, parts, inside)
    elif type(x) is tuple:
        parts += ["tuple", len(x)]
        for item in x:
            _collect(item, parts, inside)
    else:
        parts.append(_Same(x))
