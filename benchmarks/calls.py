"""What a call costs: a compiled `x + 1` on 8 floats, for each engine's own arrays and for NumPy's.

NumPy's own x + 1 stands beside as the machine's constant. Peers are waited for once per round, not per call: how
soon the caller goes on is what counts.
"""

from __future__ import annotations

import numpy as np
from harness import Engine, Result, at_most, measure, peer, times_faster

TITLE = "Call of a compiled x + 1 on 8 floats"
X = np.arange(8, dtype=np.float32)


def _weft(own: bool):
    def make():
        wf = peer("weft")
        f = wf.jit(lambda x: x + 1)
        x = wf.asarray(X) if own else X
        return lambda: f(x)

    return Engine(make, lambda out: [np.asarray(out)])


def _jax(own: bool):
    def make():
        jax = peer("jax")
        f = jax.jit(lambda x: x + 1)
        x = jax.device_put(X) if own else X
        return lambda: f(x)

    return Engine(make, lambda out: [np.asarray(out)], lambda out: out.block_until_ready())


def _torch():
    torch = peer("torch")
    f = torch.compile(lambda x: x + 1)
    x = torch.from_numpy(X)

    def call():
        return f(x)

    return call


def _onnxruntime():
    onnx, ort = peer("onnx"), peer("onnxruntime")
    h, t = onnx.helper, onnx.TensorProto
    graph = h.make_graph(
        [h.make_node("Add", ["x", "one"], ["y"])],
        "plus_one",
        [h.make_tensor_value_info("x", t.FLOAT, [8])],
        [h.make_tensor_value_info("y", t.FLOAT, [8])],
        [h.make_tensor("one", t.FLOAT, [], [1.0])],
    )
    session = ort_session(onnx, ort, graph)
    feed = {"x": X}
    return lambda: session.run(None, feed)


def ort_session(onnx, ort, graph):
    """A session whose threads do not spin once a run has ended: they would take the other engines' turns."""
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 21)], ir_version=10)
    options = ort.SessionOptions()
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(seconds: float) -> Result:
    engines = {
        "weft, Array": _weft(True),
        "weft, NumPy array": _weft(False),
        "jax, jax.Array": _jax(True),
        "jax, NumPy array": _jax(False),
        "torch.compile": Engine(_torch, lambda out: [out.numpy()]),
        "onnxruntime": Engine(_onnxruntime, lambda out: out),
        "numpy (not compiled)": Engine(lambda: lambda: X + 1, lambda out: [out]),
    }
    rows = measure("x + 1", engines, wanted=[X.astype(np.float64) + 1], unit="us", seconds=seconds, wait_each=False)
    return Result(
        "calls",
        TITLE,
        rows,
        [
            at_most("call on Weft's arrays", rows, "weft, Array", 0.5),
            at_most("call on NumPy's arrays", rows, "weft, NumPy array", 0.7),
            times_faster("call on its own arrays", rows, "weft, Array", "jax, jax.Array", 15),
        ],
        ["Each call goes through a Python lambda, in every engine: about 0.05 us of each figure."],
    )
