// Decides which routine a call runs; what each gives for a matrix without such a factor stands in its file.
#include "Matrices.h"
#include "weft/Runtime/Image.h"

#include <new>

using namespace weft::linalg;

template <class T> static void run(const Matrices<T> &call, int64_t format) {
  switch (format & 255) {
  case WEFT_CHOLESKY:
    return cholesky(call);
  case WEFT_LU:
    return lu(call);
  case WEFT_QR:
    return qr(call, false);
  case WEFT_QR_COMPLETE:
    return qr(call, true);
  case WEFT_EIGH:
    return eigh(call, true);
  case WEFT_EIGVALSH:
    return eigh(call, false);
  case WEFT_SVD:
    return svd(call, true, false);
  case WEFT_SVD_COMPLETE:
    return svd(call, true, true);
  case WEFT_SVDVALS:
    return svd(call, false, false);
  case WEFT_TRIANGULAR_SOLVE:
    return triangularSolve(call, format);
  }
}

extern "C" __attribute__((visibility("default"))) int32_t weft_linalg(int64_t format, int64_t m, int64_t n,
                                                                      void *const *values) {
  try {
    if ((format >> 8 & 255) == WEFT_F64)
      run(Matrices<double>{m, n, values}, format);
    else
      run(Matrices<float>{m, n, values}, format);
    return 0;
  } catch (const std::bad_alloc &) {
    return 1;
  }
}
