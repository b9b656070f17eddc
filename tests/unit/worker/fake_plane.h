#pragma once

#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "transfer/service.h"

namespace baton::test {

/// What goes wrong with hand-overs on a FakePlane.
enum class Fault { none, refuse_ticket, lose_commit, fail_receive };

/// A hand-over plane between two workers of one process: memcpy instead of a network, outcomes at once unless a fault
/// says otherwise. `lose_commit` means that nothing happens until somebody aborts or cancels.
class FakePlane {
 public:
  class End;
  std::atomic<Fault> fault{Fault::none};
  std::atomic<int> copied_layers{0};

 private:
  struct Grant {
    End* receiver = nullptr;
    transfer::Service::GrantRequest request;
  };
  std::mutex mutex_;
  std::map<std::uint64_t, Grant> grants_;
  std::map<std::uint64_t, End*> committed_;
};

class FakePlane::End final : public transfer::Service {
 public:
  End(FakePlane& plane, KvLayout layout) : plane_(plane), memory_(layout.total_bytes()), layout_(layout) {}

  std::function<void(transfer::Event)> sink;

  KvPoolView pool() const override { return {const_cast<std::byte*>(memory_.data()), layout_}; }
  std::string transport() const override { return "fake"; }
  std::string address() const override { return "here"; }

  std::string grant(GrantRequest request) override {
    const std::lock_guard lock(plane_.mutex_);
    const auto id = request.id.value;
    plane_.grants_[id] = {this, std::move(request)};
    return std::to_string(id);
  }

  void abort(transfer::TransferId id) override {
    bool known = false;
    End* waiting = nullptr;  // a sender whose COMMIT was lost hears of the refusal
    {
      const std::lock_guard lock(plane_.mutex_);
      known = plane_.grants_.erase(id.value) > 0;
      const auto committed = plane_.committed_.extract(id.value);
      if (!committed.empty()) waiting = committed.mapped();
    }
    if (waiting != nullptr) waiting->sink(transfer::SendFailed{id, {Errc::cancelled, "receiver gave up"}});
    if (known) sink(transfer::Drained{id});
  }

  Result<transfer::TransferId> send(std::string_view ticket, std::vector<BlockId> blocks) override {
    if (plane_.fault == Fault::refuse_ticket) return fail(Errc::protocol, "ticket refused");
    const transfer::TransferId id{std::stoull(std::string(ticket))};
    const std::lock_guard lock(plane_.mutex_);
    sends_[id.value] = std::move(blocks);
    return id;
  }

  void push_layers(transfer::TransferId id, std::int32_t first, std::int32_t last, std::int32_t upto) override {
    const std::lock_guard lock(plane_.mutex_);
    const auto grant = plane_.grants_.find(id.value);
    if (grant == plane_.grants_.end()) return;
    const auto& request = grant->second.request;
    const auto& source = sends_.at(id.value);
    const auto skip = static_cast<std::size_t>(request.first_token / layout_.block_tokens);
    const auto whole =
        static_cast<std::size_t>(upto == request.tokens ? layout_.blocks_for(upto) : upto / layout_.block_tokens);
    for (auto layer = first; layer < last; ++layer) {
      for (std::size_t b = skip; b < whole; ++b) {
        std::memcpy(grant->second.receiver->pool().slab(layer, request.blocks.at(b - skip)),
                    pool().slab(layer, source.at(b)), layout_.slab_bytes());
      }
      ++plane_.copied_layers;
    }
  }

  void finish(transfer::TransferId id, transfer::CommitPayload payload) override {
    End* receiver = nullptr;
    {
      const std::lock_guard lock(plane_.mutex_);
      const auto grant = plane_.grants_.find(id.value);
      if (grant != plane_.grants_.end()) receiver = grant->second.receiver;
      if (plane_.fault == Fault::lose_commit && receiver != nullptr) {
        plane_.committed_[id.value] = this;
        return;
      }
      plane_.grants_.erase(id.value);
      sends_.erase(id.value);
    }
    const Error broken{Errc::transfer_failed, "planted"};
    if (receiver == nullptr) return sink(transfer::SendFailed{id, broken});
    if (plane_.fault == Fault::fail_receive) {
      receiver->sink(transfer::ReceiveFailed{id, broken});
      receiver->sink(transfer::Drained{id});
      return sink(transfer::SendFailed{id, broken});
    }
    receiver->sink(transfer::Received{id, std::move(payload), 1});
    sink(transfer::Delivered{id, 1, {}});
  }

  void cancel(transfer::TransferId id) override {
    bool open = false;
    {
      const std::lock_guard lock(plane_.mutex_);
      open = sends_.erase(id.value) > 0;
    }
    if (open) sink(transfer::SendFailed{id, {Errc::cancelled, "cancelled"}});
  }

  Stats stats() const override { return {}; }

 private:
  FakePlane& plane_;
  std::vector<std::byte> memory_;
  KvLayout layout_;
  std::map<std::uint64_t, std::vector<BlockId>> sends_;
};

}  // namespace baton::test
