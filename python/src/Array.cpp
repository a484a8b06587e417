#include "Handles.h"
namespace weft::python { void bindArray(nb::module_ &) {} }
