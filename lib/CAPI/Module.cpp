// Decides how modules come and go over the C API: contexts, reading, printing, functions, looking at ops.
#include "Support.h"
#include "mlir/CAPI/Utils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "weft/InitAll.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace weft::capi;

MlirContext weftContextCreate() {
  [[maybe_unused]] static bool passes = (weft::registerPasses(), true);
  DialectRegistry registry;
  weft::registerDialects(registry);
  auto *context = new MLIRContext(registry, MLIRContext::Threading::DISABLED);
  context->printOpOnDiagnostic(false); // users want the line, not the IR
  // Tracing builds these by name; the later stages load theirs when a pass asks.
  context->loadDialect<weft::WeftDialect, func::FuncDialect>();
  return wrap(context);
}

MlirModule weftModuleParse(MlirContext context, MlirStringRef text, MlirStringRef fileName, WeftBytes *error) {
  Diagnostics diagnostics(unwrap(context));
  // The bytecode reader wants 64-byte alignment, which a small heap buffer does not have by itself.
  auto buffer = llvm::WritableMemoryBuffer::getNewUninitMemBuffer(text.length, unwrap(fileName), llvm::Align(64));
  std::memcpy(buffer->getBufferStart(), text.data, text.length);
  auto manager = std::make_shared<llvm::SourceMgr>();
  manager->AddNewSourceBuffer(std::move(buffer), llvm::SMLoc());
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(manager, ParserConfig(unwrap(context)));
  if (!module)
    diagnostics.into(error, "the text is not a module");
  return wrap(module.release());
}

void weftOperationPrint(MlirOperation op, int32_t flags, MlirStringCallback callback, void *user) {
  mlir::detail::CallbackOstream stream(callback, user);
  OpPrintingFlags options;
  options.enableDebugInfo(flags & WEFT_PRINT_LOCATIONS, /*prettyForm=*/false);
  if (flags & WEFT_PRINT_GENERIC)
    options.printGenericOpForm();
  if (flags & WEFT_PRINT_ELIDE) {
    options.elideLargeElementsAttrs();
    options.elideLargeResourceString();
  }
  unwrap(op)->print(stream, options);
}

bool weftOperationVerify(MlirOperation op, WeftBytes *error) {
  Diagnostics diagnostics(unwrap(op)->getContext());
  if (succeeded(verify(unwrap(op))))
    return true;
  diagnostics.into(error, "the module does not verify");
  return false;
}

void weftRegisteredOps(MlirContext context, MlirStringRef dialect, MlirStringCallback callback, void *user) {
  for (RegisteredOperationName name : unwrap(context)->getRegisteredOperationsByDialect(unwrap(dialect)))
    callback(wrap(name.getStringRef()), user);
}

intptr_t weftOperationNumAttributes(MlirOperation op) { return unwrap(op)->getAttrDictionary().size(); }

MlirNamedAttribute weftOperationAttribute(MlirOperation op, intptr_t index) {
  NamedAttribute attribute = unwrap(op)->getAttrDictionary().getValue()[index];
  return {wrap(attribute.getName()), wrap(attribute.getValue())};
}

MlirOperation weftFunctionCreate(MlirModule module, MlirStringRef name, bool isPrivate, intptr_t numArgs,
                                 const MlirType *types, const MlirLocation *locations, MlirLocation location) {
  ModuleOp parent = unwrap(module);
  OpBuilder builder = OpBuilder::atBlockEnd(parent.getBody());
  auto function =
      func::FuncOp::create(builder, unwrap(location), unwrap(name), builder.getFunctionType(TypeRange(), TypeRange()));
  if (isPrivate)
    function.setPrivate();
  Block *entry = new Block;
  function.getBody().push_back(entry);
  for (intptr_t i = 0; i < numArgs; ++i)
    entry->addArgument(unwrap(types[i]), unwrap(locations[i]));
  return wrap(function.getOperation());
}

MlirBlock weftFunctionBody(MlirOperation function) {
  return wrap(&llvm::cast<func::FuncOp>(unwrap(function)).getBody().front());
}

void weftFunctionFinish(MlirOperation function, intptr_t numResults, const MlirValue *results, MlirLocation location) {
  auto op = llvm::cast<func::FuncOp>(unwrap(function));
  SmallVector<Value> values;
  for (intptr_t i = 0; i < numResults; ++i)
    values.push_back(unwrap(results[i]));
  Block &entry = op.getBody().front();
  OpBuilder builder = OpBuilder::atBlockEnd(&entry);
  func::ReturnOp::create(builder, unwrap(location), values);
  op.setType(builder.getFunctionType(entry.getArgumentTypes(), TypeRange(ValueRange(values))));
}

void weftFunctionSetArgAttr(MlirOperation function, intptr_t index, MlirStringRef name, MlirAttribute attribute) {
  llvm::cast<func::FuncOp>(unwrap(function)).setArgAttr(index, unwrap(name), unwrap(attribute));
}

MlirModule weftExtract(MlirModule module, MlirValue wanted, intptr_t numKnown, const MlirValue *known, bool *isNeeded) {
  Value value = unwrap(wanted);
  DenseMap<Value, intptr_t> numbers;
  for (intptr_t i = 0; i < numKnown; ++i) {
    numbers[unwrap(known[i])] = i;
    isNeeded[i] = false;
  }
  llvm::SetVector<Operation *> needed;
  SmallVector<Value> open{value};
  while (!open.empty()) {
    Value next = open.pop_back_val();
    if (auto it = numbers.find(next); it != numbers.end()) {
      isNeeded[it->second] = true;
      continue;
    }
    Operation *op = next.getDefiningOp();
    if (!op || op->getBlock() != value.getParentBlock())
      return {nullptr};
    if (needed.insert(op))
      llvm::append_range(open, op->getOperands());
  }

  auto made = ModuleOp::create(value.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(made.getBody());
  auto main = func::FuncOp::create(builder, value.getLoc(), "main", builder.getFunctionType({}, {}));
  Block *body = main.addEntryBlock();
  IRMapping copies;
  for (intptr_t i = 0; i < numKnown; ++i)
    if (isNeeded[i])
      copies.map(unwrap(known[i]), body->addArgument(unwrap(known[i]).getType(), value.getLoc()));
  main.setFunctionType(builder.getFunctionType(body->getArgumentTypes(), {value.getType()}));
  auto ops = needed.takeVector();
  llvm::sort(ops, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  builder.setInsertionPointToEnd(body);
  for (Operation *op : ops)
    builder.clone(*op, copies);
  func::ReturnOp::create(builder, value.getLoc(), copies.lookup(value));

  // What is called, and what that calls.
  SymbolTable from(unwrap(module)), to(made);
  SmallVector<Operation *> users{main};
  while (!users.empty()) {
    auto uses = SymbolTable::getSymbolUses(users.pop_back_val());
    for (SymbolTable::SymbolUse use : uses ? *uses : SymbolTable::UseRange({})) {
      StringAttr name = use.getSymbolRef().getLeafReference();
      Operation *function = to.lookup(name) ? nullptr : from.lookup(name);
      if (function)
        users.push_back(to.lookup(to.insert(function->clone())));
    }
  }
  return wrap(made);
}
