// defines: aot::encode_units, aot::smallest_dtype, aot::check_ids_fit
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "data/token_writer.h"
#include "tokenizer/tokenizer_model.h"
#include "tokenizer/work_control.h"
#include "tokenizer/work_unit.h"

namespace aot {

// Encodes units with `threads` threads, each to a token file of its own (`<number>.h5`; `single`, when it is not empty,
// is the file of the only unit), and then notes what was made in `<number>.json`: one line of JSON and a line with its
// digest. A token file without that note does not count. Both depend on the unit, the tokenizer and the dtype only.
// The first error ends the work; what is finished stays. Errors as encode_stretches; AOT_CONFIG when the ids do not fit
// `dtype`.
void encode_units(std::shared_ptr<const TokenizerModel> model, const std::vector<WorkUnit>& units,
                  const UnitFolder& folder, const std::string& single, TokenDType dtype, int threads,
                  const WorkControl& control);

// uint16 when every id of the tokenizer fits.
TokenDType smallest_dtype(const TokenizerModel& model);
// AOT_CONFIG when not every id of the tokenizer fits.
void check_ids_fit(const TokenizerModel& model, TokenDType dtype);

}  // namespace aot
