// The regular expressions of one service: one database, which services of later plans share as long as nothing changes,
// and the space that each worker scans in. Made by control; a worker allocates nothing.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "match/database.hpp"
#include "match/scratch.hpp"

namespace limpet::plan {

struct Expressions {
  std::vector<match::Pattern> patterns;  // by id
  match::Database database;
};

/// An expression and where the configuration has it: "profiles.call.after".
struct Expression {
  std::string place;
  match::Pattern pattern;
};

/// The same as `before`, which may be null, where it has the same expressions; else in `memory`. Fails with the place
/// of the first that is none, and why it isn't.
Result<std::shared_ptr<const Expressions>> make_expressions(const std::vector<Expression>& list,
                                                            std::shared_ptr<const Expressions> before,
                                                            const match::Memory& memory);

/// Writer and reader of each: the worker of that index.
using Scratches = std::vector<match::Scratch>;

/// For each worker, in memory of its own; large enough for all of these. Null: there are no expressions.
Result<std::shared_ptr<Scratches>> make_scratches(const std::vector<const match::Database*>& databases,
                                                  std::span<const match::Memory> workers);

}  // namespace limpet::plan
