#include "router/answers.h"

#include <algorithm>
#include <random>

#include "openai/response.h"

namespace baton::router {
namespace {

constexpr std::size_t kMaxRequestId = 128;
constexpr std::size_t kNameCharacters = 24;
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Trouble that passes: another try may well succeed.
bool is_transient(Errc code) {
  return code == Errc::queue_full || code == Errc::no_workers || code == Errc::draining || code == Errc::out_of_blocks;
}

/// Trouble that the request itself may make, or that several workers could not mend: a third try helps nobody. SDKs
/// would retry every 5xx by themselves.
bool will_recur(Errc code) {
  return errc_info(code).http_status >= 500 && !is_transient(code);
}

/// SDKs wait this long by themselves, and treat more than two minutes as "do not retry".
int retry_after_s(const Error& error) {
  const int wanted = error.retry_after_s > 0 ? error.retry_after_s : is_transient(error.code) ? 1 : 0;
  return std::min(wanted, 120);
}

/// Clients that were refused together shall not come back together.
std::int64_t with_jitter_ms(int wait_s) {
  thread_local std::mt19937 random{std::random_device{}()};
  std::uniform_int_distribution<std::int64_t> spread(750, 1000);
  return std::int64_t{wait_s} * spread(random);
}

}  // namespace

std::string random_name(std::string_view prefix) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  std::string name(prefix);
  for (std::size_t i = 0; i < kNameCharacters; ++i) name += kAlphabet[random() % kAlphabet.size()];
  return name;
}

std::string request_id_for(const http::Request& request) {
  const std::string_view given = request.header("x-request-id");
  const bool usable = !given.empty() && given.size() <= kMaxRequestId &&
                      std::ranges::all_of(given, [](char c) { return c >= 0x20 && c < 0x7F; });
  return usable ? std::string(given) : random_name("req_");
}

Result<void> check_content_type(const http::Request& request) {
  const std::string_view type = request.header("content-type");
  const std::string_view media = type.substr(0, type.find_first_of("; \t"));
  if (media.empty() || http::equals_ignoring_case(media, "application/json")) return {};
  return fail(Errc::unsupported_media_type,
              "Unsupported content type; send JSON with the header 'Content-Type: application/json'.");
}

http::Response error_answer(const Error& error) {
  http::Response response;
  response.status = errc_info(error.code).http_status;
  response.body = openai::encode_error(error);
  if (const int wait = retry_after_s(error); wait > 0) {
    response.headers.push_back({"retry-after", std::to_string(wait)});
    response.headers.push_back({"retry-after-ms", std::to_string(with_jitter_ms(wait))});
  }
  if (is_transient(error.code)) response.headers.push_back({"x-should-retry", "true"});
  if (will_recur(error.code)) response.headers.push_back({"x-should-retry", "false"});
  return response;
}

}  // namespace baton::router
