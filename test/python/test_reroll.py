"""Unrolled Python loops become loops again (weft-reroll): which ones, which not, and that no bit changes."""

import numpy as np
import pytest
import weft as wf
from running import Built, same_bits
from weft._src import compiler

rng = np.random.default_rng(3)


def loops(built):
    """The loops of a program at the stage `optimized`, as their heads."""
    text = compiler.as_text(built.traced.module, "optimized", compiler.options(numerics="strict"))
    return [line.strip() for line in text.splitlines() if "weft.for" in line]


def check(fn, *args, count=1):
    """Bit for bit the reference, which runs the program as it was traced; and so many loops."""
    built = Built(fn, [(a.shape, wf.asarray(a).dtype) for a in args])
    for got, want in zip(built.native(*args), built.reference(*args), strict=True):
        same_bits(got, want)
    found = loops(built)
    assert len(found) == count, found
    return found


def normal(*shape, dtype="float32"):
    return (rng.standard_normal(shape) * 0.3).astype(dtype)


def cell(h, x, w, u, b):
    return wf.tanh(x @ u + h @ w + b)


def network(n, at=lambda i: i):
    def fn(xs, h, w, u, b):
        for i in range(n):
            h = cell(h, xs[at(i)], w, u, b)
        return [h]

    return fn


def inputs(n, batch=3, size=5, dtype="float32"):
    return [normal(*s, dtype=dtype) for s in ((n, batch, size), (batch, size), (size, size), (size, size), (size,))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch", [1, 3])
def test_an_unrolled_network_is_a_loop(batch, dtype):
    (head,) = check(network(24), *inputs(24, batch, dtype=dtype))
    assert "<24>" in head and "reverse" not in head


def test_rows_may_be_walked_down_and_in_part():
    (head,) = check(network(24, lambda i: 23 - i), *inputs(24))
    assert "reverse" in head
    check(network(24, lambda i: i + 3), *inputs(32))
    check(network(24, lambda i: 28 - i), *inputs(32))


def test_special_numbers():
    args = inputs(24)
    args[0][3, 0, :4] = [np.nan, np.inf, -np.inf, -0.0]
    args[1][:] = -0.0
    check(network(24), *args)


def test_rows_in_another_order_stay():
    check(network(24, lambda i: i * 5 % 24), *inputs(24), count=0)
    check(network(24, lambda i: i * 2), *inputs(48), count=0)


def test_what_each_step_gives_is_stacked():
    def fn(xs, h, w, u, b):
        out = []
        for i in range(24):
            h = cell(h, xs[i], w, u, b)
            out.append(wf.sum(h * h, axis=1))
        return [wf.stack(out), h]

    check(fn, *inputs(24))


def test_two_carries_and_a_step_of_many_ops():
    def fn(xs, h, w, u, b):
        c = h * 0
        for i in range(24):
            z = xs[i] @ u + h @ w + b
            i_, f, o = wf.nn.sigmoid(z), wf.nn.sigmoid(z + 1), wf.nn.sigmoid(z - 1)
            c = f * c + i_ * wf.tanh(z)
            h = o * wf.tanh(c)
        return [h, c]

    check(fn, *inputs(24))


@pytest.mark.parametrize("which", [(2,), (1, 2, 3, 4)])
def test_gradients_are_loops(which):
    def loss(*args):
        (h,) = network(24)(*args)
        return wf.sum(h * h)

    def fn(*args):
        value, gradients = wf.value_and_grad(loss, argnums=which)(*args)
        return [value, *gradients]

    found = check(fn, *inputs(24), count=2)
    assert ["reverse" in head for head in found] == [False, True]


def test_a_gradient_in_the_rows_is_put_together_row_by_row():
    def fn(xs, h, w, u, b):
        return [wf.grad(lambda xs: wf.sum(network(24)(xs, h, w, u, b)[0]))(xs)]

    check(fn, *inputs(24), count=1)


def test_the_losses_of_all_steps():
    def fn(xs, h, w, u, b):
        def loss(w, u):
            at, total = h, 0
            for i in range(24):
                at = cell(at, xs[i], w, u, b)
                total = total + wf.sum(at * xs[i])
            return total

        value, gradients = wf.value_and_grad(loss, argnums=(0, 1))(w, u)
        return [value, *gradients]

    check(fn, *inputs(24), count=2)


def test_a_short_loop_and_a_few_products_stay():
    check(network(8), *inputs(8), count=0)

    def power(x):
        y = x
        for _ in range(99):
            y = y @ x
        return [y]

    check(power, normal(10, 10), count=0)


def test_very_many_steps_without_rows():
    def fn(x, w):
        for _ in range(400):
            x = wf.sin(x @ w) + 1
        return [x]

    check(fn, normal(2, 3), normal(3, 3))


def test_elementwise_steps_of_large_values_stay():
    """They fuse with each other, so that nothing is written in between."""

    def fn(xs):
        total = xs[0]
        for i in range(200):
            total = total * 0.5 + xs[i]
        return [total]

    check(fn, normal(200, 70, 100), count=0)


def test_steps_with_weights_of_their_own_stay():
    def fn(x, *weights):
        for w in weights:
            x = wf.tanh(x @ w + x) * wf.sum(x)
        return [x]

    check(fn, normal(3, 4), *(normal(4, 4) for _ in range(24)), count=0)


def test_a_value_from_the_middle_that_one_reads():
    def fn(xs, h, w, u, b):
        kept = None
        for i in range(46):
            h = cell(h, xs[i], w, u, b)
            kept = h if i == 20 else kept
        return [h, kept]

    (head,) = check(fn, *inputs(46))
    assert "<25>" in head


def test_a_loop_in_a_loop():
    def fn(xs, h, w, u, b):
        for i in range(24):
            h = cell(h, xs[i], w, u, b)
            h = wf.fori_loop(0, 3, lambda _, c: wf.sin(c) + c @ w, h)
        return [h]

    check(fn, *inputs(24), count=2)


def test_in_the_body_of_a_loop():
    def fn(xs, h, w, u, b):
        return [wf.fori_loop(0, 3, lambda _, c: network(30)(xs, c, w, u, b)[0], h)]

    check(fn, *inputs(30), count=2)


def test_effects_keep_their_place(capfd):
    def fn(xs, h, w, u, b):
        for i in range(24):
            h = cell(h, xs[i], w, u, b)
            if i % 10 == 0:
                wf.debug.print("step {}", wf.sum(h))
        return h

    args = inputs(24)
    np.asarray(wf.jit(fn)(*args))
    assert capfd.readouterr().out.count("step") == 3


def test_named_sizes():
    def fn(xs, h, w, u, b):
        return network(24)(xs, h, w, u, b)[0]

    args = inputs(24, batch=4)
    dims = {"xs": (None, wf.Dim("B"), None), "h": (wf.Dim("B"), None)}
    f = wf.jit(fn, dims=dims)
    text = f.lower(*args).as_text("optimized")
    assert text.count("weft.for") == 1
    for batch in (4, 1, 7):
        args = inputs(24, batch)
        same_bits(np.asarray(f(*args)), np.asarray(wf.jit(fn)(*args)))


def test_lines_of_the_steps_stay():
    f = wf.jit(network(24))
    kernels = f.explain(*inputs(24)).kernels
    assert any(k.in_loop for k in kernels) and all(k.lines for k in kernels)


OPS = [lambda a, b, w: a + b, lambda a, b, w: a * b, lambda a, b, w: a @ w, lambda a, b, w: wf.sin(a)]


def test_random_straight_line_code():
    """Steps of random ops on random operands, with some steps changed: whatever becomes of it, no bit changes."""
    for seed in range(12):
        r = np.random.default_rng(seed)
        plan = [(int(r.integers(4)), int(r.integers(9)), int(r.integers(9))) for _ in range(int(r.integers(3, 9)))]
        odd = {int(i) for i in r.integers(0, 45, r.integers(0, 3))}

        def fn(xs, h, w, plan=plan, odd=odd):
            state, seen = [h, h + 1], []
            for i in range(45):
                values = [*state, xs[i], w, state[0] @ w]
                for kind, a, b in plan:
                    a, b = values[a % len(values)], values[b % len(values)]
                    values.append(OPS[kind](a, b, w))
                if i in odd:
                    values[-1] = wf.cos(values[-1])
                state = [values[-1], values[-2]]
                seen.append(values[-1])
            return [*state, wf.stack(seen[::2])]

        args = [normal(45, 4, 4), normal(4, 4), normal(4, 4)]
        built = Built(fn, [(a.shape, wf.float32) for a in args])
        for got, want in zip(built.native(*args), built.reference(*args), strict=True):
            same_bits(got, want)


def test_compiling_does_not_grow_with_the_steps():
    """Twice the steps are the same kernels."""
    kernels = []
    for n in (64, 128):
        built = Built(network(n), [(a.shape, wf.float32) for a in inputs(n)])
        kernels.append(len(built.compiled.report["kernels"]))
    assert kernels[0] == kernels[1] < 6
