#include "model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/mapped_file.h"
#include "unit/model/model_files.h"

namespace baton::model {
namespace {

using test::as_bytes;
using test::safetensors_file;
using testing::HasSubstr;

/// The message of the error that reading this header with so much data gives; "ok" without one.
std::string outcome(std::string_view header, std::size_t data_bytes) {
  const std::string file = safetensors_file(header, data_bytes);
  const auto views = read_safetensors(as_bytes(file), "w.safetensors");
  if (views) return "ok";
  EXPECT_EQ(views.error().code, Errc::corrupt_file);
  EXPECT_THAT(views.error().message, HasSubstr("w.safetensors: "));
  return views.error().message;
}

TEST(Safetensors, ReadsTensorsInOrderOfTheirData) {
  const std::string file =
      safetensors_file(R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[6,14]},"__metadata__":{"format":"pt"},)"
                       R"("a":{"dtype":"BF16","shape":[1,3],"data_offsets":[0,6]}}   )",
                       14);
  const auto views = read_safetensors(as_bytes(file), "w");
  ASSERT_TRUE(views) << views.error().message;
  ASSERT_EQ(views->size(), 2U);
  EXPECT_EQ((*views)[0].name, "a");
  EXPECT_EQ((*views)[0].type, TensorType::bf16);
  EXPECT_EQ((*views)[0].shape, (std::vector<std::int64_t>{1, 3}));
  EXPECT_EQ((*views)[0].data.size(), 6U);
  EXPECT_EQ((*views)[1].name, "b");
  EXPECT_EQ((*views)[1].data.data(), as_bytes(file).data() + file.size() - 8);
}

TEST(Safetensors, AcceptsScalarsEmptyTensorsAndFilesWithoutTensors) {
  EXPECT_EQ(outcome(R"({"s":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})", 4), "ok");
  EXPECT_EQ(outcome(R"({"e":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]}})", 0), "ok");
  EXPECT_EQ(outcome("{}", 0), "ok");
}

TEST(Safetensors, RefusesBadLengths) {
  EXPECT_THAT(read_safetensors(as_bytes("short"), "f").error().message, HasSubstr("shorter than the 8 bytes"));
  std::string huge(16, '\xff');
  EXPECT_THAT(read_safetensors(as_bytes(huge), "f").error().message, HasSubstr("over the limit of 100000000"));
  std::string longer = safetensors_file("{}", 0);
  longer[0] = 100;
  EXPECT_THAT(read_safetensors(as_bytes(longer), "f").error().message, HasSubstr("is the file truncated?"));
}

TEST(Safetensors, RefusesOffsetsThatDoNotCoverTheData) {
  EXPECT_THAT(outcome(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 3),
              HasSubstr("tensor 'a': data_offsets [0, 4) end beyond the file's 3 bytes of data"));
  EXPECT_THAT(outcome(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 5),
              HasSubstr("1 bytes follow the last tensor"));
  EXPECT_THAT(outcome(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[4,0]}})", 4), HasSubstr("run backwards"));
  EXPECT_THAT(outcome(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                      R"("b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
                      6),
              HasSubstr("tensor 'b': data_offsets [2, 6) overlap another tensor"));
  EXPECT_THAT(outcome(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},)"
                      R"("b":{"dtype":"U8","shape":[1],"data_offsets":[5,6]}})",
                      6),
              HasSubstr("leave a gap"));
}

TEST(Safetensors, RefusesShapesThatDoNotMatchTheBytes) {
  EXPECT_THAT(outcome(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,4]}})", 4),
              HasSubstr("shape [3] of F32 does not match its 4 bytes"));
  EXPECT_THAT(outcome(R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}})", 0),
              HasSubstr("does not match its 0 bytes"));
  EXPECT_THAT(outcome(R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4]}})", 4),
              HasSubstr("does not match"));
}

TEST(Safetensors, RefusesDuplicates) {
  EXPECT_THAT(outcome(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                      R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                      2),
              HasSubstr("tensor 'a': is listed twice"));
  EXPECT_THAT(outcome(R"({"a":{"dtype":"U8","dtype":"F32","shape":[1],"data_offsets":[0,1]}})", 1),
              HasSubstr("'dtype' is given twice"));
}

TEST(Safetensors, RefusesHeadersOfTheWrongForm) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "does not start with '{'"},
      {"[]", "does not start with '{'"},
      {"{", "not valid JSON at byte"},
      {"{} x", "not valid JSON at byte"},
      {R"({"a":1})", "tensor 'a': unexpected a number"},
      {R"({"a":null})", "unexpected null"},
      {R"({"a":[1]})", "unexpected an array"},
      {R"({"a":{}})", "'dtype' is missing"},
      {R"({"a":{"dtype":"U8","data_offsets":[0,1]}})", "'shape' is missing"},
      {R"({"a":{"dtype":"U8","shape":[1]}})", "'data_offsets' is missing"},
      {R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", "must be two numbers"},
      {R"({"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,1]}})", "unknown dtype 'Q4'"},
      {R"({"a":{"dtype":7}})", "unexpected a number in the header at 'dtype'"},
      {R"({"a":{"dtype":["U8"]}})", "unexpected an array"},
      {R"({"a":{"dtype":true}})", "unexpected a boolean"},
      {R"({"a":{"shape":"x"}})", "unexpected a string"},
      {R"({"a":{"shape":[-1]}})", "unexpected a negative number"},
      {R"({"a":{"shape":[1.5]}})", "unexpected a fractional or huge number"},
      {R"({"a":{"shape":[99999999999999999999]}})", "unexpected a fractional or huge number"},
      {R"({"a":{"shape":[[1]]}})", "unexpected an array"},
      {R"({"a":{"shape":{}}})", "unexpected an object"},
      {R"({"a":{"shape":["1"]}})", "unexpected a string"},
      {R"({"a":{"shape":[1,1,1,1,1,1,1,1,1]}})", "more than 8 numbers"},
      {R"({"a":{"stride":[1]}})", "unknown field 'stride'"},
      {R"({"":{"dtype":"U8"}})", "empty name"},
      {R"({"__metadata__":{"a":1}})", "unexpected a number"},
      {R"({"__metadata__":{"a":{}}})", "unexpected an object"},
      {"{\"\xff\":{}}", "not valid JSON at byte"},
  };
  for (const auto& [header, expected] : cases) EXPECT_THAT(outcome(header, 1), HasSubstr(expected)) << header;
}

TEST(Safetensors, SurvivesEveryTruncationAndEveryFlippedHeaderByteOfARealFile) {
  const auto file = MappedFile::open(test::golden_directory("qwen2") / "model.safetensors");
  ASSERT_TRUE(file);
  const auto bytes = file->bytes();
  const auto header = safetensors_header_bytes(bytes, "f");
  ASSERT_TRUE(header);
  for (std::size_t size = 0; size < bytes.size(); size += size < header->size() + 64 ? 7 : 9973)
    EXPECT_FALSE(read_safetensors(bytes.first(size), "f")) << size;
  std::string copy(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (std::size_t at = 0; at < 8 + header->size(); at += 3) {
    const char kept = copy[at];
    copy[at] = static_cast<char>(kept ^ 0x10);
    const auto views = read_safetensors(as_bytes(copy), "f");  // a flipped letter of a name is still a name
    if (!views) {
      EXPECT_EQ(views.error().code, Errc::corrupt_file);
    }
    copy[at] = kept;
  }
}

}  // namespace
}  // namespace baton::model
