"""Tests a wheel as a stranger would meet it: in an empty environment, with no LLVM in reach.

Decides what the wheel promises, and checks each promise:
  - it holds the licences, one compiler library and those of factorisations, which export one symbol each: nothing can
    clash with other packages
  - its libraries need only libc, libm, libstdc++ and libgcc_s
  - it installs with NumPy as its only dependency, and imports
  - the project's Python tests pass on it, and no libLLVM or libMLIR was mapped into the process that ran them

    python test/wheel/check_wheel.py dist/weft-*.whl [--fast]
"""

from __future__ import annotations

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# The vDSO and the loader are no libraries to install; libdl, libpthread and librt are empty since glibc 2.34.
ALLOWED = re.compile(r"linux-vdso|ld-linux|libc\.so|libm\.so|libstdc\+\+\.so|libgcc_s\.so|libdl\.so|libpthread\.so")
FAST = ["test_tree.py", "test_errors.py", "test_dtypes.py"]


def output(*command: object) -> str:
    """The standard output of a command that must succeed."""
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


def check_contents(wheel: pathlib.Path) -> None:
    """The names of the files in the wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in ("LICENSE", "THIRD_PARTY_NOTICES"):
        assert any(n.endswith("/" + wanted) for n in names), f"{wanted} is missing"
    compilers = [n for n in names if "libweft_compiler" in n]
    assert len(compilers) == 1, f"one compiler library expected, got {compilers}"
    assert any("libweft_linalg" in n for n in names), "the library of factorisations is missing"
    foreign = [n for n in names if not n.startswith(("weft/", "weft-"))]
    assert not foreign, f"files outside the package: {foreign}"


def check_libraries(folder: pathlib.Path) -> None:
    """What the libraries need and what they show."""
    for library in folder.rglob("*.so"):
        needed = [line.split()[0] for line in output("ldd", library).splitlines() if line.strip()]
        others = [n for n in needed if not ALLOWED.search(n)]
        assert not others, f"{library.name} needs {others}"
        defined = output("nm", "-D", "--defined-only", library).splitlines()
        shown = {line.split()[-1] for line in defined}
        unique = [line for line in defined if " u " in line]
        assert not unique, f"{library.name} has process-wide unique symbols: {unique[:3]}"
        if library.name.startswith("libweft_compiler"):
            assert shown == {"weft_compiler_api"}, f"{library.name} shows {sorted(shown)[:5]}"
        if library.name.startswith("libweft_linalg"):
            assert shown == {"weft_linalg"}, f"{library.name} shows {sorted(shown)[:5]}"
        print(f"{library.name}: {library.stat().st_size / 1e6:.1f} MB, needs {', '.join(sorted(needed))}")


def check_tests(python: pathlib.Path, folder: pathlib.Path, fast: bool) -> int:
    """The project's tests on the installed package; the plugin fails the run if LLVM's shared libraries were loaded."""
    tests = ROOT / "test" / "python"
    chosen = [tests / name for name in FAST] if fast else [tests]
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "LD_LIBRARY_PATH")}
    environment |= {"PYTHONPATH": str(ROOT / "test" / "wheel"), "WEFT_BUILD": str(ROOT / "build")}
    command = [python, "-m", "pytest", "-q", "-p", "installed_only", "-o", f"cache_dir={folder}", *chosen]
    return subprocess.run(command, cwd=folder, env=environment).returncode


def main() -> int:
    """Checks one wheel; status 0 when every promise holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=pathlib.Path)
    parser.add_argument("--fast", action="store_true", help="run only a few of the Python tests")
    options = parser.parse_args()
    check_contents(options.wheel)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        subprocess.run([*pip, options.wheel.resolve()], check=True)
        installed = {line.split("==")[0] for line in output(python, "-m", "pip", "freeze").splitlines()}
        assert {n for n in installed if not n.startswith("weft")} == {"numpy"}, (
            f"more than NumPy came with it: {installed}"
        )
        where = pathlib.Path(output(python, "-P", "-c", "import weft; print(weft.__path__[0])").strip())
        assert folder in where.parents, f"weft was imported from {where}"
        check_libraries(where)
        # What the tests need beside the wheel, in the versions that the project is tested with.
        pins = {re.split("[=<>]", line)[0]: line for line in (ROOT / "requirements-dev.txt").read_text().splitlines()}
        wanted = ["pytest", "mpmath", "ml_dtypes", "scikit-learn"]
        subprocess.run([*pip, *(pins[n] for n in wanted)], check=True)
        return check_tests(python, folder, options.fast)


if __name__ == "__main__":
    sys.exit(main())
