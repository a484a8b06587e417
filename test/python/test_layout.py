"""Orders of dimensions: networks that permute around each convolution compute in one order throughout."""

import numpy as np
import pytest
import targets
import weft as wf
from running import Program

RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def conv_last(x, w):
    """A convolution of images with channels last, by the one that has them first."""
    y = wf.nn.conv2d(wf.permute_dims(x, (0, 3, 1, 2)), w, padding=1)
    return wf.permute_dims(y, (0, 2, 3, 1))


def network(x, w0, w1, w2, b):
    """A stem, a residual block with a bias and activations, a mean over the image; channels last throughout."""
    x = wf.nn.relu(conv_last(x, w0) + b)
    y = wf.nn.relu(conv_last(x, w1) * 0.5 + b)
    x = wf.nn.silu(conv_last(y, w2) + x)
    return wf.mean(x, axis=(1, 2)), x


def arguments(n, h, w):
    return [normal(n, h, w, 3), normal(5, 3, 3, 3), normal(5, 5, 3, 3), normal(5, 5, 3, 3), normal(5)]


@pytest.mark.parametrize("shape", [(2, 7, 5), (1, 1, 1), (3, 4, 16), (0, 4, 4)])
def test_bits_are_those_of_the_reference(shape):
    args = arguments(*shape)
    args[-1][:3] = [np.nan, -0.0, np.inf]
    program = Program(network, *args)
    for got, want in zip(program.native()(), program.reference(), strict=True):
        assert got.shape == want.shape
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want))
        ok = ~np.isnan(want)
        assert got[ok].tobytes() == want[ok].tobytes()


def test_only_what_leaves_the_network_is_permuted():
    args = arguments(2, 8, 8)
    report = wf.jit(network).explain(*args)
    whats = [k.what for k in report.kernels]
    # The images that go; those that come are padded through their own, as the mean reads through one.
    assert whats.count("transpose") == 1, report
    assert [what.split(" + ")[0] for what in whats if " + " in what] == ["convolution"] * 3 + ["reduce"], report


def test_gradients_are_those_of_channels_first():
    args = arguments(2, 6, 5)

    def first(x, w0, w1, w2, b):
        b = wf.reshape(b, (5, 1, 1))
        x = wf.nn.relu(wf.nn.conv2d(wf.permute_dims(x, (0, 3, 1, 2)), w0, padding=1) + b)
        y = wf.nn.relu(wf.nn.conv2d(x, w1, padding=1) * 0.5 + b)
        return wf.nn.silu(wf.nn.conv2d(y, w2, padding=1) + x)

    def loss(f):
        return wf.jit(wf.grad(lambda ws, x: wf.sum(wf.sin(f(x, *ws)))))

    got = loss(lambda *a: network(*a)[1])(tuple(args[1:]), args[0])
    want = loss(first)(tuple(args[1:]), args[0])
    for g, w in zip(got, want, strict=True):
        np.testing.assert_allclose(g, w, rtol=2e-4, atol=2e-4)


def test_a_named_size_moves_with_its_dimension():
    f = wf.jit(lambda x: (wf.exp(x.T) + 1).T, dims={"x": (wf.Dim("B"), 4)})
    for n in (1, 3, 0):
        x = normal(n, 4)
        np.testing.assert_allclose(f(x), np.exp(x) + 1, rtol=1e-6)
    assert [k.what for k in f.explain(normal(3, 4)).kernels] == ["exp + add"]


def grouped(x, a, w, bias, scale, b, groups):
    """What a MobileNet is made of: an expansion, a convolution of each channel (or group), a projection."""
    y = wf.nn.relu6(wf.nn.conv2d(x, a))
    y = wf.nn.relu6(wf.nn.conv2d(y, w, bias, padding=1, groups=groups) * scale)
    return wf.nn.conv2d(y, b)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("groups, each", [(12, 1), (4, 1), (3, 2), (1, 1)])
def test_groups_are_no_passes_of_their_own(n, groups, each):
    out = 12 * each
    args = [normal(n, 5, 6, 7), normal(12, 5, 1, 1), normal(out, 12 // groups, 3, 3), normal(out), normal(out, 1, 1)]
    args += [normal(8, out, 1, 1)]
    run = lambda *xs: grouped(*xs, groups)  # noqa: E731
    program = Program(run, *args)
    (got,), (want,) = program.native()(), program.reference()
    assert got.tobytes() == want.tobytes()
    # A group's features beside those of others: in a batch they are turned, with what is computed of them.
    turned = n > 1 and groups not in (1, 12 * each)
    assert len(wf.jit(run).explain(*args).kernels) == 3 + turned


@pytest.mark.parametrize("target", targets.PARAMETERS)
def test_groups_on_each_target(target):
    args = [normal(2, 5, 6, 7), normal(12, 5, 1, 1), normal(12, 1, 3, 3), normal(12), normal(12, 1, 1)]
    program = Program(lambda *xs: grouped(*xs, 12), *args, normal(8, 12, 1, 1))
    assert program.native(target, "strict")()[0].tobytes() == program.reference()[0].tobytes()
