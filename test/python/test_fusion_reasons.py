"""The reasons why kernels are not fused: each is documented, occurs in IR, and comes through to `explain`."""

import json
import pathlib
import re

import numpy as np
import pytest
import weft as wf
from weft._src import compiler

ROOT = pathlib.Path(__file__).resolve().parents[2]
REASONS = re.findall(
    r'^WEFT_FUSION_REASON\(\w+, "(W\d{3})",\s+"([^"]+)"\)',
    (ROOT / "include/weft/Kernels/FusionReasons.def").read_text(),
    re.MULTILINE,
)
X = np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)


def test_codes_are_distinct_and_documented():
    rows = re.findall(r"^\| (W\d{3}) \| ([^|]+) \|", (ROOT / "docs/fusion.md").read_text(), re.MULTILINE)
    assert rows == REASONS and len({code for code, _ in REASONS}) == len(REASONS) >= 20


@pytest.mark.parametrize(("code", "text"), REASONS)
def test_each_occurs_in_the_ir(code, text):
    """As a refusal between two kernels, or, where no pair of kernels can come to it, in the contract of one."""
    pairs = (ROOT / "test/Kernels").glob("form-kernels-*.mlir")
    contract = (ROOT / "test/Pipelines/contract-kernels.mlir").read_text()
    assert any(f'"{code}"' in path.read_text() for path in pairs) or f"it holds {text}" in contract


def line(marker):
    text = pathlib.Path(__file__).read_text().split("\n")
    return next(i for i, row in enumerate(text, 1) if row.endswith(marker))


def view(x):
    y = wf.exp(x)  # where it is made
    return x + wf.permute_dims(y, (1, 0))  # where it is read


def test_explain_tells_who_why_and_where():
    e = wf.jit(view).explain(X)
    (pair,) = e.not_fused
    assert (pair.producer, pair.consumer, pair.code) == ("k0", "k1", "W221")
    assert pair.reason == dict(REASONS)["W221"]
    made, read = line("# where it is made"), line("# where it is read")
    assert [int(x.rpartition(":")[2]) for x in pair.lines] == [made, read]
    assert f"  not fused: k0 -> k1: W221 {pair.reason} (" in str(
        e
    ) and f"test_fusion_reasons.py:{made}, {read})" in str(e)


def test_what_is_one_kernel_refuses_nothing():
    e = wf.jit(lambda x: wf.nn.softmax(x * 2)).explain(X)
    assert len(e.kernels) == 1 and e.not_fused == [] and "not fused" not in str(e)


def test_pairs_in_a_loop_and_equal_kernels():
    f = wf.jit(lambda xs: wf.scan(lambda c, x: (wf.exp(c @ x) @ x, None), X, xs))
    e = f.explain(np.stack([X, X]))
    assert [(p.producer, p.consumer, p.code) for p in e.not_fused] == [("k0", "k1", "W240")]
    assert all(k.in_loop for k in e.kernels if k.name in ("k0", "k1"))
    # Two layers of one shape share a kernel; their refusals are told once, with a count.
    g = wf.jit(lambda x: wf.exp(wf.exp(wf.exp(wf.exp(x @ x) @ x) @ x) @ x))
    assert [(p.producer, p.consumer) for p in g.explain(X).not_fused] == [("k0", "k1"), ("k1", "k1"), ("k1", "k1")]
    assert str(g.explain(X)).count("not fused") == 2 and str(g.explain(X)).count("2 times") == 1


def test_the_report_is_stored_with_the_program(tmp_path):
    image = wf.jit(view).trace(X).lower().compile().image
    path = tmp_path / "view.image"
    path.write_bytes(image)
    stored = re.search(rb'\{"arena_bytes".*?"stored_kernels":\d+[^{}]*\}', path.read_bytes(), re.DOTALL)
    assert [p["code"] for p in json.loads(stored.group())["not_fused"]] == ["W221"]
    assert compiler.STAGES[3] == "kernels" and '"W221"' in wf.jit(view).lower(X).as_text("kernels")


def test_normalisations_by_hand_are_one_kernel():
    """As they are written in NumPy, with reduced axes kept; a size may have a name."""

    def layer_norm(x, w):
        centred = x - wf.mean(x, axis=-1, keepdims=True)
        return centred / wf.sqrt(wf.mean(centred * centred, axis=-1, keepdims=True) + 1e-5) * w

    def rms_norm(x, w):
        return x / wf.sqrt(wf.mean(x * x, axis=-1, keepdims=True) + 1e-5) * w

    def softmax(x, w):
        e = wf.exp(x - wf.max(x, axis=-1, keepdims=True))
        return e / wf.sum(e, axis=-1, keepdims=True) * w

    def standard(x, w):
        return (x - wf.mean(x, axis=-1, keepdims=True)) / wf.std(x, axis=-1, keepdims=True) * w

    for f in (layer_norm, rms_norm, softmax, standard):
        for g in (f, wf.grad(lambda *xs, f=f: wf.sum(f(*xs) * xs[0]))):
            assert [len(wf.jit(g).explain(x, X[0]).kernels) for x in (X, X[:3])] == [1, 1], f.__name__
