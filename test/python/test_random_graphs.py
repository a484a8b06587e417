"""Random programs of the dialect, native code against the reference bit for bit and NumPy: seeds once wrong, and more.

Decides how many run with every test; `python test/python/random_graphs.py FIRST LAST` runs as many as one has time for
(docs/random-graphs.md).
"""

import random_graphs
from graph_coverage import Coverage
from weft._src._op_table import OPS

ONCE_WRONG = (
    30, 64, 72, 98, 105, 132, 162, 206, 267, 268, 399, 10076, 10175, 10511, 11264, 20338, 40105, 40180, 40526, 40682,
    40950, 41013, 41116, 44067, 44561, 60261, 60328, 65820, 65892,
    61225, 80132, 80527, 81711, 120072, 120151, 120516, 121128, 121797, 122036,
)  # fmt: skip


def differences(seeds, **more):
    found = {seed: random_graphs.difference(random_graphs.Program(seed), **more) for seed in seeds}
    return {seed: wrong for seed, wrong in found.items() if wrong}


def test_seeds_that_were_wrong_once_and_a_few_more():
    assert not differences([*ONCE_WRONG, *range(1000, 1010), *range(30000, 30006), *range(120200, 120206)])


def test_numpy_gives_the_same():
    numbers, coverage = random_graphs.Numbers(), Coverage()
    # These once differed. The first two, where a slope is infinite: from a branch without a tangent, and in a product.
    # The others, where NumPy took for known that what no definition fixes is finite, that a gradient has no NaN, and
    # that eigenvalues are as near as the elements of the matrix.
    once = [40221, 40229, 61269, 66558, 66977, 83234, 83935, 85366, 85525, 85738]
    assert not differences([*once, *range(40012, 40024)], numbers=numbers, coverage=coverage)
    assert numbers.counts["programs"] > 6 and numbers.counts["known"] > numbers.counts["unknown"]
    # What a range covers is what its programs hold.
    assert 60 < sum(row[1] > 0 for row in coverage.rows()) <= len(OPS)
