"""What tracing an op costs, counted in calls of Python functions, not timed: a count is the same on every machine.

The budget is 3 us for building one op with its place; benchmarks/emission.py measures it.
"""

import sys

import numpy as np
import pytest
import weft as wf
from weft._src import trace

SPEC = trace.Spec((4,), wf.float32)


def calls(body, times=100):
    """Calls of Python functions per run of `body`, while it is traced."""
    counted = 0

    def profile(frame, event, argument):
        nonlocal counted
        counted += event == "call"

    def f(x):
        body(x)  # places and tables are made at the first op
        sys.setprofile(profile)
        try:
            for _ in range(times):
                body(x)
        finally:
            sys.setprofile(None)
        return x

    trace.trace_program(f, [SPEC])
    return counted / times - 1  # the body itself


@pytest.mark.parametrize(
    ("body", "most"),
    [
        (lambda x: trace.emit("add", [x, x]), 8),
        (lambda x: wf.sin(x), 24),
        (lambda x: x + x, 32),
    ],
    ids=["emit", "sin", "add"],
)
def test_calls_of_python_per_op(body, most):
    assert 1 <= calls(body) <= most


def test_a_repeated_place_is_looked_up_and_not_made_anew():
    made = []

    def f(x):
        for _ in range(50):
            x = wf.sin(x)
        made.append(len(trace.current().trace._locations))
        return x

    traced = wf.jit(f).trace(np.zeros(4, np.float32))
    assert made[0] <= 4 and str(traced.module).count("weft.sin") == 50


def test_operands_that_are_alike_are_not_promoted_and_still_checked():
    a, b = np.zeros(4, np.float32), np.zeros(4, np.float64)
    assert wf.jit(lambda x, y: x + y)(a, b).dtype == wf.float64
    assert wf.jit(lambda x: wf.sin(x))(np.zeros(4, np.int32)).dtype == wf.float32
    assert wf.jit(lambda x: x + x)(True).dtype == wf.bool
    assert wf.jit(lambda x, y: x + y)(a, np.zeros((3, 1), np.float32)).shape == (3, 4)
    with pytest.raises(TypeError, match="WF1022"):
        wf.jit(lambda x: -x)(np.zeros(4, bool))
    with pytest.raises(ValueError, match="WF1001"):
        wf.jit(lambda x, y: x + y)(a, np.zeros(3, np.float32))
