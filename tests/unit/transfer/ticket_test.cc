#include "transfer/ticket.h"

#include <gtest/gtest.h>

#include "core/hash.h"
#include "transfer/message.h"

namespace baton::transfer {
namespace {

Ticket some_ticket() {
  return {.id = {0x1122334455667788},
          .epoch = 77,
          .layout = {.layers = 3, .blocks = 100, .kv_heads = 2, .block_tokens = 16, .head_dim = 64},
          .first_token = 32,
          .tokens = 100,
          .blocks = {5, 6, 7, 90, 2},
          .host = "host",
          .address = "127.0.0.1:1234",
          .memory = {0x7000, 100UL * 3 * 2 * 2 * 16 * 64 * 2, std::string("k\0y", 3)}};
}

TEST(Ticket, comes_back_as_it_was) {
  const auto parsed = parse_ticket(encode_ticket(some_ticket()));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->id.value, 0x1122334455667788U);
  EXPECT_EQ(parsed->epoch, 77U);
  EXPECT_EQ(parsed->layout, some_ticket().layout);
  EXPECT_EQ(parsed->first_block(), 2);
  EXPECT_EQ(parsed->tokens, 100);
  EXPECT_EQ(parsed->blocks, some_ticket().blocks);
  EXPECT_EQ(parsed->host, "host");
  EXPECT_EQ(parsed->address, "127.0.0.1:1234");
  EXPECT_EQ(parsed->memory.key, std::string("k\0y", 3));
}

TEST(Ticket, is_refused_when_any_bit_is_damaged_or_it_is_cut) {
  const auto bytes = encode_ticket(some_ticket());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    EXPECT_FALSE(parse_ticket(damaged)) << i;
    EXPECT_FALSE(parse_ticket(std::string_view(bytes).substr(0, i))) << i;
  }
  EXPECT_FALSE(parse_ticket(bytes + "x"));
}

TEST(Ticket, is_refused_when_it_contradicts_itself) {
  const auto refused = [](auto change) {
    auto ticket = some_ticket();
    change(ticket);
    return !parse_ticket(encode_ticket(ticket)).has_value();
  };
  EXPECT_TRUE(refused([](Ticket& t) { t.blocks[0] = 100; }));
  EXPECT_TRUE(refused([](Ticket& t) { t.blocks[0] = -1; }));
  EXPECT_TRUE(refused([](Ticket& t) { t.blocks[0] = 2; }));  // twice
  EXPECT_TRUE(refused([](Ticket& t) { t.blocks.pop_back(); }));
  EXPECT_TRUE(refused([](Ticket& t) { t.blocks.push_back(1); }));
  EXPECT_TRUE(refused([](Ticket& t) { t.first_token = 33; }));
  EXPECT_TRUE(refused([](Ticket& t) { t.tokens = 31; }));
  EXPECT_TRUE(refused([](Ticket& t) { t.tokens = kMaxTicketTokens + 1; }));
  EXPECT_TRUE(refused([](Ticket& t) { t.layout.layers = 0; }));
  EXPECT_TRUE(refused([](Ticket& t) { t.layout.head_dim = 1 << 30; }));
  EXPECT_TRUE(refused([](Ticket& t) { t.layout.dtype = static_cast<DType>(200); }));
  EXPECT_TRUE(refused([](Ticket& t) { t.memory.length = 10; }));
  EXPECT_FALSE(refused([](Ticket&) {}));
}

TEST(Ticket, geometry_check_names_what_differs) {
  const auto mine = some_ticket().layout;
  const auto complaint = [&](auto change) {
    auto theirs = mine;
    change(theirs);
    const auto checked = check_geometry(mine, theirs);
    return checked ? std::string() : checked.error().message;
  };
  EXPECT_EQ(complaint([](KvLayout& l) { l.blocks = 5; }), "");
  EXPECT_NE(complaint([](KvLayout& l) { l.layers = 5; }).find("layers is 3 here and 5"), std::string::npos);
  EXPECT_NE(complaint([](KvLayout& l) { l.kv_heads = 5; }).find("kv_heads"), std::string::npos);
  EXPECT_NE(complaint([](KvLayout& l) { l.head_dim = 5; }).find("head_dim"), std::string::npos);
  EXPECT_NE(complaint([](KvLayout& l) { l.block_tokens = 32; }).find("block_tokens"), std::string::npos);
  EXPECT_NE(complaint([](KvLayout& l) { l.dtype = DType::f32; }).find("dtype"), std::string::npos);
}

TEST(Message, every_kind_comes_back_as_it_was) {
  for (auto kind = static_cast<int>(MessageKind::open); kind <= static_cast<int>(MessageKind::pong); ++kind) {
    Message message;
    message.kind = static_cast<MessageKind>(kind);
    message.id = {9};
    message.epoch = 8;
    message.path = DataPath::mapped;
    message.payload = {{.attempt = {3}, .index = 1, .token = -1, .finish = FinishReason::stop, .stop_token = true,
                        .logprob = -2.5F, .top = {{1, -1.0F}}}, 17};
    message.bytes = 123;
    message.checksums = {1, 2};
    message.error = {Errc::timeout, "why"};
    const auto bytes = encode_message(message);
    const auto parsed = parse_message(bytes);
    ASSERT_TRUE(parsed) << kind;
    EXPECT_EQ(encode_message(*parsed), bytes);
    EXPECT_EQ(parsed->id.value, 9U);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      EXPECT_FALSE(parse_message(std::string_view(bytes).substr(0, i))) << kind << " " << i;
    }
    EXPECT_FALSE(parse_message(bytes + "x"));
  }
  EXPECT_FALSE(parse_message(std::string("\x01\x63", 2)));
  EXPECT_FALSE(parse_message(""));
}

TEST(DataHeader, comes_back_as_it_was) {
  const auto bytes = encode_data_header({{1}, 2, 3, 4, 5});
  const auto parsed = parse_data_header(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->layer, 3);
  EXPECT_EQ(parsed->first_index, 4);
  EXPECT_EQ(parsed->offset, 5U);
  EXPECT_FALSE(parse_data_header(bytes.substr(1)));
  EXPECT_FALSE(parse_data_header(bytes + "x"));
}

}  // namespace
}  // namespace baton::transfer
