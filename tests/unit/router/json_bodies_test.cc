// Bodies in the classes of JSON conformance suites (must be accepted, must be refused, may be either), sent through
// POST as a client would. The cases are our own.
#include "unit/router/router_fixture.h"

namespace baton::router {
namespace {

using nlohmann::json;
using test::RawClient;

std::string repeated(std::string_view text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

/// A good request with one more field, which nothing looks at.
std::string with_field(std::string_view value) {
  return R"({"model":"org/test","prompt":"x","max_tokens":1,"extra":)" + std::string(value) + "}";
}

std::vector<std::string> accepted_values() {
  return {
      "0", "-0", "1", "-1", "12345678901234567890123456789012", "0.1", "-0.0", "1e5", "1E5", "1e+2", "1E-2", "1.5e10",
      "0e0", "0e+1", "4.9e-324", "1e-400", "-9223372036854775808", "18446744073709551615", "0.1e1", "-12.5",
      R"("")", R"("a")", R"("\"\\\/\b\f\n\r\t")", R"("\u0041")", R"("\u00e9")", R"("\u00E9")", R"("\ud83d\ude00")",
      R"("\uDBFF\uDFFF")", R"("\uFFFF")", R"("\u2028\u2029")", R"("\u0000")", "\"\x7f\"", "\"é\"", "\"世界\"", "\"😀\"",
      "\"\xef\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\"", "\"\xe2\x80\xa8\"", R"("// no comment")", R"("[{\"a\":1}]")",
      "null", "true", "false", "[]", "[[]]", "[null,true,false]", "[1,[2,[3]],\"x\"]", "{}", R"({"":0})", R"({"a":{"b":[]}})",
      R"({"a":1,"a":2})", R"({"é":1})", R"({"\u0061":1})", " \t\r\n[ 1 , 2 ] \t\r\n", "{ \"a\" : 1 }",
      repeated("[", 50) + repeated("]", 50), repeated(R"({"a":)", 50) + "1" + repeated("}", 50),
      "\"" + repeated("[", 5000) + "\"", "\"" + repeated("\\\\", 5000) + "\"",
  };
}

std::vector<std::string> refused_values() {
  using namespace std::string_literals;
  std::vector<std::string> values = {
      "01", "-01", "00", "+1", ".5", "-.5", "1.", "-1.", "1.e1", "1e", "1e+", "1e-", "1E", "1.5e", "-", "--1", "- 1",
      "0x1F", "0b1", "0o7", "1_000", "1,000.", "1 000", "1.2.3", "1e1e1", "1ea", "-a", "NaN", "nan", "Infinity", "-Infinity",
      "inf", "\xe2\x85\xa7", "1d", "1f", "0.1.", "++1", "1-1",
      R"("a)", "\"\\\"", R"("\x41")", R"("\a")", R"("\v")", R"("\0")", R"("\'")", R"("\u")", R"("\u1")", R"("\u12")",
      R"("\u123")", R"("\uZZZZ")", R"("\u00 1")", R"("\U0041")", "'a'", "a", "\"a\nb\"", "\"a\tb\"", "\"\x01\"", "\"\x1f\"",
      "\"\0\""s, "\"a\" \"b\"", R"("\)", "`a`",
      "[1,]", "[,1]", "[1,,2]", "[1 2]", "[", "]", "[1", "[1}", "{]", "[1:2]", "[,]", "[[]", "[]]", "[\"a\",\n",
      R"({"a"})", R"({"a":})", R"({"a" 1})", R"({"a":1,})", R"({,"a":1})", R"({"a":1,,"b":2})", R"({"a":1 "b":2})", R"({a:1})",
      R"({'a':1})", R"({1:1})", R"({null:1})", R"({"a"::1})", R"({"a":1)", R"({"a":1]})", R"({"a":)", R"({[]:1})", "{\"a\"=1}",
      "nul", "tru", "fals", "True", "NULL", "nulll", "truefalse", "undefined", "[tru]", "", "*", "&", "$", "\\", "<null>",
      "1 // comment", "/* comment */ 1", "1 /**/", "# comment\n1", "\f1", "\v1", "\xc2\xa0"s + "1", "\xe2\x81\xa0"s + "1",
      "\xef\xbb\xbf"s + "1",
      repeated("[", 100'000), repeated(R"({"a":)", 100'000), repeated("[", 1000) + repeated("]", 1000),
      repeated(R"([{"a":)", 5'000) + "1" + repeated("}]", 5'000), repeated("]", 100'000), repeated("[\"", 50'000),
  };
  // Bytes that are no UTF-8: alone, too long for their character, beyond Unicode, surrogates, cut short.
  for (const std::string& bytes :
       {"\x80"s, "\xbf"s, "\xfe"s, "\xff"s, "\xc0\x80"s, "\xc1\xbf"s, "\xe0\x80\x80"s, "\xe0\x9f\xbf"s, "\xf0\x80\x80\x80"s,
        "\xf0\x8f\xbf\xbf"s, "\xed\xa0\x80"s, "\xed\xbf\xbf"s, "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xc3"s, "\xe4\xb8"s,
        "\xf0\x9f\x98"s, "\xc3("s, "\xe4(\xad"s, "\xe9"s, "a\x80z"s, "\xf8\x88\x80\x80\x80"s}) {
    values.push_back("\"" + bytes + "\"");
    values.push_back("{\"" + bytes + "\":1}");
  }
  values.push_back("\xff");
  return values;
}

std::vector<std::string> either_values() {
  return {"1e999", "-1e999", "1e99999999999", "0.4e00669999999999999999999999999999999999999999999999999999999999999999",
          "1" + repeated("0", 400), R"("\ud800")", R"("\udc00")", R"("\ud800\ud800")", R"("\ude00\ud83d")", R"("\ud83d\u0041")",
          R"("\ud83dx")", R"("\uD800\u")", repeated("[", 150) + repeated("]", 150), "\"\xef\xbf\xbe\""};
}

std::vector<std::string> refused_bodies() {
  using namespace std::string_literals;
  const std::string good = with_field("1");
  std::string utf16;
  for (const char c : good) utf16 += {c, '\0'};
  return {"", " ", "\n", "[]", "[" + good + "]", "1", "\"x\"", "null", "true", good + good, good + "x", good + ",", good + "]",
          "x" + good, good.substr(0, good.size() - 1), good.substr(1), utf16, "\xff\xfe" + utf16, good + "\0"s, good + "\0 more"s, "\0"s + good,
          "prompt=x&max_tokens=1", "{}}", "{", "}", "<xml/>", "//" + good, good + "//"};
}

/// What gives away how we are built: class names, files, addresses.
void expect_no_internals(const std::string& body) {
  for (const char* word : {"exception", "nlohmann", "json.", "std::", "boost", "baton::", ".cc", ".h:", "/work", "/src", "/usr",
                           "0x", "parse_error", "type_error", "Assertion", "errno"}) {
    EXPECT_EQ(body.find(word), std::string::npos) << word << " in " << body;
  }
}

class JsonBodies : public RouterTest {
 protected:
  void SetUp() override {
    add_worker({.script = bytes_of("ok"), .keep_specs = false});
    start();
    client_ = std::make_unique<RawClient>(router->port());
  }
  /// Status of a body sent to both endpoints; the answers must be whole and say nothing they should not.
  int status_of(const std::string& body) {
    client_->send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body);
    const auto response = client_->read_response();
    if (response.status != 200) {
      const json error = json::parse(response.body, nullptr, false);
      EXPECT_TRUE(error.is_object() && error["error"]["message"].is_string() && error["error"]["type"].is_string())
          << response.body;
      expect_no_internals(response.body);
    }
    return response.status;
  }

 private:
  std::unique_ptr<RawClient> client_;
};

TEST_F(JsonBodies, are_accepted_when_they_are_json) {
  for (const std::string& value : accepted_values()) EXPECT_EQ(status_of(with_field(value)), 200) << value.substr(0, 60);
}

TEST_F(JsonBodies, are_refused_with_400_when_they_are_not) {
  for (const std::string& value : refused_values()) EXPECT_EQ(status_of(with_field(value)), 400) << value.substr(0, 60);
  for (const std::string& body : refused_bodies()) EXPECT_EQ(status_of(body), 400) << body.substr(0, 60);
  EXPECT_EQ(status_of(with_field("1")), 200);
}

TEST_F(JsonBodies, never_do_harm_where_the_standard_leaves_it_open) {
  for (const std::string& value : either_values()) {
    const int status = status_of(with_field(value));
    EXPECT_TRUE(status == 200 || status == 400) << status << " " << value.substr(0, 60);
  }
}

TEST_F(JsonBodies, never_pass_numbers_that_are_not_finite) {
  for (const char* number : {"1e999", "-1e999", "NaN", "Infinity", "1e400"}) {
    const std::string body = R"({"prompt":"x","max_tokens":1,"temperature":)" + std::string(number) + "}";
    EXPECT_EQ(status_of(body), 400) << number;
  }
}

TEST_F(JsonBodies, tell_nothing_of_our_insides_on_any_error_path) {
  const std::vector<std::string> requests = {
      RawClient::request("GET", "/nothing"), RawClient::request("GET", "/v1/completions"),
      RawClient::request("GET", "/v1/models/none"), RawClient::request("GET", "/../../etc/passwd"),
      RawClient::request("POST", "/v1/completions", R"({"prompt":{}})"),
      RawClient::request("POST", "/v1/completions", R"({"prompt":[1,"a"]})"),
      RawClient::request("POST", "/v1/completions", R"({"prompt":"x","stop":5})"),
      RawClient::request("POST", "/v1/completions", R"({"prompt":"x","logit_bias":{"a":1}})"),
      RawClient::request("POST", "/v1/chat/completions", R"({"messages":5})"),
      RawClient::request("POST", "/v1/chat/completions", R"({"messages":[{"role":"user","content":"boom"}]})"),
      RawClient::request("POST", "/v1/chat/completions", R"({"messages":[{"role":5}]})"),
      "BAD\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"};
  for (const std::string& request : requests) {
    RawClient client(router->port());
    client.send(request);
    const auto response = client.read_response();
    EXPECT_GE(response.status, 400) << request;
    EXPECT_TRUE(json::parse(response.body, nullptr, false).contains("error")) << response.body;
    expect_no_internals(response.body);
  }
}

}  // namespace
}  // namespace baton::router
