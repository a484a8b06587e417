// Decides how passes, the compiler and the reference are called from Python. The interpreter lock is given up
// meanwhile.
#include "Handles.h"
#include <cstdlib>
#include <cstring>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <optional>

namespace weft::python {

/// A pipeline that runs on modules; the name is upstream's.
struct PassManager {
  std::string pipeline;
};

/// Text as it was given when a pass fails: `file:line:col: message` lines.
[[noreturn]] static void failed(const Bytes &error) {
  // A diagnostic that has a code of its own is told under it.
  std::string_view text = error.view();
  size_t at = text.find("[WF");
  if (at != text.npos && at + 8 < text.size() && text[at + 7] == ']')
    raise(std::string(text.substr(at + 1, 6)).c_str(), text);
  raise("WF1505", text);
}

/// A store of objects that is a Python object. What it raises (Ctrl-C) is raised when the compiler has returned.
struct Store {
  nb::object object;
  std::optional<nb::python_error> raised;

  static bool find(void *user, MlirStringRef key, WeftBytes *out) {
    nb::gil_scoped_acquire acquire;
    auto *self = static_cast<Store *>(user);
    try {
      nb::object found = self->object.attr("find")(nb::str(key.data, key.length));
      if (found.is_none())
        return false;
      auto bytes = nb::cast<nb::bytes>(found);
      out->data = static_cast<char *>(std::malloc(bytes.size() + 1));
      out->size = bytes.size();
      out->release = [](char *data) { std::free(data); };
      std::memcpy(out->data, bytes.c_str(), bytes.size());
      return true;
    } catch (nb::python_error &error) {
      self->raised.emplace(std::move(error));
    }
    return false;
  }
  static void keep(void *user, MlirStringRef key, MlirStringRef data) {
    nb::gil_scoped_acquire acquire;
    auto *self = static_cast<Store *>(user);
    try {
      self->object.attr("keep")(nb::str(key.data, key.length), nb::bytes(data.data, data.length));
    } catch (nb::python_error &error) {
      self->raised.emplace(std::move(error));
    }
  }
};

void bindRun(nb::module_ &m) {
  nb::object ir = m.attr("ir");
  nb::class_<PassManager>(ir, "PassManager")
      .def_static(
          "parse", [](std::string pipeline, nb::object) { return PassManager{std::move(pipeline)}; },
          nb::arg("pipeline"), nb::arg("context") = nb::none())
      .def(
          "run",
          [](PassManager &self, nb::object target) {
            ModuleRef module = nb::isinstance<Module>(target) ? nb::cast<Module &>(target).state
                                                              : nb::cast<Operation &>(target).module;
            ++module->generation;
            Bytes error;
            bool good;
            {
              nb::gil_scoped_release release;
              good = api().weftRunPasses(module->module, sref(self.pipeline), &error);
            }
            if (!good)
              failed(error);
          },
          nb::arg("op"), "Runs the passes on the whole module; raises CompileError with the diagnostics.")
      .def("__str__", [](PassManager &self) { return self.pipeline; });

  m.def(
      "pipeline",
      [](Module &module, std::string_view from, std::string_view to, std::string_view options) {
        ++module.state->generation;
        Bytes error;
        bool good;
        {
          nb::gil_scoped_release release;
          good = api().weftPipeline(module.state->module, sref(from), sref(to), sref(options), &error);
        }
        if (!good)
          failed(error);
      },
      nb::arg("module"), nb::arg("start"), nb::arg("end"), nb::arg("options") = "",
      "Takes a module from one stage to a later one, in place.");

  m.def(
      "compile",
      [](Module &module, std::string_view options, nb::object store) {
        ++module.state->generation;
        Bytes image, report, error;
        Store kept{store, std::nullopt};
        WeftObjectStore table{&kept, Store::find, Store::keep};
        bool good;
        {
          nb::gil_scoped_release release;
          good = api().weftCompile(module.state->module, sref(options), store.is_none() ? nullptr : &table, &image,
                                   &report, &error);
        }
        if (kept.raised) {
          kept.raised->restore();
          throw nb::python_error();
        }
        if (!good)
          failed(error);
        return nb::make_tuple(nb::bytes(image.data, image.size), nb::str(report.data, report.size));
      },
      nb::arg("module"), nb::arg("options") = "", nb::arg("store") = nb::none(),
      "Compiles a module at stage `traced`: (image, report as JSON). The module is spent. store: `find(key)` gives the "
      "bytes of a kernel's object or None, `keep(key, bytes)` takes one.");
  m.def(
      "module_lines",
      [](Module &module) {
        std::string text;
        api().weftModuleLines(
            module.state->module,
            [](MlirStringRef part, void *user) { static_cast<std::string *>(user)->append(part.data, part.length); },
            &text);
        return text;
      },
      nb::arg("module"), "The user's lines of each op, as JSON (weftModuleLines).");

  m.def(
      "compile_to_text",
      [](Module &module, std::string_view kind, std::string_view options) {
        ++module.state->generation;
        Bytes text, error;
        bool good;
        {
          nb::gil_scoped_release release;
          good = api().weftCompileToText(module.state->module, sref(kind), sref(options), &text, &error);
        }
        if (!good)
          failed(error);
        return nb::str(text.data, text.size);
      },
      nb::arg("module"), nb::arg("kind"), nb::arg("options") = "",
      "What a module at stage `traced` becomes: `asm` or `llvm-ir`. The module is spent.");

  m.def(
      "reference",
      [](Module &module, std::string_view function, nb::sequence arguments, intptr_t numResults) {
        // Arguments and results: (dtype code, shape, bytes).
        size_t n = nb::len(arguments);
        std::vector<WeftHostValue> args(n), results(numResults);
        std::vector<Py_buffer> views(n);
        size_t held = 0;
        struct Release {
          std::vector<Py_buffer> &views;
          size_t &held;
          std::vector<WeftHostValue> &results;
          ~Release() {
            for (size_t i = 0; i < held; ++i)
              PyBuffer_Release(&views[i]);
            for (WeftHostValue &value : results)
              if (value.bytes.data)
                value.bytes.release(value.bytes.data);
          }
        } guard{views, held, results};
        for (size_t i = 0; i < n; ++i) {
          nb::object argument = arguments[i];
          args[i].dtype = nb::cast<int32_t>(argument[0]);
          nb::object shape = argument[1];
          args[i].rank = int32_t(nb::len(shape));
          if (args[i].rank > 16)
            throw nb::value_error("at most 16 dimensions");
          int64_t elements = 1;
          for (int32_t d = 0; d < args[i].rank; ++d)
            elements *= args[i].sizes[d] = nb::cast<int64_t>(shape[d]);
          if (PyObject_GetBuffer(nb::object(argument[2]).ptr(), &views[i], PyBUF_SIMPLE))
            throw nb::python_error();
          ++held;
          if (elements < 0 || (elements && views[i].len % elements))
            throw nb::value_error("the bytes do not fit the shape");
          args[i].data = views[i].buf;
        }
        Bytes error;
        bool good;
        {
          nb::gil_scoped_release release;
          good = api().weftReference(module.state->module, sref(function), n, args.data(), numResults, results.data(),
                                     &error);
        }
        if (!good)
          failed(error);
        nb::list out;
        for (WeftHostValue &value : results) {
          nb::object shape = nb::steal(PyTuple_New(value.rank));
          for (int32_t d = 0; d < value.rank; ++d)
            PyTuple_SET_ITEM(shape.ptr(), d, PyLong_FromLongLong(value.sizes[d]));
          out.append(
              nb::make_tuple(value.dtype, shape, nb::bytes(static_cast<const char *>(value.data), value.bytes.size)));
        }
        return out;
      },
      nb::arg("module"), nb::arg("function"), nb::arg("arguments"), nb::arg("num_results"),
      "Evaluates a function by the reference interpreter; arguments and results are (dtype code, shape, bytes).");
}

} // namespace weft::python
