#include "tokenizer/bpe_encoder.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace aot {
namespace {

uint64_t load8(const void* from) {
  uint64_t word;
  std::memcpy(&word, from, 8);
  return word;
}

constexpr uint64_t low_bytes(uint32_t count) { return count == 0 ? 0 : ~uint64_t{0} >> (64 - 8 * count); }

constexpr uint64_t short_masks[8] = {low_bytes(0), low_bytes(1), low_bytes(2), low_bytes(3),
                                     low_bytes(4), low_bytes(5), low_bytes(6), low_bytes(7)};

}  // namespace

void BpeEncoder::Free::operator()(void* memory) const { std::free(memory); }

BpeEncoder::BpeEncoder(std::shared_ptr<const BpeModel> model)
    : model_(std::move(model)),
      finder_(model_->parts().added_tokens),
      short_entries_(size_t{1} << short_bits),
      found_(batch_pieces),
      missed_(batch_pieces) {
  const size_t bytes = sizeof(LongEntry) << long_bits;
  void* memory = std::aligned_alloc(alignof(LongEntry), bytes);
  if (!memory) throw std::bad_alloc();
  std::memset(memory, 0, bytes);  // no piece has length 0: an empty entry matches nothing
  long_entries_.reset(static_cast<LongEntry*>(memory));
}

uint64_t BpeEncoder::short_key(const uint8_t* piece, uint32_t bytes) {
  const uint32_t kept = std::min(bytes, max_short_bytes);
  return (load8(piece) & short_masks[kept]) | uint64_t{std::min(bytes, max_short_bytes + 1)} << 56;
}

BpeEncoder::LongKey BpeEncoder::long_key(const uint8_t* piece, uint32_t bytes) {
  static constexpr auto masks = [] {
    struct Masks {
      uint8_t bytes[64] = {};
    } masks;
    for (int i = 0; i < 32; i++) masks.bytes[i] = 0xFF;
    return masks;
  }();
  const uint8_t* mask = masks.bytes + 32 - bytes;
  LongKey key;
  for (int i = 0; i < 4; i++) key.words[i] = load8(piece + 8 * i) & load8(mask + 8 * i);
  key.words[3] |= uint64_t{bytes} << 56;
  return key;
}

void BpeEncoder::remember_short(const uint8_t* piece, uint32_t bytes, const uint32_t* ids, size_t count) {
  if (bytes > max_short_bytes || count > 2) return;
  const uint64_t key = short_key(piece, bytes);
  short_entries_[key * 0x9E3779B97F4A7C15u >> (64 - short_bits)] = {key, ids[0], count == 2 ? ids[1] : none};
}

// Has the model encode the pieces that the tables do not know: their ids go to their places in piece_ids_.
void BpeEncoder::encode_unknown(const uint32_t* batch, uint32_t missed_count) {
  jobs_.clear();
  job_missed_.clear();
  for (uint32_t i = 0; i < missed_count; i++) {
    Missed& missed = missed_[i];
    const uint32_t at = batch[missed.index], bytes = batch[missed.index + 1] - at;
    missed.count = 0;
    if (bytes <= max_long_bytes && long_entries_[missed.slot].key == long_key(blocks_.text() + at, bytes)) continue;
    jobs_.push_back({at, bytes, 0});
    job_missed_.push_back(i);
  }
  model_->encode_pieces(blocks_.text(), jobs_.data(), jobs_.size(), piece_ids_.data());
  for (size_t i = 0; i < jobs_.size(); i++) missed_[job_missed_[i]].count = jobs_[i].count;
}

void BpeEncoder::remember_unknown() {
  for (size_t i = 0; i < jobs_.size(); i++) {
    const PieceJob& job = jobs_[i];
    if (job.bytes > max_long_bytes) continue;
    const Missed& missed = missed_[job_missed_[i]];
    const uint32_t* ids = &piece_ids_[job.at];
    LongEntry& entry = long_entries_[missed.slot];
    if (job.count <= std::size(entry.ids)) {
      entry.key = long_key(blocks_.text() + job.at, job.bytes);
      entry.count = job.count;
      std::memcpy(entry.ids, ids, job.count * sizeof *ids);
    }
    remember_short(blocks_.text() + job.at, job.bytes, ids, job.count);
  }
}

void BpeEncoder::encode_block() {
  const uint8_t* text = blocks_.text();
  const uint32_t* starts = blocks_.starts();
  const size_t needed = blocks_.bytes() + 16;  // a piece has at most as many ids as bytes; writes may go past by 7
  if (block_ids_.size() < needed) {
    block_ids_.resize(needed);
    piece_ids_.resize(needed);
  }
  uint32_t* out = block_ids_.data();
  for (size_t first = 0; first < blocks_.pieces(); first += batch_pieces) {
    const uint32_t count = static_cast<uint32_t>(std::min<size_t>(batch_pieces, blocks_.pieces() - first));
    const uint32_t* batch = starts + first;
    uint32_t missed_count = 0;
    for (uint32_t i = 0; i < count; i++) {
      const uint64_t key = short_key(text + batch[i], batch[i + 1] - batch[i]);
      const ShortEntry& entry = short_entries_[key * 0x9E3779B97F4A7C15u >> (64 - short_bits)];
      std::memcpy(&found_[i], &entry.first, 8);
      missed_[missed_count].index = i;
      missed_count += entry.key != key;
    }
    for (uint32_t i = 0; i < missed_count; i++) {
      Missed& missed = missed_[i];
      const uint32_t bytes = batch[missed.index + 1] - batch[missed.index];
      if (bytes > max_long_bytes) continue;
      const LongKey key = long_key(text + batch[missed.index], bytes);
      const auto& words = key.words;
      uint64_t hash = words[0] * 0x9E3779B97F4A7C15u;
      hash = (hash ^ hash >> 32 ^ words[1]) * 0xC2B2AE3D27D4EB4Fu;
      hash ^= (words[2] ^ (words[3] << 29 | words[3] >> 35)) * 0x165667B19E3779F9u;
      missed.slot = static_cast<uint32_t>((hash ^ hash >> 29) * 0x9E3779B97F4A7C15u >> (64 - long_bits));
      __builtin_prefetch(&long_entries_[missed.slot]);
    }
    encode_unknown(batch, missed_count);
    uint32_t next = 0;
    for (uint32_t i = 0; i <= missed_count; i++) {
      const uint32_t stop = i < missed_count ? missed_[i].index : count;
      for (; next < stop; next++) {
        std::memcpy(out, &found_[next], 8);
        out += 1 + (out[1] != none);
      }
      if (i == missed_count) break;
      const Missed& missed = missed_[i];
      if (missed.count == 0) {
        const LongEntry& entry = long_entries_[missed.slot];
        std::memcpy(out, entry.ids, sizeof entry.ids);
        remember_short(text + batch[next], batch[next + 1] - batch[next], out, entry.count);
        out += entry.count;
      } else {
        std::memcpy(out, &piece_ids_[batch[next]], missed.count * sizeof *out);
        out += missed.count;
      }
      next++;
    }
    remember_unknown();
  }
  block_id_count_ = static_cast<size_t>(out - block_ids_.data());
}

void BpeEncoder::encode(std::string_view text, std::vector<int32_t>& ids) {
  blocks_.start(text);
  while (blocks_.next()) {
    encode_block();
    words_ += blocks_.pieces();
    const int32_t* first = reinterpret_cast<const int32_t*>(block_ids_.data());
    ids.insert(ids.end(), first, first + block_id_count_);
  }
}

void BpeEncoder::encode_with_added_tokens(std::string_view text, std::vector<int32_t>& ids) {
  for (const AddedTokenFinder::Segment& segment : finder_.split(text)) {
    if (segment.id >= 0) {
      ids.push_back(static_cast<int32_t>(segment.id));
      words_++;
    } else {
      encode(segment.text, ids);
    }
  }
}

}  // namespace aot
