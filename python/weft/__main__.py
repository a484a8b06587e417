"""Runs the command line: `python -m weft doctor`."""

from weft.tools.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
