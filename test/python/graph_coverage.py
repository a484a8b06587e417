"""What random programs cover: how many of them hold each op of the dialect, alone and under each transformation.

Decides what counts: an op that something reads; under a derivative, one that a floating argument reaches (or that has
no floating operand: then it must do no harm). kernel, launch, copy and pack are made by passes: they count where the
compiled program has them.
"""

import collections
import itertools

from weft._src._op_table import OPS

SINGLE = ("jvp", "vjp", "vmap")
PAIRS = tuple(f"{outer} of {inner}" for outer, inner in itertools.product(SINGLE, SINGLE))
LEAST, LEAST_UNDER = 200, 20  # programs for each op, and for each op under each transformation
MADE_BY_PASSES = {
    "kernel": lambda report: report["kernels"], "launch": lambda report: report["launches"],
    "copy": lambda report: report["copies"], "pack": lambda report: any("pack" in k["ops"] for k in report["kernels"]),
}  # fmt: skip


def is_float(value):
    return str(value.type).split(",")[0].rstrip(">").endswith(("f16", "bf16", "f32", "f64"))


def live_ops(block):
    """The ops of a block whose results something reads, or that are effects, last first; with those inside them."""
    read, out = set(), []
    for op in reversed(list(block.operations)):
        name = op.name.removeprefix("weft.")
        inside = [live_ops(b) for region in op.regions for b in region.blocks]
        effect = not op.results or name == "callback" or any(e for _, e in inside)
        if not effect and not any(v in read for v in op.results):
            continue
        read.update(op.operands)
        out.append((op, [ops for ops, _ in inside]))
    return out, any(not op.results and op.name.startswith("weft.") and op.name != "weft.yield" for op, _ in out)


class Coverage:
    """How many programs each op stood in: in all, and under each transformation and pair of them."""

    def __init__(self, counts=None):
        self.counts = collections.Counter(counts or {})

    def add(self, module, report):
        """Counts a program: its traced module, and the report of its compilation."""
        functions = {str(f.attributes["sym_name"]).strip('"'): f for f in module.body.operations}
        seen, found = set(), set()

        def visit(name, stack):
            if (name, stack) in seen:
                return
            seen.add((name, stack))
            block = functions[name].regions[0].blocks[0]
            active = {v for v in block.arguments if is_float(v)}
            count(live_ops(block)[0], active, stack)

        def count(ops, active, stack):
            under = {*stack, *(f"{outer} of {inner}" for outer, inner in itertools.combinations(stack, 2))}
            for op, inside in reversed(ops):
                name = op.name.removeprefix("weft.")
                moves = any(v in active for v in op.operands)
                if moves:
                    active.update(v for v in op.results if is_float(v))
                if name in OPS:
                    found.add((name, ""))
                    counted = moves or not any(is_float(v) for v in op.operands)
                    found.update((name, t) for t in under if counted or t == "vmap" or t == "vmap of vmap")
                for block, inner in zip((b for r in op.regions for b in r.blocks), inside, strict=True):
                    count(inner, {v for v in block.arguments if moves and is_float(v)}, stack)
                if name in ("call", *SINGLE):
                    callee = str(op.attributes["callee"]).lstrip("@")
                    visit(callee, stack if name == "call" else (*stack, name))

        visit("main", ())
        found.update((name, "") for name, is_in in MADE_BY_PASSES.items() if is_in(report))
        self.counts.update(f"{name}/{under}" if under else name for name, under in found)

    def rows(self):
        """Per op: its name, the number of programs, those under each transformation and each pair; the rarest first."""
        out = []
        for name in OPS:
            out.append([name, self.counts[name], *(self.counts[f"{name}/{under}"] for under in SINGLE + PAIRS)])
        return sorted(out, key=lambda row: (row[1], row[0]))

    def missing(self):
        """What is below the least, as lines."""
        for name, programs, *under in self.rows():
            if programs < LEAST:
                yield f"{name}: {programs} programs"
            if name not in MADE_BY_PASSES:
                few = [f"{n} under {t}" for t, n in zip(SINGLE, under, strict=False) if n < LEAST_UNDER]
                if few:
                    yield f"{name}: {', '.join(few)}"

    def __str__(self):
        heads = ["op", "programs", *SINGLE, *PAIRS]
        rows = [heads, *([str(cell) for cell in row] for row in self.rows())]
        return "\n".join(f"{row[0]:16}" + "".join(f"{cell:>{len(head) + 2}}" for cell, head in
                                                  zip(row[1:], heads[1:], strict=True)) for row in rows)  # fmt: skip
