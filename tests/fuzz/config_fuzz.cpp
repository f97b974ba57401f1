// Any text as a configuration: no crash, and what loads prints to text that loads to the same.
#include <cstddef>
#include <cstdint>

#include "base/assert.hpp"
#include "model/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = limpet::model::load_text(text, "fuzz");
  LIMPET_ASSERT(loaded.model.has_value() == loaded.problems.empty());
  for (const auto& problem : loaded.problems) {
    LIMPET_ASSERT(!problem.text().empty());
  }
  if (loaded.model) {
    for (const auto detail : {limpet::model::Detail::changed, limpet::model::Detail::all}) {
      const auto again = limpet::model::load_text(limpet::model::to_toml(*loaded.model, detail), "again");
      LIMPET_ASSERT(again.model.has_value());
      LIMPET_ASSERT(*again.model == *loaded.model);
      LIMPET_ASSERT(limpet::model::diff(*loaded.model, *again.model).empty());
    }
  }
  return 0;
}
