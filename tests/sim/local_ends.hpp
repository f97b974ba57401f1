// Full NAT: which connection each local address and port stands for towards a backend. None may stand for two, and one
// that the backend has answered rests for a while before it stands for another.
#pragma once

#include <map>

#include "base/time.hpp"
#include "talk.hpp"

namespace limpet::sim {

class LocalEnds {
 public:
  /// A packet of the connection passed, seen so by its backend. `answer`: it was the backend's.
  void note(const Seen& seen, const Stream& stream, bool answer, Millis now_ms) {
    Holder& holder = holders_[seen];
    const bool same = holder.stream == stream;
    holder = {stream, answer || (same && holder.answered), now_ms};
  }

  /// The other connection that a client's packet of this one may not be taken for, or null. `knows(stream)`: such a
  /// flow surely lives.
  template <class F>
  [[nodiscard]] const Stream* other(const Seen& seen, const Stream& stream, Millis rest_ms, Millis now_ms,
                                    F&& knows) const {
    const auto found = holders_.find(seen);
    if (found == holders_.end() || found->second.stream == stream) {
      return nullptr;
    }
    const Holder& holder = found->second;
    const bool rests = holder.answered && now_ms - holder.used_ms <= rest_ms;
    return rests || knows(holder.stream) ? &holder.stream : nullptr;
  }

  /// Nothing is known of ends towards servers of which `is_known(endpoint)` says no.
  template <class F>
  void keep(F&& is_known) {
    std::erase_if(holders_, [&](const auto& entry) { return !is_known(entry.first.server); });
  }

 private:
  struct Holder {
    Stream stream;
    bool answered = false;
    Millis used_ms = 0;
  };
  std::map<Seen, Holder> holders_;
};

}  // namespace limpet::sim
