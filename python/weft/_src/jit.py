"""`jit`: a Python function as one native program for each signature, and its stages as objects.

Decides when a call traces anew: when the structure, dtype, shape or weak bit of its arguments, a static value, or
something that the function reads (guards.py) is one that was not seen yet. The path of a call is in C++
(python/src/JitFunction.cpp); what stands here runs on its misses, and inside other traces, where a jitted function
becomes one called function.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import threading
import time
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from weft._src import (
    _weft,
    array,
    barrier,
    cache,
    compiler,
    debug,
    dtypes,
    explain,
    guards,
    implicit,
    leaves,
    manifest,
    purity,
    pytree,
    source,
    state,
    tiers,
    trace,
)  # fmt: skip
from weft._src import dims as dims_
from weft._src.assumptions import Assumptions, assuming
from weft._src.compiler import Options
from weft._src.dims import Dim
from weft._src.errors import (
    ArgumentValueError,
    DonatedError,
    RecursiveTraceError,
    ShapeError,
    SizeError,
    WrongArgumentError,
    api_boundary,
)
from weft._src.trace import Spec, TracedProgram, Tracer

_MAX_VARIANTS = 16
"""Programs of one signature that are kept, where what the function reads changes all the time."""

Names = "str | int | Sequence[str | int] | None"


@api_boundary
def jit(
    f: Callable[..., Any] | None = None,
    *,
    static: Names = None,
    static_argnums: Names = None,
    static_argnames: Names = None,
    donate: Names = None,
    numerics: str = "default",
    threads: int | None = None,
    max_bytes: int | None = None,
    dims: Mapping[str, Any] | None = None,
    debug: str | None = None,
    allow_impure: bool = False,
    assume: Sequence[str] = (),
    compile_budget: float | None = None,
) -> Any:
    """Compiles a function of arrays to native code, once for each signature of its arguments.

    Args:
        f: takes and returns arrays, numbers, and containers of them. Without it: a decorator.
        static, static_argnums, static_argnames: arguments, by name or position, that are plain Python values: each
            value has its own program. They must be hashable.
        donate: arguments, by name or position, whose arrays the call may use up; they cannot be used afterwards.
        numerics: "strict", "default" or "fast".
        threads: how many threads a call uses; None: as many as there are.
        max_bytes: what a call should take of memory (`explain().peak_bytes`; a named size counts as 256). Captured
            arrays that are packed once and kept are given up for it, first what does not fit; the results, temporaries
            and scratch that the program needs are not, and `explain()` notes where they are more.
        dims: for arguments by name, a shape with named sizes, such as `{"x": (wf.Dim("B"), 4)}`: one program serves
            every size. None in a shape: the size that comes. For a container of arrays: a container of such shapes.
        debug: "lines" writes your lines into the native code's line table, for debuggers and profilers.
        allow_impure: lets the function read the clock, random state, files and the environment while it is traced, and
            write to what it captures; a compiled call does none of it again.
        assume: what holds for named sizes, such as `["B >= 1", "S mod 8 == 0"]`: comparisons that this settles need no
            guard, and a call that it does not hold for is refused (WF1403).
        compile_budget: seconds that a first call may compile before it answers. What is not compiled by then is made
            of a quick tier, whose code gives the same bits and runs several times slower, while a thread makes the full
            tier, which later calls take. None: the first call waits for the full tier.

    Returns:
        A function that does the same, with the methods of `Jitted` (`trace`, `lower`, ...).

    Raises:
        ArgumentValueError: WF1902 for a bad option, WF1210 for an argument that `f` does not have.

    >>> from weft._src.trace import emit
    >>> @jit
    ... def double(x): return emit("add", [x, x])
    >>> np.asarray(double(np.float32([1, 2])))
    array([2., 4.], dtype=float32)
    """
    if f is None:
        return functools.partial(
            jit,
            static=static,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
            donate=donate,
            numerics=numerics,
            threads=threads,
            max_bytes=max_bytes,
            dims=dims,
            debug=debug,
            allow_impure=allow_impure,
            assume=assume,
            compile_budget=compile_budget,
        )
    if not callable(f):
        raise WrongArgumentError("WF1208", f"jit takes a function, not a {type(f).__name__}.")
    statics = [*_listed(static), *_listed(static_argnums), *_listed(static_argnames)]
    opts = compiler.options(numerics, threads, debug=debug, max_bytes=max_bytes)
    impl = Jitted(f, statics, _listed(donate), opts, dims)
    impl.allow_impure = allow_impure
    impl.assume = Assumptions([assume] if isinstance(assume, str) else assume)
    impl.compile_budget = compiler.checked_budget(compile_budget)
    positions = sum(1 << i for i in impl.static if i < 64)
    fast = _weft.JitFunction(impl, positions, tuple(sorted(impl.static_names)), impl.takes_self)
    impl.fast = fast
    functools.update_wrapper(fast, f)
    return fast


def _listed(names: Any) -> list[Any]:
    if names is None:
        return []
    return [names] if isinstance(names, (str, int)) else list(names)


class _Call(NamedTuple):
    """The arguments of one call, taken apart."""

    leaves: list[Any]
    tree: pytree.TreeDef
    statics: tuple  # (position or name, value)
    specs: tuple[Spec, ...]
    paths: tuple[str, ...]
    donated: tuple[int, ...]  # leaves
    static: frozenset[int]  # the positions that are static in this call

    def sizes(self) -> dict[str, int]:
        """The numbers of the named sizes in this call, where its arguments are arrays."""
        pairs = zip(self.specs, self.leaves, strict=True)
        return dims_.solve(
            (size, n)
            for spec, x in pairs
            if spec.shape and not isinstance(x, Spec)
            for size, n in zip(spec.shape, x.shape, strict=True)
            if isinstance(n, int)
        )

    @property
    def key(self) -> Any:
        # The type stands beside the value: 1, 1.0 and True are equal.
        return self.tree, _spec_key(self.specs), tuple((n, type(v), v) for n, v in self.statics)


class _Self:
    """The object that a jitted method belongs to, as a static value: it is what it is, whatever its `==` says."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Self) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


def _spec_key(specs: Sequence[Spec]) -> tuple:
    return tuple((tuple(str(n) for n in s.shape), s.dtype.code, s.weak) for s in specs)


class _Variant(NamedTuple):
    """One program of a signature, and under what conditions it holds."""

    reads: guards.Reads
    captured: list[Any]
    captured_specs: tuple[Spec, ...]
    out_tree: pytree.TreeDef
    compiled: compiler.Compiled
    kept: Any  # what the program keeps of the captured arrays (_weft.Kept)
    updates: Sequence[tuple[int, int]]
    answers: Sequence[dims_.Answer]
    double: Any  # the line of the first op on float64, for explain; a list, or what gives it
    unkeyed: str | None = None  # why the next process has to trace
    traced_ms: float = 0.0
    unfinished: str | None = None  # why there is no full tier

    def finish(self, values: list[Any]) -> Any:
        """The results in the containers of the function, once the Variables that it wrote have their new values."""
        return _finish(values, self.out_tree, self.updates, self.captured)

    def holds(self, call: _Call) -> bool:
        if self.answers and not all(a.again(call.sizes()) for a in self.answers):
            return False
        same = _spec_key([trace.spec_of(x) for x in self.captured]) == _spec_key(self.captured_specs)
        return same and guards.hold(self.reads.guards)


def _finish(values: list[Any], tree: pytree.TreeDef, updates: Sequence[tuple[int, int]], captured: list[Any]) -> Any:
    for result, number in updates:
        captured[number]._replace(values[result])
    return tree.unflatten(values[: tree.num_leaves])


class Jitted:
    """What stands behind a jitted function: its options, its programs, and the stages.

    Attributes:
        f: the Python function. options: what it is compiled for. static: the positions that are static.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        statics: list[Any],
        donate: list[Any],
        opts: Options,
        dims: Mapping[str, Any] | None = None,
    ):
        self.f = f
        self.options = opts
        try:
            self._signature: inspect.Signature | None = inspect.signature(f)
        except (TypeError, ValueError):  # some built-in functions have none
            self._signature = None
        self.static, self.static_names = self._named(statics, "static")
        self.donated, self.donated_names = self._named(donate, "donate")
        self._named(list(dims or {}), "dims")
        self.dims = dict(dims or {})
        first = next(iter(self._signature.parameters), None) if self._signature else None
        # A method decorated in its class: the object it is called on is static, by identity, unless it is a container.
        self.takes_self = first == "self" and 0 not in self.static
        self.unchecked_reads: list[str] = []  # of the last trace
        self.fast: Any = None
        self._variants: dict[Any, list[_Variant]] = {}
        self.allow_impure = False
        self.one_kernel = False  # `wf.fuse`
        self.assume = Assumptions()
        self.compile_budget: float | None = None
        self._changing = threading.Lock()  # held where the program of a signature is installed or exchanged
        self.misses: list[str] = []  # why each trace was made, for explain

    def _named(self, items: list[Any], option: str) -> tuple[frozenset[int], frozenset[str]]:
        """Positions and names of arguments, each given by either."""
        positions, names = set(), set()
        parameters = list(self._signature.parameters.values()) if self._signature else []
        known = {p.name: i for i, p in enumerate(parameters)}
        for item in items:
            if isinstance(item, str):
                names.add(item)
                if item in known:
                    if parameters[known[item]].kind is not inspect.Parameter.KEYWORD_ONLY:
                        positions.add(known[item])
                elif not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
                    raise ArgumentValueError("WF1210", f"{option}: the function has no argument {item!r}.")
            else:
                position = item + len(parameters) if item < 0 else item
                variadic = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
                if position < 0 or (self._signature and position >= len(parameters) and not variadic):
                    raise ArgumentValueError("WF1210", f"{option}: the function has no argument number {item}.")
                positions.add(position)
                if position < len(parameters):
                    names.add(parameters[position].name)
        return frozenset(positions), frozenset(names)

    # ------------------------------------------------------------------------------------------------ taking apart

    def _take_apart(self, args: tuple, kwargs: dict[str, Any]) -> _Call:
        self._check_arguments(args, kwargs)
        static = self.static
        statics: list[tuple[Any, Any]] = [(i, x) for i, x in enumerate(args) if i in static]
        if self.takes_self and args and _is_opaque(args[0]):
            static = static | {0}
            statics = [(0, _Self(args[0])), *statics]
        statics += [(k, x) for k, x in sorted(kwargs.items()) if k in self.static_names]
        for name, value in statics:
            try:
                hash(value)
            except TypeError:
                raise WrongArgumentError(
                    "WF1209", f"the static argument {name!r} is a {type(value).__name__}, which is not hashable."
                ) from None
        positional = tuple(x for i, x in enumerate(args) if i not in static)
        named = {k: x for k, x in kwargs.items() if k not in self.static_names}
        leaves, tree = pytree.flatten((positional, named), lambda x: isinstance(x, Spec))
        names = [n for i, n in enumerate(self._names(len(args))) if i not in static]
        paths: list[str] = []
        donated: list[int] = []
        shapes: list[Any] = []
        donated_now = {i - sum(s < i for s in static) for i in self.donated if i not in static}
        for part, name, is_donated in (
            *((x, n, i in donated_now) for i, (x, n) in enumerate(zip(positional, names, strict=True))),
            *((named[k], k, k in self.donated_names) for k in sorted(named)),
        ):
            structure = pytree.structure(part, lambda x: isinstance(x, Spec))
            if is_donated:
                donated += range(len(paths), len(paths) + structure.num_leaves)
            paths += structure.paths(name)
            shapes += _shapes(self.dims[name], structure, name) if name in self.dims else [None] * structure.num_leaves
        leaves = [self._leaf(x, path) for x, path in zip(leaves, paths, strict=True)]
        specs = tuple(trace.spec_of(x) for x in leaves)
        if self.dims:
            specs = tuple(_with_shape(*x) for x in zip(specs, shapes, paths, strict=True))
        call = _Call(leaves, tree, tuple(statics), specs, tuple(paths), tuple(donated), static)
        if self.assume.items:  # a shape that was there before does not come here again
            self.assume.check(call.sizes())
        return call

    def _check_arguments(self, args: tuple, kwargs: dict[str, Any]) -> None:
        """Raises WF1601 where the function cannot be called so."""
        if self._signature is None:
            return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as err:
            name = getattr(self.f, "__name__", "the function")
            shown = ", ".join(str(p) for p in self._signature.parameters.values())
            raise WrongArgumentError("WF1601", f"{name}({shown}): {err}.") from None

    def _names(self, count: int) -> list[str]:
        names: list[str] = []
        for p in self._signature.parameters.values() if self._signature else ():
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                names.append(p.name)
            elif p.kind is p.VAR_POSITIONAL:
                names += [f"{p.name}[{i}]" for i in range(count - len(names))]
        return (names + [f"x{i}" for i in range(len(names), count)])[:count]

    @staticmethod
    def _leaf(x: Any, path: str) -> Any:
        if isinstance(x, Tracer) and trace.current() is None:
            raise trace.leaked(x)
        if isinstance(x, int):
            dtypes.check_scalar(x, dtypes.int64)
        if isinstance(x, np.ndarray) and not x.dtype.isnative:
            return array.from_numpy(x)
        if isinstance(x, (Tracer, Spec, bool, int, float, np.ndarray)) and not isinstance(x, np.generic):
            return x
        if isinstance(x, array.Array):
            if x.is_deleted:
                raise DonatedError("WF1606", f"{path} was donated to a call, which has used its memory.")
            return x
        if isinstance(x, np.generic) or hasattr(x, "__dlpack__"):
            return array.asarray(x)
        raise WrongArgumentError(
            "WF1208", f"{path} is a {type(x).__name__}, which is no array, number or container of them.",
            hint="name it in `static` if it is a plain Python value.",
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------- slow calls

    @api_boundary
    def miss(self, args: tuple, kwargs: dict[str, Any]) -> Any:
        """The path of a call that C++ did not know: traces and compiles where needed, runs, and tells C++."""
        if implicit.jit_disabled() and trace.current() is None:
            return self.f(*args, **kwargs)
        call = self._take_apart(args, kwargs)
        if trace.current() is not None:
            return self._called(call, args, kwargs)
        variant = self._find(call)
        if variant is None:
            variant = self._made(call, args, kwargs)
        with self._changing:  # the full tier may come meanwhile
            variant = next((v for v in self._variants[call.key] if v.reads is variant.reads), variant)
            # While its arguments are still there: a donated one is gone after the call.
            self._install(call, variant, args, kwargs)
        self._check_donated(call, variant)
        values = variant.compiled.program([*call.leaves, *variant.captured], variant.kept)
        for i in call.donated:
            if isinstance(call.leaves[i], array.Array):
                call.leaves[i]._delete()
        if variant.compiled.finish is not None:  # now, when the first call no longer wants the cores
            tiers.WORKER.add(functools.partial(self._finish, call.key, variant))
        return variant.finish(values)

    def prepared(self, args: tuple, kwargs: dict[str, Any]) -> tuple[_Call, _Variant]:
        """The program of a call with such arguments, made if there is none yet; nothing is run."""
        call = self._take_apart(args, kwargs)
        variant = self._find(call)
        if variant is None:
            variant = self._made(call, args, kwargs)
        return call, variant

    def _made(self, call: _Call, args: tuple, kwargs: dict[str, Any]) -> _Variant:
        """A new program for such calls."""
        reads = self._reads(call, args)
        key, unkeyed = self._key(call, reads)
        shown = debug.wanted()
        variant = self._loaded(call, key) if key and not shown else None
        if variant is None:
            begin, looks = time.perf_counter(), _weft.looks()
            traced = self._trace(call, args, kwargs, reads)
            took = (time.perf_counter() - begin) * 1e3
            if shown:
                debug.before_compiling(shown, traced.module, self.options, leaves.name_of(self.f))
            variant = self._compile(call, traced, key, unkeyed, looks)._replace(traced_ms=took)
            if shown:
                debug.after_compiling(shown, explain.Explanation(self, call, variant))
        if self.one_kernel:
            barrier.check_one_kernel(explain.Explanation(self, call, variant))
        known = self._variants.setdefault(call.key, [])
        known.append(variant)
        del known[:-_MAX_VARIANTS]
        return variant

    def _finish(self, key: Any, variant: _Variant) -> None:
        """Puts the full tier in the place of the quick one; where it does not compile, the quick one stays."""
        known = self._variants.get(key, [])
        if not any(other is variant for other in known):
            return  # finished, or forgotten
        quick = variant.compiled
        assert quick.finish is not None
        try:
            full = quick.finish()
        except Exception as err:
            better = variant._replace(compiled=quick._replace(finish=None), unfinished=str(err))
        else:
            full.program.names = quick.program.names
            # What the one keeps of captured arrays is what the other would: they have one plan.
            better = variant._replace(compiled=full)
        with self._changing:
            self.fast._exchange(quick.program, better.compiled.program)
            known[:] = [better if other is variant else other for other in known]

    def _find(self, call: _Call) -> _Variant | None:
        for variant in self._variants.get(call.key, ()):
            if variant.holds(call):
                return variant
        return None

    def _check_donated(self, call: _Call, variant: _Variant) -> None:
        others = [*call.leaves, *variant.captured]
        for i in call.donated:
            if sum(x is call.leaves[i] for x in others) > 1 and isinstance(call.leaves[i], array.Array):
                raise WrongArgumentError("WF1607", f"{call.paths[i]} is donated, and passed or read a second time.")

    def _install(self, call: _Call, variant: _Variant, args: tuple, kwargs: dict[str, Any]) -> None:
        """Tells C++ the program for such calls; those that need Python each time are left."""
        template = variant.out_tree.unflatten(range(variant.out_tree.num_leaves))
        if not _plain(template):
            return
        counter = [0]
        order: list[int] = []
        for i, x in enumerate(args):
            if i not in call.static and not _order(x, counter, order):
                return
        by_name: dict[str, list[int]] = {}
        for name, x in kwargs.items():
            if name not in self.static_names and not _order(x, counter, by_name.setdefault(name, [])):
                return
        for name in sorted(by_name):
            order += by_name[name]
        now = guards.current(variant.reads.guards)
        self.fast._install(
            args,
            kwargs,
            variant.compiled.program,
            order,
            variant.captured,
            variant.kept,
            now,
            [order[i] for i in call.donated],
            template,
            variant.updates,
        )

    # ---------------------------------------------------------------------------------------------------- tracing

    def _rebuild(self, call: _Call, tracers: Sequence[Any], args: tuple, kwargs: dict[str, Any]) -> tuple[list, dict]:
        """The function's arguments with tracers in place of leaves."""
        positional, named = call.tree.unflatten(tracers)
        rest = iter(positional)
        full = [x if i in call.static else next(rest) for i, x in enumerate(args)]
        return full, {k: x if k in self.static_names else named[k] for k, x in kwargs.items()}

    def _reads(self, call: _Call, args: tuple) -> guards.Reads:
        """What a call reads, as things are now."""
        names = self._names(len(args))
        values = {
            n if isinstance(n, str) else names[n]: getattr(v, "value", v) if isinstance(v, _Self) else v
            for n, v in call.statics
        }
        return guards.reads_of(self.f, values)

    def _key(self, call: _Call, reads: guards.Reads) -> tuple[manifest.Key | None, str | None]:
        """What a call is found by in the persistent cache; or why it is not."""
        if cache.store() is None or self.options.debug:
            return None, None
        if self.allow_impure:
            return None, "it may be impure"
        plain = [(n, v) for n, v in call.statics if not isinstance(v, _Self)]
        parts = [repr(self.options), call.tree, _spec_key(call.specs), call.paths, call.donated]
        parts += [[str(a) for a in self.assume], plain]
        try:
            return manifest.Key(self.f, reads, parts, [v.value for _, v in call.statics if isinstance(v, _Self)]), None
        except manifest.Unkeyed as why:
            return None, str(why)

    def _loaded(self, call: _Call, key: manifest.Key) -> _Variant | None:
        """The program that another process made for such a call."""
        found = manifest.load(key, self.options, call.sizes())
        if found is None:
            return None
        self.misses.append(self._why(call))
        self.unchecked_reads = found.reads.unchecked
        specs = tuple(trace.spec_of(x) for x in found.captured)
        found.compiled.program.names = _argument_names(call, specs)
        return _Variant(
            found.reads, found.captured, specs, found.out_tree, found.compiled, _weft.Kept(), found.updates,
            found.answers, found.double,
        )  # fmt: skip

    def _why(self, call: _Call) -> str:
        """Why there is to be a new program."""
        known = self._variants.get(call.key)
        if not known:
            return "a new signature"
        if not all(a.again(call.sizes()) for a in known[-1].answers):
            return "a comparison of sizes came out otherwise"
        return "a value that the function reads changed"

    def _trace(self, call: _Call, args: tuple, kwargs: dict[str, Any], reads: guards.Reads) -> Traced:
        out_tree: list[pytree.TreeDef] = []

        def flat(*tracers: Tracer) -> list[Any]:
            full, named = self._rebuild(call, tracers, args, kwargs)
            leaves, tree = pytree.flatten(self.f(*full, **named))
            out_tree.append(tree)
            written = state.written()
            scope = trace.current()
            assert scope is not None
            # The new values of Variables are the last results; the old ones are hidden arguments, read or not.
            for i, (v, _) in enumerate(written):
                scope.trace.updates.append((len(leaves) + i, scope.trace.capture_number(v._array)))
            return [*leaves, *(value for _, value in written)]

        self.misses.append(self._why(call))
        try:
            watched = (
                contextlib.nullcontext(purity.Watch())
                if self.allow_impure
                else purity.watched(leaves.name_of(self.f), reads)
            )
            with watched as watch, assuming(*self.assume), dims_.answering(call.sizes()) as answers:
                program = trace.trace_program(
                    flat, call.specs, paths=call.paths, donated=call.donated, assume=[str(a) for a in self.assume]
                )
        except state.Written as stop:
            raise state.refused(stop) from None
        except RecursionError as err:
            if isinstance(err, RecursiveTraceError):
                raise
            raise _recursive(self.f, err) from None
        reads = guards.without_changed(reads)
        if watch.entered:
            reads = guards.with_entered(reads, watch.entered)
        self.unchecked_reads = reads.unchecked
        return Traced(self, call, program, out_tree[0], reads, answers, watch.entered)

    def _compile(
        self, call: _Call, traced: Traced, key: manifest.Key | None, unkeyed: str | None, looks: int
    ) -> _Variant:
        compiled = compiler.compile_module(
            traced.program.module, self.options, leaves.name_of(self.f), self.compile_budget
        )
        compiled.program.names = traced.names
        captured = traced.program.trace.captured
        specs = tuple(trace.spec_of(x) for x in captured)
        updates, answers = traced.program.trace.updates, traced.answers
        double: Any = functools.partial(explain.first_double, traced.module, call.specs)
        if key is not None:
            try:
                if traced.reads.unchecked:
                    raise manifest.Unkeyed(f"it changes {', '.join(traced.reads.unchecked)} while it is traced")
                found = manifest.Manifest(compiled, traced.reads, captured, traced.out_tree, updates, answers, double())
                manifest.save(key, found, traced.entered, looks, leaves.name_of(self.f))
            except manifest.Unkeyed as why:
                unkeyed = str(why)
        return _Variant(
            traced.reads, captured, specs, traced.out_tree, compiled, _weft.Kept(), updates, answers, double, unkeyed
        )

    def _called(self, call: _Call, args: tuple, kwargs: dict[str, Any]) -> Any:
        """Inside another trace: one function, traced once for each signature, and a call of it."""
        scope = trace.current()
        assert scope is not None
        if self.one_kernel:
            with trace.suspended():
                self.prepared(*self._rebuild(call, call.specs, args, kwargs))
            call = call._replace(leaves=barrier.nofuse(call.leaves))
        key = (id(self), call.key)
        found = scope.trace.functions.get(key)
        if found is _ACTIVE:
            raise _recursive(self.f)
        if (
            found is None
            or not all(t.scope.encloses(scope) for t in found[0].captures)
            or not state.unchanged(found[4], scope)  # Variables that it reads have other values by now
        ):
            out_tree: list[pytree.TreeDef] = []

            def flat(*tracers: Tracer) -> list[Any]:
                full, named = self._rebuild(call, tracers, args, kwargs)
                state.open_scope()
                leaves, tree = pytree.flatten(self.f(*full, **named))
                out_tree.append(tree)
                last = state.written()
                written.extend(v for v, _ in last)
                inner = trace.current()
                assert inner is not None
                reads.extend(inner.reads.values())
                return [*leaves, *(value for _, value in last)]

            written: list[state.Variable] = []
            reads: list[state.Variable] = []
            scope.trace.functions[key] = _ACTIVE
            try:
                traced = trace.function(flat, call.specs, getattr(self.f, "__name__", "f"))
            except SizeError as err:
                if err.code != "WF1410":
                    raise
                # A result has a size that only its own ops know: they are built in the caller's place.
                full, named = self._rebuild(call, [trace.fresh(trace.as_tracer(x)) for x in call.leaves], args, kwargs)
                return self.f(*full, **named)
            finally:
                del scope.trace.functions[key]
            # `self` is kept, so that its id stays its own while the trace lasts.
            seen = state.snapshot(reads, scope)
            found = scope.trace.functions[key] = (traced, out_tree[0], self, tuple(written), seen)
        results = trace.call(found[0], call.leaves)
        n = found[1].num_leaves
        state.assign(found[3], results[n:])
        whole = found[1].unflatten(results[:n])
        return barrier.nofuse(whole) if self.one_kernel else whole

    # ----------------------------------------------------------------------------------------------------- stages

    @api_boundary
    def trace(self, *args: Any, **kwargs: Any) -> Traced:
        """Traces the function for such arguments; arrays may be replaced by `spec(shape, dtype)`."""
        call = self._take_apart(args, kwargs)
        return self._trace(call, args, kwargs, self._reads(call, args))

    @api_boundary
    def lower(self, *args: Any, target: str | None = None, **kwargs: Any) -> Lowered:
        """`trace(*args).lower(target=target)`."""
        return self.trace(*args, **kwargs).lower(target=target)

    @api_boundary
    def explain(self, *args: Any, **kwargs: Any) -> Any:
        """What the program of such a call consists of: `.kernels`, `.copies`, `.peak_bytes`, `.ledger`, `.recompiles`,
        `.notes`; printing it is a report. Nothing is run."""
        return explain.explain(self, args, kwargs)

    @api_boundary
    def show(self, *args: Any, path: str | None = None, open: bool = True, **kwargs: Any) -> str:
        """Writes a page with the program's graph before and after optimisation; returns its path.

        Args:
            args, kwargs: of a call; nothing is run. path: of the page; by default a new temporary file.
            open: whether the browser opens it.
        """
        from weft._src.show import show

        return show(self, args, kwargs, path, open)

    def clear_cache(self) -> None:
        """Forgets all programs of this function."""
        self._variants.clear()
        self.fast._clear()


_ACTIVE: Any = object()
"""Stands for a nested function that is being traced just now."""


def _recursive(f: Any, err: RecursionError | None = None) -> RecursiveTraceError:
    """The error for a traced function that calls itself without end; at the line that does, where `err` shows it."""
    where, seen = None, set()
    tb = err.__traceback__ if err is not None else None
    while tb is not None and where is None:
        code = tb.tb_frame.f_code
        if not source.is_internal(code.co_filename):
            if code in seen:
                where = source.frame(code, tb.tb_lasti, tb.tb_frame.f_globals.get("__name__"))
            seen.add(code)
        tb = tb.tb_next
    name = getattr(f, "__name__", "the function")
    return RecursiveTraceError("WF1205", f"{name} calls itself for ever while it is traced.", where=where)


def _is_opaque(x: Any) -> bool:
    """Whether an object is neither array nor number nor a container of them."""
    known = isinstance(x, (Tracer, Spec, array.Array, np.ndarray, np.generic, bool, int, float)) or hasattr(
        x, "__dlpack__"
    )
    return not known and pytree.structure(x).is_leaf


def _is_shape(x: Any) -> bool:
    return type(x) is tuple and all(n is None or isinstance(n, (int, str, Dim)) for n in x)


def _told(shape: tuple) -> str:
    return f"[{','.join('any' if n is None else str(n) for n in shape)}]"


def _shapes(given: Any, structure: pytree.TreeDef, name: str) -> list[Any]:
    """The shapes that `dims` gives for the leaves of an argument."""
    shapes, tree = pytree.flatten(given, _is_shape)
    if tree != structure:
        raise ArgumentValueError(
            "WF1902", f"dims of {name!r} is {given!r}, which has another structure than the argument."
        )
    return shapes


def _with_shape(spec: Spec, shape: tuple | None, path: str) -> Spec:
    """A spec with the named sizes that `dims` asks for; sizes that are numbers are checked."""
    if shape is None:
        return spec
    if len(shape) != len(spec.shape):
        raise ShapeError("WF1602", f"{path} came as {spec}, and `dims` says {_told(shape)}.")
    sizes = []
    for have, want in zip(spec.shape, shape, strict=True):
        want = dims_.parse(want) if isinstance(want, str) else want
        if isinstance(want, int) and isinstance(have, int) and want != have:
            raise ShapeError("WF1602", f"{path} came as {spec}, and `dims` says {_told(shape)}.")
        sizes.append(have if want is None else want)
    return spec._replace(shape=tuple(sizes))


def _plain(tree: Any) -> bool:
    """Whether C++ can put such a tree together."""
    if type(tree) is dict:
        return all(_plain(x) for x in tree.values())
    if type(tree) in (tuple, list):
        return all(_plain(x) for x in tree)
    return tree is None or type(tree) is int


def _order(tree: Any, counter: list[int], out: list[int]) -> bool:
    """Appends the numbers that C++ gives the leaves (dicts in their own order) in the order of pytree (sorted keys).

    False for containers that C++ does not take apart.
    """
    if type(tree) is dict:
        parts: dict[Any, list[int]] = {}
        for key, x in tree.items():
            if not _order(x, counter, parts.setdefault(key, [])):
                return False
        for key in pytree.structure(tree).meta:
            out += parts[key]
        return True
    if type(tree) in (tuple, list):
        return all(_order(x, counter, out) for x in tree)
    if tree is None:
        return True
    if pytree.structure(tree).is_leaf:
        out.append(counter[0])
        counter[0] += 1
        return True
    return False


def _argument_names(call: _Call, captured: Sequence[Spec]) -> list[str]:
    """What a program's arguments are called in errors."""
    told = [f"{path} ({s})" for path, s in zip(call.paths, call.specs, strict=True)]
    return told + [f"an array that the function reads ({s})" for s in captured]


class Traced:
    """A function as IR at the stage `traced`.

    Attributes:
        program: the trace. call: the arguments it was made for. out_tree: the structure of its results.
        reads: what the function read. answers: how comparisons of named sizes came out. entered: the code that ran.
    """

    def __init__(
        self,
        jitted: Jitted,
        call: _Call,
        program: TracedProgram,
        out_tree: pytree.TreeDef,
        reads: guards.Reads,
        answers: Sequence[dims_.Answer] = (),
        entered: Sequence[types.CodeType] | None = None,
    ):
        self.answers = answers
        self.entered = entered
        self.jitted = jitted
        self.call = call
        self.program = program
        self.out_tree = out_tree
        self.reads = reads

    @property
    def names(self) -> list[str]:
        """What the program's arguments are called in errors, such as "p['w'] (f32[B,4])"."""
        return _argument_names(self.call, self.program.arguments[len(self.call.specs) :])

    def finish(self, values: list[Any]) -> Any:
        """The results in the containers of the function, once the Variables that it wrote have their new values."""
        return _finish(values, self.out_tree, self.program.trace.updates, self.program.trace.captured)

    @property
    def module(self) -> Any:
        """The IR module."""
        return self.program.module

    @api_boundary
    def as_text(self, stage: str = "traced", *, locations: bool = False) -> str:
        """The program at a stage, as text (see `Lowered.as_text`)."""
        return compiler.as_text(self.module, stage, self.jitted.options, locations=locations)

    @api_boundary
    def lower(self, *, target: str | None = None, debug: str | None = None) -> Lowered:
        """The program for a target; `debug="lines"` as in `jit`."""
        own = self.jitted.options
        opts = compiler.options(
            own.numerics, own.threads or None, target or own.target, debug or own.debug, own.max_bytes
        )
        return Lowered(self, opts)

    def __repr__(self) -> str:
        return self.as_text()


class Lowered:
    """A program on its way to a target."""

    def __init__(self, traced: Traced, opts: Options):
        self.traced = traced
        self.options = opts

    @api_boundary
    def as_text(self, stage: str = "kernels", *, locations: bool = False) -> str:
        """The program at a stage: traced, resolved, optimized, kernels, planned, linalg, scheduled, bufferized, llvm,
        llvm-ir or asm.

        Raises:
            ArgumentValueError: WF1504 for another name.
        """
        return compiler.as_text(self.traced.module, stage, self.options, locations=locations)

    @api_boundary
    def compile(self, *, debug: str | None = None) -> Executable:
        """Native code; `debug="lines"` as in `jit`."""
        own = self.options
        opts = compiler.options(own.numerics, own.threads or None, own.target, debug or own.debug, own.max_bytes)
        return Executable(
            self.traced, compiler.compile_module(self.traced.module, opts, leaves.name_of(self.traced.jitted.f))
        )


class Executable:
    """Native code of one signature: called with the same containers and shapes as it was traced for. Sizes that were
    named there (`wf.Dim`) may be any: the native entry solves and checks them.

    Attributes:
        report: what `explain` reads. image: the bytes that are saved.
    """

    def __init__(self, traced: Traced, compiled: compiler.Compiled):
        self.traced = traced
        self.program = compiled.program
        self.program.names = traced.names
        self._kept = _weft.Kept()
        self.image = compiled.image
        self.report = compiled.report

    @api_boundary
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = self.traced.jitted._take_apart(args, kwargs)
        if (call.tree, call.key[2]) != (self.traced.call.tree, self.traced.call.key[2]):
            raise WrongArgumentError(
                "WF1601", "the containers or static values of the call are not those that the program was traced for."
            )
        for answer in self.traced.answers:
            if not answer.again(call.sizes()):
                told = f"{'' if answer.holds else 'not '}{answer.question}"
                raise SizeError("WF1403", f"the program was traced for sizes with {told}, which does not hold here.")
        values = self.program([*call.leaves, *self.traced.program.trace.captured], self._kept)
        for i in call.donated:
            if isinstance(call.leaves[i], array.Array):
                call.leaves[i]._delete()
        return self.traced.finish(values)


def run_once(f: Callable[..., Sequence[Any]], *arguments: Any) -> list[Any]:
    """Traces `f` on arrays, compiles, runs, keeps nothing: for forms that are used outside `jit`.

    Args:
        f: takes one Tracer for each argument, returns a sequence of values.
        arguments: arrays and numbers.

    Returns:
        One Array for each value.

    >>> run_once(lambda x: [trace.emit("neg", [x])], np.int8([1, 2]))
    [Array([-1, -2], dtype=int8)]
    """
    values = [Jitted._leaf(x, f"argument {i}") for i, x in enumerate(arguments)]
    with trace.suspended():
        program = trace.trace_program(lambda *xs: list(f(*xs)), [trace.spec_of(x) for x in values])
        compiled = compiler.compile_module(program.module, compiler.options())
        return compiled.program([*values, *program.trace.captured])


def spec(shape: Sequence[Any], dtype: Any) -> Spec:
    """Stands for an array of a shape and a dtype where a function is only traced.

    Args:
        shape: ints, and `Dim`s or their texts for sizes that are known at the call only.
        dtype: of the elements.

    >>> import weft as wf
    >>> f = wf.jit(lambda x: x * 2).trace(spec(("B", 2), "float32")).lower().compile()
    >>> [f(np.ones((n, 2), np.float32)).shape for n in (1, 3)]
    [(1, 2), (3, 2)]

    >>> str(spec((2, 3), "float32"))
    'f32[2,3]'
    """
    sizes = tuple(dims_.parse(n) if isinstance(n, str) else n for n in shape)
    return Spec(sizes, dtypes.check_supported(dtypes.dtype(dtype)))
