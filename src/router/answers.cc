#include "router/answers.h"

#include <algorithm>
#include <random>

#include "openai/response.h"

namespace baton::router {
namespace {

constexpr std::size_t kMaxRequestId = 128;
constexpr std::size_t kNameCharacters = 24;
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// SDKs wait this long by themselves, and treat more than two minutes as "do not retry".
int retry_after_s(const Error& error) {
  const bool worth_retrying = error.code == Errc::queue_full || error.code == Errc::no_workers ||
                              error.code == Errc::draining || error.code == Errc::out_of_blocks;
  const int wanted = error.retry_after_s > 0 ? error.retry_after_s : worth_retrying ? 1 : 0;
  return std::min(wanted, 120);
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

http::Response error_answer(const Error& error) {
  http::Response response;
  response.status = errc_info(error.code).http_status;
  response.body = openai::encode_error(error);
  if (const int wait = retry_after_s(error); wait > 0) {
    response.headers.push_back({"retry-after", std::to_string(wait)});
  }
  return response;
}

}  // namespace baton::router
