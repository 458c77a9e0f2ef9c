#include "tokenizer/token_trie.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <queue>
#include <string_view>

#include "tokenizer/vector_isa.h"

namespace aot {
namespace {

constexpr uint32_t block_nodes = 256;
constexpr uint32_t max_blocks = (1u << 23) / block_nodes;  // a base has 23 bits
constexpr size_t open_blocks = 16;                         // older ones are taken as full

// The merges between symbols, from those between ids.
std::vector<Merge> between_symbols(const std::vector<Merge>& merges, const uint32_t (&byte_ids)[256]) {
  uint32_t largest = 0;
  for (const Merge& merge : merges) largest = std::max({largest, merge.left, merge.right, merge.result});
  for (const uint32_t id : byte_ids) largest = std::max(largest, id);
  std::vector<uint32_t> symbol_of(size_t{largest} + 1, UINT32_MAX);
  for (uint32_t byte = 0; byte < 256; byte++) symbol_of[byte_ids[byte]] = byte;
  std::vector<Merge> result;
  result.reserve(merges.size());
  for (uint32_t rank = 0; rank < merges.size(); rank++) {
    const Merge& merge = merges[rank];
    const uint32_t left = symbol_of[merge.left], right = symbol_of[merge.right];
    uint32_t& made = symbol_of[merge.result];
    if (left == UINT32_MAX || right == UINT32_MAX || made != UINT32_MAX) return {};
    made = 256 + rank;
    result.push_back({left, right, made});
  }
  return result;
}

}  // namespace

TokenTrie::TokenTrie(const std::vector<Merge>& merges, const uint32_t (&byte_ids)[256])
    : ids_(byte_ids, byte_ids + 256) {
  for (uint32_t byte = 0; byte < 256; byte++) {
    symbols_.push_back({byte, byte, none, 1});
  }
  // A word of 32 bits for every two merges leaves 1 of 100 other pairs to be looked for in vain.
  filter_.resize(std::bit_ceil(merges.size() / 2 + 2));
  merges_.resize(std::bit_ceil(merges.size() * 2 + 2));
  tables_.filter_shift = 32 - std::countr_zero(filter_.size());
  tables_.merge_shift = 32 - std::countr_zero(merges_.size());
  for (const Merge& merge : merges) {
    const uint32_t hash = TrieTables::hash(merge.left, merge.right);
    filter_[hash >> tables_.filter_shift] |= TrieTables::filter_bits(hash);
    uint32_t slot = tables_.merge_slot(hash);
    while (merges_[slot] != 0) slot = (slot + 1) & (static_cast<uint32_t>(merges_.size()) - 1);
    merges_[slot] = merge.result;
    const uint32_t length = symbols_[merge.left].length + symbols_[merge.right].length;
    symbols_.push_back({merge.left, merge.right, none, length});
  }
  set_tables();
}

// To be called when vectors have moved.
void TokenTrie::set_tables() {
  tables_.nodes = nodes_.data();
  tables_.longest = longest_.data();
  tables_.second = second_.data();
  tables_.symbols = symbols_.data();
  tables_.ids = ids_.data();
  tables_.filter = filter_.data();
  tables_.merges = merges_.data();
}

std::unique_ptr<const TokenTrie> TokenTrie::build(const std::vector<Merge>& merges, const uint32_t (&byte_ids)[256],
                                                  const std::vector<std::string>& token_bytes) {
  const std::vector<Merge> symbol_merges = between_symbols(merges, byte_ids);
  if (symbol_merges.size() != merges.size()) return nullptr;
  std::unique_ptr<TokenTrie> trie(new TokenTrie(symbol_merges, byte_ids));
  for (const Merge& merge : merges) trie->ids_.push_back(merge.result);
  if (!trie->add_merges(symbol_merges, token_bytes) || !trie->build_nodes(token_bytes)) return nullptr;
  trie->set_tables();
  const std::vector<uint32_t>& ids = trie->ids_;
  const auto out_of_order = [](uint32_t id, uint32_t following) { return id + 1 != following; };
  if (ids.size() > 256 && std::adjacent_find(ids.begin() + 256, ids.end(), out_of_order) == ids.end()) {
    trie->tables_.merged_id = ids[256];
  }
  return trie;
}

bool TokenTrie::add_merges(const std::vector<Merge>& merges, const std::vector<std::string>& token_bytes) {
  for (const Merge& merge : merges) {
    if (token_bytes[ids_[merge.result]].size() != symbols_[merge.result].length) return false;
    if (!tables_.compatible(merge.left, merge.right, merge.result)) return false;
  }
  return true;
}

bool TokenTrie::build_nodes(const std::vector<std::string>& token_bytes) {
  const auto bytes_of = [&](uint32_t symbol) -> const std::string& { return token_bytes[ids_[symbol]]; };
  std::vector<uint32_t> sorted(symbols_.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::sort(sorted.begin(), sorted.end(), [&](uint32_t a, uint32_t b) { return bytes_of(a) < bytes_of(b); });
  nodes_.assign(block_nodes, 0);
  longest_.assign(block_nodes, none);
  base_used_.assign(block_nodes, false);
  base_used_[0] = true;  // of leaves: no node may answer to it
  free_.assign(1, block_nodes - 1);

  // Subtrees with low symbols, the frequent tokens, come first, so that they share cache lines.
  struct Subtree {
    uint32_t lowest_symbol, first, last, depth, node;
    bool operator<(const Subtree& other) const { return lowest_symbol > other.lowest_symbol; }
  };
  std::priority_queue<Subtree> queue;
  queue.push({0, 0, static_cast<uint32_t>(sorted.size()), 0, 0});
  std::vector<Subtree> children;
  std::vector<uint8_t> labels;
  while (!queue.empty()) {
    const Subtree tree = queue.top();
    queue.pop();
    uint32_t at = tree.first;
    if (tree.depth > 0 && bytes_of(sorted[at]).size() == tree.depth) {
      symbols_[sorted[at]].prefix = longest_[tree.node];
      longest_[tree.node] = sorted[at++];
    }
    children.clear();
    labels.clear();
    for (; at < tree.last; at++) {
      const uint8_t label = static_cast<uint8_t>(bytes_of(sorted[at])[tree.depth]);
      if (labels.empty() || labels.back() != label) {
        labels.push_back(label);
        children.push_back({sorted[at], at, at, tree.depth + 1, 0});
      }
      children.back().last = at + 1;
      children.back().lowest_symbol = std::min(children.back().lowest_symbol, sorted[at]);
    }
    if (labels.empty()) continue;
    const uint32_t base = find_base(labels);
    if (base == none) return false;
    base_used_[base] = true;
    nodes_[tree.node] |= base << 9;
    for (size_t i = 0; i < labels.size(); i++) {
      const uint32_t node = base ^ labels[i];
      nodes_[node] = labels[i] + 1u;
      longest_[node] = longest_[tree.node];
      free_[node / block_nodes]--;
      children[i].node = node;
      queue.push(children[i]);
    }
  }
  base_used_ = {};
  free_ = {};
  second_.assign(1 << 16, 0);
  set_tables();
  for (uint32_t first = 0; first < 256; first++) {
    for (uint32_t second = 0; second < 256; second++) {
      second_[first | second << 8] = tables_.step(tables_.step(0, first), second);
    }
  }
  return true;
}

// A base that no node has and whose children for these labels are free.
uint32_t TokenTrie::find_base(const std::vector<uint8_t>& labels) {
  const auto is_free = [&](uint32_t node) { return node != 0 && nodes_[node] == 0; };
  for (size_t block = free_.size() - std::min(free_.size(), open_blocks); block < free_.size(); block++) {
    if (free_[block] < labels.size()) continue;
    const uint32_t first = static_cast<uint32_t>(block) * block_nodes;
    for (uint32_t node = first; node < first + block_nodes; node++) {
      const uint32_t base = node ^ labels[0];
      if (!is_free(node) || base_used_[base]) continue;
      if (std::all_of(labels.begin(), labels.end(), [&](uint8_t label) { return is_free(base ^ label); })) return base;
    }
  }
  if (free_.size() == max_blocks) return none;
  const uint32_t first = static_cast<uint32_t>(nodes_.size());
  nodes_.resize(first + block_nodes, 0);
  longest_.resize(first + block_nodes, none);
  base_used_.resize(first + block_nodes, false);
  free_.push_back(block_nodes);
  return first ^ labels[0];
}

TrieEncoder trie_encoder_named(std::string_view name) {
  if (name == "scalar") return encode_pieces_scalar;
#if defined(__x86_64__)
  if (name == "avx2" && __builtin_cpu_supports("avx2")) return encode_pieces_avx2;
  if (name == "avx512" && __builtin_cpu_supports("avx512bw")) return encode_pieces_avx512;
#endif
  return nullptr;
}

TrieEncoder fastest_trie_encoder() {
  static const TrieEncoder fastest = best_of_isa(trie_encoder_named);
  return fastest;
}

}  // namespace aot
