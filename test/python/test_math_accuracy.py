"""Decides how accurate the math functions are, by measuring them.

`BOUNDS` is the one table of promises: the largest error, in units in the last place of the true result, of every
function of include/weft/Math in f32 and f64.  The scalar instantiation is measured (through the probe library,
test/unit/Math/MathProbe.cpp); codegen's is bit for bit the same by construction and tested elsewhere.

    python test/python/test_math_accuracy.py        # prints the table of measured errors
"""

import ctypes
import math
import os
import pathlib
import sys

import mpmath as mp
import numpy as np
import pytest

# name: (f32, f64) in ULP
BOUNDS = {
    "exp": (1.0, 1.0),
    "exp2": (1.0, 1.0),
    "expm1": (2.0, 2.0),
    "sigmoid": (2.0, 2.0),
    "log": (1.0, 1.0),
    "log2": (1.0, 1.0),
    "log10": (2.0, 2.0),
    "log1p": (2.0, 2.0),
    "sin": (1.0, 1.0),
    "cos": (1.0, 1.0),
    "tan": (2.0, 2.0),
    "asin": (2.0, 2.0),
    "acos": (2.0, 2.0),
    "atan": (2.0, 2.0),
    "atan2": (2.0, 2.0),
    "sinh": (2.0, 2.0),
    "cosh": (2.0, 2.0),
    "tanh": (2.0, 2.0),
    "asinh": (2.0, 2.0),
    "acosh": (2.0, 2.0),
    "atanh": (2.0, 2.0),
    "erf": (2.0, 2.0),
    "erfc": (2.0, 2.0),
    "erfInv": (4.0, 4.0),
    "cbrt": (1.0, 1.0),
    "pow": (2.0, 2.0),
}

INF, NAN = math.inf, math.nan

# Arguments, then result, fixed by C99 Annex F (or by continuity, for functions that C lacks); zeros compare with their
# sign.
# fmt: off
SPECIAL = {
    "exp": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0.0), (NAN, NAN)],
    "exp2": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0.0), (NAN, NAN), (3.0, 8), (-1.0, 0.5)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1), (NAN, NAN)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0.0), (NAN, NAN)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-INF, NAN), (-1.0, NAN), (NAN, NAN)],
    "log2": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (8.0, 3), (0.125, -3), (INF, INF), (-INF, NAN), (-1.0, NAN),
             (NAN, NAN)],
    "log10": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (1000.0, 3), (INF, INF), (-INF, NAN), (-1.0, NAN), (NAN, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (INF, INF), (-INF, NAN), (-2.0, NAN), (NAN, NAN)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "cos": [(0.0, 1), (-0.0, 1), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN)],
    "asin": [(0.0, 0.0), (-0.0, -0.0), (1.5, NAN), (-1.5, NAN), (INF, NAN), (NAN, NAN)],
    "acos": [(1.0, 0.0), (1.5, NAN), (-1.5, NAN), (-INF, NAN), (NAN, NAN)],
    "atan": [(0.0, 0.0), (-0.0, -0.0), (NAN, NAN)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "cosh": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, INF), (NAN, NAN)],
    "asinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "acosh": [(1.0, 0.0), (0.5, NAN), (-1.0, NAN), (-INF, NAN), (INF, INF), (NAN, NAN)],
    "atanh": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.5, NAN), (-INF, NAN), (NAN, NAN)],
    "cbrt": [(0.0, 0.0), (-0.0, -0.0), (8.0, 2), (-27.0, -3), (INF, INF), (-INF, -INF), (NAN, NAN)],
    "erfInv": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (1.5, NAN), (-INF, NAN), (NAN, NAN)],
    "erfc": [(0.0, 1), (-0.0, 1), (INF, 0.0), (-INF, 2), (NAN, NAN)],
    "atan2": [
        (0.0, 0.0, 0.0), (-0.0, 0.0, -0.0), (0.0, 1.0, 0.0), (-0.0, 1.0, -0.0), (1.0, INF, 0.0), (-1.0, INF, -0.0),
        (NAN, 1.0, NAN), (1.0, NAN, NAN), (NAN, INF, NAN), (INF, NAN, NAN),
    ],
    "pow": [
        (NAN, 0.0, 1), (NAN, -0.0, 1), (INF, 0.0, 1), (0.0, 0.0, 1), (1.0, NAN, 1), (1.0, INF, 1), (1.0, -INF, 1),
        (-1.0, INF, 1), (-1.0, -INF, 1), (NAN, 1.0, NAN), (2.0, NAN, NAN), (-8.0, 1 / 3, NAN), (-2.0, 3.0, -8),
        (-2.0, 2.0, 4), (-2.0, -1.0, -0.5), (0.0, 3.0, 0.0), (-0.0, 3.0, -0.0), (-0.0, 2.0, 0.0), (-0.0, 0.5, 0.0),
        (0.0, -3.0, INF), (-0.0, -3.0, -INF), (-0.0, -2.0, INF), (0.0, -0.5, INF), (0.0, INF, 0.0), (-0.0, -INF, INF),
        (0.5, INF, 0.0), (-0.5, INF, 0.0), (0.5, -INF, INF), (2.0, INF, INF), (-2.0, INF, INF), (2.0, -INF, 0.0),
        (INF, 2.0, INF), (INF, -2.0, 0.0), (INF, INF, INF), (INF, -INF, 0.0), (-INF, 3.0, -INF), (-INF, 2.0, INF),
        (-INF, 0.5, INF), (-INF, -3.0, -0.0), (-INF, -2.0, 0.0), (-INF, -0.5, 0.0), (3.0, 5.0, 243),
    ],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (NAN, NAN)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (NAN, NAN)],
}
# fmt: on

# Arguments next to a multiple of pi/2 (the closest double of all, the closest float), borders of ranges and branches.
HARD = [
    6381956970095103.0 * 2.0**797,
    16367173.0 * 2.0**72,
    131071.9,
    131072.0,
    2.0**30,
    2.0**30 - 1,
    0.625,
    1.0,
    88.7,
    88.8,
    -87.4,
    -103.9,
    709.7,
    709.8,
    -708.5,
    -745.1,
    math.pi / 4,
    math.pi / 2,
    math.pi,
]


def mp_function(name):
    """The exact function, in mpmath's working precision."""
    own = {
        "exp2": lambda x: mp.mpf(2) ** x,
        "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
        "log2": lambda x: mp.log(x) / mp.log(2),
        "erfc": lambda x: mp.erfc(x) if x < 1000 else mp.mpf(0),
        "erfInv": lambda x: mp.erfinv(x) if abs(x) < 1 else x * mp.inf if abs(x) == 1 else mp.nan,
        "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
        "pow": lambda x, y: mp.power(x, y) if x > 0 or mp.isint(y) else mp.nan,
    }
    return own[name] if name in own else getattr(mp, name)


class Probe:
    """The definitions on NumPy arrays: `probe(name, x)` in the dtype of x; how="lanes" evaluates in vectors."""

    def __init__(self):
        root = pathlib.Path(__file__).resolve().parents[2]
        build = pathlib.Path(os.environ.get("WEFT_BUILD", root / "build"))
        path = os.environ.get("WEFT_MATH_PROBE", build / "lib" / "libweft_math_probe.so")
        if not pathlib.Path(path).exists():
            raise FileNotFoundError(f"{path}: build the target weft_math_probe, or set WEFT_BUILD to the build folder")
        self.lib = ctypes.CDLL(str(path))
        self.lib.weft_math_names.restype = ctypes.c_char_p
        self.names = dict(word.split("/") for word in self.lib.weft_math_names().decode().split())

    def __call__(self, name, x, y=None, how="eval"):
        x = np.ascontiguousarray(x)
        y = None if y is None else np.ascontiguousarray(y, x.dtype)
        out = np.empty_like(x)
        entry = getattr(self.lib, f"weft_math_{how}_f{8 * x.itemsize}")
        status = entry(
            name.encode(),
            *(None if a is None else a.ctypes.data_as(ctypes.c_void_p) for a in (x, y, out)),
            ctypes.c_int64(x.size),
        )
        assert status == 0, f"the probe knows no {name}"
        return out


@pytest.fixture(scope="module")
def probe():
    return Probe()


def exact(name, args):
    """The true value as an mpf; NaN outside the domain."""
    try:
        value = mp_function(name)(*args)
    except (ValueError, ZeroDivisionError):
        return mp.nan
    return value if isinstance(value, mp.mpf) else mp.nan


def ulp_error_mp(got, want, dtype):
    """|got - want| in ULP of want; inf where one is NaN or infinite and the other should not be."""
    info = np.finfo(dtype)
    precision, emin = info.nmant, info.minexp
    if mp.isnan(want) or math.isnan(got):
        return 0.0 if mp.isnan(want) and math.isnan(got) else INF
    if mp.isinf(want):
        return 0.0 if float(want) == got else INF
    exponent = max(mp.frexp(want)[1] - 1, emin) if want else emin
    ulp = mp.ldexp(1, int(exponent) - precision)
    if math.isinf(got):
        # An overflow is the rounding of something at or above 2^(emax+1).
        got = mp.ldexp(1, info.maxexp) * (1 if got > 0 else -1)
        if abs(want) > abs(got):
            return 0.0 if (want > 0) == (got > 0) else INF
    return float(abs(mp.mpf(got) - want) / ulp)


def samples_f64(name):
    """Some of every binade of both signs, more where functions have their shape, the hard ones, subnormals."""
    rng = np.random.default_rng(len(name) * 1000 + ord(name[0]))
    exponents = np.arange(-1074, 1024, 3 if name in ("sin", "cos", "tan") else 2)
    wide = np.ldexp(rng.uniform(1, 2, exponents.size), exponents)
    middle = np.ldexp(rng.uniform(1, 2, 1500), rng.integers(-12, 10, 1500))
    near_one = 1 + np.ldexp(rng.uniform(-1, 1, 500), rng.integers(-52, -1, 500))
    shape = rng.uniform(-40, 40, 1500)
    x = np.concatenate(
        [
            wide,
            -wide,
            middle,
            -middle,
            near_one,
            -near_one,
            shape,
            rng.uniform(-1.5, 1.5, 2000),
            rng.uniform(-746, 710, 400),
            HARD,
            np.negative(HARD),
            np.nextafter(HARD, 0),
        ]
    )
    return x


def pairs(name, dtype, count):
    """Random arguments of a binary function: everything, the range where results are finite, ratios near 1."""
    rng = np.random.default_rng(7)
    top = np.finfo(dtype).maxexp
    x = np.ldexp(rng.uniform(1, 2, count), rng.integers(-top - 20, top, count)) * rng.choice([-1, 1], count)
    y = np.ldexp(rng.uniform(1, 2, count), rng.integers(-top - 20, top, count)) * rng.choice([-1, 1], count)
    third, whole = count // 3, slice(0, count, 10)
    if name == "pow":
        x = np.abs(x)
        y[third:] = rng.uniform(-top - 60, top, count - third) / np.log2(x[third:])
        x[:third] = np.abs(1 + np.ldexp(rng.uniform(-1, 1, third), -rng.integers(0, np.finfo(dtype).nmant, third)))
        x = np.where(x == 0, 1, x)
        with np.errstate(divide="ignore"):
            y[:third] = np.clip(rng.uniform(-top - 60, top, third) / np.log2(x[:third]), -1e30, 1e30)
        y[whole] = np.rint(y[whole])
        x[whole] *= rng.choice([-1, 1], x[whole].size)
    else:
        with np.errstate(over="ignore"):
            y[third:] = x[third:] * np.ldexp(rng.uniform(-2, 2, count - third), rng.integers(-4, 4, count - third))
    with np.errstate(over="ignore", under="ignore"):
        return x.astype(dtype), y.astype(dtype)


def worst_f64(probe, name):
    """(largest error in ULP, where) over the samples, against mpmath."""
    args = pairs(name, np.float64, 9000) if probe.names[name] == "2" else (samples_f64(name),)
    got = probe(name, *args)
    worst, where = 0.0, ()
    with mp.workprec(130):
        for *a, g in zip(*(column.tolist() for column in args), got.tolist(), strict=True):
            err = ulp_error_mp(g, exact(name, [mp.mpf(v) for v in a]), np.float64)
            if err > worst:
                worst, where = err, tuple(a)
    return worst, where


NUMPY_NAMES = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
    "pow": "power",
}


def oracle_f64(probe, name, args):
    """The function in double, for f32 arguments: NumPy's where it has one, else ours (tested against mpmath here)."""
    own = getattr(np, NUMPY_NAMES.get(name, name), None)
    with np.errstate(all="ignore"):
        return own(*args) if own else probe(name, *args)


def worst_f32(probe, name, stride=997):
    """(largest error in ULP, where) over every `stride`th of all floats, or many pairs of floats."""
    if probe.names[name] == "2":
        args = pairs(name, np.float32, 2000000)
    else:
        x = np.arange(0, 2**32, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)
        hard = np.array(HARD + [-h for h in HARD]).clip(-3e38, 3e38).astype(np.float32)
        args = (np.concatenate([x, hard]),)
    with np.errstate(invalid="ignore"):  # signalling NaNs among the patterns
        got, wide = probe(name, *args).astype(np.float64), [a.astype(np.float64) for a in args]
    want = oracle_f64(probe, name, wide)
    wrong = np.isnan(got) != np.isnan(want)
    assert not wrong.any(), f"{name}: NaN at {[a[wrong][:5] for a in args]}"
    limit = 2.0**128
    with np.errstate(all="ignore"):
        ulp = np.ldexp(1.0, np.maximum(np.frexp(want)[1] - 1, -126) - 23)
        clipped = np.clip(got, -limit, limit)
        err = np.abs(clipped - np.clip(want, -limit, limit)) / np.where(np.isfinite(ulp), ulp, 1.0)
    err[np.isnan(want)] = 0
    # A result that is infinite by definition (a pole) has no neighbour to be off by.
    err[np.isinf(want) & (got != want)] = INF
    err[np.isinf(want) & (got == want)] = 0
    j = int(np.argmax(err))
    return float(err[j]), tuple(float(a[j]) for a in args)


def test_every_function_has_its_row(probe):
    """The probe's list, the bounds and the special values name the same functions."""
    assert set(probe.names) == set(BOUNDS) == set(SPECIAL)


def test_the_page_says_the_same():
    """docs/math.md promises what BOUNDS promises, and found no more."""
    page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "math.md").read_text()
    rows = [line.split("|")[1:6] for line in page.splitlines() if line.startswith("| `") and line.count("|") == 8]
    told = {name.strip(" `"): (float(f32), float(f64)) for name, f32, _, f64, _ in rows}
    assert told == BOUNDS
    assert all(float(found) <= float(bound) for _, *pairs in rows for bound, found in (pairs[:2], pairs[2:]))


@pytest.mark.parametrize("name", BOUNDS)
def test_f64_within_bound(probe, name):
    worst, where = worst_f64(probe, name)
    assert worst <= BOUNDS[name][1], f"{name}{where} is off by {worst} ULP"


@pytest.mark.parametrize("name", BOUNDS)
def test_f32_within_bound(probe, name):
    worst, where = worst_f32(probe, name)
    assert worst <= BOUNDS[name][0], f"{name}{where} is off by {worst} ULP"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(probe, name, dtype):
    cases = SPECIAL[name]
    args = [case[:-1] for case in cases]
    got = probe(name, *(np.array(column, dtype) for column in zip(*args, strict=True)))
    for arg, want, g in zip(args, (case[-1] for case in cases), got.tolist(), strict=True):
        same = math.isnan(g) if math.isnan(want) else g == want and math.copysign(1, g) == math.copysign(1, want)
        assert same, f"{name}{arg} = {g}, not {want}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", BOUNDS)
def test_vectors_give_the_bits_of_scalars(probe, name, dtype):
    """Neighbours in a vector never change a lane, rare branches included; the sign and payload of NaN are free."""
    if not hasattr(probe.lib, "weft_math_lanes_f32"):
        pytest.skip(reason="built with another compiler than clang: no vector evaluator to compare")
    if probe.names[name] == "2":
        args = pairs(name, dtype, 40000)
    else:
        bits = np.random.default_rng(11).integers(0, 2**63, 40000, np.uint64) * 2
        with np.errstate(all="ignore"):
            anything = bits.view(np.float64) if dtype == np.float64 else (bits >> 32).astype(np.uint32).view(np.float32)
            args = (np.concatenate([anything, np.resize(samples_f64(name), 12000).astype(dtype)]),)
    scalar, lanes = probe(name, *args), probe(name, *args, how="lanes")
    same = scalar.view(f"u{scalar.itemsize}") == lanes.view(f"u{lanes.itemsize}")
    same |= np.isnan(scalar) & np.isnan(lanes)
    assert same.all(), f"{name}{tuple(a[~same][0] for a in args)}: {scalar[~same][0]} against {lanes[~same][0]}"


def main():
    probe = Probe()
    print(f"{'':8} {'f32 ULP':>8} {'bound':>6} {'f64 ULP':>8} {'bound':>6}  worst at")
    for name in sys.argv[1:] or BOUNDS:
        e32, x32 = worst_f32(probe, name)
        e64, x64 = worst_f64(probe, name)
        print(f"{name:8} {e32:8.3f} {BOUNDS[name][0]:6.1f} {e64:8.3f} {BOUNDS[name][1]:6.1f}  {x32} {x64}", flush=True)


if __name__ == "__main__":
    main()
