#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "config/config.h"
#include "config/gpu.h"
#include "config/yaml_tree.h"

namespace baton::config {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

/// Problems of `text` as a user sees them, one a line.
std::vector<std::string> problems_of(const std::string& text) {
  const auto config = parse_config(text, "b.yaml");
  std::vector<std::string> out;
  if (config) return out;
  for (const ConfigProblem& problem : config.error()) out.push_back(problem.format());
  return out;
}

/// A good file with `extra` lines added at the end.
std::string with(const std::string& extra) {
  return "model: m\nworkers:\n  - host: h\n" + extra;
}

/// A good file whose only worker, of both roles, has `extra` (indented by the caller) in line 4 and after.
std::string with_worker(const std::string& extra) {
  return "model: m\nworkers:\n  - host: h\n" + extra;
}

struct Case {
  std::string name;
  std::string text;
  std::string expected;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

class OneProblem : public testing::TestWithParam<Case> {};

TEST_P(OneProblem, is_reported_alone_with_line_key_and_remedy) {
  EXPECT_THAT(problems_of(GetParam().text), ElementsAre(GetParam().expected));
}

const std::string kNotDuration = " is not a duration; write for example 500ms, 30s or 2m (plain numbers: seconds)";

INSTANTIATE_TEST_SUITE_P(
    Values, OneProblem,
    testing::Values(
        Case{"text_for_a_whole_number", with("threads: eight\n"),
             R"(b.yaml:4: threads: "eight" is not a whole number; write one between 1 and 256)"},
        Case{"fraction_for_a_whole_number", with("threads: 1.5\n"),
             R"(b.yaml:4: threads: "1.5" is not a whole number; write one between 1 and 256)"},
        Case{"number_beyond_64_bits", with("threads: 99999999999999999999\n"),
             R"(b.yaml:4: threads: "99999999999999999999" is not a whole number; write one between 1 and 256)"},
        Case{"quoted_number", with("threads: \"8\"\n"),
             R"(b.yaml:4: threads: "8" is text, not a whole number; remove the quotes)"},
        Case{"list_for_a_number", with("threads: [1]\n"), "b.yaml:4: threads: a list is not a whole number"},
        Case{"nothing_for_a_number", with("threads:\n"), "b.yaml:4: threads: nothing is not a whole number"},
        Case{"number_below_its_bounds", with("threads: 0\n"),
             "b.yaml:4: threads: 0 is out of bounds; it must be between 1 and 256"},
        Case{"port_above_its_bounds", with_worker("    port: 65536\n"),
             "b.yaml:4: workers[0].port: 65536 is out of bounds; it must be between 1 and 65535"},
        Case{"port_zero", with_worker("    port: 0\n"),
             "b.yaml:4: workers[0].port: 0 is out of bounds; it must be between 1 and 65535"},
        Case{"negative_price", with_worker("    price_per_hour: -0.5\n"),
             "b.yaml:4: workers[0].price_per_hour: -0.5 is out of bounds; it must be between 0 and 1000000"},
        Case{"infinite_price", with_worker("    price_per_hour: inf\n"),
             R"(b.yaml:4: workers[0].price_per_hour: "inf" is not a number)"},
        Case{"quoted_price", with_worker("    price_per_hour: '2'\n"),
             R"(b.yaml:4: workers[0].price_per_hour: "2" is text, not a number; remove the quotes)"},
        Case{"small_kv_cache", with_worker("    kv_cache_gib: 0\n"),
             "b.yaml:4: workers[0].kv_cache_gib: 0 is out of bounds; it must be between 0.001 and 16384"},
        Case{"word_for_a_flag", with_worker("    spot: maybe\n"),
             R"(b.yaml:4: workers[0].spot: "maybe" is not true or false)"},
        Case{"quoted_flag", with_worker("    spot: \"true\"\n"),
             R"(b.yaml:4: workers[0].spot: "true" is text, not true or false; remove the quotes)"},
        Case{"unknown_unit_of_a_duration", with("limits: {idle_timeout: 5parsec}\n"),
             R"(b.yaml:4: limits.idle_timeout: "5parsec")" + kNotDuration},
        Case{"map_for_a_duration", with("limits: {idle_timeout: {}}\n"),
             "b.yaml:4: limits.idle_timeout: a map" + kNotDuration},
        Case{"negative_duration", with("limits: {idle_timeout: -3s}\n"),
             "b.yaml:4: limits.idle_timeout: -3s is out of bounds; it must be between 1ms and 24h"},
        Case{"endless_duration", with("limits: {idle_timeout: 1e300}\n"),
             R"(b.yaml:4: limits.idle_timeout: "1e300")" + kNotDuration},
        Case{
            "unknown_unit_of_a_size", with("limits: {body_bytes: 32XB}\n"),
            R"(b.yaml:4: limits.body_bytes: "32XB" is not a size; write for example 32MiB, or a plain number of bytes)"},
        Case{"list_for_a_size", with("limits: {body_bytes: []}\n"),
             "b.yaml:4: limits.body_bytes: a list is not a size; write for example 32MiB"},
        Case{"large_size", with("limits: {body_bytes: 2GiB}\n"),
             "b.yaml:4: limits.body_bytes: 2GiB is out of bounds; it must be between 1KiB and 1GiB"},
        Case{"map_for_a_text", with("log_level: debug\nserved_model_name: {}\n"),
             "b.yaml:5: served_model_name: a map is not a text; write a single value"},
        Case{"empty_model", "model: ''\nworkers: [{host: h}]\n",
             R"(b.yaml:1: model: "" is empty; write a value or remove the key)"},
        Case{"long_text", with("served_model_name: " + std::string(300, 'x') + "\n"),
             "b.yaml:4: served_model_name: \"" + std::string(60, 'x') +
                 "…\" is too long; at most 255 characters are allowed"},
        Case{"control_characters", with("served_model_name: \"a\\nb\"\n"),
             R"(b.yaml:4: served_model_name: "a\x0ab" holds control characters; remove them)"},
        Case{"spaces_in_a_host", "model: m\nworkers:\n  - host: my node\n",
             R"(b.yaml:3: workers[0].host: "my node" is not a host name or IP address)"},
        Case{"port_in_a_host", "model: m\nworkers:\n  - host: h:77\n",
             R"(b.yaml:3: workers[0].host: "h:77" holds a port; write it under its own key, port)"},
        Case{"unknown_choice_near_a_known_one", with("kv_transfer: {protocol: rmda}\n"),
             R"(b.yaml:4: kv_transfer.protocol: "rmda" is not one of auto, rdma, tcp, shm; did you mean rdma?)"},
        Case{"unknown_choice", with("kv_transfer: {protocol: pigeon}\n"),
             R"(b.yaml:4: kv_transfer.protocol: "pigeon" is not one of auto, rdma, tcp, shm; choose one of them)"},
        Case{"list_for_a_choice", with("kv_transfer: {backend: []}\n"),
             "b.yaml:4: kv_transfer.backend: a list is not one of ucx, nixl; choose one of them"},
        Case{"unknown_policy", with("scheduling: {policy: best}\n"),
             "b.yaml:4: scheduling.policy: \"best\" is not one of round_robin, least_loaded, power_of_two, prefix_aware, cost; "
             "choose one of them"},
        Case{"unknown_block_size", with("scheduling: {block_tokens: 24}\n"),
             R"(b.yaml:4: scheduling.block_tokens: "24" is not one of 16, 32, 64; choose one of them)"},
        Case{"text_for_a_list_of_devices", with("kv_transfer: {devices: mlx5_0}\n"),
             R"(b.yaml:4: kv_transfer.devices: "mlx5_0" is not a list; write [first, second])"},
        Case{"map_among_devices", with("kv_transfer: {devices: [{}]}\n"),
             "b.yaml:4: kv_transfer.devices: a map is not a text; write a single value"},
        Case{"address_without_port", with("listen: localhost\n"),
             R"(b.yaml:4: listen: "localhost" is not an address; write "host:port", such as 127.0.0.1:8000)"},
        Case{"address_without_host", with("listen: ':8000'\n"),
             R"(b.yaml:4: listen: ":8000" is not an address; write "host:port", such as 127.0.0.1:8000)"},
        Case{"address_with_a_bad_port", with("listen: 'h:http'\n"),
             R"(b.yaml:4: listen: "http" is not a whole number; write one between 0 and 65535)"},
        Case{"address_with_a_large_port", with("listen: h:80000\n"),
             "b.yaml:4: listen: 80000 is out of bounds; it must be between 0 and 65535"}),
    [](const auto& instance) { return instance.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Structure, OneProblem,
    testing::Values(
        Case{"missing_model", "workers: [{host: h}]\n",
             "b.yaml:1: model: the key is missing; add it: Hugging Face id of the model, or the directory that holds "
             "it"},
        Case{"missing_host", "model: m\nworkers:\n  - port: 1\n",
             "b.yaml:3: workers[0].host: the key is missing; add it: Host name or IP address"},
        Case{"unknown_key_near_a_known_one", with("shedulling: {}\n"),
             "b.yaml:4: shedulling: unknown key; did you mean scheduling?"},
        Case{"unknown_key_in_another_notation", with("kvTransfer: {}\n"),
             "b.yaml:4: kvTransfer: unknown key; did you mean kv_transfer?"},
        Case{"unknown_key_of_a_worker", with_worker("    gpu_typ: L4\n"),
             "b.yaml:4: workers[0].gpu_typ: unknown key; did you mean gpu_type?"},
        Case{"unknown_key_far_from_all", with("colour: red\n"),
             "b.yaml:4: colour: unknown key; remove it (docs/configuration.md lists all keys)"},
        Case{"merge_key", with_worker("    <<: {port: 1}\n"),
             "b.yaml:4: workers[0].<<: unknown key; remove it (docs/configuration.md lists all keys)"},
        Case{"duplicate_key", with("threads: 1\nthreads: 2\n"),
             "b.yaml:5: threads: the key is given twice, first in line 4; remove one"},
        Case{"duplicate_key_in_a_worker", with_worker("    port: 1\n    port: 1\n"),
             "b.yaml:5: workers[0].port: the key is given twice, first in line 4; remove one"},
        Case{"text_for_a_section", with("limits: high\n"),
             R"(b.yaml:4: limits: "high" is not a map; write its keys, such as body_bytes, on lines of their own)"},
        Case{"map_for_a_worker_list", with("prefill_workers: {host: p}\n"),
             R"(b.yaml:4: prefill_workers: a map is not a list; begin each worker with "- host:")"},
        Case{"text_for_a_worker", "model: m\nworkers:\n  - host: h\n  - other\n",
             R"(b.yaml:4: workers[1]: "other" is not a worker; write "- host: NAME" and its other keys below)"},
        Case{"both_forms_of_the_token", with("auth_token: s3cret\nauth: {token: s3cret}\n"),
             "b.yaml:5: auth: given together with auth_token; remove one"},
        Case{"text_for_auth", with("auth: s3cret\n"),
             R"(b.yaml:4: auth: the value is not a map; write "auth: {token: …}")"},
        Case{"empty_token", with("auth_token: ''\n"),
             "b.yaml:4: auth_token: the value is empty; write a value or remove the key"},
        Case{"auth_without_token", with("auth: {}\n"),
             "b.yaml:4: auth.token: the key is missing; add it, or remove auth"},
        Case{"unknown_key_in_auth", with("auth: {token: s, secret: s}\n"),
             "b.yaml:4: auth.secret: unknown key; the only one here is token"},
        Case{"duplicate_key_in_auth", with("auth: {token: s, token: t}\n"),
             "b.yaml:4: auth.token: the key is given twice; remove one"},
        Case{"section_of_a_later_release", with("tls: {}\n"), "b.yaml:4: tls: not supported yet; remove the key"},
        Case{"codec", with("kv_transfer: {codec: fp8}\n"),
             "b.yaml:4: kv_transfer.codec: not supported yet; remove the key"},
        Case{"engine_of_a_later_release", with_worker("    engine: vllm\n"),
             R"(b.yaml:4: workers[0].engine: "vllm" is not supported yet; use native)"},
        Case{"unknown_engine", with_worker("    engine: magic\n"),
             R"(b.yaml:4: workers[0].engine: "magic" is not one of native, simulated; choose one of them)"},
        Case{"empty_file", "", "b.yaml: the file is empty; config/local.yaml is an example to start from"},
        Case{"comments_only", "# nothing\n",
             "b.yaml: the file is empty; config/local.yaml is an example to start from"},
        Case{"list_as_document", "- model: m\n",
             "b.yaml:1: the file is not a map of keys; config/local.yaml is an example to start from"},
        Case{"text_as_document", "hello\n",
             "b.yaml:1: the file is not a map of keys; config/local.yaml is an example to start from"}),
    [](const auto& instance) { return instance.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Rules, OneProblem,
    testing::Values(
        Case{"decode_role_among_prefill_workers",
             "model: m\nprefill_workers: [{host: a}, {host: b, role: decode}]\ndecode_workers: [{host: c}]\n",
             "b.yaml:2: prefill_workers[1].role: the role contradicts the list the worker is in; move the worker to "
             "decode_workers or set role: prefill"},
        Case{"prefill_role_among_decode_workers",
             "model: m\nprefill_workers: [{host: a}]\ndecode_workers: [{host: c}, {host: d, role: prefill}]\n",
             "b.yaml:3: decode_workers[1].role: the role contradicts the list the worker is in; move the worker to "
             "prefill_workers or set role: decode"},
        Case{"both_roles_among_decode_workers",
             "model: m\nprefill_workers: [{host: a}]\ndecode_workers: [{host: c, role: both}]\n",
             "b.yaml:3: decode_workers[0].role: the role contradicts the list the worker is in; move the worker to "
             "workers or set role: decode"},
        Case{"no_prefill_path", "model: m\ndecode_workers: [{host: c}]\n",
             "b.yaml: prefill_workers: no worker can prefill; add one here, or one with role: both under workers"},
        Case{"empty_prefill_list", "model: m\ndecode_workers: [{host: c}]\nprefill_workers:\n",
             "b.yaml:3: prefill_workers: no worker can prefill; add one here, or one with role: both under workers"},
        Case{"no_decode_path", "model: m\ndecode_workers: []\nworkers: [{host: c, role: prefill}]\n",
             "b.yaml:2: decode_workers: no worker can decode; add one here, or one with role: both under workers"},
        Case{"fp8_on_ampere", with_worker("    gpu_type: A100_80G_SXM\n    dtype: fp8\n"),
             "b.yaml:5: workers[0].dtype: A100_80G_SXM has no FP8; use bfloat16, float16, int8 or int4 (GPUs with FP8: "
             "H100_SXM5, H100_PCIe, H200, B200, L40S, L4, RTX_5090, RTX_4090)"},
        Case{"bfloat16_on_turing", with_worker("    gpu_type: T4\n    dtype: bfloat16\n"),
             "b.yaml:5: workers[0].dtype: T4 has no bfloat16; use float16, or a GPU since Ampere"},
        Case{"bfloat16_cache_on_volta", with_worker("    gpu_type: V100\n    kv_dtype: bfloat16\n"),
             "b.yaml:5: workers[0].kv_dtype: V100 has no bfloat16; use float16, or a GPU since Ampere"},
        Case{"more_ranks_than_gpus", with_worker("    gpu_count: 2\n    tensor_parallel: 4\n"),
             "b.yaml:5: workers[0].tensor_parallel: 4 is more than the worker's gpu_count of 2; lower it or raise "
             "gpu_count"},
        Case{"replicas_past_the_last_port", with_worker("    port: 65535\n    replicas: 2\n"),
             "b.yaml:5: workers[0].replicas: 2 replicas from port 65535 on need ports above 65535; lower port or "
             "replicas"},
        Case{"same_host_and_port", "model: m\nworkers:\n  - host: h\n  - host: H\n    port: 7700\n",
             "b.yaml:5: workers[1].port: H:7700 is already used by workers[0] in line 3; give each worker a port of "
             "its own"},
        Case{"port_inside_a_range_of_replicas",
             "model: m\nworkers:\n  - {host: h, port: 10, replicas: 4}\n  - {host: h, port: 13}\n",
             "b.yaml:4: workers[1].port: h:13 is already used by workers[0] in line 3; give each worker a port of its "
             "own"},
        Case{"same_name", "model: m\nworkers:\n  - {host: a, name: w}\n  - {host: b, name: w}\n",
             R"(b.yaml:4: workers[1].name: "w" is already the name of workers[0]; choose another)"},
        Case{"pings_slower_than_their_timeout", with("fault_tolerance: {ping_interval: 5s}\n"),
             "b.yaml:4: fault_tolerance.ping_timeout: must be longer than ping_interval, or every worker counts as "
             "lost between two pings"}),
    [](const auto& instance) { return instance.param.name; });

TEST(Problems, list_every_gpu_type_for_an_unknown_one_and_hint_at_the_nearest) {
  EXPECT_THAT(
      problems_of(with_worker("    gpu_type: l40s\n")),
      ElementsAre(AllOf(HasSubstr(R"(b.yaml:4: workers[0].gpu_type: unknown GPU type "l40s"; did you mean L40S?)"),
                        HasSubstr("RTX_4090, T4, V100, CPU"))));
  EXPECT_THAT(problems_of(with_worker("    gpu_type: H100\n")), ElementsAre(HasSubstr("did you mean H100_SXM5?")));
  EXPECT_THAT(problems_of(with_worker("    gpu_type: RTX4090\n")), ElementsAre(HasSubstr("did you mean RTX_4090?")));
  EXPECT_THAT(problems_of(with_worker("    gpu_type: TPU_v5p_pod\n")),
              ElementsAre(AllOf(HasSubstr("; known types: H100_SXM5,"), Not(HasSubstr("did you mean")))));
}

TEST(Problems, accept_fp8_on_every_gpu_that_has_it_and_refuse_it_on_every_other) {
  for (const perf::GpuSpec& gpu : perf::builtin_catalogue().gpus) {
    const auto found = problems_of(with_worker("    gpu_type: " + gpu.name + "\n    dtype: fp8\n"));
    EXPECT_EQ(found.empty(), has_fp8(gpu)) << gpu.name;
  }
}

TEST(Problems, are_all_reported_at_once_in_file_order) {
  EXPECT_THAT(problems_of("threads: 0\nprefil_workers: []\nworkers:\n  - hots: h\n    gpu_count: x\n"),
              ElementsAre(HasSubstr("b.yaml:1: model:"), HasSubstr("b.yaml:1: threads:"),
                          HasSubstr("b.yaml:2: prefil_workers:"), HasSubstr("b.yaml:4: workers[0].host:"),
                          HasSubstr("b.yaml:4: workers[0].hots:"), HasSubstr("b.yaml:5: workers[0].gpu_count:")));
}

TEST(Problems, never_show_the_token) {
  const std::string token = "s3cret\\x07";
  for (const std::string& line : {"auth_token: \"" + token + "\"\n", "auth: {token: \"" + token + "\"}\n"}) {
    EXPECT_THAT(problems_of(with(line)), ElementsAre(AllOf(HasSubstr("control characters"), Not(HasSubstr("s3cret")))));
  }
}

TEST(Problems, beyond_a_hundred_are_counted) {
  std::string text = with("");
  for (int i = 0; i < 150; ++i) text += "zz" + std::to_string(i) + ": 1\n";
  const auto found = problems_of(text);
  EXPECT_THAT(found, SizeIs(101));
  EXPECT_EQ(found.back(), "b.yaml: 50 more problems");
}

TEST(Problems, of_syntax_name_the_line) {
  EXPECT_THAT(problems_of("model: m\nworkers: [\n"), ElementsAre(HasSubstr("not valid YAML")));
  EXPECT_THAT(problems_of("model: m\n\tworkers: x\n"), ElementsAre(HasSubstr("b.yaml:2: not valid YAML")));
  EXPECT_THAT(problems_of("model: m\nworkers: *nowhere\n"), ElementsAre(HasSubstr("b.yaml:2: not valid YAML")));
  EXPECT_THAT(problems_of("model: \"m\n"), ElementsAre("b.yaml:1: not valid YAML: a quoted text is never closed; look "
                                                       "for a missing quote here or above"));
  EXPECT_THAT(problems_of("? [a]\n: b\n"), ElementsAre(HasSubstr("b.yaml:1: not valid YAML: a key must be")));
  EXPECT_THAT(problems_of("~: b\n"), ElementsAre(HasSubstr("b.yaml:1: not valid YAML: a key must be")));
  EXPECT_THAT(problems_of("model: !!str m\n"), ElementsAre(HasSubstr("b.yaml:1: not valid YAML: YAML tags")));
  EXPECT_THAT(problems_of(with("---\nmodel: n\n")), ElementsAre(HasSubstr("more than one YAML document")));
  EXPECT_THAT(problems_of(std::string("model: m\0", 9)), ElementsAre(HasSubstr("binary data")));
}

TEST(Problems, of_deep_nesting_and_self_reference_are_bounded) {
  EXPECT_THAT(problems_of("a: " + std::string(100, '[') + std::string(100, ']')),
              ElementsAre(HasSubstr("nested too deeply")));
  EXPECT_THAT(problems_of(std::string(500'000, '[')), ElementsAre(HasSubstr("not valid YAML")));
  EXPECT_THAT(problems_of("workers: &w [*w]\n"), ElementsAre(HasSubstr("refers to the value it is part of")));
}

TEST(Problems, of_alias_bombs_are_bounded) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string previous = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + previous;
    for (int k = 0; k < 9; ++k) text += ", " + previous;
    text += "]\n";
  }
  EXPECT_THAT(problems_of(text), ElementsAre(HasSubstr("too large once aliases are expanded")));
}

TEST(Problems, of_large_files_are_bounded) {
  EXPECT_THAT(problems_of(std::string(kMaxYamlBytes + 1, '#')), ElementsAre(HasSubstr("at most 1 MiB")));
  std::string text = "model: m\nworkers:\n";
  for (int i = 0; i < 5000; ++i) text += "  - {host: h" + std::to_string(i) + "}\n";
  EXPECT_THAT(problems_of(text), Contains(HasSubstr("the list has 5000 workers; at most 4096 are allowed")));
  std::string devices = "kv_transfer:\n  devices: [";
  for (int i = 0; i < 65; ++i) devices += "d,";
  EXPECT_THAT(problems_of(with(devices + "]\n")), ElementsAre(HasSubstr("the list has 65 entries; at most 64")));
}

TEST(Problems, of_files_that_cannot_be_read_say_why) {
  const auto missing = load_config("/nonexistent/b.yaml");
  ASSERT_FALSE(missing);
  EXPECT_EQ(format_problems(missing.error()), "/nonexistent/b.yaml: cannot be opened: No such file or directory\n");
  const auto directory = load_config("/tmp");
  ASSERT_FALSE(directory);
  EXPECT_EQ(format_problems(directory.error()), "/tmp: this is a directory; name the YAML file in it\n");
}

}  // namespace
}  // namespace baton::config
