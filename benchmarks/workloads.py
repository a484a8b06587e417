#!/usr/bin/env python3
"""Whole workloads beside peers and beside the machine's limit, in one run, in turns, checked against float64.

    python benchmarks/workloads.py [names] [--seconds S] [--engines weft,limit,jax,...]
    python benchmarks/workloads.py --save    # commits the ratios, and writes the table of benchmarks/README.md
    python benchmarks/workloads.py --gate    # exit 1 where a ratio is worse than committed by more than noise

Decides what is printed, committed and held against what was committed. The workloads are in `rows.py`, each one program
written once for every engine; how an engine runs it is in `engines.py`, what it calls softmax in `spellings.py`.
"""

from __future__ import annotations

import argparse
import json
import math
import pathlib
import sys
from typing import Any

import machine
import numpy as np
from engines import PEERS, THREADS, Workload, limit, limit_of_arithmetic, on_weft
from harness import Result, Row, measure, write_between
from rows import NAMED, WORKLOADS
from spellings import Numpy

HERE = pathlib.Path(__file__).resolve().parent
COMMITTED = HERE / "workloads.json"
README = HERE / "README.md"
MATH = "vector math"
BEGIN, END = "<!-- workloads.py --save writes from here -->", "<!-- to here: workloads.py -->"


def run_one(w: Workload, seconds: float, engines: list[str] | None = None) -> list[Row]:
    inputs = w.inputs()
    taken = {"weft": on_weft(w, inputs)}
    taken |= {f"limit ({kind})": limit(kind, amount) for kind, amount in w.bounds.items()}
    if w.part:
        taken[f"limit ({MATH})"] = limit_of_arithmetic(w)
    taken |= {name: make(w, inputs) for name, make in PEERS.items() if name not in w.without}
    if engines:
        taken = {name: engine for name, engine in taken.items() if name.split()[0] in engines}
    exact = [a.astype(np.float64) for a in inputs]
    wanted = w.check(*exact) if w.check else w.program(Numpy, *exact)
    wanted = list(wanted) if isinstance(wanted, (tuple, list)) else [wanted]
    return measure(w.name, taken, wanted=wanted, tolerance=w.tolerance, unit="ms", seconds=seconds)


def ratios(rows: list[Row]) -> dict[str, Any]:
    """Weft's time as a fraction of the best peer's, and the limits' as fractions of Weft's; "noise" is by how much the
    ratios of the first half of the rounds differ from those of the second.

    "of limit" is of the machine's own, which a faster kernel always comes nearer to; "of bound" takes in what the
    kernel's instructions take without memory: where that binds, "bound by" says so.
    """
    times = {r.engine: r.best for r in rows if r.best is not None}
    weft = times.get("weft")
    peers = {name: t for name, t in times.items() if name in PEERS}
    bounds = {name[len("limit (") : -1]: t for name, t in times.items() if name.startswith("limit")}
    machines = {what: t for what, t in bounds.items() if what != MATH}
    machine = max(machines, key=machines.get) if machines else None
    binds = max(bounds, key=bounds.get) if bounds else None
    best = min(peers, key=peers.get) if peers else None
    halves = {r.engine: r.halves for r in rows if r.halves}
    others = [halves[name] for name in (best, f"limit ({machine})") if name in halves]
    drifts = [math.log(a * d / (b * c)) for a, b in [halves.get("weft", (1, 1))] for c, d in others]
    return {
        "weft": weft,
        "best peer": best,
        "to peer": weft / peers[best] if weft and best else None,
        "of limit": machines[machine] / weft if weft and machines else None,
        "of bound": bounds[binds] / weft if weft and binds else None,
        "bound by": {"bytes": "fma", "halves": "fma", "fma": "fma", MATH: MATH}.get(binds, "memory") if binds else None,
        "noise": math.expm1(max(map(abs, drifts), default=0.0)),
    }


def run(seconds: float, names: list[str] | None = None, engines: list[str] | None = None) -> Result:
    result = Result("workloads", f"Workloads beside peers and the machine's limit, {THREADS} threads")
    for w in WORKLOADS:
        if names and not any(n in w.name for n in names):
            continue
        rows = run_one(w, seconds, engines)
        result.rows += rows
        r = ratios(rows)
        known = {k: f"{v:.2f}" if isinstance(v, float) else str(v) for k, v in r.items()}
        cells = "  ".join(f"{row.engine} {row.best:.3g}" if row.best else f"{row.engine}: {row.note}" for row in rows)
        print(f"{w.name:26} {cells}")
        told = f"to peer {known['to peer']} ({known['best peer']}), of limit {known['of bound']} ({bound(r)})"
        print(f"{'':26} {told}", flush=True)
    result.remarks += means(by_name(result))
    print("\n".join(result.remarks))
    return result


def bound(r: dict[str, Any]) -> str:
    """What binds, and where that is vector math how near memory comes."""
    also = f"; memory {r['of limit']:.2f}" if r.get("bound by") == MATH and r["of limit"] else ""
    return (r.get("bound by") or "") + also


def means(table: dict[str, dict[str, Any]]) -> list[str]:
    """A line on all rows, and one on those that issue 5 names."""
    told = []
    for what, names in (("all workloads", table), (f"the {len(NAMED)} that issue 5 names", NAMED)):
        ratios = [table[name]["to peer"] for name in names if name in table and table[name]["to peer"]]
        if ratios and (names is table or len(ratios) == len(NAMED)):
            mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
            told.append(f"Geometric mean of Weft's time over the best peer's, {what}: {mean:.2f}.")
    return told


def by_name(result: Result) -> dict[str, dict[str, Any]]:
    names = dict.fromkeys(row.what for row in result.rows)
    return {name: ratios([row for row in result.rows if row.what == name]) for name in names}


def gate(result: Result) -> int:
    """1 where a ratio to the best peer or to the limit is worse than committed by more than the noise of both runs."""
    committed, worse = committed_rows(json.loads(COMMITTED.read_text())), 0
    for name, now in by_name(result).items():
        then = committed.get(name)
        if not then:
            continue
        allowed = 1 + max(0.1, now["noise"] + then["noise"])
        for key, grows in (("to peer", True), ("of limit", False)):
            if now[key] is None or then[key] is None:
                continue
            if key == "of limit" and then.get("bound by") == MATH:
                continue  # the machine's limit moves, and this row not with it
            factor = now[key] / then[key] if grows else then[key] / now[key]
            if factor > allowed:
                print(f"WORSE: {name}: {key} {then[key]:.2f} -> {now[key]:.2f} (allowed: a factor of {allowed:.2f})")
                worse = 1
    return worse


def committed_rows(committed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Those of this kind of machine; empty: none yet."""
    return committed.get(machine.kind(), {}).get("rows", {})


def save(result: Result) -> None:
    """Commits the ratios, and writes the tables of the README: of each kind of machine all that was ever committed."""
    committed = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {}
    known = committed_rows(committed) | by_name(result)
    rows = {w.name: known[w.name] for w in WORKLOADS if w.name in known}
    committed[machine.kind()] = {"machine": machine.describe(), "rows": rows}
    COMMITTED.write_text(json.dumps(committed, indent=1) + "\n")
    texts = [f"### {kind}\n\n{text(saved['rows'], saved['machine'])}" for kind, saved in committed.items()]
    write_between(README, BEGIN, END, "\n\n".join(texts))


def text(rows: dict[str, dict[str, Any]], about: dict[str, str]) -> str:
    """A table, its means, and the machine."""

    def number(x: float | None, digits: str = ".3g") -> str:
        return "" if x is None else f"{x:{digits}}"

    lines = ["| workload | Weft, ms | best peer, ms | of it | limit / Weft | bound by |", "|---|---|---|---|---|---|"]
    for name, r in rows.items():
        best = f"{number(r['weft'] / r['to peer'])} {r['best peer']}" if r["to peer"] else ""
        of = r.get("of bound", r["of limit"])
        cells = [name, number(r["weft"]), best, number(r["to peer"], ".2f"), number(of, ".2f"), bound(r)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *means(rows), "", *(f"- {what}: {value}" for what, value in about.items())])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="parts of workloads' names; none: all")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each engine is timed in each workload")
    parser.add_argument("--engines", help="comma-separated: weft, limit, jax, torch.compile, onnxruntime, iree")
    parser.add_argument("--gate", action="store_true", help="compare the ratios with the committed ones")
    parser.add_argument("--save", action="store_true", help="commit the ratios: write them to workloads.json")
    options = parser.parse_args()
    result = run(options.seconds, options.names, options.engines.split(",") if options.engines else None)
    if options.save:
        save(result)
    wrong = any(row.engine == "weft" and row.best is None for row in result.rows)
    return int(wrong) or (gate(result) if options.gate else 0)


if __name__ == "__main__":
    sys.exit(main())
