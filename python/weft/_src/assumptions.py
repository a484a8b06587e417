"""What is known about symbolic sizes: assumptions such as "B >= 1" or "S mod 8 == 0", and what follows from them.

Decides how an assumption is written (the text that stands on a function in IR), and how comparisons of sizes are
settled: by bounds on each symbol and on each difference that an assumption names, and by residues. No solver: what this
does not settle is left to the hook in `dims.py`.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import NamedTuple

from weft._src.dims import HOLDS, Atom, Dim, Size, SizeParser, atom_text, from_terms
from weft._src.errors import SizeError


class Assumption(NamedTuple):
    """`lhs op rhs`, or `lhs mod modulus op rhs` where `modulus` is not 0. Its text stands on the function in IR.

    >>> str(parse_assumption("S*2 mod 8==0")), str(parse_assumption("B>=1"))
    ('2*S mod 8 == 0', 'B >= 1')
    """

    lhs: Size
    modulus: int
    op: str
    rhs: Size

    def __str__(self) -> str:
        return f"{self.lhs}{f' mod {self.modulus}' if self.modulus else ''} {self.op} {self.rhs}"

    def holds(self, values: Mapping[str, int]) -> bool:
        """Whether it is true of the given numbers.

        >>> parse_assumption("S mod 8 == 0").holds({"S": 24})
        True
        """
        left, right = (x.evaluate(values) if isinstance(x, Dim) else x for x in (self.lhs, self.rhs))
        return HOLDS[self.op](left % self.modulus if self.modulus else left, right)


def parse_assumption(text: str) -> Assumption:
    """Reads one assumption: `size op size` with == != < <= > >=, or `size mod n op r`.

    Raises:
        SizeError: WF1402 if the text is malformed.

    >>> parse_assumption("S <= 4096")
    Assumption(lhs=Dim('S'), modulus=0, op='<=', rhs=4096)
    """
    parser = SizeParser(text)
    lhs = parser.sum()
    modulus = 0
    if parser.eat("mod"):
        modulus = parser.integer()
        if modulus == 0:
            raise parser.bad("it divides by zero")
    op = parser.peek()
    if op not in HOLDS:
        raise parser.bad("one of == != < <= > >= is missing")
    parser.at += 1
    rhs = parser.sum()
    parser.end()
    if not isinstance(lhs, Dim) and not isinstance(rhs, Dim):
        raise parser.bad("it says nothing about a symbol")
    return Assumption(lhs, modulus, op, rhs)


_INF = math.inf
_Interval = tuple[float, float]  # exact where finite: bounds are ints or infinities


class Assumptions:
    """A list of assumptions and what follows from it. Symbols stand for sizes, so each is 0 or more without saying.

    Args:
        assumptions: texts or `Assumption`s.

    >>> a = Assumptions(["B >= 1", "S mod 8 == 0"])
    >>> a.decide(Dim("2*B"), ">", 0), a.decide(Dim("S"), "==", 12), a.decide(Dim("B"), "==", 4)
    (True, False, None)
    """

    def __init__(self, assumptions: Iterable[str | Assumption] = ()):
        self.items = tuple(parse_assumption(a) if isinstance(a, str) else a for a in assumptions)
        self._bounds: dict[str, _Interval] = {}  # by text of an expression without constant and common factor
        self._residues: dict[str, list[tuple[int, int]]] = {}
        for a in self.items:
            self._learn(a)

    def __iter__(self) -> Iterator[Assumption]:
        return iter(self.items)

    def __repr__(self) -> str:
        return f"Assumptions({[str(a) for a in self.items]!r})"

    def _learn(self, a: Assumption) -> None:
        if a.modulus:
            if a.op == "==" and isinstance(a.rhs, int) and isinstance(a.lhs, Dim):
                body, constant = _split(a.lhs)
                self._residues.setdefault(str(body), []).append((a.modulus, (a.rhs - constant) % a.modulus))
            return
        difference = a.lhs - a.rhs
        if not isinstance(difference, Dim) or a.op == "!=":
            return
        body, constant = _split(difference)  # body + constant op 0
        low: float = -_INF
        high: float = _INF
        if a.op in ("==", ">=", ">"):
            low = -constant + (a.op == ">")
        if a.op in ("==", "<=", "<"):
            high = -constant - (a.op == "<")
        primitive, factor = _primitive(body)
        self._bound(str(primitive), *_divide((low, high), factor))

    def _bound(self, key: str, low: float, high: float) -> None:
        old = self._bounds.get(key, (-_INF, _INF))
        self._bounds[key] = (max(old[0], low), min(old[1], high))

    def interval(self, size: Size) -> _Interval:
        """Bounds on a size that follow from the assumptions, term by term; infinite where nothing does.

        >>> Assumptions(["B <= 8"]).interval(Dim("2*B+1"))
        (1, 17)
        """
        if not isinstance(size, Dim):
            return size, size
        body, constant = _split(size)
        low: float = 0
        high: float = 0
        for factors, coefficient in body._terms:
            term: _Interval = (coefficient, coefficient)
            for a in factors:
                term = _times(term, self._atom(a))
            low, high = low + term[0], high + term[1]
        primitive, factor = _primitive(body)
        known = _times(self._bounds.get(str(primitive), (-_INF, _INF)), (factor, factor))
        return max(low, known[0]) + constant, min(high, known[1]) + constant

    def _atom(self, atom: Atom) -> _Interval:
        if isinstance(atom, str):
            low, high = self._bounds.get(atom, (0, _INF))
            return max(low, 0), high
        low, high = self.interval(atom.dividend)
        floor = [x if math.isinf(x) else int(x) // atom.divisor for x in (low, high)]
        known = self._bounds.get(atom_text(atom), (-_INF, _INF))
        return max(floor[0], known[0]), min(floor[1], known[1])

    def residue(self, size: Dim, n: int) -> int | None:
        """`size mod n` where the assumptions settle it, else None.

        >>> Assumptions(["S mod 8 == 0"]).residue(Dim("S+3"), 4)
        3
        """
        body, constant = _split(size)
        for modulus, r in self._residues.get(str(body), ()):
            if modulus % n == 0:
                return (r + constant) % n
        # term by term: a product is settled where one factor is, or the coefficient is
        total = constant
        for factors, coefficient in body._terms:
            settled = coefficient if coefficient % n == 0 else None
            for a in factors if settled is None else ():
                for modulus, r in self._residues.get(atom_text(a), ()):
                    if (coefficient * modulus) % n == 0 and (len(factors) == 1 or (coefficient * r) % n == 0):
                        settled = coefficient * r if len(factors) == 1 else 0
            if settled is None:
                return None
            total += settled
        return total % n

    def decide(self, lhs: Size, op: str, rhs: Size) -> bool | None:
        """The answer of a comparison for all sizes that the assumptions allow, or None where it depends on them."""
        difference = lhs - rhs
        if not isinstance(difference, Dim):
            return HOLDS[op](difference, 0)
        if op in ("!=", ">", ">="):
            opposite = self.decide(lhs, {"!=": "==", ">": "<=", ">=": "<"}[op], rhs)
            return None if opposite is None else not opposite
        low, high = self.interval(difference)
        if op == "==":
            if low == high == 0:
                return True
            return False if low > 0 or high < 0 or self._never_zero(difference) else None
        if op == "<":
            return True if high < 0 else False if low >= 0 else None
        return True if high <= 0 else False if low > 0 else None

    def _never_zero(self, size: Dim) -> bool:
        # Zero is even modulo everything: a nonzero residue, known or from a common factor, excludes it.
        body, constant = _split(size)
        _, factor = _primitive(body)
        if constant % factor:
            return True
        moduli = {m for rs in self._residues.values() for m, _ in rs}
        return any(self.residue(size, m) not in (0, None) for m in moduli)

    def check(self, values: Mapping[str, int]) -> None:
        """Checks all of them on the numbers of a call; those with names that have none are left to the native entry.

        Raises:
            SizeError: WF1403 naming the first that does not hold.

        >>> Assumptions(["B >= 1"]).check({"B": 2})
        """
        for a in self.items:
            names = [n for x in (a.lhs, a.rhs) if isinstance(x, Dim) for n in x.symbols]
            if all(n in values for n in names) and not a.holds(values):
                numbers = ", ".join(f"{name} = {values[name]}" for name in sorted(values))
                raise SizeError("WF1403", f"the assumption {a} does not hold for {numbers}.")


def _split(size: Dim) -> tuple[Dim, int]:
    """The size without its constant, and the constant."""
    terms = dict(size._terms)
    constant = terms.pop((), 0)
    body = from_terms(terms)
    assert isinstance(body, Dim)
    return body, constant


def _primitive(body: Dim) -> tuple[Dim, int]:
    """The expression divided by its common factor (the sign makes the first term positive), and that factor."""
    factor = math.gcd(*(c for _, c in body._terms))
    if body._terms[0][1] < 0:
        factor = -factor
    primitive = from_terms({k: c // factor for k, c in body._terms})
    assert isinstance(primitive, Dim)
    return primitive, factor


def _divide(interval: _Interval, factor: int) -> _Interval:
    """Bounds on x from bounds on factor * x, rounded inwards."""
    low, high = interval if factor > 0 else (-interval[1], -interval[0])
    by = abs(factor)
    return (
        low if math.isinf(low) else -(-int(low) // by),
        high if math.isinf(high) else int(high) // by,
    )


def _times(a: _Interval, b: _Interval) -> _Interval:
    products = [0 if 0 in (x, y) else x * y for x in a for y in b]
    return min(products), max(products)


_known: ContextVar[Assumptions] = ContextVar("weft_assumptions")
_NOTHING = Assumptions()


def known() -> Assumptions:
    """The assumptions that hold where this is called: those of the enclosing `assuming` blocks of this thread."""
    return _known.get(_NOTHING)


@contextlib.contextmanager
def assuming(*assumptions: str | Assumption) -> Iterator[Assumptions]:
    """Makes comparisons use further assumptions inside a `with` block, in this thread.

    >>> with assuming("B >= 1"):
    ...     Dim("B") == 0
    False
    """
    token = _known.set(Assumptions((*known().items, *assumptions)))
    try:
        yield known()
    finally:
        _known.reset(token)
