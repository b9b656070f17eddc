#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <utility>

namespace baton::openai {

template <class Key, class T, class Less, class Allocator>
class OrderedObject;

template <class Key, class T, class Less = std::less<Key>, class Allocator = std::allocator<std::pair<const Key, T>>>
using ObjectOf = OrderedObject<Key, T, Less, Allocator>;

/// A JSON document whose objects keep the order of their members: tools and schemas reach the model in that order.
using Json = nlohmann::basic_json<ObjectOf>;

}  // namespace baton::openai
