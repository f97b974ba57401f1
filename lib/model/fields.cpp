// The top of the configuration's table: every key, its type, bounds and help, and the member it fills.
// Defaults are the model's own (model.hpp).
#include "model/fields.hpp"

#include "model/rows.hpp"

namespace limpet::model {

using namespace rows;

const Section& root_section() {
  static const Row name{.name = "NAME", .kind = Kind::name};
  static const Section result = section<Model>(
      "",
      {table<Model, &Model::limpetd>(row(Kind::table, "limpetd", "The daemon itself. All of it needs a restart."),
                                     limpetd_section()),
       table<Model, &Model::limits>(
           row(Kind::table, "limits", "Sizes. All memory is taken at start, so all of it needs a restart."),
           limits_section()),
       keyed(name, table<Model, &Model::ports>(row(Kind::table, "ports", "NIC ports."), port_section())),
       keyed(name, table<Model, &Model::profiles>(
                       row(Kind::table, "profiles", "Persistence profiles: what a session is and how long it stays."),
                       profile_section())),
       keyed(name, table<Model, &Model::pools>(row(Kind::table, "pools", "Sets of backends."), pool_section())),
       keyed(name, table<Model, &Model::services>(row(Kind::table, "services", "What clients address."),
                                                  service_section()))});
  return result;
}

}  // namespace limpet::model
