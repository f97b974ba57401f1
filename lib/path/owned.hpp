// Bytes that Limpet has acknowledged before there was a backend. Who writes its request in small pieces sends the next
// one only when the last was acknowledged (Nagle's algorithm), so a head that stays incomplete a while after a short
// segment is. From then on these bytes are Limpet's to repeat: their packets are kept until the backend has
// acknowledged them, and copies go out, at once and whenever it has not for a while. Bounded like all that waits; lost
// when the process ends. Worker's thread only.
#pragma once

#include "path/awaited.hpp"
#include "path/state.hpp"

namespace limpet::path {

/// It is what the connection with this entry (null: there is none) waits for; else that has ended.
[[nodiscard]] bool belongs(State& state, const splice::Entry* entry, const Awaited& one) noexcept;

/// A segment of a head that is not whole has come and is held; a client's full segments have `mss` bytes.
void note_piece(State& state, Awaited& one, const Segment& segment, std::uint16_t mss, Millis now_ms) noexcept;
/// Something came again that was acknowledged: the acknowledgment got lost.
void note_repeated(State& state, Awaited& one, const Segment& segment) noexcept;
/// The acknowledgment to the client of what is held. Its size; 0: none.
std::size_t make_acknowledgment(State& state, Awaited& one, std::span<std::uint8_t> out) noexcept;

/// The connection has been joined: what is not owned goes on, what is does so as copies.
void release_joined(State& state, splice::Entry& entry, Awaited& one, Millis now_ms) noexcept;
/// The backend of a joined connection has said something.
void note_backend(State& state, splice::Entry& entry, const net::Parsed& parsed, std::uint32_t acknowledgment) noexcept;
/// Of what was acknowledged to its client, the backend of a joined connection takes nothing, or it got lost: it ends.
[[nodiscard]] bool end_if_lost(State& state, splice::Entry& entry) noexcept;
/// Something is due for a connection that owns bytes. False: what is due has nothing to do with them.
bool tend_owned(State& state, splice::Entry* entry, Awaited& one, Millis now_ms) noexcept;

}  // namespace limpet::path
