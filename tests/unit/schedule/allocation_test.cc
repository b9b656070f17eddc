#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "schedule/coordinator.h"

namespace {
std::size_t allocations = 0;
}  // namespace

// Counts every allocation of this test program.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes > 0 ? bytes : 1)) return memory;
  throw std::bad_alloc();
}
// The nothrow form too: std::stable_sort takes its buffer by that one and gives it back by plain delete.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes > 0 ? bytes : 1);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace baton::schedule {

TEST(Allocation, tokens_in_steady_state_allocate_nothing) {
  constexpr int kRequests = 64;
  Coordinator coordinator{CoordinatorOptions{}};
  const TimePoint now{1h};
  coordinator.handle(WorkerUp{WorkerId{1}, WorkerInfo{}}, now);
  std::vector<TokenOut> step(kRequests);
  for (std::uint64_t i = 0; i < kRequests; ++i) {
    auto spec = std::make_shared<GenerationSpec>();
    spec->tokens = {1, 2, 3};
    spec->sampling.max_tokens = 1000;
    const auto commands = coordinator.handle(Arrive{RequestId{i}, spec, now + 60s}, now);
    step[i].attempt = std::get<SendGenerate>(commands.front()).attempt;
  }
  const auto play = [&](std::int32_t index) {
    for (TokenOut& token : step) token.index = index;
    const Event event = TokensIn{WorkerId{1}, step};
    return coordinator.handle(event, now).size();
  };
  ASSERT_EQ(play(0), std::size_t{kRequests});
  const std::size_t before = allocations;
  std::size_t delivered = 0;
  for (std::int32_t index = 1; index < 900; ++index) delivered += play(index);
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(delivered, 899U * kRequests);
}

}  // namespace baton::schedule
