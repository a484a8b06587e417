"""Transformations: derivatives and batches of Python functions, as requests in the program being traced.

Decides how a function on containers becomes a private function on leaves with a request op on it (`weft.vjp`,
`weft.jvp`, `weft.vmap`, resolved later by passes), which leaves are active, and what is refused with a code. What the
function reads from outside comes in as trailing arguments of the private function, so requests nest without confusion.
Outside a trace the same ops stand in a program of their own (implicit.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from weft._src import implicit, leaves, pytree, trace
from weft._src.errors import (
    ArgumentValueError,
    AxisError,
    BatchError,
    DerivativeError,
    TreeError,
    WrongArgumentError,
    api_boundary,
)
from weft._src.leaves import inexact, name_of, strong
from weft._src.pytree import TreeDef
from weft._src.trace import Spec, TracedFunction, Tracer, as_tracer, emit

# ------------------------------------------------------------------------------------------------------ functions


class _Traced(NamedTuple):
    """A function on some leaves, traced: its results are the leaves of `out_tree`, then those of `aux_tree`."""

    function: TracedFunction
    out_tree: TreeDef
    aux_tree: TreeDef | None

    @property
    def outs(self) -> tuple[Spec, ...]:
        """Specs of the results, without the auxiliary ones."""
        return self.function.results[: self.out_tree.num_leaves]


def _trace(f: Callable[[list[Tracer]], Any], specs: Sequence[Spec], name: str, has_aux: bool = False) -> _Traced:
    """Traces `f` (from a list of tracers to a tree) into a private function.

    Auxiliary results are cut off from derivatives, so that no zero cotangents flow from them.
    """
    trees: list[TreeDef | None] = [None, None]

    def flat(*tracers: Tracer) -> list[Tracer]:
        out = f(list(tracers))
        aux_leaves: list[Any] = []
        if has_aux:
            if not isinstance(out, tuple) or len(out) != 2:
                what = f"a tuple of {len(out)}" if isinstance(out, tuple) else f"a {type(out).__name__}"
                raise DerivativeError(
                    "WF1305", f"with has_aux=True the function returns (value, auxiliary), not {what}."
                )
            out, aux = out
            aux_leaves, trees[1] = leaves.flatten(aux)
        out_leaves, trees[0] = leaves.flatten(out)
        results = [_result(x, path) for x, path in zip(out_leaves, trees[0].paths("result"), strict=True)]
        return results + [_cut(_result(x, "auxiliary")) for x in aux_leaves]

    function = trace.function(flat, specs, name)
    assert trees[0] is not None
    return _Traced(function, trees[0], trees[1])


def _result(x: Any, path: str) -> Tracer:
    try:
        return strong(x)
    except WrongArgumentError:
        raise WrongArgumentError(
            "WF1208", f"the {path} of a transformed function is a {type(x).__name__}, which is no array or number."
        ) from None


def _cut(x: Tracer) -> Tracer:
    return emit("stop_gradient", [x]) if inexact(x.dtype) else x


def _request(
    name: str, traced: _Traced, operands: Sequence[Any], extra: Sequence[tuple], **attributes: Any
) -> list[Tracer]:
    """A request op on a traced function; its results are those of the function, then `extra` ones."""
    function = traced.function
    results = [(r.shape, r.dtype) for r in function.results] + list(extra)
    return emit(name, operands, callee=function.symbol, results=results, **attributes)


def _split(traced: _Traced, made: Sequence[Tracer]) -> tuple[Any, Any, list[Tracer]]:
    """The results of a request: the function's value, its auxiliary value, and what comes after."""
    n, total = traced.out_tree.num_leaves, len(traced.function.results)
    out = traced.out_tree.unflatten(made[:n])
    aux = traced.aux_tree.unflatten(made[n:total]) if traced.aux_tree is not None else None
    return out, aux, list(made[total:])


# -------------------------------------------------------------------------------------------------------- reverse


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The gradient of a function of real arrays.

    Args:
        f: returns one real floating number, without dimensions; with `has_aux`, a pair (number, auxiliary containers).
        argnums: the position, or positions, of the arguments to differentiate; each may be a container of float arrays.
            Keyword arguments are not differentiated.
        has_aux: whether `f` returns auxiliary results beside its value.

    Returns:
        A function of the same arguments: the gradient, in the containers of the argument (a tuple of them for a
        sequence of positions); with `has_aux` (gradient, auxiliary).

    Raises:
        DerivativeError: WF1301 where `f` does not return one real number, WF1302 where a leaf is not real, WF1305 where
            there is no pair.
        ArgumentValueError: WF1210 for a position that the call has no argument for.

    >>> import weft as wf
    >>> float(wf.grad(lambda x: x * x)(3.0))
    6.0
    """
    return Transformed(f, functools.partial(_grad, f, _argnums(argnums), has_aux), "grad")


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The value and the gradient of a function of real arrays, from one pass forth and back.

    Args: as for `grad`.

    Returns:
        A function of the same arguments: (value, gradient); with `has_aux` ((value, auxiliary), gradient).

    Raises: as `grad` does.

    >>> import weft as wf
    >>> value, gradient = wf.value_and_grad(lambda p: p["a"] * p["b"])({"a": 2.0, "b": 5.0})
    >>> float(value), float(gradient["a"]), float(gradient["b"])
    (10.0, 5.0, 2.0)
    """
    return Transformed(f, functools.partial(_value_and_grad, f, _argnums(argnums), has_aux), "value_and_grad")


def _grad(f: Callable[..., Any], argnums: int | tuple[int, ...], has_aux: bool, /, *args: Any, **kwargs: Any) -> Any:
    value, gradient = _value_and_grad(f, argnums, has_aux, *args, **kwargs)
    return (gradient, value[1]) if has_aux else gradient


def _value_and_grad(
    f: Callable[..., Any], argnums: int | tuple[int, ...], has_aux: bool, /, *args: Any, **kwargs: Any
) -> Any:
    chosen = _positions(argnums, len(args))
    names = leaves.signature_paths(f, args)
    active: list[Tracer] = []
    trees: list[TreeDef] = []
    for position in chosen:
        found, tree = leaves.flatten_with_path(args[position], names[position])
        trees.append(tree)
        active += [_real(x, path) for path, x in found]

    def on_leaves(tracers: list[Tracer]) -> Any:
        full, rest = list(args), iter(tracers)
        for position, tree in zip(chosen, trees, strict=True):
            full[position] = tree.unflatten([next(rest) for _ in range(tree.num_leaves)])
        return f(*full, **kwargs)

    traced = _trace(on_leaves, [x.spec for x in active], name_of(f), has_aux)
    _check_scalar(traced)
    captures = traced.function.captures
    seeds = [leaves.filled(r, float(i == 0)) for i, r in enumerate(traced.function.results) if inexact(r.dtype)]
    made = _request(
        "vjp",
        traced,
        [*active, *captures, *seeds],
        [(x.shape, x.dtype) for x in active],
        active=[True] * len(active) + [False] * len(captures),
    )
    value, aux, gradients = _split(traced, made)
    rest = iter(gradients)
    parts = tuple(tree.unflatten([next(rest) for _ in range(tree.num_leaves)]) for tree in trees)
    return ((value, aux) if has_aux else value), (parts[0] if isinstance(argnums, int) else parts)


def _check_scalar(traced: _Traced) -> None:
    if not traced.out_tree.is_leaf:
        raise DerivativeError("WF1301", f"grad needs one real number; the function returned {traced.out_tree!r}.")
    (spec,) = traced.outs
    if spec.shape or not inexact(spec.dtype):
        raise DerivativeError(
            "WF1301", f"grad needs one real number; the function returned {spec}.", operands=(str(spec),)
        )


def _real(x: Any, path: str) -> Tracer:
    """A leaf to differentiate by, strong."""
    try:
        tracer = strong(x)
    except WrongArgumentError:
        raise DerivativeError("WF1302", f"{path} is a {type(x).__name__}: it has no derivative.") from None
    if not inexact(tracer.dtype):
        raise DerivativeError("WF1302", f"{path} is {tracer.spec}: only floating numbers have derivatives.")
    return tracer


def _argnums(argnums: int | Sequence[int]) -> int | tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if not numbers or not all(type(n) is int for n in numbers):
        raise ArgumentValueError("WF1210", f"argnums is a position or some positions, not {argnums!r}.")
    return argnums if isinstance(argnums, int) else numbers


def _positions(argnums: int | tuple[int, ...], count: int) -> list[int]:
    """The positions in a call with `count` positional arguments."""
    chosen = []
    for n in (argnums,) if isinstance(argnums, int) else argnums:
        if not -count <= n < count:
            raise ArgumentValueError(
                "WF1210", f"argnums names argument {n}; the call has {count} positional arguments."
            )
        chosen.append(n % count)
    if len(set(chosen)) != len(chosen):
        raise ArgumentValueError("WF1210", f"argnums names an argument twice: {argnums!r}.")
    return chosen


@api_boundary
def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and the function that pulls cotangents back.

    Args:
        f: takes the primals, returns containers of arrays.
        primals: containers of arrays.
        has_aux: whether `f` returns a pair (value, auxiliary).

    Returns:
        (value, pull), with `has_aux` (value, pull, auxiliary). `pull(cotangent)` takes the containers of the value,
        with None in place of leaves that are not floating, and returns a tuple with one entry for each primal, None in
        place of leaves that are not floating.

    Raises:
        DerivativeError: WF1304, by `pull`, for a cotangent that does not fit the value; WF1305 where there is no pair.

    >>> import weft as wf
    >>> value, pull = wf.vjp(lambda x, y: x * y, 2.0, 5.0)
    >>> [float(g) for g in pull(1.0)]
    [5.0, 2.0]
    """
    leaves.check_callable(f, "vjp")
    if trace.current() is None:
        out = implicit.run(functools.partial(_forward, f, has_aux), *primals)
        pull = api_boundary(functools.partial(_pull_once, f, has_aux, primals))
        return (out[0], pull, out[1]) if has_aux else (out, pull)
    linear = _Pullback(f, primals, has_aux)
    return (linear.value, linear, linear.aux) if has_aux else (linear.value, linear)


def _forward(f: Callable[..., Any], has_aux: bool, /, *primals: Any) -> Any:
    linear = _Pullback(f, primals, has_aux)
    return (linear.value, linear.aux) if has_aux else linear.value


def _pull_once(f: Callable[..., Any], has_aux: bool, primals: tuple, cotangent: Any) -> Any:
    return implicit.run(functools.partial(_pull_traced, f, has_aux), primals, cotangent)


def _pull_traced(f: Callable[..., Any], has_aux: bool, /, primals: tuple, cotangent: Any) -> Any:
    return _Pullback(f, primals, has_aux)(cotangent)


class _Pullback:
    """A function at a point: its value, and a call pulls a cotangent back.

    Each pull is a request of its own; merging equal ops leaves one pass forth.
    """

    def __init__(self, f: Callable[..., Any], primals: tuple, has_aux: bool):
        found, self.tree = leaves.flatten(primals)
        self.primals = [strong(x) for x in found]
        self.traced = _trace(
            lambda tracers: f(*self.tree.unflatten(tracers)), [x.spec for x in self.primals], name_of(f), has_aux
        )
        made = trace.call(self.traced.function, self.primals)
        self.value, self.aux, _ = _split(self.traced, made)

    @api_boundary
    def __call__(self, cotangent: Any) -> tuple:
        function, outs = self.traced.function, self.traced.outs
        given = _matching(self.traced.out_tree, cotangent, outs, "cotangent")
        # The auxiliary results are cut off: their cotangents are never read.
        given += [leaves.filled(r, 0.0) for r in function.results[len(outs) :] if inexact(r.dtype)]
        active = [inexact(x.dtype) for x in self.primals]
        made = _request(
            "vjp",
            self.traced,
            [*self.primals, *function.captures, *given],
            [(x.shape, x.dtype) for x in self.primals if inexact(x.dtype)],
            active=active + [False] * len(function.captures),
        )
        gradients = iter(made[len(function.results) :])
        return self.tree.unflatten([next(gradients) if a else None for a in active])


def _matching(tree: TreeDef, given: Any, specs: Sequence[Spec], what: str) -> list[Tracer]:
    """The leaves of a tangent or cotangent for those of `specs` that are floating; None stands for the others.

    Raises:
        DerivativeError: WF1304 where structure, shape or dtype differ.
    """
    flat = _up_to(tree, given, what)
    out = []
    for x, spec, path in zip(flat, specs, tree.paths(what), strict=True):
        if not inexact(spec.dtype):
            if x is not None:
                raise DerivativeError("WF1304", f"{path} belongs to a value of {spec.dtype}: it must be None.")
            continue
        if x is None:
            raise DerivativeError("WF1304", f"{path} is None, but belongs to a value of {spec}.")
        if isinstance(x, (dict, list, tuple)):
            raise DerivativeError("WF1304", f"{path} is a {type(x).__name__}; the value it belongs to is {spec}.")
        tracer = as_tracer(x)
        if tracer.weak_type and tracer.dtype.kind != "bool":
            tracer = trace.cast(tracer, spec.dtype)
        if tracer.shape != spec.shape or tracer.dtype is not spec.dtype:
            raise DerivativeError("WF1304", f"{path} is {tracer.spec}; the value it belongs to is {spec}.")
        out.append(tracer)
    return out


def _up_to(tree: TreeDef, given: Any, what: str) -> list[Any]:
    """What stands in `given` at the leaves of `tree`."""
    try:
        return tree.flatten_up_to(given, name=what, first="the value")
    except TreeError as err:
        raise DerivativeError("WF1304", err.message) from None


# -------------------------------------------------------------------------------------------------------- forward


@api_boundary
def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of a function and its derivative along tangents.

    Args:
        f: takes the primals, returns containers of arrays.
        primals: a tuple or list of arguments, each a container of arrays.
        tangents: one for each primal, in the same containers; None for leaves that are not floating, and for those that
            are held fixed.
        has_aux: whether `f` returns a pair (value, auxiliary).

    Returns:
        (value, tangent), with `has_aux` (value, tangent, auxiliary); the tangent is None at leaves that are not
        floating.

    Raises:
        DerivativeError: WF1304 for tangents that do not fit, WF1305 where there is no pair.

    >>> import weft as wf
    >>> value, tangent = wf.jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(value), float(tangent)
    (9.0, 6.0)
    """
    leaves.check_callable(f, "jvp")
    for name, x in (("primals", primals), ("tangents", tangents)):
        if not isinstance(x, (tuple, list)):
            raise DerivativeError(
                "WF1304", f"{name} is a tuple with one entry for each argument, not a {type(x).__name__}."
            )
    return implicit.run(functools.partial(_jvp, f, has_aux), tuple(primals), tuple(tangents))


def _jvp(f: Callable[..., Any], has_aux: bool, /, primals: tuple, tangents: tuple) -> Any:
    flat, tree = leaves.flatten(primals)
    given = _up_to(tree, tangents, "tangents")
    values = [strong(x) for x in flat]
    active, directions = [], []
    for x, t, path in zip(values, given, tree.paths("tangents"), strict=True):
        if t is None:
            active.append(False)
            continue
        if not inexact(x.dtype):
            raise DerivativeError("WF1304", f"{path} belongs to a value of {x.dtype}: it must be None.")
        active.append(True)
        directions += _matching(pytree.structure(0), t, [x.spec], path)
    traced = _trace(lambda tracers: f(*tree.unflatten(tracers)), [x.spec for x in values], name_of(f), has_aux)
    results, captures = traced.function.results, traced.function.captures
    made = _request(
        "jvp",
        traced,
        [*values, *captures, *directions],
        [(r.shape, r.dtype) for r in results if inexact(r.dtype)],
        active=active + [False] * len(captures),
    )
    value, aux, found = _split(traced, made)
    rest = iter(found)
    tangent = traced.out_tree.unflatten([next(rest) if inexact(r.dtype) else None for r in traced.outs])
    return (value, tangent, aux) if has_aux else (value, tangent)


@api_boundary
def stop_gradient(x: Any) -> Any:
    """The same values, taken as constants by derivatives.

    Args:
        x: containers of arrays and numbers.

    >>> import weft as wf
    >>> float(wf.grad(lambda x: x * wf.stop_gradient(x))(3.0))
    3.0
    """
    if trace.current() is None:
        return x
    return pytree.map(lambda leaf: _cut(as_tracer(leaf)), x)


# ---------------------------------------------------------------------------------------------------------- batches


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """A function over one more axis: applied to each slice of its arguments at once.

    Args:
        f: takes and returns containers of arrays.
        in_axes: the mapped axis of each argument: one int for all or a tuple with an entry for each, where an entry is
            an int, None (the argument is used whole), or containers of them that follow the argument. Keyword arguments
            are mapped along axis 0.
        out_axes: where the new axis stands in the results: an int or containers of ints that follow the result.

    Returns:
        A function of the same arguments with one more axis each.

    Raises:
        BatchError: WF1311 where mapped sizes differ, WF1312 where nothing is mapped.
        AxisError: WF1002 for an axis that an array does not have.

    >>> import numpy as np, weft as wf
    >>> np.asarray(wf.vmap(lambda x, y: x * y, in_axes=(0, None))(np.float32([1, 2]), 3.0))
    array([3., 6.], dtype=float32)
    """
    leaves.check_callable(f, "vmap")
    return Transformed(f, functools.partial(_vmap, f, _frozen(in_axes), _frozen(out_axes)), "vmap")


def _frozen(axes: Any) -> tuple[tuple, TreeDef]:
    """Containers of axes in a form that is compared by value."""
    values, tree = pytree.flatten(axes, lambda x: x is None)
    return tuple(values), tree


def _thawed(axes: tuple[tuple, TreeDef]) -> Any:
    return axes[1].unflatten(axes[0])


def _vmap(f: Callable[..., Any], in_axes: Any, out_axes: Any, /, *args: Any, **kwargs: Any) -> Any:
    axes = _thawed(in_axes)
    if isinstance(axes, (list, tuple)) and len(axes) != len(args):
        raise BatchError("WF1312", f"in_axes has {len(axes)} entries, the call has {len(args)} positional arguments.")
    axes = tuple(axes) if isinstance(axes, list) else axes
    names = leaves.signature_paths(f, args)
    flat, tree = leaves.flatten((args, kwargs))
    paths = [p for x, name in zip(args, names, strict=True) for p in pytree.structure(x).paths(name)]
    paths += [p for k in sorted(kwargs) for p in pytree.structure(kwargs[k]).paths(k)]
    chosen = pytree.broadcast_prefix(axes, args, name="in_axes") + [0] * (len(flat) - len(leaves.flatten(args)[0]))
    size, where = None, ""
    operands, batched, specs = [], [], []
    for x, axis, path in zip(flat, chosen, paths, strict=True):
        tracer = as_tracer(x)
        batched.append(axis is not None)
        if axis is not None:
            axis = _axis(axis, tracer.ndim, path)
            if size is None:
                size, where = tracer.shape[axis], path
            elif str(tracer.shape[axis]) != str(size):  # Dims compare by asking the assumptions
                raise BatchError(
                    "WF1311", f"{path} has size {tracer.shape[axis]} along its mapped axis, {where} has {size}."
                )
            tracer = _moved(tracer, axis, 0)
        spec = tracer.spec
        operands.append(tracer)
        specs.append(spec._replace(shape=spec.shape[1:]) if axis is not None else spec)
    if size is None:
        raise BatchError("WF1312", "no argument has a mapped axis.")

    def on_leaves(tracers: list[Tracer]) -> Any:
        inner, named = tree.unflatten(tracers)
        return f(*inner, **named)

    traced = _trace(on_leaves, specs, name_of(f))
    captures = traced.function.captures
    made = emit(
        "vmap",
        [*operands, *captures],
        callee=traced.function.symbol,
        batched=batched + [False] * len(captures),
        size=size if isinstance(size, int) else str(size),
        results=[((size, *r.shape), r.dtype) for r in traced.function.results],
    )
    out = traced.out_tree.unflatten(made)
    places = pytree.broadcast_prefix(_thawed(out_axes), out, name="out_axes")
    if None in places:
        raise BatchError("WF1312", "out_axes: each result has the mapped axis, so None has no place here.")
    return traced.out_tree.unflatten(
        [_moved(x, 0, _axis(a, x.ndim, "result")) for x, a in zip(made, places, strict=True)]
    )


def _axis(axis: Any, rank: int, path: str) -> int:
    if type(axis) is not int:
        raise BatchError("WF1312", f"{path}: an axis is an int or None, not {axis!r}.")
    if not -rank <= axis < rank:
        raise AxisError("WF1002", f"{path} has {rank} dimensions: there is no axis {axis} to map.")
    return axis % rank


def _moved(x: Tracer, source: int, target: int) -> Tracer:
    if source == target:
        return x
    order = [i for i in range(x.ndim) if i != source]
    order.insert(target, source)
    return emit("transpose", [x], permutation=order)


# ------------------------------------------------------------------------------------------------------------ shapes


@api_boundary
def eval_shape(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The shapes and dtypes that a function returns, without running it.

    Args:
        f: takes and returns containers of arrays.
        args, kwargs: arrays, numbers, and containers of them; `spec(shape, dtype)` may stand for an array.

    Returns:
        What `f` returns, with a spec (`.shape`, `.dtype`) for each array.

    >>> import weft as wf
    >>> str(wf.eval_shape(lambda x: wf.sum(x, axis=0), wf.spec((2, 3), "float32")))
    'f32[3]'
    """
    flat, tree = leaves.flatten((args, kwargs))
    trees: list[TreeDef] = []

    def on_leaves(*tracers: Tracer) -> list[Any]:
        positional, named = tree.unflatten(tracers)
        found, out_tree = leaves.flatten(f(*positional, **named))
        trees.append(out_tree)
        return found

    specs = [trace.spec_of(x) for x in flat]
    if trace.current() is None:
        results = trace.trace_program(on_leaves, specs).results
    else:
        results = trace.function(on_leaves, specs, name_of(f)).results
    return trees[0].unflatten([Spec(r.shape, leaves.strong_dtype(r)) for r in results])


# ----------------------------------------------------------------------------------------------------------- wrapping


class Transformed:
    """A function made of another: `traced` inside a trace, compiled outside. It looks like the other one.

    Not a plain function, so that what the user's function reads is found through `__wrapped__` (guards.py).
    """

    def __init__(self, f: Callable[..., Any], traced: functools.partial, what: str):
        leaves.check_callable(f, what)
        functools.update_wrapper(self, f)
        self.traced = traced
        self.__name__ = self.__qualname__ = f"{what}({name_of(f)})"

    @api_boundary
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return implicit.run(self.traced, *args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        return f"<{self.__name__}>"
