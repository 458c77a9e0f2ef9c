#include "data/shard_merge.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <vector>

#include "backend/error.h"
#include "data/merge_file.h"
#include "data/shard_check.h"
#include "data/shard_list.h"
#include "data/token_file.h"
#include "data/token_header.h"
#include "io/input_file.h"

namespace aot {
namespace {

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1) + "."; }

// With every link followed; as it is where that cannot be done.
std::filesystem::path real_path(const std::string& path) {
  std::error_code error;
  const auto real = std::filesystem::canonical(path, error);
  return error ? std::filesystem::path(path) : real;
}

bool lies_in(const std::filesystem::path& inner, const std::filesystem::path& outer) {
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

// Nothing that is read may be written to.
void check_place(const std::string& path, const ShardList& list, const std::string& out) {
  struct stat status {};
  if (::stat(out.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    fail(ErrorCode::io, "cannot write " + out + ": it is a folder; give the name of a file");
  }
  std::error_code error;
  for (const char* suffix : {"", ".tmp", ".tmp.json"}) {
    if (std::filesystem::equivalent(path, out + suffix, error)) {
      fail(ErrorCode::config,
           "cannot merge " + path + " to " + out + ": it would write over itself; give another name");
    }
  }
  const auto place = real_path(folder_of(out));
  std::string last;
  for (const Shard& shard : list.shards) {
    const std::string folder = folder_of(shard_path(path, shard));
    // Shards that lie beside the virtual file are named by anybody: their folder is free for other files.
    if (folder != last && folder != folder_of(path) && lies_in(place, real_path(folder))) {
      fail(ErrorCode::config, "cannot merge to " + out + ": it lies in the folder of the shards; give a place outside");
    }
    last = folder;
    for (const char* suffix : {"", ".tmp", ".tmp.json"}) {
      if (std::filesystem::equivalent(shard_path(path, shard), out + suffix, error)) {
        fail(ErrorCode::config, "cannot merge to " + out + ": it would write over the shard " +
                                    shard_path(path, shard) + "; give another name");
      }
    }
  }
}

class Merge {
 public:
  Merge(const std::string& path, const ShardList& list, const std::string& out, const MergeOptions& options,
        const WorkControl& control)
      : path_(path),
        list_(list),
        out_(out),
        options_(options),
        control_(control),
        file_(out),
        header_(make_token_header(out + ".tmp.header", list.dtype, list.tokens())) {
    ends_.push_back(static_cast<int64_t>(header_.bytes.size()));
    for (const Shard& shard : list.shards) ends_.push_back(ends_.back() + shard.tokens * token_bytes(list.dtype));
  }

  MergeResult run() {
    try {
      if (is_merged()) {
        file_.discard();
        return {list_.tokens(), list_.tokens()};
      }
      resume();
      const int64_t resumed_at = (ends_[done_] - ends_[0]) / token_bytes(list_.dtype);
      check_space();
      copy();
      finish();
      return {list_.tokens(), resumed_at};
    } catch (...) {
      leave();
      throw;
    }
  }

 private:
  size_t count() const { return list_.shards.size(); }
  int64_t data_bytes() const { return ends_.back() - ends_[0]; }

  // That so many bytes more will be read.
  void expect(int64_t bytes) {
    expected_ += bytes;
    control_.set_total(expected_);
  }

  // How many of the first `shards` shards stand in the file one after the other.
  size_t sound(const InputFile& file, size_t shards) {
    expect(ends_[shards] - ends_[0]);
    size_t first_wrong = shards;
    std::mutex mutex;
    for_each_index(shards, options_.threads, [&](size_t i) {
      if (has_digest(file, ends_[i], ends_[i + 1], list_.shards[i].data, control_)) return;
      std::lock_guard lock(mutex);
      first_wrong = std::min(first_wrong, i);
    });
    return first_wrong;
  }

  bool is_merged() {
    struct stat status {};
    if (::stat(out_.c_str(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != ends_.back()) return false;
    const InputFile file(out_);
    std::string header(header_.bytes.size(), '\0');
    file.read(header.data(), header.size(), 0);
    return header == header_.bytes && sound(file, count()) == count();
  }

  // Keeps of the file what holds.
  void resume() {
    const auto note = file_.note();
    if (note && note->source == list_.digest()) {
      const int64_t size = file_.size();
      size_t shards = static_cast<size_t>(std::clamp<int64_t>(note->shards, 0, static_cast<int64_t>(count())));
      while (shards > 0 && ends_[shards] > size) --shards;
      done_ = sound(InputFile(file_.temporary()), shards);
    }
    file_.truncate(ends_[done_]);
    resumed_ = true;
  }

  void check_space() const {
    struct statvfs space {};
    if (::statvfs(file_.temporary().c_str(), &space) != 0) return;  // then writing will tell
    const int64_t free = static_cast<int64_t>(space.f_bavail) * static_cast<int64_t>(space.f_frsize);
    const int64_t needed = ends_.back() - ends_[done_];
    if (free >= needed) return;
    fail(ErrorCode::io, "merging to " + out_ + " needs " + std::to_string(needed) + " more bytes, its disk has " +
                            std::to_string(free) + ": free some space, or give another place");
  }

  void copy() {
    for (size_t i = done_; i < count(); ++i) expect(list_.shards[i].bytes);
    int64_t noted = ends_[done_];
    while (done_ < count()) {
      copy_shard(done_);
      ++done_;
      if (ends_[done_] - noted < options_.note_bytes) continue;
      note();
      noted = ends_[done_];
    }
    note();
  }

  void copy_shard(size_t number) {
    const Shard& shard = list_.shards[number];
    const std::string shard_file = shard_path(path_, shard);
    int64_t to = ends_[number];
    const std::string fault = read_shard(shard_file, shard, list_, control_, [&](const char* tokens, size_t bytes) {
      file_.write_at(to, tokens, bytes);
      to += static_cast<int64_t>(bytes);
    });
    if (fault.empty()) return;
    fail(ErrorCode::data,
         "the shard " + shard_file + " of " + path_ + " is " + fault +
             "; run aot-tokenize again to make it anew, then merge again: what is done so far is kept");
  }

  void note() { file_.flush({list_.digest(), static_cast<int64_t>(done_), ends_[done_]}); }

  void finish() {
    file_.write_at(0, header_.bytes.data(), header_.bytes.size());
    if (sound(InputFile(file_.temporary()), count()) != count() ||
        !is_token_file(file_.temporary(), list_.dtype, list_.tokens(), header_.data_offset)) {
      fail(ErrorCode::io, "what was written to " + file_.temporary() +
                              " is read back as something else: check the disk and merge again");
    }
    file_.commit();
  }

  // After an error: what is there is kept for the next time. The error says what is wrong; should the note fail too,
  // the one before it still holds.
  void leave() {
    if (!resumed_) return;
    try {
      if (done_ > 0) {
        note();
      } else {
        file_.discard();
      }
    } catch (const Error&) {
    }
  }

  const std::string& path_;
  const ShardList& list_;
  const std::string& out_;
  const MergeOptions& options_;
  const WorkControl& control_;
  MergeFile file_;
  const TokenHeader header_;
  std::vector<int64_t> ends_;  // of the header and of each shard in the merged file
  size_t done_ = 0;            // shards that are in the file
  bool resumed_ = false;       // whether that is known
  int64_t expected_ = 0;
};

}  // namespace

MergeResult merge_shards(const std::string& path, const std::string& out, const MergeOptions& options,
                         const WorkControl& control) {
  const auto list = read_shard_list(path);
  if (!list) fail(ErrorCode::config, path + " is not made of shards: there is nothing to merge");
  check_place(path, *list, out);
  return Merge(path, *list, out, options, control).run();
}

}  // namespace aot
