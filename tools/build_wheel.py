#!/usr/bin/env python3
"""Builds the self-contained wheel, tags it by what it really needs, and has it tested in an empty environment.

Decides the wheel's platform tag: `manylinux_2_<n>`, where n is that of the highest glibc symbol in its libraries. The
compiling is scikit-build-core's (pyproject.toml); this adds what it leaves out.

    ./dev wheel               build into dist/ and test
    ./dev wheel --no-test     build only
    ./dev wheel --fast-test   all checks, but only a few of the Python tests on the installed wheel
"""

from __future__ import annotations

import argparse
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
MAX_BYTES = 25_000_000


def dynamic_symbols(library: pathlib.Path) -> str:
    """What `nm -D` says of a library."""
    return subprocess.run(["nm", "-D", "--with-symbol-versions", library], check=True, capture_output=True, text=True).stdout


def highest_glibc(wheel: pathlib.Path) -> tuple[int, int]:
    """The highest glibc version that a library in the wheel asks for.

    Packed relative relocations ask for 2.36 without a symbol of their own (GLIBC_ABI_DT_RELR).
    """
    found = set()
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".so"):
                library = pathlib.Path(archive.extract(name, folder))
                found |= {(int(a), int(b)) for a, b in re.findall(r"@GLIBC_(\d+)\.(\d+)", dynamic_symbols(library))}
                if b"GLIBC_ABI_DT_RELR" in library.read_bytes():
                    found.add((2, 36))
    if not found:
        sys.exit(f"{wheel.name} holds no library that uses glibc: it is not the wheel it should be")
    return max(found)


def pack_tightly(wheel: pathlib.Path) -> None:
    """Compresses the archive anew at deflate's highest level, which its maker does not ask for: 0.6 % of the wheel."""
    with tempfile.TemporaryDirectory() as folder:
        small = pathlib.Path(folder) / wheel.name
        with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(small, "w") as new:
            for entry in old.infolist():
                new.writestr(entry, old.read(entry), zipfile.ZIP_DEFLATED, compresslevel=9)
        shutil.move(small, wheel)


def main() -> int:
    """Builds, tags, measures and tests, as the module's text says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-test", action="store_true")
    parser.add_argument("--fast-test", action="store_true")
    options = parser.parse_args()
    raw, dist = ROOT / "build-wheel" / "raw", ROOT / "dist"
    shutil.rmtree(raw, ignore_errors=True)
    # The environment's own packages build it, so that what is built is what was tested.
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", raw, ROOT], check=True)
    (wheel,) = raw.glob("*.whl")
    major, minor = highest_glibc(wheel)
    tag = f"manylinux_{major}_{minor}_{platform.machine()}"
    subprocess.run([sys.executable, "-m", "wheel", "tags", "--remove", "--platform-tag", tag, wheel], check=True)
    (wheel,) = raw.glob("*.whl")
    pack_tightly(wheel)
    dist.mkdir(exist_ok=True)
    for old in dist.glob("weft-*.whl"):
        old.unlink()
    wheel = pathlib.Path(shutil.move(wheel, dist))
    size = wheel.stat().st_size
    print(f"{wheel.relative_to(ROOT)}: {size / 1e6:.1f} MB (at most {MAX_BYTES / 1e6:.0f}), glibc {major}.{minor} or newer")
    if size > MAX_BYTES:
        sys.exit("the wheel is too big")
    if options.no_test:
        return 0
    check = [sys.executable, ROOT / "test" / "wheel" / "check_wheel.py", wheel]
    return subprocess.run([*check, *(["--fast"] if options.fast_test else [])]).returncode


if __name__ == "__main__":
    sys.exit(main())
