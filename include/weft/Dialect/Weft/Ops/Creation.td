// Decides the creation family: values from nothing but attributes and named sizes.
#ifndef WEFT_CREATION
#define WEFT_CREATION

include "weft/Dialect/Weft/WeftBase.td"

def Weft_ConstantOp : Weft_PureOp<"constant", [ConstantLike, NoDerivativeOpInterface,
    DeclareOpInterfaceMethods<FusionOpInterface>, DeclareOpInterfaceMethods<ReferenceOpInterface>,
    DeclareOpInterfaceMethods<LowerOpInterface>, DeclareOpInterfaceMethods<BatchOpInterface>]> {
  let summary = "a tensor of static shape, by value";
  let description = [{
    Splats and small values are dense attributes; larger ones are resources named by their content.

    Example:
    ```mlir
    %r = weft.constant {value = dense<1.0> : tensor<3xf32>} : () -> tensor<3xf32>
    ```
  }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Weft_Any:$result);
  let assemblyFormat = "attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

def Weft_IotaOp : Weft_NamedResultOp<"iota", Weft_NoDerivative> {
  let summary = "each element's index along a dimension";
  let description = [{
    Example:
    ```mlir
    %r = weft.iota {dim = 0 : i64} : () -> tensor<4xi64>
    ```
  }];
  let arguments = (ins I64Attr:$dim);
  let results = (outs Weft_Number:$result);
}

def Weft_DimSizeOp : Weft_PureOp<"dim_size", [NoDerivativeOpInterface,
    DeclareOpInterfaceMethods<FusionOpInterface>, DeclareOpInterfaceMethods<ReferenceOpInterface>,
    DeclareOpInterfaceMethods<LowerOpInterface>, DeclareOpInterfaceMethods<BatchOpInterface>]> {
  let summary = "the value of a size expression";
  let description = [{
    Needs no operand: the symbols are those in scope.

    Example:
    ```mlir
    %r = weft.dim_size {size = #weft.size<2*S>} : () -> tensor<i64>
    ```
  }];
  let arguments = (ins Weft_SizeAttr:$size);
  let results = (outs Weft_Any:$result);
  let assemblyFormat = "attr-dict `:` functional-type(operands, results)";
  let hasFolder = 1;
}

#endif
