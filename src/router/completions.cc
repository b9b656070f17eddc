#include "router/completions.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "core/log.h"
#include "router/answers.h"
#include "router/generation.h"
#include "router/prompt.h"

namespace baton::router {

namespace asio = aio::asio;

namespace {

constexpr int kClientGone = 499;
/// Bodies above this go to another thread: tokenising takes about a millisecond per 16 KB, which other streams would
/// see as a pause.
constexpr std::size_t kInlineBytes = 16U << 10;
/// Stream bytes a slow reader may leave unsent before it is given up, beside the time limit of a write.
constexpr std::size_t kMaxPendingBytes = 4U << 20;

/// Runs `work` on the pool and resumes on the awaiting coroutine's executor.
template <class Work>
asio::awaitable<std::invoke_result_t<Work>> run_on(asio::thread_pool& pool, Work work) {
  using Answer = std::invoke_result_t<Work>;
  auto initiate = [&pool, &work](auto handler) {
    auto executor = asio::get_associated_executor(handler);
    asio::post(pool, [handler = std::move(handler), executor, &work]() mutable {
      auto answer = std::make_unique<Answer>(work());
      asio::post(executor, [handler = std::move(handler), answer = std::move(answer)]() mutable {
        std::move(handler)(std::move(*answer));
      });
    });
  };
  auto token = asio::use_awaitable;
  co_return co_await asio::async_initiate<decltype(token), void(Answer)>(std::move(initiate), token);
}

asio::awaitable<Result<PreparedRequest>> prepare(CompletionsContext& context, openai::Endpoint endpoint,
                                                 std::string body) {
  if (body.size() <= kInlineBytes) co_return prepare_request(context.model, endpoint, body);
  auto work = [&context, endpoint, &body] { return prepare_request(context.model, endpoint, body); };
  co_return co_await run_on(context.tokenizers, std::move(work));
}

Result<void> check_content_type(const http::Request& request) {
  const std::string_view type = request.header("content-type");
  const std::string_view media = type.substr(0, type.find_first_of("; \t"));
  if (media.empty() || http::equals_ignoring_case(media, "application/json")) return {};
  return fail(Errc::unsupported_media_type,
              "Unsupported content type; send JSON with the header 'Content-Type: application/json'.");
}

std::vector<http::Header> stream_headers(const std::string& request_id) {
  return {{"content-type", "text/event-stream; charset=utf-8"},
          {"cache-control", "no-cache"},
          {"x-accel-buffering", "no"},
          {"x-request-id", request_id}};
}

/// One HTTP answer under way, with what every path needs.
struct Answering {
  CompletionsContext& context;
  http::Exchange& exchange;
  std::string request_id;
};

asio::awaitable<int> send_error(Answering& answering, const Error& error) {
  http::Response response = error_answer(error);
  response.headers.push_back({"x-request-id", answering.request_id});
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
  response.headers.push_back({"x-request-id", answering.request_id});
  const auto sent = co_await answering.exchange.send(std::move(response));
  co_return sent ? 200 : kClientGone;
}

/// The last events of a stream: the failure or the usage, then [DONE].
std::string last_events(Generation& generation, std::string reuse) {
  openai::StreamEncoder& encoder = generation.encoder();
  if (generation.failure()) {
    encoder.error(*generation.failure());
  } else {
    encoder.usage(generation.usage());
  }
  encoder.done();
  return encoder.swap_out(std::move(reuse));
}

/// Writes what there is, as often as the client takes it: events that come while a write is under way go out together
/// with the next one.
asio::awaitable<int> send_stream(Answering& answering, Generation& generation) {
  co_await generation.wait();
  if (generation.abandoned()) co_return kClientGone;
  if (generation.failure()) co_return co_await send_error(answering, *generation.failure());
  answering.exchange.begin_stream(200, stream_headers(answering.request_id));
  std::string buffer;
  while (!generation.ended()) {
    buffer = generation.encoder().swap_out(std::move(buffer));
    if (auto sent = co_await answering.exchange.write(buffer); !sent) co_return kClientGone;
    if (generation.pending_bytes() > kMaxPendingBytes) co_return kClientGone;
    co_await generation.wait();
  }
  if (generation.abandoned()) co_return kClientGone;
  buffer = last_events(generation, std::move(buffer));
  const auto sent = co_await answering.exchange.finish(buffer);
  co_return !sent ? kClientGone : generation.failure() ? errc_info(generation.failure()->code).http_status : 200;
}

openai::ResponseHead head_for(const CompletionsContext& context, openai::Endpoint endpoint) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const bool chat = endpoint == openai::Endpoint::chat;
  return {endpoint, random_name(chat ? "chatcmpl-" : "cmpl-"),
          std::chrono::duration_cast<std::chrono::seconds>(now).count(), context.model.name};
}

Error no_worker_yet() {
  return {Errc::no_workers, "No worker is connected yet; try again soon."};
}

asio::awaitable<int> generate(Answering& answering, PreparedRequest prepared, TimePoint arrival) {
  CompletionsContext& context = answering.context;
  const std::int32_t max_context = context.dispatcher.max_context();
  if (max_context == 0) {
    const Error error = no_worker_yet();
    co_return co_await send_error(answering, error);
  }
  auto specs = make_specs(prepared, max_context, context.random);
  if (!specs) co_return co_await send_error(answering, specs.error());

  const Generation::Context parts{context.model, context.dispatcher, context.metrics, context.executor};
  Generation generation(parts, prepared.request, head_for(context, prepared.request.endpoint), arrival);
  answering.exchange.on_disconnect([&generation] { generation.abandon(); });
  if (!generation.abandoned()) generation.start(std::move(*specs), arrival + context.request_timeout);
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
  const TimePoint arrival = Clock::now();
  Answering answering{context, exchange, std::move(request_id)};
  if (auto ok = check_content_type(exchange.request()); !ok) co_return co_await send_error(answering, ok.error());
  if (const auto refused = context.dispatcher.refusal()) co_return co_await send_error(answering, *refused);
  auto prepared = co_await prepare(context, endpoint, std::move(exchange.request().body));
  if (!prepared) co_return co_await send_error(answering, prepared.error());
  const int status = co_await generate(answering, std::move(*prepared), arrival);
  if (status == kClientGone) context.metrics.client_disconnects.add();
  co_return status;
}

}  // namespace baton::router
