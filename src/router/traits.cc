#include "router/traits.h"

#include <string>

#include "classify/classifier.h"
#include "core/hash.h"

namespace baton::router {
namespace {

/// Long enough to reach into a system prompt, short enough that most have it.
constexpr std::size_t kPrefixTokens = 32;

Error unknown_class(std::string_view name, std::span<const ClassConfig> classes) {
  std::string known;
  for (const ClassConfig& entry : classes) known += (known.empty() ? "" : ", ") + entry.name;
  return {Errc::invalid_request,
          "There is no class '" + std::string(name.substr(0, 64)) + "'; the classes are: " + known + ".",
          std::string(kClassHeader)};
}

}  // namespace

Result<classify::Features> features_of(const http::Request& http, const openai::Request& request,
                                       std::string_view model, std::span<const ClassConfig> classes) {
  classify::Features features;
  features.max_tokens_given = request.max_tokens.has_value();
  features.has_stop = !request.stop.empty() || !request.sampling.stop_token_ids.empty();
  features.constrained = request.sampling.constraint.kind != Constraint::Kind::none;
  features.has_tools = request.tools.choice != openai::Tools::Choice::none;
  features.chat = openai::takes_messages(request.endpoint);
  features.model = classify::name_hash(model);
  // Whoever shares a key shares habits and a fair share; keys are not checked here, so it says nothing of rights.
  const std::string_view authorization = http.header("authorization");
  if (!authorization.empty()) features.tenant = classify::name_hash(authorization);
  const std::string_view named = http.header(kClassHeader);
  if (named.empty()) return features;
  const std::int32_t index = classify::find_class(classes, named);
  if (index < 0) return std::unexpected(unknown_class(named, classes));
  features.named_class = named;
  features.named_output = classes[static_cast<std::size_t>(index)].output_tokens;
  return features;
}

std::uint64_t template_prefix(std::span<const TokenId> prompt) {
  if (prompt.size() < kPrefixTokens) return 0;
  return hash_bytes(std::as_bytes(prompt.first(kPrefixTokens))) | 1U;
}

}  // namespace baton::router
