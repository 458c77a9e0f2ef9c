// defines: aot::TokenStore
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "data/token_file.h"

namespace aot {

// The tokens of a token file (see token_file.h), as one sequence of int32, however they lie on the disk. Immutable;
// every method may be called from several threads at once. Shared by all who read: it lives until the last of them is
// gone.
class TokenStore {
 public:
  // Errors: those of open_token_file().
  static std::shared_ptr<const TokenStore> open(const std::string& path);

  int64_t length() const { return length_; }
  const std::string& dtype() const { return file_.dtype; }
  const std::string& path() const { return path_; }
  // Copies tokens [offset, offset + count) to out. AOT_DATA when they are not all within the file.
  void read(int64_t offset, int64_t count, int32_t* out) const;
  // Tokens [offset, offset + count): in place when they lie so in memory, in one segment, else copied to scratch (count
  // int32) and found there.
  const int32_t* view(int64_t offset, int64_t count, int32_t* scratch) const;
  // The largest id: a full pass over the file the first time. AOT_DATA when an id is negative.
  int32_t max_id() const;

 private:
  TokenStore(const std::string& path);
  // The segment with the token at this place, or the last one for the end.
  size_t segment_at(int64_t offset) const;
  void expect(TokenSegment::Reading how) const;

  std::string path_;
  TokenFile file_;
  std::vector<int64_t> starts_;  // of each segment, and the length at the end
  int64_t length_ = 0;
  std::vector<const int32_t*> direct_;  // of each segment: its tokens, when they are int32 in memory, or null
  TokenSegment::Reading at_rest_ = TokenSegment::Reading::anywhere;
  mutable std::mutex max_id_mutex_;
  mutable std::optional<int32_t> max_id_;
};

}  // namespace aot
