// Node tree -> model, key by key as the schema's rows say. Internal to lib/model.
#pragma once

#include "model/node.hpp"
#include "model/problems.hpp"

namespace limpet::model {

/// Fills `model` with what is right and tells the rest.
void read_model(const Node& root, Model& model, Problems& problems, Places& places);

/// What the model as a whole must obey: names that refer, addresses that must differ, bounds over all of it.
void validate(const Model& model, Problems& problems, const Places& places);

}  // namespace limpet::model
