"""Jacobians and Hessians: derivatives along a basis, all directions at once.

Decides how a matrix of derivatives of containers by containers is laid out: the containers of the result, in the place
of each leaf the containers of the argument, in the place of each of its leaves an array of the result's shape followed
by the argument's. The function is traced once; each leaf is a `weft.vmap` of a `weft.jvp` or `weft.vjp` over its unit
vectors.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

from weft._src import dtypes, leaves, trace, transforms
from weft._src.errors import DerivativeError
from weft._src.leaves import inexact, name_of
from weft._src.trace import Spec, Tracer, emit
from weft._src.transforms import Chosen, Transformed, checked_argnums


def jacfwd(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The Jacobian by forward mode: one pass for all directions of the argument; for few inputs and many outputs.

    Args:
        f: takes containers of arrays, returns containers of floating arrays; with `has_aux` a pair (value, auxiliary).
        argnums: the position, or positions, of the arguments to differentiate by; each a container of floating arrays.
        has_aux: whether `f` returns auxiliary results beside its value.

    Returns:
        A function of the same arguments. It returns the containers of `f`'s value with, for each leaf, the containers
        of the argument (a tuple of them for several positions), whose leaves have the shape of the value's leaf
        followed by that of the argument's; with `has_aux` (Jacobian, auxiliary).

    Raises:
        DerivativeError: WF1302 where a leaf of an argument is not real, WF1306 where one of the result is not, WF1305
            where there is no pair.
        ArgumentValueError: WF1210 for a position that the call has no argument for.

    >>> import numpy as np, weft as wf
    >>> wf.jacfwd(lambda x: x * x)(np.float32([1, 2])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    return Transformed(f, functools.partial(_jacfwd, f, checked_argnums(argnums), has_aux), "jacfwd")


def jacrev(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The Jacobian by reverse mode: one pass back for all elements of the result; for many inputs and few outputs.

    Args, Returns, Raises: as for `jacfwd`.

    >>> import numpy as np, weft as wf
    >>> j = wf.jacrev(lambda p: {"y": p["a"] * p["b"]})({"a": np.float32([1, 2]), "b": np.float32(3)})
    >>> j["y"]["a"].tolist(), j["y"]["b"].tolist()
    ([[3.0, 0.0], [0.0, 3.0]], [1.0, 2.0])
    """
    return Transformed(f, functools.partial(_jacrev, f, checked_argnums(argnums), has_aux), "jacrev")


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The second derivatives: forward over reverse.

    Args, Raises: as for `jacfwd`.

    Returns:
        A function of the same arguments: in the containers of `f`'s value, the containers of the argument, twice; each
        leaf has the shape of the value's leaf, then those of the two arguments' leaves. With `has_aux` (Hessian,
        auxiliary).

    >>> import numpy as np, weft as wf
    >>> wf.hessian(lambda x: wf.sum(x * x * x))(np.float32([1, 2])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    numbers = checked_argnums(argnums)
    inner = functools.partial(_jacrev, f, numbers, has_aux)
    functools.update_wrapper(inner, f)  # the arguments are called what `f` calls them
    return Transformed(f, functools.partial(_jacfwd, inner, numbers, has_aux), "hessian")


def _jacfwd(f: Callable[..., Any], argnums: Any, has_aux: bool, /, *args: Any, **kwargs: Any) -> Any:
    at, traced, aux = _at_point(f, argnums, has_aux, args, kwargs)
    columns: list[list[Tracer]] = [[] for _ in traced.outs]
    n = len(traced.function.results)
    for i, x in enumerate(at.active):

        def push(t: Tracer, i: int = i) -> list[Tracer]:
            directions: list[Tracer | None] = [None] * len(at.active)
            directions[i] = t
            return transforms.pushed(traced, at.active, directions)[n : n + len(traced.outs)]

        for column, rows, out in zip(columns, _along_basis(push, x.spec), traced.outs, strict=True):
            column.append(_reshaped(transforms.moved(rows, 0, len(out.shape)), (*out.shape, *x.shape)))
    jacobian = traced.out_tree.unflatten([at.unflatten(column) for column in columns])
    return (jacobian, aux) if has_aux else jacobian


def _jacrev(f: Callable[..., Any], argnums: Any, has_aux: bool, /, *args: Any, **kwargs: Any) -> Any:
    at, traced, aux = _at_point(f, argnums, has_aux, args, kwargs)
    real = [r for r in traced.function.results if inexact(r.dtype)]
    rows = []
    for i, out in enumerate(traced.outs):

        def pull(c: Tracer, i: int = i) -> list[Tracer]:
            cotangents = [c if j == i else leaves.filled(r, 0.0) for j, r in enumerate(real)]
            made = transforms.pulled(traced, at.active, [True] * len(at.active), cotangents)
            return made[len(traced.function.results) :]

        found = _along_basis(pull, out)
        shaped = [_reshaped(g, (*out.shape, *x.shape)) for g, x in zip(found, at.active, strict=True)]
        rows.append(at.unflatten(shaped))
    jacobian = traced.out_tree.unflatten(rows)
    return (jacobian, aux) if has_aux else jacobian


def _at_point(f: Callable[..., Any], argnums: Any, has_aux: bool, args: tuple, kwargs: dict) -> tuple:
    """The chosen arguments, the function of them, traced, and its auxiliary value (None without one)."""
    at = Chosen(f, argnums, args, kwargs)
    traced = transforms.trace_leaves(at.call, [x.spec for x in at.active], name_of(f), has_aux, at=at.active)
    for spec, path in zip(traced.outs, traced.out_tree.paths("result"), strict=True):
        if not inexact(spec.dtype):
            raise DerivativeError("WF1306", f"the {path} is {spec}.", operands=(str(spec),))
    aux = transforms.split_results(traced, trace.call(traced.function, at.active))[1] if has_aux else None
    return at, traced, aux


def _along_basis(f: Callable[[Tracer], list[Tracer]], spec: Spec) -> list[Tracer]:
    """What `f` gives for each unit vector of a spec, in order, along a leading axis."""
    n: Any = math.prod(spec.shape)
    strong = Spec(spec.shape, leaves.strong_dtype(spec))
    if isinstance(n, int) and n == 1:
        return [_reshaped(x, (1, *x.shape)) for x in f(leaves.filled(strong, 1.0))]
    rows, columns = (emit("iota", [], results=[((n, n), dtypes.int64)], dim=d) for d in (0, 1))
    units = emit("convert", [emit("eq", [rows, columns])], dtype=strong.dtype)
    function = trace.function(lambda t: f(t), [strong], "along")
    return transforms.mapped(function, [_reshaped(units, (n, *spec.shape))], [True], n)


def _reshaped(x: Tracer, shape: tuple) -> Tracer:
    return x if x.shape == tuple(shape) else emit("reshape", [x], results=[(shape, x.dtype)])
