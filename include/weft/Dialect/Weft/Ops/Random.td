// Decides the random family: what can be done with keys of the random number generator. Distributions are functions of
// bits (python/weft/random.py), so that they fuse with what reads them.
#ifndef WEFT_RANDOM
#define WEFT_RANDOM

include "weft/Dialect/Weft/WeftBase.td"

def Weft_Key : RankedTensorOf<[Weft_KeyElement]>;
def Weft_Word : RankedTensorOf<[UI32]>;
def Weft_Bits : RankedTensorOf<Weft_UnsignedTypes>;

/// A pure op on keys: its result does not vary smoothly with anything.
class Weft_KeyOp<string mnemonic> : Weft_StructuredOp<mnemonic, NoDerivativeOpInterface> {
  let extraClassDeclaration = [{
    ::llvm::StringRef whyNoDerivative() { return "keys and random bits do not vary smoothly"; }
  }];
}

def Weft_RandomBitsOp : Weft_KeyOp<"random_bits"> {
  let summary = "random bits, one word for each element of the shape";
  let description = [{
    The word at an index is a function of the key there, of the row-major number n of the index among the dimensions
    from `first` on, and of the dtype, whatever is batched, fused or run by many threads: Threefry-2x32 of the key at the
    count (n >> 32, n mod 2^32) gives words (a, b); 64 bits are a, b; 32 bits are a xor b; fewer are the low ones of
    those. (J. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011; the counting is that of JAX with
    jax_threefry_partitionable.)

    Example:
    ```mlir
    %k = weft.broadcast %key {dims = array<i64>} : (tensor<!weft.key>) -> tensor<4x!weft.key>
    %r = weft.random_bits %k {first = 0 : i64, dtype = ui32} : (tensor<4x!weft.key>) -> tensor<4xui32>
    ```
  }];
  let arguments = (ins Weft_Key:$keys, I64Attr:$first, TypeAttr:$dtype);
  let results = (outs Weft_Bits:$result);
  let extraClassDeclaration = [{
    ::llvm::StringRef whyNoDerivative() { return "keys and random bits do not vary smoothly"; }
    double getOpsPerElement() { return 90; }
  }];
}

def Weft_FoldInOp : Weft_KeyOp<"fold_in"> {
  let summary = "a new key from a key and a number";
  let description = [{
    Element by element: the two words of Threefry-2x32 of the key at the count (0, number). Keys of different numbers are
    independent; so split(key, n)[i] = fold_in(key, i).

    Example:
    ```mlir
    %r = weft.fold_in %keys, %i : (tensor<4x!weft.key>, tensor<4xui32>) -> tensor<4x!weft.key>
    ```
  }];
  let arguments = (ins Weft_Key:$keys, Weft_Word:$number);
  let results = (outs Weft_Key:$result);
  let extraClassDeclaration = [{
    ::llvm::StringRef whyNoDerivative() { return "keys and random bits do not vary smoothly"; }
    double getOpsPerElement() { return 90; }
  }];
}

def Weft_KeyDataOp : Weft_KeyOp<"key_data"> {
  let summary = "the two words of each key, along a new last dimension";
  let description = [{
    The same bytes under another type.

    Example:
    ```mlir
    %r = weft.key_data %keys : (tensor<4x!weft.key>) -> tensor<4x2xui32>
    ```
  }];
  let arguments = (ins Weft_Key:$keys);
  let results = (outs Weft_Word:$result);
  let hasFolder = 1;
}

def Weft_WrapKeyDataOp : Weft_KeyOp<"wrap_key_data"> {
  let summary = "keys of given words, two along the last dimension";
  let description = [{
    The same bytes under another type.

    Example:
    ```mlir
    %r = weft.wrap_key_data %words : (tensor<4x2xui32>) -> tensor<4x!weft.key>
    ```
  }];
  let arguments = (ins Weft_Word:$words);
  let results = (outs Weft_Key:$result);
  let hasFolder = 1;
}

#endif
