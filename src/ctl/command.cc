#include "ctl/command.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <ostream>

#include "baton/version.h"

namespace baton::ctl {
namespace {

constexpr std::array kCommands{
    Command{"check", "FILE...", "validate configuration files", run_check},
    Command{"config-docs", "", "print docs/configuration.md", run_config_docs},
    Command{"make-model", "--like NAME --out DIR", "write a model directory with random weights", run_make_model},
    Command{"replay", "LOG [--policy NAME]", "run an event log again; compare with another policy", run_replay},
    Command{"sim", "--config FILE ...", "simulate the cluster under a trace or synthetic load", run_sim},
};

void print_help(std::ostream& out) {
  out << "usage: batonctl COMMAND [ARGUMENT...]\n\ncommands:\n";
  for (const Command& command : kCommands) {
    out << "  " << std::left << std::setw(14) << command.name << std::setw(28) << command.usage << command.help << '\n';
  }
  out << "\noptions:\n  --help        this text\n  --version     the version\n";
}

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

int run(Arguments arguments, Console console) {
  if (arguments.empty()) {
    print_help(console.err);
    return kUsage;
  }
  const std::string_view name = arguments.front();
  if (name == "--help" || name == "-h" || name == "help") {
    print_help(console.out);
    return kOk;
  }
  if (name == "--version") {
    console.out << "batonctl " << kVersion << '\n';
    return kOk;
  }
  const auto found = std::ranges::find(kCommands, name, &Command::name);
  if (found == kCommands.end()) {
    console.err << "batonctl: unknown command '" << name << "'; `batonctl --help` lists the commands\n";
    return kUsage;
  }
  return found->run(arguments.subspan(1), console);
}

}  // namespace baton::ctl
