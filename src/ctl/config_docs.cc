#include <ostream>

#include "config/reference.h"
#include "ctl/command.h"

namespace baton::ctl {

int run_config_docs(Arguments arguments, Console console) {
  if (!arguments.empty()) {
    console.err << "usage: batonctl config-docs\n";
    return kUsage;
  }
  console.out << config::reference_markdown();
  return kOk;
}

}  // namespace baton::ctl
