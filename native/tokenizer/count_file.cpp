#include "tokenizer/count_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/error.h"
#include "io/input_file.h"

namespace aot {
namespace {

constexpr std::string_view magic = "arrows-of-time word counts 1\n";
constexpr size_t buffer_bytes = 1 << 20;
constexpr size_t digest_digits = 32;
constexpr size_t longest_word = size_t{1} << 32;
constexpr const char* kind_names[] = {"words", "characters"};

[[noreturn]] void fail_damaged(const std::string& path, const std::string& how) {
  fail(ErrorCode::data, "the word counts " + path + " " + how + ": delete the file, and they are counted again");
}

// Bytes of a file, one after the other, with the digest of all that were taken.
class Bytes {
 public:
  explicit Bytes(const std::string& path) : file_(path), left_(file_.size()), buffer_(buffer_bytes) {}

  const std::string& path() const { return file_.path(); }
  int64_t left() const { return left_; }
  uint8_t take() {
    if (begin_ == end_) refill();
    left_--;
    return static_cast<uint8_t>(buffer_[begin_++]);
  }
  // The next `bytes` bytes, until the next call.
  std::string_view take(size_t bytes) {
    if (static_cast<int64_t>(bytes) > left_) fail_damaged(path(), "end too early");
    while (end_ - begin_ < bytes) {
      if (bytes > buffer_.size()) buffer_.resize(bytes);
      refill();
    }
    left_ -= static_cast<int64_t>(bytes);
    begin_ += bytes;
    return {buffer_.data() + begin_ - bytes, bytes};
  }
  uint64_t take_number() {
    uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t byte = take();
      number |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return number;
    }
    fail_damaged(path(), "are damaged");
  }
  // Of all that was taken so far.
  std::string digest() {
    digest_.add(buffer_.data() + digested_, begin_ - digested_);
    digested_ = begin_;
    return digest_.hex();
  }

 private:
  void refill() {
    digest_.add(buffer_.data() + digested_, begin_ - digested_);
    std::copy(buffer_.begin() + static_cast<ptrdiff_t>(begin_), buffer_.begin() + static_cast<ptrdiff_t>(end_),
              buffer_.begin());
    end_ -= begin_;
    begin_ = digested_ = 0;
    const size_t count = file_.read(buffer_.data() + end_, buffer_.size() - end_, offset_);
    if (count == 0) fail_damaged(path(), "end too early");
    offset_ += static_cast<int64_t>(count);
    end_ += count;
  }

  InputFile file_;
  int64_t left_, offset_ = 0;
  std::vector<char> buffer_;
  size_t begin_ = 0, end_ = 0, digested_ = 0;
  Digest digest_;
};

CountSummary parse_summary(const std::string& path, std::string_view line) {
  try {
    const nlohmann::json json = nlohmann::json::parse(line);
    CountSummary summary;
    summary.plan = json.at("plan").get<std::string>();
    summary.unit = json.at("unit").get<int>();
    summary.kind = json.at("kind") == kind_names[0] ? CountKind::words : CountKind::characters;
    summary.text.files = json.at("stretches").get<int64_t>();
    summary.text.bytes = json.at("text_bytes").get<int64_t>();
    summary.text.invalid_bytes = json.at("invalid_bytes").get<int64_t>();
    summary.text.cut_pieces = json.at("cut_pieces").get<int64_t>();
    summary.occurrences = json.at("occurrences").get<uint64_t>();
    return summary;
  } catch (const nlohmann::json::exception&) {
    fail_damaged(path, "are damaged");
  }
}

}  // namespace

CountFileWriter::CountFileWriter(std::string path) : file_(std::move(path)), buffer_(magic) {}

void CountFileWriter::write_number(uint64_t number) {
  for (; number >= 0x80; number >>= 7) buffer_.push_back(static_cast<char>(number | 0x80));
  buffer_.push_back(static_cast<char>(number));
}

void CountFileWriter::add(std::string_view word, uint64_t count) {
  write_number(word.size());
  write_number(count);
  buffer_.append(word);
  if (buffer_.size() >= buffer_bytes) flush();
}

void CountFileWriter::flush() {
  digest_.add(buffer_.data(), buffer_.size());
  file_.write(buffer_);
  buffer_.clear();
}

void CountFileWriter::commit(const CountSummary& summary) {
  write_number(0);
  nlohmann::ordered_json json;
  json["plan"] = summary.plan;
  json["unit"] = summary.unit;
  json["kind"] = kind_names[summary.kind == CountKind::words ? 0 : 1];
  json["stretches"] = summary.text.files;
  json["text_bytes"] = summary.text.bytes;
  json["invalid_bytes"] = summary.text.invalid_bytes;
  json["cut_pieces"] = summary.text.cut_pieces;
  json["occurrences"] = summary.occurrences;
  buffer_ += json.dump() + "\n";
  flush();
  file_.write(digest_.hex() + "\n");
  file_.commit();
}

CountSummary read_count_file(const std::string& path, const std::string& plan,
                             const std::function<void(std::string_view word, uint64_t count)>& visit) {
  Bytes bytes(path);
  if (bytes.left() < static_cast<int64_t>(magic.size()) || bytes.take(magic.size()) != magic) {
    fail_damaged(path, "are of another version, or something else");
  }
  while (const uint64_t length = bytes.take_number()) {
    const uint64_t count = bytes.take_number();
    if (length >= longest_word) fail_damaged(path, "are damaged");
    const std::string_view word = bytes.take(length);
    if (visit) visit(word, count);
  }
  const int64_t line_bytes = bytes.left() - static_cast<int64_t>(digest_digits) - 1;
  if (line_bytes <= 0) fail_damaged(path, "end too early");
  const CountSummary summary = parse_summary(path, bytes.take(static_cast<size_t>(line_bytes)));
  const std::string digest = bytes.digest();
  if (bytes.take(digest_digits) != digest) fail_damaged(path, "are damaged");
  if (summary.plan != plan) fail_damaged(path, "are of another text");
  return summary;
}

}  // namespace aot
