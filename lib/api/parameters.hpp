// Parameters of the commands, by command. Rows of the one table (commands.cpp).
#pragma once

#include <array>

#include "api/commands.hpp"

namespace limpet::api::rows {

inline constexpr Parameter filter{
    .name = "filter",
    .type = Type::text,
    .help =
        "Only items that match all terms: TEXT (anywhere) or COLUMN=VALUE (a prefix matches "
        "the addresses in it)."};
inline constexpr Parameter limit{.name = "limit",
                                 .type = Type::count,
                                 .default_text = "1000",
                                 .min = 1,
                                 .max = listing_limit_max,
                                 .help = "Most items in one answer."};
inline constexpr Parameter cursor{
    .name = "cursor", .type = Type::text, .help = "Goes on where an answer's `next` says."};

inline constexpr std::array listing_parameters{filter, limit, cursor};
inline constexpr std::array worker_listing_parameters{filter, limit, cursor,
                                                      Parameter{.name = "worker",
                                                                .type = Type::count,
                                                                .min = 0,
                                                                .max = 1023,
                                                                .help = "Only this worker.",
                                                                .completion = Completion::worker}};
inline constexpr std::array counter_parameters{
    filter, limit, cursor,
    Parameter{.name = "worker",
              .type = Type::count,
              .min = 0,
              .max = 1023,
              .help = "Of this worker alone; without it the sum of all.",
              .completion = Completion::worker},
    Parameter{.name = "all", .type = Type::flag, .default_text = "false", .help = "Also those that are zero."}};
inline constexpr std::array apply_parameters{
    Parameter{.name = "text",
              .type = Type::file,
              .place = Place::positional,
              .required = true,
              .help = "The configuration file.",
              .completion = Completion::file},
    Parameter{.name = "dry_run",
              .type = Type::flag,
              .default_text = "false",
              .help = "Only say what would change and how many live sessions would move."}};
inline constexpr std::array check_parameters{Parameter{.name = "text",
                                                       .type = Type::file,
                                                       .place = Place::positional,
                                                       .required = true,
                                                       .help = "The configuration file.",
                                                       .completion = Completion::file}};
inline constexpr std::array config_show_parameters{
    Parameter{.name = "all", .type = Type::flag, .default_text = "false", .help = "Also what has its default value."}};
inline constexpr std::array backend_parameters{Parameter{.name = "backend",
                                                         .type = Type::backend,
                                                         .place = Place::positional,
                                                         .required = true,
                                                         .help = "The backend, as POOL/NAME.",
                                                         .completion = Completion::backend}};
inline constexpr std::array why_parameters{
    Parameter{.name = "service",
              .type = Type::text,
              .required = true,
              .help = "The service.",
              .completion = Completion::service},
    Parameter{.name = "client",
              .type = Type::client,
              .required = true,
              .help = "The client's address; with its port also a live flow is found."},
    Parameter{.name = "listen",
              .type = Type::text,
              .help = "Which of the service's listen addresses; without it the first "
                      "of the client's family."}};

}  // namespace limpet::api::rows
