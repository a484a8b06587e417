"""Arrays at the border: NumPy, the buffer protocol, DLPack, donation."""

import gc
import pickle

import numpy as np
import pytest
import weft._src.dtypes as dt
from weft._src import _weft, errors
from weft._src.array import Array, asarray, from_dlpack

NUMPY = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
]


@pytest.mark.parametrize("name", [*NUMPY, "bfloat16"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 4), (2, 3, 4)])
def test_numpy_there_and_back(name, shape):
    d = dt.dtype(name)
    x = (np.arange(int(np.prod(shape))) % 2).reshape(shape).astype(d.numpy)
    a = asarray(x)
    assert a.dtype is d and a.shape == shape and a.ndim == len(shape) and a.nbytes == x.nbytes
    back = np.asarray(a)
    assert back.dtype == x.dtype and back.shape == shape and (back == x).all()


def test_layouts_are_made_dense():
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    for view in (x.T, x[:, ::-1], x[..., ::2], np.asfortranarray(x), x.astype(">f4"), np.broadcast_to(x[0], (5, 3, 4))):
        assert (np.asarray(asarray(view)) == view).all()


def test_a_copy_does_not_follow_its_source():
    x = np.zeros(3, np.float32)
    a = asarray(x)
    x[0] = 1
    assert np.asarray(a)[0] == 0
    with pytest.raises(errors.BorderError):
        asarray(x, copy=False)


def test_views_are_read_only_and_outlive_the_handle():
    a = asarray(np.arange(1000, dtype=np.float64))
    view = np.asarray(a)
    with pytest.raises(ValueError):
        view[0] = 1
    first = memoryview(a)
    assert first.readonly and first.format == "d" and first.shape == (1000,)
    del a
    gc.collect()
    others = [asarray(np.full(1000, 7.0)) for _ in range(10)]  # would take the memory if it had been given back
    assert (view == np.arange(1000)).all() and first[999] == 999 and len(others) == 10


def test_replacing_the_value_leaves_views_alone():
    a, b = asarray(np.zeros(3, np.float32)), asarray(np.ones(3, np.float32))
    view = np.asarray(a)
    a._replace(b)
    assert (view == 0).all() and (np.asarray(a) == 1).all()
    with pytest.raises(errors.ShapeError):
        a._replace(asarray(np.ones(4, np.float32)))


def test_a_deleted_array_says_so():
    a = asarray(np.zeros(3, np.float32))
    a._delete()
    assert a.is_deleted and "donated" in repr(a)
    with pytest.raises(errors.DonatedError):
        np.asarray(a)
    with pytest.raises(errors.DonatedError):
        a.__dlpack__()
    with pytest.raises(BufferError):
        memoryview(a)


@pytest.mark.parametrize("name", NUMPY)
def test_dlpack_there_and_back(name):
    x = asarray((np.arange(6) % 2).reshape(2, 3).astype(name))
    back = np.from_dlpack(x)
    assert back.dtype == name and (back == np.asarray(x)).all() and not back.flags.writeable
    again = from_dlpack(x)
    assert again.dtype is x.dtype and np.asarray(again).ctypes.data == np.asarray(x).ctypes.data


def test_dlpack_shares_dense_memory_and_copies_the_rest():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.asarray(from_dlpack(x)).ctypes.data == x.ctypes.data
    assert np.asarray(from_dlpack(x, copy=True)).ctypes.data != x.ctypes.data
    assert (np.asarray(from_dlpack(x.T)) == x.T).all()
    with pytest.raises(errors.BorderError):
        from_dlpack(x.T, copy=False)


@pytest.mark.parametrize("name", NUMPY)
def test_views_come_as_their_elements(name):
    x = (np.arange(2 * 70 * 37) % 97).reshape(2, 70, 37).astype(name)
    packed = np.zeros(40, [("a", "i1"), ("b", name)])["b"]  # not aligned
    views = [
        x.T,
        x[:, ::-3],
        x[1, :, ::2].T,
        np.moveaxis(x, 1, 2)[..., ::2],
        np.broadcast_to(x[:, :1], x.shape),
        packed,
    ]
    views += [x[:0].T, x[:, 3:4, 5].T, np.asfortranarray(x), x[..., None, :].T]
    for view in views:
        for taken in (asarray(view), from_dlpack(view) if view is not packed else asarray(view)):
            assert taken.shape == view.shape
            assert np.asarray(taken).tobytes() == np.ascontiguousarray(view).tobytes()


def test_dlpack_keeps_the_owner_alive_and_lets_it_go():
    import weakref

    class Owner(np.ndarray):
        pass

    x = np.arange(4, dtype=np.float32).view(Owner)
    alive = weakref.ref(x)
    a = from_dlpack(x)
    del x
    gc.collect()
    assert alive() is not None and (np.asarray(a) == np.arange(4)).all()
    del a
    gc.collect()
    assert alive() is None


def test_a_capsule_is_used_once():
    capsule = asarray(np.zeros(3, np.float32)).__dlpack__()
    _weft.from_dlpack(capsule)
    with pytest.raises(errors.BorderError):
        _weft.from_dlpack(capsule)
    with pytest.raises(errors.BorderError):
        _weft.from_dlpack(object())


def test_capsules_that_nobody_takes_give_their_memory_back():
    before = _weft.pool_stats()["live_buffers"]
    for _ in range(10):
        asarray(np.zeros(100, np.float32)).__dlpack__(max_version=(1, 0))
    gc.collect()
    assert _weft.pool_stats()["live_buffers"] == before


def test_python_numbers_take_the_default_dtypes():
    assert asarray(1).dtype is dt.int64 and asarray(1.5).dtype is dt.float32 and asarray(True).dtype is dt.bool_
    assert asarray([[1, 2]]).shape == (1, 2)
    with pytest.raises(errors.WrongArgumentError):
        asarray(["a"])


def test_numbers_come_out():
    a = asarray(np.float32(2.5))
    assert float(a) == 2.5 and int(a) == 2 and bool(a) and a.item() == 2.5
    assert range(3)[asarray(np.int64(1))] == 1
    with pytest.raises(TypeError):
        len(a)


def test_pickle():
    a = asarray(np.arange(5, dtype=np.int16))
    b = pickle.loads(pickle.dumps(a))
    assert isinstance(b, Array) and b.dtype is dt.int16 and (np.asarray(b) == np.arange(5)).all()
