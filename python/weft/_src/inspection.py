"""What the array API's inspection functions say of Weft: its dtypes, devices and capabilities."""

from __future__ import annotations

from typing import Any

from weft._src import dtypes
from weft._src.dtypes import DType
from weft._src.errors import ArgumentValueError
from weft._src.normalize import check_device

_KINDS = {
    "bool": ("bool",),
    "signed integer": ("int",),
    "unsigned integer": ("uint",),
    "integral": ("int", "uint"),
    "real floating": ("float",),
    "complex floating": ("complex",),
    "numeric": ("int", "uint", "float", "complex"),
}
# Those of the standard that ops take: bfloat16 is no name of it, complex numbers have no code yet.
_NAMES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64",
)  # fmt: skip


class Info:
    """The namespace's `__array_namespace_info__()`."""

    def capabilities(self) -> dict[str, Any]:
        """What the standard leaves open.

        >>> Info().capabilities()["max dimensions"]
        16
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 16}

    def default_device(self) -> str:
        """Where arrays are made.

        >>> Info().default_device()
        'cpu'
        """
        return "cpu"

    def devices(self) -> list[str]:
        """Where arrays can be.

        >>> Info().devices()
        ['cpu']
        """
        return ["cpu"]

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The dtypes of Python numbers and of creation functions.

        >>> Info().default_dtypes()["real floating"]
        weft.float32
        """
        check_device(device)
        return {
            "real floating": dtypes.default_float(),
            "complex floating": dtypes.default_complex(),
            "integral": dtypes.default_int(),
            "indexing": dtypes.default_int(),
        }

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, DType]:
        """The standard's dtypes that ops take, by name; of some kinds only.

        Raises:
            ArgumentValueError: WF1902 for a kind that the standard does not have.

        >>> list(Info().dtypes(kind="real floating"))
        ['float32', 'float64']
        """
        check_device(device)
        wanted = tuple(_KINDS) if kind is None else (kind,) if isinstance(kind, str) else kind
        for k in wanted:
            if k not in _KINDS:
                raise ArgumentValueError("WF1902", f"a kind of dtypes is one of {', '.join(_KINDS)}, not {k!r}.")
        kinds = {name for k in wanted for name in _KINDS[k]}
        return {name: d for name in _NAMES if (d := dtypes.dtype(name)).kind in kinds}


def __array_namespace_info__() -> Info:
    """The inspection functions of the array API.

    >>> __array_namespace_info__().default_device()
    'cpu'
    """
    return Info()
