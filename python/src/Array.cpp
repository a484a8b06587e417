#include "Handles.h"
namespace weft::python { struct Array {}; void bindArray(nb::module_ &m) { nb::class_<Array>(m, "Array"); } }
