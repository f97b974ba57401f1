// What pools must obey: backends and monitors.
#include "model/validator.hpp"

namespace limpet::model {

void Validator::check_pool(const std::string& path, const Pool& pool) {
  bool some_without_port = false;
  std::map<Endpoint, std::string> endpoints;
  for (const auto& [name, backend] : pool.backends) {
    const std::string backend_path = fmt::format("{}.backends.{}", path, toml_key(name));
    check_backend(backend_path, backend);
    for (const auto& endpoint : backend.addresses) {
      some_without_port |= endpoint.l4_port == 0;
      if (const auto [entry, fresh] = endpoints.emplace(endpoint, name); !fresh && entry->second != name) {
        add(backend_path + ".address", fmt::format("{} again", quote(endpoint.text())), "one backend an address",
            fmt::format("also backend {}", quote(entry->second)));
      }
    }
  }
  backends_ += pool.backends.size();
  for (std::size_t i = 0; i < pool.monitors.size(); ++i) {
    const std::string listed = item(path, "monitor", i);
    check_monitor(places_.has(listed) ? listed : path + ".monitor", pool.monitors[i], some_without_port);
  }
}

void Validator::check_backend(const std::string& path, const Backend& backend) {
  unsigned of_family[2] = {};
  for (const auto& endpoint : backend.addresses) {
    if (!is_usable(endpoint.address)) {
      add(path + ".address", quote(endpoint.text()), "the address of a host");
    }
    if (const auto own = own_.find(endpoint.address); own != own_.end()) {
      add(path + ".address", fmt::format("Limpet's own address {}", quote(endpoint.address.text())),
          "the address of a server", fmt::format("also {}", own->second));
    }
    if (++of_family[static_cast<std::size_t>(endpoint.address.family())] == 2) {
      add(path + ".address", fmt::format("a second {} address", endpoint.address.is_v4() ? "IPv4" : "IPv6"),
          "at most one address per family");
    }
    backend_addresses_.emplace(endpoint.address, path);
  }
}

void Validator::check_monitor(const std::string& path, const Monitor& monitor, bool some_backend_without_port) {
  if (monitor.timeout_ms > monitor.interval_ms) {
    add(path + ".timeout", quote(duration_text(monitor.timeout_ms)),
        fmt::format("at most the interval, {}", duration_text(monitor.interval_ms)));
  }
  if (monitor.type == MonitorType::tcp) {
    for (const auto* key : {".path", ".host"}) {
      if (places_.has(path + key)) {
        add(path + key, fmt::format("\"{}\" in a tcp monitor", key + 1), "type = \"http\"");
      }
    }
  } else if (!monitor.path.starts_with('/') || monitor.path.find(' ') != std::string::npos) {
    add(path + ".path", quote(monitor.path), "a path that begins with \"/\" and has no spaces");
  }
  if (monitor.host.find(' ') != std::string::npos) {
    add(path + ".host", quote(monitor.host), "a host name");
  }
  if (monitor.l4_port == 0 && some_backend_without_port) {
    add(path, "a monitor without l4_port for a backend without a port", "l4_port = PORT");
  }
}

}  // namespace limpet::model
