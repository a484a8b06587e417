"""`explain` and `show`: what they say of real programs, and that the page holds what it needs."""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import weft as wf

P = {"w": np.ones((4, 3), np.float32), "b": np.zeros(3, np.float32)}
X = np.ones((2, 4), np.float32)


def predict(p, x):
    return wf.nn.relu(x @ p["w"] + p["b"])  # the line of the layer


def line(marker):
    text = open(__file__, encoding="utf-8").read().split("\n")
    return next(i for i, row in enumerate(text, 1) if row.endswith(marker))


def test_a_matmul_with_bias_and_activation():
    f = wf.jit(predict)
    e = f.explain(P, X)
    kernels = [k for k in e.kernels if "dot" in k.ops]
    assert len(kernels) == 1 and "matmul" in kernels[0].what
    (kernel,) = kernels
    assert any(x.endswith(f"test_explain.py:{line('# the line of the layer')}") for x in kernel.lines)
    # The operands are 48, 12 and 32 bytes, the result 24; a kernel reads and writes nothing else.
    if len(e.kernels) == 1:
        assert (kernel.read_bytes, kernel.written_bytes) == (92, 24)
    assert e.copies == [] and e.peak_bytes == sum(e.memory) > 0 and not e.donated
    assert set(e.timings) and all(ms >= 0 for ms in e.timings.values())
    text = str(e)
    assert text.startswith("predict(p: {b f32[3], w f32[4,3]}, x: f32[2,4])") and "no copies" in text and "k0" in text
    assert "test_explain.py" in e.location


def test_the_ledger_gives_all_time_to_passes_kernels_and_lines(monkeypatch):
    monkeypatch.setenv("WEFT_CACHE", "0")

    def f(x):
        y = wf.exp(x) @ x.mT  # the dear line
        return wf.sum(wf.sin(y), axis=0)  # the other line

    e = wf.jit(f).explain(np.ones((96, 70), np.float32))
    ledger = e.ledger
    assert list(ledger.stages) == ["traced", "resolved", "optimized", "kernels", "planned", "native"]
    assert {"weft-form-kernels", "weft-emit-kernels", "llvm: machine code"} <= set(ledger.passes)
    assert all(ms >= 0 for part in ledger for ms in part.values())
    total = sum(ledger.passes.values())
    assert sum(ledger.lines.values()) == pytest.approx(total)
    assert set(ledger.kernels) == {k.name for k in e.kernels}
    here = {key.rsplit(":", 1)[1]: ms for key, ms in ledger.lines.items() if "test_explain.py" in key}
    assert set(here) == {str(line("# the dear line")), str(line("# the other line"))}
    assert sum(here.values()) == pytest.approx(sum(ledger.kernels.values())) and sum(here.values()) > total / 4
    text = str(ledger)
    assert "stage (by the clock)" in text and "llvm: machine code" in text and "the program as a whole" in text


def test_the_ledger_of_a_stored_program_is_that_of_its_compilation_on_the_lines_of_now(tmp_path):
    program = "import weft as wf\nimport numpy as np\n{}f = wf.jit(lambda x: wf.sum(wf.exp(x), 0))\n"
    program += (
        "e = f.explain(np.ones((300, 40), np.float32))\nprint(e.is_stored, *e.ledger.lines)\nprint(e.ledger.kernels)"
    )
    told = []
    for above in ("", "# a line above\n"):
        (tmp_path / "p.py").write_text(program.format(above))
        run = [sys.executable, str(tmp_path / "p.py")]
        env = {k: v for k, v in os.environ.items() if k != "WEFT_CACHE"} | {"WEFT_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(run, env=env, capture_output=True, text=True, check=True)
        told.append(done.stdout.splitlines())
    (first, kernels), (second, again) = told
    assert first.startswith("False") and "p.py:3" in first
    assert second.startswith("True") and "p.py:4" in second and "p.py:3" not in second
    assert kernels == again


def test_nothing_is_run_and_the_call_uses_the_same_program():
    f = wf.jit(lambda state: state * 2, donate="state")
    state = wf.asarray([1.0, 2.0])
    e = f.explain(state)
    assert e.donated == ["state"]
    assert np.asarray(f(state)).tolist() == [2, 4]
    assert len(f.explain(wf.asarray([1.0, 2.0])).recompiles) == 1
    f(wf.asarray([1.0, 2.0, 3.0]))
    assert len(f.explain(wf.asarray([1.0, 2.0])).recompiles) == 2
    assert "compiled 2 times" in str(f.explain(wf.asarray([1.0, 2.0])))


def test_a_donated_numpy_argument_is_never_written():
    f = wf.jit(lambda p, x: {"w": p["w"] + x}, donate="p")
    w = np.float32([1, 2])
    f({"w": w}, 5.0)
    assert w.tolist() == [1, 2]
    notes = f.explain({"w": w}, 5.0).notes
    assert any("p['w']" in n and "numpy" in n and "never written" in n for n in notes)


def test_notes_on_captured_arrays_and_double_precision():
    table = np.float64([1, 2])
    e = wf.jit(lambda x: x * table).explain(np.float32([1, 2]))
    assert any("1 array from outside: f64[2]" in n for n in e.notes)
    assert any("f64 arithmetic from" in n and "test_explain.py" in n for n in e.notes)
    assert not any("f64" in n for n in wf.jit(lambda x: x * 0.1).explain(np.float32([1, 2])).notes)


def test_loops_are_marked():
    f = wf.jit(lambda xs: wf.scan(lambda c, x: (wf.sin(c + x), c), 0.0, xs))
    kernels = f.explain(np.ones(8, np.float32)).kernels
    assert any(k.in_loop and "sin" in k.ops for k in kernels)
    assert "in a loop" in str(f.explain(np.ones(8, np.float32)))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "page.html"

    def loss(p, x):
        return wf.sum(predict(p, x))

    step = wf.jit(lambda p, x: wf.value_and_grad(loss)(p, x))
    assert step.show(P, X, path=str(path), open=False) == str(path)
    return path.read_text(encoding="utf-8")


def test_the_page_is_self_contained(page):
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)
    assert page.count("<script") == 2 and "__DATA__" not in page and "__TITLE__" not in page


def test_the_page_shows_all_stages_with_lines_and_kernels(page):
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1).replace("<\\/", "</"))
    assert [s["name"] for s in data["stages"]] == ["traced", "optimized", "kernels"]
    traced, _, kernels = data["stages"]
    nodes = traced["scopes"]["@main"]["nodes"]
    # The request stands behind the function that it differentiates, drawn in place.
    assert any(n["op"].startswith("gradient of loss") for n in nodes) and any(n["op"] == "dot" for n in nodes)
    assert {n["op"] for n in nodes if n["kind"] == "input"} == {"p['b']", "p['w']", "x"}
    launched = [n for n in kernels["scopes"]["@main"]["nodes"] if n["kind"] == "kernel"]
    assert {n["callee"] for n in launched} == {launch["symbol"] for launch in data["launches"]}
    for stage in data["stages"]:
        for scope in stage["scopes"].values():
            count = len(scope["nodes"])
            assert all(0 <= a < b < count for a, b, _ in scope["edges"])
    here = [where for where in data["sources"] if where.endswith(f":{line('# the line of the layer')}")]
    assert here and "wf.nn.relu" in data["sources"][here[0]]


def test_texts_cannot_leave_the_page():
    def f(x):
        return x + len("</script><b>")

    import os
    import tempfile

    path = wf.jit(f).show(1.0, open=False)
    try:
        text = open(path, encoding="utf-8").read()
    finally:
        os.remove(path)
    assert os.path.dirname(path) == tempfile.gettempdir() and text.count("</script>") == 2


def test_kernels_that_differ_in_a_constant_alone_have_names_of_their_own():
    def clears(i):
        def f(x):
            x = x * 1
            x[i] = 0
            return x

        return wf.jit(wf.vmap(f))

    x = np.ones((2, 3, 4), np.float32)
    names = set()
    for i in range(3):
        want = x.copy()
        want[:, i] = 0
        assert np.array_equal(np.asarray(clears(i)(x)), want)
        names.update(re.findall("k_[0-9a-f]{32}", clears(i).lower(x).as_text("kernels")))
    assert len(names) == 3


def test_calls_of_the_library_are_listed():
    @wf.jit
    def f(x):
        q, r = wf.linalg.qr(x)
        values = wf.scan(lambda c, y: (c + wf.linalg.svdvals(y @ r)[0], None), 0.0, x.reshape(2, 2, 4))[0]
        return values + wf.sum(q)

    told = f.explain(np.ones((4, 4), np.float32))
    assert [(c.op, c.in_loop) for c in told.calls] == [("qr", False), ("svdvals", True)]
    first = f.f.__code__.co_firstlineno
    assert [[int(line.rpartition(":")[2]) - first for line in c.lines[:1]] for c in told.calls] == [[2], [3]]
    assert told.calls[0].read_bytes == 64 and told.calls[0].written_bytes == 128
    text = str(told)
    assert "2 library calls" in text and "\n  call  qr  " in text and "in a loop" in text


def test_sizes_that_the_program_finds_are_listed():
    @wf.jit
    def f(x):
        kept = wf.sort(x[x > 0])
        return wf.sum(kept * kept[::-1])

    (size,) = f.explain(np.ones(9, np.float32)).sizes
    assert size.bound is None and size.name in size.asked_bytes and "depends on data" in str(size)
    g = wf.jit(wf.grad(lambda x: wf.while_loop(lambda c: c < 10.0, lambda c: wf.sin(c) * c * 3, x, max_trips=7)))
    (size,) = g.explain(np.float32(1)).sizes
    assert size.bound == 7 and size.asked_bytes == 0
    assert f"size {size.name} is bounded by 7 (" in str(g.explain(np.float32(1)))
