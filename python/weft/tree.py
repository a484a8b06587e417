"""Functions on nested containers (pytrees): dicts, lists, tuples, dataclasses, registered classes.

>>> import weft.tree
>>> weft.tree.map(lambda p, g: p - 0.5 * g, {"w": [1.0, 2.0]}, {"w": [2.0, 2.0]})
{'w': [0.0, 1.0]}
"""

from weft._src.pytree import (
    TreeDef,
    all,
    flatten,
    flatten_with_path,
    leaves,
    map,
    map_with_path,
    register_pytree_node,
    structure,
    unflatten,
)

__all__ = [
    "TreeDef",
    "all",
    "flatten",
    "flatten_with_path",
    "leaves",
    "map",
    "map_with_path",
    "register_pytree_node",
    "structure",
    "unflatten",
]
