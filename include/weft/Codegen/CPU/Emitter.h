// Decides what the leaf emitters share: addresses, loads and stores, payloads on scalars or vectors, loops, threads.
#ifndef WEFT_CODEGEN_CPU_EMITTER_H
#define WEFT_CODEGEN_CPU_EMITTER_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "weft/Codegen/CPU/KernelGraph.h"
#include "weft/Codegen/Scratch.h"
#include "weft/Codegen/Target.h"

namespace weft {

struct Schedule;

/// A place in the root index space: one index per dimension; along `lane`, `width` elements from that index, those with
/// the mask set (no mask: all).
struct Point {
  llvm::SmallVector<mlir::Value, 4> indices;
  int lane = -1;
  unsigned width = 1;
  mlir::Value mask;
};

/// Values known at a point: scalars (the same for all lanes) or vectors of `width`.
struct Frame {
  Point point;
  /// Where set, the loops of the node being evaluated stand here instead (a value read at a computed index).
  llvm::SmallVector<mlir::Value> loops;
  /// In kernels of pieces: the elements that are evaluated, over the point's dimensions.
  Place place;
  llvm::DenseMap<mlir::Value, mlir::Value> known;
};

/// How a reduction node folds: the op that combines, and the value in the body that is folded in.
struct Combiner {
  mlir::Operation *op;
  mlir::Value element;
  mlir::Value identity; // outside the body: a scalar constant
};

class Emitter {
public:
  Emitter(KernelGraph &graph, const Target &target, mlir::OpBuilder &builder)
      : graph(graph), target(target), b(builder), loc(graph.function.getLoc()) {}

  KernelGraph &graph;
  const Target &target;
  mlir::OpBuilder &b;
  mlir::Location loc;                      // of the op being emitted
  mlir::Value call;                        // the call in flight, for the runtime
  llvm::SmallVector<mlir::Value> pointers; // per buffer
  llvm::StringMap<mlir::Value> symbols;    // index values
  Scratch scratchUse;                      // what was asked for so far
  const Box *box = nullptr;                // in kernels of pieces: the one that is written
  bool streaming = false;                  // whole vectors are stored past the caches; the address is aligned to them
  bool pairs = false;                      // in flight, bfloat16 is float32 and vectors are in pair order (below)

  //===-- sizes and indices
  mlir::Value index(int64_t value);
  mlir::Value index(const SizeExpr &expr);
  mlir::Value add(mlir::Value x, mlir::Value y);
  mlir::Value sub(mlir::Value x, mlir::Value y);
  /// The greatest multiple of `step` that is not above x.
  mlir::Value roundDown(mlir::Value x, int64_t step);
  mlir::Value toI64(mlir::Value x);
  mlir::Value mul(mlir::Value x, const SizeExpr &y);
  mlir::Value minimum(mlir::Value x, mlir::Value y);
  mlir::Value isLess(mlir::Value x, mlir::Value y);
  /// The multi-index of a flat row-major position.
  llvm::SmallVector<mlir::Value> delinearize(mlir::Value flat, llvm::ArrayRef<SizeExpr> shape);

  //===-- memory
  static mlir::Type memoryType(mlir::Type element);
  static unsigned byteWidth(mlir::Type element);
  mlir::Value offset(const Linear &linear, const Point &point);
  mlir::Value address(mlir::Value pointer, mlir::Type element, mlir::Value offset);
  mlir::Value load(mlir::Value pointer, mlir::Type element, const Linear &linear, const Point &point);
  void store(mlir::Value value, mlir::Value pointer, mlir::Type element, const Linear &linear, const Point &point);
  /// Asks for the line at a point to be read ahead, or to be ours to write; an address past the buffer does no harm.
  void prefetch(mlir::Value pointer, mlir::Type element, const Linear &linear, const Point &point,
                bool forWriting = false, bool intoFirst = true);
  /// How many elements stand before the first whole cache line at or after an address.
  mlir::Value beforeLine(mlir::Value address, mlir::Type element);
  /// Orders streamed stores before what other threads are told next.
  void fenceStreams();
  /// Room on the stack of the function being emitted.
  mlir::Value stack(mlir::Type element, int64_t count);

  /// Room from the calling thread's scratch, one pointer per size in bytes; valid until the next call.
  llvm::SmallVector<mlir::Value> scratch(llvm::ArrayRef<SizeExpr> bytes);
  /// The declaration of a runtime service.
  mlir::LLVM::LLVMFuncOp service(llvm::StringRef name, mlir::Type result, llvm::ArrayRef<mlir::Type> arguments);

  //===-- vectors
  /// A number of 32 bits, or a vector of it.
  mlir::Value splat(mlir::Type type, int64_t value);
  mlir::VectorType vectorOf(mlir::Type element, unsigned width);
  /// A value as a vector of `width` (a scalar is repeated).
  mlir::Value widen(mlir::Value value, unsigned width);
  /// The lanes 0 .. count-1 of `width`; count is an index.
  mlir::Value laneMask(mlir::Value count, unsigned width);
  /// The others: from `first` on.
  mlir::Value lanesFrom(mlir::Value first, unsigned width);
  /// Lanes out of several vectors of as many: `of` says for each from which one, and from which place.
  mlir::Value picked(llvm::ArrayRef<mlir::Value> from,
                     llvm::function_ref<std::pair<int64_t, int64_t>(int64_t lane)> of);
  /// Lanes count, count + 1, .. of two lines of 64 bytes that follow each other, as many as a line has (AVX-512); count
  /// is an index below that.
  mlir::Value across(mlir::Value line, mlir::Value next, mlir::Value count);
  /// Pair order is the even places of a vector, then the odd ones: of two bfloat16 in 32 bits the lower is a float32
  /// after a shift, the upper after a mask. From bfloat16 in place to float32 in pair order, and back where the lower
  /// half of each is 0; a scalar is one or the other.
  mlir::Value fromPairs(mlir::Value narrow);
  mlir::Value toPairs(mlir::Value wide);
  /// Places of a vector as they were; those 0 .. count-1 of `width` in the order of vectors in flight.
  mlir::Value inPlace(mlir::Value ordered);
  mlir::Value orderedMask(mlir::Value count, unsigned width);
  /// mask ? x : y, where no mask means x.
  mlir::Value choose(mlir::Value mask, mlir::Value x, mlir::Value y);
  /// Transposes n vectors of n elements: log2(n) rounds of shuffles that are one instruction each, first within pieces
  /// of 16 bytes, then of whole pieces.
  llvm::SmallVector<mlir::Value> transposed(llvm::SmallVector<mlir::Value> rows);

  //===-- payloads
  /// A graph value at a frame's point: loads, or evaluates its node.
  mlir::Value evaluate(mlir::Value value, Frame &frame);
  /// The same of a node's operand that is made in the kernel, wherever the node reads it (a window's steps).
  mlir::Value madeOperand(Node &node, mlir::OpOperand &operand, Frame &frame);
  /// A value inside a node's body at a frame's point.
  mlir::Value payload(Node &node, mlir::Value inner, Frame &frame);
  Combiner combiner(Node &node);
  mlir::Value combine(const Combiner &combiner, mlir::Value acc, mlir::Value element);
  /// Of two floats the greater, or the less, where neither is NaN and they are not both zeros.
  mlir::Value combineQuickly(const Combiner &combiner, mlir::Value acc, mlir::Value element);
  /// The identity as a scalar constant here.
  mlir::Value identity(const Combiner &combiner);

  //===-- loops and threads
  using LoopBody = llvm::function_ref<void(mlir::Value)>;
  void loop(mlir::Value begin, mlir::Value end, int64_t step, LoopBody body);
  /// Steps of `width` along [0, length), then a masked one where lanes are left over; `body` gets the first index and
  /// the mask.
  void lanes(const SizeExpr &length, unsigned width, llvm::function_ref<void(mlir::Value, mlir::Value)> body);
  /// Loop with carried values; the body returns the next ones.
  llvm::SmallVector<mlir::Value>
  loopCarry(mlir::Value begin, mlir::Value end, int64_t step, mlir::ValueRange inits,
            llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)> body);
  /// The values of one body or the other.
  using Values = llvm::function_ref<llvm::SmallVector<mlir::Value>()>;
  llvm::SmallVector<mlir::Value> branch(mlir::Value condition, mlir::TypeRange types, Values yes, Values no);
  /// The same without values; `no` may be left out.
  void when(mlir::Value condition, llvm::function_ref<void()> yes, llvm::function_ref<void()> no = {});
  /// Items 0 .. n-1, cut in chunks of `grain` for the runtime's pool, or in a plain loop where the work is known to be
  /// small. `nsPerItem` is the cost model's estimate. The body emits items begin .. end-1; it is a function of its own,
  /// in which each of `captured` (scalars and pointers from outside) stands for the body's own value.
  void parallel(const SizeExpr &items, const SizeExpr &bytesPerItem, double nsPerItem,
                llvm::function_ref<void(mlir::Value begin, mlir::Value end)> body,
                llvm::ArrayRef<mlir::Value *> captured = {});
  /// Emits something as a function of its own, which is called here: long code that runs seldom is compiled beside the
  /// rest.
  void apart(llvm::function_ref<void()> body);

private:
  mlir::LLVM::LLVMFuncOp newFunction(llvm::ArrayRef<mlir::Type> arguments);
  mlir::Value loadSteps(mlir::Value at, mlir::Type element, int64_t step, const Point &point);
  unsigned bodies = 0;                // functions of their own so far
  std::optional<int64_t> bodyThreads; // in one of them: how many threads may run it at once (0: any number)

  /// Index arithmetic is made once: what, of which values, with which number. Most of what a tile's accesses compute is
  /// the same, and is cheapest where it never was.
  using Made = std::tuple<const void *, const void *, const void *, int64_t>;
  llvm::DenseMap<Made, mlir::Value> made;
  /// Whether a value stands before the point of insertion, there or around it.
  bool reaches(mlir::Value value) const;
  template <typename Make> mlir::Value once(const Made &what, Make make) {
    if (mlir::Value known = made.lookup(what); known && reaches(known))
      return known;
    mlir::Value value = make();
    made[what] = value;
    return value;
  }
  template <typename Op> mlir::Value once(mlir::Value x, mlir::Value y) {
    return once({mlir::TypeID::get<Op>().getAsOpaquePointer(), x.getAsOpaquePointer(), y.getAsOpaquePointer(), 0},
                [&] { return b.createOrFold<Op>(loc, x, y); });
  }
  /// The address of a point: what all points share, then a number.
  mlir::Value place(mlir::Value pointer, mlir::Type element, const Linear &linear, const Point &point);
  /// 0, coef, 2 * coef, ...
  mlir::Value laneSteps(const SizeExpr &coef, unsigned width);
  mlir::Value laneAddresses(mlir::Value base, mlir::Type memory, mlir::Value offsets);
  mlir::Value maskOf(const Point &point);
  mlir::Operation *vectorized(mlir::Operation *op, llvm::ArrayRef<mlir::Value> operands, unsigned width);
  /// The part of a join that has the elements of a frame.
  mlir::Value evaluatePart(mlir::Value join, Frame &frame);
  /// The same frame at other elements: of an operand of what is evaluated in it.
  static Frame elsewhere(const Frame &frame, Place place);
  /// A value made in the kernel, at indices of its own (scalars or vectors); its maker reads no memory.
  mlir::Value evaluateAt(mlir::Value value, llvm::ArrayRef<mlir::Value> indices, const Frame &frame);
  /// Of an integer type or `index`.
  mlir::Value indexAt(const Linear &linear, const Point &point, mlir::Type type);
  /// By how much an index in a payload grows from lane to lane, where that is a number known here.
  std::optional<int64_t> laneStride(Node &node, mlir::Value inner, const Frame &frame);
  mlir::Value gatherExtract(mlir::Operation *extract, Node &node, Frame &frame);
  /// An element of a buffer for each lane, at indices that are scalars or vectors.
  mlir::Value gather(int buffer, llvm::ArrayRef<mlir::Value> indices, const Frame &frame);
  /// An affine expression over `frame.loops`.
  mlir::Value apply(mlir::AffineExpr e, const Frame &frame);
  /// Both as vectors where one is.
  std::pair<mlir::Value, mlir::Value> alike(mlir::Value x, mlir::Value y, const Frame &frame);
};

/// Expands a math op on scalars or vectors (f32, f64) by its one definition; null if there is none. `isNonPositive`:
/// whether it is known that no number of the first operand is above 0.
mlir::Value expandMath(mlir::OpBuilder &b, const Target &target, mlir::Location loc, mlir::Operation *op,
                       llvm::ArrayRef<mlir::Value> operands, llvm::function_ref<bool()> isNonPositive);

/// The remainder of vectors of floats (f32, f64), with the sign of x: exact, as `fmod`.
mlir::Value remainderOf(Emitter &emitter, mlir::Value x, mlir::Value y);
/// The quotient of small whole numbers by a constant, without a division; null: of others, or not exact.
mlir::Value quotientOf(Emitter &e, mlir::Value x, mlir::Value y);

/// The emitters: each writes the whole body of the kernel at the emitter's builder.
mlir::LogicalResult emitSweep(Emitter &emitter, const Schedule &schedule);
mlir::LogicalResult emitTile(Emitter &emitter, const Schedule &schedule);
mlir::LogicalResult emitPieces(Emitter &emitter, const Schedule &schedule);
/// What a padding of the kernel's result has around it, if it has one.
mlir::LogicalResult emitBorders(Emitter &emitter, const Schedule &schedule);
mlir::LogicalResult emitScan(Emitter &emitter, const Schedule &schedule);
mlir::LogicalResult emitScatter(Emitter &emitter, const Schedule &schedule);
mlir::LogicalResult emitSort(Emitter &emitter, const Schedule &schedule);
mlir::LogicalResult emitPack(Emitter &emitter, const Schedule &schedule);
mlir::LogicalResult emitChain(Emitter &emitter, const Schedule &schedule);

} // namespace weft
#endif
