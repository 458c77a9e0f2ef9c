#include "data/shard_stamps.h"

#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "backend/error.h"
#include "io/atomic_file.h"

namespace aot {
namespace {

constexpr int stamps_version = 1;

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// One row of the file: the digests that were found, and the stamp.
nlohmann::json row_of(const Shard& shard, const FileStamp& stamp) {
  return {shard.header, shard.data, stamp.size, stamp.modified_ns, stamp.changed_ns, stamp.inode};
}

}  // namespace

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return FileStamp{status.st_size, nanoseconds(status.st_mtim), nanoseconds(status.st_ctim), status.st_ino};
}

ShardStamps::ShardStamps(const std::string& path, const ShardList& list) : list_(list), known_(list.shards.size()) {
  if (list.shards.empty()) return;
  const std::string first = shard_path(path, list.shards[0]);
  file_ = first.substr(0, first.rfind('/') + 1) + "checked.json";
  std::ifstream stream(file_, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  parse(text.str());
}

void ShardStamps::parse(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("version", nlohmann::json()) != stamps_version) return;
  const auto rows = json.find("shards");
  if (rows == json.end() || !rows->is_object()) return;
  for (size_t i = 0; i < known_.size(); ++i) {
    const Shard& shard = list_.shards[i];
    const auto row = rows->find(shard.file);
    if (row == rows->end() || !row->is_array() || row->size() != 6) continue;
    if ((*row)[0] != shard.header || (*row)[1] != shard.data) continue;
    bool numbers = true;
    for (size_t field = 2; field < 6; ++field) numbers &= (*row)[field].is_number_integer();
    if (!numbers) continue;
    known_[i] = FileStamp{(*row)[2], (*row)[3], (*row)[4], (*row)[5]};
  }
}

bool ShardStamps::hold(size_t shard, const FileStamp& stamp) const { return known_[shard] == stamp; }

void ShardStamps::set(size_t shard, const std::optional<FileStamp>& stamp) {
  changed_ |= known_[shard] != stamp;
  known_[shard] = stamp;
}

void ShardStamps::save() const {
  if (!changed_) return;
  nlohmann::json rows = nlohmann::json::object();
  for (size_t i = 0; i < known_.size(); ++i) {
    if (known_[i]) rows[list_.shards[i].file] = row_of(list_.shards[i], *known_[i]);
  }
  try {
    AtomicFile file(file_);
    const nlohmann::json json{{"version", stamps_version}, {"shards", rows}};
    file.write(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    file.commit();
  } catch (const Error&) {
    // A place that cannot be written: the shards are read again the next time.
  }
}

}  // namespace aot
