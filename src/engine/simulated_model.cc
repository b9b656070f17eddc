#include "engine/simulated_model.h"

#include <algorithm>
#include <optional>

#include "core/hash.h"
#include "perf/shapes.h"
#include "text/tokenizer.h"

namespace baton::engine {

namespace {

constexpr std::int32_t kBytes = 256;
constexpr std::int32_t kContext = 131072;
constexpr std::size_t kMostWords = 4096;

bool is_readable(std::string_view bytes) {
  return !bytes.empty() && std::ranges::all_of(bytes, [](char c) { return c == ' ' || (c >= 'a' && c <= 'z'); });
}

std::vector<TokenId> readable_words(const text::Tokenizer& tokenizer) {
  std::vector<TokenId> words;
  const auto size = static_cast<TokenId>(tokenizer.vocab_size());
  for (TokenId id = 0; id < size && words.size() < kMostWords; ++id) {
    if (!tokenizer.is_special(id) && is_readable(tokenizer.token_bytes(id))) words.push_back(id);
  }
  return words;
}

void use_bytes(SimulatedModel& model) {
  model.info.vocab = std::max(model.info.vocab, kBytes + 1);
  if (model.info.eos_tokens.empty()) model.info.eos_tokens = {kBytes};
  for (TokenId id = 'a'; id <= 'z'; ++id) model.words.push_back(id);
  model.words.push_back(' ');
}

/// Without special tokens an answer must end some way: by a token that is no word.
void ensure_end(SimulatedModel& model) {
  if (model.info.eos_tokens.empty()) model.info.eos_tokens = {model.info.vocab++};
  std::erase_if(model.words, [&](TokenId id) {
    return std::ranges::find(model.info.eos_tokens, id) != model.info.eos_tokens.end();
  });
}

}  // namespace

perf::ModelShape shape_of(const model::ModelDescription& d) {
  return perf::shape_of({.layers = d.layers,
                         .hidden = d.hidden,
                         .q_heads = d.heads,
                         .kv_heads = d.kv_heads,
                         .head_dim = d.head_dim,
                         .intermediate = d.intermediate,
                         .vocab = d.vocab,
                         .tied_embeddings = d.tie_word_embeddings});
}

Result<SimulatedModel> load_simulated_model(const std::filesystem::path& directory, std::string_view name) {
  SimulatedModel out;
  out.info.max_context = kContext;
  std::optional<perf::ModelShape> shape = perf::known_shape(name);
  std::error_code ignored;
  if (std::filesystem::exists(directory / "config.json", ignored)) {
    auto description = model::load_description(directory);
    if (!description) return std::unexpected(std::move(description.error()));
    out.info = {.vocab = description->vocab,
                .max_context = description->max_position,
                .eos_tokens = std::move(description->eos)};
    if (!shape) shape = shape_of(*description);
  }
  if (!shape) {
    return fail(Errc::config, "engine: simulated does not know the shape of " + std::string(name) +
                                  "; use the name of a well-known model, or a model_path with its config.json");
  }
  out.shape = *shape;
  if (std::filesystem::exists(directory / "tokenizer.json", ignored)) {
    const auto tokenizer = text::Tokenizer::load(directory / "tokenizer.json");
    if (!tokenizer) return std::unexpected(tokenizer.error());
    out.info.vocab = std::max(out.info.vocab, static_cast<std::int32_t>(tokenizer->vocab_size()));
    out.words = readable_words(*tokenizer);
  }
  if (out.words.empty()) use_bytes(out);
  ensure_end(out);
  out.hash = "simulated " + std::string(name) + " " + std::to_string(out.info.vocab);
  return out;
}

}  // namespace baton::engine
