"""Trees: random ones come back as they were, structures compare and pickle, errors name the place."""

import copy
import dataclasses
import pickle
import random
from collections import OrderedDict, defaultdict, namedtuple

import pytest
import weft.tree as tree
from weft._src import pytree
from weft.errors import TreeError, WrongArgumentError

Point = namedtuple("Point", "x y")


@dataclasses.dataclass(frozen=True)
class Layer:
    weight: object
    bias: object
    activation: str = dataclasses.field(default="relu", metadata={"static": True})

    def __post_init__(self):
        assert self.weight is not ..., "a tree is put together without __init__"


class Box:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Box) and self.value == other.value


tree.register_pytree_node(Box, lambda b: ((b.value,), "meta"), lambda _, xs: Box(*xs), entries=lambda _: (".value",))


def random_tree(rng, depth):
    kinds = ["leaf", "none"] if depth == 0 else ["leaf", "none", "dict", "od", "dd", "list", "tuple", "nt", "dc", "box"]
    kind = rng.choice(kinds)
    kids = [random_tree(rng, depth - 1) for _ in range(rng.randrange(4))] if depth else []
    names = rng.sample(["a", "b", "c", "d", 1, 2, 3], len(kids))
    sub = random_tree(rng, depth - 1) if depth else 0
    return {
        "leaf": rng.random(),
        "none": None,
        "dict": dict(zip(names, kids, strict=True)),
        "od": OrderedDict(zip(names, kids, strict=True)),
        "dd": defaultdict(list, zip(names, kids, strict=True)),
        "list": kids,
        "tuple": tuple(kids),
        "nt": Point(sub, None),
        "dc": Layer(sub, 1.0, rng.choice(["relu", "tanh"])),
        "box": Box(sub),
    }[kind]


@pytest.mark.parametrize("seed", range(60))
def test_random_trees_come_back(seed):
    rng = random.Random(seed)
    original = random_tree(rng, 4)
    flat, treedef = tree.flatten(original)
    assert tree.unflatten(treedef, flat) == original
    assert treedef.num_leaves == len(flat) == len(treedef.paths())
    assert len(set(treedef.paths())) == len(flat), "each leaf has a place of its own"
    for other in (pickle.loads(pickle.dumps(treedef)), copy.deepcopy(treedef)):
        assert other == treedef and hash(other) == hash(treedef) and repr(other) == repr(treedef)
    boxed = tree.map(lambda x: {x}, original)  # a set is a leaf
    assert tree.structure(boxed) == treedef and tree.leaves(boxed) == [{x} for x in flat]
    doubled = tree.map(lambda a, b: a + b, original, original)
    assert tree.leaves(doubled) == [2 * x for x in flat]


@pytest.mark.parametrize("seed", range(20))
def test_different_random_trees_have_different_structures(seed):
    rng = random.Random(1000 + seed)
    a, b = random_tree(rng, 3), random_tree(rng, 3)
    da, db = tree.structure(a), tree.structure(b)
    assert (da == db) == (repr(da) == repr(db))
    if da == db:
        assert hash(da) == hash(db)


def test_paths_are_python_that_finds_the_leaf():
    params = {"w1": [1.0, Point(2.0, Layer(3.0, Box((4.0,))))], 7: OrderedDict(z=5.0, a=6.0)}
    found, _ = tree.flatten_with_path(params, prefix="params")
    assert len(found) == 6
    for path, leaf in found:
        assert eval(path) == leaf


def test_key_order_of_dicts_is_not_structure_but_that_of_ordered_dicts_is():
    assert tree.structure({"a": 1, "b": 2}) == tree.structure({"b": 2, "a": 1})
    assert tree.leaves({"b": 2, "a": 1}) == [1, 2]
    assert tree.structure(OrderedDict(a=1, b=2)) != tree.structure(OrderedDict(b=2, a=1))


def test_static_fields_are_structure():
    assert tree.structure(Layer(1, 2, "relu")) != tree.structure(Layer(1, 2, "tanh"))
    assert tree.leaves(Layer(1, 2, "relu")) == [1, 2]
    rebuilt = tree.map(lambda _: ..., Layer(1, 2))  # __post_init__ would refuse this
    assert rebuilt.weight is ... and rebuilt.activation == "relu"
    with pytest.raises(TreeError, match="WF1105.*\n(.*\n)*.*activation.*list"):
        tree.flatten(Layer(1, 2, ["relu"]))


def test_subclasses_are_leaves_until_registered():
    class MyList(list):
        pass

    x = MyList([1, 2])
    assert tree.leaves(x) == [x] and tree.leaves(x)[0] is x


def test_registering_twice_or_a_builtin_is_an_error():
    for cls in (Box, dict, type(None)):
        with pytest.raises(WrongArgumentError, match="WF1104"):
            tree.register_pytree_node(cls, lambda x: ((), None), lambda m, xs: None)


@pytest.mark.parametrize(
    ("first", "second", "place"),
    [
        ({"w": [1, 2]}, {"w": [1, 2, 3]}, r"trees\[1\]\['w'\]: trees\[0\] has list of 2, this one list of 3"),
        ({"w": 1}, {"v": 1}, r"dict with keys \['w'\], this one dict with keys \['v'\]"),
        ({"w": (1,)}, {"w": [1]}, r"\['w'\]"),
        (Layer([1], 2), Layer(1, 2), r"trees\[1\]\.weight"),
        ([None], [1], r"trees\[1\]\[0\]: trees\[0\] has None, this one a leaf \(int\)"),
    ],
)
def test_mismatch_names_the_place(first, second, place):
    with pytest.raises(TreeError, match=place) as info:
        tree.map(lambda a, b: a, first, second)
    assert info.value.code == "WF1101"


def test_wrong_number_of_leaves():
    for n in (1, 3):
        with pytest.raises(TreeError, match="WF1102"):
            tree.unflatten(tree.structure([0, 0]), [0] * n)


def test_dict_keys_without_order():
    assert tree.leaves({"a": 1, 2: 2, (3,): 3}) == [2, 1, 3]  # by the name of the type, then by value
    with pytest.raises(TreeError, match="WF1103"):
        tree.flatten({1j: 0, 2j: 0})


def test_container_in_itself():
    x = []
    x.append(x)
    with pytest.raises(TreeError, match="WF1106"):
        tree.flatten(x)


def test_is_leaf_stops():
    assert tree.leaves({"a": (1, 2)}, is_leaf=lambda x: isinstance(x, tuple)) == [(1, 2)]


def test_all_is_lazy_about_nothing():
    assert tree.all([]) and tree.all([1, {"a": True}]) and not tree.all([1, {"a": 0}])


def test_map_with_path_over_two_trees():
    out = tree.map_with_path(lambda p, a, b: (p, a + b), {"w": [1, 2]}, {"w": [10, 20]}, prefix="p")
    assert out == {"w": [("p['w'][0]", 11), ("p['w'][1]", 22)]}


def test_broadcast_prefix():
    args = ([1, 2], {"a": 3, "b": (4, 5)})
    assert pytree.broadcast_prefix(0, args) == [0] * 5
    assert pytree.broadcast_prefix((0, None), args) == [0, 0, None, None, None]
    assert pytree.broadcast_prefix((0, {"a": 1, "b": None}), args) == [0, 0, 1, None, None]
    with pytest.raises(TreeError, match=r"WF1107.*\n(.*\n)*.*in_axes"):
        pytree.broadcast_prefix((0, {"a": 1}), args, name="in_axes")
