"""`import weft` beyond `import numpy`, in fresh processes; peers beside it.

Weft's names load what they need when they are first used, so the row that counts also touches those of every program.
"""

from __future__ import annotations

import sys

from harness import Result, at_most, fresh

TITLE = "import, beyond import numpy"
CODE = """
import sys, time, numpy
begin = time.perf_counter()
try:
    {code}
except ImportError:
    sys.exit(3)
print((time.perf_counter() - begin) * 1e3)
"""


def run(seconds: float) -> Result:
    imports = {
        "weft, with jit, grad, nn and ops": "import weft as wf; wf.jit, wf.Array, wf.grad, wf.nn, wf.sum, wf.matmul",
        "weft, only the import": "import weft",
        "jax, with numpy": "import jax.numpy",
        "torch": "import torch",
        "onnxruntime": "import onnxruntime",
    }
    engines = {name: [sys.executable, "-c", CODE.format(code=code)] for name, code in imports.items()}
    rows = fresh("import", engines, rounds=max(3, round(5 * seconds)))
    return Result(
        "imports", TITLE, rows, [at_most("import weft, with what programs use", rows, next(iter(imports)), 80)]
    )
