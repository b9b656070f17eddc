#include "model/weights.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

namespace baton::model {
namespace {

using Shape = std::vector<std::int64_t>;

/// Takes tensors by name and keeps the first problem; names that are missing are gathered for one message.
class Taker {
 public:
  explicit Taker(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  TensorView take(const std::string& name, const Shape& shape) {
    taken_.insert(name);
    const TensorView* view = checkpoint_.find(name);
    if (view == nullptr) {
      missing_.push_back(name);
      return {};
    }
    if (view->shape != shape) {
      note(Errc::corrupt_file, "tensor '" + name + "' has shape " + shape_text(view->shape) +
                                   ", but config.json makes it " + shape_text(shape));
    }
    if (view->type != TensorType::f32 && view->type != TensorType::bf16 && view->type != TensorType::f16) {
      note(Errc::unsupported_parameter, "tensor '" + name + "' is " + std::string(tensor_type_name(view->type)) +
                                            "; supported are F32, BF16 and F16");
    }
    return *view;
  }

  /// A tensor that may be there and is not used.
  void ignore(const std::string& name) { taken_.insert(name); }

  Result<void> finish() const {
    if (error_) return std::unexpected(*error_);
    if (!missing_.empty()) return fail(Errc::corrupt_file, where() + listed("lacks tensor", missing_));
    std::vector<std::string> extra;
    for (const TensorView& view : checkpoint_.tensors()) {
      if (!taken_.contains(view.name) && !view.name.ends_with(".rotary_emb.inv_freq")) extra.push_back(view.name);
    }
    std::ranges::sort(extra);
    if (!extra.empty()) {
      return fail(Errc::corrupt_file, where() + listed("has a tensor that the model of config.json does not", extra));
    }
    return {};
  }

 private:
  void note(Errc code, const std::string& what) {
    if (!error_) error_ = Error{code, where() + what, {}};
  }
  std::string where() const {
    const auto files = checkpoint_.files();
    return files.empty() ? std::string() : std::string(files.front().path().parent_path()) + ": ";
  }
  static std::string listed(const std::string& what, const std::vector<std::string>& names) {
    std::string text = what + ": ";
    for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 5); ++i) text += (i > 0 ? ", " : "") + names[i];
    if (names.size() > 5) text += " and " + std::to_string(names.size() - 5) + " more";
    return text;
  }

  const Checkpoint& checkpoint_;
  std::set<std::string, std::less<>> taken_;
  std::vector<std::string> missing_;
  std::optional<Error> error_;
};

LayerWeights take_layer(Taker& taker, const ModelDescription& d, std::int32_t layer) {
  const std::string p = "model.layers." + std::to_string(layer) + ".";
  const std::int64_t hidden = d.hidden;
  const std::int64_t q_rows = static_cast<std::int64_t>(d.heads) * d.head_dim;
  const std::int64_t kv_rows = static_cast<std::int64_t>(d.kv_heads) * d.head_dim;
  LayerWeights w;
  w.input_norm = taker.take(p + "input_layernorm.weight", {hidden});
  w.q = taker.take(p + "self_attn.q_proj.weight", {q_rows, hidden});
  w.k = taker.take(p + "self_attn.k_proj.weight", {kv_rows, hidden});
  w.v = taker.take(p + "self_attn.v_proj.weight", {kv_rows, hidden});
  if (d.qkv_bias) {
    w.q_bias = taker.take(p + "self_attn.q_proj.bias", {q_rows});
    w.k_bias = taker.take(p + "self_attn.k_proj.bias", {kv_rows});
    w.v_bias = taker.take(p + "self_attn.v_proj.bias", {kv_rows});
  }
  if (d.qk_norm) {
    w.q_norm = taker.take(p + "self_attn.q_norm.weight", {d.head_dim});
    w.k_norm = taker.take(p + "self_attn.k_norm.weight", {d.head_dim});
  }
  w.o = taker.take(p + "self_attn.o_proj.weight", {hidden, q_rows});
  w.post_attention_norm = taker.take(p + "post_attention_layernorm.weight", {hidden});
  w.gate = taker.take(p + "mlp.gate_proj.weight", {d.intermediate, hidden});
  w.up = taker.take(p + "mlp.up_proj.weight", {d.intermediate, hidden});
  w.down = taker.take(p + "mlp.down_proj.weight", {hidden, d.intermediate});
  return w;
}

}  // namespace

Result<LlamaWeights> load_weights(const ModelDescription& d, const Checkpoint& checkpoint) {
  Taker taker(checkpoint);
  LlamaWeights weights;
  weights.embed = taker.take("model.embed_tokens.weight", {d.vocab, d.hidden});
  weights.final_norm = taker.take("model.norm.weight", {d.hidden});
  if (d.tie_word_embeddings) {
    weights.lm_head = weights.embed;
    taker.ignore("lm_head.weight");
  } else {
    weights.lm_head = taker.take("lm_head.weight", {d.vocab, d.hidden});
  }
  for (std::int32_t layer = 0; layer < d.layers; ++layer) weights.layers.push_back(take_layer(taker, d, layer));
  const Result<void> complete = taker.finish();
  if (!complete) return std::unexpected(complete.error());
  return weights;
}

}  // namespace baton::model
