// defines: aot::fuzz::merged_piece, aot::fuzz::check_pieces
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "support.h"
#include "tokenizer/bpe_model.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/token_trie.h"

namespace aot::fuzz {

// By the definition: with ignore_merges a word of the vocabulary is one token; else merges by rank.
inline std::vector<uint32_t> merged_piece(const BpeModel& model, std::string_view piece) {
  if (model.parts().ignore_merges) {
    const auto& vocabulary = model.parts().vocabulary;
    const auto whole = std::find(vocabulary.begin(), vocabulary.end(), byte_alphabet().characters(piece));
    if (whole != vocabulary.end()) return {static_cast<uint32_t>(whole - vocabulary.begin())};
  }
  std::vector<uint32_t> ids(piece.size());
  ids.resize(model.merge_piece(reinterpret_cast<const uint8_t*>(piece.data()), piece.size(), ids.data()));
  return ids;
}

// Every way to encode the pieces of a text, which start at `starts` (its size last), must give what the definition
// gives. The arrays are just as large as the contract demands.
inline void check_pieces(const BpeModel& model, std::string_view text, const std::vector<uint32_t>& starts) {
  constexpr size_t readable_past = 4;
  std::vector<uint8_t> padded(text.begin(), text.end());
  padded.resize(text.size() + readable_past, ' ');
  padded.shrink_to_fit();
  for (const char* name : {"scalar", "avx2", "avx512"}) {
    const TrieEncoder encoder = trie_encoder_named(name);
    if (!encoder) continue;
    std::vector<PieceJob> jobs;
    for (size_t i = 0; i + 1 < starts.size(); i++) jobs.push_back({starts[i], starts[i + 1] - starts[i], 0});
    std::vector<uint32_t> ids(text.size());
    model.encode_pieces(padded.data(), jobs.data(), jobs.size(), ids.data(), encoder);
    for (const PieceJob& job : jobs) {
      const std::vector<uint32_t> expected = merged_piece(model, text.substr(job.at, job.bytes));
      require(job.count == expected.size() && std::equal(expected.begin(), expected.end(), ids.begin() + job.at),
              "encode_pieces gives what merging by rank gives");
    }
  }
}

}  // namespace aot::fuzz
