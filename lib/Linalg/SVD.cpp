// Decides singular values: by division (small ones by Jacobi's rotations), begun on finite numbers only; where it does
// not end, NaN.
#include "Matrices.h"

#include <Eigen/SVD>

using namespace weft::linalg;

template <class T> void weft::linalg::svd(const Matrices<T> &call, bool vectors, bool complete) {
  Index m = call.m, n = call.n, k = call.k(), left = complete ? m : k, right = complete ? n : k;
  auto values = call.outVector(vectors ? 2 : 1, k);
  typename Matrices<T>::Columns x = call.in(0, m, n);
  Eigen::BDCSVD<typename Matrices<T>::Columns> solver;
  bool ok = x.allFinite();
  if (ok && k) {
    solver.compute(x, !vectors   ? 0
                      : complete ? Eigen::ComputeFullU | Eigen::ComputeFullV
                                 : Eigen::ComputeThinU | Eigen::ComputeThinV);
    ok = solver.info() == Eigen::Success;
  }
  if (!ok)
    values.setConstant(Matrices<T>::nan);
  else if (k)
    values = solver.singularValues();
  if (!vectors)
    return;
  auto u = call.out(1, m, left), v = call.out(3, right, n);
  if (!ok) {
    u.setConstant(Matrices<T>::nan);
    v.setConstant(Matrices<T>::nan);
  } else if (k) {
    u = solver.matrixU();
    v = solver.matrixV().transpose();
  } else {
    u.setIdentity();
    v.setIdentity();
  }
}

template void weft::linalg::svd(const Matrices<float> &, bool, bool);
template void weft::linalg::svd(const Matrices<double> &, bool, bool);
