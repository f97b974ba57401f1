#include "api/wire.hpp"

namespace limpet::api {

void LineReader::feed(std::string_view bytes) {
  if (skipping_) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) {
      return;
    }
    skipping_ = false;
    bytes.remove_prefix(end + 1);
  }
  if (used_ > 0) {
    buffer_.erase(0, used_);
    scanned_ -= used_;
    used_ = 0;
  }
  buffer_.append(bytes);
}

LineReader::Next LineReader::next() {
  const auto end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    if (scanned_ - used_ <= max_) {
      return {};
    }
    buffer_.clear();
    buffer_.shrink_to_fit();
    used_ = scanned_ = 0;
    skipping_ = true;
    return {Status::too_large, {}};
  }
  auto size = end - used_;
  const auto start = used_;
  used_ = scanned_ = end + 1;
  if (size > max_) {
    return {Status::too_large, {}};
  }
  if (size > 0 && buffer_[start + size - 1] == '\r') {
    --size;
  }
  return {Status::line, buffer_.substr(start, size)};
}

}  // namespace limpet::api
