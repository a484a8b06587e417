"""Results whose size depends on values: against NumPy, with one compile for all counts, and with
`size=` under jit (under jit without it: test_data_sizes.py)."""

import numpy as np
import pytest
import weft as wf
from weft._src import dispatch
from weft.errors import ShapeError

SHAPES = [(0,), (1,), (7,), (3, 5), (2, 0, 3), (4, 1, 6), (40,)]


def draw(shape, seed, kinds="f"):
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, shape)
    return x.astype({"f": np.float32, "i": np.int8, "b": np.bool_, "u": np.uint64}[kinds])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", "fib")
def test_nonzero(shape, kind):
    for seed in range(3):
        x = draw(shape, seed, kind)
        got, want = wf.nonzero(wf.asarray(x)), np.nonzero(x)
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            np.testing.assert_array_equal(np.asarray(g), w)
        k = want[0].size + 2
        for n in (0, 1, k):
            sized = wf.jit(lambda x, n=n: wf.nonzero(x, size=n, fill_value=-1))(x)
            for g, w in zip(sized, want, strict=True):
                full = np.concatenate([w[:n], np.full(max(0, n - w.size), -1)])
                np.testing.assert_array_equal(np.asarray(g), full)


@pytest.mark.parametrize("shape", [*SHAPES, ()], ids=str)
@pytest.mark.parametrize("kind", "fiu")
def test_unique(shape, kind):
    for seed in range(3):
        x = draw(shape, seed, kind)
        want = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
        got = wf.unique_all(wf.asarray(x))
        for g, w in zip(got, (want[0], want[1], want[2].reshape(shape), want[3]), strict=True):
            np.testing.assert_array_equal(np.asarray(g), w)
        np.testing.assert_array_equal(np.asarray(wf.unique_values(x)), want[0])
        np.testing.assert_array_equal(np.asarray(wf.unique_counts(x).counts), want[3])
        np.testing.assert_array_equal(np.asarray(wf.unique_inverse(x).inverse_indices), want[2].reshape(shape))


def test_special_values():
    x = np.float32([np.nan, 0.0, -0.0, np.inf, np.nan, -np.inf])
    values, _, inverse, counts = wf.unique_all(x)
    assert np.asarray(values)[:3].tolist() == [-np.inf, 0, np.inf] and np.isnan(np.asarray(values)[3:]).all()
    assert counts.tolist() == [1, 2, 1, 1, 1] and sorted(inverse.tolist()) == [0, 1, 1, 2, 3, 4]
    assert wf.nonzero(x)[0].tolist() == [0, 3, 4, 5]


def test_one_compile_for_all_counts():
    rng = np.random.default_rng(0)
    for n in (5, 9):
        wf.nonzero(np.ones(n)), wf.nonzero((np.arange(n) % 2).astype(float)), wf.unique_all(np.arange(n) // 2)
    before = dispatch.compiled
    for _ in range(100):
        x = rng.integers(0, 3, rng.integers(8, 100))
        x[:3] = 0, 1, 1
        assert wf.nonzero(x.astype(float))[0].tolist() == np.nonzero(x)[0].tolist()
        assert wf.unique_all(x).counts.tolist() == np.unique(x, return_counts=True)[1].tolist()
    assert dispatch.compiled - before <= 8


def test_what_is_refused_and_what_is_said():
    with pytest.raises(ShapeError, match="WF1011"):
        wf.nonzero(np.float32(1))
    x = np.int64([3, 1, 3])
    assert wf.jit(lambda x: wf.unique_values(x, size=4))(x).tolist() == [1, 3, 3, 3]
    assert wf.jit(lambda x: wf.unique_counts(x, size=4))(x).counts.tolist() == [1, 2, 0, 0]
