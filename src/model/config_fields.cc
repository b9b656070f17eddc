#include "model/config_fields.h"

namespace baton::model {
namespace {

using nlohmann::json;

/// Value as text for a message, cut short.
std::string shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return text;
}

std::optional<std::int64_t> as_integer(const json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > static_cast<std::uint64_t>(INT64_MAX)) return INT64_MAX;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return std::nullopt;
}

}  // namespace

void ConfigFields::note(Errc code, std::string_view name, std::string_view what) {
  if (error_) return;
  error_ = Error{code, file_ + ": " + prefix_ + std::string(name) + ": " + std::string(what), {}};
}

const json* ConfigFields::find(std::string_view name) const {
  const auto at = object_.find(name);
  return at == object_.end() || at->is_null() ? nullptr : &*at;
}

std::optional<std::int32_t> ConfigFields::integer(std::string_view name, IntRange range) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const std::optional<std::int64_t> number = as_integer(*value);
  if (!number) {
    corrupt(name, "must be an integer, not " + shown(*value));
    return std::nullopt;
  }
  if (*number < range.least || *number > range.most) {
    corrupt(name,
            "is " + shown(*value) + ", must be " + std::to_string(range.least) + " to " + std::to_string(range.most));
    return std::nullopt;
  }
  return static_cast<std::int32_t>(*number);
}

std::int32_t ConfigFields::required_integer(std::string_view name, IntRange range) {
  if (!has(name)) corrupt(name, "is missing");
  return integer(name, range).value_or(static_cast<std::int32_t>(range.least));
}

std::optional<double> ConfigFields::real(std::string_view name, RealRange range) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) {
    corrupt(name, "must be a number, not " + shown(*value));
    return std::nullopt;
  }
  const auto number = value->get<double>();
  if (!(number >= range.least && number <= range.most)) {
    corrupt(name, "is " + shown(*value) + ", must be " + json(range.least).dump() + " to " + json(range.most).dump());
    return std::nullopt;
  }
  return number;
}

double ConfigFields::required_real(std::string_view name, RealRange range) {
  if (!has(name)) corrupt(name, "is missing");
  return real(name, range).value_or(range.least);
}

std::optional<bool> ConfigFields::boolean(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) {
    corrupt(name, "must be true or false, not " + shown(*value));
    return std::nullopt;
  }
  return value->get<bool>();
}

std::optional<std::string> ConfigFields::string(std::string_view name) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    corrupt(name, "must be a string, not " + shown(*value));
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::optional<std::vector<TokenId>> ConfigFields::token_ids(std::string_view name, std::int32_t limit) {
  const json* value = find(name);
  if (value == nullptr) return std::nullopt;
  const json list = value->is_array() ? *value : json::array({*value});
  if (list.size() > 1024) {
    corrupt(name, "has more than 1024 ids");
    return std::nullopt;
  }
  std::vector<TokenId> ids;
  for (const json& item : list) {
    const std::optional<std::int64_t> id = as_integer(item);
    if (!id || *id < 0 || *id >= limit) {
      corrupt(name, "must be token ids of 0 to " + std::to_string(limit - 1) + " (vocab_size - 1), not " + shown(item));
      return std::nullopt;
    }
    ids.push_back(static_cast<TokenId>(*id));
  }
  return ids;
}

}  // namespace baton::model
