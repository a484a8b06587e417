"""Containers of values on their way into and out of traced functions: shared by transformations and control flow.

Decides what counts as a leaf, what a weak number becomes where it has to be strong, and what functions and arguments
are called in the IR and in errors.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from weft._src import dtypes, errors, pytree, trace
from weft._src.dtypes import DType
from weft._src.pytree import TreeDef
from weft._src.trace import Spec, Tracer, as_tracer, emit


def is_spec(x: Any) -> bool:
    """Whether `x` is a Spec: a leaf, though its class is a named tuple."""
    return type(x) is Spec


def flatten(tree: Any) -> tuple[list[Any], TreeDef]:
    """The leaves of a tree and its structure; Specs are leaves."""
    return pytree.flatten(tree, is_spec)


def flatten_with_path(tree: Any, prefix: str) -> tuple[list[tuple[str, Any]], TreeDef]:
    """As `flatten`, with the place of each leaf; places begin with `prefix`."""
    return pytree.flatten_with_path(tree, is_spec, prefix=prefix)


def strong_dtype(spec: Spec) -> DType:
    """The dtype that a value has where it cannot stay weak: the default of its kind if it is weak.

    >>> strong_dtype(Spec((), dtypes.float64, True)), strong_dtype(Spec((), dtypes.float64))
    (weft.float32, weft.float64)
    """
    if not spec.weak or spec.dtype.kind == "bool":
        return spec.dtype
    return dtypes.default_float() if spec.dtype.kind == "float" else dtypes.default_int()


def strong(x: Any) -> Tracer:
    """`x` as a tracer that is not weak."""
    tracer = as_tracer(x)
    return trace.cast(tracer, strong_dtype(tracer.spec))


def inexact(dtype: DType) -> bool:
    """Whether values of the dtype have derivatives."""
    return dtype.kind == "float"


def filled(spec: Spec, value: float) -> Tracer:
    """A traced value of the shape and dtype of `spec` with one number in all places."""
    scalar = trace.constant(value, spec.dtype)
    return emit("broadcast", [scalar], dims=[], results=[(spec.shape, spec.dtype)]) if spec.shape else scalar


def name_of(f: Callable[..., Any]) -> str:
    """What a function is called in the IR."""
    while isinstance(f, functools.partial):
        f = f.func
    return getattr(f, "__name__", type(f).__name__).replace("<lambda>", "lambda")


def signature_paths(f: Callable[..., Any], args: Sequence[Any]) -> list[str]:
    """What the positional arguments are called: their names where the function has them, else `args[i]`."""
    import inspect

    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [names[i] if i < len(names) else f"args[{i}]" for i in range(len(args))]


def check_callable(f: Any, what: str) -> None:
    """Raises WrongArgumentError (WF1032) where a function was expected and something else came."""
    if not callable(f):
        raise errors.WrongArgumentError("WF1032", f"{what} takes a function, not a {type(f).__name__}.")
