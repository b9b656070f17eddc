#include "router/routes.h"

#include <array>
#include <optional>
#include <span>
#include <utility>

#include "baton/version.h"
#include "openai/json_buffer.h"
#include "openai/response.h"
#include "router/answers.h"
#include "router/offload.h"
#include "router/routes_tokens.h"

namespace baton::router {

namespace asio = aio::asio;

namespace {

using Respond = http::Response (*)(const RoutesContext&, std::string_view rest);

enum class Kind : std::uint8_t { get, generate, tokenize, detokenize };

/// One path: what `respond` answers to GET, or one of the things that take POST.
struct Route {
  std::string_view path;
  std::string_view label;  ///< in metrics
  Kind kind = Kind::get;
  Respond respond = nullptr;
  openai::Endpoint endpoint = openai::Endpoint::chat;
  bool has_rest = false;  ///< the path is a prefix; what follows goes to `respond`
};

http::Response json(std::string body) {
  return {.status = 200, .body = std::move(body)};
}

http::Response alive(const RoutesContext&, std::string_view) {
  return json(R"({"status":"ok"})");
}

http::Response ready(const RoutesContext& context, std::string_view) {
  const auto reasons = context.completions.dispatcher.not_ready();
  if (reasons.empty()) return json(R"({"status":"ready","reasons":[]})");
  openai::JsonBuffer body;
  body.raw(R"({"status":"not ready","reasons":[)");
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (i != 0) body.raw(",");
    body.string(reasons[i]);
  }
  body.raw("]}");
  http::Response response = json(body.take());
  response.status = 503;
  response.headers.push_back({"retry-after", "1"});
  return response;
}

http::Response version(const RoutesContext&, std::string_view) {
  openai::JsonBuffer body;
  body.raw(R"({"version":)");
  body.string(kVersion);
  body.raw("}");
  return json(body.take());
}

http::Response metrics_text(const RoutesContext& context, std::string_view) {
  context.completions.dispatcher.publish_gauges();
  return {.status = 200, .content_type = std::string(metrics::kContentType), .body = context.registry.expose()};
}

openai::ModelCard card(const RoutesContext& context) {
  const ServedModel& model = context.completions.model;
  return {model.name, model.created, context.completions.dispatcher.max_context()};
}

http::Response model_list(const RoutesContext& context, std::string_view) {
  const openai::ModelCard only = card(context);
  return json(openai::encode_model_list(std::span(&only, 1)));
}

http::Response one_model(const RoutesContext& context, std::string_view rest) {
  const std::string id = http::percent_decode(rest);
  if (id == context.completions.model.name) return json(openai::encode_model(card(context)));
  return error_answer({Errc::model_not_found, "The model '" + id.substr(0, 256) + "' does not exist.", "model"});
}

http::Response decisions(const RoutesContext& context, std::string_view rest) {
  const DecisionLog& log = context.completions.decisions;
  if (log.enabled()) return json(log.to_json(http::percent_decode(rest)));
  return error_answer({Errc::not_found, "Decisions are kept when the configuration says 'scheduling: {explain: true}'."});
}

constexpr Route generation(std::string_view path, openai::Endpoint endpoint) {
  return {path, path, Kind::generate, nullptr, endpoint};
}
constexpr Route plain(std::string_view path, Respond respond) {
  return {path, path, Kind::get, respond};
}

constexpr std::array kRoutes{
    generation("/v1/chat/completions", openai::Endpoint::chat),
    generation("/v1/completions", openai::Endpoint::completions),
    generation("/v1/responses", openai::Endpoint::responses),
    Route{"/tokenize", "/tokenize", Kind::tokenize},
    Route{"/detokenize", "/detokenize", Kind::detokenize},
    plain("/v1/models", model_list),
    Route{"/v1/models/", "/v1/models/{id}", Kind::get, one_model, openai::Endpoint::chat, true},
    plain("/health", alive),
    plain("/live", alive),
    plain("/ready", ready),
    plain("/metrics", metrics_text),
    plain("/admin/decisions", decisions),
    Route{"/admin/decisions/", "/admin/decisions/{id}", Kind::get, decisions, openai::Endpoint::chat, true},
    plain("/version", version),
};

const Route* find_route(std::string_view path) {
  for (const Route& route : kRoutes) {
    if (route.has_rest ? path.size() > route.path.size() && path.starts_with(route.path) : path == route.path) {
      return &route;
    }
  }
  return nullptr;
}

/// The answer of everything but a POST where one is taken.
http::Response plain_answer(const RoutesContext& context, const Route* route, const http::Request& request) {
  if (route == nullptr) {
    return error_answer({Errc::not_found, "There is nothing at '" + request.path.substr(0, 256) + "'."});
  }
  const bool get = request.method == "GET" || request.method == "HEAD";
  const std::string_view allowed = route->kind == Kind::get ? "GET, HEAD" : "POST";
  if (route->kind == Kind::get && get) {
    const std::string_view path = request.path;
    return route->respond(context, path.substr(route->path.size()));
  }
  http::Response response = error_answer(
      {Errc::method_not_allowed, "The path '" + std::string(route->label) + "' takes " + std::string(allowed) + "."});
  response.headers.push_back({"allow", std::string(allowed)});
  return response;
}

asio::awaitable<http::Response> answer_tokens(const RoutesContext& context, Kind kind, const http::Request& request) {
  if (auto ok = check_content_type(request); !ok) co_return error_answer(ok.error());
  const ServedModel& model = context.completions.model;
  const std::int32_t max_context = context.completions.dispatcher.max_context();
  auto work = [&, kind, max_context] {
    return kind == Kind::tokenize ? answer_tokenize(model, request.body, max_context)
                                  : answer_detokenize(model, request.body);
  };
  if (request.body.size() <= kInlineBytes) co_return work();
  co_return co_await run_on(context.completions.tokenizers, work);
}

}  // namespace

asio::awaitable<void> answer(RoutesContext& context, http::Exchange& exchange) {
  const http::Request& request = exchange.request();
  const Route* route = find_route(request.path);
  std::string request_id = request_id_for(request);
  int status = 0;
  const bool posts = route != nullptr && route->kind != Kind::get && request.method == "POST";
  if (posts && route->kind == Kind::generate) {
    status = co_await answer_completion(context.completions, route->endpoint, exchange, std::move(request_id));
  } else {
    http::Response response;
    if (posts) {
      response = co_await answer_tokens(context, route->kind, request);
    } else {
      response = plain_answer(context, route, request);
    }
    response.headers.push_back({"x-request-id", std::move(request_id)});
    status = response.status;
    (void)co_await exchange.send(std::move(response));
  }
  const std::string_view label = route == nullptr ? "other" : route->label;
  context.completions.metrics.requests.with({label, std::to_string(status)}).add();
}

}  // namespace baton::router
