// defines: aot::reverse_text
#pragma once
#include <string>

#include "tokenizer/text_reader.h"
#include "tokenizer/work_control.h"

namespace aot {

// Writes the text of `file` with its code points in reverse order to `out` (whole or not at all), in memory that does
// not grow with the file. Nothing is cleaned: line ends stay as they are (CR LF becomes LF CR) and combining marks are
// not kept behind their letters. Bytes that are not UTF-8 are dropped and counted; a byte order mark at the start,
// which is no text, stays at the start. So reversing twice gives the file again, if it is valid UTF-8. AOT_IO when a
// file cannot be read or written, or changes meanwhile.
TextReport reverse_text(const std::string& file, const std::string& out, const WorkControl& control,
                        size_t block_bytes = 4 << 20);

}  // namespace aot
