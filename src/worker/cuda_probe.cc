#include "worker/cuda_probe.h"

#include <dlfcn.h>

#include <cstdint>
#include <system_error>
#include <utility>

namespace baton::worker {
namespace {

CudaProbe without_plugin(std::string reason) { return {.reason = std::move(reason)}; }

std::string last_dl_error() {
  const char* const text = ::dlerror();
  return text == nullptr ? "unknown error of the loader" : text;
}

std::string describe(std::int32_t index, const BatonCudaDevice& device) {
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  return std::to_string(index) + ": " + device.name + ", compute " + std::to_string(device.major) + "." +
         std::to_string(device.minor) + ", " + std::to_string(device.memory_bytes / kGiB) + " GiB";
}

}  // namespace

CudaProbe probe_cuda(const BatonCudaPlugin& plugin) {
  if (plugin.abi_version != kBatonCudaAbiVersion || plugin.struct_size < sizeof(BatonCudaPlugin)) {
    return without_plugin("the CUDA plugin speaks version " + std::to_string(plugin.abi_version) + " (" +
                          std::to_string(plugin.struct_size) + " bytes) of the interface, this program version " +
                          std::to_string(kBatonCudaAbiVersion) + " (" + std::to_string(sizeof(BatonCudaPlugin)) +
                          " bytes); install both from one build");
  }
  CudaProbe probe{.has_plugin = true};
  std::int32_t count = 0;
  if (const char* const error = plugin.device_count(&count)) {
    probe.reason = error;
    return probe;
  }
  if (count < 1) probe.reason = "no CUDA device";
  for (std::int32_t i = 0; i < count; ++i) {
    BatonCudaDevice device{};
    const char* const error = plugin.describe_device(i, &device);
    probe.devices.push_back(error == nullptr ? describe(i, device) : std::to_string(i) + ": " + error);
  }
  return probe;
}

CudaProbe probe_cuda(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return {.has_file = false, .reason = "there is no " + path.string()};
  }
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return without_plugin(last_dl_error());
  void* const symbol = ::dlsym(library, kBatonCudaPluginSymbol);
  if (symbol == nullptr) return without_plugin(last_dl_error());
  const BatonCudaPlugin* const plugin = reinterpret_cast<BatonCudaPluginFunction*>(symbol)();
  if (plugin == nullptr) return without_plugin(path.string() + " gave no table of functions");
  return probe_cuda(*plugin);
}

std::filesystem::path cuda_plugin_path() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return program.parent_path() / kCudaPluginFile;
}

}  // namespace baton::worker
