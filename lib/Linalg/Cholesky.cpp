// Decides the factor of a positive definite matrix: the lower triangle of NaN where a pivot is not positive.
#include "Matrices.h"

#include <Eigen/Cholesky>

using namespace weft::linalg;

template <class T> void weft::linalg::cholesky(const Matrices<T> &call) {
  typename Matrices<T>::Columns x = call.in(0, call.n, call.n);
  Eigen::LLT<Eigen::Ref<typename Matrices<T>::Columns>> factor(x);
  auto lower = call.out(1, call.n, call.n);
  lower.setZero();
  if (factor.info() == Eigen::Success)
    lower.template triangularView<Eigen::Lower>() = x;
  else
    lower.template triangularView<Eigen::Lower>().setConstant(Matrices<T>::nan);
}

template void weft::linalg::cholesky(const Matrices<float> &);
template void weft::linalg::cholesky(const Matrices<double> &);
