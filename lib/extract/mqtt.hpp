// The client id of an MQTT connection. Any thread.
#pragma once

#include <string_view>

#include "extract/found.hpp"

namespace limpet::extract {

/// The client identifier in CONNECT, the first packet of a connection: MQTT 3.1, 3.1.1 (section 3.1.3.1) and 5.0
/// (section 3.1.3.1, behind the properties), bridges included. Absent when it is empty: the server makes one up.
/// `malformed` for another packet or version, lengths that do not fit, and a zero byte in it (section 1.5.3). At most
/// 65,535 bytes.
[[nodiscard]] Value mqtt_client_id(std::string_view bytes) noexcept;

}  // namespace limpet::extract
