// docs/limpetctl.md says what the command table says.
#include "api/manual.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace limpet::api {
namespace {

TEST(Manual, is_current) {
  const auto path = std::string(LIMPET_SOURCE) + "/docs/limpetctl.md";
  if (std::getenv("LIMPET_UPDATE_DOCS") != nullptr) {
    std::ofstream(path) << manual_markdown();
  }
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_TRUE(text.str() == manual_markdown()) << "run unit_api with LIMPET_UPDATE_DOCS=1";
}

TEST(Manual, shows_how_commands_are_called) {
  EXPECT_EQ(usage_line(*find_name("apply")), "limpetctl apply FILE [--dry-run]");
  EXPECT_EQ(usage_line(*find_name("backend drain")), "limpetctl backend drain POOL/NAME [--for TIME]");
  EXPECT_EQ(
      usage_line(*find_name("why")),
      "limpetctl why --service SERVICE [--client ADDR[:PORT]] [--key KEY] [--profile PROFILE] [--destination "
      "ADDR[:PORT]] [--listen LISTEN] [--cookie COOKIE] [--header HEADER] [--url-param URL_PARAM] [--path PATH] "
      "[--host HOST] [--sni SNI] [--ticket TICKET] [--session-id SESSION_ID] [--rdp RDP] [--msts MSTS] [--mqtt MQTT] "
      "[--forwarded-for FORWARDED_FOR] [--universal UNIVERSAL]");
  EXPECT_EQ(usage_line(*find_name("records load")), "limpetctl records load FILE");
  EXPECT_EQ(usage_line(*find_name("show services")),
            "limpetctl show services [--filter FILTER] [--limit N] [--cursor CURSOR]");
}

}  // namespace
}  // namespace limpet::api
