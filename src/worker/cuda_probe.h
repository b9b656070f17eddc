#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "baton/cuda_plugin.h"

namespace baton::worker {

inline constexpr const char* kCudaPluginFile = "libbaton_cuda.so";

/// What a CUDA plugin said of this machine.
struct CudaProbe {
  bool has_file = true;              ///< there is a file where the plugin belongs
  bool has_plugin = false;           ///< a plugin of this program's version was loaded
  std::vector<std::string> devices;  ///< "0: NVIDIA H200, compute 9.0, 139 GiB"
  std::string reason;                ///< why there is no plugin or no device; empty: there are devices
};

/// Loads the plugin at `path` and asks it for devices. The library stays loaded for the life of the process, because
/// the CUDA runtime inside it leaves exit handlers behind. Any thread.
CudaProbe probe_cuda(const std::filesystem::path& path);

/// The same of a plugin's table.
CudaProbe probe_cuda(const BatonCudaPlugin& plugin);

/// kCudaPluginFile in the folder of the running program.
std::filesystem::path cuda_plugin_path();

}  // namespace baton::worker
