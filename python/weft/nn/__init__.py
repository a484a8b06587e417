"""Functions of neural networks: activations, softmax and normalisations, convolutions and pools, attention, losses.

Decides their names and that all are composites over ops: they fuse, batch and differentiate by the rules of what they
are made of. Exponentials are taken of differences from the greatest element, so nothing overflows; float16 and bfloat16
are computed in float32 where something is summed, and rounded once.

>>> import weft as wf
>>> wf.nn.relu(wf.asarray([-1.0, 2.0]))
Array([0., 2.], dtype=float32)
"""

from weft.nn import activation, attention, convolution, loss, normalization, regularization
from weft.nn.activation import *  # noqa: F403
from weft.nn.attention import *  # noqa: F403
from weft.nn.convolution import *  # noqa: F403
from weft.nn.loss import *  # noqa: F403
from weft.nn.normalization import *  # noqa: F403
from weft.nn.regularization import *  # noqa: F403

__all__ = sorted(
    name for part in (activation, attention, convolution, loss, normalization, regularization) for name in part.__all__
)
