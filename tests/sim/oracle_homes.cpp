// The oracle's word on `on_return`: where sessions came from that had to leave a backend that was down.
#include "oracle.hpp"

namespace limpet::sim {

/// The session's backends by the names that its stream's pool has for them.
Names Oracle::held_names(const Session& session, const Stream& stream) const {
  Names names;
  for (const std::string& backend : session.at) {
    const std::string here = hold(stream, backend, false).backend;
    names.insert(here.empty() ? backend : here);
  }
  return names;
}

/// The session may go back to where it had to leave, by the pool that saw that down. True: it must.
bool Oracle::may_return(const Session& session, const Stream& stream, const Able& free, Decision& decision) const {
  if (profile(stream)->on_return != model::OnReturn::return_) {
    return false;
  }
  const Names held = held_names(session, stream);
  Names homes = session.homes;
  if (session.at.size() > 1) {  // it may have moved from one to the other
    homes.insert(held.begin(), held.end());
  }
  bool returns = false;
  for (const std::string& home : homes) {
    if (free.may.contains(home) && held != Names{home}) {
      decision.to.insert(home);
      decision.reasons.insert(Reason::backend_up);
      returns = true;
    }
  }
  return returns && session.home_sure && session.homes.size() == 1 && session.at.size() == 1 &&
         free.surely.contains(*session.homes.begin());
}

/// A move away from a backend that is down remembers it, any other move forgets.
void Oracle::note_home(Session& session, const Stream& stream, const std::string& backend, const Decision& decision,
                       bool was_sure) const {
  const Names held = held_names(session, stream);
  const bool moved = !session.at.contains(backend);
  if (!was_sure || session.at.size() != 1) {
    session.homes.insert(held.begin(), held.end());
    session.home_sure = session.home_sure && session.homes.empty();
  } else if (moved && decision.reasons == std::set{Reason::backend_down}) {
    if (session.homes.empty() || !session.home_sure) {
      session.homes.insert(held.begin(), held.end());
    }
  } else if (moved && !decision.reasons.contains(Reason::backend_down)) {
    session.homes.clear();
    session.home_sure = true;
  } else if (moved) {
    session.homes.insert(held.begin(), held.end());
    session.home_sure = false;
  }
  if (session.home_sure && session.homes == Names{backend}) {
    session.homes.clear();
  }
}

}  // namespace limpet::sim
