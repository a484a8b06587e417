"""Every op that the compiler registers has all that an op must have: a row of the op table, a case in test/ops, a
description with an example, and its rules. What one lacks by intent stands in EXEMPT, with the reason."""

import functools
import pathlib
import re

import numpy as np
import pytest
from ir_tools import call, tool
from op_table import ELEMENTWISE, STRUCTURED, samples
from running import ulps
from weft._src import _weft, dtypes
from weft._src._op_table import OPS
from weft._src._weft import ir

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASES = ROOT / "test" / "ops"

_KERNEL_STAGE = "made by passes of the kernel stage only; the tests of test/Kernels and of the entry run it"
_REQUEST = "resolved before anything runs"
_EFFECT = "performed by the runtime between kernels; test_effects.py runs it"
_EFFECTS = dict.fromkeys(("print", "check", "callback"), _EFFECT)
_LIBRARY = "computed by a library of the runtime, which the entry calls"
# Linear in some operands, where the transpose holds; the jvp is that of the others.
PARTLY_LINEAR = ("triangular_solve",)
EXEMPT = {
    "row": {
        "yield": "ends every region: the rows of for and if run it",
        "kernel": _KERNEL_STAGE,
        "launch": _KERNEL_STAGE,
        "copy": _KERNEL_STAGE,
        "pack": _KERNEL_STAGE,
        **_EFFECTS,
    },
    "case": {
        "yield": "no test of control can be without it: test/ops/for.mlir",
        "jvp": "test/Transforms/resolve-requests.mlir",
        "vjp": "test/Transforms/resolve-requests.mlir",
        "vmap": "test/Transforms/vectorize.mlir",
    },
    "reference": {
        "yield": "its region's op reads it", "jvp": _REQUEST, "vjp": _REQUEST, "vmap": _REQUEST,
    },
    "derivative": {
        "yield": "its region's op differentiates it",
        "kernel": _KERNEL_STAGE, "launch": _KERNEL_STAGE, "copy": _KERNEL_STAGE, "pack": _KERNEL_STAGE,
    },
    "batch": {
        "yield": "its region's op batches it",
        "kernel": _KERNEL_STAGE, "launch": _KERNEL_STAGE, "copy": _KERNEL_STAGE, "pack": _KERNEL_STAGE,
        "jvp": _REQUEST, "vjp": _REQUEST, "vmap": _REQUEST,
    },
    "lower": {
        "recompute": "its ops are put in place before kernels are formed",
        **dict.fromkeys(
            ("call", "for", "if", "while", "sized", "yield", "kernel", "launch", "copy"), "lowered by the entry"
        ),
        **dict.fromkeys(("jvp", "vjp", "vmap"), _REQUEST),
        "map": "lower-map makes other ops of it",
        **dict.fromkeys(
            ("attention", "batch_norm", "cross_entropy", "gelu", "layer_norm", "logsumexp", "rms_norm", "softmax"),
            "decompose makes other ops of it",
        ),
        **dict.fromkeys(
            ("cholesky", "eigh", "eigvalsh", "lu", "qr", "svd", "svdvals", "triangular_solve"), _LIBRARY
        ),
        **_EFFECTS,
    },
}  # fmt: skip
DERIVATIVES = (
    "PartialsOpInterface", "TransposeOpInterface", "JvpOpInterface", "RegionDerivativeOpInterface",
    "NoDerivativeOpInterface",
)  # fmt: skip


def registered():
    return sorted(name.removeprefix("weft.") for name in _weft.ir.Context().registered_operations("weft"))


def exempt(what, name):
    return EXEMPT[what].get(name)


def test_the_tables_hold_the_registered_ops():
    assert registered() == sorted(OPS)


def test_exemptions_are_needed_and_speak_of_ops():
    """An exemption for an op that has the thing, or does not exist, is out of date."""
    tables = {r.name for r in ELEMENTWISE + STRUCTURED}
    assert not [n for n in EXEMPT["row"] if n in tables or n not in OPS]
    assert not [n for n in EXEMPT["case"] if (CASES / f"{n}.mlir").exists() or n not in OPS]
    for what, interface in (
        ("reference", "ReferenceOpInterface"),
        ("batch", "BatchOpInterface"),
        ("lower", "LowerOpInterface"),
    ):
        assert not [n for n in EXEMPT[what] if n not in OPS or interface in OPS[n].traits]
    assert not [n for n in EXEMPT["derivative"] if n not in OPS or set(DERIVATIVES) & OPS[n].traits]


@pytest.mark.parametrize("name", sorted(OPS))
def test_has_a_row_in_the_op_table(name):
    found = [r for r in ELEMENTWISE + STRUCTURED if r.name == name]
    assert found or exempt("row", name)
    if OPS[name].family == "Elementwise":
        assert [r.shapes for r in found] == [None], "an elementwise op has exactly one row, in ELEMENTWISE"


@pytest.mark.parametrize("name", sorted(OPS))
def test_has_a_case(name):
    """Structured ops in a file of their own; the example of an elementwise op is its case."""
    if exempt("case", name) or OPS[name].family == "Elementwise":
        return
    path = CASES / f"{name}.mlir"
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("//")]
    assert any(re.search(rf"\bweft\.{name}\b", line) for line in lines), f"{path} has no weft.{name}"
    assert "// RUN:" in path.read_text()


@functools.cache
def elementwise_examples():
    """The examples of all elementwise ops, each a function of its op's name, after a round trip through weft-opt."""
    functions = []
    for name, op in OPS.items():
        if op.family != "Elementwise":
            continue
        example = re.search(r"```mlir\n(.*?)\n```", op.description, re.DOTALL).group(1)
        operands, types, result = re.fullmatch(
            rf"%r = weft\.{name} ((?:%\w+(?:, )?)+).*? : \((.*)\) -> (.*)", example
        ).groups()
        arguments = ", ".join(f"{o}: {t}" for o, t in zip(operands.split(", "), types.split(", "), strict=True))
        functions.append(f"func.func @{name}({arguments}) -> {result} {{\n  {example}\n  return %r : {result}\n}}")
    printed = call([tool("weft-opt"), "-"], "\n".join(functions))
    return call([tool("weft-opt"), "-", "--mlir-print-op-generic"], printed)


@pytest.mark.parametrize("name", sorted(n for n, r in OPS.items() if r.family == "Elementwise"))
def test_the_example_of_an_elementwise_op_runs(name):
    """Its case: read, printed, read again, and run by the reference on numbers of the row's domain."""
    module = ir.Module.parse(elementwise_examples(), "examples.mlir", context=ir.Context())
    function = next(f for f in module.body.operations if str(f.attributes["sym_name"]).strip('"') == name)
    arguments = function.regions[0].blocks[0].arguments
    row = next(r for r in ELEMENTWISE if r.name == name)
    given = [dtypes.BY_CODE[a.describe()[0]] for a in arguments]
    operands = [x.astype(d.numpy) for x, d in zip(samples(row, given[-1], (4,)), given, strict=True)]
    raw = [(d.code, x.shape, x.tobytes()) for x, d in zip(operands, given, strict=True)]
    ((code, shape, data),) = _weft.reference(module, name, raw, 1)
    result = np.frombuffer(data, dtypes.BY_CODE[code].numpy).reshape(shape)
    expected = np.asarray(row.expected(*operands))
    if result.dtype.kind == "f":
        assert ulps(result, expected).max() <= max(OPS[name].ulp, 1) + row.slack
    else:
        assert (result == expected).all()


@pytest.mark.parametrize("name", sorted(OPS))
def test_has_a_description_with_an_example(name):
    row = OPS[name]
    assert row.summary
    example = row.description.partition("Example")[2]
    assert f"weft.{name}" in example


@pytest.mark.parametrize("name", sorted(OPS))
def test_has_its_rules(name):
    traits = OPS[name].traits
    assert "ReferenceOpInterface" in traits or exempt("reference", name)
    derivatives = [d for d in DERIVATIVES if d in traits]
    if any(attribute[0] == "kind" for attribute in OPS[name].attributes):
        # Linear for some kinds, where the transpose holds; the jvp is that of the others.
        assert derivatives in (["TransposeOpInterface", "JvpOpInterface"], ["RegionDerivativeOpInterface"])
    elif name in PARTLY_LINEAR:
        assert derivatives == ["TransposeOpInterface", "JvpOpInterface"]
    else:
        assert len(derivatives) == (0 if exempt("derivative", name) else 1), "an op has exactly one derivative rule"
    assert "BatchOpInterface" in traits or exempt("batch", name)
    assert {"LowerOpInterface", "FusionOpInterface"} <= traits or exempt("lower", name)


@pytest.mark.parametrize("name", sorted(n for n, r in OPS.items() if r.family == "Elementwise"))
def test_elementwise_ops_are_public(name):
    """By themselves, from the dialect's table: `weft.ops.elementwise` lists none of them."""
    import weft
    from weft.ops import elementwise

    public = elementwise._NAMES.get(name, name)
    assert public is None or callable(getattr(weft, public))
