//===- Coefficients.h - polynomials of the math functions -------------------===//
//
// Decides the constants of Definitions.h.  Made by tools/minimax.py (Remez exchange with refitted rounding); edit that,
// not this.  Lowest degree first; the numbers of a f32 table are exact in float.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_COEFFICIENTS_H
#define WEFT_MATH_COEFFICIENTS_H

namespace weft::math {

/// (e^r - 1 - r) / r^2, |r| <= ln2/2; error relative to e^r - 1.
/// f32: degree 4, error 2^-26.0
inline constexpr double kExpm132[] = {
    0x1.fffffe0000000p-2, 0x1.5554b60000000p-3, 0x1.5556c80000000p-5, 0x1.1224680000000p-7, 0x1.6bc8e20000000p-10,
};
/// f64: degree 10, error 2^-61.5
inline constexpr double kExpm164[] = {
    0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.5555555555558p-5,  0x1.111111110f716p-7,
    0x1.6c16c16c1742fp-10, 0x1.a01a01af98fc4p-13, 0x1.a01a01998f62cp-16, 0x1.71ddf9380087bp-19,
    0x1.27e503eecbecbp-22, 0x1.af5d1ac5b11d4p-26, 0x1.1f2710b7d9b50p-29,
};

/// (2^r - 1) / r, |r| <= 1/2; error relative to 2^r.
/// f32: degree 5, error 2^-28.0
inline constexpr double kExp232[] = {
    0x1.62e4300000000p-1, 0x1.ebfbe00000000p-3,  0x1.c6af920000000p-5,
    0x1.3b2bee0000000p-7, 0x1.5efc440000000p-10, 0x1.4259940000000p-13,
};
/// f64: degree 11, error 2^-59.6
inline constexpr double kExp264[] = {
    0x1.62e42fefa39efp-1,  0x1.ebfbdff82c58ep-3,  0x1.c6b08d704a1d5p-5,  0x1.3b2ab6fba5198p-7,
    0x1.5d87fe787412cp-10, 0x1.430912f75a087p-13, 0x1.ffcbfd4a798f9p-17, 0x1.62c02714f5605p-20,
    0x1.b5232f807ddcap-24, 0x1.e4bbf1ce0cd07p-28, 0x1.ec7543a51be41p-32, 0x1.e045d3852b0dep-36,
};

/// (log(1+f) - f + f^2/2) / f^3, sqrt(1/2) <= 1+f <= sqrt(2); error relative to log(1+f).
/// f32: degree 8, error 2^-29.9
inline constexpr double kLog1p32[] = {
    0x1.5555480000000p-2,  -0x1.00000a0000000p-2, 0x1.99a46a0000000p-3,  -0x1.555a700000000p-3, 0x1.233bd60000000p-3,
    -0x1.fc6baa0000000p-4, 0x1.e6fccc0000000p-4,  -0x1.dc87480000000p-4, 0x1.1223760000000p-4,
};
/// f64: degree 20, error 2^-61.6
inline constexpr double kLog1p64[] = {
    0x1.5555555555558p-2,  -0x1.000000000003cp-2, 0x1.999999999909ep-3,  -0x1.555555554b76fp-3, 0x1.24924924e0016p-3,
    -0x1.00000004d5d5dp-3, 0x1.c71c71a245983p-4,  -0x1.9999972b22bb2p-4, 0x1.745d1b1c1a862p-4,  -0x1.5555b0052a3fdp-4,
    0x1.3b13a75f43358p-4,  -0x1.248a485a4cc19p-4, 0x1.11092ea2bcd0fp-4,  -0x1.006c4d1935745p-4, 0x1.e3854eb575cb0p-5,
    -0x1.c0e3160347b9ap-5, 0x1.9bf3a7d261046p-5,  -0x1.a91fd43405ebap-5, 0x1.efb931c0289cep-5,  -0x1.bb01c9e0d02d7p-5,
    0x1.704be4a1cdb9dp-6,
};

/// (sin r - r) / r^3 in z = r^2, |r| <= pi/4; relative to sin r.
/// f32: degree 2, error 2^-27.8
inline constexpr double kSin32[] = {
    -0x1.5555440000000p-3,
    0x1.1106c60000000p-7,
    -0x1.991baa0000000p-13,
};
/// f64: degree 6, error 2^-63.2
inline constexpr double kSin64[] = {
    -0x1.5555555555555p-3,  0x1.1111111111069p-7,  -0x1.a01a019ffe533p-13, 0x1.71de3a33a9180p-19,
    -0x1.ae642c59f8cc4p-26, 0x1.6109c527501acp-33, -0x1.a002796d25ff7p-41,
};

/// (cos r - 1 + r^2/2) / r^4 in z = r^2, |r| <= pi/4; relative to cos r.
/// f32: degree 2, error 2^-32.9
inline constexpr double kCos32[] = {
    0x1.55554a0000000p-5,
    -0x1.6c0c260000000p-10,
    0x1.99e77a0000000p-16,
};
/// f64: degree 6, error 2^-69.0
inline constexpr double kCos64[] = {
    0x1.5555555555555p-5,  -0x1.6c16c16c16b31p-10, 0x1.a01a019ffcf74p-16, -0x1.27e4fb5a7d504p-22,
    0x1.1eed700105860p-29, -0x1.9374fc44ef325p-37, 0x1.9e03e86a9e396p-45,
};

/// (tanh x - x) / x^3 in z = x^2, |x| <= 0.625; relative to tanh x.
/// f32: degree 4, error 2^-27.7
inline constexpr double kTanh32[] = {
    -0x1.5555320000000p-2, 0x1.1106f40000000p-3, -0x1.b8353c0000000p-5, 0x1.51f57a0000000p-6, -0x1.74fba80000000p-8,
};
/// f64: degree 10, error 2^-56.4
inline constexpr double kTanh64[] = {
    -0x1.55555555554ffp-2,  0x1.111111110ac99p-3,  -0x1.ba1ba1b504436p-5,  0x1.664f477a8895cp-6,
    -0x1.226e16243c182p-7,  0x1.d6cf272286bddp-9,  -0x1.7d689a05a7e2bp-10, 0x1.3365d7fdd879cp-11,
    -0x1.df53a196c72ebp-13, 0x1.438cf1f600efep-14, -0x1.0d9ef283493f9p-16,
};

/// erf(x) / x - 1 in z = x^2, |x| <= 1; relative to erf x.
/// f32: degree 6, error 2^-29.4
inline constexpr double kErf32[] = {
    0x1.06eba80000000p-3, -0x1.81273e0000000p-2,  0x1.ce2ce60000000p-4,  -0x1.b7f71a0000000p-6,
    0x1.53f2240000000p-8, -0x1.a351640000000p-11, 0x1.4772360000000p-14,
};
/// f64: degree 15, error 2^-56.3
inline constexpr double kErf64[] = {
    0x1.06eba8214db69p-3,  -0x1.812746b0379e7p-2,  0x1.ce2f21a042be2p-4,  -0x1.b82ce31288b51p-6,
    0x1.565bcd0e6a52fp-8,  -0x1.c02db40040654p-11, 0x1.f9a326f9a687dp-14, -0x1.f4d25c3b53d14p-17,
    0x1.b9e6c9917d9b4p-20, -0x1.5f7428e49add0p-23, 0x1.fcc4c47de1ab7p-27, -0x1.51cfb9d9089bcp-30,
    0x1.9df63237e5ee1p-34, -0x1.d324a8f56429bp-38, 0x1.cf4e0d7065ba9p-42, -0x1.3a14f3a872fa2p-46,
};

/// log(erfc(x)), x from 1 to where erf is 1; error relative to erf x.
/// f32: degree 7, error 2^-34.7
inline constexpr double kErfTail32[] = {
    0x1.8b333a0000000p-13, -0x1.212c2c0000000p+0, -0x1.4434f00000000p-1, -0x1.bc18fe0000000p-4,
    0x1.9d0cca0000000p-6,  -0x1.139b500000000p-8, 0x1.cef6160000000p-12, -0x1.6c1ba40000000p-16,
};
/// f64: degree 19, error 2^-62.0
inline constexpr double kErfTail64[] = {
    -0x1.de043901512afp-26, -0x1.20dd70cb8e2abp+0,  -0x1.45f3272bac645p-1,  -0x1.a4f301f1d8a93p-4,
    0x1.3964cecf6cdfep-6,   0x1.a848a88e4637ep-13,  -0x1.b715bd3146970p-10, 0x1.2199d0361894bp-11,
    0x1.71241894f9adfp-16,  -0x1.d0a64d9d12ffap-14, 0x1.0f9fb67b9c4c0p-14,  -0x1.9759aac65ad05p-16,
    0x1.c7456bb769cebp-18,  -0x1.8a841155221abp-20, 0x1.0a6ecd4529b0dp-22,  -0x1.148b51a833bfdp-25,
    0x1.ab2bec5e06d5dp-29,  -0x1.ceeeaca96677bp-33, 0x1.3a230292720ccp-37,  -0x1.91a9cb6f817a5p-43,
};

/// 2/pi = sum over j of kTwoOverPi32[j] * 2^(-24 j), pieces of 24 bits.
inline constexpr double kTwoOverPi32[] = {
    0x1.45f3060000000p-1, 0x1.b939100000000p-2, 0x1.529fc00000000p-4, 0x1.3abe880000000p-3, 0x1.ea69ba0000000p-1,
    0x1.81b6c40000000p-1, 0x1.2b32780000000p-1, 0x1.0e41040000000p-2, 0x1.fca2c60000000p-1,
};

/// 2/pi = sum over j of kTwoOverPi64[j] * 2^(-53 j), pieces of 53 bits.
inline constexpr double kTwoOverPi64[] = {
    0x1.45f306dc9c882p-1, 0x1.4a7f09d5f47d4p-1, 0x1.a6ee06db14accp-1, 0x1.3c439041fe516p-1, 0x1.d5ef5de2b0db8p-3,
    0x1.2371d2126e970p-2, 0x1.924bba8274600p-8, 0x1.21cfe1deb1cb1p-1, 0x1.4d39f74411af8p-3, 0x1.4baed1213a671p-1,
    0x1.8135a2fbf209cp-1, 0x1.91d639835339fp-1, 0x1.272117e2ef7e4p-2, 0x1.41d8ffc4bffeep-2, 0x1.02cc07f79788cp-1,
    0x1.6b414da3eda6cp-2, 0x1.fb3c9f2c26dd2p-2, 0x1.d18fd9a797fa8p-1, 0x1.6ba93dd63f5f2p-1, 0x1.f17b3d0739f78p-1,
    0x1.4a525d4d7f6bfp-1, 0x1.88fc6ae842b00p-2, 0x1.98237e3db5d5fp-1,
};

} // namespace weft::math

#endif // WEFT_MATH_COEFFICIENTS_H
