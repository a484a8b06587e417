//===- Coefficients.h - polynomials of the math functions -------------------===//
//
// Decides the constants of Definitions.h.  Made by tools/minimax.py (Remez exchange with refitted rounding); edit that,
// not this.  Lowest degree first; the numbers of a f32 table are exact in float.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_COEFFICIENTS_H
#define WEFT_MATH_COEFFICIENTS_H

// clang-format off
namespace weft::math {

/// (e^r - 1 - r) / r^2, |r| <= ln2/2; error relative to e^r - 1.
/// f32: degree 4, error 2^-26.0
inline constexpr double kExpm132[] = {
    0x1.fffffe0000000p-2, 0x1.5554b60000000p-3, 0x1.5556c80000000p-5, 0x1.1224680000000p-7, 0x1.6bc8e20000000p-10,
};
/// f64: degree 9, error 2^-55.1
inline constexpr double kExpm164[] = {
    0x1.0000000000005p-1, 0x1.5555555555558p-3, 0x1.55555555524ffp-5, 0x1.11111111164c6p-7, 0x1.6c16c17e23628p-10,
    0x1.a01a0173f154ep-13, 0x1.a019a96ac5774p-16, 0x1.71de9f012c813p-19, 0x1.28a02e9f26e1ap-22, 0x1.ae3422d857357p-26,
};

/// (2^r - 1) / r, |r| <= 1/2; error relative to 2^r.
/// f32: degree 5, error 2^-28.0
inline constexpr double kExp232[] = {
    0x1.62e4300000000p-1, 0x1.ebfbe00000000p-3, 0x1.c6af920000000p-5, 0x1.3b2bee0000000p-7, 0x1.5efc440000000p-10,
    0x1.4259940000000p-13,
};
/// f64: degree 11, error 2^-59.6
inline constexpr double kExp264[] = {
    0x1.62e42fefa39efp-1, 0x1.ebfbdff82c58ep-3, 0x1.c6b08d704a1d5p-5, 0x1.3b2ab6fba5198p-7, 0x1.5d87fe787412cp-10,
    0x1.430912f75a087p-13, 0x1.ffcbfd4a798f9p-17, 0x1.62c02714f5605p-20, 0x1.b5232f807ddcap-24, 0x1.e4bbf1ce0cd07p-28,
    0x1.ec7543a51be41p-32, 0x1.e045d3852b0dep-36,
};

/// (log(1+f) - f + f^2/2) / f^3, sqrt(1/2) <= 1+f <= sqrt(2); error relative to log(1+f).
/// f32: degree 7, error 2^-27.2
inline constexpr double kLog1p32[] = {
    0x1.5555540000000p-2, -0x1.0002280000000p-2, 0x1.99a00e0000000p-3, -0x1.5471fe0000000p-3, 0x1.22d9520000000p-3,
    -0x1.0d875a0000000p-3, 0x1.0562ae0000000p-3, -0x1.38bcf40000000p-4,
};
/// f64: degree 18, error 2^-56.1
inline constexpr double kLog1p64[] = {
    0x1.5555555555533p-2, -0x1.fffffffffef05p-3, 0x1.999999999f704p-3, -0x1.555555566c161p-3, 0x1.24924922a7e56p-3,
    -0x1.ffffff2b6646ep-4, 0x1.c71c71dd76b69p-4, -0x1.9999c281884fdp-4, 0x1.745d3f8e22379p-4, -0x1.5550ecb80c5bdp-4,
    0x1.3b0b7e6b0caefp-4, -0x1.24d75d80b030bp-4, 0x1.11cd8fc5134a6p-4, -0x1.fba1f26f77f1fp-5, 0x1.d052c67371ad3p-5,
    -0x1.d1160fa266888p-5, 0x1.0a6b0b69a234ap-4, -0x1.ea332f6f07c4dp-5, 0x1.aca9e24af6be0p-6,
};

/// (sin r - r) / r^3 in z = r^2, |r| <= pi/4; relative to sin r.
/// f32: degree 2, error 2^-27.8
inline constexpr double kSin32[] = {
    -0x1.5555440000000p-3, 0x1.1106c60000000p-7, -0x1.991baa0000000p-13,
};
/// f64: degree 5, error 2^-57.9
inline constexpr double kSin64[] = {
    -0x1.5555555555548p-3, 0x1.111111110f731p-7, -0x1.a01a019be94b0p-13, 0x1.71de355554be5p-19,
    -0x1.ae5e4ba88390bp-26, 0x1.5d8b617c2cc89p-33,
};

/// (cos r - 1 + r^2/2) / r^4 in z = r^2, |r| <= pi/4; relative to cos r.
/// f32: degree 2, error 2^-32.9
inline constexpr double kCos32[] = {
    0x1.55554a0000000p-5, -0x1.6c0c260000000p-10, 0x1.99e77a0000000p-16,
};
/// f64: degree 5, error 2^-63.8
inline constexpr double kCos64[] = {
    0x1.555555555554ap-5, -0x1.6c16c16c14e00p-10, 0x1.a01a019c5c355p-16, -0x1.27e4f7cd2bcb1p-22,
    0x1.1ee9c32fd3f60p-29, -0x1.8f99c7e4e88f7p-37,
};

/// (tanh x - x) / x^3 in z = x^2, |x| <= 0.625; relative to tanh x.
/// f32: degree 4, error 2^-27.7
inline constexpr double kTanh32[] = {
    -0x1.5555320000000p-2, 0x1.1106f40000000p-3, -0x1.b8353c0000000p-5, 0x1.51f57a0000000p-6, -0x1.74fba80000000p-8,
};
/// f64: degree 10, error 2^-56.4
inline constexpr double kTanh64[] = {
    -0x1.55555555554ffp-2, 0x1.111111110ac99p-3, -0x1.ba1ba1b504436p-5, 0x1.664f477a8895cp-6, -0x1.226e16243c182p-7,
    0x1.d6cf272286bddp-9, -0x1.7d689a05a7e2bp-10, 0x1.3365d7fdd879cp-11, -0x1.df53a196c72ebp-13,
    0x1.438cf1f600efep-14, -0x1.0d9ef283493f9p-16,
};

/// erf(x) / x - 1 in z = x^2, |x| <= 1; relative to erf x.
/// f32: degree 6, error 2^-29.4
inline constexpr double kErf32[] = {
    0x1.06eba80000000p-3, -0x1.81273e0000000p-2, 0x1.ce2ce60000000p-4, -0x1.b7f71a0000000p-6, 0x1.53f2240000000p-8,
    -0x1.a351640000000p-11, 0x1.4772360000000p-14,
};
/// f64: degree 15, error 2^-56.3
inline constexpr double kErf64[] = {
    0x1.06eba8214db69p-3, -0x1.812746b0379e7p-2, 0x1.ce2f21a042be2p-4, -0x1.b82ce31288b51p-6, 0x1.565bcd0e6a52fp-8,
    -0x1.c02db40040654p-11, 0x1.f9a326f9a687dp-14, -0x1.f4d25c3b53d14p-17, 0x1.b9e6c9917d9b4p-20,
    -0x1.5f7428e49add0p-23, 0x1.fcc4c47de1ab7p-27, -0x1.51cfb9d9089bcp-30, 0x1.9df63237e5ee1p-34,
    -0x1.d324a8f56429bp-38, 0x1.cf4e0d7065ba9p-42, -0x1.3a14f3a872fa2p-46,
};

/// log(erfc(x)), x from 1 to where erf is 1; error relative to erf x.
/// f32: degree 6, error 2^-29.8
inline constexpr double kErfTail32[] = {
    -0x1.66462a0000000p-12, -0x1.2088de0000000p+0, -0x1.46bb1e0000000p-1, -0x1.a651aa0000000p-4, 0x1.65c7f20000000p-6,
    -0x1.8252fa0000000p-9, 0x1.86cee00000000p-13,
};
/// f64: degree 18, error 2^-59.4
inline constexpr double kErfTail64[] = {
    -0x1.81cae3e28dd75p-23, -0x1.20dd562d79ba4p+0, -0x1.45f42b6368f5cp-1, -0x1.a4da4c5428553p-4, 0x1.38938b4118a50p-6,
    0x1.26212b96637b3p-12, -0x1.cfbcd60346117p-10, 0x1.502afbeb8bc17p-11, -0x1.7819c516c7881p-15,
    -0x1.271be707edefap-14, 0x1.79c5cbf1e23d8p-15, -0x1.15096bba1c56fp-16, 0x1.225ba9be1792bp-18,
    -0x1.c89a78d3bd2e7p-21, 0x1.0deb0a8fdb8d6p-23, -0x1.d42583cd2720dp-27, 0x1.19e5cdcfaa8b4p-30,
    -0x1.a5c8ff249631ep-35, 0x1.276097c9c2e63p-40,
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
