#include "data/token_store.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "backend/error.h"

namespace aot {
namespace {

int64_t physical_memory() {
  return static_cast<int64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<int64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::shared_ptr<const TokenStore> TokenStore::open(const std::string& path) {
  return std::shared_ptr<const TokenStore>(new TokenStore(path));
}

TokenStore::TokenStore(const std::string& path) : path_(path), file_(open_token_file(path)) {
  int64_t mapped_bytes = 0;
  for (const auto& segment : file_.segments) {
    starts_.push_back(length_);
    direct_.push_back(segment->direct());
    length_ += segment->length();
    mapped_bytes += segment->mapped_bytes();
  }
  starts_.push_back(length_);
  if (mapped_bytes > physical_memory() / 2) {
    at_rest_ = TokenSegment::Reading::anywhere_in_too_much;
    expect(at_rest_);
  }
}

size_t TokenStore::segment_at(int64_t offset) const {
  return static_cast<size_t>(std::upper_bound(starts_.begin() + 1, starts_.end() - 1, offset) - starts_.begin()) - 1;
}

void TokenStore::expect(TokenSegment::Reading how) const {
  for (const auto& segment : file_.segments) segment->expect(how);
}

void TokenStore::read(int64_t offset, int64_t count, int32_t* out) const {
  if (offset < 0 || count < 0 || offset > length_ || count > length_ - offset) {
    fail(ErrorCode::data, std::to_string(count) + " tokens from place " + std::to_string(offset) +
                              " on were asked of " + path_ + ", which holds " + std::to_string(length_) + " tokens");
  }
  for (size_t index = segment_at(offset); count > 0; ++index) {
    const int64_t now = std::min(count, starts_[index + 1] - offset);
    file_.segments[index]->read(offset - starts_[index], now, out);
    offset += now;
    out += now;
    count -= now;
  }
}

const int32_t* TokenStore::view(int64_t offset, int64_t count, int32_t* scratch) const {
  if (offset >= 0 && count >= 0 && offset <= length_) {
    const size_t index = segment_at(offset);
    if (direct_[index] && count <= starts_[index + 1] - offset) return direct_[index] + (offset - starts_[index]);
  }
  read(offset, count, scratch);
  return scratch;
}

int32_t TokenStore::max_id() const {
  std::lock_guard lock(max_id_mutex_);
  if (max_id_) return *max_id_;
  constexpr int64_t block = 1 << 18;
  std::vector<int32_t> scratch(static_cast<size_t>(std::min(block, length_)));
  int32_t least = INT32_MAX, most = INT32_MIN;
  expect(TokenSegment::Reading::sequential);
  for (int64_t offset = 0; offset < length_; offset += block) {
    const int64_t count = std::min(block, length_ - offset);
    const int32_t* ids = view(offset, count, scratch.data());
    for (int64_t i = 0; i < count; ++i) {
      least = std::min(least, ids[i]);
      most = std::max(most, ids[i]);
    }
    if (least < 0) {
      const int64_t place = offset + (std::find_if(ids, ids + count, [](int32_t id) { return id < 0; }) - ids);
      fail(ErrorCode::data, "the token at place " + std::to_string(place) + " of " + path_ + " is negative (" +
                                std::to_string(ids[place - offset]) + "): the file does not hold token ids");
    }
  }
  expect(at_rest_);
  max_id_ = most;
  return most;
}

}  // namespace aot
