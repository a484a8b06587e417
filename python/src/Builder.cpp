// Decides how tracing builds IR: one call for every op, attributes converted from Python values by the kinds of the op
// table, so that nobody in Python guesses a type or writes IR text.
#include "Handles.h"
#include <cstring>
#include <nanobind/stl/string_view.h>
#include <unordered_map>

namespace weft::python {

namespace {

enum class Kind { I64, I32, F64, F32, Bool, Unit, Str, DType, Symbol, Elements, Array, I64s, I32s, Bools, Size, Enum };

Kind kindOf(std::string_view name) {
  static const std::unordered_map<std::string_view, Kind> kinds = {
      {"i64", Kind::I64},       {"i32", Kind::I32},           {"f64", Kind::F64},     {"f32", Kind::F32},
      {"bool", Kind::Bool},     {"unit", Kind::Unit},         {"str", Kind::Str},     {"dtype", Kind::DType},
      {"symbol", Kind::Symbol}, {"elements", Kind::Elements}, {"array", Kind::Array}, {"i64s", Kind::I64s},
      {"i32s", Kind::I32s},     {"bools", Kind::Bools},       {"size", Kind::Size}};
  if (name.substr(0, 5) == "enum:")
    return Kind::Enum;
  auto found = kinds.find(name);
  if (found == kinds.end())
    throw nb::value_error(("no such kind of attribute: " + std::string(name)).c_str());
  return found->second;
}

struct AttrInfo {
  std::string name;
  MlirIdentifier identifier;
  Kind kind;
  std::string enumName;
  bool optional;
  nb::object key; ///< the name as an interned str
};

struct OpInfo {
  std::string name;
  std::vector<AttrInfo> attributes;
  size_t operandGroups = 0;
  bool inferred = false, segments = false;
};

std::string_view text(nb::handle object) {
  Py_ssize_t size;
  const char *data = PyUnicode_AsUTF8AndSize(object.ptr(), &size);
  if (!data)
    throw nb::python_error();
  return {data, size_t(size)};
}

int64_t integer(nb::handle object) {
  long long value = PyLong_AsLongLong(object.ptr());
  if (value == -1 && PyErr_Occurred())
    throw nb::python_error();
  return value;
}

class Builder {
public:
  Builder(Module &module, nb::dict table)
      : state(module.state), context(state->context->context), table(std::move(table)) {}

  nb::list build(const Block &block, nb::str name, nb::handle operands, nb::handle attributes, const Location &location,
                 nb::handle regions, nb::handle resultTypes);

  Type tensorType(int32_t dtype, nb::handle shape);
  MlirAttribute convert(Kind kind, std::string_view enumName, nb::handle value);

  ModuleRef state;

private:
  const OpInfo &info(nb::str name);

  MlirContext context;
  nb::dict table;
  std::unordered_map<PyObject *, OpInfo> known; ///< by the name's object, which `table` or `names` keeps
  std::vector<nb::object> names;
};

const OpInfo &Builder::info(nb::str name) {
  auto found = known.find(name.ptr());
  if (found != known.end())
    return found->second;
  if (!table.contains(name))
    raise("WF1990", "there is no op weft." + std::string(text(name)));
  nb::handle row = table[name];
  OpInfo op;
  op.name = "weft." + std::string(text(name));
  op.inferred = nb::cast<bool>(row.attr("inferred"));
  op.segments = nb::cast<bool>(row.attr("segments"));
  op.operandGroups = nb::len(nb::object(row.attr("operands")));
  for (nb::handle attribute : row.attr("attributes")) {
    AttrInfo entry;
    entry.name = text(attribute[0]);
    entry.identifier = api().mlirIdentifierGet(context, sref(entry.name));
    std::string_view kind = text(attribute[1]);
    entry.kind = kindOf(kind);
    if (entry.kind == Kind::Enum)
      entry.enumName = kind.substr(5);
    entry.optional = nb::cast<bool>(attribute[2]);
    entry.key = nb::borrow(attribute[0]);
    op.attributes.push_back(std::move(entry));
  }
  names.push_back(nb::borrow(name));
  return known.emplace(name.ptr(), std::move(op)).first->second;
}

MlirAttribute Builder::convert(Kind kind, std::string_view enumName, nb::handle value) {
  auto all = [&](auto &into, auto of) {
    for (nb::handle item : value)
      into.push_back(of(item));
  };
  auto truth = [](nb::handle item) { return nb::cast<bool>(nb::bool_(nb::borrow(item))); };
  MlirAttribute result{nullptr};
  switch (kind) {
  case Kind::I64:
    return api().mlirIntegerAttrGet(api().mlirIntegerTypeGet(context, 64), integer(value));
  case Kind::I32:
    return api().mlirIntegerAttrGet(api().mlirIntegerTypeGet(context, 32), integer(value));
  case Kind::F64:
    return api().mlirFloatAttrDoubleGet(context, api().mlirF64TypeGet(context), nb::cast<double>(value));
  case Kind::F32:
    return api().mlirFloatAttrDoubleGet(context, api().mlirF32TypeGet(context), nb::cast<double>(value));
  case Kind::Bool:
    return api().mlirBoolAttrGet(context, truth(value));
  case Kind::Unit:
    return truth(value) ? api().mlirUnitAttrGet(context) : result;
  case Kind::Str:
    return api().mlirStringAttrGet(context, sref(text(value)));
  case Kind::Symbol:
    return api().mlirFlatSymbolRefAttrGet(context, sref(text(value)));
  case Kind::DType: {
    MlirType element = api().weftElementType(
        context, int32_t(integer(nb::hasattr(value, "code") ? value.attr("code") : nb::borrow(value))));
    if (element.ptr)
      return api().mlirTypeAttrGet(element);
    break;
  }
  case Kind::I64s: {
    std::vector<int64_t> items;
    all(items, integer);
    return api().mlirDenseI64ArrayGet(context, items.size(), items.data());
  }
  case Kind::I32s: {
    std::vector<int32_t> items;
    all(items, [](nb::handle item) { return int32_t(integer(item)); });
    return api().mlirDenseI32ArrayGet(context, items.size(), items.data());
  }
  case Kind::Bools: {
    std::vector<int> items;
    all(items, truth);
    return api().mlirDenseBoolArrayGet(context, items.size(), items.data());
  }
  case Kind::Array: {
    std::vector<MlirAttribute> items;
    all(items, [](nb::handle item) { return nb::cast<Attribute &>(item).raw; });
    return api().mlirArrayAttrGet(context, items.size(), items.data());
  }
  case Kind::Size:
    result = api().weftSizeAttr(context, sref(text(nb::str(value))));
    break;
  case Kind::Enum:
    result = api().weftEnumAttr(context, sref(enumName), sref(text(value)));
    break;
  case Kind::Elements: {
    // (type, bytes in row-major order)
    Py_buffer view;
    nb::object bytes = nb::borrow(value[1]);
    if (PyObject_GetBuffer(bytes.ptr(), &view, PyBUF_SIMPLE))
      throw nb::python_error();
    result = api().weftConstantAttr(nb::cast<Type &>(nb::object(value[0])).raw, view.buf, view.len);
    PyBuffer_Release(&view);
    break;
  }
  }
  if (!result.ptr)
    throw nb::value_error(("not a value of the attribute: " + std::string(text(nb::repr(value)))).c_str());
  return result;
}

Type Builder::tensorType(int32_t dtype, nb::handle shape) {
  std::vector<int64_t> sizes;
  std::vector<nb::object> texts;
  std::vector<MlirStringRef> refs;
  for (nb::handle size : shape) {
    bool fixed = PyLong_Check(size.ptr());
    sizes.push_back(fixed ? integer(size) : -1);
    texts.push_back(fixed ? nb::object() : nb::object(nb::str(size)));
    refs.push_back(fixed ? MlirStringRef{nullptr, 0} : sref(text(texts.back())));
  }
  MlirType type = api().weftTensorType(context, dtype, sizes.size(), sizes.data(), refs.data());
  if (!type.ptr)
    throw nb::value_error("not a tensor type: a dtype's code and sizes that are ints or symbolic");
  return {state->context, type};
}

nb::list Builder::build(const Block &block, nb::str name, nb::handle operands, nb::handle attributes,
                        const Location &location, nb::handle regions, nb::handle resultTypes) {
  const OpInfo &op = info(name);
  std::vector<MlirValue> values;
  std::vector<MlirNamedAttribute> named;
  std::vector<MlirRegion> rawRegions;
  std::vector<MlirType> types;

  if (op.segments) {
    std::vector<int32_t> segments;
    for (nb::handle group : operands) {
      size_t before = values.size();
      if (nb::isinstance<Value>(group))
        values.push_back(nb::cast<Value &>(group).get());
      else
        for (nb::handle value : group)
          values.push_back(nb::cast<Value &>(value).get());
      segments.push_back(int32_t(values.size() - before));
    }
    if (segments.size() != op.operandGroups)
      throw nb::value_error((op.name + " takes " + std::to_string(op.operandGroups) + " groups of operands").c_str());
    named.push_back({api().mlirIdentifierGet(context, sref("operandSegmentSizes")),
                     api().mlirDenseI32ArrayGet(context, segments.size(), segments.data())});
  } else {
    for (nb::handle value : operands)
      values.push_back(nb::cast<Value &>(value).get());
  }

  size_t used = 0;
  for (const AttrInfo &attribute : op.attributes) {
    PyObject *value = PyDict_GetItemWithError(attributes.ptr(), attribute.key.ptr());
    if (!value)
      continue; // where it is not optional, the op's own check names it
    ++used;
    if (value == Py_None)
      continue;
    MlirAttribute converted = convert(attribute.kind, attribute.enumName, value);
    if (converted.ptr)
      named.push_back({attribute.identifier, converted});
  }
  if (used != size_t(PyDict_Size(attributes.ptr())))
    throw nb::value_error((op.name + " has no such attribute: " + std::string(text(nb::repr(attributes)))).c_str());

  for (nb::handle region : regions)
    rawRegions.push_back(nb::cast<Region &>(region).get());
  bool infer = resultTypes.is_none();
  if (!infer)
    for (nb::handle type : resultTypes)
      types.push_back(nb::cast<Type &>(type).raw);

  WeftBuild request = {block.get(),       sref(op.name),
                       location.raw,      intptr_t(values.size()),
                       values.data(),     intptr_t(named.size()),
                       named.data(),      intptr_t(rawRegions.size()),
                       rawRegions.data(), infer ? -1 : intptr_t(types.size()),
                       types.data()};
  Bytes error;
  MlirOperation made = api().weftBuildOp(&request, &error);
  if (!made.ptr)
    throw nb::value_error(std::string(error.view()).c_str());
  for (MlirRegion region : rawRegions) // the op owns them now
    for (size_t i = 0; i < state->detached.size(); ++i)
      if (state->detached[i].ptr == region.ptr) {
        state->detached.erase(state->detached.begin() + i);
        break;
      }
  nb::list results;
  for (intptr_t i = 0, n = api().mlirOperationGetNumResults(made); i < n; ++i)
    results.append(Value(state, api().mlirOperationGetResult(made, i)));
  return results;
}

/// The user's place as raw bytes: code object and instruction of each frame that is not internal, innermost first. None
/// where a file was never judged (source.is_internal does that, once a file).
nb::object frameKey(nb::dict internalFiles, size_t limit) {
  std::vector<uintptr_t> key;
  PyFrameObject *frame = PyThreadState_GetFrame(PyThreadState_Get());
  bool known = true;
  while (frame && known && key.size() < 2 * limit) {
    PyCodeObject *code = PyFrame_GetCode(frame);
    PyObject *internal = PyDict_GetItem(internalFiles.ptr(), code->co_filename);
    known = internal;
    if (internal == Py_False) {
      key.push_back(uintptr_t(code));
      key.push_back(uintptr_t(PyFrame_GetLasti(frame)));
    }
    Py_DECREF(code); // its frame, or a frame's caller, keeps it
    PyFrameObject *back = PyFrame_GetBack(frame);
    Py_DECREF(frame);
    frame = back;
  }
  Py_XDECREF(frame);
  return known ? nb::object(nb::bytes(reinterpret_cast<const char *>(key.data()), key.size() * sizeof(uintptr_t)))
               : nb::none();
}

} // namespace

void bindBuilder(nb::module_ &m) {
  m.def("frame_key", frameKey, nb::arg("internal_files"), nb::arg("limit"),
        "Bytes that are equal for equal places in the user's program, or None where a file is not in the dict.");
  nb::class_<Builder>(m, "Builder", "Builds ops into a module; `ops` is OPS of the generated op table.")
      .def(nb::init<Module &, nb::dict>(), nb::arg("module"), nb::arg("ops"))
      .def("build", &Builder::build, nb::arg("block"), nb::arg("name"), nb::arg("operands"), nb::arg("attributes"),
           nb::arg("location"), nb::arg("regions") = nb::tuple(), nb::arg("result_types") = nb::none(),
           "Appends one op to a block and returns its results. Attributes are Python values of the kinds in the op "
           "table;\n"
           "None leaves one out. Where the op has several variadic operands, each group is a list.\n"
           "Raises ValueError with the op's own complaint; then nothing was built.")
      .def("tensor_type", &Builder::tensorType, nb::arg("dtype"), nb::arg("shape"),
           "A tensor type from a dtype's code and sizes (ints, or anything whose str() is a size).")
      .def(
          "attribute",
          [](Builder &self, std::string_view kind, nb::handle value) {
            Kind parsed = kindOf(kind);
            MlirAttribute made = self.convert(parsed, parsed == Kind::Enum ? kind.substr(5) : "", value);
            return Attribute{self.state->context, made};
          },
          nb::arg("kind"), nb::arg("value"), "An attribute of a kind of the op table.")
      .def(
          "function",
          [](Builder &self, std::string_view name, bool isPrivate, nb::sequence types, nb::sequence locations,
             const Location &location) {
            std::vector<MlirType> rawTypes;
            std::vector<MlirLocation> rawLocations;
            for (nb::handle type : types)
              rawTypes.push_back(nb::cast<Type &>(type).raw);
            for (nb::handle place : locations)
              rawLocations.push_back(nb::cast<Location &>(place).raw);
            if (rawTypes.size() != rawLocations.size())
              throw nb::value_error("one location for each argument");
            return Operation(self.state,
                             api().weftFunctionCreate(self.state->module, sref(name), isPrivate, rawTypes.size(),
                                                      rawTypes.data(), rawLocations.data(), location.raw));
          },
          nb::arg("name"), nb::arg("private"), nb::arg("types"), nb::arg("locations"), nb::arg("location"),
          "A function with an entry block and no results yet.")
      .def(
          "body",
          [](Builder &self, const Operation &function) {
            return Block(self.state, api().weftFunctionBody(function.get()));
          },
          nb::arg("function"), "The entry block of a function.")
      .def(
          "finish",
          [](Builder &, const Operation &function, nb::sequence results, const Location &location) {
            std::vector<MlirValue> values;
            for (nb::handle value : results)
              values.push_back(nb::cast<Value &>(value).get());
            api().weftFunctionFinish(function.get(), values.size(), values.data(), location.raw);
          },
          nb::arg("function"), nb::arg("results"), nb::arg("location"), "Ends a function: its return, and its type.")
      .def(
          "extract",
          [](Builder &self, const Value &value, nb::sequence known) -> nb::object {
            std::vector<MlirValue> values;
            for (nb::handle k : known)
              values.push_back(nb::cast<Value &>(k).get());
            auto isNeeded = std::make_unique<bool[]>(values.size());
            MlirModule made =
                api().weftExtract(self.state->module, value.get(), values.size(), values.data(), isNeeded.get());
            if (!made.ptr)
              return nb::none();
            nb::list needed;
            for (size_t i = 0; i < values.size(); ++i)
              if (isNeeded[i])
                needed.append(i);
            return nb::make_tuple(Module{std::make_shared<ModuleState>(self.state->context, made)}, needed);
          },
          nb::arg("value"), nb::arg("known"),
          "A module whose @main computes a value from known ones of its block, and the numbers of those that it takes; "
          "None\nwhere it needs more.")
      .def(
          "set_argument_attribute",
          [](Builder &, const Operation &function, intptr_t index, std::string_view name, const Attribute &value) {
            api().weftFunctionSetArgAttr(function.get(), index, sref(name), value.raw);
          },
          nb::arg("function"), nb::arg("index"), nb::arg("name"), nb::arg("value"))
      .def(
          "set_attribute",
          [](Builder &, const Operation &op, std::string_view name, const Attribute &value) {
            api().mlirOperationSetDiscardableAttributeByName(op.get(), sref(name), value.raw);
          },
          nb::arg("op"), nb::arg("name"), nb::arg("value"), "Sets a discardable attribute, such as weft.assume.")
      .def(
          "add_argument",
          [](Builder &self, const Block &block, const Type &type, const Location &location) {
            return Value(self.state, api().mlirBlockAddArgument(block.get(), type.raw, location.raw));
          },
          nb::arg("block"), nb::arg("type"), nb::arg("location"))
      .def(
          "region",
          [](Builder &self, nb::sequence types, const Location &location) {
            std::vector<MlirType> rawTypes;
            for (nb::handle type : types)
              rawTypes.push_back(nb::cast<Type &>(type).raw);
            std::vector<MlirLocation> locations(rawTypes.size(), location.raw);
            MlirRegion region = api().mlirRegionCreate();
            self.state->detached.push_back(region);
            MlirBlock block = api().mlirBlockCreate(rawTypes.size(), rawTypes.data(), locations.data());
            api().mlirRegionAppendOwnedBlock(region, block);
            return nb::make_tuple(Region(self.state, region), Block(self.state, block));
          },
          nb::arg("types"), nb::arg("location"), "A region of one block for an op to come: (region, block).");
}

} // namespace weft::python
