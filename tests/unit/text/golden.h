#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "text/value.h"

namespace baton::text {

inline std::string data_path(const std::string& name) {
  return std::string(BATON_SOURCE_DIR) + "/tests/data/text/" + name;
}

inline std::string read_bytes(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string read_data(const std::string& name) { return read_bytes(data_path(name)); }

inline Value read_file(const std::string& file) {
  auto value = Value::from_json_text(read_bytes(file));
  EXPECT_TRUE(value) << file;
  return value.value_or(Value());
}

inline Value read_json(const std::string& name) { return read_file(data_path(name)); }

inline std::vector<TokenId> ids_of(const Value& array) {
  std::vector<TokenId> ids;
  for (const Value& id : array.items()) ids.push_back(static_cast<TokenId>(id.integer()));
  return ids;
}

}  // namespace baton::text
