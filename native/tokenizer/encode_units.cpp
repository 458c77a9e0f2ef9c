#include "tokenizer/encode_units.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/error.h"
#include "io/atomic_file.h"
#include "io/digest.h"
#include "tokenizer/encode_stretches.h"

namespace aot {
namespace {

constexpr int64_t uint16_ids = 65536;
constexpr int entry_version = 1;

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

void write_entry(const UnitFolder& folder, int number, const std::string& shard, const EncodedText& encoded,
                 const Digest& input, const TokenWriter& writer) {
  nlohmann::ordered_json entry;
  entry["version"] = entry_version;
  entry["plan"] = folder.plan;
  entry["unit"] = number;
  entry["shard"] = shard;
  entry["tokens"] = encoded.tokens;
  entry["words"] = encoded.words;
  entry["text_bytes"] = encoded.text.bytes;
  entry["invalid_bytes"] = encoded.text.invalid_bytes;
  entry["cut_pieces"] = encoded.text.cut_pieces;
  entry["input"] = input.hex();
  entry["header"] = writer.digests().header;
  entry["data"] = writer.digests().data;
  entry["shard_bytes"] = writer.file_bytes();
  const std::string line = entry.dump();
  AtomicFile file(folder.file(number, "json"));
  file.write(line + "\n" + digest_of(line) + "\n");
  file.commit();
}

}  // namespace

TokenDType smallest_dtype(const TokenizerModel& model) {
  return static_cast<int64_t>(model.vocab_size()) <= uint16_ids ? TokenDType::uint16 : TokenDType::int32;
}

void check_ids_fit(const TokenizerModel& model, TokenDType dtype) {
  const int64_t ids = static_cast<int64_t>(model.vocab_size());
  if (dtype == TokenDType::uint16 && ids > uint16_ids) {
    fail(ErrorCode::config, "uint16 holds ids below " + std::to_string(uint16_ids) + ", the tokenizer has " +
                                std::to_string(ids) + ": use the dtype int32 or auto");
  }
}

void encode_units(std::shared_ptr<const TokenizerModel> model, const std::vector<WorkUnit>& units,
                  const UnitFolder& folder, const std::string& single, TokenDType dtype, int threads,
                  const WorkControl& control) {
  check_ids_fit(*model, dtype);
  if (!single.empty() && units.size() != 1) fail(ErrorCode::internal, "only one unit can be in a file of its own");
  if (units.empty()) return;
  // Threads without a unit of their own help with the others'.
  const int workers = std::min(threads, static_cast<int>(units.size()));
  std::vector<Encoders> encoders;
  for (int worker = 0; worker < workers; worker++) encoders.emplace_back(model, std::max(1, threads / workers));
  for_each_unit(units, workers, [&](int worker, const WorkUnit& unit) {
    const std::string shard = single.empty() ? folder.file(unit.number, "h5") : single;
    TokenWriter writer(shard, dtype);
    Digest input;
    const EncodedText encoded =
        encode_stretches(encoders[static_cast<size_t>(worker)], unit.stretches, writer, control, &input);
    writer.commit();
    const std::string name = single.empty() ? file_name(shard) : "../" + file_name(single);
    write_entry(folder, unit.number, name, encoded, input, writer);
  });
}

}  // namespace aot
