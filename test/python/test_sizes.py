"""Named sizes in whole functions: one program serves many sizes, with NumPy's results for each."""

import numpy as np
import pytest
import weft as wf
from weft.errors import ConcretizationError, ShapeError, SizeError, UndecidedSizeError

B, S = wf.Dim("B"), wf.Dim("S")
SIZES = [(5, 3), (1, 1), (2, 7), (8, 2), (16, 16), (3, 40), (64, 5)]


def half(x):
    return x[: x.shape[0] // 2]


CASES = {
    "reshape -1": (lambda xp, x: xp.reshape(x, (-1,)), 1),
    "reshape -1 of three": (lambda xp, x: xp.reshape(x, (x.shape[0], 1, -1)), 1),
    "reshape by arithmetic": (lambda xp, x: xp.reshape(x, (x.shape[0] * x.shape[1],)), 1),
    "add an axis": (lambda xp, x: x[:, None] * x[None, :], 1),
    "concat": (lambda xp, x: xp.concat([x, x[:1], x]), 1),
    "stack": (lambda xp, x: xp.stack([x, x + 1], axis=1), 1),
    "tail": (lambda xp, x: x[1:], 1),
    "all but the last": (lambda xp, x: x[:-1], 1),
    "last": (lambda xp, x: x[-1] + x[0], 1),
    "every other": (lambda xp, x: x[::2], 1),
    "backwards": (lambda xp, x: x[::-1, ::-1], 1),
    "first half": (lambda xp, x: half(x), 1),
    "second half": (lambda xp, x: x[x.shape[0] // 2 :], 1),
    "up to another size": (lambda xp, x: x[: x.shape[1]], 2),
    "up to five": (lambda xp, x: x[:5], 2),
    "product": (lambda xp, x: x @ x.T, 1),
    "sum and mean": (lambda xp, x: x.sum(axis=0) - xp.mean(x, axis=0) * x.shape[0], 1),
    "normed": (lambda xp, x: (x - xp.max(x, axis=1, keepdims=True)) / (1 + xp.sum(x * x)), 1),
    "arange": (lambda xp, x: x + xp.arange(x.shape[1]), 1),
    "zeros": (lambda xp, x: xp.zeros((x.shape[1], 2)) + x.sum(), 1),
    "tile": (lambda xp, x: xp.tile(x, (2, 3)), 1),
    "repeat": (lambda xp, x: xp.repeat(x, 3, axis=0), 1),
    "transpose": (lambda xp, x: xp.permute_dims(x, (1, 0)) * 2, 1),
    "branch on a size": (lambda xp, x: x * 2 if x.shape[0] > 4 else x - 1, 2),
    "branch on a remainder": (lambda xp, x: x * 2 if x.shape[0] % 2 == 0 else x - 1, 2),
    "pad": (lambda xp, x: xp.pad(x, ((1, 2), (0, 3))), 1),
}


@pytest.mark.parametrize("name", CASES)
def test_one_program_for_many_sizes(name):
    function, programs = CASES[name]
    f = wf.jit(lambda x: function(wf, x), dims={"x": (B, S)})
    for b, s in SIZES:
        x = (np.arange(b * s).reshape(b, s) % 13 - 6).astype(np.float32)
        got, want = np.asarray(f(x)), function(np, x)
        assert got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)
    assert len(f.misses) <= programs + 1  # a size of 1 may take another side of a comparison once


def test_equal_names_are_equal_sizes():
    f = wf.jit(lambda x, y: x + y, dims={"x": (B,), "y": (B,)})
    assert f(np.ones(3, np.float32), np.ones(3, np.float32)).shape == (3,)
    with pytest.raises((ShapeError, SizeError), match="WF5021|WF1407|WF1602"):
        f(np.ones(3, np.float32), np.ones(4, np.float32))
    with pytest.raises(ShapeError, match="WF1001"):
        wf.jit(lambda x, y: x + y, dims={"x": (B,), "y": (S,)}).trace(wf.spec(("B",), "f32"), wf.spec(("S",), "f32"))


def test_assumptions_settle_comparisons_and_are_checked_at_entry():
    f = wf.jit(
        lambda x: x[4:] if x.shape[0] >= 4 else x * 0,
        dims={"x": ("B",)},
        assume=["B >= 4", "B mod 2 == 0"],
    )
    assert f.trace(wf.spec(("B",), "float32")).answers == []
    for n in (4, 10, 6):
        assert f(np.ones(n, np.float32)).shape == (n - 4,)
    assert len(f.misses) == 2  # the trace above, and one for all calls
    for n, told in ((2, "B >= 4"), (7, "B mod 2 == 0")):
        with pytest.raises(SizeError, match="WF1403") as caught:
            f(np.ones(n, np.float32))
        assert told in str(caught.value)
    with pytest.raises(SizeError, match="WF1402"):
        wf.jit(lambda x: x, dims={"x": ("B",)}, assume=["B >="])


def test_what_is_known_only_at_the_call():
    spec = wf.spec(("B",), "float32")
    for f, error in (
        (lambda x: x if x.shape[0] > 3 else x + 1, UndecidedSizeError),
        (lambda x: [x * i for i in range(x.shape[0])], ConcretizationError),
        (lambda x: wf.reshape(x, (2, 3)), ShapeError),
    ):
        with pytest.raises(error, match="WF1401|WF1406|WF1013"):
            wf.jit(f).trace(spec)
