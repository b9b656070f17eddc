#include "router/answers.h"

#include <algorithm>
#include <random>

#include "openai/response.h"
#include "router/retry_after.h"

namespace baton::router {
namespace {

constexpr std::size_t kMaxRequestId = 128;
constexpr std::size_t kNameCharacters = 24;
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

std::mt19937_64& generator() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return random;
}

/// In whole seconds, and exactly for the SDKs that read it.
void add_retry_after(http::Response& response, const Error& error) {
  const int wanted = error.retry_after_s > 0 ? error.retry_after_s : is_worth_retrying(error.code) ? 1 : 0;
  if (wanted == 0) return;
  const int ms = jittered_ms(std::min(wanted, kMaxRetryAfterS), generator()());
  response.headers.push_back({"retry-after", std::to_string((ms + 999) / 1000)});
  response.headers.push_back({"retry-after-ms", std::to_string(ms)});
}

/// Trouble that the request itself may make, or that several workers could not mend: a third try helps nobody. SDKs
/// would retry every 5xx by themselves.
bool will_recur(Errc code) {
  return errc_info(code).http_status >= 500 && !is_worth_retrying(code);
}

}  // namespace

std::string random_name(std::string_view prefix) {
  std::mt19937_64& random = generator();
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
  add_retry_after(response, error);
  if (is_worth_retrying(error.code)) response.headers.push_back({"x-should-retry", "true"});
  if (will_recur(error.code)) response.headers.push_back({"x-should-retry", "false"});
  return response;
}

}  // namespace baton::router
