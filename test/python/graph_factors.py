"""What the factorisations of linear algebra are by NumPy, matrix by matrix.

Decides what of them is known: what the definition leaves open (the signs and turns of vectors) and what a matrix that
is not finite has for factors is not. NaN stands for what is not known.
"""

import numpy as np
from op_table import np_lu

NAMES = ("cholesky", "eigh", "eigvalsh", "lu", "qr", "svd", "svdvals")


def factored(name, x, complete, rules):
    """The results of a factorisation of the matrices of x, in its dtype.

    Args:
        rules: whose noise perturbs x (graph_rules.py).
    """
    wide = rules.jittered(x.astype(np.float64), x.dtype)
    # An order of rows that is not known differs between runs.
    unknown_order = -1 if rules.noise is None else -2
    with np.errstate(all="ignore"):
        made = {at: _one(name, wide[at], complete, unknown_order) for at in np.ndindex(x.shape[:-2])}
    like = _one(name, np.zeros(x.shape[-2:]), complete, 0)
    out = []
    for i, y in enumerate(like):
        whole = np.zeros((*x.shape[:-2], *y.shape), y.dtype if y.dtype.kind == "i" else x.dtype)
        for at, parts in made.items():
            whole[at] = parts[i]
        out.append(whole)
    return out


def _one(name, a, complete, unknown_order):
    m, n = a.shape
    k = min(m, n)
    if name in ("cholesky", "eigh", "eigvalsh"):
        a = np.tril(a) + np.tril(a, -1).T
    known = np.isfinite(a).all()
    if name == "cholesky":
        try:
            return [np.linalg.cholesky(a) if known else np.full((n, n), np.nan)]
        except np.linalg.LinAlgError:
            return [np.full((n, n), np.nan)]
    if name in ("eigh", "eigvalsh"):
        values = np.linalg.eigvalsh(a) if known else np.full(n, np.nan)
        return [values, np.full((n, n), np.nan)] if name == "eigh" else [values]
    if name in ("svd", "svdvals"):
        values = np.linalg.svd(a, compute_uv=False) if known else np.full(k, np.nan)
        left, right = (m, n) if complete else (k, k)
        return [values] if name == "svdvals" else [np.full((m, left), np.nan), values, np.full((right, n), np.nan)]
    if name == "lu":
        both, order = np_lu(a)
        known = np.isfinite(both).all()
        return [both, order.astype(np.int64)] if known else [np.full((m, n), np.nan), np.full(m, unknown_order)]
    if not known:
        a = np.full((m, n), np.nan)
    return list(np.linalg.qr(a, "complete" if complete else "reduced")) if k else _no_columns(m, n, complete)


def _no_columns(m, n, complete):
    return [np.eye(m), np.zeros((m, n))] if complete else [np.zeros((m, 0)), np.zeros((0, n))]


def solved(a, b, attributes, rules):
    """The x with a x = b, where one triangle of the matrices of a is read; in b's dtype."""
    wide, right = (rules.jittered(v.astype(np.float64), v.dtype) for v in (a, b))
    out = np.full(b.shape, np.nan)
    for at in np.ndindex(a.shape[:-2]):
        t = np.tril(wide[at]) if attributes["lower"] else np.triu(wide[at])
        if attributes["unit_diagonal"]:
            np.fill_diagonal(t, 1)
        if np.isfinite(t).all() and np.isfinite(right[at]).all() and np.diag(t).all():
            out[at] = np.linalg.solve(t.T if attributes["transposed"] else t, right[at])
    return out.astype(b.dtype)
