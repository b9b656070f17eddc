#pragma once

#include <iosfwd>
#include <span>
#include <string_view>

namespace baton::ctl {

// Exit statuses of batonctl.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  ///< the operation failed
inline constexpr int kUsage = 2;   ///< wrong command line or wrong input file

using Arguments = std::span<const std::string_view>;

/// Where a command writes: results to `out`, problems to `err`.
struct Console {
  std::ostream& out;
  std::ostream& err;
};

/// A subcommand of batonctl. To add one: write src/ctl/NAME.cc with its run function, declare that below and enter it
/// in the table in command.cc.
struct Command {
  std::string_view name;
  std::string_view usage;  ///< arguments, such as "FILE..."
  std::string_view help;   ///< one line
  int (*run)(Arguments arguments, Console console);
};

std::span<const Command> commands();

/// Runs batonctl: `arguments` without the program's name. Returns the exit status.
int run(Arguments arguments, Console console);

int run_check(Arguments files, Console console);
int run_config_docs(Arguments arguments, Console console);
int run_make_model(Arguments arguments, Console console);
int run_replay(Arguments arguments, Console console);
int run_sim(Arguments arguments, Console console);

}  // namespace baton::ctl
