"""Donated arguments: whose memory results take, and whose they never take."""

import numpy as np
import pytest
import weft as wf
from weft._src import errors

X = np.eye(16, dtype=np.float32) * 2
P = np.arange(256, dtype=np.float32).reshape(16, 16)


def two_products(p, x):
    """The second product is written when the first argument is not needed any more."""
    return wf.matmul(wf.matmul(p, x), x)


def address(a):
    return np.asarray(a).__array_interface__["data"][0]


def test_a_result_takes_the_memory_of_a_donated_array():
    f = wf.jit(two_products, donate="p")
    p = wf.asarray(P)
    for k in range(4):
        before = address(p)
        new = f(p, X)
        assert p.is_deleted and address(new) == before
        np.testing.assert_array_equal(np.asarray(new), P * 4.0 ** (k + 1))
        p = new
    f(p, X)
    with pytest.raises(errors.DonatedError) as caught:
        f(p, X)
    assert caught.value.code == "WF1606"
    assert not f.explain(wf.asarray(P), X).notes


def test_memory_that_somebody_still_sees_is_not_written():
    f = wf.jit(two_products, donate="p")
    f(wf.asarray(P), X)
    p = wf.asarray(P)
    view = np.asarray(p)
    out = f(p, X)
    assert p.is_deleted and address(out) != view.__array_interface__["data"][0]
    np.testing.assert_array_equal(view, P)
    np.testing.assert_array_equal(np.asarray(out), P * 4)


def test_memory_of_other_libraries_is_never_written():
    f = wf.jit(two_products, donate="p")
    mine = P.copy()
    for _ in range(3):
        np.testing.assert_array_equal(np.asarray(f(mine, X)), P * 4)
        np.testing.assert_array_equal(mine, P)
    assert any("memory of numpy" in note for note in f.explain(mine, X).notes)
    shared = wf.from_dlpack(mine)
    np.testing.assert_array_equal(np.asarray(f(shared, X)), P * 4)
    np.testing.assert_array_equal(mine, P)


def test_an_argument_that_is_read_until_the_end_is_not_reused_and_explain_says_so():
    f = wf.jit(lambda p, x: wf.matmul(p, x) + p, donate="p")
    for _ in range(3):
        p = wf.asarray(P)
        np.testing.assert_array_equal(np.asarray(f(p, X)), P * 3)
        assert p.is_deleted
    assert any("not reused" in note for note in f.explain(wf.asarray(P), X).notes)
    keep = wf.jit(lambda p, x: (wf.matmul(wf.matmul(p, x), x), p), donate="p")
    for _ in range(3):
        new, old = keep(wf.asarray(P), X)
        np.testing.assert_array_equal(np.asarray(old), P)
        np.testing.assert_array_equal(np.asarray(new), P * 4)


def test_two_donated_arguments_of_one_type():
    f = wf.jit(lambda a, b, x: (two_products(a, x), two_products(b, x)), donate=("a", "b"))
    for _ in range(3):
        one, two = f(wf.asarray(P), wf.asarray(P + 1), X)
        np.testing.assert_array_equal(np.asarray(one), P * 4)
        np.testing.assert_array_equal(np.asarray(two), (P + 1) * 4)
    a = wf.asarray(P)
    with pytest.raises(errors.WrongArgumentError) as caught:
        f(a, a, X)
    assert caught.value.code == "WF1607"


def test_a_compiled_object_uses_donated_arrays_up_too():
    s = wf.spec((16, 16), "float32")
    f = wf.jit(two_products, donate="p").trace(s, s).lower().compile()
    p = wf.asarray(P)
    np.testing.assert_array_equal(np.asarray(f(p, X)), P * 4)
    assert p.is_deleted
