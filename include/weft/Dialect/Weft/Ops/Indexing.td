// Decides the indexing family: reading and writing windows at computed places. One set of dimension numbers serves both:
//   x        [batch..., window dims...]      `dims` names those of x that are indexed
//   indices  [batch..., index dims..., k]    k = one start for each of `dims`
//   windows  [batch..., window dims before `at`..., index dims..., the other window dims...]
// Batch dimensions stand in front of all three. A window is whole along the dims that are not indexed.
#ifndef WEFT_INDEXING
#define WEFT_INDEXING

include "weft/Dialect/Weft/WeftBase.td"

def Weft_Bounds : Weft_Enum<"Bounds", "What happens to a window that is not all inside", [
  I32EnumAttrCase<"Clamp", 0, "clamp">, I32EnumAttrCase<"Drop", 1, "drop">]>;
def Weft_BoundsAttr : Weft_EnumAttr<Weft_Bounds, "bounds">;
def Weft_ScatterKind : Weft_Enum<"ScatterKind", "How a scatter writes an element", [
  I32EnumAttrCase<"Set", 0, "set">, I32EnumAttrCase<"Add", 1, "add">, I32EnumAttrCase<"Mul", 2, "mul">,
  I32EnumAttrCase<"Min", 3, "min">, I32EnumAttrCase<"Max", 4, "max">]>;
def Weft_ScatterKindAttr : Weft_EnumAttr<Weft_ScatterKind, "scatter_kind">;

def Weft_GatherOp : Weft_NamedResultOp<"gather", Weft_Linear> {
  let summary = "windows of an array, at computed starts";
  let description = [{
    For each index tuple, the window of x that starts there. `x` is [batch..., window dims...], `indices` is
    [batch..., index dims..., k] with one start for each of the k `dims` (sorted; dimensions of x behind the batch). The
    result is [batch..., window dims..., ...] with the index dimensions put before window dimension `at`; along `dims`
    its sizes are the window's, along the others x's; all of `dims` may be left out, where windows have one element along
    them. Starts are clamped so that the window lies inside; with
    `drop` a window that does not is 0. A window that is larger than x (only named sizes allow it) is 0.
    Linear in x.

    Example: rows of a table.
    ```mlir
    %r = weft.gather %x, %i {batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64, bounds = #weft.bounds<clamp>}
        : (tensor<5x4xf32>, tensor<3x1xi64>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x, Weft_Int:$indices, I64Attr:$batch, DenseI64ArrayAttr:$dims, I64Attr:$at,
                       Weft_BoundsAttr:$bounds);
  let results = (outs Weft_Any:$result);
  let hasCanonicalizer = 1;
}

def Weft_ScatterOp : Weft_StructuredOp<"scatter", Weft_Jvp, [Weft_Linear]> {
  let summary = "writes windows into an array, at computed starts";
  let description = [{
    The opposite of `gather`, with its dimension numbers: x, but in each window that starts at an index tuple each element
    is the update (`set`), or is combined with it (`add`, `mul`, `min`, `max`). Windows are written one after the other,
    index tuples in row-major order; each step rounds to the element type. A window that is not all inside is clamped or
    dropped, as `bounds` says; one that is larger than x (only named sizes allow it) is dropped. Linear for `set` and
    `add` (then the transpose rule holds; of several updates of an element `set` keeps the last); the jvp rule is that of
    the other kinds.

    Example: adds rows to a table.
    ```mlir
    %r = weft.scatter %x, %i, %u {kind = #weft.scatter_kind<add>, batch = 0 : i64, dims = array<i64: 0>, at = 0 : i64,
                                  bounds = #weft.bounds<drop>}
        : (tensor<5x4xf32>, tensor<3x1xi64>, tensor<3x1x4xf32>) -> tensor<5x4xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x, Weft_Int:$indices, Weft_Any:$updates, Weft_ScatterKindAttr:$kind, I64Attr:$batch,
                       DenseI64ArrayAttr:$dims, I64Attr:$at, Weft_BoundsAttr:$bounds);
  let results = (outs Weft_Any:$result);
  let extraClassDeclaration = "std::optional<unsigned> getOverwritten() { return 0; }";
}

#endif
