#pragma once

#include <string>
#include <string_view>

#include "baton/error.h"
#include "http/message.h"

namespace baton::router {

/// The client's x-request-id if it is 1 to 128 printable ASCII characters, else a new random one.
std::string request_id_for(const http::Request& request);

/// Bodies must be JSON if they say what they are. Errors: unsupported_media_type.
Result<void> check_content_type(const http::Request& request);

/// "chatcmpl-" or "cmpl-" and 24 random characters go with this: `prefix` and the characters.
std::string random_name(std::string_view prefix);

/// The JSON error a client gets: status, envelope, and whether and when to try again where that is known.
http::Response error_answer(const Error& error);

}  // namespace baton::router
