// Decides what is chosen for a kernel before its loops are written: a few numbers, printable as `weft.schedule`.
#ifndef WEFT_CODEGEN_CPU_SCHEDULE_H
#define WEFT_CODEGEN_CPU_SCHEDULE_H

#include "weft/Codegen/CPU/KernelGraph.h"
#include "weft/Codegen/Target.h"

namespace weft {

/// Which emitter writes the loops: sweep (maps and folds), tile (a contraction), pieces (parts of one output).
enum class Form { Sweep, Tile, Pieces };

struct Schedule {
  Form form = Form::Sweep;
  int64_t lanes = 1; // elements of a vector

  // Tile only.
  int64_t rows = 1, vectors = 1;       // the register tile: rows by vectors of accumulators
  int64_t rowBlock = 1, laneBlock = 1; // an item of work: rows by lanes
  int64_t kBlock = 0;                  // steps of k before partial sums go to memory; 0: all
  bool packLeft = false, packRight = false;

  mlir::DictionaryAttr toAttr(mlir::MLIRContext *context) const;
  /// Nothing where the attribute does not name a form.
  static std::optional<Schedule> fromAttr(mlir::DictionaryAttr attr);
};

/// How a contraction reads its operands. `left` gives rows (scalars), `right` lanes (vectors).
struct Contraction {
  int left = 0, right = 1;             // inputs of the generic
  int leftBuffer = 0, rightBuffer = 0; // -1: made in the kernel
  Linear leftAccess, rightAccess;
  llvm::SmallVector<int> batch, rows, lanes, folded; // root dimensions
  mlir::Type accumulator;
  mlir::Operation *product = nullptr;

  static mlir::FailureOr<Contraction> build(KernelGraph &graph);
};

/// The cost model's choice, from sizes, accesses and the target's page of facts alone.
mlir::FailureOr<Schedule> chooseSchedule(KernelGraph &graph, const Target &target);

} // namespace weft
#endif
