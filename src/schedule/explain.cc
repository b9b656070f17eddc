#include "schedule/explain.h"

#include <cstdarg>
#include <cstdio>

#include "schedule/json_writer.h"

namespace baton::schedule {

namespace {

std::string_view name(Mode mode) { return mode == Mode::split ? "split" : "local"; }

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  char line[512];
  std::va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(line, sizeof line, pattern, arguments);
  va_end(arguments);
  return line;
}

std::string row(const PrefillTerms& t) {
  return format("  %-24.64s %8lld %9.1f %9.1f %12.3g %10.2g %6.2f%s\n", t.worker.c_str(),
                static_cast<long long>(t.cached_tokens), t.queue_s * 1e3, t.prefill_s * 1e3, t.dollars, t.risk_dollars,
                t.preference, t.saturated ? "  saturated" : "");
}

std::string row(const DecodeTerms& t) {
  return format("  %-24.64s %8lld %6.0f %9.0f %8.2f %12.3g %10.2g %6.2f%s%s\n", t.worker.c_str(),
                static_cast<long long>(t.cached_tokens), t.batch, t.mean_context, t.itl_s * 1e3, t.dollars,
                t.risk_dollars, t.preference, t.has_room ? "" : "  no room", t.saturated ? "  saturated" : "");
}

std::string row(const PathTerms& t, const char* mark) {
  return format("%s %-5s %-24.64s %-24.64s %8.1f %9.1f %8.2f %12.3g %8.2f %9.2f %12.3g\n", mark,
                std::string(name(t.mode)).c_str(), t.prefill.c_str(), t.decode.c_str(), t.transfer_s * 1e3,
                t.ttft_s * 1e3, t.itl_s * 1e3, t.dollars, t.pressure, t.violation, t.price);
}

void write(JsonWriter& json, const PrefillTerms& t) {
  json.open('{').member("worker", t.worker).member("cached_tokens", t.cached_tokens).member("queue_s", t.queue_s);
  json.member("prefill_s", t.prefill_s).member("dollars", t.dollars).member("risk_dollars", t.risk_dollars);
  json.member("preference", t.preference).member("saturated", t.saturated).close('}');
}

void write(JsonWriter& json, const DecodeTerms& t) {
  json.open('{').member("worker", t.worker).member("cached_tokens", t.cached_tokens).member("batch", t.batch);
  json.member("mean_context", t.mean_context).member("itl_s", t.itl_s).member("dollars", t.dollars);
  json.member("risk_dollars", t.risk_dollars).member("preference", t.preference).member("has_room", t.has_room);
  json.member("saturated", t.saturated).close('}');
}

void write(JsonWriter& json, const PathTerms& t) {
  json.open('{').member("mode", name(t.mode)).member("prefill", t.prefill).member("decode", t.decode);
  json.member("transfer_s", t.transfer_s).member("ttft_s", t.ttft_s).member("itl_s", t.itl_s);
  json.member("dollars", t.dollars).member("pressure", t.pressure).member("violation", t.violation);
  json.member("price", t.price).close('}');
}

void write_list(JsonWriter& json, const char* key, const auto& list) {
  json.key(key).open('[');
  for (const auto& entry : list) write(json, entry);
  json.close(']');
}

}  // namespace

std::string to_text(const Explanation& e) {
  std::string out = format("request %llu, attempt %d: policy %s, class %s", static_cast<unsigned long long>(e.request.value),
                           e.attempt, e.policy.c_str(), e.class_name.c_str());
  if (e.asked_class != e.class_name) out += " (instead of " + e.asked_class + ")";
  out += format(", priority %d\n", e.priority);
  out += format("objectives: ttft %.0f ms, itl %.1f ms (0: none); %lld tokens to prefill; output mean %.0f, p50 %.0f, p90 %.0f "
                "from %u samples; waited %.1f ms\n",
                e.slo.ttft_ms, e.slo.itl_ms, static_cast<long long>(e.tokens), e.output.mean, e.output.p50,
                e.output.p90, e.output.samples, e.waited_s * 1e3);
  out += format("prefill%18s %8s %9s %9s %12s %10s %6s\n", "", "cached", "queue ms", "own ms", "$", "risk $", "pref");
  for (const PrefillTerms& t : e.prefill) out += row(t);
  out += format("decode%19s %8s %6s %9s %8s %12s %10s %6s\n", "", "cached", "batch", "context", "itl ms", "$", "risk $",
                "pref");
  for (const DecodeTerms& t : e.decode) out += row(t);
  out += format("path    %-24s %-24s %8s %9s %8s %12s %8s %9s %12s\n", "prefill", "decode", "move ms", "ttft ms", "itl ms",
                "$", "pressure", "violation", "price");
  for (const PathTerms& t : e.paths) out += row(t, " ");
  out += row(e.chosen, ">");
  return out + e.reason + "\n";
}

std::string to_json(const Explanation& e) {
  JsonWriter json;
  json.open('{').member("request", e.request.value).member("attempt", e.attempt).member("policy", e.policy);
  json.member("class", e.class_name).member("asked_class", e.asked_class).member("priority", e.priority);
  json.key("slo").open('{').member("ttft_ms", e.slo.ttft_ms).member("itl_ms", e.slo.itl_ms).close('}');
  json.member("tokens", e.tokens).key("output").open('{').member("mean", e.output.mean).member("p50", e.output.p50);
  json.member("p90", e.output.p90).member("samples", e.output.samples).close('}');
  json.member("waited_s", e.waited_s);
  write_list(json, "prefill", e.prefill);
  write_list(json, "decode", e.decode);
  write_list(json, "paths", e.paths);
  json.key("chosen");
  write(json, e.chosen);
  json.member("reason", e.reason).close('}');
  return json.take();
}

}  // namespace baton::schedule
