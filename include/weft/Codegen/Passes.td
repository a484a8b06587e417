// The passes of code generation.
#ifndef WEFT_CODEGEN_PASSES
#define WEFT_CODEGEN_PASSES

include "mlir/Pass/PassBase.td"

def AssignLayout : Pass<"weft-assign-layout", "::mlir::ModuleOp"> {
  let summary = "packs operands of contractions once that many launches read (kernels -> planned)";
  let description = [{
    Where the schedule of a launched kernel would pack an operand (of known sizes) that is the same in each trip of a
    loop around, or that is a captured array, which is the same from call to call, a kernel of its own (weft.pack) lays it
    out before the loop, or at the beginning of @main: that launch is `weft.kept`, and runs only when the array is another
    one than in the last call. The layout is the operand's type from then on (#weft.panel).
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "host, x86-64-v3, x86-64-v4, aarch64">,
                 Option<"keepLines", "keep-lines", "bool", "false", "As weft-share-kernels: share nothing">,
                 Option<"keepBytes", "keep-bytes", "int64_t", "-1",
                   "how many bytes may stay from call to call (below 0: any number); what does not fit is packed as any operand">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"];
}

def RunBeside : Pass<"weft-run-beside", "::mlir::ModuleOp"> {
  let summary = "says which ops of a block run side by side, on different threads (kernels -> planned)";
  let description = [{
    Loops, calls and factorisations of one block that depend on none of each other, each long enough to be worth a thread,
    become the parts of a group: brought together, and marked `weft.beside = array<i64: group, part>`, with an
    estimate of their time on one thread and of how much of it loops inside can share, `weft.beside_ns`. Effects stay in
    order, so nothing with effects is a part, and no group goes over one. Whether the parts do run at once is decided when
    they run (weft_rt_beside): by the number of threads, and by how long they took the last time.
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "host, x86-64-v3, x86-64-v4, aarch64">];
}

def ScheduleKernels : Pass<"weft-schedule-kernels", "::mlir::ModuleOp"> {
  let summary = "chooses how each kernel's loops run (linalg -> scheduled)";
  let description = [{
    Puts `weft.schedule` on each kernel function that has none: the form of its loops (sweep, tile, pieces, scan,
    scatter, sort, pack), lanes, the register tile, blocks, packing. A schedule written by hand is kept.
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "host, x86-64-v3, x86-64-v4, aarch64">];
}

def EmitKernels : Pass<"weft-emit-kernels", "::mlir::ModuleOp"> {
  let summary = "writes the loops of each kernel function (linalg -> bufferized)";
  let description = [{
    Each function with `weft.kernel` becomes one over pointers and sizes, in scf, arith, math, vector and llvm loads and
    stores, by one of the leaf emitters (sweep, tile, pieces, scan, scatter, sort, pack). Buffers are given by the caller;
    nothing is allocated.
  }];
  let options = [Option<"target", "target", "std::string", "\"host\"", "host, x86-64-v3, x86-64-v4, aarch64">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def LowerEntry : Pass<"weft-lower-entry", "::mlir::ModuleOp"> {
  let summary = "turns planned functions into the program's one native entry";
  let description = [{
    @main becomes `@weft_entry(%call, %args) -> i32` (weft/Runtime/ABI.h): it reads the argument shapes, solves and
    checks the named sizes and the assumptions, asks once for the arena and once per result for its buffer, then runs the
    program. Every other planned function @f becomes `@f(%call, arguments..., results..., %arena, symbols...) -> i32`,
    called directly. A launch is a call of `@k(%call, operands..., results..., symbols...)`; a kernel that has no code in
    that form yet is left as a declaration. Pointers are bare, sizes are i64, control flow is `cf`.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect"];
}

def LowerToLLVM : Pass<"weft-lower-to-llvm", "::mlir::ModuleOp"> {
  let summary = "turns bufferized kernels and the entry into the LLVM dialect";
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::cf::ControlFlowDialect"];
}

def DebugLines : Pass<"weft-debug-lines", "::mlir::ModuleOp"> {
  let summary = "leaves one line of the user's program on each op of the LLVM dialect, for a line table";
  let description = [{
    The innermost line of the first of an op's locations; an op that has none takes its function's. Upstream's
    `ensure-debug-info-scope-on-llvm-func` after it makes the scopes without which translation drops every location.
  }];
}

#endif
