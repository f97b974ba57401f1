// Any bytes as a PROXY header: each answer holds when more comes, and a header of two ends that Limpet would write is
// read as these ends.
#include "extract/proxy_header.hpp"
#include "net/client_address.hpp"
#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace limpet;
  const fuzz::Input input(data, size);
  const auto header = input.ask(extract::read_proxy_header);
  LIMPET_ASSERT(header.size_bytes <= input.whole().size());
  LIMPET_ASSERT((header.found == extract::Found::value) == (header.size_bytes > 0));
  if (header.tells && header.client.address.family() == header.destination.address.family()) {
    std::uint8_t bytes[64];
    const std::size_t written = net::write_proxy_header(bytes, header.client, header.destination);
    const auto again = extract::read_proxy_header({reinterpret_cast<const char*>(bytes), written});
    LIMPET_ASSERT(again.tells && again.client == header.client && again.destination == header.destination);
  }
  return 0;
}
