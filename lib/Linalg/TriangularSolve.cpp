// Decides triangular systems: all right sides at once, so that no element is passed over for being zero.
#include "Matrices.h"

using namespace weft::linalg;

template <int Mode, class T> static void solve(const Matrices<T> &call, bool transposed) {
  auto a = call.in(0, call.m, call.m);
  auto x = call.out(2, call.m, call.n);
  x = call.in(1, call.m, call.n);
  constexpr int turned = (Mode & Eigen::Lower ? Eigen::Upper : Eigen::Lower) | (Mode & Eigen::UnitDiag);
  if (transposed)
    a.transpose().template triangularView<turned>().solveInPlace(x);
  else
    a.template triangularView<Mode>().solveInPlace(x);
}

template <class T> void weft::linalg::triangularSolve(const Matrices<T> &call, int64_t format) {
  if (!call.m || !call.n)
    return;
  bool unit = format & WEFT_UNIT_DIAGONAL, transposed = format & WEFT_TRANSPOSED;
  if (format & WEFT_LOWER)
    unit ? solve<Eigen::UnitLower>(call, transposed) : solve<Eigen::Lower>(call, transposed);
  else
    unit ? solve<Eigen::UnitUpper>(call, transposed) : solve<Eigen::Upper>(call, transposed);
}

template void weft::linalg::triangularSolve(const Matrices<float> &, int64_t);
template void weft::linalg::triangularSolve(const Matrices<double> &, int64_t);
