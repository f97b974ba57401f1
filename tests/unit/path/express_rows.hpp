// What is sent in a state of things, and whether the express way takes it: rows of tables.
#pragma once

#include "twins.hpp"

namespace limpet::path {

using l3::AdjacencyState;

inline const net::Mac moved_mac{{2, 0, 0, 0, 9, 9}};

/// Edits of a frame without a tag; the IP header's checksum is made right again.
inline Bytes with(Bytes frame, std::initializer_list<std::pair<std::size_t, std::uint8_t>> bytes) {
  for (const auto& [at, value] : bytes) {
    frame[at] = value;
  }
  store_be<std::uint16_t>(&frame[14 + net::ipv4::checksum], 0);
  store_be<std::uint16_t>(&frame[14 + net::ipv4::checksum],
                          test::plain_checksum(Bytes(frame.begin() + 14, frame.begin() + 34)));
  return frame;
}
inline Bytes with_mac(Bytes frame, std::size_t at, const net::Mac& mac) {
  std::copy(mac.bytes.begin(), mac.bytes.end(), frame.begin() + static_cast<std::ptrdiff_t>(at));
  return frame;
}
inline PacketBuilder to_web() {
  return PacketBuilder().ethernet(gateway_mac, front_mac).ip("10.0.0.1", "192.0.2.10").payload("hello, backend");
}
inline PacketBuilder to_web6() {
  return to_web().ip("2001:db8:c::1", "2001:db8:1::10");
}
inline model::Backend& backend_of(Lab& lab, const char* pool, const Talk& talk) {
  return lab.model.pools.at(pool).backends.at(name_at(talk.seen().destination().text()));
}
inline void set_hop(Lab& lab, const Talk& talk, AdjacencyState state, const net::Mac& mac = {}) {
  set_neighbour(lab, back_port, talk.seen().destination().address, state, mac);
}
inline std::string backend_name(const Talk& talk, const char* pool) {
  return fmt::format("{}/{}", pool, name_at(talk.seen().destination().text()));
}

/// Another service of the same pool, and only the backend that the talk goes to is left in it.
inline void declare_another_service(model::Model& m) {
  m.services["too"] = service("web", {listen("192.0.2.11", 80, net::Protocol::tcp)});
}
inline void keep_its_backend(Lab& lab, const Talk& talk) {
  auto& backends = lab.model.pools.at("web").backends;
  const std::string kept = name_at(talk.seen().destination().text());
  std::erase_if(backends, [&](const auto& one) { return one.first != kept; });
  lab.apply();
}

constexpr std::size_t l4 = 34, flags_at = l4 + net::tcp::flags, offset_at = l4 + net::tcp::data_offset;

struct Row {
  const char* what;
  unsigned decided = 0;
  const char* vip = "192.0.2.10:80";
  void (*declare)(model::Model&) = [](model::Model&) {};
  void (*prepare)(Lab&, Talk&) = [](Lab&, Talk&) {};  // once the flow is live and known to the plan
  Bytes (*frame)(const Talk&) = [](const Talk& talk) { return talk.packet(); };
  PortIndex port = front_port;
};

inline void check(const Row& row) {
  SCOPED_TRACE(row.what);
  Lab::Setup setup;
  row.declare(setup.model);
  Twins twins(setup);
  std::vector<Talk> talks;
  twins.each([&](Lab& lab) {
    const bool v4 = test::endpoint(row.vip).address.is_v4();
    Talk& talk = talks.emplace_back(lab, v4 ? "10.0.0.1" : "2001:db8:c::1", 1000, row.vip);
    const bool direct = lab.model.services["web"].forwarding == model::Forwarding::dr;
    direct ? static_cast<void>(talk.up(flags::syn)) : static_cast<void>(talk.open());
    talk.up();
    lab.wait_ms(1500);
    talk.up();
    direct || talk.down();
    row.prepare(lab, talk);
  });
  const Bytes frame = on_the_wire(row.frame(talks[0]));
  ASSERT_EQ(frame, on_the_wire(row.frame(talks[1])));
  EXPECT_EQ(decided(twins.probe, row.port, {frame}), row.decided);
  twins.send(row.port, frame);
  twins.send(front_port, talks[0].packet());  // and what comes after it
  twins.send(back_port, talks[0].answer());
  twins.express.wait_ms(1000);
  twins.plain.wait_ms(1000);
  twins.send({{front_port, 0, talks[0].packet()}, {back_port, 0, talks[0].answer()}});
}

inline std::string name_of(const ::testing::TestParamInfo<Row>& info) {
  return test_name(info.param.what);
}
}  // namespace limpet::path
