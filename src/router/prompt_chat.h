#pragma once

#include <string>
#include <string_view>

#include "baton/error.h"
#include "openai/request.h"
#include "openai/tool_parser.h"
#include "router/served_model.h"

namespace baton::router {

/// What a chat template can tell the model, judged by its source.
ChatAbilities abilities_of(std::string_view template_source);

/// The model's template for a chat with these tools: the one named tool_use where tools are given and it has one, else
/// the default. nullptr: none.
const ServedTemplate* template_for(const ServedModel& model, const openai::Tools& tools);

/// How the model writes calls under that template.
openai::ToolFormat tool_format(const ServedModel& model, const openai::Tools& tools);

/// The messages as the text of a prompt. A template that knows no tools gets them as text of the system message, in the
/// form that openai::ToolFormat::hermes reads. Takes the messages out of `request`.
/// Errors: invalid_request and unsupported_parameter, naming the field.
Result<std::string> render_chat(const ServedModel& model, openai::Request& request);

/// How tool calls of this request's answer are found in its text.
openai::ToolParser::Options tool_options(const ServedModel& model, const openai::Request& request);

}  // namespace baton::router
