"""Nested containers (pytrees): taken apart into leaves and a structure, and put together again.

Decides which classes are containers (dict, OrderedDict, defaultdict, list, tuple, namedtuple, dataclasses, None and
what is registered; exact classes, so a subclass is a leaf until it is registered), the order of leaves (dicts by sorted
key), and how a leaf's place is written ("params['w1'][0].scale"). The call path in C++ walks the same classes without
this module: it hashes dict keys in insertion order and comes here only on a miss, so two insertion orders are two keys
of the cache but one structure.
"""

from __future__ import annotations

import builtins
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, NamedTuple

from weft._src.errors import TreeError, WrongArgumentError

LeafTest = Callable[[Any], bool]


class _Handler(NamedTuple):
    """How one class of containers comes apart and together. `meta` is hashable and is a part of the structure."""

    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]]
    unflatten: Callable[[type, Hashable, list[Any]], Any]
    entries: Callable[[Hashable, int], list[str]]  # what each child adds to a path


def _sorted_keys(d: dict) -> tuple:
    try:
        return tuple(sorted(d))
    except TypeError:
        pass
    try:  # keys of several types: by type, then by value
        return tuple(sorted(d, key=lambda k: (type(k).__module__, type(k).__qualname__, k)))
    except TypeError:
        names = ", ".join(sorted({type(k).__name__ for k in d}))
        raise TreeError("WF1103", f"the keys of a dict cannot be put in order ({names}).") from None


def _flatten_dict(d: dict):
    keys = _sorted_keys(d)
    return [d[k] for k in keys], keys


def _flatten_defaultdict(d: defaultdict):
    keys = _sorted_keys(d)
    return [d[k] for k in keys], (d.default_factory, keys)


def _key_entries(keys: Any, _n: int) -> list[str]:
    return [f"[{k!r}]" for k in keys]


def _index_entries(_meta: Any, n: int) -> list[str]:
    return [f"[{i}]" for i in range(n)]


def _field_entries(meta: Any, _n: int) -> list[str]:
    return [f".{name}" for name in meta]


def _make_dict(_cls: type, keys: Any, children: list) -> dict:
    return dict(zip(keys, children, strict=True))


_HANDLERS: dict[type, _Handler] = {
    dict: _Handler(_flatten_dict, _make_dict, _key_entries),
    OrderedDict: _Handler(
        lambda d: (list(d.values()), tuple(d)),
        lambda _c, keys, xs: OrderedDict(zip(keys, xs, strict=True)),
        _key_entries,
    ),
    defaultdict: _Handler(
        _flatten_defaultdict,
        lambda _c, meta, xs: defaultdict(meta[0], zip(meta[1], xs, strict=True)),
        lambda meta, n: _key_entries(meta[1], n),
    ),
    list: _Handler(lambda x: (x, None), lambda _c, _m, xs: list(xs), _index_entries),
    tuple: _Handler(lambda x: (x, None), lambda _c, _m, xs: tuple(xs), _index_entries),
    type(None): _Handler(lambda _x: ((), None), lambda _c, _m, _xs: None, _index_entries),
}
_BUILTIN = frozenset(_HANDLERS)

_NAMEDTUPLE = _Handler(lambda x: (x, type(x)._fields), lambda cls, _m, xs: cls._make(xs), _field_entries)


def _flatten_dataclass(x: Any):
    dynamic, static = _dataclass_fields(type(x))
    meta = tuple((name, getattr(x, name)) for name in static)
    for name, value in meta:
        try:
            hash(value)
        except TypeError:
            raise TreeError(
                "WF1105",
                f"the static field {name!r} of {type(x).__name__} is a {type(value).__name__}, which is not hashable.",
            ) from None
    return [getattr(x, name) for name in dynamic], meta


def _make_dataclass(cls: type, meta: Any, children: list) -> Any:
    # Not through __init__: __post_init__ may check or convert values, which tracers and None placeholders do not stand.
    # object.__setattr__ writes frozen classes too.
    dynamic, _ = _dataclass_fields(cls)
    x = object.__new__(cls)
    for name, value in (*zip(dynamic, children, strict=True), *meta):
        object.__setattr__(x, name, value)
    return x


_fields_of: dict[type, tuple[tuple[str, ...], tuple[str, ...]]] = {}


def _dataclass_fields(cls: type) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the fields that hold children, and of the static ones, each in the order of definition."""
    found = _fields_of.get(cls)
    if found is None:
        import dataclasses

        fields = dataclasses.fields(cls)
        found = _fields_of[cls] = (
            tuple(f.name for f in fields if not f.metadata.get("static")),
            tuple(f.name for f in fields if f.metadata.get("static")),
        )
    return found


_DATACLASS = _Handler(_flatten_dataclass, _make_dataclass, lambda _m, _n: [])


def _handler(x: Any) -> _Handler | None:
    """How to take `x` apart, or None for a leaf."""
    return _handler_of_class(type(x))


def _handler_of_class(cls: type) -> _Handler | None:
    found = _HANDLERS.get(cls)
    if found is not None:
        return found
    if issubclass(cls, tuple) and hasattr(cls, "_fields") and hasattr(cls, "_make"):
        return _NAMEDTUPLE
    # The class's own mark, without importing dataclasses for programs that have none. A subclass of a dataclass that is
    # not decorated itself may have fields we do not know of: a leaf, as other subclasses are.
    if "__dataclass_fields__" in cls.__dict__:
        return _DATACLASS
    return None


def register_pytree_node(
    cls: type,
    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten: Callable[[Hashable, list[Any]], Any],
    *,
    entries: Callable[[Any], Iterable[str]] | None = None,
) -> type:
    """Makes a class a container.

    Args:
        cls: the class itself; its subclasses stay leaves.
        flatten: x -> (children, meta); `meta` is hashable and comparable, and holds all that is not a child.
        unflatten: (meta, children) -> x; must take any objects as children, also placeholders.
        entries: meta -> what each child adds to a path, such as ".weight"; without it children are called `[0]`, `[1]`.

    Returns:
        `cls`.

    Raises:
        WrongArgumentError: WF1104 if the class is a container already.

    >>> class Pair:
    ...     def __init__(self, a, b): self.a, self.b = a, b
    >>> _ = register_pytree_node(Pair, lambda p: ((p.a, p.b), None), lambda _, xs: Pair(*xs))
    >>> map(lambda x: x + 1, Pair(1, [2])).b
    [3]
    """
    if cls in _HANDLERS:
        raise WrongArgumentError("WF1104", f"{cls.__name__} is a container already.")
    names = _index_entries if entries is None else (lambda meta, _n: list(entries(meta)))
    _HANDLERS[cls] = _Handler(flatten, lambda _cls, meta, xs: unflatten(meta, xs), names)
    return cls


class TreeDef:
    """The structure of a tree: everything but its leaves. Hashable, comparable, picklable.

    Attributes:
        cls: class of the outermost container; None for a leaf.
        meta: what that container keeps beside its children (the keys of a dict, static fields).
        children: the structures of its children.
        num_leaves: how many leaves the whole tree has.

    >>> structure({"b": [1, 2], "a": None})
    TreeDef({'a': None, 'b': [*, *]})
    >>> structure({"x": 1, "y": 2}) == structure({"y": 0, "x": 0})
    True
    """

    __slots__ = ("_hash", "children", "cls", "meta", "num_leaves")

    cls: type | None
    meta: Any
    children: tuple[TreeDef, ...]
    num_leaves: int

    def __init__(self, cls: type | None, meta: Any = None, children: tuple[TreeDef, ...] = ()):
        self.cls = cls
        self.meta = meta
        self.children = children
        self.num_leaves = 1 if cls is None else sum(c.num_leaves for c in children)
        self._hash: int | None = None

    @property
    def is_leaf(self) -> bool:
        """Whether the whole tree is one leaf."""
        return self.cls is None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, TreeDef):
            return NotImplemented
        return (
            self.cls is other.cls
            and self.num_leaves == other.num_leaves
            and self.meta == other.meta
            and self.children == other.children
        )

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((self.cls, self.meta, self.children))
        return self._hash

    def __reduce__(self):
        return TreeDef, (self.cls, self.meta, self.children)

    def __repr__(self) -> str:
        return f"TreeDef({self._text()})"

    def _text(self) -> str:
        cls, kids = self.cls, [c._text() for c in self.children]
        if cls is None:
            return "*"
        if cls is type(None):
            return "None"
        if cls is dict:
            return "{" + ", ".join(f"{k!r}: {t}" for k, t in zip(self.meta, kids, strict=True)) + "}"
        if cls is list:
            return "[" + ", ".join(kids) + "]"
        if cls is tuple:
            return "(" + ", ".join(kids) + ("," if len(kids) == 1 else "") + ")"
        if cls in (OrderedDict, defaultdict):
            keys = self.meta if cls is OrderedDict else self.meta[1]
            return f"{cls.__name__}({{" + ", ".join(f"{k!r}: {t}" for k, t in zip(keys, kids, strict=True)) + "})"
        parts = [f"{e.removeprefix('.')}={t}" for e, t in zip(self._entries(), kids, strict=True)]
        if _handler_of_class(cls) is _DATACLASS:
            parts += [f"{name}={value!r}" for name, value in self.meta]
        return f"{cls.__name__}({', '.join(parts)})"

    def _entries(self) -> list[str]:
        assert self.cls is not None
        handler = _handler_of_class(self.cls)
        assert handler is not None
        if handler is _DATACLASS:
            return [f".{name}" for name in _dataclass_fields(self.cls)[0]]
        return handler.entries(self.meta, len(self.children))

    def paths(self, prefix: str = "") -> list[str]:
        """The places of all leaves, in their order, each beginning with `prefix`.

        >>> structure({"w": [0, 0]}).paths("params")
        ["params['w'][0]", "params['w'][1]"]
        """
        if self.cls is None:
            return [prefix]
        return [p for e, c in zip(self._entries(), self.children, strict=True) for p in c.paths(prefix + e)]

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree of this structure with the given leaves.

        Raises:
            TreeError: WF1102 if their number is another.

        >>> structure((1, {"a": 2})).unflatten("xy")
        ('x', {'a': 'y'})
        """
        given = list(leaves)
        if len(given) != self.num_leaves:
            raise TreeError("WF1102", f"the structure {self._text()} has {self.num_leaves} leaves, {len(given)} came.")
        return self._build(iter(given))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.cls is None:
            return next(leaves)
        handler = _handler_of_class(self.cls)
        assert handler is not None
        return handler.unflatten(self.cls, self.meta, [c._build(leaves) for c in self.children])

    def flatten_up_to(self, tree: Any, *, name: str = "", first: str = "the first tree") -> list[Any]:
        """Takes apart a tree that begins like this structure; what stands at its leaves may be whole trees.

        Args:
            tree: the tree to take apart.
            name: what `tree` is called in an error.
            first: what this structure is called in an error.

        Raises:
            TreeError: WF1101, naming the first place where the two differ.

        >>> structure([0, 0]).flatten_up_to([{"a": 1}, 2])
        [{'a': 1}, 2]
        """
        out: list[Any] = []
        self._up_to(tree, name, first, out)
        return out

    def _up_to(self, tree: Any, path: str, first: str, out: list[Any]) -> None:
        if self.cls is None:
            out.append(tree)
            return
        handler = _handler(tree)
        if type(tree) is not self.cls or handler is None:
            raise _mismatch(path, first, self._describe(), _describe(tree))
        children, meta = handler.flatten(tree)
        children = list(children)
        if meta != self.meta or len(children) != len(self.children):
            raise _mismatch(path, first, self._describe(), _describe(tree))
        for entry, mine, theirs in zip(self._entries(), self.children, children, strict=True):
            mine._up_to(theirs, path + entry, first, out)

    def _describe(self) -> str:
        if self.cls is None:
            return "a leaf"
        if self.cls is type(None):
            return "None"
        if self.cls in (dict, OrderedDict, defaultdict):
            keys = self.meta[1] if self.cls is defaultdict else self.meta
            return f"{self.cls.__name__} with keys {_shorten(keys)}"
        if self.cls in (list, tuple):
            return f"{self.cls.__name__} of {len(self.children)}"
        return self._text() if len(self._text()) <= 80 else self.cls.__name__


def _shorten(keys: Iterable[Any]) -> str:
    names = [repr(k) for k in keys]
    return "[" + ", ".join(names[:8]) + (f", ... {len(names) - 8} more" if len(names) > 8 else "") + "]"


def _describe(tree: Any) -> str:
    handler = _handler(tree)
    if handler is None:
        return f"a leaf ({type(tree).__name__})"
    children, meta = handler.flatten(tree)
    return TreeDef(type(tree), meta, tuple(LEAF for _ in children))._describe()


def _mismatch(path: str, first: str, expected: str, got: str) -> TreeError:
    place = f"at {path}" if path else "at the root"
    return TreeError("WF1101", f"the structures differ {place}: {first} has {expected}, this one {got}.")


LEAF = TreeDef(None)
"""The structure of a tree that is one leaf."""


def flatten(tree: Any, is_leaf: LeafTest | None = None) -> tuple[list[Any], TreeDef]:
    """Takes a tree apart.

    Args:
        tree: any object; what is no container is a leaf.
        is_leaf: called on each subtree; where it returns True the subtree is taken as a leaf.

    Returns:
        The leaves in order, and the structure.

    Raises:
        TreeError: WF1103 for dict keys without an order, WF1105 for a static field that is not hashable, WF1106 for a
            container that contains itself.

    >>> flatten({"b": 2, "a": (1, None)})
    ([1, 2], TreeDef({'a': (*, None), 'b': *}))
    """
    out: list[Any] = []
    try:
        return out, _flatten(tree, is_leaf, out)
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> TreeError:
    return TreeError("WF1106", "the container contains itself or nests deeper than Python's recursion limit.")


def _flatten(tree: Any, is_leaf: LeafTest | None, out: list[Any]) -> TreeDef:
    handler = None if is_leaf is not None and is_leaf(tree) else _handler(tree)
    if handler is None:
        out.append(tree)
        return LEAF
    children, meta = handler.flatten(tree)
    return TreeDef(type(tree), meta, tuple([_flatten(c, is_leaf, out) for c in children]))


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:
    """Puts a tree together; the inverse of `flatten`.

    Dicts come back with sorted keys, dataclasses without a call of `__init__`.

    Raises:
        TreeError: WF1102 if the number of leaves is wrong.

    >>> leaves_, treedef = flatten({"a": [1, 2]})
    >>> unflatten(treedef, [x * 10 for x in leaves_])
    {'a': [10, 20]}
    """
    return treedef.unflatten(leaves)


def leaves(tree: Any, is_leaf: LeafTest | None = None) -> list[Any]:
    """The leaves of a tree, in order.

    >>> leaves([1, {"b": 3, "a": 2}, None])
    [1, 2, 3]
    """
    return flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: LeafTest | None = None) -> TreeDef:
    """The structure of a tree.

    >>> structure((1, [2]))
    TreeDef((*, [*]))
    """
    return flatten(tree, is_leaf)[1]


def flatten_with_path(
    tree: Any, is_leaf: LeafTest | None = None, *, prefix: str = ""
) -> tuple[list[tuple[str, Any]], TreeDef]:
    """As `flatten`, with the place of each leaf.

    >>> flatten_with_path({"w": [5]}, prefix="params")[0]
    [("params['w'][0]", 5)]
    """
    flat, treedef = flatten(tree, is_leaf)
    return list(zip(treedef.paths(prefix), flat, strict=True)), treedef


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: LeafTest | None = None) -> Any:
    """Applies `f` to each leaf; with several trees, to the leaves at the same place.

    Args:
        f: takes one argument for each tree.
        tree: gives the structure of the result.
        rest: trees that begin with the structure of the first; `f` gets whole subtrees where they go deeper.
        is_leaf: as for `flatten`, for the first tree.

    Raises:
        TreeError: WF1101, naming the place where a tree differs from the first.

    >>> map(lambda p, g: p - g, {"w": 3, "b": 1}, {"w": 1, "b": 1})
    {'b': 0, 'w': 2}
    """
    flat, treedef = flatten(tree, is_leaf)
    columns = [flat, *(_rest_leaves(treedef, t, i) for i, t in enumerate(rest))]
    return treedef.unflatten([f(*xs) for xs in zip(*columns, strict=True)])


def map_with_path(
    f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: LeafTest | None = None, prefix: str = ""
) -> Any:
    """As `map`, but `f` gets the place of the leaf as text before the leaves.

    >>> map_with_path(lambda path, x: f"{path}={x}", {"w": [5]})
    {'w': ["['w'][0]=5"]}
    """
    flat, treedef = flatten(tree, is_leaf)
    columns = [treedef.paths(prefix), flat, *(_rest_leaves(treedef, t, i) for i, t in enumerate(rest))]
    return treedef.unflatten([f(*xs) for xs in zip(*columns, strict=True)])


def _rest_leaves(treedef: TreeDef, tree: Any, index: int) -> list[Any]:
    return treedef.flatten_up_to(tree, name=f"trees[{index + 1}]", first="trees[0]")


def all(tree: Any, is_leaf: LeafTest | None = None) -> bool:
    """Whether all leaves are true; an empty tree is.

    >>> all({"a": 1, "b": [True]}), all([0]), all(None)
    (True, False, True)
    """
    return builtins.all(leaves(tree, is_leaf))


def broadcast_prefix(prefix: Any, tree: Any, *, name: str = "prefix", none_is_leaf: bool = True) -> list[Any]:
    """One value for each leaf of `tree`, from a tree that follows its outer levels, such as `in_axes`.

    Args:
        prefix: one value, or containers like the outer ones of `tree` with one value for each part.
        tree: the tree to cover.
        name: what the prefix is called in an error.
        none_is_leaf: None in the prefix is a value (as in `in_axes`), not an empty container.

    Raises:
        TreeError: WF1107 where the prefix does not follow `tree`.

    >>> broadcast_prefix((0, None), ([1, 2], {"a": 3}))
    [0, 0, None]
    """
    values, treedef = flatten(prefix, (lambda x: x is None) if none_is_leaf else None)
    try:
        parts = treedef.flatten_up_to(tree, name="", first=name)
    except TreeError as err:
        raise TreeError("WF1107", err.message) from None
    return [v for v, part in zip(values, parts, strict=True) for _ in range(structure(part).num_leaves)]
