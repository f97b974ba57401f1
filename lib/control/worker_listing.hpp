// Listings of what only workers may read: one worker after the other is asked, a bounded piece of its table a turn.
// Control thread, but for the slices.
#pragma once

#include <optional>
#include <utility>

#include "control/ask.hpp"
#include "control/listing.hpp"
#include "control/table_jobs.hpp"

namespace limpet::control {

/// A row's place in its worker's table.
struct TablePlace {
  std::uint64_t bucket = 0;
  unsigned index = 0;  // in the bucket, from 1
};

/// A piece of a worker's table. `Row` has a member `place`, a TablePlace.
template <class Row>
class Slice : public path::Task {
 public:
  std::vector<Row> rows;   // of the last run
  std::uint64_t from = 0;  // bucket at which the next run begins
  bool at_end = false;
  Millis now_ms = 0;
};

/// S is a Slice, R its rows' type. Cursors are "worker.bucket.index".
template <class S, class R>
class WorkerListing : public Asking<S> {
 public:
  WorkerListing(Context& context, Listing listing, Done done)
      : Asking<S>(context.runtime), context_(context), listing_(std::move(listing)), done_(std::move(done)) {}

  /// From a cursor; `only` one worker or all.
  bool start(std::optional<unsigned> only) {
    worker_ = only.value_or(0);
    last_ = only ? *only : static_cast<unsigned>(this->runtime_.states().size()) - 1;
    if (!listing_.cursor().empty()) {
      const auto place = parse_place<3>(listing_.cursor());
      if (!place || (*place)[0] > last_ || (*place)[0] < worker_) {
        return false;
      }
      worker_ = static_cast<unsigned>((*place)[0]);
      this->task().from = (*place)[1];
      skipped_ = {(*place)[1], static_cast<unsigned>((*place)[2])};
    }
    return true;
  }

  bool step() override {
    S& slice = this->task();
    switch (this->state()) {
      case Asking<S>::State::waiting:
        return false;
      case Asking<S>::State::answered:
        if (!take_rows() || (slice.at_end && worker_ == last_)) {
          done_(finish(listing_));
          return true;
        }
        if (slice.at_end) {
          ++worker_;
          slice.from = 0;
        }
        break;
      case Asking<S>::State::idle:
        break;
    }
    slice.now_ms = this->runtime_.now_ms();
    this->ask(worker_);
    return false;
  }

 protected:
  [[nodiscard]] virtual api::Json json(const R& row) const = 0;
  [[nodiscard]] virtual api::Json finish(Listing& listing) { return listing.finish(); }
  [[nodiscard]] unsigned worker() const noexcept { return worker_; }
  [[nodiscard]] unsigned last() const noexcept { return last_; }
  Context& context_;

 private:
  bool take_rows() {
    for (const R& row : this->task().rows) {
      const auto [bucket, index] = row.place;
      const bool told = bucket == skipped_.bucket && index <= skipped_.index;
      if (!told && !listing_.add(fmt::format("{}.{}.{}", worker_, bucket, index), json(row))) {
        return false;
      }
    }
    skipped_ = {};
    return true;
  }

  Listing listing_;
  Done done_;
  unsigned worker_ = 0;
  unsigned last_ = 0;
  TablePlace skipped_;  // told on the page before
};

/// Begins a listing of kind J, with a parameter `worker`.
template <class J>
void list_by_worker(std::string_view method, Context& context, const api::Json& params, const Done& done) {
  auto listing = Listing::begin(method, params);
  if (!listing) {
    return done(tl::unexpected(listing.error()));
  }
  const auto workers = context.runtime.states().size();
  std::optional<unsigned> only;
  if (params.contains("worker")) {
    only = params.at("worker").get<unsigned>();
  }
  if (workers == 0 || only.value_or(0) >= workers) {
    return done(api::reject(api::Code::not_found, "no worker {}; there are {}", only.value_or(0), workers));
  }
  auto job = std::make_unique<J>(context, std::move(*listing), done);
  if (!job->start(only)) {
    return done(bad_cursor());
  }
  begin(context, std::move(job), done);
}

}  // namespace limpet::control
