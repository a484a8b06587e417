"""Sizes in Python and in the dialect are one language: the same texts in, the same canonical texts out.

Needs weft-opt, from the folder that WEFT_BUILD names (default: build).
"""

import os
import pathlib
import random
import re
import subprocess

import pytest
from weft._src.dims import Dim, parse
from weft.errors import SizeError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def weft_opt(text):
    tool = pathlib.Path(os.environ.get("WEFT_BUILD", ROOT / "build")) / "bin" / "weft-opt"
    if not tool.exists():
        raise FileNotFoundError(f"{tool}: build the target weft-opt, or set WEFT_BUILD to the build folder")
    return subprocess.run([tool, "-"], input=text, capture_output=True, text=True, timeout=60)


def declaration(i, size):
    return f"func.func private @f{i}(tensor<?xf32, #weft.dims<{size}>>)\n"


def random_text(rng, depth):
    if depth == 0:
        return str(rng.randrange(9)) if rng.random() < 0.3 else rng.choice(["B", "S_1", "T"])
    a, b = random_text(rng, depth - 1), random_text(rng, depth - 1)
    return rng.choice([f"({a} floordiv {rng.randrange(1, 7)})", f"({a})*({b})", f"{a}+{b}", f"{a}-({b})", f"-({a})"])


def test_both_sides_print_the_same_normal_form():
    rng = random.Random(3)
    sizes = [(t, s) for t in (random_text(rng, 4) for _ in range(400)) if isinstance(s := parse(t), Dim)]
    assert len(sizes) > 200
    done = weft_opt("".join(declaration(i, t) for i, (t, _) in enumerate(sizes)))
    assert done.returncode == 0, done.stderr
    printed = dict(re.findall(r"@f(\d+)\(tensor<\?xf32, #weft\.dims<(.*)>>\)", done.stdout))
    assert {i: printed[str(i)] for i in range(len(sizes))} == {i: str(s) for i, (_, s) in enumerate(sizes)}
    again = weft_opt(done.stdout)
    assert again.returncode == 0 and again.stdout == done.stdout


@pytest.mark.parametrize(
    "text", ["B S", "S_ 1", "2 B", "B+", "(B", "(B floordiv 0)", "(B floordiv S)", "B floordiv 2", "-"]
)
def test_both_sides_refuse_the_same_texts(text):
    with pytest.raises(SizeError, match="WF1402"):
        parse(text)
    done = weft_opt(declaration(0, text))
    assert done.returncode != 0 and "error:" in done.stderr
