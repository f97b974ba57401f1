#include "plan/expressions.hpp"

namespace limpet::plan {

Result<std::shared_ptr<const Expressions>> make_expressions(const std::vector<Expression>& list,
                                                            std::shared_ptr<const Expressions> before,
                                                            const match::Memory& memory) {
  std::vector<match::Pattern> patterns;
  for (const Expression& one : list) {
    patterns.push_back(one.pattern);
  }
  if (before != nullptr && before->patterns == patterns) {
    return before;
  }
  auto all = match::Database::compile(patterns, memory);
  if (all) {
    return std::make_shared<const Expressions>(Expressions{std::move(patterns), std::move(*all)});
  }
  for (const Expression& one : list) {
    if (const auto alone = match::Database::compile({&one.pattern, 1}); !alone) {
      return fail("{}: \"{}\" is no regular expression that can be used: {}", one.place, one.pattern.text,
                  alone.error().text);
    }
  }
  return tl::unexpected(all.error());
}

Result<std::shared_ptr<Scratches>> make_scratches(const std::vector<const match::Database*>& databases,
                                                  std::span<const match::Memory> workers) {
  if (databases.empty()) {
    return nullptr;
  }
  auto made = std::make_shared<Scratches>();
  for (const match::Memory& memory : workers) {
    auto scratch = match::Scratch::create(databases, memory);
    if (!scratch) {
      return tl::unexpected(scratch.error());
    }
    made->push_back(std::move(*scratch));
  }
  return made;
}

}  // namespace limpet::plan
