#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "style/modules.h"
#include "style/text_rules.h"

namespace baton::style {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::string_view kCmake = R"(# baton_module(fake DEPS nothing)
baton_module(core DEPS api LIBS spdlog::spdlog)
baton_module(config DEPS core LIBS yaml-cpp)
baton_module(kv DEPS core)  # a remark
baton_module(wire DEPS core LIBS protobuf::libprotobuf PROTO wire.proto)
baton_module(aio DEPS core LIBS baton_asio)
baton_module(http DEPS aio LIBS baton_asio)
baton_module(transfer DEPS kv wire aio
             LIBS baton_ucx)
baton_module(engine DEPS kv kernels)
baton_module(router DEPS config http wire LIBS baton_asio)
baton_program(baton-worker DEPS transfer engine)
)";

std::vector<std::string> found(const std::string& path, const std::string& text) {
  std::vector<std::string> out;
  for (const Violation& v : check_includes({path, text}, parse_modules(kCmake))) {
    out.push_back(std::to_string(v.line) + ": " + v.message);
  }
  return out;
}

TEST(ParseModules, follows_deps_transitively_over_lines_and_comments) {
  const ModuleGraph graph = parse_modules(kCmake);
  EXPECT_FALSE(graph.may_include.contains("fake"));
  EXPECT_THAT(graph.may_include.at("transfer"), UnorderedElementsAre("transfer", "kv", "wire", "aio", "core", "api"));
  EXPECT_THAT(graph.may_include.at("engine"), UnorderedElementsAre("engine", "kv", "kernels", "core", "api"));
  EXPECT_THAT(graph.libs.at("transfer"), ElementsAre("baton_ucx"));
  EXPECT_THAT(graph.programs.at("baton_worker"),
              UnorderedElementsAre("transfer", "engine", "kv", "kernels", "wire", "aio", "core", "api"));
}

TEST(CheckIncludes, accepts_a_modules_own_headers_and_those_of_its_deps) {
  EXPECT_THAT(found("src/transfer/a.cc",
                    "#include \"transfer/b.h\"\n#include \"core/hash.h\"\n"
                    "#include \"baton/types.h\"\n#include <vector>\n#include <sys/mman.h>\n"),
              IsEmpty());
  EXPECT_THAT(found("src/app/baton_worker.cc",
                    "#include \"engine/engine.h\"\n#include \"app/options.h\"\n"
                    "#include <boost/asio/signal_set.hpp>\n"),
              IsEmpty());
  EXPECT_THAT(found("src/kv/a.cc", "#include \"app/options.h\"\n"), ElementsAre(HasSubstr("is not rooted")));
  EXPECT_THAT(found("kernels/cpu/a.cc", "#include \"kernels/cpu/b.h\"\n#include <immintrin.h>\n"), IsEmpty());
  EXPECT_THAT(found("tests/unit/kv/a.cc", "#include \"router/router.h\"\n"), IsEmpty());
}

TEST(CheckIncludes, finds_modules_that_are_not_among_the_deps) {
  EXPECT_THAT(found("src/kv/a.cc", "\n#include \"http/server.h\"\n"),
              ElementsAre("2: module kv must not include http; it is not among its DEPS in BatonModules.cmake"));
  EXPECT_THAT(found("include/baton/a.h", "#  include \"core/hash.h\"\n"),
              ElementsAre(HasSubstr("must not include core")));
  EXPECT_THAT(found("kernels/cpu/a.cc", "#include \"core/hash.h\"\n"), ElementsAre(HasSubstr("must not include core")));
  EXPECT_THAT(found("src/app/baton_worker.cc", "#include \"http/server.h\"\n"), ElementsAre(HasSubstr("must not")));
  EXPECT_THAT(found("src/app/unknown.cc", "#include \"core/hash.h\"\n"), ElementsAre(HasSubstr("must not")));
}

TEST(CheckIncludes, finds_paths_that_are_not_rooted) {
  EXPECT_THAT(found("src/kv/a.cc", "#include \"block.h\"\n#include \"../core/hash.h\"\n"),
              ElementsAre(HasSubstr("1: \"block.h\" is not rooted"), HasSubstr("2: \"../core/hash.h\" is not rooted")));
}

TEST(CheckIncludes, keeps_third_party_headers_to_the_modules_that_name_them) {
  EXPECT_THAT(found("src/config/a.cc", "#include <yaml-cpp/yaml.h>\n"), IsEmpty());
  EXPECT_THAT(found("src/kv/a.cc", "#include <yaml-cpp/yaml.h>\n"), ElementsAre(HasSubstr("must not be included")));
  EXPECT_THAT(found("src/transfer/a.cc", "#include <ucp/api/ucp.h>\n#include <boost/asio/post.hpp>\n"), IsEmpty());
  EXPECT_THAT(found("src/router/a.cc", "#include <ucs/type/status.h>\n"), ElementsAre(HasSubstr("must not be")));
  EXPECT_THAT(found("src/aio/a.cc", "#include <boost/beast/http.hpp>\n"), ElementsAre(HasSubstr("must not be")));
  EXPECT_THAT(found("src/kv/a.cc", "#include <boost/asio.hpp>\n"), ElementsAre(HasSubstr("must not be")));
  EXPECT_THAT(found("src/kv/a.cc", "#include <nlohmann/json.hpp>\n"), ElementsAre(HasSubstr("must not be")));
  EXPECT_THAT(found("src/kv/a.cc", "#include <spdlog/spdlog.h>\n"), ElementsAre(HasSubstr("must not be")));
  EXPECT_THAT(found("src/kv/a.cc", "#include <gtest/gtest.h>\n"), ElementsAre(HasSubstr("must not be")));
  EXPECT_THAT(found("src/engine/a.cc", "#include <cuda_runtime.h>\n"), ElementsAre(HasSubstr("must not be")));
  EXPECT_THAT(found("kernels/cuda/a.cu", "#include <cuda_runtime.h>\n#include <cublasLt.h>\n"), IsEmpty());
}

TEST(CheckIncludes, keeps_beast_out_of_headers_beyond_http) {
  EXPECT_THAT(found("src/http/a.h", "#include <boost/beast/http/fields.hpp>\n"), IsEmpty());
  EXPECT_THAT(found("src/router/a.cc", "#include <boost/beast/http/fields.hpp>\n"), IsEmpty());
  EXPECT_THAT(found("src/router/a.h", "#include <boost/beast/http/fields.hpp>\n"),
              ElementsAre(HasSubstr("must stay out of the headers of module router")));
}

TEST(CheckIncludes, keeps_protobuf_to_wire_router_and_worker) {
  EXPECT_THAT(found("src/router/a.cc", "#include \"wire/wire.pb.h\"\n"), IsEmpty());
  EXPECT_THAT(found("src/transfer/a.cc", "#include \"wire/wire.pb.h\"\n"), ElementsAre(HasSubstr("protobuf messages")));
  EXPECT_THAT(found("src/transfer/a.cc", "#include <google/protobuf/arena.h>\n"),
              ElementsAre(HasSubstr("must not be")));
}

TEST(CheckIncludes, keeps_contracts_to_the_standard_library) {
  EXPECT_THAT(found("include/baton/a.h", "#include <vector>\n#include <unistd.h>\n#include <sys/mman.h>\n"),
              ElementsAre("2: include/baton may include the standard library only",
                          "3: include/baton may include the standard library only"));
}

TEST(CheckCycles, finds_headers_that_include_one_another) {
  const std::vector<Source> sources{{"src/kv/a.h", "#include \"kv/b.h\"\n"},
                                    {"src/kv/b.h", "\n#include \"baton/c.h\"\n"},
                                    {"include/baton/c.h", "#include \"kv/a.h\"\n"},
                                    {"src/kv/d.h", "#include \"kv/a.h\"\n"},
                                    {"src/kv/a.cc", "#include \"kv/a.h\"\n"}};
  const Violations violations = check_cycles(sources);
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_THAT(violations[0].message, HasSubstr("baton/c.h -> kv/a.h -> kv/b.h -> baton/c.h"));
  EXPECT_THAT(check_cycles({sources[0], sources[1], {"include/baton/c.h", ""}}), IsEmpty());
}

std::string lines(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += "  f();\n";
  return out;
}

TEST(CheckSizes, finds_long_files) {
  EXPECT_THAT(check_sizes({"a.cc", lines(kMaxFileLines)}), IsEmpty());
  const Violations violations = check_sizes({"a.cc", lines(kMaxFileLines + 1)});
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(format(violations), "a.cc:601: the file has 601 lines; at most 600 are allowed\n");
}

TEST(CheckSizes, finds_long_functions_wherever_they_are) {
  const std::string good = "{\n" + lines(68) + "}\n";
  const std::string bad = "{\n" + lines(69) + "}\n";
  for (const std::string head :
       {"int f() ", "namespace a {\nvoid f(int x) const noexcept ", "class A : B {\n int f() override ",
        "template <class T, class U>\nstruct A {\n  A() : x_(1) ", "TEST(A, b) ", "template <class T>\nT f(T t)\n",
        "bool operator==(const A& a, const A& b) ", "extern \"C\" {\nint f() ",
        "enum class E { a, b };\nstruct X;\nX f() "}) {
    EXPECT_THAT(check_sizes({"a.cc", head + good}), IsEmpty()) << head;
    EXPECT_EQ(check_sizes({"a.cc", head + bad}).size(), 1U) << head;
  }
}

TEST(CheckSizes, leaves_tests_room_for_tables_of_cases) {
  EXPECT_THAT(check_sizes({"tests/unit/kv/a.cc", "TEST(A, b) {\n" + lines(98) + "}\n"}), IsEmpty());
  EXPECT_EQ(check_sizes({"tests/unit/kv/a.cc", "TEST(A, b) {\n" + lines(99) + "}\n"}).size(), 1U);
}

TEST(CheckSizes, is_not_misled_by_types_tables_literals_and_comments) {
  const std::string body = "{\n" + lines(69) + "}";
  EXPECT_THAT(check_sizes({"a.h", "struct A " + body + ";\n"}), IsEmpty());
  EXPECT_THAT(check_sizes({"a.h", "namespace a::b " + body + "\n"}), IsEmpty());
  EXPECT_THAT(check_sizes({"a.h", "constexpr std::array kTable{\n" + lines(99) + "};\n"}), IsEmpty());
  EXPECT_THAT(check_sizes({"a.h", "constexpr int kTable[] = {\n" + lines(99) + "};\n"}), IsEmpty());
  EXPECT_THAT(check_sizes({"a.h", "const auto s = \"f() {\";\nchar c = '{';\n// f() {\n/* f() { */\n" + lines(99)}),
              IsEmpty());
  EXPECT_THAT(check_sizes({"a.h", "auto s = R\"x(\nf() {\n" + lines(99) + ")x\";\nint n = 1'000;\n"}), IsEmpty());
  EXPECT_THAT(check_sizes({"a.h", "#define F() {\\\n{\n" + lines(99)}), IsEmpty());
}

TEST(CheckLeftovers, finds_headers_without_pragma_once) {
  EXPECT_THAT(check_leftovers({"a.h", "#pragma once\n"}), IsEmpty());
  EXPECT_THAT(check_leftovers({"a.cc", "int a;\n"}), IsEmpty());
  EXPECT_THAT(format(check_leftovers({"a.h", "int a;\n"})), "a.h:1: the header lacks #pragma once\n");
}

TEST(CheckLeftovers, finds_notes_to_self) {
  for (const std::string& note : {std::string("TO") + "DO", std::string("FIX") + "ME", std::string("XX") + "X"}) {
    EXPECT_EQ(format(check_leftovers({"a.cc", "int a;\n// " + note + ": b\n"})),
              "a.cc:2: " + note + " is left over; finish it or remove it\n");
    EXPECT_THAT(check_leftovers({"a.cc", "int " + note + "_a;\n"}), IsEmpty());
  }
}

}  // namespace
}  // namespace baton::style
