#!/usr/bin/env python3
"""Checks that IR survives printing and reading: pretty and generic, with its locations.

Decides what that means: for each part of the file (parts are cut at `// -----`) that holds valid IR,

    read -> print pretty -> read -> print pretty        gives the same text, and
    read -> print generic -> read -> print pretty       gives that text too.

Parts that expect an error are left out. Exit status: 0 all parts survive, 1 one does not, 77 there is no valid part.
"""

from __future__ import annotations

import argparse
import difflib
import pathlib
import re
import subprocess
import sys

PRETTY = ["--mlir-print-debuginfo", "--mlir-print-local-scope"]
GENERIC = ["--mlir-print-op-generic", "--mlir-print-debuginfo"]


def valid_parts(text: str) -> list[str]:
    """The parts of a test file that are meant to parse and verify.

    >>> valid_parts("module {}\\n// -----\\n// expected-error@+1 {{no}}\\nbad")
    ['module {}\\n']
    """
    runs = [line for line in text.splitlines() if "RUN:" in line]
    # `RUN: not weft-opt %s`, without a pass, says that reading the file fails.
    commands = [line for line in runs if "weft-opt" in line]
    if commands and all(re.search(r"RUN:\s*not\s+weft-opt\s+%s\s*(2>&1|\||$)", line) for line in commands):
        return []
    return [part for part in re.split(r"(?m)^// -----.*\n?", text) if "expected-error" not in part and part.strip()]


def main() -> int:
    """Runs the check on one file, as the module's text says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--weft-opt", default="weft-opt", help="the weft-opt to use (default: by PATH)")
    options = parser.parse_args()
    text = options.file.read_text()
    parts = valid_parts(text)
    if not parts:
        print("no valid IR in this file")
        return 77
    unregistered = ["--allow-unregistered-dialect"] if "allow-unregistered-dialect" in text else []

    def pass_through(ir: str, flags: list[str], what: str) -> str:
        command = [options.weft_opt, "-", *unregistered, *flags]
        done = subprocess.run(command, input=ir, capture_output=True, text=True, timeout=120)
        if done.returncode:
            sys.exit(f"{options.file}: cannot read {what}:\n{done.stderr}\n{ir}")
        return done.stdout

    for number, part in enumerate(parts):
        pretty = pass_through(part, PRETTY, f"part {number}")
        generic = pass_through(part, GENERIC, f"part {number}")
        for form, printed in (("pretty", pretty), ("generic", generic)):
            again = pass_through(printed, PRETTY, f"the {form} form of part {number}")
            if again != pretty:
                diff = difflib.unified_diff(
                    pretty.splitlines(), again.splitlines(), "printed", f"{form}, read back", ""
                )
                print(f"{options.file}: part {number} changes:", *diff, sep="\n")
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
