// Where services lead connections by what clients say.
#include "extract/text.hpp"
#include "plan/compiler.hpp"

namespace limpet::plan {
namespace {

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), extract::lower);
  return text;
}

/// By a name or by an expression.
Rule rule_of(const model::PoolRoute& from) {
  const std::string_view what = from.what();
  Rule rule;
  rule.subject = what.starts_with("host") ? Subject::host : what.starts_with("path") ? Subject::path : Subject::sni;
  rule.text = fmt::format("{} = \"{}\"", what, from.value());
  if (what.ends_with("_regex")) {
    return rule;
  }
  rule.name = from.value();
  rule.is_prefix = rule.subject == Subject::path;
  if (rule.subject != Subject::path) {
    rule.is_prefix = rule.name.starts_with("*.");
    rule.name = lowered(rule.name.substr(rule.is_prefix ? 1 : 0));
  }
  return rule;
}

}  // namespace

/// The branch of that pool; made when it is the first.
Result<std::uint32_t> Compiler::branch(Service& service, const model::Service& from, Routing& routing,
                                       const std::string& pool) {
  const std::uint32_t index = pool_index_.at(pool);
  if (index == service.pool) {
    return Rule::own;
  }
  for (std::uint32_t i = 0; i < routing.branches.size(); ++i) {
    if (routing.branches[i].pool == index) {
      return i;
    }
  }
  const auto made = static_cast<std::uint32_t>(routing.branches.size());
  auto list = profiles(service, from, pool, made);
  if (!list) {
    return tl::unexpected(list.error());
  }
  routing.branches.push_back({index, std::move(*list)});
  return made;
}

/// Its routes, and all that it looks for.
Result<void> Compiler::add_routing(Service& service, const model::Service& from) {
  service.has_fronts = !from.accept_proxy.empty();
  service.fronts = AccessList(from.accept_proxy, {});
  service.reads_content = service.reads_content || service.has_fronts || !from.routes.empty();
  std::vector<Expression> expressions;
  auto routing = from.routes.empty() ? nullptr : std::make_shared<Routing>(plan_->fingerprint_seed);
  for (std::size_t i = 0; i < from.routes.size(); ++i) {
    Rule rule = rule_of(from.routes[i]);
    auto to = branch(service, from, *routing, from.routes[i].pool);
    if (!to) {
      return tl::unexpected(to.error());
    }
    rule.branch = *to;
    if (rule.name.empty()) {
      rule.pattern = static_cast<std::uint32_t>(expressions.size());
      expressions.push_back(
          {fmt::format("services.{}.routes[{}].{}", service.name, i, from.routes[i].what()),
           {.id = rule.pattern, .text = from.routes[i].value(), .caseless = rule.subject != Subject::path}});
    }
    routing->add(std::move(rule));
  }
  if (auto ok = add_expressions(service, routing.get(), std::move(expressions)); !ok) {
    return ok;
  }
  service.routing = std::move(routing);
  return {};
}

}  // namespace limpet::plan
