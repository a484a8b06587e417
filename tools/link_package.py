#!/usr/bin/env python3
"""Links a source package into the build tree, beside what was built there, so that one folder can be imported.

Decides that folders of pure Python are linked whole, while those that hold built files (`_src`) are linked file by
file.

    link_package.py <source package> <built package>
"""

from __future__ import annotations

import pathlib
import sys

MIXED = {"_src"}  # folders with built files


def link(source: pathlib.Path, target: pathlib.Path) -> None:
    """Makes each entry of `target` that is a link name an entry of `source`, and no other."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in target.iterdir():
        if entry.is_symlink() and not (source / entry.name).exists():
            entry.unlink()
    for entry in source.iterdir():
        place = target / entry.name
        if entry.name == "__pycache__":
            continue
        if entry.name in MIXED:
            link(entry, place)
        elif not place.is_symlink() or place.resolve() != entry.resolve():
            place.unlink(missing_ok=True)
            place.symlink_to(entry)


if __name__ == "__main__":
    link(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]))
