#include "model/make_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "model/mapped_file.h"
#include "model/model_hash.h"
#include "model/random_bf16.h"
#include "model/safetensors.h"
#include "model/safetensors_writer.h"
#include "model/weights.h"
#include "unit/model/model_files.h"

namespace baton::model {
namespace {

using testing::HasSubstr;

float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

std::string content(const std::filesystem::path& path) {
  return read_text_file(path, 1 << 30).value_or("unreadable");
}

TEST(MakeModel, WritesADirectoryThatLoadsAsTheModelItIsLike) {
  test::TempDirectory directory;
  const auto made = make_model({.like = "tiny", .seed = 7}, directory.path() / "new" / "model");
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->files, 1);
  const auto description = load_description(directory.path() / "new" / "model");
  ASSERT_TRUE(description) << description.error().message;
  EXPECT_EQ(description->hidden, 128);
  EXPECT_EQ(description->dtype, DType::bf16);
  EXPECT_EQ(description->eos.size(), 1U);
  const auto checkpoint = Checkpoint::open(directory.path() / "new" / "model");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const auto weights = load_weights(*description, *checkpoint);
  ASSERT_TRUE(weights) << weights.error().message;
}

TEST(MakeModel, EveryPresetCutToOneLayerAndAFewTokensFitsItsOwnDescription) {
  for (const ModelPreset& preset : model_presets()) {
    if (preset.description.hidden > 2048) continue;  // the same code, but hundreds of megabytes
    test::TempDirectory directory;
    const auto made = make_model({.like = std::string(preset.name), .layers = 1, .vocab = 300}, directory.path());
    ASSERT_TRUE(made) << made.error().message;
    auto expected = preset.description;
    const auto description = load_description(directory.path());
    ASSERT_TRUE(description) << preset.name << ": " << description.error().message;
    expected.layers = 1;
    expected.vocab = 300;
    expected.dtype = DType::bf16;
    expected.bos = description->bos;
    expected.eos = description->eos;
    EXPECT_EQ(*description, expected) << preset.name;
    const auto checkpoint = Checkpoint::open(directory.path());
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    const auto weights = load_weights(*description, *checkpoint);
    EXPECT_TRUE(weights) << weights.error().message;
  }
}

TEST(MakeModel, ConfigRoundTripsForEveryPreset) {
  for (const ModelPreset& preset : model_presets()) {
    auto d = preset.description;
    d.bos = 1;
    d.eos = {2, 3};
    const auto read = parse_description({.config = config_json(d), .generation_config = generation_config_json(d)});
    ASSERT_TRUE(read) << preset.name << ": " << read.error().message;
    EXPECT_EQ(*read, d) << preset.name;
  }
}

TEST(MakeModel, SameSeedSameBytesAndShardsHoldTheSameTensors) {
  test::TempDirectory one;
  test::TempDirectory two;
  test::TempDirectory sharded;
  ASSERT_TRUE(make_model({.like = "tiny", .seed = 1}, one.path()));
  ASSERT_TRUE(make_model({.like = "tiny", .seed = 2}, two.path()));
  const auto made = make_model({.like = "tiny", .seed = 1, .shard_bytes = 200'000}, sharded.path());
  ASSERT_TRUE(made);
  EXPECT_GT(made->files, 2);
  EXPECT_NE(content(one.path() / "model.safetensors"), content(two.path() / "model.safetensors"));
  const auto whole = Checkpoint::open(one.path());
  const auto parts = Checkpoint::open(sharded.path());
  ASSERT_TRUE(whole && parts);
  EXPECT_EQ(parts->files().size(), static_cast<std::size_t>(made->files));
  for (const TensorView& tensor : whole->tensors()) {
    const TensorView* other = parts->find(tensor.name);
    ASSERT_NE(other, nullptr) << tensor.name;
    ASSERT_EQ(other->data.size(), tensor.data.size());
    EXPECT_EQ(std::memcmp(other->data.data(), tensor.data.data(), tensor.data.size()), 0) << tensor.name;
  }
}

TEST(MakeModel, RefusesUnknownNamesBadLayersAndDirectoriesInUse) {
  test::TempDirectory directory;
  EXPECT_THAT(make_model({.like = "gpt-5"}, directory.path()).error().message,
              HasSubstr("no model named 'gpt-5'; known are tiny, llama-250m"));
  EXPECT_THAT(make_model({.like = "tiny", .layers = 0}, directory.path()).error().message, HasSubstr("1 to 1024"));
  EXPECT_THAT(make_model({.like = "tiny", .vocab = 299}, directory.path()).error().message, HasSubstr("300 to"));
  directory.write("config.json", "{}");
  EXPECT_THAT(make_model({.like = "tiny"}, directory.path()).error().message, HasSubstr("already holds a model"));
  EXPECT_EQ(make_model({.like = "tiny"}, "/proc/nowhere").error().code, Errc::io);
}

TEST(MakeModel, TokenizerGivesEveryIdATextOnce) {
  test::TempDirectory directory;
  ASSERT_TRUE(make_model({.like = "tiny"}, directory.path()));
  const std::string text = content(directory.path() / "tokenizer.json");
  EXPECT_THAT(text, HasSubstr(R"("ignore_merges":true)"));
  EXPECT_THAT(text, HasSubstr(R"("content":"<|eot_id|>","id":511)"));
  for (int id = 0; id < 507; ++id) {
    const std::string entry = "\":" + std::to_string(id);
    EXPECT_TRUE(text.find(entry + ",") != std::string::npos || text.find(entry + "}") != std::string::npos) << id;
  }
  EXPECT_THAT(content(directory.path() / "tokenizer_config.json"), HasSubstr("chat_template"));
}

TEST(RandomBf16, HasTheAskedMeanAndDeviation) {
  RandomBf16 random(3, 4, {0.5F, 2.0F});
  std::vector<std::uint16_t> draws(400'000);
  random.fill(draws);
  double sum = 0.0;
  double squares = 0.0;
  for (const std::uint16_t draw : draws) {
    const double x = from_bf16(draw);
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += x * x;
  }
  const double mean = sum / static_cast<double>(draws.size());
  EXPECT_NEAR(mean, 0.5, 0.02);
  EXPECT_NEAR(std::sqrt(squares / static_cast<double>(draws.size()) - mean * mean), 2.0, 0.02);
}

TEST(SafetensorsWriter, WritesWhatTheReaderReads) {
  test::TempDirectory directory;
  const TensorSpec specs[] = {{"a\"b", TensorType::f32, {2, 1}}, {"c", TensorType::u8, {3}}};
  auto writer = SafetensorsWriter::create(directory.path() / "w", specs);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->write(test::as_bytes("0123456")));
  EXPECT_EQ(writer->finish().error().code, Errc::internal);
  ASSERT_TRUE(writer->write(test::as_bytes("789a")));
  EXPECT_EQ(writer->write(test::as_bytes("b")).error().code, Errc::internal);
  ASSERT_TRUE(writer->finish());
  const auto file = MappedFile::open(directory.path() / "w");
  ASSERT_TRUE(file);
  const auto views = read_safetensors(file->bytes(), "w");
  ASSERT_TRUE(views) << views.error().message;
  EXPECT_EQ((*views)[0].name, "a\"b");
  EXPECT_EQ(std::memcmp((*views)[1].data.data(), "89a", 3), 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*views)[0].data.data()) % 8, 0U);
  EXPECT_EQ(SafetensorsWriter::create("/proc/nowhere/w", specs).error().code, Errc::io);
}

}  // namespace
}  // namespace baton::model
