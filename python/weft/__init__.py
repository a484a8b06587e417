"""Weft: a graph compiler for array programs.

Public names are found when they are first used, so that `import weft` loads nothing that a program does not need.
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
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'weft' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
