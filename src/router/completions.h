#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <random>
#include <string>

#include "http/exchange.h"
#include "openai/request.h"
#include "router/decision_log.h"
#include "router/dispatcher.h"
#include "router/router_metrics.h"
#include "router/served_model.h"

namespace baton::router {

/// What the generation endpoints of one shard work with.
struct CompletionsContext {
  const ServedModel& model;
  Dispatcher& dispatcher;
  RouterMetrics& metrics;
  aio::asio::any_io_executor executor;
  boost::asio::thread_pool& tokenizers;  ///< large bodies are parsed and tokenised there
  std::chrono::milliseconds request_timeout;
  std::vector<ClassConfig> classes;  ///< as the Coordinator has them
  DecisionLog& decisions;
  std::int32_t block_tokens;  ///< of the scheduling configuration
  std::mt19937_64 random;
};

/// Answers POST /v1/chat/completions and /v1/completions, from the body to the last byte. Returns the status for the
/// metrics (499: the client left). Nothing is sent before the first token, so that a failure up to there is still a
/// plain error; a later one becomes an error event in the stream.
aio::asio::awaitable<int> answer_completion(CompletionsContext& context, openai::Endpoint endpoint,
                                            http::Exchange& exchange, std::string request_id);

}  // namespace baton::router
