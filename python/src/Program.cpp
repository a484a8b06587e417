// Decides how a program is called: arguments read in place, the interpreter lock kept for short programs, Ctrl-C
// answered.
#include "Program.h"
#include "weft/Runtime/Effect.h"
#include <algorithm>
#include <chrono>
#include <cstring>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace weft::python {

using Clock = std::chrono::steady_clock;

bool readLeaf(PyObject *object, Leaf &leaf) {
  PyTypeObject *type = Py_TYPE(object);
  leaf.object = object;
  leaf.weak = false;
  leaf.dense = true;
  if (type == arrayType) {
    Array &array = arrayIn(object);
    if (!array.buffer)
      return false; // the slow path tells of the donation
    leaf.data = array.data;
    leaf.dtype = array.dtype;
    leaf.rank = array.rank;
    leaf.shape = array.shape;
    return true;
  }
  if (isNumpyArray(object)) {
    NumpyView view;
    if (!viewOfNumpy(object, view))
      return false;
    leaf.data = view.data;
    leaf.dtype = view.dtype;
    leaf.rank = view.rank;
    leaf.shape = view.shape;
    leaf.dense = view.dense;
    return true;
  }
  // Python numbers go in at full precision; the program converts them where they meet an array.
  leaf.weak = true;
  leaf.rank = 0;
  leaf.shape = nullptr;
  leaf.data = nullptr; // leaf.scalar, wherever the leaf lies at the call
  if (type == &PyFloat_Type) {
    leaf.dtype = WEFT_F64;
    leaf.scalar.f = PyFloat_AS_DOUBLE(object);
    return true;
  }
  if (type == &PyBool_Type) {
    leaf.dtype = WEFT_BOOL;
    leaf.scalar.i = 0;
    leaf.scalar.b = object == Py_True;
    return true;
  }
  if (type == &PyLong_Type) {
    int overflow;
    leaf.dtype = WEFT_I64;
    leaf.scalar.i = PyLong_AsLongLongAndOverflow(object, &overflow);
    return !overflow;
  }
  return false;
}

Program::Program(nb::bytes image) {
  WeftError error;
  program = weft_program_load(image.c_str(), image.size(), &error);
  if (!program)
    raise(("WF" + std::to_string(error.code)).c_str(), error.message);
  numArgs = weft_program_num_args(program);
  numResults = weft_program_num_results(program);
  for (int32_t i = 0; i < numArgs; ++i)
    args.push_back(weft_program_arg(program, i));
  for (const WeftValueType &arg : args)
    isDynamic |= std::any_of(arg.dims, arg.dims + arg.rank, [](int64_t size) { return size < 0; });
  for (int32_t i = 0; i < numResults; ++i)
    results.push_back(weft_program_result(program, i));
}

bool Program::fits(int32_t index, const Leaf &leaf) const {
  const WeftValueType &type = args[index];
  if (type.dtype != leaf.dtype || type.rank != leaf.rank)
    return false;
  for (int32_t d = 0; d < leaf.rank; ++d)
    if (type.dims[d] >= 0 && type.dims[d] != leaf.shape[d])
      return false;
  return true;
}

/// Asked by the runtime every 20 ms or so: whether Ctrl-C came.
static int32_t poll(void *) {
  PyGILState_STATE state = PyGILState_Ensure();
  int32_t stop = PyErr_CheckSignals() != 0;
  PyGILState_Release(state);
  return stop;
}

/// What performs effects, as `set_effects` got it.
static PyObject *effects = nullptr;

/// An Array with a copy of a value of a running program, whose memory is used again.
static nb::object copyOf(const WeftArg &value, rt::EffectSite::Value type) {
  int64_t bytes = weft_dtype_size(type.dtype);
  for (int32_t d = 0; d < type.rank; ++d)
    bytes *= value.shape[d];
  WeftBuffer *buffer = weft_buffer_alloc(bytes);
  if (!buffer)
    raise("WF5010", "no memory for the value of an effect");
  std::memcpy(buffer->data, value.data, bytes);
  return makeArray(buffer, type.dtype, type.rank, value.shape);
}

/// Asked by a running program to print, check or call: nonzero with a Python error set stops it.
static int32_t performEffect(void *, const char *text, const WeftArg *values) {
  PyGILState_STATE state = PyGILState_Ensure();
  int32_t stop = 0;
  try {
    rt::EffectSite site = rt::EffectSite::parse(text);
    nb::list operands, shapes;
    for (size_t i = 0; i < site.operands.size(); ++i)
      operands.append(copyOf(values[i], site.operands[i]));
    const WeftArg *results = values + site.operands.size();
    for (size_t i = 0; i < site.results.size(); ++i) {
      nb::list shape;
      for (int32_t d = 0; d < site.results[i].rank; ++d)
        shape.append(results[i].shape[d]);
      shapes.append(nb::tuple(shape));
    }
    nb::object made = nb::handle(effects)(nb::str(text), operands, shapes);
    for (size_t i = 0; i < site.results.size(); ++i) {
      nb::object result = made[i];
      const Array &array = arrayIn(result.ptr());
      std::memcpy(results[i].data, array.data, array.bytes());
    }
  } catch (nb::python_error &error) {
    error.restore();
    stop = 1;
  }
  PyGILState_Release(state);
  return stop;
}

std::vector<WeftBuffer *> Program::takeDonated(Leaf **leaves) {
  std::vector<WeftBuffer *> taken(numResults, nullptr);
  for (auto [result, index] : donations) {
    if (Py_TYPE(leaves[index]->object) != arrayType)
      continue; // NumPy's memory is never written
    Array &array = arrayIn(leaves[index]->object);
    // Views in NumPy, other handles and memory of other libraries all hold references or have an owner.
    if (weft_buffer_refs(array.buffer) != 1 || array.buffer->deleter || array.data != array.buffer->data)
      continue;
    taken[result] = array.buffer;
    array.buffer = nullptr;
  }
  return taken;
}

std::shared_ptr<WeftKept> Kept::of(const Program &program, Leaf **leaves) {
  if (program.keptFrom.empty())
    return nullptr;
  std::vector<int64_t> now;
  for (int32_t index : program.keptFrom) {
    if (Py_TYPE(leaves[index]->object) != arrayType)
      return nullptr;
    Array &array = arrayIn(leaves[index]->object);
    if (!array.buffer || !array.buffer->id || array.data != array.buffer->data)
      return nullptr;
    now.push_back(array.buffer->id);
  }
  if (!native || ids != now) {
    native.reset(weft_kept_create(), weft_kept_free);
    ids = std::move(now);
  }
  return native;
}

void Program::run(Leaf **leaves, WeftResult *out, Kept *kept) {
  constexpr int32_t fewArgs = 64;
  WeftArg few[fewArgs];
  std::vector<WeftArg> many;
  WeftArg *native = few;
  if (numArgs > fewArgs) {
    many.resize(numArgs);
    native = many.data();
  }
  // Copies of arrays with gaps, kept for the call.
  struct Copies {
    std::vector<WeftBuffer *> buffers;
    ~Copies() {
      for (WeftBuffer *buffer : buffers)
        weft_buffer_release(buffer);
    }
  } copies;
  for (int32_t i = 0; i < numArgs; ++i) {
    Leaf &leaf = *leaves[i];
    if (!leaf.dense) {
      copies.buffers.push_back(copyOfNumpy(leaf.object));
      native[i] = {copies.buffers.back()->data, leaf.shape};
    } else {
      native[i] = {leaf.weak ? &leaf.scalar : leaf.data, leaf.shape};
    }
  }
  WeftCallOptions options = {};
  options.threads = threads;
  options.poll = poll;
  options.effect = effects ? performEffect : nullptr;
  std::shared_ptr<WeftKept> keeps = kept ? kept->of(*this, leaves) : nullptr;
  options.kept = keeps.get();
  std::vector<WeftBuffer *> donated;
  if (!donations.empty()) {
    donated = takeDonated(leaves);
    options.donated = donated.data();
  }
  WeftError error;
  int32_t status;
  auto start = [this] { return isDynamic || measurements < 3 ? Clock::now() : Clock::time_point(); };
  auto measure = [this](Clock::time_point from) {
    int64_t ns = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - from).count();
    measuredNs = isDynamic ? ns : std::min(measuredNs, ns); // the last sizes tell most about the next ones
    measurements += measurements < 3;
  };
  if (measurements >= 3 && measuredNs <= shortNs) {
    Clock::time_point from = start();
    status = weft_call(program, native, out, &options, &error);
    if (isDynamic)
      measure(from);
  } else {
    // Its buffers must outlive the call though another thread may drop the arrays meanwhile.
    std::vector<WeftBuffer *> held;
    for (int32_t i = 0; i < numArgs; ++i)
      if (Py_TYPE(leaves[i]->object) == arrayType && arrayIn(leaves[i]->object).buffer)
        held.push_back(weft_buffer_retain(arrayIn(leaves[i]->object).buffer));
    Clock::time_point from = start();
    {
      nb::gil_scoped_release release;
      status = weft_call(program, native, out, &options, &error);
    }
    if (isDynamic || measurements < 3)
      measure(from);
    for (WeftBuffer *buffer : held)
      weft_buffer_release(buffer);
  }
  if (status == 0)
    return;
  if (PyErr_Occurred()) // what the poll callback raised: KeyboardInterrupt
    throw nb::python_error();
  std::string message = error.message;
  if (status == WEFT_ERR_SHAPE)
    message = "dimension " + std::to_string(error.where % 256) + " of " + nameOf(error.where / 256) + " has " +
              std::to_string(error.got) + " elements, expected " + std::to_string(error.expected);
  raise(("WF" + std::to_string(status)).c_str(), message);
}

std::string Program::nameOf(size_t index) const {
  return index < names.size() ? names[index] : "argument " + std::to_string(index);
}

static std::string described(nb::handle object) {
  nb::object spec = nb::module_::import_("weft._src.trace").attr("spec_of")(object);
  return nb::str(spec).c_str();
}

static nb::list callSlow(Program &self, nb::sequence arguments, Kept *kept) {
  size_t n = nb::len(arguments);
  if (n != size_t(self.numArgs))
    raise("WF1601", "the program takes " + std::to_string(self.numArgs) + " inputs, " + std::to_string(n) + " came");
  std::vector<Leaf> leaves(n);
  std::vector<Leaf *> pointers(n);
  std::vector<nb::object> keep;
  for (size_t i = 0; i < n; ++i) {
    nb::object object = arguments[i];
    if (!readLeaf(object.ptr(), leaves[i])) {
      // NumPy scalars, subclasses, other libraries' arrays: through NumPy; donated arrays raise here.
      object = nb::module_::import_("weft._src._weft")
                   .attr("from_numpy")(nb::module_::import_("numpy").attr("asarray")(object));
      if (!readLeaf(object.ptr(), leaves[i]))
        throw nb::type_error("not an array");
    }
    keep.push_back(object);
    if (!self.fits(int32_t(i), leaves[i]))
      raise(self.args[i].dtype != leaves[i].dtype ? "WF1603" : "WF1602",
            self.nameOf(i) + " came as " + described(object));
    pointers[i] = &leaves[i];
  }
  std::vector<WeftResult> out(self.numResults);
  self.run(pointers.data(), out.data(), kept);
  nb::list results;
  for (int32_t i = 0; i < self.numResults; ++i)
    results.append(makeArray(out[i].buffer, self.results[i].dtype, out[i].rank, out[i].shape));
  return results;
}

void bindProgram(nb::module_ &m) {
  auto types = [](const std::vector<WeftValueType> &values) {
    nb::list result;
    for (const WeftValueType &value : values) {
      nb::list dims;
      for (int32_t d = 0; d < value.rank; ++d)
        dims.append(value.dims[d]);
      result.append(nb::make_tuple(value.dtype, nb::tuple(dims)));
    }
    return result;
  };
  nb::class_<Kept>(m, "Kept", "What a program keeps from call to call, for one set of captured arrays.")
      .def(nb::init<>());
  nb::class_<Program>(m, "Program", "A compiled program, loaded from an image and ready to be called.")
      .def(nb::init<nb::bytes>(), nb::arg("image"))
      .def("__call__", callSlow, nb::arg("arguments"), nb::arg("kept") = nb::none(),
           "Calls it with a sequence of arrays and numbers; returns a list of Arrays. kept: where it keeps what it "
           "computes from captured arrays alone; None: it computes that anew.")
      .def_prop_ro(
          "arguments", [=](const Program &self) { return types(self.args); },
          "(dtype code, shape) of each argument; -1: any size.")
      .def_prop_ro("results", [=](const Program &self) { return types(self.results); })
      .def_prop_ro("code_bytes", [](const Program &self) { return weft_program_code_bytes(self.program); })
      .def_rw("donations", &Program::donations, "(result, argument whose memory it may take), by number.")
      .def_rw("kept_from", &Program::keptFrom, "The arguments of which something is kept from call to call.")
      .def_rw("names", &Program::names, "What the arguments are called in errors.")
      .def_rw("threads", &Program::threads, "Threads of a call; 0: the runtime's default.")
      .def_prop_ro("metadata", [](const Program &self) {
        size_t size;
        const void *data = weft_program_metadata(self.program, &size);
        return nb::bytes(data, size);
      });
  m.def(
      "set_effects", [](nb::object perform) { effects = perform.is_none() ? nullptr : perform.release().ptr(); },
      nb::arg("perform").none(),
      "Tells the module what performs the effects of programs: perform(site, operands, shapes of the results). With "
      "None the runtime itself does, which prints and checks as in a program without a host.");
  m.def("num_threads", [] { return weft_num_threads(); });
  m.def(
      "runtime_info",
      [] {
        std::string text(weft_runtime_info(nullptr, 0) + 1, '\0');
        text.resize(weft_runtime_info(text.data(), text.size()));
        return text;
      },
      "Facts of the runtime as JSON.");
  m.def("buffer_footprint", weft_buffer_footprint, nb::arg("bytes"),
        "What a new buffer of so many bytes takes of the machine's memory.");
  m.def("pool_stats", [] {
    WeftPoolStats stats;
    weft_pool_stats(&stats);
    nb::dict result;
    result["live_bytes"] = stats.live_bytes;
    result["live_buffers"] = stats.live_buffers;
    result["pooled_bytes"] = stats.pooled_bytes;
    result["hits"] = stats.hits;
    result["misses"] = stats.misses;
    return result;
  });
}

} // namespace weft::python
