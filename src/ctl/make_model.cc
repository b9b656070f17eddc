#include <charconv>
#include <cstdint>
#include <iomanip>
#include <optional>
#include <ostream>
#include <string>

#include "ctl/command.h"
#include "model/make_model.h"

namespace baton::ctl {
namespace {

struct Options {
  model::ModelSpec spec;
  std::string out;
};

std::string usage() {
  std::string names;
  for (const model::ModelPreset& preset : model::model_presets()) {
    names += names.empty() ? "" : ", ";
    names += preset.name;
  }
  return "usage: batonctl make-model --like NAME --out DIR [--seed N] [--layers N] [--vocab N]\n"
         "Writes a Hugging Face directory with random weights and the shapes of NAME: " +
         names + ".\n";
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Options of the command line, or what is wrong with it.
Result<Options> parse(Arguments arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); i += 2) {
    const std::string name(arguments[i]);
    if (i + 1 == arguments.size()) return fail(Errc::invalid_request, name + " needs a value");
    const std::string_view value = arguments[i + 1];
    bool valid = !value.empty();
    if (name == "--like") {
      options.spec.like = value;
    } else if (name == "--out") {
      options.out = value;
    } else if (name == "--seed") {
      const auto seed = parse_number<std::uint64_t>(value);
      valid = seed.has_value();
      options.spec.seed = seed.value_or(0);
    } else if (name == "--layers") {
      options.spec.layers = parse_number<std::int32_t>(value);
      valid = options.spec.layers.has_value();
    } else if (name == "--vocab") {
      options.spec.vocab = parse_number<std::int32_t>(value);
      valid = options.spec.vocab.has_value();
    } else {
      return fail(Errc::invalid_request, "unknown option '" + name + "'");
    }
    if (!valid) return fail(Errc::invalid_request, "'" + std::string(value) + "' is no value for " + name);
  }
  if (options.spec.like.empty()) return fail(Errc::invalid_request, "--like is missing");
  if (options.out.empty()) return fail(Errc::invalid_request, "--out is missing");
  return options;
}

}  // namespace

int run_make_model(Arguments arguments, Console console) {
  if (!arguments.empty() && (arguments.front() == "--help" || arguments.front() == "-h")) {
    console.out << usage();
    return kOk;
  }
  const Result<Options> options = parse(arguments);
  if (!options) {
    console.err << "batonctl make-model: " << options.error().message << '\n' << usage();
    return kUsage;
  }
  const Result<model::MadeModel> made = model::make_model(options->spec, options->out);
  if (!made) {
    console.err << "batonctl make-model: " << made.error().message << '\n';
    return made.error().code == Errc::invalid_request ? kUsage : kFailed;
  }
  console.out << std::fixed << std::setprecision(1) << options->out << ": " << options->spec.like
              << " with random weights, " << static_cast<double>(made->parameters) / 1e6 << " million parameters, "
              << static_cast<double>(made->bytes) / 1e6 << " MB in " << made->files
              << (made->files == 1 ? " file\n" : " files\n");
  return kOk;
}

}  // namespace baton::ctl
