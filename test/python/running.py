"""What tests of values have in common: one trace, run by native code and by the reference interpreter; calls of several
threads; distances in ULP."""

import threading

import numpy as np
import targets
from weft._src import _weft, compiler, dtypes, trace
from weft._src.array import asarray


def by_reference(resolved, entry, args, num_results):
    """The results of a function of a module at stage `resolved` by the reference interpreter, as NumPy arrays."""
    given = []
    for a in args:
        a = np.asarray(a)
        d = dtypes.dtype(a.dtype)
        given.append((d.code, a.shape, np.ascontiguousarray(a).reshape(-1).view(np.uint8).tobytes()))
    out = _weft.reference(resolved, entry, given, num_results)
    return [np.frombuffer(data, dtypes.BY_CODE[code].numpy).reshape(shape) for code, shape, data in out]


def wrong_calls(call, want, threads, times, equal_nan=False):
    """How many of the arrays that several threads get, each from so many calls at once, are not those of `want` (a list
    of the call's arrays); a call that raises counts too."""
    wrong = []

    def run():
        for _ in range(times):
            try:
                got = call()
                for have, expected in zip(got if isinstance(got, (tuple, list)) else [got], want, strict=True):
                    if not np.array_equal(np.asarray(have), expected, equal_nan=equal_nan):
                        wrong.append(have)
            except Exception as err:
                wrong.append(err)

    callers = [threading.Thread(target=run) for _ in range(threads)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    return len(wrong)


class Program:
    """One trace on arrays; native code for any target beside the reference.

    Args:
        fn: takes a Tracer for each array, gives one or several. specs: of the arguments; by default the arrays'.
    """

    def __init__(self, fn, *args, specs=None):
        self.args = args
        specs = specs or [trace.Spec(np.shape(a), dtypes.dtype(a.dtype)) for a in args]
        self.traced = trace.trace_program(lambda *a: list(r) if isinstance(r := fn(*a), (tuple, list)) else [r], specs)

    def native(self, target="host", numerics="strict"):
        """Native code for a target: a function from a number of threads to the results (on other arrays)."""
        native = targets.Native(self.traced.module, target, numerics)
        return lambda threads=0, args=None: native(args or self.args, threads)

    def reference(self, args=None):
        """The results by the reference interpreter (on other arrays)."""
        resolved = self.traced.module.clone()
        _weft.pipeline(resolved, "traced", "resolved", "")  # the reference knows no requests
        return by_reference(resolved, self.traced.entry, args or self.args, len(self.traced.results))


class Built:
    """A traced program with both of its sides.

    Args:
        fn: takes a Tracer for each spec. specs: (shape, dtype) or Spec; shapes may hold Dims.
        numerics: "strict" is what equals the reference bit for bit.
    """

    def __init__(self, fn, specs, numerics="strict"):
        specs = [trace.Spec(*s) if type(s) is tuple else s for s in specs]
        self.traced = trace.trace_program(fn, specs)
        self.resolved = self.traced.module.clone()
        _weft.pipeline(self.resolved, "traced", "resolved", "")  # the reference knows no requests
        self.compiled = compiler.compile_module(self.traced.module, compiler.options(numerics=numerics))

    def native(self, *args):
        """The results of the compiled program, as NumPy arrays."""
        return [np.asarray(r) for r in self.compiled.program([asarray(a) for a in args])]

    def reference(self, *args):
        """The results by the reference interpreter, as NumPy arrays."""
        return by_reference(self.resolved, self.traced.entry, args, len(self.traced.results))


def same_bits(a, b):
    """Raises where two arrays differ in a bit; all NaNs are alike (their sign and payload are promised by nobody)."""
    assert a.dtype == b.dtype and a.shape == b.shape, f"{a.dtype}{a.shape} and {b.dtype}{b.shape}"
    if a.dtype.kind in "biu":
        different = a != b
    else:
        bits = np.dtype(f"u{a.dtype.itemsize}")
        nan = np.isnan(a.astype(np.float64)) & np.isnan(b.astype(np.float64))
        different = (a.view(bits) != b.view(bits)) & ~nan
    if different.any():
        at = tuple(i[0] for i in np.nonzero(different)) if a.ndim else ()
        raise AssertionError(f"{int(different.sum())} of {a.size} differ; first at {at}: {a[at]!r} and {b[at]!r}")


def ulps(got, exact):
    """The distance of `got` from `exact` (wider floats) in units in the last place of `got`'s dtype; infinite where
    one is NaN or infinite and the other is not the same."""
    info = dtypes.finfo(got.dtype)
    exact = np.asarray(exact, np.longdouble)
    g = got.astype(np.float64).astype(np.longdouble)
    # Beyond the greatest number by half a unit and more, rounding gives infinity.
    digits = round(-np.log2(info.eps))
    limit = np.longdouble(info.max) * (1 + np.ldexp(np.longdouble(1), -digits - 2))
    rounded = np.where(np.abs(exact) > limit, np.copysign(np.longdouble(np.inf), exact), exact)
    with np.errstate(all="ignore"):
        exponent = np.frexp(np.where(np.isfinite(rounded), rounded, 1))[1] - 1
        least = round(np.log2(info.smallest_normal))
        unit = np.ldexp(np.longdouble(1), np.maximum(exponent, least) - digits)
        distance = np.abs(g - rounded) / unit
    same = (g == rounded) | (np.isnan(g) & np.isnan(rounded))
    # Overflow a little early or late is a matter of the last place.
    edge = (np.isinf(g) & (np.abs(exact) > np.longdouble(info.max) * (1 - 4 * info.eps))) | (
        np.isinf(rounded) & np.isfinite(exact) & (np.abs(g) == info.max)
    )
    distance = np.where(same, 0.0, distance)
    return np.where(np.isnan(distance), np.inf, np.where(edge & ~same, 1.0, distance)).astype(np.float64)
