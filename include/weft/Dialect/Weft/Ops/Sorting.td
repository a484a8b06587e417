// Decides the sorting family: ops that order elements along a dimension. One order for all of them: numbers ascending
// (-0 and 0 are alike), NaN after everything; alike elements keep their order.
#ifndef WEFT_SORTING
#define WEFT_SORTING

include "weft/Dialect/Weft/WeftBase.td"

def Weft_SortOp : Weft_StructuredOp<"sort", Weft_Jvp> {
  let summary = "the elements along a dimension in order";
  let description = [{
    Each row along `dim` is ordered by itself, from the least or, with `descending`, from the greatest; NaN comes last
    either way. The order of elements that are alike stays. With `first`, only that many of the first ones are the
    result. The derivative takes tangents to where their elements go.

    Example:
    ```mlir
    %r = weft.sort %x {dim = 1 : i64, descending = false} : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Plain:$x, I64Attr:$dim, BoolAttr:$descending,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$first);
  let results = (outs Weft_Plain:$result);
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Weft_ArgsortOp : Weft_StructuredOp<"argsort", Weft_NoDerivative> {
  let summary = "the positions of the elements along a dimension in order";
  let description = [{
    Element i along `dim` is the position of the element that `sort` puts at i, of the `first` ones where that is given.

    Example:
    ```mlir
    %r = weft.argsort %x {dim = 1 : i64, descending = false} : (tensor<3x4xf32>) -> tensor<3x4xi64>
    ```
  }];
  let arguments = (ins Weft_Plain:$x, I64Attr:$dim, BoolAttr:$descending,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$first);
  let results = (outs Weft_Int:$result);
  let hasCanonicalizer = 1;
}

#endif
