// Decides the movement family: ops that only rearrange elements, or leave them where they are. All are linear.
#ifndef WEFT_MOVEMENT
#define WEFT_MOVEMENT

include "weft/Dialect/Weft/WeftBase.td"

def Weft_ReshapeOp : Weft_NamedResultOp<"reshape", Weft_Linear> {
  let summary = "the same elements in row-major order under another shape";
  let description = [{
    The result type names the new shape; the products of the sizes must be equal as expressions.

    Example:
    ```mlir
    %r = weft.reshape %x : (tensor<?x4xf32, #weft.dims<B, _>>) -> tensor<?xf32, #weft.dims<4*B>>
    ```
  }];
  let arguments = (ins Weft_Any:$x);
  let results = (outs Weft_Any:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Weft_BroadcastOp : Weft_NamedResultOp<"broadcast", Weft_Linear> {
  let summary = "repeats elements along new dimensions or dimensions of size 1";
  let description = [{
    Operand dimension i becomes result dimension dims[i] (ascending); it has that size, or 1 and is repeated.

    Example:
    ```mlir
    %r = weft.broadcast %x {dims = array<i64: 1>} : (tensor<4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x, DenseI64ArrayAttr:$dims);
  let results = (outs Weft_Any:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Weft_TransposeOp : Weft_StructuredOp<"transpose", Weft_Linear> {
  let summary = "permutes dimensions";
  let description = [{
    Result dimension i is operand dimension permutation[i].

    Example:
    ```mlir
    %r = weft.transpose %x {permutation = array<i64: 1, 0>} : (tensor<3x4xf32>) -> tensor<4x3xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x, DenseI64ArrayAttr:$permutation);
  let results = (outs Weft_Any:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = "bool turnsRows();";
}

def Weft_OptimizationBarrierOp : Weft_StructuredOp<"optimization_barrier", Weft_Linear> {
  let summary = "the value itself, past which no kernel reaches";
  let description = [{
    Named after StableHLO's. What makes x and what reads the result are never one kernel, so the value is in memory
    between them. Derivatives and batches have a barrier where the program has one.

    Example:
    ```mlir
    %r = weft.optimization_barrier %x : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x);
  let results = (outs Weft_Any:$result);
}

def Weft_ReverseOp : Weft_StructuredOp<"reverse", Weft_Linear> {
  let summary = "turns dimensions around";
  let description = [{
    Element i of a dimension in `dims` becomes element size - 1 - i.

    Example:
    ```mlir
    %r = weft.reverse %x {dims = array<i64: 0>} : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x, DenseI64ArrayAttr:$dims);
  let results = (outs Weft_Any:$result);
  let hasFolder = 1;
}

def Weft_SliceOp : Weft_NamedResultOp<"slice", Weft_Linear> {
  let summary = "every stride-th element from a start, along each dimension";
  let description = [{
    `starts` and `strides` are static, strides positive; result dimension i has elements starts[i] + k * strides[i]. The
    result type names its sizes; all indices must lie inside the operand, which the verifier shows where the sizes are
    static or the size is the operand's minus a constant.

    Example:
    ```mlir
    %r = weft.slice %x {starts = array<i64: 1>, strides = array<i64: 2>} : (tensor<7xf32>) -> tensor<3xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$strides);
  let results = (outs Weft_Any:$result);
  let hasFolder = 1;
}

def Weft_PadOp : Weft_StructuredOp<"pad", Weft_Linear> {
  let summary = "puts a value before, between and after the elements";
  let description = [{
    `low` and `high` are not negative; `interior` is the number of values between two neighbours. Linear in both operands.

    Example:
    ```mlir
    %r = weft.pad %x, %v {low = array<i64: 1>, high = array<i64: 2>, interior = array<i64: 0>}
        : (tensor<3xf32>, tensor<f32>) -> tensor<6xf32>
    ```
  }];
  let arguments = (ins Weft_Any:$x, Weft_Any:$value, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
                       DenseI64ArrayAttr:$interior);
  let results = (outs Weft_Any:$result);
  let hasCanonicalizer = 1;
  let hasFolder = 1;
  let extraClassDeclaration = "llvm::SmallVector<Place, 0> getPlaces();";
}

def Weft_ConcatOp : Weft_StructuredOp<"concat", Weft_Linear> {
  let summary = "joins tensors along a dimension";
  let description = [{
    The operands agree in every other dimension; at least one operand.

    Example:
    ```mlir
    %r = weft.concat %x, %y {dim = 0 : i64} : (tensor<3xf32>, tensor<4xf32>) -> tensor<7xf32>
    ```
  }];
  let arguments = (ins Variadic<Weft_Any>:$xs, I64Attr:$dim);
  let results = (outs Weft_Any:$result);
  let hasFolder = 1;
  let extraClassDeclaration = "llvm::SmallVector<Place, 0> getPlaces();";
}

#endif
