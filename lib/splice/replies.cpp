#include "splice/replies.hpp"

#include <algorithm>

namespace limpet::splice {
namespace {

constexpr std::size_t bytes_each = Reply::text_max + Reply::head_max;

}  // namespace

Replies::Replies(std::uint32_t replies_max, const hash::Key& seed)
    : replies_max_(replies_max),
      seed_(seed),
      replies_(std::make_unique<Reply[]>(replies_max)),
      bytes_(new char[replies_max * bytes_each]),
      next_(std::make_unique<std::uint32_t[]>(replies_max)),
      heads_(std::make_unique<std::uint32_t[]>(replies_max)),
      free_(replies_max) {
  std::fill_n(heads_.get(), replies_max_, none);
  for (std::uint32_t i = 0; i < replies_max_; ++i) {
    free_[i] = replies_max_ - 1 - i;
  }
}

std::uint32_t& Replies::head_of(const ConnectionKey& key) noexcept {
  const std::uint64_t ports = std::uint64_t{key.client_port} << 16 | key.listener;
  const std::uint64_t hash = hash::keyed(seed_, key.client.high() ^ ports << 32, key.client.low());
  return heads_[((hash >> 32) * replies_max_) >> 32];
}

Reply* Replies::find(const ConnectionKey& key) noexcept {
  for (std::uint32_t at = head_of(key); at != none; at = next_[at]) {
    if (replies_[at].key == key) {
      return &replies_[at];
    }
  }
  return nullptr;
}

Reply* Replies::put(const ConnectionKey& key) noexcept {
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Reply& reply = replies_[index];
  char* const bytes = bytes_.get() + index * bytes_each;
  reply = {.key = key, .text = bytes, .head = bytes + Reply::text_max};
  std::uint32_t& head = head_of(key);
  next_[index] = head;
  head = index;
  return &reply;
}

void Replies::erase(Reply& reply) noexcept {
  const auto index = static_cast<std::uint32_t>(&reply - replies_.get());
  std::uint32_t* link = &head_of(reply.key);
  while (*link != index) {
    link = &next_[*link];
  }
  *link = next_[index];
  free_.push_back(index);
}

}  // namespace limpet::splice
