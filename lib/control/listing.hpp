// One page of a listing: filter, limit and cursor as the request gave them, and the rows that fit. Control thread.
#pragma once

#include <string>
#include <string_view>

#include "api/dispatcher.hpp"
#include "api/filter.hpp"

namespace limpet::control {

class Listing {
 public:
  static tl::expected<Listing, api::RpcError> begin(std::string_view method, const api::Json& params) {
    const api::Command* command = api::find_method(method);
    auto filter = api::Filter::parse(*command, params.value("filter", std::string()));
    if (!filter) {
      return tl::unexpected(filter.error());
    }
    Listing listing;
    listing.filter_ = std::move(*filter);
    listing.limit_ = params.value("limit", api::listing_limit_default);
    listing.cursor_ = params.value("cursor", std::string());
    return listing;
  }

  /// Rows come in the order of their keys; those up to the cursor have been told before.
  [[nodiscard]] bool is_past(std::string_view key) const { return cursor_.empty() || key > cursor_; }
  [[nodiscard]] const std::string& cursor() const noexcept { return cursor_; }
  [[nodiscard]] std::size_t room() const noexcept { return limit_ - items_.size(); }

  /// False when the row matches but has no room: the page is done.
  bool add(const std::string& key, api::Json row) {
    if (!filter_.matches(row)) {
      return true;
    }
    if (items_.size() >= limit_) {
      next_ = last_;
      return false;
    }
    items_.push_back(std::move(row));
    last_ = key;
    return true;
  }
  /// The reply. `next` is set when add() said so, or by hand.
  [[nodiscard]] api::Json finish() {
    return {{"items", std::move(items_)}, {"next", next_.empty() ? api::Json(nullptr) : api::Json(next_)}};
  }
  void set_next(std::string next) { next_ = std::move(next); }

 private:
  api::Filter filter_;
  std::size_t limit_ = 0;
  std::string cursor_, last_, next_;
  api::Json items_ = api::Json::array();
};

/// A handler of a listing that is told at once: `fill(listing, params)` adds rows in order of their keys.
template <class Fill>
api::Dispatcher::Handler listing_handler(std::string_view method, Fill fill) {
  return [method, fill](const api::Json& params) -> api::Dispatcher::Answer {
    auto listing = Listing::begin(method, params);
    if (!listing) {
      return tl::unexpected(listing.error());
    }
    fill(*listing, params);
    return listing->finish();
  };
}

/// A number as a key whose order is the number's.
inline std::string number_key(std::uint64_t number) {
  return fmt::format("{:020}", number);
}

}  // namespace limpet::control
