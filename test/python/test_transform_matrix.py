"""{forward, reverse, vmap} three deep over each form of a function, static and with named sizes: from Python."""

import numpy as np
import pytest
import transform_matrix as matrix
import weft as wf

STEPS = [0.25, -1.0, 0.5]


def plain(x):
    return ((0.5 * x + 0.25) * x - 1.0) * x + 0.5


def by_for(x):
    ks = wf.asarray(np.float64(STEPS))
    first = 0.5 + 0.0 * x
    return wf.scan(lambda c, k: (c * x + k, None), first, ks)[0]


def by_if(flag):
    return lambda x: wf.cond(flag, plain, lambda v: v * 7.0, x)


def by_jvp():
    f = wf.custom_jvp(lambda x: wf.stop_gradient(plain(x)))
    f.defjvp(lambda p, t: (f(p[0]), ((1.5 * p[0] + 0.5) * p[0] - 1.0) * t[0]))
    return f


def by_vjp():
    f = wf.custom_vjp(lambda x: wf.stop_gradient(plain(x)))
    f.defvjp(lambda x: (f(x), x), lambda x, g: (((1.5 * x + 0.5) * x - 1.0) * g,))
    return f


def by_while(x, **more):
    ks = wf.asarray(np.float64(STEPS))

    def step(state):
        i, c = state
        return i + 1, c * x + wf.sum(wf.where(wf.arange(3) == i, ks, 0.0))

    return wf.while_loop(lambda s: s[0] < 3, step, (wf.asarray(0), 0.5 + 0.0 * x), **more)[1]


def by_for_of_values(flag):
    """The bounds are values."""
    ks = np.float64(STEPS)
    hi = wf.where(flag, 3, 0)
    horner = lambda x: lambda i, c: c * x + wf.sum(wf.where(wf.arange(3) == i, ks, 0.0))  # noqa: E731
    return lambda x: wf.fori_loop(0, hi, horner(x), 0.5 + 0.0 * x)


def by_segments(x):
    ks = wf.asarray(np.float64(STEPS))
    return wf.scan(lambda c, k: (c * x + k, None), 0.5 + 0.0 * x, ks, checkpoint=2)[0]


def by_if_of_lanes(x):
    """The predicate depends on what is mapped."""
    return wf.cond(wf.sum(x * 0) == 0, plain, lambda v: v * 7.0, x)


def by_while_of_lanes(x):
    """The number of trips depends on what is mapped."""
    ks, end = wf.asarray(np.float64(STEPS)), wf.sum(x * 0) + 3

    def step(state):
        i, c = state
        return i + 1, c * x + wf.sum(wf.where(wf.arange(3) == i, ks, 0.0))

    return wf.while_loop(lambda s: s[0] < end, step, (wf.asarray(0), 0.5 + 0.0 * x))[1]


def by_switch(flag):
    return lambda x: wf.switch(wf.where(flag, 1, 2), [lambda v: v * 7.0, plain, lambda v: v * v], x)


def by_nesting(flag):
    """A branch in a loop of a function that is called in a checkpoint."""

    def horner(c, k, x):
        return wf.cond(flag, lambda c: c * x + k, lambda c: c, c)

    f = wf.checkpoint(
        wf.jit(lambda x: wf.scan(lambda c, k: (horner(c, k, x), None), 0.5 + 0.0 * x, np.float64(STEPS))[0])
    )
    return lambda x: f(x)


def by_map(x):
    return wf.map(plain, x)


def by_mask(x):
    """Half of the places by what a mask takes."""
    places = wf.arange(x.shape[0]) % 2 == 0
    y = plain(x)
    y[places] = plain(x[places])
    return y


def by_slices(x):
    """What a mask takes, turned around and back, joined and cut, and put back in its places."""
    places = wf.arange(x.shape[0]) % 3 != 1
    kept = x[places][::-1]
    y = plain(wf.reshape(wf.concat([kept, kept]), (2, kept.shape[0])))[1, ::-1]
    out = plain(x)
    out[places] = y
    return out


FORMS = {
    "plain": lambda flag: plain,
    "call": lambda flag: wf.jit(plain),
    "if": by_if,
    "for": lambda flag: by_for,
    "custom jvp": lambda flag: by_jvp(),
    "custom vjp": lambda flag: by_vjp(),
    "checkpoint": lambda flag: wf.checkpoint(plain),
    "checkpointed loop": lambda flag: wf.checkpoint(by_for),
    "while": lambda flag: by_while,
    "while of bounded trips": lambda flag: lambda x: by_while(x, max_trips=5),
    "while of lanes": lambda flag: by_while_of_lanes,
    "if of lanes": lambda flag: by_if_of_lanes,
    "switch": by_switch,
    "for of values": by_for_of_values,
    "for in segments": lambda flag: by_segments,
    "nesting": by_nesting,
    "while in segments": lambda flag: lambda x: by_while(x, checkpoint=2),
    "map in a map": lambda flag: lambda x: wf.map(lambda row: wf.map(plain, row), wf.reshape(x, (x.shape[0], 1)))[:, 0],
    "data slices": lambda flag: by_slices,
    "map": lambda flag: by_map,
    "data size": lambda flag: by_mask,
}


def transformed(f, kind):
    if kind == "fwd":
        return lambda x: wf.jvp(f, (x,), (x,))[1]
    if kind == "rev":
        return lambda x: wf.vjp(f, x)[1](x)[0]
    return lambda x: wf.sum(wf.vmap(f)(wf.stack([x, 2 * x])), axis=0)


def all_chains(form):
    def run(flag, x):
        out = []
        for chain in matrix.CHAINS:
            f = form(flag)
            for kind in chain:
                f = transformed(f, kind)
            out.append(f(x))
        return out

    return run


@pytest.mark.parametrize("sizes", ["static", "named"])
@pytest.mark.parametrize("name", sorted(FORMS))
def test_three_deep(name, sizes):
    f = wf.jit(all_chains(FORMS[name]), dims={"x": (wf.Dim("B"),)} if sizes == "named" else None)
    matrix.check(f(np.bool_(True), matrix.X))
