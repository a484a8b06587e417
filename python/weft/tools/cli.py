"""The commands of `python -m weft`.

Decides the exit status: 0 done, 1 the input was bad or something is off (message on stderr), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def _doctor(options: argparse.Namespace) -> int:
    from weft.tools import doctor

    findings = doctor.examine()
    print(doctor.as_json(findings) if options.json else doctor.as_text(findings))
    return 1 if any(f.status == "off" for f in findings) else 0


def _errors(options: argparse.Namespace) -> int:
    from weft import errors
    from weft._src.error_table import TABLE

    if not options.code:
        for code, entry in TABLE.items():
            print(f"{code}  {entry.cls:<24}{entry.title}")
        return 0
    try:
        print(errors.explain(options.code))
    except errors.ArgumentValueError as error:
        print(f"python -m weft: {error}", file=sys.stderr)
        return 1
    return 0


def _cache(options: argparse.Namespace) -> int:
    from weft.tools import cache

    return {"list": cache.show, "check": cache.check, "clear": cache.clear}[options.action]()


def parser() -> argparse.ArgumentParser:
    """The parser of the command line: one subparser for each command.

    >>> parser().parse_args(["errors", "WF1012"]).code
    'WF1012'
    """
    top = argparse.ArgumentParser(prog="python -m weft", description="Weft, a graph compiler for array programs.")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    doctor = commands.add_parser("doctor", help="what this machine has, what is off, and how to mend it")
    doctor.add_argument("--json", action="store_true", help="print it for programs")
    doctor.set_defaults(run=_doctor)
    errors = commands.add_parser("errors", help="what an error code means; without one, all of them")
    errors.add_argument("code", nargs="?", metavar="CODE", help="such as WF1012")
    errors.set_defaults(run=_errors)
    cache = commands.add_parser("cache", help="what earlier processes compiled: list, check or clear it")
    cache.add_argument(
        "action", choices=["list", "check", "clear"],
        help="list: what it holds, the latest used first; check: whether all files are whole; clear: remove them",
    )  # fmt: skip
    cache.set_defaults(run=_cache)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status.

    >>> main(["errors", "WF1"])
    1
    """
    options = parser().parse_args(arguments)
    try:
        return options.run(options)
    except BrokenPipeError:  # the reader had enough, as in `python -m weft errors | head`
        sys.stderr.close()
        return 0
