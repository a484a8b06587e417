"""Weft: a graph compiler for array programs.

Public names are found when they are first used, so that `import weft` loads nothing that a program does not need. The
ops are not listed here: whatever a module of `weft.ops` names in its `__all__` is public.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Array": "weft._src.array",
    "asarray": "weft._src.array",
    "from_dlpack": "weft._src.array",
    "jit": "weft._src.jit",
    "spec": "weft._src.jit",
    "Dim": "weft._src.dims",
    **dict.fromkeys(("callback", "check"), "weft._src.effects"),
    "CheckError": "weft._src.errors",
    "Variable": "weft._src.state",
    "__array_namespace_info__": "weft._src.inspection",
    "disable_jit": "weft._src.implicit",
    "associative_scan": "weft._src.prefixes",
    **dict.fromkeys(("fuse", "nofuse"), "weft._src.barrier"),
    **dict.fromkeys(("cond", "fori_loop", "map", "scan", "switch", "while_loop"), "weft._src.control"),
    **dict.fromkeys(
        ("eval_shape", "grad", "jvp", "linearize", "stop_gradient", "value_and_grad", "vjp", "vmap"),
        "weft._src.transforms",
    ),
    **dict.fromkeys(("hessian", "jacfwd", "jacrev"), "weft._src.jacobians"),
    **dict.fromkeys(("custom_jvp", "custom_vjp"), "weft._src.custom"),
    **dict.fromkeys(("checkpoint", "checkpoint_name"), "weft._src.checkpoint"),
    **dict.fromkeys(
        (
            "bfloat16", "can_cast", "complex64", "complex128", "dtype", "finfo", "float16", "float32", "float64",
            "iinfo", "int8", "int16", "int32", "int64", "isdtype", "result_type", "set_default_dtype", "uint8",
            "uint16", "uint32", "uint64",
        ),
        "weft._src.dtypes",
    ),
}  # fmt: skip
_FAMILIES = (
    "elementwise", "reduction", "movement", "indexing", "contraction", "window", "sorting", "creation",
    "selection",
)  # fmt: skip
_MODULES = ("debug", "errors", "linalg", "nn", "ops", "random", "tree")

# The array API's constants.
e = 2.718281828459045
pi = 3.141592653589793
inf = float("inf")
nan = float("nan")
newaxis = None
__array_api_version__ = "2024.12"


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"weft.{name}")
    home = _HOME.get(name)
    if home is not None:
        value = getattr(importlib.import_module(home), name)
    elif name == "bool":
        value = importlib.import_module("weft._src.dtypes").bool_
    elif not name.startswith("_") and (found := _op(name)) is not None:
        value = found
    else:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    globals()[name] = value
    return value


def _op(name: str) -> Any:
    for family in _FAMILIES:
        module = importlib.import_module(f"weft.ops.{family}")
        if name in module.__all__:
            return getattr(module, name)
    return None


def __dir__() -> list[str]:
    families = [importlib.import_module(f"weft.ops.{family}") for family in _FAMILIES]
    return sorted({*globals(), *_HOME, *_MODULES, "bool", *(name for f in families for name in f.__all__)})
