"""The one table of error and warning codes: code -> class, title, explanation, example of wrong code, hint.

A code never changes its meaning and is never used again; new ones go at the end of their range. C++ raises by code, so
every code in the C++ sources stands here too (a test compares). Loaded only when an error is raised or explained.
`python -m weft._src.error_table > docs/errors.md` makes the page of the documentation anew.

Ranges: WF10xx arguments, shapes and dtypes of ops; WF11xx nested containers; WF12xx tracing; WF13xx transformations and
control flow; WF14xx symbolic sizes; WF15xx compiler; WF16xx calls; WF18xx exchange of memory with other libraries;
WF19xx options, installation, bugs; WF20xx IR text; WF40xx contracts of stages; WF50xx runtime and files
(include/weft/Runtime/Error.h);
WF90xx warnings.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A row of the table; `cls` is the name of a class in `errors.py`, `example` Python that raises the code or ""."""

    cls: str
    title: str
    explanation: str
    example: str
    hint: str


def _rows() -> dict[str, Entry]:
    rows: dict[str, Entry] = {}

    def row(code: str, cls: str, title: str, explanation: str, example: str = "", hint: str = "") -> None:
        assert code not in rows, f"{code} twice in the table of errors"
        rows[code] = Entry(cls, title, " ".join(explanation.split()), example, hint)

    # fmt: off
    # ------------------------------------------------------------------ WF10xx: arguments, shapes, dtypes of ops
    row("WF1001", "ShapeError", "shapes do not broadcast",
        """Two sizes broadcast when they are equal or one of them is 1, compared from the last axis backwards.""",
        "wf.zeros((3, 4)) + wf.zeros((3, 5))", "reshape one operand, or insert an axis of size 1 with x[:, None].")
    row("WF1002", "AxisError", "axis out of range",
        """An array of rank n has the axes -n to n-1.""",
        "wf.sum(wf.zeros((3, 4)), axis=2)", "axes count from 0, or from -1 backwards.")
    row("WF1003", "AxisError", "axis named twice",
        """Each axis can be named once, also where it is written both as a positive and as a negative number.""",
        "wf.sum(wf.zeros((3, 4)), axis=(0, -2))", "name each axis once.")
    row("WF1005", "AxisError", "index out of range",
        """A static index lies outside its axis. Static indices are checked; indices that are arrays clamp instead.""",
        "wf.zeros((3,))[5]", "the indices of an axis of size n are -n to n-1.")
    row("WF1006", "AxisError", "too many indices",
        """There are more indices than axes.""",
        "wf.zeros((3,))[0, 0]", "each index takes one axis; None adds one.")
    row("WF1007", "ShapeError", "arrays to join differ in shape",
        """`concat` needs arrays that differ in the size of the joined axis only; `stack` needs equal shapes.""",
        "wf.concat([wf.zeros((2, 3)), wf.zeros((2, 4))], axis=0)")
    row("WF1008", "ShapeError", "negative or malformed shape",
        """A shape is a tuple of integers that are 0 or more, or symbolic sizes.""",
        "wf.zeros((3, -1))")
    row("WF1011", "ShapeError", "wrong rank",
        """The op needs an array of another rank.""",
        "wf.matmul(wf.zeros(()), wf.zeros((2,)))")
    row("WF1004", "ShapeError", "reshape changes the number of elements",
        """A reshape keeps the number of elements.""")
    row("WF1012", "ShapeError", "shapes of the operands do not fit the op",
        """Each op says which sizes of its operands must be equal. A matrix product sums over the last axis of the
        left operand and the second-to-last of the right one (its only one if it is a vector), so these two sizes are
        equal; leading axes broadcast. Elementwise ops of the IR need equal shapes; in Python their operands broadcast
        first (WF1001).""",
        "wf.zeros((128, 64)) @ wf.zeros((32, 128))",
        "reshape an operand, or transpose one that is stored the other way (.mT).")
    row("WF1013", "ShapeError", "reshape changes the number of elements",
        """A reshape keeps all elements, so the products of the old and the new sizes are equal. One size may be -1
        and is then computed; the others must divide the number of elements.""",
        "wf.reshape(wf.zeros((3, 4)), (5, 2))", "write -1 for one size to have it computed.")
    row("WF1014", "ShapeError", "size does not broadcast",
        """A broadcast only adds axes and repeats axes of size 1; other sizes stay.""",
        "wf.broadcast_to(wf.zeros((3,)), (4,))")
    row("WF1015", "ArgumentValueError", "malformed list of axes",
        """The axes, or the entries for each axis, that the op takes are not what it needs: a permutation names each
        axis exactly once, reduced axes are distinct and lie below the rank, padding has one entry for each axis.""",
        "wf.permute_dims(wf.zeros((2, 3)), (0, 0))")
    row("WF1016", "ArgumentValueError", "slice or padding out of range",
        """Slices stay inside the operand and step by 1 or more in the IR (in Python steps are not 0); padding is
        given as one (low, high) pair for each axis.""",
        "wf.zeros((4,))[::0]")
    row("WF1017", "ShapeError", "assigned value does not fit",
        """`x[i] = v` replaces a part of the value behind `x`: `v` must broadcast to the shape of `x[i]`, and `x`
        keeps its shape and dtype.""",
        "x = wf.zeros((3,)); x[0:2] = wf.zeros((3,))")
    row("WF1018", "ShapeError", "reduction of nothing has no value",
        """The largest, the smallest and their positions do not exist in an axis of size 0.""",
        "wf.argmax(wf.zeros((0,)))")
    row("WF1021", "DTypeError", "element types of the operands do not fit",
        """The operands have no common element type, or the op needs equal ones (ops of the IR never promote). uint64
        and a signed integer have no common integer type, and Weft does not turn integers into floats silently.""",
        "wf.result_type(wf.uint64, wf.int64)", "convert one operand with .astype.")
    row("WF1022", "DTypeError", "op not defined for the dtype",
        """The op does not exist for this kind of elements, such as a bitwise op on floats.""",
        "wf.bitwise_and(wf.zeros((2,)), wf.zeros((2,)))", "convert with .astype.")
    row("WF1023", "UnsupportedDtypeError", "unknown dtype",
        """Weft's element types are bool, int8 to int64, uint8 to uint64, float16, bfloat16, float32, float64;
        key is that of random keys; complex64 and complex128 are reserved.""",
        'wf.dtype("float128")', "convert the data first.")
    row("WF1024", "UnsupportedDtypeError", "dtype reserved",
        """The dtype has its place in the list of element types, but no op handles it yet.""",
        "wf.zeros((2,), dtype=wf.complex64)", "use two real arrays for complex numbers.")
    row("WF1025", "UnsupportedDtypeError", "NumPy has no bfloat16",
        """NumPy itself has no bfloat16; the package ml_dtypes adds it, and Weft uses that where it is installed.""",
        "np.asarray(wf.zeros((2,), dtype=wf.bfloat16))", "convert with .astype(wf.float32), or install ml_dtypes.")
    row("WF1026", "ScalarRangeError", "Python number out of range",
        """A Python number takes the dtype of the array it meets; an integer must lie in that dtype's range.""",
        "wf.zeros((2,), dtype=wf.uint8) + 300", "convert the array to a wider dtype with .astype.")
    row("WF1028", "DTypeError", "implicit cast loses information",
        """An in-place operator or an assignment keeps the dtype of its left side, and the value does not convert to
        it by promotion.""",
        "x = wf.zeros((2,), dtype=wf.int32); x += 0.5", "convert the value with .astype.")
    row("WF1031", "WrongArgumentError", "not an array",
        """The argument must be an array, a number, or something that becomes an array.""",
        'wf.exp("text")', "wf.asarray makes arrays of nested lists and of NumPy arrays.")
    row("WF1032", "WrongArgumentError", "wrong number or names of arguments",
        """The call does not fit the signature.""")

    row("WF1033", "WrongArgumentError", "not a random key",
        """The functions of `weft.random` take keys: arrays of the dtype `key`.""",
        "wf.random.uniform(0, (3,))", "weft.random.key(seed) makes a key, weft.random.split makes more of one.")
    row("WF1035", "WrongArgumentError", "malformed format of a message",
        """A message is formatted as by `str.format`: each replacement field names a value that was given. Fields with
        attributes or indices (`{x.shape}`, `{x[0]}`) are not taken.""",
        'wf.debug.print("{} and {}", 1)')
    row("WF1034", "UnsupportedDtypeError", "NumPy has no random keys",
        """Keys have no numbers and no NumPy dtype; the two words of each key have.""",
        "np.asarray(wf.random.key(0))", "weft.random.key_data gives the words, wrap_key_data makes keys of them.")

    row("WF1041", "WrongArgumentError", "an array is no single number",
        """`float()`, `int()`, `complex()` take an array without dimensions, an index also one of integers; `bool()` and
        `.item()` take any array of one element.""",
        "float(wf.zeros((2,)))", "index the element, or reduce: x[0], wf.sum(x), wf.any(x), wf.all(x).")
    row("WF1042", "WrongArgumentError", "array without dimensions",
        """An array without dimensions is one number: it has no length, and nothing to iterate over.""",
        "len(wf.asarray(1.0))", "wf.reshape(x, (1,)) has one element along an axis.")
    # ---------------------------------------------------------------------------------- WF11xx: nested containers
    row("WF1101", "TreeError", "structures differ",
        """`tree.map` over several trees needs the structure of the first in each of them.""",
        'wf.tree.map(f, {"a": 1}, {"b": 1})', "wf.tree.structure shows the structure of a tree.")
    row("WF1102", "TreeError", "number of leaves differs",
        """A structure takes exactly as many leaves as it has places.""",
        "wf.tree.unflatten(wf.tree.structure([1, 2]), [1])")
    row("WF1103", "TreeError", "keys of a dict cannot be ordered",
        """The leaves of a dict are taken in the order of its sorted keys.""",
        "wf.tree.leaves({1j: 0, 2j: 0})", "use strings as keys.")
    row("WF1104", "WrongArgumentError", "class registered twice",
        """A class is registered as a container once, and the built-in containers not at all.""",
        "wf.tree.register_pytree_node(dict, f, g)")
    row("WF1105", "TreeError", "static field is not hashable",
        """What is static in a container is a part of its structure, which is compared and hashed.""",
        "", "use a tuple in place of a list.")
    row("WF1106", "TreeError", "container nests too deeply",
        """The container contains itself, or nests deeper than Python's recursion limit.""",
        "x = []; x.append(x); wf.tree.leaves(x)")
    row("WF1107", "TreeError", "a prefix does not fit",
        """Options such as `in_axes` are one value, or containers that follow the outer levels of the argument.""",
        "wf.vmap(f, in_axes=(0, (0, 0)))(x, (x, x, x))")

    # ------------------------------------------------------------------------------------------- WF12xx: tracing
    row("WF1201", "ConcretizationError", "a traced value was used as a truth value",
        """While a function is traced its arrays have no values, so Python's `if`, `while`, `and`, `or`, `assert`
        cannot look at them.""",
        "@wf.jit\ndef f(x):\n    if x > 0:\n        return x",
        "use wf.where, wf.cond or wf.while_loop; or make the argument static.")
    row("WF1202", "ConcretizationError", "a traced value was used as a Python number",
        """While a function is traced its arrays have no values, so `int`, `float`, `range` and indices of Python
        lists cannot take them.""",
        "@wf.jit\ndef f(x):\n    return float(x)", "keep the value an array, or make the argument static.")
    row("WF1203", "LeakedTracerError", "a traced value was used outside its function",
        """A value that was made while a function was traced belongs to that trace alone. It leaks when the function
        stores it in a global, an attribute or a container of the outside.""",
        "kept = []\n@wf.jit\ndef f(x):\n    kept.append(x)\n    return x\nf(1.0)\nkept[0] + 1",
        "return the value from the function.")
    row("WF1204", "ImpureError", "a traced function reads what cannot be seen",
        """The result of the call depends on time, random state, files or the environment, and would be frozen at its
        value during the trace.""",
        "@wf.jit\ndef f(x):\n    return x * random.random()",
        "pass the value as an argument; `allow_impure=True` freezes it knowingly.")
    row("WF1205", "RecursiveTraceError", "endless recursion while tracing",
        """The traced function calls itself, and nothing that Python can see while tracing ends it.""",
        "@wf.jit\ndef f(x):\n    return f(x)", "write the recursion as wf.scan or wf.while_loop.")
    row("WF1206", "TracerError", "a captured array was assigned to",
        """A traced function cannot change an array that it did not make or receive.""",
        "x = wf.zeros((3,))\n@wf.jit\ndef f():\n    x[0] = 1", "return the new value, or use a wf.Variable.")
    row("WF1207", "TracerError", "a traced value cannot leave as memory",
        """NumPy arrays, DLPack capsules, pickles and prints need numbers, which a traced value does not have.""",
        "@wf.jit\ndef f(x):\n    return np.asarray(x)", "do it outside, on the result.")
    row("WF1208", "WrongArgumentError", "unsupported argument or result of a traced function",
        """Arguments and results are arrays, numbers, and containers of them; anything else must be static.""",
        '@wf.jit\ndef f(x, mode):\n    return x\nf(1.0, "train")', "name the argument in static=.")
    row("WF1209", "WrongArgumentError", "static argument is not hashable",
        """Static arguments are a part of the key under which the program is kept.""",
        '@wf.jit(static="n")\ndef f(x, n):\n    return x\nf(1.0, [1])', "pass a tuple in place of a list.")
    row("WF1210", "ArgumentValueError", "an option names no argument",
        """`static`, `donate` and `argnums` name arguments of the function, by name or position.""",
        '@wf.jit(donate="q")\ndef f(p):\n    return p')

    row("WF1211", "ImpureError", "a traced function writes to what it captures",
        """A global, a variable of the function around, an attribute or an entry of a captured object was assigned to
        while the function was traced. The compiled program would not do it again.""",
        "n = 0\n@wf.jit\ndef f(x):\n    global n\n    n += 1\n    return x",
        "return the value, or keep it in a wf.Variable; `allow_impure=True` lets the trace write.")
    row("WF1212", "ArgumentValueError", "bound on bytes that is none",
        """`max_bytes` is a number of bytes, 0 or more, or None.""",
        "wf.grad(lambda x: x, max_bytes=-1)")

    # --------------------------------------------------------------------- WF13xx: transformations, control flow
    row("WF1301", "DerivativeError", "gradient of something that is not one real number",
        """`grad` needs a function whose result is one real floating number.""",
        "wf.grad(lambda x: x * 2)(wf.zeros((3,)))", "sum the result, or use wf.vjp or wf.jacrev.")
    row("WF1302", "DerivativeError", "gradient with respect to something that is not real",
        """Integers, truth values and keys have no derivative.""",
        "wf.grad(lambda n: n * 1.0)(3)", "convert to float32, or leave the argument out of argnums.")
    row("WF1303", "DerivativeError", "op without a derivative",
        """The op says in its definition that it has no derivative, and why.""",
        "", "wf.stop_gradient cuts it off.")
    row("WF1304", "DerivativeError", "tangents or cotangents do not fit",
        """A tangent has the shape and dtype of its primal, a cotangent those of its result.""",
        "wf.jvp(wf.sin, (wf.zeros((2,)),), (wf.zeros((3,)),))")
    row("WF1305", "DerivativeError", "has_aux without a pair",
        """With `has_aux=True` the function returns (value, auxiliary).""",
        "wf.grad(lambda x: x, has_aux=True)(1.0)")
    row("WF1306", "DerivativeError", "Jacobian of something that is not real",
        """Every leaf of the result of `jacfwd` and `jacrev` is a floating array.""",
        "wf.jacfwd(lambda x: x > 0)(wf.zeros((3,)))", "return other results as auxiliary ones, with has_aux=True.")
    row("WF1307", "DerivativeError", "derivative rule that does not fit",
        """The rule of `custom_jvp` returns (value, tangent); `fwd` of `custom_vjp` returns (value, residuals), and
        `bwd` a tuple with one cotangent for each argument. Values and cotangents look like those of the function
        itself.""", "@wf.custom_jvp\ndef f(x):\n    return x * x\nf.defjvp(lambda p, t: p[0])\nf(1.0)")
    row("WF1308", "DerivativeError", "custom function without a rule",
        """A function made by `custom_jvp` or `custom_vjp` gets its rule before it is called.""",
        "wf.custom_jvp(lambda x: x)(1.0)", "call defjvp, or defvjp, first.")
    row("WF1309", "ArgumentValueError", "unknown checkpoint policy",
        """A policy is "nothing", "everything", "dots", or a list of names given by `checkpoint_name`.""",
        'wf.checkpoint(lambda x: x, policy="some")')
    row("WF1311", "BatchError", "mapped sizes differ",
        """All mapped axes of a `vmap` have one size.""",
        "wf.vmap(wf.add)(wf.zeros((2,)), wf.zeros((3,)))", "in_axes=None keeps an argument whole.")
    row("WF1312", "BatchError", "nothing to map over",
        """At least one argument of a `vmap` has a mapped axis.""",
        "wf.vmap(f, in_axes=None)(x)")
    row("WF1314", "BatchError", "whole result that depends on the mapped axis",
        """`out_axes` is None only for results that are the same at each index, and only such values are written to a
        Variable under `vmap`.""",
        "wf.vmap(lambda x: x, out_axes=None)(wf.zeros((2,)))",
        "give it a place in out_axes; return what is written, and write what all lanes make together outside.")
    row("WF1321", "ControlFlowError", "branches disagree",
        """All branches return the same structure, shapes and dtypes.""",
        "wf.cond(p, lambda: wf.zeros((2,)), lambda: wf.zeros((3,)))")
    row("WF1322", "ControlFlowError", "loop carry changes",
        """A loop's body returns its carry with the structure, shapes and dtypes that it got.""",
        "wf.fori_loop(0, 3, lambda i, c: wf.concat([c, c]), wf.zeros((2,)))")
    row("WF1323", "ControlFlowError", "traced trip count",
        """The number of trips must be a Python integer or a Dim here: what a loop stacks has it as a size.""",
        "", "make the argument static; wf.fori_loop takes traced bounds.")
    row("WF1324", "ControlFlowError", "scanned inputs differ in length",
        """All arrays that a scan walks over have one leading size.""",
        "wf.scan(f, init, (wf.zeros((2,)), wf.zeros((3,))))")
    row("WF1325", "DTypeError", "predicate is not one truth value",
        """A predicate is one bool, or one integer for `switch`.""",
        "wf.cond(wf.zeros((2,)), f, g)")

    # ----------------------------------------------------------------------------------- WF14xx: symbolic sizes
    row("WF1401", "UndecidedSizeError", "a comparison of symbolic sizes is not decided",
        """The answer depends on the size that comes at the call, and the assumptions do not settle it.""",
        'if wf.Dim("B") == 4: ...', 'state an assumption, such as "B >= 5", or avoid the branch.')
    row("WF1402", "SizeError", "malformed size or assumption",
        """Sizes are sums of products of names and integers, with `floordiv`; assumptions are `size op integer` with
        one of == != < <= > >=, or `size mod n == r`.""",
        'wf.Dim("2x")')
    row("WF1403", "SizeError", "an assumption does not hold",
        """The sizes of the arguments violate an assumption of the function.""")
    row("WF1404", "SizeError", "size has no value",
        """A symbol in the size was given no number.""",
        'wf.Dim("B").evaluate({})')
    row("WF1405", "SizeError", "division of a size by zero",
        """Sizes divide by positive sizes only.""",
        'wf.Dim("B") // 0')
    row("WF1406", "ConcretizationError", "a symbolic size was used as a Python integer",
        """The size is known only at the call.""",
        'range(wf.Dim("B"))', "use wf.scan or wf.fori_loop for loops.")
    row("WF1407", "SizeError", "sizes of the arguments contradict each other",
        """One name stands for one number in a call.""")
    row("WF1408", "SizeError", "a size without a name",
        """Every dynamic size in a program has a name; a bare `?` of an argument gets one, others follow from the
        arguments or are named in the text.""",
        "", "name it: tensor<?xf32, #weft.dims<B>>.")

    row("WF1410", "SizeError", "a size that depends on data leaves its function",
        """The number of elements that an op finds (nonzero, unique, a mask) is a size in the rest of the function or
        region that it stands in, and of the results of a jitted function. A branch, a loop, a batch or a derivative
        has results whose sizes are known before it runs.""",
        "@wf.jit\ndef f(p, x):\n    return wf.cond(p, lambda: x[x > 0], lambda: x)",
        "give `size=` to nonzero or unique, or return what does not have that size, such as a sum.")

    # ------------------------------------------------------------------------------------------- WF15xx: compiler
    row("WF1501", "IRError", "not a program",
        """The file is not a program of the dialect; the lines above say where it departs.""")
    row("WF1502", "IRError", "no such function", """A call names a function that the module does not hold.""")
    row("WF1503", "InternalError", "op at the wrong stage",
        """An op stands where an earlier pass should have replaced it.""", "", "please report it.")
    row("WF1504", "ArgumentValueError", "malformed pipeline",
        """A pipeline is `<stage>..<stage>` or a list of passes.""")
    row("WF1505", "CompileError", "compilation failed",
        """A pass or the code generator failed on this program.""",
        "", "WEFT_DEBUG=kernels shows the program; please report it.")
    row("WF1506", "CompileError", "unknown or unfit target",
        """The target is not known, or this machine cannot run it.""")
    row("WF1507", "UnsupportedError", "not there yet", """The op or form has its place in Weft, but no code yet.""")
    row("WF1508", "CompileError", "not one kernel",
        """A function of `wf.fuse` is more than one kernel for such arguments; the message has them, and why.""",
        "wf.fuse(lambda x: wf.flip(wf.exp(x)) + x)(np.ones(8, np.float32))",
        "the page on fusion (docs/fusion.md) says what each reason means, and what one can do.")
    row("WF1509", "ArgumentValueError", "not a stage or report",
        """The variable WEFT_DEBUG names something that cannot be printed.""",
        "", "WEFT_DEBUG=kernels,timing prints the kernels of each newly compiled function, and where the time went.")

    # ------------------------------------------------------------------------------------ WF16xx: calls, runtime
    row("WF1601", "WrongArgumentError", "wrong number of inputs", """The program takes another number of inputs.""")
    row("WF1602", "ShapeError", "input has another shape",
        """An input does not have the shape that was compiled for.""")
    row("WF1603", "DTypeError", "input has another dtype",
        """An input does not have the dtype that was compiled for.""")
    row("WF1604", "OutOfMemoryError", "no memory", """A value needs more bytes than any machine has.""",
        "wf.zeros((1 << 62, 4))", "use smaller arrays; `explain()` shows the plan of memory.")
    row("WF1606", "DonatedError", "use of a donated array",
        """The array was donated to a call, which has used its memory for its results.""",
        "g = wf.jit(f, donate=0); g(x); x + 1", "use the result of the call, or do not donate.")
    row("WF1610", "CallbackError", "a callback returned something else",
        """A function given to `weft.callback` must return what was promised there: the same containers, and in them
        arrays of the shapes and dtypes that were told.""",
        "wf.callback(lambda x: x, wf.spec((3,), 'float32'), wf.zeros((2,)))")
    row("WF1607", "WrongArgumentError", "one array donated twice", """Each donated argument is an array of its own.""")

    row("WF1702", "ArtifactError", "damaged .npy file", """The header or the size of a .npy file is not sound.""")
    row("WF1705", "ArtifactError", "cannot read or write",
        """A file cannot be read or written, or lacks what was asked of it.""")
    # ------------------------------------------------------- WF18xx: exchange of memory with other libraries
    row("WF1801", "BorderError", "memory cannot be shared",
        """`copy=False` was asked for, but layout, dtype or device need a copy.""",
        "wf.asarray([1, 2], copy=False)", "leave out copy=False.")
    row("WF1802", "BorderError", "malformed DLPack tensor", """The other library's tensor breaks DLPack's rules.""")
    row("WF1803", "BorderError", "memory on another device",
        """The array does not lie in this machine's main memory.""")

    # -------------------------------------------------------------------- WF19xx: options, installation, bugs
    row("WF1901", "NotBuiltError", "compiled part missing",
        """The package was found without its compiled module, or with one of another version.""",
        "", "build it with ./dev, or install the wheel; `python -m weft doctor` says more.")
    row("WF1902", "ArgumentValueError", "bad option",
        """The option or its value does not exist.""",
        'wf.errors.explain("WF0")')
    row("WF1990", "InternalError", "a bug in Weft",
        """Something that cannot happen did.""",
        "", "please report it; WEFT_TRACEBACK=full shows where it happened.")

    # ------------------------------------------------------------------------------------------- WF20xx: IR text
    row("WF2001", "IRError", "malformed size in a type",
        """Sizes in types are sums of terms such as 2*S+1, with `(expr floordiv n)` as a factor.""")
    row("WF2002", "IRError", "IR does not parse", """The text or bytecode is not a module of Weft's dialects.""")
    row("WF2003", "IRError", "IR does not verify", """An op of the module breaks one of its rules.""")
    row("WF2004", "IRError", "IR breaks the contract of its stage",
        """Each stage promises what its IR holds; this IR does not keep it.""")

    row("WF2010", "IRError", "block arguments do not fit the op",
        """The arguments of a region have the types that the op hands to it: carries, slices of inputs, captures.""")
    row("WF2011", "IRError", "region without yield", """Each region of a control op ends in weft.yield.""")
    row("WF2012", "IRError", "yielded types do not fit", """A region yields the types that its op says.""")
    row("WF2013", "IRError", "negative trip count", """A loop runs 0 times or more.""")
    row("WF2014", "IRError", "too few results",
        """A loop has one result for each carry, then one for each stacked output.""")
    row("WF2015", "IRError", "sliced value does not fit the trip count",
        """What a loop slices or stacks has the trip count as its leading size.""")
    row("WF2016", "IRError", "results do not fit the carries",
        """The first results of a loop have the types of its carries.""")
    row("WF2017", "IRError", "control op without a region", """A branch has at least one region.""")
    row("WF2020", "IRError", "unknown function", """The symbol names no function of the module.""")
    row("WF2021", "IRError", "wrong number of operands or results",
        """A call has as many operands and results as its function has arguments and results.""")
    row("WF2022", "IRError", "operand does not fit the argument",
        """The operands of a call have the types of the arguments; sizes of the function are solved from them.""")
    row("WF2023", "IRError", "result does not fit the function",
        """The results of a call have the function's types, with its sizes replaced by those of the call.""")
    row("WF2030", "IRError", "launch without the sizes of its kernel",
        """A launch gives one size for each symbol that its kernel function lists in `weft.symbols`.""")
    row("WF2031", "IRError", "no name of a size", """weft.sized binds one name, such as "n".""")
    row("WF2032", "IRError", "size outside its region",
        """The size that weft.sized binds has a value inside its region only: captures do not speak of it, and results
        that do are results of the program, which nothing else reads.""")
    row("WF2033", "IRError", "sum of what is no number", """weft.map sums results of numbers only.""")
    row("WF2034", "IRError", "no layout of the operand",
        """weft.pack gives the sizes of its operand, known ones, and a panel that has each dimension once.""")
    # -------------------------------------------------------------------- WF30xx: derivatives and batching of the IR
    row("WF3001", "DerivativeError", "recursive function",
        """A function that calls itself, by whatever path, has no derivative: nothing says how deep it goes.""",
        "", "write the recursion as a loop.")
    row("WF3002", "DerivativeError", "active argument that is not real",
        """Integers, truth values and keys have no tangent, so they cannot be active.""", "",
        "convert it to a floating-point type, or leave it inactive.")
    row("WF3003", "DerivativeError", "op or function without a derivative",
        """The op says in its definition that it has none, and why; or the function has no body.""", "",
        "weft.stop_gradient takes a value as a constant.")
    row("WF3004", "DerivativeError", "not linear",
        """Only ops that are linear in what they get can be transposed.""")
    row("WF3005", "DerivativeError", "operands or results of a request do not fit",
        """A request takes the function's arguments, then a tangent for each active argument (jvp) or a cotangent for
        each real result (vjp); it gives the function's results, then tangents or gradients.""")
    row("WF3006", "UnsupportedError", "derivative of a convolution by a window of a named size",
        """Pads have numbers of zeros; here the transpose would need a named one.""", "",
        "give the window a size that is known.")
    row("WF3007", "ArgumentValueError", "pass options that name no function or argument",
        """`function` names a function of the module; the mask has one flag for each of its arguments.""")
    row("WF3008", "DerivativeError", "size that no argument has",
        """The transpose of a function names sizes that none of its residuals and cotangents has.""", "",
        "pass a value of that size.")
    row("WF3009", "UnsupportedError", "vmap request", """Requests for batching are not resolved yet.""")
    row("WF3010", "DerivativeError", "derivative rule that does not fit its function",
        """`weft.jvp` names a function from the arguments and tangents to the results and their tangents; `weft.fwd` one
        from the arguments to the results and residuals, `weft.bwd` one from the residuals and the results' cotangents
        to those of the arguments. Only tangents may depend on tangents.""")
    row("WF3011", "DerivativeError", "derivative by what a custom function reads from outside",
        """The rule of a custom function speaks of its arguments; for a value that the function merely reads it gives no
        derivative, and to take it as zero would be a wrong number.""",
        "", "pass the value as an argument, or wf.stop_gradient it.")
    row("WF3012", "ArgumentValueError", "bound on bytes that is none", """`max_bytes` of a request is 0 or more.""")
    # ------------------------------------------------------------------------ WF40xx: contracts of the compiler's
    # stages
    row("WF4001", "InternalError", "foreign op",
        """Until kernels are lowered, functions hold ops of the dialect, `func.func` and `func.return` only: other
        dialects lose the names of sizes.""")
    row("WF4002", "InternalError", "size without a name",
        """Every size that is not static has a name in its type, from the first stage on.""")
    row("WF4003", "InternalError", "op without a place",
        """Every op knows the line of the user's program that it stems from.""")
    row("WF4004", "InternalError", "no single entry",
        """A program has one public function, its entry.""")
    row("WF4005", "InternalError", "kernel too early",
        """Kernels, launches and copies appear when kernels are formed, not before.""")
    row("WF4006", "InternalError", "request left",
        """Requests for derivatives and batching are resolved to calls.""")
    row("WF4008", "InternalError", "map after optimization",
        """weft-lower-map chooses what becomes of each weft.map before the stage `optimized`.""")
    row("WF4009", "InternalError", "composite after optimization",
        """weft-decompose puts what composites are made of in their place before the stage `optimized`.""")
    row("WF4007", "InternalError", "dead op",
        """Simplification leaves no op whose results nothing reads.""")
    row("WF4010", "InternalError", "op outside a kernel",
        """After kernel formation only launches, control flow, aliases and copies stand outside kernels.""")
    row("WF4011", "InternalError", "kernel not shared",
        """Each kernel is a function that is launched.""")
    row("WF4012", "InternalError", "kernel that cannot be emitted",
        """A kernel holds what code generation can emit as one loop nest.""")
    row("WF4013", "InternalError", "malformed kernel function",
        """A kernel function is private and has one block.""")
    row("WF4014", "InternalError", "kernel with an unlisted size",
        """A kernel function lists the symbols of its sizes in `weft.symbols`.""")
    row("WF4015", "InternalError", "launch of something else",
        """A launch names a kernel function.""")
    row("WF4016", "InternalError", "wrong number of lines",
        """A launch has one line for each op of its kernel.""")
    row("WF4020", "InternalError", "value without a place",
        """After planning each result has a slot.""")
    row("WF4030", "InternalError", "foreign op in a kernel",
        """A lowered kernel holds `linalg.generic`, `tensor.empty`, and scalar ops in payloads.""")
    row("WF4031", "InternalError", "named linalg op",
        """The payload of a named op has no lines, so kernels hold `linalg.generic` only.""")
    row("WF4032", "InternalError", "names or signs in a lowered kernel",
        """Names of sizes and signs of integers end where kernels are lowered.""")
    row("WF4033", "InternalError", "symbols and index arguments differ",
        """A lowered kernel has one index argument for each of its symbols.""")
    row("WF4040", "InternalError", "kernel without a schedule",
        """Scheduling leaves an attribute on each kernel.""")
    row("WF4050", "InternalError", "tensor in a loop kernel",
        """An emitted kernel works on pointers.""")
    row("WF4051", "InternalError", "kernel that returns",
        """An emitted kernel writes into buffers that it is given.""")
    row("WF4052", "InternalError", "bad argument of a kernel",
        """An emitted kernel takes pointers and 64-bit sizes.""")
    row("WF4053", "InternalError", "allocation in a kernel",
        """All memory of a program is planned; kernels allocate none.""")
    row("WF4060", "InternalError", "foreign op",
        """The last form holds ops of the LLVM dialect only.""")
    # ------------------------------------------------------------------------------------- WF41xx: code generation
    row("WF4101", "InternalError", "a kernel without its types",
        """Kernel functions reach code generation with `weft.types`, as weft-to-linalg leaves them.""")
    row("WF4102", "InternalError", "two contractions in a kernel",
        """A kernel holds one contraction at most, and a second one only over rows made of the first one's result.""")
    row("WF4103", "InternalError", "an empty kernel",
        """A kernel holds at least one op.""")
    row("WF4104", "InternalError", "several index spaces",
        """The ops of a kernel run over one index space.""")
    row("WF4105", "InternalError", "a loop of unknown size",
        """Every loop of a kernel has a size that some buffer shows.""")
    row("WF4106", "InternalError", "a fold without a loop",
        """A reduction folds at least one dimension.""")
    row("WF4107", "InternalError", "a wide value beside a column fold",
        """A fold over outer dimensions gives rows only.""")
    row("WF4108", "InternalError", "parts that no size tells apart",
        """The parts of a join (pad, concat) lie beside each other, as their sizes tell.""")
    row("WF4109", "InternalError", "a panel of scattered lanes",
        """The lanes of a packed operand lie at one distance from each other.""")
    row("WF4110", "CompileError", "unknown target", """The target is none of host, x86-64-v3, x86-64-v4, aarch64.""")
    row("WF4111", "InternalError", "a kernel without a schedule",
        """weft-schedule-kernels comes before weft-emit-kernels.""")
    row("WF4112", "InternalError", "a group that no instruction sums",
        """A schedule's `group` is one that the target has an instruction for, and its operands are packed.""")
    # ---------------------------------------------------------------------------------- WF50xx: runtime and files
    row("WF5001", "ArtifactError", "not a Weft image",
        """The file is no image of Weft, or its fields contradict each other.""")
    row("WF5002", "ArtifactError", "image truncated", """The file is shorter than its header says.""")
    row("WF5003", "ArtifactError", "image damaged", """Bytes of the file changed since it was written.""")
    row("WF5004", "ArtifactError", "image of another version",
        """The file's format is not one that this Weft reads.""")
    row("WF5005", "ArtifactError", "image for another processor",
        """The code in the file is for another architecture.""")
    row("WF5006", "ArtifactError", "processor lacks a feature",
        """The code in the file needs an instruction set that this processor does not have.""",
        "", "compile for this target.")
    row("WF5007", "ArtifactError", "malformed object in an image", """An ELF object in the image cannot be used.""")
    row("WF5008", "ArtifactError", "bad relocation in an image",
        """A relocation is of an unknown type or out of reach.""")
    row("WF5009", "ArtifactError", "unknown symbol in an image",
        """The code asks for a symbol that is neither in the image nor in the runtime's fixed table.""")
    row("WF5010", "OutOfMemoryError", "no memory",
        """The system refused the memory that the program needs.""",
        "", "use smaller arrays; `explain()` shows the plan of memory.")
    row("WF5011", "ArgumentValueError", "C API used against its contract", """A call of the C API broke its rules.""")
    row("WF5012", "ArtifactError", "file cannot be read",
        """The system refused to read a file. If it is a library of Weft's own (the factorisations are in one, which is
        opened when the first is asked for), the installation is damaged.""")
    row("WF5020", "StoppedError", "the program was stopped", """A stop was requested while native code ran.""")
    row("WF5021", "ShapeError", "size of an argument does not fit",
        """An argument has another size than the program was compiled for, or than its other arguments imply.""")
    row("WF5022", "SizeError", "an assumption on sizes does not hold",
        """The sizes of the arguments violate an assumption of the function.""")
    row("WF5023", "CheckError", "a check of the program failed",
        """A `check` in the program found its condition false. The call has no results, and arrays that were donated to
        it are gone if it took over their memory.""",
        "wf.check(False, 'always')")
    row("WF5024", "InternalError", "native code broke its contract",
        """Compiled code returned what it never should.""")
    row("WF2024", "IRError", "sizes of a request do not fit its function",
        """A request names one size for each symbol of its function.""")

    # ------------------------------------------------------------------------------------------ WF90xx: warnings
    row("WF9001", "PerformanceWarning", "compiled anew again and again",
        """The function has been compiled for many signatures.""",
        "", "name changing sizes with wf.Dim.")
    row("WF9002", "PerformanceWarning", "donated memory was not used",
        """No result fits in the memory of a donated argument, or it belongs to another library.""")
    row("WF9003", "SemanticsWarning", "cache entry ignored",
        """A file of the persistent cache was damaged, or is not what its name says. It was removed, and what it held is
        made anew. The first such file of a process is told.""",
        "", "`python -m weft cache check` looks at all of them.")
    row("WF9004", "PerformanceWarning", "cache not used",
        """The folder of the persistent cache takes no files, or belongs to another user. Programs are compiled in each
        process then.""",
        "", "WEFT_CACHE_DIR names another folder, WEFT_CACHE=0 switches the cache off.")
    # fmt: on
    return rows


TABLE: dict[str, Entry] = _rows()


def reference() -> str:
    """The page of the documentation, docs/errors.md, in Markdown.

    >>> print(reference().splitlines()[0])
    # Errors and warnings
    """
    out = [
        "# Errors and warnings",
        "",
        "<!-- Made by `python -m weft._src.error_table > docs/errors.md`; a test compares. Edit the table there. -->",
        "",
        "Each error has a stable code. `wf.errors.explain(code)` prints the same text as this page. Every class",
        "derives from `weft.WeftError`, which is an `Exception`, and from the builtin that fits. `WEFT_TRACEBACK=full`",
        "shows the frames inside Weft; `WEFT_SILENCE=<code>,...` or `wf.errors.silence(code)` switches warnings off.",
    ]
    for code, row in sorted(TABLE.items()):
        out += ["", f"## {code}", "", f"`{row.cls}`: {row.title}.", "", row.explanation]
        if row.example:
            out += ["", "```python", *row.example.splitlines(), "```"]
        if row.hint:
            out += ["", f"Hint: {row.hint}"]
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    print(reference(), end="")
