# The module DAG (docs/architecture.md). A module may include only its DEPS and what those may include.
add_library(baton_api INTERFACE)  # include/baton: contracts, standard library only
target_include_directories(baton_api INTERFACE ${CMAKE_SOURCE_DIR}/include)

baton_module(core DEPS api LIBS spdlog::spdlog)
baton_module(metrics DEPS core)
baton_module(text DEPS core LIBS nlohmann_json::nlohmann_json PkgConfig::PCRE2 baton_utf8proc)
baton_module(openai DEPS core LIBS nlohmann_json::nlohmann_json)
baton_module(kv DEPS core)
baton_module(perf DEPS core)  # performance and cost of a model on a worker
baton_module(config DEPS perf LIBS yaml-cpp)
baton_module(wire DEPS perf LIBS protobuf::libprotobuf PROTO wire.proto)
baton_module(classify DEPS core)
baton_module(cluster DEPS perf)
baton_module(grammar DEPS core LIBS nlohmann_json::nlohmann_json)  # constrained decoding
add_subdirectory(kernels)  # baton_kernels: DEPS api
baton_module(aio DEPS core LIBS baton_asio)
baton_module(http DEPS aio LIBS baton_asio)
baton_module(transfer DEPS core LIBS baton_ucx)
baton_module(model DEPS text LIBS nlohmann_json::nlohmann_json)
baton_module(engine DEPS kv model kernels grammar perf)
baton_module(schedule DEPS cluster classify kv perf)
baton_module(sim DEPS schedule)
baton_module(supervise DEPS config aio LIBS baton_asio)
baton_module(router DEPS config metrics text openai grammar wire http schedule LIBS baton_asio)
baton_module(worker DEPS config metrics wire aio engine transfer LIBS baton_asio)
baton_module(ctl DEPS router worker sim LIBS nlohmann_json::nlohmann_json)

baton_program(batond DEPS router supervise)
baton_program(baton-worker DEPS worker)
baton_program(batonctl DEPS ctl)

if(BATON_TESTS)
  foreach(suite style cuda integration clients)
    if(EXISTS ${CMAKE_SOURCE_DIR}/tests/${suite}/CMakeLists.txt)
      add_subdirectory(tests/${suite})
    endif()
  endforeach()
endif()
