#include "dist/texts.h"

namespace aot {

std::string broadcast_text(Channel& channel, int rank, const std::string& text) {
  uint64_t bytes = text.size();
  channel.broadcast(&bytes, sizeof bytes, 0);
  std::string result = rank == 0 ? text : std::string(bytes, '\0');
  channel.broadcast(result.data(), result.size(), 0);
  return result;
}

std::vector<std::string> gather_texts(Channel& channel, int rank, int size, const std::string& text) {
  std::vector<uint64_t> lengths(static_cast<size_t>(size));
  std::vector<size_t> ends(lengths.size());
  lengths[static_cast<size_t>(rank)] = text.size();
  for (size_t p = 0; p < ends.size(); p++) ends[p] = (p + 1) * sizeof(uint64_t);
  channel.all_gather(lengths.data(), ends);
  size_t end = 0;
  for (size_t p = 0; p < ends.size(); p++) ends[p] = end += lengths[p];
  std::string all(end, '\0');
  const auto begin = [&](size_t p) { return p == 0 ? 0 : ends[p - 1]; };
  text.copy(all.data() + begin(static_cast<size_t>(rank)), text.size());
  channel.all_gather(all.data(), ends);
  std::vector<std::string> texts;
  for (size_t p = 0; p < ends.size(); p++) texts.push_back(all.substr(begin(p), lengths[p]));
  return texts;
}

}  // namespace aot
