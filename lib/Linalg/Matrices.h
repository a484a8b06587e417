// Decides how a routine sees its matrices. Eigen's own are kept in columns, along which its algorithms run; the
// caller's lie in rows.
#ifndef WEFT_LIB_LINALG_MATRICES_H
#define WEFT_LIB_LINALG_MATRICES_H

#include "weft/Runtime/Linalg.h"

#include <Eigen/Core>

namespace weft::linalg {

using Eigen::Dynamic;
using Eigen::Index;

/// What one call of a routine reads and writes: values are numbered as in weft/Runtime/Linalg.h.
template <class T> struct Matrices {
  using Columns = Eigen::Matrix<T, Dynamic, Dynamic>;
  using Rows = Eigen::Matrix<T, Dynamic, Dynamic, Eigen::RowMajor>;
  using Vector = Eigen::Matrix<T, Dynamic, 1>;
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();

  Index m, n;
  void *const *values;

  Index k() const { return std::min(m, n); }
  Eigen::Map<const Rows> in(int i, Index rows, Index columns) const {
    return Eigen::Map<const Rows>(static_cast<const T *>(values[i]), rows, columns);
  }
  Eigen::Map<Rows> out(int i, Index rows, Index columns) const {
    return Eigen::Map<Rows>(static_cast<T *>(values[i]), rows, columns);
  }
  Eigen::Map<Vector> outVector(int i, Index size) const {
    return Eigen::Map<Vector>(static_cast<T *>(values[i]), size);
  }
};

// Each in a file of its own, for float and double.
template <class T> void cholesky(const Matrices<T> &call);
template <class T> void lu(const Matrices<T> &call);
template <class T> void qr(const Matrices<T> &call, bool complete);
template <class T> void eigh(const Matrices<T> &call, bool vectors);
template <class T> void svd(const Matrices<T> &call, bool vectors, bool complete);
template <class T> void triangularSolve(const Matrices<T> &call, int64_t format);

} // namespace weft::linalg

#endif // WEFT_LIB_LINALG_MATRICES_H
