// Decides the dialect itself, its types and attributes, and the base class of its ops.
#ifndef WEFT_BASE
#define WEFT_BASE

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "weft/Dialect/Weft/WeftInterfaces.td"

def Weft_Dialect : Dialect {
  let name = "weft";
  let cppNamespace = "::weft";
  let summary = "A graph of array operations";
  let description = [{
    Values are immutable tensors; nothing broadcasts or promotes by itself; every op but the effect ops is total. Every
    dynamic size has a name in the tensor's type (`#weft.dims`). See docs/architecture.md.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 0;
}

//===-- Types and attributes ------------------------------------------------------------------------------------===//

class Weft_Type<string name, string keyword> : TypeDef<Weft_Dialect, name> { let mnemonic = keyword; }
class Weft_Attr<string name, string keyword> : AttrDef<Weft_Dialect, name> { let mnemonic = keyword; }

def Weft_KeyType : Weft_Type<"Key", "key"> {
  let summary = "A key of the random number generator, as an element type";
  let description = [{
    Two 32-bit words, the key of Threefry-2x32: a `ui32` dimension of size 2 in memory, one 64-bit integer (the first word
    is its low half) in kernels. Keys are moved, chosen and carried as any element is; they have no arithmetic, and no
    constants: `weft.wrap_key_data` makes them of words.
  }];
}

def Weft_DimsAttr : Weft_Attr<"Dims", "dims"> {
  let summary = "The names of a tensor's dynamic sizes";
  let description = [{
    The encoding of a ranked tensor: one entry per dimension, `_` where the size is static, else a polynomial over
    symbols in its normal form. Two dynamic sizes are equal only if their entries are.

    Example: `tensor<?x4x?xf32, #weft.dims<B, _, 2*S>>`
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$sizes);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// The size of dimension `i` as an expression; only for entries that are not `_`.
    ::weft::SizeExpr getSize(unsigned i) const;
  }];
}

def Weft_PanelAttr : Weft_Attr<"Panel", "panel"> {
  let summary = "The layout of a contraction's operand, packed";
  let description = [{
    The encoding of a tensor of static sizes that stands in memory as strips: `strip` neighbours along the dimensions
    `lanes` (taken as one), for each step along the dimensions `folded` (taken as one) side by side; then the next strip.
    The last strip is as long as the others. Every dimension is in one of the two lists.

    Example: `tensor<768x40xf32, #weft.panel<16, lanes = [1], folded = [0]>>` has 3 strips of 768 x 16 numbers.
  }];
  let parameters = (ins "int64_t":$strip, ArrayRefParameter<"int64_t">:$lanes, ArrayRefParameter<"int64_t">:$folded);
  let assemblyFormat = "`<` $strip `,` `lanes` `=` `[` $lanes `]` `,` `folded` `=` `[` $folded `]` `>`";
}

def Weft_SizeAttr : Weft_Attr<"Size", "size"> {
  let summary = "One size, static or named";
  let description = "Example: `#weft.size<128>`, `#weft.size<2*S>`";
  let parameters = (ins "::mlir::StringAttr":$text);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static SizeAttr get(::mlir::MLIRContext *context, const ::weft::SizeExpr &size);
    ::weft::SizeExpr getSize() const;
  }];
}

class Weft_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::weft";
  let genSpecializedAttr = 0;
}
class Weft_EnumAttr<EnumInfo info, string keyword> : EnumAttr<Weft_Dialect, info, keyword> {
  let assemblyFormat = "`<` $value `>`";
}
def Weft_SlotKind : Weft_Enum<"SlotKind", "What a value's place is relative to", [
  I32EnumAttrCase<"Arena", 0, "arena">, I32EnumAttrCase<"Result", 1, "result">, I32EnumAttrCase<"Next", 2, "next">,
  I32EnumAttrCase<"Row", 3, "row">, I32EnumAttrCase<"Branch", 4, "branch">, I32EnumAttrCase<"Alias", 5, "alias">,
  I32EnumAttrCase<"InPlace", 6, "in_place">, I32EnumAttrCase<"Frame", 7, "frame">,
  I32EnumAttrCase<"Register", 8, "register">, I32EnumAttrCase<"Over", 9, "over">,
  I32EnumAttrCase<"Kept", 10, "kept">]>;
def Weft_SlotAttr : Weft_Attr<"Slot", "slot"> {
  let summary = "Where a value lives, decided by plan-memory";
  let description = [{
    `arena E`: byte E of the function's frame; `result i`: the buffer of result i of the function; `next k`: the place of
    the next value of carry k of the loop around; `row k`: this step's row of result k of the loop around; `branch k`:
    the place of result k of the `if` or `sized` around; `alias`: where operand 0 lives; `in_place`: no second place (of a
    carry); `frame E`: byte E of the memory of the `sized` around; `register n`: variable n of the function, which only code
    inlined into it touches; `over n`: where operand n lives, which nothing reads any more; `kept E`: byte E of
    the memory that stays from call to call.

    Example: `#weft.slot<arena 64*(4*B+63 floordiv 64)>`, `#weft.slot<result 0>`
  }];
  let parameters = (ins "::weft::SlotKind":$kind, "::mlir::StringAttr":$text);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static SlotAttr get(::mlir::MLIRContext *context, SlotKind kind, const ::weft::SizeExpr &place = 0);
    /// The offset or index; 0 for the kinds without one.
    ::weft::SizeExpr getPlace() const;
    int64_t getIndex() const { return *getPlace().constant(); }
  }];
}
def Weft_ReduceKind : Weft_Enum<"ReduceKind", "What a reduction combines with", [
  I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Mul", 1, "mul">, I32EnumAttrCase<"Min", 2, "min">,
  I32EnumAttrCase<"Max", 3, "max">, I32EnumAttrCase<"And", 4, "and">, I32EnumAttrCase<"Or", 5, "or">]>;
def Weft_ReduceKindAttr : Weft_EnumAttr<Weft_ReduceKind, "reduce_kind">;

//===-- Element types: the one list ------------------------------------------------------------------------------===//

defvar Weft_FloatTypes = [F16, BF16, F32, F64];
defvar Weft_SignedTypes = [I8, I16, I32, I64];
defvar Weft_UnsignedTypes = [UI8, UI16, UI32, UI64];
defvar Weft_IntTypes = Weft_SignedTypes # Weft_UnsignedTypes;
defvar Weft_ComplexTypes = [Complex<F32>, Complex<F64>];
def Weft_KeyElement : Type<CPred<"::llvm::isa<::weft::KeyType>($_self)">, "a key">;

def Weft_Float : RankedTensorOf<Weft_FloatTypes>;
def Weft_Int : RankedTensorOf<Weft_IntTypes>;
def Weft_Bool : RankedTensorOf<[I1]>;
def Weft_IntOrBool : RankedTensorOf<[I1] # Weft_IntTypes>;
def Weft_Signed : RankedTensorOf<Weft_SignedTypes # Weft_FloatTypes>;
def Weft_Number : RankedTensorOf<Weft_IntTypes # Weft_FloatTypes>;
def Weft_Plain : RankedTensorOf<[I1] # Weft_IntTypes # Weft_FloatTypes>;
def Weft_Any : RankedTensorOf<[I1] # Weft_IntTypes # Weft_FloatTypes # Weft_ComplexTypes # [Weft_KeyElement]>;
/// What control flow may carry: any value type of the dialect (today: tensors).
def Weft_Value : Type<CPred<"::llvm::isa<::mlir::RankedTensorType>($_self)">, "a Weft value">;
def Weft_CountScalar : Type<And<[RankedTensorOf<[I64]>.predicate, HasAnyRankOfPred<[0]>]>, "a 64-bit integer scalar tensor">;
def Weft_IndexScalar : Type<And<[Weft_IntOrBool.predicate, HasAnyRankOfPred<[0]>]>, "an integer or bool scalar tensor">;

//===-- Ops --------------------------------------------------------------------------------------------------------===//

class Weft_Op<string mnemonic, list<Trait> traits = []> : Op<Weft_Dialect, mnemonic, traits>;

/// A pure op whose result types follow from its operands and attributes.
class Weft_PureOp<string mnemonic, list<Trait> traits = []>
    : Weft_Op<mnemonic, [Pure, DeclareOpInterfaceMethods<InferTypeOpInterface>] # traits>;

/// A pure op that is not elementwise: every rule is written in its family's .cpp. `derivative` is its one derivative rule.
class Weft_StructuredOp<string mnemonic, Trait derivative, list<Trait> traits = []>
    : Weft_PureOp<mnemonic, [
        DeclareOpInterfaceMethods<FusionOpInterface>, DeclareOpInterfaceMethods<ReferenceOpInterface>,
        DeclareOpInterfaceMethods<LowerOpInterface>, DeclareOpInterfaceMethods<BatchOpInterface>, derivative] # traits> {
  let hasVerifier = 1;
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}
defvar Weft_Linear = DeclareOpInterfaceMethods<TransposeOpInterface, ["isLinearIn", "isJointlyLinear"]>;
defvar Weft_Jvp = DeclareOpInterfaceMethods<JvpOpInterface>;
defvar Weft_NoDerivative = NoDerivativeOpInterface;

/// As above, but the result's type is given, not inferred (it names the sizes).
class Weft_NamedResultOp<string mnemonic, Trait derivative, list<Trait> traits = []>
    : Weft_Op<mnemonic, [Pure,
        DeclareOpInterfaceMethods<FusionOpInterface>, DeclareOpInterfaceMethods<ReferenceOpInterface>,
        DeclareOpInterfaceMethods<LowerOpInterface>, DeclareOpInterfaceMethods<BatchOpInterface>, derivative] # traits> {
  let hasVerifier = 1;
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

/// A composite: a name worth keeping for derivatives and for who reads a program, made of core ops (`decompose`). The
/// reference runs what it is made of, and weft-decompose puts that in its place when no derivative or batch will be asked
/// for any more; weft-raise finds the written-out form.
class Weft_Composite<string mnemonic, Trait derivative, list<Trait> traits = []>
    : Weft_PureOp<mnemonic, [
        DeclareOpInterfaceMethods<DecomposeOpInterface>, DeclareOpInterfaceMethods<ReferenceOpInterface>,
        DeclareOpInterfaceMethods<BatchOpInterface>, derivative] # traits> {
  let hasVerifier = 1;
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
  let extraClassDefinition = [{
    ::mlir::LogicalResult $cppClass::evaluate(::weft::Interpreter &interpreter, ::llvm::ArrayRef<::weft::Tensor> operands,
        ::llvm::SmallVectorImpl<::weft::Tensor> &results) {
      return interpreter.runDecomposed(*this, operands, results);
    }
  }];
}

#endif
