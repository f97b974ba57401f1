// What the contract allows: for each packet the backends that it may reach, and why a session may leave one. Knows
// the declared configuration, the states of backends and what it saw before; shares nothing with the path. Where the
// contract leaves a moment open (when an ended record is swept), more than one backend is allowed.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "model/model.hpp"
#include "path/reason.hpp"
#include "scene.hpp"

namespace limpet::sim {

using path::Reason;

using Names = std::set<std::string>;  // of backends, "pool/name"

/// What may happen to a packet.
struct Allowed {
  Names backends;
  bool drop = false;
};

/// A session or flow that was seen to leave a backend, or might have: what the node should have counted.
struct Leaving {
  net::IpAddress key;
  std::string service;
  Names from;
  std::string to;
  std::set<Reason> reasons;
  bool certain = false;  // else it may have been forgotten before
};

class Oracle {
 public:
  struct State {
    bool up = true;
    model::AdminState admin = model::AdminState::enabled;
    bool drained = false;  // the deadline of its drain has passed
  };

  explicit Oracle(const model::Model& model) : model_(model) {}

  void apply(const model::Model& model, Millis now_ms);
  /// The node was killed and started again: what was half-open need not be known any more.
  void restarted();
  /// States are kept by name, "pool/name".
  State& state(const std::string& name) { return states_[name]; }
  /// Tables may be full: nothing half-open is sure to be remembered, or nothing at all.
  void expect_pressure(bool of_lasting) {
    forgets_new_ = true;
    forgets_all_ = forgets_all_ || of_lasting;
  }

  [[nodiscard]] bool pressed() const { return forgets_new_ || forgets_all_; }

  /// The node has summed its workers' connections.
  void summed(Millis now_ms);

  [[nodiscard]] Allowed allowed(const Packet& packet, Millis now_ms) const;
  /// The client's packet reached `backend` (empty: none), which allowed() has. Of packets of one burst in the order in
  /// which they were decided.
  std::optional<Leaving> saw(const Packet& packet, const std::string& backend, Millis now_ms);

  /// A rule of the stream's service lets resets be sent.
  [[nodiscard]] bool may_reset(const Stream& stream) const;
  /// What is known of the stream's session, for --verbose.
  [[nodiscard]] std::string describe(const Stream& stream) const;

  /// The flow is surely known, so that its backend's answers must reach the client.
  [[nodiscard]] bool knows(const Stream& stream, Millis now_ms) const;
  /// Such an answer has passed.
  void answered(const Packet& packet, Millis now_ms);

 private:
  using SessionId = std::pair<std::string, std::string>;  // scope, key
  struct Session {
    Names at;                        // where its record may bind it
    bool sure = false;               // there is a record, unless it is too old
    bool shown = false;              // the client has shown its address
    Names homes;                     // where it may return to
    bool home_sure = true;           // to one of them, or none: not perhaps
    std::uint32_t made_s = 0;        // the earliest it may be from
    std::uint32_t used_s = 0;        // the latest
    std::uint32_t used_least_s = 0;  // the earliest that its last use may be
  };
  enum class Phase : std::uint8_t { opening, open, closing };
  struct Flow {
    std::string backend;
    Phase phase = Phase::opening;
    bool sure = true;      // not perhaps another one made meanwhile, or ended
    bool unclear = false;  // its phase is
    bool answered = false;
    std::uint8_t ends = 0;  // bit 0: the client has sent FIN, bit 1: the backend
    std::uint32_t forward_s = 0;
    std::uint32_t back_s = 0;
  };
  /// What a new flow of a session, or of none, would do.
  struct Decision {
    Names to;
    bool drop = false;
    Names from;
    std::set<Reason> reasons;
    bool moves = false;      // surely leaves where it was
    bool unclaimed = false;  // its record stays as it is
    bool splits = false;     // it may go elsewhere for once, its key being heavy
  };
  enum class Verdict : std::uint8_t { stay, leave, refuse };
  struct Hold {
    Verdict verdict = Verdict::stay;
    Reason reason = Reason::violation;
    std::string backend;    // the one that stands for it here
    bool stranger = false;  // only other pools have it
  };
  struct Life {
    bool may = false;       // the flow may be known
    bool must = false;      // it is
    bool reset = false;     // and is reset
    std::set<Reason> ends;  // why it may have ended
  };

  [[nodiscard]] const model::Service& service(const Stream& stream) const { return model_.services.at(stream.service); }
  [[nodiscard]] bool is_tcp(const Stream& stream) const {
    return service(stream).listen.front().protocol == net::Protocol::tcp;
  }
  [[nodiscard]] bool passes_back(const Stream& stream) const {
    return !model::returns_directly(service(stream).forwarding);
  }
  /// The first that finds a key, or null.
  [[nodiscard]] const model::Profile* profile(const Stream& stream) const;
  /// The client, as far as the profile looks at its address.
  [[nodiscard]] net::IpAddress client_part(const Stream& stream) const;
  [[nodiscard]] std::string key_of(const Stream& stream) const;
  [[nodiscard]] SessionId id_of(const Stream& stream) const;
  [[nodiscard]] const Session* session(const Stream& stream) const;
  [[nodiscard]] const model::Backend* declared(const std::string& name) const;
  [[nodiscard]] State state_of(const std::string& name) const;

  /// Who may take a session that nothing binds: surely, or perhaps.
  struct Able {
    Names may, surely;
  };
  [[nodiscard]] Able candidates(const Stream& stream, std::uint32_t now_s) const;
  [[nodiscard]] Able able(const Stream& stream, std::uint32_t now_s) const;
  /// It may have as many connections as it may have.
  [[nodiscard]] std::size_t connections_at_most(const std::string& backend, std::uint32_t now_s) const;
  void count_new(const std::string& backend);
  /// The stream's scope may have as many records as it may have.
  [[nodiscard]] bool scope_may_be_full(const Stream& stream) const;
  /// The stream's key may be too heavy for one backend.
  [[nodiscard]] bool may_be_heavy(const Stream& stream, std::uint32_t now_s) const;
  void note_full_scope(const Stream& stream);
  [[nodiscard]] bool may_be_full(const std::string& backend, std::uint32_t now_s) const;
  [[nodiscard]] Hold hold(const Stream& stream, const std::string& backend, bool of_flow) const;
  [[nodiscard]] Decision decide(const Stream& stream, std::uint32_t now_s) const;
  [[nodiscard]] static bool is_idle(const Session& session, const model::Profile& rules, std::uint32_t now_s);
  [[nodiscard]] static bool may_be_idle(const Session& session, const model::Profile& rules, std::uint32_t now_s);
  [[nodiscard]] static bool is_old(const Session& session, const model::Profile& rules, std::uint32_t now_s);
  [[nodiscard]] bool is_sure(const Session& session, const Stream& stream, std::uint32_t now_s) const;
  [[nodiscard]] bool may_return(const Session& session, const Stream& stream, const Able& free,
                                Decision& decision) const;
  [[nodiscard]] Names held_names(const Session& session, const Stream& stream) const;
  void note_home(Session& session, const Stream& stream, const std::string& backend, const Decision& decision,
                 bool was_sure) const;
  void end_lost_records(const model::Model& before, std::uint32_t now_s);

  [[nodiscard]] Life life(const Packet& packet, const Flow& flow, std::uint32_t now_s) const;
  [[nodiscard]] bool in_time(const Stream& stream, const Flow& flow, bool surely, std::uint32_t now_s) const;
  [[nodiscard]] bool resets(const Stream& stream, const std::string& backend) const;
  [[nodiscard]] bool has_way_back(const std::string& backend) const;
  void judge_udp(const Stream& stream, const Flow& flow, std::uint32_t now_s, Life& life) const;
  void go_on_or_begin(const Packet& packet, Flow& flow, std::uint32_t now_s);
  void go_on(const Packet& packet, Flow& flow, std::uint32_t now_s);
  void begin(const Packet& packet, const std::string& backend, const Decision& decision, std::uint32_t now_s);
  void show_if_answered(const Stream& stream, Flow& flow, std::uint32_t now_s);
  void show(const Stream& stream, const Flow& flow, std::uint32_t now_s);
  static void mark_end(Flow& flow, bool last);
  void touch(const Stream& stream, const Flow& flow, std::uint32_t now_s);

  model::Model model_;
  std::map<std::string, State> states_;
  std::map<SessionId, Session> sessions_;
  std::map<Stream, Flow> flows_;
  std::set<std::string> full_scopes_;          // that were, perhaps: their records may have been put out or never made
  std::map<std::string, std::size_t> summed_;  // by backend with a limit: connections at most that a worker may see
  bool forgets_new_ = false;
  bool forgets_all_ = false;
};

}  // namespace limpet::sim
