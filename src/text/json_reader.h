#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace baton::text {

/// Thrown by JsonNode and caught where the file is loaded.
struct JsonRefusal {
  std::string message;
};

/// A place in a JSON document that knows its path, for readers that demand a type and otherwise say precisely where the
/// file is wrong. An absent member is a node for which present() is false; null counts as absent. The document must
/// outlive it.
class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, std::string path) : value_(&value), path_(std::move(path)) {}

  bool present() const;
  bool is_array() const;
  bool is_string() const;

  /// Member of an object; absent if this node is absent.
  JsonNode get(std::string_view key) const;
  std::vector<std::pair<std::string, JsonNode>> members() const;
  std::size_t size() const;  ///< of an array
  JsonNode at(std::size_t index) const;

  std::string string() const;
  std::int64_t integer() const;
  double number() const;
  bool boolean_or(bool otherwise) const;
  std::string string_or(std::string_view otherwise) const;

  [[noreturn]] void refuse(const std::string& why) const;

 private:
  JsonNode(const nlohmann::json* value, std::string path) : value_(value), path_(std::move(path)) {}
  const nlohmann::json* value_;
  std::string path_;
};

}  // namespace baton::text
