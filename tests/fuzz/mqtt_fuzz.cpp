// Any bytes as an MQTT client's first packet: each answer holds when more comes, and the id has its length before it.
#include "base/big_endian.hpp"
#include "extract/mqtt.hpp"
#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace limpet;
  const fuzz::Input input(data, size);
  const auto id = input.ask_view(extract::mqtt_client_id);
  if (id.found == extract::Found::value) {
    LIMPET_ASSERT(load_be<std::uint16_t>(id.bytes.data() - 2) == id.bytes.size());
  }
  return 0;
}
