#pragma once

#include <string>

#include "http/message.h"
#include "router/served_model.h"

namespace baton::router {

/// Answers POST /tokenize: what the generation endpoints would send to a worker for this prompt or these messages.
/// Pure and thread-safe, as large bodies are answered on another thread. `max_context` goes into the answer.
http::Response answer_tokenize(const ServedModel& model, const std::string& body, std::int32_t max_context);

/// Answers POST /detokenize.
http::Response answer_detokenize(const ServedModel& model, const std::string& body);

}  // namespace baton::router
