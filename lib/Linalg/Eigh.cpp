// Decides eigenvalues of symmetric matrices: the iteration is begun on finite numbers only; where it does not end, NaN.
#include "Matrices.h"

#include <Eigen/Eigenvalues>

using namespace weft::linalg;

template <class T> void weft::linalg::eigh(const Matrices<T> &call, bool vectors) {
  Index n = call.n;
  if (n == 0)
    return;
  typename Matrices<T>::Columns x = call.in(0, n, n).template triangularView<Eigen::Lower>();
  Eigen::SelfAdjointEigenSolver<typename Matrices<T>::Columns> solver;
  bool ok = x.allFinite();
  if (ok) {
    solver.compute(x, vectors ? Eigen::ComputeEigenvectors : Eigen::EigenvaluesOnly);
    ok = solver.info() == Eigen::Success;
  }
  auto values = call.outVector(1, n);
  if (ok)
    values = solver.eigenvalues();
  else
    values.setConstant(Matrices<T>::nan);
  if (vectors && ok)
    call.out(2, n, n) = solver.eigenvectors();
  else if (vectors)
    call.out(2, n, n).setConstant(Matrices<T>::nan);
}

template void weft::linalg::eigh(const Matrices<float> &, bool);
template void weft::linalg::eigh(const Matrices<double> &, bool);
