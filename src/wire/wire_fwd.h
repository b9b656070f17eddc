#pragma once

/// Forward declarations of the generated messages, so that headers need not include wire/wire.pb.h.
namespace baton::wire {

class CostModel;
class Envelope;
class Failed;
class Grant;
class Handed;
class HelloReply;
class Load;
class Prefilled;
class PromptScores;
class Sampling;
class Spec;
class Step;
class StepSample;
class Ticket;
class Token;
enum RoleCode : int;

}  // namespace baton::wire
