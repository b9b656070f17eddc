#pragma once

#include <string_view>

namespace baton::openai {

/// Whether brackets outside strings nest at most `limit` deep. Looks at brackets and quotes only, so the text may
/// still be malformed; run it before a parser whose own work or destruction recurses.
bool json_depth_within(std::string_view text, int limit);

}  // namespace baton::openai
