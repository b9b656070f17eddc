#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "baton/config.h"

namespace baton::config {

/// What a running deployment does with a changed value.
enum class Apply : std::uint8_t {
  live,            ///< takes effect at reload
  worker_restart,  ///< the worker concerned must restart; the router drains it
  restart,         ///< router and workers must restart
};

/// One allowed value of a key with a closed set of values.
struct Choice {
  std::string_view name;
  int value = 0;             ///< of the enumerator or integer; text keys take the name
  bool is_supported = true;  ///< false: known, refused with "not supported yet"
};

/// Inclusive, in the key's own unit: bytes, milliseconds, characters of a text, entries of a list, else the number.
struct Bounds {
  double min = 0;
  double max = 0;
};

/// Everything about a key except where its value goes.
struct KeyInfo {
  std::string_view name;
  std::string_view help;
  Bounds bounds = {0, 4096};
  std::span<const Choice> choices = {};
  Apply apply = Apply::restart;
  std::string_view default_note = {};  ///< shown in place of the default value of the struct
  std::string_view format = "text";    ///< "text", or what a text key holds: "host", "GPU type", "name"
  bool is_required = false;
  bool is_secret = false;            ///< its value appears in no message
  std::string_view synonym_of = {};  ///< another key with the same target; only one of them may be given
  std::string_view nested = {};      ///< text key written as a map with this one key: `auth: {token: …}`
};

/// A key that is documented but has no effect yet: any use of it is an error, so that nothing is ignored silently.
struct NotSupported {};

/// Where the value of a key goes, which also fixes its type.
template <class S>
using Target =
    std::variant<NotSupported, std::string S::*, std::int32_t S::*, std::int64_t S::*, std::uint16_t S::*, double S::*,
                 bool S::*, std::chrono::milliseconds S::*, std::vector<std::string> S::*, Role S::*, EngineKind S::*,
                 KvProtocol S::*, PlacementPolicy S::*, ListenConfig S::*, KvTransferConfig S::*, LimitsConfig S::*,
                 SchedulingConfig S::*, SimulationConfig S::*, FaultConfig S::*, SloConfig S::*, TokenRange S::*,
                 std::vector<WorkerConfig> S::*, std::vector<ClassConfig> S::*>;

/// A declared key of struct S.
template <class S>
struct Key {
  KeyInfo info;
  Target<S> target;
};

/// The keys of a section, in the order documentation lists them. Parsing, validation, suggestions, diff and
/// docs/configuration.md all come from these tables; defaults are those of a default-constructed S.
template <class S>
std::span<const Key<S>> keys();

template <>
std::span<const Key<Config>> keys<Config>();
template <>
std::span<const Key<WorkerConfig>> keys<WorkerConfig>();
template <>
std::span<const Key<SimulationConfig>> keys<SimulationConfig>();
template <>
std::span<const Key<ListenConfig>> keys<ListenConfig>();
template <>
std::span<const Key<KvTransferConfig>> keys<KvTransferConfig>();
template <>
std::span<const Key<LimitsConfig>> keys<LimitsConfig>();
template <>
std::span<const Key<SchedulingConfig>> keys<SchedulingConfig>();
template <>
std::span<const Key<FaultConfig>> keys<FaultConfig>();
template <>
std::span<const Key<ClassConfig>> keys<ClassConfig>();
template <>
std::span<const Key<SloConfig>> keys<SloConfig>();
template <>
std::span<const Key<TokenRange>> keys<TokenRange>();

/// Name of an enumerator or integer among `choices`; empty if it is none of them.
std::string_view choice_name(std::span<const Choice> choices, int value);

}  // namespace baton::config
