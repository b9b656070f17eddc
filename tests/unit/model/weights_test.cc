#include "model/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/model_hash.h"
#include "unit/model/model_files.h"

namespace baton::model {
namespace {

using testing::HasSubstr;

Checkpoint open_golden(std::string_view family) {
  auto checkpoint = Checkpoint::open(test::golden_directory(family));
  EXPECT_TRUE(checkpoint) << checkpoint.error().message;
  return std::move(*checkpoint);
}

std::string index_of(std::initializer_list<std::pair<const char*, const char*>> map) {
  std::string text = R"({"metadata":{"total_size":1},"weight_map":{)";
  for (const auto& [tensor, file] : map)
    text += (text.ends_with('{') ? "\"" : ",\"") + std::string(tensor) + "\":\"" + file + "\"";
  return text + "}}";
}

std::string one_tensor(std::string_view name) {
  return test::safetensors_file("{\"" + std::string(name) + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
}

TEST(Weights, FitTheDescriptionInEveryFamily) {
  for (const char* family : {"llama", "qwen2", "qwen3", "mistral"}) {
    const auto description = load_description(test::golden_directory(family));
    ASSERT_TRUE(description) << description.error().message;
    const Checkpoint checkpoint = open_golden(family);
    const auto weights = load_weights(*description, checkpoint);
    ASSERT_TRUE(weights) << weights.error().message;
    ASSERT_EQ(weights->layers.size(), static_cast<std::size_t>(description->layers));
    EXPECT_EQ(weights->layers[0].q_bias.present(), description->qkv_bias);
    EXPECT_EQ(weights->layers[0].q_norm.present(), description->qk_norm);
    EXPECT_EQ(weights->lm_head.data.data() == weights->embed.data.data(), description->tie_word_embeddings);
  }
}

TEST(Weights, OfTheShippedTinyModelFitToo) {
  const std::filesystem::path directory = std::filesystem::path(BATON_SOURCE_DIR) / "tests/data/baton-tiny";
  const auto description = load_description(directory);
  ASSERT_TRUE(description) << description.error().message;
  EXPECT_LT(description->kv_heads, description->heads);
  EXPECT_EQ(description->eos.size(), 3U);
  const auto checkpoint = Checkpoint::open(directory);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_TRUE(load_weights(*description, *checkpoint));
  EXPECT_TRUE(model_hash(directory));
}

TEST(Weights, NameTheTensorWhoseShapeIsWrong) {
  auto description = *load_description(test::golden_directory("mistral"));
  const Checkpoint checkpoint = open_golden("mistral");
  description.intermediate = 97;
  const auto weights = load_weights(description, checkpoint);
  ASSERT_FALSE(weights);
  EXPECT_THAT(weights.error().message,
              HasSubstr("'model.layers.0.mlp.gate_proj.weight' has shape [96, 64], but config.json makes it [97, 64]"));
}

TEST(Weights, NameMissingAndExtraTensors) {
  const auto description = *load_description(test::golden_directory("mistral"));
  const Checkpoint checkpoint = open_golden("mistral");
  auto more = description;
  more.layers = 4;
  EXPECT_THAT(load_weights(more, checkpoint).error().message,
              HasSubstr("lacks tensor: model.layers.3.input_layernorm.weight, model.layers.3.self_attn.q_proj.weight"));
  auto fewer = description;
  fewer.layers = 2;
  EXPECT_THAT(load_weights(fewer, checkpoint).error().message,
              HasSubstr("has a tensor that the model of config.json does not: model.layers.2.input_layernorm.weight"));
  auto biased = description;
  biased.qkv_bias = true;
  EXPECT_THAT(load_weights(biased, checkpoint).error().message, HasSubstr("q_proj.bias"));
}

TEST(Weights, RefuseElementTypesTheEngineDoesNotRead) {
  test::TempDirectory directory;
  directory.write(
      "model.safetensors",
      test::safetensors_file(R"({"model.embed_tokens.weight":{"dtype":"I8","shape":[4,2],"data_offsets":[0,8]}})", 8));
  const auto checkpoint = Checkpoint::open(directory.path());
  ASSERT_TRUE(checkpoint);
  const ModelDescription description{
      .hidden = 2, .layers = 1, .heads = 1, .kv_heads = 1, .head_dim = 2, .intermediate = 2, .vocab = 4};
  const auto weights = load_weights(description, *checkpoint);
  ASSERT_FALSE(weights);
  EXPECT_EQ(weights.error().code, Errc::unsupported_parameter);
  EXPECT_THAT(weights.error().message, HasSubstr("'model.embed_tokens.weight' is I8; supported are F32, BF16 and F16"));
}

TEST(Checkpoint, ReadsShardsByTheIndex) {
  test::TempDirectory directory;
  directory.write("model-1.safetensors", one_tensor("a"));
  directory.write("model-2.safetensors", one_tensor("b"));
  directory.write("model.safetensors.index.json",
                  index_of({{"a", "model-1.safetensors"}, {"b", "model-2.safetensors"}}));
  const auto checkpoint = Checkpoint::open(directory.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->files().size(), 2U);
  ASSERT_NE(checkpoint->find("b"), nullptr);
  EXPECT_EQ(checkpoint->find("c"), nullptr);
  checkpoint->will_need();
  checkpoint->dont_need();
}

TEST(Checkpoint, SaysWhatIsWrongWithAnIndex) {
  test::TempDirectory directory;
  directory.write("model-1.safetensors", one_tensor("a"));
  directory.write("model-2.safetensors", one_tensor("a"));
  const std::pair<std::string, const char*> cases[] = {
      {"{", "index.json: not valid JSON"},
      {"{}", "'weight_map' is missing"},
      {R"({"weight_map":{"a":1}})", "weight_map['a'] is not a file name"},
      {R"({"weight_map":{}})", "'weight_map' is empty"},
      {index_of({{"a", "../model-1.safetensors"}}), "must be the plain name of a file"},
      {index_of({{"a", ".."}}), "must be the plain name of a file"},
      {index_of({{"a", "model-1.safetensors"}, {"b", "model-1.safetensors"}}), "tensor 'b' is missing"},
      {index_of({{"b", "model-1.safetensors"}}), "tensor 'b' is missing"},
      {index_of({{"a", "model-1.safetensors"}, {"b", "model-2.safetensors"}}), "is in another file of the model too"},
      {index_of({{"a", "model-9.safetensors"}}), "model-9.safetensors: cannot open: No such file"},
  };
  for (const auto& [index, expected] : cases) {
    directory.write("model.safetensors.index.json", index);
    const auto checkpoint = Checkpoint::open(directory.path());
    ASSERT_FALSE(checkpoint) << index;
    EXPECT_THAT(checkpoint.error().message, HasSubstr(expected)) << index;
  }
  directory.write("model-1.safetensors",
                  test::safetensors_file(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                         R"("z":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                                         2));
  directory.write("model.safetensors.index.json", index_of({{"a", "model-1.safetensors"}}));
  EXPECT_THAT(Checkpoint::open(directory.path()).error().message, HasSubstr("tensor 'z' is not listed in"));
}

TEST(Checkpoint, SaysWhenThereAreNoWeights) {
  test::TempDirectory directory;
  EXPECT_THAT(Checkpoint::open(directory.path()).error().message, HasSubstr("has neither model.safetensors nor"));
  directory.write("pytorch_model.bin", "x");
  EXPECT_THAT(Checkpoint::open(directory.path()).error().message, HasSubstr("convert it to safetensors"));
  directory.write("model.safetensors", "");
  EXPECT_THAT(Checkpoint::open(directory.path()).error().message, HasSubstr("model.safetensors: shorter than"));
}

TEST(ModelHash, ChangesWithEachFileItCovers) {
  test::TempDirectory directory;
  for (const char* name : {"config.json", "model.safetensors"})
    std::filesystem::copy(test::golden_directory("qwen3") / name, directory.path() / name);
  const auto original = model_hash(test::golden_directory("qwen3"));
  ASSERT_TRUE(original) << original.error().message;
  EXPECT_EQ(original->size(), 16U);
  EXPECT_EQ(model_hash(directory.path()).value_or(""), *original);
  directory.write("tokenizer.json", "{}");
  const std::string with_tokenizer = model_hash(directory.path()).value_or("");
  EXPECT_NE(with_tokenizer, *original);
  directory.write("model.safetensors", one_tensor("a"));
  EXPECT_NE(model_hash(directory.path()).value_or(""), with_tokenizer);
  std::filesystem::remove(directory.path() / "config.json");
  EXPECT_EQ(model_hash(directory.path()).error().code, Errc::not_found);
}

}  // namespace
}  // namespace baton::model
