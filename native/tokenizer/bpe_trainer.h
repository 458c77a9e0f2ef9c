// defines: aot::train_bpe
#pragma once
#include <atomic>
#include <memory>

#include "tokenizer/bpe_model.h"
#include "tokenizer/word_counts.h"

namespace aot {

// Trains byte-level BPE: <|endoftext|> = 0, the 256 bytes, then one token a merge, until the vocabulary has vocab_size
// ids or no pair is left. Each merge takes the pair that occurs most often, of equals the one with the smaller ids.
// Equal to Hugging Face's trainer, but that counts are 64 bit (its pair counts wrap at 2^31). A vocab_size of 257 or
// less gives no merges. AOT_CONFIG when *stop (may be null) becomes true.
std::shared_ptr<const BpeModel> train_bpe(WordCounts words, int vocab_size, const std::atomic<bool>* stop);

}  // namespace aot
