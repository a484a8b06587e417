// Decides what the parts of the contraction emitter share: the nest of blocks (Tile.cpp), packing (Pack.cpp), tiles
// that are turned (Turned.cpp).
#ifndef WEFT_CODEGEN_CPU_TILE_H
#define WEFT_CODEGEN_CPU_TILE_H

#include "weft/Codegen/CPU/Emitter.h"
#include "weft/Codegen/CPU/Schedule.h"

namespace weft {

/// A stretch of rows, lanes or k: first and end.
struct Stretch {
  mlir::Value first, end;
};

/// A packed operand: strips of neighbouring rows or lanes, in each k after k with the strip's places side by side.
struct Panel {
  mlir::Value memory; // null: the operand is read in place
  mlir::Value first;  // the row or lane at which it begins
  mlir::Value k;      // the step of k at which it begins; null: 0
  SizeExpr length;    // steps of k in a strip
  int64_t strip = 0;  // places of every strip; 0: as many as the reader's tile has; 1: rows, one after another
  explicit operator bool() const { return bool(memory); }
};

class Tile {
public:
  Tile(Emitter &e, const Schedule &s, const Contraction &c)
      : e(e), g(e.graph), b(e.b), s(s), c(c), node(g.nodes[c.number]), width(s.lanes) {}
  mlir::LogicalResult emit();

private:
  friend class Chain; // a block of rows at a time

  using Value = mlir::Value;
  template <typename T> using SmallVector = llvm::SmallVector<T>;
  template <typename T> using ArrayRef = llvm::ArrayRef<T>;

  Emitter &e;
  KernelGraph &g;
  mlir::OpBuilder &b;
  const Schedule &s;
  const Contraction &c;
  Node &node;
  unsigned width;

  SmallVector<SmallVector<int>> outer, ks; // groups of root dimensions
  SmallVector<int> m, n;                   // the groups of rows and of lanes; empty: none
  SmallVector<SmallVector<int>> pieces;    // where the right operand's lanes lie in several groups (windows): these
  // Of a turned tile whose rows are packed, all of them together: how they lie in the left operand, and in the results.
  SmallVector<SmallVector<int>> rowPieces, rowsWritten;
  int64_t itemsOfStrip = 1; // of a turned tile: items of work that use the same lanes
  SizeExpr M, N, K, inner;  // inner: steps of k in a step of the first folded group
  SmallVector<Output> outputs;
  Value depth; // where the folded group ends for now; null: all of it is summed
  Value rest;  // a number for each lane, added to its sums; null: none
  bool epilogueInLoop = false;
  bool rowByRow = false;                              // a chain fills the left panel, with each row where it is
  llvm::SmallVector<std::pair<int, Linear>, 0> tiles; // what the epilogue reads tile by tile: buffer, and where

  /// What is fixed inside one item of work.
  struct Item {
    Point origin;
    Stretch rows, lanes;
    Panel left, right;
    Value partial;               // sums between blocks of k
    Value results;               // of a turned tile whose rows are packed: a strip's sums, lane by lane
    bool copies = false;         // the right operand is read in place, and what is read goes to its panel
    bool oneByOne = false;       // halves that are not tame are summed in float32
    Value number;                // of a turned tile: which of the items of the same lanes it is
    Value nextLane, stepsToNext; // what will be packed next of the right operand: its lane, how far its k are away
    Value hasNext;               // whether that is a strip of this item, which the tiles of this one pack
    Panel next;                  // to here; null: they only ask for it
    Value turned; // the right operand's vector of this step, where a tile turns what it reads; null: it does not
    Value leftAt, rightAt; // where a step of k begins in either operand, which its loop carries; null: it does not
  };

  /// Lanes of a tile: vectors of the strip at j, from number `from` on; those with a mask set only where it is.
  struct Lanes {
    Value j;
    SmallVector<Value> masks;
    unsigned width;
    unsigned from = 0;
    int64_t inLast = 0; // how many lanes of the last vector are there, if that is known and not all
    unsigned vectors() const { return masks.size(); }
  };

  /// A block of k, and whether it is the first and the last one (null: it is).
  struct Block {
    Stretch k;
    Value first, last;
  };

  /// Sizes, once the groups of rows and lanes are known, and how the epilogue is emitted.
  void measure();
  int64_t strip() const { return int64_t(width) * s.vectors; }
  /// Rows are repeated number by number, so narrow ones are widened when they are packed, not at each use.
  bool widensLeft() const { return s.packLeft != Pack::None && mlir::isa<mlir::FloatType>(c.accumulator); }
  mlir::Type leftElement() const {
    return s.group > 1 ? b.getI32Type() : widensLeft() ? c.accumulator : g.buffers[c.leftBuffer].element;
  }
  /// Lanes are widened where they are packed only where that is dear for what runs beside products.
  bool widensRight() const { return s.widen && s.group == 1 && !c.rightPanel; }
  mlir::Type rightElement() const {
    return s.group > 1 ? b.getI32Type() : widensRight() ? c.accumulator : g.buffers[c.rightBuffer].element;
  }
  /// Rows that lie side by side in each step of a left panel.
  int64_t leftStrip(const Item &item, unsigned rows) const { return item.left.strip ? item.left.strip : rows; }
  unsigned leftBytes() const { return Emitter::byteWidth(leftElement()); }
  unsigned rightBytes() const { return Emitter::byteWidth(rightElement()); }
  /// Room for a panel of this many rows or lanes, in bytes.
  static SizeExpr panelBytes(SizeExpr places, int64_t strip, const SizeExpr &length, unsigned bytes);
  Stretch allK() { return {e.index(0), depth ? depth : e.index(ks.empty() ? SizeExpr(1) : g.size(ks.front()))}; }
  Stretch stretch(Value first, int64_t length, Value end, bool divides);
  double nsOf(double rows, double lanes);
  /// How many register tiles an item has, one below the other.
  int64_t tilesOfItem() const { return tilesOf(std::min(s.rowBlock, M.constant().value_or(s.rowBlock))); }
  int64_t tilesOf(int64_t rows) const { return llvm::divideCeil(rows, s.rows); }
  /// A turned tile that reads its rows from a panel of the item.
  bool packsTurned() const { return s.turned && s.packLeft == Pack::Item; }
  /// From lane to lane of a strip's sums; tiles store whole vectors.
  int64_t resultPitch() const { return int64_t(llvm::alignTo(s.rowBlock, width)) + width; }
  /// Few rows of a panel that was packed before: it passes by once, its steps of k asked for `ahead` of their use.
  bool streamsPanel() const { return c.rightPanel && !s.turned && M.constant().value_or(INT64_MAX) <= 2 * s.rows; }

  void packed(llvm::ArrayRef<SizeExpr> outerSizes);
  void item(Item item);
  /// Whole strips of the item's lanes, then the rest, masked: all of its vectors, or those that have lanes.
  void overStrips(const Stretch &lanes, llvm::function_ref<void(const Lanes &)> body, bool whole = false);
  /// What one tile takes of a strip: a last vector of few lanes is a tile of its own, of half its width.
  void inParts(const Lanes &lanes, llvm::function_ref<void(const Lanes &)> body);
  int64_t highTiles();
  /// Whether all tiles have one height, of which few rows stand idle in the last one: the shortest code.
  bool repeatsRows();
  /// The first row that the tile at row i reads: where the last one would end behind the last row, it begins so much
  /// further up, and does not write what is another tile's.
  Value readsFrom(Value i);
  Value rowOfTile(Value number);
  /// Register tiles down the rows, then the rest: of one size where it is known, else row by row.
  void overTiles(const Stretch &rows, llvm::function_ref<void(Value, int64_t)> body);
  void tile(Item &item, Value i, unsigned rows, const Lanes &lanes, const Block &block);
  void sum(Item &item, Value i, unsigned rows, const Lanes &lanes, const Block &block);
  SmallVector<Value> products(Item &item, Value i, unsigned rows, const Lanes &lanes, const Block &block,
                              SmallVector<Value> accs);
  /// Steps of the innermost group of k: where they begin, also as a position in all of k, and their numbers.
  struct Steps {
    Point first;
    Value flat, begin, end;
  };
  using Innermost = llvm::function_ref<SmallVector<Value>(
      const Steps &, mlir::ValueRange, llvm::function_ref<SmallVector<Value>(Value, mlir::ValueRange)>)>;
  /// Nested loops over the folded groups, carrying accumulators; `flat` is the position in all of k. `k` bounds the
  /// first group; `before` stands in front of the innermost loop; loops behind the first one of at most `unrolls` steps
  /// are written out; `innermost` writes the innermost loop.
  SmallVector<Value> overK(unsigned level, Point point, Value flat, Stretch k, mlir::ValueRange accs,
                           llvm::function_ref<SmallVector<Value>(const Point &, Value, mlir::ValueRange)> body,
                           llvm::function_ref<void(const Point &)> before = {}, int64_t unrolls = 0,
                           Innermost innermost = {});
  Value evaluated(int input, Point at);
  /// The product's operand that an input comes to, perhaps converted, where the input is `loaded`.
  Value converted(int input, const Point &at, unsigned width, Value loaded);
  Value tileNumber(const Item &item, Value i);
  /// What a tile asks for at step k of its own products: `share` elements of the right panel, k * share from `from`.
  struct Ahead {
    Value from;
    int64_t share;
  };
  std::optional<Ahead> aheadOf(const Item &item, Value i, const Lanes &lanes, const Block &block);
  /// At step `k`, asks for some of what will be turned next: each line of `count` lanes from `first` on at one of its
  /// steps.
  void expectNext(const Item &item, Value first, int64_t count, Value k);
  /// Asks for what the tile at row i will read in place of the left operand, some steps of the first folded group
  /// ahead.
  void expectLeft(const Point &at, Value i, unsigned rows);
  /// Asks for this tile's share of the strip after this one, if strips are not in the first cache.
  void expectStrip(const Item &item, const Point &at, Value i, const Lanes &lanes);
  /// A loop over steps, which carries where each begins in memory: addresses are what it counts, not what it computes.
  SmallVector<Value> carrySteps(Item &item, Value i, unsigned rows, const Lanes &lanes, const Steps &steps,
                                mlir::ValueRange accs,
                                llvm::function_ref<SmallVector<Value>(Value, mlir::ValueRange)> body);
  Value leftScalar(Item &item, const Point &at, Value i, unsigned r, unsigned rows, Value k);
  /// What is read of the right operand, as its panel holds it.
  Value asPacked(const Point &at, unsigned width, Value loaded) {
    return widensRight() ? converted(c.right, at, width, loaded) : loaded;
  }
  /// A vector of the right operand, as it is multiplied: widened, unless it is words of a group.
  Value rightVector(Item &item, const Point &at, const Lanes &lanes, unsigned v, Value k);
  Point lanePoint(Point at, const Lanes &lanes, unsigned v);
  void finish(const Point &point, Value acc);
  llvm::SmallVector<Value> resultsOf(const Point &point, Value acc);
  void store(const Point &point, llvm::ArrayRef<Value> values);
  /// Asks for what the epilogue will read of a tile.
  void expect(const Point &origin, Value i, unsigned rows, const Lanes &lanes);

  // Packing (Pack.cpp).
  /// The place of step k of the strip at a row or lane, in elements.
  Value panelOffset(const Panel &panel, Value place, int64_t strip, Value k);
  void fillLeft(const Point &origin, const Panel &panel, const Stretch &rows, const Stretch &k);
  /// Whether the left operand's rows or its k lie side by side.
  bool runsLeft();
  void leftByOne(const Point &origin, const Panel &panel, Value i, int64_t count, const Stretch &k);
  Value turnLeft(const Point &origin, const Panel &panel, Value i, int64_t count, const Stretch &k);
  /// A row of the left operand to a panel of rows, where all of its k lie along one dimension: converted, or in groups.
  void fillRow(const Point &origin, const Panel &panel, Value row, const Stretch &k);
  /// Steps of such a row: whole vectors, and one more line, so that rows do not fall into the same sets.
  SizeExpr rowSteps(const SizeExpr &k) const {
    return (steps(k) + SizeExpr(int64_t(width) - 1)).floordiv(width) * SizeExpr(int64_t(width)) +
           SizeExpr(64 / int64_t(leftBytes()));
  }
  void fillRight(const Point &origin, const Panel &panel, const Stretch &lanes, const Stretch &k);
  void gatherRight(const Point &origin, const Panel &panel, const Stretch &lanes, const Stretch &k);
  /// Where a step of k lies: its position in all of k, a buffer, and the place in it.
  using SideBySide = llvm::function_ref<void(Value flat, Value memory, Value at)>;
  void sideBySide(const Point &origin, const Stretch &places, int64_t length, const Stretch &k, SideBySide spread);
  /// Whether the right operand's k lie side by side, and its lanes do not.
  bool turnsRight();
  /// Whether each tile turns what it reads of the right operand.
  bool turnsInTile(const Item &item) {
    return s.packRight == Pack::Tile && !item.right && c.rightBuffer >= 0 && !n.empty() && turnsRight();
  }
  using Step = llvm::function_ref<SmallVector<Value>(const Lanes &, const Point &, Value, mlir::ValueRange)>;
  SmallVector<Value> productsOfSquares(Item &item, const Lanes &lanes, const Stretch &k, SmallVector<Value> accs,
                                       Step step);
  Lanes anyStrip(Value j);
  Value laneToTurn(const Lanes &lanes, Value v, unsigned t);
  SmallVector<Value> turnedSquare(Point from, const Lanes &lanes, Value v, int64_t soon = 0);
  void turnRight(const Point &origin, const Panel &panel, const Lanes &lanes, const Stretch &k);
  void copyRight(const Point &at, const Panel &panel, const Lanes &lanes, Value flat);
  /// Whether strips of the right operand are packed while the ones before them are read: by tiles of which each item
  /// has as many.
  bool packsInPassing() {
    return s.packRight == Pack::Item && s.ahead && !n.empty() && ks.size() == 1 && !turnsRight() &&
           M.constant().value_or(INT64_MAX) <= s.rowBlock;
  }
  using SomeProducts = llvm::function_ref<SmallVector<Value>(const Stretch &, mlir::ValueRange)>;
  SmallVector<Value> packBehind(const Item &item, Value i, const Stretch &k, mlir::ValueRange accs, SomeProducts some);

  // Turned tiles (Turned.cpp).
  /// The epilogue on a tile whose lanes the result holds as rows; where rows are packed, it waits for the others of the
  /// strip.
  void finishTurned(const Item &item, Value i, unsigned rows, const Lanes &lanes, llvm::ArrayRef<Value> accs);
  void finishStrip(const Item &item, const Lanes &lanes);
  SmallVector<std::pair<Point, Value>> rowVectors(const Point &origin, Value i, int64_t count, int64_t pieces);
  void gatherLeft(const Point &origin, const Panel &panel, const Stretch &rows, const Stretch &k);

  // k in groups (Dots.cpp).
  Value parts(Value words);
  Value dot(Value acc, Value left, Value right);
  /// The same tile of halves in float32, a few rows at a time: rare, so that its code is short.
  void sumOneByOne(const Item &item, Value i, unsigned rows, const Lanes &lanes, const Block &block);
  bool movesLeft() const;
  bool sumsHalves() const { return s.group > 1 && mlir::isa<mlir::FloatType>(c.accumulator); }
  Value signBits(mlir::Type type);
  Value asParts(int input, Value loaded);
  Value moved(int input, Value words);
  Value groupsAlong(int input, Value loaded);
  Value groupAt(int input, Value first, Value there, llvm::function_ref<Value(Value)> load);
  /// What a panel holds of some k: steps, groups of them.
  SizeExpr steps(const SizeExpr &k) const;
  Stretch steps(const Stretch &k);
  /// The same with room behind: for what corrects the right operand's lanes, for whether halves are wild.
  SizeExpr leftSteps(const SizeExpr &k) { return steps(k) + SizeExpr(stepsBehind()); }
  /// Rows are packed by vectors, of which a tile's last one may end behind its steps.
  int64_t stepsBehind() {
    return s.turned || (s.group == 1 && runsLeft()) ? int64_t(llvm::divideCeil(width, s.rows)) : sumsHalves();
  }
  SizeExpr rightSteps(const SizeExpr &k) const { return steps(k) + SizeExpr(sumsHalves() || movesLeft()); }
  Value behind(const Panel &panel);
  /// Where it stands whether a strip has halves that are not tame.
  Value noteOf(const Panel &panel, Value place, int64_t strip);
  /// The upper or the lower half of words, as a float.
  Value half(Value words, bool upper);
  SmallVector<Value> noExtremes();
  SmallVector<Value> extremes(mlir::ValueRange sofar, Value words);
  void noteWild(mlir::ValueRange extremes, const Panel &panel, Value place, int64_t strip);
  Value isWild(const Item &item, Value i, unsigned rows, const Lanes &lanes);
  /// Group by group: the first k, the group's number, and how many k are there (null: all).
  void overGroups(const Stretch &k, llvm::function_ref<void(Value, Value, Value)> body);
  void groupLeft(const Point &origin, const Panel &panel, const Stretch &rows, const Stretch &k);
  void groupRight(const Point &origin, const Panel &panel, const Stretch &lanes, const Stretch &k);
  void turnGroups(const Point &origin, const Panel &panel, const Lanes &lanes, const Stretch &k);
};

/// A row of memory at a flat place: lanes are its elements.
Point rowOfMemory(Emitter &e, mlir::Value row, unsigned width);

} // namespace weft
#endif
