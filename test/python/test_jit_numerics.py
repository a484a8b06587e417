"""`numerics=` through `jit`: strict results have the reference's bits, for any number of threads."""

import numpy as np
import pytest
import weft as wf
from running import Built, same_bits
from weft._src import dtypes, errors, trace

RNG = np.random.default_rng(7)
LONG = RNG.normal(size=(3, 200_001)).astype(np.float32)
A = RNG.normal(size=(65, 129)).astype(np.float32)

PROGRAMS = {
    "sum": (lambda x: wf.sum(x, axis=1), LONG),
    "mean": (lambda x: wf.mean(x), LONG),
    "matmul": (lambda a: wf.matmul(a, a.T), A),
    "softmax": (lambda a: wf.nn.softmax(a, axis=1), A),
    "sum of halves": (lambda x: wf.sum(x, axis=0), A.astype(np.float16)),
    "functions": (lambda a: wf.tanh(wf.exp(a)) + wf.sin(a) * wf.log(wf.abs(a)), A),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("numerics", ["strict", "default"])  # default gives the strict order today: docs/numerics.md
def test_the_bits_of_the_reference(name, numerics):
    f, x = PROGRAMS[name]
    (want,) = Built(lambda t: [f(t)], [trace.Spec(x.shape, dtypes.dtype(x.dtype))]).reference(x)
    for threads in (1, None, 3):
        same_bits(np.asarray(wf.jit(f, numerics=numerics, threads=threads)(x)), want)


def test_the_order_matters_on_these_numbers():
    """Otherwise the comparison above would compare nothing."""
    got = np.asarray(wf.jit(lambda x: wf.sum(x, axis=1), numerics="strict")(LONG))
    assert (got != np.add.accumulate(LONG, axis=1)[:, -1]).any()


def test_other_values_are_refused():
    with pytest.raises(errors.ArgumentValueError) as caught:
        wf.jit(lambda x: x, numerics="exact")
    assert caught.value.code == "WF1902"
    with pytest.raises(errors.ArgumentValueError):
        wf.jit(lambda x: x, threads=0)
