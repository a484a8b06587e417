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

from weft._src import implicit, leaves, pytree, state, trace
from weft._src.dims import Dim
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
    written: tuple[state.Variable, ...] = ()  # Variables, whose new values are the last results

    @property
    def outs(self) -> tuple[Spec, ...]:
        """Specs of the results, without the auxiliary ones."""
        return self.function.results[: self.out_tree.num_leaves]


def trace_leaves(
    f: Callable[[list[Tracer]], Any],
    specs: Sequence[Spec],
    name: str,
    has_aux: bool = False,
    keeps_state: bool = False,
    at: Sequence[Tracer] = (),
) -> _Traced:
    """Traces `f` (from a list of tracers to a tree) into a private function; `at` as in `trace.function`.

    The new values of Variables, which `f` may write if `keeps_state`, are the last results: the caller then calls
    `keep_state`. A derivative of `f` itself has no part in them, nor in the auxiliary ones: their cotangents are zeros,
    which are left out. Derivatives around it go through them.
    """
    trees: list[TreeDef | None] = [None, None]
    written: list[state.Variable] = []

    def flat(*tracers: Tracer) -> list[Tracer]:
        if keeps_state:
            state.open_scope()
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
        last = state.written()
        written.extend(v for v, _ in last)
        return results + [_result(x, "auxiliary") for x in aux_leaves] + [value for _, value in last]

    function = trace.function(flat, specs, name, at)
    assert trees[0] is not None
    return _Traced(function, trees[0], trees[1], tuple(written))


def _result(x: Any, path: str) -> Tracer:
    try:
        return strong(x)
    except WrongArgumentError:
        raise WrongArgumentError(
            "WF1208", f"the {path} of a transformed function is a {type(x).__name__}, which is no array or number."
        ) from None


def _request(
    name: str, traced: _Traced, operands: Sequence[Any], extra: Sequence[tuple], **attributes: Any
) -> list[Tracer]:
    """A request op on a traced function; its results are those of the function, then `extra` ones."""
    function = traced.function
    results = [(r.shape, r.dtype) for r in function.results] + list(extra)
    return emit(name, operands, callee=function.symbol, results=results, **attributes)


def split_results(traced: _Traced, made: Sequence[Tracer]) -> tuple[Any, Any, list[Tracer]]:
    """The results of a request: the function's value, its auxiliary value, and what comes after."""
    n, total = traced.out_tree.num_leaves, len(traced.function.results)
    out = traced.out_tree.unflatten(made[:n])
    aux = None if traced.aux_tree is None else traced.aux_tree.unflatten(made[n : n + traced.aux_tree.num_leaves])
    return out, aux, list(made[total:])


def keep_state(traced: _Traced, made: Sequence[Tracer]) -> None:
    """Writes the Variables that the function has written, in the scope around it."""
    total = len(traced.function.results)
    state.assign(traced.written, made[total - len(traced.written) : total])


# -------------------------------------------------------------------------------------------------------- reverse


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    max_bytes: int | None = None,
) -> Callable[..., Any]:
    """The gradient of a function of real arrays.

    Args:
        f: returns one real floating number, without dimensions; with `has_aux`, a pair (number, auxiliary containers).
        argnums: the position, or positions, of the arguments to differentiate; each may be a container of float arrays.
            A Variable stands for itself: the derivative is by its value before the call. Keyword arguments are not
            differentiated.
        has_aux: whether `f` returns auxiliary results beside its value.
        max_bytes: at most so many bytes of intermediate values are kept from the pass forth for the pass back; what is
            needed beyond them is computed again, what costs least for its bytes first. Arguments do not count, and a
            named size counts as 256. The values do not change, and a smaller bound never keeps more.

    Returns:
        A function of the same arguments: the gradient, in the containers of the argument (a tuple of them for a
        sequence of positions); with `has_aux` (gradient, auxiliary).

    Raises:
        DerivativeError: WF1301 where `f` does not return one real number, WF1302 where a leaf is not real, WF1305 where
            there is no pair.
        ArgumentValueError: WF1210 for a position that the call has no argument for, WF1212 for a bad max_bytes.

    >>> import weft as wf
    >>> float(wf.grad(lambda x: x * x)(3.0))
    6.0
    """
    return Transformed(f, functools.partial(_grad, f, checked_argnums(argnums), has_aux, _bound(max_bytes)), "grad")


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    max_bytes: int | None = None,
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
    traced = functools.partial(_value_and_grad, f, checked_argnums(argnums), has_aux, _bound(max_bytes))
    return Transformed(f, traced, "value_and_grad")


def _bound(max_bytes: Any) -> int | None:
    if max_bytes is not None and (type(max_bytes) is not int or max_bytes < 0):
        raise ArgumentValueError("WF1212", f"max_bytes is {max_bytes!r}.")
    return max_bytes


def _grad(f: Callable[..., Any], argnums: Any, has_aux: bool, max_bytes: Any, /, *args: Any, **kwargs: Any) -> Any:
    value, gradient = _value_and_grad(f, argnums, has_aux, max_bytes, *args, **kwargs)
    return (gradient, value[1]) if has_aux else gradient


def _value_and_grad(
    f: Callable[..., Any], argnums: Any, has_aux: bool, max_bytes: Any, /, *args: Any, **kwargs: Any
) -> Any:
    at = Chosen(f, argnums, args, kwargs)
    traced = trace_leaves(at.call, [x.spec for x in at.active], name_of(f), has_aux, keeps_state=True, at=at.active)
    _check_scalar(traced)
    seeds = [leaves.filled(r, float(i == 0)) for i, r in enumerate(traced.function.results) if inexact(r.dtype)]
    made = pulled(traced, at.active, [True] * len(at.active), seeds, max_bytes)
    value, aux, gradients = split_results(traced, made)
    keep_state(traced, made)
    return ((value, aux) if has_aux else value), at.unflatten(gradients)


class Chosen:
    """The arguments of a call that a derivative is taken by: their leaves, and the function of these leaves.

    Attributes:
        active: the leaves, strong.
    """

    def __init__(self, f: Callable[..., Any], argnums: int | tuple[int, ...], args: tuple, kwargs: dict[str, Any]):
        self._f, self._args, self._kwargs = f, args, kwargs
        self._one = not isinstance(argnums, tuple)
        self._chosen = _positions(argnums, len(args))
        names = leaves.signature_paths(f, args)
        self.active: list[Tracer] = []
        self._trees: list[TreeDef] = []
        for position in self._chosen:
            if isinstance(position, state.Variable):
                found, tree = leaves.flatten_with_path(state.read(position), "a Variable")
            else:
                found, tree = leaves.flatten_with_path(args[position], names[position])
            self._trees.append(tree)
            self.active += [_real(x, path) for path, x in found]

    def call(self, tracers: Sequence[Tracer]) -> Any:
        """The function with other leaves in these places."""
        full, rest = list(self._args), iter(tracers)
        for position, tree in zip(self._chosen, self._trees, strict=True):
            part = tree.unflatten([next(rest) for _ in range(tree.num_leaves)])
            if isinstance(position, state.Variable):
                state.bind(position, part)
            else:
                full[position] = part
        return self._f(*full, **self._kwargs)

    def unflatten(self, values: Sequence[Any]) -> Any:
        """One value for each leaf, in the containers of the argument, or in a tuple of those of the arguments."""
        rest = iter(values)
        parts = tuple(tree.unflatten([next(rest) for _ in range(tree.num_leaves)]) for tree in self._trees)
        return parts[0] if self._one else parts


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


def checked_argnums(argnums: int | Sequence[int]) -> int | tuple[int, ...]:
    one = isinstance(argnums, (int, state.Variable))
    numbers = (argnums,) if one else tuple(argnums)
    if not numbers or not all(type(n) is int or isinstance(n, state.Variable) for n in numbers):
        raise ArgumentValueError("WF1210", f"argnums is a position or some positions, not {argnums!r}.")
    return argnums if one else numbers


def _positions(argnums: int | tuple[int, ...], count: int) -> list[int]:
    """The positions in a call with `count` positional arguments."""
    chosen = []
    for n in argnums if isinstance(argnums, tuple) else (argnums,):
        if isinstance(n, state.Variable):
            chosen.append(n)
            continue
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
    at = _AtPoint(f, primals, has_aux)
    return (at.value, at.aux) if has_aux else at.value


def _pull_once(f: Callable[..., Any], has_aux: bool, primals: tuple, cotangent: Any) -> Any:
    return implicit.run(functools.partial(_pull_traced, f, has_aux), primals, cotangent)


def _pull_traced(f: Callable[..., Any], has_aux: bool, /, primals: tuple, cotangent: Any) -> Any:
    return _Pullback(f, primals, has_aux)(cotangent)


class _AtPoint:
    """A function at a point: its value there. Each use of a derivative is a request of its own; merging equal ops
    leaves one pass forth."""

    def __init__(self, f: Callable[..., Any], primals: tuple, has_aux: bool):
        found, self.tree = leaves.flatten(primals)
        self.primals = [strong(x) for x in found]
        self.traced = trace_leaves(
            lambda tracers: f(*self.tree.unflatten(tracers)),
            [x.spec for x in self.primals],
            name_of(f),
            has_aux,
            keeps_state=True,
            at=self.primals,
        )
        made = trace.call(self.traced.function, self.primals)
        self.value, self.aux, _ = split_results(self.traced, made)
        keep_state(self.traced, made)


class _Pushforward(_AtPoint):
    """Pushes tangents forward."""

    @api_boundary
    def __call__(self, *tangents: Any) -> Any:
        given = up_to(self.tree, tangents, "tangents")
        directions = _directions(self.primals, given, self.tree.paths("tangents"))
        _, _, found = split_results(self.traced, pushed(self.traced, self.primals, directions))
        return _with_none(self.traced, found)


class _Pullback(_AtPoint):
    """Pulls a cotangent back."""

    @api_boundary
    def __call__(self, cotangent: Any) -> tuple:
        function, outs = self.traced.function, self.traced.outs
        given = matching(self.traced.out_tree, cotangent, outs, "cotangent")
        # The cotangents of what comes after the value are zeros, which are left out.
        given += [leaves.filled(r, 0.0) for r in function.results[len(outs) :] if inexact(r.dtype)]
        active = [inexact(x.dtype) for x in self.primals]
        gradients = iter(pulled(self.traced, self.primals, active, given)[len(function.results) :])
        return self.tree.unflatten([next(gradients) if a else None for a in active])


def pulled(
    traced: _Traced,
    values: Sequence[Tracer],
    active: Sequence[bool],
    cotangents: Sequence[Tracer],
    max_bytes: int | None = None,
) -> list[Tracer]:
    """The results of a traced function at `values`, then a gradient for each active one."""
    captures = traced.function.captures
    return _request(
        "vjp",
        traced,
        [*values, *captures, *cotangents],
        [(x.shape, x.dtype) for x, a in zip(values, active, strict=True) if a],
        active=[*active] + [False] * len(captures),
        max_bytes=max_bytes,
    )


def matching(tree: TreeDef, given: Any, specs: Sequence[Spec], what: str) -> list[Tracer]:
    """The leaves of a tangent or cotangent for those of `specs` that are floating; None stands for the others.

    Raises:
        DerivativeError: WF1304 where structure, shape or dtype differ.
    """
    flat = up_to(tree, given, what)
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


def up_to(tree: TreeDef, given: Any, what: str) -> list[Any]:
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
    given = up_to(tree, tangents, "tangents")
    values = [strong(x) for x in flat]
    directions = _directions(values, given, tree.paths("tangents"))
    traced = trace_leaves(
        lambda tracers: f(*tree.unflatten(tracers)),
        [x.spec for x in values],
        name_of(f),
        has_aux,
        keeps_state=True,
        at=values,
    )
    made = pushed(traced, values, directions)
    value, aux, found = split_results(traced, made)
    keep_state(traced, made)
    tangent = _with_none(traced, found)
    return (value, tangent, aux) if has_aux else (value, tangent)


def _directions(values: Sequence[Tracer], given: Sequence[Any], paths: Sequence[str]) -> list[Tracer | None]:
    """The tangents of values: None for those that are held fixed, and for those that are not floating."""
    directions: list[Tracer | None] = []
    for x, t, path in zip(values, given, paths, strict=True):
        if t is None:
            directions.append(None)
        elif not inexact(x.dtype):
            raise DerivativeError("WF1304", f"{path} belongs to a value of {x.dtype}: it must be None.")
        else:
            directions += matching(pytree.structure(0), t, [x.spec], path)
    return directions


def pushed(traced: _Traced, values: Sequence[Tracer], directions: Sequence[Tracer | None]) -> list[Tracer]:
    """The results of a traced function at `values`, then a tangent for each floating one."""
    captures = traced.function.captures
    return _request(
        "jvp",
        traced,
        [*values, *captures, *(t for t in directions if t is not None)],
        [(r.shape, r.dtype) for r in traced.function.results if inexact(r.dtype)],
        active=[t is not None for t in directions] + [False] * len(captures),
    )


def _with_none(traced: _Traced, tangents: Sequence[Tracer]) -> Any:
    """Tangents in the containers of the value, None at leaves that are not floating."""
    rest = iter(tangents)
    return traced.out_tree.unflatten([next(rest) if inexact(r.dtype) else None for r in traced.outs])


@api_boundary
def linearize(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function, and the linear function that pushes tangents forward.

    Args:
        f: takes the primals, returns containers of arrays.
        primals: containers of arrays.
        has_aux: whether `f` returns a pair (value, auxiliary).

    Returns:
        (value, push), with `has_aux` (value, push, auxiliary). `push(*tangents)` takes one tangent for each primal, in
        the same containers, None for leaves that are not floating or are held fixed; it returns the tangent of the
        value, None at leaves that are not floating.

    Raises:
        DerivativeError: WF1304, by `push`, for tangents that do not fit; WF1305 where there is no pair.

    >>> import weft as wf
    >>> value, push = wf.linearize(lambda x, y: x * y, 2.0, 5.0)
    >>> float(value), float(push(1.0, 0.0)), float(push(None, 1.0))
    (10.0, 5.0, 2.0)
    """
    leaves.check_callable(f, "linearize")
    if trace.current() is None:
        out = implicit.run(functools.partial(_forward, f, has_aux), *primals)
        push = api_boundary(functools.partial(_push_once, f, has_aux, primals))
        return (out[0], push, out[1]) if has_aux else (out, push)
    linear = _Pushforward(f, primals, has_aux)
    return (linear.value, linear, linear.aux) if has_aux else (linear.value, linear)


def _push_once(f: Callable[..., Any], has_aux: bool, primals: tuple, /, *tangents: Any) -> Any:
    return implicit.run(functools.partial(_push_traced, f, has_aux), primals, tangents)


def _push_traced(f: Callable[..., Any], has_aux: bool, /, primals: tuple, tangents: tuple) -> Any:
    return _Pushforward(f, primals, has_aux)(*tangents)


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
    return pytree.map(lambda leaf: _constant(as_tracer(leaf)), x)


def _constant(x: Tracer) -> Tracer:
    return emit("stop_gradient", [x]) if inexact(x.dtype) else x


# ---------------------------------------------------------------------------------------------------------- batches


def vmap(
    f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, axis_size: int | Dim | None = None
) -> Callable[..., Any]:
    """A function over one more axis: applied to each slice of its arguments at once.

    Args:
        f: takes and returns containers of arrays.
        in_axes: the mapped axis of each argument: one for all, a tuple with an entry for each positional argument, or a
            dict by the names of arguments. An entry is an int (negative ones count from the back), None (the argument
            is used whole), or containers of them that begin like the argument. What it does not speak of, such as
            keyword arguments beside a tuple, is mapped along axis 0.
        out_axes: where the new axis stands in the results: an int, None for a result that is the same at each index, or
            containers of them that begin like the result.
        axis_size: the size of the axis. It is needed where no argument is mapped.

    Returns:
        A function of the same arguments with one more axis each. What `f` writes to a Variable is the same at each
        index, and is written once.

    Raises:
        BatchError: WF1311 where mapped sizes differ, WF1312 where nothing says how large the axis is, WF1314 where
            out_axes has None for a result that depends on the index, or such a value is written to a Variable.
        AxisError: WF1002 for an axis that an array does not have.
        ArgumentValueError: WF1210 where in_axes names no argument.

    >>> import numpy as np, weft as wf
    >>> np.asarray(wf.vmap(lambda x, y: x * y, in_axes=(0, None))(np.float32([1, 2]), 3.0))
    array([3., 6.], dtype=float32)
    >>> wf.vmap(lambda x, k: x * k, in_axes={"k": None})(np.float32([1, 2]), k=3.0).tolist()
    [3.0, 6.0]
    """
    leaves.check_callable(f, "vmap")
    if axis_size is not None and not (isinstance(axis_size, Dim) or (type(axis_size) is int and axis_size >= 0)):
        raise BatchError("WF1312", f"axis_size is a size, not {axis_size!r}.")
    return Transformed(f, functools.partial(_vmap, f, _frozen(in_axes), _frozen(out_axes), axis_size), "vmap")


def _frozen(axes: Any) -> tuple[tuple, TreeDef]:
    """Containers of axes in a form that is compared by value."""
    values, tree = pytree.flatten(axes, lambda x: x is None)
    return tuple(values), tree


def _thawed(axes: tuple[tuple, TreeDef]) -> Any:
    return axes[1].unflatten(axes[0])


def _axes_of(f: Callable[..., Any], in_axes: Any, args: tuple, kwargs: dict[str, Any], names: list[str]) -> list[Any]:
    """The mapped axis of each leaf of (args, kwargs)."""
    if isinstance(in_axes, dict):
        unknown = [n for n in in_axes if n not in names and n not in kwargs]
        if unknown:
            raise ArgumentValueError("WF1210", f"in_axes names {unknown[0]!r}, which is no argument of this call.")
        by_place = tuple(in_axes.get(n, 0) for n in names)
        by_name = {n: in_axes.get(n, 0) for n in kwargs}
    else:
        if isinstance(in_axes, (list, tuple)) and len(in_axes) != len(args):
            raise BatchError(
                "WF1312", f"in_axes has {len(in_axes)} entries, the call has {len(args)} positional arguments."
            )
        by_place = tuple(in_axes) if isinstance(in_axes, list) else in_axes
        by_name = dict.fromkeys(kwargs, 0)
    return pytree.broadcast_prefix((by_place, by_name), (args, kwargs), name="in_axes")


def _vmap(f: Callable[..., Any], in_axes: Any, out_axes: Any, axis_size: Any, /, *args: Any, **kwargs: Any) -> Any:
    names = leaves.signature_paths(f, args)
    flat, tree = leaves.flatten((args, kwargs))
    paths = [p for x, name in zip(args, names, strict=True) for p in pytree.structure(x).paths(name)]
    paths += [p for k in sorted(kwargs) for p in pytree.structure(kwargs[k]).paths(k)]
    chosen = _axes_of(f, _thawed(in_axes), args, kwargs, names)
    size, where = axis_size, "axis_size"
    operands, batched, specs = [], [], []
    for x, axis, path in zip(flat, chosen, paths, strict=True):
        tracer = as_tracer(x)
        batched.append(axis is not None)
        if axis is not None:
            axis = _axis(axis, tracer.ndim, path)
            if size is None:
                size, where = tracer.shape[axis], path
            elif str(tracer.shape[axis]) != str(size):  # Dims compare by asking the assumptions
                said = f"{where} is" if where == "axis_size" else f"{where} has"
                raise BatchError(
                    "WF1311", f"{path} has size {tracer.shape[axis]} along its mapped axis, {said} {size}."
                )
            tracer = moved(tracer, axis, 0)
        spec = tracer.spec
        operands.append(tracer)
        specs.append(spec._replace(shape=spec.shape[1:]) if axis is not None else spec)
    if size is None:
        raise BatchError("WF1312", "no argument has a mapped axis, and there is no axis_size.")

    def on_leaves(tracers: list[Tracer]) -> Any:
        inner, named = tree.unflatten(tracers)
        return f(*inner, **named)

    traced = trace_leaves(on_leaves, specs, name_of(f), keeps_state=True)
    outline = traced.out_tree.unflatten([0] * traced.out_tree.num_leaves)
    places = pytree.broadcast_prefix(_thawed(out_axes), outline, name="out_axes")
    made = mapped(traced.function, operands, batched, size, [p is None for p in places] + [True] * len(traced.written))
    keep_state(traced, made)
    return traced.out_tree.unflatten(
        [x if a is None else moved(x, 0, _axis(a, x.ndim, "result")) for x, a in zip(made, places, strict=False)]
    )


def mapped(
    function: TracedFunction,
    operands: Sequence[Tracer],
    batched: Sequence[bool],
    size: Any,
    whole: Sequence[bool] | None = None,
) -> list[Tracer]:
    """The results of a traced function at each index of a leading axis of `size`, which the batched operands have;
    those that are `whole` are the same at each index, and come without it."""
    whole = whole or [False] * len(function.results)
    return emit(
        "vmap",
        [*operands, *function.captures],
        callee=function.symbol,
        batched=[*batched] + [False] * len(function.captures),
        size=size if isinstance(size, int) else str(size),
        whole=whole if any(whole) else None,
        results=[(r.shape if w else (size, *r.shape), r.dtype) for r, w in zip(function.results, whole, strict=True)],
    )


def _axis(axis: Any, rank: int, path: str) -> int:
    if type(axis) is not int:
        raise BatchError("WF1312", f"{path}: an axis is an int or None, not {axis!r}.")
    if not -rank <= axis < rank:
        raise AxisError("WF1002", f"{path} has {rank} dimensions: there is no axis {axis} to map.")
    return axis % rank


def moved(x: Tracer, source: int, target: int) -> Tracer:
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
