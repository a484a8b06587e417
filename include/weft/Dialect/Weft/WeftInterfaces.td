// Decides the rules that an op carries. A declared rule without a body does not link; passes walk these and name no op.
#ifndef WEFT_INTERFACES
#define WEFT_INTERFACES

include "mlir/IR/OpBase.td"

class Weft_OpInterface<string name> : OpInterface<name> { let cppNamespace = "::weft"; }

def FusionOpInterface : Weft_OpInterface<"FusionOpInterface"> {
  let description = "How an op reads and writes index spaces, which is all that kernel formation asks.";
  let methods = [InterfaceMethod<[{
      Map: each result element from the same index of the operands. View: each result element is one operand element at
      an affine index. Gather: one element of the first operand at a place that the second says. Reduce: folds some
      dimensions. Contract: a sum of products. Join: the operands are parts of the result. Other: a kernel of its own.
      Alias: the same bytes under another type, no code at all.
    }], "::weft::FusionKind", "getFusionKind", (ins)>,
    InterfaceMethod<"View: whether neighbours along the result's last dimension lie apart in the operand.",
      "bool", "turnsRows", (ins), "", "return false;">,
    InterfaceMethod<"Floating-point or integer operations per result element (or per folded element).",
      "double", "getOpsPerElement", (ins), "", "return 1.0;">,
    InterfaceMethod<"Reduce: the operand's dimensions that are folded, sorted; the result has the others, in order.",
      "::llvm::ArrayRef<int64_t>", "getFoldedDims", (ins), "", "return {};">,
    InterfaceMethod<[{
      Join: where each operand stands in the result, in order; one without dimensions has no place and fills the rest.
    }], "::llvm::SmallVector<::weft::Place, 0>", "getPlaces", (ins), "", "return {};">,
    InterfaceMethod<[{
      The operand that the op changes in a few places to give its result: written over it in memory, the rest stays.
    }], "std::optional<unsigned>", "getOverwritten", (ins), "", "return std::nullopt;">];
}

def ReferenceOpInterface : Weft_OpInterface<"ReferenceOpInterface"> {
  let description = "What an op computes: the definition of right. Also its constant folder.";
  let methods = [InterfaceMethod<"Computes the results from operand values; fails with a diagnostic on the op.",
    "::mlir::LogicalResult", "evaluate",
    (ins "::weft::Interpreter &":$interpreter, "::llvm::ArrayRef<::weft::Tensor>":$operands,
         "::llvm::SmallVectorImpl<::weft::Tensor> &":$results)>];
}

def LowerOpInterface : Weft_OpInterface<"LowerOpInterface"> {
  let description = "How an op becomes linalg on tensors, inside a kernel function.";
  let methods = [InterfaceMethod<"Builds the results (tensors without encoding) from lowered operands.",
    "::mlir::LogicalResult", "lower",
    (ins "::weft::LowerContext &":$context, "::mlir::ValueRange":$operands,
         "::llvm::SmallVectorImpl<::mlir::Value> &":$results)>];
}

def BatchOpInterface : Weft_OpInterface<"BatchOpInterface"> {
  let description = [{
    How an op acts on operands with a leading batch axis. `operands` are the new operands, `batched[i]` says whether
    operand i has the axis. All results have it, but those of which `batchedResults` says otherwise.
  }];
  let methods = [InterfaceMethod<"Builds the batched results.",
    "::mlir::LogicalResult", "batch",
    (ins "::weft::Batcher &":$batcher, "::mlir::ValueRange":$operands, "::llvm::ArrayRef<bool>":$batched,
         "::llvm::SmallVectorImpl<::mlir::Value> &":$results)>,
    InterfaceMethod<"Which results will have the axis, where an operand has it; nothing is built.",
      "::llvm::SmallVector<bool>", "batchedResults",
      (ins "::weft::Batcher &":$batcher, "::llvm::ArrayRef<bool>":$batched), "",
      "return ::llvm::SmallVector<bool>($_op->getNumResults(), true);">];
}

def PartialsOpInterface : Weft_OpInterface<"PartialsOpInterface"> {
  let description = "Derivative of an elementwise op: one expression per operand.";
  let methods = [InterfaceMethod<"d result / d operand i at each element, from primal values; null where it is zero.",
    "::mlir::Value", "partial",
    (ins "::weft::GraphBuilder &":$builder, "unsigned":$operand, "::mlir::ValueRange":$primals, "::mlir::Value":$result)>,
    InterfaceMethod<"Whether that expression exists (else the derivative is zero everywhere).", "bool", "hasPartial",
      (ins "unsigned":$operand)>];
}

def TransposeOpInterface : Weft_OpInterface<"TransposeOpInterface"> {
  let description = [{
    An op linear in some operands: its jvp is the op itself on tangents (a sum over operands when it is multilinear),
    and `transposeTo` is the adjoint with respect to one operand.
  }];
  let methods = [
    InterfaceMethod<"Whether the op is linear in operand i, the others held fixed.", "bool", "isLinearIn", (ins "unsigned":$operand),
      "", "return true;">,
    InterfaceMethod<"Whether the op is linear in all such operands jointly (concat), not in each alone (dot).",
      "bool", "isJointlyLinear", (ins), "", "return true;">,
    InterfaceMethod<"The cotangent of operand i from the result's; `operands` are the op's (null where unknown: linear ones).",
      "::mlir::Value", "transposeTo",
      (ins "::weft::GraphBuilder &":$builder, "unsigned":$operand, "::mlir::ValueRange":$operands, "::mlir::Value":$cotangent)>];
}

def JvpOpInterface : Weft_OpInterface<"JvpOpInterface"> {
  let description = "Derivative of any other op: the tangent of the result, built of ops linear in the tangents.";
  let methods = [InterfaceMethod<"`tangents[i]` is null for an inactive operand.",
    "::mlir::Value", "jvp",
    (ins "::weft::GraphBuilder &":$builder, "::mlir::ValueRange":$primals, "::mlir::Value":$result, "::mlir::ValueRange":$tangents)>];
}

def RegionDerivativeOpInterface : Weft_OpInterface<"RegionDerivativeOpInterface"> {
  let description = "Derivative of ops with regions or callees: they drive the passes on what they hold.";
  let methods = [
    InterfaceMethod<[{
      Which results depend smoothly on the operands that are active; loop carries are a fixed point. No code is built.
    }], "::llvm::SmallVector<bool>", "activeResults", (ins "::llvm::ArrayRef<bool>":$active)>,
    InterfaceMethod<[{
      Builds the op that computes the primal results and residuals (through linearizer.primal) and, at the linear builder,
      the op from residuals and tangents to tangents. `tangents` are null for inactive operands; fills one tangent per
      result (null: inactive).
    }], "::mlir::LogicalResult", "linearize",
      (ins "::weft::Linearizer &":$linearizer, "::mlir::ValueRange":$primals, "::mlir::ValueRange":$tangents,
           "::llvm::SmallVectorImpl<::mlir::Value> &":$results, "::llvm::SmallVectorImpl<::mlir::Value> &":$resultTangents)>,
    InterfaceMethod<[{
      For a linear op: cotangents of the operands for which `linear[i]` is true, from those of the results (null: zero).
    }], "::mlir::LogicalResult", "transposeRegion",
      (ins "::weft::Transposer &":$transposer, "::mlir::ValueRange":$operands, "::llvm::ArrayRef<bool>":$linear,
           "::mlir::ValueRange":$cotangents, "::llvm::SmallVectorImpl<::mlir::Value> &":$operandCotangents)>];
}

def NoDerivativeOpInterface : Weft_OpInterface<"NoDerivativeOpInterface"> {
  let description = "Says that an op has no derivative, and why (integers, sizes, requests resolved before).";
  let methods = [InterfaceMethod<"The reason, for the error message.", "::llvm::StringRef", "whyNoDerivative", (ins), "",
    "return \"its result does not vary smoothly\";">];
}

def DecomposeOpInterface : Weft_OpInterface<"DecomposeOpInterface"> {
  let description = "A composite: a named op that stands for a few core ops.";
  let methods = [InterfaceMethod<"Builds what the op is made of; the result has the op's type.",
    "::mlir::Value", "decompose", (ins "::weft::GraphBuilder &":$builder, "::mlir::ValueRange":$operands)>];
}

def ElementwiseOpInterface : Weft_OpInterface<"ElementwiseOpInterface"> {
  let description = "An elementwise op: one expression, evaluated in scalars by the reference and emitted by the lowering.";
  let methods = [
    InterfaceMethod<"The expression on scalars of the reference.", "::weft::Scalar", "evalScalar",
      (ins "::weft::ScalarEval &":$e, "::llvm::ArrayRef<::weft::Scalar>":$v)>,
    InterfaceMethod<"The expression as arith and math ops.", "::mlir::Value", "emitScalar",
      (ins "::weft::PayloadBuilder &":$e, "::llvm::ArrayRef<::mlir::Value>":$v)>];
}

#endif
