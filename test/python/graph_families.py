"""The ops of a random program that have no regions, family by family.

Decides the shapes and attributes that an op is given: a step is a function of a block that finds operands there and
adds an op or a few. The ops of named sizes, windows, keys and effects stand below; seeds from EVERY on have
them.
"""

import numpy as np
from graph_block import FLOATS, INTS, KEY, MOST_ELEMENTS, SIZES, TAKES, Size, Unfit, Value, array, listed


def reduce(block):
    x = block.pick(condition=lambda v: v.shape)
    dims = sorted(block.rng.sample(range(len(x.shape)), block.rng.randint(1, len(x.shape))))
    kinds = ["and", "or"] if x.element == "i1" else ["add", "add", "mul", "max", "min"]
    kinds += ["and", "or"] if x.element in INTS else []
    kind = f"{{kind = #weft.reduce_kind<{block.rng.choice(kinds)}>, dims = {array(dims)}}}"
    rest = [s for i, s in enumerate(x.shape) if i not in dims]
    r = block.emit("reduce", [x], rest, x.element, kind)
    if block.rng.random() < 0.6:  # what softmax and layer norm do next
        keep = [i for i in range(len(x.shape)) if i not in dims]
        b = block.emit("broadcast", [r], x.shape, x.element, f"{{dims = {array(keep)}}}")
        op = block.rng.choice(["xor", "eq"] if x.element == "i1" else ["sub", "mul", "add", "max"])
        block.emit(op, [x, b], x.shape, "i1" if op == "eq" else x.element)


def transpose(block):
    x = block.pick(condition=lambda v: len(v.shape) > 1)
    order = list(range(len(x.shape)))
    block.rng.shuffle(order)
    block.emit("transpose", [x], [x.shape[i] for i in order], x.element, f"{{permutation = {array(order)}}}")


def reverse(block):
    x = block.pick(condition=lambda v: v.shape)
    dims = sorted(block.rng.sample(range(len(x.shape)), block.rng.randint(0, len(x.shape))))
    if dims:
        block.emit("reverse", [x], x.shape, x.element, f"{{dims = {array(dims)}}}")


def broadcast(block):
    x = block.pick(condition=lambda v: v.count <= 100 and len(v.shape) < 4)
    shape = [Size(block.rng.choice(SIZES[:8])) if s.text == "1" else s for s in x.shape]
    at = block.rng.randint(0, len(shape))
    shape.insert(at, Size(block.rng.choice(SIZES[:8])))
    if np.prod([s.count for s in shape]) <= MOST_ELEMENTS:
        dims = [i for i in range(len(shape)) if i != at]
        block.emit("broadcast", [x], shape, x.element, f"{{dims = {array(dims)}}}")


def reshape(block):
    x = block.pick(condition=lambda v: not any(s.named for s in v.shape))
    n, shape = x.count, []
    for factor in (2, 3):
        if n % factor == 0 and n and block.rng.random() < 0.5:
            shape.append(Size(factor))
            n //= factor
    shape.insert(block.rng.randint(0, len(shape)), Size(n))
    block.emit("reshape", [x], shape, x.element)


def slice(block):
    x = block.pick(condition=lambda v: v.shape)
    starts, strides, shape = [], [], []
    for s in x.shape:
        if s.named or s.count < 2 or block.rng.random() < 0.3:
            start, stride, size = 0, 1, s
        else:
            start, stride = block.rng.randrange(s.count), block.rng.choice([1, 1, 2, 3])
            size = Size(block.rng.randint(1, (s.count - start - 1) // stride + 1))
        starts.append(start)
        strides.append(stride)
        shape.append(size)
    block.emit("slice", [x], shape, x.element, f"{{starts = {array(starts)}, strides = {array(strides)}}}")


def pad(block):
    x = block.pick(condition=lambda v: v.shape and v.count < MOST_ELEMENTS // 4)
    value = next((v for v in block.values if not v.shape and v.element == x.element), None) or block.constant(
        [], x.element
    )
    low, high, interior, shape = [], [], [], []
    for s in x.shape:
        choice = (
            (0, 0, 0) if s.named else (block.rng.randint(0, 2), block.rng.randint(0, 2), block.rng.choice([0, 0, 1]))
        )
        low.append(choice[0])
        high.append(choice[1])
        interior.append(choice[2])
        shape.append(
            s if s.named else Size(choice[0] + choice[1] + s.count + (s.count - 1) * choice[2] * (s.count > 0))
        )
    attributes = f"{{low = {array(low)}, high = {array(high)}, interior = {array(interior)}}}"
    block.emit("pad", [x, value], shape, x.element, attributes)


def along(block):
    """A value that has a dimension, and one of them."""
    x = block.pick(condition=lambda v: v.shape)
    return x, block.rng.randrange(len(x.shape))


def flag(block):
    return block.rng.choice(["true", "false"])


def cumulative(block):
    x, dim = along(block)
    if x.element == "i1":
        return
    kind = block.rng.choice(["add", "add", "mul", "max", "min"])
    attributes = f"{{kind = #weft.reduce_kind<{kind}>, dim = {dim} : i64, reverse = {flag(block)}}}"
    block.emit("cumulative", [x], x.shape, x.element, attributes)


def softmax(block):
    x = block.pick(FLOATS, condition=lambda v: v.shape)
    dims = sorted(block.rng.sample(range(len(x.shape)), block.rng.randint(1, len(x.shape))))
    block.emit("softmax", [x], x.shape, x.element, f"{{dims = {array(dims)}, log = {flag(block)}}}")


def sort(block):
    x, dim = along(block)
    name = block.rng.choice(["sort", "sort", "argsort"])
    element = x.element if name == "sort" else "i64"
    block.emit(name, [x], x.shape, element, f"{{dim = {dim} : i64, descending = {flag(block)}}}")


def argsort(block):
    x, dim = along(block)
    block.emit("argsort", [x], x.shape, "i64", f"{{dim = {dim} : i64, descending = {flag(block)}}}")


def numbers(block, x):
    """Dimension numbers for windows of x: batch, dims, place of the index dimensions, their shape, the windows'."""
    batch = block.rng.choice([0, 0, 0, *range(len(x.shape))])
    window = x.shape[batch:]
    dims = sorted(block.rng.sample(range(batch, len(x.shape)), block.rng.randint(1, len(window))))
    at = block.rng.choice([0, 0, len(window), block.rng.randint(0, len(window))])
    index = [Size(block.rng.choice(SIZES[:6])) for _ in range(block.rng.choice([0, 1, 1, 2]))]
    sizes = []
    for i, s in enumerate(window, batch):
        small = [1, 1, 2] if s.named else [1, 1, block.rng.randint(1, max(s.count, 1))]
        sizes.append(Size(block.rng.choice(small)) if i in dims else s)
    return batch, dims, at, index, [*x.shape[:batch], *sizes[:at], *index, *sizes[at:]]


def indices(block, x, batch, index, dims):
    """Indices on both sides of the bounds."""
    shape = [*x.shape[:batch], *index, Size(len(dims))]
    made = block.emit("iota", [], shape, "i32", f"{{dim = {block.rng.randrange(len(shape))} : i64}}")
    if block.rng.random() < 0.7:
        made = block.emit(block.rng.choice(["rem", "mul", "sub"]), [made, block.like(made)], shape, "i32")
    return made


def gather(block):
    x = block.pick(condition=lambda v: v.shape and all(s.named or s.count for s in v.shape))
    batch, dims, at, index, windows = numbers(block, x)
    if np.prod([s.count for s in windows]) <= MOST_ELEMENTS:
        i = indices(block, x, batch, index, dims)
        block.emit("gather", [x, i], windows, x.element, places(block, batch, dims, at))


def scatter(block):
    x = block.pick(condition=lambda v: v.shape and all(s.named or s.count for s in v.shape))
    batch, dims, at, index, windows = numbers(block, x)
    if np.prod([s.count for s in windows]) <= MOST_ELEMENTS:
        i = indices(block, x, batch, index, dims)
        kind = "set" if x.element == "i1" else block.rng.choice(["set", "add", "mul", "min", "max"])
        updates = block.like(Value("", windows, x.element))
        extra = f"kind = #weft.scatter_kind<{kind}>, "
        block.emit("scatter", [x, i, updates], x.shape, x.element, places(block, batch, dims, at, extra))


def places(block, batch, dims, at, extra=""):
    bounds = block.rng.choice(["clamp", "drop"])
    return f"{{{extra}batch = {batch} : i64, dims = {array(dims)}, at = {at} : i64, bounds = #weft.bounds<{bounds}>}}"


def concat(block):
    x = block.pick(condition=lambda v: v.shape and v.count < MOST_ELEMENTS // 4)
    fixed = [i for i, s in enumerate(x.shape) if not s.named]
    if not fixed:
        return
    dim = block.rng.choice(fixed)
    others = [
        v for v in block.values
        if v.element == x.element and len(v.shape) == len(x.shape) and not v.shape[dim].named
        and all(i == dim or a == b for i, (a, b) in enumerate(zip(v.shape, x.shape, strict=True)))
    ]  # fmt: skip
    parts = [x] + [block.rng.choice(others) for _ in range(block.rng.randint(1, 2))]
    shape = list(x.shape)
    shape[dim] = Size(sum(v.shape[dim].count for v in parts))
    if np.prod([s.count for s in shape]) <= MOST_ELEMENTS:
        block.emit("concat", parts, shape, x.element, f"{{dim = {dim} : i64}}")


def iota(block):
    x = block.pick(TAKES["Number"], condition=lambda v: v.shape)
    block.emit("iota", [], x.shape, x.element, f"{{dim = {block.rng.randrange(len(x.shape))} : i64}}")


def dot(block):
    x = block.pick(TAKES["Number"], condition=lambda v: 1 <= len(v.shape) <= 3)
    y = block.pick([x.element], condition=lambda v: any(s == t for s in v.shape for t in x.shape))
    pairs = [(i, j) for i, s in enumerate(x.shape) for j, t in enumerate(y.shape) if s == t]
    if not pairs:
        return
    block.rng.shuffle(pairs)
    used: list = []
    for i, j in pairs:
        if all(i != a and j != b for a, b in used) and len(used) < 2:
            used.append((i, j))
    # The first pair is contracted, a second one is a batch or contracted too.
    contract, batch = used[:1], used[1:]
    if block.rng.random() < 0.3:
        contract, batch = used, []
    shape = [x.shape[i] for i, _ in batch]
    shape += [s for i, s in enumerate(x.shape) if i not in [p[0] for p in used]]
    shape += [s for i, s in enumerate(y.shape) if i not in [p[1] for p in used]]
    if len(shape) > 4 or np.prod([s.count for s in shape]) > MOST_ELEMENTS:
        return
    attributes = ", ".join(
        f"{side}_{what} = {array([p[k] for p in chosen])}"
        for what, chosen in (("batch", batch), ("contract", contract))
        for k, side in enumerate(("lhs", "rhs"))
    )
    block.emit("dot", [x, y], shape, x.element, f"{{{attributes}}}")


# ---------------------------------------------------------------------------------------------------- linear algebra

MOST_ROWS = 9


def matrices(block, square=False):
    """Matrices of a wide float without a derivative, and the sizes in front of them; square ones are symmetric."""

    def fits(v):
        last = v.shape[-2:]
        return len(last) == 2 and not any(s.named for s in last) and all(s.count <= MOST_ROWS for s in last)

    x = block.pick(["f32", "f64"], condition=fits)
    if square:
        *lead, m, n = range(len(x.shape))
        numbers = ", ".join(f"{side}_{what} = {array(dims)}" for what, dims in (("batch", lead), ("contract", [n]))
                            for side in ("lhs", "rhs"))  # fmt: skip
        x = block.emit("dot", [x, x], [*x.shape[:m], x.shape[m], x.shape[m]], x.element, f"{{{numbers}}}")
    return block.emit("stop_gradient", [x], x.shape, x.element), x.shape[:-2], x.shape[-2], x.shape[-1]


def factor(block, names=("cholesky", "eigh", "eigvalsh", "lu", "qr", "svd", "svdvals")):
    """A factorisation; what comes after has no derivative by it."""
    name = block.rng.choice(names)
    x, lead, m, n = matrices(block, square=name in ("cholesky", "eigh", "eigvalsh"))
    complete = name in ("qr", "svd") and block.rng.random() < 0.5
    k = min(m, n, key=lambda s: s.count)
    shapes = {
        "cholesky": [[n, n]], "eigh": [[n], [n, n]], "eigvalsh": [[n]], "lu": [[m, n], [m]], "svdvals": [[k]],
        "qr": [[m, m], [m, n]] if complete else [[m, k], [k, n]],
        "svd": [[m, m], [k], [n, n]] if complete else [[m, k], [k], [k, n]],
    }[name]  # fmt: skip
    elements = [x.element, "i64"] if name == "lu" else [x.element] * len(shapes)
    made = block.results([Value("", [*lead, *s], e) for s, e in zip(shapes, elements, strict=True)])
    attribute = f" {{complete = {str(complete).lower()}}}" if name in ("qr", "svd") else ""
    left, types = ", ".join(v.name for v in made), ", ".join(v.type for v in made)
    block.add(f"{left} = weft.{name} {x.name}{attribute} : ({x.type}) -> ({types})", *made)


def rarer_factor(block):
    """One of those that a program holds the seldomest, as others pick what they need."""
    factor(block, ("cholesky", "eigvalsh", "svdvals"))


def triangular_solve(block):
    a, lead, m, _ = matrices(block, square=True)
    b = fresh(block, [*lead, m, Size(block.rng.choice([1, 2, 3]))], a.element)
    flags = ", ".join(f"{word} = {flag(block)}" for word in ("lower", "transposed", "unit_diagonal"))
    block.emit("triangular_solve", [a, b], b.shape, a.element, f"{{{flags}}}")


# ---------------------------------------------------------------------------------------------------------- elements


def optimization_barrier(block):
    x = block.pick()
    block.emit("optimization_barrier", [x], x.shape, x.element)


def checkpoint_name(block):
    x = block.pick()
    block.emit("checkpoint_name", [x], x.shape, x.element, f'{{label = "{block.rng.choice(["a", "b"])}"}}')


def constant(block):
    """A constant whose elements differ."""
    shape = block.rng.choice([[3], [2, 2], [5], [1, 4], [0], [2, 1, 3]])
    element = block.rng.choice(["f32", "f64", "f16", "i32", "ui8"])
    choose = [-0.0, 1.5, -2.0, 0.25, 7.0] if element in FLOATS else [0, 1, 2, 7, 100]

    def nested(sizes):
        if not sizes:
            return str(block.rng.choice(choose))
        return f"[{', '.join(nested(sizes[1:]) for _ in range(sizes[0]))}]"

    block.fixed("" if 0 in shape else nested(shape), [Size(n) for n in shape], element)


def fresh(block, shape, element):
    """A value of any shape that varies along it: one that is there, widened where need be, or made of indices."""

    def widened(v):
        """Where the dimensions of v go."""
        at = []
        for s in v.shape:
            found = [i for i, t in enumerate(shape) if t == s and i > (at[-1] if at else -1)]
            if not found:
                return None
            at.append(found[0])
        return at

    fit = [(v, at) for v in block.values if v.element == element and v.shape and (at := widened(v)) is not None]
    if fit and block.rng.random() < 0.7:
        v, at = fit[-1 - min(block.rng.randrange(len(fit)), block.rng.randrange(len(fit)))]
        return v if len(at) == len(shape) else block.emit("broadcast", [v], shape, element, f"{{dims = {array(at)}}}")
    x = Value("", shape, element)
    if not shape or element == "i1":
        return block.like(x)
    x = block.emit("iota", [], shape, element, f"{{dim = {block.rng.randrange(len(shape))} : i64}}")
    return block.emit("sin", [x], shape, element) if element in FLOATS and block.rng.random() < 0.7 else x


def number(block, element, below):
    """A scalar of an integer type in 0 ... below - 1 that the compiler does not know."""
    x = block.pick(TAKES["Number"])
    if x.shape:
        kind = f"{{kind = #weft.reduce_kind<max>, dims = {array(range(len(x.shape)))}}}"
        x = block.emit("reduce", [x], [], x.element, kind)
    x = x if x.element == element else block.emit("convert", [x], [], element)
    x = block.emit("rem", [x, block.fixed(str(below), [], element)], [], element)
    return x if element[0] == "u" else block.emit("abs", [x], [], element)


# ------------------------------------------------------------------------------------------------------- named sizes


def dim_size(block):
    sizes = [s for v in block.values for s in v.shape if s.named]
    if not sizes:
        raise Unfit
    block.emit("dim_size", [], [], "i64", f"{{size = #weft.size<{block.rng.choice(sizes).text}>}}")


def with_named(block):
    """A value that has a named size, and where."""
    x = block.pick(condition=lambda v: any(s.named for s in v.shape) and v.count <= MOST_ELEMENTS // 4)
    return x, block.rng.choice([i for i, s in enumerate(x.shape) if s.named])


def merge_named(block):
    """A named size times the number beside it, as one; or the other way around."""
    x, at = with_named(block)
    size, shape = x.shape[at], list(x.shape)
    both = [d for d in (2, 3, 5) if size.factor % d == 0 and size.more % d == 0]
    beside = [i for i in (at, at - 1) if 0 <= i < len(shape) - 1 and not shape[i + 1 if i == at else i].named]
    if both and block.rng.random() < 0.6:
        d = block.rng.choice(both)
        rest = Size(size.count // d, size.symbol, size.factor // d, size.more // d)
        shape[at : at + 1] = block.rng.choice([[Size(d), rest], [rest, Size(d)]])
    elif beside:
        i = block.rng.choice(beside)
        other = shape[i + 1 if i == at else i]
        if not other.count:
            raise Unfit
        shape[i : i + 2] = [size.times(other.count)]
    else:
        raise Unfit
    block.emit("reshape", [x], shape, x.element)


def concat_named(block):
    x, dim = with_named(block)
    shape, parts = list(x.shape), [x]
    if block.rng.random() < 0.5:
        parts.append(block.like(x))
        shape[dim] = shape[dim].times(2)
    else:
        more = list(shape)
        more[dim] = Size(block.rng.choice([1, 2, 3]))
        parts.insert(block.rng.randint(0, 1), block.like(Value("", more, x.element)))
        shape[dim] = shape[dim].plus(more[dim].count)
    block.emit("concat", parts, shape, x.element, f"{{dim = {dim} : i64}}")


def pad_named(block):
    x, dim = with_named(block)
    value = block.like(Value("", [], x.element))
    low, high, none = [0] * len(x.shape), [0] * len(x.shape), [0] * len(x.shape)
    low[dim], high[dim] = block.rng.choice([(1, 0), (0, 2), (1, 1)])
    shape = list(x.shape)
    shape[dim] = shape[dim].plus(low[dim] + high[dim])
    attributes = f"{{low = {array(low)}, high = {array(high)}, interior = {array(none)}}}"
    block.emit("pad", [x, value], shape, x.element, attributes)


def slice_named(block):
    """All but a few elements, where a named size is known to have so many."""
    x = block.pick(condition=lambda v: any(s.named and s.more for s in v.shape))
    dim = block.rng.choice([i for i, s in enumerate(x.shape) if s.named and s.more])
    shape, starts = list(x.shape), [0] * len(x.shape)
    less = block.rng.randint(1, shape[dim].more)
    starts[dim], shape[dim] = block.rng.randint(0, less), shape[dim].plus(-less)
    block.emit("slice", [x], shape, x.element, f"{{starts = {array(starts)}, strides = {array([1] * len(shape))}}}")


# ----------------------------------------------------------------------------------------------------------- windows


def sliding(block, size, window=None):
    """A window along a dimension: its size, stride, low, high, dilation, window dilation, and the number of steps."""
    rng = block.rng
    if size.named:
        window = window or rng.choice([1, 1, 2, 3])
        low = rng.randint(0, window - 1)
        high = window - 1 - low + rng.choice([0, 0, 1])
        return window, 1, low, high, 1, 1, size.plus(low + high - window + 1)
    for _ in range(20):
        w = window or rng.randint(1, min(4, max(size.count, 1)))
        stride, low, high = rng.choice([1, 1, 2, 3]), rng.choice([0, 0, 1, 2, -1]), rng.choice([0, 0, 1, 2, -1])
        dilation, spread = rng.choice([1, 1, 1, 2]), rng.choice([1, 1, 1, 2])
        padded = ((size.count - 1) * dilation + 1 if size.count else 0) + low + high
        extent = (w - 1) * spread + 1
        # A window that fits nowhere, now and then.
        if padded >= extent or padded >= 0 and rng.random() < 0.1:
            return w, stride, low, high, dilation, spread, Size(max((padded - extent) // stride + 1, 0))
    raise Unfit


def reduce_window(block):
    x = block.pick(TAKES["Number"], condition=lambda v: v.shape)
    ways = [sliding(block, s) for s in x.shape]
    shape = [way[-1] for way in ways]
    if np.prod([s.count for s in shape]) > MOST_ELEMENTS:
        raise Unfit
    words = ("sizes", "strides", "low", "high", "dilation", "window_dilation")
    attributes = ", ".join(f"{word} = {array([way[i] for way in ways])}" for i, word in enumerate(words))
    kind = block.rng.choice(["add", "add", "min", "max"])
    block.emit("reduce_window", [x], shape, x.element, f"{{kind = #weft.reduce_kind<{kind}>, {attributes}}}")


def convolution(block):
    rng = block.rng
    x = block.pick(TAKES["Number"], condition=lambda v: 1 <= len(v.shape) <= 4)
    roles = [rng.choice(["batch", "contract", "contract", "window", "free"]) for _ in x.shape]
    roles[rng.randrange(len(roles))] = "window"
    of = {role: [i for i, r in enumerate(roles) if r == role] for role in ("batch", "contract", "window", "free")}
    ways = [sliding(block, x.shape[i]) for i in of["window"]]
    more = [Size(rng.choice([1, 2, 4]))] if rng.random() < 0.6 else []
    sizes = [x.shape[i] for i in (*of["batch"], *of["contract"])] + [Size(w[0]) for w in ways] + more
    order = list(range(len(sizes)))
    rng.shuffle(order)  # dimension i of the above stands at order[i]
    shape = [x.shape[i] for i in (*of["batch"], *of["free"])] + more + [way[-1] for way in ways]
    made = np.prod([s.count for s in shape])
    if len(shape) > 5 or made > MOST_ELEMENTS or made * np.prod([s.count for s in sizes]) > 100_000:
        raise Unfit
    y = fresh(block, [sizes[order.index(i)] for i in range(len(sizes))], x.element)
    at, taken = {}, 0
    for role in ("batch", "contract", "window"):
        at[role] = order[taken : taken + len(of[role])]
        taken += len(of[role])
    pairs = [f"lhs_{r} = {array(of[r])}, rhs_{r} = {array(at[r])}" for r in at]
    words = ("strides", "low", "high", "lhs_dilation", "rhs_dilation")
    pairs += [f"{word} = {array([way[i + 1] for way in ways])}" for i, word in enumerate(words)]
    block.emit("convolution", [x, y], shape, x.element, f"{{{', '.join(pairs)}}}")


# -------------------------------------------------------------------------------------------------------------- keys


def key(block):
    """A key that is there, or one made of words."""
    if block.keys and block.rng.random() < 0.8:
        return block.rng.choice(block.keys)
    x = block.pick(TAKES["Plain"], condition=lambda v: v.count <= 100 and len(v.shape) < 3)
    x = x if x.element == "ui32" else block.emit("convert", [x], x.shape, "ui32")
    dims = f"{{dims = {array(range(len(x.shape)))}}}"
    words = block.emit("broadcast", [x], [*x.shape, Size(2)], "ui32", dims)
    return block.emit("wrap_key_data", [words], x.shape, KEY)


def fold_in(block):
    k = key(block)
    block.emit("fold_in", [k, fresh(block, k.shape, "ui32")], k.shape, KEY)


def folded(block):
    """A key that another number is folded into, and its words."""
    fold_in(block)
    k = block.keys[-1]
    block.emit("key_data", [k], [*k.shape, Size(2)], "ui32")


def key_data(block):
    k = key(block)
    block.emit("key_data", [k], [*k.shape, Size(2)], "ui32")


def move_keys(block):
    k = key(block)
    if not k.shape:
        return
    if block.rng.random() < 0.5:
        block.emit("reverse", [k], k.shape, KEY, f"{{dims = {array([0])}}}")
    else:
        order = list(range(len(k.shape)))
        block.rng.shuffle(order)
        block.emit("transpose", [k], [k.shape[i] for i in order], KEY, f"{{permutation = {array(order)}}}")


def random_bits(block):
    k = key(block)
    shape = k.shape + [Size(block.rng.choice(SIZES[:6])) for _ in range(block.rng.choice([0, 1, 1, 2]))]
    if np.prod([s.count for s in shape]) > MOST_ELEMENTS:
        raise Unfit
    if len(shape) > len(k.shape):
        wide = block.emit("broadcast", [k], shape, KEY, f"{{dims = {array(range(len(k.shape)))}}}")
    else:
        wide = k
    element = block.rng.choice(["ui8", "ui16", "ui32", "ui32", "ui64"])
    first = block.rng.choice([0, len(k.shape)])
    bits = block.emit("random_bits", [wide], shape, element, f"{{first = {first} : i64, dtype = {element}}}")
    if block.rng.random() < 0.6:  # a number in [0, 1) of them
        u = block.emit("convert", [bits], shape, "f32")
        most = block.fixed(f"{2.0 ** -int(element[2:])!r}", [], "f32")
        most = block.emit("broadcast", [most], shape, "f32", f"{{dims = {array([])}}}") if shape else most
        block.emit("mul", [u, most], shape, "f32")


# ----------------------------------------------------------------------------------------------------------- effects


def mask(block):
    return f" mask({listed([block.scalar('i1')])})" if block.rng.random() < 0.3 else ""


def shown(block):
    chosen = [v for v in [block.pick() for _ in range(block.rng.randint(0, 2))] if v.count <= 100]
    return "{} " * len(chosen), f" ({listed(chosen)})" if chosen else ""


def tell(block):
    """A print."""
    word, values = shown(block)
    block.add(f'weft.print "{block.prefix}{len(block.lines)} {word}"{values}{mask(block)} {{lanes = 0 : i64}}')


def check(block):
    """A check that mostly holds, unknown to the compiler."""
    x = block.pick(TAKES["Number"], condition=lambda v: v.count <= 100)
    y = block.like(x)
    holds = block.emit("lt", [x, y], x.shape, "i1")
    if block.rng.random() < 0.97:
        other = block.emit("ge", [x, y], x.shape, "i1")
        holds = block.emit("or", [holds, block.emit("or", [other, block.emit("not", [holds], x.shape, "i1")],
                                                    x.shape, "i1")], x.shape, "i1")  # fmt: skip
    word, values = shown(block)
    block.add(
        f'weft.check {holds.name} : {holds.type}, "{block.prefix} {word}"{values}{mask(block)} {{lanes = 0 : i64}}'
    )


HOST = ["f32", "f64", "f16", "i32", "i64"]  # of what the host is called with


def callback(block):
    """Calls the host for x + x."""
    x = block.pick(HOST, condition=lambda v: v.count <= 100)
    if x.element in FLOATS:
        x = block.emit("stop_gradient", [x], x.shape, x.element)
    result = Value(f"%{block.prefix}{len(block.lines)}", x.shape, x.element)
    off = mask(block)
    result.name = f"%{block.prefix}{len(block.lines)}"
    block.add(
        f'{result.name} = weft.callback "twice {x.element}" ({listed([x])}){off} {{lanes = 0 : i64}} -> ({x.type})',
        result,
    )


STRUCTURED = [
    reduce, reduce, transpose, reverse, broadcast, reshape, slice, pad, concat, iota, dot, dot,
]  # fmt: skip
INDEXING = [gather, gather, scatter, scatter, sort, cumulative, cumulative]
NAMED = [dim_size, merge_named, concat_named, pad_named, slice_named]
MORE = [
    checkpoint_name, constant, reduce_window, reduce_window, convolution, convolution, fold_in, key_data, move_keys,
    random_bits,
]  # fmt: skip
FACTORS = [factor, factor, triangular_solve]
RARE = [folded, folded, argsort, argsort, reverse, dim_size]
BARRIERS = [optimization_barrier] * 4
RARER = [factor, factor, rarer_factor, rarer_factor, rarer_factor]
