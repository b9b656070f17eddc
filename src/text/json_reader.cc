#include "text/json_reader.h"

#include <nlohmann/json.hpp>

namespace baton::text {

bool JsonNode::present() const { return value_ != nullptr && !value_->is_null(); }
bool JsonNode::is_array() const { return present() && value_->is_array(); }
bool JsonNode::is_string() const { return present() && value_->is_string(); }

JsonNode JsonNode::get(std::string_view key) const {
  std::string path = path_.empty() ? std::string(key) : path_ + "." + std::string(key);
  if (!present()) return {nullptr, std::move(path)};
  if (!value_->is_object()) refuse("must be an object");
  const auto it = value_->find(key);
  return {it == value_->end() ? nullptr : &*it, std::move(path)};
}

std::vector<std::pair<std::string, JsonNode>> JsonNode::members() const {
  if (!present() || !value_->is_object()) refuse("must be an object");
  std::vector<std::pair<std::string, JsonNode>> out;
  out.reserve(value_->size());
  for (const auto& [key, value] : value_->items()) out.emplace_back(key, JsonNode(&value, path_ + "[\"" + key + "\"]"));
  return out;
}

std::size_t JsonNode::size() const {
  if (!is_array()) refuse("must be an array");
  return value_->size();
}

JsonNode JsonNode::at(std::size_t index) const {
  if (index >= size()) refuse("is too short");
  return {&(*value_)[index], path_ + "[" + std::to_string(index) + "]"};
}

std::string JsonNode::string() const {
  if (!is_string()) refuse("must be a string");
  return value_->get<std::string>();
}

std::int64_t JsonNode::integer() const {
  if (!present() || !value_->is_number_integer()) refuse("must be an integer");
  if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > INT64_MAX) refuse("is out of range");
  return value_->get<std::int64_t>();
}

double JsonNode::number() const {
  if (!present() || !value_->is_number()) refuse("must be a number");
  return value_->get<double>();
}

bool JsonNode::boolean_or(bool otherwise) const {
  if (!present()) return otherwise;
  if (!value_->is_boolean()) refuse("must be true or false");
  return value_->get<bool>();
}

std::string JsonNode::string_or(std::string_view otherwise) const {
  return present() ? string() : std::string(otherwise);
}

void JsonNode::refuse(const std::string& why) const {
  throw JsonRefusal{(path_.empty() ? "the document" : path_) + " " + why};
}

}  // namespace baton::text
