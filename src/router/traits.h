#pragma once

#include <span>

#include "baton/config.h"
#include "baton/types.h"
#include "classify/features.h"
#include "http/exchange.h"
#include "router/prompt.h"

namespace baton::router {

/// Request header that names the class.
inline constexpr std::string_view kClassHeader = "x-baton-class";

/// What the scheduler is told of a request beside its tokens, of all its choices but template_prefix. A class named
/// in the header that is not in `classes` is an error that lists them (invalid_request).
Result<classify::Features> features_of(const http::Request& http, const openai::Request& request,
                                       std::string_view model, std::span<const ClassConfig> classes);

/// Hash of a prompt's first tokens, where applications keep what all their prompts share; 0: too short to tell.
std::uint64_t template_prefix(std::span<const TokenId> prompt);

}  // namespace baton::router
