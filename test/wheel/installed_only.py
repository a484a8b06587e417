"""A pytest plugin: fails the run unless it tested the installed package, with no shared LLVM loaded."""

import pathlib
import re
import sysconfig


def pytest_sessionfinish(session):
    """Looks at what the process has mapped, now that everything was used."""
    import weft

    problems = []
    place = pathlib.Path(weft.__path__[0]).resolve()
    if pathlib.Path(sysconfig.get_path("platlib")).resolve() not in place.parents:
        problems.append(f"the tests ran on {place}, not on the installed wheel")
    foreign = sorted(set(re.findall(r"\S*lib(?:LLVM|MLIR)\S*", pathlib.Path("/proc/self/maps").read_text())))
    if foreign:
        problems.append(f"the process has mapped {foreign}")
    for problem in problems:
        print(f"\nwheel: {problem}")
    if problems:
        session.exitstatus = 1
