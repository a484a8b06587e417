"""Ops outside of a trace: one compile serves every shape, what a call costs, and that nothing is computed otherwise."""

import pickle
import random
import threading

import numpy as np
import pytest
import weft as wf
from weft._src import dispatch
from weft.errors import AxisError, DTypeError, ScalarRangeError, ShapeError


def data(*shape, dtype=np.float32):
    return (np.arange(np.prod(shape, dtype=int)).reshape(shape) % 17 - 8).astype(dtype)


def shapes(seed, count, rank=3, low=2, high=40):
    rng = random.Random(seed)
    return [tuple(rng.randint(low, high) for _ in range(rank)) for _ in range(count)]


OPS = {
    "negative": (wf.negative, np.negative, lambda s: [s]),
    "add": (lambda x, y: x + y, lambda x, y: x + y, lambda s: [s, s[1:]]),
    "times 2": (lambda x: x * 2, lambda x: x * 2, lambda s: [s]),
    "sum": (lambda x: wf.sum(x, axis=1), lambda x: x.sum(1), lambda s: [s]),
    "max": (lambda x: wf.max(x, axis=(0, 2), keepdims=True), lambda x: x.max((0, 2), keepdims=True), lambda s: [s]),
    "permute_dims": (lambda x: wf.permute_dims(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1), lambda s: [s]),
    "flip": (lambda x: wf.flip(x, axis=1), lambda x: np.flip(x, 1), lambda s: [s]),
    "concat": (lambda x, y: wf.concat([x, y]), lambda x, y: np.concatenate([x, y]), lambda s: [s, (3, *s[1:])]),
    "reshape": (lambda x: wf.reshape(x, (-1,)), lambda x: x.reshape(-1), lambda s: [s]),
    "row": (lambda x: x[1], lambda x: x[1], lambda s: [s]),
    "column": (lambda x: x[:, 1], lambda x: x[:, 1], lambda s: [s]),
    "every other": (lambda x: x[..., ::2], lambda x: x[..., ::2], lambda s: [s]),
}


@pytest.mark.parametrize("name", OPS)
def test_a_thousand_shapes_one_compile(name):
    ours, numpys, operands = OPS[name]
    before = dispatch.compiled
    for i, shape in enumerate(shapes(7, 1000)):
        xs = [data(*s) for s in operands(shape)]
        # 250 of them as NumPy arrays, with gaps in memory.
        gone = [np.asfortranarray(x) for x in xs] if i % 4 == 0 else [wf.asarray(x) for x in xs]
        got = ours(*gone)
        want = numpys(*xs)
        assert got.shape == want.shape
        np.testing.assert_array_equal(np.asarray(got), want)
    # Sizes that are equal by accident are named alike, which is a program of its own: five ways to be equal at most.
    most = 1 if name in ("negative", "add", "times 2", "sum", "max") else 6 if name != "concat" else 20
    assert dispatch.compiled - before <= most


def test_products_of_a_thousand_shapes():
    before = dispatch.compiled
    for m, k, n in shapes(3, 1000):
        x, y = data(m, k), data(k, n)
        np.testing.assert_array_equal(np.asarray(wf.asarray(x) @ wf.asarray(y)), x @ y)  # exact: small integers
    assert dispatch.compiled - before <= 5


def test_ranges_of_a_thousand_lengths():
    wf.arange(5), wf.eye(3, 4), wf.eye(3), wf.linspace(0, 1, 5)
    before = dispatch.compiled
    for n, m, _ in shapes(5, 1000, high=200):
        assert wf.zeros((n, m)).shape == (n, m) and np.all(np.asarray(wf.full((n,), 2.5)) == 2.5)
        np.testing.assert_array_equal(np.asarray(wf.arange(3, n, 2)), np.arange(3, n, 2))
        np.testing.assert_array_equal(np.asarray(wf.arange(n * 0.5)), np.arange(n * 0.5, dtype=np.float32))
        np.testing.assert_allclose(np.asarray(wf.linspace(-1, n, m)), np.linspace(-1, n, m), rtol=3e-7, atol=1e-6)
        np.testing.assert_array_equal(np.asarray(wf.eye(n, m)), np.eye(n, m))
    assert dispatch.compiled - before <= 6  # ranges of no and of one element have programs of their own


def test_edges_of_shapes():
    for shape in [(), (0,), (1,), (1, 1), (0, 3), (3, 0), (2, 0, 4), (1, 5, 1), (5, 1)]:
        x = data(*shape)
        a = wf.asarray(x)
        np.testing.assert_array_equal(np.asarray(a + a), x + x)
        np.testing.assert_array_equal(np.asarray(wf.sum(a)), x.sum())
        np.testing.assert_array_equal(np.asarray(wf.transpose(a)), x.T)
        np.testing.assert_array_equal(np.asarray(wf.concat([a[None], a[None]])), np.stack([x, x]))
        np.testing.assert_array_equal(np.asarray(a[..., None]), x[..., None])
        for axis in range(x.ndim):
            np.testing.assert_array_equal(np.asarray(wf.sum(a, axis=axis)), x.sum(axis))
            np.testing.assert_array_equal(np.asarray(wf.flip(a, axis=axis)), np.flip(x, axis))


def test_sizes_that_are_compared_have_programs_of_their_own():
    """A slice up to 5 of an axis of 3 and of 30: the comparison is a condition of the program, not forgotten."""
    for n in (30, 3, 5, 4, 6, 40, 2, 1, 0):
        x = data(2, n)
        a = wf.asarray(x)
        np.testing.assert_array_equal(np.asarray(a[:, :5]), x[:, :5])
        np.testing.assert_array_equal(np.asarray(a[:, -3:]), x[:, -3:])
        np.testing.assert_array_equal(np.asarray(a[:, 2:4]), x[:, 2:4])
        np.testing.assert_array_equal(np.asarray(wf.roll(a, 2, axis=1)), np.roll(x, 2, axis=1))
    with pytest.raises(AxisError, match="WF1005"):
        wf.asarray(data(2, 3))[:, 3]
    assert wf.asarray(data(2, 4))[:, 3].shape == (2,)


def test_leading_indices_share_memory_and_stay_values():
    x = data(6, 5, 4)
    a = wf.asarray(x)
    for index in (
        0,
        -1,
        3,
        (2, 1),
        (2, slice(1, 4)),
        slice(2, 5),
        slice(None),
        (5, 4, 3),
        slice(4, 2),
        slice(-2, None),
    ):
        part = a[index]
        np.testing.assert_array_equal(np.asarray(part), x[index])
        assert part.shape == x[index].shape
        np.testing.assert_array_equal(np.asarray(part + 1), x[index] + 1)  # read where it lies
    view = a[2]
    before = np.array(view)
    a[2] = 0
    np.testing.assert_array_equal(np.asarray(view), before)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(view)), before)
    np.testing.assert_array_equal(np.from_dlpack(view), before)


def test_static_arguments_that_are_equal_but_not_the_same():
    x = wf.asarray(data(4))
    assert np.signbit(np.asarray(wf.pad(x, 1, constant_values=-0.0)))[0]
    assert not np.signbit(np.asarray(wf.pad(x, 1, constant_values=0.0)))[0]
    assert wf.full((2,), 1).dtype is wf.int64 and wf.full((2,), True).dtype is wf.bool
    assert wf.full((2,), 1.0).dtype is wf.float32
    np.testing.assert_array_equal(np.asarray(wf.sum(wf.ones((2, 3)), axis=np.int64(1))), [3, 3])
    np.testing.assert_array_equal(np.asarray(wf.sum(wf.ones((2, 3)), axis=[1])), [3, 3])


def test_errors_of_known_ops():
    x = wf.asarray(data(4, dtype=np.int8))
    x + 1
    with pytest.raises(ScalarRangeError, match="WF1026"):
        x + 300
    with pytest.raises(ShapeError, match="WF1001"):
        x + wf.ones(5)
    with pytest.raises(DTypeError, match="WF1022"):
        wf.asarray(data(3)) & 1
    with pytest.raises(AxisError, match="WF1002"):
        wf.sum(x, axis=3)
    with pytest.raises(TypeError):
        x + "text"
    assert (x == "text") is False
    np.testing.assert_array_equal(np.asarray(x + 1), data(4) + 1)  # and it still works


def test_default_dtypes_are_part_of_the_key():
    x = wf.asarray([1, 2, 3])
    assert wf.divide(x, 2).dtype is wf.float32
    wf.set_default_dtype(float="float64")
    try:
        assert wf.divide(x, 2).dtype is wf.float64 and wf.zeros(2).dtype is wf.float64
    finally:
        wf.set_default_dtype(float="float32")
    assert wf.divide(x, 2).dtype is wf.float32


def test_ops_are_functions():
    assert wf.add.__name__ == "add" and "broadcast" in wf.add.__doc__ and repr(wf.add) == "<weft op add>"
    assert pickle.loads(pickle.dumps(wf.add)) is wf.add
    assert wf.asarray(data(3)).sum() == wf.sum(data(3))


def test_threads_call_one_op_on_new_shapes():
    wrong = []

    def work(seed):
        for s in shapes(seed, 100):
            x = data(*s)
            if not np.array_equal(np.asarray(wf.asarray(x) * 3), x * 3):
                wrong.append(s)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
