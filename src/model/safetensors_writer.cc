#include "model/safetensors_writer.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

namespace baton::model {
namespace {

std::unexpected<Error> cannot_write(const std::filesystem::path& path) {
  return fail(Errc::io, std::string(path) + ": cannot write (is the disk full?)");
}

}  // namespace

std::uint64_t TensorSpec::bytes() const {
  std::uint64_t size = tensor_type_bytes(type);
  for (const std::int64_t extent : shape) size *= static_cast<std::uint64_t>(extent);
  return size;
}

Result<SafetensorsWriter> SafetensorsWriter::create(const std::filesystem::path& path,
                                                    std::span<const TensorSpec> tensors) {
  nlohmann::ordered_json header;
  header["__metadata__"] = {{"format", "pt"}};
  std::uint64_t at = 0;
  for (const TensorSpec& tensor : tensors) {
    const std::uint64_t end = at + tensor.bytes();
    header[tensor.name] = {
        {"dtype", tensor_type_name(tensor.type)}, {"shape", tensor.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // data starts at a multiple of 8
  std::array<char, 8> length{};
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(text.size() >> (8 * i));

  SafetensorsWriter writer;
  writer.path_ = path;
  writer.left_ = at;
  writer.file_.open(path, std::ios::binary | std::ios::trunc);
  writer.file_.write(length.data(), length.size());
  writer.file_.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!writer.file_) return cannot_write(path);
  return writer;
}

Result<void> SafetensorsWriter::write(std::span<const std::byte> data) {
  if (data.size() > left_) return fail(Errc::internal, std::string(path_) + ": more data than the tensors hold");
  file_.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
  if (!file_) return cannot_write(path_);
  left_ -= data.size();
  return {};
}

Result<void> SafetensorsWriter::finish() {
  if (left_ != 0) return fail(Errc::internal, std::string(path_) + ": data of the last tensors is missing");
  file_.close();
  if (!file_) return cannot_write(path_);
  return {};
}

}  // namespace baton::model
