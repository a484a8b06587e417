"""`custom_jvp` and `custom_vjp`: functions with derivative rules of the user's.

Decides how the rules become attributes of the private function that the user's becomes: `weft.jvp`, or `weft.fwd` and
`weft.bwd` (lib/Transforms/CustomRules.cpp says what they mean). The function and its rules are traced together, once
for each signature; what any of them reads from outside becomes a trailing argument of all. A rule may call its
function: that is a call of the same private function, so the rule holds there too.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from weft._src import leaves, state, trace, transforms
from weft._src.errors import DerivativeError, TreeError, WrongArgumentError
from weft._src.leaves import inexact, name_of, strong
from weft._src.pytree import TreeDef
from weft._src.trace import Spec, TracedFunction, Tracer
from weft._src.transforms import Transformed, checked_argnums


class custom_jvp(Transformed):
    """A function with a forward-mode rule of its own; reverse mode is the rule's transpose.

    Args:
        f: takes positional arguments, containers of arrays; returns containers of arrays.
        nondiff_argnums: positions of arguments that are handed to the rule as they are: functions, text, options.
            Nothing is differentiated by them.

    The rule is given by `defjvp`; it is linear in the tangents.

    Raises, when called:
        DerivativeError: WF1307 where the rule does not fit, WF1308 where there is none; WF3004 where it is not linear
            in the tangents, WF3011 for a derivative by a value that the function merely reads.

    >>> import weft as wf
    >>> @wf.custom_jvp
    ... def log1pexp(x):
    ...     return wf.log1p(wf.exp(x))
    >>> @log1pexp.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return log1pexp(x), t * (1 - 1 / (1 + wf.exp(x)))
    >>> float(wf.grad(log1pexp)(100.0))
    1.0
    """

    def __init__(self, f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()):
        self._nondiff = _nondiff(nondiff_argnums)
        super().__init__(f, functools.partial(_no_rule, "custom_jvp", "defjvp"), "custom_jvp")

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Sets the rule: `rule(*nondiff, primals, tangents) -> (value, tangent)`.

        Args:
            rule: gets the arguments that are not differentiated, a tuple of the others, and a tuple of their tangents
                in the same containers: zeros for what does not vary, None for leaves that are not floating.

        Returns:
            The rule, so that this is a decorator.
        """
        leaves.check_callable(rule, "defjvp")
        self.rules = (rule,)
        self.traced = functools.partial(_call_jvp, self.__wrapped__, rule, self._nondiff)
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Sets the rule by one function for each argument, for a function of one result.

        Args:
            rules: each `rule(tangent, value, *primals) -> tangent of the value`; None where the derivative is zero.
        """

        def rule(primals: tuple, tangents: tuple) -> tuple:
            value = self(*primals)
            parts = [r(t, value, *primals) for r, t in zip(rules, tangents, strict=True) if r is not None]
            return value, functools.reduce(lambda a, b: a + b, parts) if parts else value * 0

        self.defjvp(rule)


class custom_vjp(Transformed):
    """A function with a reverse-mode rule of its own; forward mode is the transpose of `bwd`, which must then be
    linear.

    Args: as for `custom_jvp`.

    The rules are given by `defvjp`.

    Raises, when called: as for `custom_jvp`; WF3004 where forward mode is asked for and `bwd` is not linear.

    >>> import weft as wf
    >>> @wf.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, g: (wf.clip(g, -1.0, 1.0),))
    >>> float(wf.grad(lambda x: 5 * clipped(x))(2.0))
    1.0
    """

    def __init__(self, f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()):
        self._nondiff = _nondiff(nondiff_argnums)
        super().__init__(f, functools.partial(_no_rule, "custom_vjp", "defvjp"), "custom_vjp")

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Sets the rules.

        Args:
            fwd: takes the arguments of the function; returns (value, residuals). Residuals are any containers; arrays
                in them are kept for `bwd`, other objects are handed to it as they are.
            bwd: `bwd(*nondiff, residuals, cotangent)` returns a tuple with one cotangent for each other argument, in
                its containers; None stands for zeros. Leaves of the value that are not floating have the cotangent
                None.
        """
        for rule in (fwd, bwd):
            leaves.check_callable(rule, "defvjp")
        self.rules = (fwd, bwd)
        self.traced = functools.partial(_call_vjp, self.__wrapped__, fwd, bwd, self._nondiff)


def _nondiff(argnums: Any) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    return tuple(checked_argnums(numbers)) if numbers else ()


def _no_rule(what: str, define: str, /, *args: Any, **kwargs: Any) -> Any:
    raise DerivativeError("WF1308", f"this {what} has no rule; call {define} first.")


# ------------------------------------------------------------------------------------------------------------- a call


class _Made(NamedTuple):
    """A private function with rules, for one signature."""

    statics: tuple
    function: TracedFunction
    out_tree: TreeDef
    seen: list[tuple[state.Variable, Any]]  # Variables and their values when it was traced


class _Call:
    """A call taken apart: the arguments that are not differentiated, and the leaves of the others."""

    def __init__(self, f: Callable[..., Any], nondiff: tuple[int, ...], args: tuple, kwargs: dict[str, Any]):
        if kwargs:
            try:
                bound = inspect.signature(f).bind(*args, **kwargs)
            except TypeError as err:
                raise WrongArgumentError("WF1032", f"{name_of(f)}: {err}") from None
            bound.apply_defaults()
            if bound.kwargs:
                raise WrongArgumentError("WF1032", f"{name_of(f)} has arguments by keyword only: a rule has none.")
            args = bound.args
        self.f, self.count = f, len(args)
        self.fixed = [n % len(args) for n in nondiff if -len(args) <= n < len(args)]
        self.statics = tuple(args[i] for i in sorted(self.fixed))
        self.names = [n for i, n in enumerate(leaves.signature_paths(f, args)) if i not in self.fixed]
        flat, self.tree = leaves.flatten(tuple(a for i, a in enumerate(args) if i not in self.fixed))
        self.values = [strong(x) for x in flat]
        self.specs = [v.spec for v in self.values]
        self.real = [inexact(s.dtype) for s in self.specs]

    def arguments(self, tracers: Sequence[Any]) -> list[Any]:
        """All arguments, with these leaves."""
        statics, others = iter(self.statics), iter(self.tree.unflatten(tracers))
        return [next(statics) if i in self.fixed else next(others) for i in range(self.count)]

    def with_none(self, values: Sequence[Any]) -> tuple:
        """One value for each floating leaf, in the containers of the arguments; None at the others."""
        rest = iter(values)
        return self.tree.unflatten([next(rest) if real else None for real in self.real])


def _call_jvp(f: Any, rule: Any, nondiff: tuple[int, ...], /, *args: Any, **kwargs: Any) -> Any:
    call = _Call(f, nondiff, args, kwargs)
    return _called(call, functools.partial(_trace_jvp, call, rule))


def _call_vjp(f: Any, fwd: Any, bwd: Any, nondiff: tuple[int, ...], /, *args: Any, **kwargs: Any) -> Any:
    call = _Call(f, nondiff, args, kwargs)
    return _called(call, functools.partial(_trace_vjp, call, fwd, bwd))


def _called(call: _Call, trace_rules: Callable[[_Traced], list[_Rule]]) -> Any:
    """A call of the private function that has the rules."""
    scope = trace.current()
    assert scope is not None
    known = scope.trace.functions.setdefault(("custom", call.f, tuple(call.specs), call.tree), [])
    for made in known:
        same = len(made.statics) == len(call.statics) and all(
            a is b for a, b in zip(made.statics, call.statics, strict=True)
        )
        inside = all(t.scope.encloses(scope) for t in made.function.captures)
        if same and inside and state.unchanged(made.seen, scope):  # Variables may have other values by now
            return made.out_tree.unflatten(trace.call(made.function, call.values))
    traced = transforms.trace_leaves(
        lambda ts: call.f(*call.arguments(ts)), call.specs, name_of(call.f), at=call.values
    )
    captures = list(traced.function.captures)
    while True:
        function = _closed(traced.function, call.specs, captures, lambda made, _: made)
        known.append(_Made(call.statics, function, traced.out_tree, state.snapshot(state.known(scope), scope)))
        try:
            rules = trace_rules(_Traced(traced, captures))
        except BaseException:
            known.pop()
            raise
        found = {t.value for t in captures}
        # What a rule reads beside becomes an argument of the function; its calls in the rules have it then.
        new = [t for r in rules for t in r.function.captures if t.value not in found and not found.add(t.value)]
        if not new:
            break
        known.pop()
        captures += new
    known[-1] = known[-1]._replace(seen=state.snapshot(state.known(scope), scope))  # what the rules read too
    builder = scope.trace.builder
    for r in rules:
        closed = r.close(captures)
        builder.set_attribute(function.op, r.attribute, builder.attribute("symbol", closed.symbol))
    return traced.out_tree.unflatten(trace.call(function, call.values))


class _Traced(NamedTuple):
    """The function without rules, and what it and its rules read from outside."""

    body: Any
    captures: list[Tracer]


class _Rule(NamedTuple):
    """A rule as it was traced; `close` makes the function that takes what all read as arguments."""

    attribute: str
    function: TracedFunction
    close: Callable[[list[Tracer]], TracedFunction]


def _closed(
    function: TracedFunction,
    before: Sequence[Spec],
    captures: Sequence[Tracer],
    results: Callable[[list[Tracer], list[Tracer]], list[Tracer]],
    after: Sequence[Spec] = (),
    kept: Sequence[Tracer] | None = None,
) -> TracedFunction:
    """The function of `before`, `captures` (or those of them in `kept`) and `after`, without captures of its own: calls
    `function`, which takes `before`, `after` and what it captures. `results` sees its results and the captures."""
    kept = captures if kept is None else kept
    middle = [Spec(t.shape, t.dtype) for t in kept]

    def body(*tracers: Tracer) -> list[Tracer]:
        n, m = len(before), len(kept)
        inner = dict(zip((t.value for t in kept), tracers[n : n + m], strict=True))
        operands = [*tracers[:n], *tracers[n + m :], *(inner[t.value] for t in function.captures)]
        made = trace.emit(
            "call", operands, callee=function.symbol, results=[(r.shape, r.dtype) for r in function.results]
        )
        return results(made, list(tracers[n : n + m]))

    made = trace.function(body, [*before, *middle, *after], function.symbol)
    assert not made.captures
    return made._replace(arguments=tuple(before), captures=tuple(kept))


# -------------------------------------------------------------------------------------------------------------- rules


def _trace_jvp(call: _Call, rule: Any, traced: _Traced) -> list[_Rule]:
    body = traced.body
    tangents = [s for s, real in zip(call.specs, call.real, strict=True) if real]
    n = len(call.specs)

    def on_leaves(*tracers: Tracer) -> list[Tracer]:
        primals = call.tree.unflatten(tracers[:n])
        out = rule(*call.statics, primals, call.with_none(tracers[n:]))
        value, tangent = _pair(out, "the rule", "(value, tangent)")
        flat = _fitting(body.out_tree, value, body.outs, "the rule's value")
        try:
            return flat + transforms.matching(body.out_tree, tangent, body.outs, "tangent")
        except DerivativeError as err:
            raise DerivativeError("WF1307", f"the rule's {err.message}") from None

    function = trace.function(on_leaves, [*call.specs, *tangents], name_of(rule))
    return [_Rule("weft.jvp", function, lambda u: _closed(function, call.specs, u, lambda made, _: made, tangents))]


def _trace_vjp(call: _Call, fwd: Any, bwd: Any, traced: _Traced) -> list[_Rule]:
    body, residual_tree, kept_as_is = traced.body, [], []

    def forward(*tracers: Tracer) -> list[Tracer]:
        out = fwd(*call.arguments(tracers))
        value, residuals = _pair(out, "fwd", "(value, residuals)")
        flat, tree = leaves.flatten(residuals)
        arrays = [_array(x) for x in flat]
        residual_tree[:] = [tree]
        kept_as_is[:] = [None if a is not None else (x,) for x, a in zip(flat, arrays, strict=True)]
        return _fitting(body.out_tree, value, body.outs, "the value of fwd") + [a for a in arrays if a is not None]

    first = trace.function(forward, call.specs, name_of(fwd))
    specs = list(first.results[len(body.outs) :])
    cotangents = [s for s in body.outs if inexact(s.dtype)]

    def backward(*tracers: Tracer) -> list[Tracer]:
        rest, given = iter(tracers[: len(specs)]), iter(tracers[len(specs) :])
        residuals = residual_tree[0].unflatten([next(rest) if x is None else x[0] for x in kept_as_is])
        cotangent = body.out_tree.unflatten([next(given) if inexact(s.dtype) else None for s in body.outs])
        return _cotangents(call, bwd(*call.statics, residuals, cotangent))

    second = trace.function(backward, [*specs, *cotangents], name_of(bwd))
    read = list(second.captures)

    def close_first(u: list[Tracer]) -> TracedFunction:
        places = [next(i for i, t in enumerate(u) if t.value == r.value) for r in read]
        return _closed(first, call.specs, u, lambda made, inner: [*made, *(inner[i] for i in places)])

    def close_second(u: list[Tracer]) -> TracedFunction:
        return _closed(second, specs, u, lambda made, _: made, cotangents, kept=read)

    return [_Rule("weft.fwd", first, close_first), _Rule("weft.bwd", second, close_second)]


def _pair(out: Any, who: str, what: str) -> tuple:
    if not isinstance(out, tuple) or len(out) != 2:
        said = f"a tuple of {len(out)}" if isinstance(out, tuple) else f"a {type(out).__name__}"
        raise DerivativeError("WF1307", f"{who} returned {said}, not {what}.")
    return out


def _array(x: Any) -> Tracer | None:
    """A residual as a traced value; None for an object that is handed on."""
    is_array = isinstance(x, Tracer) or (hasattr(x, "dtype") and hasattr(x, "shape"))
    return strong(x) if is_array else None


def _fitting(tree: TreeDef, value: Any, specs: Sequence[Spec], what: str) -> list[Tracer]:
    """The leaves of a value that a rule returns in place of the function."""
    try:
        flat = tree.flatten_up_to(value, name=what, first="the function's value")
    except TreeError as err:
        raise DerivativeError("WF1307", err.message) from None
    out = []
    for x, spec, path in zip(flat, specs, tree.paths(what), strict=True):
        out.append(_like(x, spec, path, "the function's"))
    return out


def _like(x: Any, spec: Spec, path: str, whose: str) -> Tracer:
    """`x` as a value of a spec."""
    try:
        tracer = trace.as_tracer(x)
    except WrongArgumentError:
        raise DerivativeError("WF1307", f"{path} is a {type(x).__name__}; {whose} is {spec}.") from None
    if tracer.weak_type:
        tracer = trace.cast(tracer, spec.dtype)
    if tracer.shape != spec.shape or tracer.dtype is not spec.dtype:
        raise DerivativeError("WF1307", f"{path} is {tracer.spec}; {whose} is {spec}.")
    return tracer


def _cotangents(call: _Call, out: Any) -> list[Tracer]:
    """One cotangent for each floating leaf of the arguments, from what `bwd` returned."""
    trees = call.tree.children
    if not isinstance(out, (tuple, list)) or len(out) != len(trees):
        said = f"{len(out)} entries" if isinstance(out, (tuple, list)) else f"a {type(out).__name__}"
        raise DerivativeError("WF1307", f"bwd returned {said}, not a tuple with one cotangent for each of {len(trees)} "
                              "arguments.")  # fmt: skip
    flat: list[Any] = []
    for tree, part, name in zip(trees, out, call.names, strict=True):
        if part is None:
            flat += [None] * tree.num_leaves
            continue
        try:
            flat += tree.flatten_up_to(part, name=f"bwd's cotangent of {name}", first="the argument")
        except TreeError as err:
            raise DerivativeError("WF1307", err.message) from None
    paths = [p for tree, name in zip(trees, call.names, strict=True) for p in tree.paths(name)]
    made = []
    for x, spec, real, path in zip(flat, call.specs, call.real, paths, strict=True):
        if not real:
            if x is not None:
                raise DerivativeError("WF1307", f"bwd's cotangent of {path}, which is {spec}, must be None.")
            continue
        if x is None:
            made.append(leaves.filled(spec, 0.0))
            continue
        made.append(_like(x, spec, f"bwd's cotangent of {path}", "the argument"))
    return made
