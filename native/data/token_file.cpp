#include "data/token_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "backend/error.h"
#include "data/shard_check.h"

namespace aot {
namespace {

constexpr const char* dataset_name = "tokens";
constexpr int64_t least_block = 65536;
// Virtual datasets of virtual datasets; more than this is a circle.
constexpr int most_depth = 8;

// A range of one dataset of one file.
struct Source {
  std::string path;
  std::string dataset;
  int64_t start;
  int64_t length;  // -1: to the end
};

class Opener {
 public:
  Opener(TokenFile& result, const hdf5::Session&) : result_(result) {}
  void open(const Source& source, int depth);

 private:
  void open_virtual(const Source& source, hid_t creation, int64_t extent, int depth);

  TokenFile& result_;
};

void check_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    fail(ErrorCode::io, "cannot open the token file " + path + ": " + std::strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) fail(ErrorCode::io, path + " is a folder: give the name of a token file (.h5) in it");
  if (!S_ISREG(status.st_mode)) fail(ErrorCode::io, path + " is not a plain file: give the name of a token file (.h5)");
  const htri_t is_hdf5 = H5Fis_hdf5(path.c_str());
  if (is_hdf5 == 0) fail(ErrorCode::data, path + " is not an HDF5 file: make token files with aot-tokenize");
  if (is_hdf5 < 0) fail(ErrorCode::io, "cannot read " + path + ": check its permissions");
}

[[noreturn]] void fail_damaged(const std::string& path) {
  fail(ErrorCode::data, path + " is a damaged or cut HDF5 file: write or copy it again");
}

[[noreturn]] void fail_no_tokens(const std::string& path) {
  fail(ErrorCode::data, path + " holds no tokens: its text was empty");
}

hdf5::Handle open_file(const std::string& path) {
  hdf5::Handle file = hdf5::open_to_read(path);
  if (!file.valid()) fail_damaged(path);
  return file;
}

herr_t add_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->push_back(name);
  return names && static_cast<std::vector<std::string>*>(names)->size() > 8 ? 1 : 0;
}

[[noreturn]] void fail_no_dataset(hid_t file, const std::string& path, const std::string& dataset) {
  std::vector<std::string> names;
  H5Literate(file, H5_INDEX_NAME, H5_ITER_INC, nullptr, add_name, &names);
  std::string there;
  for (size_t i = 0; i < names.size(); ++i) there += (i ? ", " : "") + (i < 8 ? names[i] : std::string("..."));
  fail(ErrorCode::data, path + " has no dataset '" + dataset + "': it holds " + (names.empty() ? "nothing" : there) +
                            "; the token ids must be in that dataset");
}

std::string library_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

hdf5::Handle open_dataset(hid_t file, const std::string& path, const std::string& name) {
  hdf5::Handle object(H5Oopen(file, name.c_str(), H5P_DEFAULT), H5Oclose);
  if (!object.valid()) {
    if (H5Lexists(file, name.c_str(), H5P_DEFAULT) <= 0) fail_no_dataset(file, path, name);
    fail(ErrorCode::data, "dataset '" + name + "' of " + path +
                              " cannot be opened: it is damaged, or in a newer format " + "than HDF5 " +
                              library_version() + " reads; rewrite it with h5repack --high=1");
  }
  if (H5Iget_type(object) != H5I_DATASET) {
    fail(ErrorCode::data, "'" + name + "' of " + path + " is not a dataset but a group or a type: write it again");
  }
  return object;
}

// The file that holds the dataset: another one than was opened when the name is an external link.
std::string file_of(hid_t dataset, const std::string& opened) {
  const ssize_t length = H5Fget_name(dataset, nullptr, 0);
  if (length <= 0) fail_damaged(opened);
  std::string name(static_cast<size_t>(length), '\0');
  H5Fget_name(dataset, name.data(), name.size() + 1);
  return name;
}

ElementType element_type(hid_t dataset, const std::string& path) {
  hdf5::Handle type(H5Dget_type(dataset), H5Tclose);
  const size_t bytes = H5Tget_size(type);
  const bool plain = H5Tget_class(type) == H5T_INTEGER && H5Tget_precision(type) == bytes * 8 &&
                     (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8);
  if (!plain) {
    fail(ErrorCode::data, "dataset 'tokens' of " + path +
                              " does not hold integers of 8, 16, 32 or 64 bits: store the "
                              "ids as int32 or uint16");
  }
  return {static_cast<int>(bytes), H5Tget_sign(type) == H5T_SGN_2, H5Tget_order(type) == H5T_ORDER_BE};
}

int64_t length_of(hid_t dataset, const std::string& path) {
  hdf5::Handle space(H5Dget_space(dataset), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank != 1) {
    fail(ErrorCode::data,
         "dataset 'tokens' of " + path + " has " + std::to_string(rank) + " dimensions: it must have one");
  }
  const int64_t length = H5Sget_simple_extent_npoints(space);
  if (length <= 0) fail_no_tokens(path);
  return length;
}

// Unwritten parts would read as zeros.
void check_chunks(hid_t dataset, hid_t creation, int64_t extent, hsize_t chunk, const std::string& path) {
  for (int i = 0; i < H5Pget_nfilters(creation); ++i) {
    unsigned flags = 0;
    size_t values = 0;
    char name[64] = "";
    const H5Z_filter_t filter =
        H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, sizeof name, name, nullptr);
    if (H5Zfilter_avail(filter) <= 0) {
      fail(ErrorCode::data, path + " is compressed with '" + (*name ? name : std::to_string(filter).c_str()) +
                                "', which this HDF5 library cannot read: write it again with gzip where it was made");
    }
  }
#if H5_VERSION_GE(1, 10, 5)
  hsize_t written = 0;
  const hsize_t wanted = (static_cast<hsize_t>(extent) + chunk - 1) / chunk;
  hdf5::Handle space(H5Dget_space(dataset), H5Sclose);
  if (H5Dget_num_chunks(dataset, space, &written) < 0) fail_damaged(path);
  if (written < wanted) {
    fail(ErrorCode::data, path + " was not written to its end: only " + std::to_string(written) + " of " +
                              std::to_string(wanted) + " chunks are there; write it again");
  }
#endif
}

// The run [start, start + length) that a selection covers. AOT_DATA when it is anything else.
std::pair<int64_t, int64_t> run_of(hid_t space, const std::string& path) {
  const int64_t length = H5Sget_select_npoints(space);
  hsize_t first = 0, last = 0;
  const bool run = H5Sget_simple_extent_ndims(space) == 1 && length > 0 &&
                   H5Sget_select_bounds(space, &first, &last) >= 0 && static_cast<int64_t>(last - first) + 1 == length;
  if (!run) {
    fail(ErrorCode::data,
         "the virtual dataset 'tokens' of " + path +
             " is not made of plain 1-D runs of fixed length: make it anew, or rewrite it with h5repack");
  }
  return {static_cast<int64_t>(first), length};
}

void Opener::open(const Source& source, int depth) {
  if (depth > most_depth) {
    fail(ErrorCode::data, source.path + " is a virtual dataset that refers to itself: make it anew");
  }
  check_file(source.path);
  hdf5::Handle file = open_file(source.path);
  hdf5::Handle dataset = open_dataset(file, source.path, source.dataset);
  const std::string path = file_of(dataset, source.path);
  const ElementType type = element_type(dataset, path);
  const int64_t extent = length_of(dataset, path);
  const int64_t length = source.length < 0 ? extent : source.length;
  if (source.start + length > extent) {
    fail(ErrorCode::data, "the source file " + path + " holds " + std::to_string(extent) + " tokens where " +
                              std::to_string(source.start + length) + " are expected: it was cut or replaced");
  }
  if (depth == 0) result_.dtype = type.name();

  hdf5::Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  const H5D_layout_t layout = H5Pget_layout(creation);
  if (layout == H5D_VIRTUAL) return open_virtual({path, source.dataset, source.start, length}, creation, extent, depth);
  if (layout == H5D_CONTIGUOUS) {
    if (H5Pget_external_count(creation) > 0) {
      fail(ErrorCode::data, path + " keeps its tokens in external raw files: put them inside with h5repack");
    }
    const haddr_t offset = H5Dget_offset(dataset);
    if (offset == HADDR_UNDEF) fail(ErrorCode::data, path + " was created but its tokens were never written");
    result_.segments.push_back(
        std::make_unique<MappedSegment>(path, static_cast<int64_t>(offset) + source.start * type.bytes, length, type));
    return;
  }
  int64_t block = least_block;
  // HDF5 would read past the end of a compact dataset whose header lies about its length.
  if (layout == H5D_COMPACT && static_cast<int64_t>(H5Dget_storage_size(dataset)) < extent * type.bytes) {
    fail_damaged(path);
  }
  if (layout == H5D_CHUNKED) {
    hsize_t chunk = 1;
    H5Pget_chunk(creation, 1, &chunk);
    check_chunks(dataset, creation, extent, chunk, path);
    const int64_t chunk_tokens = static_cast<int64_t>(chunk);
    block = chunk_tokens * std::max<int64_t>(1, least_block / chunk_tokens);
  }
  result_.segments.push_back(
      std::make_unique<DecodedSegment>(path, std::move(file), std::move(dataset), source.start, length, block));
}

void Opener::open_virtual(const Source& source, hid_t creation, int64_t extent, int depth) {
  struct Part {
    int64_t start;  // in the virtual dataset
    Source source;
  };
  std::vector<Part> parts;
  size_t count = 0;
  H5Pget_virtual_count(creation, &count);
  for (size_t i = 0; i < count; ++i) {
    const auto text = [&](auto get) {
      std::string value(static_cast<size_t>(std::max<ssize_t>(0, get(creation, i, nullptr, 0))), '\0');
      get(creation, i, value.data(), value.size() + 1);
      return value;
    };
    std::string file = text(H5Pget_virtual_filename);
    for (size_t at = 0; (at = file.find("%%", at)) != std::string::npos; ++at) file.erase(at, 1);  // HDF5's escape
    hdf5::Handle to(H5Pget_virtual_vspace(creation, i), H5Sclose);
    hdf5::Handle from(H5Pget_virtual_srcspace(creation, i), H5Sclose);
    const auto [start, length] = run_of(to, source.path);
    // A source named without its extent is selected whole.
    const bool whole = H5Sget_select_type(from) == H5S_SEL_ALL;
    const auto [from_start, from_length] = whole ? std::pair<int64_t, int64_t>{0, length} : run_of(from, source.path);
    if (from_length != length) {
      fail(ErrorCode::data, "the virtual dataset 'tokens' of " + source.path + " and its source " + file +
                                " disagree on the number of tokens: make it anew");
    }
    if (file == ".") {
      file = source.path;
    } else if (file.empty() || file[0] != '/') {
      const size_t slash = source.path.rfind('/');
      if (slash != std::string::npos) file = source.path.substr(0, slash + 1) + file;
    }
    parts.push_back({start, {std::move(file), text(H5Pget_virtual_dsetname), from_start, length}});
  }
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.start < b.start; });
  int64_t place = 0;
  for (const Part& part : parts) {
    if (part.start != place) break;
    place += part.source.length;
  }
  if (place != extent) {
    fail(ErrorCode::data, "the virtual dataset 'tokens' of " + source.path + " has no single source for place " +
                              std::to_string(place) + ": make it anew");
  }
  const int64_t end = source.start + source.length;
  for (Part& part : parts) {
    const int64_t first = std::max(part.start, source.start);
    const int64_t last = std::min(part.start + part.source.length, end);
    if (first >= last) continue;
    struct stat status {};
    if (::stat(part.source.path.c_str(), &status) != 0) {
      fail(ErrorCode::data, "the source file " + part.source.path + " of the virtual dataset " + source.path +
                                " is missing: put it back beside it");
    }
    part.source.start += first - part.start;
    part.source.length = last - first;
    open(part.source, depth + 1);
  }
}

std::optional<ShardList> shard_list_of(const std::string& path, const hdf5::Session& session) {
  check_file(path);
  const hdf5::Handle file = open_file(path);
  return find_shard_list(file, path, session);
}

// Their bytes are those that TokenWriter wrote, so where the tokens lie is known without HDF5.
TokenFile open_shards(const std::string& path, const ShardList& list) {
  if (list.tokens() == 0) fail_no_tokens(path);
  require_shards(path, list);
  TokenFile result;
  const ElementType type{static_cast<int>(token_bytes(list.dtype)), list.dtype == TokenDType::int32, false};
  result.dtype = type.name();
  for (const Shard& shard : list.shards) {
    if (shard.tokens == 0) continue;
    result.segments.push_back(
        std::make_unique<MappedSegment>(shard_path(path, shard), list.data_offset(shard), shard.tokens, type));
  }
  return result;
}

}  // namespace

TokenFile open_token_file(const std::string& path) {
  std::optional<ShardList> list;
  {
    hdf5::Session session;
    const Source whole{path, dataset_name, 0, -1};
    const bool harmless = hdf5::survives(session, [&] {
      if (shard_list_of(path, session)) return;
      // Never destroyed: the copy of the process ends here.
      TokenFile& trial = *new TokenFile;
      Opener(trial, session).open(whole, 0);
      for (const auto& segment : trial.segments) {
        int32_t token;
        segment->read(0, 1, &token);
        segment->read(segment->length() - 1, 1, &token);
      }
    });
    if (!harmless) fail_damaged(path);
    list = shard_list_of(path, session);
    if (!list) {
      TokenFile result;
      Opener(result, session).open(whole, 0);
      return result;
    }
  }
  return open_shards(path, *list);
}

std::optional<ShardList> read_shard_list(const std::string& path) {
  hdf5::Session session;
  if (!hdf5::survives(session, [&] { shard_list_of(path, session); })) fail_damaged(path);
  return shard_list_of(path, session);
}

}  // namespace aot
