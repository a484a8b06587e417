"""What a program means by NumPy: the traced form evaluated op by op, with nothing of the compiler's but its parser.

Decides values, derivatives and batches by definitions of its own: a batch is a loop over lanes, a derivative is that of
dual numbers (op by op, as `graph_rules.py` says), and reverse mode is forward mode read the other way: an element of a
gradient is the derivative along that element, weighed by the cotangents. So one pass for duals checks all three.

Values are arrays in their own dtype: the exact ops round as the program must. The rest may differ by a few units, and
what comes after may make much of that. Noise perturbs them, and several runs show which elements are known, and how
well.
"""

import re

import graph_factors
import numpy as np
from graph_coverage import is_float
from graph_rules import Dual, Rules, TooLarge, is_real
from weft._src import dtypes

WHICH = re.compile(r"(?:main|f\d+)$")  # functions of the chain of requests
MOST_DIRECTIONS = 300


class Op:
    """An op of the parsed module, taken apart once."""

    def __init__(self, op, names):
        self.name = op.name.removeprefix("weft.")
        self.attributes = {key: _attribute(str(op.attributes[key])) for key in op.attributes}
        self.operands = [names[v] for v in op.operands]
        self.regions = [Block(region.blocks[0], dict(names)) for region in op.regions]
        self.results = [names.setdefault(v, len(names)) for v in op.results]
        self.types = [_type(v) for v in op.results]


class Block:
    """A block: its arguments, ops, and what it ends with."""

    def __init__(self, block, names):
        self.arguments = [names.setdefault(v, len(names)) for v in block.arguments]
        self.types = [_type(v) for v in block.arguments]
        *ops, end = block.operations
        self.ops = [Op(op, names) for op in ops]
        self.ends = [names[v] for v in end.operands]
        self.floats = [is_float(v) for v in end.operands]


def _type(value):
    text = str(value.type)
    element = re.match(r"tensor<(?:[?\d]+x)*([!.\w]+)", text).group(1)
    sizes = value.describe()[1]
    return element, tuple(sizes)


def _attribute(text):
    if text in ("true", "false", "unit"):
        return text != "false"
    if text.startswith("array<"):
        body = text[6:-1].split(":", 1)
        items = body[1].split(",") if len(body) > 1 else []
        return [{"true": True, "false": False}.get(i.strip(), None) if body[0] == "i1" else int(i) for i in items]
    if match := re.match(r"(-?\d+) : i64$", text):
        return int(match.group(1))
    if match := re.match(r"(\S+) : f64$", text):
        return float(match.group(1))
    if match := re.match(r"#weft\.\w+<(.*)>$", text):
        return match.group(1)
    if match := re.match(r"dense<(.*)> : tensor<", text):
        return match.group(1)
    return text.strip('"@')


class Evaluator:
    """Evaluates functions of a parsed module.

    Args:
        module: at stage `traced`. noise: random numbers that perturb what is not exact; None: nothing is perturbed.
    """

    def __init__(self, module, noise=None):
        self.functions, self.custom = {}, {}
        for f in module.body.operations:
            name = str(f.attributes["sym_name"]).strip('"')
            self.functions[name] = Block(f.regions[0].blocks[0], {})
            rules = [str(f.attributes[k]).lstrip("@") if k in f.attributes else None
                     for k in ("weft.jvp", "weft.fwd", "weft.bwd")]  # fmt: skip
            if any(rules):
                self.custom[name] = rules
        self.rules = Rules(noise)

    # -------------------------------------------------------------------------------------------------- functions

    def call(self, name, arguments):
        """The results of a function; gradients that the chain of requests asks for are None."""
        rules = self.custom.get(name)
        tag = max((a.tag for a in arguments if isinstance(a, Dual)), default=None)
        if rules is None or tag is None:
            block = self.functions[name]
            env = {}
            for (_, sizes), argument in zip(block.types, arguments, strict=True):
                for size, count in zip(sizes, self.rules.shape(argument), strict=True):
                    if isinstance(size, str) and re.fullmatch(r"\w+", size):
                        env[size] = count
            return self.block(block, arguments, env, bool(WHICH.match(name)) and len(block.ops) == 1)
        return self._by_rule(name, rules, arguments, tag)

    def _by_rule(self, name, rules, arguments, tag):
        """The results of a function that has a derivative rule of its own, and their tangents."""
        primals, tangents = zip(*(Dual.parts(a, tag) for a in arguments), strict=True)
        reals = [(p, t) for p, t in zip(primals, tangents, strict=True) if is_real(p)]
        given = [self.rules.zeros_like(p) if t is None else t for p, t in reals]
        if rules[0]:
            out = self.call(rules[0], [*primals, *given])
            count = len(self.functions[name].ends)
            made = iter(out[count:])
            return [Dual(tag, y, next(made)) if is_real(y) else y for y in out[:count]]
        out = self.call(rules[1], list(primals))
        count = len(self.functions[name].ends)
        results, residuals = out[:count], out[count:]
        places = [i for i, y in enumerate(results) if is_real(y)]
        tangent = {i: self.rules.zeros_like(results[i]) for i in places}
        if sum(self.rules.size(results[i]) for i in places) > MOST_DIRECTIONS:
            raise TooLarge
        self.rules.tangents += 1
        for i in places:  # forward mode is the transpose of bwd: its row for each element of the results
            elements = []
            for at in np.ndindex(*self.rules.shape(results[i])):
                seeds = [self.rules.one_hot(results[j], at if j == i else None) for j in places]
                rows = self.call(rules[2], [*residuals, *seeds])
                elements.append(self.rules.total(rows, given))
            tangent[i] = self.rules.gathered(elements, results[i])
        self.rules.tangents -= 1
        return [Dual(tag, y, tangent[i]) if i in tangent else y for i, y in enumerate(results)]

    def block(self, block, arguments, env, chain=False):
        values = dict(zip(block.arguments, arguments, strict=True))
        for op in block.ops:
            made = self.op(op, [values[v] for v in op.operands], env, chain)
            values.update(zip(op.results, made, strict=True))
        return [values[v] for v in block.ends]

    # -------------------------------------------------------------------------------------------------------- ops

    def op(self, op, xs, env, chain):
        control = self._factor if op.name in graph_factors.NAMES else getattr(self, f"_{op.name}", None)
        if op.name in ("jvp", "vjp", "vmap"):
            return control(op, xs, env, chain)
        if control:
            return control(op, xs, env)
        element, sizes = op.types[0]
        return [self.rules.apply(op.name, xs, op.attributes, element, tuple(_count(s, env) for s in sizes))]

    def _print(self, op, xs, env):
        return []

    _check = _print

    def _callback(self, op, xs, env):
        x = self.rules.value(xs[0])
        y = self.rules.value(self.rules.add(x, x))
        return [y if len(xs) == 1 or self.rules.value(xs[1]) else np.zeros_like(y)]

    def _call(self, op, xs, env):
        return self.call(op.attributes["callee"], xs)

    def _recompute(self, op, xs, env):
        return self.block(op.regions[0], xs, env)

    def _if(self, op, xs, env):
        index = int(self.rules.value(xs[0]))
        return self.moving(self.block(op.regions[min(max(index, 0), len(op.regions) - 1)], xs[1:], env), xs)

    def moving(self, results, xs):
        """Results of a branch or a loop, which have a tangent where an operand has: another branch, or trip, may give
        one, so here it is a zero. What comes after tells that from none by an infinite slope alone."""
        for tag in {t for x in xs for t in _tags(x)}:
            results = [self._moving(y, tag) if is_real(y) else y for y in results]
        return results

    def _moving(self, y, tag):
        if isinstance(y, Dual) and y.tag >= tag:
            return y if y.tag == tag else Dual(y.tag, self._moving(y.value, tag), self._moving(y.tangent, tag))
        return Dual(tag, y, self.rules.zeros_like(y))

    def _for(self, op, xs, env):
        body, (carried, sliced, captured) = op.regions[0], _segments(op, xs)
        count = _count(op.attributes["count"], env)
        rows = [None] * count
        for i in range(count)[:: -1 if "reverse" in op.attributes else 1]:
            given = [np.asarray(i, np.int64), *carried, *(self.rules.row(x, i) for x in sliced), *captured]
            out = self.block(body, given, env)
            carried, rows[i] = out[: len(carried)], out[len(carried) :]
        return self.moving([*carried, *self._stacked(op, rows, env, len(carried))], xs)

    def _stacked(self, op, rows, env, first, count=None):
        types = op.types[first : None if count is None else first + count]
        if not rows:
            return [self.rules.zeros(e, tuple(_count(s, env) for s in sizes)) for e, sizes in types]
        return [self.rules.stack([row[k] for row in rows]) for k in range(len(types))]

    def _while(self, op, xs, env):
        carried, captured = _segments(op, xs, 2)
        most = _count(op.attributes["max_trips"], env) if "max_trips" in op.attributes else 1000
        for _ in range(most):
            if not self.rules.value(self.block(op.regions[0], [*carried, *captured], env)[0]):
                break
            carried = self.block(op.regions[1], [*carried, *captured], env)
        return self.moving(carried, xs)

    def _map(self, op, xs, env):
        sliced, captured = _segments(op, xs, 2)
        count, sums = _count(op.attributes["count"], env), op.attributes.get("sums", 0)
        rows = [self.block(op.regions[0], [*(self.rules.row(x, i) for x in sliced), *captured], env)
                for i in range(count)]  # fmt: skip
        stacked = len(op.types) - sums
        out = self._stacked(op, rows, env, 0, stacked)
        for k in range(stacked, len(op.types)):
            element, sizes = op.types[k]
            total = self.rules.zeros(element, tuple(_count(s, env) for s in sizes))
            for row in rows:
                total = self.rules.add(total, row[k])
            out.append(total)
        return out

    def _sized(self, op, xs, env):
        count = max(int(self.rules.value(xs[0])), 0)
        if "bound" in op.attributes:
            count = min(count, _count(op.attributes["bound"], env))
        return self.block(op.regions[0], xs[1:], {**env, op.attributes["symbol"]: count})

    def _factor(self, op, xs, env):
        return graph_factors.factored(op.name, self.rules.value(xs[0]), op.attributes.get("complete"), self.rules)

    def _triangular_solve(self, op, xs, env):
        a, b = self.rules.value(xs[0]), xs[1]  # linear in b; nothing that moves stands in a
        return [self._solved(a, b, op.attributes)]

    def _solved(self, a, b, attributes):
        if isinstance(b, Dual):
            return Dual(b.tag, self._solved(a, b.value, attributes), self._solved(a, b.tangent, attributes))
        return graph_factors.solved(a, b, attributes, self.rules)

    def _dim_size(self, op, xs, env):
        return [np.asarray(_count(op.attributes["size"], env), np.int64)]

    # --------------------------------------------------------------------------------------------------- requests

    def _jvp(self, op, xs, env, chain):
        active = op.attributes["active"]
        primals, tangents, tag = xs[: len(active)], iter(xs[len(active) :]), Dual.fresh()
        given = [Dual(tag, p, next(tangents)) if a else p for p, a in zip(primals, active, strict=True)]
        out = [Dual.parts(y, tag) for y in self.call(op.attributes["callee"], given)]
        floats = self.functions[op.attributes["callee"]].floats
        moving = [None if y is None else self.rules.zeros_like(y) if t is None else t
                  for (y, t), f in zip(out, floats, strict=True) if f]  # fmt: skip
        return [*(y for y, _ in out), *moving]

    def _vmap(self, op, xs, env, chain):
        count, batched = _count(op.attributes["size"], env), op.attributes["batched"]
        lanes = [
            self.call(
                op.attributes["callee"], [self.rules.row(x, i) if b else x for x, b in zip(xs, batched, strict=True)]
            )
            for i in range(count)
        ]
        return self._stacked(op, lanes, env, 0)

    def _vjp(self, op, xs, env, chain):
        callee, active = op.attributes["callee"], op.attributes["active"]
        primals, cotangents = xs[: len(active)], xs[len(active) :]
        results = self.call(callee, primals)
        if chain:
            return results + [None] * sum(active)
        if sum(self.rules.size(p) for p, a in zip(primals, active, strict=True) if a) > MOST_DIRECTIONS:
            raise TooLarge
        gradients = []
        for i in (i for i, a in enumerate(active) if a):
            elements = [self.along(callee, primals, {i: self.rules.one_hot(primals[i], at)}, cotangents)
                        for at in np.ndindex(*self.rules.shape(primals[i]))]  # fmt: skip
            gradients.append(self.rules.gathered(elements, primals[i]))
        return [*results, *(self.rules.doubtful(g) for g in gradients)]

    def along(self, callee, primals, directions, cotangents):
        """The derivative of a function along directions, weighed by cotangents of its floating results."""
        tag = Dual.fresh()
        given = [Dual(tag, p, directions[i]) if i in directions else p for i, p in enumerate(primals)]
        floats = self.functions[callee].floats
        out = [y for y, f in zip(self.call(callee, given), floats, strict=True) if f]
        return self.rules.total([Dual.parts(y, tag)[1] for y in out], cotangents)

    # --------------------------------------------------------------------------------------- weighed sums of results

    def weighed(self, name, arguments, weights, env=None):
        """The sum of the products of weights with the results of a function of the chain; None where a result has no
        weight. Nested reverse modes need nothing else."""
        if all(w is None for w in weights):
            return None
        block = self.functions[name]
        request = block.ops[0] if WHICH.match(name) and len(block.ops) == 1 else None
        if request is None or request.name not in ("jvp", "vjp", "vmap"):
            out = self.call(name, arguments)
            return self.rules.total([y for y, w in zip(out, weights, strict=True) if w is not None],
                                    [w for w in weights if w is not None])  # fmt: skip
        callee = request.attributes["callee"]
        count, floats = len(self.functions[callee].ends), self.functions[callee].floats
        if request.name == "vmap":
            batched, total = request.attributes["batched"], None
            lanes = next(self.rules.shape(a)[0] for a, b in zip(arguments, batched, strict=True) if b)
            for i in range(lanes):
                given = [self.rules.row(a, i) if b else a for a, b in zip(arguments, batched, strict=True)]
                one = self.weighed(callee, given, [None if w is None else self.rules.row(w, i) for w in weights])
                total = self.rules.sum_of(total, one)
            return total
        active = request.attributes["active"]
        primals, others, tag = arguments[: len(active)], arguments[len(active) :], Dual.fresh()
        plain = self.weighed(callee, primals, weights[:count])
        if request.name == "jvp":
            moving, tangents = iter(others), weights[count:]
            given = [Dual(tag, p, next(moving)) if a else p for p, a in zip(primals, active, strict=True)]
        else:
            moving, tangents = iter(weights[count:]), others
            given = [Dual(tag, p, w) if a and (w := next(moving)) is not None else p
                     for p, a in zip(primals, active, strict=True)]  # fmt: skip
            if not any(isinstance(g, Dual) and g.tag == tag for g in given):
                return plain
        rest = iter(tangents)
        spread = [next(rest) if f else None for f in floats]
        moved = self.weighed(callee, given, spread)
        return self.rules.sum_of(plain, None if moved is None else Dual.parts(moved, tag)[1])


def _tags(x):
    """The tags of a value's tangents."""
    tags = []
    while isinstance(x, Dual):
        tags.append(x.tag)
        x = x.value
    return tags


def _count(size, env):
    if isinstance(size, int):
        return size
    return int(eval(size.replace("floordiv", "//"), {"__builtins__": {}}, dict(env)))


def _segments(op, xs, kinds=3):
    """Operands by kind: carries, slices, captures; a `while` has no slices, a map no carries."""
    sizes = op.attributes["operandSegmentSizes"]
    out, at = [], 0
    for n in sizes[:kinds]:
        out.append(xs[at : at + n])
        at += n
    return out


# -------------------------------------------------------------------------------------------------------- comparison

NOISES, CONFIRMING = 2, 64  # runs whose spread says how well an element is known; before anything is called wrong


class Compared:
    """What came of a comparison: how many elements were known and how many were not, and what is wrong or None."""

    def __init__(self):
        self.known, self.unknown, self.wrong = 0, 0, None


def compare(module, inputs, got, seed, count=NOISES):
    """Compares the results of a program with those by NumPy, where these are known: noise in what is not exact leaves
    an integer, a NaN or an infinity as it is, and a number within a bound, which then is that of the comparison.

    Raises:
        TooLarge: where that takes too many ops: loops in lanes, or a gradient inside of the program that is large.
    """
    compared, rng = Compared(), np.random.default_rng(seed)
    noises = [None, *(np.random.default_rng([seed, i]) for i in range(count))]
    runs = [Evaluator(module, noise) for noise in noises]
    results = [run.call("main", inputs) for run in runs]
    for i, g in enumerate(got):
        wanted = [np.asarray(run[i]) if run[i] is not None else None for run in results]
        if wanted[0] is not None:
            _hold(compared, f"result {i}", g, wanted, runs[0].rules)
            continue
        for k in rng.choice(g.size, min(g.size, 2), replace=False):
            at = np.unravel_index(k, g.shape)
            weights = [None] * len(got)
            weights[i] = np.zeros(g.shape, g.dtype)
            weights[i][at] = 1
            found = [np.asarray(run.weighed("main", inputs, weights)) for run in runs]
            where = f"result {i} at {tuple(int(j) for j in at)}"
            _hold(compared, where, np.asarray(g[at]), found, runs[0].rules)
    return compare(module, inputs, got, seed, CONFIRMING) if compared.wrong and count < CONFIRMING else compared


def _hold(compared, where, g, wanted, rules):
    if wanted[0].shape != g.shape:
        compared.wrong = f"{where} has the shape {g.shape}, by NumPy {wanted[0].shape}"
        return
    if not is_real(g):
        known = np.logical_and.reduce([w == wanted[0] for w in wanted])
        wrong = known & (g != wanted[0])
    else:
        given, runs = g.astype(np.float64), [w.astype(np.float64) for w in wanted]
        with np.errstate(all="ignore"):
            first, spread = runs[0], np.ptp(runs, axis=0)
            alike = np.logical_and.reduce([(r == first) | np.isnan(r) & np.isnan(first) for r in runs])
            eps, tiny = (float(getattr(np_finfo(g.dtype), name)) for name in ("eps", "smallest_normal"))
            bound = 100 * spread + 8 * eps * np.abs(first) + 16 * tiny
            # A number of which the noise leaves less than a digit is not known; neither is a NaN of a derivative.
            known = np.where(np.isfinite(first), spread < 1e-2 * np.abs(first) + tiny, alike & np.isinf(first))
            known &= (np.isfinite(spread) | alike) & ~(rules.endless & np.isnan(given))
            wrong = known & ~((np.abs(given - first) <= bound) | (given == first)) & (not rules.vague)
    compared.known += int(known.sum())
    compared.unknown += int((~known).sum())
    if wrong.any() and compared.wrong is None:
        at = tuple(int(k[0]) for k in np.nonzero(wrong)) if g.ndim else ()
        found = f"{g[at]!r}, by NumPy {wanted[0][at]!r} (with noise {[w[at] for w in wanted[1:]]})"
        compared.wrong = f"{where}: {int(wrong.sum())} of {g.size} differ, first at {at}: {found}"


def np_finfo(dtype):
    return dtypes.finfo(dtypes.dtype(dtype))
