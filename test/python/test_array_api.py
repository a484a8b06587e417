"""Parts of the array API that have no other home: what it says of itself, devices, small functions."""

import numpy as np
import pytest
import weft as wf
from weft.errors import ArgumentValueError, DTypeError, ScalarRangeError


def test_inspection():
    info = wf.__array_namespace_info__()
    assert info.capabilities()["data-dependent shapes"] and info.devices() == [info.default_device()] == ["cpu"]
    assert info.default_dtypes(device="cpu")["integral"] is wf.int64
    assert set(info.dtypes(kind="integral")) == {f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)}
    assert set(info.dtypes(kind=("bool", "real floating"))) == {"bool", "float32", "float64"}
    for call in (lambda: info.dtypes(kind="text"), lambda: info.dtypes(device="tpu")):
        with pytest.raises(ArgumentValueError, match="WF1902"):
            call()


def test_devices():
    x = wf.asarray([1, 2], device="cpu")
    assert x.device == "cpu" and x.to_device("cpu").tolist() == [1, 2] and x.__dlpack_device__() == (1, 0)
    for make in (
        lambda d: wf.zeros(2, device=d),
        lambda d: wf.full((2,), 1, device=d),
        lambda d: wf.arange(2, device=d),
        lambda d: wf.ones_like(x, device=d),
        lambda d: wf.eye(2, device=d),
        lambda d: wf.linspace(0, 1, 2, device=d),
        lambda d: wf.asarray([1], device=d),
        lambda d: wf.astype(x, wf.float32, device=d),
        lambda d: x.to_device(d),
        lambda d: wf.from_dlpack(x, device=d),
    ):
        make("cpu")
        with pytest.raises(ArgumentValueError, match="WF1902"):
            make("gpu")


def test_parts_of_real_numbers():
    x = wf.asarray([-0.0, 1.5, np.nan])
    for f in (wf.real, wf.conj):
        np.testing.assert_array_equal(np.asarray(f(x)), np.asarray(x))
    assert wf.imag(x).tolist() == [0, 0, 0] and wf.imag(wf.asarray([1, 2])).dtype is wf.int64
    with pytest.raises(DTypeError, match="WF1022"):
        wf.real(wf.asarray([True]))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_diff(axis, n):
    x = (np.arange(12).reshape(3, 4) ** 2).astype(np.float32)
    for f in (wf.diff, wf.jit(wf.diff, static=["axis", "n"])):
        np.testing.assert_array_equal(np.asarray(f(x, axis=axis, n=n)), np.diff(x, axis=axis, n=n))
    more = np.ones_like(x)
    got = wf.diff(x, axis=axis, n=n, prepend=more, append=more)
    np.testing.assert_array_equal(np.asarray(got), np.diff(x, axis=axis, n=n, prepend=more, append=more))


def test_zeros_of_floor_divide_have_a_sign():
    x, y = np.float32([-0.0, 0.0, -0.0, 0.5, -0.0]), np.float32([2, -2, -2, 3, np.inf])
    got = np.asarray(wf.floor_divide(x, y))
    want = np.floor_divide(x, y)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))
    np.testing.assert_array_equal(got, want)


def test_large_numbers():
    assert int(wf.asarray(2**64 - 1, wf.uint64)) == 2**64 - 1
    for n, d in ((2**64, None), (2**64, wf.uint64), (-1, wf.uint64), ([0, 2**70], wf.int64)):
        with pytest.raises(ScalarRangeError, match="WF1026"):
            wf.asarray(n, d)
    assert wf.eye(2, k=2**63).tolist() == [[0, 0], [0, 0]]
