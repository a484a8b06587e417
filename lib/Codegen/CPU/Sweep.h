// Decides what the three forms of sweeps share: the index space as loops, the order of folds.
#ifndef WEFT_CODEGEN_CPU_SWEEP_H
#define WEFT_CODEGEN_CPU_SWEEP_H

#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"

namespace weft {

constexpr int64_t kPartials = 64, kChunk = 65536;
constexpr int64_t kOnStack = 32 << 10; // bytes of a row that are kept there
constexpr int64_t mostAcross = 32;     // elements of a row that lanes run across

/// A merged group is walked by its innermost dimension alone.
inline void setGroup(Point &point, llvm::ArrayRef<int> dims, mlir::Value index) { point.indices[dims.back()] = index; }

/// A step of some lanes from index i on; no mask: all of them.
using Step = llvm::function_ref<void(mlir::Value i, mlir::Value mask, unsigned lanes)>;
/// Steps over [begin, end): of `width` lanes, then of `least`, the last one masked.
void vectorSteps(Emitter &e, unsigned width, unsigned least, mlir::Value begin, mlir::Value end, Step step);
/// The same for elements that are stored at an address and behind it, whole lines past the caches: what stands before
/// the first line and after the last one is stored plainly.
void streamedSteps(Emitter &e, unsigned width, unsigned least, mlir::Value begin, mlir::Value end, mlir::Type element,
                   mlir::Value address, Step step);
/// Its parts: a step of a line's lanes, of which those of [begin, first) stand before the line at `first`; the steps
/// from the beginning of a line on, what is less than a line by `tail`.
void stepBeforeLine(Emitter &e, unsigned lanes, mlir::Value begin, mlir::Value first, Step head);
void stepsFromLine(Emitter &e, unsigned width, unsigned least, mlir::Value begin, mlir::Value end, mlir::Type element,
                   Step step, Step tail);
/// Whether vectors of that many elements are such as can be stored past the caches.
inline bool streamsVectors(unsigned width, mlir::Type element) {
  return width > 1 && llvm::is_contained({16, 32, 64, 128, 256}, width * Emitter::byteWidth(element));
}
/// A power of two of values -> one: j with j + half, then half of that.
inline mlir::Value byHalves(llvm::SmallVector<mlir::Value> values,
                            llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> both) {
  for (size_t half = values.size() / 2; half; half /= 2)
    for (size_t i = 0; i < half; ++i)
      values[i] = both(values[i], values[i + half]);
  return values.front();
}
/// The lanes of kernels whose loops run over elements: by the widest type that is read, written or computed with.
int64_t lanesOf(KernelGraph &g, const Target &target);
/// Neighbouring dimensions that nodes (by their numbers) and the writing of outputs step through as one.
llvm::SmallVector<llvm::SmallVector<int>> walkedAsOne(KernelGraph &g, llvm::ArrayRef<int> dims,
                                                      llvm::ArrayRef<unsigned> nodes, llvm::ArrayRef<Output> outputs);
/// What is read and written, once; nothing where a size is not known.
std::optional<int64_t> touchedBytes(KernelGraph &g);
/// Whether a kernel computes on bfloat16 in float32, reads and writes nothing else along the lanes, and does not ask
/// where it is: then the order of lanes is its own affair.
bool computesOnPairs(KernelGraph &g, int lane);

/// A sum over a row of which one element alone is not 0: the one whose column has the number that the row says, if it
/// has. Both are values of a node's body.
struct Picked {
  BodyValue element, number;
};
std::optional<Picked> findPicked(KernelGraph &g, Node &fold, int lane);

class Sweep {
public:
  Sweep(Emitter &e, const Schedule &schedule)
      : e(e), g(e.graph), b(e.b), schedule(schedule), width(std::min(kPartials, schedule.abreast * schedule.lanes)),
        least(schedule.lanes) {}
  mlir::LogicalResult emit();
  /// Rows in scratch, one dimension long: what is written of each, then one row after another. Columns from `end` on
  /// are left out (null: none); it is a multiple of 64, or the length. Where that is a named size, `chunks` is memory
  /// for the results of a row's chunks, one for each fold.
  void takeRows(llvm::SmallVector<Output> results, int lane, mlir::Value end, llvm::ArrayRef<mlir::Value> chunks);
  void row(const Point &point) { row(point, nullptr); }

private:
  Emitter &e;
  KernelGraph &g;
  mlir::OpBuilder &b;
  const Schedule &schedule;
  unsigned width; // lanes of all vectors abreast
  unsigned least; // of a step where there are few left
  llvm::SmallVector<Output> outputs;
  llvm::SmallVector<unsigned> live; // nodes that are needed, in program order
  // The index space as loops: groups of root dimensions that are walked as one (all accesses allow it).
  llvm::SmallVector<llvm::SmallVector<int>> kept, folded;
  int next = -1; // along which a row follows another
  /// The line in which a row ends and the next one begins: written once, whole.
  struct SharedLine {
    enum class Place { none, head, tail };
    mlir::Value memory;          // what the row before left of it
    mlir::Value isFirst, isLast; // of the rows that one item of work writes in order
    Place place = Place::none;   // where a row's step stands
  };
  std::optional<SharedLine> shared;
  llvm::SmallVector<Turn::Read> readsByLine(int lane);
  mlir::Value stepsAcrossLines(mlir::Value head, const Point &at, llvm::ArrayRef<int> laneDims, Step step);
  llvm::SmallVector<std::pair<mlir::Value, mlir::Value>, 0> given; // what is known of a step's lanes
  /// A step at an end of the row, where that is written with the row before or behind.
  auto inShared(SharedLine::Place place, Step step) {
    return [this, place, step](mlir::Value i, mlir::Value mask, unsigned lanes) {
      if (shared)
        shared->place = place;
      step(i, mask, lanes);
      if (shared)
        shared->place = SharedLine::Place::none;
    };
  }
  struct Turned {
    Turn::Read read;
    mlir::Value base;
    Linear place;
  };
  llvm::SmallVector<Turned, 0> turned; // what is read from scratch instead, at this place of the code
  /// What is asked for beside some lanes of the busiest sweep, or of a map.
  std::function<void(const Point &, unsigned lanes)> beside;
  struct TurnedRows {
    llvm::SmallVector<mlir::Value> memory; // per operand
    int64_t rows, pitch;
    Linear place;
  };
  /// Some rows by some lanes; `rows` and `lanes` at most.
  struct Block {
    Point at;
    mlir::Value row, rowEnd, column, columnEnd;
    int64_t rows, lanes;
  };
  /// What is read along the lanes, in lines, of rows that follow each other.
  struct Ahead {
    int buffer;
    mlir::Value pointer;
    Linear at;
    int64_t step, lanes; // from lane to lane, in elements; of a line
    bool intoFirst = false;
  };
  llvm::SmallVector<Ahead, 0> readsAhead(int lane);
  /// Asks for the lines of some lanes from a point on, into the second cache.
  void ask(const Ahead &read, const Point &from, int64_t lanes);
  double nsPerElement = 0.1;
  SizeExpr bytesPerElement = 0;

  void collect(llvm::SmallVector<Output> results);
  llvm::SmallVector<llvm::SmallVector<int>> group(llvm::ArrayRef<int> dims);
  Shape groupSizes(llvm::ArrayRef<llvm::SmallVector<int>> groups);
  Point origin();
  bool isWide(mlir::Value value); // depends on a reduced dimension
  Linear storeAccess(const Output &output) { return e.graph.store(*g.nodeOf(output.value), output.buffer); }

  /// The loops of a parallel region; streamed stores are in order when it ends.
  void parallel(const SizeExpr &items, const SizeExpr &bytesPerItem, double nsPerItem,
                llvm::function_ref<void(mlir::Value, mlir::Value)> body, llvm::ArrayRef<mlir::Value *> captured = {});

  void takePairs(llvm::ArrayRef<llvm::SmallVector<int>> dims);
  void emitMap();
  void emitRow();
  void emitColumn();
  /// Rows that lanes may run across.
  struct Across {
    llvm::SmallVector<int> lane, row;                        // groups: a row's elements side by side, the rows
    llvm::SmallVector<llvm::SmallVector<int>> outer, around; // around: further apart in a row, in so many turns
    int64_t length, rows, turns = 1;
  };
  std::optional<Across> runsAcross();
  void emitAcross(const Across &across);
  /// Folds that wait for no other, and what is made of them.
  struct Folds {
    llvm::SmallVector<unsigned> nodes;
    llvm::SmallVector<Combiner> combiners;
    llvm::SmallVector<mlir::Type> types;
  };
  Folds foldsAtOnce();
  void writeFolded(const Point &point, const Folds &folds, llvm::ArrayRef<mlir::Value> results);
  bool hasStretches();
  void emitStretches();
  /// Steps over [begin, end), wide ones first, the last one masked. Streamed ones write whole lines: from the first
  /// line of `output` on, with what stands before and after it stored plainly.
  void overLanes(mlir::Value begin, mlir::Value end, const Point &at, llvm::ArrayRef<int> laneDims, Step step);
  bool emitTurned();
  TurnedRows turnedRows(const Turn &turn, int64_t rows, int64_t lanes, int64_t copies);
  void setTurned(const Turn &turn, const TurnedRows &to, mlir::Value row, mlir::Value column, mlir::Value copy);
  void turnSquare(const Turn &turn, const Block &block, mlir::Value p, mlir::Value q, bool edge,
                  llvm::function_ref<void(const Turn::Read &, unsigned)> beside);
  void turnSquareOf(const Turn &turn, const Block &block, mlir::Value p, mlir::Value q,
                    llvm::function_ref<void(const Turn::Read &, unsigned)> beside = {});
  void turnBlock(const Turn &turn, const TurnedRows &to, const Block &block, mlir::Value copy, bool foresees);
  void rowsTurned(const Turn &turn, const TurnedRows &to, mlir::Value begin, mlir::Value end,
                  llvm::function_ref<Block(mlir::Value)> blockAt);
  void blocksTurned(const Turn &turn, const TurnedRows &to, mlir::Value begin, mlir::Value end,
                    llvm::function_ref<Block(mlir::Value)> blockAt);
  int64_t lineOf(const Turn::Read &read);
  void askForLine(const Turn &turn, const Turn::Read &read, const Block &block, mlir::Value number);
  void askBeside(const Turn &turn, const Block &block, const Block &after, const Point &point, unsigned lanes);
  void readTurned(Frame &frame);
  void mapLanes(Frame outer, llvm::ArrayRef<int> laneDims, mlir::Value begin, mlir::Value end);
  mlir::Value foldVector(const Combiner &c, llvm::SmallVector<mlir::Value> partials, bool quick = false);
  mlir::Value foldMemory(const Combiner &c, mlir::Value memory, mlir::Type element, mlir::Value count, unsigned lanes,
                         int64_t pitch, mlir::Value column);

  // row form
  double perRow();     // in ns
  bool spread = false; // one long row: its parts go to the threads
  // of rows in scratch:
  mlir::Value columnsEnd; // those from here on are left out
  llvm::SmallVector<mlir::Value> chunkMemory;
  llvm::DenseMap<mlir::Value, int> stages;
  int stageOf(mlir::Value value);
  struct RowState {
    llvm::DenseMap<mlir::Value, mlir::Value> scalars; // row values, by graph value
    llvm::DenseMap<mlir::Value, mlir::Value> scratch; // wide values kept from an earlier sweep -> memory
    bool takesScratch = false;
  };
  /// A row that is written beside the next one's busiest sweep; whole lines from `head` on.
  struct Trail {
    RowState state;
    Point row;
    mlir::Value isThere, head, end;
  };
  void row(const Point &point, Trail *trail);
  void sweepRow(RowState &state, const Point &row, int stage, llvm::ArrayRef<int> laneDims, Trail *trail);
  bool trails();
  /// One row after another; `behind` each something else.
  void rows(mlir::Value begin, mlir::Value end, llvm::function_ref<Point(mlir::Value)> at,
            llvm::function_ref<void(mlir::Value)> behind = {});
  void beginBehind(Trail &trail, llvm::ArrayRef<int> laneDims);
  void writeBehind(Trail &trail, llvm::ArrayRef<int> laneDims, mlir::Value base);
  void writeTrailing(const Trail &trail, llvm::ArrayRef<int> laneDims, mlir::Value i, mlir::Value mask, unsigned lanes);
  Frame rowFrame(const RowState &state, const Point &row, llvm::ArrayRef<int> laneDims, mlir::Value i, mlir::Value mask,
                 unsigned lanes);
  void write(const Output &output, Frame &frame);
  bool sharesLines();
  int lastStage();
  int busiestStage();
  int trailedStage();
  llvm::DenseMap<mlir::Value, llvm::SmallVector<int>> usesByStage();
  std::optional<Picked> picked(Node &fold);
  mlir::Value pick(const RowState &state, Point row, Node &fold, const Picked &picked);
  llvm::SmallVector<unsigned> reductionsAt(int stage);
  llvm::SmallVector<Output> storesAt(int stage);
  int rowToTake(mlir::Value value, int stage);
  void reach(mlir::Value value, int stage, llvm::DenseMap<mlir::Value, llvm::SmallVector<int>> &uses);
};

} // namespace weft
#endif
