"""Decides the matrix of transformations: {forward, reverse, vmap} three deep over each form that a function can have.

Every form is one polynomial p(x) of each element, built in its own way: so each transformation is exact arithmetic on
polynomials, and numpy.polynomial is the oracle.

    fwd   x -> J(x) x             x p'(x)
    rev   x -> J(x)^T x           x p'(x)
    vmap  x -> f(x) + f(2x), by f over the stack of x and 2x
"""

import itertools

import numpy as np
from numpy.polynomial import Polynomial

BASE = Polynomial([0.5, -1.0, 0.25, 0.5])  # by Horner: ((0.5 x + 0.25) x - 1) x + 0.5
KINDS = ("fwd", "rev", "vmap")
CHAINS = [chain for n in (1, 2, 3) for chain in itertools.product(KINDS, repeat=n)]
X = np.random.default_rng(11).uniform(-1, 1, (5,))


def expected(chain):
    """The values at X after the transformations of a chain, the first innermost."""
    p = BASE
    for kind in chain:
        p = p + p(Polynomial([0, 2])) if kind == "vmap" else Polynomial([0, 1]) * p.deriv()
    return p(X)


def check(found):
    """Compares one result for each chain."""
    for chain, value in zip(CHAINS, found, strict=True):
        np.testing.assert_allclose(np.asarray(value), expected(chain), rtol=1e-11, atol=1e-11, err_msg=str(chain))
