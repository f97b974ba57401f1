// A live flow and its session's record: refreshed by use, made lasting once the client has shown its address.
// Worker's thread only.
#pragma once

#include "path/flow_keys.hpp"
#include "path/state.hpp"
#include "plan/session_key.hpp"

namespace limpet::path {

inline plan::Tuple tuple_of(const plan::Listener& listener, const Connection& c) noexcept {
  return {c.client, c.vip, c.client_port, c.vip_port, listener.listen.protocol};
}

class Records {
 public:
  Records(State& state, const plan::Plan& plan, Millis now_ms) noexcept
      : state_(state), plan_(plan), now_s_(static_cast<std::uint32_t>(now_ms / 1000)) {}

  /// The profile that rules the session, or null.
  [[nodiscard]] const plan::Persist* rule(const plan::Listener& listener, const Connection& c) const noexcept {
    return find_key(listener, c).persist;
  }
  void refresh(const plan::Listener& listener, const Connection& c) noexcept;
  /// The client has shown that its address is its own: whether its session has a lasting record now.
  bool confirm(const plan::Listener& listener, const Connection& c, BackendSlot backend) noexcept;
  /// The session's record has moved to another backend, which a UDP flow follows, and be it to leave that one too.
  [[nodiscard]] bool is_bound_elsewhere(const plan::Listener& listener, const Connection& c,
                                        std::uint32_t peer) const noexcept;
  /// A live flow begins or ends: counted for its key, where heavy keys are split.
  void count_live(const plan::Listener& listener, const Connection& c, bool begins) noexcept;

  [[nodiscard]] std::uint32_t now_s() const noexcept { return now_s_; }

 private:
  [[nodiscard]] plan::Found find_key(const plan::Listener& listener, const Connection& c) const noexcept {
    const plan::Service& service = plan_.service_of(listener);
    return service.reads_content ? plan::Found{} : plan::find_key(plan_, service, tuple_of(listener, c));
  }

  [[nodiscard]] std::uint32_t place_of_spliced(const plan::Listener& listener, const Connection& c) const noexcept;

  State& state_;
  const plan::Plan& plan_;
  std::uint32_t now_s_;
};

}  // namespace limpet::path
