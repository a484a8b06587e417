#!/usr/bin/env python3
"""Makes the polynomial coefficients of include/weft/Math/Coefficients.h.

Each table is the polynomial p that minimises max |w(x) (g(x) - p(x))| on an interval (Remez exchange: solve for equal
alternating errors at n+2 points, move the points to the extrema, repeat), in mpmath at 60 to 100 digits.  Coefficients
are then rounded to the type one by one from the lowest degree up, the rest being fitted again after each rounding, so
that the rounding of the large coefficients costs nothing.  (E. Remez 1934; N. Brisebarre, S. Chevillard, "Efficient
polynomial L-infinity approximations", 2007, for why rounding needs the refit.)

    python3 tools/minimax.py > include/weft/Math/Coefficients.h     # minutes
    python3 tools/minimax.py --only kSin                            # one table (both types), to try
"""

import argparse
import math
import sys

import mpmath as mp

mp.mp.dps = 60


def round_to(c, bits):
    """c rounded to `bits` significant bits, to nearest even (mpmath's own rounding)."""
    with mp.workprec(bits):
        return +mp.mpf(c)


def remez(g, w, a, b, degree, rounds=14):
    """The minimax polynomial of a degree on a fine grid: (coefficients, max weighted error)."""
    n = degree + 1
    a, b = mp.mpf(a), mp.mpf(b)
    grid_size = 24 * (n + 1)
    grid = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * (2 * j + 1) / (2 * grid_size)) for j in range(grid_size)]
    gv = [g(x) for x in grid]
    wv = [w(x) for x in grid]
    pw = [[x**p for p in range(n)] for x in grid]
    ext = [min(grid_size - 1, int(grid_size * (2 * j + 1) / (2 * (n + 1)))) for j in range(n + 1)]
    result = (None, mp.inf)
    for _ in range(rounds):
        m = mp.matrix(n + 1, n + 1)
        r = mp.matrix(n + 1, 1)
        for row, j in enumerate(ext):
            for col in range(n):
                m[row, col] = pw[j][col] * wv[j]
            m[row, n] = (-1) ** row
            r[row] = gv[j] * wv[j]
        s = mp.lu_solve(m, r)
        coeffs = [s[k] for k in range(n)]
        level = abs(s[n])
        err = [wv[j] * (gv[j] - mp.fdot(coeffs, pw[j])) for j in range(grid_size)]
        best = max(abs(e) for e in err)
        result = min(result, (coeffs, best), key=lambda t: t[1])
        if best <= level * mp.mpf("1.02"):
            break
        # One extremum in each run of equal sign; keep n+1 alternating ones around the largest.
        runs = []
        for j, e in enumerate(err):
            if runs and (err[runs[-1]] > 0) == (e > 0):
                if abs(e) > abs(err[runs[-1]]):
                    runs[-1] = j
            else:
                runs.append(j)
        while len(runs) > n + 1:
            runs.pop(0 if abs(err[runs[0]]) < abs(err[runs[-1]]) else -1)
        if len(runs) < n + 1:
            break
        ext = runs
    return result


def worst(g, w, a, b, coeffs):
    """The largest weighted error of a polynomial on 400 points."""
    xs = [mp.mpf(a) + (mp.mpf(b) - mp.mpf(a)) * (j + mp.mpf("0.37")) / 400 for j in range(400)]
    return max(abs(w(x) * (g(x) - mp.polyval(coeffs[::-1], x))) for x in xs)


def without(g, w, known):
    """Function and weight for the coefficients beyond the known ones.

    The powers x^k ... x^n are no Chebyshev system where 0 is inside; 1 ... x^(n-k) with weight |w x^k| is.
    """
    k = len(known)
    return lambda x: (g(x) - mp.polyval(known[::-1], x)) / x**k, lambda x: abs(w(x) * x**k)


def fit(g, w, a, b, degree, bits):
    """Minimax coefficients, lowest degree first, each rounded to `bits`, and the error after rounding."""
    rest, _ = remez(g, w, a, b, degree)
    plain = [round_to(c, bits) for c in rest]
    tries = [(worst(g, w, a, b, plain), plain)]
    fixed = []
    # Higher coefficients need no refit: their rounding is below the error of the fit.
    for k in range(1, min(degree, 6)):
        fixed.append(round_to(rest[0], bits))
        rest, _ = remez(*without(g, w, list(fixed)), a, b, degree - k)
        coeffs = fixed + [round_to(c, bits) for c in rest]
        tries.append((worst(g, w, a, b, coeffs), coeffs))
    err, coeffs = min(tries, key=lambda t: t[0])
    return coeffs, err


def hexfloat(c):
    """C hex literal of a float that fits in double."""
    return float(c).hex()


def in_z(fn, sub, power):
    """g(z) = (fn(x) - sub(x)) / x**power with x = sqrt(z): odd or even functions as polynomials in the square."""
    return lambda z: (fn(mp.sqrt(z)) - sub(mp.sqrt(z))) / mp.sqrt(z) ** power


LN2H = mp.log(2) / 2 * mp.mpf("1.001")
PIO4SQ = (mp.pi / 4 * mp.mpf("1.002")) ** 2
T = mp.mpf(10) ** -12  # stands for 0 at the end of an interval where g is a quotient


def zero(x):
    return mp.mpf(0)


# name, what it is, g, w, interval, degree for f32, degree for f64
# fmt: off
TABLES = [
    ("kExpm1", "(e^r - 1 - r) / r^2, |r| <= ln2/2; error relative to e^r - 1",
     lambda r: (mp.expm1(r) - r) / r**2, lambda r: abs(r**2 / mp.expm1(r)), -LN2H, LN2H, 4, 9),
    ("kExp2", "(2^r - 1) / r, |r| <= 1/2; error relative to 2^r",
     lambda r: mp.expm1(r * mp.log(2)) / r, lambda r: abs(r) / mp.mpf(2) ** r, -0.5005, 0.5005, 5, 11),
    ("kExp2Coarse", "(2^r - 1) / r, |r| <= 1/2; error relative to 2^r",
     lambda r: mp.expm1(r * mp.log(2)) / r, lambda r: abs(r) / mp.mpf(2) ** r, -0.5005, 0.5005, 4, 9),
    ("kLog1p", "(log(1+f) - f + f^2/2) / f^3, -1/4 <= f <= 1/2; error relative to log(1+f)",
     lambda f: (mp.log1p(f) - f + f**2 / 2) / f**3, lambda f: f**3 / mp.log1p(f),
     mp.mpf("-0.2501"), mp.mpf("0.5001"), 7, 18),
    ("kLog2", "log2(e) (log(1+f) - f) / f^2, sqrt(1/2) <= 1+f <= sqrt(2); error relative to log2(1+f)",
     lambda f: (mp.log1p(f) - f) / f**2 / mp.log(2), lambda f: abs(f**2 / mp.log1p(f)) * mp.log(2),
     mp.sqrt(0.5) - mp.mpf("1.0001"), mp.sqrt(2) - mp.mpf("0.9999"), 9, 19),
    ("kSin", "(sin r - r) / r^3 in z = r^2, |r| <= pi/4; relative to sin r",
     in_z(mp.sin, lambda r: r, 3), lambda z: mp.sqrt(z) ** 3 / mp.sin(mp.sqrt(z)), T, PIO4SQ, 2, 5),
    ("kCos", "(cos r - 1 + r^2/2) / r^4 in z = r^2, |r| <= pi/4; relative to cos r",
     in_z(mp.cos, lambda r: 1 - r**2 / 2, 4), lambda z: z**2 / mp.cos(mp.sqrt(z)), T, PIO4SQ, 2, 5),
    ("kSinh", "(sinh r - r) / r^3 in z = r^2, |r| <= ln2/2; relative to r",
     in_z(mp.sinh, lambda r: r, 3), lambda z: z, T, LN2H**2, 2, 4),
    ("kCosh", "(cosh r - 1) / r^2 in z = r^2, |r| <= ln2/2; relative to 1",
     in_z(mp.cosh, lambda r: 1, 2), lambda z: z, T, LN2H**2, 2, 5),
    ("kAsin", "(asin x - x) / x^3 in z = x^2, |x| <= 1/2; relative to asin x",
     in_z(mp.asin, lambda x: x, 3), lambda z: mp.sqrt(z) ** 3 / mp.asin(mp.sqrt(z)), T, mp.mpf("0.25001"), 4, 12),
    ("kAtan", "(atan x - x) / x^3 in z = x^2, |x| <= 1/2; relative to atan x",
     in_z(mp.atan, lambda x: x, 3), lambda z: mp.sqrt(z) ** 3 / mp.atan(mp.sqrt(z)), T, mp.mpf("0.25001"), 5, 12),
    ("kPowLog",
     "(log2((1+s)/(1-s)) / s - 2 log2(e) (1 + z/3)) / z^2 in z = s^2, (1+s)/(1-s) <= sqrt 2; relative to the log",
     in_z(lambda s: 2 * (mp.atanh(s) / s - 1 - s**2 / 3) / mp.log(2), zero, 4), lambda z: z**2 / 3,
     T, mp.mpf("0.02948"), 2, 8),
    ("kCbrt", "m^(-1/3), sqrt(1/2) <= m <= sqrt 2; relative",
     lambda m: 1 / mp.cbrt(m), lambda m: mp.cbrt(m), mp.mpf("0.707"), mp.mpf("1.4143"), 4, 4),
    ("kErf", "erf(x) / x - 1 in z = x^2, |x| <= 1; relative to erf x",
     in_z(lambda x: mp.erf(x) / x, lambda x: 1, 0), lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
     T, mp.mpf("1.0001"), 6, 15),
]
# fmt: on


def tanh_by_square(limit):
    """(tanh x - x) / x^3 in z = x^2, relative to tanh x, for z up to a limit."""
    return (in_z(mp.tanh, lambda x: x, 3), lambda z: mp.sqrt(z) ** 3 / mp.tanh(mp.sqrt(z)), T, limit)


def shifted_erfc(limit):
    """log(erfc(x)) for the large half of erf, weight: the error it makes in 1 - erfc(x)."""
    return (lambda x: mp.log(mp.erfc(x)), lambda x: mp.erfc(x) / mp.erf(x), 1, limit)


def scaled_erfc(limit):
    """(g(t) - g(0)) / t, g = (x + 2) e^(x^2) erfc(x), t = (x - 2) / (x + 2), relative to g: the small half of erfc."""

    def g(t):
        x = 2 * (1 + t) / (1 - t)
        return (x + 2) * mp.exp(x**2) * mp.erfc(x)

    at2 = g(mp.mpf(0))
    lo, hi = mp.mpf("0.7499"), mp.mpf(limit)
    return (lambda t: (g(t) - at2) / t, lambda t: abs(t) / g(t), (lo - 2) / (lo + 2), (hi - 2) / (hi + 2))


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--only", help="make just this table")
    args = ap.parse_args()
    out = sys.stdout
    if not args.only:
        out.write(HEADER)
    for name, what, g, w, a, b, d32, d64 in TABLES:
        if args.only and name != args.only:
            continue
        emit(out, name, what, ((g, w, a, b, d32, 24), (g, w, a, b, d64, 53)))
    if not args.only or args.only == "kTanh":
        what = "(tanh x - x) / x^3 in z = x^2, |x| <= 0.625; relative to tanh x"
        emit(out, "kTanh", what, ((*tanh_by_square(mp.mpf("0.3907")), 10, 53),))
    if not args.only or args.only == "kTanhNode":
        tanh_nodes(out)
    if not args.only or args.only == "kErfTail":
        emit(
            out,
            "kErfTail",
            "log(erfc(x)), x from 1 to where erf is 1; error relative to erf x",
            ((*shifted_erfc(mp.mpf("6.0")), 18, 53),),
        )
    if not args.only or args.only == "kExpSixteenths":
        exp_sixteenths(out)
    if not args.only or args.only == "kErfPieces":
        erf_pieces(out)
    if not args.only or args.only == "kErfcInner":
        emit(
            out,
            "kErfcInner",
            "(g(t) - g(0)) / t, g = (x + 2) e^(x^2) erfc(x), t = (x - 2) / (x + 2), 0.75 <= x; relative to g",
            ((*scaled_erfc("10.1"), 8, 24), (*scaled_erfc("27.3"), 20, 53)),
        )
        out.write("\n/// g(0) in two parts.\n")
        for kind, bits in (("32", 24), ("64", 53)):
            hi = round_to(4 * mp.exp(4) * mp.erfc(2), bits)
            lo = round_to(4 * mp.exp(4) * mp.erfc(2) - hi, bits)
            out.write(f"inline constexpr double kErfcAt2Hi{kind} = {hexfloat(hi)};\n")
            out.write(f"inline constexpr double kErfcAt2Lo{kind} = {hexfloat(lo)};\n")
    if not args.only or args.only == "kTwoOverPi":
        chunks(out, "32", 24, 9)
        chunks(out, "64", 53, 23)
    if not args.only:
        out.write(FOOTER)


def floats_near(x, count):
    """x and the floats around it."""
    x = round_to(x, 24)
    step = mp.ldexp(1, mp.frexp(x)[1] - 24)
    return [round_to(x + i * step, 24) for i in range(-count, count + 1)] if x else [x]


def exp_sixteenths(out):
    """s 2^(j/16) for the s above 1 that makes all sixteen nearly floats, and e^r / s - 1."""
    # The results of the first one may lie below 1, where places count twice.
    roots = [(2.0 ** (23 + j / 16), 1 if j else 2) for j in range(16)]
    best, chosen = 1.0, 0
    for i in range(1, 1 << 20):
        s = 2.0 ** math.ldexp(i, -30)
        worst_distance = 0.0
        for root, places in roots:
            worst_distance = max(worst_distance, places * abs(s * root - round(s * root)))
            if worst_distance >= best:
                break
        else:
            best, chosen = worst_distance, i
    s = mp.mpf(2) ** mp.ldexp(chosen, -30)
    out.write(f"\n/// s 2^(j/16), nearly floats (to {best:.2f} of the last place): s is 2^({chosen} 2^-30).\n")
    table = [round_to(s * mp.mpf(2) ** (mp.mpf(j) / 16), 24) for j in range(16)]
    write_table(out, "kExpSixteenths", [hexfloat(v) for v in table])
    # 2^19 last places are a sixteenth, or a half of one below 1.
    less = [v - mp.mpf(j) / 16 for j, v in enumerate(table)]
    out.write(
        "/// The same, each j less by j 2^19 last places: as bits, where n/16 in the exponent's place adds them.\n"
    )
    write_table(out, "kExpSixteenthsLess", [hexfloat(v if v >= 1 else (1 + v) / 2) for v in less])
    half = mp.log(2) / 32 * mp.mpf("1.002")
    coeffs, err = fit(lambda r: mp.exp(r) / s - 1, lambda r: mp.exp(-r), -half, half, 3, 24)
    out.write(
        f"/// e^r / s - 1, |r| <= ln2/32; relative to e^r.\n/// f32: degree 3, error 2^{float(mp.log(err, 2)):.1f}\n"
    )
    write_table(out, "kExpStep", [hexfloat(c) for c in coeffs])


def tanh_nodes(out):
    """15 numbers near multiples of one, 0 and the last of them as they are, with tanh x and 1 - tanh(x)^2 nearly floats
    at the others; and tanh around 0 for what lies between."""
    last = mp.mpf("9.19921875")  # past that tanh is 1

    def distance(x):
        y = mp.tanh(x)
        return max(abs(v - round_to(v, 24)) / mp.ldexp(1, mp.frexp(v)[1] - 24) for v in (y, 1 - y**2))

    nodes = [min(floats_near(last * j / 15, 3000), key=distance) for j in range(1, 15)]
    values = [mp.tanh(x) for x in nodes]
    out.write("\n/// Numbers near 0 to 15 fifteenths of the last one, tanh there (1 at the last), and 1 - tanh^2.\n")
    write_table(out, "kTanhNode", [hexfloat(x) for x in [mp.mpf(0), *nodes, last]])
    write_table(out, "kTanhAtNode", [hexfloat(round_to(y, 24)) for y in [mp.mpf(0), *values, mp.mpf(1)]])
    slopes = [1 - y**2 for y in [mp.mpf(0), *values, mp.tanh(last)]]
    write_table(out, "kTanhSlope", [hexfloat(round_to(s, 24)) for s in slopes])
    what = "(tanh r - r) / r^3 in z = r^2, |r| to half of what lies between two; relative to tanh r"
    emit(out, "kTanhStep", what, ((*tanh_by_square((last / 30) ** 2 * mp.mpf("1.0002")), 2, 24),))


ERF_LAST = mp.mpf(4)  # past that erf is 1


def erf_piece(j):
    """erf(j/2), and (erf(j/2 + r) - erf(j/2)) / r - 1 for the half around j/2; its error."""
    node = mp.mpf(j) / 2
    lo, hi = max(T, node - 0.25), ERF_LAST if j == 7 else node + 0.25
    # The last piece climbs to 1 at its end, where greater arguments are cut off.
    lift = mp.erfc(hi) if j == 7 else 0

    def climbing(x):
        return mp.erf(x) + lift * ((x - lo) / (hi - lo)) ** 2

    piece, err = fit(
        lambda r: (climbing(node + r) - mp.erf(node)) / r - 1,
        lambda r: abs(r / climbing(node + r)),
        lo - node,
        hi - node,
        5,
        24,
    )
    return round_to(mp.erf(node), 24), piece, err


def erf_pieces(out):
    values, pieces, errors = zip(*map(erf_piece, range(8)), strict=True)
    out.write("\n/// Where erf is 1, and erf of j/2 for each j below 8.\n")
    out.write(f"inline constexpr double kErfLast = {hexfloat(ERF_LAST)};\n")
    write_table(out, "kErfAtHalf", [hexfloat(v) for v in values])
    out.write(
        "/// (erf(j/2 + r) - erf(j/2)) / r - 1, |r| <= 1/4 but in the last; a row for each degree; relative to erf.\n"
    )
    out.write(f"/// f32: degree 5, error 2^{float(mp.log(max(errors), 2)):.1f}\n")
    out.write("inline constexpr double kErfPieces[6][8] = {\n")
    for row in zip(*pieces, strict=True):
        out.write("    {\n")
        write_rows(out, [hexfloat(c) for c in row], "       ")
        out.write("    },\n")
    out.write("};\n")


def chunks(out, kind, bits, count):
    """2/pi cut into pieces of `bits` bits, each as a fraction of 1, for the reduction of huge arguments."""
    with mp.workprec(bits * (count + 4)):
        rest, row = 2 / mp.pi, []
        for _ in range(count):
            rest *= mp.mpf(2) ** bits
            row.append(mp.floor(rest))
            rest -= row[-1]
        row = [hexfloat(c / mp.mpf(2) ** bits) for c in row]
    out.write(f"\n/// 2/pi = sum over j of kTwoOverPi{kind}[j] * 2^(-{bits} j), pieces of {bits} bits.\n")
    write_table(out, f"kTwoOverPi{kind}", row)


def write_table(out, name, literals):
    out.write(f"inline constexpr double {name}[] = {{\n")
    write_rows(out, literals)
    out.write("};\n")
    out.flush()


def write_rows(out, literals, margin="   "):
    row = margin
    for text in literals:
        if len(row) + len(text) > 116:
            out.write(row + "\n")
            row = margin
        row += f" {text},"
    out.write(row + "\n")


def emit(out, name, what, pair):
    out.write(f"\n/// {what}.\n")
    for g, w, a, b, degree, bits in pair:
        coeffs, err = fit(g, w, a, b, degree, bits)
        kind = "32" if bits == 24 else "64"
        out.write(f"/// f{kind}: degree {degree}, error 2^{float(mp.log(err, 2)):.1f}\n")
        write_table(out, f"{name}{kind}", [hexfloat(c) for c in coeffs])


HEADER = """//===- Coefficients.h - polynomials of the math functions -------------------===//
//
// Decides the constants of Definitions.h.  Made by tools/minimax.py (Remez exchange with refitted rounding); edit that,
// not this.  Lowest degree first; the numbers of a f32 table are exact in float.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_COEFFICIENTS_H
#define WEFT_MATH_COEFFICIENTS_H

// clang-format off
namespace weft::math {
"""
FOOTER = """
} // namespace weft::math

#endif // WEFT_MATH_COEFFICIENTS_H
"""

if __name__ == "__main__":
    main()
