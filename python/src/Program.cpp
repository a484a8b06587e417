#include "Handles.h"
namespace weft::python { void bindProgram(nb::module_ &) {} }
