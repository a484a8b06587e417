"""Prints, checks and calls of Python: their order, their lanes, what they raise, and that they change nothing else."""

import numpy as np
import pytest
import weft as wf
from weft._src import dtypes

X = np.array([1.0, -2.0, 3.0], np.float32)


def lines(capsys):
    return capsys.readouterr().out.splitlines()


# ------------------------------------------------------------------------------------------------------------ printing


def test_formats(capsys):
    def f(x, n, key):
        wf.debug.print("{} {n:5d}| {0:.2f} {name} {{}} {1!r:>4} {k}", x, n, n=n, name="word", k=key)

    f(X, np.int32(7), wf.random.key(3))
    wf.jit(f)(X, np.int32(7), wf.random.key(3))
    eager, traced = lines(capsys)
    assert eager == traced == "[ 1. -2.  3.]     7| [1.00 -2.00 3.00] word {}    7 [0 3]"


def test_order_in_loops_branches_and_calls(capsys):
    inner = wf.jit(lambda i: wf.debug.print("inner {}", i))

    def step(carry, i):
        wf.debug.print("step {}", i)
        wf.cond(i % 2 == 0, lambda i: wf.debug.print("even {}", i), lambda i: wf.debug.print("odd {}", i), i)
        inner(i)
        return carry + i, carry

    @wf.jit
    def f():
        wf.debug.print("begin")
        total, _ = wf.scan(step, wf.asarray(np.int64(0)), np.arange(3))
        wf.debug.print("end {}", total)
        return total

    assert int(f()) == 3
    expected = ["begin"]
    for i in range(3):
        expected += [f"step {i}", f"{'even' if i % 2 == 0 else 'odd'} {i}", f"inner {i}"]
    assert lines(capsys) == [*expected, "end 3"]


def test_lanes_come_in_order_and_masks_hold_for_each(capsys):
    def f(x, y):
        wf.debug.print("{} of {}", x, y, mask=x > 0)
        return x * y

    wf.jit(wf.vmap(f, in_axes=(0, None)))(X, np.float32(5))
    assert lines(capsys) == ["1.0 of 5.0", "3.0 of 5.0"]
    wf.jit(wf.vmap(wf.vmap(f)))(np.stack([X, 2 * X]), np.stack([X, X]))
    assert lines(capsys) == ["1.0 of 1.0", "3.0 of 3.0", "2.0 of 1.0", "6.0 of 3.0"]


def test_branches_and_loops_of_lanes(capsys):
    def branch(x):
        return wf.cond(
            x > 0,
            lambda x: (wf.debug.print("pos {}", x), x * 2)[1],
            lambda x: (wf.debug.print("neg {}", x), x - 1)[1],
            x,
        )

    assert np.asarray(wf.jit(wf.vmap(branch))(X)).tolist() == [2.0, -3.0, 6.0]
    assert lines(capsys) == ["pos 1.0", "neg -2.0", "pos 3.0"]
    assert np.asarray(wf.jit(wf.vmap(wf.grad(branch)))(X)).tolist() == [2.0, 1.0, 2.0]
    assert lines(capsys) == ["pos 1.0", "neg -2.0", "pos 3.0"]

    def loop(x):
        return wf.while_loop(lambda c: c < 10, lambda c: (wf.debug.print("c {}", c), c * 3 + 1)[1], x)

    assert np.asarray(wf.jit(wf.vmap(loop))(np.array([1, 9, 5], np.float32))).tolist() == [13.0, 28.0, 16.0]
    assert lines(capsys) == ["c 1.0", "c 4.0", "c 9.0", "c 5.0"]


def test_gradients_print_once(capsys):
    def f(x):
        y = wf.sin(x)
        wf.debug.print("y {}", y)
        return (y * y).sum()

    plain = wf.jit(wf.grad(lambda x: (wf.sin(x) ** 2).sum()))(X)
    g = wf.jit(wf.grad(f))(X)
    assert len(lines(capsys)) == 1
    assert np.asarray(g) == pytest.approx(np.asarray(plain), rel=1e-6)
    wf.jit(lambda x: wf.jvp(f, (x,), (x,)))(X)
    assert len(lines(capsys)) == 1

    def loop(x):
        def step(c, _):
            wf.debug.print("c {}", c)
            return c * x, c

        return wf.scan(step, wf.asarray(np.float32(1)), np.arange(3))[0]

    assert float(wf.jit(wf.grad(loop))(np.float32(2))) == 12
    assert lines(capsys) == ["c 1.0", "c 2.0", "c 4.0"]


def programs(body):
    """A function with and without prints of the values that `body` gives to `tell`."""
    return [wf.jit(lambda *xs, tell=tell: body(tell, *xs)) for tell in (lambda *_: None, wf.debug.print)]


def chain(tell, x):
    a = x * 2
    tell("a {}", a)
    b = wf.exp(a) + x
    tell("b {}", b)
    s = b.sum(axis=1)
    tell("s {}", s)
    return (b / s[:, None]).T, s


def recomputed(tell, x):
    a = x + 1  # cheap, read by two kernels: computed again in each
    tell("a {}", a)
    return a.sum(axis=0), (a * a).T @ a


def branched(tell, x):
    y = wf.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, x)
    tell("y {}", y)
    return wf.tanh(y) * 3


@pytest.mark.parametrize("body", [chain, recomputed, branched])
def test_a_print_changes_no_bit_and_no_fusion(body, capsys):
    x = np.random.default_rng(0).normal(size=(17, 33)).astype(np.float32)
    quiet, loud = programs(body)
    for a, b in zip(wf.tree.leaves(quiet(x)), wf.tree.leaves(loud(x)), strict=True):
        assert (np.asarray(a).view(np.uint32) == np.asarray(b).view(np.uint32)).all()
    assert lines(capsys)

    def groups(f):
        return sorted(sorted(k.ops) for k in f.explain(x).kernels)

    mine, theirs = groups(loud), groups(quiet)
    # A value that only a print reads is made for it; all else is grouped as before.
    for kernel in theirs:
        assert kernel in mine
        mine.remove(kernel)
    assert all(len(kernel) <= 2 for kernel in mine)


@pytest.mark.parametrize(
    ("fmt", "args"), [("{} {}", (X,)), ("{x}", (X,)), ("{0.shape}", (X,)), ("{", (X,)), ("{0[1]}", (X,))]
)
def test_malformed_formats(fmt, args):
    for run in (lambda: wf.debug.print(fmt, *args), lambda: wf.jit(lambda: wf.debug.print(fmt, *args))()):
        with pytest.raises(wf.errors.WrongArgumentError, match="WF1035"):
            run()


# -------------------------------------------------------------------------------------------------------------- checks


def root(x):
    wf.check((x >= 0).all(), "negative: {}", x)
    return wf.sqrt(x)


ROOT_LINE = root.__code__.co_firstlineno + 1


@pytest.mark.parametrize("transform", [lambda f: f, wf.jit, lambda f: wf.jit(wf.jit(f))])
def test_a_failed_check_raises_with_its_line(transform):
    f = transform(root)
    assert np.asarray(f(abs(X))) == pytest.approx(np.sqrt(abs(X)))
    with pytest.raises(wf.errors.CheckError, match=r"negative: \[ 1. -2.  3.\]") as caught:
        f(X)
    assert caught.value.code == "WF5023"
    assert caught.value.frames[0].line == ROOT_LINE
    assert caught.value.frames[0].filename == __file__
    assert isinstance(caught.value, AssertionError)
    assert np.asarray(f(abs(X))) == pytest.approx(np.sqrt(abs(X)))  # the next call is none the worse


def test_nothing_after_a_failed_check_happens(capsys):
    def step(carry, i):
        wf.check(i < 3, "step {}", i)
        wf.debug.print("done {}", i)
        return carry, i

    with pytest.raises(wf.errors.CheckError, match="step 3"):
        wf.jit(lambda: wf.scan(step, wf.asarray(np.float32(0)), np.arange(100))[1])()
    assert lines(capsys) == ["done 0", "done 1", "done 2"]


def test_checks_in_lanes_and_gradients():
    f = wf.jit(wf.vmap(lambda x: (wf.check(x > 0, "lane with {}", x), x)[1]))
    with pytest.raises(wf.errors.CheckError, match="lane with -2.0"):
        f(X)
    assert np.asarray(f(abs(X))).tolist() == abs(X).tolist()
    g = wf.jit(wf.grad(lambda x: root(x).sum()))
    with pytest.raises(wf.errors.CheckError):
        g(X)
    assert np.asarray(g(abs(X))) == pytest.approx(0.5 / np.sqrt(abs(X)))
    masked = wf.jit(lambda x, m: wf.check(x > 0, "off", mask=m))
    masked(np.float32(-1), np.bool_(False))
    with pytest.raises(wf.errors.CheckError):
        masked(np.float32(-1), np.bool_(True))


def test_donated_memory_is_gone_after_a_failed_check():
    def f(x, z):
        total = x.sum()
        wf.check(total > 0, "sum {}", total)
        return z @ z  # a kernel of its own, after the last read of x

    step = wf.jit(f, donate="x")
    z = wf.asarray(np.eye(40, dtype=np.float32))
    for _ in range(2):
        good = wf.asarray(np.ones((40, 40), np.float32))
        assert float(step(good, z)[0, 0]) == 1
        assert good.is_deleted
    bad = wf.asarray(-np.ones((40, 40), np.float32))
    with pytest.raises(wf.CheckError, match="sum -1600.0"):
        step(bad, z)
    assert bad.is_deleted  # its memory was to be that of the result
    with pytest.raises(wf.errors.DonatedError):
        np.asarray(bad)


def test_a_variable_keeps_its_value_or_is_gone():
    v = wf.Variable(np.zeros(100, np.float32))

    @wf.jit
    def step(x):
        v.value = v.value + x
        wf.check((x > 0).all(), "x is {}", x[0])

    step(np.ones(100, np.float32))
    step(np.ones(100, np.float32))
    with pytest.raises(wf.errors.CheckError, match="x is -1.0"):
        step(-np.ones(100, np.float32))
    try:
        kept = np.asarray(v.value)
    except wf.errors.DonatedError:
        return
    assert (kept == 2).all()


def test_a_check_takes_truth_values():
    for run in (lambda: wf.check(X), lambda: wf.jit(wf.check)(X)):
        with pytest.raises(wf.errors.DTypeError, match="WF1022"):
            run()


# ----------------------------------------------------------------------------------------------------------- callbacks


@pytest.mark.parametrize("transform", [lambda f: f, wf.jit])
def test_callbacks_take_and_give_arrays_in_containers(transform):
    def host(p, k):
        assert isinstance(p["x"], wf.Array)
        return {"sorted": np.sort(p["x"]), "count": int(np.asarray(k)) + 1}

    def f(x):
        results = {"sorted": wf.spec(x.shape, x.dtype), "count": wf.spec((), "int32")}
        made = wf.callback(host, results, {"x": x * 2}, np.int64(4))
        return made["sorted"] + 1, made["count"]

    a, n = transform(f)(X)
    assert np.asarray(a).tolist() == (np.sort(2 * X) + 1).tolist()
    assert n.dtype is dtypes.int32
    assert int(n) == 5


def test_callbacks_once_a_lane_and_once_a_step():
    seen = []

    def host(x, y):
        seen.append((float(x), float(y)))
        return np.float32(x) + np.float32(y)

    f = wf.jit(wf.vmap(lambda x, y: wf.callback(host, wf.spec((), "float32"), x, y), in_axes=(0, None)))
    assert np.asarray(f(X, np.float32(10))).tolist() == (X + 10).tolist()
    assert seen == [(float(x), 10.0) for x in X]
    seen.clear()
    total = wf.jit(
        lambda: wf.scan(lambda c, i: (wf.callback(host, wf.spec((), "float32"), c, i), None), np.float32(0), X)[0]
    )()
    assert float(total) == X.sum()
    assert len(seen) == 3


def test_a_mask_gives_zeros():
    f = wf.jit(wf.vmap(lambda x: wf.callback(lambda v: np.float32(v) * 2, wf.spec((), "float32"), x, mask=x > 0)))
    assert np.asarray(f(X)).tolist() == [2.0, 0.0, 6.0]


def test_errors_of_a_callback_come_out():
    def bad(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        wf.jit(lambda x: wf.callback(bad, wf.spec((), "float32"), x))(np.float32(1))


@pytest.mark.parametrize(
    "returned", [np.zeros(2, np.float32), np.float64(1), (np.float32(1),), None, "text", np.zeros((), np.int32)]
)
def test_what_was_not_promised_is_told(returned):
    for run in (lambda f: f, wf.jit):
        with pytest.raises(wf.errors.CallbackError, match="WF1610"):
            run(lambda: wf.callback(lambda: returned, wf.spec((), "float32")))()


def test_a_callback_has_no_derivative():
    def f(x):
        return wf.callback(np.sin, wf.spec((), "float32"), x) * x

    with pytest.raises(wf.errors.DerivativeError, match="WF3003"):
        wf.jit(wf.grad(f))(np.float32(1))

    def g(x):
        return wf.callback(np.sin, wf.spec((), "float32"), wf.stop_gradient(x)) * x

    assert float(wf.jit(wf.grad(g))(np.float32(1))) == pytest.approx(np.sin(1.0))


def test_a_callback_may_call_programs():
    inner = wf.jit(lambda x: (x @ x).sum())
    x = np.eye(20, dtype=np.float32)
    f = wf.jit(lambda x: wf.callback(lambda v: inner(v), wf.spec((), "float32"), x) + (x @ x).sum())
    assert float(f(x)) == 40


def test_keys_and_bfloat16_pass():
    f = wf.jit(lambda k: wf.callback(lambda k: wf.random.fold_in(k, 1), wf.spec((), "key"), k))
    got = wf.random.key_data(f(wf.random.key(5)))
    assert (np.asarray(got) == np.asarray(wf.random.key_data(wf.random.fold_in(wf.random.key(5), 1)))).all()
