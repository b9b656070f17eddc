#pragma once

#include <cstdint>
#include <string>

namespace baton::classify {

/// What is known of a request before it runs. Hashes stand for names, so that nothing here grows with clients' input.
struct Features {
  std::int64_t prompt_tokens = 0;
  std::int64_t max_tokens = 0;       ///< the client's limit or what the context leaves; always set
  bool max_tokens_given = false;     ///< the client named it
  bool has_stop = false;
  bool constrained = false;          ///< JSON or grammar output
  bool has_tools = false;
  bool chat = true;                  ///< chat endpoint, not completions
  std::uint64_t model = 0;           ///< hash of the served name
  std::uint64_t tenant = 0;          ///< hash of the API key or `user`; 0: nobody in particular
  std::uint64_t template_prefix = 0;  ///< hash of the first tokens of the prompt (system prompt); 0: too short
  std::string named_class;           ///< by header; empty: none
  std::int32_t priority = 0;         ///< of the key; added to the class's
};

}  // namespace baton::classify
