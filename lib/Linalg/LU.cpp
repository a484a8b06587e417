// Decides elimination with exchanged rows: a column without a pivot is left as it is.
#include "Matrices.h"

#include <Eigen/LU>

using namespace weft::linalg;

template <class T> void weft::linalg::lu(const Matrices<T> &call) {
  Index m = call.m, n = call.n, k = call.k();
  typename Matrices<T>::Columns x = call.in(0, m, n);
  Eigen::Matrix<int, Dynamic, 1> exchanges(k);
  int numExchanges = 0;
  if (k) // Eigen's class takes square matrices only; what it calls takes any.
    Eigen::internal::partial_lu_impl<T, Eigen::ColMajor, int>::blocked_lu(m, n, x.data(), m, exchanges.data(),
                                                                          numExchanges);
  call.out(1, m, n) = x;
  auto *order = static_cast<int64_t *>(call.values[2]);
  for (Index i = 0; i < m; ++i)
    order[i] = i;
  for (Index i = 0; i < k; ++i)
    std::swap(order[i], order[exchanges[i]]);
}

template void weft::linalg::lu(const Matrices<float> &);
template void weft::linalg::lu(const Matrices<double> &);
