#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "baton/error.h"
#include "baton/types.h"

namespace baton {

/// A connection to one peer, opened by connect() or by the peer. Never reused within a process.
using ConnectionId = StrongId<struct ConnectionTag>;

/// How bulk bytes reach the memory of a connected peer.
enum class DataPath : std::uint8_t {
  message,  ///< send_data(): the peer's sink says where each message lands
  put,      ///< put() is a one-sided write by the network adapter
  mapped,   ///< put() is a copy into memory shared with the peer
};

/// Everything a peer needs to write into a registered memory region.
struct RemoteMemory {
  std::uint64_t address = 0;
  std::uint64_t length = 0;
  std::string key;  ///< opaque
};

enum class Delivery : std::uint8_t {
  eager,       ///< copied on the way: for scattered or small pieces
  rendezvous,  ///< read from the source and written to the target in place: for large contiguous pieces
};

/// One bulk message of DataPath::message.
struct DataMessage {
  std::uint64_t tag = 0;                           ///< comes back in on_sent()
  std::string header;                              ///< opaque, small
  std::vector<std::span<const std::byte>> pieces;  ///< gathered in order; untouched until on_sent()
  Delivery delivery = Delivery::eager;
};

/// What a transport reports. Every call comes from inside Transport::progress(). Implementations may call any method
/// of the transport from here, except from on_data().
class TransportSink {
 public:
  virtual ~TransportSink() = default;
  /// A small message of the peer. `from` may be a connection not seen before: the peer opened it.
  virtual void on_message(ConnectionId from, std::string_view message) = 0;
  /// Bulk data is arriving: returns where it goes, in order; the sizes sum to `length`. Empty: it is dropped, and
  /// on_placed() will not follow.
  virtual std::vector<std::span<std::byte>> on_data(ConnectionId from, std::string_view header,
                                                    std::size_t length) = 0;
  enum class Outcome : std::uint8_t { ok, failed };
  /// Data accepted by on_data() is in place (ok) or never will be (failed): either way nothing writes there any more.
  virtual void on_placed(ConnectionId from, std::string_view header, std::size_t length, Outcome outcome) = 0;
  /// send_data() or put() needs its source bytes no longer. For put this does not mean they arrived: flush() does.
  virtual void on_sent(ConnectionId to, std::uint64_t tag, Outcome outcome) = 0;
  /// Every put() before that flush() is in the peer's memory (ok).
  virtual void on_flushed(ConnectionId to, std::uint64_t tag, Outcome outcome) = 0;
  /// The connection is over. The last call for it: all its operations were reported before, and over DataPath::message
  /// and DataPath::put nothing of the peer lands here through it any more.
  virtual void on_closed(ConnectionId which, const Error& why) = 0;
};

/// A raw transport: connections, small messages, bulk data, one-sided writes. Knows nothing of KV or hand-overs.
/// One thread calls everything but wake(). Operations on a closed or unknown connection complete as failed.
class Transport {
 public:
  virtual ~Transport() = default;

  /// What peers pass to connect().
  virtual std::string address() const = 0;
  /// The memory peers may write to with put().
  virtual RemoteMemory memory() const = 0;

  /// Returns at once; operations queue until the peer answers. Failure arrives as on_closed().
  virtual ConnectionId connect(std::string_view address) = 0;
  /// Ends a connection by force: what is in flight fails, then on_closed() follows.
  virtual void close(ConnectionId which) = 0;
  /// Prepares put() to the peer's memory over an established connection, and says what put() will be; `message` when
  /// it cannot be one-sided.
  virtual DataPath attach(ConnectionId to, const RemoteMemory& memory) = 0;

  virtual void send(ConnectionId to, std::string message) = 0;
  virtual void send_data(ConnectionId to, DataMessage message) = 0;
  /// Writes `from` at `offset` of the attached memory. Reported by on_sent().
  virtual void put(ConnectionId to, std::uint64_t tag, std::span<const std::byte> from, std::uint64_t offset) = 0;
  virtual void flush(ConnectionId to, std::uint64_t tag) = 0;

  enum class Progress : std::uint8_t { idle, busy };
  /// Moves everything on and reports to the sink. idle: nothing happened.
  virtual Progress progress(TransportSink& sink) = 0;
  /// Sleeps until there is something to progress, wake() is called, or the time is over.
  virtual void wait(std::chrono::milliseconds at_most) = 0;
  /// Ends the current or next wait(). From any thread.
  virtual void wake() = 0;
};

}  // namespace baton
