"""Runs the examples in the docstrings of the Python package, so that documentation cannot go stale."""

import doctest
import importlib
import pkgutil

import pytest
import weft._src

# Every module under weft._src that needs no compiled part, and the public ones made of them.
PURE = [
    "weft.errors",
    "weft.tools.cli",
    "weft.tools.doctor",
    "weft.tree",
    *(
        f"weft._src.{name}"
        for name in ("source", "errors", "error_table", "dtypes", "pytree", "dims", "assumptions", "progress")
    ),
]


@pytest.mark.parametrize("name", PURE)
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.failed == 0


def test_every_pure_module_is_listed():
    present = {f"weft._src.{m.name}" for m in pkgutil.iter_modules(weft._src.__path__)}
    assert {n for n in PURE if n.startswith("weft._src.")} <= present


@pytest.mark.parametrize("name", [n for n in PURE if n != "weft._src.error_table"])
def test_public_functions_have_docstrings(name):
    module = importlib.import_module(name)
    missing = [
        key
        for key, value in vars(module).items()
        if not key.startswith("_")
        and callable(value)
        and getattr(value, "__module__", "") == name
        and not value.__doc__
    ]
    assert missing == []
