"""Random programs of the dialect, each compiled, run, and held to the reference interpreter bit for bit, and to NumPy.

Decides what of a program is compared, and how many are run; graph_program.py says which programs there are, and
graph_numpy.py what they mean apart from all that Weft knows.

    python test/python/random_graphs.py 40000 41000     prints what differs, and how often each op ran
    python test/python/random_graphs.py 40017 --text    the program of a seed (weft-run takes it)
    python test/python/random_graphs.py 40000 50000 --log runs.jsonl
                                                        a line for each 100 seeds; goes on where it stopped
    python test/python/random_graphs.py --report runs.jsonl
                                                        what the lines of such files say together, as Markdown
    python test/python/random_graphs.py --again runs.jsonl
                                                        runs the seeds anew that were wrong, a line for each

With --numpy each program is held to NumPy too, which takes twice the time. With --target it is compiled for that target
(targets.py), not for this machine.

A program that ends its process counts as wrong: with --log each range runs in a process of its own. Counted apart is
what is refused with the code of a documented limit (REFUSALS), and what takes more than PATIENCE: the interpreter does,
where loops stand in batches of derivatives.
"""

import argparse
import collections
import contextlib
import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time

import graph_numpy
import numpy as np
import targets
from graph_coverage import LEAST, LEAST_UNDER, Coverage
from graph_program import Program
from weft._src import _weft, dtypes, effects, errors, pytree
from weft._src._op_table import OPS
from weft._src.trace import Spec

PATIENCE = 60  # seconds of the processor for one program
REFUSALS = {"WF3006": "the derivative of a convolution by a window of a named size"}
RANGE = 100


class Refused(Exception):
    """A program that the compiler may refuse, by the documentation of its code, or that has other bits on a target."""


@contextlib.contextmanager
def printed(into):
    """What the process prints meanwhile, as text appended to `into`."""
    sys.stdout.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            yield
        finally:
            os.dup2(kept, 1)
            os.close(kept)
            file.seek(0)
            into.append(file.read().decode())


def outcome(run):
    """The results of a run, or the message of the check that failed in it; and what it printed."""
    texts, values, message = [], [], None
    with printed(texts):
        try:
            values = run()
        except errors.CheckError as error:
            message = re.sub(r"^(<ir>:[\d:]*: )?(\[WF5023\] )?", "", error.message)
    return values, message, texts[0]


def native(program, compiled):
    """The results of native code. Who performs effects: the host where it is called, else the runtime itself."""
    if "weft.callback" in program.text:
        for element in ("f32", "f64", "f16", "i32", "i64"):
            kind = {"f": "float", "i": "int"}[element[0]] + element[1:]
            _, tree = pytree.flatten(0)
            spec = Spec((), dtypes.BY_NAME[kind])
            _, arguments = pytree.flatten((0,))
            effects._functions[f"twice {element}"] = effects._Function(lambda x: x + x, (spec,), tree, arguments)
        _weft.set_effects(effects.perform)
    else:
        _weft.set_effects(None)
    try:
        return outcome(lambda: compiled(program.inputs))
    finally:
        _weft.set_effects(effects.perform)


def reference(program, module):
    """The results of the reference interpreter."""
    given = [
        (dtypes.dtype(a.dtype).code, a.shape, np.ascontiguousarray(a).reshape(-1).view(np.uint8).tobytes())
        for a in program.inputs
    ]
    values, message, text = outcome(lambda: _weft.reference(module, "main", given, program.num_results))
    values = [np.frombuffer(raw, dtypes.BY_CODE[code].numpy).reshape(shape) for code, shape, raw in values]
    return values, message, text


CALLBACK = re.compile(r"(%\w+) = weft\.callback .*?\((%\w+) : (tensor<.*?>)\)(?: mask\((%\w+) : .*?\))? \{lanes.*")


def hostless(text):
    """The program with what its host computes in place of the calls: the reference has no host."""

    def ops(match):
        r, x, kind, mask = match.groups()
        element = re.match(r"tensor<(?:[?\d]+x)*(\w+)", kind).group(1)
        if not mask:
            return f"{r} = weft.add {x}, {x} : ({kind}, {kind}) -> {kind}"
        zero, dims = "0.0" if element[0] == "f" else "0", "{dims = array<i64>}"
        bools = re.sub(f"{element}(?=[,>])", "i1", kind, count=1)
        return (
            f"{r}_y = weft.add {x}, {x} : ({kind}, {kind}) -> {kind}\n"
            f"{r}_c = weft.constant {{value = dense<{zero}> : tensor<{element}>}} : () -> tensor<{element}>\n"
            f"{r}_z = weft.broadcast {r}_c {dims} : (tensor<{element}>) -> {kind}\n"
            f"{r}_m = weft.broadcast {mask} {dims} : (tensor<i1>) -> {bools}\n"
            f"{r} = weft.select {r}_m, {r}_y, {r}_z : ({bools}, {kind}, {kind}) -> {kind}"
        )

    return CALLBACK.sub(ops, text)


def different(got, want):
    """None, or how two lists of arrays differ; NaNs are alike."""
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        if g.shape != w.shape or g.dtype != w.dtype:
            return f"result {i} is {g.dtype}{g.shape}, by the reference {w.dtype}{w.shape}"
        bits = np.dtype(f"u{w.dtype.itemsize}")
        wrong = np.asarray(g).view(bits) != w.view(bits) if w.ndim else np.asarray(g.tobytes() != w.tobytes())
        if w.dtype.kind == "f":
            wrong &= ~(np.isnan(g) & np.isnan(w))
        if wrong.any():
            at = tuple(int(k[0]) for k in np.nonzero(wrong)) if w.ndim else ()
            found = f"{g[at]!r}, by the reference {w[at]!r}"
            return f"result {i}: {int(wrong.sum())} of {w.size} differ, first at {at}: {found}"
    return None


def parsed(text):
    return _weft.ir.Module.parse(text, context=_weft.ir.Context())


class Numbers:
    """How many programs were held to NumPy, how many were too large, and how many elements it knew and did not know."""

    def __init__(self):
        self.counts = collections.Counter()

    def wrong(self, program, seed, module, results):
        """None, or how the results differ from NumPy's."""
        try:
            found = graph_numpy.compare(module, program.inputs, results, seed)
        except graph_numpy.TooLarge:
            self.counts["too large"] += 1
            return None
        self.counts.update({"programs": 1, "known": found.known, "unknown": found.unknown})
        return found.wrong


# Factorisations are Eigen's, which has another order of operations on that machine; and nobody is there to call.
NOT_ON_AARCH64 = re.compile(
    rf"weft\.({'|'.join(['callback', *(n for n, r in OPS.items() if r.family == 'Linalg')])})\b"
)


def difference(program, coverage=None, numbers=None, target="host"):
    """Compiles and runs a program; None, or what is wrong with it.

    Args:
        coverage: counts its ops. numbers: holds its results to NumPy's as well.

    Raises:
        Refused: where the compiler says that it cannot, with a code of REFUSALS, or the target has not the same bits.
    """
    if target == "aarch64" and NOT_ON_AARCH64.search(program.text):
        raise Refused(target)
    module = parsed(program.text)
    resolved = parsed(hostless(program.text))
    try:
        _weft.pipeline(resolved, "traced", "resolved", "")
    except errors.WeftError as error:
        if error.code in REFUSALS:
            raise Refused(error.code) from None
        raise
    compiled = targets.Native(module, target)
    got, message, text = native(program, compiled)
    want, expected, shown = reference(program, resolved)
    if coverage is not None:
        coverage.add(module, compiled.report)
    # Of a long message the runtime holds the beginning; the sign of NaN means nothing.
    message, expected, text, shown = (t and t.replace("-nan", "nan") for t in (message, expected, text, shown))
    if message != expected and not (message and len(message) > 300 and (expected or "").startswith(message)):
        return f"the check that fails says {message!r}, by the reference {expected!r}"
    if text != shown:
        return f"prints {text[:300]!r}, by the reference {shown[:300]!r}"
    if message is not None:
        return None
    return different(got, want) or (numbers and numbers.wrong(program, program.seed, module, want))


# ------------------------------------------------------------------------------------------------------------- ranges


def run(first, last, numpy, target="host"):
    """Runs seeds in this process; gives what is told of them. The number of the last one is on stderr."""
    wrong, refused, coverage, start = {}, 0, Coverage(), time.process_time()
    numbers = Numbers() if numpy else None
    for seed in range(first, last):
        # Unbuffered, so that a crash is known by its seed; the limit is of the processor's time, for others work too.
        os.write(2, f"\r{seed} ".encode())
        signal.setitimer(signal.ITIMER_PROF, PATIENCE)
        try:
            found = difference(Program(seed), coverage, numbers, target)
        except Refused:
            refused += 1
            continue
        except Exception as error:  # a program that is not compiled is a finding too
            found = f"{type(error).__name__}: {str(error)[:1500]}"
        if found:
            wrong[seed] = found
            os.write(2, f"\rseed {seed}: {found}\n".encode())
    signal.setitimer(signal.ITIMER_PROF, 0)
    return {
        "first": first, "last": last, "wrong": wrong, "refused": refused, "counts": dict(coverage.counts),
        "numpy": dict(numbers.counts) if numbers else {},
        "seconds": round(time.process_time() - start, 1), "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }  # fmt: skip


def apart(first, last, more):
    """Runs seeds in a process of their own, and gives what is told of them; a seed that ends its process is wrong."""
    command = [sys.executable, __file__, str(first), str(last), "--json", *more]
    done = subprocess.run(command, capture_output=True, text=True)
    with contextlib.suppress(ValueError):
        return [json.loads(done.stdout)]
    seed = int(re.findall(r"[\r\n](\d+) ", done.stderr)[-1])  # text mode makes new lines of returns
    end = {"first": seed, "last": seed + 1, "wrong": {}}
    if done.returncode == -signal.SIGPROF:
        end["slow"] = 1
    else:
        end["wrong"] = {seed: f"ended by {-done.returncode}: {done.stderr[-300:]}"}
    out = apart(first, seed, more) if first < seed else []
    return [*out, end, *(apart(seed + 1, last, more) if seed + 1 < last else [])]


def read(paths):
    return [json.loads(line) for path in paths for line in pathlib.Path(path).read_text().splitlines()]


def commit_of_now():
    return subprocess.run(["git", "log", "-1", "--format=%h"], capture_output=True, text=True).stdout.strip()


def log(first, last, path, more):
    """Runs ranges of seeds, and appends a line for each to a file, which says what need not be run again."""
    commit = commit_of_now()
    done = (
        {(line["first"] // RANGE) for line in read([path]) if "first" in line} if pathlib.Path(path).exists() else set()
    )
    for start in range(first, last, RANGE):
        if start // RANGE in done:
            continue
        lines = apart(start, min(start + RANGE, last), more)
        with open(path, "a") as file:
            file.writelines(json.dumps({**line, "commit": commit}) + "\n" for line in lines)


def again(paths, more):
    """Runs the seeds that files say are wrong, and appends to the last file what they are now."""
    for seed in sorted({int(seed) for line in read(paths) for seed in line["wrong"]}):
        (told,) = apart(seed, seed + 1, more)
        with open(paths[-1], "a") as file:
            file.write(json.dumps({"again": seed, "wrong": told["wrong"], "commit": commit_of_now()}) + "\n")


HEAD = """# Random graphs

Programs of random ops, each compiled with `numerics="strict"`, run, and held to the reference interpreter: values bit
for bit, what they print line for line, the checks that fail. Some are held to NumPy too, which knows nothing of the
compiler but its parser: values, batches (a loop over lanes), derivatives (dual numbers) and their chains. What a seed
stands for is said in `test/python/graph_program.py`. This page is written by the program; a seed that was wrong once is
a test (`test/python/test_random_graphs.py`).

```sh
python test/python/random_graphs.py 40000 41000 --numpy --log runs.jsonl   # resumable: a line for each 100 seeds
python test/python/random_graphs.py --report runs.jsonl > docs/random-graphs.md
```

`refused`: the compiler said that it cannot, with the code of a documented limit. `slow`: took more than a minute of
the processor, by the interpreter. `wrong then`: differed, or did not compile, on the tree of that run; `now`: run again
since. What differed from the interpreter, and what ended the process, has
been repaired, and its seeds are tests. Most of what differed from NumPy alone was NumPy's: what it knows of a graph has
been narrowed. Ops are counted in seeds from 40000 on; those from 60000 on have linear algebra, those from 80000 on most
of all factorisations, and matrices that loops read packed.
"""


def report(paths):
    """What the lines of files say together, as Markdown."""
    lines = read(paths)
    yield HEAD
    coverage, ranges = Coverage(), {}
    still = {line["again"]: bool(line["wrong"]) for line in lines if "again" in line}
    for line in (line for line in lines if "first" in line):
        coverage.counts.update(line.get("counts", {}))
        total = ranges.setdefault(line["first"] // 10_000 * 10_000, collections.Counter())
        total.update({"programs": line["last"] - line["first"], "refused": line.get("refused", 0)})
        total.update({"slow": line.get("slow", 0)})
        total.update({"now": sum(still.get(int(seed), True) for seed in line["wrong"])})
        total.update({"wrong": len(line["wrong"]), **{f"numpy {k}": n for k, n in line.get("numpy", {}).items()}})
    yield "| seeds from | programs | refused | slow | wrong then | now | held to NumPy | elements known by NumPy |"
    yield "|---|---|---|---|---|---|---|---|"
    for first, total in sorted(ranges.items()):
        known, unknown = total["numpy known"], total["numpy unknown"]
        share = f"{known} of {known + unknown}" if known else ""
        columns = [first, *(total[k] for k in ("programs", "refused", "slow", "wrong", "now", "numpy programs")), share]
        yield f"| {' | '.join(map(str, columns))} |"
    yield ""
    yield "Commits: " + ", ".join(sorted({f"`{line['commit']}`" for line in lines if line.get("commit")})) + "."
    yield f"""
How many of the programs hold each op, live, in all and under each transformation and pair of them; the rarest first. At
least {LEAST} and {LEAST_UNDER} were asked for.
"""
    yield "```"
    yield str(coverage)
    yield "```"
    yield ""
    few = list(coverage.missing())
    yield "Below the least: " + ("; ".join(few) if few else "nothing") + "."


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("first", type=int, nargs="?")
    parser.add_argument("last", type=int, nargs="?", help="one past the last seed")
    parser.add_argument("--text", action="store_true", help="print the program instead of running it")
    parser.add_argument("--json", action="store_true", help="print what is told of the range as JSON")
    parser.add_argument("--numpy", action="store_true", help="hold the results to NumPy's too")
    parser.add_argument("--target", default="host", choices=["host", *targets.RUNNABLE], help="compile for a target")
    parser.add_argument("--log", metavar="FILE", help="run ranges in processes of their own, a line for each")
    parser.add_argument("--again", metavar="FILE", nargs="+", help="run anew what such files say is wrong")
    parser.add_argument("--report", metavar="FILE", nargs="+", help="print what such files say")
    options = parser.parse_args()
    if options.report:
        print("\n".join(report(options.report)))
        return 0
    if options.again:
        again(options.again, ["--numpy"])
        return 0
    last = options.last or options.first + 1
    if options.text:
        print("\n".join(Program(seed).text for seed in range(options.first, last)))
        return 0
    if options.log:
        log(options.first, last, options.log, ["--numpy"] * options.numpy + ["--target", options.target])
        return 0
    told = run(options.first, last, options.numpy, options.target)
    if options.json:
        print(json.dumps(told))
        return 0
    print(Coverage(told["counts"]))
    print(f"{len(told['wrong'])} programs are wrong, {told['refused']} refused")
    return len(told["wrong"]) > 0


if __name__ == "__main__":
    sys.exit(main())
