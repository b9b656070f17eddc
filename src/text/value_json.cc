#include <nlohmann/json.hpp>

#include "text/value.h"

namespace baton::text {
namespace {

// Builds a Value while parsing; the parser calls it, so its shape is nlohmann's SAX interface.
class Builder {
 public:
  bool null() { return put(Value()); }
  bool boolean(bool flag) { return put(Value(flag)); }
  bool number_integer(std::int64_t number) { return put(Value(number)); }
  bool number_unsigned(std::uint64_t number) {
    return number <= INT64_MAX ? put(Value(static_cast<std::int64_t>(number))) : refuse("an integer beyond 64 bits");
  }
  bool number_float(double number, const std::string& /*text*/) { return put(Value(number)); }
  bool string(std::string& text) { return put(Value(std::move(text))); }
  bool binary(nlohmann::json::binary_t& /*bytes*/) { return refuse("binary data"); }
  bool start_object(std::size_t /*size*/) { return open(true); }
  bool start_array(std::size_t /*size*/) { return open(false); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    open_.back().key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::json::exception& /*error*/) {
    return refuse("a syntax error at byte " + std::to_string(position));
  }

  Value result;
  std::string error;

 private:
  struct Frame {
    bool is_map = false;
    std::string key;
    std::vector<Value> items;
    std::vector<Value::Member> members;
  };

  bool refuse(std::string what) {
    error = std::move(what);
    return false;
  }

  bool open(bool is_map) {
    if (open_.size() >= static_cast<std::size_t>(Value::kMaxDepth)) return refuse("nesting that is too deep");
    open_.push_back({.is_map = is_map, .key = {}, .items = {}, .members = {}});
    return true;
  }

  bool close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    return put(frame.is_map ? Value::map(std::move(frame.members)) : Value::array(std::move(frame.items)));
  }

  bool put(Value value) {
    if (open_.empty()) {
      result = std::move(value);
    } else if (open_.back().is_map) {
      open_.back().members.emplace_back(std::move(open_.back().key), std::move(value));
    } else {
      open_.back().items.push_back(std::move(value));
    }
    return true;
  }

  std::vector<Frame> open_;
};

}  // namespace

Result<Value> Value::from_json_text(std::string_view json) {
  Builder builder;
  if (!nlohmann::json::sax_parse(json, &builder)) return fail(Errc::invalid_request, "JSON has " + builder.error);
  return std::move(builder.result);
}

}  // namespace baton::text
