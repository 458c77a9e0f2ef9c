// defines: aot::BpeEncoder
#pragma once
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/pretokenize.h"

namespace aot {

// Remembers the ids of pieces it has met (about 9 MB, whatever the text).
class BpeEncoder : public TextEncoder {
 public:
  explicit BpeEncoder(std::shared_ptr<const BpeModel> model);

  // Appends the ids of the text, taken as one sequence for the pre-tokenizer; added tokens in it are plain text.
  // The text is valid UTF-8.
  void encode(std::string_view text, std::vector<int32_t>& ids);
  // The same, but added tokens in the text become their ids; the stretches between them are sequences of their own.
  void encode_with_added_tokens(std::string_view text, std::vector<int32_t>& ids) override;
  uint64_t words() const override { return words_; }

 private:
  static constexpr uint32_t none = UINT32_MAX;
  static constexpr uint32_t batch_pieces = 4096;
  // Most pieces: up to 7 bytes and 2 ids. Direct mapped, sized for the second-level cache.
  struct alignas(16) ShortEntry {
    uint64_t key = 0;  // the bytes, their number on top
    uint32_t first = none, second = none;
  };
  static constexpr uint32_t max_short_bytes = 7;
  static constexpr int short_bits = 15;
  // Pieces of up to 31 bytes and 7 ids, a cache line each; fetched ahead of use.
  struct LongKey {
    uint64_t words[4];  // the bytes, their number on top
    bool operator==(const LongKey&) const = default;
  };
  struct alignas(64) LongEntry {
    LongKey key;
    uint32_t count;
    uint32_t ids[7];
  };
  static constexpr uint32_t max_long_bytes = 31;
  static constexpr int long_bits = 17;
  // A piece of the batch that the short entries do not know.
  struct Missed {
    uint32_t index, slot;
    uint32_t count;  // of its ids, at its place in piece_ids_; 0: the long entry has them
  };

  void encode_block();
  void encode_unknown(const uint32_t* batch, uint32_t missed_count);
  void remember_unknown();
  void remember_short(const uint8_t* piece, uint32_t bytes, const uint32_t* ids, size_t count);
  static uint64_t short_key(const uint8_t* piece, uint32_t bytes);
  static LongKey long_key(const uint8_t* piece, uint32_t bytes);

  std::shared_ptr<const BpeModel> model_;
  AddedTokenFinder finder_;
  PieceBlocks blocks_;
  std::vector<ShortEntry> short_entries_;
  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<LongEntry[], Free> long_entries_;
  std::vector<uint64_t> found_;  // first and second id of each piece of the batch, as in ShortEntry
  std::vector<Missed> missed_;
  std::vector<PieceJob> jobs_;        // those of them that the long entries do not know either
  std::vector<uint32_t> job_missed_;  // their places in missed_
  std::vector<uint32_t> piece_ids_;
  std::vector<uint32_t> block_ids_;
  size_t block_id_count_ = 0;
  uint64_t words_ = 0;
};

}  // namespace aot
