#include "http/request_parser.h"

#include <algorithm>
#include <utility>

namespace baton::http {
namespace {

/// Room for method, version and spaces beside the target in a request line.
constexpr std::size_t kRequestLineRest = 32;
/// Memory set aside when a body begins; more as it comes.
constexpr std::uint64_t kFirstBodyBytes = 512U << 10;

std::unexpected<Error> uri_too_long(const ParserLimits& limits) {
  return fail(Errc::uri_too_long,
              "The request target is longer than " + std::to_string(limits.target_bytes) + " bytes.");
}

std::size_t target_length(std::string_view request_line) {
  const std::size_t space = std::min(request_line.find(' '), request_line.size());
  const std::string_view rest = request_line.substr(std::min(space + 1, request_line.size()));
  return std::min(rest.find(' '), rest.size());
}

}  // namespace

Result<std::size_t> RequestParser::put(std::string_view bytes) {
  std::size_t used = 0;
  if (!head_) {
    auto taken = put_head(bytes);
    if (!taken || !head_) return taken;
    used = *taken;
  }
  if (done()) return used;
  auto taken = put_body(bytes.substr(used));
  if (!taken) return taken;
  return used + *taken;
}

/// Takes bytes up to the end of the head, line by line, so that a bare LF is seen at once.
Result<std::size_t> RequestParser::put_head(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const std::size_t newline = bytes.find('\n', used);
    const std::size_t end = newline == std::string_view::npos ? bytes.size() : newline + 1;
    raw_head_.append(bytes.substr(used, end - used));
    used = end;
    if (auto ok = check_growing_head(); !ok) return std::unexpected(std::move(ok.error()));
    if (newline == std::string_view::npos) return used;
    const std::size_t length = raw_head_.size() - line_start_;
    if (length < 2 || raw_head_[raw_head_.size() - 2] != '\r') {
      return fail(Errc::invalid_request, "Header lines must end with CRLF.");
    }
    line_start_ = raw_head_.size();
    if (length == 2 && lines_ == 0 && !std::exchange(skipped_empty_line_, true)) {
      raw_head_.clear();
      line_start_ = 0;
    } else if (length == 2) {
      if (auto ok = finish_head(); !ok) return std::unexpected(std::move(ok.error()));
      return used;
    } else if (++lines_ > limits_.header_count + 1) {
      return fail(Errc::headers_too_large,
                  "The request has more than " + std::to_string(limits_.header_count) + " headers.");
    }
  }
  return used;
}

Result<void> RequestParser::check_growing_head() const {
  const std::size_t longest_line = limits_.target_bytes + kRequestLineRest;
  if (lines_ == 0 && raw_head_.size() > longest_line && raw_head_.find('\n') >= longest_line) {
    return uri_too_long(limits_);
  }
  if (raw_head_.size() > limits_.header_bytes) {
    return fail(Errc::headers_too_large,
                "The request head is larger than " + std::to_string(limits_.header_bytes) + " bytes.");
  }
  return {};
}

Result<void> RequestParser::finish_head() {
  const std::string_view request_line = std::string_view(raw_head_).substr(0, raw_head_.find('\r'));
  if (target_length(request_line) > limits_.target_bytes) return uri_too_long(limits_);
  auto head = parse_head(raw_head_);
  if (!head) return std::unexpected(std::move(head.error()));
  body_left_ = head->content_length.value_or(0);
  if (body_left_ > limits_.body_bytes) {
    return fail(Errc::body_too_large,
                "The request body is larger than " + std::to_string(limits_.body_bytes) + " bytes.");
  }
  if (head->chunked) chunks_.emplace(limits_.body_bytes);
  head_ = std::move(*head);
  raw_head_ = {};
  return {};
}

Result<std::size_t> RequestParser::put_body(std::string_view bytes) {
  if (chunks_) return chunks_->put(bytes);
  std::string& body = head_->request.body;
  if (body.empty() && !bytes.empty()) body.reserve(std::min(body_left_, kFirstBodyBytes));
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, bytes.size()));
  body.append(bytes.substr(0, count));
  body_left_ -= count;
  return count;
}

bool RequestParser::done() const {
  if (!head_) return false;
  return chunks_ ? chunks_->done() : body_left_ == 0;
}

std::size_t RequestParser::body_bytes() const {
  if (!head_) return 0;
  return chunks_ ? chunks_->body().size() : head_->request.body.size();
}

Request RequestParser::take() {
  if (chunks_) head_->request.body = std::move(chunks_->body());
  return std::move(head_->request);
}

}  // namespace baton::http
