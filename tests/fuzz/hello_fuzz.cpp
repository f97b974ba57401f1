// Any bytes as a ClientHello or ServerHello: each answer holds when more comes, and is the same when the message is cut
// into other records. Views lie inside the bytes or the scratch space.
#include <string>

#include "extract/client_hello.hpp"
#include "extract/server_hello.hpp"
#include "reader.hpp"

namespace {

using namespace limpet;
using namespace limpet::extract;

/// The first record in two, when it is whole; else nothing.
std::string cut_again(std::string_view bytes, std::size_t where) {
  const auto byte = [&](std::size_t at) { return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])); };
  if (bytes.size() < 7 || (byte(3) << 8 | byte(4)) != bytes.size() - 5) {
    return {};
  }
  const std::size_t first = 1 + where % (bytes.size() - 6), second = bytes.size() - 5 - first;
  const auto record = [&](std::string_view content) {
    return std::string(bytes.substr(0, 3)) + static_cast<char>(content.size() >> 8) +
           static_cast<char>(content.size()) + std::string(content);
  };
  return record(bytes.substr(5, first)) + record(bytes.substr(5 + first, second));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Input input(data, size);
  const std::string cut = cut_again(input.whole(), size > 1 ? data[0] * std::size_t{131} : 0);
  for (const auto read : {&sni, &session_id, &ticket_key_name, &alpn, &given_session_id}) {
    HelloScratch scratch{}, other{};
    const Value found =
        input.ask_view([&](auto bytes) { return read(bytes, scratch); }, {scratch.data(), scratch.size()});
    if (!cut.empty() && found.found == Found::value) {
      LIMPET_ASSERT(read(cut, other) == found);
    }
  }
  return 0;
}
