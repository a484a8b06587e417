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

/// (2^r - 1) / r, |r| <= 1/2; error relative to 2^r.
/// f32: degree 4, error 2^-23.2
inline constexpr double kExp2Coarse32[] = {
    0x1.62e42a0000000p-1, 0x1.ebf9ba0000000p-3, 0x1.c6b7580000000p-5, 0x1.3ceb700000000p-7, 0x1.5bb9e40000000p-10,
};
/// f64: degree 9, error 2^-51.8
inline constexpr double kExp2Coarse64[] = {
    0x1.62e42fefa3a12p-1, 0x1.ebfbdff82c42ep-3, 0x1.c6b08d703dffep-5, 0x1.3b2ab6fbd7324p-7, 0x1.5d87fe9bc3221p-10,
    0x1.4309126b3408ap-13, 0x1.ffcb5827220afp-17, 0x1.62c148bd7a40dp-20, 0x1.b67258d872d9ap-24, 0x1.e3a882434c9c9p-28,
};

/// (log(1+f) - f + f^2/2) / f^3, -1/4 <= f <= 1/2; error relative to log(1+f).
/// f32: degree 7, error 2^-27.5
inline constexpr double kLog1p32[] = {
    0x1.5555a40000000p-2, -0x1.00004a0000000p-2, 0x1.9969aa0000000p-3, -0x1.54ee260000000p-3, 0x1.2881400000000p-3,
    -0x1.0d92a20000000p-3, 0x1.acca780000000p-4, -0x1.719a560000000p-5,
};
/// f64: degree 18, error 2^-56.5
inline constexpr double kLog1p64[] = {
    0x1.55555555555a0p-2, -0x1.0000000000782p-2, 0x1.999999998c7c2p-3, -0x1.5555555457915p-3, 0x1.249249296c444p-3,
    -0x1.0000006451b6fp-3, 0x1.c71c70e407469p-4, -0x1.999972af19adbp-4, 0x1.745ceb416acf1p-4, -0x1.55593a3a15a6cp-4,
    0x1.3b1f152002e04p-4, -0x1.24658da1397bcp-4, 0x1.101c14fe57d43p-4, -0x1.fff8bf4915432p-5, 0x1.f25262163c98cp-5,
    -0x1.e8fc5991df5ffp-5, 0x1.9f7790ddc14f3p-5, -0x1.e1ce4ec262b43p-6, 0x1.0953a87a63d90p-7,
};

/// log2(e) (log(1+f) - f) / f^2, sqrt(1/2) <= 1+f <= sqrt(2); error relative to log2(1+f).
/// f32: degree 9, error 2^-29.6
inline constexpr double kLog232[] = {
    -0x1.7154760000000p-1, 0x1.ec708c0000000p-2, -0x1.7154aa0000000p-2, 0x1.277e820000000p-2, -0x1.ec72bc0000000p-3,
    0x1.a427100000000p-3, -0x1.6edf9a0000000p-3, 0x1.5f66c60000000p-3, -0x1.57a3ca0000000p-3, 0x1.8b86f60000000p-4,
};
/// f64: degree 19, error 2^-56.7
inline constexpr double kLog264[] = {
    -0x1.71547652b8303p-1, 0x1.ec709dc3a03f2p-2, -0x1.71547652b6bdap-2, 0x1.2776c50efbffdp-2, -0x1.ec709dc5c0897p-3,
    0x1.a61762a6650c7p-3, -0x1.7154759c7d777p-3, 0x1.484b1396f5a3ep-3, -0x1.2776e5d1fdc0dp-3, 0x1.0c9aabf8050f7p-3,
    -0x1.ec69d772c31dap-4, 0x1.c681eee3f649bp-4, -0x1.a67e856e0146dp-4, 0x1.8b159dfbdf029p-4, -0x1.6e25f2ee1f6dbp-4,
    0x1.4e8402a6053c5p-4, -0x1.4f317f9ce7600p-4, 0x1.8151353ca1bc2p-4, -0x1.6336225baaf23p-4, 0x1.368ccc5a28a46p-5,
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

/// (sinh r - r) / r^3 in z = r^2, |r| <= ln2/2; relative to r.
/// f32: degree 2, error 2^-34.3
inline constexpr double kSinh32[] = {
    0x1.5555560000000p-3, 0x1.110fbe0000000p-7, 0x1.a2e1780000000p-13,
};
/// f64: degree 4, error 2^-61.7
inline constexpr double kSinh64[] = {
    0x1.5555555555559p-3, 0x1.111111110f626p-7, 0x1.a01a01b02305ep-13, 0x1.71ddf7a67eca7p-19, 0x1.af60081eced11p-26,
};

/// (cosh r - 1) / r^2 in z = r^2, |r| <= ln2/2; relative to 1.
/// f32: degree 2, error 2^-33.2
inline constexpr double kCosh32[] = {
    0x1.0000000000000p-1, 0x1.5554e60000000p-5, 0x1.6d4f740000000p-10,
};
/// f64: degree 5, error 2^-70.0
inline constexpr double kCosh64[] = {
    0x1.0000000000000p-1, 0x1.5555555555558p-5, 0x1.6c16c16c14ffbp-10, 0x1.a01a01ad8028bp-16, 0x1.27e4cc0c3fbc7p-22,
    0x1.1f8be7ef20cffp-29,
};

/// (asin x - x) / x^3 in z = x^2, |x| <= 1/2; relative to asin x.
/// f32: degree 4, error 2^-27.6
inline constexpr double kAsin32[] = {
    0x1.5555c80000000p-3, 0x1.3302040000000p-4, 0x1.747bf40000000p-5, 0x1.8c39600000000p-6, 0x1.5962b60000000p-5,
};
/// f64: degree 12, error 2^-59.9
inline constexpr double kAsin64[] = {
    0x1.5555555555577p-3, 0x1.333333332e12fp-4, 0x1.6db6db72128a0p-5, 0x1.f1c71a94e3be5p-6, 0x1.6e8bdee223e9ep-6,
    0x1.1c49f0370c754p-6, 0x1.ca1f915acc577p-7, 0x1.758566653827ap-7, 0x1.613d64cdf48e1p-7, 0x1.e5e7a0df93e4bp-9,
    0x1.63a1068beda92p-6, -0x1.580477ab27140p-6, 0x1.0b4914d3caf78p-5,
};

/// (atan x - x) / x^3 in z = x^2, |x| <= 1/2; relative to atan x.
/// f32: degree 5, error 2^-31.7
inline constexpr double kAtan32[] = {
    -0x1.5555520000000p-2, 0x1.9997440000000p-3, -0x1.2450300000000p-3, 0x1.c072660000000p-4, -0x1.480d280000000p-4,
    0x1.3fd4d60000000p-5,
};
/// f64: degree 12, error 2^-62.0
inline constexpr double kAtan64[] = {
    -0x1.5555555555552p-2, 0x1.99999999990d6p-3, -0x1.2492492453661p-3, 0x1.c71c71aaf07aep-4, -0x1.745d138f69ed6p-4,
    0x1.3b1360b2bbdf8p-4, -0x1.110c7140b9d53p-4, 0x1.e182d9bf253eap-5, -0x1.ac72beb39b1e9p-5, 0x1.77fc6568c59f6p-5,
    -0x1.301ddc997768ap-5, 0x1.83aae0e3d10c2p-6, -0x1.123f7d1f86d24p-7,
};

/// (log2((1+s)/(1-s)) / s - 2 log2(e) (1 + z/3)) / z^2 in z = s^2, (1+s)/(1-s) <= sqrt 2; relative to the log.
/// f32: degree 2, error 2^-36.8
inline constexpr double kPowLog32[] = {
    0x1.2777100000000p-1, 0x1.a5ba700000000p-2, 0x1.5a12040000000p-2,
};
/// f64: degree 8, error 2^-76.1
inline constexpr double kPowLog64[] = {
    0x1.2776c50ef9bffp-1, 0x1.a61762a7adbc5p-2, 0x1.484b13d7f7d5ap-2, 0x1.0c9a84787a0b8p-2, 0x1.c68f6d0b1657dp-3,
    0x1.89eeffea1f1d4p-3, 0x1.5c32ba142bd02p-3, 0x1.2c00572bee8f6p-3, 0x1.7d6cf4bc11183p-3,
};

/// m^(-1/3), sqrt(1/2) <= m <= sqrt 2; relative.
/// f32: degree 4, error 2^-14.7
inline constexpr double kCbrt32[] = {
    0x1.dfe23c0000000p+0, -0x1.dca7100000000p+0, 0x1.8fb96c0000000p+0, -0x1.67a7880000000p-1, 0x1.06ed120000000p-3,
};
/// f64: degree 4, error 2^-14.7
inline constexpr double kCbrt64[] = {
    0x1.dfe23cbbd83bcp+0, -0x1.dca7101e1894fp+0, 0x1.8fb96b4cca5d8p+0, -0x1.67a7881ef1db1p-1, 0x1.06ed11043a8bep-3,
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

/// (tanh x - x) / x^3 in z = x^2, |x| <= 0.625; relative to tanh x.
/// f64: degree 10, error 2^-56.4
inline constexpr double kTanh64[] = {
    -0x1.55555555554ffp-2, 0x1.111111110ac99p-3, -0x1.ba1ba1b504436p-5, 0x1.664f477a8895cp-6, -0x1.226e16243c182p-7,
    0x1.d6cf272286bddp-9, -0x1.7d689a05a7e2bp-10, 0x1.3365d7fdd879cp-11, -0x1.df53a196c72ebp-13,
    0x1.438cf1f600efep-14, -0x1.0d9ef283493f9p-16,
};

/// Numbers near 0 to 15 fifteenths of the last one, tanh there (1 at the last), and 1 - tanh^2.
inline constexpr double kTanhNode[] = {
    0x0.0p+0, 0x1.3a01f60000000p-1, 0x1.3a00ee0000000p+0, 0x1.d6f7f40000000p+0, 0x1.39eaca0000000p+1,
    0x1.88723e0000000p+1, 0x1.d7062a0000000p+1, 0x1.12c5160000000p+2, 0x1.39f0220000000p+2, 0x1.612fce0000000p+2,
    0x1.88839c0000000p+2, 0x1.afd76e0000000p+2, 0x1.d6e8900000000p+2, 0x1.fe2a700000000p+2, 0x1.12d7700000000p+3,
    0x1.2660000000000p+3,
};
inline constexpr double kTanhAtNode[] = {
    0x0.0p+0, 0x1.17c7680000000p-1, 0x1.aee4080000000p-1, 0x1.e6cb1c0000000p-1, 0x1.f877dc0000000p-1,
    0x1.fdc7c80000000p-1, 0x1.ff594a0000000p-1, 0x1.ffcf180000000p-1, 0x1.fff19e0000000p-1, 0x1.fffbc80000000p-1,
    0x1.fffec40000000p-1, 0x1.ffffa40000000p-1, 0x1.ffffe40000000p-1, 0x1.fffff80000000p-1, 0x1.fffffe0000000p-1,
    0x1.0000000000000p+0,
};
inline constexpr double kTanhSlope[] = {
    0x1.0000000000000p+0, 0x1.671de00000000p-1, 0x1.2abd2a0000000p-2, 0x1.8960c20000000p-4, 0x1.de7d5a0000000p-6,
    0x1.1b7e5a0000000p-7, 0x1.4d35c20000000p-9, 0x1.872d3a0000000p-11, 0x1.cc393a0000000p-13, 0x1.0dff7e0000000p-14,
    0x1.3c00c40000000p-16, 0x1.71d7100000000p-18, 0x1.b462a40000000p-20, 0x1.ffd9480000000p-22, 0x1.29c06e0000000p-23,
    0x1.5f53640000000p-25,
};

/// (tanh r - r) / r^3 in z = r^2, |r| to half of what lies between two; relative to tanh r.
/// f32: degree 2, error 2^-26.0
inline constexpr double kTanhStep32[] = {
    -0x1.5554860000000p-2, 0x1.10a7a20000000p-3, -0x1.9b5c8a0000000p-5,
};

/// log(erfc(x)), x from 1 to where erf is 1; error relative to erf x.
/// f64: degree 18, error 2^-59.4
inline constexpr double kErfTail64[] = {
    -0x1.81cae3e28dd75p-23, -0x1.20dd562d79ba4p+0, -0x1.45f42b6368f5cp-1, -0x1.a4da4c5428553p-4, 0x1.38938b4118a50p-6,
    0x1.26212b96637b3p-12, -0x1.cfbcd60346117p-10, 0x1.502afbeb8bc17p-11, -0x1.7819c516c7881p-15,
    -0x1.271be707edefap-14, 0x1.79c5cbf1e23d8p-15, -0x1.15096bba1c56fp-16, 0x1.225ba9be1792bp-18,
    -0x1.c89a78d3bd2e7p-21, 0x1.0deb0a8fdb8d6p-23, -0x1.d42583cd2720dp-27, 0x1.19e5cdcfaa8b4p-30,
    -0x1.a5c8ff249631ep-35, 0x1.276097c9c2e63p-40,
};

/// s 2^(j/16), nearly floats (to 0.23 of the last place): s is 2^(294508 2^-30).
inline constexpr double kExpSixteenths[] = {
    0x1.000c760000000p+0, 0x1.0b628a0000000p+0, 0x1.17391a0000000p+0, 0x1.2395d80000000p+0, 0x1.307eb20000000p+0,
    0x1.3df9de0000000p+0, 0x1.4c0dd60000000p+0, 0x1.5ac15e0000000p+0, 0x1.6a1b860000000p+0, 0x1.7a23ae0000000p+0,
    0x1.8ae18c0000000p+0, 0x1.9c5d2a0000000p+0, 0x1.ae9eee0000000p+0, 0x1.c1afa00000000p+0, 0x1.d598680000000p+0,
    0x1.ea62d80000000p+0,
};
/// The same, each j less by j 2^19 last places: as bits, where n/16 in the exponent's place adds them.
inline constexpr double kExpSixteenthsLess[] = {
    0x1.000c760000000p+0, 0x1.fb628a0000000p-1, 0x1.f7391a0000000p-1, 0x1.f395d80000000p-1, 0x1.f07eb20000000p-1,
    0x1.edf9de0000000p-1, 0x1.ec0dd60000000p-1, 0x1.eac15e0000000p-1, 0x1.ea1b860000000p-1, 0x1.ea23ae0000000p-1,
    0x1.eae18c0000000p-1, 0x1.ec5d2a0000000p-1, 0x1.ee9eee0000000p-1, 0x1.f1afa00000000p-1, 0x1.f598680000000p-1,
    0x1.fa62d80000000p-1,
};
/// e^r / s - 1, |r| <= ln2/32; relative to e^r.
/// f32: degree 3, error 2^-29.3
inline constexpr double kExpStep[] = {
    -0x1.8eab9c0000000p-13, 0x1.ffe7160000000p-1, 0x1.ffec640000000p-2, 0x1.5532340000000p-3,
};

/// Where erf is 1, and erf of j/2 for each j below 8.
inline constexpr double kErfLast = 0x1.0000000000000p+2;
inline constexpr double kErfAtHalf[] = {
    0x0.0p+0, 0x1.0a7ef60000000p-1, 0x1.af767a0000000p-1, 0x1.eea5560000000p-1, 0x1.fd9ae20000000p-1,
    0x1.ffcaa80000000p-1, 0x1.fffd1a0000000p-1, 0x1.ffffe80000000p-1,
};
/// (erf(j/2 + r) - erf(j/2)) / r - 1, |r| <= 1/4 but in the last; a row for each degree; relative to erf.
/// f32: degree 5, error 2^-25.5
inline constexpr double kErfPieces[6][8] = {
    {
        0x1.06eba80000000p-3, -0x1.f081880000000p-4, -0x1.2b76fc0000000p-1, -0x1.c31b960000000p-1,
        -0x1.f56b260000000p-1, -0x1.fee27c0000000p-1, -0x1.ffedc00000000p-1, -0x1.ffff4a0000000p-1,
    },
    {
        -0x1.0effda0000000p-21, -0x1.c1efba0000000p-2, -0x1.a9122e0000000p-2, -0x1.6d5a9a0000000p-3,
        -0x1.529b6c0000000p-5, -0x1.64e3d40000000p-8, -0x1.b60e780000000p-12, -0x1.3868520000000p-16,
    },
    {
        -0x1.811eea0000000p-2, -0x1.2bfe940000000p-3, 0x1.1b480c0000000p-3, 0x1.1c32800000000p-3,
        0x1.8b22fe0000000p-5, 0x1.1186580000000p-7, 0x1.9dd2d00000000p-11, 0x1.5cd5500000000p-15,
    },
    {
        -0x1.4118ca0000000p-11, 0x1.76e1b80000000p-3, 0x1.1b9df60000000p-4, -0x1.6d4f980000000p-5,
        -0x1.1a3c720000000p-5, -0x1.1a8ed60000000p-7, -0x1.11a43e0000000p-10, -0x1.30b2e80000000p-14,
    },
    {
        0x1.e2eb900000000p-4, 0x1.02d2ba0000000p-7, -0x1.14ce0e0000000p-4, -0x1.f7f5f00000000p-7,
        0x1.a0c9e80000000p-7, 0x1.9597a20000000p-8, 0x1.10cfae0000000p-10, 0x1.907c940000000p-14,
    },
    {
        -0x1.3735640000000p-6, -0x1.91484c0000000p-5, 0x1.d9b34c0000000p-9, 0x1.3925260000000p-6,
        0x1.5709860000000p-11, -0x1.6b6b0a0000000p-9, -0x1.8b4b880000000p-11, -0x1.0061380000000p-14,
    },
};

/// (g(t) - g(0)) / t, g = (x + 2) e^(x^2) erfc(x), t = (x - 2) / (x + 2), 0.75 <= x; relative to g.
/// f32: degree 8, error 2^-29.9
inline constexpr double kErfcInner32[] = {
    -0x1.5fd3860000000p-1, 0x1.1e2df00000000p-2, -0x1.2a8a540000000p-5, -0x1.6071140000000p-6, 0x1.a9583a0000000p-8,
    0x1.9557f80000000p-9, -0x1.dc3e8e0000000p-11, -0x1.4a5d140000000p-11, 0x1.9c86d00000000p-13,
};
/// f64: degree 20, error 2^-56.7
inline constexpr double kErfcInner64[] = {
    -0x1.5fd386754effap-1, 0x1.1e2deea6b119fp-2, -0x1.2a88e6107c640p-5, -0x1.606e41553d471p-6, 0x1.a89eaff6afdf5p-8,
    0x1.9517bb8bd72c3p-9, -0x1.b6fbf84bf2a83p-11, -0x1.5ba44250652f7p-11, 0x1.20533fd8226e6p-15,
    0x1.2efc4157d6773p-13, 0x1.1e772aaee63a2p-15, -0x1.6c81fff6355b1p-16, -0x1.0e0faa5dfa0e9p-16,
    -0x1.0cf8fc2d38014p-20, 0x1.cd87067bcd28ap-19, 0x1.e5e9908f9dba2p-20, 0x1.6aee55b256d5bp-21,
    -0x1.bb463102d03cap-21, -0x1.1ab7caab10b53p-20, 0x1.e4688bd9b8eafp-21, -0x1.866923bcef5bfp-23,
};

/// g(0) in two parts.
inline constexpr double kErfcAt2Hi32 = 0x1.0586720000000p+0;
inline constexpr double kErfcAt2Lo32 = -0x1.2b4e220000000p-26;
inline constexpr double kErfcAt2Hi64 = 0x1.058671b52c776p+0;
inline constexpr double kErfcAt2Lo64 = -0x1.3b83c701df899p-56;

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
