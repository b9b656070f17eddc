#pragma once

#include <string>

#include "http/exchange.h"
#include "metrics/registry.h"
#include "router/completions.h"

namespace baton::router {

/// What one shard serves.
struct RoutesContext {
  CompletionsContext completions;
  const metrics::Registry& registry;
};

/// Answers one request by its path and method, and counts it. Every answer carries x-request-id.
aio::asio::awaitable<void> answer(RoutesContext& context, http::Exchange& exchange);

}  // namespace baton::router
