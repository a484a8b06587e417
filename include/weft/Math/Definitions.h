//===- Definitions.h - the one definition of every math function ------------===//
//
// Decides nothing itself: gathers the functions, each written once over an evaluator (Evaluator.h), by family.
//
//===------------------------------------------------------------------------===//
#ifndef WEFT_MATH_DEFINITIONS_H
#define WEFT_MATH_DEFINITIONS_H

#include "weft/Math/Activation.h"
#include "weft/Math/ExpLog.h"
#include "weft/Math/Hyperbolic.h"
#include "weft/Math/InverseTrig.h"
#include "weft/Math/Power.h"
#include "weft/Math/Special.h"
#include "weft/Math/Trig.h"

#endif // WEFT_MATH_DEFINITIONS_H
