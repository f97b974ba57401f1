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
inline constexpr Parameter backend_name = backend_parameters[0];
inline constexpr std::array drain_parameters{
    backend_name, Parameter{.name = "for",
                            .type = Type::duration,
                            .min = 1000,
                            .max = 366ULL * 24 * 3600 * 1000,
                            .help = "When this time is over, also the sessions that it has go elsewhere, for the "
                                    "reason drain_expired. The deadline outlives a restart."}};
inline constexpr std::array remove_parameters{backend_name,
                                              Parameter{.name = "dry_run",
                                                        .type = Type::flag,
                                                        .default_text = "false",
                                                        .help = "Only say how many live sessions would move."}};
inline constexpr Parameter of_service{
    .name = "service", .type = Type::text, .help = "Only those of this service.", .completion = Completion::service};
inline constexpr Parameter of_profile{.name = "profile", .type = Type::text, .help = "Only those of this profile."};
inline constexpr Parameter of_backend{.name = "backend",
                                      .type = Type::backend,
                                      .help = "Only those that name this backend.",
                                      .completion = Completion::backend};
inline constexpr Parameter of_key{
    .name = "key", .type = Type::text, .help = "Only those with this key, written as listings show it."};
inline constexpr std::array record_parameters{of_service, of_profile, of_backend, of_key, filter, limit, cursor};
inline constexpr std::array dump_parameters{of_service, of_profile, of_backend, limit, cursor};
inline constexpr std::array clear_parameters{
    of_service, of_profile, of_backend, of_key,
    Parameter{.name = "all", .type = Type::flag, .default_text = "false", .help = "All records there are."}};
inline constexpr Parameter the_key{
    .name = "key",
    .type = Type::text,
    .place = Place::positional,
    .required = true,
    .help = "The session's key, written as `records list` shows it; for source_ip the client's address will do."};
inline constexpr Parameter the_service{.name = "service",
                                       .type = Type::text,
                                       .required = true,
                                       .help = "A service whose sessions it is about.",
                                       .completion = Completion::service};
inline constexpr Parameter the_profile{
    .name = "profile", .type = Type::text, .help = "Which of the service's profiles; the first that has such keys."};
inline constexpr std::array record_show_parameters{the_key, the_service, the_profile};
inline constexpr std::array record_set_parameters{the_key, backend_name, the_service, the_profile};
inline constexpr std::array load_parameters{
    Parameter{.name = "text",
              .type = Type::lines,
              .place = Place::positional,
              .required = true,
              .help = "The file, as `records dump` wrote it; \"-\" is standard input.",
              .completion = Completion::file}};
inline constexpr std::array why_parameters{
    Parameter{.name = "service",
              .type = Type::text,
              .required = true,
              .help = "The service.",
              .completion = Completion::service},
    Parameter{.name = "client",
              .type = Type::client,
              .unless = "key",
              .help = "The client's address; with its port also a live flow is found."},
    Parameter{.name = "key",
              .type = Type::text,
              .help = "Instead of a client or beside it: the session's key, as `records list` shows it. What would be "
                      "decided for a new connection with it."},
    Parameter{.name = "profile",
              .type = Type::text,
              .help = "Whose key it is; without it the first of the service's profiles that has such keys."},
    Parameter{.name = "destination",
              .type = Type::client,
              .help = "What the client addresses; needed where the service listens on a prefix or any port."},
    Parameter{.name = "listen",
              .type = Type::text,
              .help = "Which of the service's listen addresses; without it the first "
                      "of the client's family."},
    Parameter{.name = "cookie", .type = Type::text, .help = "NAME=VALUE: a cookie that the client shows."},
    Parameter{.name = "header", .type = Type::text, .help = "NAME=VALUE: a header of its request."},
    Parameter{.name = "url_param", .type = Type::text, .help = "NAME=VALUE: a parameter of its request's query."},
    Parameter{.name = "path", .type = Type::text, .help = "Its request's path."},
    Parameter{.name = "host", .type = Type::text, .help = "The host that its request is for."},
    Parameter{.name = "sni", .type = Type::text, .help = "The server name in its TLS hello."},
    Parameter{.name = "ticket", .type = Type::text, .help = "The name of the key of the TLS ticket that it shows."},
    Parameter{.name = "session_id",
              .type = Type::text,
              .help = "The id, in hexadecimal digits, of the TLS session that it resumes."},
    Parameter{.name = "rdp", .type = Type::text, .help = "The user in its Remote Desktop cookie, mstshash."},
    Parameter{.name = "msts", .type = Type::text, .help = "ADDRESS:PORT in its Remote Desktop routing token, msts."},
    Parameter{.name = "mqtt", .type = Type::text, .help = "Its MQTT client id."},
    Parameter{.name = "forwarded_for",
              .type = Type::text,
              .help = "The client's address as X-Forwarded-For has it, of a client that is a trusted proxy."},
    Parameter{.name = "universal", .type = Type::text, .help = "The value that its expression stands before."}};

}  // namespace limpet::api::rows
