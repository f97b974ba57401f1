#include "control/front.hpp"

#include "api/dispatcher.hpp"

namespace limpet::control {
namespace {

using api::Json;

/// The listener of the service that packets to this destination reach.
const plan::Listener* listener_of(const plan::Plan& plan, const std::string& service,
                                  const net::Endpoint& destination) {
  for (const auto& listener : plan.listeners) {
    if (plan.service_of(listener).name != service || !listener.listen.prefix.contains(destination.address)) {
      continue;
    }
    const auto port = destination.l4_port != 0 ? destination.l4_port : listener.listen.l4_port;
    const auto index =
        plan.fronts.find_listener(destination.address, port, static_cast<std::uint8_t>(listener.listen.protocol));
    if (index != plan::FrontTable::none && &plan.listeners[index] == &listener) {
      return &listener;
    }
  }
  return nullptr;
}

}  // namespace

tl::expected<Front, api::RpcError> find_front(const plan::Plan& plan, const Json& params, net::Family family) {
  const auto& name = params.at("service").get_ref<const std::string&>();
  const auto wanted = params.value("listen", std::string());
  Front front;
  if (params.contains("destination")) {
    front.destination = *net::Endpoint::parse(params.at("destination").get_ref<const std::string&>());
    if (front.destination.address.family() != family) {
      return api::reject(api::Code::invalid_params, "destination: of another family than the client");
    }
    front.listener = listener_of(plan, name, front.destination);
  }
  bool known = false;
  for (const auto& listener : plan.listeners) {
    if (plan.service_of(listener).name != name) {
      continue;
    }
    known = true;
    if (!params.contains("destination") && front.listener == nullptr &&
        listener.listen.prefix.address.family() == family && (wanted.empty() || listener.listen.text() == wanted)) {
      front = {&listener, {listener.listen.prefix.address, 0}};
    }
  }
  if (!known) {
    return api::reject(api::Code::not_found, "no service \"{}\" (show services lists them)", name);
  }
  if (front.listener == nullptr) {
    return api::reject(api::Code::not_found, "service {} has no {}listen address {}", name,
                       family == net::Family::v4 ? "IPv4 " : "IPv6 ", wanted);
  }
  if (front.destination.l4_port == 0) {
    front.destination.l4_port = front.listener->listen.l4_port;
  }
  return front;
}

}  // namespace limpet::control
