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
    "Every op has all its rules, and adding one is as the guide says": ["test_completeness", "test_add_an_op"],
    "Gather, scatter, sort, running folds": ["test_indexing", "test_sorting", "test_running_folds"],
    "Convolution, windows, nn, linalg": [
        "test_window", "test_nn", "test_nn_table", "test_linalg", "test_attention", "test_composites",
        "test_networks",
    ],
    "Random keys and distributions": ["test_random"],
    "Effects: print, check, callback": ["test_effects"],
    "Derivatives, batching, simplification": [
        "Transforms", "test_grad", "test_vmap", "test_transforms", "test_derivatives_ir", "test_vmap_ir",
        "test_simplify_ir", "test_jacobians", "test_where_gradients", "test_known_values", "test_slopes",
    ],
    "Custom rules and checkpoint": ["test_custom_rules", "test_checkpoint", "test_segments"],
    "Control flow": ["test_control", "test_reroll"],
    "Transformations of each other, of control flow, of calls": [
        "test_control_matrix", "test_transform_matrix", "test_transform_matrix_ir",
    ],
    "Fusion, sharing, memory planning": [
        "Kernels", "test_fusion_reasons", "test_arena", "test_fuse", "test_nofuse", "test_joins", "test_in_place",
        "test_memory", "test_blocks_of_steps",
    ],
    "Code generation for CPUs": [
        "Conversion", "Codegen", "Target", "test_vector_code", "test_schedules", "test_edited_schedules",
        "test_targets", "test_bfloat16", "test_narrow_products", "test_kept", "test_layout",
    ],
    "Stages and their contracts": ["Pipelines", "test_stages"],
    "Random programs against the reference, bit for bit": ["test_random_graphs"],
    "The persistent cache": ["test_cache"],
    "The reference interpreter": ["Reference", "weft-run"],
    "Math functions within their bounds": ["test_math_accuracy", "test_math", "math"],
    "The runtime: loader, buffers, threads": ["runtime", "test_runtime", "weft-runtime-test", "test_beside"],
    "Tracing, jit, arrays": [
        "test_trace", "test_jit", "test_array", "test_arrays", "test_tree", "test_dtypes", "test_jit_donation",
        "test_jit_numerics", "test_jit_threads", "test_emission", "test_tiers",
    ],
    "Eager ops, assignment, the array API": [
        "test_eager", "test_assignment", "test_namespace", "test_array_api", "test_selection",
    ],
    "Variables": ["test_variable"],
    "Named sizes": ["test_jit_dims", "test_sizes", "test_data_sizes"],
    "What a function reads; impure functions": ["test_jit_reads", "test_purity"],
    "Errors and lines": ["test_errors", "test_errors_user", "test_source", "test_lines"],
    "Looking inside: explain, ir, progress": ["test_explain", "test_ir", "test_progress", "test_debug"],
    "The guides and docstrings run": ["test_docs", "test_doctests"],
    "Printing and reading back, every file": ["round trip"],
    "Tools": ["Tools", "test_tools"],
}  # fmt: skip


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
