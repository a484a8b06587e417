"""Checks that Weft works in one process with torch and jaxlib, which bring LLVMs of their own, whoever comes first.

`./dev bench` runs it in its environment, on the installed wheel. Each order of importing and compiling has a process.

    .venv-bench/bin/python test/wheel/one_process.py
"""

import itertools
import os
import shutil
import subprocess
import sys

import numpy as np

X = np.linspace(-2, 2, 24, dtype=np.float32).reshape(4, 6)
WANTED = np.exp(X).sum(axis=1)


def weft():
    """exp and a sum, compiled by Weft."""
    import weft as wf

    return np.asarray(wf.jit(lambda x: wf.sum(wf.exp(x), axis=1))(X))


def torch():
    """The same by torch's compiler."""
    import torch

    if not shutil.which("g++"):  # torch's compiler calls one; the project's packages bring clang (and it needs omp.h)
        os.environ.setdefault("CXX", "clang++-22")
    return torch.compile(lambda x: torch.exp(x).sum(dim=1))(torch.from_numpy(X)).numpy()


def jax():
    """The same by XLA."""
    import jax
    import jax.numpy as jnp

    return np.asarray(jax.jit(lambda x: jnp.exp(x).sum(axis=1))(X))


ENGINES = {"weft": weft, "torch": torch, "jax": jax}


def main() -> int:
    """Without arguments: every order. With names: those engines, in this process, twice around."""
    if len(sys.argv) > 1:
        for name in sys.argv[1:] * 2:
            np.testing.assert_allclose(ENGINES[name](), WANTED, rtol=1e-5, err_msg=name)
        return 0
    failed = 0
    for order in itertools.permutations(ENGINES):
        done = subprocess.run([sys.executable, __file__, *order], capture_output=True, text=True, timeout=600)
        print(f"{', '.join(order)}: {'works' if done.returncode == 0 else f'FAILS with status {done.returncode}'}")
        if done.returncode:
            print(done.stderr[-2000:])
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
