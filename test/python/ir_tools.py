"""Decides how tests run the built tools (weft-opt, weft-run) on a program."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tool(name):
    """The path of a built tool; FileNotFoundError says how to build it."""
    path = pathlib.Path(os.environ.get("WEFT_BUILD", ROOT / "build")) / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path}: build the target {name}, or set WEFT_BUILD to the build folder")
    return path


def call(arguments, text):
    """What a tool prints, given a program; fails with what it says of it."""
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{text}"
    return done.stdout
