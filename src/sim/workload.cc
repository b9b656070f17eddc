#include "sim/workload.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"
#include "sim/random.h"

namespace baton::sim {

namespace {

constexpr std::uint64_t kTokenMask = 0x1ffff;  // ids of a vocabulary of 131072

/// Of the tokens that only this request has.
std::uint64_t private_hash(std::size_t index) { return hash_combine(0x70726976617465ULL, index); }

double mean(std::span<const SimRequest> requests, std::int32_t SimRequest::* field) {
  if (requests.empty()) return 0;
  double sum = 0;
  for (const SimRequest& r : requests) sum += r.*field;
  return sum / static_cast<double>(requests.size());
}

}  // namespace

double Workload::span_s() const {
  return requests.empty() ? 0 : seconds(requests.back().arrival - requests.front().arrival);
}

double Workload::rate() const {
  return requests.size() < 2 || span_s() <= 0 ? 0 : static_cast<double>(requests.size() - 1) / span_s();
}

double Workload::mean_prompt() const { return mean(requests, &SimRequest::prompt_tokens); }
double Workload::mean_output() const { return mean(requests, &SimRequest::output_tokens); }

std::vector<TokenId> prompt_of(const Workload& workload, std::size_t index) {
  const SimRequest& request = workload.requests[index];
  const auto length = static_cast<std::size_t>(request.prompt_tokens);
  const auto step = static_cast<std::size_t>(workload.hash_tokens);
  std::vector<TokenId> tokens(length);
  for (std::size_t i = 0; i < length; ++i) {
    const std::size_t block = i / step;
    const std::uint64_t hash =
        block < request.hash_count ? workload.hashes[request.first_hash + block] : private_hash(index);
    tokens[i] = static_cast<TokenId>(mix64(hash + i * 0x9e3779b97f4a7c15ULL) & kTokenMask);
  }
  return tokens;
}

Workload cut(const Workload& workload, const Cut& how) {
  const std::size_t all = workload.requests.size();
  Workload out{.requests = {}, .hashes = workload.hashes, .hash_tokens = workload.hash_tokens};
  if (all == 0) return out;
  const std::size_t count = how.count == 0 ? all : how.count;
  const std::size_t start = how.seed == 0 ? 0 : Random(how.seed, 0x637574).below(all);
  const double old_rate = workload.rate();
  const Nanos turn = workload.requests.back().arrival - workload.requests.front().arrival +
                     static_cast<Nanos>(old_rate > 0 ? 1e9 / old_rate : 0);
  out.requests.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    SimRequest request = workload.requests[(start + i) % all];
    request.arrival += static_cast<Nanos>((start + i) / all) * turn - workload.requests[start].arrival;
    out.requests.push_back(request);
  }
  const double stretch = how.rate > 0 && out.rate() > 0 ? out.rate() / how.rate : 1.0;
  for (SimRequest& request : out.requests) {
    request.arrival = static_cast<Nanos>(static_cast<double>(request.arrival) * stretch);
  }
  return out;
}

Workload merge(const Workload& a, const Workload& b) {
  BATON_CHECK(a.hash_tokens == b.hash_tokens || a.hashes.empty() || b.hashes.empty());
  Workload out = a;
  if (a.hashes.empty()) out.hash_tokens = b.hash_tokens;
  const auto shift = static_cast<std::uint32_t>(a.hashes.size());
  out.hashes.insert(out.hashes.end(), b.hashes.begin(), b.hashes.end());
  for (SimRequest request : b.requests) {
    request.first_hash += shift;
    out.requests.push_back(request);
  }
  std::ranges::stable_sort(out.requests, {}, &SimRequest::arrival);
  return out;
}

}  // namespace baton::sim
