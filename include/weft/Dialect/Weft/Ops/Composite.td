// Decides the composite family: names worth keeping for derivatives and for who reads a program, each made of core ops
// (`decompose`). The reference runs what it is made of, and weft-decompose puts that in its place when no derivative or
// batch will be asked for any more; weft-raise finds the written-out form (`raise` rules in Composite.cpp).
#ifndef WEFT_COMPOSITE
#define WEFT_COMPOSITE

include "weft/Dialect/Weft/WeftBase.td"

class Weft_Composite<string mnemonic, Trait derivative, list<Trait> traits = []>
    : Weft_PureOp<mnemonic, [
        DeclareOpInterfaceMethods<DecomposeOpInterface>, DeclareOpInterfaceMethods<ReferenceOpInterface>,
        DeclareOpInterfaceMethods<BatchOpInterface>, derivative] # traits> {
  let hasVerifier = 1;
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let extraClassDefinition = [{
    ::mlir::LogicalResult $cppClass::evaluate(::weft::Interpreter &interpreter, ::llvm::ArrayRef<::weft::Tensor> operands,
        ::llvm::SmallVectorImpl<::weft::Tensor> &results) {
      return interpreter.runDecomposed(*this, operands, results);
    }
  }];
}

def Weft_SoftmaxOp : Weft_Composite<"softmax", Weft_Jvp> {
  let summary = "exp(x) / sum(exp(x)) over dimensions, or its logarithm";
  let description = [{
    The result has the operand's type; `dims` are sorted and distinct. With m the greatest element over them, it is
    exp(x - m) / sum(exp(x - m)); with `log`, (x - m) - log(sum(exp(x - m))). f16 and bf16 are computed in f32 and
    rounded once. A row that holds NaN or +inf, or -inf alone, is NaN.

    Example:
    ```mlir
    %r = weft.softmax %x {dims = array<i64: 1>, log = false} : (tensor<3x4xf32>) -> tensor<3x4xf32>
    ```
  }];
  let arguments = (ins Weft_Float:$x, DenseI64ArrayAttr:$dims, BoolAttr:$log);
  let results = (outs Weft_Float:$result);
}

#endif
