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
    61225, 80132, 80527, 81711, 120072, 120151, 120516, 121128, 121797, 122036, 141153, 141277, 141636,
)  # fmt: skip


def differences(seeds, **more):
    found = {seed: random_graphs.difference(random_graphs.Program(seed), **more) for seed in seeds}
    return {seed: wrong for seed, wrong in found.items() if wrong}


def test_seeds_that_were_wrong_once_and_a_few_more():
    assert not differences([*ONCE_WRONG, *range(1000, 1010), *range(30000, 30006), *range(120200, 120206)])


def test_numpy_gives_the_same():
    numbers, coverage = random_graphs.Numbers(), Coverage()
    # These once differed, mostly where NumPy took for known what no definition fixes: that all is finite, that a
    # gradient has no NaN, how near eigenvalues are, the sign of 0, what cancels, what is below the least number.
    once = [
        40221, 40229, 44176, 44193, 44458, 44608, 44705, 44840, 45026, 45155, 45417, 45463, 45511, 60456, 60458, 60561,
        60628, 60728, 61022, 61269, 61648, 61981, 65132, 65148, 65395, 65490, 65581, 65897, 66421, 66442, 66558, 66572,
        66659, 66748, 66758, 66885, 66977, 67013, 80164, 80484, 80721, 80934, 81778, 82665, 82781, 82913, 83046, 83116,
        83234, 83351, 83458, 83498, 83935, 84089, 84269, 84294, 84389, 84585, 84614, 84673, 85366, 85405, 85479, 85497,
        85525, 85738, 85748, 30532, 42615, 63043, 100827, 101022, 101107, 120061, 120822, 121463,
    ]  # fmt: skip
    assert not differences([*once, *range(40012, 40024)], numbers=numbers, coverage=coverage)
    assert numbers.counts["programs"] > 6 and numbers.counts["known"] > numbers.counts["unknown"]
    # What a range covers is what its programs hold.
    assert 60 < sum(row[1] > 0 for row in coverage.rows()) <= len(OPS)
