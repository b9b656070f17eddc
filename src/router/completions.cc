#include "router/completions.h"

#include <array>
#include <utility>

#include "core/log.h"
#include "router/answers.h"
#include "router/generation.h"
#include "router/offload.h"
#include "router/prompt.h"
#include "router/traits.h"

namespace baton::router {

namespace asio = aio::asio;

namespace {

constexpr int kClientGone = 499;

/// Small bodies are handled on the spot, unless a schema has to be compiled for them.
asio::awaitable<Result<PreparedRequest>> prepare(CompletionsContext& context, openai::Endpoint endpoint,
                                                 std::string body) {
  if (body.size() > kInlineBytes) {
    auto work = [&context, endpoint, &body] { return prepare_request(context.model, endpoint, body); };
    co_return co_await run_on(context.tokenizers, work);
  }
  auto request = openai::parse_request(endpoint, body);
  if (!request) co_return std::unexpected(std::move(request.error()));
  auto work = [&context, &request] { return prepare_parsed(context.model, std::move(*request)); };
  if (request->sampling.constraint.kind == Constraint::Kind::none) co_return work();
  co_return co_await run_on(context.tokenizers, work);
}

/// Request header that asks for the reasons of the placement, and response header that carries them.
constexpr std::string_view kExplainHeader = "x-baton-explain";

bool wants_explanation(const http::Request& request) {
  const std::string_view value = request.header(kExplainHeader);
  return value == "1" || http::equals_ignoring_case(value, "true");
}

/// One HTTP answer under way, with what every path needs.
struct Answering {
  CompletionsContext& context;
  http::Exchange& exchange;
  std::string request_id;
  TimePoint arrival;
};

http::Header processing_time(const Answering& answering) {
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - answering.arrival);
  return {"openai-processing-ms", std::to_string(elapsed.count())};
}

/// What every answer of a generation carries. In a stream the time is that to the first token.
void add_headers(std::vector<http::Header>& headers, const Answering& answering, const Generation& generation) {
  headers.push_back({"x-request-id", answering.request_id});
  headers.push_back(processing_time(answering));
  if (generation.why() && wants_explanation(answering.exchange.request())) {
    headers.push_back({std::string(kExplainHeader), header_value(*generation.why())});
  }
}

std::vector<http::Header> stream_headers(const Answering& answering, const Generation& generation) {
  std::vector<http::Header> headers{{"content-type", "text/event-stream; charset=utf-8"},
                                    {"cache-control", "no-cache"},
                                    {"x-accel-buffering", "no"}};
  add_headers(headers, answering, generation);
  return headers;
}

asio::awaitable<int> send_error(Answering& answering, const Error& error) {
  http::Response response = error_answer(error);
  response.headers.push_back({"x-request-id", answering.request_id});
  response.headers.push_back(processing_time(answering));
  const int status = response.status;
  const auto sent = co_await answering.exchange.send(std::move(response));
  co_return sent ? status : kClientGone;
}

asio::awaitable<int> send_whole(Answering& answering, Generation& generation) {
  while (!generation.ended()) co_await generation.wait();
  if (generation.abandoned()) co_return kClientGone;
  if (generation.failure()) co_return co_await send_error(answering, *generation.failure());
  http::Response response;
  response.body = generation.whole_response();
  add_headers(response.headers, answering, generation);
  const auto sent = co_await answering.exchange.send(std::move(response));
  co_return sent ? 200 : kClientGone;
}

/// The last events of a stream: the failure, or what ends a good one.
std::string last_events(Generation& generation, std::string reuse) {
  openai::AnswerStream& stream = generation.stream();
  if (generation.failure()) {
    stream.fail(*generation.failure());
  } else {
    stream.end(generation.usage());
  }
  return stream.swap_out(std::move(reuse));
}

/// Writes what there is, as often as the client takes it: events that come while a write is under way go out together
/// with the next one.
asio::awaitable<int> send_stream(Answering& answering, Generation& generation) {
  co_await generation.wait();
  if (generation.abandoned()) co_return kClientGone;
  if (generation.failure()) co_return co_await send_error(answering, *generation.failure());
  answering.exchange.begin_stream(200, stream_headers(answering, generation));
  std::string buffer;
  while (!generation.ended()) {
    buffer = generation.stream().swap_out(std::move(buffer));
    if (auto sent = co_await answering.exchange.write(buffer); !sent) co_return kClientGone;
    co_await generation.wait();
  }
  if (generation.abandoned()) co_return kClientGone;
  buffer = last_events(generation, std::move(buffer));
  const auto sent = co_await answering.exchange.finish(buffer);
  co_return !sent ? kClientGone : generation.failure() ? errc_info(generation.failure()->code).http_status : 200;
}

openai::ResponseHead head_for(const CompletionsContext& context, const openai::Request& request) {
  constexpr std::array<std::string_view, 3> kPrefixes{"chatcmpl-", "cmpl-", "resp_"};
  const std::string prefix(kPrefixes[static_cast<std::size_t>(request.endpoint)]);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {request.endpoint, request.request_id.empty() ? random_name(prefix) : prefix + request.request_id,
          std::chrono::duration_cast<std::chrono::seconds>(now).count(), context.model.name, request.echo_json};
}

Error no_worker_yet() {
  return {Errc::no_workers, "No worker is connected yet; try again soon."};
}

/// What long prompts need before they are sent, made on another thread; nothing for short ones.
asio::awaitable<std::vector<SpecDigest>> digest(CompletionsContext& context,
                                                const std::vector<std::shared_ptr<const GenerationSpec>>& specs) {
  std::size_t tokens = 0;
  for (const auto& spec : specs) tokens += spec->tokens.size() + spec->sampling.allowed_token_ids.size();
  if (tokens <= kInlineBytes) co_return std::vector<SpecDigest>{};
  auto work = [&] {
    std::vector<SpecDigest> digests;
    for (const auto& spec : specs) digests.push_back(digest_of(*spec, context.block_tokens));
    return digests;
  };
  co_return co_await run_on(context.tokenizers, work);
}

asio::awaitable<int> generate(Answering& answering, PreparedRequest prepared) {
  const TimePoint arrival = answering.arrival;
  CompletionsContext& context = answering.context;
  const std::int32_t max_context = context.dispatcher.max_context();
  if (max_context == 0) {
    const Error error = no_worker_yet();
    co_return co_await send_error(answering, error);
  }
  auto specs = make_specs(prepared, max_context, context.random);
  if (!specs) co_return co_await send_error(answering, specs.error());

  auto features =
      features_of(answering.exchange.request(), prepared.request, context.model.name, context.classes);
  if (!features) co_return co_await send_error(answering, features.error());
  Generation::Orders orders{arrival + context.request_timeout, std::move(*features), answering.request_id, {}};
  orders.digests = co_await digest(context, *specs);

  const Generation::Context parts{context.model, context.dispatcher, context.metrics, context.decisions,
                                  context.executor};
  Generation generation(parts, prepared, head_for(context, prepared.request), arrival);
  answering.exchange.on_disconnect([&generation] { generation.abandon(); });
  if (!generation.abandoned()) generation.start(std::move(*specs), std::move(orders));
  int status = 0;
  if (prepared.request.stream) {
    status = co_await send_stream(answering, generation);
  } else {
    status = co_await send_whole(answering, generation);
  }
  answering.exchange.on_disconnect(nullptr);
  if (generation.failure()) {
    log_warn("router", "request failed",
             {{"request", answering.request_id}, {"error", generation.failure()->message}, {"status", status}});
  }
  context.metrics.e2e_s.observe(std::chrono::duration<double>(Clock::now() - arrival).count());
  co_return status;
}

}  // namespace

asio::awaitable<int> answer_completion(CompletionsContext& context, openai::Endpoint endpoint, http::Exchange& exchange,
                                       std::string request_id) {
  Answering answering{context, exchange, std::move(request_id), Clock::now()};
  if (auto ok = check_content_type(exchange.request()); !ok) co_return co_await send_error(answering, ok.error());
  if (const auto refused = context.dispatcher.refusal()) co_return co_await send_error(answering, *refused);
  auto prepared = co_await prepare(context, endpoint, std::move(exchange.request().body));
  if (!prepared) co_return co_await send_error(answering, prepared.error());
  const int status = co_await generate(answering, std::move(*prepared));
  if (status == kClientGone) context.metrics.client_disconnects.add();
  co_return status;
}

}  // namespace baton::router
