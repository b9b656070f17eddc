#include <fstream>
#include <ostream>

#include "config/config.h"
#include "ctl/command.h"
#include "ctl/sim_print.h"

namespace baton::ctl {
namespace {

bool write_file(const std::string& path, const std::string& content, std::ostream& err) {
  std::ofstream file(path, std::ios::binary);
  file << content;
  file.close();
  if (file) return true;
  err << "batonctl sim: " << path << " cannot be written\n";
  return false;
}

}  // namespace

int run_sim(Arguments arguments, Console console) {
  if (!arguments.empty() && arguments.front() == "--help") {
    console.out << sim_usage();
    return kOk;
  }
  const auto parsed = parse_sim_arguments(arguments);
  if (!parsed) {
    console.err << "batonctl sim: " << parsed.error().message << "; `batonctl sim --help` lists the options\n";
    return kUsage;
  }
  const auto config = config::load_config(parsed->config);
  if (!config) {
    console.err << config::format_problems(config.error());
    return kUsage;
  }
  const auto study = run_study(*parsed, *config);
  if (!study) {
    console.err << "batonctl sim: " << study.error().message << '\n';
    return kUsage;
  }
  if (parsed->json == "-") {
    console.out << study_json(*study);
  } else {
    print_study(console.out, *study);
  }
  if (!parsed->json.empty() && parsed->json != "-" && !write_file(parsed->json, study_json(*study), console.err)) return kFailed;
  if (!parsed->html.empty() && !write_file(parsed->html, study_html(*study), console.err)) return kFailed;
  for (const StudyPoint& point : study->points) {
    for (const std::string& violation : point.violations) {
      console.err << "batonctl sim: defect: " << policy_name(point.policy) << ": " << violation << '\n';
    }
    if (!point.violations.empty()) return kFailed;
  }
  return kOk;
}

}  // namespace baton::ctl
