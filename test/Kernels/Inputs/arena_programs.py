"""Programs of many shapes for weft-plan-memory, and the check that their arenas are small.

`arena_programs.py` prints a module; `arena_programs.py --check` reads the remarks of `--weft-plan-memory=print-peak`
and
fails if an arena is larger than 1.1 times what is alive at once.
"""

import random
import re
import sys

HEADER = """\
func.func private @f(tensor<?xf32, #weft.dims<s0>>) -> tensor<?xf32, #weft.dims<s1>>
    attributes {weft.kernel, weft.symbols = ["s0", "s1"]}
func.func private @g(tensor<?xf32, #weft.dims<s0>>, tensor<?xf32, #weft.dims<s1>>) -> tensor<?xf32, #weft.dims<s2>>
    attributes {weft.kernel, weft.symbols = ["s0", "s1", "s2"]}
"""


class Program:
    """A function under construction; a value is a pair of its name and its number of elements."""

    def __init__(self, name):
        self.name, self.arguments, self.lines, self.count = name, [], [], 0

    def argument(self, size):
        """Adds an argument."""
        self.arguments.append((f"%a{len(self.arguments)}", size))
        return self.arguments[-1]

    def launch(self, size, *operands):
        """A kernel of one or two operands that makes `size` elements."""
        result = (f"%v{self.count}", size)
        self.count += 1
        sizes = ", ".join(f"#weft.size<{n}>" for n in [s for _, s in operands] + [size])
        types = ", ".join(f"tensor<{n}xf32>" for _, n in operands)
        names = ", ".join(name for name, _ in operands)
        kernel = "f" if len(operands) == 1 else "g"
        self.lines.append(
            f"  {result[0]} = weft.launch @{kernel}({names}) {{weft.sizes = [{sizes}]}} "
            f": ({types}) -> tensor<{size}xf32>"
        )
        return result

    def text(self, *results):
        """The function, which returns `results`."""
        arguments = ", ".join(f"{name}: tensor<{n}xf32>" for name, n in self.arguments)
        types = ", ".join(f"tensor<{n}xf32>" for _, n in results)
        names = ", ".join(name for name, _ in results)
        body = "\n".join(self.lines)
        return f"func.func @{self.name}({arguments}) -> ({types}) {{\n{body}\n  return {names} : {types}\n}}\n"


def train_step(name, choose):
    """Forward and backward through dense layers: activations live long, in the opposite order of their making."""
    p, batch = Program(name), 128
    widths = [choose.choice([10, 64, 256, 300, 512, 784, 1000]) for _ in range(choose.randint(3, 8))]
    activations = [p.argument(widths[0] * batch)]
    weights = [p.argument(a * b) for a, b in zip(widths, widths[1:], strict=False)]
    for weight, width in zip(weights, widths[1:], strict=True):
        activations.append(p.launch(width * batch, activations[-1], weight))
    delta, updated = p.launch(activations[-1][1], activations[-1]), []
    for layer in reversed(range(len(weights))):
        gradient = p.launch(weights[layer][1], activations[layer], delta)
        updated.append(p.launch(weights[layer][1], gradient, weights[layer]))
        if layer:
            back = p.launch(widths[layer] * batch, delta, weights[layer])
            delta = p.launch(widths[layer] * batch, back, activations[layer])
    return p.text(*updated)


def residual_blocks(name, choose):
    """A value carried past each block, between others of other sizes."""
    p = Program(name)
    x = p.launch(16384, p.argument(10000))
    for _ in range(12):
        wide = choose.choice([4096, 16384, 65536])
        x = p.launch(16384, x, p.launch(16384, p.launch(wide, p.launch(wide, x))))
    return p.text(x)


def tangle(name, choose):
    """Values of any size, read near and far."""
    p = Program(name)
    values = [p.argument(4096)]
    for _ in range(60):
        size = choose.choice([1 << choose.randint(6, 14), choose.randint(100, 20000)])
        values.append(p.launch(size, choose.choice(values[-6:]), choose.choice(values[-12:])))
    return p.text(values[-1])


def check(text):
    """Exits with a message if an arena is too large, or none was reported."""
    figures = re.findall(r"remark: arena (\d+) bytes, greatest sum of live bytes (\d+)", text)
    if not figures:
        sys.exit("no arena was reported:\n" + text)
    for arena, peak in figures:
        if int(arena) > 1.1 * int(peak):
            sys.exit(f"an arena of {arena} bytes for {peak} live ones")
    print(f"{len(figures)} arenas within 1.1 times the live bytes")


if __name__ == "__main__":
    if "--check" in sys.argv:
        check(sys.stdin.read())
    else:
        choose = random.Random(3)
        print(HEADER)
        for i in range(10):
            print(
                train_step(f"train{i}", choose), residual_blocks(f"residual{i}", choose), tangle(f"tangle{i}", choose)
            )
