#include "ctl/sim_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>

namespace baton::ctl {
namespace {

constexpr std::size_t kMostValues = 100;

constexpr std::array kPolicies{
    std::pair{std::string_view("round_robin"), PlacementPolicy::round_robin},
    std::pair{std::string_view("least_loaded"), PlacementPolicy::least_loaded},
    std::pair{std::string_view("power_of_two"), PlacementPolicy::power_of_two},
    std::pair{std::string_view("prefix_aware"), PlacementPolicy::prefix_aware},
    std::pair{std::string_view("cost"), PlacementPolicy::cost},
};

std::unexpected<Error> bad(std::string message) { return fail(Errc::invalid_request, std::move(message)); }

std::vector<std::string_view> split(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t at = text.find(by);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

Result<double> number(std::string_view text, double low, double high) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  if (!whole || !(value >= low && value <= high)) {
    return bad("'" + std::string(text) + "' is no number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return value;
}

/// "A,B,C" or "FROM:TO:STEP".
Result<std::vector<double>> numbers(std::string_view text, double low, double high) {
  const auto range = split(text, ':');
  std::vector<double> out;
  if (range.size() == 3) {
    const auto from = number(range[0], low, high), to = number(range[1], low, high), step = number(range[2], 1e-9, high);
    if (!from || !to || !step) return bad("'" + std::string(text) + "' is no range FROM:TO:STEP");
    if ((*to - *from) / *step > static_cast<double>(kMostValues)) return bad("more than 100 values");
    for (double v = *from; v <= *to * (1 + 1e-9); v += *step) out.push_back(v);
  } else {
    for (const std::string_view part : split(text, ',')) {
      const auto value = number(part, low, high);
      if (!value) return std::unexpected(value.error());
      out.push_back(*value);
    }
  }
  if (out.empty() || out.size() > kMostValues) return bad("between 1 and 100 values are expected");
  return out;
}

/// "KEY=VALUE,…" into the fields of `target` that `setters` name.
template <class Target>
Result<void> assign(std::string_view text, Target& target,
                    std::span<const std::pair<std::string_view, std::function<void(Target&, double)>>> setters) {
  for (const std::string_view item : split(text, ',')) {
    const std::size_t equals = item.find('=');
    const auto setter = std::ranges::find(setters, item.substr(0, equals), [](const auto& s) { return s.first; });
    if (equals == std::string_view::npos || setter == setters.end()) {
      std::string known;
      for (const auto& s : setters) known += (known.empty() ? "" : ", ") + std::string(s.first);
      return bad("'" + std::string(item) + "' is not KEY=NUMBER with one of " + known);
    }
    const auto value = number(item.substr(equals + 1), -1, 1e9);
    if (!value) return std::unexpected(value.error());
    setter->second(target, *value);
  }
  return {};
}

Result<sim::Tenant> tenant(std::string_view text) {
  using T = sim::Tenant;
  using Setter = std::pair<std::string_view, std::function<void(T&, double)>>;
  static const std::array kSetters{
      Setter{"prompt", [](T& t, double v) { t.prompt_mean = v; }},
      Setter{"prompt_cv", [](T& t, double v) { t.prompt_variation = v; }},
      Setter{"output", [](T& t, double v) { t.output_mean = v; }},
      Setter{"output_cv", [](T& t, double v) { t.output_variation = v; }},
      Setter{"correlation", [](T& t, double v) { t.correlation = v; }},
      Setter{"prefix", [](T& t, double v) { t.shared_prefix = static_cast<std::int32_t>(v); }},
      Setter{"max_tokens", [](T& t, double v) { t.max_tokens = static_cast<std::int32_t>(v); }},
      Setter{"share", [](T& t, double v) { t.share = v; }},
  };
  T out;
  if (auto done = assign<T>(text, out, kSetters); !done) return std::unexpected(done.error());
  const bool good = out.prompt_mean >= 1 && out.output_mean >= 1 && out.prompt_variation >= 0 && out.share > 0 &&
                    out.output_variation >= 0 && std::abs(out.correlation) <= 1 && out.shared_prefix >= 0 &&
                    out.max_tokens >= 0 && out.prompt_mean <= 1e6 && out.output_mean <= 1e6;
  if (!good) return bad("lengths must be from 1 to 1000000, variations not negative, correlation within [-1, 1]");
  return out;
}

/// "kill:worker=0,at=10,for=5".
Result<sim::Fault> fault(std::string_view text) {
  using F = sim::Fault;
  using Setter = std::pair<std::string_view, std::function<void(F&, double)>>;
  static const std::array kSetters{
      Setter{"worker", [](F& f, double v) { f.worker = static_cast<std::uint32_t>(std::max(0.0, v)); }},
      Setter{"at", [](F& f, double v) { f.at = sim::nanos(std::max(0.0, v)); }},
      Setter{"for", [](F& f, double v) { f.duration = sim::nanos(std::max(0.0, v)); }},
      Setter{"notice", [](F& f, double v) { f.notice = sim::nanos(std::max(0.0, v)); }},
      Setter{"factor", [](F& f, double v) { f.factor = v; }},
  };
  constexpr std::array kKinds{std::pair{std::string_view("kill"), F::Kind::kill}, std::pair{std::string_view("spot"), F::Kind::spot},
                              std::pair{std::string_view("slow"), F::Kind::slow}, std::pair{std::string_view("link"), F::Kind::link}};
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto kind = std::ranges::find(kKinds, text.substr(0, colon), [](const auto& k) { return k.first; });
  if (kind == kKinds.end()) return bad("'" + std::string(text) + "' is not kill, spot, slow or link");
  F out{.kind = kind->second};
  if (colon < text.size()) {
    if (auto done = assign<F>(text.substr(colon + 1), out, kSetters); !done) return std::unexpected(done.error());
  }
  if (!(out.factor > 0)) return bad("factor must be positive");
  return out;
}

Result<std::vector<PlacementPolicy>> policies(std::string_view text) {
  std::vector<PlacementPolicy> out;
  for (const std::string_view name : split(text, ',')) {
    if (name == "all") {
      for (const auto& [known, policy] : kPolicies) out.push_back(policy);
      continue;
    }
    const auto policy = policy_of(name);
    if (!policy) {
      std::string known = "all";
      for (const auto& [each, unused] : kPolicies) known += ", " + std::string(each);
      return bad("'" + std::string(name) + "' is none of " + known);
    }
    out.push_back(*policy);
  }
  return out;
}

/// An option that takes a value; how the value gets into the arguments.
struct Option {
  std::string_view name;
  std::function<Result<void>(SimArguments&, std::string_view)> set;
};

template <class Value, class Parse, class Put>
Option option(std::string_view name, Parse parse, Put put) {
  return {name, [parse, put](SimArguments& a, std::string_view text) -> Result<void> {
            Result<Value> value = parse(text);
            if (!value) return std::unexpected(value.error());
            put(a, std::move(*value));
            return {};
          }};
}

Option number_option(std::string_view name, double low, double high, void (*put)(SimArguments&, double)) {
  return option<double>(name, [=](std::string_view text) { return number(text, low, high); }, put);
}

Option text_option(std::string_view name, std::string SimArguments::* field) {
  return {name, [field](SimArguments& a, std::string_view text) -> Result<void> {
            a.*field = text;
            return {};
          }};
}

template <class Choice>
Option choice_option(std::string_view name, std::vector<std::pair<std::string_view, Choice>> choices, Choice SimArguments::* field) {
  return {name, [=](SimArguments& a, std::string_view text) -> Result<void> {
            std::string known;
            for (const auto& [each, choice] : choices) {
              if (each == text) {
                a.*field = choice;
                return {};
              }
              known += (known.empty() ? "" : ", ") + std::string(each);
            }
            return bad("'" + std::string(text) + "' is none of " + known);
          }};
}

const std::vector<Option>& options() {
  using A = SimArguments;
  static const std::vector<Option> kOptions{
      text_option("--config", &A::config),
      text_option("--json", &A::json),
      text_option("--html", &A::html),
      text_option("--log", &A::log),
      option<std::string>("--trace", [](std::string_view t) { return Result<std::string>(t); },
                          [](A& a, std::string v) { a.traces.push_back(std::move(v)); }),
      option<sim::Tenant>("--synthetic", tenant, [](A& a, sim::Tenant v) { a.synthetic.push_back(v); }),
      option<sim::Fault>("--fault", fault, [](A& a, sim::Fault v) { a.faults.push_back(v); }),
      option<std::vector<PlacementPolicy>>("--policy", policies, [](A& a, auto v) { a.policies = std::move(v); }),
      option<std::vector<double>>("--rate", [](std::string_view t) { return numbers(t, 1e-3, 1e6); },
                                  [](A& a, auto v) { a.rates = std::move(v); }),
      option<std::vector<double>>("--hours", [](std::string_view t) { return numbers(t, 0, 1e9); },
                                  [](A& a, auto v) { a.hours = std::move(v); }),
      option<std::vector<double>>("--slo", [](std::string_view t) { return numbers(t, 0, 1e7); },
                                  [](A& a, auto v) { a.slo = {v.front(), v.size() > 1 ? v[1] : 0}; }),
      number_option("--hour-seconds", 1, 1e6, [](A& a, double v) { a.hour_s = v; }),
      number_option("--arrival-cv", 0.1, 20, [](A& a, double v) { a.arrival_variation = v; }),
      number_option("--requests", 1, 1e7, [](A& a, double v) { a.requests = static_cast<std::size_t>(v); }),
      number_option("--seed", 0, 1e15, [](A& a, double v) { a.seed = static_cast<std::uint64_t>(v); }),
      number_option("--seeds", 1, 100, [](A& a, double v) { a.seeds = static_cast<std::size_t>(v); }),
      number_option("--attainment", 0.01, 1, [](A& a, double v) { a.attainment = v; }),
      number_option("--nic-gbps", 0.001, 1e6, [](A& a, double v) { a.nic_gbps = v; }),
      number_option("--step-noise", 0, 1, [](A& a, double v) { a.step_noise = v; }),
      number_option("--speed-error", 0, 0.9, [](A& a, double v) { a.speed_error = v; }),
      number_option("--warm-up", 0, 0.9, [](A& a, double v) { a.warm_up = v; }),
      number_option("--spot-losses", 0, 1000, [](A& a, double v) { a.spot_losses_per_hour = v; }),
      choice_option<Lengths>("--lengths", {{"learned", Lengths::learned}, {"prior", Lengths::prior}, {"oracle", Lengths::oracle}}, &A::lengths),
      choice_option<sim::Fidelity>("--fidelity", {{"batch", sim::Fidelity::batch}, {"fluid", sim::Fidelity::fluid}}, &A::fidelity),
      choice_option<sim::BadRows>("--bad-rows", {{"stop", sim::BadRows::stop}, {"skip", sim::BadRows::skip}}, &A::bad_rows),
  };
  return kOptions;
}

}  // namespace

std::optional<PlacementPolicy> policy_of(std::string_view name) {
  const auto found = std::ranges::find(kPolicies, name, [](const auto& p) { return p.first; });
  if (found == kPolicies.end()) return std::nullopt;
  return found->second;
}

std::string_view policy_name(PlacementPolicy policy) {
  return std::ranges::find(kPolicies, policy, [](const auto& p) { return p.second; })->first;
}

std::string_view sim_usage() {
  return "usage: batonctl sim --config FILE (--trace FILE... | --synthetic KEY=N,...) [OPTION...]\n"
         "workload:\n"
         "  --trace FILE            Azure or BurstGPT CSV, Mooncake or vLLM-benchmark JSON lines; several are mixed\n"
         "  --bad-rows stop|skip    what to do with rows that cannot be read (stop)\n"
         "  --synthetic KEY=N,...   a tenant: prompt, prompt_cv, output, output_cv, correlation, prefix, max_tokens, share\n"
         "  --arrival-cv N          of synthetic gaps: 1 is Poisson (1)\n"
         "  --hours A,B,...         relative rate of each stretch, of --hour-seconds (3600)\n"
         "  --rate LIST|FROM:TO:STEP  requests per second; several are swept (as recorded)\n"
         "  --requests N            how many (the whole trace; 2000 synthetic)\n"
         "study:\n"
         "  --policy LIST|all       round_robin, least_loaded, power_of_two, prefix_aware, cost (the configuration's)\n"
         "  --seed N  --seeds N     first seed (1) and how many (1); all policies see the same requests\n"
         "  --saturate              find the greatest rate with --attainment (0.9) of requests within their objectives\n"
         "  --slo TTFT_MS,ITL_MS    objectives of classes that leave theirs open\n"
         "  --lengths learned|prior|oracle  what the router knows of output lengths (learned)\n"
         "  --warm-up SHARE         first requests that are not judged (0.1)\n"
         "cluster:\n"
         "  --fidelity batch|fluid  step by step, or request by request for big clusters (batch)\n"
         "  --nic-gbps N            of each worker (200); --step-noise S and --speed-error S: what the router does not know\n"
         "  --fault KIND:KEY=N,...  kill, spot, slow, link; worker, at, for, notice (seconds), factor\n"
         "  --spot-losses N         per hour of each spot worker (0)\n"
         "output:\n"
         "  --json FILE|-  --html FILE  --log FILE (events, for batonctl replay)\n";
}

Result<SimArguments> parse_sim_arguments(Arguments arguments) {
  SimArguments out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--saturate") {
      out.saturate = true;
      continue;
    }
    const auto option = std::ranges::find(options(), name, &Option::name);
    if (option == options().end()) return bad("unknown option '" + std::string(name) + "'");
    if (++i == arguments.size()) return bad(std::string(name) + ": a value is missing");
    if (auto set = option->set(out, arguments[i]); !set) return bad(std::string(name) + ": " + set.error().message);
  }
  if (out.config.empty()) return bad("--config FILE is missing");
  if (out.traces.empty() == out.synthetic.empty()) return bad("either --trace or --synthetic is needed");
  if (out.saturate && out.rates.size() > 1) return bad("--saturate takes one --rate to start from");
  const bool one_run = !out.saturate && out.rates.size() <= 1 && out.policies.size() <= 1 && out.seeds == 1;
  if (!out.log.empty() && !one_run) return bad("--log records a single run: one policy, one rate, one seed");
  if (!out.synthetic.empty() && out.rates.empty()) return bad("--synthetic needs --rate");
  return out;
}

}  // namespace baton::ctl
