"""The ir submodule: MLIR's names over our handles."""

import gc

import pytest
from weft._src import errors
from weft._src._weft import ir

TEXT = """
func.func @main(%x: tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>> {
  %0 = weft.exp %x : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?x4xf32, #weft.dims<B, _>>
  %1 = weft.reduce %0 {kind = #weft.reduce_kind<add>, dims = array<i64: 1>}
      : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<B>>
  return %1 : tensor<?xf32, #weft.dims<B>>
}
"""


def test_parse_walk_print():
    with ir.Context():
        module = ir.Module.parse(TEXT, "t.mlir")
    names = []
    module.operation.walk(lambda op: names.append(op.name))
    assert names == ["weft.exp", "weft.reduce", "func.return", "func.func", "builtin.module"]
    with ir.Context():
        assert str(ir.Module.parse(str(module))) == str(module)


def test_a_walk_stops_and_passes_errors_on():
    module = ir.Module.parse(TEXT, context=ir.Context())
    seen = []
    module.operation.walk(lambda op: seen.append(op.name) or False)
    assert seen == ["weft.exp"]
    with pytest.raises(ZeroDivisionError):
        module.operation.walk(lambda op: 1 / 0)


def test_structure():
    module = ir.Module.parse(TEXT, "t.mlir", context=ir.Context())
    function = module.body.operations[0]
    block = function.regions[0].blocks[0]
    exp, reduce, ret = block.operations
    assert function.attributes["sym_name"] is not None and exp.parent == function
    assert exp.operands[0] == block.arguments[0] and exp.operands[0].is_argument
    assert exp.results[0].owner == exp and reduce.operands == exp.results and ret.operands[0].index == 0
    assert exp.results[0].describe() == (12, ("B", 4)) and reduce.results[0].describe() == (12, ("B",))
    assert str(reduce.attributes["kind"]) == "#weft.reduce_kind<add>"
    assert str(exp.location) == 'loc("t.mlir":3:8)'


def test_what_does_not_parse_is_told_and_not_printed(capfd):
    with pytest.raises(ValueError, match="t.mlir:1:1"):
        ir.Module.parse("nonsense", "t.mlir", context=ir.Context())
    with pytest.raises(ValueError):
        ir.Type.parse("tensor<", context=ir.Context())
    assert capfd.readouterr() == ("", "")


def test_handles_keep_what_they_need():
    def deep():
        module = ir.Module.parse(TEXT, context=ir.Context())
        return module.body.operations[0].regions[0].blocks[0].operations[0].results[0]

    value = deep()
    gc.collect()
    assert str(value.type).startswith("tensor<?x4xf32")


def test_locations():
    context = ir.Context()
    inner = ir.Location.file("a.py", 3, 5, 3, 9, context=context)
    outer = ir.Location.name("f", ir.Location.file("b.py", 7, 1, context=context))
    assert str(ir.Location.callsite(inner, [outer])) == 'loc(callsite("a.py":3:5 to :9 at "f"("b.py":7:1)))'
    assert str(ir.Location.fused([inner, outer])) == 'loc(fused["a.py":3:5 to :9, "f"("b.py":7:1)])'


def test_passes():
    module = ir.Module.parse(TEXT, context=ir.Context())
    copy = module.clone()
    ir.PassManager.parse("builtin.module(weft-pipeline{from=traced to=kernels})").run(copy)
    assert "weft.launch" in str(copy) and "weft.launch" not in str(module)
    with pytest.raises(errors.CompileError, match="no-such-pass"):
        ir.PassManager.parse("no-such-pass").run(copy)


def test_no_context_is_told():
    with pytest.raises(ValueError, match="no context"):
        ir.Module.parse(TEXT)
