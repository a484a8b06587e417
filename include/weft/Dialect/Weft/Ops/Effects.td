// Decides the effects family: ops that the world outside sees or answers. Each has a memory effect on a resource by
// name, which keeps them in program order; there are no tokens. A mask switches an effect off, lane by lane.
#ifndef WEFT_EFFECTS
#define WEFT_EFFECTS

include "weft/Dialect/Weft/WeftBase.td"

def EffectOpInterface : Weft_OpInterface<"EffectOpInterface"> {
  let description = [{
    An op that the runtime performs between kernels. Its operands have `lanes` leading axes, the axes of the batches it
    stands in: it is performed once for each lane where the mask holds, in row-major order.
  }];
  let methods = [
    InterfaceMethod<"What is performed.", "::llvm::StringRef", "getEffect", (ins), "",
      "return $_op->getName().stripDialect();">,
    InterfaceMethod<"The format of a message, or the name of what is called.", "::llvm::StringRef", "getEffectText">,
    InterfaceMethod<"How many leading axes are lanes.", "int64_t", "getNumLaneAxes", (ins), "",
      "return int64_t($_op.getLanes());">,
    InterfaceMethod<"Whether nothing happens where the first operand holds.", "bool", "isPerformedUnless", (ins), "",
      "return false;">,
    InterfaceMethod<"Whether the last operand is a mask.", "bool", "isMasked", (ins), "",
      "return $_op.getMask() != nullptr;">];
}

def Weft_IoResource : Resource<"::weft::IoResource">;
def Weft_CheckResource : Resource<"::weft::CheckResource">;
def Weft_CallbackResource : Resource<"::weft::CallbackResource">;

class Weft_EffectOp<string mnemonic, Resource resource>
    : Weft_Op<mnemonic, [
        MemoryEffects<[MemRead<resource>, MemWrite<resource>]>, AttrSizedOperandSegments, NoDerivativeOpInterface,
        DeclareOpInterfaceMethods<EffectOpInterface, ["getEffectText"]>, DeclareOpInterfaceMethods<ReferenceOpInterface>,
        DeclareOpInterfaceMethods<BatchOpInterface>]> {
  let hasVerifier = 1;
}

def Weft_PrintOp : Weft_EffectOp<"print", Weft_IoResource> {
  let summary = "prints a line";
  let description = [{
    The values stand where the format has `{}` (Python's replacement fields). Printing changes no value.

    Example:
    ```mlir
    weft.print "x is {}" (%x : tensor<4xf32>) {lanes = 0 : i64}
    ```
  }];
  let arguments = (ins Variadic<Weft_Any>:$values, Optional<Weft_Bool>:$mask, StrAttr:$format, I64Attr:$lanes);
  let results = (outs);
  let assemblyFormat = [{
    $format (`(` $values^ `:` type($values) `)`)? (`mask` `(` $mask^ `:` type($mask) `)`)? attr-dict
  }];
  let extraClassDeclaration = [{
    ::llvm::StringRef whyNoDerivative() { return "it has no result"; }
  }];
}

def Weft_CheckOp : Weft_EffectOp<"check", Weft_CheckResource> {
  let summary = "stops the program unless a condition holds";
  let description = [{
    The condition holds where all its elements do. If it does not, the call fails with the message, and nothing after the
    check in program order is seen to happen.

    Example:
    ```mlir
    weft.check %ok : tensor<i1>, "x is {}" (%x : tensor<4xf32>) {lanes = 0 : i64}
    ```
  }];
  let arguments = (ins Weft_Bool:$condition, Variadic<Weft_Any>:$values, Optional<Weft_Bool>:$mask, StrAttr:$format,
                       I64Attr:$lanes);
  let results = (outs);
  let assemblyFormat = [{
    $condition `:` type($condition) `,` $format (`(` $values^ `:` type($values) `)`)?
    (`mask` `(` $mask^ `:` type($mask) `)`)? attr-dict
  }];
  let extraClassDeclaration = [{
    bool isPerformedUnless() { return true; }
    ::llvm::StringRef whyNoDerivative() { return "it has no result"; }
  }];
}

def Weft_CallbackOp : Weft_EffectOp<"callback", Weft_CallbackResource> {
  let summary = "calls a function of the host";
  let description = [{
    The function has the name under which the host knows it. It gets the operands by value and gives the results, which
    have the types that stand here; where the mask is off it is not called, and the results are zeros.

    Example:
    ```mlir
    %r = weft.callback "f" (%x : tensor<4xf32>) {lanes = 0 : i64} -> (tensor<4xf32>)
    ```
  }];
  let arguments = (ins Variadic<Weft_Any>:$values, Optional<Weft_Bool>:$mask, StrAttr:$function, I64Attr:$lanes);
  let results = (outs Variadic<Weft_Any>:$results);
  let assemblyFormat = [{
    $function (`(` $values^ `:` type($values) `)`)? (`mask` `(` $mask^ `:` type($mask) `)`)? attr-dict
    (`->` `(` type($results)^ `)`)?
  }];
  let extraClassDeclaration = [{
    ::llvm::StringRef whyNoDerivative() { return "it is a function of the host"; }
  }];
}

#endif
