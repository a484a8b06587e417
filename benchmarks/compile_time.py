"""The first call of whole workloads, each in a process of its own: with an empty cache, with a warm one, beside JAX.

Decides what counts as the first call: from the call to its result, when the engine is imported and holds the inputs;
so opening the compiler, tracing, compiling, loading, what is packed once, and the run. *CPU* is the time of all its
threads, which says more than the clock where other work takes the cores; *trace* and *compile* are what Weft's own
ledger says of it (`explain().ledger`), *call* is a later call. Figures are the best of the rounds, in milliseconds;
engines take turns.

    python benchmarks/compile_time.py [names] [--rounds N] [--engines weft,weft warm,jax]
    python benchmarks/compile_time.py --save    # writes the table of benchmarks/README.md
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

README = pathlib.Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- compile_time.py --save writes from here -->", "<!-- to here: compile_time.py -->"
ENGINES = ("weft", "weft warm", "jax")
COLUMNS = ("first", "cpu", "trace", "compile", "call", "import")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def one(name: str, engine: str) -> dict[str, float]:
    """Runs one engine in this process."""
    from engines import PEERS, on_weft
    from harness import peer
    from rows import WORKLOADS

    w = next(w for w in WORKLOADS if w.name == name)
    inputs = w.inputs()
    begin = time.perf_counter()
    if engine == "jax":
        peer("jax.numpy")
    else:
        wf = peer("weft")
        _ = wf.jit, wf.nn, wf.asarray  # imported at the first use
    imported = time.perf_counter() - begin
    made = (on_weft if engine != "jax" else PEERS["jax"])(w, inputs)
    call = made.make()
    begin, used = time.perf_counter(), _cpu()
    call()
    figures = {"first": time.perf_counter() - begin, "cpu": _cpu() - used, "import": imported}
    later = []
    for _ in range(5):
        begin = time.perf_counter()
        call()
        later.append(time.perf_counter() - begin)
    figures = {k: v * 1e3 for k, v in (figures | {"call": min(later)}).items()}
    if engine == "weft":
        stages = dict(call.func.explain(*call.args).ledger.stages)
        figures["trace"] = stages.pop("traced")
        figures["compile"] = sum(stages.values())
    return figures


def interpreter() -> float:
    """Milliseconds of an interpreter that imports NumPy and ends: in none of the figures."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import numpy"], check=True)
        times.append(time.perf_counter() - begin)
    return min(times) * 1e3


def measure(name: str, engines: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """The best of each figure, per engine."""
    best: dict[str, dict[str, float]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:  # empty for each first call; the warm one finds it filled
            for engine in engines:
                run = [sys.executable, __file__, "--one", name, engine]
                environment = os.environ | {"WEFT_CACHE_DIR": folder}
                done = subprocess.run(run, capture_output=True, text=True, check=False, env=environment)
                if done.returncode:
                    print(f"{name:34} {engine:10} {done.stderr.strip().splitlines()[-1][:60]}")
                    continue
                figures = json.loads(done.stdout.splitlines()[-1])
                known = best.setdefault(engine, figures)
                best[engine] = {k: min(v, known[k]) for k, v in figures.items()}
    return best


def save(figures: dict[str, dict[str, dict[str, float]]]) -> None:
    """Writes the table of the README."""
    import machine

    lines = [
        "| workload | first call | trace + compile | CPU | warm cache | JAX | Weft / JAX |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, of in figures.items():
        weft, jax = of["weft"], of["jax"]["first"]
        cells = [weft["first"], weft["trace"] + weft["compile"], weft["cpu"], of["weft warm"]["first"], jax]
        lines.append(f"| {name} | {' | '.join(f'{c:.0f}' for c in cells)} | {weft['first'] / jax:.2f} |")
    told = f"Milliseconds. The interpreter with NumPy takes {interpreter():.0f} more, in no figure. The machine:"
    about = machine.describe()
    text = "; ".join(f"{k}: {about[k]}" for k in ("processor", "cores of this process", "load before the run", "weft"))
    table = "\n".join(lines)
    from harness import write_between  # opens NumPy, which is a part of what is timed elsewhere here

    write_between(README, BEGIN, END, f"{table}\n\n{told} {text}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of workloads' names; none: all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", default=",".join(ENGINES), help=f"of {', '.join(ENGINES)}, in this order")
    parser.add_argument("--save", action="store_true", help="write the table of the README, of the workloads that ran")
    parser.add_argument("--one", nargs=2, metavar=("WORKLOAD", "ENGINE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(*options.one)))
        return 0
    from rows import WORKLOADS

    print(f"the interpreter with NumPy, in no figure: {interpreter():.0f} ms")
    print(f"{'workload':34} {'engine':10}" + "".join(f"{c:>9}" for c in COLUMNS) + "   of jax")
    figures = {}
    for w in WORKLOADS:
        if options.names and not any(n in w.name for n in options.names):
            continue
        best = figures[w.name] = measure(w.name, options.engines.split(","), options.rounds)
        for engine, known in best.items():
            cells = "".join(f"{known[c]:9.1f}" if c in known else f"{'':9}" for c in COLUMNS)
            of = f"{known['first'] / best['jax']['first']:9.2f}" if "jax" in best else ""
            print(f"{w.name:34} {engine:10}{cells}{of}", flush=True)
    if options.save:
        save(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
