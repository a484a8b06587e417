"""How each engine runs a workload: Weft, its peers, and the machine's limit.

Decides what a workload consists of, and what is fair: every engine in its best documented setting, inputs its own
arrays, weights its constants, the same number of threads. The limit is an engine like any other: a loop of only the
operations that the workload cannot do without (`limits.cpp`).
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import mmap
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
from harness import Engine, peer
from spellings import ArrayModule, Jax, Onnx, OnnxValue, Torch

HERE = pathlib.Path(__file__).resolve().parent
THREADS = int(os.environ.get("WEFT_NUM_THREADS", len(os.sched_getaffinity(0))))


@dataclasses.dataclass
class Workload:
    """A program, its inputs, and its bounds.

    Attributes:
        program: `(engine module, *inputs) -> array or tuple of arrays`. inputs: makes the arrays.
        bounds: what any engine must do, as {"fma": flops, "bytes"/"halves": operations on int8 or bf16,
            "read"/"copy"/"add"/"blend": floats of each array (one is read; one is read, one written; two; three)}; the
            limit is the slowest.
        weights: how many of the inputs, from the end, are weights: constants to ONNX Runtime, torch and IREE.
        special: engine name -> function of the inputs that returns the call, where the engine has its own way; for
            "jax" the function to compile and its arguments, which IREE takes too.
        without: engines that do not take part.
        part: for what streams through memory, what makes the inputs of a part that stays in the caches, and how many of
            them the whole is.
    """

    name: str
    program: Callable[..., Any]
    inputs: Callable[[], list[np.ndarray]]
    bounds: dict[str, float]
    weights: int = 0
    tolerance: float = 1e-5
    special: dict[str, Callable[..., Any]] = dataclasses.field(default_factory=dict)
    check: Callable[..., Any] | None = None
    without: tuple[str, ...] = ()
    part: tuple[Callable[[], list[np.ndarray]], float] | None = None


def _arrays(out):
    return [np.asarray(a) for a in (out if isinstance(out, (tuple, list)) else [out])]


def on_weft(w: Workload, inputs):
    def make():
        wf = peer("weft")
        if "weft" in w.special:
            return w.special["weft"](*inputs)
        module = ArrayModule(wf, wf.nn)
        mine = [wf.asarray(a) for a in inputs]
        n = len(mine) - w.weights
        weights = mine[n:]  # captured, as a method of a model would read them
        f = wf.jit(lambda *a: w.program(module, *a, *weights))
        return functools.partial(f, *mine[:n])  # `explain` is asked of it too

    return Engine(make, _arrays)


def _jax_program(w: Workload, inputs):
    """The function and its arguments, for JAX and for what compiles JAX's programs."""
    jax = peer("jax")
    if "jax" in w.special:
        return w.special["jax"](*inputs)
    module = Jax(jax.numpy, jax.nn)
    return lambda *a: w.program(module, *a), inputs


def _jax_width(inputs):
    """A context in which JAX knows the inputs' dtypes: float64 is behind a switch."""
    return peer("jax").enable_x64(any(a.dtype == np.float64 for a in inputs))


def on_jax(w: Workload, inputs):
    def make():
        jax = peer("jax")
        f, mine = _jax_program(w, inputs)
        f = jax.jit(f)
        with _jax_width(inputs):
            mine = jax.device_put(mine)

        def call():
            with _jax_width(inputs):  # a part of what f is compiled for, at its first call
                return jax.block_until_ready(f(*mine))

        return call

    return Engine(make, _arrays)


@functools.cache
def _iree_device():
    runtime = peer("iree.runtime")
    runtime.flags.parse_flags(f"--task_topology_max_group_count={THREADS}")
    return runtime.get_driver("local-task").create_default_device(allocators=["caching"])


IREE_OPTIONS = (
    "--iree-input-type=stablehlo", "--iree-input-demote-f64-to-f32=false", "--iree-hal-target-device=local",
    "--iree-hal-local-target-device-backends=llvm-cpu", "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3",
    "--iree-llvmcpu-stack-allocation-limit=131072",  # GPT-2 takes more than the default; 262144 overflows its threads'
)  # fmt: skip
IREE_LAYOUTS = (
    ("--iree-opt-data-tiling",), ("--iree-opt-data-tiling", "--iree-llvmcpu-enable-ukernels=all"),
    ("--iree-opt-data-tiling=false",),
)  # fmt: skip
IREE_MINUTES = 5


def _iree_image(program: bytes) -> bytes:
    """StableHLO compiled by the settings that IREE's guide to CPUs names: data tiling, as long as it compiles so."""
    compiler = peer("iree.compiler.tools.binaries").find_tool("iree-compile")
    for layout in IREE_LAYOUTS:
        command = [compiler, "-", *IREE_OPTIONS, *layout]
        try:
            done = subprocess.run(command, input=program, capture_output=True, timeout=60 * IREE_MINUTES)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"compiles for more than {IREE_MINUTES} minutes") from None
        if done.returncode == 0:
            return done.stdout
        error = next((s for s in done.stderr.decode(errors="replace").splitlines() if "error:" in s), "").strip()
        print(f"iree-compile {' '.join(layout)}: {error}", file=sys.stderr)
    raise RuntimeError(error.partition("error: ")[2])


def on_iree(w: Workload, inputs):
    """JAX's program, exported; weights are constants in it, so that it packs them when it compiles."""

    def make():
        jax, runtime = peer("jax"), peer("iree.runtime")
        f, mine = _jax_program(w, inputs)
        n = len(mine) - w.weights
        weights = mine[n:]
        with _jax_width(inputs):
            shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), mine[:n])
            exported = peer("jax.export").export(jax.jit(lambda *a: f(*a, *weights)))(*shapes)
        device = _iree_device()
        context = runtime.SystemContext(config=runtime.Config(device=device))
        module = runtime.VmModule.copy_buffer(context.instance, _iree_image(exported.mlir_module_serialized))
        context.add_vm_module(module)
        call = context.modules[module.name]["main"]
        return functools.partial(call, *(runtime.asdevicearray(device, a) for a in jax.tree.leaves(mine[:n])))

    return Engine(make, _arrays)


def _to_torch(a):
    torch = peer("torch")
    if a.dtype.name == "bfloat16":  # which torch does not know as NumPy's
        return torch.from_numpy(a.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(a)


def on_torch(w: Workload, inputs):
    def make():
        torch = peer("torch")
        torch.set_num_threads(THREADS)
        torch._dynamo.reset()  # each workload's compilations count from none
        if "torch.compile" in w.special:
            return w.special["torch.compile"](*inputs)
        torch._inductor.config.freezing = bool(w.weights)
        module = Torch(torch)
        mine = [_to_torch(a) for a in inputs]
        n = len(mine) - w.weights
        weights = mine[n:]
        if not w.weights:
            f = torch.compile(lambda *a: w.program(module, *a))
        else:  # frozen weights are a module's parameters

            class Net(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.p = torch.nn.ParameterList(torch.nn.Parameter(a, requires_grad=False) for a in weights)

                def forward(self, *a):
                    return w.program(module, *a, *self.p)

            f = torch.compile(Net().eval())

        def call():
            with torch.no_grad():
                return f(*mine[:n])

        return call

    def result(out):
        torch = peer("torch")
        arrays = out if isinstance(out, tuple) else [out]
        return [(a.float() if a.dtype == torch.bfloat16 else a).numpy() for a in arrays]

    return Engine(make, result)


def ort_session(onnx, ort, graph):
    """As a user would: all optimizations; threads do not spin between runs, since they would take others' turns."""
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 3
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def on_onnxruntime(w: Workload, inputs):
    def make():
        onnx, ort = peer("onnx"), peer("onnxruntime")
        if "onnxruntime" in w.special:
            return w.special["onnxruntime"](*inputs)
        e = Onnx(onnx)
        n = len(inputs) - w.weights
        values = [OnnxValue(e, f"x{i}", a.shape, a.dtype) for i, a in enumerate(inputs[:n])]
        out = w.program(e, *values, *(e.constant(a) for a in inputs[n:]))

        def info(v):
            return e.h.make_tensor_value_info(v.name, e.h.np_dtype_to_tensor_dtype(v.dtype), v.shape)

        graph = e.h.make_graph(e.nodes, "workload", [info(v) for v in values], [info(out)], e.constants)
        session = ort_session(onnx, ort, graph)
        binding = session.io_binding()  # its best way: outputs into memory that is there
        result = np.empty(out.shape, out.dtype)
        for v, a in zip(values, inputs, strict=False):
            binding.bind_cpu_input(v.name, a)
        binding.bind_output(out.name, "cpu", 0, out.dtype, out.shape, result.ctypes.data)

        def call():
            session.run_with_iobinding(binding)
            return result

        return call

    return Engine(make, _arrays)


_library: ctypes.CDLL | None = None


def limits() -> ctypes.CDLL:
    """limits.cpp, built for this machine."""
    global _library
    if _library is None:
        place = pathlib.Path(tempfile.mkdtemp()) / "limits.so"
        options = ["-O3", "-march=native", "-ffp-contract=fast", "-shared", "-fPIC", "-pthread"]
        subprocess.run(["c++", *options, "-o", place, HERE / "limits.cpp"], check=True)
        _library = ctypes.CDLL(str(place))
        for name in ("fma", "bytes", "halves"):
            getattr(_library, f"limit_{name}").argtypes = [ctypes.c_double, ctypes.c_int]
        for name in ("read", "copy", "add", "blend"):
            numbers = [ctypes.c_int64, ctypes.c_int, ctypes.c_int]
            getattr(_library, f"limit_{name}").argtypes = [*[ctypes.c_void_p] * 4, *numbers]
    return _library


def _array(n, number):
    """As arrays of Weft are: on large pages (with small ones a copy takes 1.6 times as long), each from another place
    of a page on (from the same one, 1.1 times)."""
    page = 2 << 20
    memory = mmap.mmap(-1, 4 * n + 2 * page, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    raw = np.frombuffer(memory, np.float32)
    made = raw[(-raw.ctypes.data % page) // 4 + 384 * number :][:n]
    made[:] = 1  # written: pages of zeros would all be one page in the cache
    return made


def limit(kind: str, amount: float):
    products = kind in ("fma", "bytes", "halves")
    enough = 1e9 if products else 16 << 20  # each call starts threads: milliseconds of work hide that
    repeats = max(1, int(enough / amount))

    def make():
        function = getattr(limits(), f"limit_{kind}")
        if products:
            return lambda: function(amount * repeats, THREADS)
        arrays = [_array(int(amount), i) for i in range({"read": 2, "copy": 2, "add": 3, "blend": 4}[kind])]
        places = [a.ctypes.data for a in arrays] + [None] * (4 - len(arrays))
        return lambda kept=arrays: function(*places, int(amount), THREADS, repeats)

    return Engine(make, times=1 / repeats)


def limit_of_arithmetic(w: Workload):
    """Weft's own kernel on data that stays in the caches: what it takes where memory is free.

    Its calls are too short to wake a thread for, but keep one busy that is awake.
    """
    make_inputs, times = w.part
    return Engine(lambda: on_weft(w, make_inputs()).make(), times=times, before=lambda: _long_call()())


@functools.cache
def _long_call():
    wf = peer("weft")
    return functools.partial(wf.jit(lambda x: wf.sum(x)), wf.asarray(np.ones(4 << 20, np.float32)))


PEERS = {"jax": on_jax, "torch.compile": on_torch, "onnxruntime": on_onnxruntime, "iree": on_iree}
