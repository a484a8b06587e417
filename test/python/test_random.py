"""Random numbers: equal to JAX's for the same keys (stored, so that no JAX is needed), the same in every batch, loop
and fusion, keys as values of every kind, and the distributions against their exact distribution functions."""

import json
import math
import pathlib
import pickle

import mpmath as mp
import numpy as np
import pytest
import weft as wf
from weft._src import dtypes

R = wf.random
GOLDEN = json.loads((pathlib.Path(__file__).parent / "random_golden.json").read_text())
EXACT = ("key_data", "split", "fold_in", "bits", "uniform", "bernoulli", "rademacher", "randint", "permutation",
         "choice", "categorical")  # fmt: skip


def as_numpy(x):
    return np.asarray(R.key_data(x) if x.dtype is dtypes.key else x)


def ordered(bits, dtype):
    """The bits of floats as integers in the order of the floats, so that neighbours differ by one."""
    width = np.dtype(bits.dtype).itemsize * 8
    if dtype == "bool" or not dtype.startswith(("f", "b")):
        return bits.astype(np.int64)
    size = (bits & bits.dtype.type((1 << (width - 1)) - 1)).astype(np.int64)
    return np.where(bits >> bits.dtype.type(width - 1), -size, size)


def weft_case(case):
    args = [tuple(a) if isinstance(a, list) and case["name"] != "categorical" else a for a in case["args"]]
    kwargs = {k: tuple(v) if k == "shape" else v for k, v in case["kwargs"].items()}
    if case["name"] == "categorical":
        args = [np.asarray(args[0], np.float32)]
    if case["dtype"] == "int32" and case["name"] in ("permutation", "choice", "categorical"):
        wf.set_default_dtype(int="int32")
    try:
        return as_numpy(getattr(R, case["name"])(R.key(case["seed"]), *args, **kwargs))
    finally:
        wf.set_default_dtype(int="int64")


@pytest.mark.parametrize("name", sorted({c["name"] for c in GOLDEN["cases"]} & set(R.__all__)))
def test_numbers_are_those_of_jax(name):
    """All cases of tools/random_golden.py."""
    missing = [c for c in GOLDEN["cases"] if c["name"] == name]
    assert missing
    for case in missing:
        if case["dtype"] == "bfloat16":
            pytest.importorskip("ml_dtypes", reason="NumPy itself has no bfloat16")
        got = weft_case(case)
        assert list(got.shape) == case["shape"], case
        assert got.dtype.name == case["dtype"], case
        bits = got.view(f"u{got.dtype.itemsize}").reshape(-1)
        want = np.array(case["bits"], bits.dtype)
        distance = np.abs(ordered(bits, case["dtype"]) - ordered(want, case["dtype"]))
        far = distance > (0 if name in EXACT else 4)
        assert not (far.any() and name in EXACT), (case, distance.max())
        if far.any():
            # Then the true value says who is right: JAX's float64 log1p and erf_inv are off by tens of units and more.
            assert got.dtype.itemsize > 2, case
            true = true_values(case)[far]
            unit = np.spacing(np.maximum(np.abs(true.astype(got.dtype)), got.dtype.type(1)))
            ours, theirs = (np.abs(x.reshape(-1)[far] - true) / unit for x in (got, want.view(got.dtype)))
            assert (ours <= 4 + theirs).all(), (case, ours.max(), theirs.max())


def true_values(case):
    """What the case's numbers are by definition, from uniform numbers that are JAX's bit for bit."""
    name, dtype, shape = case["name"], case["dtype"], tuple(case["shape"])
    info, t = np.finfo(dtype), np.dtype(dtype).type
    low, high = {
        "normal": (np.nextafter(t(-1), t(0)), 1), "gumbel": (info.tiny, 1), "logistic": (info.tiny, 1),
        "laplace": (t(-1) + info.epsneg, 1), "cauchy": (info.eps, 1), "exponential": (0, 1),
    }.get(name, (0, 1))  # fmt: skip
    if name == "truncated_normal":
        low, high = (t(math.erf(t(x) / t(math.sqrt(2)))) for x in case["args"][:2])
    u = np.asarray(R.uniform(R.key(case["seed"]), shape, dtype=dtype, minval=low, maxval=high)).reshape(-1)
    f = {
        "normal": lambda u: mp.sqrt(2) * mp.erfinv(u), "exponential": lambda u: -mp.log1p(-u),
        "truncated_normal": lambda u: mp.sqrt(2) * mp.erfinv(u), "gumbel": lambda u: -mp.log(-mp.log(u)),
        "laplace": lambda u: mp.sign(u) * mp.log1p(-abs(u)), "logistic": lambda u: mp.log(u) - mp.log1p(-u),
        "cauchy": lambda u: mp.tan(mp.pi * (u - mp.mpf(0.5))),
    }[name]  # fmt: skip
    with mp.workprec(120):
        return np.array([np.longdouble(mp.nstr(f(mp.mpf(float(x))), 25)) for x in u])


# ------------------------------------------------------------------------------------------------------- independence


def test_bits_do_not_depend_on_the_batch():
    keys = R.split(R.key(3), 7)
    batched = np.asarray(R.bits(keys, (2, 5)))
    mapped = np.asarray(wf.jit(wf.vmap(lambda k: R.bits(k, (2, 5))))(keys))
    for i in range(7):
        alone = np.asarray(R.bits(keys[i], (2, 5)))
        assert (alone == batched[i]).all()
        assert (alone == mapped[i]).all()


def test_splitting_is_folding_in():
    key = R.key(11)
    split = as_numpy(R.split(key, (3, 4))).reshape(12, 2)
    for i in range(12):
        assert (split[i] == as_numpy(R.fold_in(key, i))).all()


@pytest.mark.parametrize("n", [0, 1, 17, 4099])
def test_named_sizes_give_the_same_numbers(n):
    f = wf.jit(lambda k, x: R.uniform(k, x.shape) + 0 * x).trace(R.key(5), wf.spec(("N",), "float32")).lower().compile()
    got = np.asarray(f(R.key(5), np.zeros(n, np.float32)))
    assert (got == np.asarray(R.uniform(R.key(5), (n,)))).all()


def test_fused_numbers_are_the_same():
    key = R.key(9)
    plain = np.asarray(R.uniform(key, (64, 33)))
    f = wf.jit(lambda k, x: (x * R.uniform(k, (64, 33))).sum(axis=1))
    x = np.ones((64, 33), np.float32)
    expected = np.asarray(wf.jit(lambda u: u.sum(axis=1))(plain))
    assert (np.asarray(f(key, x)) == expected).all()
    assert (np.asarray(wf.jit(lambda k: R.uniform(k, (64, 33)).T)(key)) == plain.T).all()
    assert (
        np.asarray(wf.jit(lambda k: R.uniform(k, (64, 33)).sum())(key)) == np.asarray(wf.asarray(plain).sum())
    ).all()


def test_uniform_fuses_into_what_reads_it():
    key = R.key(0)
    f = wf.jit(lambda k, x: wf.where(R.uniform(k, (256,)) < 0.5, x * 2, 0.0))
    assert len(f.explain(key, np.ones(256, np.float32)).kernels) == 1


# ------------------------------------------------------------------------------------------------------ keys as values


def test_keys_pass_through_everything():
    def step(carry, i):
        key, total = carry
        key, used = R.split(key)
        x = wf.cond(total > 0.5, lambda k: R.uniform(k), lambda k: R.uniform(R.fold_in(k, 1)), used)
        return (key, total + x), (used, x)

    @wf.jit
    def program(key):
        (last, total), (used, xs) = wf.scan(step, (key, wf.asarray(np.float32(0))), np.arange(5))
        swapped = wf.where(total > 1e9, last, used[0])
        return last, total, used, xs, wf.stack([last, swapped]), used[::2].reshape((3, 1))

    last, total, used, xs, both, some = program(R.key(1))
    key, expected, sum_ = R.key(1), [], np.float32(0)
    for _ in range(5):
        key, k = R.split(key)
        x = R.uniform(k) if sum_ > 0.5 else R.uniform(R.fold_in(k, 1))
        expected.append((as_numpy(k), float(x)))
        sum_ = np.float32(sum_ + np.float32(float(x)))
    assert (as_numpy(last) == as_numpy(key)).all()
    assert float(total) == sum_
    assert (as_numpy(used) == np.stack([k for k, _ in expected])).all()
    assert np.asarray(xs).tolist() == [x for _, x in expected]
    assert (as_numpy(both)[1] == expected[0][0]).all()
    assert some.shape == (3, 1)
    assert (as_numpy(some)[:, 0] == as_numpy(used)[::2]).all()


def test_keys_in_calls_and_containers():
    inner = wf.jit(lambda p: R.normal(p["key"], (3,)) * p["scale"])
    outer = wf.jit(lambda p: (inner(p), p["key"]))
    x, key = outer({"key": R.key(2), "scale": np.float32(2)})
    assert (np.asarray(x) == 2 * np.asarray(R.normal(R.key(2), (3,)))).all()
    assert (as_numpy(key) == [0, 2]).all()
    assert key.dtype is dtypes.key


def test_gradients_take_numbers_as_constants():
    def loss(w, key):
        return (w * R.normal(key, (5,))).sum()

    g = wf.jit(wf.grad(loss))(np.ones(5, np.float32), R.key(4))
    assert (np.asarray(g) == np.asarray(R.normal(R.key(4), (5,)))).all()


def test_gradients_of_bounds():
    def f(low):
        return R.uniform(R.key(4), (50,), minval=low, maxval=2.0).sum()

    at = np.float32(0.5)
    g = float(wf.jit(wf.grad(f))(at))
    u = np.asarray(R.uniform(R.key(4), (50,)), np.float64)
    assert g == pytest.approx((1 - u).sum(), rel=1e-5)


def test_keys_are_shown_stored_and_sent():
    keys = R.split(R.key(0), 2)
    assert (
        repr(keys) == "Array(keys of [[1797259609, 2579123966],\n               [ 928981903, 3453687069]], dtype=key)"
    )
    back = pickle.loads(pickle.dumps(keys))
    assert back.dtype is dtypes.key
    assert (as_numpy(back) == as_numpy(keys)).all()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (lambda k: np.asarray(k), "WF1034"),
        (lambda k: k + k, "WF1022"),
        (lambda k: k + 1, "WF1021"),
        (lambda k: wf.sum(R.split(k, 3)), "WF1022"),
        (lambda k: wf.exp(k), "WF1022"),
        (lambda k: k.astype(np.int32), "WF1022"),
        (lambda k: wf.zeros((2,), dtype=dtypes.key), "WF1022"),
        (lambda k: R.uniform(0, (3,)), "WF1033"),
        (lambda k: R.uniform(np.zeros(2, np.uint32), (3,)), "WF1033"),
        (lambda k: R.key(1.5), "WF1022"),
        (lambda k: R.fold_in(k, 0.5), "WF1022"),
        (lambda k: R.bits(k, (3,), dtype="int32"), "WF1022"),
        (lambda k: R.uniform(k, (3,), dtype="int32"), "WF1022"),
        (lambda k: R.uniform(k, (-3,)), "WF1008"),
        (lambda k: R.uniform(k, (3,), minval=np.zeros(4, np.float32)), "WF1001"),
        (lambda k: R.wrap_key_data(np.zeros((2, 3), np.uint32)), "WF1012"),
        (lambda k: R.wrap_key_data(np.zeros((2, 2), np.int32)), "WF1022"),
        (lambda k: R.randint(k, (3,), 0.5, 4), "WF1022"),
        (lambda k: R.randint(k, (3,), 0, 4, dtype="float32"), "WF1022"),
        (lambda k: R.bernoulli(k, 1), "WF1022"),
    ],
)
def test_wrong_uses_are_told(wrong, code):
    key = R.key(0)
    with pytest.raises(wf.errors.WeftError) as eager:
        wrong(key)
    assert eager.value.code == code
    if code != "WF1034":
        with pytest.raises(wf.errors.WeftError) as traced:
            wf.jit(wrong)(key)
        assert traced.value.code == code


# ------------------------------------------------------------------------------------------------------- distributions


def phi(x):
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def kolmogorov(sample, distribution):
    """The largest distance between the sample's distribution function and the exact one, times sqrt(n): above 1.95 for
    one sample in a thousand (Kolmogorov's distribution)."""
    x = np.sort(np.asarray(sample, np.float64).reshape(-1))
    n = x.size
    f = distribution(x)
    return max(np.max(np.arange(1, n + 1) / n - f), np.max(f - np.arange(n) / n)) * math.sqrt(n)


CONTINUOUS = {
    "uniform": (lambda k, n, d: R.uniform(k, (n,), dtype=d), lambda x: np.clip(x, 0, 1)),
    "normal": (lambda k, n, d: R.normal(k, (n,), dtype=d), phi),
    "exponential": (lambda k, n, d: R.exponential(k, (n,), dtype=d), lambda x: 1 - np.exp(-x)),
    "gumbel": (lambda k, n, d: R.gumbel(k, (n,), dtype=d), lambda x: np.exp(-np.exp(-x))),
    "laplace": (lambda k, n, d: R.laplace(k, (n,), dtype=d),
                lambda x: np.where(x < 0, 0.5 * np.exp(np.minimum(x, 0)), 1 - 0.5 * np.exp(-np.maximum(x, 0)))),
    "logistic": (lambda k, n, d: R.logistic(k, (n,), dtype=d), lambda x: 1 / (1 + np.exp(-x))),
    "cauchy": (lambda k, n, d: R.cauchy(k, (n,), dtype=d), lambda x: 0.5 + np.arctan(x) / math.pi),
    "truncated_normal": (lambda k, n, d: R.truncated_normal(k, -0.5, 1.5, (n,), dtype=d),
                         lambda x: (phi(x) - phi(-0.5)) / (phi(1.5) - phi(-0.5))),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_distribution(name, dtype):
    draw, distribution = CONTINUOUS[name]
    assert kolmogorov(draw(R.key(123), 20000, dtype), distribution) < 1.95


def test_truncation_holds_at_array_bounds():
    lower = np.array([-1, 0, 1, 3, -8], np.float32)
    upper = lower + np.array([0.5, 1, 1e-3, 1, 16], np.float32)
    x = np.asarray(R.truncated_normal(R.key(0), lower, upper, (4000, 5)))
    assert (x > lower).all()
    assert (x < upper).all()


def test_integers_are_uniform():
    x = np.asarray(R.randint(R.key(5), (60000,), -3, 4))
    counts = np.bincount(x + 3, minlength=7)
    assert counts.size == 7
    # Chi-squared with 6 degrees of freedom: above 22.5 once in a thousand.
    assert ((counts - 60000 / 7) ** 2 / (60000 / 7)).sum() < 22.5


def test_bounds_may_be_arrays():
    low, high = np.array([0, 5, -4]), np.array([1, 9, 300])
    x = np.asarray(R.randint(R.key(5), (1000, 3), low, high, dtype="int16"))
    assert ((x >= low) & (x < high)).all()
    same = np.asarray(R.randint(R.key(5), (1000, 3), 5, 9, dtype="int16"))
    assert (x[:, 1] == same[:, 1]).all()


# ------------------------------------------------------------------------------------------------------- by rejection


@pytest.mark.parametrize("a", [0.3, 1.0, 2.5, 40.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gamma(a, dtype):
    x = np.asarray(R.gamma(R.key(7), a, (3000,), dtype=dtype), np.float64)
    assert (x >= 0).all()
    cdf = np.vectorize(lambda v: float(mp.gammainc(a, 0, v, regularized=True)))
    assert kolmogorov(x, cdf) < 1.95
    logs = np.asarray(R.loggamma(R.key(8), a, (3000,), dtype=dtype), np.float64)
    assert kolmogorov(np.exp(logs), cdf) < 1.95


def test_gamma_of_wrong_parameters_ends():
    x = np.asarray(R.gamma(R.key(7), np.array([-1, np.nan, 2, 0], np.float32)))
    assert np.isnan(x[:2]).all()
    assert x[2] > 0
    assert x[3] == 0


def test_gamma_in_batches():
    keys, a = R.split(R.key(3), 4), np.array([0.5, 3.0], np.float32)
    many = np.asarray(R.gamma(keys, a))
    mapped = np.asarray(wf.jit(wf.vmap(lambda k: R.gamma(k, a)))(keys))
    for i in range(4):
        assert (np.asarray(R.gamma(keys[i], a)) == many[i]).all()
        assert (mapped[i] == many[i]).all()


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2.0, 5.0), (1.0, 1.0)])
def test_beta(a, b):
    x = np.asarray(R.beta(R.key(9), a, b, (3000,)), np.float64)
    cdf = np.vectorize(lambda v: float(mp.betainc(a, b, 0, v, regularized=True)))
    assert kolmogorov(x, cdf) < 1.95


def test_dirichlet():
    alpha = np.array([0.5, 2.0, 3.5], np.float32)
    x = np.asarray(R.dirichlet(R.key(9), alpha, (3000,)), np.float64)
    assert x.sum(axis=1) == pytest.approx(1, abs=1e-6)
    for i in range(3):  # each element is a beta number
        rest = float(alpha.sum() - alpha[i])
        cdf = np.vectorize(lambda v, i=i, rest=rest: float(mp.betainc(float(alpha[i]), rest, 0, v, regularized=True)))
        assert kolmogorov(x[:, i], cdf) < 1.95


@pytest.mark.parametrize("lam", [0.4, 3.0, 9.9, 10.0, 47.0, 2000.0])
def test_poisson(lam):
    n = 20000
    x = np.asarray(R.poisson(R.key(10), lam, (n,)))
    assert x.dtype == np.int64
    spread = 4 * math.sqrt(lam) + 4
    edges = np.unique(np.round(np.linspace(max(0, lam - spread), lam + spread, 24))).astype(int)

    def log_pmf(k):
        return -lam + k * math.log(lam) - math.lgamma(k + 1)

    below = np.array([sum(math.exp(log_pmf(k)) for k in range(e)) for e in edges])
    cells = np.diff(np.concatenate([[0], below, [1]])) * n
    got = np.diff(np.concatenate([[0], [(x < e).sum() for e in edges], [n]]))
    enough = cells > 5
    chi = ((got - cells) ** 2 / np.maximum(cells, 1e-9))[enough].sum()
    # Above the mean by 4 standard deviations and a half: about once in ten thousand.
    free = enough.sum()
    assert chi < free + 4.5 * math.sqrt(2 * free) + 4
    assert abs(x.mean() - lam) < 5 * math.sqrt(lam / n)


def test_poisson_at_the_edges():
    lam = np.array([0.0, -1.0, np.nan, np.inf, 1e-30], np.float32)
    assert np.asarray(R.poisson(R.key(1), lam)).tolist() == [0, -1, -1, -1, 0]


def test_nothing_is_drawn_for_empty_shapes():
    for draw in (lambda k: R.gamma(k, 2.0, (0, 3)), lambda k: R.poisson(k, 2.0, (0, 3)), lambda k: R.normal(k, (0, 3))):
        assert draw(R.key(0)).shape == (0, 3)


def test_permutations_and_choices_of_arrays():
    keys, x = R.split(R.key(3), 4), np.arange(24).reshape(2, 6, 2)
    orders = np.asarray(R.permutation(keys, 6))
    assert orders.shape == (4, 6)
    assert (np.sort(orders, axis=1) == np.arange(6)).all()
    assert len({tuple(order) for order in orders}) > 1
    for key, order in zip([keys[i] for i in range(4)], orders, strict=True):
        assert (np.asarray(R.permutation(key, 6)) == order).all()
        assert (np.asarray(R.permutation(key, x, axis=1)) == x[:, order]).all()
        assert (np.asarray(R.choice(key, x, (2, 2), replace=False, axis=1)) == x[:, order[:4].reshape(2, 2)]).all()
    assert np.asarray(R.permutation(keys, x, axis=1)).shape == (2, 4, 6, 2)
    assert R.choice(keys, 5, (0,), replace=False).shape == (4, 0)
    assert (np.asarray(wf.jit(lambda k: R.permutation(k, 6))(keys[0])) == orders[0]).all()


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("WF1902", lambda k: R.permutation(k, -1)),
        ("WF1011", lambda k: R.permutation(k, np.float32(1))),
        ("WF1002", lambda k: R.permutation(k, np.zeros((2, 3)), axis=2)),
        ("WF1902", lambda k: R.choice(k, 3, (4,), replace=False)),
        ("WF1902", lambda k: R.choice(k, 0, (1,))),
        ("WF1033", lambda k: R.permutation(3, 3)),
    ],
)
def test_wrong_orders_and_choices(code, call):
    with pytest.raises(wf.errors.WeftError, match=code):
        call(R.key(0))


# ------------------------------------------------------------------------------------- made of uniform or normal ones


def incomplete_beta(a, b, x):
    return np.vectorize(lambda v: float(mp.betainc(a, b, 0, v, regularized=True)))(x)


def incomplete_gamma(a, x):
    return np.vectorize(lambda v: float(mp.gammainc(a, 0, v, regularized=True)))(x)


def triangle(x, left, mode, right):
    rising = (x - left) ** 2 / ((right - left) * (mode - left))
    return np.where(x < mode, rising, 1 - (right - x) ** 2 / ((right - left) * (right - mode)))


def inverse_gaussian(x, m):
    return phi(np.sqrt(1 / x) * (x / m - 1)) + np.exp(2 / m) * phi(-np.sqrt(1 / x) * (x / m + 1))


MADE = {
    "lognormal": ((0.5,), lambda x: phi(np.log(x) / 0.5)),
    "maxwell": ((), lambda x: incomplete_gamma(1.5, x * x / 2)),
    "double_sided_maxwell": (
        (1.0, 2.0),
        lambda x: 0.5 + np.sign(x - 1) * incomplete_gamma(1.5, ((x - 1) / 2) ** 2 / 2) / 2,
    ),
    "pareto": ((3.0,), lambda x: 1 - x**-3.0),
    "rayleigh": ((2.0,), lambda x: 1 - np.exp(-x * x / 8)),
    "triangular": ((0.0, 1.0, 4.0), lambda x: triangle(x, 0, 1, 4)),
    "wald": ((2.0,), lambda x: inverse_gaussian(x, 2.0)),
    "weibull_min": ((2.0, 1.5), lambda x: 1 - np.exp(-((x / 2) ** 1.5))),
    "chisquare": ((3.0,), lambda x: incomplete_gamma(1.5, x / 2)),
    "f": ((3.0, 5.0), lambda x: incomplete_beta(1.5, 2.5, 3 * x / (3 * x + 5))),
    "t": ((4.0,), lambda x: 0.5 + np.sign(x) * (1 - incomplete_beta(2.0, 0.5, 4 / (4 + x * x))) / 2),
    "generalized_normal": ((1.5,), lambda x: 0.5 + np.sign(x) * incomplete_gamma(1 / 1.5, np.abs(x) ** 1.5) / 2),
}


@pytest.mark.parametrize("name", MADE)
def test_distributions_made_of_others(name):
    args, distribution = MADE[name]
    draw = getattr(R, name)
    for dtype in ("float32", "float64"):
        x = np.asarray(draw(R.key(31), *args, shape=(3000,), dtype=dtype))
        assert x.dtype == dtype
        assert kolmogorov(x, distribution) < 1.95
    # The same in batches; parameters of other shapes; 16-bit floats.
    keys = R.split(R.key(2), 3)
    many = np.asarray(draw(keys, *args, shape=(4,)))
    mapped = np.asarray(wf.jit(wf.vmap(lambda k: draw(k, *args, shape=(4,))))(keys))
    assert (many == mapped).all() and (many[1] == np.asarray(draw(keys[1], *args, shape=(4,)))).all()
    if args:
        arrays = [np.full((2, 1), a, np.float32) for a in args]
        assert draw(R.key(0), *arrays, shape=(2, 5)).shape == (2, 5)
        assert draw(R.key(0), *arrays).shape == (2, 1)
        with pytest.raises(wf.errors.ShapeError, match="WF1014|WF1001"):
            draw(R.key(0), *arrays, shape=(3,))
    assert draw(R.key(0), *args, shape=(2,), dtype="bfloat16").dtype is dtypes.bfloat16
    with pytest.raises(wf.errors.DTypeError, match="WF1022"):
        draw(R.key(0), *args, shape=(2,), dtype="int32")


def test_slopes_of_distributions_in_their_parameters():
    for name, at in (("lognormal", 0.5), ("rayleigh", 2.0), ("pareto", 3.0)):
        f = lambda p, name=name: getattr(R, name)(R.key(3), p, shape=(20,), dtype="float64")  # noqa: E731
        h = 1e-6
        near = (np.asarray(f(np.float64(at + h))) - np.asarray(f(np.float64(at - h)))) / (2 * h)
        got = wf.jvp(f, (np.float64(at),), (np.float64(1),))[1]
        assert np.allclose(got, near, rtol=1e-6)


def test_trials_until_one_succeeds():
    p = 0.2
    x = np.asarray(R.geometric(R.key(5), p, (60000,)))
    assert x.dtype == np.int64 and x.min() == 1
    counts = np.bincount(np.minimum(x, 20), minlength=21)[1:]
    expected = 60000 * np.append(p * (1 - p) ** np.arange(19), (1 - p) ** 19)
    assert ((counts - expected) ** 2 / expected).sum() < 43.8  # chi-squared with 19 degrees: once in a thousand
    assert (np.asarray(R.geometric(R.key(5), 1.0, (9,), dtype="uint8")) == 1).all()


@pytest.mark.parametrize(("n", "p"), [(7, 0.3), (20, 0.9), (300, 0.4), (1000, 0.985), (10**6, 0.5)])
def test_binomial(n, p):
    size = 20000
    x = np.asarray(R.binomial(R.key(11), n, p, (size,), dtype="float64"))
    assert (x == np.floor(x)).all() and x.min() >= 0 and x.max() <= n
    spread = math.sqrt(n * p * (1 - p))
    edges = np.unique(np.floor(n * p + spread * np.linspace(-3, 3, 25)))
    edges = edges[(edges >= 0) & (edges < n)]
    k = np.arange(n + 1)
    chance = math.lgamma(n + 1) - np.vectorize(math.lgamma)(k + 1.0) - np.vectorize(math.lgamma)(n - k + 1.0)
    below = np.cumsum(np.exp(chance + k * math.log(p) + (n - k) * math.log1p(-p)))[edges.astype(int)]
    seen = np.array([(x <= k).mean() for k in edges])
    assert np.abs(seen - below).max() * math.sqrt(size) < 1.95


def test_binomial_of_wrong_and_extreme_parameters():
    n = np.array([-1, np.nan, 5, 5, np.inf, 0, 9, 9], np.float32)
    p = np.array([0.5, 0.5, -0.1, 1.1, 0.5, 0.5, 0, 1], np.float32)
    x = np.asarray(R.binomial(R.key(0), n, p))
    assert np.isnan(x[:5]).all()
    assert x[5:].tolist() == [0, 0, 9]
    keys = R.split(R.key(1), 3)
    many = np.asarray(R.binomial(keys, np.float32([8, 500]), 0.4))
    mapped = np.asarray(wf.jit(wf.vmap(lambda k: R.binomial(k, np.float32([8, 500]), 0.4)))(keys))
    assert many.shape == (3, 2) and (many == mapped).all()


def test_multinomial():
    p = np.float32([0.1, 0.0, 0.6, 0.3])
    x = np.asarray(R.multinomial(R.key(4), 50, p, shape=(5000, 4)))
    assert (x.sum(axis=1) == 50).all() and (x >= 0).all() and (x[:, 1] == 0).all()
    assert np.abs(x.mean(axis=0) - 50 * p).max() < 5 * math.sqrt(50 * 0.25 / 5000)
    covariance = 50 * (np.diag(p) - np.outer(p, p))
    assert np.abs(np.cov(x.T) - covariance).max() < 0.7
    one = np.asarray(R.multinomial(R.split(R.key(0), 2), np.float32(7), p))
    assert one.shape == (2, 4) and (one.sum(axis=1) == 7).all()


def test_points_of_a_ball():
    for p in (1.0, 2.0, 3.5):
        x = np.asarray(R.ball(R.key(8), 3, p, (3000,)), np.float64)
        radius = (np.abs(x) ** p).sum(axis=1) ** (1 / p)
        assert kolmogorov(radius, lambda r: np.clip(r, 0, 1) ** 3) < 1.95
    assert np.abs(x.mean(axis=0)).max() < 0.05


def test_orthogonal_matrices():
    q = np.asarray(R.orthogonal(R.key(8), 3, (2000,), dtype="float64"))
    assert np.allclose(q @ q.swapaxes(1, 2), np.eye(3), atol=1e-12)
    # Each element has the distribution of a coordinate of a point of the sphere, which is uniform in three dimensions.
    for i, j in ((0, 0), (1, 2), (2, 2)):
        assert kolmogorov(q[:, i, j], lambda x: (x + 1) / 2) < 1.95
    wide = np.asarray(R.orthogonal(R.key(8), 2, m=5, dtype="float64"))
    assert wide.shape == (2, 5) and np.allclose(wide @ wide.T, np.eye(2))
    assert R.orthogonal(R.split(R.key(8), 4), 2).shape == (4, 2, 2)


@pytest.mark.parametrize("method", ["cholesky", "eigh", "svd"])
def test_multivariate_normal(method):
    mean = np.array([1.0, -2.0, 0.5])
    root = np.array([[2.0, 0, 0], [1, 1, 0], [-1, 0.5, 0.3]])
    x = np.asarray(R.multivariate_normal(R.key(6), mean, root @ root.T, (20000,), method=method))
    assert x.dtype == np.float64
    assert np.abs(x.mean(axis=0) - mean).max() < 0.08
    assert np.abs(np.cov(x.T) - root @ root.T).max() < 0.2
    apart = np.linalg.solve(root, (x - mean).T) if method == "cholesky" else None
    assert apart is None or kolmogorov(apart[2], phi) < 1.95
    y = R.multivariate_normal(R.split(R.key(6), 2), np.zeros((4, 3), np.float32), np.eye(3, dtype=np.float32))
    assert y.shape == (2, 4, 3) and y.dtype is dtypes.float32
    with pytest.raises(wf.errors.ShapeError, match="WF1012"):
        R.multivariate_normal(R.key(0), np.zeros(2), np.eye(3))
    with pytest.raises(wf.errors.ShapeError, match="WF1011"):
        R.multivariate_normal(R.key(0), np.zeros(2), np.zeros(2))
    with pytest.raises(wf.errors.ArgumentValueError, match="WF1902"):
        R.multivariate_normal(R.key(0), np.zeros(2), np.eye(2), method="lu")
