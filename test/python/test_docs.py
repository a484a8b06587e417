"""The generated pages of docs/ are what tools/gen_docs.py writes now, and links between pages lead somewhere."""

import doctest
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_generated_pages_are_up_to_date():
    done = subprocess.run([sys.executable, ROOT / "tools" / "gen_docs.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_files_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = [t for t in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text) if "://" not in t]
    missing = [t for t in targets if not (page.parent / t).exists()]
    assert missing == []


def test_every_path_named_in_the_guides_exists():
    # In backquotes, with a slash and an ending: `lib/Kernels/FormKernels.cpp`.
    guides = ["README.md", "docs/architecture.md", "docs/debugging.md", "docs/rationale.md"]
    pattern = r"`((?:lib|include|python|test|tools|docs|cmake|examples|benchmarks)/[\w./-]+\.\w+)`"
    named = {(g, path) for g in guides for path in re.findall(pattern, (ROOT / g).read_text())}
    assert named, "the guides name no file at all: has the pattern gone stale?"
    assert {(g, path) for g, path in named if not (ROOT / path).exists()} == set()


def _program(page):
    """The Python blocks of a page as one program, each line where it stands in the page."""
    parts = re.split(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    return "".join(part if i % 2 else "\n" * (part.count("\n") + 1) for i, part in enumerate(parts))  # and the fence


# Those with asserts of their own; the others' blocks are doctests, or stand for the reader's own functions (calls.md).
GUIDES = [p for p in PAGES if "assert " in _program(p)]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_the_examples_of_a_guide_run(page):
    exec(compile(_program(page), str(page), "exec"), {"__name__": page.name})


@pytest.mark.parametrize("page", [p for p in PAGES if ">>> " in p.read_text()], ids=lambda page: page.name)
def test_examples_in_guides_run(page):
    assert doctest.testfile(str(page), module_relative=False).failed == 0
