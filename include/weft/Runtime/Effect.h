//===- Effect.h - what a program tells the world --------------------------===//
//
// Decides how the site of an effect (print, check, callback) is written down in
// a program, and what happens at it where no host takes it over: a print goes to
// the standard output, a check that fails gives its message, a callback has
// nobody to call. Used by the runtime and by the reference interpreter, so both
// print the same.
//
// A site is text, one field a line: kind; number of lane axes; 1 if the last
// operand is a mask; operands and results as `dtype:rank` words; the user's
// file:line:function, or nothing; the rest is the format (or the name of the function).
//
//===----------------------------------------------------------------------===//

#ifndef WEFT_RUNTIME_EFFECT_H
#define WEFT_RUNTIME_EFFECT_H

#include "weft/Runtime/ABI.h"
#include "weft/Runtime/Image.h"

#include <string>
#include <vector>

namespace weft::rt {

struct EffectSite {
  struct Value {
    int32_t dtype, rank;
  };
  std::string kind, where, text;
  int32_t lanes = 0;
  bool masked = false;
  std::vector<Value> operands, results;

  static EffectSite parse(const char *site);
  std::string str() const;

  /// How often it would be performed, and whether it is in a lane.
  int64_t numLanes(const WeftArg *values) const;
  bool isOn(const WeftArg *values, int64_t lane) const;
  /// Whether a check holds in a lane.
  bool holds(const WeftArg *values, int64_t lane) const;
  /// The message of a lane: the values in the places that the format has for them.
  std::string message(const WeftArg *values, int64_t lane) const;
};

/// Performs an effect that needs no host. False: a check does not hold, or nobody can be called; `message` says which.
bool performEffect(const EffectSite &site, const WeftArg *values, std::string &message);

} // namespace weft::rt

#endif // WEFT_RUNTIME_EFFECT_H
