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

from weft._src import _weft, explain, memory, source, trace

STAGES = (
    ("traced", "as traced", "what the Python function does, op by op; derivatives and batches are requests"),
    ("optimized", "optimised", "requests resolved, equal ops merged, constants folded"),
    ("kernels", "kernels", "ops fused into kernels: one node is one pass over memory"),
)
_TEXT = 6000  # characters of IR kept for a node


def show(jitted: Any, args: tuple, kwargs: dict[str, Any], path: str | None, browser: bool) -> str:
    """Writes the page for the program of a call; returns its path. See `Jitted.show`."""
    explanation = explain.explain(jitted, args, kwargs)
    call, _ = jitted.prepared(args, kwargs)
    page = render(jitted.trace(*args, **kwargs).module, jitted.options.text(), explanation, list(call.paths))
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
            {"kernel": k.name,
                "symbol": k.symbol, "what": k.what, "lines": list(k.lines), "loop": k.in_loop,
             "bytes": memory.bytes_text(memory.total([k.read_bytes, k.written_bytes]))}
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


_REQUESTS = ("vjp", "jvp", "vmap")
_MOST_NODES = 4000  # of one graph; past it called functions are not drawn in place


class _Graphs:
    """The graphs of a module. Functions are drawn where they are called; kernels and regions open as graphs of their
    own.

    Attributes:
        scopes: from a name such as "@main" to {"title", "nodes", "edges"}; a node is {"id", "op", "text", "kind", "ir",
            "lines", "opens", "callee"}, where `opens` names the scopes inside; an edge is [from, to, type].
    """

    def __init__(self, module: Any, paths: list[str]):
        self.scopes: dict[str, dict] = {}
        functions = {_plain(op, "sym_name"): op for op in module.body.operations if op.name == "func.func"}
        self._inline = {s: op.regions[0].blocks[0] for s, op in functions.items() if "weft.kernel" not in _names(op)}
        for symbol, op in functions.items():
            kind = "function" if symbol in self._inline else "kernel"
            if kind == "kernel" or symbol == "main":
                labels = paths if symbol == "main" else []
                self._scope(f"@{symbol}", f"{kind} {symbol}", op.regions[0].blocks[0], labels)

    def _scope(self, name: str, title: str, block: Any, labels: list[str]) -> None:
        scope: dict = {"title": title, "nodes": [], "edges": []}
        self.scopes[name] = scope
        makers: dict[Any, int] = {}
        for i, value in enumerate(block.arguments):
            label = labels[i] if i < len(labels) else f"argument {i}"
            makers[value] = _add(scope, label, _type(value), "input", ir=f"{label}: {value.type}")
        self._ops(name, scope, block, makers)

    def _ops(self, name: str, scope: dict, block: Any, makers: dict[Any, int], inside: tuple = ()) -> list[int | None]:
        """Adds the ops of a block; returns the nodes of what it returns, where it stands inside another."""
        for op in block.operations:
            short = op.name.removeprefix("weft.")
            feeds = [makers.get(v) for v in op.operands]
            if short in ("func.return", "return", "yield") and inside:
                return feeds
            callee = _plain(op, "callee") if "callee" in _names(op) else ""
            returned: list[int | None] = []
            if callee in self._inline and callee not in inside and len(scope["nodes"]) < _MOST_NODES:
                inner = self._inline[callee]
                bound = {a: n for a, n in zip(inner.arguments, feeds, strict=False) if n is not None}
                returned = self._ops(name, scope, inner, bound, (*inside, callee))
                if short not in _REQUESTS:
                    makers.update({v: n for v, n in zip(op.results, returned, strict=True) if n is not None})
                    continue
                feeds = [*returned, *feeds[len(inner.arguments) :]]
            node = self._node(name, scope, op, short, callee)
            for n in dict.fromkeys(n for n in feeds if n is not None):
                scope["edges"].append([n, node, ""])
            for i, value in enumerate(op.results):
                made = returned[i] if i < len(returned) else None
                makers[value] = node if made is None or short == "vmap" else made
        return []

    def _node(self, name: str, scope: dict, op: Any, short: str, callee: str) -> int:
        end = short in ("yield", "func.return", "return")
        kind = {"launch": "kernel", "constant": "constant"}.get(short, "output" if end else "op")
        return _add(
            scope,
            "results" if end else _label(op, short),
            ", ".join(_type(v) for v in op.results),
            kind,
            ir=op.get_asm(elide_large_constants=True)[:_TEXT],
            lines=explain.lines_of(op.location),
            opens=[f"@{callee}"] if kind == "kernel" else self._regions(name, op, short),
            callee=callee,
        )

    def _regions(self, name: str, op: Any, short: str) -> list[str]:
        """The scopes of an op's regions."""
        opened = []
        for k, region in enumerate(op.regions):
            count = sum(1 for s in self.scopes if s.startswith(f"{name}/{short}"))
            inner = f"{name}/{short}{count}"
            self._scope(inner, "loop body" if short == "for" else f"branch {k}", region.blocks[0], [])
            opened.append(inner)
        return opened


def _add(scope: dict, op: str, text: str, kind: str, **more: Any) -> int:
    nodes = scope["nodes"]
    nodes.append({"id": len(nodes), "op": op, "text": text, "kind": kind, "lines": [], "ir": "", **more})
    return len(nodes) - 1


def _names(op: Any) -> list[str]:
    return list(op.attributes)


def _plain(op: Any, attribute: str) -> str:
    return str(op.attributes[attribute]).strip('"@')


def _label(op: Any, short: str) -> str:
    names = _names(op)
    if "callee" in names:
        callee = _plain(op, "callee")
        return (
            callee
            if short == "launch"
            else {"vjp": "gradient of ", "jvp": "derivative of "}.get(short, f"{short} ") + callee
        )
    if short == "reduce":
        kind = re.search(r"<(\w+)>", str(op.attributes["kind"]))
        return f"reduce {kind.group(1) if kind else ''}".strip()
    if short == "constant":
        found = re.search(r"dense<([-\w.+]+)>", str(op.attributes["value"]))
        return f"{float(found.group(1)):g}" if found and found.group(1)[0] in "-0123456789" else "constant"
    return short


def _type(value: Any) -> str:
    from weft._src import dims, dtypes

    try:
        code, sizes = value.describe()
    except (TypeError, ValueError):
        return str(value.type)
    shape = tuple(dims.parse(n) if isinstance(n, str) else n for n in sizes)
    return str(trace.Spec(shape, dtypes.BY_CODE[code]))
