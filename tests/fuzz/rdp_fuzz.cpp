// Any bytes as an RDP client's first packet: each answer holds when more comes, and it has one of the two lines at
// most.
#include "extract/rdp.hpp"
#include "reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace limpet;
  const fuzz::Input input(data, size);
  const auto user = input.ask_view(extract::rdp_mstshash);
  const auto routed = input.ask(extract::rdp_msts);
  LIMPET_ASSERT(user.found != extract::Found::value || routed.found == extract::Found::absent);
  LIMPET_ASSERT(routed.found != extract::Found::value ||
                (routed.backend.l4_port != 0 && routed.backend.address.is_v4()));
  return 0;
}
