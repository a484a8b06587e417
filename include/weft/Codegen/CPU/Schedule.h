// Decides what is chosen for a kernel before its loops are written: a few numbers, printable as `weft.schedule`.
#ifndef WEFT_CODEGEN_CPU_SCHEDULE_H
#define WEFT_CODEGEN_CPU_SCHEDULE_H

#include "weft/Codegen/CPU/KernelGraph.h"
#include "weft/Codegen/Target.h"

namespace weft {

/// Which emitter writes the loops: sweep (maps and folds), tile (a contraction), pieces (joins), scan (a
/// running fold), scatter (windows at computed places), sort, pack (an operand laid out for a contraction),
/// chain (a contraction, a sweep of its rows, a contraction).
enum class Form { Sweep, Tile, Pieces, Scan, Scatter, Sort, Pack, Chain };

/// Where an operand of a contraction is copied, so that a register tile reads it step by step: nowhere, in registers by
/// each tile (only a right operand whose k lie side by side), by each item of work for itself, or once for all items,
/// by all threads.
enum class Pack { None, Tile, Item, All };

struct Schedule {
  Form form = Form::Sweep;
  int64_t lanes = 1; // elements of a vector

  // Sweeps and pieces.
  bool stream = false; // the result is stored past the caches, in whole lines: it is large, and not read soon

  // Sweep only.
  bool prefetch = false;               // a row's last or dearest sweep reads the next rows ahead
  bool trail = false;                  // a row is written beside the busiest sweep of the next one
  int64_t abreast = 1;                 // vectors that are computed side by side: one goes on while another waits
  bool across = false;                 // lanes run across rows, which are shorter than vectors
  bool pairs = false;                  // a vector of bfloat16 is two of float32, of its even and of its odd places
  int64_t turnRows = 0, turnLanes = 0; // operands read across the lanes: turned in scratch, blocks of this size
  int64_t turnBlocks = 1;              // blocks of whole rows of an item: each is turned while the one before is swept
  int64_t strip = 0, together = 1;     // folds over outer dimensions: lanes of partial results, rows folded at once
  int64_t parts = 0; // of the 64 partial results of each lane, how many an item of work folds, of whole rows; 0: all

  // Chain only, beside the register tile: `rowBlock` rows lie in scratch, `kBlock` is that of the second contraction.
  int64_t itemRows = 0; // rows of an item of work

  // Tile only.
  int64_t rows = 1, vectors = 1;       // the register tile: rows by vectors of accumulators
  int64_t rowBlock = 1, laneBlock = 1; // an item of work: rows by lanes
  int64_t group = 1;                   // steps of k that one instruction sums (Dots.cpp): packed side by side
  int64_t kBlock = 0;                  // steps of the first folded group between visits to partial sums; 0: all
  Pack packLeft = Pack::None, packRight = Pack::None;
  bool widen = false; // lanes of narrow floats are widened where they are packed, not where they are multiplied
  int64_t panel = 0;  // lanes of the right operand that are packed at once for all items; 0: all
  // The tile is turned before its epilogue: lanes run along what the result holds as rows (the features of a
  // convolution).
  bool turned = false;
  // Of a turned tile: items of rows that go through all strips of lanes before the next ones do, so that a thread reads
  // and writes a part of the image; 0: all of them.
  int64_t band = 0;
  // How many lanes ahead the right operand is asked for; of a turned tile that packs no rows, how many steps of the
  // first folded group ahead the left one is; 0: not.
  int64_t ahead = 0;
  // Steps of k ahead of which a tile asks for its own strip, of a panel, of what it turns in registers, or of what few
  // rows read in place (then into the second cache); of a chain too.
  int64_t soon = 0;

  /// Whether the right operand of a contraction is copied to memory.
  bool packsRight() const { return packRight == Pack::Item || packRight == Pack::All; }

  mlir::DictionaryAttr toAttr(mlir::MLIRContext *context) const;
  /// Nothing where the attribute does not name a form.
  static std::optional<Schedule> fromAttr(mlir::DictionaryAttr attr);
};

/// How a contraction reads its operands. `left` gives rows (scalars), `right` lanes (vectors).
struct Contraction {
  int number = 0;                      // of the node
  int left = 0, right = 1;             // inputs of the generic
  int leftBuffer = 0, rightBuffer = 0; // -1: made in the kernel
  Linear leftAccess, rightAccess;
  PanelAttr leftPanel, rightPanel;                   // how they stand in memory, where not row by row
  llvm::SmallVector<int> batch, rows, lanes, folded; // root dimensions
  mlir::Type accumulator;
  mlir::Operation *product = nullptr;

  /// The product's operand that an input comes to, perhaps converted.
  mlir::Value side(int input) const;
  /// Whether lanes of the right operand are widened where they are packed: floats narrower than the sums, where
  /// widening is dear beside products.
  bool widensPanel(KernelGraph &graph, const Target &target) const;
  /// How many steps of k an instruction of the target may sum at once; 1: it takes one after another.
  int64_t group(KernelGraph &graph, const Target &target) const;

  /// `turned`: lanes need not run along the innermost dimension of the result.
  static mlir::FailureOr<Contraction> build(KernelGraph &graph, int number, bool turned = false);

  /// Neighbouring dimensions that the operands (not `asRead`: the other one), the other nodes and, where `asWritten`,
  /// the results step through as one. The folded ones are in neither results nor epilogue.
  llvm::SmallVector<llvm::SmallVector<int>> groups(KernelGraph &graph, llvm::ArrayRef<int> dims, bool asWritten,
                                                   bool asRead = true) const;
};

/// Operands of a map that are read across the lanes: neighbours in memory are neighbours along another dimension.
struct Turn {
  int lane = -1, across = -1; // root dimensions
  struct Read {
    Node *node;
    mlir::OpOperand *operand;
    int buffer;
  };
  llvm::SmallVector<Read> reads;
};
std::optional<Turn> findTurn(KernelGraph &graph);
void chooseSweep(KernelGraph &graph, const Target &target, Schedule &schedule);
void choosePieces(KernelGraph &graph, const Target &target, Schedule &schedule);
void chooseChain(KernelGraph &graph, const Target &target, Schedule &schedule);
/// The contraction whose tiles are turned, where that is better: steps of an image as rows, which are read where they
/// lie, features as lanes.
std::optional<Contraction> turnedContraction(KernelGraph &graph, const Target &target);
/// The layouts in which a contraction of this schedule would best be given its operands, if that cost nothing, by
/// argument of the kernel; null where it reads one as it is.
llvm::SmallVector<PanelAttr> panelsOf(KernelGraph &graph, const Contraction &contraction, const Schedule &schedule,
                                      const Target &target);
/// The size of some dimensions together; a named size stands for a middling one: the code is right for any.
int64_t extent(KernelGraph &graph, llvm::ArrayRef<int> dims);
/// How many rows a register tile has: from `most` down to `least`, as many as divide the rows, since tiles of each
/// height are code of their own; else as many as leave few of a last one idle; else such as share them out evenly.
int64_t tileRows(int64_t rows, int64_t most, int64_t least);
/// Whether whole tiles of `height` rows have so few rows more that nobody waits for them: one of 256.
bool leavesFewIdle(int64_t rows, int64_t height);
/// The rows of a register tile of so many vectors, which leaves room for those and for what is repeated.
int64_t tallestTile(const Target &target, int64_t vectors);
void chooseTile(KernelGraph &graph, const Contraction &contraction, const Target &target, Schedule &schedule);

/// The cost model's choice, from sizes, accesses and the target's page of facts alone.
mlir::FailureOr<Schedule> chooseSchedule(KernelGraph &graph, const Target &target);

} // namespace weft
#endif
