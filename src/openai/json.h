#pragma once

#include <list>
#include <memory>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "openai/json_fwd.h"

namespace baton::openai {

/// The members of a JSON object in the order they came in. Looks like std::map to nlohmann; members stay where they
/// are, and large objects get an index, so that no document costs quadratic time. Not thread-safe, not even find().
template <class Key, class T, class Less, class Allocator>
class OrderedObject : public std::list<std::pair<const Key, T>, Allocator> {
  using List = std::list<std::pair<const Key, T>, Allocator>;

 public:
  using key_type = Key;
  using mapped_type = T;
  using key_compare = Less;
  using iterator = typename List::iterator;
  using const_iterator = typename List::const_iterator;

  OrderedObject() = default;
  template <class It>
  OrderedObject(It first, It last) {
    for (; first != last; ++first) emplace(first->first, first->second);
  }
  OrderedObject(const OrderedObject& other) : List(other) {}
  OrderedObject(OrderedObject&& other) noexcept : List(std::move(other)) {}
  OrderedObject& operator=(const OrderedObject& other) {
    index_.reset();
    List::operator=(other);
    return *this;
  }
  OrderedObject& operator=(OrderedObject&& other) noexcept {
    index_.reset();
    List::operator=(std::move(other));
    return *this;
  }
  ~OrderedObject() = default;

  template <class K, class V>
  std::pair<iterator, bool> emplace(K&& key, V&& value) {
    const iterator found = find(key);
    if (found != this->end()) return {found, false};
    this->emplace_back(Key(std::forward<K>(key)), T(std::forward<V>(value)));
    const iterator added = std::prev(this->end());
    if (index_) index_->emplace(added->first, added);
    return {added, true};
  }
  template <class K>
  T& operator[](K&& key) {
    return emplace(std::forward<K>(key), T{}).first->second;
  }

  template <class K>
  iterator find(const K& key) {
    if (this->size() > kIndexAbove) {
      const auto found = index().find(Key(key));
      return found == index().end() ? this->end() : found->second;
    }
    iterator at = this->begin();
    while (at != this->end() && !(at->first == key)) ++at;
    return at;
  }
  template <class K>
  const_iterator find(const K& key) const {
    return const_cast<OrderedObject*>(this)->find(key);
  }
  template <class K>
  std::size_t count(const K& key) const {
    return find(key) == this->end() ? 0 : 1;
  }
  template <class K>
  const T& at(const K& key) const {
    return find(key)->second;
  }

  iterator erase(const_iterator at) {
    index_.reset();
    return List::erase(at);
  }
  iterator erase(const_iterator first, const_iterator last) {
    index_.reset();
    return List::erase(first, last);
  }
  std::size_t erase(const Key& key) {
    const iterator found = find(key);
    if (found == this->end()) return 0;
    erase(const_iterator(found));
    return 1;
  }

 private:
  using Index = std::unordered_map<Key, iterator>;
  static constexpr std::size_t kIndexAbove = 16;

  Index& index() {
    if (!index_) {
      index_ = std::make_unique<Index>();
      for (iterator at = this->begin(); at != this->end(); ++at) index_->emplace(at->first, at);
    }
    return *index_;
  }

  std::unique_ptr<Index> index_;  ///< of large objects, once somebody looked
};

}  // namespace baton::openai
