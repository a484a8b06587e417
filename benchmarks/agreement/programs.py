"""Rows of what is made of many ops: networks, linear algebra, random numbers, control flow, transformations.

Decides their arguments and bounds, and which differences are meant to be.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import weft as wf
from language import FLOATS, KEY, SOME, SOME_NUMBERS, WIDE, b, f, i, row, v

M = f(3, 5)


def attended(m: Any, q: Any, k: Any, value: Any, **options: Any) -> Any:
    """Attention over (batch, length, heads, features), as JAX has its axes."""
    if m is not wf:
        if "causal" in options:
            options["is_causal"] = options.pop("causal")
        return m.nn.dot_product_attention(q, k, value, **options)
    q, k, value = (m.moveaxis(x, -3, -2) for x in (q, k, value))
    return m.moveaxis(m.nn.dot_product_attention(q, k, value, **options), -3, -2)


SCORES = "JAX takes the scores in float32; of plain attention's values NumPy says that Weft is right"


def attention(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """NumPy's answer, of arrays with JAX's axes."""
    q, k, x = (np.moveaxis(a, -3, -2) for a in (query, key, value))
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(np.longdouble(q.shape[-1]))
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.moveaxis(weights / weights.sum(axis=-1, keepdims=True) @ x, -3, -2)


def nn(name: str, *variants: Any, **more: Any) -> Any:
    """A row of wf.nn: of one array unless there are variants."""
    more.setdefault("bound", 8)
    return row(
        f"nn.{name}", *(variants or [v(f(7, 43)), v(f(0, 3)), v(f(low=30, high=200)), v(f(low=-200, high=-30))]), **more
    )


EXPM1 = "far below 0 the slope is exp(x); JAX has expm1(x) + 1, which is 0"
NETWORKS = [
    nn("celu", decided={"gradient float32 3": EXPM1}),
    nn("celu alpha", v(f(7, 43), by=lambda m, x: m.nn.celu(x, alpha=2.0))),
    nn("elu", decided={"gradient float32 3": EXPM1}),
    nn("gelu", bound=32),
    nn("gelu exact", v(f(7, 43), by=lambda m, x: m.nn.gelu(x, approximate=False)), bound=32),
    nn("glu", v(f(3, 8)), v(f(4, 3), axis=0)),
    nn("hard_sigmoid"),
    nn("hard_swish"),
    nn("hard_tanh"),
    nn("leaky_relu"),
    nn("log_sigmoid"),
    nn("log_softmax", v(f(7, 43)), v(M, axis=0), v(f(3, 4, low=100, high=900)), bound=16),
    nn(
        "logsumexp",
        v(f(7, 43)),
        v(f(7, 43), axis=1),
        v(M, axis=0, keepdims=True),
        v(f(3, 4, low=100, high=900), axis=1),
        bound=16,
    ),
    nn("mish"),
    nn(
        "one_hot",
        v(i(3, 4, high=5), num_classes=6),
        v(i(5, low=-2, high=7), num_classes=6),
        dtypes=WIDE[:1],
        diff=False,
    ),
    nn("relu"),
    nn("relu6"),
    nn("selu", decided={"gradient float32 3": EXPM1}),
    nn("sigmoid"),
    nn("silu"),
    # Far from 0 the slope is a small difference: x / (1 + |x|).
    nn("soft_sign", gradient_bound=64),
    nn("softmax", v(f(7, 43)), v(M, axis=0), v(f(3, 4, low=100, high=900)), v(f(2, 3, 4), axis=(0, 2)), bound=16),
    nn("softplus"),
    nn("swish"),
    nn(
        "dot_product_attention",
        v(f(2, 5, 4, 8), f(2, 7, 4, 8), f(2, 7, 4, 8), by=attended),
        bound=64,
        numpy=attention,
        decided={"gradient float64 *": SCORES},
    ),
    nn(
        "dot_product_attention causal, mask",
        v(f(2, 7, 4, 8), f(2, 7, 2, 8), f(2, 7, 2, 8), by=lambda m, q, k, x: attended(m, q, k, x, causal=True)),
        v(
            f(2, 5, 4, 8),
            f(2, 7, 4, 8),
            f(2, 7, 4, 8),
            b(2, 4, 5, 7),
            by=lambda m, q, k, x, mask: attended(m, q, k, x, mask=mask | m.eye(5, 7, dtype=m.bool)),
        ),
        bound=64,
        decided={"* float64 *": SCORES},
    ),
]

SQUARE, SPD = f(4, 4), f(5, 5, positive_definite=True)
POWERS = ((SQUARE, 3), (SQUARE, 0), (SPD, -2))


def linear(name: str, *variants: Any, **more: Any) -> Any:
    """A row of wf.linalg: errors grow with the condition of the matrix."""
    return row(f"linalg.{name}", *variants, **{"bound": 256, "gradient_bound": 2048, "dtypes": WIDE, **more})


def symmetric(x: Any) -> Any:
    return (x + x.swapaxes(-1, -2)) / 2


LINEAR = [
    linear(
        "cholesky",
        v(SPD, by=lambda m, x: m.linalg.cholesky(symmetric(x))),
        v(f(2, 3, 3, positive_definite=True), by=lambda m, x: m.linalg.cholesky(symmetric(x), upper=True)),
    ),
    linear("cond", v(SPD), v(f(2, 3, 3, positive_definite=True), p=1), v(f(4, 3))),
    linear("cross", v(f(3), f(3)), v(f(4, 3), f(4, 3)), dtypes=SOME_NUMBERS),
    linear("det", v(SQUARE), v(f(2, 3, 3))),
    linear("diagonal", v(M), v(f(2, 4, 3), offset=1), v(M, offset=-2), dtypes=SOME, bound=0),
    # Vectors have a sign that is a matter of taste.
    linear("eigh", v(SPD, by=lambda m, x: tuple(map(abs, m.linalg.eigh(symmetric(x)))))),
    linear("eigvalsh", v(SPD, by=lambda m, x: m.linalg.eigvalsh(symmetric(x)))),
    linear("inv", v(SPD), v(f(2, 3, 3, positive_definite=True))),
    linear("lu", v(SPD, weft=lambda x: wf.linalg.lu(x)[1:], jax=lambda x: jax.scipy.linalg.lu(x)[1:])),
    linear("matmul", v(M, f(5, 2)), dtypes=SOME_NUMBERS),
    linear("matrix_norm", v(M), v(f(2, 3, 4), ord=1), v(M, ord=np.inf), v(M, ord=-1, keepdims=True)),
    linear("matrix_power", *[v(x, by=lambda m, x, n=n: m.linalg.matrix_power(x, n)) for x, n in POWERS]),
    linear("matrix_rank", v(f(4, 3)), v(f(4, 1), f(1, 3), by=lambda m, x, y: m.linalg.matrix_rank(x @ y)), diff=False),
    linear("matrix_transpose", v(f(2, 3, 4)), dtypes=SOME, bound=0),
    linear("norm", v(f(7)), v(M), v(M, axis=1), v(M, ord=1)),
    linear("outer", v(f(3), f(4)), dtypes=SOME_NUMBERS),
    linear("pinv", v(f(4, 3)), v(f(2, 2, 5))),
    linear("qr", v(f(5, 3), by=lambda m, x: signed(m, m.linalg.qr(x)))),
    linear("slogdet", v(SQUARE), v(f(2, 3, 3))),
    linear("solve", v(SPD, f(5, 2)), v(SPD, f(5)), v(f(2, 3, 3, positive_definite=True), f(2, 3, 1))),
    linear(
        "solve_triangular",
        v(
            SPD,
            f(5, 2),
            weft=lambda a, x: wf.linalg.solve_triangular(a, x, lower=True),
            jax=lambda a, x: jax.scipy.linalg.solve_triangular(a, x, lower=True),
        ),
        v(
            SPD,
            f(5),
            weft=lambda a, x: wf.linalg.solve_triangular(a, x, unit_diagonal=True) / 1000,
            jax=lambda a, x: jax.scipy.linalg.solve_triangular(a, x, unit_diagonal=True) / 1000,
        ),
    ),
    linear(
        "svd",
        v(f(5, 3), by=lambda m, x: tuple(map(abs, m.linalg.svd(x, full_matrices=False)))),
        v(f(2, 3, 4), by=lambda m, x: tuple(map(abs, m.linalg.svd(x, full_matrices=False)))),
    ),
    linear("svdvals", v(f(5, 3)), v(f(2, 3, 4))),
    linear("tensordot", v(f(3, 4, 5), f(4, 5, 2)), dtypes=SOME_NUMBERS),
    linear("trace", v(SQUARE), v(f(2, 3, 5), by=lambda m, x: m.linalg.trace(x, offset=1)), dtypes=SOME_NUMBERS),
    linear("vecdot", v(f(3, 43), f(3, 43)), dtypes=SOME_NUMBERS),
    linear(
        "vector_norm",
        v(f(7)),
        v(M, axis=1, ord=1),
        v(M, axis=0, ord=np.inf),
        v(M, ord=3, axis=1),
        v(M, ord=0, axis=1),
        v(M, axis=(0, 1), keepdims=True),
    ),
]


def signed(m: Any, factors: Any) -> Any:
    """Q and R with a positive diagonal of R: which sign it has is a matter of taste."""
    q, r = factors
    s = m.sign(m.linalg.diagonal(r))
    return q * s[None, :], r * s[:, None]


def drawn(
    name: str, *arguments: Any, label: str = "", bound: float = 0, dtypes: tuple = WIDE, decided: Any = None, **kw: Any
) -> Any:
    """A row of wf.random whose function takes a dtype. label: what sets it apart from another row of the function."""
    pick = lambda d: v(KEY, by=lambda m, key: getattr(m.random, name)(key, *arguments, dtype=getattr(m, d), **kw))  # noqa: E731
    return row(
        f"random.{name}{label}", *map(pick, dtypes), dtypes=WIDE[:1], bound=bound, diff=False, decided=decided or {}
    )


LOGARITHM = "JAX's float64 logarithm is off by more; the tests compare with mpmath"
RANDOM = [
    row(
        "random.key",
        v(by=lambda m: m.random.key_data(m.random.key(42))),
        v(by=lambda m: m.random.key_data(m.random.key(1 << 40))),
        dtypes=WIDE[:1],
        diff=False,
        vmap=False,
    ),
    row(
        "random.key_data, wrap_key_data",
        v(KEY, by=lambda m, k: m.random.key_data(m.random.wrap_key_data(m.random.key_data(k)))),
        dtypes=WIDE[:1],
        diff=False,
    ),
    row(
        "random.split",
        v(KEY, by=lambda m, k: m.random.key_data(m.random.split(k))),
        v(KEY, by=lambda m, k: m.random.key_data(m.random.split(k, 7))),
        dtypes=WIDE[:1],
        diff=False,
    ),
    row(
        "random.fold_in",
        v(KEY, i(high=100, dtype="int32"), by=lambda m, k, n: m.random.key_data(m.random.fold_in(k, n))),
        dtypes=WIDE[:1],
        diff=False,
    ),
    drawn("bits", (5, 3), dtypes=("uint8", "uint16", "uint32", "uint64")),
    drawn("uniform", (7, 43), dtypes=FLOATS),
    drawn(
        "uniform",
        (5,),
        label=" between bounds",
        minval=-2.0,
        maxval=3.0,
        decided={"values *": "with bounds, JAX's compiler rounds the product and the sum at once, Weft each"},
    ),
    drawn("normal", (7, 43), bound=8, dtypes=FLOATS),
    row(
        "random.truncated_normal",
        v(KEY, by=lambda m, k: m.random.truncated_normal(k, -1.0, 2.0, (7, 43), m.float32)),
        dtypes=WIDE[:1],
        bound=8,
        diff=False,
    ),
    row(
        "random.bernoulli",
        v(KEY, by=lambda m, k: m.random.bernoulli(k, 0.3, (7, 43))),
        v(KEY, f(5, low=0, high=1), by=lambda m, k, p: m.random.bernoulli(k, p)),
        dtypes=WIDE[:1],
        diff=False,
    ),
    drawn("rademacher", (7, 43), dtypes=("int32", "int8", "float32")),
    drawn("randint", (7, 43), 0, 10, dtypes=("int32", "int64", "uint8", "int8")),
    drawn("randint", (7,), -100000, 100000, label=" of many", dtypes=("int32", "int64")),
    drawn("exponential", (7, 43), bound=8, decided={"values *": LOGARITHM}),
    drawn("gumbel", (7, 43), bound=8),
    drawn("laplace", (7, 43), bound=8, decided={"values *": LOGARITHM}),
    drawn("logistic", (7, 43), bound=8, decided={"values *": LOGARITHM}),
    drawn("cauchy", (7, 43), bound=8),
    drawn("lognormal", 0.5, (7, 43), bound=16),
    drawn("maxwell", (7, 43), bound=16),
    drawn("double_sided_maxwell", 0.5, 2.0, (7, 43), bound=16),
    drawn("pareto", 3.0, (7, 43), bound=16),
    drawn("triangular", 0.0, 1.0, 4.0, (7, 43), bound=16),
    drawn("weibull_min", 2.0, 1.5, (7, 43), bound=16, decided={"values *": LOGARITHM}),
    drawn("geometric", 0.1, (7, 43), dtypes=("int32", "int64")),
    drawn("gamma", 2.5, (43,), bound=16),
    drawn("loggamma", 0.5, (43,), bound=16, decided={"values *": LOGARITHM}),
    drawn("beta", 2.5, 0.5, (43,), bound=16),
    drawn("chisquare", 3.0, (43,), bound=16),
    drawn("f", 3.0, 5.0, (43,), bound=16),
    drawn("t", 3.0, (43,), bound=16),
    drawn("generalized_normal", 1.5, (43,), bound=16),
    drawn("ball", 3, 1.5, (43,), bound=16, decided={"values *": LOGARITHM}),
    drawn("orthogonal", 4, (3,), bound=64),
    row(
        "random.dirichlet",
        v(KEY, f(4, low=0.5, high=3), by=lambda m, k, a: m.random.dirichlet(k, a, (9,), a.dtype)),
        dtypes=WIDE,
        bound=16,
        diff=False,
    ),
    row(
        "random.rayleigh",
        v(KEY, f(3, low=1, high=4), by=lambda m, k, s: m.random.rayleigh(k, s, (5, 3), s.dtype)),
        dtypes=WIDE,
        bound=16,
    ),
    row(
        "random.wald",
        v(KEY, f(3, low=1, high=4), by=lambda m, k, s: m.random.wald(k, s, (5, 3), s.dtype)),
        dtypes=WIDE,
        bound=4096,  # JAX's form of the smaller root cancels
        diff=False,
    ),
    row(
        "random.multivariate_normal",
        v(
            KEY,
            f(5),
            f(5, 5, positive_definite=True),
            by=lambda m, k, x, c: m.random.multivariate_normal(k, x, symmetric(c), (7,)),
        ),
        dtypes=WIDE,
        bound=64,
        gradient_bound=256,
    ),
    row(
        "random.categorical",
        v(KEY, f(4, 6), by=lambda m, k, x: m.random.categorical(k, x)),
        v(KEY, f(6), by=lambda m, k, x: m.random.categorical(k, x, shape=(9,))),
        v(KEY, f(4, 6), by=lambda m, k, x: m.random.categorical(k, x, axis=0)),
        dtypes=WIDE[:1],
        diff=False,
    ),
    row(
        "random.permutation",
        v(KEY, by=lambda m, k: m.random.permutation(k, 31)),
        v(KEY, f(9, 3), by=lambda m, k, x: m.random.permutation(k, x)),
        dtypes=WIDE[:1],
        diff=False,
    ),
    row(
        "random.choice",
        v(KEY, by=lambda m, k: m.random.choice(k, 31, (9,))),
        v(KEY, by=lambda m, k: m.random.choice(k, 31, (9,), replace=False)),
        v(KEY, f(9, 3), by=lambda m, k, x: m.random.choice(k, x, (4,), axis=0)),
        dtypes=WIDE[:1],
        diff=False,
    ),
]


def controlled(name: str, *variants: Any, **more: Any) -> Any:
    return row(name, *variants, **{"dtypes": WIDE, "bound": 16, "gradient_bound": 64, **more})


CONTROL = [
    controlled(
        "cond",
        v(f(), f(5), by=lambda m, p, x: m.cond(p > 0, m.sin, lambda y: y * y, x)),
        v(b(), f(3), f(3), by=lambda m, p, x, y: m.cond(p, lambda a, c: (a * c, a), lambda a, c: (a - c, c), x, y)),
    ),
    controlled(
        "switch", v(i(low=-1, high=4), f(5), by=lambda m, k, x: m.switch(k, [m.sin, m.cos, lambda y: y * 3], x))
    ),
    controlled(
        "scan",
        v(f(), f(7), by=lambda m, c, x: m.scan(lambda c, x: (m.sin(c) + x, c * x), c, x)),
        v(f(3), f(6, 3), by=lambda m, c, x: m.scan(lambda c, x: (c * 0.5 + x, (c, m.tanh(x))), c, x, reverse=True)),
        v(f(3), by=lambda m, c: m.scan(lambda c, _: (m.cos(c), c), c, None, length=5)),
        v(f(2), f(0, 2), by=lambda m, c, x: m.scan(lambda c, x: (c + x, c), c, x)),
        v(f(3), f(7, 3), by=lambda m, c, x: m.scan(lambda c, x: (c * m.sin(x), c), c, x, unroll=3)),
    ),
    controlled(
        "associative_scan",
        v(f(7, 3), by=lambda m, x: m.associative_scan(lambda a, c: a + c, x)),
        v(f(3, 6), by=lambda m, x: m.associative_scan(m.maximum, x, reverse=True, axis=1)),
        v(
            f(9),
            f(9),
            by=lambda m, a, c: m.associative_scan(lambda p, q: (q[0] * p[0], q[0] * p[1] + q[1]), (a, c)),
        ),
        v(f(1, 4), by=lambda m, x: m.associative_scan(lambda a, c: a + c, x)),
        v(f(0, 4), by=lambda m, x: m.associative_scan(lambda a, c: a + c, x)),
    ),
    controlled(
        "fori_loop",
        v(f(4), by=lambda m, x: m.fori_loop(0, 5, lambda k, c: m.sin(c) + k * x, x)),
        v(f(4), by=lambda m, x: m.fori_loop(3, 3, lambda k, c: c * 2, x)),
    ),
    controlled(
        "while_loop",
        v(f(low=1, high=2), by=lambda m, x: m.while_loop(lambda c: c < 100, lambda c: c * 1.7 + 1, x)),
        diff=False,
    ),
    controlled(
        "while_loop of a pair",
        v(
            f(5),
            i(high=9),
            by=lambda m, x, n: m.while_loop(lambda c: c[1] < 12, lambda c: (m.sin(c[0]) * 2, c[1] + 1), (x, n)),
        ),
        diff=False,
    ),
    controlled(
        "scan in scan",
        v(
            f(3),
            f(4, 3),
            by=lambda m, c, x: m.scan(
                lambda c, r: (m.scan(lambda a, z: (a * 0.5 + m.sin(z), a), c, m.stack([r, r * 2]))[0], c.sum()), c, x
            ),
        ),
    ),
    controlled(
        "cond in scan",
        v(
            f(),
            f(9),
            by=lambda m, c, x: m.scan(
                lambda c, r: (m.cond(r > 0, lambda a: a + m.sin(r), lambda a: a * 0.5, c), c), c, x
            ),
        ),
    ),
]


def network(m: Any, w: Any, x: Any) -> Any:
    """A number, of a matrix and a vector: what transformations are tried on."""
    return (m.tanh(w @ x) * m.exp(-(x[:3] ** 2))).sum()


def with_jvp(m: Any, x: Any) -> Any:
    @m.custom_jvp
    def g(x: Any) -> Any:
        return m.sin(x)

    g.defjvp(lambda primals, tangents: (g(primals[0]), tangents[0] * 3.0 * primals[0]))
    return g(x)


def with_vjp(m: Any, x: Any, y: Any) -> Any:
    @m.custom_vjp
    def g(x: Any, y: Any) -> Any:
        return x * m.sin(y)

    g.defvjp(lambda x, y: (g(x, y), (x, y)), lambda kept, ct: (ct * 2.0 * kept[0], ct * m.cos(kept[1])))
    return g(x, y)


def in_trees(m: Any, x: Any, y: Any) -> Any:
    """Arrays in containers: mapped, taken out, put back."""
    t = {"b": (x, [y, None]), "a": y}
    doubled = m.tree.map(lambda z: z * 2, t)
    leaves, structure = m.tree.flatten(doubled)
    back = m.tree.unflatten(structure, [z + i for i, z in enumerate(leaves)])
    paths = [len(p) for p, _ in m.tree.flatten_with_path(t)[0]]
    return back, m.tree.leaves(t), m.asarray(m.tree.structure(t) == structure), m.asarray(np.array(paths) * 0)


W, X = f(3, 5, low=-1, high=1), f(5, low=-1, high=1)
TRANSFORMATIONS = [
    controlled(
        "grad",
        v(W, X, by=lambda m, w, x: m.grad(lambda a: network(m, a, x))(w)),
        v(W, X, by=lambda m, w, x: m.grad(lambda a, z: network(m, a, z), argnums=(0, 1))(w, x)),
    ),
    controlled(
        "value_and_grad",
        v(W, X, by=lambda m, w, x: m.value_and_grad(lambda a: network(m, w, a))(x)),
        v(
            W,
            X,
            by=lambda m, w, x: m.value_and_grad(lambda p: (network(m, p["w"], p["x"]), p["x"] * 2), has_aux=True)(
                {"w": w, "x": x}
            ),
        ),
    ),
    controlled("jvp", v(W, X, X, by=lambda m, w, x, t: m.jvp(lambda a: m.tanh(w @ a), (x,), (t,)))),
    controlled("vjp", v(W, X, f(3), by=lambda m, w, x, ct: m.vjp(lambda a, z: m.tanh(a @ z), w, x)[1](ct))),
    controlled("linearize", v(W, X, X, by=lambda m, w, x, t: m.linearize(lambda a: m.tanh(w @ a), x)[1](t))),
    controlled("jacfwd", v(W, X, by=lambda m, w, x: m.jacfwd(lambda a: m.tanh(w @ a))(x))),
    controlled("jacrev", v(W, X, by=lambda m, w, x: m.jacrev(lambda a: m.tanh(w @ a))(x))),
    controlled("hessian", v(W, X, by=lambda m, w, x: m.hessian(lambda a: network(m, w, a))(x)), gradient_bound=256),
    controlled(
        "grad of grad",
        v(X, by=lambda m, x: m.grad(lambda a: m.grad(lambda z: (m.sin(z) * m.exp(z)).sum())(a).sum())(x)),
        gradient_bound=256,
    ),
    controlled(
        "vmap",
        v(W, f(4, 5), by=lambda m, w, x: m.vmap(lambda a: network(m, w, a))(x)),
        v(W, f(5, 4), by=lambda m, w, x: m.vmap(lambda a: m.tanh(w @ a), in_axes=1, out_axes=-1)(x)),
        v(f(3), f(3, 4), by=lambda m, x, y: m.vmap(lambda a, z: a * z, in_axes=(None, 1))(x, y)),
    ),
    controlled("vmap of grad", v(W, f(4, 5), by=lambda m, w, x: m.vmap(m.grad(lambda a: network(m, w, a)))(x))),
    controlled(
        "grad of vmap",
        v(W, f(4, 5), by=lambda m, w, x: m.grad(lambda a: m.vmap(lambda z: network(m, a, z))(x).sum())(w)),
    ),
    controlled("vmap of vmap", v(f(2, 3, 4), by=lambda m, x: m.vmap(m.vmap(lambda a: m.sin(a).sum()))(x))),
    controlled("checkpoint", v(W, X, by=lambda m, w, x: m.grad(m.checkpoint(lambda a: network(m, w, m.sin(a))))(x))),
    controlled("custom_jvp", v(X, by=with_jvp)),
    controlled("custom_vjp", v(X, X, by=with_vjp)),
    controlled("jit", v(W, X, by=lambda m, w, x: m.jit(lambda a, z: network(m, a, z))(w, x))),
    controlled(
        "grad of scan",
        v(f(), f(7), by=lambda m, c, x: m.grad(lambda a: m.scan(lambda s, z: (m.sin(s * a) + z, s), c, x)[0])(c)),
    ),
    controlled(
        "jacfwd of while_loop",
        v(
            f(3, low=1, high=2),
            by=lambda m, x: m.jacfwd(
                lambda a: m.while_loop(lambda s: s[1] < 5, lambda s: (m.sin(s[0]) * a, s[1] + 1), (a, 0))[0]
            )(x),
        ),
    ),
    controlled(
        "vmap of cond", v(f(5), f(5, 3), by=lambda m, p, x: m.vmap(lambda q, a: m.cond(q > 0, m.sin, m.cos, a))(p, x))
    ),
    controlled(
        "vmap of while_loop",
        v(
            i(4, high=6),
            f(4),
            by=lambda m, n, x: m.vmap(
                lambda k, a: m.while_loop(lambda s: s[0] < 6, lambda s: (s[0] + 1, s[1] * 1.5), (k, a))[1]
            )(n, x),
        ),
        diff=False,
    ),
    controlled(
        "vmap of switch",
        v(i(4, high=2), f(4, 3), by=lambda m, n, x: m.vmap(lambda k, a: m.switch(k, [m.sin, m.cos, m.tanh], a))(n, x)),
    ),
    controlled(
        "hessian of vmap",
        v(f(3), f(4, 3), by=lambda m, w, x: m.hessian(lambda a: m.vmap(lambda z: m.tanh((a * z).sum()))(x).sum())(w)),
        gradient_bound=256,
    ),
    controlled(
        "tree.map, tree.leaves, tree.unflatten",
        v(W, X, by=in_trees),
    ),
    controlled(
        "eval_shape",
        v(W, X, by=lambda m, w, x: m.asarray(m.eval_shape(lambda a, z: a @ z, w, x).shape)),
        diff=False,
        vmap=False,
    ),
]

ROWS = NETWORKS + LINEAR + RANDOM + CONTROL + TRANSFORMATIONS
