// Decides how a kernel's linalg ops are seen by the emitters: buffers, one root index space, and for every value where
// it stands in that space.
#ifndef WEFT_CODEGEN_CPU_KERNELGRAPH_H
#define WEFT_CODEGEN_CPU_KERNELGRAPH_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "weft/Dialect/Weft/Pieces.h"
#include "weft/Dialect/Weft/Shape.h"
#include "weft/Dialect/Weft/Weft.h"
#include "llvm/ADT/DenseMap.h"

namespace weft {

/// offset + sum of coefs[i] * index i, in elements of a dense row-major buffer.
struct Linear {
  SizeExpr offset;
  llvm::SmallVector<SizeExpr, 4> coefs;
};

/// A function argument, a result, constant data, or scratch.
struct Buffer {
  mlir::Type element;
  Shape shape;
  mlir::DenseElementsAttr data;     // constants only
  PanelAttr panel = {};             // how it stands in memory; null: row by row
  std::optional<Linear> place = {}; // scratch only: where it is read and written, over the root dimensions
};

enum class NodeKind { Map, Reduce, Contract, Fill, Part };

/// One linalg.generic. `loopDims[i]` is the root dimension of loop i, -1 for a loop of size 1 that has none.
struct Node {
  mlir::linalg::GenericOp op;
  NodeKind kind = NodeKind::Map;
  llvm::SmallVector<int, 4> loopDims;
  bool isExpensive = false; // holds a transcendental function

  mlir::Value result() { return op->getResult(0); }
  mlir::Block &body() { return op.getRegion().front(); }
  mlir::Value yielded() { return body().getTerminator()->getOperand(0); }
};

/// A value of a node's body.
using BodyValue = std::pair<Node *, mlir::Value>;

/// A result: the value, and the buffer that it is written to.
struct Output {
  mlir::Value value;
  int buffer;
};

class KernelGraph {
public:
  /// Reads a kernel function at the linalg stage; a diagnostic where the emitters could not handle it.
  static mlir::FailureOr<KernelGraph> build(mlir::func::FuncOp function);

  mlir::func::FuncOp function;
  llvm::SmallVector<Buffer, 0> buffers; // inputs, then results, then constants
  unsigned numInputs = 0, numResults = 0;
  llvm::SmallVector<std::string> symbols;         // one per trailing index argument
  llvm::SmallVector<Node, 0> nodes;               // in program order, fills included
  llvm::DenseMap<mlir::Value, unsigned> producer; // value -> node

  Shape domain;                      // the root index space
  llvm::SmallVector<bool> isReduced; // per root dimension
  bool hasReduction = false;
  int contraction = -1; // node, if any
  int second = -1;      // node that sums over rows made of the contraction's result, if any
  int scan = -1;        // node that is a running fold, if any
  int scatter = -1;     // node that writes at computed places, if any
  int sort = -1;        // node that orders rows, if any
  // Some node writes part of its output (pad, concat): loops are each node's own, placed by boxes. Not so where that is
  // a padding around a contraction.
  bool isPieces = false;

  Node *nodeOf(mlir::Value value) {
    auto it = producer.find(value);
    return it == producer.end() ? nullptr : &nodes[it->second];
  }
  /// The buffer of an external operand (argument or constant); -1 for values made here.
  int bufferOf(mlir::Value value) const;
  /// Another buffer, which lies in scratch.
  int addScratch(mlir::Type element, Linear place) {
    buffers.push_back({element, {}, {}, {}, std::move(place)});
    return int(buffers.size()) - 1;
  }
  /// From now on a value made here is read from a buffer.
  void settle(mlir::Value value, int buffer) {
    external[value] = buffer;
    producer.erase(value);
  }
  /// Where an operand of a node is read, over the root dimensions.
  Linear access(Node &node, mlir::OpOperand &operand, int buffer);
  /// The index of each dimension of an operand, over the root dimensions.
  llvm::SmallVector<Linear> indicesOf(Node &node, mlir::OpOperand &operand);
  /// Whether an operand is read at the plain index of each dimension (or at 0): then its maker runs over the same
  /// space.
  static bool isPlain(Node &node, mlir::OpOperand &operand);
  /// Whether what a node reads there is the same all along a root dimension.
  bool isSameAlong(Node &node, mlir::OpOperand &operand, int dim);
  /// Which elements of a value made in the kernel a node reads, along the same dimensions; empty: those of its own
  /// index.
  Place elementsOf(Node &node, mlir::OpOperand &operand);
  /// Whether an operand is made of its index, at another one than the reader's.
  bool isMadeElsewhere(Node &node, mlir::OpOperand &operand);
  /// The operand that a value of a body is; null: it is made there, or a size.
  static mlir::OpOperand *readBy(BodyValue at);
  /// The node that makes a value which another reads, at the same point; null: none.
  Node *makerAt(BodyValue at);
  /// Where a value is made, at the same point: in the body of another node, as far as no fold is between.
  BodyValue madeAt(BodyValue at);
  /// Whether a value is known not to be above 0, if it is a number: -|x|, an element less the greatest of those beside
  /// it.
  bool isNonPositive(BodyValue at);
  /// What a value is made of; the parts of a join by what each of them copies.
  Made madeOf(mlir::Value value);
  /// The node that writes a part of a join.
  Node &partOf(mlir::Value join, int number);
  /// Where a node's result is written in a buffer, over the root dimensions.
  Linear store(Node &node, int buffer);
  /// The kernel's results, in order.
  llvm::SmallVector<Output> outputs();

  /// Whether an access steps through two dimensions as through one of their joint size.
  bool asOne(const Linear &linear, int first, int second) const {
    return linear.coefs[first] == linear.coefs[second] * domain[second];
  }
  /// The same for all that a node reads; no where its payload asks for an index.
  bool readsAsOne(Node &node, int first, int second);
  /// Neighbouring dimensions joined where `asOne` says so; each group is walked by its last. Those of size 1 are left
  /// out: they stand at 0.
  llvm::SmallVector<llvm::SmallVector<int>> join(llvm::ArrayRef<int> dims,
                                                 llvm::function_ref<bool(int, int)> asOne) const;
  SizeExpr size(llvm::ArrayRef<int> dims) const;

  /// The result buffers that hold a value.
  llvm::SmallVector<int> resultsOf(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Value, int> external;
  Linear linear(mlir::AffineMap map, llvm::ArrayRef<int> loopDims, const Shape &shape);
  mlir::LogicalResult placeLoops();
};

/// Row-major strides, in elements.
Shape stridesOf(const Shape &shape);
/// An access of the elements at a place, over the steps of a box.
Linear moved(Linear linear, const Place &at);

} // namespace weft
#endif
