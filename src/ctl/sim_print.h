#pragma once

#include <iosfwd>
#include <string>

#include "ctl/sim_study.h"

namespace baton::ctl {

void print_study(std::ostream& out, const Study& study);
std::string study_json(const Study& study);
/// One self-contained page: charts over the rate, a line for each policy, and the table.
std::string study_html(const Study& study);

}  // namespace baton::ctl
