// defines: aot::broadcast_text, aot::gather_texts
#pragma once
#include <string>
#include <vector>

#include "dist/world.h"

namespace aot {

// The first process's text, for all.
std::string broadcast_text(Channel& channel, int rank, const std::string& text);
// The texts of all, by rank.
std::vector<std::string> gather_texts(Channel& channel, int rank, int size, const std::string& text);

}  // namespace aot
