#include <ostream>
#include <string>

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
