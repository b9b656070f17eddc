#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <version>
#ifdef __cpp_lib_expected
#include <expected>
#endif

namespace baton {

/// Every way an operation can fail, in one table (errc_info) that fixes what a client sees.
enum class Errc : std::uint8_t {
  ok,
  invalid_request,        ///< malformed or out-of-range input from a client
  unsupported_parameter,  ///< well-formed, but asks for something Baton does not do
  context_length_exceeded,
  model_not_found,
  not_found,
  method_not_allowed,
  unsupported_media_type,
  body_too_large,
  headers_too_large,
  uri_too_long,
  unauthorized,
  queue_full,       ///< this router's queue is full: try later
  no_workers,       ///< no prefill or no decode path is connected
  out_of_blocks,    ///< the worker has no KV room now
  draining,         ///< shutting down
  timeout,          ///< a deadline passed
  cancelled,        ///< the client went away, or the router cancelled
  worker_lost,      ///< a worker died or its connection broke
  transfer_failed,  ///< the KV hand-over failed
  protocol,         ///< a peer broke the wire protocol
  config,           ///< bad configuration
  corrupt_file,     ///< model, tokenizer or weights cannot be read
  io,               ///< operating-system error
  internal,         ///< a defect of ours
  overloaded,       ///< no room for another connection: try later
  request_timeout,  ///< the client sent its request too slowly
};

/// What a client sees for an Errc, and whether another worker may be tried.
struct ErrcInfo {
  Errc code;
  std::string_view name;
  int http_status;
  std::string_view openai_type;
  std::string_view openai_code;  ///< empty: JSON null
  bool retryable;                ///< the router may try another worker before the first byte
};

inline constexpr std::array kErrcTable{
    ErrcInfo{Errc::ok, "ok", 200, "", "", false},
    ErrcInfo{Errc::invalid_request, "invalid_request", 400, "invalid_request_error", "", false},
    ErrcInfo{Errc::unsupported_parameter, "unsupported_parameter", 400, "invalid_request_error",
             "unsupported_parameter", false},
    ErrcInfo{Errc::context_length_exceeded, "context_length_exceeded", 400, "invalid_request_error",
             "context_length_exceeded", false},
    ErrcInfo{Errc::model_not_found, "model_not_found", 404, "invalid_request_error", "model_not_found", false},
    ErrcInfo{Errc::not_found, "not_found", 404, "not_found_error", "", false},
    ErrcInfo{Errc::method_not_allowed, "method_not_allowed", 405, "invalid_request_error", "method_not_allowed", false},
    ErrcInfo{Errc::unsupported_media_type, "unsupported_media_type", 415, "invalid_request_error", "", false},
    ErrcInfo{Errc::body_too_large, "body_too_large", 413, "invalid_request_error", "", false},
    ErrcInfo{Errc::headers_too_large, "headers_too_large", 431, "invalid_request_error", "", false},
    ErrcInfo{Errc::uri_too_long, "uri_too_long", 414, "invalid_request_error", "", false},
    ErrcInfo{Errc::unauthorized, "unauthorized", 401, "authentication_error", "invalid_api_key", false},
    ErrcInfo{Errc::queue_full, "queue_full", 429, "overloaded", "server_overloaded", false},
    ErrcInfo{Errc::no_workers, "no_workers", 503, "service_unavailable", "no_workers", true},
    ErrcInfo{Errc::out_of_blocks, "out_of_blocks", 503, "service_unavailable", "server_overloaded", true},
    ErrcInfo{Errc::draining, "draining", 503, "service_unavailable", "draining", true},
    ErrcInfo{Errc::timeout, "timeout", 504, "timeout_error", "request_timeout", false},
    ErrcInfo{Errc::cancelled, "cancelled", 499, "server_error", "cancelled", false},
    ErrcInfo{Errc::worker_lost, "worker_lost", 500, "server_error", "worker_lost", true},
    ErrcInfo{Errc::transfer_failed, "transfer_failed", 500, "server_error", "internal_error", true},
    ErrcInfo{Errc::protocol, "protocol", 500, "server_error", "internal_error", true},
    ErrcInfo{Errc::config, "config", 500, "server_error", "internal_error", false},
    ErrcInfo{Errc::corrupt_file, "corrupt_file", 500, "server_error", "internal_error", false},
    ErrcInfo{Errc::io, "io", 500, "server_error", "internal_error", true},
    ErrcInfo{Errc::internal, "internal", 500, "server_error", "internal_error", false},
    ErrcInfo{Errc::overloaded, "overloaded", 503, "service_unavailable", "server_overloaded", false},
    ErrcInfo{Errc::request_timeout, "request_timeout", 408, "timeout_error", "request_timeout", false},
};

constexpr const ErrcInfo& errc_info(Errc code) { return kErrcTable[static_cast<std::size_t>(code)]; }

/// An error as a value. `message` is written for the person who must act; `param` names the request field, if any.
struct Error {
  Errc code = Errc::internal;
  std::string message;
  std::string param = {};
  int retry_after_s = 0;  ///< 0: no Retry-After header
};

#ifdef __cpp_lib_expected
template <class T>
using Result = std::expected<T, Error>;

/// `return fail(Errc::io, "…");` from a function that returns Result<T>.
inline std::unexpected<Error> fail(Errc code, std::string message, std::string param = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(param)});
}
#endif

}  // namespace baton
