// defines: the encoder of several pieces in lock step, over the vectors of one processor (included by trie_avx*.cpp)
//
// Each lane encodes a piece as TokenTrie says. In a round, lanes that need a token walk the trie, then those with a
// candidate hold it against its left neighbour; both with gathers, so that the lanes wait for memory together. What a
// few stragglers have left goes over to the next round. Then each lane takes its candidate or turns to the next one.
//
// `Vectors` gives lanes of 32 bits (Vec, count in `width`) and masks of them (Mask). The including file brings the
// headers, so that they are not compiled for its instructions.
#pragma once

namespace aot {
namespace {

// Two vectors at a time: while one waits for memory, the other does as well.
template <class One>
struct Twice {
  static constexpr uint32_t width = 2 * One::width;
  struct Vec {
    typename One::Vec low, high;
    friend Vec operator&(Vec a, Vec b) { return {a.low & b.low, a.high & b.high}; }
    friend Vec operator|(Vec a, Vec b) { return {a.low | b.low, a.high | b.high}; }
    friend Vec operator^(Vec a, Vec b) { return {a.low ^ b.low, a.high ^ b.high}; }
  };
  struct Mask {
    typename One::Mask low, high;
  };
  static Vec all(uint32_t value) { return {One::all(value), One::all(value)}; }
  static Vec load(const uint32_t* from) { return {One::load(from), One::load(from + One::width)}; }
  static void store(uint32_t* to, Vec value) {
    One::store(to, value.low);
    One::store(to + One::width, value.high);
  }
  static Mask mask(uint32_t bits) {
    return {One::mask(bits & ((1u << One::width) - 1)), One::mask(bits >> One::width)};
  }
  static uint32_t bits(Mask mask) { return One::bits(mask.low) | One::bits(mask.high) << One::width; }
  static Vec add(Vec a, Vec b) { return {One::add(a.low, b.low), One::add(a.high, b.high)}; }
  static Vec multiply(Vec a, uint32_t b) { return {One::multiply(a.low, b), One::multiply(a.high, b)}; }
  template <int count>
  static Vec right(Vec a) {
    return {One::template right<count>(a.low), One::template right<count>(a.high)};
  }
  template <int count>
  static Vec left(Vec a) {
    return {One::template left<count>(a.low), One::template left<count>(a.high)};
  }
  static Vec shift_right(Vec a, int count) { return {One::shift_right(a.low, count), One::shift_right(a.high, count)}; }
  static Vec shift_each_left(Vec a, Vec counts) {
    return {One::shift_each_left(a.low, counts.low), One::shift_each_left(a.high, counts.high)};
  }
  static Mask equal(Mask within, Vec a, Vec b) {
    return {One::equal(within.low, a.low, b.low), One::equal(within.high, a.high, b.high)};
  }
  static Mask less(Mask within, Vec a, Vec b) {
    return {One::less(within.low, a.low, b.low), One::less(within.high, a.high, b.high)};
  }
  static Vec select(Mask mask, Vec yes, Vec no) {
    return {One::select(mask.low, yes.low, no.low), One::select(mask.high, yes.high, no.high)};
  }
  static Vec gather(Vec rest, Mask mask, const void* from, Vec index) {
    return {One::gather(rest.low, mask.low, from, index.low), One::gather(rest.high, mask.high, from, index.high)};
  }
  static Vec gather_bytes(Vec rest, Mask mask, const void* from, Vec offset) {
    return {One::gather_bytes(rest.low, mask.low, from, offset.low),
            One::gather_bytes(rest.high, mask.high, from, offset.high)};
  }
};

template <class Vectors>
class TrieLanes {
  using Vec = typename Vectors::Vec;
  using Mask = typename Vectors::Mask;
  static constexpr uint32_t width = Vectors::width;
  static constexpr uint32_t none = TrieTables::none;
  static constexpr int stragglers = static_cast<int>(width / 8);
  static constexpr int gather_at = static_cast<int>(width / 2);
  static constexpr uint32_t most_bytes = 1024;   // longer pieces are encoded alone,
  static constexpr uint32_t most_at = 1u << 30;  // and those behind a piece so long that offsets have no sign left

 public:
  TrieLanes(const TrieTables& tables, const uint8_t* text, PieceJob* jobs, size_t count, uint32_t* ids)
      : tables_(tables), text_(text), next_(jobs), last_(jobs + count), ids_(ids) {}

  void run() {
    for (uint32_t lane = 0; lane < width; lane++) start_piece(lane);
    Vec at_node = Vectors::all(0), node = at_node, from = at_node;  // of lanes that walk: the node and what it holds
    Vec left = at_node, right = at_node, limit = at_node;           // of lanes that check
    uint32_t walking = 0, checking = 0;
    while (starting_ | walking | checking | chosen_) {
      const Vec end = Vectors::load(end_);
      // Each of the two works waits until half of the lanes need it, or none the other.
      const uint32_t to_walk = starting_ | walking, to_check = chosen_ | checking;
      const bool walk = __builtin_popcount(to_walk) >= gather_at || to_check == 0;
      if (walk && starting_) {
        const Mask lanes = Vectors::mask(starting_);
        const Vec position = Vectors::load(position_);
        const Vec bytes = Vectors::gather_bytes(position, lanes, text_, position);
        const Mask two = Vectors::less(lanes, Vectors::add(position, Vectors::all(1)), end);
        const Vec found = Vectors::gather(Vectors::all(0), two, tables_.second, bytes & Vectors::all(0xFFFF));
        const Mask walkers = Vectors::less(two, Vectors::all(0), found);
        Vectors::store(candidate_, Vectors::select(lanes, bytes & Vectors::all(255), Vectors::load(candidate_)));
        at_node = Vectors::select(walkers, found, at_node);
        from = Vectors::select(walkers, Vectors::add(position, Vectors::all(2)), from);
        node = Vectors::gather(node, walkers, tables_.nodes, found);
        walking |= Vectors::bits(walkers);
        chosen_ |= starting_ & ~Vectors::bits(walkers);
        starting_ = 0;
      }
      if (walk && walking) {
        Mask lanes = Vectors::mask(walking);
        do {
          Vec bytes = Vectors::gather_bytes(from, lanes, text_, from);
          for (int i = 0; i < 4; i++) {
            lanes = Vectors::less(lanes, from, end);
            const Vec byte = bytes & Vectors::all(255);
            const Vec child = Vectors::template right<9>(node) ^ byte;
            const Vec found = Vectors::gather(node, lanes, tables_.nodes, child);
            lanes = Vectors::equal(lanes, found & Vectors::all(511), Vectors::add(byte, Vectors::all(1)));
            node = Vectors::select(lanes, found, node);
            at_node = Vectors::select(lanes, child, at_node);
            from = Vectors::select(lanes, Vectors::add(from, Vectors::all(1)), from);
            bytes = Vectors::template right<8>(bytes);
          }
        } while (__builtin_popcount(Vectors::bits(lanes)) > stragglers);
        const uint32_t arrived = walking & ~Vectors::bits(lanes);
        const Vec longest =
            Vectors::gather(Vectors::load(candidate_), Vectors::mask(arrived), tables_.longest, at_node);
        Vectors::store(candidate_, longest);
        chosen_ |= arrived;
        walking &= ~arrived;
      }
      uint32_t accepted = 0, rejected = 0;
      const bool check = __builtin_popcount(chosen_ | checking) >= gather_at || !walk || (starting_ | walking) == 0;
      if (check && chosen_) {
        for (uint32_t lanes = chosen_ & blocked_; lanes; lanes &= lanes - 1) {
          const uint32_t lane = lowest(lanes);
          if (is_dead_end(lane, position_[lane] + tables_.symbols[candidate_[lane]].length)) rejected |= 1u << lane;
        }
        const Mask lanes = Vectors::mask(chosen_ & ~rejected);
        const Vec before = Vectors::load(before_);
        const Mask first = Vectors::equal(lanes, before, Vectors::all(none));
        accepted = Vectors::bits(first);
        const uint32_t more = chosen_ & ~rejected & ~accepted;
        const Mask checks = Vectors::mask(more);
        left = Vectors::select(checks, before, left);
        right = Vectors::select(checks, Vectors::load(candidate_), right);
        limit = Vectors::select(checks, Vectors::all(none), limit);
        checking |= more;
        chosen_ = 0;
      }
      if (check && checking) {
        Mask lanes = Vectors::mask(checking);
        uint32_t failed = 0;
        do {
          Vec hash = Vectors::add(Vectors::multiply(left, 0x9E3779B1u), Vectors::multiply(right, 0x85EBCA77u));
          hash = hash ^ Vectors::template right<15>(hash);
          const Vec one = Vectors::all(1), low = Vectors::all(31);
          const Vec bits = Vectors::shift_each_left(one, hash & low) |
                           Vectors::shift_each_left(one, Vectors::template right<5>(hash) & low);
          const Vec word =
              Vectors::gather(hash, lanes, tables_.filter, Vectors::shift_right(hash, tables_.filter_shift));
          const Mask known = Vectors::equal(lanes, word & bits, bits);
          if (Vectors::bits(known)) {
            const Vec slot =
                Vectors::shift_right(Vectors::multiply(hash, TrieTables::slot_factor), tables_.merge_shift);
            const Vec result = Vectors::gather(Vectors::all(0), known, tables_.merges, slot);
            const Mask below = Vectors::less(Vectors::less(known, Vectors::all(0), result), result, limit);
            uint32_t possible = Vectors::bits(below);
            alignas(64) uint32_t lefts[width], rights[width], hashes[width], limits[width];
            if (possible) {
              Vectors::store(lefts, left);
              Vectors::store(rights, right);
              Vectors::store(hashes, hash);
              Vectors::store(limits, limit);
            }
            for (; possible; possible &= possible - 1) {
              const uint32_t lane = lowest(possible);
              if (tables_.find_merge_below(lefts[lane], rights[lane], hashes[lane], limits[lane])) failed |= 1u << lane;
            }
            lanes = Vectors::mask(Vectors::bits(lanes) & ~failed);
          }
          const Mask is_left = Vectors::less(lanes, right, left);
          const Vec later = Vectors::select(is_left, left, right);
          lanes = Vectors::less(lanes, Vectors::all(255), later);
          const Vec half = Vectors::select(is_left, one, Vectors::all(0));
          const Vec part = Vectors::gather(later, lanes, tables_.symbols, Vectors::template left<2>(later) | half);
          limit = Vectors::select(lanes, Vectors::add(later, one ^ half), limit);
          left = Vectors::select(is_left, part, left);
          right = Vectors::select(is_left, right, Vectors::select(lanes, part, right));
        } while (__builtin_popcount(Vectors::bits(lanes)) > stragglers);
        const uint32_t done = checking & ~Vectors::bits(lanes);
        accepted |= done & ~failed;
        rejected |= failed;
        checking &= ~done;
      }
      for (; accepted; accepted &= accepted - 1) accept(lowest(accepted));
      for (; rejected; rejected &= rejected - 1) reject(lowest(rejected));
    }
  }

 private:
  static uint32_t lowest(uint32_t lanes) { return static_cast<uint32_t>(__builtin_ctz(lanes)); }
  bool is_dead_end(uint32_t lane, uint32_t position) const {
    const uint32_t at = position - job_[lane]->at;
    return dead_ends_[lane][at >> 6] >> (at & 63) & 1;
  }

  void start_piece(uint32_t lane) {
    while (next_ < last_ && (next_->bytes > most_bytes || next_->at > most_at)) {
      encode_pieces_scalar(tables_, text_, next_, 1, ids_);
      next_++;
    }
    if (next_ == last_) return;
    job_[lane] = next_++;
    position_[lane] = job_[lane]->at;
    end_[lane] = position_[lane] + job_[lane]->bytes;
    before_[lane] = none;
    out_[lane] = ids_ + position_[lane];
    blocked_ &= ~(1u << lane);
    starting_ |= 1u << lane;
  }

  void accept(uint32_t lane) {
    const uint32_t symbol = candidate_[lane];
    *out_[lane]++ = before_[lane] = symbol;
    position_[lane] += tables_.symbols[symbol].length;
    if (position_[lane] < end_[lane]) {
      starting_ |= 1u << lane;
      return;
    }
    PieceJob& job = *job_[lane];
    uint32_t* ids = ids_ + job.at;
    job.count = static_cast<uint32_t>(out_[lane] - ids);
    for (uint32_t i = 0; i < job.count; i++) ids[i] = tables_.id(ids[i]);
    start_piece(lane);
  }

  // Turns to the next shorter candidate; where there is none left, to that of the token before.
  void reject(uint32_t lane) {
    uint32_t symbol = candidate_[lane];
    uint32_t* const first = ids_ + job_[lane]->at;
    do {
      while (tables_.symbols[symbol].prefix == none) {
        if (!(blocked_ >> lane & 1)) {
          blocked_ |= 1u << lane;
          for (uint32_t i = 0; i <= job_[lane]->bytes / 64; i++) dead_ends_[lane][i] = 0;
        }
        const uint32_t at = position_[lane] - job_[lane]->at;
        dead_ends_[lane][at >> 6] |= uint64_t{1} << (at & 63);
        symbol = *--out_[lane];
        position_[lane] -= tables_.symbols[symbol].length;
      }
      symbol = tables_.symbols[symbol].prefix;
    } while ((blocked_ >> lane & 1) && is_dead_end(lane, position_[lane] + tables_.symbols[symbol].length));
    before_[lane] = out_[lane] == first ? none : out_[lane][-1];
    candidate_[lane] = symbol;
    chosen_ |= 1u << lane;
  }

  const TrieTables& tables_;
  const uint8_t* const text_;
  PieceJob *next_, *const last_;
  uint32_t* const ids_;
  // One bit a lane: its next token is to be looked for; its candidate stands; its piece has dead ends.
  uint32_t starting_ = 0, chosen_ = 0, blocked_ = 0;
  alignas(64) uint32_t position_[width] = {}, end_[width] = {};
  alignas(64) uint32_t before_[width] = {}, candidate_[width] = {};
  PieceJob* job_[width];
  uint32_t* out_[width];
  uint64_t dead_ends_[width][most_bytes / 64 + 1];  // by position: no encoding passes here
};

}  // namespace
}  // namespace aot
