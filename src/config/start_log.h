#pragma once

#include <string_view>

#include "baton/config.h"
#include "core/log.h"

namespace baton::config {

/// Sets the log level the configuration asks for and logs what its loader wants noticed.
inline void start_log(const Config& config, std::string_view module) {
  if (config.log_level == "debug") log_set_level(LogLevel::debug);
  if (config.log_level == "warn") log_set_level(LogLevel::warn);
  if (config.log_level == "error") log_set_level(LogLevel::error);
  for (const auto& note : config.notes) log_warn(module, note);
}

}  // namespace baton::config
