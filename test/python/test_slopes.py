"""Slopes of elementwise functions where a formula could cancel, overflow or divide zero by zero: near the ends of a
domain, at ties, at poles, at numbers of extreme size. Against mpmath."""

import math

import mpmath as mp
import numpy as np
import pytest
import weft as wf

DTYPES = ["float32", "float64"]


def slope(f, *xs, dtype):
    """What cotangents of 1 pull back to each argument."""
    xs = [np.asarray(x, dtype) for x in np.broadcast_arrays(*xs)]
    found = wf.jit(lambda *xs: wf.vjp(f, *xs)[1](wf.ones_like(xs[0])))(*xs)
    return [np.asarray(s) for s in found]


def units(got, exact, dtype):
    """Distances in units of the last place."""
    exact = np.array([float(e) for e in exact])
    with np.errstate(invalid="ignore"):
        off = np.abs(got.astype(np.float64) - exact) / np.spacing(np.abs(exact.astype(dtype)), dtype=dtype)
    return np.where(got == exact, 0, off)


ENDS = {
    "asin": (wf.asin, lambda x: 1 / mp.sqrt((1 - x) * (1 + x)), (-1, 1)),
    "acos": (wf.acos, lambda x: -1 / mp.sqrt((1 - x) * (1 + x)), (-1, 1)),
    "atanh": (wf.atanh, lambda x: 1 / ((1 - x) * (1 + x)), (-1, 1)),
    "acosh": (wf.acosh, lambda x: 1 / mp.sqrt((x - 1) * (x + 1)), (1, 4)),
    "expm1": (wf.expm1, mp.exp, (-80, 20)),
    "cbrt": (wf.cbrt, lambda x: 1 / (3 * mp.cbrt(x) ** 2), (0, 9)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ENDS)
def test_near_the_ends(name, dtype):
    f, exact, (low, high) = ENDS[name]
    eps = np.finfo(dtype).eps
    steps = np.concatenate([eps * np.array([1, 2, 3, 100]), [1e-4, 0.01, 0.3], np.random.default_rng(0).random(40)])
    x = np.concatenate([low + steps * (high - low), high - steps * (high - low)]).astype(dtype)
    x = x[(x > low) & (x < high)]
    with mp.workdps(60):
        right = [exact(mp.mpf(float(v))) for v in x]
    assert units(slope(f, x, dtype=dtype)[0], right, dtype).max() <= 6


@pytest.mark.parametrize("dtype", DTYPES)
def test_at_the_ends(dtype):
    def at(f, x):
        return slope(f, np.array([x]), dtype=dtype)[0][0]

    assert at(wf.asin, 1) == at(wf.asin, -1) == at(wf.acosh, 1) == at(wf.cbrt, 0) == at(wf.cbrt, -0.0) == math.inf
    assert at(wf.acos, 1) == -math.inf
    assert at(wf.cbrt, math.inf) == 0
    assert at(wf.acosh, np.finfo(dtype).max / 4) == pytest.approx(4 / float(np.finfo(dtype).max), rel=1e-6)
    for f in (wf.asin, wf.acos, wf.atanh, wf.acosh):
        assert math.isnan(at(f, math.nan))
    assert math.isnan(at(wf.acosh, -2))


@pytest.mark.parametrize("dtype", DTYPES)
def test_angles_of_points_of_any_size(dtype):
    info = np.finfo(dtype)
    sizes = np.array([info.tiny, info.max / 2, 1, 3, float(info.max) ** 0.5 * 8], dtype)
    y, x = (g.reshape(-1) for g in np.meshgrid(np.concatenate([sizes, -sizes]), np.concatenate([sizes, -sizes])))
    by_y, by_x = slope(wf.atan2, y, x, dtype=dtype)
    with mp.workdps(60):
        points = [(mp.mpf(float(a)), mp.mpf(float(b))) for a, b in zip(y, x, strict=True)]
        # Below the least normal number the unit is that of the least one.
        for got, right in (
            (by_y, [b / (a * a + b * b) for a, b in points]),
            (by_x, [-a / (a * a + b * b) for a, b in points]),
        ):
            right = np.array([float(mp.nstr(r, 25)) for r in right]).astype(dtype)
            fine = np.abs(right) <= info.max
            unit = np.maximum(np.spacing(np.abs(right[fine])), info.smallest_subnormal)
            assert (np.abs(got[fine].astype(np.longdouble) - right[fine]) <= 4 * unit).all()
    edge = slope(wf.atan2, np.array([math.inf, 1, -math.inf]), np.array([1, math.inf, 2]), dtype=dtype)
    assert all((e == 0).all() for e in edge)


@pytest.mark.parametrize("dtype", DTYPES)
def test_remainders(dtype):
    # 5.0000005 / 1.0000001 and its kind round to a whole number that the quotient does not reach.
    rng = np.random.default_rng(1)
    y = (rng.random(200) + 0.5).astype(dtype)
    x = np.nextafter((y * rng.integers(1, 9, 200)).astype(dtype), np.dtype(dtype).type(0))
    one, quotient = slope(wf.fmod, x, y, dtype=dtype)
    assert (one == 1).all()
    with mp.workdps(60):
        exact = [-mp.floor(mp.mpf(float(a)) / mp.mpf(float(b))) for a, b in zip(x, y, strict=True)]
    assert units(quotient, exact, dtype).max() <= 1
    # At multiples the slope of a remainder in x is 1 as elsewhere, whatever the signs.
    x, y = (g.reshape(-1) for g in np.meshgrid(np.array([-4.0, -0.0, 0.0, 2.0, 3.0]), np.array([-2.0, 2.0, 1.5])))
    one, quotient = slope(wf.remainder, x, y, dtype=dtype)
    assert (one == 1).all()
    assert (quotient == -np.floor(x / y)).all()
    value = np.asarray(wf.remainder(x.astype(dtype), y.astype(dtype)))
    expected = np.remainder(x.astype(dtype), y.astype(dtype))
    assert (value == expected).all()
    assert (np.signbit(value) == np.signbit(expected)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_at_zero_and_below(dtype):
    x = np.array([0.0, 0.0, 0.0, 0.0, -2.0, -2.0, 3.0])
    y = np.array([0.0, 1.0, 2.0, 0.5, 3.0, 0.0, 2.0])
    base, exponent = slope(wf.pow, x, y, dtype=dtype)
    assert (base == np.array([0, 1, 0, math.inf, 12, 0, 6])).all()
    assert (exponent[:4] == 0).all()
    assert np.isnan(exponent[4:6]).all()  # no power of -2 is near
    assert exponent[6] == pytest.approx(9 * math.log(3))
    # x^y has the mixed derivative 1 / x at y = 0.
    mixed = wf.grad(lambda b: wf.grad(wf.pow)(np.dtype(dtype).type(4), b))(np.dtype(dtype).type(0))
    assert float(mixed) == pytest.approx(0.25)


@pytest.mark.parametrize("dtype", DTYPES)
def test_ties_and_extremes_of_composites(dtype):
    x = np.array([1.0, 0.0, math.inf, 2.0, math.inf])
    y = np.array([1.0, -0.0, 3.0, math.inf, math.inf])
    first, second = slope(wf.logaddexp, x, y, dtype=dtype)
    assert first.tolist() == [0.5, 0.5, 1, 0, 0.5]
    assert second.tolist() == [0.5, 0.5, 0, 1, 0.5]
    info = np.finfo(dtype)
    x = np.array([info.tiny * 16, info.max / 2, 3.0, 0.0, info.tiny], dtype)
    y = np.array([info.tiny * 2, info.max / 4, 4.0, 2.0, 0.0], dtype)
    first, second = slope(wf.hypot, x, y, dtype=dtype)
    right = [mp.mpf(float(a)) / mp.hypot(mp.mpf(float(a)), mp.mpf(float(b))) for a, b in zip(x, y, strict=True)]
    assert units(first, right, dtype).max() <= 4
    right = [mp.mpf(float(b)) / mp.hypot(mp.mpf(float(a)), mp.mpf(float(b))) for a, b in zip(x, y, strict=True)]
    assert units(second, right, dtype).max() <= 4
