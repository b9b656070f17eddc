#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace baton {

enum class LogLevel : std::uint8_t { debug, info, warn, error };

/// One key=value of a log line.
struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(v) {}
  template <class N>
    requires requires(N n) { std::to_string(n); }
  LogField(std::string_view k, N n) : key(k), value(std::to_string(n)) {}
};

/// Sets the least level written (to stderr). Call once from main; thread-safe.
void log_set_level(LogLevel level);

/// Writes "LEVEL module message key=value …". `message` is a fixed string; values with spaces are quoted.
/// Thread-safe. error means: someone must act.
void log(LogLevel level, std::string_view module, std::string_view message, std::initializer_list<LogField> = {});

inline void log_debug(std::string_view module, std::string_view message, std::initializer_list<LogField> f = {}) {
  log(LogLevel::debug, module, message, f);
}
inline void log_info(std::string_view module, std::string_view message, std::initializer_list<LogField> f = {}) {
  log(LogLevel::info, module, message, f);
}
inline void log_warn(std::string_view module, std::string_view message, std::initializer_list<LogField> f = {}) {
  log(LogLevel::warn, module, message, f);
}
inline void log_error(std::string_view module, std::string_view message, std::initializer_list<LogField> f = {}) {
  log(LogLevel::error, module, message, f);
}

}  // namespace baton
