#include "config/config.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "config/prices.h"
#include "config/read_file.h"
#include "config/reader.h"
#include "config/rules.h"
#include "config/yaml_tree.h"

namespace baton::config {
namespace {

namespace fs = std::filesystem;

std::vector<ConfigProblem> one_problem(const std::string& source, std::string message) {
  return {{source, 0, 0, "", std::move(message)}};
}

void append_replicas(const WorkerConfig& entry, std::vector<WorkerConfig>& workers) {
  for (int i = 0; i < entry.replicas; ++i) {
    WorkerConfig worker = entry;
    worker.replicas = 1;
    worker.port = static_cast<std::uint16_t>(entry.port + i);
    if (worker.name.empty()) {
      worker.name = worker.host + ":" + std::to_string(worker.port);
    } else if (entry.replicas > 1) {
      worker.name += "-" + std::to_string(i);
    }
    workers.push_back(std::move(worker));
  }
}

/// Relative to the configuration's own directory.
std::string beside(const std::string& source, const std::string& file) {
  const fs::path path(file);
  if (file.empty() || path.is_absolute()) return file;
  return (fs::path(source).parent_path() / path).lexically_normal().string();
}

/// A model that is itself a path ("./weights") counts as model_path.
void resolve_model_path(Config& config) {
  if (config.model_path.empty() && (config.model.starts_with("./") || config.model.starts_with("../"))) {
    config.model_path = config.model;
  }
  config.model_path = beside(config.source, config.model_path);
}

/// Problems of the price list, which has lines of its own.
std::vector<ConfigProblem> read_prices(Config& config, const std::string& source) {
  if (config.prices.empty()) return {};
  config.prices = beside(source, config.prices);
  auto catalogue = load_catalogue(config.prices);
  if (!catalogue) return std::move(catalogue.error());
  config.catalogue = std::make_shared<const perf::Catalogue>(std::move(*catalogue));
  return {};
}

Config completed(ReadConfig read, const std::string& source, std::vector<std::string> notes) {
  Config config = std::move(read.config);
  config.source = source;
  config.notes = std::move(notes);
  config.kv_transfer.backend = "ucx";
  if (config.served_model_name.empty()) config.served_model_name = config.model;
  resolve_model_path(config);
  for (const WorkerEntry& entry : read.workers) append_replicas(entry.config, config.workers);
  for (ClassEntry& entry : read.classes) config.classes.push_back(std::move(entry.config));
  return config;
}

}  // namespace

std::expected<Config, std::vector<ConfigProblem>> parse_config(std::string_view text, const std::string& source_name) {
  const auto root = parse_yaml(text, source_name);
  if (!root) return std::unexpected(std::vector{root.error()});
  if (root->kind == YamlNode::Kind::null) {
    return std::unexpected(
        one_problem(source_name, "the file is empty; config/local.yaml is an example to start from"));
  }
  Problems problems(source_name);
  if (root->kind != YamlNode::Kind::map) {
    problems.add(*root, "", "the file is not a map of keys; config/local.yaml is an example to start from");
    return std::unexpected(std::move(problems).take());
  }
  ReadConfig read = read_config(*root, problems);
  const std::vector<ConfigProblem> of_prices = read_prices(read.config, source_name);
  // Without the price list the known GPU types are not known.
  std::vector<std::string> notes = of_prices.empty() ? check_rules(read, *root, problems) : std::vector<std::string>();
  if (!problems.empty() || !of_prices.empty()) {
    std::vector<ConfigProblem> all = std::move(problems).take();
    all.insert(all.end(), of_prices.begin(), of_prices.end());
    return std::unexpected(std::move(all));
  }
  return completed(std::move(read), source_name, std::move(notes));
}

std::expected<Config, std::vector<ConfigProblem>> load_config(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return std::unexpected(std::vector{text.error()});
  return parse_config(*text, path);
}

std::string format_problems(const std::vector<ConfigProblem>& problems) {
  std::string out;
  for (const ConfigProblem& problem : problems) out += problem.format() + "\n";
  return out;
}

}  // namespace baton::config
