#include "model/safetensors.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

namespace baton::model {
namespace {

using nlohmann::json;

struct Entry {
  std::string name;
  std::optional<TensorType> type;
  std::optional<std::vector<std::uint64_t>> shape;
  std::optional<std::vector<std::uint64_t>> offsets;
};

/// Reads {"name": {"dtype": "...", "shape": [...], "data_offsets": [a, b]}, "__metadata__": {"k": "v"}} without
/// building a tree, so memory stays in proportion to the tensors, and duplicate names are seen.
class HeaderReader {
 public:
  std::vector<Entry> entries;
  std::string problem;  ///< set when a callback returned false

  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("a boolean"); }
  bool number_integer(json::number_integer_t) { return unexpected("a negative number"); }
  bool number_float(json::number_float_t, const json::string_t&) { return unexpected("a fractional or huge number"); }
  bool binary(json::binary_t&) { return unexpected("binary data"); }

  bool number_unsigned(json::number_unsigned_t value) {
    if (list_ == nullptr) return unexpected("a number");
    if (list_->size() == kMaxTensorRank) return refuse("'" + field_ + "' has more than 8 numbers");
    list_->push_back(value);
    return true;
  }

  bool string(json::string_t& value) {
    if (depth_ == 2 && metadata_) return true;
    if (depth_ != 2 || field_ != "dtype" || list_ != nullptr) return unexpected("a string");
    entries.back().type = tensor_type_from_name(value);
    if (!entries.back().type) return refuse("unknown dtype '" + value.substr(0, 32) + "'");
    return true;
  }

  bool start_object(std::size_t) {
    if (depth_ >= 2 || list_ != nullptr) return unexpected("an object");
    ++depth_;
    return true;
  }

  bool end_object() {
    if (depth_ == 2 && !metadata_) {
      const Entry& entry = entries.back();
      if (!entry.type) return refuse("'dtype' is missing");
      if (!entry.shape) return refuse("'shape' is missing");
      if (!entry.offsets) return refuse("'data_offsets' is missing");
      if (entry.offsets->size() != 2) return refuse("'data_offsets' must be two numbers");
    }
    --depth_;
    return true;
  }

  bool key(json::string_t& value) {
    if (depth_ == 1) {
      metadata_ = value == "__metadata__";
      if (!metadata_) {
        if (value.empty()) return refuse("a tensor has an empty name");
        entries.push_back(Entry{value, {}, {}, {}});
      }
      return true;
    }
    field_ = value;
    if (metadata_) return true;
    const Entry& entry = entries.back();
    const bool repeated = (value == "dtype" && entry.type) || (value == "shape" && entry.shape) ||
                          (value == "data_offsets" && entry.offsets);
    if (repeated) return refuse("'" + value + "' is given twice");
    if (value != "dtype" && value != "shape" && value != "data_offsets")
      return refuse("unknown field '" + value.substr(0, 32) + "'");
    return true;
  }

  bool start_array(std::size_t) {
    if (depth_ != 2 || metadata_ || field_ == "dtype" || list_ != nullptr) return unexpected("an array");
    std::optional<std::vector<std::uint64_t>>& list = field_ == "shape" ? entries.back().shape : entries.back().offsets;
    list_ = &list.emplace();
    return true;
  }

  bool end_array() {
    list_ = nullptr;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) {
    problem = "the header is not valid JSON at byte " + std::to_string(position);
    return false;
  }

 private:
  bool refuse(std::string what) {
    problem =
        entries.empty() || metadata_ ? std::move(what) : "tensor '" + entries.back().name.substr(0, 128) + "': " + what;
    return false;
  }
  bool unexpected(std::string_view what) {
    return refuse("unexpected " + std::string(what) + " in the header" +
                  (field_.empty() ? std::string() : " at '" + field_.substr(0, 32) + "'"));
  }

  int depth_ = 0;  ///< open objects
  bool metadata_ = false;
  std::string field_;
  std::vector<std::uint64_t>* list_ = nullptr;
};

std::unexpected<Error> corrupt(std::string_view file, const std::string& what) {
  return fail(Errc::corrupt_file, std::string(file) + ": " + what);
}

std::unexpected<Error> corrupt(std::string_view file, const Entry& entry, const std::string& what) {
  return corrupt(file, "tensor '" + entry.name.substr(0, 128) + "': " + what);
}

/// Product of the shape and the element size, or nothing when it overflows.
std::optional<std::uint64_t> byte_size(const Entry& entry) {
  std::uint64_t size = tensor_type_bytes(*entry.type);
  for (const std::uint64_t extent : *entry.shape) {
    if (extent > static_cast<std::uint64_t>(INT64_MAX) || __builtin_mul_overflow(size, extent, &size))
      return std::nullopt;
  }
  return size;
}

/// Sorts by offset and checks that the tensors cover [0, data_bytes) exactly.
Result<void> check_entries(std::vector<Entry>& entries, std::uint64_t data_bytes, std::string_view file) {
  std::ranges::sort(entries, {}, &Entry::name);
  const auto twice = std::ranges::adjacent_find(entries, {}, &Entry::name);
  if (twice != entries.end()) return corrupt(file, *twice, "is listed twice");
  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair((*e.offsets)[0], (*e.offsets)[1]); });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    const std::uint64_t begin = (*entry.offsets)[0];
    const std::uint64_t end = (*entry.offsets)[1];
    const std::string range = "[" + std::to_string(begin) + ", " + std::to_string(end) + ")";
    if (end < begin) return corrupt(file, entry, "data_offsets " + range + " run backwards");
    if (end > data_bytes) {
      return corrupt(file, entry,
                     "data_offsets " + range + " end beyond the file's " + std::to_string(data_bytes) +
                         " bytes of data (is the file truncated?)");
    }
    if (begin < at) return corrupt(file, entry, "data_offsets " + range + " overlap another tensor");
    if (begin > at) return corrupt(file, entry, "data_offsets " + range + " leave a gap before them");
    const std::optional<std::uint64_t> size = byte_size(entry);
    if (!size || *size != end - begin) {
      const std::vector<std::int64_t> shape(entry.shape->begin(), entry.shape->end());
      return corrupt(file, entry,
                     "shape " + shape_text(shape) + " of " + std::string(tensor_type_name(*entry.type)) +
                         " does not match its " + std::to_string(end - begin) + " bytes");
    }
    at = end;
  }
  if (at != data_bytes) return corrupt(file, std::to_string(data_bytes - at) + " bytes follow the last tensor");
  return {};
}

}  // namespace

Result<std::span<const std::byte>> safetensors_header_bytes(std::span<const std::byte> file,
                                                            std::string_view file_name) {
  if (file.size() < 8) return corrupt(file_name, "shorter than the 8 bytes of a safetensors header length");
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i) length |= std::to_integer<std::uint64_t>(file[i]) << (8 * i);
  if (length > kMaxSafetensorsHeaderBytes) {
    return corrupt(file_name, "header length " + std::to_string(length) + " is over the limit of " +
                                  std::to_string(kMaxSafetensorsHeaderBytes) + " (not a safetensors file?)");
  }
  if (length > file.size() - 8) {
    return corrupt(file_name, "header length " + std::to_string(length) + " is more than the file's " +
                                  std::to_string(file.size()) + " bytes (is the file truncated?)");
  }
  return file.subspan(8, length);
}

Result<std::vector<TensorView>> read_safetensors(std::span<const std::byte> file, std::string_view file_name) {
  const Result<std::span<const std::byte>> header = safetensors_header_bytes(file, file_name);
  if (!header) return std::unexpected(header.error());
  const auto* text = reinterpret_cast<const char*>(header->data());
  if (header->empty() || text[0] != '{') return corrupt(file_name, "the header does not start with '{'");
  HeaderReader reader;
  if (!json::sax_parse(text, text + header->size(), &reader)) return corrupt(file_name, reader.problem);

  const std::span<const std::byte> data = file.subspan(8 + header->size());
  const Result<void> checked = check_entries(reader.entries, data.size(), file_name);
  if (!checked) return std::unexpected(checked.error());
  std::vector<TensorView> views;
  views.reserve(reader.entries.size());
  for (Entry& entry : reader.entries) {
    const std::uint64_t begin = (*entry.offsets)[0];
    const std::span<const std::byte> bytes = data.subspan(begin, (*entry.offsets)[1] - begin);
    views.push_back({std::move(entry.name), *entry.type, {entry.shape->begin(), entry.shape->end()}, bytes});
  }
  return views;
}

}  // namespace baton::model
