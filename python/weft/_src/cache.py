"""The persistent cache: compiled programs, their kernels, and manifests, kept in a folder from one process to the next.

Decides where entries lie, what a file looks like, when it is believed, and which ones go. A file's name is its key, a
hash of all that the content depends on (compiler.py, manifest.py), so an entry is never stale, only unused. It is
written beside its place and renamed, so readers see a whole file or none, and two writers do no harm. Nothing in a file
is believed before its checksum is; what does not fit is told, removed, and made anew.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import struct
import sys
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from weft._src import _weft

FORMAT = 1
"""Version of the file format."""

KINDS = ("manifest", "program", "kernel")
DEFAULT_BYTES = 1 << 30

_MAGIC = b"\x89WFC\r\n\x1a\n"
# mark, format, bytes of the description (JSON), bytes of the content, checksum of all that follows it
_HEADER = struct.Struct("<8sIIQ32s")


class Entry(NamedTuple):
    """A file of the cache: its kind, key, size, when it was used last (seconds since 1970), and what it holds."""

    kind: str
    key: str
    bytes: int
    used: float
    what: str


class Damaged(Exception):
    """A file is not what its name says."""


def digest(*parts: bytes | str) -> str:
    """A key: the hash of the parts, told apart by their lengths.

    >>> digest("ab", "c") != digest("a", "bc"), len(digest("a"))
    (True, 32)
    """
    h = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        h.update(len(data).to_bytes(8, "little"))
        h.update(data)
    return h.hexdigest()


# --------------------------------------------------------------------------------------------------- who made an entry


@functools.cache
def compiler_id() -> str:
    """Which compiler and runtime these are: what a program depends on beside its own text."""
    folder = os.path.dirname(_weft.__file__)
    parts: list[bytes | str] = []
    for path in (_weft.__file__, os.path.join(folder, "libweft_compiler.so")):
        with open(path, "rb") as file:
            # The linker's build id stands in the first page; the library itself is not opened.
            parts += [file.read(4096), str(os.fstat(file.fileno()).st_size)]
    return digest(*parts)


@functools.cache
def package_id() -> str:
    """Which Weft this is, Python code included, on which Python and NumPy: what a trace depends on beside its input.

    A source counts by its size and its second of change, by which Python tells too whether what it has compiled of it
    is stale: to read them all takes longer than to find most programs.
    """
    import numpy as np

    top = os.path.dirname(os.path.dirname(_weft.__file__))
    parts: list[bytes | str] = [compiler_id(), sys.version, np.__version__]
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            if name.endswith(".py"):
                about = os.stat(os.path.join(folder, name))
                parts.append(f"{name} {about.st_size} {int(about.st_mtime)}")
    return digest(*parts)


@functools.cache
def host_id() -> str:
    """Which kind of machine this is: what code for the target "host" depends on."""
    wanted = ("vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features", "CPU part")
    lines = []
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        for line in file.read(16384).partition("\n\n")[0].splitlines():
            if line.partition("\t")[0].partition(":")[0].strip() in wanted:
                lines.append(line)
    caches = [os.sysconf(n) for n in sorted(os.sysconf_names) if "CACHE" in n]
    features = json.loads(_weft.runtime_info())["cpu_features"]
    return digest("\n".join(lines), repr(caches), repr(features))


# ----------------------------------------------------------------------------------------------------------- the store


class Store:
    """A folder of entries.

    Args:
        folder: made when the first entry is written. limit: bytes that it may hold; the least recently used go first.

    >>> import tempfile
    >>> s = Store(tempfile.mkdtemp(), 1 << 20)
    >>> s.write("kernel", "00ff", b"code", "a kernel")
    >>> s.read("kernel", "00ff"), s.read("kernel", "00fe")
    (b'code', None)
    """

    def __init__(self, folder: str, limit: int = DEFAULT_BYTES):
        self.folder = folder
        self.limit = limit
        self._lock = threading.Lock()
        self._total: int | None = None  # bytes in the folder as far as this process knows
        self._off = False
        self._told: set[str] = set()

    def _path(self, kind: str, key: str) -> str:
        return os.path.join(self.folder, f"{key}.{kind}")

    def read(self, kind: str, key: str) -> bytes | None:
        """The content of an entry; None where there is none. A damaged one is told, removed, and none."""
        if self._off:
            return None
        path = self._path(kind, key)
        try:
            with open(path, "rb") as file:
                if os.fstat(file.fileno()).st_uid not in (os.geteuid(), 0):
                    self._refuse(f"{path} belongs to another user")
                    return None
                data = file.read()
        except FileNotFoundError:
            return None
        except OSError as err:
            self._refuse(f"{path} cannot be read ({err.strerror})")
            return None
        try:
            content = _unpack(data, kind, key)[1]
        except Damaged as err:
            self.reject(kind, key, str(err))
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # used just now
        return content

    def write(self, kind: str, key: str, content: bytes, what: str) -> None:
        """Keeps an entry; where the folder takes none, goes on without, which is told once."""
        if self._off:
            return
        data = _pack(kind, key, content, what)
        if len(data) > self.limit:
            return
        path = self._path(kind, key)
        temporary = f"{path}.{os.getpid()}-{threading.get_ident()}.tmp"
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            if os.stat(self.folder).st_uid not in (os.geteuid(), 0):
                self._refuse(f"{self.folder} belongs to another user")
                return
            try:
                with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(data)
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as err:
            self._refuse(f"{self.folder} takes no files ({err.strerror})")
            return
        self._grown(len(data))

    def reject(self, kind: str, key: str, reason: str) -> None:
        """Removes an entry that turned out to be none, and tells so (the first time in a process)."""
        path = self._path(kind, key)
        with contextlib.suppress(OSError):
            os.unlink(path)
        self._tell("WF9003", f"{path} {reason}; it is removed and made anew.")

    def _refuse(self, reason: str) -> None:
        self._off = True
        self._tell("WF9004", f"{reason}; nothing is kept from this process to the next.")

    def _tell(self, code: str, message: str) -> None:
        from weft._src import errors

        if code not in self._told:
            self._told.add(code)
            errors.warn(code, message)

    def _grown(self, size: int) -> None:
        """Keeps the folder within its bound."""
        with self._lock:
            if self._total is not None:
                self._total += size
                if self._total <= self.limit:
                    return
            found = sorted(self._files(), key=lambda f: f[2])
            self._total = sum(size for _, size, _ in found)
            goal = self.limit if self._total <= self.limit else self.limit * 9 // 10  # not at each write
            for path, size, _ in found:
                if self._total <= goal:
                    break
                with contextlib.suppress(OSError):
                    os.unlink(path)
                self._total -= size

    def _files(self) -> Iterator[tuple[str, int, float]]:
        """(path, bytes, last use) of what lies in the folder, files that a killed process left included."""
        try:
            with os.scandir(self.folder) as found:
                for file in found:
                    if file.name.endswith((*KINDS, ".tmp")) and file.is_file(follow_symlinks=False):
                        with contextlib.suppress(OSError):
                            info = file.stat()
                            yield file.path, info.st_size, info.st_mtime
        except OSError:
            return

    # ------------------------------------------------------------------------------------- for people: `weft cache`

    def entries(self) -> list[tuple[Entry, str | None]]:
        """All entries, the latest used first, each with what is wrong with it, or None."""
        out: list[tuple[Entry, str | None]] = []
        for path, size, used in self._files():
            key, _, kind = os.path.basename(path).partition(".")
            if kind not in KINDS:  # being written just now, or left by a process that was killed
                continue
            wrong, what = None, ""
            try:
                with open(path, "rb") as file:
                    what = _unpack(file.read(), kind, key)[0]["what"]
            except Damaged as err:
                wrong = str(err)
            except OSError as err:
                wrong = f"cannot be read ({err.strerror})"
            out.append((Entry(kind, key, size, used, what), wrong))
        return sorted(out, key=lambda e: -e[0].used)

    def clear(self) -> tuple[int, int]:
        """Removes all entries: how many, and their bytes."""
        count = total = 0
        for path, size, _ in list(self._files()):
            with contextlib.suppress(OSError):
                os.unlink(path)
                count, total = count + 1, total + size
        self._total = None
        return count, total


def _pack(kind: str, key: str, content: bytes, what: str) -> bytes:
    about = json.dumps({"kind": kind, "key": key, "what": what}).encode()
    sizes = struct.pack("<IQ", len(about), len(content))
    checksum = hashlib.blake2b(sizes + about + content, digest_size=32).digest()
    return _HEADER.pack(_MAGIC, FORMAT, len(about), len(content), checksum) + about + content


def _unpack(data: bytes, kind: str, key: str) -> tuple[dict, bytes]:
    """What a file says of itself, and its content.

    Raises:
        Damaged: if it is not whole, or not the entry of that name.
    """
    if len(data) < _HEADER.size or not data.startswith(_MAGIC):
        raise Damaged("is no file of this cache")
    _, version, about_size, size, checksum = _HEADER.unpack_from(data)
    if version != FORMAT:
        raise Damaged(f"has version {version} of the format, not {FORMAT}")
    if len(data) != _HEADER.size + about_size + size:
        raise Damaged(f"has {len(data)} bytes where {_HEADER.size + about_size + size} were written")
    body = memoryview(data)[_HEADER.size :]
    h = hashlib.blake2b(struct.pack("<IQ", about_size, size), digest_size=32)
    h.update(body)
    if h.digest() != checksum:
        raise Damaged("does not fit its checksum")
    about = json.loads(bytes(body[:about_size]))
    if (about["kind"], about["key"]) != (kind, key):
        raise Damaged("is the file of another entry")
    return about, bytes(body[about_size:])


# ------------------------------------------------------------------------------------------------------------ settings


def folder() -> str:
    """Where the cache lies: `WEFT_CACHE_DIR`, else `weft` in the user's folder of caches."""
    given = os.environ.get("WEFT_CACHE_DIR")
    if given:
        return os.path.abspath(given)
    top = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(os.path.abspath(top), "weft")


def limit() -> int:
    """How many bytes it may hold: `WEFT_CACHE_BYTES`.

    Raises:
        ArgumentValueError: WF1902 if that is no number.
    """
    given = os.environ.get("WEFT_CACHE_BYTES", "")
    if given and not given.isdigit():
        from weft._src.errors import ArgumentValueError

        raise ArgumentValueError("WF1902", f"WEFT_CACHE_BYTES is a number of bytes, not {given!r}.")
    return int(given) if given else DEFAULT_BYTES


@functools.lru_cache(8)
def _store(folder: str, limit: int) -> Store:
    return Store(folder, limit)


def store() -> Store | None:
    """The store of this process; None where `WEFT_CACHE=0` switches it off."""
    if os.environ.get("WEFT_CACHE", "1") == "0":
        return None
    return _store(folder(), limit())


class Kernels:
    """The store as the compiler sees it: objects of kernels by key (`ObjectStore` in lib/Pipelines)."""

    def __init__(self, store: Store, what: str):
        self.store = store
        self.what = what

    def find(self, key: str) -> bytes | None:
        """The object under a key, or None."""
        return self.store.read("kernel", digest(compiler_id(), key))

    def keep(self, key: str, data: bytes) -> None:
        """Takes a new one."""
        self.store.write("kernel", digest(compiler_id(), key), data, self.what)


# ------------------------------------------------------------------------------------------------------------- entries


class Program(NamedTuple):
    """A stored program: the image (whose metadata is the report), and the lines of each op of the trace it is of."""

    image: bytes
    lines: dict[str, Any]


def pack_program(image: bytes, lines: str) -> bytes:
    """The content of an entry of kind "program"."""
    text = lines.encode()
    return struct.pack("<Q", len(text)) + text + image


def unpack_program(content: bytes) -> Program:
    """What `pack_program` made."""
    (size,) = struct.unpack_from("<Q", content)
    return Program(content[8 + size :], json.loads(content[8 : 8 + size]))


def rebase(report: dict, old: dict[str, Any], new: dict[str, Any]) -> dict:
    """A report whose lines were those of one trace, with those of another trace of the same ops.

    >>> old, new = {"lines": ["a.py:1"], "ops": [[0]]}, {"lines": ["a.py:5"], "ops": [[0]]}
    >>> rebase({"launches": [{"lines": ["a.py:1"]}], "copies": []}, old, new)
    {'launches': [{'lines': ['a.py:5']}], 'copies': []}
    """
    if old == new:
        return report
    moved: dict[str, dict[str, None]] = {}
    for before, after in zip(old["ops"], new["ops"], strict=True):
        for i, j in zip(before, after, strict=False):
            moved.setdefault(old["lines"][i], {})[new["lines"][j]] = None
    out = dict(report)
    for part, items in report.items():
        if isinstance(items, list) and items and isinstance(items[0], dict) and "lines" in items[0]:
            out[part] = [
                item | {"lines": list(dict.fromkeys(new for old in item["lines"] for new in moved.get(old, [old])))}
                for item in items
            ]
    return out
