// Decides the linear algebra family: factors of matrices and triangular systems, which a library of the runtime computes
// between kernels (Eigen; weft/Runtime/Linalg.h). Their last bits are that library's: they are outside of the promise of
// equal bits on all processors.
//
// All take matrices, m by n, in the last two dimensions; those before count them. k is the less of m and n. A matrix
// without such a factor, or with NaN or infinity in it, gives NaN.
#ifndef WEFT_LINALG
#define WEFT_LINALG

include "weft/Dialect/Weft/WeftBase.td"

def LibraryOpInterface : Weft_OpInterface<"LibraryOpInterface"> {
  let description = [{
    An op that the runtime computes by a library, between kernels, as an effect is performed; but it has no effect.
  }];
  let methods = [
    InterfaceMethod<"The routine and its options as the runtime reads them (weft/Runtime/Linalg.h).",
      "int64_t", "getRoutine">,
    InterfaceMethod<"About how many operations it takes; a named size counts as 256.", "double", "getCost">];
}

def Weft_WideFloat : RankedTensorOf<[F32, F64]>;
def Weft_Order : RankedTensorOf<[I64]>;

class Weft_LibraryOp<string mnemonic, list<Trait> traits>
    : Weft_PureOp<mnemonic, [
        DeclareOpInterfaceMethods<ReferenceOpInterface>, DeclareOpInterfaceMethods<BatchOpInterface>,
        DeclareOpInterfaceMethods<LibraryOpInterface>] # traits> {
  let hasVerifier = 1;
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}

/// Factors of one operand. Their derivatives are equations between several results, which are written in matrices:
/// weft.linalg's functions have them as rules of their own.
class Weft_FactorOp<string mnemonic> : Weft_LibraryOp<mnemonic, [NoDerivativeOpInterface]> {
  let extraClassDeclaration = [{
    ::llvm::StringRef whyNoDerivative() { return "the functions of weft.linalg have rules for it"; }
  }];
}

def Weft_CholeskyOp : Weft_FactorOp<"cholesky"> {
  let summary = "the triangular factor of positive definite matrices";
  let description = [{
    The lower triangular L with x = L L', from the lower triangle of x.

    Example:
    ```mlir
    %l = weft.cholesky %x : (tensor<5x3x3xf64>) -> tensor<5x3x3xf64>
    ```
  }];
  let arguments = (ins Weft_WideFloat:$x);
  let results = (outs Weft_WideFloat:$lower);
}

def Weft_LUOp : Weft_FactorOp<"lu"> {
  let summary = "the factors of elimination with exchanged rows";
  let description = [{
    Both factors in one matrix (L below the diagonal, without its ones; U from the diagonal on), and the order of rows: x
    in that order is L U, and no element of L is greater than 1.

    Example:
    ```mlir
    %both, %order = weft.lu %x : (tensor<5x4x3xf64>) -> (tensor<5x4x3xf64>, tensor<5x4xi64>)
    ```
  }];
  let arguments = (ins Weft_WideFloat:$x);
  let results = (outs Weft_WideFloat:$both, Weft_Order:$order);
}

def Weft_QROp : Weft_FactorOp<"qr"> {
  let summary = "an orthogonal and a triangular factor";
  let description = [{
    Q, m by k with orthonormal columns, and the upper triangular R, k by n, with x = Q R; where `complete`, m by m and m
    by n.

    Example:
    ```mlir
    %q, %r = weft.qr %x {complete = false} : (tensor<5x4x3xf64>) -> (tensor<5x4x3xf64>, tensor<5x3x3xf64>)
    ```
  }];
  let arguments = (ins Weft_WideFloat:$x, BoolAttr:$complete);
  let results = (outs Weft_WideFloat:$q, Weft_WideFloat:$r);
}

def Weft_EighOp : Weft_FactorOp<"eigh"> {
  let summary = "the eigenvalues and eigenvectors of symmetric matrices";
  let description = [{
    The eigenvalues, ascending, and orthonormal eigenvectors as columns, from the lower triangle of x.

    Example:
    ```mlir
    %w, %v = weft.eigh %x : (tensor<5x3x3xf64>) -> (tensor<5x3xf64>, tensor<5x3x3xf64>)
    ```
  }];
  let arguments = (ins Weft_WideFloat:$x);
  let results = (outs Weft_WideFloat:$values, Weft_WideFloat:$vectors);
}

def Weft_EigvalshOp : Weft_FactorOp<"eigvalsh"> {
  let summary = "the eigenvalues of symmetric matrices";
  let description = [{
    As `eigh`, without the vectors, which take most of its time.

    Example:
    ```mlir
    %w = weft.eigvalsh %x : (tensor<5x3x3xf64>) -> tensor<5x3xf64>
    ```
  }];
  let arguments = (ins Weft_WideFloat:$x);
  let results = (outs Weft_WideFloat:$values);
}

def Weft_SVDOp : Weft_FactorOp<"svd"> {
  let summary = "the singular values of matrices, and their vectors";
  let description = [{
    U, m by k with orthonormal columns, the singular values s, descending, and V', k by n, with x = U diag(s) V'; where
    `complete`, U is m by m and V' n by n.

    Example:
    ```mlir
    %u, %s, %vh = weft.svd %x {complete = false}
        : (tensor<5x4x3xf64>) -> (tensor<5x4x3xf64>, tensor<5x3xf64>, tensor<5x3x3xf64>)
    ```
  }];
  let arguments = (ins Weft_WideFloat:$x, BoolAttr:$complete);
  let results = (outs Weft_WideFloat:$u, Weft_WideFloat:$s, Weft_WideFloat:$vh);
}

def Weft_SvdvalsOp : Weft_FactorOp<"svdvals"> {
  let summary = "the singular values of matrices";
  let description = [{
    As `svd`, without the vectors, which take most of its time.

    Example:
    ```mlir
    %s = weft.svdvals %x : (tensor<5x4x3xf64>) -> tensor<5x3xf64>
    ```
  }];
  let arguments = (ins Weft_WideFloat:$x);
  let results = (outs Weft_WideFloat:$s);
}

def Weft_TriangularSolveOp : Weft_LibraryOp<"triangular_solve", [Weft_Linear, Weft_Jvp]> {
  let summary = "the solution of triangular systems";
  let description = [{
    The x with a x = b (with `transposed`: a' x = b), for square matrices a of which one triangle is read, its diagonal
    taken as ones where `unit_diagonal`. A zero on the diagonal gives infinity or NaN. The op is linear in b; its
    derivative in a is that of the equation.

    Example:
    ```mlir
    %x = weft.triangular_solve %a, %b {lower = true, transposed = false, unit_diagonal = false}
        : (tensor<5x3x3xf64>, tensor<5x3x2xf64>) -> tensor<5x3x2xf64>
    ```
  }];
  let arguments = (ins Weft_WideFloat:$a, Weft_WideFloat:$b, BoolAttr:$lower, BoolAttr:$transposed,
                       BoolAttr:$unit_diagonal);
  let results = (outs Weft_WideFloat:$result);
}

#endif
