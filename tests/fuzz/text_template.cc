// A hostile chat template: parsing and rendering must end soon, within bounds.
#include <cstdint>
#include <string_view>

#include "text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace baton::text;
  static const Value variables =
      *Value::from_json_text(R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[1,2.5,null]}],
        "tools":[{"name":"f","n":{"a":true}}],"add_generation_prompt":true,"bos_token":"<s>","s":" aé日 "})");
  const auto parsed = ChatTemplate::parse({reinterpret_cast<const char*>(data), size});
  if (parsed) (void)parsed->render(variables);
  return 0;
}
