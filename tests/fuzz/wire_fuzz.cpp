// Any bytes on the socket, in pieces of a size the first byte says: one reply line for each line, never a crash.
#include <cstddef>
#include <cstdint>

#include "api/dispatcher.hpp"
#include "api/filter.hpp"
#include "base/assert.hpp"

namespace {

using namespace limpet::api;

const Dispatcher& dispatcher() {
  static const Dispatcher instance = [] {
    Dispatcher result;
    for (const auto& command : commands()) {
      result.on(command.method, [&command](const Json& params) -> tl::expected<Json, RpcError> {
        const auto filter = Filter::parse(command, params.value("filter", std::string()));
        if (!filter) {
          return tl::unexpected<RpcError>(filter.error());
        }
        return Json{{"items", Json::array({params})}, {"kept", filter->matches(params)}};
      });
    }
    return result;
  }();
  return instance;
}

void check_reply(const std::string& reply) {
  LIMPET_ASSERT(!reply.empty() && reply.find('\n') == reply.size() - 1);
  const auto parsed = parse_reply(reply);
  LIMPET_ASSERT(parsed.result.has_value() || parsed.result.error().message.find("the answer is") != 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::size_t step = data[0] == 0 ? size : data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  constexpr std::size_t line_max = 512;
  LineReader reader(line_max);
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    for (auto next = reader.next(); next.status != LineReader::Status::more; next = reader.next()) {
      check_reply(next.status == LineReader::Status::line ? dispatcher().handle_line(next.line, Access::write)
                                                          : Dispatcher::too_large_reply());
      parse_reply(next.line);
    }
    LIMPET_ASSERT(reader.held_bytes() <= line_max);
  }
  return 0;
}
