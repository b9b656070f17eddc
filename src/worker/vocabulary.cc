#include "worker/vocabulary.h"

#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace baton::worker {

Result<std::shared_ptr<const grammar::Vocabulary>> load_vocabulary(const std::filesystem::path& directory,
                                                                   const engine::ModelInfo& model) {
  const auto tokenizer = text::Tokenizer::load(directory / "tokenizer.json");
  if (!tokenizer) return std::unexpected(tokenizer.error());
  // The model may have more rows than the tokenizer has tokens: those are never allowed.
  std::vector<std::string> tokens(static_cast<std::size_t>(model.vocab));
  for (TokenId id = 0; id < model.vocab; ++id) {
    if (!tokenizer->is_special(id)) tokens[static_cast<std::size_t>(id)] = tokenizer->token_bytes(id);
  }
  return grammar::make_vocabulary(tokens, model.eos_tokens);
}

}  // namespace baton::worker
