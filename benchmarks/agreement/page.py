"""The table of docs/agreement.md.

Decides its words, and that a run of some rows leaves the others as they are.
"""

from __future__ import annotations

import jax
from judge import Finding
from trial import Outcome

WORDS = {
    "weft": "Weft is right",
    "alone": "JAX refuses",
    "jax": "JAX IS RIGHT",
    "neither": "NEITHER",
    "unknown": "DIFFER",
    "error": "WEFT REFUSES",
}


def cell(findings: list[Finding] | None) -> str:
    if not findings:
        return "-"
    agree = [f.ulp for f in findings if f.kind == "agree"]
    cells = []
    if agree:
        cells.append(f"agree ({max(agree):.2g})" if max(agree) else "agree")
    for kind, words in WORDS.items():
        where = sorted({f.where for f in findings if f.kind == kind})
        if where:
            cells.append(f"{words} ({_places(where)})")
    reasons = dict.fromkeys(f.text for f in findings if f.kind == "decided")
    cells += [f"differ: {r}" for r in reasons]
    return "; ".join(cells)


def _places(where: list[str]) -> str:
    short = sorted({w if not w[-1].isdigit() else w.split(" ")[0] for w in where})
    return ", ".join(short)


def page(outcomes: list[Outcome], before: str, order: list[str]) -> str:
    """docs/agreement.md: the rows of this run, and for other functions those that it has already."""
    rows = {line.split("`")[1]: line for line in before.splitlines() if line.startswith("| `")}
    for o in outcomes:
        cells = [cell(o.parts.get(p)) for p in ("values", "gradient", "vmap")]
        rows[o.row.name] = "| " + " | ".join([f"`{o.row.name}`", *cells, "; ".join(o.dtypes)]) + " |"
    lines = [
        HEAD.format(jax=jax.__version__),
        "| function | values | gradient | vmap | dtype |",
        "|---|---|---|---|---|",
    ]
    kept = [rows[name] for name in order if name in rows]
    return "\n".join([*lines, *kept, "", summary(kept), ""])


def summary(rows: list[str]) -> str:
    decided = [r for r in rows if "differ: " in r]
    right = [r for r in rows if r not in decided and ("Weft is right" in r or "JAX refuses" in r)]
    return (
        f"{len(rows)} rows: "
        f"{len(rows) - len(decided) - len(right)} agree everywhere; {len(right)} differ "
        f"somewhere, where Weft is right or JAX has no answer; {len(decided)} differ by a decision that is named."
    )


HEAD = """# Agreement with JAX

<!-- Written by `python benchmarks/agreement --write`; do not edit. -->

Every function that Weft and JAX both have, given the same numbers. JAX is {jax}, with 64-bit numbers. The arguments
(shapes, dtypes, domains) are in `benchmarks/agreement/`; elementwise functions are also given all pairs of awkward
numbers (zeros with their signs, infinities, NaN, the greatest, the smallest, a subnormal). In brackets is the largest
difference in units in the last place: of each element for elementwise functions, else of the largest element. Where the
two are further apart than the row allows, mpmath, NumPy or both in float64 say who is right. A gradient is what random
cotangents pull back; vmap is compared with a call for each element. What is left differs by a decision, which the cell
names; `python benchmarks/agreement` fails for a difference that is not in this table.
"""
