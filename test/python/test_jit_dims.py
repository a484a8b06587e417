"""Named sizes at calls: one program serves every size, solved and checked by its entry."""

import pathlib
import re

import numpy as np
import pytest
import weft as wf
from weft._src import compiler, errors

B = wf.Dim("B")
X = np.arange(32, dtype=np.float32).reshape(8, 4)


def f(x, y):
    return wf.sum(x * 2 + y, axis=0), wf.matmul(x, x.T), wf.exp(y[:, 0])


def expected(x, y):
    return (x * 2 + y).sum(0), x @ x.T, np.exp(y[:, 0])


def check(g, n, x=X, y=X / 32):
    for got, want in zip(g(x[:n], y[:n]), expected(x[:n], y[:n]), strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(np.asarray(got), want, rtol=1e-6)


@pytest.fixture
def compiles(monkeypatch):
    done = []
    real = compiler._weft.compile
    monkeypatch.setattr(compiler._weft, "compile", lambda *args: done.append(1) or real(*args))
    return done


def test_a_compiled_spec_serves_every_size(compiles):
    s = wf.spec((B, 4), "float32")
    g = wf.jit(f).trace(s, s).lower().compile()
    for n in (1, 2, 3, 5, 8, 0):
        check(g, n)
    big = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    check(g, 777, big, big)
    assert len(compiles) == 1


def test_jit_with_dims_compiles_once(compiles):
    g = wf.jit(f, dims={"x": (B, 4), "y": ("B", None)})
    for n in (1, 2, 1, 8, 3, 8):
        check(g, n)
    assert len(compiles) == 1 and len(g.misses) == 1
    h = wf.jit(lambda p, x: p["w"] @ x, dims={"p": {"w": ("N", "M")}, "x": ("M",)})
    for n, m in ((8, 4), (3, 2), (1, 1)):
        np.testing.assert_allclose(np.asarray(h({"w": X[:n, :m]}, X[0, :m])), X[:n, :m] @ X[0, :m])
    assert len(compiles) == 2


def test_gradients_and_means_of_named_sizes():
    g = wf.jit(wf.grad(lambda x: wf.sum(x * x)), dims={"x": (B, 4)})
    for n in (2, 5):
        np.testing.assert_allclose(np.asarray(g(X[:n])), 2 * X[:n])
    m = wf.jit(lambda x: wf.mean(x, axis=0), dims={"x": (B, 4)})
    for n in (1, 3):
        np.testing.assert_allclose(np.asarray(m(X[:n])), X[:n].mean(0))


@pytest.mark.parametrize(
    ("x", "y", "code", "words"),
    [
        (X[:2], X[:3], "WF5021", "y (f32[B,4])"),
        (X[0], X[:1], "WF1602", "x (f32[B,4]) came as f32[4]"),
        (X[:, :3], X[:, :3], "WF1602", "x (f32[B,4]) came as f32[8,3]"),
        (X.astype(np.float64), X, "WF1603", "x (f32[B,4]) came as f64[8,4]"),
        ([X, X], X, "WF1601", "containers"),
    ],
)
def test_what_does_not_fit_is_told_in_the_users_words(x, y, code, words):
    s = wf.spec(("B", 4), "float32")
    g = wf.jit(f).trace(s, s).lower().compile()
    with pytest.raises(errors.WeftError) as caught:
        g(x, y)
    assert caught.value.code == code and words in caught.value.message
    check(g, 2)


def test_sizes_that_contradict_each_other_in_jit():
    g = wf.jit(f, dims={"x": (B, 4), "y": (B, 4)})
    check(g, 2)
    for _ in range(2):
        with pytest.raises(errors.ShapeError) as caught:
            g(X[:2], X[:3])
        assert caught.value.code == "WF5021" and "y (f32[B,4])" in caught.value.message
    with pytest.raises(errors.ShapeError) as caught:
        g(X[:, :3], X[:, :3])
    assert "[B,4]" in caught.value.message


def test_bad_dims():
    with pytest.raises(errors.ArgumentValueError) as caught:
        wf.jit(f, dims={"z": (B, 4)})
    assert caught.value.code == "WF1210"
    with pytest.raises(errors.ArgumentValueError) as caught:
        wf.jit(f, dims={"x": {"w": (B, 4)}})(X, X)
    assert caught.value.code == "WF1902"
    with pytest.raises(errors.ConcretizationError) as caught:
        wf.jit(lambda x: x * len(x), dims={"x": (B, 4)})(X)
    assert caught.value.code == "WF1406"


def test_the_example_of_the_guide_runs():
    text = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "calls.md").read_text()
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    names = {}
    exec(code, names)
    assert len(names["f"].misses) == 1


def test_comparisons_of_sizes_are_guards():
    """`if x.shape[0] > 8` under jit is answered for the sizes of the call, and traced anew where it comes out else."""

    @wf.jit(dims={"x": ("B",)})
    def f(x):
        return x[:8] * 2 if x.shape[0] > 8 else x

    for n in (3, 5, 20, 9, 8, 1, 30):
        x = np.arange(n, dtype=np.float32)
        assert np.array_equal(np.asarray(f(x)), x[:8] * 2 if n > 8 else x)
    assert f.misses == ["a new signature", "a comparison of sizes came out otherwise"]
    g = f.lower(np.zeros(20, np.float32)).compile()
    assert g(np.ones(9, np.float32)).shape == (8,)
    with pytest.raises(wf.errors.SizeError, match="B > 8"):
        g(np.ones(4, np.float32))


def test_two_names_that_meet_are_told_apart():
    @wf.jit(dims={"x": ("B",), "y": ("S",)})
    def f(x, y):
        return x + y if x.shape == y.shape else wf.sum(x) + y

    x = np.arange(3, dtype=np.float32)
    assert np.array_equal(np.asarray(f(x, np.ones(4, np.float32))), np.full(4, 4))


PARTS = {
    "the first": lambda x: x[:4],
    "the middle": lambda x: x[1:5],
    "every other": lambda x: x[0:6:2],
    "half": lambda x: x[: x.shape[0] // 2],
    "joined": lambda x: wf.concat([x, 2 * x, x])[2:],
    "joined and cut": lambda x: wf.concat([x, x**2])[:9],
}


@pytest.mark.parametrize("name", PARTS)
def test_derivatives_of_parts_of_named_sizes(name):
    """Gradients, of second order too, of slices and joins at a named place are those of known sizes."""
    part = PARTS[name]
    f = lambda x: wf.sum(part(x) ** 3 * (wf.arange(part(x).shape[0]) + 1))  # noqa: E731
    for g in (wf.grad(f), wf.grad(lambda x: wf.sum(wf.grad(f)(x) ** 2)), lambda x: wf.vmap(wf.grad(f))(x)):
        for n in (7, 9):
            x = np.random.default_rng(n).normal(size=(2, n) if g.__name__ == "<lambda>" else n)
            dims = {"x": (2, B) if x.ndim == 2 else (B,)}
            np.testing.assert_allclose(np.asarray(wf.jit(g, dims=dims)(x)), np.asarray(wf.jit(g)(x)), rtol=1e-12)
