#include "style/modules.h"

#include <algorithm>
#include <array>
#include <optional>
#include <sstream>

namespace baton::style {
namespace {

/// Who may include a third-party library, beside the modules that name `lib` in LIBS.
struct ThirdParty {
  std::string_view prefix;           ///< of the include
  std::string_view lib;              ///< CMake target; empty: only `also`
  std::string_view also;             ///< further modules, separated and surrounded by spaces
  std::string_view headers_only_in;  ///< modules whose headers may include it; empty: any that may include it at all
};

// The first matching prefix counts.
constexpr std::array kThirdParty{
    ThirdParty{"yaml-cpp/", "yaml-cpp", "", ""},
    ThirdParty{"nlohmann/", "nlohmann_json::nlohmann_json", "", ""},
    ThirdParty{"boost/beast", "", " http router ", " http "},
    ThirdParty{"boost/", "baton_asio", " transfer app ", ""},
    ThirdParty{"ucp/", "baton_ucx", "", ""},
    ThirdParty{"ucs/", "baton_ucx", "", ""},
    ThirdParty{"uct/", "baton_ucx", "", ""},
    ThirdParty{"google/protobuf", "protobuf::libprotobuf", " router worker ", ""},
    ThirdParty{"pcre2.h", "PkgConfig::PCRE2", "", ""},
    ThirdParty{"utf8proc.h", "baton_utf8proc", "", ""},
    ThirdParty{"spdlog/", "spdlog::spdlog", "", ""},
    ThirdParty{"fmt/", "spdlog::spdlog", "", ""},
    ThirdParty{"cuda", "", " kernels ", ""},
    ThirdParty{"cublas", "", " kernels ", ""},
    ThirdParty{"nccl", "", " kernels ", ""},
    ThirdParty{"gtest/", "", "", ""},
    ThirdParty{"gmock/", "", "", ""},
    ThirdParty{"benchmark/", "", "", ""},
};

/// The generated protobuf header belongs to wire; router and worker build and read its messages.
constexpr std::string_view kProtobufHeader = "wire/wire.pb.h";
constexpr std::string_view kProtobufModules = " wire router worker ";

bool lists(std::string_view modules, std::string_view module) {
  return modules.find(" " + std::string(module) + " ") != std::string_view::npos;
}

std::string first_folder(std::string_view path) {
  return std::string(path.substr(0, path.find('/')));
}

/// Words inside the parentheses of each call of `function`, comments removed.
std::vector<std::vector<std::string>> calls(std::string_view cmake, std::string_view function) {
  std::string text;
  std::istringstream lines{std::string(cmake)};
  for (std::string line; std::getline(lines, line);) text += line.substr(0, line.find('#')) + "\n";
  std::vector<std::vector<std::string>> out;
  const std::string opening = std::string(function) + "(";
  for (std::size_t at = text.find(opening); at != std::string::npos; at = text.find(opening, at + 1)) {
    const std::size_t begin = at + opening.size();
    std::istringstream words(text.substr(begin, text.find(')', begin) - begin));
    out.emplace_back();
    for (std::string word; words >> word;) out.back().push_back(word);
  }
  return out;
}

/// Splits "NAME DEPS a b LIBS c" into the words that follow `keyword`.
std::set<std::string> words_after(const std::vector<std::string>& call, std::string_view keyword) {
  std::set<std::string> out;
  bool inside = false;
  for (const std::string& word : call) {
    const bool is_keyword = word == "DEPS" || word == "LIBS" || word == "PROTO";
    if (is_keyword) {
      inside = word == keyword;
    } else if (inside) {
      out.insert(word);
    }
  }
  return out;
}

std::set<std::string> closure(const ModuleGraph& graph, std::set<std::string> modules) {
  std::set<std::string> out = modules;
  for (const std::string& module : modules) {
    const auto found = graph.may_include.find(module);
    if (found != graph.may_include.end()) out.insert(found->second.begin(), found->second.end());
  }
  return out;
}

std::set<std::string> allowed_modules(const Source& source, const ModuleGraph& graph) {
  const std::string module = module_of(source.path);
  if (module == "app") {
    const std::size_t slash = source.path.rfind('/');
    const std::string stem = source.path.substr(slash + 1, source.path.rfind('.') - slash - 1);
    const auto found = graph.programs.find(stem);
    return found == graph.programs.end() ? std::set<std::string>{} : found->second;
  }
  const auto found = graph.may_include.find(module);
  return found == graph.may_include.end() ? std::set<std::string>{} : found->second;
}

std::optional<std::string> check_quoted(const Include& include, const Source& source, const ModuleGraph& graph) {
  const std::string module = module_of(source.path);
  if (include.target == kProtobufHeader && !lists(kProtobufModules, module)) {
    return "protobuf messages are for wire, router and worker; include wire's own headers";
  }
  const std::string folder = first_folder(include.target);
  const std::string wanted = folder == "baton" ? "api" : folder;
  if (wanted == "app" && module == "app") return std::nullopt;  // what the mains share
  if (!graph.may_include.contains(wanted)) {
    return "\"" + include.target + "\" is not rooted at src/ or include/; write \"module/file.h\"";
  }
  if (allowed_modules(source, graph).contains(wanted)) return std::nullopt;
  return "module " + module + " must not include " + wanted + "; it is not among its DEPS in BatonModules.cmake";
}

std::optional<std::string> check_third_party(const Include& include, const Source& source, const ModuleGraph& graph) {
  const std::string module = module_of(source.path);
  const auto party = std::ranges::find_if(kThirdParty, [&](const ThirdParty& candidate) {
    return std::string_view(include.target).starts_with(candidate.prefix);
  });
  if (party == kThirdParty.end()) {
    const bool is_standard = include.target.find_first_of("./") == std::string::npos;
    if (module == "api" && !is_standard) return "include/baton may include the standard library only";
    return std::nullopt;
  }
  const auto libs = graph.libs.find(module);
  const bool declares = libs != graph.libs.end() && libs->second.contains(std::string(party->lib));
  if (!declares && !lists(party->also, module)) {
    return "<" + include.target + "> must not be included in module " + module;
  }
  if (is_header(source.path) && !party->headers_only_in.empty() && !lists(party->headers_only_in, module)) {
    return "<" + include.target + "> must stay out of the headers of module " + module + "; include it in .cc files";
  }
  return std::nullopt;
}

void visit(const std::string& header, const std::map<std::string, std::vector<Include>>& graph,
           std::vector<std::string>& path, std::set<std::string>& done, Violations& out) {
  path.push_back(header);
  for (const Include& include : graph.at(header)) {
    if (!graph.contains(include.target) || done.contains(include.target)) continue;
    const auto seen = std::ranges::find(path, include.target);
    if (seen == path.end()) {
      visit(include.target, graph, path, done, out);
      continue;
    }
    std::string circle;
    for (auto step = seen; step != path.end(); ++step) circle += *step + " -> ";
    out.push_back({header, include.line, "headers include one another: " + circle + include.target});
  }
  path.pop_back();
  done.insert(header);
}

}  // namespace

ModuleGraph parse_modules(std::string_view cmake) {
  ModuleGraph graph;
  graph.may_include["api"] = {"api"};
  graph.may_include["kernels"] = {"api", "kernels"};  // declared in kernels/CMakeLists.txt
  for (const std::vector<std::string>& call : calls(cmake, "baton_module")) {
    if (call.empty()) continue;
    graph.libs[call.front()] = words_after(call, "LIBS");
    graph.may_include[call.front()] = closure(graph, words_after(call, "DEPS"));
    graph.may_include[call.front()].insert(call.front());
  }
  for (const std::vector<std::string>& call : calls(cmake, "baton_program")) {
    if (call.empty()) continue;
    std::string stem = call.front();
    std::ranges::replace(stem, '-', '_');
    graph.programs[stem] = closure(graph, words_after(call, "DEPS"));
  }
  return graph;
}

std::string module_of(std::string_view path) {
  if (path.starts_with("include/")) return "api";
  if (path.starts_with("kernels/")) return "kernels";
  if (!path.starts_with("src/")) return "";
  path.remove_prefix(4);
  return path.find('/') == std::string_view::npos ? "" : first_folder(path);
}

Violations check_includes(const Source& source, const ModuleGraph& graph) {
  Violations out;
  if (module_of(source.path).empty()) return out;
  for (const Include& include : includes_of(source.text)) {
    const auto message =
        include.is_quoted ? check_quoted(include, source, graph) : check_third_party(include, source, graph);
    if (message) out.push_back({source.path, include.line, *message});
  }
  return out;
}

Violations check_cycles(const std::vector<Source>& sources) {
  std::map<std::string, std::vector<Include>> graph;
  for (const Source& source : sources) {
    if (!is_header(source.path)) continue;
    const bool is_rooted = source.path.starts_with("src/") || source.path.starts_with("include/");
    graph[is_rooted ? source.path.substr(source.path.find('/') + 1) : source.path] = includes_of(source.text);
  }
  Violations out;
  std::vector<std::string> path;
  std::set<std::string> done;
  for (const auto& [header, includes] : graph) {
    if (!done.contains(header)) visit(header, graph, path, done, out);
  }
  return out;
}

}  // namespace baton::style
