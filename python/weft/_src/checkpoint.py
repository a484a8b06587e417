"""`checkpoint`: what a function computes is not kept for its derivative but computed again.

Decides how a policy is said: as an attribute of the private function that the user's becomes; linearizing a call of it
follows the policy (lib/Transforms/Linearize.cpp). Arguments are always kept, and so is what the function reads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from weft._src import _weft, leaves, trace, transforms
from weft._src.errors import ArgumentValueError, api_boundary
from weft._src.leaves import name_of, strong
from weft._src.trace import Tracer, as_tracer, emit
from weft._src.transforms import Transformed

_POLICIES = ("nothing", "everything", "dots")


def checkpoint(f: Callable[..., Any] | None = None, *, policy: str | Iterable[str] = "nothing") -> Any:
    """The same function, whose intermediate values are computed again when its derivative needs them.

    Args:
        f: takes and returns containers of arrays. Without it: a decorator.
        policy: what is kept all the same: "nothing" (the default; arguments are always kept), "everything", "dots" (the
            results of matrix products and convolutions), or the names given to values by `checkpoint_name`.

    Returns:
        A function with the values and derivatives of `f`, in any nesting. Only reverse mode keeps less: forward mode
        has nothing to keep.

    Raises:
        ArgumentValueError: WF1309 for another policy.

    >>> import weft as wf
    >>> float(wf.grad(wf.checkpoint(lambda x: wf.sin(wf.sin(x))))(0.0))
    1.0
    >>> @wf.checkpoint(policy=["hidden"])
    ... def layer(x):
    ...     return wf.exp(wf.checkpoint_name(wf.sin(x), "hidden"))
    >>> float(wf.grad(layer)(0.0))
    1.0
    """
    if f is None:
        return functools.partial(checkpoint, policy=policy)
    if isinstance(policy, str):
        if policy not in _POLICIES:
            raise ArgumentValueError("WF1309", f"there is no policy {policy!r}.")
    else:
        policy = tuple(policy)
        if not all(isinstance(name, str) for name in policy):
            raise ArgumentValueError("WF1309", f"{policy!r} are not names.")
    return Transformed(f, functools.partial(_checkpoint, f, policy), "checkpoint")


def _checkpoint(f: Callable[..., Any], policy: str | tuple[str, ...], /, *args: Any, **kwargs: Any) -> Any:
    flat, tree = leaves.flatten((args, kwargs))
    values = [strong(x) if _is_array(x) else None for x in flat]

    def on_leaves(tracers: list[Tracer]) -> Any:
        rest = iter(tracers)
        inner, named = tree.unflatten([x if v is None else next(rest) for x, v in zip(flat, values, strict=True)])
        return f(*inner, **named)

    arrays = [v for v in values if v is not None]
    traced = transforms.trace_leaves(on_leaves, [v.spec for v in arrays], name_of(f), keeps_state=True, at=arrays)
    builder = arrays[0].scope.trace.builder if arrays else trace.current().trace.builder
    attribute = (
        builder.attribute("str", policy)
        if isinstance(policy, str)
        else builder.attribute("array", [builder.attribute("str", name) for name in policy])
    )
    builder.set_attribute(traced.function.op, "weft.checkpoint", attribute)
    made = trace.call(traced.function, arrays)
    transforms.keep_state(traced, made)
    return transforms.split_results(traced, made)[0]


def _is_array(x: Any) -> bool:
    """Python numbers stay what they are: they may say sizes and axes."""
    return isinstance(x, (Tracer, _weft.Array)) or (hasattr(x, "dtype") and hasattr(x, "shape"))


@api_boundary
def checkpoint_name(x: Any, name: str) -> Any:
    """The same value, under a name that policies of `checkpoint` know.

    Args:
        x: an array or number.
        name: any text.

    >>> import weft as wf
    >>> float(wf.checkpoint_name(2.0, "half way"))
    2.0
    """
    if trace.current() is None:
        return x
    tracer = as_tracer(x)
    return emit("checkpoint_name", [tracer], label=name, weak=tracer.weak_type)
