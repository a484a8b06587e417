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


@pytest.mark.parametrize(
    "page", ["array-api.md", "control.md", "eager.md", "effects.md", "purity.md", "random.md", "sizes.md", "state.md"]
)
def test_the_examples_of_a_guide_run(page):
    """The Python blocks of a page are one program, with asserts of its own."""
    text = (ROOT / "docs" / page).read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert blocks
    # Functions of the examples have their lines in the page.
    exec(compile("\n".join(blocks), str(ROOT / "docs" / page), "exec"), {"__name__": page})


@pytest.mark.parametrize("page", [p for p in PAGES if ">>> " in p.read_text()], ids=lambda page: page.name)
def test_examples_in_guides_run(page):
    assert doctest.testfile(str(page), module_relative=False).failed == 0
