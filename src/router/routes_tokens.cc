#include "router/routes_tokens.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "openai/request.h"
#include "openai/response.h"
#include "router/answers.h"
#include "router/prompt.h"

namespace baton::router {

http::Response answer_tokenize(const ServedModel& model, const std::string& body, std::int32_t max_context) {
  auto parsed = openai::parse_tokenize(body);
  if (!parsed) return error_answer(parsed.error());
  auto prepared = prepare_parsed(model, std::move(parsed->request));
  if (!prepared) return error_answer(prepared.error());
  if (prepared->prompts.size() != 1) {
    return error_answer({Errc::invalid_request, "'prompt' must be one prompt here.", "prompt"});
  }
  const std::vector<TokenId>& tokens = prepared->prompts.front();
  std::optional<std::vector<std::string>> strings;
  if (parsed->token_strings) {
    strings.emplace();
    for (const TokenId id : tokens) strings->emplace_back(model.tokenizer.token_bytes(id));
  }
  return {.body = openai::encode_tokens(tokens, max_context, strings)};
}

http::Response answer_detokenize(const ServedModel& model, const std::string& body) {
  const auto request = openai::parse_detokenize(body);
  if (!request) return error_answer(request.error());
  if (auto ok = check_model(model, request->model); !ok) return error_answer(ok.error());
  const auto vocab = static_cast<TokenId>(model.tokenizer.vocab_size());
  if (std::ranges::any_of(request->tokens, [vocab](TokenId id) { return id >= vocab; })) {
    return error_answer({Errc::invalid_request,
                         "'tokens' holds a token id beyond the vocabulary of " + std::to_string(vocab) + ".",
                         "tokens"});
  }
  return {.body = openai::encode_prompt(model.tokenizer.decode(request->tokens, {.skip_special = false}))};
}

}  // namespace baton::router
