// Decides orthogonal factors: by reflections, as many columns as are asked for.
#include "Matrices.h"

#include <Eigen/QR>

using namespace weft::linalg;

template <class T> void weft::linalg::qr(const Matrices<T> &call, bool complete) {
  Index m = call.m, n = call.n, k = call.k(), width = complete ? m : k;
  auto q = call.out(1, m, width), r = call.out(2, width, n);
  r.setZero();
  if (!k) {
    q.setIdentity();
    return;
  }
  Eigen::HouseholderQR<typename Matrices<T>::Columns> factor(call.in(0, m, n));
  r.topRows(k).template triangularView<Eigen::Upper>() = factor.matrixQR().topRows(k);
  typename Matrices<T>::Columns product = Matrices<T>::Columns::Identity(m, width);
  product.applyOnTheLeft(factor.householderQ());
  q = product;
}

template void weft::linalg::qr(const Matrices<float> &, bool);
template void weft::linalg::qr(const Matrices<double> &, bool);
