"""What the factorisations of linear algebra are by NumPy, matrix by matrix.

Decides what of them is known: what the definition leaves open (the signs and turns of vectors), and what a matrix has
that has no such factor, is not. It is another in each run, NaN or not, so that nothing made of it is taken as known.
"""

import contextlib

import numpy as np
from op_table import np_lu
from weft._src import dtypes

NAMES = ("cholesky", "eigh", "eigvalsh", "lu", "qr", "svd", "svdvals")


def factored(name, x, complete, rules):
    """The results of a factorisation of the matrices of x, in its dtype.

    Args:
        rules: whose noise perturbs x (graph_rules.py).
    """
    wide = rules.jittered(x.astype(np.float64), x.dtype)
    rng = rules.noise or np.random.default_rng(0)
    unknown = _Unknown(rng, 10 * float(np.finfo(x.dtype).eps) if rules.noise else 0)
    with np.errstate(all="ignore"):
        made = {
            at: _one(name, wide[at], complete, unknown, _is_moderate(wide[at], x.dtype))
            for at in np.ndindex(x.shape[:-2])
        }
    like = _one(name, np.zeros(x.shape[-2:]), complete, unknown, True)
    out = []
    for i, y in enumerate(like):
        whole = np.zeros((*x.shape[:-2], *y.shape), y.dtype if y.dtype.kind == "i" else x.dtype)
        for at, parts in made.items():
            whole[at] = parts[i]
        out.append(whole)
    return out


class _Unknown:
    """What is not known, in a run: all NaN, or infinite, or whole, or zero, or none of these, since a fold of some NaN
    is NaN in each run, and many a function has few values."""

    def __init__(self, rng, error=0):
        self.rng, self.kind, self.error = rng, rng.integers(6), error

    def __call__(self, shape):
        made = 10 * self.rng.normal(size=shape)
        return (np.nan * made, np.inf * made, np.trunc(made / 5), 0 * made, np.tanh(made / 8), made)[self.kind]

    def near(self, values):
        """What is known up to an error relative to the largest."""
        error = self.error * np.abs(values).max(initial=0)
        made = values + self.rng.uniform(-1, 1, values.shape) * error
        return np.where((np.abs(made) < error) & (self.kind % 2 == 0), 0.0, made)

    def order(self, n):
        return np.arange(n) if self.kind % 2 else self.rng.permutation(n)


def _is_moderate(a, dtype):
    """Whether products of elements are finite, and no inner step of a factorisation is lost."""
    large = 1e15 if dtype == np.float32 else 1e150
    return bool(np.isfinite(a).all() and (np.abs(a) < large).all())


def _one(name, a, complete, unknown, known):
    m, n = a.shape
    k = min(m, n)
    if name in ("cholesky", "eigh", "eigvalsh"):
        a = np.tril(a) + np.tril(a, -1).T
    if name == "cholesky":
        try:
            return [np.linalg.cholesky(a) if known else unknown((n, n))]
        except np.linalg.LinAlgError:
            return [unknown((n, n))]
    if name in ("eigh", "eigvalsh"):
        values = unknown.near(np.linalg.eigvalsh(a)) if known else unknown(n)
        return [values, unknown((n, n))] if name == "eigh" else [values]
    if name in ("svd", "svdvals"):
        values = np.abs(unknown.near(np.linalg.svd(a, compute_uv=False))) if known else unknown(k)
        left, right = (m, n) if complete else (k, k)
        vectors = unknown((m, left)), unknown((right, n))
        return [values] if name == "svdvals" else [vectors[0], values, vectors[1]]
    if name == "lu":
        both, order = np_lu(a)
        # Of pivots that are nearly alike any may be taken: the other then is nearly 1 in the lower factor.
        if known and np.isfinite(both).all() and np.abs(np.tril(both, -1)).max(initial=0) < 1 - 1e-5:
            return [both, order.astype(np.int64)]
        return [unknown((m, n)), unknown.order(m)]
    if not k:
        return [np.eye(m), np.zeros((m, n))] if complete else [np.zeros((m, 0)), np.zeros((0, n))]
    if not known:
        return [unknown((m, m if complete else k)), unknown((m if complete else k, n))]
    q, r = np.linalg.qr(a, "complete" if complete else "reduced")
    # Nearly nothing below the diagonal is turned by some and left by others, which is a sign.
    least = min(np.abs(a).min() / np.abs(a).max(), np.abs(np.diag(r)).min() / np.abs(r).max()) if a.any() else 0
    return [q, r] if least > 1e-5 else [unknown(q.shape), unknown(r.shape)]


def solved(a, b, attributes, rules):
    """The x with a x = b, where one triangle of the matrices of a is read; in b's dtype."""
    wide, right = (rules.jittered(v.astype(np.float64), v.dtype) for v in (a, b))
    out = _Unknown(rules.noise or np.random.default_rng(0))(b.shape)
    for at in np.ndindex(a.shape[:-2]):
        t = np.tril(wide[at]) if attributes["lower"] else np.triu(wide[at])
        if attributes["unit_diagonal"]:
            np.fill_diagonal(t, 1)
        if _is_moderate(t, a.dtype) and _is_moderate(right[at], a.dtype) and np.diag(t).all():
            with contextlib.suppress(np.linalg.LinAlgError):
                x = np.linalg.solve(t.T if attributes["transposed"] else t, right[at])
                if rules.noise and x.size:  # what cancels may be 0 by another order, of either sign
                    small = np.abs(x) <= 100 * float(dtypes.finfo(dtypes.dtype(b.dtype)).eps) * np.abs(x).max()
                    x = np.where(small & (rules.noise.random(x.shape) < 0.5), 0.0, x)
                    x = np.where(x == 0, np.copysign(0.0, rules.noise.uniform(-1, 1, x.shape)), x)
                out[at] = x if _is_moderate(x, a.dtype) else out[at]
    return out.astype(b.dtype)
