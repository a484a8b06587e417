"""What the programs of the workloads call where engines differ in name; all else is operators that they share.

Decides how each engine says softmax, attention, a convolution and the like: a program is a function of one of these and
of its inputs. `Numpy` is the check, in float64; `Onnx` builds a graph by running the same program.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from harness import peer


class Numpy:
    """The check, in float64."""

    @staticmethod
    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    @staticmethod
    def gelu(x):
        return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    @staticmethod
    def layer_norm(x, scale, bias):
        mean = x.mean(-1, keepdims=True)
        return (x - mean) / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5) * scale + bias

    @staticmethod
    def rms_norm(x, scale):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * scale

    @staticmethod
    def variance(x):
        return x.var(-1)

    @staticmethod
    def logsumexp(x):
        top = x.max(-1)
        return np.log(np.exp(x - top[..., None]).sum(-1)) + top

    @staticmethod
    def log_softmax(x):
        return x - Numpy.logsumexp(x)[..., None]

    @staticmethod
    def cross_entropy(x, labels):
        labels = labels.astype(np.int64)[:, None]
        return (Numpy.logsumexp(x) - np.take_along_axis(x, labels, -1)[:, 0]).mean()

    @staticmethod
    def argmax(x):
        return x.argmax(-1)

    @staticmethod
    def erf(x):
        return np.frompyfunc(math.erf, 1, 1)(x).astype(x.dtype)

    @staticmethod
    def attention(q, k, v, mask=None):
        scores = q @ np.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]))
        return Numpy.softmax(scores if mask is None else scores + mask) @ v

    @staticmethod
    def grouped_attention(q, k, v):
        return grouped(Numpy, q, k, v)

    @staticmethod
    def permute(x, order):
        return np.transpose(x, order)

    @staticmethod
    def conv(x, w, stride, padding):
        windows = Numpy._windows(x, w.shape[-1], stride, padding, 0)
        return np.moveaxis(np.tensordot(windows, w, ([1, 4, 5], [1, 2, 3])), -1, 1)

    @staticmethod
    def max_pool(x, size, stride, padding):
        return Numpy._windows(x, size, stride, padding, -np.inf).max((-1, -2))

    @staticmethod
    def _windows(x, size, stride, padding, value):
        x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=value)
        return np.lib.stride_tricks.sliding_window_view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]

    @staticmethod
    def relu(x):
        return np.maximum(x, 0)

    @staticmethod
    def product_of_bytes(a, b):
        return a @ b

    reshape, sum, mean = staticmethod(np.reshape), staticmethod(np.sum), staticmethod(np.mean)
    log, exp, sqrt = staticmethod(np.log), staticmethod(np.exp), staticmethod(np.sqrt)


def grouped(e, q, k, v):
    """Attention of more heads of queries than of keys: those that share keys are rows of one head."""
    heads, length, size = q.shape
    return e.reshape(e.attention(e.reshape(q, (k.shape[0], -1, size)), k, v), (heads, length, size))


class ArrayModule(Numpy):
    """Weft, and JAX where it has no better name for something."""

    m: Any

    def __init__(self, m, nn):
        self.m, self.nn = m, nn

    def softmax(self, x):
        return self.nn.softmax(x)

    def gelu(self, x):
        return self.nn.gelu(x)

    def _narrow(self, x):
        return x.dtype in (self.m.bfloat16, self.m.float16)

    def layer_norm(self, x, scale, bias):
        wide = x.astype(self.m.float32) if self._narrow(x) else x
        mean = self.m.mean(wide, axis=-1, keepdims=True)
        centred = wide - mean
        variance = self.m.mean(centred * centred, axis=-1, keepdims=True)
        made = centred / self.m.sqrt(variance + 1e-5) * scale + bias
        return made.astype(x.dtype) if self._narrow(x) else made

    def rms_norm(self, x, scale):
        return self.nn.rms_norm(x, scale, eps=1e-6)

    def variance(self, x):
        return self.m.var(x, axis=-1)

    def logsumexp(self, x):
        return self.nn.logsumexp(x, axis=-1)

    def log_softmax(self, x):
        return self.nn.log_softmax(x)

    def cross_entropy(self, x, labels):
        return self.nn.cross_entropy(x, labels)

    def argmax(self, x):
        return self.m.argmax(x, axis=-1)

    def log(self, x):
        return self.m.log(x)

    def exp(self, x):
        return self.m.exp(x)

    def sqrt(self, x):
        return self.m.sqrt(x)

    def erf(self, x):
        return self.m.erf(x)

    def grouped_attention(self, q, k, v):
        return self.nn.dot_product_attention(q, k, v)

    narrow_attention = grouped_attention

    def attention(self, q, k, v, mask=None):
        if self._narrow(q):
            return self.narrow_attention(q, k, v)
        scores = q @ self.m.swapaxes(k, -1, -2) * (1 / math.sqrt(q.shape[-1]))
        return self.nn.softmax(scores if mask is None else scores + mask) @ v

    def permute(self, x, order):
        return self.m.permute_dims(x, order)

    def reshape(self, x, shape):
        return self.m.reshape(x, shape)

    def sum(self, x, axis=None):
        return self.m.sum(x, axis=axis)

    def mean(self, x, axis):
        return self.m.mean(x, axis=axis)

    def relu(self, x):
        return self.nn.relu(x)

    def product_of_bytes(self, a, b):
        return a.astype(self.m.int32) @ b.astype(self.m.int32)

    def conv(self, x, w, stride, padding):
        return self.nn.conv2d(x, w, stride=stride, padding=padding)

    def max_pool(self, x, size, stride, padding):
        return self.nn.max_pool(x, (size, size), stride=stride, padding=padding)


class Jax(ArrayModule):
    def rms_norm(self, x, scale):
        return x * peer("jax").lax.rsqrt(self.m.mean(x * x, axis=-1, keepdims=True) + 1e-6) * scale

    def cross_entropy(self, x, labels):  # as optax has it
        mine = self.m.take_along_axis(x, labels[:, None], axis=-1)[:, 0]
        return self.m.mean(self.nn.logsumexp(x, axis=-1) - mine)

    def erf(self, x):
        return peer("jax").lax.erf(x)

    def grouped_attention(self, q, k, v):
        return grouped(self, q, k, v)

    def narrow_attention(self, q, k, v):  # as jax.nn's, whose order of axes is another
        scores = self.m.matmul(q, self.m.swapaxes(k, -1, -2), preferred_element_type=self.m.float32)
        return self.nn.softmax(scores * (1 / math.sqrt(q.shape[-1]))).astype(q.dtype) @ v

    def product_of_bytes(self, a, b):
        return self.m.matmul(a, b, preferred_element_type=self.m.int32)

    def conv(self, x, w, stride, padding):
        return peer("jax").lax.conv(x, w, (stride, stride), [(padding, padding)] * 2)

    def max_pool(self, x, size, stride, padding):
        lax, (h, w) = peer("jax").lax, ((padding, padding),) * 2
        return lax.reduce_window(
            x, -np.inf, lax.max, (1, 1, size, size), (1, 1, stride, stride), [(0, 0), (0, 0), h, w]
        )


class Torch:
    def __init__(self, torch):
        self.t, self.f = torch, torch.nn.functional

    def softmax(self, x):
        return self.f.softmax(x, -1)

    def gelu(self, x):
        return self.f.gelu(x, approximate="tanh")

    def layer_norm(self, x, scale, bias):
        return self.f.layer_norm(x, x.shape[-1:], scale, bias)

    def rms_norm(self, x, scale):
        return self.f.rms_norm(x, x.shape[-1:], scale, 1e-6)

    def variance(self, x):
        return self.t.var(x, -1, correction=0)

    def logsumexp(self, x):
        return self.t.logsumexp(x, -1)

    def log_softmax(self, x):
        return self.f.log_softmax(x, -1)

    def cross_entropy(self, x, labels):
        return self.f.cross_entropy(x, labels)

    def argmax(self, x):
        return self.t.argmax(x, -1)

    def log(self, x):
        return self.t.log(x)

    def exp(self, x):
        return self.t.exp(x)

    def sqrt(self, x):
        return self.t.sqrt(x)

    def erf(self, x):
        return self.t.erf(x)

    def attention(self, q, k, v, mask=None):
        return self.f.scaled_dot_product_attention(q, k, v, mask)

    def grouped_attention(self, q, k, v):  # it takes groups of a batch only
        return self.f.scaled_dot_product_attention(q[None], k[None], v[None], enable_gqa=True)[0]

    def permute(self, x, order):
        return x.permute(order)

    def product_of_bytes(self, a, b):
        return self.t._int_mm(a, b)

    def reshape(self, x, shape):
        return x.reshape(shape)

    def sum(self, x, axis=None):
        return self.t.sum(x) if axis is None else self.t.sum(x, axis)

    def mean(self, x, axis):
        return self.t.mean(x, axis)

    def relu(self, x):
        return self.f.relu(x)

    def conv(self, x, w, stride, padding):
        return self.f.conv2d(x, w, stride=stride, padding=padding)

    def max_pool(self, x, size, stride, padding):
        return self.f.max_pool2d(x, size, stride, padding)


class OnnxValue:
    """A value of an ONNX graph under construction: each operator and function adds a node."""

    def __init__(self, graph, name, shape, dtype=np.float32):
        self.graph, self.name, self.shape, self.dtype = graph, name, shape, np.dtype(dtype)

    def __add__(self, other):
        return self.graph.node("Add", [self, other])

    def __sub__(self, other):
        return self.graph.node("Sub", [self, other])

    def __mul__(self, other):
        return self.graph.node("Mul", [self, other])

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other):
        return self.graph.node("Div", [self, other])

    def __getitem__(self, index):
        """Slices alone: one for each of the first axes."""
        cuts = [s.indices(n) for s, n in zip(index, self.shape, strict=False)]
        shape = (*(len(range(*cut)) for cut in cuts), *self.shape[len(cuts) :])
        starts, ends, steps = (self.graph.constant(np.int64(a)) for a in zip(*cuts, strict=True))
        axes = self.graph.constant(np.arange(len(cuts)))
        return self.graph.node("Slice", [self, starts, ends, axes, steps], shape)

    def __matmul__(self, other):
        return self.graph.node("MatMul", [self, other])


class Onnx:
    """Builds a graph by the same programs; ONNX has no shapes here, so values carry those of the float64 run."""

    def __init__(self, onnx):
        self.h, self.t = onnx.helper, onnx.TensorProto
        self.nodes, self.constants, self.n = [], [], 0

    def constant(self, value):
        value = np.asarray(value)
        self.n += 1
        kind = self.h.np_dtype_to_tensor_dtype(value.dtype)
        self.constants.append(self.h.make_tensor(f"c{self.n}", kind, value.shape, value.tobytes(), raw=True))
        return OnnxValue(self, f"c{self.n}", value.shape, value.dtype)

    def node(self, op, inputs, shape=None, dtype=None, **attributes):
        """Of the dtype of its first input, as are plain numbers among them."""
        dtype = inputs[0].dtype if dtype is None else dtype
        inputs = [x if isinstance(x, OnnxValue) else self.constant(np.asarray(x, dtype)) for x in inputs]
        self.n += 1
        self.nodes.append(self.h.make_node(op, [x.name for x in inputs], [f"v{self.n}"], **attributes))
        if shape is None:
            a, b = inputs[0].shape, inputs[-1].shape
            both = op.startswith("MatMul")
            shape = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1]) if both else np.broadcast_shapes(a, b)
        return OnnxValue(self, f"v{self.n}", shape, dtype)

    def softmax(self, x):
        return self.node("Softmax", [x], x.shape, axis=-1)

    def gelu(self, x):
        return self.node("Gelu", [x], x.shape, approximate="tanh")

    def layer_norm(self, x, scale, bias):
        return self.node("LayerNormalization", [x, scale, bias], x.shape, axis=-1, epsilon=1e-5)

    def rms_norm(self, x, scale):  # ONNX Runtime's own; its optimizer makes it of the formula
        return self.node("SimplifiedLayerNormalization", [x, scale], x.shape, axis=-1, epsilon=1e-6)

    def variance(self, x):
        centred = x - self.node("ReduceMean", [x, self.constant(np.int64([-1]))], (*x.shape[:-1], 1), keepdims=1)
        return self.mean(centred * centred, (len(x.shape) - 1,))

    def logsumexp(self, x):
        return self.node("ReduceLogSumExp", [x, self.constant(np.int64([-1]))], x.shape[:-1], keepdims=0)

    def log_softmax(self, x):
        return self.node("LogSoftmax", [x], x.shape, axis=-1)

    def cross_entropy(self, x, labels):
        return self.node("SoftmaxCrossEntropyLoss", [x, labels], ())

    def argmax(self, x):
        return self.node("ArgMax", [x], x.shape[:-1], np.int64, axis=-1, keepdims=0)

    def log(self, x):
        return self.node("Log", [x], x.shape)

    def exp(self, x):
        return self.node("Exp", [x], x.shape)

    def sqrt(self, x):
        return self.node("Sqrt", [x], x.shape)

    def erf(self, x):
        return self.node("Erf", [x], x.shape)

    def grouped_attention(self, q, k, v):
        return grouped(self, q, k, v)

    def attention(self, q, k, v, mask=None):
        order = (*range(len(k.shape) - 2), len(k.shape) - 1, len(k.shape) - 2)
        scores = q @ self.permute(k, order) * (1 / math.sqrt(q.shape[-1]))
        return self.softmax(scores if mask is None else scores + mask) @ v

    def product_of_bytes(self, a, b):
        return self.node("MatMulInteger", [a, b], dtype=np.int32)

    def permute(self, x, order):
        return self.node("Transpose", [x], tuple(x.shape[i] for i in order), perm=list(order))

    def reshape(self, x, shape):
        whole = math.prod(x.shape) // -math.prod(shape) if -1 in shape else None
        made = tuple(whole if n == -1 else n for n in shape)
        return self.node("Reshape", [x, self.constant(np.int64(shape))], made)

    def sum(self, x, axis=None):
        axes = list(range(len(x.shape))) if axis is None else [axis]
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        return self.node("ReduceSum", [x, self.constant(np.int64(axes))], shape, keepdims=0)

    def mean(self, x, axis):
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axis)
        return self.node("ReduceMean", [x, self.constant(np.int64(axis))], shape, keepdims=0)

    def relu(self, x):
        return self.node("Relu", [x], x.shape)

    def conv(self, x, w, stride, padding):
        steps = self._steps(x, w.shape[-1], stride, padding)
        places = {"strides": [stride] * 2, "pads": [padding] * 4}
        return self.node("Conv", [x, w], (x.shape[0], w.shape[0], *steps), **places)

    def max_pool(self, x, size, stride, padding):
        steps = self._steps(x, size, stride, padding)
        places = {"kernel_shape": [size] * 2, "strides": [stride] * 2, "pads": [padding] * 4}
        return self.node("MaxPool", [x], (*x.shape[:2], *steps), **places)

    @staticmethod
    def _steps(x, size, stride, padding):
        return [(n + 2 * padding - size) // stride + 1 for n in x.shape[2:]]
