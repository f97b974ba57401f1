// Values of the model as JSON, as replies carry them.
#pragma once

#include <span>

#include "api/wire.hpp"
#include "model/load.hpp"

namespace limpet::api {

/// [{"file", "line", "column", "found", "expected", "hint", "text"}, ...]
Json problems_json(std::span<const model::Problem> problems);
/// [{"path", "before", "after", "needs_restart"}, ...]
Json changes_json(std::span<const model::Change> changes);
/// {"items": [{"section", "name", "type", ...}, ...], "next": null}: the reply to `config.schema`.
Json schema_json();
/// The error that tells a configuration's problems.
RpcError configuration_error(std::span<const model::Problem> problems);

}  // namespace limpet::api
