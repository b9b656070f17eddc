#include "router/prompt.h"

#include <algorithm>
#include <utility>

#include "grammar/grammar.h"
#include "router/prompt_chat.h"

namespace baton::router {
namespace {

using text::EncodeOptions;

/// The words as token sequences: as they begin a text, and after a space where that is another token of the same kind.
std::vector<std::vector<TokenId>> encode_bad_words(const text::Tokenizer& tokenizer,
                                                   const std::vector<std::string>& words) {
  std::vector<std::vector<TokenId>> sequences;
  for (const std::string& word : words) {
    const std::size_t first = word.find_first_not_of(' ');
    const std::string bare = first == std::string::npos ? word : word.substr(first);
    auto plain = tokenizer.encode(bare);
    auto spaced = tokenizer.encode(" " + bare);
    if (plain.empty()) continue;
    const bool another = !spaced.empty() && spaced.front() != plain.front() && spaced.size() == plain.size();
    sequences.push_back(std::move(plain));
    if (another) sequences.push_back(std::move(spaced));
  }
  return sequences;
}

Result<void> check_ids(const ServedModel& model, const PreparedRequest& prepared) {
  const auto vocab = static_cast<std::int64_t>(model.tokenizer.vocab_size());
  const auto outside = [vocab](TokenId id) { return id >= vocab; };
  const auto failure = [vocab](const char* field) {
    return fail(Errc::invalid_request,
                "'" + std::string(field) + "' holds a token id beyond the vocabulary of " + std::to_string(vocab) + ".",
                field);
  };
  const SamplingParams& sampling = prepared.request.sampling;
  for (const auto& prompt : prepared.prompts) {
    if (std::ranges::any_of(prompt, outside)) return failure("prompt");
  }
  if (std::ranges::any_of(sampling.stop_token_ids, outside)) return failure("stop_token_ids");
  if (std::ranges::any_of(sampling.allowed_token_ids, outside)) return failure("allowed_token_ids");
  if (std::ranges::any_of(sampling.logit_bias, outside, &std::pair<TokenId, float>::first)) {
    return failure("logit_bias");
  }
  return {};
}

/// Constraints are compiled here so that a bad one is refused with its field's name, before a worker sees it.
Result<void> check_constraint(const openai::Request& request) {
  if (request.sampling.constraint.kind == Constraint::Kind::none) return {};
  auto compiled = grammar::compile(request.sampling.constraint);
  if (compiled) return {};
  Error error = std::move(compiled.error());
  error.param = request.constraint_field;
  error.message = "'" + error.param + "': " + error.message;
  return std::unexpected(std::move(error));
}

void truncate(const openai::Request& request, std::vector<TokenId>& prompt, std::int64_t limit) {
  const auto keep = static_cast<std::size_t>(std::max<std::int64_t>(1, limit));
  if (prompt.size() <= keep) return;
  if (request.truncate_right) {
    prompt.resize(keep);
  } else {
    prompt.erase(prompt.begin(), prompt.end() - static_cast<std::ptrdiff_t>(keep));
  }
}

Result<void> tokenize_chat(const ServedModel& model, PreparedRequest& prepared) {
  openai::Request& request = prepared.request;
  if (request.shown.echo) {
    const openai::ChatMessage& last = request.messages.back();
    prepared.echo.push_back(last.role == "assistant" ? last.content : "");
  }
  auto text = render_chat(model, request);
  if (!text) return std::unexpected(std::move(text.error()));
  prepared.prompts.push_back(model.tokenizer.encode(*text, {.add_special_tokens = request.add_special_tokens}));
  return {};
}

void tokenize_prompts(const ServedModel& model, PreparedRequest& prepared) {
  openai::Request& request = prepared.request;
  const EncodeOptions options{.add_special_tokens = request.add_special_tokens};
  for (openai::Prompt& prompt : request.prompts) {
    if (auto* text = std::get_if<std::string>(&prompt)) {
      prepared.prompts.push_back(model.tokenizer.encode(*text, options));
      if (request.shown.echo) prepared.echo.push_back(std::move(*text));
    } else {
      prepared.prompts.push_back(std::move(std::get<std::vector<TokenId>>(prompt)));
      if (request.shown.echo) prepared.echo.push_back(model.tokenizer.decode(prepared.prompts.back()));
    }
    prompt = std::string();  // the text is not needed any more
  }
}

Error too_long(const openai::Request& request, std::int64_t length, std::int64_t wanted, std::int32_t max_context) {
  const char* field = request.endpoint == openai::Endpoint::completions ? "prompt"
                      : request.endpoint == openai::Endpoint::chat      ? "messages"
                                                                        : "input";
  return {Errc::context_length_exceeded,
          "This model's maximum context length is " + std::to_string(max_context) + " tokens. However, you requested " +
              std::to_string(length + wanted) + " tokens (" + std::to_string(length) + " in the " + field + ", " +
              std::to_string(wanted) + " in the completion). Please reduce the length of the " + field +
              " or completion.",
          field};
}

}  // namespace

Result<void> check_model(const ServedModel& model, std::string_view named) {
  if (named.empty() || named == model.name) return {};
  return fail(
      Errc::model_not_found,
      "The model '" + std::string(named.substr(0, 256)) + "' does not exist; this server has '" + model.name + "'.",
      "model");
}

Result<PreparedRequest> prepare_request(const ServedModel& model, openai::Endpoint endpoint, std::string_view body) {
  auto request = openai::parse_request(endpoint, body);
  if (!request) return std::unexpected(std::move(request.error()));
  return prepare_parsed(model, std::move(*request));
}

Result<PreparedRequest> prepare_parsed(const ServedModel& model, openai::Request request) {
  if (auto ok = check_model(model, request.model); !ok) return std::unexpected(std::move(ok.error()));
  if (auto ok = check_constraint(request); !ok) return std::unexpected(std::move(ok.error()));
  PreparedRequest prepared{.request = std::move(request), .prompts = {}, .echo = {}, .tools = {}};
  openai::Request& parsed = prepared.request;
  prepared.tools = tool_options(model, parsed);
  if (openai::takes_messages(parsed.endpoint)) {
    if (auto done = tokenize_chat(model, prepared); !done) return std::unexpected(std::move(done.error()));
  } else {
    tokenize_prompts(model, prepared);
  }
  for (auto& prompt : prepared.prompts) {
    if (prompt.empty()) return fail(Errc::invalid_request, "The prompt is empty: it has no token.", "prompt");
    if (parsed.truncate_prompt_tokens > 0) truncate(parsed, prompt, parsed.truncate_prompt_tokens);
  }
  if (auto ok = check_ids(model, prepared); !ok) return std::unexpected(std::move(ok.error()));
  parsed.sampling.bad_words = encode_bad_words(model.tokenizer, parsed.bad_words);
  return prepared;
}

Result<std::vector<std::shared_ptr<const GenerationSpec>>> make_specs(PreparedRequest& prepared,
                                                                      std::int32_t max_context,
                                                                      std::mt19937_64& random) {
  const openai::Request& request = prepared.request;
  const std::int64_t wanted = request.max_tokens.value_or(0);
  std::vector<std::shared_ptr<const GenerationSpec>> specs;
  specs.reserve(prepared.prompts.size() * static_cast<std::size_t>(request.best_of));
  for (auto& prompt : prepared.prompts) {
    if (request.truncate_prompt_tokens < 0) truncate(request, prompt, max_context - std::max<std::int64_t>(1, wanted));
    const auto length = static_cast<std::int64_t>(prompt.size());
    const std::int64_t room = max_context - length;
    if (room < std::max<std::int64_t>(1, wanted)) {
      return std::unexpected(too_long(request, length, wanted, max_context));
    }
    const std::uint64_t seed = request.seed.value_or(random());
    for (std::int32_t k = 0; k < request.best_of; ++k) {
      auto spec = std::make_shared<GenerationSpec>();
      const bool last = k + 1 == request.best_of;
      spec->tokens = last ? std::move(prompt) : prompt;
      spec->sampling = request.sampling;
      spec->sampling.seed = seed + static_cast<std::uint64_t>(k);
      spec->sampling.max_tokens = static_cast<std::int32_t>(request.max_tokens ? wanted : room);
      // Without echo the first choice's prompt logprobs stand for all.
      if (k > 0 && !request.shown.echo) spec->sampling.prompt_logprobs = -1;
      specs.push_back(std::move(spec));
    }
  }
  prepared.prompts.clear();
  return specs;
}

}  // namespace baton::router
