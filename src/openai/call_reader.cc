#include "openai/call_reader.h"

#include <utility>

#include "openai/json_string.h"

namespace baton::openai {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The text of a JSON string with its quotes.
std::optional<std::string> unquote(std::string_view quoted) {
  if (quoted.size() < 2 || quoted.front() != '"') return std::nullopt;
  return decode_json_string(quoted.substr(1, quoted.size() - 2));
}

}  // namespace

JsonSpan::Step JsonSpan::take(char c) {
  if (in_string_) {
    if (std::exchange(escaped_, false)) return Step::inside;
    if (c == '\\') escaped_ = true;
    if (c != '"') return Step::inside;
    in_string_ = false;
    return depth_ == 0 ? Step::last : Step::inside;
  }
  if (c == '"') {
    if (begun_ && depth_ == 0) return Step::after;
    begun_ = in_string_ = true;
    return Step::inside;
  }
  if (c == '{' || c == '[') {
    if (begun_ && depth_ == 0) return Step::after;
    begun_ = true;
    ++depth_;
    return Step::inside;
  }
  if (depth_ > 0) {
    if (c != '}' && c != ']') return Step::inside;
    return --depth_ == 0 ? Step::last : Step::inside;
  }
  if (is_space(c) || c == ',' || c == '}' || c == ']') return Step::after;
  begun_ = true;
  return Step::inside;
}

std::size_t CallReader::take(std::string_view text) {
  std::size_t taken = 0;
  const bool named = name_.has_value();
  while (taken < text.size() && state_ == State::reading && name_.has_value() == named) step(text[taken++]);
  return taken;
}

void CallReader::step(char c) {
  if (at_ == At::key) {
    key_ += c;
    if (span_.take(c) == JsonSpan::Step::last) at_ = At::colon;
    return;
  }
  if (at_ == At::value) return step_value(c);
  if (is_space(c)) return;
  switch (at_) {
    case At::open:
      at_ = At::key_or_end;
      if (c != '{') state_ = State::failed;
      return;
    case At::key_or_end:
      if (c == '}') {
        state_ = name_ ? State::done : State::failed;
      } else if (c == '"') {
        key_ = c;
        span_ = {};
        span_.take(c);
        at_ = At::key;
      } else {
        state_ = State::failed;
      }
      return;
    case At::colon:
      if (c != ':') state_ = State::failed;
      value_.clear();
      span_ = {};
      at_ = At::value;
      return;
    case At::between:
      if (c == '}') {
        state_ = name_ ? State::done : State::failed;
      } else if (c == ',') {
        at_ = At::key_or_end;
      } else {
        state_ = State::failed;
      }
      return;
    default:
      state_ = State::failed;
  }
}

void CallReader::step_value(char c) {
  if (value_.empty() && is_space(c)) return;
  const bool is_arguments = key_ == R"("arguments")" || key_ == R"("parameters")";
  const JsonSpan::Step step_taken = span_.take(c);
  if (step_taken == JsonSpan::Step::after) {
    if (value_.empty()) {
      state_ = State::failed;
      return;
    }
    end_value();
    return step(c);
  }
  // Arguments flow on at once, unless they come as a string that has to be decoded as a whole.
  const bool flows = is_arguments && (value_.empty() ? c : value_.front()) != '"';
  if (flows) arguments_ += c;
  if (!flows || value_.empty()) value_ += c;
  if (step_taken == JsonSpan::Step::last) end_value();
}

void CallReader::end_value() {
  at_ = At::between;
  if (key_ == R"("name")") {
    auto text = unquote(value_);
    if (text && !text->empty()) {
      name_ = std::move(text);
    } else {
      state_ = State::failed;
    }
  } else if ((key_ == R"("arguments")" || key_ == R"("parameters")") && value_.front() == '"') {
    auto text = unquote(value_);
    if (text) arguments_ += *text;
    if (!text) state_ = State::failed;
  }
}

std::string CallReader::take_arguments() {
  return std::exchange(arguments_, {});
}

}  // namespace baton::openai
