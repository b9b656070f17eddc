#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>

namespace baton::grammar {

/// Keeps the values used last. Values are shared, so that one in use outlives its place here.
template <class Key, class Value, class Hash = std::hash<Key>>
class Lru {
 public:
  explicit Lru(std::size_t capacity) : capacity_(capacity) {}

  /// nullptr: not there.
  std::shared_ptr<Value> find(const Key& key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return nullptr;
    items_.splice(items_.begin(), items_, found->second);
    return found->second->second;
  }
  /// The key is not there.
  void add(Key key, std::shared_ptr<Value> value) {
    if (places_.size() == capacity_) {
      places_.erase(items_.back().first);
      items_.pop_back();
    }
    items_.emplace_front(key, std::move(value));
    places_.emplace(std::move(key), items_.begin());
  }

 private:
  using Items = std::list<std::pair<Key, std::shared_ptr<Value>>>;
  std::size_t capacity_;
  Items items_;  // used last first
  std::unordered_map<Key, typename Items::iterator, Hash> places_;
};

}  // namespace baton::grammar
