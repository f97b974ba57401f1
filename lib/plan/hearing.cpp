#include "plan/hearing.hpp"

#include "extract/proxy_header.hpp"

namespace limpet::plan {
namespace {

/// The front's header, off the front of the payload.
Heard take_header(const Tuple& tuple, Payload& payload) noexcept {
  const auto header =
      extract::read_proxy_header({reinterpret_cast<const char*>(payload.bytes.data()), payload.bytes.size()});
  if (header.found == extract::Found::incomplete && !payload.last) {
    return Heard::waits;
  }
  if (header.found != extract::Found::value) {
    return Heard::broken;
  }
  payload.bytes = payload.bytes.subspan(header.size_bytes);
  if (header.tells) {
    payload.told = {header.client.address, header.destination.address, header.client.l4_port,
                    header.destination.l4_port, tuple.protocol};
  }
  return Heard::ready;
}

}  // namespace

Heard hear(const Service& service, const Tuple& tuple, Payload& payload) noexcept {
  if (service.has_fronts && !payload.imagined && service.fronts.allows(tuple.client)) {
    if (const Heard heard = take_header(tuple, payload); heard != Heard::ready) {
      return heard;
    }
  }
  const Routed routed = route(service, payload);
  payload.branch = routed.branch;
  payload.rule = routed.rule;
  return routed.waits ? Heard::waits : Heard::ready;
}

}  // namespace limpet::plan
