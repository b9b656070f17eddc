#include "router/decision_log.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "openai/json_buffer.h"

namespace baton::router {
namespace {

/// Proxies refuse response heads of more than 4 to 8 KB.
constexpr std::size_t kHeaderCandidates = 3;

template <class T>
void keep_first(std::vector<T>& all) {
  if (all.size() > kHeaderCandidates) all.erase(all.begin() + kHeaderCandidates, all.end());
}

}  // namespace

void DecisionLog::add(std::string request, std::shared_ptr<const schedule::Explanation> why) {
  const std::scoped_lock lock(mutex_);
  entries_.push_front({std::move(request), std::move(why)});
  if (entries_.size() > kKept) entries_.pop_back();
}

std::string DecisionLog::to_json(std::string_view request) const {
  std::vector<Entry> chosen;
  {
    const std::scoped_lock lock(mutex_);
    std::ranges::copy_if(entries_, std::back_inserter(chosen),
                         [&](const Entry& entry) { return request.empty() || entry.request == request; });
  }
  openai::JsonBuffer json;
  json.raw(R"({"decisions":[)");
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    json.raw(i == 0 ? R"({"request":)" : R"(,{"request":)");
    json.string(chosen[i].request);
    json.raw(R"(,"decision":)");
    json.raw(schedule::to_json(*chosen[i].why));
    json.raw("}");
  }
  json.raw("]}");
  return json.take();
}

std::string header_value(const schedule::Explanation& why) {
  schedule::Explanation brief = why;
  keep_first(brief.prefill);
  keep_first(brief.decode);
  keep_first(brief.paths);
  return schedule::to_json(brief);
}

}  // namespace baton::router
