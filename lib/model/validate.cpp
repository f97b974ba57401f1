// What the model as a whole must obey. Each rule is told where the value stands in the file; each is named
// in docs/configuration.md.
#include "base/id.hpp"
#include "model/validator.hpp"

namespace limpet::model {
namespace {

constexpr std::size_t workers_max = 127;      // one less than DPDK's lcores
constexpr std::size_t socket_path_max = 107;  // sun_path without its end

}  // namespace

void Validator::run() {
  check_daemon();
  for (const auto& [name, port] : model_.ports) {
    check_port(name, port);
  }
  for (const auto& [name, profile] : model_.profiles) {
    check_profile(below("profiles", name), name, profile);
  }
  for (const auto& [name, pool] : model_.pools) {
    check_pool(below("pools", name), pool);
  }
  for (const auto& [name, service] : model_.services) {
    check_service(name, service);
  }
  for (const auto& [name, service] : model_.services) {  // every VIP and tunnel is known by now
    check_local_addresses(below("services", name), service);
    check_client_address(below("services", name), service);
  }
  if (backends_ >= backend_slots_max) {
    add("pools", fmt::format("{} backends in all", backends_), fmt::format("fewer than {}", backend_slots_max));
  }
  if (listens_.size() > listener_slots_max) {
    add("services", fmt::format("{} listen addresses in all", listens_.size()),
        fmt::format("at most {}", listener_slots_max));
  }
}

void Validator::add(const std::string& path, std::string found, std::string expected, std::string hint) {
  problems_.add(places_.find(path), std::move(found), std::move(expected), std::move(hint));
}

void Validator::check_daemon() {
  const auto count = model_.limpetd.workers.size();
  if (count == 0 || count > workers_max) {
    add("limpetd.workers", fmt::format("{} workers", count), fmt::format("1 to {}", workers_max));
  }
  if (model_.limits.embryonic_max > model_.limits.flows_max) {
    add("limits.embryonic_max", fmt::format("{}", model_.limits.embryonic_max),
        fmt::format("at most flows_max, {}", model_.limits.flows_max));
  }
  if (model_.limpetd.socket.size() > socket_path_max) {
    add("limpetd.socket", fmt::format("a path of {} bytes", model_.limpetd.socket.size()),
        fmt::format("at most {}", socket_path_max));
  }
}

void validate(const Model& model, Problems& problems, const Places& places) {
  Validator(model, problems, places).run();
}

}  // namespace limpet::model
