// Checks a whole model: one class, its rules by subject in validate_*.cpp. Internal to lib/model.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/fields.hpp"
#include "model/nearest.hpp"
#include "model/read.hpp"

namespace limpet::model {

inline bool is_link_local(const IpAddress& address) {
  return !address.is_v4() && address.high() >> 54 == 0x3fa;
}
inline bool is_usable(const IpAddress& address) {
  return !address.is_multicast() && !address.is_none() && !(address.is_v4() && address.v4_host() == 0) &&
         !(address.is_v4() && address.v4_host() == 0xffffffff);
}
inline Prefix network(const Prefix& prefix) {
  return {prefix.address.masked(prefix.length), prefix.length};
}
inline std::string quote(std::string_view text) {
  return fmt::format("\"{}\"", text);
}
inline std::string item(const std::string& path, std::string_view key, std::size_t index) {
  return fmt::format("{}.{}[{}]", path, key, index);
}
inline std::string below(std::string_view section, std::string_view name) {
  return fmt::format("{}.{}", section, toml_key(name));
}

template <class T>
std::vector<std::string_view> names_of(const std::map<std::string, T>& map) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : map) {
    names.push_back(name);
  }
  return names;
}

class Validator {
 public:
  Validator(const Model& model, Problems& problems, const Places& places)
      : model_(model), problems_(problems), places_(places) {}

  void run();

 private:
  void add(const std::string& path, std::string found, std::string expected, std::string hint = {});
  void check_daemon();
  void check_port(const std::string& name, const Port& port);
  void check_device(const std::string& path, const std::string& device);
  void check_interface(const std::string& path, const Interface& interface, bool has_kernel);
  void check_own_address(const std::string& path, const Prefix& own);
  void check_route(const std::string& path, const Interface& interface, const Route& route);
  static bool is_reachable(const Interface& interface, const IpAddress& via);
  void check_pool(const std::string& path, const Pool& pool);
  void check_backend(const std::string& path, const Backend& backend);
  void check_monitor(const std::string& path, const Monitor& monitor, bool some_backend_without_port);
  void check_profile(const std::string& path, const std::string& name, const Profile& profile);
  void check_content(const std::string& path, const Profile& profile);
  void check_set_cookie(const std::string& path, const Profile& profile);
  void check_parts(const std::string& path, const Profile& profile);
  void check_pattern(const std::string& path, const Profile& profile);
  void check_routes(const std::string& path, const Service& service);
  void check_shared_cookie(const std::string& path, const Service& service);
  void check_pool_route(const std::string& path, const Service& service, const PoolRoute& route);
  void check_routed_pool(const std::string& path, const Service& service, const std::string& name);
  void check_service(const std::string& name, const Service& service);
  /// What a service asks for that makes Limpet complete handshakes itself; empty: nothing.
  [[nodiscard]] std::string delays(const Service& service) const;
  void check_delay(const std::string& path, const Service& service);
  void check_own_tokens(const std::string& path, const Service& service);
  void check_access(const std::string& path, const Service& service);
  /// Limpet's clock has milliseconds: what may come at once must last until it ticks again.
  void check_rate(const std::string& path, std::uint32_t per_s, std::uint32_t burst);
  void check_listen(const std::string& path, const Listen& listen);
  void check_client_address(const std::string& path, const Service& service);
  static bool has_local(const Service& service, net::Family family);
  void check_local_addresses(const std::string& path, const Service& service);
  void check_local(const std::string& path, const Prefix& local);
  /// Each backend has an address of a family that local addresses have.
  void check_locals_reach(const std::string& path, const Service& service, const Pool& pool);
  void check_tunnel(const std::string& path, const Service& service);
  /// Direct return rewrites no port: a backend is reached on the port that the client used.
  void check_direct_return(const std::string& path, const Service& service, const Pool& pool);

  /// Calls `f(name, profile)` for the service's profiles and their backups, each once, until it returns true.
  template <class F>
  void each_profile(const Service& service, F&& f) const {
    std::set<std::string> seen;
    for (const std::string& first : service.persist) {
      for (auto found = model_.profiles.find(first); found != model_.profiles.end() && seen.insert(found->first).second;
           found = model_.profiles.find(found->second.backup)) {
        if (f(found->first, found->second)) {
          return;
        }
      }
    }
  }

  const Model& model_;
  Problems& problems_;
  const Places& places_;
  std::map<std::string, std::string> devices_;          // name -> path
  std::map<IpAddress, std::string> own_;                // -> path
  std::map<Prefix, std::string> networks_;              // -> path of the interface
  std::map<Prefix, std::string> routes_;                // -> path
  std::map<IpAddress, std::string> backend_addresses_;  // -> path
  std::map<IpAddress, std::string> tunnel_sources_;     // -> path
  std::map<Listen, std::string> listens_;               // -> path
  std::size_t backends_ = 0;
};

}  // namespace limpet::model
