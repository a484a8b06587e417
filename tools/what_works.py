#!/usr/bin/env python3
"""Writes the table of what works into README.md, from the results that the last `./dev test` left in build/.

Decides the areas: a folder of lit tests or a file of Python tests belongs to one; those not named here are listed by
their own names, so that no result is lost. A failing area says so in the table: nothing is written by hand.

    ./dev test && .venv/bin/python tools/what_works.py
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- what works: begin", "<!-- what works: end -->"
AREAS = {
    "The dialect: types, ops, folding, shapes": ["Dialect", "ops", "test_dims", "test_dims_in_ir", "test_ops"],
    "Derivatives, batching, simplification": ["Transforms", "test_grad", "test_vmap", "test_transforms"],
    "Fusion, sharing, memory planning": ["Kernels"],
    "Code generation for CPUs": ["Conversion", "Codegen", "Target", "test_codegen"],
    "Stages and their contracts": ["Pipelines"],
    "The reference interpreter": ["Reference", "weft-run"],
    "Math functions within their bounds": ["test_math_accuracy", "test_math", "math"],
    "The runtime: loader, buffers, threads": ["runtime", "test_runtime"],
    "Tracing, jit, arrays": ["test_trace", "test_jit", "test_array", "test_arrays", "test_eager", "test_tree"],
    "Errors and lines": ["test_errors", "test_source"],
    "Printing and reading back, every file": ["round trip"],
}


def results(build: pathlib.Path) -> dict[str, collections.Counter]:
    """Passed, failed and skipped tests by group: a lit folder, a unit test program, or a Python file."""
    groups: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    codes = {"PASS": "passed", "UNSUPPORTED": "skipped", "XFAIL": "passed"}
    for test in json.loads((build / "results-lit.json").read_text())["tests"]:
        suite, name = test["name"].split(" :: ")
        group = "round trip" if suite == "weft-roundtrip" else name.split("/")[0]
        groups[group][codes.get(test["code"], "failed")] += 1
    for kind in ("unit", "python"):
        for case in ElementTree.parse(build / f"results-{kind}.xml").iter("testcase"):
            group = case.get("name") if kind == "unit" else case.get("classname").split(".")[-1]
            bad = case.find("failure") is not None or case.find("error") is not None
            groups[group]["failed" if bad else "skipped" if case.find("skipped") is not None else "passed"] += 1
    return groups


def table(groups: dict[str, collections.Counter]) -> str:
    """The table in Markdown.

    >>> print(table({"Kernels": collections.Counter(passed=3, failed=1)}))
    | what | tests that pass |
    |---|---|
    | Fusion, sharing, memory planning | 3 of 4 |
    """
    rows = ["| what | tests that pass |", "|---|---|"]
    area_of = {group: area for area, members in AREAS.items() for group in members}
    sums: dict[str, collections.Counter] = {}
    for group in sorted(groups, key=lambda g: (list(AREAS).index(area_of[g]) if g in area_of else len(AREAS), g)):
        sums.setdefault(area_of.get(group, group.replace("_", " ")), collections.Counter()).update(groups[group])
    for area, count in sums.items():
        run = count["passed"] + count["failed"]
        rows.append(f"| {area} | {count['passed']} of {run} |" if run else f"| {area} | none ran |")
    return "\n".join(rows)


def main() -> int:
    """Puts the table between its two marks."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    start = text.index("\n", text.index(BEGIN)) + 1
    readme.write_text(text[:start] + table(results(ROOT / "build")) + "\n" + text[text.index(END) :])
    return 0


if __name__ == "__main__":
    sys.exit(main())
