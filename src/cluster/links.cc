#include "cluster/links.h"

#include <algorithm>

namespace baton::cluster {

namespace {

constexpr double kLeastBytes = 1 << 20;
constexpr double kLeastSeconds = 20e-6;
constexpr double kLeastRate = 1e6, kMostRate = 1e12;
constexpr double kFasterWeight = 0.2, kSlowerWeight = 0.02;

}  // namespace

void LinkTable::observe(Distance d, double bytes, double seconds) {
  if (!(bytes >= kLeastBytes) || !(seconds >= kLeastSeconds)) return;
  double& rate = links_[static_cast<std::size_t>(d)].bytes_per_s;
  const double measured = std::clamp(bytes / seconds, kLeastRate, kMostRate);
  rate += (measured > rate ? kFasterWeight : kSlowerWeight) * (measured - rate);
}

}  // namespace baton::cluster
