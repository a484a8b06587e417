"""Manifests: which stored program a call needs, found without tracing.

Decides what the trace of a function depends on, and says it as a key: the code of every function that the trace enters,
what the guards watch (guards.py), the signature of the call, options, and the versions of Weft, Python and NumPy.
Values count by what they are, NumPy's arrays by content too. Of an Array only the type counts: where Python has looked
at its elements while it traced, the manifest says at which, and is of use only where they are the same. What has no
such key (a set, an object that hides its state, code that the guards did not follow) gets no manifest: the function is
traced in each process, and only compiling is saved.

A manifest holds the key of the program, the structure of the results, where the hidden arguments are found, and the
user's lines, counted from the first line of their function: they are right after the file has changed elsewhere.
"""

from __future__ import annotations

import base64
import builtins
import copy
import enum
import functools
import hashlib
import importlib
import json
import sys
import types
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from weft._src import _weft, array, assumptions, cache, compiler, dims, dtypes, guards, pytree, source, trace

MAX_BYTES = 16 << 20
"""Of arrays whose content is in a key: beyond, hashing costs more than a trace."""

_MAX_MADE = 1 << 20  # bytes of arrays that a trace made itself, kept in the manifest
_MAX_ALTERNATIVES = 8  # programs of one key, which differ in how comparisons of named sizes came out
_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(Ellipsis), type(NotImplemented))
# What these give is not watched.
_UNWATCHED = frozenset("globals vars locals eval exec __import__ compile open input id hash".split())


class Unkeyed(Exception):
    """Something that a function reads has no key; the text says what."""


class Manifest(NamedTuple):
    """What a stored trace gives: the program, and how a call goes into it and comes out.

    Attributes:
        reads: of the function, with those of methods that ran. captured: the hidden arguments.
        updates: (result, hidden argument that takes its value). answers: how comparisons of named sizes came out.
        double: [] or the line of the first op on float64.
    """

    compiled: compiler.Compiled
    reads: guards.Reads
    captured: list[Any]
    out_tree: pytree.TreeDef
    updates: list[tuple[int, int]]
    answers: list[dims.Answer]
    double: list[str]


class Key:
    """The key of a call, with what the call reads, and the arrays and functions that this speaks of, in the order of
    the walk.

    Args:
        f: the function. reads: of it. parts: more that the trace depends on: plain values and structures.
        objects: static arguments of which only what the guards watch is read.

    Raises:
        Unkeyed: if there is none.
    """

    def __init__(self, f: Any, reads: guards.Reads, parts: Sequence[Any], objects: Sequence[Any] = ()):
        self.arrays: list[Any] = []
        self.codes: list[types.CodeType] = []
        self._hash = hashlib.blake2b(digest_size=16)
        self.reads = reads
        self._seen: dict[int, int] = {}
        self._keep: list[Any] = []
        self._bytes = 0
        self._contents: list[np.ndarray] = []
        if reads.unchecked:
            raise Unkeyed(f"it reads {', '.join(reads.unchecked[:3])}, which cannot be watched")
        if reads.generators:
            raise Unkeyed("it reaches a generator of random numbers")
        self._put(cache.package_id(), repr(assumptions.known().items))
        for part in parts:
            self.value(part, "an option", True)
        for x in objects:
            self.value(x, "self", False)
        self.value(f, "the function", False)
        self.followed: set[int] = set()  # ids of code whose reads are watched
        self._put_reads(reads, guards.Reads([], []))

    def with_methods(self, reads: guards.Reads) -> Key:
        """The key where methods ran too: of `reads`, which are those of this key and what these methods read."""
        more = copy.copy(self)
        more.arrays, more.codes, more._keep = [*self.arrays], [*self.codes], [*self._keep]
        more._seen, more.followed, more._contents = {**self._seen}, {*self.followed}, []
        more._hash = hashlib.blake2b(digest_size=16)
        more._put(self.text, repr(reads.methods))
        more.reads = reads
        more._put_reads(reads, self.reads)
        return more

    def _put_reads(self, reads: guards.Reads, known: guards.Reads) -> None:
        """Says what is read beyond `known`, with which the reads begin."""
        for code in reads.codes[len(known.codes) :]:
            self._follow(code)
            self._code(code)
        for name in reads.imports[len(known.imports) :]:
            if not guards.is_library_module(name):
                raise Unkeyed(f"it imports {name} while it runs")
            self._put("import", name)
        for holder, key, value in reads.guards[len(known.guards) :]:
            text = "a length" if key is len else str(key)
            self._put("read", type(holder).__name__, "len" if key is len else repr(key))
            if value is guards.MISSING and type(holder) is dict and key in _UNWATCHED and hasattr(builtins, key):
                raise Unkeyed(f"it calls {key}()")
            self.value(value, text, False)
        for module in reads.modules:
            raise Unkeyed(f"it hands on the module {module}")
        for content in self._contents:  # last, so that what has no key costs no look at its arrays
            self._put(hashlib.sha256(content).digest())  # in hardware on most machines
        self.text = self._hash.hexdigest()

    def _put(self, *texts: str | bytes) -> None:
        for text in texts:
            data = text.encode(errors="surrogatepass") if isinstance(text, str) else text
            self._hash.update(len(data).to_bytes(8, "little"))
            self._hash.update(data)

    def _again(self, x: Any) -> bool:
        """Whether an object came before; then its number is all that is said."""
        number = self._seen.setdefault(id(x), len(self._seen))
        if number != len(self._keep):
            self._put("again", str(number))
            return True
        self._keep.append(x)
        return False

    def value(self, x: Any, text: str, deep: bool) -> None:
        """Says a value. `deep`: with all that it holds; else only what no guard watches."""
        kind = type(x)
        if kind in _PLAIN:
            self._put(kind.__name__, repr(x))
        elif isinstance(x, np.generic):
            self._put("scalar", x.dtype.str, x.tobytes())
        elif isinstance(x, enum.Enum):
            self._put("enum", kind.__module__, kind.__qualname__, x.name)
            self.value(x.value, text, True)
        elif isinstance(x, (dtypes.DType, np.dtype, dims.Dim, range)):
            self._put(kind.__name__, str(x))
        elif isinstance(x, slice):
            self._put("slice")
            for part in (x.start, x.stop, x.step):
                self.value(part, text, deep)
        elif isinstance(x, (np.ndarray, _weft.Array, trace.Stateful)):
            if not self._again(x):
                self._array(x, text)
        elif kind is tuple or (isinstance(x, tuple) and hasattr(x, "_fields")):
            self._put("tuple", kind.__module__, kind.__qualname__, str(len(x)))
            for i, part in enumerate(x):
                self.value(part, f"{text}[{i}]", deep)
        elif kind is frozenset:
            if not all(type(part) in _PLAIN for part in x):
                raise Unkeyed(f"{text} is a frozenset of objects")
            self._put("frozenset", *sorted(repr(part) for part in x))
        elif isinstance(x, pytree.TreeDef):
            self._tree(x, text)
        elif self._again(x):
            return
        elif isinstance(x, types.FunctionType):
            self._function(x, text)
        elif isinstance(x, functools._lru_cache_wrapper):
            raise Unkeyed(f"{text} remembers what it gave before")
        elif isinstance(x, guards.METHODS):
            self._put("method")
            self.value(x.__func__, text, deep)
            self.value(x.__self__, text, deep)
        elif isinstance(x, functools.partial):
            self._put("partial", str(len(x.args)), *sorted(x.keywords))
            for part in (x.func, *x.args, *(x.keywords[k] for k in sorted(x.keywords))):
                self.value(part, text, deep)
        elif isinstance(x, _weft.JitFunction):
            impl = x.impl
            self._put("jit", repr(impl.options), repr(impl.assume), repr(impl.dims))
            self._put(repr((sorted(impl.static), sorted(impl.static_names), sorted(impl.donated))))
            self.value(impl.f, text, deep)
        elif isinstance(x, _weft.EagerOp):
            self._put("op", x.__module__, x.__qualname__)
        elif isinstance(x, types.ModuleType):
            self._put("module", x.__name__)
        elif isinstance(x, type):
            self._class(x, text)
        elif isinstance(x, (types.BuiltinFunctionType, np.ufunc)):
            owner = getattr(x, "__self__", None)
            if owner is not None and not isinstance(owner, (types.ModuleType, type)):
                raise Unkeyed(f"{text} is a method of an object")
            self._put("builtin", str(getattr(owner, "__name__", "")), x.__name__)
        elif kind.__module__.partition(".")[0] == "numpy" and callable(x) and hasattr(x, "__name__"):
            self._put("numpy", x.__module__ or "", x.__name__)
        elif kind in (list, dict):
            self._put(kind.__name__)
            if deep:
                for part in x if kind is list else [p for item in x.items() for p in item]:
                    self.value(part, text, True)
        elif type(getattr(x, "__dict__", None)) is dict:
            self._class(kind, text)
            if deep or kind.__module__.partition(".")[0] == "weft":  # no guard looks into Weft's own objects
                for name, part in vars(x).items():
                    self._put(name)
                    self.value(part, f"{text}.{name}", True)
        else:
            raise Unkeyed(f"{text} is a {kind.__name__}")

    def _array(self, x: Any, text: str) -> None:
        if isinstance(x, trace.Stateful):  # Python sees no number of it while it traces
            x = x._array  # type: ignore[attr-defined]
            self._put("variable", str(trace.spec_of(x)))
        elif isinstance(x, _weft.Array):
            self._put("Array", str(trace.spec_of(x)))
        else:
            self._bytes += x.nbytes
            if x.dtype == object or self._bytes > MAX_BYTES:
                raise Unkeyed(f"{text} is an array of {'objects' if x.dtype == object else 'too many bytes'}")
            self._put(type(x).__name__, str(x.dtype), repr(tuple(x.shape)))
            self._contents.append(_bytes_of(x))
        self.arrays.append(x)

    def _function(self, f: types.FunctionType, text: str) -> None:
        if f is importlib.import_module:
            raise Unkeyed("it imports by name")
        self._put("function", f.__module__ or "", f.__qualname__)
        library = guards.is_library(f.__code__.co_filename)
        if not library:  # that of libraries is known by their versions
            self._code(f.__code__)
        for part in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            self.value(part, f"a default of {f.__name__}", library)
        if library:
            for cell in f.__closure__ or ():
                self.value(guards.content(cell), f"what {f.__name__} holds", True)

    def _code(self, code: types.CodeType) -> None:
        if self._again(code):
            return
        self.codes.append(code)
        first = code.co_firstlineno
        lines = [(a, b, None if line is None else line - first) for a, b, line in code.co_lines()]
        self._put(
            "code", code.co_qualname, code.co_code, code.co_exceptiontable, repr(lines),
            repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)),
            repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)),
        )  # fmt: skip
        for const in code.co_consts:
            if isinstance(const, types.CodeType):
                self._code(const)
            else:
                self.value(const, "a constant", True)

    def _follow(self, code: types.CodeType) -> None:
        self.followed.add(id(code))
        for const in code.co_consts:
            if isinstance(const, types.CodeType):
                self._follow(const)

    def _class(self, cls: type, text: str) -> None:
        """A class: its name, and what instances of the user's classes read from it."""
        self._put("class", cls.__module__, cls.__qualname__)
        for base in cls.__mro__:
            file = getattr(sys.modules.get(base.__module__), "__file__", None)
            if base is object or file is None and base.__module__ == "builtins" or guards.is_library(file or ""):
                continue
            if base is not cls and self._again(base):
                continue
            for name, part in vars(base).items():
                if isinstance(part, types.FunctionType):
                    self._put(name)
                    self._code(part.__code__)
                    for default in (*(part.__defaults__ or ()), *(part.__kwdefaults__ or {}).values()):
                        self.value(default, f"a default of {part.__name__}", True)
                elif isinstance(part, (*_PLAIN, tuple, list, dict, np.generic, np.ndarray)) and name[:2] != "__":
                    self._put(name)
                    self.value(part, f"{text}.{name}", True)

    def _tree(self, tree: pytree.TreeDef, text: str) -> None:
        if tree.cls is None:
            self._put("*")
            return
        self._put("node", tree.cls.__module__, tree.cls.__qualname__, str(len(tree.children)))
        self.value(tree.meta, text, True)
        for child in tree.children:
            self._tree(child, text)


def _bytes_of(x: Any) -> np.ndarray:
    return np.ascontiguousarray(np.asarray(x)).reshape(-1).view(np.uint8)


def _looked_at(key: Key, looks: int) -> list[tuple[int, str]]:
    """The arrays of a key into which Python has looked since `_weft.looks()` was `looks`, and what they hold."""
    seen = [i for i, x in enumerate(key.arrays) if type(x) is _weft.Array and x._read_at > looks]
    if sum(key.arrays[i].nbytes for i in seen) > MAX_BYTES:
        raise Unkeyed("it looks into arrays of too many bytes")
    return [(i, _digest(key.arrays[i])) for i in seen]


def _digest(x: Any) -> str:
    return hashlib.sha256(_bytes_of(x)).hexdigest()


# ------------------------------------------------------------------------------------------------------ load and save


def _with_methods(key: Key, methods: list[list]) -> Key | None:
    """The key of the same call where these methods ran; None where they are not there."""
    if not methods:
        return key
    reads = guards.with_methods(key.reads, [(number, base, name) for number, base, name in methods])
    try:
        return None if reads is None else key.with_methods(reads)
    except Unkeyed:
        return None


def load(first: Key, opts: compiler.Options, sizes: dict[str, int]) -> Manifest | None:
    """The stored trace of a call, where there is one and its program is there too."""
    store = cache.store()
    content = store.read("manifest", first.text) if store else None
    if content is None:
        return None
    for entry in json.loads(content):
        key = _with_methods(first, entry["methods"])
        if key is None or key.text != entry["key"]:
            continue
        answers = [_answer(*a) for a in entry["answers"]]
        if not all(a.again(sizes) for a in answers) or not _in_place(entry["places"], key.codes):
            continue
        if not all(_digest(key.arrays[i]) == digest for i, digest in entry["looked_at"]):
            continue
        caller = _caller()
        lines = {"lines": [_line(x, key.codes, caller) for x in entry["lines"]], "ops": entry["ops"]}
        found = compiler.stored(entry["program"], lines, opts)
        if found is None:
            continue
        captured = [key.arrays[x] if isinstance(x, int) else _made(*x) for x in entry["captured"]]
        if entry["places"]:
            from weft._src import effects  # noqa: F401  (it tells the runtime what performs them)
        updates = [(result, number) for result, number in entry["updates"]]
        double = [_line(x, key.codes, caller) for x in entry["double"]]
        return Manifest(found, key.reads, captured, _untold(entry["out"]), updates, answers, double)
    return None


def save(first: Key, found: Manifest, entered: Sequence[types.CodeType] | None, looks: int, what: str) -> None:
    """Keeps a trace under the key of its call.

    Args:
        first: the key of the call. found: what the trace gave. entered: the code that ran while it was traced.
        looks: `_weft.looks()` before it. what: the function's name, for people.

    Raises:
        Unkeyed: if what the trace did does not follow from its key.
    """
    store = cache.store()
    if store is None:
        return
    if entered is None:
        raise Unkeyed("nobody watched what it did while it was traced")
    key = first.with_methods(found.reads) if found.reads.methods else first
    for code in entered:
        if id(code) not in key.followed and not guards.is_library(code.co_filename) and not _of_namedtuple(code):
            raise Unkeyed(f"it runs {code.co_qualname}, which no name in it leads to")
    if found.compiled.calls_python:
        raise Unkeyed("its program calls a Python function")
    looked = _looked_at(key, looks)
    caller = _caller()
    places = [[c.co_filename, c.co_firstlineno] for c in key.codes] if found.compiled.tells_lines else []
    entry = {
        "program": found.compiled.key,
        "captured": [_place(x, key.arrays) for x in found.captured],
        "out": _told(found.out_tree),
        "updates": found.updates,
        "answers": [[str(a.question.lhs), a.question.op, str(a.question.rhs), a.holds] for a in found.answers],
        "places": places,
        "looked_at": looked,
        "lines": [_relative(x, key.codes, caller) for x in found.compiled.lines["lines"]],
        "ops": found.compiled.lines["ops"],
        "double": [_relative(x, key.codes, caller) for x in found.double],
        "methods": found.reads.methods,
        "key": key.text,
    }
    several = found.answers or places or looked or found.reads.methods
    before = store.read("manifest", first.text) if several else None
    entries = [entry, *(json.loads(before) if before else [])][:_MAX_ALTERNATIVES]
    store.write("manifest", first.text, json.dumps(entries).encode(), f"traces of {what}")


def _of_namedtuple(code: types.CodeType) -> bool:
    """Whether it is the `__new__` that the standard library writes for each named tuple: it reads its arguments."""
    return code.co_filename.startswith("<string>") and code.co_names == ("_tuple_new",) and not code.co_freevars


def _place(x: Any, arrays: list[Any]) -> Any:
    """Where a hidden argument comes from: its number in the key, or its elements where the trace made it."""
    for i, other in enumerate(arrays):
        if other is x:
            return i
    data = np.asarray(x) if isinstance(x, np.ndarray) or x.dtype is not dtypes.key else None
    if data is None or data.dtype == object or data.nbytes > _MAX_MADE:
        raise Unkeyed("it makes an array while it is traced")
    text = base64.b64encode(np.ascontiguousarray(data).tobytes()).decode()
    return [type(x) is np.ndarray, dtypes.dtype(data.dtype).code, list(data.shape), text]


def _made(is_numpy: bool, code: int, shape: list[int], text: str) -> Any:
    data = np.frombuffer(base64.b64decode(text), dtypes.BY_CODE[code].numpy).reshape(shape)
    return data if is_numpy else array.asarray(data)


def _told(tree: pytree.TreeDef) -> Any:
    """A structure of plain containers as JSON: 0 for a leaf, None, [kind, keys, children]."""
    if tree.is_leaf:
        return 0
    if tree.cls is type(None):
        return None
    children = [_told(c) for c in tree.children]
    if tree.cls in (tuple, list):
        return [tree.cls.__name__, None, children]  # type: ignore[union-attr]
    if tree.cls is dict and all(type(k) in (str, int) for k in tree.meta):
        return ["dict", list(tree.meta), children]
    raise Unkeyed(f"it returns a {tree.cls.__name__}")  # type: ignore[union-attr]


def _untold(told: Any) -> pytree.TreeDef:
    if told == 0 and told is not None:
        return pytree.TreeDef(None)
    if told is None:
        return pytree.TreeDef(type(None))
    kind, keys, children = told
    return pytree.TreeDef(
        {"tuple": tuple, "list": list, "dict": dict}[kind],
        None if keys is None else tuple(keys),
        tuple(_untold(c) for c in children),
    )


def _answer(lhs: str, op: str, rhs: str, holds: bool) -> dims.Answer:
    def size(text: str) -> Any:
        return int(text) if text.lstrip("-").isdigit() else dims.parse(text)

    return dims.Answer(dims.Question(size(lhs), op, size(rhs)), holds)


def _in_place(places: list, codes: Sequence[types.CodeType]) -> bool:
    """Whether the functions stand where they stood, which matters where native code tells a line."""
    return not places or places == [[c.co_filename, c.co_firstlineno] for c in codes]


def _caller() -> str:
    """The line of the user's that makes the call."""
    here = source.capture().innermost
    return f"{here.filename}:{here.line}" if here else ""


def _relative(text: str, codes: Sequence[types.CodeType], caller: str) -> Any:
    """A line "file:line" as [number of the function, lines from its first]; None: the line of the call."""
    if text == caller:
        return None
    file, _, number = text.rpartition(":")
    line = int(number)
    around = [
        (last - c.co_firstlineno, i)
        for i, c in enumerate(codes)
        if c.co_filename == file
        and c.co_firstlineno <= line <= (last := max((n for *_, n in c.co_lines() if n), default=0))
    ]
    if not around:
        return text
    _, i = min(around)
    return [i, line - codes[i].co_firstlineno]


def _line(told: Any, codes: Sequence[types.CodeType], caller: str) -> str:
    if told is None:
        return caller
    if isinstance(told, str):
        return told
    i, offset = told
    return f"{codes[i].co_filename}:{codes[i].co_firstlineno + offset}"
