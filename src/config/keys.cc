#include "config/keys.h"

#include <algorithm>
#include <array>

#include "config/gpu.h"

namespace baton::config {
namespace {

constexpr int number(auto enumerator) {
  return static_cast<int>(enumerator);
}

constexpr std::array kRoles{Choice{"prefill", number(Role::prefill)}, Choice{"decode", number(Role::decode)},
                            Choice{"both", number(Role::both)}};
constexpr std::array kEngines{
    Choice{"native", number(EngineKind::native)}, Choice{"simulated", number(EngineKind::simulated)},
    Choice{"vllm", number(EngineKind::vllm), false}, Choice{"sglang", number(EngineKind::sglang), false},
    Choice{"openai", number(EngineKind::openai), false}};
constexpr std::array kProtocols{Choice{"auto", number(KvProtocol::automatic)}, Choice{"rdma", number(KvProtocol::rdma)},
                                Choice{"tcp", number(KvProtocol::tcp)}, Choice{"shm", number(KvProtocol::shm)}};
constexpr std::array kPolicies{
    Choice{"round_robin", number(PlacementPolicy::round_robin)},
    Choice{"least_loaded", number(PlacementPolicy::least_loaded)},
    Choice{"power_of_two", number(PlacementPolicy::power_of_two)},
    Choice{"prefix_aware", number(PlacementPolicy::prefix_aware)}, Choice{"cost", number(PlacementPolicy::cost)}};
constexpr std::array kWeightTypes{Choice{"auto"}, Choice{"bfloat16"}, Choice{"float16"}, Choice{"float32"},
                                  Choice{"fp8"},  Choice{"int8"},     Choice{"int4"}};
constexpr std::array kKvTypes{Choice{"auto"},    Choice{"bfloat16"}, Choice{"float16"},
                              Choice{"float32"}, Choice{"fp8"},      Choice{"int8"}};
constexpr std::array kBackends{Choice{"ucx"}, Choice{"nixl"}};
constexpr std::array kLogLevels{Choice{"debug"}, Choice{"info"}, Choice{"warn"}, Choice{"error"}};
constexpr std::array kBlockTokens{Choice{"16", 16}, Choice{"32", 32}, Choice{"64", 64}};

constexpr Bounds kPort{1, 65535};
constexpr Bounds kPortOrAny{0, 65535};
constexpr Bounds kTime{1, 86'400'000};  // 1 ms to a day
constexpr Bounds kPathLength{0, 4096};
constexpr Bounds kNameLength{0, 255};
constexpr Bounds kListLength{0, 4096};

constexpr std::array kTopKeys{
    Key<Config>{{.name = "model",
                 .help = "Hugging Face id of the model, or the directory that holds it",
                 .bounds = {1, 4096},
                 .is_required = true},
                &Config::model},
    Key<Config>{{.name = "model_path",
                 .help = "Directory of the weights; a relative path starts at this file's directory",
                 .bounds = kPathLength,
                 .default_note = "`model` is the directory"},
                &Config::model_path},
    Key<Config>{{.name = "served_model_name",
                 .help = "Name clients use in requests",
                 .bounds = kNameLength,
                 .default_note = "`model`"},
                &Config::served_model_name},
    Key<Config>{{.name = "prefill_workers",
                 .help = "Workers that compute prompts",
                 .bounds = kListLength,
                 .apply = Apply::live},
                &Config::workers},
    Key<Config>{{.name = "decode_workers",
                 .help = "Workers that generate tokens from transferred KV caches",
                 .bounds = kListLength,
                 .apply = Apply::live},
                &Config::workers},
    Key<Config>{{.name = "workers",
                 .help = "Workers of any role, by default `both`",
                 .bounds = kListLength,
                 .apply = Apply::live},
                &Config::workers},
    Key<Config>{{.name = "kv_transfer", .help = "How KV caches move from prefill to decode workers"},
                &Config::kv_transfer},
    Key<Config>{{.name = "listen", .help = "Address of the HTTP endpoint, as a map or as \"host:port\""},
                &Config::listen},
    Key<Config>{{.name = "cors_origins",
                 .help = "Origins such as `https://chat.example` whose pages may call from a browser; `*` for any",
                 .bounds = {0, 64},
                 .default_note = "none"},
                &Config::cors_origins},
    Key<Config>{{.name = "threads", .help = "Router shards, each on a thread of its own", .bounds = {1, 256}},
                &Config::threads},
    Key<Config>{{.name = "scheduling", .help = "Placement and batching"}, &Config::scheduling},
    Key<Config>{{.name = "slo",
                 .help = "Latency promised to classes that promise none themselves; replaces the built-in promises",
                 .apply = Apply::live},
                &Config::slo},
    Key<Config>{{.name = "classes",
                 .help = "Request classes, in order of precedence",
                 .bounds = {0, 64},
                 .apply = Apply::live,
                 .default_note = "the [built-in ones](scheduling.md#classes)"},
                &Config::classes},
    Key<Config>{{.name = "limits", .help = "What the router accepts and how long it waits", .apply = Apply::live},
                &Config::limits},
    Key<Config>{{.name = "fault_tolerance", .help = "Detection of lost workers, and retries", .apply = Apply::live},
                &Config::fault_tolerance},
    Key<Config>{{.name = "auth_token",
                 .help = "Token that router and workers share",
                 .bounds = {1, 4096},
                 .default_note = "none",
                 .is_secret = true},
                &Config::auth_token},
    Key<Config>{{.name = "auth",
                 .help = "The same as `auth_token`, written `auth: {token: …}`",
                 .bounds = {1, 4096},
                 .default_note = "none",
                 .is_secret = true,
                 .synonym_of = "auth_token",
                 .nested = "token"},
                &Config::auth_token},
    Key<Config>{
        {.name = "log_level", .help = "Least level written to the log", .choices = kLogLevels, .apply = Apply::live},
        &Config::log_level},
    Key<Config>{{.name = "prices",
                 .help = "File of [GPU types and prices](#gpu-types-and-prices); a relative path starts at this file's "
                         "directory",
                 .bounds = kPathLength,
                 .apply = Apply::live,
                 .default_note = "the built-in ones"},
                &Config::prices},
    Key<Config>{{.name = "tls", .help = "Encryption of the HTTP endpoint"}, NotSupported{}},
    Key<Config>{{.name = "metrics", .help = "Settings of the metrics endpoint"}, NotSupported{}},
    Key<Config>{{.name = "discovery", .help = "Workers found through a registry"}, NotSupported{}},
    Key<Config>{{.name = "models", .help = "Several models in one deployment"}, NotSupported{}},
};

constexpr std::array kWorkerKeys{
    Key<WorkerConfig>{{.name = "host",
                       .help = "Host name or IP address",
                       .bounds = {1, 253},
                       .apply = Apply::live,
                       .format = "host",
                       .is_required = true},
                      &WorkerConfig::host},
    Key<WorkerConfig>{{.name = "port",
                       .help = "Control port; replicas take the ports after it",
                       .bounds = kPort,
                       .apply = Apply::live},
                      &WorkerConfig::port},
    Key<WorkerConfig>{{.name = "name",
                       .help = "Name in logs and metrics, unique",
                       .bounds = kNameLength,
                       .apply = Apply::worker_restart,
                       .default_note = "`host:port`"},
                      &WorkerConfig::name},
    Key<WorkerConfig>{{.name = "role",
                       .help = "What the worker does; must agree with the list it is in",
                       .choices = kRoles,
                       .apply = Apply::worker_restart,
                       .default_note = "from the list"},
                      &WorkerConfig::role},
    Key<WorkerConfig>{{.name = "gpu_type",
                       .help = "Kind of GPU, or `CPU`",
                       .bounds = kNameLength,
                       .apply = Apply::worker_restart,
                       .format = "GPU type"},
                      &WorkerConfig::gpu_type},
    Key<WorkerConfig>{{.name = "gpu_count",
                       .help = "GPUs of the worker, on one node",
                       .bounds = {1, 64},
                       .apply = Apply::worker_restart},
                      &WorkerConfig::gpu_count},
    Key<WorkerConfig>{{.name = "tensor_parallel",
                       .help = "GPUs that share one copy of the weights",
                       .bounds = {1, 64},
                       .apply = Apply::worker_restart,
                       .default_note = "`gpu_count`"},
                      &WorkerConfig::tensor_parallel},
    Key<WorkerConfig>{
        {.name = "engine", .help = "What runs the model", .choices = kEngines, .apply = Apply::worker_restart},
        &WorkerConfig::engine},
    Key<WorkerConfig>{{.name = "dtype",
                       .help = "Number format of the weights; `fp8` and `bfloat16` need a GPU that has them",
                       .choices = kWeightTypes,
                       .apply = Apply::worker_restart},
                      &WorkerConfig::dtype},
    Key<WorkerConfig>{{.name = "kv_dtype",
                       .help = "Number format of the KV cache",
                       .choices = kKvTypes,
                       .apply = Apply::worker_restart},
                      &WorkerConfig::kv_dtype},
    Key<WorkerConfig>{{.name = "replicas",
                       .help = "Equal workers on this host, on consecutive ports; their names end in -0, -1, …",
                       .bounds = {1, 64},
                       .apply = Apply::live},
                      &WorkerConfig::replicas},
    Key<WorkerConfig>{{.name = "max_batch",
                       .help = "Sequences in one engine step",
                       .bounds = {1, 4096},
                       .apply = Apply::worker_restart,
                       .default_note = "chosen by the worker"},
                      &WorkerConfig::max_batch},
    Key<WorkerConfig>{{.name = "kv_cache_gib",
                       .help = "Size of the KV cache in GiB",
                       .bounds = {0.001, 16384},
                       .apply = Apply::worker_restart,
                       .default_note = "chosen by the worker"},
                      &WorkerConfig::kv_cache_gib},
    Key<WorkerConfig>{{.name = "threads",
                       .help = "Threads of the CPU engine",
                       .bounds = {1, 4096},
                       .apply = Apply::worker_restart,
                       .default_note = "cores / workers on this host"},
                      &WorkerConfig::threads},
    Key<WorkerConfig>{
        {.name = "spawn", .help = "`batond --local` starts this worker", .default_note = "hosts of this machine only"},
        &WorkerConfig::spawn},
    Key<WorkerConfig>{{.name = "simulation", .help = "Of `engine: simulated`", .apply = Apply::worker_restart},
                      &WorkerConfig::simulation},
    Key<WorkerConfig>{{.name = "price_per_hour",
                       .help = "US dollars for the whole worker",
                       .bounds = {0, 1'000'000},
                       .apply = Apply::live,
                       .default_note = "GPUs at the price list's rate"},
                      &WorkerConfig::price_per_hour},
    Key<WorkerConfig>{
        {.name = "spot", .help = "The worker may be withdrawn at short notice", .apply = Apply::live},
        &WorkerConfig::spot},
    Key<WorkerConfig>{{.name = "zone",
                       .help = "Zone of the data centre",
                       .bounds = kNameLength,
                       .apply = Apply::live,
                       .default_note = "none"},
                      &WorkerConfig::zone},
    Key<WorkerConfig>{{.name = "rack",
                       .help = "Rack of the data centre",
                       .bounds = kNameLength,
                       .apply = Apply::live,
                       .default_note = "none"},
                      &WorkerConfig::rack},
};

constexpr std::array kSimulationKeys{
    Key<SimulationConfig>{{.name = "time_scale",
                           .help = "Times the duration the cost model gives a step; 0: no time at all",
                           .bounds = {0, 1000},
                           .apply = Apply::worker_restart},
                          &SimulationConfig::time_scale},
    Key<SimulationConfig>{{.name = "output_tokens",
                           .help = "Mean length of an answer; each ends by itself at a length drawn for it",
                           .bounds = {1, 1'000'000},
                           .apply = Apply::worker_restart},
                          &SimulationConfig::output_tokens},
    Key<SimulationConfig>{{.name = "kv_bytes_per_token",
                           .help = "KV that is really stored and moved, rounded up to 64 bytes",
                           .bounds = {64, 1 << 18},
                           .apply = Apply::worker_restart},
                          &SimulationConfig::kv_bytes_per_token},
};

constexpr std::array kListenKeys{
    Key<ListenConfig>{
        {.name = "host", .help = "Address to bind; `0.0.0.0` for all interfaces", .bounds = {1, 253}, .format = "host"},
        &ListenConfig::host},
    Key<ListenConfig>{{.name = "port", .help = "Port to bind; 0 lets the system choose", .bounds = kPortOrAny},
                      &ListenConfig::port},
};

constexpr std::array kKvTransferKeys{
    Key<KvTransferConfig>{
        {.name = "backend", .help = "Transport library; `nixl` is read as `ucx`", .choices = kBackends},
        &KvTransferConfig::backend},
    Key<KvTransferConfig>{
        {.name = "protocol", .help = "Path of the data; `auto` takes the fastest there is", .choices = kProtocols},
        &KvTransferConfig::protocol},
    Key<KvTransferConfig>{
        {.name = "allow_fallback", .help = "Use TCP where `rdma` was asked for but is not there, in place of refusing"},
        &KvTransferConfig::allow_fallback},
    Key<KvTransferConfig>{{.name = "devices",
                           .help = "Network devices to use, in the form of UCX_NET_DEVICES",
                           .bounds = {0, 64},
                           .default_note = "all"},
                          &KvTransferConfig::devices},
    Key<KvTransferConfig>{{.name = "codec", .help = "Compression on the wire"}, NotSupported{}},
};

constexpr std::array kLimitsKeys{
    Key<LimitsConfig>{
        {.name = "body_bytes", .help = "Body of a request", .bounds = {1 << 10, 1 << 30}, .apply = Apply::live},
        &LimitsConfig::body_bytes},
    Key<LimitsConfig>{
        {.name = "header_bytes", .help = "Header of a request", .bounds = {1 << 10, 1 << 24}, .apply = Apply::live},
        &LimitsConfig::header_bytes},
    Key<LimitsConfig>{{.name = "queue_requests",
                       .help = "Requests waiting for a worker; more are refused with 429",
                       .bounds = {0, 1'000'000},
                       .apply = Apply::live},
                      &LimitsConfig::queue_requests},
    Key<LimitsConfig>{{.name = "running_requests",
                       .help = "Requests in flight; more wait in the queue",
                       .bounds = {1, 1'000'000},
                       .apply = Apply::live},
                      &LimitsConfig::running_requests},
    Key<LimitsConfig>{
        {.name = "connections", .help = "Open client connections", .bounds = {1, 1'000'000}, .apply = Apply::live},
        &LimitsConfig::connections},
    Key<LimitsConfig>{{.name = "request_timeout",
                       .help = "A request from its arrival to its last token",
                       .bounds = kTime,
                       .apply = Apply::live},
                      &LimitsConfig::request_timeout},
    Key<LimitsConfig>{{.name = "queue_timeout", .help = "Waiting for a worker", .bounds = kTime, .apply = Apply::live},
                      &LimitsConfig::queue_timeout},
    Key<LimitsConfig>{
        {.name = "header_timeout", .help = "Receiving a request's header", .bounds = kTime, .apply = Apply::live},
        &LimitsConfig::header_timeout},
    Key<LimitsConfig>{
        {.name = "body_timeout", .help = "Receiving a request's body", .bounds = kTime, .apply = Apply::live},
        &LimitsConfig::body_timeout},
    Key<LimitsConfig>{
        {.name = "idle_timeout", .help = "A connection without a request", .bounds = kTime, .apply = Apply::live},
        &LimitsConfig::idle_timeout},
    Key<LimitsConfig>{
        {.name = "write_timeout", .help = "A client that does not read", .bounds = kTime, .apply = Apply::live},
        &LimitsConfig::write_timeout},
    Key<LimitsConfig>{{.name = "drain_delay",
                       .help = "After SIGTERM: still serving while `/ready` answers 503, for load balancers to notice",
                       .bounds = {0, 3'600'000},
                       .apply = Apply::live},
                      &LimitsConfig::drain_delay},
    Key<LimitsConfig>{{.name = "drain_timeout",
                       .help = "After that: running requests may finish, new ones get 503; what is left is cut",
                       .bounds = {0, 86'400'000},
                       .apply = Apply::live},
                      &LimitsConfig::drain_timeout},
};

constexpr std::array kSchedulingKeys{
    Key<SchedulingConfig>{
        {.name = "policy", .help = "How the worker of a request is chosen", .choices = kPolicies, .apply = Apply::live},
        &SchedulingConfig::policy},
    Key<SchedulingConfig>{
        {.name = "prefill_chunk_tokens", .help = "Tokens of one engine step spent on prompts", .bounds = {16, 65536}},
        &SchedulingConfig::prefill_chunk_tokens},
    Key<SchedulingConfig>{
        {.name = "block_tokens", .help = "Tokens in one block of the KV cache", .choices = kBlockTokens},
        &SchedulingConfig::block_tokens},
    Key<SchedulingConfig>{{.name = "local_below_tokens",
                           .help = "The decode worker computes prompts shorter than this itself",
                           .bounds = {0, 1'000'000},
                           .apply = Apply::live},
                          &SchedulingConfig::local_below_tokens},
    Key<SchedulingConfig>{{.name = "slo_headroom",
                           .help = "Share of an objective that the expected latency of a placement may take up",
                           .bounds = {0.05, 1}},
                          &SchedulingConfig::slo_headroom},
    Key<SchedulingConfig>{{.name = "explain",
                           .help = "Keep the reasons of the last placements: x-baton-explain: 1 on a request returns "
                                   "its own, GET /admin/decisions the last ones. They name workers and prices"},
                          &SchedulingConfig::explain},
    Key<SchedulingConfig>{{.name = "worker_queue",
                           .help = "Backlog of a worker beyond which requests wait in the router, in order of priority "
                                   "and fairness; 0 sends them at once",
                           .bounds = {0, 600'000}},
                          &SchedulingConfig::worker_queue},
    Key<SchedulingConfig>{{.name = "priority_ageing",
                           .help = "Waiting this long counts like one step of priority; 0: waiting does not count",
                           .bounds = {0, 3'600'000}},
                          &SchedulingConfig::priority_ageing},
    Key<SchedulingConfig>{{.name = "shed_ttft_factor",
                           .help = "Requests that would wait longer than this times their `ttft_ms` (at least 1 s) are "
                                   "refused at once; 0: never for this reason",
                           .bounds = {0, 1'000'000}},
                          &SchedulingConfig::shed_ttft_factor},
    Key<SchedulingConfig>{{.name = "spot_losses_per_hour",
                           .help = "How often one spot worker is taken away",
                           .bounds = {0, 3600}},
                          &SchedulingConfig::spot_losses_per_hour},
    Key<SchedulingConfig>{{.name = "host_link_gbps",
                           .help = "KV transfer inside one host, Gb/s, until it was measured",
                           .bounds = {0.001, 100'000}},
                          &SchedulingConfig::host_link_gbps},
    Key<SchedulingConfig>{{.name = "rack_link_gbps",
                           .help = "The same inside one rack",
                           .bounds = {0.001, 100'000}},
                          &SchedulingConfig::rack_link_gbps},
    Key<SchedulingConfig>{{.name = "zone_link_gbps",
                           .help = "The same inside one zone, and where workers do not say where they are",
                           .bounds = {0.001, 100'000}},
                          &SchedulingConfig::zone_link_gbps},
    Key<SchedulingConfig>{{.name = "remote_link_gbps",
                           .help = "The same between zones",
                           .bounds = {0.001, 100'000}},
                          &SchedulingConfig::remote_link_gbps},
    Key<SchedulingConfig>{{.name = "remote_dollars_per_gb",
                           .help = "Price of traffic between zones",
                           .bounds = {0, 100}},
                          &SchedulingConfig::remote_dollars_per_gb},
};

constexpr std::array kFaultKeys{
    Key<FaultConfig>{{.name = "max_attempts",
                      .help = "Tries of one request, the first one included",
                      .bounds = {1, 100},
                      .apply = Apply::live},
                     &FaultConfig::max_attempts},
    Key<FaultConfig>{
        {.name = "connect_timeout", .help = "Connecting to a worker", .bounds = kTime, .apply = Apply::live},
        &FaultConfig::connect_timeout},
    Key<FaultConfig>{
        {.name = "ping_interval", .help = "Between two pings of a worker", .bounds = kTime, .apply = Apply::live},
        &FaultConfig::ping_interval},
    Key<FaultConfig>{{.name = "ping_timeout",
                      .help = "Silence after which a worker counts as lost",
                      .bounds = kTime,
                      .apply = Apply::live},
                     &FaultConfig::ping_timeout},
    Key<FaultConfig>{{.name = "role_fallback",
                      .help = "With no worker of a role left, any other serves whole requests",
                      .apply = Apply::live},
                     &FaultConfig::role_fallback},
};

}  // namespace

template <>
std::span<const Key<Config>> keys<Config>() {
  return kTopKeys;
}
template <>
std::span<const Key<WorkerConfig>> keys<WorkerConfig>() {
  return kWorkerKeys;
}
template <>
std::span<const Key<SimulationConfig>> keys<SimulationConfig>() {
  return kSimulationKeys;
}
template <>
std::span<const Key<ListenConfig>> keys<ListenConfig>() {
  return kListenKeys;
}
template <>
std::span<const Key<KvTransferConfig>> keys<KvTransferConfig>() {
  return kKvTransferKeys;
}
template <>
std::span<const Key<LimitsConfig>> keys<LimitsConfig>() {
  return kLimitsKeys;
}
template <>
std::span<const Key<SchedulingConfig>> keys<SchedulingConfig>() {
  return kSchedulingKeys;
}
template <>
std::span<const Key<FaultConfig>> keys<FaultConfig>() {
  return kFaultKeys;
}

std::string_view choice_name(std::span<const Choice> choices, int value) {
  const auto found = std::ranges::find(choices, value, &Choice::value);
  return found == choices.end() ? std::string_view() : found->name;
}

}  // namespace baton::config
