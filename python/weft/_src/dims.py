"""Symbolic sizes: `Dim("batch")`, arithmetic on them, and what is known about them.

Decides the normal form, which is that of the C++ side (lib/Dialect/Weft/SizeExpr.cpp; the texts agree character for
character): a sum of terms `coeff*sym*sym`, highest degree first, then by text, the constant last; a factor may be
`(expr floordiv n)`. A result without symbols is a plain int, so a `Dim` always depends on something.

Also decides what comparisons mean. They are about the sizes that come at the call, so `B == 4`, and `B == S` too, has
no answer now unless the assumptions settle it; one hook is then asked (`guard_hook`): under `jit` it records a guard,
otherwise it raises WF1401. To say False when unsure would take the wrong branch silently. To ask whether two sizes are
the same expression, and nothing else, as types do, use `same`.
"""

from __future__ import annotations

import contextlib
import operator
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple, Union

from weft._src.errors import ConcretizationError, SizeError, UndecidedSizeError

Size = Union[int, "Dim"]


class FloorDiv(NamedTuple):
    """The factor `(dividend floordiv divisor)`; the divisor is a positive int."""

    dividend: Dim
    divisor: int

    # Factors are keys and are compared all the time, but == of a Dim may ask the hook: so they compare as texts.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, FloorDiv) and self.divisor == other.divisor and same(self.dividend, other.dividend)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((self.dividend, self.divisor))


Atom = str | FloorDiv
_Terms = dict[tuple[Atom, ...], int]
_WORDS = frozenset({"floordiv", "mod"})


def atom_text(atom: Atom) -> str:
    """A factor as it stands in a text; also the order of factors."""
    return atom if isinstance(atom, str) else f"({atom.dividend} floordiv {atom.divisor})"


class Dim:
    """A symbolic size: a name, or sums, products and floor divisions of names and ints. Never a constant.

    Args:
        text: a name such as "batch", or an expression in the grammar of the IR, such as "2*S+1".

    Raises:
        SizeError: WF1402 if the text is malformed or names no symbol.

    >>> B, S = Dim("B"), Dim("S")
    >>> print(S * B + 1, 2 * S - S, (4 * S + 5) // 2, S % 8)
    B*S+1 S 2*S+2 -8*(S floordiv 8)+S
    >>> (B + 1) * (B - 1) == B * B - 1, B - B
    (True, 0)
    """

    __slots__ = ("_terms", "_text")

    _terms: tuple[tuple[tuple[Atom, ...], int], ...]
    _text: str

    def __init__(self, text: str):
        value = parse(text)
        if not isinstance(value, Dim):
            raise SizeError("WF1402", f"{text!r} names no symbol; a constant size is a plain int.", hint="")
        self._terms, self._text = value._terms, value._text

    # ------------------------------------------------------------------------------------------------ arithmetic

    def __add__(self, other: Any) -> Size:
        return _binary(self, other, _add)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Size:
        return _binary(self, other, lambda a, b: _add(a, _scale(b, -1)))

    def __rsub__(self, other: Any) -> Size:
        return _binary(self, other, lambda a, b: _add(b, _scale(a, -1)))

    def __mul__(self, other: Any) -> Size:
        return _binary(self, other, _mul)

    __rmul__ = __mul__

    def __neg__(self) -> Size:
        return from_terms(_scale(dict(self._terms), -1))

    def __pos__(self) -> Size:
        return self

    def __pow__(self, n: Any) -> Size:
        if not isinstance(n, int) or n < 0:
            return NotImplemented
        result: Size = 1
        for _ in range(n):
            result = result * self
        return result

    def __floordiv__(self, other: Any) -> Size:
        return floordiv(self, other)

    def __rfloordiv__(self, other: Any) -> Size:
        return floordiv(other, self)

    def __mod__(self, other: Any) -> Size:
        n = _int_or_none(other)
        if n is not None and n > 0:
            settled = _assumptions().residue(self, n)
            if settled is not None:
                return settled
        return self - floordiv(self, other) * other

    def __divmod__(self, other: Any) -> tuple[Size, Size]:
        return self // other, self % other

    # ----------------------------------------------------------------------------------------------- comparisons

    def __eq__(self, other: object) -> bool:
        return _compare(self, "==", other)

    def __ne__(self, other: object) -> bool:
        return _compare(self, "!=", other)

    def __lt__(self, other: Any) -> bool:
        return _compare(self, "<", other)

    def __le__(self, other: Any) -> bool:
        return _compare(self, "<=", other)

    def __gt__(self, other: Any) -> bool:
        return _compare(self, ">", other)

    def __ge__(self, other: Any) -> bool:
        return _compare(self, ">=", other)

    def __hash__(self) -> int:
        return hash(("weft.Dim", self._text))

    def __bool__(self) -> bool:
        return self != 0

    # -------------------------------------------------------------------------------------------- as Python ints

    def __index__(self) -> int:
        raise ConcretizationError("WF1406", f"the size {self} is known only at the call.")

    __int__ = __index__

    def __float__(self) -> float:
        raise ConcretizationError("WF1406", f"the size {self} is known only at the call.")

    # ------------------------------------------------------------------------------------------------------ rest

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Dim({self._text!r})"

    def __reduce__(self):
        return Dim, (self._text,)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names in the expression, in order of their first appearance in the text.

        >>> Dim("B*S+(T floordiv 2)").symbols
        ('B', 'S', 'T')
        """
        names: dict[str, None] = {}
        for factors, _ in self._terms:
            for a in factors:
                names.update(dict.fromkeys((a,) if isinstance(a, str) else a.dividend.symbols))
        return tuple(names)

    def substitute(self, values: Mapping[str, Size]) -> Size:
        """The size with symbols replaced by ints or sizes; those not named stay.

        >>> Dim("B*S+1").substitute({"B": 2}), Dim("B*S").substitute({"B": 2, "S": 3})
        (Dim('2*S+1'), 6)
        """
        total: Size = 0
        for factors, coefficient in self._terms:
            product: Size = coefficient
            for a in factors:
                if isinstance(a, str):
                    product = product * (values[a] if a in values else _symbol(a))
                else:
                    product = product * floordiv(a.dividend.substitute(values), a.divisor)
            total = total + product
        return total

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The number that the size is for the given numbers.

        Raises:
            SizeError: WF1404 if a symbol has none.

        >>> Dim("(S floordiv 2)+1").evaluate({"S": 7})
        4
        """
        result = self.substitute(values)
        if isinstance(result, Dim):
            missing = ", ".join(result.symbols)
            raise SizeError("WF1404", f"the size {self} has no value: nothing was given for {missing}.")
        return result


def from_terms(terms: _Terms) -> Size:
    """The size of a dictionary of terms; an int where no symbol is left."""
    kept = {k: c for k, c in terms.items() if c}
    if not kept:
        return 0
    if len(kept) == 1 and () in kept:
        return kept[()]
    dim = object.__new__(Dim)
    texts = {k: tuple(atom_text(a) for a in k) for k in kept}
    dim._terms = tuple(sorted(kept.items(), key=lambda kc: (-len(kc[0]), texts[kc[0]])))
    out = ""
    for k, c in dim._terms:
        out += "-" if c < 0 else "+" if out else ""
        factors = "*".join(texts[k])
        if abs(c) != 1 or not factors:
            out += f"{abs(c)}*" if factors else str(abs(c))
        out += factors
    dim._text = out
    return dim


def _symbol(name: str) -> Dim:
    size = from_terms({(name,): 1})
    assert isinstance(size, Dim)
    return size


def _int_or_none(x: Any) -> int | None:
    if isinstance(x, (Dim, float, str)):
        return None
    try:
        return operator.index(x)
    except TypeError:
        return None


def _terms_of(x: Any) -> _Terms | None:
    if isinstance(x, Dim):
        return dict(x._terms)
    n = _int_or_none(x)
    return None if n is None else {(): n}


def _binary(a: Dim, b: Any, op: Callable[[_Terms, _Terms], _Terms]) -> Size:
    terms = _terms_of(b)
    return NotImplemented if terms is None else from_terms(op(dict(a._terms), terms))


def _add(a: _Terms, b: _Terms) -> _Terms:
    total = dict(a)
    for k, c in b.items():
        total[k] = total.get(k, 0) + c
    return total


def _scale(a: _Terms, n: int) -> _Terms:
    return {k: c * n for k, c in a.items()}


def _mul(a: _Terms, b: _Terms) -> _Terms:
    product: _Terms = {}
    for ka, ca in a.items():
        for kb, cb in b.items():
            k = tuple(sorted(ka + kb, key=atom_text))
            product[k] = product.get(k, 0) + ca * cb
    return product


def floordiv(a: Any, b: Any) -> Size:
    """`a // b` for sizes: by a positive int always, by a size where it comes out even.

    Terms whose coefficient the divisor divides leave the bracket, and the constant leaves by its floor; what stays is
    one factor `(rest floordiv n)`.

    Raises:
        SizeError: WF1405 for a divisor that is 0, negative, or symbolic and not a factor.

    >>> S = Dim("S")
    >>> floordiv(4 * S + 5, 2), floordiv(3 * S, 2), floordiv(6 * S * S, 2 * S)
    (Dim('2*S+2'), Dim('(3*S floordiv 2)'), Dim('3*S'))
    """
    n = _int_or_none(b)
    if n is None:
        if not isinstance(b, Dim) or _terms_of(a) is None:
            return NotImplemented
        quotient = exact_div(a, b)
        if quotient is None:
            raise SizeError(
                "WF1405", f"{a} cannot be divided by the symbolic size {b}, which is not a factor of it.", hint=""
            )
        return quotient
    if n <= 0:
        raise SizeError("WF1405", f"the size {a} cannot be divided by {n}.")
    if not isinstance(a, Dim):
        whole = _int_or_none(a)
        return NotImplemented if whole is None else whole // n
    out: _Terms = {}
    rest: _Terms = {}
    for k, c in a._terms:
        if not k or c % n == 0:
            out[k] = c // n
            rest[k] = c % n
        else:
            rest[k] = c
    remaining = from_terms(rest)
    # What remains without symbols lies between 0 and n-1, so its floor is 0.
    return from_terms(out) if isinstance(remaining, int) else from_terms(_add(out, {(FloorDiv(remaining, n),): 1}))


def exact_div(a: Size, b: Size) -> Size | None:
    """`a` divided by `b` where that comes out even for every value of the symbols, else None.

    >>> B, S = Dim("B"), Dim("S")
    >>> exact_div(4 * B * S, 2 * S), exact_div(B + 1, S), exact_div(B + S, B + S)
    (Dim('2*B'), None, 1)
    """
    top, bottom = _terms_of(a), _terms_of(b)
    if top is None or bottom is None:
        return None
    if len(bottom) != 1:
        return 1 if same(a, b) else None
    ((factors, by),) = bottom.items()
    if by == 0:
        return None
    quotient: _Terms = {}
    for k, c in top.items():
        left = list(k)
        for f in factors:
            if f not in left:
                return None
            left.remove(f)
        if c % by:
            return None
        quotient[tuple(left)] = c // by
    return from_terms(quotient)


def same(a: Any, b: Any) -> bool:
    """Whether two sizes are one expression; never asks the hook. Types are compared so: `B` and `S` differ.

    >>> same(Dim("B"), Dim("S")), same(Dim("B") * 2, Dim("2*B")), same(3, 3)
    (False, True, True)
    """
    if isinstance(a, Dim) and isinstance(b, Dim):
        return a._text == b._text
    return not isinstance(a, Dim) and not isinstance(b, Dim) and a == b


# ------------------------------------------------------------------------------------------------------------ parsing

_TOKEN = re.compile(r"\s*(?:(\d+)|([A-Za-z_][A-Za-z0-9_]*)|(==|!=|<=|>=|[-+*()<>]))", re.ASCII)
_MAX_DEPTH = 64  # as in C++: the text may come from a hostile file


class SizeParser:
    """Recursive descent over the grammar of sizes; `assumptions.py` goes on where a size ends."""

    def __init__(self, text: str):
        self.text = text
        self.tokens: list[str] = []
        at = 0
        stripped = text.rstrip()
        while at < len(stripped):
            match = _TOKEN.match(stripped, at)
            if match is None:
                raise self.bad(f"{stripped[at]!r} cannot stand in a size")
            self.tokens.append(match.group(match.lastindex or 0))
            at = match.end()
        self.at = 0
        self.depth = 0

    def bad(self, why: str) -> SizeError:
        return SizeError("WF1402", f"{self.text!r} is not a size: {why}.")

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def eat(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def sum(self) -> Size:
        total = self.product()
        while True:
            if self.eat("+"):
                total = total + self.product()
            elif self.eat("-"):
                total = total - self.product()
            else:
                return total

    def product(self) -> Size:
        result = self.factor()
        while self.eat("*"):
            result = result * self.factor()
        return result

    def integer(self) -> int:
        token = self.peek()
        if not token.isdigit():
            raise self.bad("an integer is missing")
        self.at += 1
        if int(token) > 2**63 - 1:
            raise self.bad(f"{token} does not fit in 64 bits")
        return int(token)

    def factor(self) -> Size:
        token = self.peek()
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.bad("it nests too deeply")
        try:
            if self.eat("("):
                inner = self.sum()
                if self.eat("floordiv"):
                    n = self.integer()
                    if n == 0:
                        raise self.bad("it divides by zero")
                    inner = floordiv(inner, n)
                if not self.eat(")"):
                    raise self.bad("a closing bracket is missing")
                return inner
            if self.eat("-"):
                return -self.factor()
            if token.isdigit():
                return self.integer()
            if token in _WORDS or token == "_" or not (token[:1].isalpha() or token[:1] == "_"):
                raise self.bad(f"{token!r} stands where a name or number belongs" if token else "it ends too early")
            self.at += 1
            return _symbol(token)
        finally:
            self.depth -= 1

    def end(self) -> None:
        if self.at != len(self.tokens):
            raise self.bad(f"{self.peek()!r} is left over")


def parse(text: str) -> Size:
    """Reads a size in the grammar of the IR; spaces do not matter.

    Raises:
        SizeError: WF1402 if the text is malformed.

    >>> parse("2*S + 1"), parse("(S floordiv 2)"), parse("7")
    (Dim('2*S+1'), Dim('(S floordiv 2)'), 7)
    """
    if not isinstance(text, str):
        raise SizeError("WF1402", f"a size is written as text, not as {type(text).__name__}.")
    parser = SizeParser(text)
    size = parser.sum()
    parser.end()
    return size


# -------------------------------------------------------------------------------------------------------- comparisons


HOLDS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Question(NamedTuple):
    """A comparison that the assumptions do not decide: `lhs op rhs`."""

    lhs: Size
    op: str
    rhs: Size

    def __str__(self) -> str:
        return f"{self.lhs} {self.op} {self.rhs}"


def _refuse(question: Question) -> bool:
    raise UndecidedSizeError("WF1401", f"whether {question} is known only at the call.")


_hook: ContextVar[Callable[[Question], bool]] = ContextVar("weft_guard_hook", default=_refuse)


def guard_hook(question: Question) -> bool:
    """Answers a comparison that nothing decides; the one place where that happens.

    By default it raises; `jit` puts a function here that answers for the present sizes and records a guard.

    Raises:
        UndecidedSizeError: WF1401, unless `using_guard_hook` says otherwise.
    """
    return _hook.get()(question)


@contextlib.contextmanager
def using_guard_hook(hook: Callable[[Question], bool]) -> Iterator[None]:
    """Has `hook` answer undecided comparisons inside a `with` block, in this thread.

    >>> asked = []
    >>> with using_guard_hook(lambda q: asked.append(str(q)) or True):
    ...     Dim("B") == 4
    True
    >>> asked
    ['B == 4']
    """
    token = _hook.set(hook)
    try:
        yield
    finally:
        _hook.reset(token)


class Answer(NamedTuple):
    """A comparison and how it came out for the sizes of one call."""

    question: Question
    holds: bool

    def again(self, values: Mapping[str, int]) -> bool:
        """Whether it comes out the same for other sizes."""
        left, right = (x.evaluate(values) if isinstance(x, Dim) else x for x in self.question[::2])
        return HOLDS[self.question.op](left, right) is self.holds


@contextlib.contextmanager
def answering(values: Mapping[str, int]) -> Iterator[list[Answer]]:
    """Answers undecided comparisons for the given sizes, and lists the answers; what they do not settle is refused.

    >>> with answering({"B": 4}) as answers:
    ...     Dim("B") > 3
    True
    >>> [(str(a.question), a.holds, a.again({"B": 2})) for a in answers]
    [('B > 3', True, False)]
    """
    answers: list[Answer] = []

    def hook(question: Question) -> bool:
        if any(name not in values for x in question[::2] if isinstance(x, Dim) for name in x.symbols):
            return _refuse(question)
        left, right = (x.evaluate(values) if isinstance(x, Dim) else x for x in question[::2])
        answers.append(Answer(question, HOLDS[question.op](left, right)))
        return answers[-1].holds

    with using_guard_hook(hook):
        yield answers


def solve(pairs: Iterable[tuple[Size, int]]) -> dict[str, int]:
    """The numbers of the names, from sizes and the numbers that they are; without those that nothing tells.

    >>> solve([(2 * Dim("S") + 1, 7), (Dim("S") * Dim("B"), 6)])
    {'S': 3, 'B': 2}
    """
    known: dict[str, int] = {}
    left = [(size, n) for size, n in pairs if isinstance(size, Dim)]
    while True:
        before = len(known)
        for size, n in left:
            rest = size.substitute(known)
            if isinstance(rest, Dim):
                terms = dict(rest._terms)
                constant = terms.pop((), 0)
                if len(terms) == 1 and len(factors := next(iter(terms))) == 1 and isinstance(factors[0], str):
                    value, over = divmod(n - constant, terms[factors])
                    if not over and value >= 0:
                        known[factors[0]] = value
        if len(known) == before:
            return known


def _assumptions():
    from weft._src import assumptions  # which needs this module

    return assumptions.known()


def _compare(lhs: Dim, op: str, rhs: Any) -> bool:
    if not isinstance(rhs, Dim):
        rhs = _int_or_none(rhs)
        if rhs is None:
            return NotImplemented
    answer = _assumptions().decide(lhs, op, rhs)
    return guard_hook(Question(lhs, op, rhs)) if answer is None else answer
