// Decides how a compiled program is held and run from Python.
#ifndef WEFT_PYTHON_PROGRAM_H
#define WEFT_PYTHON_PROGRAM_H

#include "Array.h"
#include <memory>
#include <string>
#include <vector>

namespace weft::python {

/// One array-like argument as native code sees it. Borrowed for a call; `scalar` holds a Python number's value.
struct Leaf {
  PyObject *object;
  void *data;
  const int64_t *shape;
  int32_t dtype, rank;
  bool weak, dense;
  union {
    int64_t i;
    double f;
    bool b;
  } scalar;
};

/// Reads an Array, a NumPy array or a Python number. False where that needs Python's help (nothing is raised).
bool readLeaf(PyObject *object, Leaf &leaf);

struct Program;

/// What a program keeps from call to call, for one set of captured arrays.
class Kept {
public:
  /// What is kept of these arguments of a program; null where one of them may change in place. Shared: a call in flight
  /// may still read what is replaced here.
  std::shared_ptr<WeftKept> of(const Program &program, Leaf **leaves);

private:
  std::vector<int64_t> ids; ///< of the buffers from which it was computed
  std::shared_ptr<WeftKept> native;
};

struct Program {
  WeftProgram *program = nullptr;
  int32_t numArgs = 0, numResults = 0;
  std::vector<WeftValueType> args, results;
  /// Shortest time of the first calls; the interpreter lock is kept for programs of up to `shortNs`.
  int64_t measuredNs = INT64_MAX;
  int32_t measurements = 0;
  int32_t threads = 0;
  bool isDynamic = false;                             ///< some size is known at the call only
  std::vector<std::pair<int32_t, int32_t>> donations; ///< (result, argument whose memory it may take)
  std::vector<int32_t> keptFrom;                      ///< the arguments of which something is kept from call to call
  std::vector<std::string> names;                     ///< what the arguments are called in errors

  explicit Program(nb::bytes image);
  Program(const Program &) = delete;
  ~Program() { weft_program_free(program); }

  /// Whether the leaf is what argument `index` wants.
  bool fits(int32_t index, const Leaf &leaf) const;

  /// Moves the memory of donated arguments that nobody else holds out of their arrays: per result, or null.
  std::vector<WeftBuffer *> takeDonated(Leaf **leaves);
  std::string nameOf(size_t index) const;

  /// Calls it; `leaves` in the order of the arguments, checked by the caller. Without `kept`, what may be kept is
  /// computed anew. Raises.
  void run(Leaf **leaves, WeftResult *out, Kept *kept = nullptr);
};

/// Below this a call keeps the interpreter lock: giving it up and taking it again costs about as much.
constexpr int64_t shortNs = 20000;

} // namespace weft::python
#endif
