#pragma once

#include <array>
#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "schedule/coordinator.h"
#include "schedule/placement.h"

/// Text cases for the Coordinator: a line is an event; the lines after it that start with ">" are the commands it must
/// give, in order and no others. The language is described in tests/scenario/schedule/README.md.
namespace baton::testing {

using namespace schedule;

struct ScenarioCase {
  std::string name;
  int line = 0;  ///< of its first line in the file
  std::vector<std::string> lines;
};

/// Splits a file into its cases, which start with "== name".
inline std::vector<ScenarioCase> read_scenarios(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot open " + path);
  std::vector<ScenarioCase> cases;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (line.starts_with("== ")) {
      cases.push_back({line.substr(3), number + 1, {}});
    } else if (!cases.empty()) {
      cases.back().lines.push_back(line);
    }
  }
  return cases;
}

/// The words of a line; "key=value" words are options, found by key.
struct Words {
  std::vector<std::string> plain;
  std::map<std::string, std::string> options;

  explicit Words(const std::string& line) {
    std::istringstream in(line);
    for (std::string word; in >> word && !word.starts_with('#');) {
      const auto equals = word.find('=');
      if (equals == std::string::npos) {
        plain.push_back(word);
      } else {
        options[word.substr(0, equals)] = word.substr(equals + 1);
      }
    }
  }
  std::int64_t number(const std::string& key, std::int64_t fallback) const {
    const auto found = options.find(key);
    return found == options.end() ? fallback : std::stoll(found->second);
  }
  std::string text(const std::string& key, const std::string& fallback) const {
    const auto found = options.find(key);
    return found == options.end() ? fallback : found->second;
  }
};

/// Plays one case against a Coordinator.
class ScenarioPlayer {
 public:
  /// Runs the event (or check) of a line; returns its commands as lines, or what a check saw.
  std::vector<std::string> play(const std::string& line) {
    const Words words(line);
    const std::string& verb = words.plain.at(0);
    if (verb == "options") {
      coordinator_ = Coordinator(options_of(words));
      return {};
    }
    if (verb == "stats") return {stats_line(words)};
    if (verb == "next") return {next_line()};
    if (verb == "after") now_ += std::chrono::milliseconds(std::stoll(words.plain.at(1)));
    std::vector<std::string> out;
    std::vector<TokenOut> tokens;
    for (const Command& command : coordinator_.handle(event_of(verb, words, tokens), now_)) {
      out.push_back(std::visit([this](const auto& c) { return render(c); }, command));
    }
    return out;
  }

 private:
  static CoordinatorOptions options_of(const Words& words) {
    CoordinatorOptions options;
    options.scheduling.policy = policy_of(words.text("policy", "least_loaded"));
    options.scheduling.worker_queue = std::chrono::milliseconds(words.number("worker_queue", 1'000));
    options.scheduling.shed_ttft_factor = static_cast<double>(words.number("shed", 10));
    options.scheduling.local_below_tokens = static_cast<std::int32_t>(words.number("local_below", 0));
    options.faults.role_fallback = words.number("fallback", 1) != 0;
    options.faults.max_attempts = static_cast<std::int32_t>(words.number("attempts", 4));
    options.queue_requests = static_cast<std::int32_t>(words.number("queue", 1024));
    options.running_requests = static_cast<std::int32_t>(words.number("running", 4096));
    options.queue_timeout = std::chrono::milliseconds(words.number("queue_timeout", 60'000));
    options.restart_grace = std::chrono::milliseconds(words.number("grace", 5'000));
    return options;
  }

  static PlacementPolicy policy_of(const std::string& name) {
    for (const auto policy : {PlacementPolicy::round_robin, PlacementPolicy::least_loaded,
                              PlacementPolicy::power_of_two, PlacementPolicy::prefix_aware, PlacementPolicy::cost}) {
      if (policy_name(make_policy(policy)) == name) return policy;
    }
    throw std::runtime_error("unknown policy " + name);
  }

  WorkerId worker(const std::string& name) {
    const auto [found, added] = ids_.try_emplace(name, WorkerId{static_cast<std::uint32_t>(ids_.size() + 1)});
    if (added) names_[found->second.value] = name;
    return found->second;
  }
  static std::uint64_t id(const std::string& word) { return std::stoull(word.substr(1)); }

  Event event_of(const std::string& verb, const Words& words, std::vector<TokenOut>& tokens) {
    const auto& w = words.plain;
    if (verb == "after") return Tick{};
    if (verb == "drain") return StartDrain{};
    if (verb == "arrive") return arrive(words);
    if (verb == "abandon") return Abandon{RequestId{id(w.at(1))}};
    const WorkerId who = worker(w.at(1));
    if (verb == "up") return WorkerUp{who, info_of(words)};
    if (verb == "down") return WorkerDown{who};
    if (verb == "draining") return WorkerDraining{who};
    if (verb == "load") return LoadReport{who, load_of(words)};
    const AttemptId attempt{id(w.at(2))};
    if (verb == "ticket") return TicketIn{who, attempt, "T"};
    if (verb == "prompt") return prompt_logprobs(who, attempt, words);
    if (verb == "prefilled") return PrefilledIn{who, attempt, static_cast<std::int32_t>(words.number("cached", 0))};
    if (verb == "handed") return HandedIn{who, attempt, static_cast<std::uint64_t>(words.number("kv", 0))};
    if (verb == "failed") return FailedIn{who, attempt, Error{errc_of(w.at(3)), "said so"}};
    if (verb == "tokens") {
      for (std::size_t i = 3; i < w.size(); ++i) tokens.push_back(token_of(attempt, w[i]));
      return TokensIn{who, tokens};
    }
    throw std::runtime_error("unknown event " + verb);
  }

  static PromptLogprobsIn prompt_logprobs(WorkerId who, AttemptId attempt, const Words& words) {
    PromptLogprobsIn event{who, {.attempt = attempt, .first = static_cast<std::int32_t>(words.number("first", 0))}};
    event.logprobs.tokens.resize(static_cast<std::size_t>(words.number("count", 1)));
    return event;
  }

  Arrive arrive(const Words& words) const {
    auto spec = std::make_shared<GenerationSpec>();
    spec->tokens.assign(static_cast<std::size_t>(words.number("prompt", 4)), 1);
    spec->sampling.max_tokens = static_cast<std::int32_t>(words.number("max", 8));
    spec->sampling.prompt_logprobs = static_cast<std::int32_t>(words.number("prompt_logprobs", -1));
    const std::int64_t deadline = words.number("deadline", -1);
    Arrive event{RequestId{id(words.plain.at(1))}, spec,
                 deadline < 0 ? kNever : now_ + std::chrono::milliseconds(deadline)};
    event.features.named_class = words.text("class", "");
    event.features.priority = static_cast<std::int32_t>(words.number("priority", 0));
    event.features.key = static_cast<std::uint64_t>(words.number("tenant", 0));
    event.explain = words.number("explain", 0) != 0;
    return event;
  }

  static WorkerInfo info_of(const Words& words) {
    WorkerInfo info;
    info.name = words.plain.at(1);
    const std::string& role = words.plain.at(2);
    info.role = role == "prefill" ? Role::prefill : role == "decode" ? Role::decode : Role::both;
    info.incarnation = static_cast<std::uint64_t>(words.number("inc", 1));
    info.model_hash = words.text("model", "m");
    info.block_tokens = static_cast<std::int32_t>(words.number("block", 16));
    info.total_blocks = static_cast<std::int32_t>(words.number("blocks", 1000));
    info.max_context = static_cast<std::int32_t>(words.number("context", 4096));
    info.max_batch = static_cast<std::int32_t>(words.number("batch", 8));
    info.spot = words.number("spot", 0) != 0;
    info.zone = words.text("zone", "");
    info.rack = words.text("rack", "");
    info.price_per_hour = static_cast<double>(words.number("cents", 0)) / 100;
    return info;
  }

  static WorkerLoad load_of(const Words& words) {
    return {.free_blocks = static_cast<std::int32_t>(words.number("free", 1000)),
            .running = static_cast<std::int32_t>(words.number("running", 0)),
            .waiting = static_cast<std::int32_t>(words.number("waiting", 0)),
            .waiting_prefill_tokens = words.number("prefill", 0)};
  }

  /// "3" is token 103 at index 3; "3!stop" and "3!length" carry a finish reason.
  static TokenOut token_of(AttemptId attempt, const std::string& word) {
    TokenOut token;
    token.attempt = attempt;
    token.index = std::stoi(word);
    token.token = 100 + token.index;
    if (word.ends_with("!stop")) token.finish = FinishReason::stop;
    if (word.ends_with("!length")) token.finish = FinishReason::length;
    return token;
  }

  static Errc errc_of(const std::string& name) {
    for (const ErrcInfo& info : kErrcTable) {
      if (info.name == name) return info.code;
    }
    throw std::runtime_error("unknown error code " + name);
  }

  std::string name(WorkerId who) const { return names_.at(who.value); }
  static std::string label(AttemptId attempt) { return "a" + std::to_string(attempt.value); }
  static std::string label(RequestId request) { return "r" + std::to_string(request.value); }

  std::string render_start(const std::string& verb, const auto& c) const {
    std::string out = verb + " " + name(c.worker) + " " + label(c.attempt);
    if (c.spec->generated > 0) {
      out += " tokens=" + std::to_string(c.spec->tokens.size()) + " generated=" + std::to_string(c.spec->generated);
    }
    return out;
  }
  std::string render(const SendGenerate& c) const { return render_start("generate", c); }
  std::string render(const SendPrefill& c) const { return render_start("prefill", c); }
  std::string render(const SendReserve& c) const { return render_start("reserve", c); }
  std::string render(const SendGrant& c) const {
    return "grant " + name(c.worker) + " " + label(c.attempt) + (c.ticket == "T" ? "" : " wrong ticket");
  }
  std::string render(const SendCancel& c) const { return "cancel " + name(c.worker) + " " + label(c.attempt); }
  static std::string render(const Deliver& c) {
    static constexpr std::array kFinish{"", "!stop", "!length"};
    std::string out = "deliver " + label(c.request) + " " + std::to_string(c.token.index) +
                      kFinish[static_cast<std::size_t>(c.token.finish)];
    return c.token.token == 100 + c.token.index ? out : out + " wrong token";
  }
  static std::string render(const DeliverPrompt& c) {
    return "deliver-prompt " + label(c.request) + " " + std::to_string(c.logprobs.first) + "+" +
           std::to_string(c.logprobs.tokens.size());
  }
  static std::string render(const Finish& c) {
    std::string out = "finish " + label(c.request);
    if (c.cached_tokens > 0) out += " cached=" + std::to_string(c.cached_tokens);
    if (c.kv_bytes > 0) out += " kv=" + std::to_string(c.kv_bytes);
    if (c.attempts > 1) out += " attempts=" + std::to_string(c.attempts);
    return out;
  }
  static std::string render(const Explained& c) {
    return "explained " + label(c.request) + " " + c.why->class_name + " " + c.why->chosen.decode;
  }
  static std::string render(const Fail& c) {
    std::string out = "fail " + label(c.request) + " " + std::string(errc_info(c.error.code).name);
    return c.error.retry_after_s > 0 ? out + " retry" : out;
  }

  std::string stats_line(const Words& words) const {
    const CoordinatorStats& s = coordinator_.stats();
    const std::map<std::string, std::uint64_t> values{
        {"queued", s.queued},     {"running", s.running},     {"prefill_workers", s.prefill_workers},
        {"arrived", s.arrived},   {"finished", s.finished},   {"decode_workers", s.decode_workers},
        {"failed", s.failed},     {"abandoned", s.abandoned}, {"retries", s.retries},
        {"replays", s.replays},   {"split", s.split},         {"local", s.local},
        {"kv_bytes", s.kv_bytes}, {"ready", coordinator_.ready()}, {"fallbacks", s.fallbacks}};
    std::string out = "stats";
    for (const auto& [key, unused] : words.options) out += " " + key + "=" + std::to_string(values.at(key));
    return out;
  }
  std::string next_line() const {
    const TimePoint next = coordinator_.next_deadline();
    if (next == kNever) return "next never";
    return "next " + std::to_string(std::chrono::ceil<std::chrono::milliseconds>(next - now_).count());
  }

  Coordinator coordinator_{options_of(Words("options"))};
  TimePoint now_{std::chrono::hours(1)};
  std::map<std::string, WorkerId> ids_;
  std::map<std::uint32_t, std::string> names_;
};

}  // namespace baton::testing
