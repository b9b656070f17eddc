#include "sim/random.h"

#include <cmath>
#include <numbers>

namespace baton::sim {

double Random::exponential(double mean) { return -mean * std::log(uniform()); }

/// Box and Muller.
double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

/// Marsaglia and Tsang (2000); shapes below one by the usual power of a uniform.
double Random::gamma(double mean, double variation) {
  const double shape = 1.0 / (variation * variation);
  const double lift = shape < 1.0 ? 1.0 : 0.0;
  const double d = shape + lift - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = normal();
    const double v = std::pow(1.0 + c * x, 3.0);
    if (v <= 0.0 || std::log(uniform()) >= 0.5 * x * x + d - d * v + d * std::log(v)) continue;
    const double boost = lift > 0.0 ? std::pow(uniform(), 1.0 / shape) : 1.0;
    return d * v * boost * mean / shape;
  }
}

}  // namespace baton::sim
