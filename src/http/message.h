#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace baton::http {

struct Header {
  std::string name;
  std::string value;
};

/// A request whose head passed every check and whose body is complete.
struct Request {
  std::string method;
  std::string path;   ///< target up to '?', still percent-encoded; starts with '/' (or is "*" for OPTIONS)
  std::string query;  ///< after '?', without it
  std::vector<Header> headers;
  std::string body;

  /// The first header of that name (any case); empty if there is none.
  std::string_view header(std::string_view name) const;
};

/// A whole answer. content-length, connection and date are added by the server.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<Header> headers = {};
};

/// The reason phrase of a status code.
std::string_view reason_phrase(int status);

/// Case-insensitive comparison of ASCII names.
bool equals_ignoring_case(std::string_view a, std::string_view b);

/// %XX decoded; an incomplete escape stays as it is.
std::string percent_decode(std::string_view text);

}  // namespace baton::http
