"""Every example program keeps the contract of every stage, and its arena is little more than what is alive at once."""

import re
import subprocess

import numpy as np
import pytest
from example_programs import PROGRAMS
from ir_tools import ROOT, call, tool
from weft._src import _weft

ir = _weft.ir
NAMED = 7  # what a named size is run with


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_each_stage_keeps_its_contract(name):
    module = PROGRAMS[name]().module.clone()
    ir.PassManager.parse("weft-pipeline{from=traced to=llvm check check-locations}").run(module)
    assert "llvm.func" in str(module)


def test_a_broken_contract_is_told():
    """What the test above runs does look: an op without a place is refused where it appears."""
    module = PROGRAMS["softmax"]().module.clone()
    text = module.get_asm(enable_debug_info=False)
    with ir.Context(), pytest.raises(Exception, match="WF4003"):
        lost = ir.Module.parse(re.sub(r"(weft\.exp [^\n]*)", r"\1 loc(unknown)", text))
        ir.PassManager.parse("weft-pipeline{from=traced to=kernels check check-locations}").run(lost)


def test_each_clause_has_ir_that_breaks_it():
    """Each code that the check gives occurs in a negative test, as often as it stands in the check."""
    source = (ROOT / "lib/Pipelines/CheckContract.cpp").read_text()
    texts = "".join(p.read_text() for p in sorted((ROOT / "test/Pipelines").glob("contract-*.mlir")))
    clauses = re.findall(r'broken\(\w+, "(WF4\d+)"', source)
    assert len(clauses) >= 25
    broken = re.findall(r"expected-error @\w+ \{\{\[(WF4\d+)\]", texts)
    assert {c: broken.count(c) for c in clauses if broken.count(c) < clauses.count(c)} == {}


def inputs_of(module, folder):
    """A .npy file for each argument of @main, of small numbers."""
    head = re.search(r"func\.func @main\((.*?)\)\s*(?:->|\{|attributes)", str(module), re.DOTALL).group(1)
    rng, paths = np.random.default_rng(0), []
    kinds = {"f32": "f4", "f64": "f8", "i1": "?", "i32": "i4", "i64": "i8", "ui32": "u4", "ui8": "u1"}
    for i, inner in enumerate(re.findall(r"%arg\d+: tensor<([^>]*?)(?:, #weft\.dims<[^>]*>)?>", head)):
        *sizes, element = inner.split("x")
        shape = [NAMED if n == "?" else int(n) for n in sizes]
        paths.append(folder / f"{i}.npy")
        np.save(paths[-1], (rng.random(shape) * 2).astype(kinds[element]))
    return paths


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_the_arena_is_near_the_peak_of_live_bytes(name, tmp_path):
    """At most 1.1 times what the reference counts as alive, kernel by kernel, in the same order; and no more than what
    it counts op by op, before anything is fused."""
    traced = PROGRAMS[name]()
    planned = traced.lower().as_text("planned")

    def alive(stage):
        program = tmp_path / "program.mlir"
        program.write_text(traced.lower().as_text(stage))
        arguments = [tool("weft-run"), program, "--reference", "--memory"]
        for path in inputs_of(traced.module, tmp_path):
            arguments += ["--input", path]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return int(re.search(r"peak bytes: (\d+)", done.stderr).group(1))

    peak, unfused = alive("kernels"), alive("resolved")
    main = re.search(r"func\.func @main\(.*", planned).group()
    formula = re.search(r"weft\.arena = #weft\.size<([^>]*)>", main).group(1)
    arena = eval(re.sub(r"\b[A-Z]\w*\b", str(NAMED), formula).replace("floordiv", "//"))  # a formula of our own
    # Each slot begins at a cache line.
    slots = len(re.findall(r"weft\.(?:launch|for|call|if|copy)\b", planned))
    assert arena <= 1.1 * peak + 64 * slots, f"arena {arena}, alive at once {peak}"
    assert arena <= unfused + 64 * slots, f"arena {arena}, alive at once op by op {unfused}"


def test_the_stage_kernels_runs_as_text():
    """The texts of stages are programs: `weft-opt` takes one up where another left it."""
    text = PROGRAMS["scan_gradient"]().lower().as_text("kernels")
    assert "weft_entry" in call([tool("weft-opt"), "-", "--weft-pipeline=kernels..bufferized"], text)
