"""Control flow: `cond`, `switch`, `scan`, `fori_loop`, `while_loop`, `map` as ops with regions.

Decides how Python functions become branches and loop bodies, which dtype a branch's result and a loop's carry settle on
where weak numbers leave a choice, and what is refused with a code. Outside a trace these compile by themselves
(implicit.py); inside `disable_jit` they are plain Python.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from weft._src import dtypes, implicit, leaves, source, state, trace
from weft._src.dims import Dim
from weft._src.dtypes import Weak
from weft._src.errors import ControlFlowError, DTypeError, WeftError, WrongArgumentError, api_boundary
from weft._src.leaves import strong, strong_dtype
from weft._src.pytree import TreeDef
from weft._src.trace import Spec, TracedRegion, Tracer, as_tracer, cast, emit

_STEP = Spec((), dtypes.int64)
Schedule = tuple[int, ...]
"""What `checkpoint=` says (segments.py)."""


def _python_runs() -> bool:
    """Whether control flow is to be plain Python now."""
    return implicit.jit_disabled() and trace.current() is None


def _place(f: Callable[..., Any]) -> str:
    """Where a function stands, for errors."""
    while isinstance(f, functools.partial):
        f = f.func
    code = getattr(f, "__code__", None)
    return "" if code is None else f" ({source.display_path(code.co_filename)}:{code.co_firstlineno})"


# -------------------------------------------------------------------------------------------------------- branches


@api_boundary
def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any) -> Any:
    """Runs one of two functions.

    Args:
        pred: one bool, or one number (true unless 0), without dimensions.
        true_fn, false_fn: take the operands; return the same containers of arrays of the same shapes and dtypes.
        operands: containers of arrays.

    Returns:
        What the chosen function returns.

    Raises:
        DTypeError: WF1325 for a predicate with dimensions.
        ControlFlowError: WF1321 where the two results differ.

    >>> import weft as wf
    >>> float(wf.cond(True, lambda x: x + 1, lambda x: x - 1, 1.0))
    2.0
    """
    for f in (true_fn, false_fn):
        leaves.check_callable(f, "cond")
    if _python_runs():
        return (true_fn if _truth(pred) else false_fn)(*operands)
    return implicit.run(functools.partial(_cond, true_fn, false_fn), pred, *operands)


def _truth(pred: Any) -> bool:
    if np.shape(pred):
        raise DTypeError("WF1325", f"the predicate has the shape {np.shape(pred)}; it must be one truth value.")
    return bool(pred)


def _cond(true_fn: Callable[..., Any], false_fn: Callable[..., Any], /, pred: Any, *operands: Any) -> Any:
    p = _scalar(pred, "predicate")
    index = p if p.dtype is dtypes.bool_ else emit("convert", [p], dtype=dtypes.bool_)
    return _if(index, [false_fn, true_fn], ["false_fn", "true_fn"], operands)


@api_boundary
def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """Runs one of several functions.

    Args:
        index: one integer; below 0 the first branch runs, past the end the last.
        branches: at least one function; each takes the operands and returns the same containers of arrays of the same
            shapes and dtypes.
        operands: containers of arrays.

    Raises:
        DTypeError: WF1325 for an index that is not one integer.
        ControlFlowError: WF1321 where the results differ.

    >>> import weft as wf
    >>> float(wf.switch(1, [lambda x: x, lambda x: -x, lambda x: 0.0], 3.0))
    -3.0
    """
    branches = tuple(branches)
    if not branches:
        raise WrongArgumentError("WF1032", "switch takes at least one branch.")
    for f in branches:
        leaves.check_callable(f, "switch")
    if _python_runs():
        return branches[min(max(int(index), 0), len(branches) - 1)](*operands)
    return implicit.run(functools.partial(_switch, len(branches), *branches), index, *operands)


def _switch(count: int, /, *args: Any) -> Any:
    # The branches stand one by one among the arguments of the partial: there guards find them.
    branches, index, operands = args[:count], args[count], args[count + 1 :]
    i = _scalar(index, "index")
    if i.dtype.kind not in ("int", "uint"):
        raise DTypeError("WF1325", f"the index of switch is {i.spec}; it must be one integer.", operands=(str(i.spec),))
    if i.dtype is not dtypes.int64 and i.dtype is not dtypes.int32:
        # An unsigned 64-bit index past the signed range means "past the end" all the same.
        last = trace.constant(len(branches) - 1, i.dtype)
        i = emit("convert", [emit("min", [i, last])], dtype=dtypes.int64)
    return _if(i, branches, [f"branches[{k}]" for k in range(len(branches))], operands)


def _scalar(x: Any, what: str) -> Tracer:
    tracer = as_tracer(x)
    if tracer.shape:
        raise DTypeError(
            "WF1325", f"the {what} is {tracer.spec}; it must have no dimensions.", operands=(str(tracer.spec),)
        )
    return strong(tracer)


@state.in_branches
def _if(index: Tracer, branches: Sequence[Callable[..., Any]], names: Sequence[str], operands: tuple) -> Any:
    flat, tree = leaves.flatten(operands)
    values = [as_tracer(x) for x in flat]
    trees: list[TreeDef] = []

    def traced(
        f: Callable[..., Any], captures: Sequence[Tracer], targets: Sequence[Weak] | None = None
    ) -> TracedRegion:
        def body() -> list[Tracer]:
            found, out_tree = leaves.flatten(f(*tree.unflatten(values)))
            trees.append(out_tree)
            results = _results(found, out_tree, f)
            return results if targets is None else [_as(x, t) for x, t in zip(results, targets, strict=True)]

        return trace.region(body, [], captures)

    regions: list[TracedRegion] = []
    for f in branches:
        regions.append(traced(f, regions[-1].scope.captures if regions else ()))
    targets = _agreed(regions, trees, branches, names)
    if any(_weak(r) != t for region in regions for r, t in zip(region.results, targets, strict=True)):
        # Traced anew, since a region that has ended takes no more ops.
        regions = []
        for f in branches:
            regions.append(traced(f, regions[-1].scope.captures if regions else (), targets))
    captures = trace.same_captures(regions)
    shapes = [r.shape for r in regions[0].results]
    made = emit(
        "if", [index, *captures], regions=regions, results=[(s, t.dtype) for s, t in zip(shapes, targets, strict=True)]
    )
    for x, t in zip(made, targets, strict=True):
        x.weak_type = t.weak
    return trees[0].unflatten(made)


def _agreed(
    regions: Sequence[TracedRegion],
    trees: Sequence[TreeDef],
    branches: Sequence[Callable[..., Any]],
    names: Sequence[str],
) -> list[Weak]:
    """The dtypes that all branches can give: strong ones must be equal, weak ones follow them."""
    first, where = trees[0], f"{names[0]}{_place(branches[0])}"
    for tree, name, f in zip(trees, names, branches, strict=True):
        if tree != first:
            raise ControlFlowError("WF1321", f"{where} returns {first!r}, {name}{_place(f)} returns {tree!r}.")
    targets = []
    for i, path in enumerate(first.paths("result")):
        specs = [r.results[i] for r in regions]
        target = _settled(specs)
        if target is None or any(s.shape != specs[0].shape for s in specs):
            other = next(k for k, s in enumerate(specs) if (s.shape, s.dtype) != (specs[0].shape, specs[0].dtype))
            there = f"{names[other]}{_place(branches[other])}"
            raise ControlFlowError("WF1321", f"{path} is {specs[0]} from {where}, and {specs[other]} from {there}.")
        targets.append(target)
    return targets


def _settled(specs: Sequence[Spec]) -> Weak | None:
    """The common dtype of values of which only weak ones may change theirs; None where there is none."""
    strongs = {s.dtype for s in specs if not s.weak}
    joined = dtypes.promote([_Operand(s) for s in specs])
    if len(strongs) > 1 or (strongs and joined.dtype not in strongs):
        return None
    return joined


class _Operand:
    """A spec as `dtypes.promote` takes operands."""

    def __init__(self, spec: Spec):
        self.dtype = strong_dtype(spec) if spec.weak else spec.dtype
        self.weak_type = spec.weak


def _weak(spec: Spec) -> Weak:
    return Weak(spec.dtype, spec.weak)


def _as(x: Tracer, target: Weak) -> Tracer:
    made = cast(x, target.dtype)
    return Tracer(made.scope, made.value, made.shape, made.dtype, True) if target.weak else made


def _results(found: Sequence[Any], tree: TreeDef, f: Callable[..., Any]) -> list[Tracer]:
    out = []
    for x, path in zip(found, tree.paths("result"), strict=True):
        try:
            out.append(as_tracer(x))
        except WrongArgumentError:
            raise WrongArgumentError(
                "WF1208",
                f"the {path} of {leaves.name_of(f)}{_place(f)} is a {type(x).__name__}, which is no array or number.",
            ) from None
    return out


# ----------------------------------------------------------------------------------------------------------- loops


@api_boundary
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    unroll: int = 1,
    *,
    checkpoint: int | Sequence[int] | None = None,
) -> tuple[Any, Any]:
    """A loop with a carry over the leading axis of arrays, run in native code.

    Args:
        f: (carry, x) -> (next carry, y); the carry keeps its containers, shapes and dtypes.
        init: the first carry. Python numbers in it take the dtype that the body gives them.
        xs: containers of arrays with one leading size; `f` gets a slice of each. None: `f` gets None.
        length: how many trips; needed where `xs` is empty. An int or a Dim.
        reverse: whether it runs from the last slice to the first.
        unroll: how many steps stand in one trip of the native loop; needs a static length where it is above 1.
        checkpoint: the gradient keeps the carry once in so many trips, and makes what it needs of those between again:
            of n trips it keeps about n / checkpoint + checkpoint rows, least where that is the root of n, for one run
            more. Several ints, from large to small, are segments in segments: `(100, 10)` keeps about
            n / 100 + 100 / 10 + 10 rows for two runs more.

    Returns:
        (last carry, ys): `ys` stacks what `f` returned, along a new leading axis; None where it returned None.

    Raises:
        ControlFlowError: WF1322 where the carry changes, or `f` returns no pair; WF1323 for a traced length; WF1324
            where the lengths of `xs` differ or there is none.
        WrongArgumentError: WF1032 where `unroll` or `checkpoint` is no positive int.

    >>> import numpy as np, weft as wf
    >>> last, sums = wf.scan(lambda c, x: (c + x, c + x), 0.0, np.float32([1, 2, 3]))
    >>> float(last), np.asarray(sums).tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    leaves.check_callable(f, "scan")
    length = None if length is None else _count(length, "the length of scan")
    if type(unroll) is not int or unroll < 1:
        raise WrongArgumentError("WF1032", f"unroll is a positive int, not {unroll!r}.")
    every = _schedule(checkpoint)
    if _python_runs():
        return _scan_in_python(f, init, xs, length, reverse)
    return implicit.run(functools.partial(_scan, f, length, bool(reverse), unroll, every), init, xs)


def _schedule(given: Any) -> Schedule:
    from weft._src import segments

    return segments.schedule(given)


@api_boundary
def fori_loop(
    lo: Any,
    hi: Any,
    body: Callable[[Any, Any], Any],
    init: Any,
    *,
    checkpoint: int | Sequence[int] | None = None,
) -> Any:
    """A loop over `lo, lo + 1, ..., hi - 1`, run in native code.

    Args:
        lo, hi: ints, Dims or traced integers without dimensions; no trip where `hi <= lo`.
        body: (i, carry) -> next carry, with i an int64 without dimensions; the carry keeps its containers, shapes and
            dtypes.
        init: the first carry. Python numbers in it take the dtype that the body gives them.
        checkpoint: what the gradient keeps, as for `scan`.

    Returns:
        The last carry.

    Raises:
        ControlFlowError: WF1322 where the carry changes.
        DTypeError: WF1325 for a traced bound that is not one integer.
        WrongArgumentError: WF1032 where `checkpoint` is no positive int.

    >>> import weft as wf
    >>> float(wf.fori_loop(0, 3, lambda i, c: c * 2.0, 1.0))
    8.0
    >>> f = wf.jit(lambda n: wf.fori_loop(0, n, lambda i, c: c * 2.0, 1.0))
    >>> float(f(3)), float(f(10))
    (8.0, 1024.0)
    """
    leaves.check_callable(body, "fori_loop")
    if not isinstance(lo, Tracer) or lo.concrete is not None:
        lo = _count(lo, "the lower bound of fori_loop")
    if not isinstance(hi, Tracer) or hi.concrete is not None:
        hi = _count(hi, "the upper bound of fori_loop")
    every = _schedule(checkpoint)
    if _python_runs():
        for i in range(lo, hi):
            init = body(i, init)
        return init
    if isinstance(lo, Tracer) or isinstance(hi, Tracer):
        return _fori_traced(lo, hi, body, every, init)
    return implicit.run(functools.partial(_fori_loop, lo, hi, body, every), init)


@api_boundary
def while_loop(
    cond: Callable[[Any], Any],
    body: Callable[[Any], Any],
    init: Any,
    max_trips: Any = None,
    *,
    checkpoint: int | Sequence[int] | None = None,
) -> Any:
    """A loop that runs while a condition holds, in native code.

    Args:
        cond: carry -> one bool, or one number (true unless 0), without dimensions.
        body: carry -> next carry; the carry keeps its containers, shapes and dtypes.
        init: the first carry. Python numbers in it take the dtype that the body gives them.
        max_trips: an int or a Dim: the loop ends after so many trips, whatever the condition says. The gradient keeps
            a row per trip; with `max_trips` the memory for them is planned beforehand.
        checkpoint: what the gradient keeps, as for `scan`.

    Returns:
        The last carry.

    Raises:
        ControlFlowError: WF1322 where the carry changes; WF1323 where `max_trips` is traced.
        DTypeError: WF1325 where the condition is not one truth value.
        WrongArgumentError: WF1032 where `checkpoint` is no positive int.

    >>> import weft as wf
    >>> float(wf.while_loop(lambda c: c < 100.0, lambda c: c * 3.0, 1.0))
    243.0
    """
    for f in (cond, body):
        leaves.check_callable(f, "while_loop")
    max_trips = None if max_trips is None else _count(max_trips, "max_trips of while_loop")
    every = _schedule(checkpoint)
    if _python_runs():
        trips = 0
        while (max_trips is None or trips < max_trips) and _truth(cond(init)):
            init, trips = body(init), trips + 1
        return init
    return implicit.run(functools.partial(_while_of, max_trips, every, cond, body), init)


@api_boundary
def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """A parallel loop: a function applied to each slice of arrays along their leading axis, run in native code.

    As `vmap`, it gives the stacked results; but each slice is computed by itself, in no order, so only one at a time
    needs memory, and branches and loops in `f` run for each as they are written. Where that is cheap, all may still be
    computed at once.

    Args:
        f: takes one slice of `xs`, in its containers; returns containers of arrays.
        xs: containers of arrays with one leading size; at least one array.

    Returns:
        What `f` returned, stacked along a new leading axis.

    Raises:
        ControlFlowError: WF1324 where the leading sizes differ or there is none.
        UnsupportedError: WF1507 where `f` writes a Variable.

    >>> import numpy as np, weft as wf
    >>> wf.map(lambda row: wf.sum(row[row > 0]), np.float32([[1, -2], [3, 4]]))
    Array([1., 7.], dtype=float32)
    """
    leaves.check_callable(f, "map")
    if _python_runs():
        return _scan_in_python(lambda carry, x: (carry, f(x)), None, xs, None, False)[1]
    return implicit.run(functools.partial(_map, f), xs)


def _map(f: Callable[..., Any], /, xs: Any) -> Any:
    count = _leading(xs, None, "map")
    slices, tree = leaves.flatten(xs)
    arrays = [as_tracer(x) for x in slices]
    trees: list[TreeDef] = []

    def body(*rest: Tracer) -> list[Tracer]:
        found, out_tree = leaves.flatten(f(tree.unflatten(rest)))
        trees.append(out_tree)
        return [strong(x) for x in _results(found, out_tree, f)]

    try:
        region = trace.region(body, [Spec(x.shape[1:], x.dtype) for x in arrays])
    except state.Written as stop:
        raise state.refused(stop, "map, whose slices are computed in no order") from None
    made = emit(
        "map",
        [arrays, region.scope.captures],
        regions=[region],
        count=count if isinstance(count, int) else str(count),
        results=[((count, *r.shape), r.dtype) for r in region.results],
    )
    return trees[0].unflatten(made)


def _leading(xs: Any, length: Any, what: str) -> Any:
    """The one leading size of arrays (and of `length`, where it is given)."""
    count, where = length, "length"
    for path, x in leaves.flatten_with_path(xs, "xs")[0]:
        shape = as_tracer(x).shape
        if not shape:
            raise ControlFlowError("WF1324", f"{path} has no dimensions to {what} over.")
        if count is None:
            count, where = shape[0], path
        elif str(shape[0]) != str(count):  # Dims compare by asking the assumptions
            raise ControlFlowError("WF1324", f"{path} has the leading size {shape[0]}, {where} says {count}.")
    if count is None:
        raise ControlFlowError("WF1324", f"{what} without xs has no length.")
    return count


def _count(x: Any, what: str) -> Any:
    """A bound as an int or a Dim."""
    if isinstance(x, Tracer):
        if x.concrete is None:
            raise ControlFlowError(
                "WF1323", f"{what} is a traced value ({x.spec}); the number of trips must be known when tracing."
            )
        x = x.concrete
    if isinstance(x, Dim):
        return x
    try:
        return int(x.__index__())
    except (AttributeError, TypeError, WeftError):
        raise WrongArgumentError("WF1032", f"{what} is an int, not a {type(x).__name__}.") from None


Body = Callable[[Tracer, Any, Any], tuple[Any, Any]]
"""(step, carry, slices) -> (next carry, y), on containers."""


def _fori_loop(lo: Any, hi: Any, body: Callable[..., Any], every: Schedule, /, init: Any) -> Any:
    static = isinstance(lo, int) and isinstance(hi, int)
    count = max(hi - lo, 0) if static else hi - lo

    def step(i: Tracer, carry: Any, _x: Any) -> tuple[Any, Any]:
        index = i if isinstance(lo, int) and lo == 0 else emit("add", [i, _size(lo)])
        return body(index, carry), None

    return _loop(step, body, count, False, init, None, 1, every)[0]


def _fori_traced(lo: Any, hi: Any, body: Callable[..., Any], every: Schedule, init: Any) -> Any:
    """A counted loop in a region where the number of trips is a size."""
    first, end = (_bound(x, what) for x, what in ((lo, "lower"), (hi, "upper")))
    trips = emit("sub", [end, first])
    found, tree = leaves.flatten(init)
    inits = [as_tracer(x) for x in found]
    symbol = trace.fresh_size("_trips")

    def step(i: Tracer, carry: Any, _x: Any) -> tuple[Any, Any]:
        return body(emit("add", [i, first]), carry), None

    trees: list[TreeDef] = []

    def loop() -> list[Tracer]:
        last, _ = _loop(step, body, symbol, False, tree.unflatten(inits), None, 1, every)
        flat, last_tree = leaves.flatten(last)
        trees.append(last_tree)
        return flat

    region = trace.region(loop, [])
    made = emit(
        "sized",
        [trips, *region.scope.captures],
        regions=[region],
        symbol=symbol,
        results=[(r.shape, r.dtype) for r in region.results],
    )
    return trees[0].unflatten(made)


def _bound(x: Any, which: str) -> Tracer:
    if not isinstance(x, Tracer):
        return _size(x)
    bound = _scalar(x, f"{which} bound of fori_loop")
    if bound.dtype.kind not in ("int", "uint"):
        raise DTypeError(
            "WF1325",
            f"the {which} bound of fori_loop is {bound.spec}; it must be one integer.",
            operands=(str(bound.spec),),
        )
    return bound if bound.dtype is dtypes.int64 else emit("convert", [bound], dtype=dtypes.int64)


def _while_of(max_trips: Any, every: Schedule, cond: Callable[..., Any], body: Callable[..., Any], /, init: Any) -> Any:
    return _while_loop(max_trips, cond, body, init, every)


@state.in_while
def _while_loop(
    max_trips: Any, cond: Callable[..., Any], body: Callable[..., Any], init: Any, every: Schedule = ()
) -> Any:
    found, carry_tree = leaves.flatten_with_path(init, "carry")

    def condition(*carry: Tracer) -> list[Tracer]:
        return [_holds(cond(carry_tree.unflatten(carry)))]

    def step(*carry: Tracer) -> list[Tracer]:
        after, after_tree = leaves.flatten(body(carry_tree.unflatten(carry)))
        if after_tree != carry_tree:
            raise ControlFlowError(
                "WF1322", f"the carry is {carry_tree!r}; {leaves.name_of(body)}{_place(body)} returned {after_tree!r}."
            )
        return _results(after, after_tree, body)

    region, carries, starts = _settle(step, [], found, [], body)
    if every:
        from weft._src import segments

        return segments.while_loop(max_trips, every, cond, body, carry_tree.unflatten(starts), carries)
    asked = trace.region(condition, carries, region.scope.captures)
    captures = trace.same_captures([region, asked])
    made = emit(
        "while",
        [starts, captures],
        regions=[asked, region],
        max_trips=max_trips if max_trips is None or isinstance(max_trips, int) else str(max_trips),
        results=[(c.shape, c.dtype) for c in carries],
    )
    return carry_tree.unflatten(made)


def _holds(answer: Any) -> Tracer:
    """What a condition answered, as a truth value."""
    holds = _scalar(answer, "condition of while_loop")
    return holds if holds.dtype is dtypes.bool_ else emit("convert", [holds], dtype=dtypes.bool_)


def _size(n: Any) -> Tracer:
    return trace.constant(n, dtypes.int64) if isinstance(n, int) else emit("dim_size", [], size=str(n))


def _scan(
    f: Callable[..., Any], length: Any, reverse: bool, unroll: int, every: Schedule, /, init: Any, xs: Any
) -> tuple[Any, Any]:
    count = _leading(xs, length, "scan")

    def step(_i: Tracer, carry: Any, x: Any) -> tuple[Any, Any]:
        out = f(carry, x)
        if not isinstance(out, tuple) or len(out) != 2:
            what = f"a tuple of {len(out)}" if isinstance(out, tuple) else f"a {type(out).__name__}"
            raise ControlFlowError("WF1322", f"{leaves.name_of(f)}{_place(f)} returns (carry, y) for scan, not {what}.")
        return out

    return _loop(step, f, count, reverse, init, xs, unroll, every)


@state.in_loop
def _loop(
    step: Body,
    f: Callable[..., Any],
    count: Any,
    reverse: bool,
    init: Any,
    xs: Any,
    unroll: int = 1,
    every: Schedule = (),
) -> tuple[Any, Any]:
    """Builds the loop; `f` is the user's function, for errors."""
    if not every and unroll > 1 and isinstance(count, int) and count > 1:
        return _unrolled(step, f, count, reverse, min(unroll, count), init, xs)
    found, carry_tree = leaves.flatten_with_path(init, "carry")
    slices, xs_tree = leaves.flatten(xs)
    arrays = [as_tracer(x) for x in slices]
    n, y_trees = len(found), []

    def body(i: Tracer, *rest: Tracer) -> list[Tracer]:
        carry, y = step(i, carry_tree.unflatten(rest[:n]), xs_tree.unflatten(rest[n:]))
        after, after_tree = leaves.flatten(carry)
        if after_tree != carry_tree:
            raise ControlFlowError(
                "WF1322", f"the carry is {carry_tree!r}; {leaves.name_of(f)}{_place(f)} returned {after_tree!r}."
            )
        ys, y_tree = leaves.flatten(y)
        y_trees.append(y_tree)
        return _results(after, after_tree, f) + [strong(x) for x in _results(ys, y_tree, f)]

    region, carries, starts = _settle(body, [_STEP], found, [Spec(x.shape[1:], x.dtype) for x in arrays], f)
    if every:
        from weft._src import segments

        return segments.counted(step, f, count, reverse, carry_tree.unflatten(starts), carries, xs, unroll, every)
    stacked = [((count, *r.shape), r.dtype) for r in region.results[n:]]
    made = emit(
        "for",
        [starts, arrays, region.scope.captures],
        regions=[region],
        count=count if isinstance(count, int) else str(count),
        reverse=True if reverse else None,
        results=[(c.shape, c.dtype) for c in carries] + stacked,
    )
    return carry_tree.unflatten(made[:n]), y_trees[-1].unflatten(made[n:])


def _settle(
    body: Callable[..., list[Tracer]],
    first: Sequence[Spec],
    found: Sequence[tuple[str, Any]],
    more: Sequence[Spec],
    f: Callable[..., Any],
) -> tuple[TracedRegion, list[Spec], list[Tracer]]:
    """Traces a body (from `first`, the carry and `more` to the next carry and more) until the carry keeps its dtypes.

    Returns:
        The region, what the carry is in it, and the carry that it starts from; `found` is that, with paths.
    """
    inits = [as_tracer(x) for _, x in found]
    n = len(inits)
    carries = [Spec(x.shape, strong_dtype(x.spec), x.weak_type) for x in inits]

    def bent(*arguments: Tracer) -> list[Tracer]:
        made = body(*arguments)
        # A weak result bends to a carry that has its dtype already.
        return [_bent(x, spec) for x, spec in zip(made[:n], carries, strict=True)] + made[n:]

    while True:
        region = trace.region(bent, [*first, *carries, *more])
        paths = (path for path, _ in found)
        settled = [_carried(c, r, p, f) for c, r, p in zip(carries, region.results[:n], paths, strict=True)]
        if settled == carries:
            return region, carries, [cast(x, c.dtype) for x, c in zip(inits, carries, strict=True)]
        # Each round turns a weak carry strong or its kind higher, so there are at most a few. Traced anew, since a
        # region that has ended takes no more ops.
        carries = settled


def _bent(x: Tracer, carry: Spec) -> Tracer:
    bends = x.weak_type and not carry.weak and _settled([x.spec, carry]) == Weak(carry.dtype, False)
    return cast(x, carry.dtype) if bends else x


def _carried(before: Spec, after: Spec, path: str, f: Callable[..., Any]) -> Spec:
    """What a carry is in the next round, given what it was and what the body made of it."""
    if after.shape == before.shape:
        if after.dtype is before.dtype and (after.weak or not before.weak):
            return before
        if before.weak:
            joined = _settled([before, after])
            if joined is not None:
                return Spec(before.shape, joined.dtype, joined.weak)
    raise ControlFlowError(
        "WF1322",
        f"{path} is {before}, but {leaves.name_of(f)}{_place(f)} returned {after} for it.",
    )


def _unrolled(
    step: Body, f: Callable[..., Any], count: int, reverse: bool, unroll: int, init: Any, xs: Any
) -> tuple[Any, Any]:
    """A scan with `unroll` steps a trip; the steps that are left over run as a second loop of single steps."""
    flat, tree = leaves.flatten(xs)
    arrays = [as_tracer(x) for x in flat]
    trips = count // unroll
    rest = count - trips * unroll
    begin = rest if reverse else 0  # the main part runs first: in reverse it is the end

    def part(start: int, size: int) -> list[Tracer]:
        if size == count:
            return arrays
        return [
            emit(
                "slice",
                [x],
                starts=[start] + [0] * (x.ndim - 1),
                strides=[1] * x.ndim,
                results=[((size, *x.shape[1:]), x.dtype)],
            )
            for x in arrays
        ]

    def reshaped(x: Tracer, *lead: int, drop: int) -> Tracer:
        return emit("reshape", [x], results=[((*lead, *x.shape[drop:]), x.dtype)])

    def row(x: Tracer, k: int) -> Tracer:
        one = emit(
            "slice", [x], starts=[k] + [0] * (x.ndim - 1), strides=[1] * x.ndim, results=[((1, *x.shape[1:]), x.dtype)]
        )
        return reshaped(one, drop=1)

    def block(i: Tracer, carry: Any, x: Any) -> tuple[Any, Any]:
        rows = leaves.flatten(x)[0]
        made: list[Any] = [None] * unroll
        y_tree = None
        for k in reversed(range(unroll)) if reverse else range(unroll):
            carry, y = step(i, carry, tree.unflatten([row(a, k) for a in rows]))
            ys, y_tree = leaves.flatten(y)
            made[k] = [strong(v) for v in ys]
        assert y_tree is not None
        joined = [emit("concat", [reshaped(v, 1, drop=0) for v in column], dim=0) for column in zip(*made, strict=True)]
        return carry, y_tree.unflatten(joined)

    main = [reshaped(x, trips, unroll, drop=1) for x in part(begin, trips * unroll)]
    carry, ys = _loop(block, f, trips, reverse, init, tree.unflatten(main))
    flat_ys, y_tree = leaves.flatten(ys)
    out = [reshaped(y, trips * unroll, drop=2) for y in flat_ys]
    if rest:
        left = part(0 if reverse else trips * unroll, rest)
        carry, more = _loop(step, f, rest, reverse, carry, tree.unflatten(left))
        pairs = zip(out, leaves.flatten(more)[0], strict=True)
        out = [emit("concat", [b, a] if reverse else [a, b], dim=0) for a, b in pairs]
    return carry, y_tree.unflatten(out)


def _scan_in_python(f: Callable[..., Any], init: Any, xs: Any, length: int | None, reverse: bool) -> tuple[Any, Any]:
    from weft.ops.movement import stack

    flat, tree = leaves.flatten(xs)
    sizes = {int(np.shape(x)[0]) for x in flat} | ({length} if length is not None else set())
    if len(sizes) != 1:
        raise ControlFlowError("WF1324", f"scan needs one length; there are {sorted(sizes)}.")
    (n,) = sizes
    carry, rows = init, []
    for i in reversed(range(n)) if reverse else range(n):
        carry, y = f(carry, tree.unflatten([x[i] for x in flat]))
        rows.append(y)
    if reverse:
        rows.reverse()
    if not rows:
        raise ControlFlowError("WF1324", "a scan of length 0 needs a trace to know what it stacks.")
    columns = [leaves.flatten(y)[0] for y in rows]
    _, y_tree = leaves.flatten(rows[0])
    return carry, y_tree.unflatten([stack(list(c)) for c in zip(*columns, strict=True)])
