"""What a traced function reads from outside, so that a call after a change traces anew.

Decides what is watched. The bytecode of the function, and of the user's functions that it reaches, names chains such as
`scale`, `config.rate`, `self.layers[0].w`: rooted at globals, closure cells, the object of a bound method, and static
arguments. Each step of a chain is one guard: the entry of a dict (globals, modules, instances), a cell, the item of a
list, an attribute (slots, classes). Where a chain ends in a container or an object of the user, all that it holds is
watched, up to a bound, since what is done with it is not known. An entry is watched by identity; an equal number or
text that is another object only costs a look at it.

What cannot be followed is listed by name: objects without a `__dict__`, computed attributes, names that the function
itself writes, and whatever lies beyond the bound. Numbers inside arrays need no guard: arrays are arguments.
"""

from __future__ import annotations

import dis
import functools
import inspect
import random
import sys
import sysconfig
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, dims, dtypes, source, trace

MISSING = ...
"""Stands for "there was no such entry"."""

Guard = tuple[Any, Any, Any]
"""(dict, key, object), (cell, None, object), (list, index, object), (object, attribute, object): what must still be the
same object; (dict or list, len, n): how many entries there must be."""

MAX_GUARDS = 2000
"""More reads than these are not watched, but listed: each costs a few nanoseconds a call."""

_MAX_DEPTH = 8
_PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)
# Known by what they are: identity says it all, or their elements are arguments.
_LEAVES = (
    *_PLAIN, np.ndarray, np.dtype, _weft.Array, _weft.EagerOp, dims.Dim, dtypes.DType, types.ModuleType, type(Ellipsis),
    type, trace.Stateful,
)  # fmt: skip
METHODS = (types.MethodType, _weft.BoundFunction)
"""Functions bound to an object: Python's, and those of `jit`."""

_GENERATORS = (random.Random, np.random.Generator, np.random.RandomState)
# Methods that only write to a container: a list that a function appends to is no input of it.
_WRITERS = frozenset({"append", "extend", "insert", "update", "setdefault", "add", "clear", "discard", "remove"})
_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})
_NUMPY = np.__file__.rpartition("__init__")[0]


class Reads(NamedTuple):
    """What a function reads: the guards, and the names of what is not watched.

    Attributes:
        writes: what the function's code names as written, as it was before. generators: of random numbers, within
        reach. codes: that the reads were found in. imports: names of modules imported by that code. modules: names of
        the user's modules that are handed on as a whole. objects: of the user, of which everything is watched.
        methods: of these that ran though no name leads to them (`with_entered`), as (number of the object, class in
        its order of resolution, name).
    """

    guards: list[Guard]
    unchecked: list[str]
    writes: Sequence[Guard] = ()
    generators: Sequence[Any] = ()
    codes: Sequence[types.CodeType] = ()
    imports: Sequence[str] = ()
    modules: Sequence[str] = ()
    objects: Sequence[Any] = ()
    methods: Sequence[tuple[int, int, str]] = ()


def reads_of(f: Callable[..., Any], static: Mapping[str, Any] | None = None) -> Reads:
    """What a function reads as things are now.

    Args:
        f: a function, bound method, partial, or object with `__call__`.
        static: values of arguments, by name, that are plain Python values.

    >>> scale = 3
    >>> def f(x): return x * scale
    >>> [(name, value) for holder, name, value in reads_of(f).guards if name == "scale"]
    [('scale', 3)]
    """
    collector = _Collector()
    defaults = vars(dtypes._defaults)
    # The default dtypes are part of what every function means.
    for name in ("float", "int"):
        collector.add(defaults, name, defaults.get(name, MISSING))
    collector.function(f, dict(static or {}))
    return collector.reads()


def with_entered(reads: Reads, entered: Sequence[types.CodeType]) -> Reads:
    """The reads with those of methods that ran on the objects among them, such as `e.scale(x)` in a function that has
    `e` as an argument; as they were, where not all that such a method reads can be watched.

    Args:
        reads: of a function. entered: the code that ran while it was traced.

    >>> class Engine:
    ...     def scale(self, x): return x * rate
    >>> engine, rate = Engine(), 3
    >>> def apply(e, x): return e.scale(x)
    >>> more = with_entered(reads_of(lambda x: apply(engine, x)), [Engine.scale.__code__])
    >>> more.methods, [value for _, name, value in more.guards if name == "rate"]
    ([(0, 0, 'scale')], [3])
    """
    collector = _Collector(reads)
    methods: list[tuple[int, int, str]] = []
    todo = [code for code in entered if not is_library(code.co_filename)]
    while True:
        known = collector.all_codes()
        todo = [code for code in todo if id(code) not in known]
        found = [m for m in _methods_of(collector.objects, {id(code) for code in todo}) if m not in methods]
        if not found:
            break
        for method in found:
            collector.method(method)
        methods += found
    return collector.reads(methods) if methods and _adds_only_reads(collector, reads) else reads


def with_methods(reads: Reads, methods: Sequence[tuple[int, int, str]]) -> Reads | None:
    """The reads with those of methods that `with_entered` found in another process; None where they are not there."""
    collector = _Collector(reads)
    for method in methods:
        if not collector.method(method):
            return None
    return collector.reads(methods) if _adds_only_reads(collector, reads) else None


def _adds_only_reads(collector: _Collector, reads: Reads) -> bool:
    return all(
        len(now) == len(before)
        for now, before in (
            (collector.unchecked, reads.unchecked),
            (collector.writes, reads.writes),
            (collector.generators, reads.generators),
            (collector.modules, reads.modules),
        )
    )


def _methods_of(objects: Sequence[Any], codes: set[int]) -> list[tuple[int, int, str]]:
    """Which methods of the objects have code with one of these ids."""
    by_class: dict[type, list[tuple[int, str]]] = {}
    for x in objects:
        if type(x) not in by_class:
            by_class[type(x)] = [
                (i, name)
                for i, cls in enumerate(type(x).__mro__)
                for name, part in vars(cls).items()
                if (f := _function_of(part)) is not None and id(f.__code__) in codes
            ]
    return [(number, *place) for number, x in enumerate(objects) for place in by_class[type(x)]]


def _function_of(part: Any) -> types.FunctionType | None:
    """The function of an entry of a class."""
    part = part.fget if isinstance(part, property) else getattr(part, "__func__", part)
    return part if isinstance(part, types.FunctionType) else None


def without_changed(reads: Reads) -> Reads:
    """The reads less those that have changed since: what tracing itself changes, such as a counter, is no input.

    >>> d = {"a": 1, "b": 2}
    >>> without_changed(Reads([(d, "a", 1), (d, "b", 1)], []))
    Reads(guards=[({'a': 1, 'b': 2}, 'a', 1)], unchecked=['b'])
    """
    kept, names = [], set(reads.unchecked)
    for guard in reads.guards:
        if _same(_now(guard[0], guard[1]), guard[2]):
            kept.append(guard)
        else:
            names.add("len" if guard[1] is len else str(guard[1]))
    return reads._replace(guards=kept, unchecked=sorted(names))


def changed(reads: Reads) -> list[str]:
    """The names of what has another value now than when the reads were taken: what tracing has written.

    A list that only grows is not among them (a log of traces does no harm), nor is a module that was imported
    meanwhile.

    >>> d = {"a": 1}
    >>> reads = Reads([(d, "a", 1)], [])
    >>> d["a"] = 2
    >>> changed(reads)
    ['a']
    """
    found: dict[str, None] = {}
    for holder, name, before in (*reads.guards, *reads.writes):
        if name is len and type(holder) is list:
            continue
        now = _now(holder, name)
        if not _same(now, before) and not isinstance(now, types.ModuleType):
            found[_name_of(holder, name, before)] = None
    return list(found)


def _name_of(holder: Any, name: Any, before: Any) -> str:
    if name is len:
        return "a dict or an object that it captured"
    return "a variable of the function around it" if type(holder) is types.CellType else str(name)


def is_library(filename: str) -> bool:
    """Whether a file is Weft's, NumPy's or the standard library's: what these read is not the user's to change."""
    if source.is_internal(filename) or filename.startswith(("<frozen", _NUMPY)):
        return True
    return filename.startswith(_STDLIB) and "site-packages" not in filename


def is_library_module(name: str) -> bool:
    """Whether a module is Weft's, NumPy's or the standard library's.

    >>> is_library_module("weft.nn"), is_library_module("os.path"), is_library_module("settings")
    (True, True, False)
    """
    top = name.partition(".")[0]
    return top in ("weft", "numpy") or top in sys.stdlib_module_names


def _mark(holder: Any, key: Any) -> tuple[int, Any]:
    return id(holder), "len" if key is len else key


def _is_users(cls: type) -> bool:
    if cls.__module__ == "builtins":
        return False
    return not is_library(getattr(sys.modules.get(cls.__module__), "__file__", None) or "")


class _Collector:
    """Walks over code and values, once each."""

    def __init__(self, known: Reads | None = None) -> None:
        known = known or Reads([], [])
        self.guards: list[Guard] = [*known.guards]
        self.unchecked: set[str] = {*known.unchecked}
        self.writes: list[Guard] = [*known.writes]
        self.generators: list[Any] = [*known.generators]
        self.codes: list[types.CodeType] = [*known.codes]
        self.imports: list[str] = [*known.imports]
        self.modules: list[str] = [*known.modules]
        self.objects: list[Any] = [*known.objects]
        self._seen: set[Any] = {_mark(holder, key) for holder, key, _ in self.guards}
        self._seen.update((id(x),) for x in self.objects)
        self._keep: list[Any] = []  # what ids in `_seen` stand for
        self._instructions: dict[int, tuple[list[dis.Instruction], set[str], set[str]]] = {}  # by the id of a code

    def reads(self, methods: Sequence[tuple[int, int, str]] = ()) -> Reads:
        return Reads(
            self.guards, sorted(self.unchecked), self.writes, self.generators, self.codes, self.imports, self.modules,
            self.objects, methods,
        )  # fmt: skip

    def all_codes(self) -> set[int]:
        """The ids of all code that was looked into."""
        found: set[int] = set()
        todo = [*self.codes]
        while todo:
            code = todo.pop()
            found.add(id(code))
            todo += [const for const in code.co_consts if isinstance(const, types.CodeType)]
        return found

    def method(self, place: tuple[int, int, str]) -> bool:
        """What a method of an object reads; False where there is none."""
        number, base, name = place
        if number >= len(self.objects) or base >= len(type(self.objects[number]).__mro__):
            return False
        holder = self.objects[number]
        cls = type(holder).__mro__[base]
        part = vars(cls).get(name)
        f = _function_of(part)
        if f is None:
            return False
        if isinstance(part, (types.FunctionType, property)):  # the others are not what one gets from the class
            self.add(cls, name, part)
        if isinstance(part, staticmethod):
            self.function(f, {})
        else:
            self.function(types.MethodType(f, type(holder) if isinstance(part, classmethod) else holder), {})
        return True

    def add(self, holder: Any, key: Any, value: Any) -> None:
        mark = _mark(holder, key)
        if mark not in self._seen:
            self._seen.add(mark)
            self.guards.append((holder, key, value))

    def _first_time(self, *parts: Any) -> bool:
        mark = tuple(id(p) for p in parts)
        if mark in self._seen:
            return False
        self._seen.add(mark)
        self._keep.append(parts)
        return True

    # ------------------------------------------------------------------------------------------------------ functions

    def function(self, f: Any, roots: dict[str, Any]) -> None:
        """What a callable reads; `roots`: values of arguments by name."""
        if isinstance(f, functools.partial):
            self.function(f.func, {**roots, **f.keywords})
            for i, part in enumerate((*f.args, *f.keywords.values())):
                self.value(part, f"partial[{i}]")
            return
        if isinstance(f, METHODS):
            names = getattr(getattr(inspect.unwrap(f.__func__), "__code__", None), "co_varnames", ())
            self.function(f.__func__, {**roots, **({names[0]: f.__self__} if names else {})})
            return
        if not isinstance(f, types.FunctionType):
            wrapped = inspect.getattr_static(f, "__wrapped__", None) or getattr(f, "__dict__", {}).get("__wrapped__")
            call = inspect.getattr_static(type(f), "__call__", None)
            if wrapped is not None:
                self.function(wrapped, roots)
                for rule in getattr(f, "rules", ()):  # of a custom derivative
                    self.function(rule, {})
            elif isinstance(call, types.FunctionType) and not is_library(call.__code__.co_filename):
                self.function(types.MethodType(call, f), roots)
            return
        if not self._first_time(f, *roots.values()):
            return
        cells = dict(zip(f.__code__.co_freevars, f.__closure__ or (), strict=False))
        if is_library(f.__code__.co_filename):
            # A transformation of the user's function, or a decorator: that function lies in its closure.
            for cell in cells.values():
                value = content(cell)
                if isinstance(value, (types.FunctionType, *METHODS, functools.partial, _weft.JitFunction)):
                    self.function(value, {})
            return
        code, defaults = f.__code__, f.__defaults__ or ()
        named = dict(zip(code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True))
        named.update(f.__kwdefaults__ or {})
        for value in named.values():
            if callable(value):
                self.function(value, {})
        roots = {**named, **roots}  # what the call does not give
        self.codes.append(code)
        self._code(f.__code__, f.__globals__, cells, roots)

    def _code(self, code: types.CodeType, names: dict, cells: dict[str, Any], roots: dict[str, Any]) -> None:
        instructions, written, rebound = self._taken_apart(code)
        for i in instructions:
            if i.opname == "STORE_GLOBAL":
                self.writes.append((names, i.argval, names.get(i.argval, MISSING)))
            elif i.opname == "STORE_DEREF" and i.argval in cells and i.argval in code.co_freevars:
                self.writes.append((cells[i.argval], None, content(cells[i.argval])))
        roots = {name: value for name, value in roots.items() if name not in rebound}
        chain: list[tuple[str, Any]] = []  # (kind, name), the first of kind global, cell or root
        constant: list[Any] = []

        def end() -> None:
            if chain:
                self._chain(chain, names, cells, roots, written)
            chain.clear()
            constant.clear()

        for op in instructions:
            kind, name = op.opname, op.argval
            if kind == "IMPORT_NAME":
                self.imports.append(name)
            if kind in ("LOAD_ATTR", "LOAD_METHOD") and chain and not constant:
                chain.append(("attr", name))
            elif kind in ("LOAD_CONST", "LOAD_SMALL_INT") and chain and not constant:
                constant.append(name)
            elif (kind == "BINARY_SUBSCR" or (kind == "BINARY_OP" and op.argrepr == "[]")) and chain and constant:
                chain.append(("item", constant.pop()))
            elif kind in ("CACHE", "EXTENDED_ARG", "NOP") or (kind == "COPY" and chain):  # COPY: as in `self.n += 1`
                continue
            else:
                end()
                if kind in ("LOAD_GLOBAL", "LOAD_NAME"):
                    chain.append(("global", name))
                elif kind in ("LOAD_DEREF", "LOAD_CLASSDEREF") or kind.startswith("LOAD_FAST"):
                    for part in name if isinstance(name, tuple) else (name,):
                        end()
                        if part in roots:
                            chain.append(("root", part))
                        elif part in cells and not kind.startswith("LOAD_FAST"):
                            chain.append(("cell", part))
        end()
        for const in code.co_consts:
            if isinstance(const, types.CodeType):
                inner = {n: v for n, v in roots.items() if n in const.co_freevars}
                self._code(const, names, cells, inner)

    def _taken_apart(self, code: types.CodeType) -> tuple[list[dis.Instruction], set[str], set[str]]:
        """The instructions, the names that they write to, those of local variables. Once for all objects whose method
        it is: it takes longer than all that follows."""
        found = self._instructions.get(id(code))
        if found is None:
            instructions = list(dis.get_instructions(code))
            written = {i.argval for i in instructions if i.opname in ("STORE_ATTR", "STORE_GLOBAL", "STORE_DEREF")}
            rebound = {i.argval for i in instructions if i.opname in ("STORE_FAST", "STORE_DEREF")}
            found = self._instructions[id(code)] = instructions, written, rebound
            self._keep.append(code)
        return found

    # --------------------------------------------------------------------------------------------------------- chains

    def _chain(self, chain: list, names: dict, cells: dict, roots: dict, written: set[str]) -> None:
        """Follows one chain as far as it goes."""
        (kind, name), *steps = chain
        text = str(name)
        if kind == "root":
            value = roots[name]
        elif kind == "cell":
            value = content(cells[name])
        else:
            value = names.get(name, MISSING)
        if steps and steps[-1][0] == "attr" and steps[-1][1] in _WRITERS and len(steps) == 1:
            if isinstance(value, (list, dict, set)):
                self.unchecked.add(text)
                return
        if kind != "root":
            if name in written:
                self.unchecked.add(text)
                return
            self.add(cells[name] if kind == "cell" else names, None if kind == "cell" else name, value)
        for how, key in steps:
            holder = value
            if isinstance(holder, _GENERATORS):
                break
            text += f".{key}" if how == "attr" else f"[{key!r}]"
            if how == "item":
                if type(holder) is tuple or (isinstance(holder, _LEAVES) and not isinstance(holder, types.ModuleType)):
                    break  # watched as a whole
                value = self._item(holder, key, text)
            elif isinstance(holder, _LEAVES) and not isinstance(holder, (types.ModuleType, type)):
                break
            elif isinstance(holder, (list, dict, set)):
                if key in _WRITERS:
                    return
                break
            elif key in written:
                self.unchecked.add(text)
                own = getattr(holder, "__dict__", None)
                self.writes.append(
                    (own, key, own.get(key, MISSING)) if type(own) is dict else (holder, key, _now(holder, key))
                )
                return
            else:
                value = self._attribute(holder, key, text)
            if value is MISSING:
                return
        self.value(value, text)

    def _item(self, holder: Any, key: Any, text: str) -> Any:
        if type(holder) is dict and isinstance(key, (str, int, bool, type(None))):
            value = holder.get(key, MISSING)
            self.add(holder, key, value)
            return value
        if type(holder) is list and type(key) is int and -len(holder) <= key < len(holder):
            if key < 0:
                self.add(holder, len, len(holder))
            self.add(holder, key % len(holder), holder[key])
            return holder[key]
        self.unchecked.add(text)
        return MISSING

    def _attribute(self, holder: Any, name: str, text: str) -> Any:
        """One attribute, found as Python would, without running the user's code."""
        own = getattr(holder, "__dict__", None) if not isinstance(holder, type) else None
        if isinstance(holder, types.ModuleType):
            if (
                source.is_internal(getattr(holder, "__file__", None) or "")
                or holder.__name__.partition(".")[0] == "numpy"
            ):
                return MISSING
            if name in vars(holder):
                self.add(vars(holder), name, vars(holder)[name])
                return vars(holder)[name]
            return MISSING
        found = inspect.getattr_static(type(holder) if own is not None else holder, name, MISSING)
        if isinstance(found, property) and own is not None:
            self.function(types.MethodType(found.fget, holder), {})
            return MISSING
        if type(own) is dict and not isinstance(found, types.MemberDescriptorType):
            self.add(own, name, own.get(name, MISSING))
            if name in own:
                return own[name]
        if isinstance(found, (types.FunctionType, _weft.JitFunction)):
            cls = holder if isinstance(holder, type) else type(holder)
            self.add(cls, name, found)
            return found if cls is holder else types.MethodType(found, holder)
        if isinstance(found, (staticmethod, classmethod)):
            return found.__func__
        if isinstance(found, types.MemberDescriptorType) and own is None or isinstance(found, _PLAIN):
            value = getattr(holder, name, MISSING)
            self.add(holder, name, value)
            return value
        if found is not MISSING and own is not None and not hasattr(type(found), "__get__"):
            self.add(type(holder), name, found)
            return found
        if not callable(found) or own is None or isinstance(found, types.MethodDescriptorType):
            self.unchecked.add(text)
        return MISSING

    # --------------------------------------------------------------------------------------------------------- values

    def value(self, value: Any, text: str, depth: int = 0) -> None:
        """All that a value holds, where anything may be done with it."""
        if isinstance(value, types.ModuleType) and not is_library_module(value.__name__):
            self.modules.append(text)
        if value is MISSING or isinstance(value, _LEAVES):
            return
        if isinstance(value, _GENERATORS):
            self.generators.append(value)
            return
        if isinstance(value, (types.FunctionType, *METHODS, functools.partial)) or hasattr(value, "__wrapped__"):
            self.function(value, {})
            return
        if not self._first_time(value):
            return
        if depth > _MAX_DEPTH or len(self.guards) > MAX_GUARDS:
            self.unchecked.add(text)
        elif type(value) is tuple or (isinstance(value, tuple) and hasattr(value, "_fields")):
            for i, x in enumerate(value):
                self.value(x, f"{text}[{i}]", depth + 1)
        elif type(value) is list:
            self.add(value, len, len(value))
            for i, x in enumerate(value[: MAX_GUARDS + 1]):
                self.add(value, i, x)
                self.value(x, f"{text}[{i}]", depth + 1)
        elif type(value) is dict:
            self.add(value, len, len(value))
            for key, x in list(value.items())[: MAX_GUARDS + 1]:
                self.add(value, key, x)
                self.value(x, f"{text}[{key!r}]", depth + 1)
        elif isinstance(value, (frozenset, types.BuiltinFunctionType, np.ufunc)):
            return
        else:
            self._object(value, text, depth)

    def _object(self, value: Any, text: str, depth: int) -> None:
        own = getattr(value, "__dict__", None)
        file = getattr(inspect.getmodule(type(value)), "__file__", None) or ""
        if type(own) is not dict or (file and is_library(file)):
            if not callable(value):
                self.unchecked.add(text)
            return
        self.objects.append(value)
        self.add(own, len, len(own))
        for name, x in list(own.items()):
            self.add(own, name, x)
            self.value(x, f"{text}.{name}", depth + 1)
        for cls in type(value).__mro__:  # what all its objects have; of its methods only what runs is looked into
            for name, x in vars(cls).items() if _is_users(cls) else ():
                if isinstance(x, _PLAIN) and name[:2] != "__" or _is_users(type(x)) and not hasattr(type(x), "__get__"):
                    self.add(cls, name, x)
                    self.value(x, f"{text}.{name}", depth + 1)
        if callable(value):
            self.function(value, {})


def content(cell: Any) -> Any:
    """What a variable of the function around holds; MISSING where it is not filled yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def hold(guards: list[Guard]) -> bool:
    """Whether all that was read is the same now; equal numbers and strings of the same type count as the same.

    >>> d = {"a": 1}
    >>> hold([(d, "a", 1)]), hold([(d, "a", 2)]), hold([(d, "b", MISSING)]), hold([(d, len, 1)])
    (True, False, True, True)
    """
    return all(_same(_now(holder, name), value) for holder, name, value in guards)


def current(guards: list[Guard]) -> list[Guard]:
    """The same guards on the objects that are there now, after `hold` said that they are as good."""
    return [(holder, name, _now(holder, name)) for holder, name, _ in guards]


def _now(holder: Any, name: Any) -> Any:
    if name is len:
        return len(holder)
    if type(holder) is types.CellType:
        return content(holder)
    if type(holder) is dict:
        return holder.get(name, MISSING)
    if type(holder) is list:
        return holder[name] if name < len(holder) else MISSING
    return getattr(holder, name, MISSING)


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    # repr tells 0.0 from -0.0, which compare equal; NaN is the same as NaN.
    return type(a) is type(b) and isinstance(a, _PLAIN) and repr(a) == repr(b)
