"""Schedules that nobody would choose give the bits of the reference too: what codegen.md says may be changed by hand is
changed, on every target.
"""

import functools
import re

import numpy as np
import pytest
import targets
import weft as wf
from running import Program, same_bits
from test_targets import THREADS, numbers
from weft._src import _weft, compiler

RNG = np.random.default_rng(6)


def edited(traced, target, change):
    """Native code of a program whose kernels of a form have another schedule: change(schedule as a dict), in place;
    how many were changed."""
    options = compiler.options("strict", target=target)
    planned, scheduled = traced.module.clone(), traced.module.clone()
    _weft.pipeline(planned, "traced", "planned", options.text())
    _weft.pipeline(scheduled, "traced", "scheduled", options.text())
    chosen = dict(re.findall(r"@(k_\w+)\(.*?weft\.schedule = (\{[^}]*\})", scheduled.get_asm()))
    text, count = planned.get_asm(), 0
    for name, schedule in chosen.items():
        fields = dict(re.findall(r"(\w+) = (\"\w+\"|\w+)", schedule))
        before = dict(fields)
        change(fields)
        if fields != before:
            new = ", ".join(f"{k} = {v}" for k, v in fields.items())
            text, n = re.subn(rf"(@{name}\([^\n]*attributes {{)", rf"\1weft.schedule = {{{new}}}, ", text)
            count += n
    module = _weft.ir.Module.parse(text, context=_weft.ir.Context())
    return targets.Native(module, target, stage="planned"), count


def tile(**numbers):
    """Another register tile and blocks of whole tiles for contractions; packing as it was where none is named."""

    def change(s):
        if s["form"] != '"tile"':
            return
        rows, strip = numbers["rows"], numbers["vectors"] * int(s["lanes"])
        s["rows"], s["vectors"] = str(rows), str(numbers["vectors"])
        s["row_block"], s["lane_block"] = str(rows * numbers["row_tiles"]), str(strip * numbers["strips"])
        if "panel" in s or numbers.get("pack_right") == "all":
            s["panel"] = str(strip * numbers["strips"] * 2)
        s.pop("ahead", None)
        s.pop("k_block", None)
        if "turned" in s:
            s["band"] = "3"  # not all items of rows are in whole bands
        s.pop("soon", None)
        s.pop("widen", None)
        for field in ("ahead", "k_block", "soon", "widen"):
            if field in numbers:
                s[field] = str(numbers[field])
        for side in ("pack_left", "pack_right"):
            if numbers.get(side) is not None:
                s[side] = f'"{numbers[side]}"'

    return change


def fields_of(form, new):
    """Other numbers where a schedule of a form has such a field, or where it is one of those that may be left out."""

    def change(s):
        if s["form"] == f'"{form}"':
            s.update({name: str(value) for name, value in new.items() if name in {*s, "soon", "widen", "across"}})

    return change


TILES = [
    {"rows": 1, "vectors": 1, "row_tiles": 3, "strips": 1},
    {"rows": 3, "vectors": 2, "row_tiles": 1, "strips": 2, "k_block": 7, "widen": "true"},
    {
        "rows": 5,
        "vectors": 3,
        "row_tiles": 2,
        "strips": 1,
        "pack_left": "item",
        "pack_right": "item",
        "soon": 3,
        "widen": "true",
    },
    {"rows": 2, "vectors": 2, "row_tiles": 2, "strips": 2, "k_block": 64},
    # The last panel lacks whole blocks of lanes.
    {"rows": 2, "vectors": 2, "row_tiles": 2, "strips": 2, "k_block": 64, "pack_left": "item", "pack_right": "all"},
    {"rows": 3, "vectors": 1, "row_tiles": 2, "strips": 1, "k_block": 9, "pack_left": "all", "pack_right": "all"},
    {"rows": 4, "vectors": 1, "row_tiles": 2, "strips": 1, "pack_left": "all", "pack_right": "item"},
    # Turned in registers where k lie side by side, read in place where not.
    {"rows": 2, "vectors": 1, "row_tiles": 2, "strips": 2, "pack_left": "none", "pack_right": "tile", "soon": 16},
    {"rows": 3, "vectors": 2, "row_tiles": 1, "strips": 1, "k_block": 21, "pack_left": "item", "pack_right": "tile"},
    # Strips packed in passing: by all rows, in blocks of k of which the last is short; not so where rows are in parts.
    {"rows": 2, "vectors": 3, "row_tiles": 40, "strips": 3, "k_block": 19, "pack_right": "item", "ahead": 8, "soon": 8},
    {
        "rows": 4,
        "vectors": 1,
        "row_tiles": 40,
        "strips": 2,
        "pack_left": "all",
        "pack_right": "item",
        "ahead": 4,
        "widen": "true",
    },
    {"rows": 4, "vectors": 1, "row_tiles": 3, "strips": 2, "pack_left": "all", "pack_right": "item", "ahead": 4},
]
TILED = {
    "product": (lambda x, y, b: wf.tanh(x @ y + b), numbers((71, 130)), numbers((130, 90)), numbers(90)),
    "turned float64": (lambda x, y: x @ y.T, numbers((29, 67), "float64"), numbers((41, 67), "float64")),
    "float16": (lambda x, y: x @ y, numbers((23, 50), "float16"), numbers((50, 77), "float16")),
    "int8": (lambda x, y: x @ y, *(RNG.integers(-99, 99, s).astype("int8") for s in ((31, 40), (40, 150)))),
    "batch": (lambda x, y: x @ y, numbers((3, 19, 33)), numbers((3, 33, 45))),
    "convolution": (lambda x, w: wf.nn.conv2d(x, w, padding=1), numbers((1, 6, 13, 9)), numbers((21, 6, 3, 3))),
}
SWEEPS = [
    {"lanes": 1}, {"lanes": 2}, {"lanes": 4, "prefetch": "false", "strip": 4, "together": 1}, {"together": 3},
    {"turn_rows": 5, "turn_lanes": 9}, {"turn_rows": 300, "turn_lanes": 300}, {"turn_rows": 0},
    {"turn_rows": 5, "turn_blocks": 3}, {"turn_rows": 16, "turn_blocks": 2, "prefetch": "true"}, {"turn_blocks": 99},
]  # fmt: skip
SWEEPS += [{"lanes": 1, "pairs": "false"}, {"abreast": 1}, {"abreast": 1, "pairs": "false"}, {"abreast": 4}]
SWEEPS += [{"across": "true"}, {"across": "false"}, {"across": "true", "lanes": 2}]
SWEPT = {
    "short rows": (wf.nn.softmax, numbers((130, 7))),
    "sums in stretches": (lambda x: wf.sum(x, axis=(0, 2)), numbers((9, 5, 70))),
    "softmax": (wf.nn.softmax, numbers((37, 1000))),
    "gelu": (wf.nn.gelu, numbers((65, 301))),
    "sums of columns": (lambda x: (wf.sum(x, axis=0), wf.max(x, axis=0)), numbers((300, 130))),
    "turned": (lambda x, y: wf.permute_dims(x, (1, 0)) + y, numbers((70, 90)), numbers((90, 70))),
    "turned rows": (lambda x: wf.nn.softmax(wf.permute_dims(x, (1, 0))), numbers((190, 230))),
    "float16": (lambda x: wf.exp(x) * 2, numbers((1031,), "float16")),
    "bfloat16": (wf.nn.softmax, numbers((37, 1000), "bfloat16")),
}  # fmt: skip


@pytest.mark.parametrize("target", targets.RUNNABLE)
def test_blocks_that_are_not_whole_tiles(target):
    x, y = numbers((71, 130)), numbers((130, 90))
    program = Program(lambda x, y: x @ y, x, y)
    (wanted,) = program.reference()
    for change in ({"row_block": "7", "rows": "3"}, {"lane_block": "5"}, {"vectors": "0", "row_block": "-3"}):
        native, count = edited(program.traced, target, lambda s, change=change: s.update(change))
        assert count == 1
        same_bits(native(program.args, 2)[0], wanted)


CHAINS = [
    {"rows": 3, "vectors": 1, "row_block": 6, "item_rows": 12},
    {"rows": 5, "vectors": 2, "row_block": 10, "item_rows": 10, "k_block": 64, "soon": 2},
    {"rows": 1, "vectors": 3, "row_block": 40, "item_rows": 80, "group": 1, "widen": "true"},
]
ATTENTION = [(3, 71, 24), (3, 130, 24), (3, 130, 20)]
CHAINED = {
    "attention": (wf.nn.dot_product_attention, *map(numbers, ATTENTION)),
    "bfloat16": (wf.nn.dot_product_attention, *(numbers(s, "bfloat16") for s in ATTENTION)),
}


def chain(new):
    def change(s):
        if s["form"] == '"chain"':
            s.update({name: str(value) for name, value in new.items()})

    return change


@functools.cache
def wanted_of(name, kind):
    program = Program(*{"tile": TILED, "sweep": SWEPT, "chain": CHAINED}[kind][name])
    return program, program.reference()


def holds_edited(name, kind, target, changes):
    """Whatever the schedule, the bits are those of the reference."""
    program, wanted = wanted_of(name, kind)
    counts = []
    for change in changes:
        native, count = edited(program.traced, target, change)
        counts.append(count)
        for threads in (5,) if target == "aarch64" else THREADS:
            for got, want in zip(native(program.args, threads), wanted, strict=True):
                same_bits(got, want)
    return counts


@pytest.mark.parametrize("name", TILED)
@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_edited_tiles(target, name):
    convolution = {"pack_left": None, "pack_right": None} if name == "convolution" else {}  # its lanes must be packed
    assert all(holds_edited(name, "tile", target, [tile(**{**t, **convolution}) for t in TILES]))


@pytest.mark.parametrize("name", SWEPT)
@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_edited_sweeps(target, name):
    assert any(holds_edited(name, "sweep", target, [fields_of("sweep", s) for s in SWEEPS]))


@pytest.mark.parametrize("name", CHAINED)
@pytest.mark.parametrize("target", ["host", *targets.PARAMETERS])
def test_edited_chains(target, name):
    assert all(holds_edited(name, "chain", target, [chain(c) for c in CHAINS]))


# What is chosen for a mesh of cores differs from any edit: items, tiles and what is widened, of products large enough.
LARGE = {
    "packed before": (lambda x, y: x @ y, numbers((513, 600)), numbers((600, 1111))),
    "float16": (lambda x, y: x @ y, numbers((300, 520), "float16"), numbers((520, 1000), "float16")),
    "in passing": (lambda x, y: x @ y, numbers((57, 768)), numbers((768, 1536))),
    "in passing, float64": (lambda x, y: x @ y, numbers((43, 700), "float64"), numbers((700, 1200), "float64")),
}


# A right operand that stands nowhere is converted as one that is read: of narrow floats, to the sums' type.
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_products_with_operands_made_in_the_kernel(target, dtype):
    program = Program(lambda x: x @ wf.full((70, 90), 0.1, dtype=getattr(wf, dtype)), numbers((29, 70), dtype))
    native = targets.Native(program.traced.module, target)
    for got, want in zip(native(program.args, 5), program.reference(), strict=True):
        same_bits(got, want)


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("target", [t for t in targets.PARAMETERS if t.values[0] != "aarch64"])
def test_schedules_for_a_mesh(target, name):
    fn, *args = LARGE[name]
    module = wf.jit(fn).trace(*args).module
    (want,) = targets.Native(module, target)(args)
    native = targets.Native(module, f"{target}+mesh")
    for threads in THREADS:
        same_bits(native(args, threads)[0], want)
