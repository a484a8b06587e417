"""The ops of a random program that have regions or name functions.

Decides how many trips loops take, what regions read and yield, and which rules of their own functions have. Regions
nest two deep.
"""

from graph_block import FLOATS, KEY, MOST_ELEMENTS, TAKES, Size, Unfit, Value, array, listed
from graph_families import fresh, number


def captured(block, count):
    chosen = [block.pick() for _ in range(count)]
    return chosen, [Value(f"%c{block.prefix}{len(block.lines)}_{i}", v.shape, v.element) for i, v in enumerate(chosen)]


def captured_more(block, least, most):
    """Values and keys, and the arguments that they are inside."""
    chosen, inside = captured(block, block.rng.randint(least, most))
    if block.keys and block.rng.random() < 0.3:
        k = block.rng.choice(block.keys)
        chosen.append(k)
        inside.append(Value(f"%ck{block.prefix}{len(block.lines)}", k.shape, KEY))
    return chosen, inside


def finish(block, results, text):
    left = ", ".join(v.name for v in results)
    block.add((left + " = " if left else "") + text, *results)


def types(values):
    return ", ".join(v.type for v in values)


def control_if(block):
    branches = block.rng.choice([2, 2, 3])
    chosen, _ = captured(block, block.rng.randint(1, 3))
    if block.kit.rate:  # what is known is folded
        index = number(block, "i32", 5) if branches > 2 else block.predicate(number(block, "i32", 5))
    else:
        index = block.scalar("i1" if branches == 2 else "i64")
    wanted = [block.rng.choice(chosen) for _ in range(block.rng.randint(1, 2))]
    tag, texts = f"{block.prefix}{len(block.lines)}", []
    for k in range(branches):
        arguments = [Value(f"%b{tag}_{k}_{i}", v.shape, v.element) for i, v in enumerate(chosen)]
        inner = block.child(f"{tag}_{k}_", arguments)
        inner.grow(block.rng.randint(1, 6))
        texts.append(inner.region([inner.of(v) for v in wanted]))
    results = block.results(wanted)
    finish(
        block,
        results,
        f"weft.if {index.name} captures({listed(chosen)}) : {index.type} -> ({types(results)}) {', '.join(texts)}",
    )


def control_for(block):
    count = block.rng.choice([s for v in block.values for s in v.shape] or [Size(3)])
    carries, carried = captured(block, block.rng.randint(1, 2))
    if block.kit.rate and block.keys and block.rng.random() < 0.5:
        carries.append(block.rng.choice(block.keys))
        carried.append(Value(f"%ck{block.prefix}{len(block.lines)}", carries[-1].shape, KEY))
    xs = [v for v in block.values if v.shape and v.shape[0] == count][: block.rng.randint(0, 2)]
    captures = [block.pick() for _ in range(block.rng.randint(0, 2))]
    tag = f"{block.prefix}{len(block.lines)}"
    arguments = [Value(f"%i{tag}", [], "i64"), *carried]
    arguments += [Value(f"%x{tag}_{i}", v.shape[1:], v.element) for i, v in enumerate(xs)]
    arguments += [Value(f"%k{tag}_{i}", v.shape, v.element) for i, v in enumerate(captures)]
    inner = block.child(f"{tag}_", arguments)
    inner.grow(block.rng.randint(2, 8))
    rows = [v for v in [inner.pick() for _ in range(block.rng.randint(0, 2))] if v.count * count.count <= MOST_ELEMENTS]
    text = inner.region([*[inner.of(v) for v in carries], *rows])
    results = block.results([*carries, *[Value("", [count, *v.shape], v.element) for v in rows]])
    line = f"weft.for #weft.size<{count.text}>" + (" reverse" if block.rng.random() < 0.3 else "")
    for word, values in (("carries", carries), ("xs", xs), ("captures", captures)):
        if values:
            line += f" {word}({listed(values)})"
    finish(block, results, f"{line} -> ({types(results)}) {text}")


def control_while(block):
    """Counts to a number below 6, or until a carry is large, or for so many trips at most."""
    carries, carried = captured_more(block, 1, 2)
    captures = [block.pick() for _ in range(block.rng.randint(0, 2))]
    limit, start = number(block, "i64", 6), block.fixed("0", [], "i64")
    tag = f"{block.prefix}{len(block.lines)}"

    def inside(name):
        count, most = Value(f"%n{tag}", [], "i64"), Value(f"%m{tag}", [], "i64")
        others = [Value(f"%k{tag}_{i}", v.shape, v.element) for i, v in enumerate(captures)]
        return count, most, block.child(f"{tag}_{name}", [count, *carried, most, *others])

    count, most, condition = inside("c")
    going = condition.emit("lt", [count, most], [], "i1")
    bounded = block.rng.random() < 0.3
    if block.rng.random() < 0.5:
        condition.grow(block.rng.randint(1, 3))
        further = condition.predicate(number(condition, "i32", 5))
        going = condition.emit("and", [going, further], [], "i1")
    count, most, body = inside("d")
    body.grow(block.rng.randint(1, 7))
    after = body.emit("add", [count, body.fixed("1", [], "i64")], [], "i64")
    texts = condition.region([going]), body.region([after, *[body.of(v) for v in carries]])
    given, read = [start, *carries], [limit, *captures]
    results = block.results(given)
    line = f"weft.while{' max_trips #weft.size<3>' if bounded else ''} carries({listed(given)})"
    finish(block, results, f"{line} captures({listed(read)}) -> ({types(results)}) {texts[0]} do {texts[1]}")


def control_map(block):
    count = block.rng.choice([s for v in block.values for s in v.shape] or [Size(3)])
    xs = [v for v in block.values if v.shape and v.shape[0] == count][: block.rng.randint(1, 3)]
    if not xs or count.count > 40:
        raise Unfit
    captures, inside = captured_more(block, 0, 2)
    tag = f"{block.prefix}{len(block.lines)}"
    arguments = [Value(f"%x{tag}_{i}", v.shape[1:], v.element) for i, v in enumerate(xs)]
    inner = block.child(f"{tag}_", [*arguments, *inside])
    inner.grow(block.rng.randint(1, 6))
    rows = [v for v in [inner.pick() for _ in range(block.rng.randint(1, 2))] if v.count * count.count <= MOST_ELEMENTS]
    sums = [inner.pick(TAKES["Number"])] if block.rng.random() < 0.4 else []
    if not rows + sums:
        raise Unfit
    text = inner.region(rows + sums)
    results = block.results([*[Value("", [count, *v.shape], v.element) for v in rows], *sums])
    line = f"weft.map #weft.size<{count.text}> xs({listed(xs)})"
    line += f" captures({listed(captures)})" if captures else ""
    line += f" attributes {{sums = {len(sums)} : i64}}" if sums else ""
    finish(block, results, f"{line} -> ({types(results)}) {text}")


def control_sized(block):
    """A loop whose number of steps is a value, with rows that are read back inside."""
    value = number(block, "i64", 6)
    chosen, inside = captured_more(block, 1, 3)
    tag = f"{block.prefix}{len(block.lines)}"
    symbol, bound = f"s{tag}", block.rng.choice(["", "", " bound #weft.size<4>"])
    inner = block.child(f"{tag}_", inside)
    # How many there are is not known here; 4 stands for it where elements are counted.
    size = Size(4, symbol)
    element = block.rng.choice(["f32", "f64", "i32"])
    inner.emit("iota", [], [size, *block.rng.choice([[], [Size(3)]])], element, "{dim = 0 : i64}")
    inner.grow(block.rng.randint(2, 8))
    wanted = [v for v in chosen if v.element != KEY or block.rng.random() < 0.5][:2] or chosen[:1]
    scalars = [v for v in inner.values if not any(s.symbol == symbol for s in v.shape)][-2:]
    text = inner.region([*[inner.of(v) for v in wanted], *scalars])
    results = block.results([*wanted, *scalars])
    line = f'weft.sized "{symbol}" = {value.name}{bound} captures({listed(chosen)}) : {value.type}'
    finish(block, results, f"{line} -> ({types(results)}) {text}")


def control_recompute(block):
    chosen, inside = captured_more(block, 1, 3)
    tag = f"{block.prefix}{len(block.lines)}"
    inner = block.child(f"{tag}_", inside)
    inner.grow(block.rng.randint(1, 6))
    rows = [inner.pick() for _ in range(block.rng.randint(1, 2))]
    text = inner.region(rows)
    results = block.results(rows)
    finish(block, results, f'weft.recompute "{tag}" ({listed(chosen)}) -> ({types(results)}) {text}')


# --------------------------------------------------------------------------------------------------------- functions


def with_symbols(block, chosen):
    """The values, and others that tell each of their symbols: a function solves it from a size that is it alone."""
    out = list(chosen)
    for symbol in {s.symbol for v in chosen for s in v.shape if s.named}:
        alone = Size(1, symbol)
        if any(s == alone for v in out for s in v.shape):
            continue
        fit = [v for v in block.values if any(s == alone for s in v.shape) and not others(v, out, symbol)]
        if not fit:
            raise Unfit
        out.append(fit[0])
    return out


def others(value, known, symbol):
    """Whether a value speaks of a symbol that is not known either."""
    have = {s.symbol for v in known for s in v.shape} | {symbol, None}
    return any(s.symbol not in have for s in value.shape)


def function(block, arguments, attributes="", body=None, results=None):
    """Adds a private function; gives its name and results."""
    name = f"@g{len(block.functions)}"
    block.functions.append("")  # its place: functions inside come after
    number = len(block.functions) - 1
    if body is None:
        body = block.child(f"g{number}_", arguments)
        body.grow(block.rng.randint(2, 9))
        results = [body.pick() for _ in range(block.rng.randint(1, 2))]
    given, lines = ", ".join(f"{v.name}: {v.type}" for v in arguments), "\n".join(body.lines)
    head = f"func.func private {name}({given}) -> ({types(results)}){attributes and f' attributes {{{attributes}}}'}"
    block.functions[number] = f"{head} {{\n{lines}\nreturn {listed(results)}\n}}\n"
    return name, results


def arguments_of(block, chosen):
    return [Value(f"%f{len(block.functions)}_{i}", v.shape, v.element) for i, v in enumerate(chosen)]


def control_call(block):
    """A call, or two, of a function: a plain one, one with a policy for what is kept, or one with rules of its own."""
    chosen, _ = captured_more(block, 1, 3)
    chosen = with_symbols(block, chosen)
    arguments = arguments_of(block, chosen)
    which = block.rng.choice(["", "", "policy", "jvp", "vjp"])
    if which in ("jvp", "vjp") and any(v.element in FLOATS for v in chosen):
        name, results = ruled(block, arguments, which)
    else:
        policy = block.rng.choice(['"nothing"', '"dots"', '"everything"', '["a"]'])
        name, results = function(block, arguments, f"weft.checkpoint = {policy}" if which == "policy" else "")
    for again in range(block.rng.choice([1, 1, 2])):
        given = [block.of(v) if again and v.element == KEY else block.like(v) if again else v for v in chosen]
        called(block, "call", name, given, results)


def called(block, op, name, given, results, attributes=""):
    made, names = block.results(results), ", ".join(v.name for v in given)
    finish(block, made, f"weft.{op} {name}({names}){attributes} : ({types(given)}) -> ({types(made)})")
    return made


def moved(block, x, like):
    """A linear function of x with the type of `like`: x, or the sum of all its elements."""
    if x.shape != like.shape:
        if x.shape:
            kind = f"{{kind = #weft.reduce_kind<add>, dims = {array(range(len(x.shape)))}}}"
            x = block.emit("reduce", [x], [], x.element, kind)
        if like.shape:
            x = block.emit("broadcast", [x], like.shape, x.element, f"{{dims = {array([])}}}")
    return x if x.element == like.element else block.emit("convert", [x], x.shape, like.element)


def linear(block, inputs, like):
    """A value of a type, linear in the inputs; their factors are values of the block, which knows no inputs."""
    factors, known = [fresh(block, like.shape, like.element) for _ in inputs], list(block.values)
    zero = block.fixed("0.0", [], like.element)
    total = block.emit("broadcast", [zero], like.shape, like.element, f"{{dims = {array([])}}}") if like.shape else zero
    for x, factor in zip(inputs, factors, strict=True):
        part = block.emit("mul", [moved(block, x, like), factor], like.shape, like.element)
        total = block.emit("add", [total, part], like.shape, like.element)
    block.values = known
    return total


def floats(values):
    return [v for v in values if v.element in FLOATS]


def ruled(block, arguments, which):
    """A function with a derivative rule of its own, which need not be its derivative."""
    number = len(block.functions)
    name, rules = f"@g{number}", [f"@g{number}.{r}" for r in (["rule"] if which == "jvp" else ["fwd", "bwd"])]
    attributes = f"weft.jvp = {rules[0]}" if which == "jvp" else f"weft.fwd = {rules[0]}, weft.bwd = {rules[1]}"
    name, results = function(block, arguments, attributes)
    given = [Value(f"{v.name}r", v.shape, v.element) for v in arguments]

    def rule(rule_name, taken, extra, outs):
        """A rule's text: of a block over `taken`, with `extra` arguments that only `outs` reads."""
        body = block.child(f"h{len(block.functions)}_", taken)
        results = outs(body)
        head = ", ".join(f"{v.name}: {v.type}" for v in [*taken, *extra])
        block.functions.append(
            f"func.func private {rule_name}({head}) -> ({types(results)}) {{\n"
            + "\n".join(body.lines) + f"\nreturn {listed(results)}\n}}\n"
        )  # fmt: skip

    def value(body):
        return called(body, "call", name, given, results)

    if which == "jvp":
        tangents = [Value(f"{v.name}t", v.shape, v.element) for v in floats(given)]
        rule(
            rules[0], given, tangents,
            lambda body: [*value(body), *[linear(body, tangents, v) for v in floats(results)]],
        )  # fmt: skip
    else:
        cotangents = [Value(f"%ct{number}_{i}", v.shape, v.element) for i, v in enumerate(floats(results))]
        kept = [v for v in given if v.element != KEY]
        rule(rules[0], given, [], lambda body: [*value(body), *kept])
        rule(rules[1], kept, cotangents, lambda body: [linear(body, cotangents, v) for v in floats(given)])
    return name, results


def control_request(block):
    """A derivative of a function, or its batch, inside of the program."""
    which = block.rng.choice(["jvp", "vjp", "vmap"])
    if which == "vmap":
        sizes = [v.shape[0] for v in block.values if v.shape]
        if not sizes:
            raise Unfit
        size = block.rng.choice(sizes)
        whole, _ = captured_more(block, 0, 2)
        batched = [v for v in block.values if v.shape and v.shape[0] == size and v not in whole]
        batched = block.rng.sample(batched, min(len(batched), block.rng.randint(1, 2)))
        given = [*batched, *whole]
        if not batched:
            raise Unfit
        inside = [Value("", v.shape[1:], v.element) for v in batched] + whole
        missing = with_symbols(block, inside)[len(inside) :]
        given, inside = given + missing, inside + missing
        name, results = function(block, arguments_of(block, inside))
        if any(v.count * size.count > MOST_ELEMENTS for v in results):
            raise Unfit
        flags = ", ".join(["true"] * len(batched) + ["false"] * (len(given) - len(batched)))
        attributes = f" {{batched = array<i1: {flags}>, size = #weft.size<{size.text}>}}"
        results = [Value("", [size, *v.shape], v.element) for v in results]
        called(block, "vmap", name, given, results, attributes)
        return
    chosen, _ = captured_more(block, 1, 3)
    chosen = with_symbols(block, chosen)
    active = [v.element in FLOATS and block.rng.random() < 0.8 for v in chosen]
    if not any(active):
        raise Unfit
    name, results = function(block, arguments_of(block, chosen))
    moving = [v for v, a in zip(chosen, active, strict=True) if a]
    attributes = f" {{active = array<i1: {', '.join(str(a).lower() for a in active)}>{most_bytes(block, which)}}}"
    extra = [fresh(block, v.shape, v.element) for v in (moving if which == "jvp" else floats(results))]
    out = [*results, *(floats(results) if which == "jvp" else moving)]
    called(block, which, name, [*chosen, *extra], out, attributes)


def most_bytes(block, which):
    """How much a reverse pass may keep."""
    if which != "vjp" or block.rng.random() < 0.6:
        return ""
    return f", max_bytes = {block.rng.choice([0, 64, 1000])} : i64"


def control_packed(block):
    """A loop that multiplies by one matrix in each trip: too large for the first cache, so that it is packed before."""
    if block.depth:
        raise Unfit
    rng = block.rng
    element, n = rng.choice([("f32", 93), ("f32", 97), ("f64", 67), ("f64", 71)])
    rows, square = [Size(rng.choice([1, 2, 4, 5])), Size(n)], [Size(n), Size(n)]
    # No constant, and nothing that the loop could compute again.
    far = block.emit("broadcast", [block.scalar(element)], square, element, f"{{dims = {array([])}}}")
    index = block.emit("iota", [], square, element, f"{{dim = {rng.randrange(2)} : i64}}")
    matrix = block.emit("sin", [block.emit("add", [far, index], square, element)], square, element)
    carry, tag = fresh(block, rows, element), f"{block.prefix}{len(block.lines)}"
    inner = block.child(f"{tag}_", [Value(f"%i{tag}", [], "i64"), Value(f"%c{tag}", rows, element),
                                    Value(f"%k{tag}", square, element)])  # fmt: skip
    numbers = f"lhs_batch = {array([])}, rhs_batch = {array([])}, lhs_contract = {array([1])}"
    sums = inner.emit("dot", inner.arguments[1:], rows, element,
                      f"{{{numbers}, rhs_contract = {array([rng.randrange(2)])}}}")  # fmt: skip
    text = inner.region([inner.emit("tanh", [sums], rows, element)])
    results = block.results([carry])
    finish(block, results, f"weft.for #weft.size<{rng.choice([2, 3])}> carries({listed([carry])}) "
                           f"captures({listed([matrix])}) -> ({types(results)}) {text}")  # fmt: skip
    block.values = [v for v in block.values if v.shape != square]  # more elements than other ops are given


FIRST = [control_if, control_for]
EVERY = [
    control_if, control_if, control_for, control_for, control_while, control_while, control_map, control_sized,
    control_recompute, control_call, control_call, control_request,
]  # fmt: skip
