#include "tokenizer/text_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

constexpr size_t read_bytes = 512 << 10;
constexpr size_t longest_character = 4;

[[noreturn]] void fail_read(const std::string& path, const std::string& reason) {
  fail(ErrorCode::io, "cannot read " + path + ": " + reason + "; check that it is there and that you may read it");
}

}  // namespace

InputFile::InputFile(std::string path) : path_(std::move(path)) {
  // Without O_NONBLOCK, opening a named pipe would wait for its writer.
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) fail_read(path_, std::strerror(errno));
  ::posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

InputFile::~InputFile() {
  if (fd_ >= 0) ::close(fd_);
}

int64_t InputFile::size() const {
  struct stat status;
  if (::fstat(fd_, &status) != 0) fail_read(path_, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail_read(path_, S_ISDIR(status.st_mode) ? "it is a folder" : "it is not a file");
  return status.st_size;
}

size_t InputFile::read(void* to, size_t bytes, int64_t offset) const {
  size_t done = 0;
  while (done < bytes) {
    const ssize_t count =
        ::pread(fd_, static_cast<char*>(to) + done, bytes - done, offset + static_cast<int64_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_read(path_, std::strerror(errno));
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

TextReader::TextReader(std::vector<std::string> files, std::vector<AddedToken> added_tokens, CutAt cut_at,
                       size_t chunk_bytes, const WorkControl& control)
    : files_(std::move(files)),
      chunk_bytes_(std::max<size_t>(1, chunk_bytes)),
      control_(control),
      cutter_(std::move(added_tokens), cut_at),
      raw_(read_bytes + longest_character) {
  for (const std::string& path : files_) total_ += InputFile(path).size();
  control_.set_progress(0, total_);
}

bool TextReader::open_next() {
  file_.reset();
  if (report_.files == static_cast<int64_t>(files_.size())) return false;
  file_ = std::make_unique<InputFile>(files_[static_cast<size_t>(report_.files)]);
  file_->size();
  report_.files++;
  cleaner_ = TextCleaner();
  offset_ = 0;
  raw_begin_ = raw_end_ = 0;
  raw_last_ = text_last_ = false;
  view_.clear();
  return true;
}

// Reads on; what is left of raw_ (part of a character) moves to its front. False at the file's end.
bool TextReader::refill() {
  if (raw_last_) return false;
  control_.check_stop();
  std::memmove(raw_.data(), raw_.data() + raw_begin_, raw_end_ - raw_begin_);
  raw_end_ -= raw_begin_;
  raw_begin_ = 0;
  const size_t wanted = raw_.size() - raw_end_;
  const size_t count = file_->read(raw_.data() + raw_end_, wanted, offset_);
  raw_end_ += count;
  offset_ += static_cast<int64_t>(count);
  report_.bytes += static_cast<int64_t>(count);
  raw_last_ = count < wanted;
  control_.set_progress(report_.bytes, std::max(total_, report_.bytes));
  return true;
}

// Lengthens view_ to `bytes`, or to the text's end.
void TextReader::fill(size_t bytes) {
  while (view_.size() < bytes && !text_last_) {
    if (raw_end_ - raw_begin_ < longest_character && refill()) continue;
    const size_t portion = std::min(raw_end_ - raw_begin_, std::max(longest_character, bytes - view_.size()));
    const size_t before = view_.size();
    text_last_ = raw_last_ && portion == raw_end_ - raw_begin_;
    view_.resize(before + portion);
    size_t written = 0;
    raw_begin_ += cleaner_.clean(raw_.data() + raw_begin_, portion, text_last_,
                                 reinterpret_cast<uint8_t*>(view_.data()) + before, written);
    view_.resize(before + written);
  }
}

bool TextReader::next(std::string& chunk) {
  for (size_t wanted = chunk_bytes_;;) {
    if (!file_ && !open_next()) return false;
    fill(wanted);
    const auto cut = cutter_.find(view_, text_last_);
    if (cut) {
      report_.cut_pieces += cut->inside_piece;
      chunk.assign(view_, cut->size);
      chunk.swap(view_);
      chunk.resize(cut->size);
      return true;
    }
    if (text_last_) {
      report_.invalid_bytes += cleaner_.invalid_bytes();
      file_.reset();
      wanted = chunk_bytes_;
    } else {
      wanted = view_.size() + std::max(chunk_bytes_, view_.size());
    }
  }
}

}  // namespace aot
