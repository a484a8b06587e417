#!/usr/bin/env python3
"""Writes the generated pages of docs/: dialect.md from the dialect's .td files, passes.md from each Passes.td.

Decides their order: attributes and types first, then the ops by family, as WeftOps.td includes the families; passes by
the order of the stages they make. errors.md comes from the table of errors.

    ./dev docs             write them
    ./dev docs --check     exit with status 1 and a diff where a page differs from what would be written
"""

from __future__ import annotations

import argparse
import difflib
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
INCLUDE = ROOT / "include"
DIALECT = INCLUDE / "weft" / "Dialect" / "Weft"
STAGES = ["Transforms", "Kernels", "Conversion", "Codegen", "Pipelines"]
NOTE = "<!-- Made by `./dev docs` from {}; a test compares. -->"


def llvm_prefix() -> pathlib.Path:
    """Where LLVM is installed."""
    config = shutil.which("llvm-config-22") or shutil.which("llvm-config")
    if config is None:
        sys.exit("llvm-config-22 is not on PATH: run ./dev setup")
    return pathlib.Path(subprocess.run([config, "--prefix"], check=True, capture_output=True, text=True).stdout.strip())


def tblgen(td: pathlib.Path, *flags: str) -> str:
    """What mlir-tblgen writes for a .td file, without its banner."""
    prefix = llvm_prefix()
    command = [prefix / "bin" / "mlir-tblgen", td, "-I", INCLUDE, "-I", prefix / "include", *flags]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{td.relative_to(ROOT)}: {done.stderr}")
    return re.sub(r"\A<!--.*?-->\s*", "", done.stdout)


def sections(text: str) -> dict[str, str]:
    """The parts of a page by their second-level title; what stands before the first is under "".

    >>> sections("intro\\n## A\\nx\\n## B\\ny\\n")
    {'': 'intro\\n', 'A': '\\nx\\n', 'B': '\\ny\\n'}
    """
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def shorten_element_types(text: str) -> str:
    """Element types by their short names: a table row that spells out fifteen of them cannot be read.

    >>> shorten_element_types("ranked tensor of 8-bit signless integer or bfloat16 type values")
    'tensor of i8, bf16'
    """

    def short(match: re.Match[str]) -> str:
        names = match.group(1).split(" or ")
        for pattern, name in (
            (r"(\d+)-bit signless integer", r"i\1"),
            (r"(\d+)-bit unsigned integer", r"ui\1"),
            (r"(\d+)-bit float", r"f\1"),
            (r"bfloat16 type", "bf16"),
            (r"complex type with (\d+)-bit float elements", r"complex<f\1>"),
            (r"a key", "key"),
        ):
            names = [re.sub(f"^{pattern}$", name, n) for n in names]
        return "tensor of " + ", ".join(names)

    return re.sub(r"ranked tensor of (.*?) values", short, text)


def dialect_page() -> str:
    """docs/dialect.md."""
    parts = sections(tblgen(DIALECT / "WeftOps.td", "-gen-dialect-doc", "-dialect=weft"))
    intro = parts[""].replace("[TOC]", "").replace("# 'weft' Dialect", "# The dialect `weft`").strip()
    page = [NOTE.format("include/weft/Dialect/Weft"), intro]
    families = re.findall(r'include ".*/Ops/(\w+)\.td"', (DIALECT / "WeftOps.td").read_text())
    anchors = ["Attributes", "Types", "Enums"] + families
    page.append("\n".join(f"- [{name}](#{name.lower()})" for name in anchors))
    page += [f"## {name}\n\n{parts[name].strip()}" for name in ("Attributes", "Types", "Enums")]
    for family in families:
        ops = shorten_element_types(tblgen(DIALECT / "Ops" / f"{family}.td", "-gen-op-doc", "-dialect=weft"))
        page.append(f"## {family}\n\n{ops.strip()}")
    return "\n\n".join(page) + "\n"


def passes_page() -> str:
    """docs/passes.md."""
    page = [NOTE.format("include/weft/*/Passes.td"), "# Passes", "Each runs by its name in `weft-opt`."]
    for stage in STAGES:
        text = tblgen(INCLUDE / "weft" / stage / "Passes.td", "-gen-pass-doc")
        page.append(f"## {stage}\n\n{text.strip()}")
    return "\n\n".join(page) + "\n"


def errors_page() -> str:
    """docs/errors.md, by the table's own writer."""
    command = [sys.executable, "-m", "weft._src.error_table"]
    return subprocess.run(command, cwd=ROOT / "python", check=True, capture_output=True, text=True).stdout


PAGES = {"dialect.md": dialect_page, "passes.md": passes_page, "errors.md": errors_page}


def main() -> int:
    """Writes the pages or compares them, as the module's text says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; status 1 where a page is out of date")
    options = parser.parse_args()
    stale = 0
    for name, make in PAGES.items():
        path = ROOT / "docs" / name
        old, new = path.read_text() if path.exists() else "", make()
        if old != new and options.check:
            diff = list(
                difflib.unified_diff(old.splitlines(), new.splitlines(), f"docs/{name}", "as generated", "", "", 1)
            )
            print("\n".join(diff[:40]), f"docs/{name} is out of date: run ./dev docs", sep="\n")
            stale = 1
        elif old != new:
            path.write_text(new)
            print(f"wrote docs/{name}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
