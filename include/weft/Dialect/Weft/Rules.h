// Decides the vocabulary that the op rules share: what the interfaces speak of, and the rules of the elementwise
// family.
#ifndef WEFT_DIALECT_WEFT_RULES_H
#define WEFT_DIALECT_WEFT_RULES_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Operation.h"
#include "mlir/IR/TypeUtilities.h"
#include "weft/Dialect/Weft/SizeExpr.h"

namespace weft {

class Interpreter;    // weft/Reference/Interpreter.h
class Tensor;         // weft/Reference/Tensor.h
class ScalarEval;     // weft/Reference/Scalar.h
struct Scalar;        //   "
class PayloadBuilder; // weft/Dialect/Weft/Lower.h
class LowerContext;   //   "
class GraphBuilder;   // weft/Dialect/Weft/GraphBuilder.h
class Batcher;        // weft/Transforms/Batcher.h
class Linearizer;     // weft/Transforms/Derivative.h
class Transposer;     //   "

enum class FusionKind { Map, View, Gather, Reduce, Contract, Join, Other, Alias };

/// Where the elements of one index space stand in another: along each dimension, element i at start + step * i.
struct Place {
  llvm::SmallVector<SizeExpr, 4> starts;
  llvm::SmallVector<int64_t, 4> steps;
};

/// How an elementwise op's result element type follows from its operands.
enum class ElementRule { Same, Bool };

mlir::LogicalResult inferElementwise(mlir::ValueRange operands, ElementRule rule,
                                     llvm::SmallVectorImpl<mlir::Type> &types);
mlir::LogicalResult inferElementwise(mlir::ValueRange operands, mlir::Type element,
                                     llvm::SmallVectorImpl<mlir::Type> &types);
mlir::LogicalResult verifyElementwise(mlir::Operation *op);
mlir::OpFoldResult foldElementwise(mlir::Operation *op, llvm::ArrayRef<mlir::Attribute> operands);
mlir::LogicalResult evaluateElementwise(mlir::Operation *op, llvm::ArrayRef<Tensor> operands,
                                        llvm::SmallVectorImpl<Tensor> &results);
mlir::LogicalResult lowerElementwise(mlir::Operation *op, LowerContext &context, mlir::ValueRange operands,
                                     llvm::SmallVectorImpl<mlir::Value> &results);
mlir::LogicalResult batchElementwise(mlir::Operation *op, Batcher &batcher, mlir::ValueRange operands,
                                     llvm::ArrayRef<bool> batched, llvm::SmallVectorImpl<mlir::Value> &results);

} // namespace weft
#endif
