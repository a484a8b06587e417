"""`WEFT_DEBUG=kernels,timing`: what each newly compiled function becomes, on standard error.

Decides what the variable may name, and what is printed for it: stages as `Lowered.as_text` gives them, `explain` and
`timing` as `explain()` and its ledger print. A function found in the persistent cache is traced for it, and ops outside
of `jit` are left out: there would be hundreds.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from weft._src import compiler
from weft._src.errors import ArgumentValueError

REPORTS = ("explain", "timing")
TEXTS = (*compiler.STAGES, "llvm-ir", "asm")


def wanted() -> list[str]:
    """What the variable names, in its order; nothing where it is not set.

    Raises:
        ArgumentValueError: WF1509 for a word that names nothing.

    >>> wanted()
    []
    """
    words = [word.strip() for word in os.environ.get("WEFT_DEBUG", "").split(",") if word.strip()]
    for word in words:
        if word not in TEXTS and word not in REPORTS:
            raise ArgumentValueError("WF1509", f"WEFT_DEBUG names {', '.join([*TEXTS, *REPORTS])}; not {word!r}.")
    return words


def before_compiling(words: list[str], module: Any, opts: compiler.Options, name: str) -> None:
    """Prints the stages among `words` of a traced module, before it is compiled: so they are seen where that fails."""
    for stage in words:
        if stage in TEXTS:
            _print(name, stage, compiler.as_text(module, stage, opts))


def after_compiling(words: list[str], explanation: Any) -> None:
    """Prints the reports among `words` of a program; `explanation` is as `explain()` returns it."""
    for report in words:
        if report in REPORTS:
            _print(explanation.name, report, str(explanation if report == "explain" else explanation.ledger))


def _print(name: str, what: str, text: str) -> None:
    print(f"// weft: {what} of {name}\n{text.rstrip()}\n", file=sys.stderr)
