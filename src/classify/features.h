#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "baton/config.h"
#include "core/hash.h"

namespace baton::classify {

/// What is known of a request before it runs. Hashes stand for names, so that nothing here grows with clients' input.
struct Features {
  std::int64_t prompt_tokens = 0;
  std::int64_t max_tokens = 0;    ///< the client's limit or what the context leaves; always set
  bool max_tokens_given = false;  ///< the client named it
  bool has_stop = false;
  bool constrained = false;  ///< JSON or grammar output
  bool has_tools = false;
  bool chat = true;                   ///< chat endpoint, not completions
  std::uint64_t model = 0;            ///< name_hash of the served name
  std::uint64_t key = 0;              ///< name_hash of the API key's name, never of anything a client chooses; 0: none
  std::uint64_t tenant = 0;           ///< whose habits to learn: the key, or hash of `user`; 0: nobody in particular
  std::uint64_t template_prefix = 0;  ///< hash of the first tokens of the prompt (system prompt); 0: too short
  std::string named_class;            ///< by header; empty: none, or one there is not
  TokenRange named_output;            ///< output_tokens of that class (find_class); shapes the prior alone
  std::int32_t priority = 0;          ///< of the key; added to the class's
};

/// The hash that Features carries for a name. Never 0, which stands for "none".
inline std::uint64_t name_hash(std::string_view name) {
  return hash_bytes(std::as_bytes(std::span(name))) | 1U;
}

}  // namespace baton::classify
