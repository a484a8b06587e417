"""Bad input from users: each kind gives one error with a stable code, at the user's line, without Weft's own frames."""

import os
import pathlib
import subprocess
import traceback

import numpy as np
import pytest
import weft as wf
from weft._src import _weft, source

ROOT = pathlib.Path(__file__).resolve().parents[2]
X = np.zeros((3, 4), np.float32)
ir = _weft.ir


def endless(x):
    return endless(x + 1)  # the line of endless


KEPT = []


def keep(x):
    KEPT.append(x)
    return x


def leak_into_another_trace():
    wf.jit(keep)(1.0)
    return wf.jit(lambda y: y + KEPT.pop())(1.0)


def leak_out_of_a_loop():
    def f(x):
        wf.fori_loop(0, 2, lambda i, c: (KEPT.append(c), c)[1], x)
        return x + KEPT.pop()

    return wf.jit(f)(1.0)


def donated_twice():
    a = wf.asarray([1.0])
    return wf.jit(lambda p, q: p + q, donate="p")(a, a)


def used_after_donation():
    a = wf.asarray([1.0])
    wf.jit(lambda p: p + 1, donate="p")(a)
    return wf.jit(lambda p: p + 1)(a)


# Code, builtin class that also catches it, a word of the text, and what a user did.
CASES = [
    ("WF1012", ValueError, "matmul", lambda: wf.jit(lambda a: a @ a)(X)),
    ("WF1001", ValueError, "f32[3,4]", lambda: wf.jit(lambda a: a + np.zeros(3, np.float32))(X)),
    ("WF1001", ValueError, "f32[3,4]", lambda: wf.add(X, np.zeros(3, np.float32))),
    ("WF1013", ValueError, "", lambda: wf.reshape(X, (5, 2))),
    ("WF1021", TypeError, "uint64", lambda: wf.add(np.zeros(2, np.uint64), np.zeros(2, np.int64))),
    ("WF1022", TypeError, "float32", lambda: wf.jit(lambda a: a & 1)(X)),
    ("WF1002", IndexError, "", lambda: wf.sum(X, axis=5)),
    ("WF1201", TypeError, "truth value", lambda: wf.jit(lambda a: 1 if a > 0 else 2)(1.0)),
    ("WF1202", TypeError, "i64[]", lambda: wf.jit(lambda a: [0] * a)(3)),
    ("WF1202", TypeError, "f32[]", lambda: wf.jit(float)(3.0)),
    ("WF1202", TypeError, "f32[]", lambda: wf.jit(complex)(3.0)),
    ("WF1202", TypeError, "f32[]", lambda: wf.jit(lambda a: a.item())(3.0)),
    ("WF1041", TypeError, "f32[3,4]", lambda: float(wf.asarray(X))),
    ("WF1041", TypeError, "f32[1]", lambda: float(wf.asarray(X[0, :1]))),
    ("WF1041", TypeError, "an int", lambda: int(wf.asarray(X))),
    ("WF1041", TypeError, "truth value", lambda: bool(wf.asarray(X))),
    ("WF1041", TypeError, "truth value", lambda: 1 if wf.asarray(X) > 0 else 2),
    ("WF1041", TypeError, "f32[0]", lambda: bool(wf.zeros(0))),
    ("WF1041", TypeError, "complex", lambda: complex(wf.asarray(X))),
    ("WF1041", TypeError, "i64[2]", lambda: [1, 2][wf.asarray([0, 1])]),
    ("WF1041", TypeError, "index", lambda: range(wf.asarray(3.0))),
    ("WF1041", TypeError, "bool[]", lambda: [1, 2][wf.asarray(True)]),
    ("WF1041", TypeError, "Python number", lambda: wf.asarray(X).item()),
    ("WF1041", TypeError, "f32[3,4]", lambda: wf.grad(lambda a: wf.sum(a) * float(a))(wf.asarray(X))),
    ("WF1042", TypeError, "f32[] has no length", lambda: len(wf.asarray(1.0))),
    ("WF1042", TypeError, "iterated", lambda: list(wf.asarray(1.0))),
    ("WF1042", TypeError, "iterated", lambda: wf.jit(lambda a: sum(b for b in a))(1.0)),
    ("WF1042", TypeError, "length", lambda: wf.jit(lambda a: a * len(a))(1.0)),
    ("WF1042", TypeError, "iterated", lambda: wf.stack([*wf.asarray(1.0)])),
    ("WF1207", TypeError, "f32[3,4]", lambda: wf.jit(lambda a: np.asarray(a))(X)),
    ("WF1203", TypeError, "not being traced", leak_into_another_trace),
    ("WF1203", TypeError, "", leak_out_of_a_loop),
    ("WF1205", RecursionError, "endless", lambda: wf.jit(endless)(1.0)),
    ("WF1205", RecursionError, "endless", lambda: wf.grad(endless)(1.0)),
    ("WF1208", TypeError, "a is a str", lambda: wf.jit(lambda a: a)("text")),
    ("WF1208", TypeError, "p['k'][1]", lambda: wf.jit(lambda p: p)({"k": [1, {2, 3}]})),
    ("WF1208", TypeError, "str", lambda: wf.jit(lambda a: "x")(1.0)),
    ("WF1023", TypeError, "", lambda: wf.jit(lambda a: a)(np.array([object()]))),
    ("WF1023", TypeError, "", lambda: wf.asarray(np.array(["text"]))),
    ("WF1024", TypeError, "complex64", lambda: wf.jit(lambda a: a)(np.zeros(2, np.complex64))),
    ("WF1031", TypeError, "", lambda: wf.sin("text")),
    ("WF1601", TypeError, "'b'", lambda: wf.jit(lambda a, b: a)(1.0)),
    ("WF1601", TypeError, "'c'", lambda: wf.jit(lambda a: a)(1.0, c=2.0)),
    ("WF1209", TypeError, "", lambda: wf.jit(lambda a, k: a, static="k")(1.0, k=[1])),
    ("WF1210", ValueError, "'q'", lambda: wf.jit(lambda p: p, donate="q")),
    ("WF1301", TypeError, "f32[3,4]", lambda: wf.grad(lambda a: a * 2)(X)),
    ("WF1301", TypeError, "", lambda: wf.grad(lambda a: (a, a))(1.0)),
    ("WF1302", TypeError, "p['n'][0]", lambda: wf.grad(lambda p: p["w"] * p["n"][0])({"w": 1.0, "n": [3]})),
    ("WF1302", TypeError, "b is bool[]", lambda: wf.grad(lambda b: wf.where(b, 1.0, 2.0))(True)),
    ("WF1304", TypeError, "f32[3]", lambda: wf.jvp(wf.sin, (X,), (np.zeros(3, np.float32),))),
    ("WF1304", TypeError, "cotangent", lambda: wf.vjp(wf.sin, X)[1](np.zeros(3, np.float32))),
    ("WF1305", TypeError, "auxiliary", lambda: wf.grad(lambda a: a, has_aux=True)(1.0)),
    ("WF1210", ValueError, "argument 1", lambda: wf.grad(lambda a: a, argnums=1)(1.0)),
    ("WF1311", ValueError, "size 4", lambda: wf.vmap(lambda a, b: a, in_axes=(0, 1))(X, X)),
    ("WF1312", ValueError, "mapped", lambda: wf.vmap(lambda a: a, in_axes=None)(X)),
    ("WF1607", TypeError, "p", donated_twice),
    ("WF1606", RuntimeError, "donated", used_after_donation),
    ("WF5010", MemoryError, "bytes", lambda: wf.jit(lambda a: wf.broadcast_to(a, (1 << 20, 1 << 20, 1 << 6)) + 1)(1.0)),
    ("WF1504", ValueError, "kernls", lambda: wf.jit(lambda a: a).lower(1.0).as_text("kernls")),
]


@pytest.mark.parametrize("code, builtin, word, f", CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)])
def test_one_error_at_the_users_line(code, builtin, word, f):
    with pytest.raises(wf.errors.WeftError) as caught:
        f()
    err = caught.value
    assert err.code == code and isinstance(err, builtin), repr(err)
    text = str(err)
    assert "test_errors_user.py:" in text.split("\n")[0] and word in text, text
    frames = traceback.extract_tb(err.__traceback__)
    assert not [t.filename for t in frames if source.is_internal(t.filename)]
    assert "0x" not in text and "Traceback" not in text


def test_recursion_is_told_at_the_line_that_recurs():
    with pytest.raises(wf.errors.RecursiveTraceError) as caught:
        wf.jit(endless)(1.0)
    text = pathlib.Path(__file__).read_text(encoding="utf-8").split("\n")
    line = next(i for i, row in enumerate(text, 1) if row.endswith("# the line of endless"))
    assert f"test_errors_user.py:{line}, in endless" in str(caught.value)


def test_a_failed_call_leaves_nothing_behind():
    f = wf.jit(lambda a, b: a @ b)
    for _ in range(2):
        with pytest.raises(wf.errors.ShapeError):
            f(X, X)
    assert f(X, X.T).shape == (3, 3)


def test_an_array_of_one_number_is_that_number():
    half, three, one = wf.asarray(0.5), wf.asarray(3), wf.asarray([[2.0]])
    assert (float(half), int(half), complex(half), bool(half), half.item()) == (0.5, 0, 0.5 + 0j, True, 0.5)
    assert [10, 11, 12, 13][three] == 13 and list(range(three)) == [0, 1, 2] and hex(three) == "0x3"
    assert bool(one) is True and one.item() == 2.0 and not bool(wf.zeros((1, 1)))
    assert [float(x) for x in wf.asarray([1.0, 2.0])] == [1.0, 2.0] and len(wf.zeros((0, 3))) == 0


# ------------------------------------------------------------------------------------------------------- at the shell


def tool(name):
    path = pathlib.Path(os.environ.get("WEFT_BUILD", ROOT / "build")) / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path}: build the target {name}, or set WEFT_BUILD to the build folder")
    return str(path)


GOOD = "func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {\n  %r = weft.neg %x : (tensor<3xf32>) -> tensor<3xf32>\n"
FILES = [
    ("func.func @main( {", "WF2002"),
    ("\0\1\2 nonsense", "WF2002"),
    (GOOD + "  return %r : tensor<4xf32>\n}", "WF2002"),
    ("func.func @main() { %r = weft.nothing : () -> () return }", "WF2002"),
    (GOOD.replace("-> tensor<3xf32>\n", "-> tensor<4xf32>\n") + "  return %r : tensor<4xf32>\n}", "WF2003"),
]


@pytest.mark.parametrize("text, code", FILES)
def test_nonsense_in_a_file_is_told_with_its_place(tmp_path, text, code):
    path = tmp_path / "bad.mlir"
    path.write_bytes(text.encode())
    done = subprocess.run([tool("weft-run"), str(path), "--reference"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and not done.stdout, done
    assert f"{path}:" in done.stderr and "WF" in done.stderr and "Stack dump" not in done.stderr
    done = subprocess.run([tool("weft-opt"), str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "bad.mlir:" in done.stderr, done.stderr
    # MLIR's own diagnostic, then one line with the code.
    assert done.stderr.splitlines()[-1].startswith(f"weft-opt: [{code}]"), done.stderr


HUGE = """func.func @main(%x: tensor<f32>) -> tensor<100000000000000xf32> {
  %b = weft.broadcast %x {dims = array<i64>} : (tensor<f32>) -> tensor<100000000000000xf32>
  return %b : tensor<100000000000000xf32>
}"""
COMPLEX = (
    "func.func @main(%x: tensor<3xcomplex<f32>>) -> tensor<3xcomplex<f32>> {\n  return %x : tensor<3xcomplex<f32>>\n}"
)
SIZES = """func.func @main(%x: tensor<?xf32, #weft.dims<B>>, %y: tensor<?xf32, #weft.dims<B>>)
    -> tensor<?xf32, #weft.dims<B>> {
  return %x : tensor<?xf32, #weft.dims<B>>
}"""
WRONG = [  # program, inputs, code by the reference, code by native code
    (GOOD + "  return %r : tensor<3xf32>\n}", [], "WF1601", "WF1601"),
    (GOOD + "  return %r : tensor<3xf32>\n}", [np.zeros(3, "f"), np.zeros(3, "f")], "WF1601", "WF1601"),
    (GOOD + "  return %r : tensor<3xf32>\n}", [np.zeros(4, "f")], "WF1602", "WF5021"),
    (GOOD + "  return %r : tensor<3xf32>\n}", [np.zeros((3, 1), "f")], "WF1602", "WF1602"),
    (GOOD + "  return %r : tensor<3xf32>\n}", [np.zeros(3, "d")], "WF1603", "WF1603"),
    (SIZES, [np.zeros(3, "f"), np.zeros(2, "f")], "WF1407", "WF5021"),
    (HUGE, [np.float32(1)], "WF1604", "WF5010"),
    (COMPLEX, [np.zeros(3, "f")], "WF1603", "WF1603"),
    ("func.func @other() {\n  return\n}", [], "WF1705", "WF1705"),
]


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("text, inputs, reference, code", WRONG, ids=[f"{i}-{w[2]}" for i, w in enumerate(WRONG)])
def test_what_does_not_fit_at_the_shell(tmp_path, text, inputs, reference, code, native):
    path = tmp_path / "program.mlir"
    path.write_text(text)
    arguments = [tool("weft-run"), str(path)] + ([] if native else ["--reference"])
    for i, x in enumerate(inputs):
        np.save(tmp_path / f"{i}.npy", x)
        arguments += ["--input", str(tmp_path / f"{i}.npy")]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1 and not done.stdout, done
    assert f"[{code if native else reference}]" in done.stderr, done.stderr
    assert "program.mlir" in done.stderr and "Stack dump" not in done.stderr, done.stderr


def test_wrong_usage_of_the_tools(tmp_path):
    path = tmp_path / "good.mlir"
    path.write_text(GOOD + "  return %r : tensor<3xf32>\n}")
    for arguments in (["weft-run", str(path), "--no-such-flag"], ["weft-run"]):
        done = subprocess.run([tool(arguments[0]), *arguments[1:]], capture_output=True, text=True, check=False)
        assert done.returncode == 2 and "[WF1902]" in done.stderr, done
    done = subprocess.run(
        [tool("weft-opt"), str(path), "--weft-pipeline=traced..nowhere"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "[WF1504]" in done.stderr and "nowhere" in done.stderr, done
    done = subprocess.run([tool("weft-opt"), str(tmp_path / "none.mlir")], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("weft-opt: [WF"), done
