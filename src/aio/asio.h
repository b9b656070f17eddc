#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "baton/error.h"

namespace baton::aio {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

/// A coroutine that fails by value. Nothing below the coroutine root throws.
template <class T>
using Task = asio::awaitable<Result<T>>;

/// Completion token of every await in Baton: errors come back in a tuple, never as an exception.
inline constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

}  // namespace baton::aio
