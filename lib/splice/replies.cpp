#include "splice/replies.hpp"

namespace limpet::splice {
namespace {

constexpr std::size_t bytes_each = Reply::text_max + Reply::head_max;

}  // namespace

Replies::Replies(std::uint32_t replies_max, const hash::Key& seed)
    : replies_max_(replies_max),
      places_(replies_max, seed),
      replies_(std::make_unique<Reply[]>(replies_max)),
      bytes_(new char[replies_max * bytes_each]),
      free_(replies_max) {
  for (std::uint32_t i = 0; i < replies_max_; ++i) {
    free_[i] = replies_max_ - 1 - i;
  }
}

Reply* Replies::find(const ConnectionKey& key) noexcept {
  const std::uint32_t index = places_.find(
      key, [this](std::uint32_t at) -> const auto& { return replies_[at].key; });
  return index == ConnectionIndex::none ? nullptr : &replies_[index];
}

Reply* Replies::put(const ConnectionKey& key) noexcept {
  const std::uint32_t index = free_.back();
  free_.pop_back();
  Reply& reply = replies_[index];
  char* const bytes = bytes_.get() + index * bytes_each;
  reply = {.key = key, .text = bytes, .head = bytes + Reply::text_max};
  places_.add(key, index);
  return &reply;
}

void Replies::erase(Reply& reply) noexcept {
  const auto index = static_cast<std::uint32_t>(&reply - replies_.get());
  places_.remove(reply.key, index);
  free_.push_back(index);
}

}  // namespace limpet::splice
