#include <ostream>
#include <string>

#include "classify/classifier.h"
#include "config/config.h"
#include "ctl/command.h"

namespace baton::ctl {
namespace {

struct Pool {
  int workers = 0;
  int gpus = 0;
  std::string types;  ///< "4 x L40S, 4 x L40S", in file order

  void add(const WorkerConfig& worker) {
    ++workers;
    if (worker.gpu_type != "CPU") gpus += worker.gpu_count;
    types += (types.empty() ? "" : ", ") + std::to_string(worker.gpu_count) + " x " + worker.gpu_type;
  }
};

void print_pool(std::ostream& out, std::string_view name, const Pool& pool) {
  if (pool.workers == 0) return;
  out << "  " << name << ": " << pool.workers << (pool.workers == 1 ? " worker, " : " workers, ") << pool.gpus
      << (pool.gpus == 1 ? " GPU (" : " GPUs (") << pool.types << ")\n";
}

/// "0-255", "2048 and more", "any".
std::string range_text(const TokenRange& range) {
  if (range == TokenRange{}) return "any";
  if (range.max == 0) return std::to_string(range.min) + " and more";
  return std::to_string(range.min) + "-" + std::to_string(range.max - 1);
}

void print_class(std::ostream& out, const ClassConfig& entry) {
  out << "  class " << entry.name << ": ";
  if (entry.by_name_only) {
    out << "by name only";
  } else {
    out << "prompt " << range_text(entry.prompt_tokens) << ", output " << range_text(entry.output_tokens);
  }
  if (entry.slo.ttft_ms > 0) out << ", first token within " << entry.slo.ttft_ms << " ms";
  if (entry.slo.itl_ms > 0) out << ", then one every " << entry.slo.itl_ms << " ms";
  if (entry.slo == SloConfig{}) out << ", best effort";
  out << (entry.fallback.empty() ? "" : ", else " + entry.fallback) << '\n';
}

void print_summary(std::ostream& out, const Config& config) {
  Pool prefill;
  Pool decode;
  Pool both;
  for (const WorkerConfig& worker : config.workers) {
    (worker.role == Role::prefill ? prefill : worker.role == Role::decode ? decode : both).add(worker);
  }
  out << config.source << ": OK\n  model: " << config.model << '\n';
  print_pool(out, "prefill", prefill);
  print_pool(out, "decode", decode);
  print_pool(out, "both roles", both);
  for (const ClassConfig& entry : classify::effective_classes(config)) print_class(out, entry);
  for (const std::string& note : config.notes) out << "  note: " << note << '\n';
}

}  // namespace

int run_check(Arguments files, Console console) {
  if (files.empty()) {
    console.err << "usage: batonctl check FILE...\n";
    return kUsage;
  }
  int status = kOk;
  for (const std::string_view file : files) {
    const auto config = config::load_config(std::string(file));
    if (config) {
      print_summary(console.out, *config);
    } else {
      console.err << config::format_problems(config.error());
      status = kUsage;
    }
  }
  return status;
}

}  // namespace baton::ctl
