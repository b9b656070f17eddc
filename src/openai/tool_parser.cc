#include "openai/tool_parser.h"

#include <algorithm>
#include <utility>

namespace baton::openai {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kHermesOpen = "<tool_call>";
constexpr std::string_view kHermesClose = "</tool_call>";
constexpr std::string_view kMistralOpen = "[TOOL_CALLS]";
constexpr std::string_view kMistralArguments = "[ARGS]";
constexpr std::string_view kPythonTag = "<|python_tag|>";
constexpr std::size_t kLongestName = 256;

std::string_view marker_of(ToolFormat format) {
  if (format == ToolFormat::hermes) return kHermesOpen;
  if (format == ToolFormat::mistral) return kMistralOpen;
  return {};
}

/// What may stand between and behind the objects of calls.
std::string_view between_calls(ToolFormat format) {
  if (format == ToolFormat::mistral || format == ToolFormat::call_list) return " \t\r\n,]";
  return format == ToolFormat::llama_json ? " \t\r\n;," : kSpace;
}

/// How many characters at the end of `text` may be white space and the beginning of `marker`.
std::size_t undecided_suffix(std::string_view text, std::string_view marker) {
  std::size_t keep = 0;
  for (std::size_t length = std::min(text.size(), marker.size() - 1); length > 0; --length) {
    if (text.ends_with(marker.substr(0, length))) {
      keep = length;
      break;
    }
  }
  const std::string_view before = text.substr(0, text.size() - keep);
  const std::size_t last = before.find_last_not_of(kSpace);
  return text.size() - (last == std::string_view::npos ? 0 : last + 1);
}

bool could_become(std::string_view text, std::string_view whole) {
  return whole.starts_with(text.substr(0, whole.size()));
}

}  // namespace

ToolParser::ToolParser(Options options)
    : options_(std::move(options)), marker_(marker_of(options_.format)), at_(At::content) {
  switch (options_.format) {
    case ToolFormat::none:
      at_ = At::rest;
      break;
    case ToolFormat::llama_json:
    case ToolFormat::call_list:
      at_ = At::start;
      break;
    case ToolFormat::arguments:
      at_ = At::arguments;
      break;
    case ToolFormat::hermes:
    case ToolFormat::mistral:
      break;
  }
}

void ToolParser::feed(std::string_view text, Piece& out) {
  if (at_ == At::rest) {
    out.text += text;
    return;
  }
  held_ += text;
  while (!held_.empty() && advance(out)) {
  }
}

/// One step on; false: more text is needed.
bool ToolParser::advance(Piece& out) {
  switch (at_) {
    case At::start:
      return at_start();
    case At::content:
      return in_content(out);
    case At::open:
      return at_open();
    case At::name:
      return in_name(out);
    case At::object:
      return in_object(out);
    case At::arguments:
      return in_arguments(out);
    case At::after:
      return after_call();
    case At::rest:
      break;
  }
  out.text += held_;
  held_.clear();
  return false;
}

/// Formats in which the answer is nothing but calls.
bool ToolParser::at_start() {
  const std::size_t first = held_.find_first_not_of(kSpace);
  if (first == std::string::npos) return false;
  const std::string_view text = std::string_view(held_).substr(first);
  if (text.front() == '{' || (text.front() == '[' && options_.format == ToolFormat::call_list)) {
    at_ = At::open;
    return true;
  }
  if (options_.format == ToolFormat::llama_json && could_become(text, kPythonTag)) {
    if (text.size() < kPythonTag.size()) return false;
    candidate_ += held_.substr(0, first + kPythonTag.size());
    held_.erase(0, first + kPythonTag.size());
    at_ = At::open;
    return true;
  }
  give_up();
  return true;
}

/// Content up to the next marker. White space around calls is nobody's.
bool ToolParser::in_content(Piece& out) {
  if (skip_space_) {
    held_.erase(0, std::min(held_.find_first_not_of(kSpace), held_.size()));
    if (held_.empty()) return false;
    skip_space_ = false;
  }
  const std::size_t found = held_.find(marker_);
  if (found == std::string::npos) {
    const std::size_t shown = held_.size() - undecided_suffix(held_, marker_);
    out.text += std::string_view(held_).substr(0, shown);
    held_.erase(0, shown);
    return false;
  }
  const std::size_t end = held_.find_last_not_of(kSpace, found == 0 ? 0 : found - 1);
  const std::size_t shown = found == 0 || end == std::string::npos ? 0 : end + 1;
  out.text += std::string_view(held_).substr(0, shown);
  candidate_ = held_.substr(shown, found + marker_.size() - shown);
  held_.erase(0, found + marker_.size());
  at_ = At::open;
  return true;
}

/// Before a call: what may stand there is passed over.
bool ToolParser::at_open() {
  const bool list = options_.format == ToolFormat::mistral || options_.format == ToolFormat::call_list;
  const std::string_view passed = list ? " \t\r\n[" : between_calls(options_.format);
  const std::size_t first = std::min(held_.find_first_not_of(passed), held_.size());
  candidate_ += held_.substr(0, first);
  held_.erase(0, first);
  if (held_.empty()) return false;
  begun_ = false;
  if (held_.front() == '{') {
    call_ = {};
    at_ = At::object;
  } else if (options_.format == ToolFormat::mistral && candidate_.ends_with(kMistralOpen)) {
    at_ = At::name;
  } else {
    give_up();
  }
  return true;
}

/// NAME{…} or NAME[ARGS]{…}
bool ToolParser::in_name(Piece& out) {
  const std::size_t end = held_.find('{');
  if (end == std::string::npos && held_.size() <= kLongestName) return false;
  if (end > kLongestName) {
    give_up();
    return true;
  }
  std::string_view name = std::string_view(held_).substr(0, end);
  name = name.substr(0, name.find_last_not_of(kSpace) + 1);
  if (name.ends_with(kMistralArguments)) name.remove_suffix(kMistralArguments.size());
  if (name.empty() || name.find_first_of(kSpace) != std::string_view::npos) {
    give_up();
    return true;
  }
  begin_call(std::string(name), out);
  held_.erase(0, end);
  span_ = {};
  at_ = At::arguments;
  return true;
}

bool ToolParser::in_object(Piece& out) {
  const std::size_t taken = call_.take(held_);
  if (!begun_) candidate_ += held_.substr(0, taken);
  held_.erase(0, taken);
  if (!begun_ && call_.name() && known(*call_.name())) begin_call(*call_.name(), out);
  if (begun_) add_arguments(call_.take_arguments(), out);
  if (call_.state() == CallReader::State::failed || (!begun_ && call_.name())) {
    give_up();
    return true;
  }
  if (call_.state() != CallReader::State::done) return !held_.empty();
  if (!has_arguments_) add_arguments("{}", out);
  at_ = At::after;
  return true;
}

/// Arguments alone: the rest of the answer, or one value after a bare name.
bool ToolParser::in_arguments(Piece& out) {
  if (options_.format == ToolFormat::arguments) {
    if (!begun_) {
      const std::size_t first = held_.find_first_not_of(kSpace);
      if (first == std::string::npos) return false;
      held_.erase(0, first);
      begin_call(options_.named, out);
    }
    add_arguments(held_, out);
    held_.clear();
    return false;
  }
  std::size_t taken = 0;
  auto step = JsonSpan::Step::inside;
  while (taken < held_.size() && step == JsonSpan::Step::inside) step = span_.take(held_[taken++]);
  add_arguments(std::string_view(held_).substr(0, taken), out);
  held_.erase(0, taken);
  if (step == JsonSpan::Step::inside) return false;
  at_ = At::after;
  return true;
}

/// Behind a call: its closing mark, another call, or content.
bool ToolParser::after_call() {
  const bool hermes = options_.format == ToolFormat::hermes;
  const std::string_view passed = between_calls(options_.format);
  held_.erase(0, std::min(held_.find_first_not_of(passed), held_.size()));
  if (held_.empty()) return false;
  if (hermes && could_become(held_, kHermesClose)) {
    if (held_.size() < kHermesClose.size()) return false;
    held_.erase(0, kHermesClose.size());
    skip_space_ = true;
    at_ = At::content;
    return true;
  }
  candidate_.clear();
  if (held_.front() == '{' && !hermes) {
    at_ = At::open;
  } else {
    at_ = marker_.empty() ? At::rest : At::content;
  }
  return true;
}

void ToolParser::begin_call(std::string name, Piece& out) {
  out.calls.push_back({.index = calls_++, .id = {}, .name = std::move(name), .arguments = {}});
  candidate_.clear();
  begun_ = true;
  has_arguments_ = false;
}

void ToolParser::add_arguments(std::string_view text, Piece& out) {
  if (text.empty()) return;
  has_arguments_ = true;
  if (out.calls.empty() || out.calls.back().index != calls_ - 1) out.calls.push_back({.index = calls_ - 1});
  out.calls.back().arguments += text;
}

/// It is no call after all. What was announced stays announced; the rest is content.
void ToolParser::give_up() {
  held_.insert(0, std::exchange(candidate_, {}));
  at_ = At::rest;
}

bool ToolParser::known(std::string_view name) const {
  return options_.format != ToolFormat::llama_json || std::ranges::find(options_.names, name) != options_.names.end();
}

void ToolParser::finish(Piece& out) {
  const bool between = calls_ > 0 && candidate_.empty() &&
                       (at_ == At::after || at_ == At::open || held_.find_first_not_of(kSpace) == std::string::npos);
  if (!between) {
    out.text += candidate_;
    out.text += held_;
  }
  candidate_.clear();
  held_.clear();
}

}  // namespace baton::openai
