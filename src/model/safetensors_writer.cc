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
  writer.x_path = path;
  writer.x_left = at;
  writer.x_file.open(path, std::ios::binary | std::ios::trunc);
  writer.x_file.write(length.data(), length.size());
  writer.x_file.write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!writer.x_file) return cannot_write(path);
  return writer;
}

Result<void> SafetensorsWriter::write(std::span<const std::byte> data) {
  if (data.size() > x_left) return fail(Errc::internal, std::string(x_path) + ": more data than the tensors hold");
  x_file.write(reinterpret_cast<const char*>(data.data()), static_cast<std::streamsize>(data.size()));
  if (!x_file) return cannot_write(x_path);
  x_left -= data.size();
  return {};
}

Result<void> SafetensorsWriter::finish() {
  if (x_left != 0) return fail(Errc::internal, std::string(x_path) + ": data of the last tensors is missing");
  x_file.close();
  if (!x_file) return cannot_write(x_path);
  return {};
}

}  // namespace baton::model
