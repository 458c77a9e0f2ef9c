#include "tokenizer/text_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "backend/error.h"

namespace aot {
namespace {

constexpr size_t read_bytes = 512 << 10;
constexpr size_t longest_character = 4;

[[noreturn]] void fail_changed(const std::string& path, const std::string& how) {
  fail(ErrorCode::data, path + " has changed: " + how + "; leave the text as it is and start anew");
}

}  // namespace

TextReader::TextReader(std::vector<TextStretch> stretches, std::vector<AddedToken> added_tokens, CutAt cut_at,
                       size_t chunk_bytes, const WorkControl& control, Digest* digest)
    : stretches_(std::move(stretches)),
      chunk_bytes_(std::max<size_t>(1, chunk_bytes)),
      control_(control),
      digest_(digest),
      cutter_(std::move(added_tokens), cut_at),
      raw_(read_bytes + longest_character) {}

bool TextReader::open_next() {
  if (report_.files == static_cast<int64_t>(stretches_.size())) return false;
  report_.files++;
  file_ = std::make_unique<InputFile>(stretch().path);
  state_ = file_->state();
  if (state_.size != stretch().file_size) {
    fail_changed(file(), "it has " + std::to_string(state_.size) + " bytes and had " +
                             std::to_string(stretch().file_size) + " when the work was planned");
  }
  cleaner_ = TextCleaner(stretch().begin == 0);
  offset_ = stretch().begin;
  raw_begin_ = raw_end_ = 0;
  raw_last_ = text_last_ = false;
  view_.clear();
  return true;
}

// At the end of the stretch.
void TextReader::close() {
  report_.invalid_bytes += cleaner_.invalid_bytes();
  if (file_->state() != state_) fail_changed(file(), "it was written to while it was read");
  file_.reset();
}

// Reads on; what is left of raw_ (part of a character) moves to its front. False at the stretch's end.
bool TextReader::refill() {
  if (raw_last_) return false;
  control_.check_stop();
  std::memmove(raw_.data(), raw_.data() + raw_begin_, raw_end_ - raw_begin_);
  raw_end_ -= raw_begin_;
  raw_begin_ = 0;
  const size_t wanted =
      static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(raw_.size() - raw_end_), stretch().end - offset_));
  const size_t count = file_->read(raw_.data() + raw_end_, wanted, offset_);
  if (count < wanted) fail_changed(file(), "it became shorter while it was read");
  if (digest_) digest_->add(raw_.data() + raw_end_, count);
  raw_end_ += count;
  offset_ += static_cast<int64_t>(count);
  report_.bytes += static_cast<int64_t>(count);
  raw_last_ = offset_ == stretch().end;
  control_.add_bytes(static_cast<int64_t>(count));
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
      close();
      wanted = chunk_bytes_;
    } else {
      wanted = view_.size() + std::max(chunk_bytes_, view_.size());
    }
  }
}

}  // namespace aot
