#include "model/description.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/model/model_files.h"

namespace baton::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kBase =
    R"("model_type":"llama","hidden_size":64,"num_hidden_layers":2,"num_attention_heads":4,"num_key_value_heads":2,)"
    R"("intermediate_size":96,"vocab_size":100,"max_position_embeddings":128)";

/// Later fields win over earlier ones of the same name, as in every JSON reader of this format.
Result<ModelDescription> parse(std::string_view more, std::string_view generation = "") {
  const std::string text = "{" + std::string(kBase) + (more.empty() ? "" : ",") + std::string(more) + "}";
  return parse_description({.config = text, .generation_config = generation});
}

std::string problem(std::string_view more, Errc code) {
  const auto description = parse(more);
  if (description) return "accepted";
  EXPECT_EQ(description.error().code, code) << description.error().message;
  return description.error().message;
}

TEST(Description, ReadsLlamaWithOldRopeScaling) {
  const auto d = load_description(test::golden_directory("llama"));
  ASSERT_TRUE(d) << d.error().message;
  EXPECT_EQ(d->architecture, Architecture::llama);
  EXPECT_EQ(d->head_dim, 16);
  EXPECT_EQ(d->heads, 4);
  EXPECT_EQ(d->kv_heads, 2);
  EXPECT_EQ(d->rope_scaling, (RopeScaling{RopeScalingKind::llama3, 8.0, 1.0, 4.0, 64}));
  EXPECT_EQ(d->rope_theta, 10000.0);
  EXPECT_TRUE(d->tie_word_embeddings);
  EXPECT_EQ(d->dtype, DType::f32);
  EXPECT_EQ(d->bos, 1);
  EXPECT_THAT(d->eos, ElementsAre(2, 3));
  EXPECT_EQ(d->sliding_window, 0);
}

TEST(Description, ReadsTheOtherFamiliesWithRopeParameters) {
  const auto qwen2 = load_description(test::golden_directory("qwen2"));
  ASSERT_TRUE(qwen2) << qwen2.error().message;
  EXPECT_TRUE(qwen2->qkv_bias);
  EXPECT_FALSE(qwen2->qk_norm);
  EXPECT_EQ(qwen2->rope_theta, 1e6);
  EXPECT_EQ(qwen2->dtype, DType::bf16);
  EXPECT_FALSE(qwen2->tie_word_embeddings);
  const auto qwen3 = load_description(test::golden_directory("qwen3"));
  ASSERT_TRUE(qwen3) << qwen3.error().message;
  EXPECT_TRUE(qwen3->qk_norm);
  EXPECT_FALSE(qwen3->qkv_bias);
  EXPECT_EQ(qwen3->head_dim, 32);
  const auto mistral = load_description(test::golden_directory("mistral"));
  ASSERT_TRUE(mistral) << mistral.error().message;
  EXPECT_EQ(mistral->sliding_window, 24);
  EXPECT_EQ(architecture_name(mistral->architecture), "mistral");
}

TEST(Description, FillsInTheDefaultsOfTransformers) {
  const auto d = parse(R"("num_key_value_heads":null,"rope_scaling":null)");
  ASSERT_TRUE(d) << d.error().message;
  EXPECT_EQ(d->kv_heads, 4);
  EXPECT_EQ(d->head_dim, 16);
  EXPECT_EQ(d->rms_eps, 1e-6);
  EXPECT_EQ(d->rope_theta, 10000.0);
  EXPECT_FALSE(d->tie_word_embeddings);
  EXPECT_EQ(d->bos, std::nullopt);
  EXPECT_TRUE(d->eos.empty());
  EXPECT_EQ(parse(R"("model_type":"qwen3")")->head_dim, 128);
  EXPECT_EQ(parse(R"("model_type":"mistral")")->sliding_window, 4096);
  EXPECT_EQ(parse(R"("model_type":"mistral","sliding_window":null)")->sliding_window, 0);
  EXPECT_EQ(parse(R"("model_type":null,"architectures":["Qwen2ForCausalLM"])")->architecture, Architecture::qwen2);
}

TEST(Description, GenerationConfigWinsForSpecialTokens) {
  const auto d = parse(R"("eos_token_id":5,"bos_token_id":1)", R"({"eos_token_id":[7,8],"temperature":0.6})");
  ASSERT_TRUE(d);
  EXPECT_THAT(d->eos, ElementsAre(7, 8));
  EXPECT_EQ(d->bos, 1);
  const auto bad = parse("", R"({"eos_token_id":[7,100]})");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, HasSubstr("generation_config.json: eos_token_id: must be token ids of 0 to 99"));
  EXPECT_THAT(parse("", "{").error().message, HasSubstr("generation_config.json: not valid JSON"));
}

TEST(Description, ReadsRopeScalingInAllItsSpellings) {
  EXPECT_EQ(parse(R"("rope_scaling":{"type":"linear","factor":4.0})")->rope_scaling.factor, 4.0);
  EXPECT_EQ(parse(R"("rope_scaling":{"rope_type":"default"})")->rope_scaling.kind, RopeScalingKind::none);
  const auto modern = parse(R"("rope_theta":1.0,"rope_parameters":{"rope_type":"linear","factor":2,"rope_theta":5e5})");
  EXPECT_EQ(modern->rope_theta, 5e5);
  EXPECT_EQ(modern->rope_scaling.kind, RopeScalingKind::linear);
}

TEST(Description, RefusesWhatItCannotRunAndSaysWhatItCan) {
  const Errc code = Errc::unsupported_parameter;
  const std::pair<const char*, const char*> cases[] = {
      {R"("model_type":"mixtral")",
       "config.json: model_type: 'mixtral' is not supported; supported are llama, mistral"},
      {R"("model_type":null,"architectures":["GPT2LMHeadModel"])", "architectures: 'GPT2LMHeadModel' is not supported"},
      {R"("architectures":["LlamaForSequenceClassification"])", "it is LlamaForCausalLM"},
      {R"("quantization_config":{"bits":4})", "quantization_config: quantised checkpoints are not supported"},
      {R"("num_local_experts":8)", "mixture-of-experts"},
      {R"("num_experts":8)", "mixture-of-experts"},
      {R"("hidden_act":"gelu")", "hidden_act: 'gelu' is not supported; it must be silu"},
      {R"("mlp_bias":true)", "mlp_bias"},
      {R"("attention_bias":true)", "attention_bias"},
      {R"("model_type":"qwen2","use_sliding_window":true)", "use_sliding_window"},
      {R"("rope_scaling":{"type":"yarn","factor":4.0})",
       "rope_scaling.rope_type: 'yarn' is not supported; supported are"},
      {R"("rope_parameters":{"full_attention":{},"sliding_attention":{}})", "by layer type"},
      {R"("rope_parameters":{"partial_rotary_factor":0.5})", "partial"},
      {R"("partial_rotary_factor":0.5)", "partial"},
      {R"("layer_types":["full_attention","sliding_attention"])", "layer_types"},
      {R"("layer_types":7)", "layer_types"},
      {R"("torch_dtype":"float8_e4m3fn")", "torch_dtype: 'float8_e4m3fn' is not supported"},
  };
  for (const auto& [more, expected] : cases) EXPECT_THAT(problem(more, code), HasSubstr(expected)) << more;
}

TEST(Description, RefusesImpossibleValues) {
  const Errc code = Errc::corrupt_file;
  const std::pair<const char*, const char*> cases[] = {
      {R"("hidden_size":null)", "config.json: hidden_size: is missing"},
      {R"("hidden_size":"64")", "hidden_size: must be an integer, not \"64\""},
      {R"("hidden_size":0)", "hidden_size: is 0, must be 1 to 131072"},
      {R"("hidden_size":-64)", "is -64, must be 1"},
      {R"("hidden_size":99999999999999999999)", "hidden_size: must be an integer"},
      {R"("vocab_size":18446744073709551615)", "must be 1 to 4194304"},
      {R"("hidden_size":66)", "must be a multiple of num_attention_heads (4)"},
      {R"("num_key_value_heads":3)", "num_key_value_heads: is 3, must divide num_attention_heads (4)"},
      {R"("head_dim":15)", "head_dim: is 15, must be even"},
      {R"("hidden_size":4)", "head_dim: is 1, must be even and 2 to 1024"},
      {R"("rms_norm_eps":-1)", "rms_norm_eps: is -1"},
      {R"("rms_norm_eps":"x")", "rms_norm_eps: must be a number"},
      {R"("rope_theta":0)", "rope_theta: is 0"},
      {R"("rope_scaling":[1])", "rope_scaling: must be an object or null"},
      {R"("rope_scaling":{"type":"linear"})", "rope_scaling.factor: is missing"},
      {R"("rope_scaling":{"type":"linear","factor":0})", "rope_scaling.factor: is 0"},
      {R"("rope_scaling":{"rope_type":"llama3","factor":8})", "rope_scaling.low_freq_factor: is missing"},
      {R"("rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,"high_freq_factor":1,)"
       R"("original_max_position_embeddings":8192})",
       "high_freq_factor: must be more than low_freq_factor"},
      {R"("tie_word_embeddings":1)", "tie_word_embeddings: must be true or false"},
      {R"("model_type":7)", "model_type: must be a string"},
      {R"("model_type":null)", "model_type: is missing"},
      {R"("architectures":[])", "architectures: must be a list"},
      {R"("eos_token_id":100)", "eos_token_id: must be token ids of 0 to 99"},
      {R"("eos_token_id":[1,"x"])", "not \"x\""},
      {R"("model_type":"mistral","sliding_window":0)", "sliding_window: is 0"},
  };
  for (const auto& [more, expected] : cases) EXPECT_THAT(problem(more, code), HasSubstr(expected)) << more;
}

TEST(Description, NamesTheFileAndThePlaceOfBadJson) {
  test::TempDirectory directory;
  EXPECT_EQ(load_description(directory.path()).error().code, Errc::not_found);
  directory.write("config.json", "{\"hidden_size\": 64,\n  oops}");
  const auto bad = load_description(directory.path());
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::corrupt_file);
  EXPECT_THAT(bad.error().message, HasSubstr((directory.path() / "config.json").string()));
  EXPECT_THAT(bad.error().message, HasSubstr("line 2"));
  directory.write("config.json", "[]");
  EXPECT_THAT(load_description(directory.path()).error().message, HasSubstr("must be a JSON object"));
  directory.write("config.json", std::string(5 << 20, ' '));
  EXPECT_THAT(load_description(directory.path()).error().message, HasSubstr("more than the limit"));
  std::filesystem::remove(directory.path() / "config.json");
  std::filesystem::create_directory(directory.path() / "config.json");
  EXPECT_THAT(load_description(directory.path()).error().message, HasSubstr("not a regular file"));
}

}  // namespace
}  // namespace baton::model
