"""`f.show(*args)`: a page with the graph of a program before and after optimisation, for a browser, in one file.

Decides what of the IR goes into the page: each function, region and kernel is a graph of its own, whose nodes are ops
with their text, the user's lines and, at the stage `kernels`, the kernel they became. The page itself (show.html) lays
graphs out and draws them; it loads nothing from anywhere.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from typing import Any

from weft._src import _weft, explain, source, trace

STAGES = (
    ("traced", "as traced", "what the Python function does, op by op; derivatives and batches are requests"),
    ("optimized", "optimised", "requests resolved, equal ops merged, constants folded"),
    ("kernels", "kernels", "ops fused into kernels: one node is one pass over memory"),
)
_TEXT = 6000  # characters of IR kept for a node


def show(jitted: Any, args: tuple, kwargs: dict[str, Any], path: str | None, browser: bool) -> str:
    """Writes the page for the program of a call; returns its path. See `Jitted.show`."""
    explanation = explain.explain(jitted, args, kwargs)
    call, variant = jitted.prepared(args, kwargs)
    page = render(variant.traced.module, jitted.options.text(), explanation, list(call.paths))
    if path is None:
        handle, path = tempfile.mkstemp(prefix=f"weft-{explanation.name}-", suffix=".html")
        os.close(handle)
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)
    if browser:
        import webbrowser

        webbrowser.open("file://" + os.path.abspath(path))
    return path


def render(module: Any, options: str, explanation: explain.Explanation, paths: list[str]) -> str:
    """The text of the page.

    Args:
        module: the program at stage `traced`; it is not changed.
        options: what it is compiled for.
        explanation: its report.
        paths: what the program's arguments are called.
    """
    stages, lines = [], set()
    for name, title, what in STAGES:
        copy = module.clone()
        if name != "traced":
            _weft.pipeline(copy, "traced", name, options)
        scopes = _Graphs(copy, paths).scopes
        lines |= {line for scope in scopes.values() for node in scope["nodes"] for line in node["lines"]}
        stages.append({"name": name, "title": title, "what": what, "scopes": scopes})
    data = {
        "name": explanation.name,
        "signature": ", ".join(explanation.arguments),
        "location": explanation.location,
        "report": str(explanation),
        "stages": stages,
        "sources": {line: _source(line) for line in sorted(lines)},
        "launches": [
            {"kernel": k.name, "what": k.what, "lines": list(k.lines), "loop": k.in_loop,
             "bytes": explain._bytes(explain._total([k.read_bytes, k.written_bytes]))}
            for k in explanation.kernels
        ],
    }  # fmt: skip
    with open(os.path.join(os.path.dirname(__file__), "show.html"), encoding="utf-8") as file:
        template = file.read()
    # "</" would end the script that holds the data.
    text = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    return template.replace("__TITLE__", _escaped(explanation.name)).replace("__DATA__", text)


def _escaped(text: str) -> str:
    import html

    return html.escape(text)


def _source(line: str) -> str:
    file, _, number = line.rpartition(":")
    return (source.source_line(source.Frame(file, "", int(number))) or "").strip()


class _Graphs:
    """The graphs of a module.

    Attributes:
        scopes: from a name such as "@main" to {"title", "nodes", "edges"}; a node is {"id", "op", "text", "kind", "ir",
            "lines", "opens"}, where `opens` names the scope that it contains or calls; an edge is [from, to, type].
    """

    def __init__(self, module: Any, paths: list[str]):
        self.scopes: dict[str, dict] = {}
        self._paths = paths
        for op in module.body.operations:
            if op.name == "func.func":
                symbol = _plain(op, "sym_name")
                kind = "kernel" if "weft.kernel" in _names(op) else "function"
                first = paths if symbol == "main" else []
                self._block(f"@{symbol}", f"{kind} {symbol}", op.regions[0].blocks[0], first)

    def _block(self, name: str, title: str, block: Any, labels: list[str]) -> None:
        nodes: list[dict] = []
        edges: list[list] = []
        makers: dict[Any, int] = {}
        self.scopes[name] = {"title": title, "nodes": nodes, "edges": edges}

        def add(op: str, text: str, kind: str, **more: Any) -> int:
            nodes.append({"id": len(nodes), "op": op, "text": text, "kind": kind, "lines": [], "ir": "", **more})
            return len(nodes) - 1

        for i, value in enumerate(block.arguments):
            label = labels[i] if i < len(labels) else f"argument {i}"
            makers[value] = add(label, _type(value), "input", ir=f"{label}: {value.type}")
        for op in block.operations:
            short = op.name.removeprefix("weft.")
            end = short in ("yield", "func.return", "return")
            inner = self._inside(name, op, short)
            results = ", ".join(_type(v) for v in op.results)
            node = add(
                "results" if end else _label(op, short),
                results,
                "output" if end else "kernel" if short == "launch" else "constant" if short == "constant" else "op",
                ir=op.get_asm(elide_large_constants=True)[:_TEXT],
                lines=explain.lines_of(op.location),
                opens=inner,
                callee=_plain(op, "callee") if "callee" in _names(op) else "",
            )
            for value in op.operands:
                if value in makers:
                    edges.append([makers[value], node, _type(value)])
            for value in op.results:
                makers[value] = node

    def _inside(self, name: str, op: Any, short: str) -> list[str]:
        """The scopes that an op opens."""
        if "callee" in _names(op):
            return ["@" + _plain(op, "callee")]
        opened = []
        for k, region in enumerate(op.regions):
            count = sum(1 for s in self.scopes if s.startswith(f"{name}/{short}"))
            inner = f"{name}/{short}{count}"
            title = "loop body" if short == "for" else f"branch {k}" if short == "if" else short
            self._block(inner, title, region.blocks[0], [])
            opened.append(inner)
        return opened


def _names(op: Any) -> list[str]:
    return list(op.attributes)


def _plain(op: Any, attribute: str) -> str:
    return str(op.attributes[attribute]).strip('"@')


def _label(op: Any, short: str) -> str:
    names = _names(op)
    if "callee" in names:
        callee = _plain(op, "callee")
        return callee if short == "launch" else f"{short} {callee}"
    if short == "reduce":
        kind = re.search(r"<(\w+)>", str(op.attributes["kind"]))
        return f"reduce {kind.group(1) if kind else ''}".strip()
    if short == "constant":
        found = re.search(r"dense<([-\w.+]+)>", str(op.attributes["value"]))
        return found.group(1) if found else "constant"
    return short


def _type(value: Any) -> str:
    from weft._src import dims, dtypes

    try:
        code, sizes = value.describe()
    except (TypeError, ValueError):
        return str(value.type)
    shape = tuple(dims.parse(n) if isinstance(n, str) else n for n in sizes)
    return str(trace.Spec(shape, dtypes.BY_CODE[code]))
