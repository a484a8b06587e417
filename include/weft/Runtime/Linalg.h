//===- Linalg.h - the library of factorisations ---------------------------===//
//
// Decides what a program asks of libweft_linalg (lib/Linalg, by Eigen): one
// routine on many matrices of one shape. The runtime opens the library at the
// first such call, so that a process without one never loads it.
//
// Matrices are dense and row-major, of f32 or f64. In this table x is (m, n), k
// the less of m and n.
//
//   routine                reads                 writes
//   WEFT_CHOLESKY          x (n, n), its lower   lower (n, n)
//                          triangle
//   WEFT_LU                x                     both factors (m, n), order of rows i64 (m)
//   WEFT_QR                x                     q (m, k), r (k, n)
//   WEFT_QR_COMPLETE       x                     q (m, m), r (m, n)
//   WEFT_EIGH              x (n, n), its lower   values ascending (n), vectors in columns (n, n)
//                          triangle
//   WEFT_EIGVALSH          the same              values ascending (n)
//   WEFT_SVD               x                     u (m, k), s descending (k), v transposed (k, n)
//   WEFT_SVD_COMPLETE      x                     u (m, m), s descending (k), v transposed (n, n)
//   WEFT_SVDVALS           x                     s descending (k)
//   WEFT_TRIANGULAR_SOLVE  a (m, m), b (m, n)    the x (m, n) with a @ x = b
//
// A matrix that has no such factor gives NaN; nothing fails but for memory.
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_RUNTIME_LINALG_H
#define WEFT_RUNTIME_LINALG_H

#include "weft/Runtime/ABI.h"

#ifdef __cplusplus
#include <string>
extern "C" {
#endif

enum WeftLinalgRoutine {
  WEFT_CHOLESKY,
  WEFT_LU,
  WEFT_QR,
  WEFT_QR_COMPLETE,
  WEFT_EIGH,
  WEFT_EIGVALSH,
  WEFT_SVD,
  WEFT_SVD_COMPLETE,
  WEFT_SVDVALS,
  WEFT_TRIANGULAR_SOLVE,
};

/// A routine with its options in one number: the routine | the element type (WEFT_F32, WEFT_F64) << 8 | the number of
/// leading dimensions, which count matrices, << 16 | the flags of a triangular solve: which triangle is read, whether
/// its diagonal is taken as ones, whether it stands transposed.
enum { WEFT_LOWER = 1 << 24, WEFT_UNIT_DIAGONAL = 1 << 25, WEFT_TRANSPOSED = 1 << 26 };

/// The library's one symbol, `weft_linalg`: runs the routine on one matrix; `values` are what it reads, then what it
/// writes. Returns 0, or nonzero where there is no memory.
typedef int32_t (*WeftLinalgFn)(int64_t format, int64_t m, int64_t n, void *const *values);

#ifdef __cplusplus
} // extern "C"

namespace weft::rt {

/// Opens the library, once; null, with the reason, where it cannot be.
WeftLinalgFn openLinalg(std::string &why);

/// The results of a routine, in order, by the sizes of one matrix: `add(sizes, isOrder)`, whose elements are i64 where
/// they are an order of rows, else those of x.
template <class Size, class Add> void forEachResult(int routine, Size m, Size n, Size k, Add add) {
  switch (routine) {
  case WEFT_CHOLESKY:
    return add({n, n}, false);
  case WEFT_LU:
    add({m, n}, false);
    return add({m}, true);
  case WEFT_QR:
    add({m, k}, false);
    return add({k, n}, false);
  case WEFT_QR_COMPLETE:
    add({m, m}, false);
    return add({m, n}, false);
  case WEFT_EIGH:
    add({n}, false);
    return add({n, n}, false);
  case WEFT_EIGVALSH:
    return add({n}, false);
  case WEFT_SVD:
    add({m, k}, false);
    add({k}, false);
    return add({k, n}, false);
  case WEFT_SVD_COMPLETE:
    add({m, m}, false);
    add({k}, false);
    return add({n, n}, false);
  case WEFT_SVDVALS:
    return add({k}, false);
  case WEFT_TRIANGULAR_SOLVE:
    return add({m, n}, false);
  }
}

/// One call of a routine: `values` are its operands, then its results, each with all leading dimensions.
class LinalgCall {
public:
  LinalgCall(int64_t format, const WeftArg *values);
  int64_t numMatrices() const { return count; }
  /// About the time that one matrix takes.
  int64_t nanoseconds() const;
  /// Runs it on some of the matrices; false where there is no memory.
  bool run(WeftLinalgFn library, int64_t begin, int64_t end) const;

private:
  int64_t format, count = 1, m, n;
  const WeftArg *values;
  int numValues = 0;
  int64_t strides[4]; // bytes of one matrix of each value
};

} // namespace weft::rt
#endif
#endif // WEFT_RUNTIME_LINALG_H
