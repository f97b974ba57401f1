// Room where a key's buckets are all full: others' records go to other buckets of their own. Only for tables that
// nobody else reads yet, at start; live entries never move.
#pragma once

#include <algorithm>
#include <vector>

#include "record/bucket_array.hpp"

namespace limpet::record {

inline constexpr std::size_t placing_buckets_max = 2000;  // looked at for one key

/// Frees a slot in one of the buckets where a key of this hash may lie, by the shortest row of moves there is.
/// `hash_of(key)` is the table's. False: none was found, and nothing has changed.
template <unsigned key_words, class Hash>
bool make_room(BucketArray<key_words>& array, std::uint64_t hash, Hash&& hash_of) {
  using Bucket = record::Bucket<key_words>;
  struct Step {
    Bucket* bucket;
    std::size_t before;  // the step whose bucket gives this one a record; of the first ones their own number
    unsigned slot;       // of that record
  };
  std::vector<Step> steps;
  const auto visit = [&](Bucket* bucket, std::size_t before, unsigned slot) {
    const bool seen =
        std::any_of(steps.begin(), steps.end(), [bucket](const Step& step) { return step.bucket == bucket; });
    if (!seen) {
      steps.push_back({bucket, before, slot});
    }
  };
  for (Bucket* bucket : array.candidates(hash)) {
    visit(bucket, steps.size(), 0);
  }
  for (std::size_t at = 0; at < steps.size(); ++at) {
    if (header::used_slots(steps[at].bucket->load_header()) < bucket_slots) {
      for (std::size_t to = at; steps[to].before != to; to = steps[to].before) {
        Bucket& from = *steps[steps[to].before].bucket;
        array.move(from, steps[to].slot, *steps[to].bucket, hash_of(from.read(steps[to].slot).key));
      }
      return true;
    }
    for (unsigned slot = 0; slot < bucket_slots && steps.size() < placing_buckets_max; ++slot) {
      for (Bucket* other : array.candidates(hash_of(steps[at].bucket->read(slot).key))) {
        visit(other, at, slot);
      }
    }
  }
  return false;
}

}  // namespace limpet::record
