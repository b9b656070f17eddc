#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "baton/config.h"
#include "config/problem.h"
#include "config/yaml_tree.h"

namespace baton::config {

/// Collects problems of one file; keeps the first kMax and counts the rest.
class Problems {
 public:
  static constexpr std::size_t kMax = 100;

  explicit Problems(std::string_view source) : source_(source) {}
  void add(const YamlNode& where, std::string key, std::string message);
  bool empty() const { return found_.empty(); }
  /// In file order, with a last line that says how many more there are.
  std::vector<ConfigProblem> take() &&;

 private:
  std::string source_;
  std::vector<ConfigProblem> found_;
  std::size_t dropped_ = 0;
};

/// One entry of a worker list as written: replicas not expanded.
struct WorkerEntry {
  WorkerConfig config;
  const YamlNode* node = nullptr;  ///< inside the tree that was read
  std::string path;                ///< "decode_workers[1]"
  Role list_role = Role::both;     ///< what its list asks for; both: anything
};

/// One entry of `classes` as written.
struct ClassEntry {
  ClassConfig config;
  const YamlNode* node = nullptr;  ///< inside the tree that was read
  std::string path;                ///< "classes[1]"
};

struct ReadConfig {
  Config config;                     ///< without workers and classes
  std::vector<WorkerEntry> workers;  ///< prefill_workers, decode_workers, workers
  std::vector<ClassEntry> classes;
};

/// Fills a Config from a document by the key tables: types, bounds, unknown and duplicate keys. Rules between keys are
/// left to check_rules. Keys with problems keep their defaults. `root` must be a map and outlive the result.
ReadConfig read_config(const YamlNode& root, Problems& problems);

}  // namespace baton::config
