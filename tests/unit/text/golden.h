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

inline std::string read_data(const std::string& name) {
  std::ifstream in(data_path(name), std::ios::binary);
  EXPECT_TRUE(in) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

inline Value read_json(const std::string& name) {
  auto value = Value::from_json_text(read_data(name));
  EXPECT_TRUE(value) << name;
  return value.value_or(Value());
}

inline std::vector<TokenId> ids_of(const Value& array) {
  std::vector<TokenId> ids;
  for (const Value& id : array.items()) ids.push_back(static_cast<TokenId>(id.integer()));
  return ids;
}

}  // namespace baton::text
