#include "worker/cuda_probe.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>

namespace baton::worker {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const char* two_devices(std::int32_t* count) {
  *count = 2;
  return nullptr;
}

const char* no_devices(std::int32_t* count) {
  *count = 0;
  return nullptr;
}

const char* no_driver(std::int32_t*) { return "driver too old"; }

const char* second_is_broken(std::int32_t index, BatonCudaDevice* device) {
  if (index == 1) return "device lost";
  std::strncpy(device->name, "Test GPU", sizeof(device->name) - 1);
  device->major = 9;
  device->minor = 0;
  device->memory_bytes = std::uint64_t{139} << 30;
  return nullptr;
}

BatonCudaPlugin plugin_with(const char* (*device_count)(std::int32_t*)) {
  BatonCudaPlugin plugin{};
  plugin.struct_size = sizeof(BatonCudaPlugin);
  plugin.abi_version = kBatonCudaAbiVersion;
  plugin.device_count = device_count;
  plugin.describe_device = second_is_broken;
  return plugin;
}

TEST(CudaProbe, says_which_file_is_missing) {
  const CudaProbe probe = probe_cuda("/nowhere/libbaton_cuda.so");
  EXPECT_FALSE(probe.has_file);
  EXPECT_FALSE(probe.has_plugin);
  EXPECT_THAT(probe.devices, IsEmpty());
  EXPECT_THAT(probe.reason, HasSubstr("/nowhere/libbaton_cuda.so"));
}

TEST(CudaProbe, refuses_a_file_that_is_no_library) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "not_a_library.so";
  std::ofstream(path) << "plain text";
  const CudaProbe probe = probe_cuda(path);
  EXPECT_TRUE(probe.has_file);
  EXPECT_FALSE(probe.has_plugin);
  EXPECT_THAT(probe.reason, HasSubstr("not_a_library.so"));
  std::filesystem::remove(path);
}

TEST(CudaProbe, refuses_a_library_that_is_no_plugin) {
  Dl_info c_library{};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(&std::abort), &c_library), 0);
  const CudaProbe probe = probe_cuda(c_library.dli_fname);
  EXPECT_FALSE(probe.has_plugin);
  EXPECT_THAT(probe.reason, Not(IsEmpty()));
}

TEST(CudaProbe, refuses_a_plugin_of_another_version) {
  BatonCudaPlugin newer = plugin_with(two_devices);
  newer.abi_version = kBatonCudaAbiVersion + 1;
  EXPECT_FALSE(probe_cuda(newer).has_plugin);
  EXPECT_THAT(probe_cuda(newer).reason, HasSubstr("install both from one build"));
  BatonCudaPlugin shorter = plugin_with(two_devices);
  shorter.struct_size -= 8;
  EXPECT_FALSE(probe_cuda(shorter).has_plugin);
}

TEST(CudaProbe, accepts_a_plugin_that_has_grown_at_the_end) {
  BatonCudaPlugin longer = plugin_with(two_devices);
  longer.struct_size += 8;
  EXPECT_TRUE(probe_cuda(longer).has_plugin);
}

TEST(CudaProbe, lists_devices_and_what_is_wrong_with_one) {
  const CudaProbe probe = probe_cuda(plugin_with(two_devices));
  EXPECT_TRUE(probe.has_plugin);
  EXPECT_THAT(probe.devices, ElementsAre("0: Test GPU, compute 9.0, 139 GiB", "1: device lost"));
  EXPECT_EQ(probe.reason, "");
}

TEST(CudaProbe, passes_on_why_there_is_no_device) {
  EXPECT_TRUE(probe_cuda(plugin_with(no_driver)).has_plugin);
  EXPECT_EQ(probe_cuda(plugin_with(no_driver)).reason, "driver too old");
  EXPECT_EQ(probe_cuda(plugin_with(no_devices)).reason, "no CUDA device");
}

TEST(CudaProbe, gets_devices_or_a_reason_from_the_plugin_that_was_built) {
  if (!std::filesystem::exists(cuda_plugin_path())) GTEST_SKIP() << "the CUDA plugin was not built";
  const CudaProbe probe = probe_cuda(cuda_plugin_path());
  EXPECT_TRUE(probe.has_plugin) << probe.reason;
  EXPECT_NE(probe.devices.empty(), probe.reason.empty()) << probe.reason;
}

}  // namespace
}  // namespace baton::worker
