#include "transfer/message.h"

#include "transfer/bytes.h"

namespace baton::transfer {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint32_t kMaxLayers = 4096;
constexpr std::uint32_t kMaxLogprobs = 4096;
constexpr std::size_t kMaxErrorText = 1024;

void put_token(ByteWriter& out, const TokenOut& token) {
  out.put(token.attempt.value).put(token.index).put(token.token);
  out.put(static_cast<std::uint8_t>(token.finish)).put(static_cast<std::uint8_t>(token.stop_token ? 1 : 0));
  out.put(token.logprob).put(static_cast<std::uint32_t>(token.top.size()));
  for (const auto& entry : token.top) out.put(entry.token).put(entry.logprob);
}

Result<TokenOut> get_token(ByteReader& in) {
  TokenOut token;
  token.attempt.value = in.get<std::uint64_t>();
  token.index = in.get<std::int32_t>();
  token.token = in.get<std::int32_t>();
  const auto finish = in.get<std::uint8_t>();
  const auto stop_token = in.get<std::uint8_t>();
  token.logprob = in.get<float>();
  const auto top = in.get<std::uint32_t>();
  if (finish > static_cast<std::uint8_t>(FinishReason::length) || stop_token > 1 || top > kMaxLogprobs) {
    return fail(Errc::protocol, "transfer message: first token is out of bounds");
  }
  token.finish = static_cast<FinishReason>(finish);
  token.stop_token = stop_token == 1;
  for (std::uint32_t i = 0; i < top && in.ok(); ++i) {
    const auto id = in.get<std::int32_t>();
    token.top.push_back({id, in.get<float>()});
  }
  return token;
}

void put_commit(ByteWriter& out, const Message& message) {
  put_token(out, message.payload.first_token);
  out.put(message.payload.prompt_tokens).put(message.bytes);
  out.put(static_cast<std::uint32_t>(message.checksums.size()));
  for (const auto checksum : message.checksums) out.put(checksum);
}

Result<void> get_commit(ByteReader& in, Message& message) {
  auto token = get_token(in);
  if (!token) return std::unexpected(token.error());
  message.payload.first_token = std::move(*token);
  message.payload.prompt_tokens = in.get<std::int32_t>();
  message.bytes = in.get<std::uint64_t>();
  const auto layers = in.get<std::uint32_t>();
  if (layers > kMaxLayers) return fail(Errc::protocol, "transfer message: too many checksums");
  for (std::uint32_t i = 0; i < layers && in.ok(); ++i) message.checksums.push_back(in.get<std::uint64_t>());
  return {};
}

bool carries_path(MessageKind kind) {
  return kind == MessageKind::open || kind == MessageKind::commit;
}
bool carries_error(MessageKind kind) {
  return kind == MessageKind::refused || kind == MessageKind::ended;
}

}  // namespace

std::string encode_message(const Message& message) {
  ByteWriter out;
  out.put(kVersion).put(static_cast<std::uint8_t>(message.kind)).put(message.id.value).put(message.epoch);
  if (carries_path(message.kind)) out.put(static_cast<std::uint8_t>(message.path));
  if (message.kind == MessageKind::commit) put_commit(out, message);
  if (carries_error(message.kind)) {
    out.put(static_cast<std::uint8_t>(message.error.code));
    out.put_string(std::string_view(message.error.message).substr(0, kMaxErrorText));
  }
  return out.take();
}

Result<Message> parse_message(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.get<std::uint8_t>() != kVersion) {
    return fail(Errc::protocol, "transfer message: unknown version; run the same Baton on both workers");
  }
  Message message;
  const auto kind = in.get<std::uint8_t>();
  if (kind < static_cast<std::uint8_t>(MessageKind::open) || kind > static_cast<std::uint8_t>(MessageKind::pong)) {
    return fail(Errc::protocol, "transfer message: unknown kind");
  }
  message.kind = static_cast<MessageKind>(kind);
  message.id.value = in.get<std::uint64_t>();
  message.epoch = in.get<std::uint64_t>();
  if (carries_path(message.kind)) {
    const auto path = in.get<std::uint8_t>();
    if (path > static_cast<std::uint8_t>(DataPath::mapped)) {
      return fail(Errc::protocol, "transfer message: unknown data path");
    }
    message.path = static_cast<DataPath>(path);
  }
  if (message.kind == MessageKind::commit) {
    if (auto read = get_commit(in, message); !read) return std::unexpected(read.error());
  }
  if (carries_error(message.kind)) {
    const auto code = in.get<std::uint8_t>();
    if (code > static_cast<std::uint8_t>(Errc::internal)) {
      return fail(Errc::protocol, "transfer message: unknown error code");
    }
    message.error = {static_cast<Errc>(code), in.get_string()};
  }
  if (!in.complete()) return fail(Errc::protocol, "transfer message: wrong length");
  return message;
}

std::string encode_data_header(const DataHeader& header) {
  ByteWriter out;
  out.put(header.id.value).put(header.epoch).put(header.layer).put(header.first_index).put(header.offset);
  return out.take();
}

Result<DataHeader> parse_data_header(std::string_view bytes) {
  ByteReader in(bytes);
  DataHeader header;
  header.id.value = in.get<std::uint64_t>();
  header.epoch = in.get<std::uint64_t>();
  header.layer = in.get<std::int32_t>();
  header.first_index = in.get<std::int32_t>();
  header.offset = in.get<std::uint64_t>();
  if (!in.complete()) return fail(Errc::protocol, "transfer data: wrong header length");
  return header;
}

}  // namespace baton::transfer
