"""The programs that tests of the whole way down look at: those of examples/, and small ones of every kind of op.

Decides what "all examples" means: PROGRAMS maps a name to a function that gives a Traced.
"""

import importlib.util
import pathlib

import numpy as np
import weft as wf

ROOT = pathlib.Path(__file__).resolve().parents[2]
F32 = "float32"


def traced(f, *args, **options):
    """`f` traced on arrays or specs of arguments."""
    return wf.jit(f, **options).trace(*args)


def spec(*shape, dtype=F32):
    return wf.spec(shape, dtype)


def softmax(x):
    shifted = x - wf.max(x, axis=-1, keepdims=True)
    e = wf.exp(shifted)
    return e / wf.sum(e, axis=-1, keepdims=True)


def layer_norm(x, scale, bias):
    mean = wf.mean(x, axis=-1, keepdims=True)
    centered = x - mean
    variance = wf.mean(centered * centered, axis=-1, keepdims=True)
    return centered / wf.sqrt(variance + 1e-5) * scale + bias


def functions(x):
    return wf.exp(x), wf.log(x), wf.tanh(x), wf.sin(x), wf.cos(x)


def mlp_loss(p, x, y):
    h = wf.tanh(x @ p["w1"] + p["b1"])
    out = h @ p["w2"] + p["b2"]
    return wf.mean((out - y) * (out - y))


def rnn(w, h, xs):
    def step(h, x):
        h = wf.tanh(h @ w + x)
        return h, h

    last, hs = wf.scan(step, h, xs)
    return wf.sum(last) + wf.sum(hs)


def branch(x):
    return wf.cond(wf.sum(x) > 0, lambda x: wf.exp(x), lambda x: x * 2.0, x)


@wf.jit
def _inner(x):
    return wf.exp(x) + 1.0


def calls(x):
    return _inner(x) * _inner(x * 2.0)


def movement(x, y):
    joined = wf.concat([x, y], axis=0)
    return wf.permute_dims(joined, (1, 0))[1:, ::2] + 1.0


MLP = {"w1": spec(16, 32), "b1": spec(32), "w2": spec(32, 8), "b2": spec(8)}


def _example(name):
    where = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(where)
    where.loader.exec_module(module)
    return module


def digits_step():
    digits = _example("digits")
    state = digits.start(digits.init(0))
    return digits.step.trace(state, np.zeros((digits.BATCH, 64), F32), np.zeros(digits.BATCH, np.int32))


def digits_logits():
    digits = _example("digits")
    return digits.logits.trace(digits.init(0), np.zeros((10, 64), F32))


def rnn_example(name):
    """A function of examples/rnn.py on its own data."""
    example = _example("rnn")
    f = getattr(example, name)
    return (f if hasattr(f, "trace") else wf.jit(f)).trace(example.init(64, 0), *example.data(0))


PROGRAMS = {
    "softmax": lambda: traced(softmax, spec(64, 100)),
    "layer_norm": lambda: traced(layer_norm, spec(64, 100), spec(100), spec(100)),
    "functions": lambda: traced(functions, spec(1000)),
    "mlp": lambda: traced(mlp_loss, MLP, spec(4, 16), spec(4, 8)),
    "mlp_gradient": lambda: traced(wf.grad(mlp_loss), MLP, spec(4, 16), spec(4, 8)),
    "scan": lambda: traced(rnn, spec(16, 16), spec(4, 16), spec(6, 4, 16)),
    "scan_gradient": lambda: traced(wf.grad(rnn), spec(16, 16), spec(4, 16), spec(6, 4, 16)),
    "branch": lambda: traced(branch, spec(40)),
    "calls": lambda: traced(calls, spec(40)),
    "movement": lambda: traced(movement, spec(8, 6), spec(5, 6)),
    "named_sizes": lambda: traced(softmax, wf.spec((wf.Dim("N"), 50), F32)),
    "digits_step": digits_step,
    "digits_logits": digits_logits,
    "rnn_loss": lambda: rnn_example("loss"),
    "rnn_step": lambda: rnn_example("step"),
}
