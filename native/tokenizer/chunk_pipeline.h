// defines: aot::for_each_chunk, aot::encode_in_order
#pragma once
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "tokenizer/text_reader.h"

namespace aot {

// Calls work(worker, chunk) for every chunk of the reader, on `threads` threads at once, in no order. Workers take
// turns in reading, so that a chunk is worked on by the core that has just cleaned it, and memory is one chunk a
// thread. The first exception (of the reader or of work) ends all and is thrown again here.
void for_each_chunk(TextReader& reader, int threads,
                    const std::function<void(int worker, std::string_view chunk)>& work);

// The same, where encode(worker, file, chunk, ids) fills `ids` and write(ids) then gets them in the order of the
// chunks, one call at a time, whatever the number of threads. Results that wait for their turn are few times the
// threads.
void encode_in_order(TextReader& reader, int threads,
                     const std::function<void(int worker, const std::string& file, std::string_view chunk,
                                              std::vector<int32_t>& ids)>& encode,
                     const std::function<void(const std::vector<int32_t>& ids)>& write);

}  // namespace aot
