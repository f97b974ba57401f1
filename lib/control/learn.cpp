#include "control/learn.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <fstream>

#include "net/tcp_options.hpp"

namespace limpet::control {
namespace {

bool is_on(const char* name) {
  std::ifstream file(fmt::format("/proc/sys/net/ipv4/{}", name));
  int value = 0;
  return static_cast<bool>(file >> value) && value != 0;
}

}  // namespace

Offered offered_by_kernel() {
  return {is_on("tcp_sack"), is_on("tcp_window_scaling"), is_on("tcp_timestamps")};
}

plan::Accepts learnt(const tcp_info& info, const Offered& offered) noexcept {
  const auto known = [&](unsigned option, bool asked) {
    return (info.tcpi_options & option) != 0 ? plan::Known::yes : asked ? plan::Known::no : plan::Known::unknown;
  };
  // The segments that the kernel sends: by what the backend announced or, where that is less, by the way to it.
  const unsigned room = (info.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0 ? net::timestamps_room : 0;
  return {static_cast<std::uint16_t>(std::min<std::uint32_t>(info.tcpi_snd_mss + room, 0xffff)),
          static_cast<std::uint8_t>(info.tcpi_snd_wscale), known(TCPI_OPT_SACK, offered.sack),
          known(TCPI_OPT_WSCALE, offered.scale), known(TCPI_OPT_TIMESTAMPS, offered.timestamps)};
}

std::optional<plan::Accepts> learn(int socket) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_snd_mss == 0) {
    return std::nullopt;
  }
  constexpr unsigned all = TCPI_OPT_SACK | TCPI_OPT_WSCALE | TCPI_OPT_TIMESTAMPS;
  return learnt(info, (info.tcpi_options & all) == all ? Offered{} : offered_by_kernel());
}

std::string accepts_text(const plan::Accepts& accepts) {
  if (accepts == plan::Accepts{}) {
    return "not known";
  }
  std::string text = fmt::format("mss {}", accepts.mss);
  const auto add = [&](plan::Known known, const std::string& what) {
    if (known != plan::Known::unknown) {
      text += fmt::format(", {}{}", known == plan::Known::no ? "no " : "", what);
    }
  };
  add(accepts.sack, "sack");
  add(accepts.scale, accepts.scale == plan::Known::yes ? fmt::format("scale {}", accepts.shift) : "scale");
  add(accepts.timestamps, "timestamps");
  return text;
}

}  // namespace limpet::control
