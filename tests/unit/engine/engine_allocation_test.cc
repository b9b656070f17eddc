// The per-token path does not allocate: counted by replacing the global operator new of this test program.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "support/engine_harness.h"

namespace {
std::size_t allocations = 0;  // tests run on one thread
}

#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // malloc and free do match here
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
// The library's own temporary buffers use this form; a sanitizer would bring its own otherwise.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace baton {

TEST(EngineAllocation, decode_steps_allocate_nothing_once_warm) {
  test::FakeRunner runner({.vocab = 1000, .max_context = 4096});
  test::PoolMemory memory(runner, 400, 16);
  const auto engine =
      std::move(*engine::Engine::create({.max_batch = 8, .chunk_tokens = 64, .blocks = 400}, runner, memory.view()));
  for (int i = 0; i < 8; ++i) {
    GenerationSpec spec;
    spec.tokens.assign(20, 1 + i);
    spec.sampling.max_tokens = 300;
    spec.sampling.ignore_eos = true;
    if (i % 2 == 0) spec.sampling.top_p = 0.9F, spec.sampling.repetition_penalty = 1.1F;
    if (i % 3 == 0) spec.sampling.top_k = 40, spec.sampling.min_p = 0.01F;
    if (i == 7) spec.sampling.temperature = 0;
    ASSERT_TRUE(engine->generate(spec).has_value());
  }
  for (int i = 0; i < 20; ++i) engine->step();
  const std::size_t before = allocations;
  std::size_t events = 0;
  for (int i = 0; i < 200; ++i) events += engine->step().size();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(events, 1600U);
}

}  // namespace baton
