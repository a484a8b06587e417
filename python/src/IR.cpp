// Decides the ir submodule: contexts, modules, ops, values, types, attributes and locations under the names of MLIR's
// own bindings, as thin handles.
#include "Handles.h"
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

namespace weft::python {

static constexpr intptr_t maxRank = 64;

/// Contexts entered by `with`, innermost last.
static thread_local std::vector<ContextRef> entered;

static ContextRef contextOf(nb::handle given) {
  if (!given.is_none())
    return nb::cast<Context &>(given).state;
  if (entered.empty())
    throw nb::value_error("no context: pass context=, or use `with Context():`");
  return entered.back();
}

template <class T> static std::string printed(void (*print)(T, MlirStringCallback, void *), T raw) {
  std::string text;
  print(raw, append, &text);
  return text;
}

static std::string asmOf(MlirOperation op, bool locations, bool generic, bool elide) {
  std::string text;
  int32_t flags =
      (locations ? WEFT_PRINT_LOCATIONS : 0) | (generic ? WEFT_PRINT_GENERIC : 0) | (elide ? WEFT_PRINT_ELIDE : 0);
  api().weftOperationPrint(op, flags, append, &text);
  return text;
}

/// Dtype code and shape of a tensor type; a size is an int, or the text of a named one. Raises for other types.
static nb::tuple describe(MlirType type) {
  int32_t dtype;
  intptr_t rank;
  int64_t sizes[maxRank];
  if (!api().weftTypeDescribe(type, &dtype, &rank, sizes, maxRank) || rank > maxRank)
    throw nb::type_error("not a ranked tensor of one of Weft's element types");
  nb::object shape = nb::steal(PyTuple_New(rank));
  for (intptr_t i = 0; i < rank; ++i) {
    nb::object size;
    if (sizes[i] >= 0) {
      size = nb::int_(sizes[i]);
    } else {
      std::string text;
      api().weftTypeSizeText(type, i, append, &text);
      size = nb::str(text.c_str(), text.size());
    }
    PyTuple_SET_ITEM(shape.ptr(), i, size.release().ptr());
  }
  return nb::make_tuple(dtype, shape);
}

static nb::list attributesOf(const Operation &op) {
  nb::list result;
  for (intptr_t i = 0, n = api().weftOperationNumAttributes(op.get()); i < n; ++i) {
    MlirNamedAttribute named = api().weftOperationAttribute(op.get(), i);
    result.append(
        nb::make_tuple(str(api().mlirIdentifierStr(named.name)), Attribute{op.module->context, named.attribute}));
  }
  return result;
}

static nb::list blocksOf(const Region &region) {
  nb::list blocks;
  for (MlirBlock b = api().mlirRegionGetFirstBlock(region.get()); b.ptr; b = api().mlirBlockGetNextInRegion(b))
    blocks.append(Block(region.module, b));
  return blocks;
}

static nb::list operationsOf(const Block &block) {
  nb::list ops;
  for (MlirOperation op = api().mlirBlockGetFirstOperation(block.get()); op.ptr;
       op = api().mlirOperationGetNextInBlock(op))
    ops.append(Operation(block.module, op));
  return ops;
}

/// `n` values, each through `at`.
template <class At> static nb::list values(const ModuleRef &module, intptr_t n, At at) {
  nb::list result;
  for (intptr_t i = 0; i < n; ++i)
    result.append(Value(module, at(i)));
  return result;
}

static void walk(const Operation &op, nb::callable callback, bool preOrder) {
  struct State {
    const Operation &op;
    nb::callable &callback;
    std::exception_ptr error;
  } state{op, callback, nullptr};
  auto visit = [](MlirOperation inner, void *user) {
    auto &state = *static_cast<State *>(user);
    try {
      if (state.callback(Operation(state.op.module, inner)).is(nb::bool_(false)))
        return MlirWalkResultInterrupt;
    } catch (...) { // must not pass through the walk, which knows no exceptions
      state.error = std::current_exception();
      return MlirWalkResultInterrupt;
    }
    return MlirWalkResultAdvance;
  };
  api().mlirOperationWalk(op.get(), visit, &state, preOrder ? MlirWalkPreOrder : MlirWalkPostOrder);
  if (state.error)
    std::rethrow_exception(state.error);
}

static void bindContext(nb::module_ &m) {
  nb::class_<Context>(m, "Context",
                      "Holds types, attributes and locations. `with Context():` makes it the current one.")
      .def("__init__", [](Context *self) { new (self) Context{std::make_shared<ContextState>()}; })
      .def("__enter__",
           [](nb::object self) {
             entered.push_back(nb::cast<Context &>(self).state);
             return self;
           })
      .def("__exit__", [](Context &, nb::args) { entered.pop_back(); })
      .def("__eq__", [](Context &a, Context &b) { return a.state == b.state; })
      .def(
          "registered_operations",
          [](Context &self, std::string_view dialect) {
            std::vector<std::string> names;
            api().weftRegisteredOps(
                self.state->context, sref(dialect),
                [](MlirStringRef name, void *user) {
                  static_cast<std::vector<std::string> *>(user)->push_back(str(name));
                },
                &names);
            return names;
          },
          nb::arg("dialect") = "weft", "The full names of the ops that a dialect registers.");

  nb::class_<Location>(m, "Location", "Where an op stems from.")
      .def_static(
          "unknown",
          [](nb::object context) {
            ContextRef c = contextOf(context);
            return Location{c, api().mlirLocationUnknownGet(c->context)};
          },
          nb::arg("context") = nb::none())
      .def_static(
          "file",
          [](std::string_view name, unsigned line, unsigned col, unsigned endLine, unsigned endCol,
             nb::object context) {
            ContextRef c = contextOf(context);
            if (!endLine)
              return Location{c, api().mlirLocationFileLineColGet(c->context, sref(name), line, col)};
            return Location{c,
                            api().mlirLocationFileLineColRangeGet(c->context, sref(name), line, col, endLine, endCol)};
          },
          nb::arg("filename"), nb::arg("line"), nb::arg("col"), nb::arg("end_line") = 0, nb::arg("end_col") = 0,
          nb::arg("context") = nb::none())
      .def_static(
          "name",
          [](std::string_view name, nb::object child, nb::object context) {
            ContextRef c = child.is_none() ? contextOf(context) : nb::cast<Location &>(child).context;
            MlirLocation inner =
                child.is_none() ? api().mlirLocationUnknownGet(c->context) : nb::cast<Location &>(child).raw;
            return Location{c, api().mlirLocationNameGet(c->context, sref(name), inner)};
          },
          nb::arg("name"), nb::arg("childLoc") = nb::none(), nb::arg("context") = nb::none())
      .def_static(
          "callsite",
          [](const Location &callee, const std::vector<Location> &frames) {
            if (frames.empty())
              return callee;
            // Upstream's order: the caller nearest to the callee comes first.
            MlirLocation all = frames.back().raw;
            for (size_t i = frames.size() - 1; i > 0; --i)
              all = api().mlirLocationCallSiteGet(frames[i - 1].raw, all);
            return Location{callee.context, api().mlirLocationCallSiteGet(callee.raw, all)};
          },
          nb::arg("callee"), nb::arg("frames"))
      .def_static(
          "fused",
          [](const std::vector<Location> &sources, nb::object context) {
            ContextRef c = sources.empty() ? contextOf(context) : sources[0].context;
            std::vector<MlirLocation> raw;
            for (const Location &source : sources)
              raw.push_back(source.raw);
            return Location{c, api().mlirLocationFusedGet(c->context, raw.size(), raw.data(), MlirAttribute{nullptr})};
          },
          nb::arg("sources"), nb::arg("context") = nb::none())
      .def("__eq__", [](const Location &a, const Location &b) { return api().mlirLocationEqual(a.raw, b.raw); })
      .def("__str__", [](const Location &self) { return printed(api().mlirLocationPrint, self.raw); });
}

static void bindTypes(nb::module_ &m) {
  nb::class_<Type>(m, "Type")
      .def_static(
          "parse",
          [](std::string_view text, nb::object context) {
            ContextRef c = contextOf(context);
            Bytes error;
            MlirType type = api().weftTypeParse(c->context, sref(text), &error);
            if (!type.ptr)
              throw nb::value_error(std::string(error.view()).c_str());
            return Type{c, type};
          },
          nb::arg("asm"), nb::arg("context") = nb::none())
      .def(
          "describe", [](const Type &self) { return describe(self.raw); },
          "Of a tensor: (dtype code, shape); a size is an int, or the text of a named one.")
      .def("__eq__", [](const Type &a, const Type &b) { return api().mlirTypeEqual(a.raw, b.raw); })
      .def("__hash__", [](const Type &self) { return reinterpret_cast<intptr_t>(self.raw.ptr) >> 4; })
      .def("__str__", [](const Type &self) { return printed(api().mlirTypePrint, self.raw); });

  nb::class_<Attribute>(m, "Attribute")
      .def_static(
          "parse",
          [](std::string_view text, nb::object context) {
            ContextRef c = contextOf(context);
            Bytes error;
            MlirAttribute attribute = api().weftAttributeParse(c->context, sref(text), &error);
            if (!attribute.ptr)
              throw nb::value_error(std::string(error.view()).c_str());
            return Attribute{c, attribute};
          },
          nb::arg("asm"), nb::arg("context") = nb::none())
      .def("__eq__", [](const Attribute &a, const Attribute &b) { return api().mlirAttributeEqual(a.raw, b.raw); })
      .def("__hash__", [](const Attribute &self) { return reinterpret_cast<intptr_t>(self.raw.ptr) >> 4; })
      .def("__str__", [](const Attribute &self) { return printed(api().mlirAttributePrint, self.raw); });
}

static void bindValues(nb::module_ &m) {
  nb::class_<Value>(m, "Value", "A result of an op or an argument of a block.")
      .def_prop_ro("type",
                   [](const Value &self) { return Type{self.module->context, api().mlirValueGetType(self.get())}; })
      .def(
          "describe", [](const Value &self) { return describe(api().mlirValueGetType(self.get())); },
          "(dtype code, shape) of its type; a size is an int, or the text of a named one.")
      .def_prop_ro(
          "owner",
          [](const Value &self) -> nb::object {
            if (api().mlirValueIsAOpResult(self.get()))
              return nb::cast(Operation(self.module, api().mlirOpResultGetOwner(self.get())));
            return nb::cast(Block(self.module, api().mlirBlockArgumentGetOwner(self.get())));
          },
          "The op whose result it is, or the block whose argument it is.")
      .def_prop_ro("is_argument", [](const Value &self) { return api().mlirValueIsABlockArgument(self.get()); })
      .def_prop_ro(
          "index",
          [](const Value &self) {
            return api().mlirValueIsABlockArgument(self.get()) ? api().mlirBlockArgumentGetArgNumber(self.get())
                                                               : api().mlirOpResultGetResultNumber(self.get());
          },
          "Its number among the results or the arguments.")
      .def("__eq__", [](const Value &a, const Value &b) { return api().mlirValueEqual(a.get(), b.get()); })
      .def("__hash__", [](const Value &self) { return reinterpret_cast<intptr_t>(self.get().ptr) >> 3; });

  nb::class_<Region>(m, "Region").def_prop_ro("blocks", blocksOf).def("__iter__", [](const Region &self) {
    return nb::iter(blocksOf(self));
  });

  nb::class_<Block>(m, "Block")
      .def_prop_ro("arguments",
                   [](const Block &self) {
                     return values(self.module, api().mlirBlockGetNumArguments(self.get()),
                                   [&](intptr_t i) { return api().mlirBlockGetArgument(self.get(), i); });
                   })
      .def_prop_ro("operations", operationsOf)
      .def("__iter__", [](const Block &self) { return nb::iter(operationsOf(self)); });
}

static void bindOperations(nb::module_ &m) {
  nb::class_<Operation>(m, "Operation")
      .def_prop_ro(
          "name",
          [](const Operation &self) { return str(api().mlirIdentifierStr(api().mlirOperationGetName(self.get()))); })
      .def_prop_ro("operands",
                   [](const Operation &self) {
                     return values(self.module, api().mlirOperationGetNumOperands(self.get()),
                                   [&](intptr_t i) { return api().mlirOperationGetOperand(self.get(), i); });
                   })
      .def_prop_ro("results",
                   [](const Operation &self) {
                     return values(self.module, api().mlirOperationGetNumResults(self.get()),
                                   [&](intptr_t i) { return api().mlirOperationGetResult(self.get(), i); });
                   })
      .def_prop_ro("attributes",
                   [](const Operation &self) {
                     nb::dict result;
                     for (nb::handle pair : attributesOf(self))
                       result[pair[0]] = pair[1];
                     return result;
                   })
      .def_prop_ro("regions",
                   [](const Operation &self) {
                     nb::list result;
                     for (intptr_t i = 0, n = api().mlirOperationGetNumRegions(self.get()); i < n; ++i)
                       result.append(Region(self.module, api().mlirOperationGetRegion(self.get(), i)));
                     return result;
                   })
      .def_prop_ro("location",
                   [](const Operation &self) {
                     return Location{self.module->context, api().mlirOperationGetLocation(self.get())};
                   })
      .def_prop_ro("parent",
                   [](const Operation &self) -> nb::object {
                     MlirOperation parent = api().mlirOperationGetParentOperation(self.get());
                     return parent.ptr ? nb::cast(Operation(self.module, parent)) : nb::none();
                   })
      .def("walk", walk, nb::arg("callback"), nb::arg("pre_order") = false,
           "Calls back with each op inside, itself included; a callback that returns False ends the walk.")
      .def(
          "verify",
          [](const Operation &self) {
            Bytes error;
            if (!api().weftOperationVerify(self.get(), &error))
              throw nb::value_error(std::string(error.view()).c_str());
            return true;
          },
          "True, or ValueError with the diagnostics.")
      .def(
          "get_asm",
          [](const Operation &self, bool locations, bool generic, bool elide) {
            return asmOf(self.get(), locations, generic, elide);
          },
          nb::arg("enable_debug_info") = false, nb::arg("print_generic_op_form") = false,
          nb::arg("elide_large_constants") = false)
      .def("__eq__", [](const Operation &a, const Operation &b) { return api().mlirOperationEqual(a.get(), b.get()); })
      .def("__hash__", [](const Operation &self) { return reinterpret_cast<intptr_t>(self.get().ptr) >> 4; })
      .def("__str__", [](const Operation &self) { return asmOf(self.get(), false, false, false); });
}

static void bindModule(nb::module_ &m) {
  nb::class_<Module>(m, "Module", "A module of functions.")
      .def_static(
          "parse",
          [](nb::object text, std::string_view fileName, nb::object context) {
            ContextRef c = contextOf(context);
            char *data = nullptr;
            Py_ssize_t size = 0;
            if (PyUnicode_Check(text.ptr()))
              data = const_cast<char *>(PyUnicode_AsUTF8AndSize(text.ptr(), &size));
            else
              PyBytes_AsStringAndSize(text.ptr(), &data, &size);
            if (!data)
              throw nb::python_error();
            Bytes error;
            MlirModule module = api().weftModuleParse(c->context, {data, size_t(size)}, sref(fileName), &error);
            if (!module.ptr)
              throw nb::value_error(std::string(error.view()).c_str());
            return Module{std::make_shared<ModuleState>(c, module)};
          },
          nb::arg("asm"), nb::arg("filename") = "<ir>", nb::arg("context") = nb::none(), "From text or bytecode.")
      .def_static(
          "create",
          [](nb::object location, nb::object context) {
            ContextRef c = location.is_none() ? contextOf(context) : nb::cast<Location &>(location).context;
            MlirLocation where =
                location.is_none() ? api().mlirLocationUnknownGet(c->context) : nb::cast<Location &>(location).raw;
            return Module{std::make_shared<ModuleState>(c, api().mlirModuleCreateEmpty(where))};
          },
          nb::arg("loc") = nb::none(), nb::arg("context") = nb::none())
      .def_prop_ro("operation",
                   [](Module &self) { return Operation(self.state, api().mlirModuleGetOperation(self.state->module)); })
      .def_prop_ro("body", [](Module &self) { return Block(self.state, api().mlirModuleGetBody(self.state->module)); })
      .def_prop_ro("context", [](Module &self) { return Context{self.state->context}; })
      .def(
          "get_asm",
          [](Module &self, bool locations, bool generic, bool elide) {
            return asmOf(api().mlirModuleGetOperation(self.state->module), locations, generic, elide);
          },
          nb::arg("enable_debug_info") = false, nb::arg("print_generic_op_form") = false,
          nb::arg("elide_large_constants") = false)
      .def(
          "clone",
          [](Module &self) {
            MlirOperation copy = api().mlirOperationClone(api().mlirModuleGetOperation(self.state->module));
            return Module{std::make_shared<ModuleState>(self.state->context, api().mlirModuleFromOperation(copy))};
          },
          "A copy in the same context.")
      .def("__str__",
           [](Module &self) { return asmOf(api().mlirModuleGetOperation(self.state->module), false, false, false); });
}

void bindIR(nb::module_ &m) {
  bindContext(m);
  bindTypes(m);
  bindValues(m);
  bindOperations(m);
  bindModule(m);
}

} // namespace weft::python
