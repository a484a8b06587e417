"""Running folds: bit for bit the reference's on every dtype, axis and length; derivatives against finite differences
and across modes; the functions against NumPy."""

import numpy as np
import pytest
import weft as wf
from running import Built, same_bits
from test_indexing import both, check_derivatives
from test_sorting import DTYPES, numbers
from weft import errors
from weft._src import dims
from weft._src.trace import Spec, emit

RNG = np.random.default_rng(7)

FOLDS = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}


@pytest.mark.parametrize("d", [d for d in DTYPES if d.kind != "bool"], ids=lambda d: d.short)
@pytest.mark.parametrize("kind", FOLDS)
def test_running_folds_are_the_references(d, kind):
    """Bit for bit, along each axis, both ways, at lengths below, at and beyond the blocks of 16; sums of integers are
    NumPy's."""
    names = tuple(dims.Dim(n) for n in "abc")

    def program(x):
        return [emit("cumulative", [x], kind=kind, dim=i, reverse=r) for i in range(3) for r in (False, True)]

    built = Built(program, [Spec(names, d)])
    for shape in ((1, 1, 1), (2, 16, 3), (3, 37, 9), (20, 1, 67), (0, 3, 2), (2, 0, 3)):
        x = numbers(d, shape) if kind in ("max", "min") else RNG.uniform(-2, 2, shape).astype(d.numpy)
        native = built.native(x)
        for a, b in zip(native, built.reference(x), strict=True):
            same_bits(a, b)
        if d.kind != "float" or kind in ("max", "min"):
            assert np.array_equal(
                native[2], FOLDS[kind].accumulate(x, axis=1, dtype=x.dtype), equal_nan=d.kind == "float"
            )


def test_running_functions():
    x = RNG.normal(size=(3, 50)).astype(np.float32)
    np.testing.assert_allclose(both(lambda x: wf.cumulative_sum(x, axis=1), x), np.cumsum(x, 1), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(both(lambda x: wf.cumulative_prod(x, axis=0), x), np.cumprod(x, 0), rtol=1e-5)
    assert (both(lambda x: wf.cummax(x, axis=1), x) == np.maximum.accumulate(x, 1)).all()
    assert (both(lambda x: wf.cummin(x, axis=1), x) == np.minimum.accumulate(x, 1)).all()
    got = wf.cumulative_sum(np.int8([100, 100]), include_initial=True)
    assert got.dtype == wf.int64 and (np.asarray(got) == [0, 100, 200]).all()
    assert (np.asarray(wf.cumulative_prod(np.array([2, 3]), include_initial=True)) == [1, 2, 6]).all()
    assert wf.count_nonzero(np.array([[0, 1], [2, 3]])) == 3
    with pytest.raises(errors.ShapeError, match="WF1011"):
        wf.cumulative_sum(x)
    with pytest.raises(errors.DTypeError, match="WF1022"):
        wf.cummax(np.array([True]))


@pytest.mark.parametrize("reverse", [False, True])
def test_derivatives_of_running_folds(reverse):
    x = RNG.normal(size=(3, 20))
    for f in (wf.cumulative_sum, wf.cumulative_prod, wf.cummax, wf.cummin):
        for axis in (0, 1):
            check_derivatives(lambda x, f=f, axis=axis: f(x, axis=axis, reverse=reverse), x)
    for zeros in ([2], [2, 5], [0]):  # of products: none of the quotients is one
        y = RNG.uniform(0.5, 1.5, 8)
        y[zeros] = 0
        check_derivatives(lambda x: wf.cumulative_prod(x, reverse=reverse), y)


def test_batches_of_running_folds():
    x = RNG.normal(size=(3, 5, 4)).astype(np.float32)
    got = wf.vmap(lambda x: wf.cummax(x, axis=0))(x)
    assert (np.asarray(got) == np.maximum.accumulate(x, 1)).all()
