"""ResNet-50, forward, batch 1, its weights random: He et al., Deep Residual Learning for Image Recognition, 2015, table
1 (the stride of a stage stands at its 3x3 convolution, as later versions have it). Normalisations are a scale and a
shift for each feature, as they are after training.

Decides the program, written once for every engine by the names of spellings.py.
"""

import math

import numpy as np

STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))  # blocks, width, stride of the first
CLASSES = 1000


def convolutions():
    """(features, channels, window, stride, steps along an axis of the result) of each convolution, in order."""
    yield 64, 3, 7, 2, 112
    channels, size = 64, 56
    for blocks, width, first in STAGES:
        for block in range(blocks):
            stride = first if block == 0 else 1
            yield width, channels, 1, 1, size
            size //= stride
            yield width, width, 3, stride, size
            yield 4 * width, width, 1, 1, size
            if block == 0:
                yield 4 * width, channels, 1, stride, size
            channels = 4 * width


def shapes() -> list[tuple[int, ...]]:
    """The shapes of the weights: a window, a scale and a shift for each convolution, then the last layer's."""
    made = []
    for features, channels, window, _, _ in convolutions():
        made += [(features, channels, window, window), (features, 1, 1), (features, 1, 1)]
    return [*made, (4 * STAGES[-1][1], CLASSES), (CLASSES,)]


def flops():
    """Multiplications and additions of one image."""
    products = sum(f * c * w * w * n * n for f, c, w, _, n in convolutions())
    return 2.0 * (products + 4 * STAGES[-1][1] * CLASSES)


def inputs():
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((1, 3, 224, 224), np.float32)]
    for shape in shapes():
        fan = math.prod(shape[1:]) if len(shape) == 4 else shape[0]
        values = rng.standard_normal(shape, np.float32)
        arrays.append(1 + values / 10 if len(shape) == 3 else values / np.float32(math.sqrt(fan)))
    return arrays


def forward(e, x, *weights):
    rest = iter(weights)

    def conv(x, window, stride=1):
        w, scale, shift = (next(rest) for _ in range(3))
        return e.conv(x, w, stride, window // 2) * scale + shift

    x = e.max_pool(e.relu(conv(x, 7, 2)), 3, 2, 1)
    for blocks, _, first in STAGES:
        for block in range(blocks):
            stride = first if block == 0 else 1
            y = e.relu(conv(x, 1))
            y = e.relu(conv(y, 3, stride))
            y = conv(y, 1)
            x = e.relu(y + (conv(x, 1, stride) if block == 0 else x))
    return e.mean(x, (2, 3)) @ next(rest) + next(rest)
