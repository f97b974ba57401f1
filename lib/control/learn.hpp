// What backends accept of TCP options, as the kernel's sockets of monitors see it (tcp(7), TCP_INFO). Control thread.
#pragma once

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <optional>
#include <string>

#include "plan/promise.hpp"

namespace limpet::control {

/// What the kernel itself offers, in the network namespace of this process: of what was not, nothing is learnt.
struct Offered {
  bool sack = true;
  bool scale = true;
  bool timestamps = true;
};
[[nodiscard]] Offered offered_by_kernel();

/// Of a connection that was made.
[[nodiscard]] plan::Accepts learnt(const tcp_info& info, const Offered& offered) noexcept;
/// Of a socket that has just connected; nothing: the kernel does not tell.
[[nodiscard]] std::optional<plan::Accepts> learn(int socket);

/// "mss 1460, sack, scale 7, no timestamps"; of what is not known, nothing; "not known".
[[nodiscard]] std::string accepts_text(const plan::Accepts& accepts);

}  // namespace limpet::control
