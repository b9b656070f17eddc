#include "config/read_file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "config/yaml_tree.h"

namespace baton::config {

std::expected<std::string, ConfigProblem> read_file(const std::string& path) {
  const auto problem = [&](std::string message) {
    return std::unexpected(ConfigProblem{path, 0, 0, "", std::move(message)});
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return problem("this is a directory; name the YAML file in it");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return problem(std::string("cannot be opened: ") + std::strerror(errno));
  std::string text(kMaxYamlBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return problem(std::string("cannot be read: ") + std::strerror(errno));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace baton::config
