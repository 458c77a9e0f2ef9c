#include "data/shard_list.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "backend/error.h"
#include "data/hdf5_layout.h"
#include "io/atomic_file.h"
#include "io/digest.h"

namespace aot {
namespace {

constexpr const char* tokens_name = "tokens";
constexpr const char* list_name = "shards";
constexpr const char* digest_name = "digest";
constexpr const char* vocab_size_name = "vocab_size";
constexpr size_t digest_length = 32;
constexpr size_t most_name_bytes = 4096;

[[noreturn]] void fail_list(const std::string& path, const std::string& what) {
  fail(ErrorCode::data,
       path + " is damaged (" + what + "): run aot-tokenize again, which makes it anew from its shards");
}

// How a row of `shards` lies in memory and in the file: the name, padded with zeros, then the rest without holes.
struct RowLayout {
  size_t name_bytes;
  size_t tokens() const { return name_bytes; }
  size_t bytes() const { return name_bytes + 8; }
  size_t header() const { return name_bytes + 16; }
  size_t data() const { return header() + digest_length; }
  size_t size() const { return data() + digest_length; }
};

hdf5::Handle text_type(size_t bytes) {
  hdf5::Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, bytes);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

hdf5::Handle row_type(const RowLayout& layout) {
  hdf5::Handle name = text_type(layout.name_bytes), digest = text_type(digest_length);
  hdf5::Handle row(H5Tcreate(H5T_COMPOUND, layout.size()), H5Tclose);
  H5Tinsert(row, "file", 0, name);
  H5Tinsert(row, "tokens", layout.tokens(), H5T_STD_I64LE);
  H5Tinsert(row, "bytes", layout.bytes(), H5T_STD_I64LE);
  H5Tinsert(row, "header", layout.header(), digest);
  H5Tinsert(row, "data", layout.data(), digest);
  return row;
}

std::string pack(const ShardList& list, const RowLayout& layout) {
  std::string rows(list.shards.size() * layout.size(), '\0');
  char* row = rows.data();
  for (const Shard& shard : list.shards) {
    shard.file.copy(row, layout.name_bytes);
    std::memcpy(row + layout.tokens(), &shard.tokens, 8);
    std::memcpy(row + layout.bytes(), &shard.bytes, 8);
    shard.header.copy(row + layout.header(), digest_length);
    shard.data.copy(row + layout.data(), digest_length);
    row += layout.size();
  }
  return rows;
}

std::vector<Shard> unpack(const std::string& rows, const RowLayout& layout) {
  std::vector<Shard> shards(rows.size() / layout.size());
  const char* row = rows.data();
  for (Shard& shard : shards) {
    shard.file.assign(row, ::strnlen(row, layout.name_bytes));
    std::memcpy(&shard.tokens, row + layout.tokens(), 8);
    std::memcpy(&shard.bytes, row + layout.bytes(), 8);
    shard.header.assign(row + layout.header(), digest_length);
    shard.data.assign(row + layout.data(), digest_length);
    row += layout.size();
  }
  return shards;
}

bool leads_inside(const std::string& file) {
  return !file.empty() && file[0] != '/' && ("/" + file + "/").find("/../") == std::string::npos;
}

void check_list(const ShardList& list, const std::string& path) {
  for (const Shard& shard : list.shards) {
    if (!leads_inside(shard.file) || shard.file.size() > most_name_bytes ||
        shard.file.find('\0') != std::string::npos) {
      fail(ErrorCode::config, "the shard '" + shard.file + "' of " + path +
                                  " must be named by a path that leads from its folder further inside");
    }
    if (shard.header.size() != digest_length || shard.data.size() != digest_length) {
      fail(ErrorCode::config, "the shard " + shard.file + " of " + path + " must have digests of 32 digits");
    }
  }
}

// HDF5 takes %b in the name of a source for the number of a block.
std::string escaped(const std::string& file) {
  std::string result;
  for (const char byte : file) result.append(byte == '%' ? 2 : 1, byte);
  return result;
}

void set_mappings(hid_t creation, hid_t space, const ShardList& list) {
  hsize_t start = 0;
  for (const Shard& shard : list.shards) {
    const hsize_t count = static_cast<hsize_t>(shard.tokens);
    if (count == 0) continue;
    hdf5::Handle source(H5Screate_simple(1, &count, nullptr), H5Sclose);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &start, nullptr, &count, nullptr);
    H5Pset_virtual(creation, space, escaped(shard.file).c_str(), tokens_name, source);
    start += count;
  }
  H5Sselect_all(space);
}

bool write_attribute(hid_t object, const char* name, hid_t type, const void* value) {
  hdf5::Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  hdf5::Handle attribute(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  return attribute.valid() && H5Awrite(attribute, type, value) >= 0;
}

bool write_tokens(hid_t file, const ShardList& list) {
  const hsize_t extent = static_cast<hsize_t>(list.tokens());
  hdf5::Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
  hdf5::Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  if (extent > 0) set_mappings(creation, space, list);
  hdf5::Handle dataset(
      H5Dcreate2(file, tokens_name, token_file_type(list.dtype), space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
  if (!dataset.valid()) return false;
  const int64_t vocab_size = list.vocab_size;
  return (vocab_size == 0 || write_attribute(dataset, vocab_size_name, H5T_STD_I64LE, &vocab_size)) && dataset.close();
}

bool write_list(hid_t file, const ShardList& list) {
  RowLayout layout{1};
  for (const Shard& shard : list.shards) layout.name_bytes = std::max(layout.name_bytes, shard.file.size());
  const std::string rows = pack(list, layout);
  const hsize_t extent = static_cast<hsize_t>(list.shards.size());
  hdf5::Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose);
  hdf5::Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  H5Pset_alloc_time(creation, H5D_ALLOC_TIME_EARLY);
  hdf5::Handle type = row_type(layout), digest_type = text_type(digest_length);
  hdf5::Handle dataset(H5Dcreate2(file, list_name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose);
  return dataset.valid() && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()) >= 0 &&
         write_attribute(dataset, digest_name, digest_type, list.digest().data()) && dataset.close();
}

bool make_file(const std::string& path, const ShardList& list) {
  hdf5::Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
  hdf5::Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  hdf5::Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access), H5Fclose);
  return file.valid() && write_tokens(file, list) && write_list(file, list) && file.close();
}

// Asks HDF5, as any other reader of the virtual dataset would.
void check_shards_open(const std::string& path, const ShardList& list) {
  const auto check = [&](const Shard& shard) {
    const std::string file = shard_path(path, shard);
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) {
      fail(ErrorCode::data,
           "the shard " + file + " cannot be opened: " + std::strerror(errno) + "; run aot-tokenize again");
    }
    if (status.st_size != shard.bytes || !is_token_file(file, list.dtype, shard.tokens, list.data_offset(shard))) {
      fail(ErrorCode::data, "the shard " + file + " does not hold its " + std::to_string(shard.tokens) + " " +
                                token_dtype_name(list.dtype) + " tokens: run aot-tokenize again");
    }
  };
  const auto check_all = [&] {
    for (const Shard& shard : list.shards) check(shard);
  };
  {
    hdf5::Session session;
    if (!hdf5::survives(session, check_all)) {
      fail(ErrorCode::data, "a shard of " + path + " is a damaged HDF5 file: run aot-tokenize again");
    }
  }
  check_all();
}

// Whether the virtual dataset is made of exactly these shards.
bool maps(hid_t dataset, const ShardList& list) {
  hdf5::Handle creation(H5Dget_create_plist(dataset), H5Pclose);
  hdf5::Handle space(H5Dget_space(dataset), H5Sclose);
  hdf5::Handle type(H5Dget_type(dataset), H5Tclose);
  if (H5Sget_simple_extent_ndims(space) != 1 || H5Sget_simple_extent_npoints(space) != list.tokens() ||
      H5Tequal(type, token_file_type(list.dtype)) <= 0) {
    return false;
  }
  if (list.tokens() == 0) return H5Pget_layout(creation) == H5D_CONTIGUOUS;
  size_t count = 0;
  if (H5Pget_layout(creation) != H5D_VIRTUAL || H5Pget_virtual_count(creation, &count) < 0) return false;
  size_t i = 0;
  hsize_t start = 0;
  for (const Shard& shard : list.shards) {
    if (shard.tokens == 0) continue;
    if (i == count) return false;
    const auto is = [&](auto get, const std::string& wanted) {
      std::string value(wanted.size(), '\0');
      return get(creation, i, value.data(), value.size() + 1) == static_cast<ssize_t>(wanted.size()) && value == wanted;
    };
    hdf5::Handle to(H5Pget_virtual_vspace(creation, i), H5Sclose);
    hdf5::Handle from(H5Pget_virtual_srcspace(creation, i), H5Sclose);
    hsize_t first = 0, last = 0;
    if (!is(H5Pget_virtual_filename, escaped(shard.file)) || !is(H5Pget_virtual_dsetname, tokens_name) ||
        H5Sget_select_npoints(to) != shard.tokens || H5Sget_select_bounds(to, &first, &last) < 0 || first != start ||
        last != start + static_cast<hsize_t>(shard.tokens) - 1 || H5Sget_select_type(from) != H5S_SEL_ALL) {
      return false;
    }
    start += static_cast<hsize_t>(shard.tokens);
    ++i;
  }
  return i == count;
}

bool fits(const ShardList& list) {
  int64_t tokens = 0;
  for (const Shard& shard : list.shards) {
    if (!leads_inside(shard.file) || shard.tokens < 0 || shard.tokens > INT64_MAX / 8 - tokens ||
        list.data_offset(shard) <= 0) {
      return false;
    }
    tokens += shard.tokens;
  }
  return true;
}

}  // namespace

int64_t ShardList::tokens() const {
  int64_t sum = 0;
  for (const Shard& shard : shards) sum += shard.tokens;
  return sum;
}

std::string ShardList::digest() const {
  Digest digest;
  // Zeros, which no name has, keep the fields apart.
  const auto add = [&](const std::string& field) { digest.add(field.data(), field.size() + 1); };
  add("shards 1");
  add(token_dtype_name(dtype));
  add(std::to_string(vocab_size));
  for (const Shard& shard : shards) {
    add(shard.file);
    add(std::to_string(shard.tokens));
    add(std::to_string(shard.bytes));
    add(shard.header);
    add(shard.data);
  }
  return digest.hex();
}

std::string shard_path(const std::string& path, const Shard& shard) {
  return path.substr(0, path.rfind('/') + 1) + shard.file;
}

void write_virtual(const std::string& path, const ShardList& list) {
  check_list(list, path);
  check_shards_open(path, list);
  AtomicFile file(path);
  file.write(hdf5_layout(path + ".tmp.header", [&](const std::string& made) { return make_file(made, list); }));
  {
    hdf5::Session session;
    hdf5::Handle written = hdf5::open_to_read(file.temporary());
    const auto found = written.valid() ? find_shard_list(written, path, session) : std::nullopt;
    if (!found || found->digest() != list.digest()) {
      fail(ErrorCode::io, "what was written to " + path + " cannot be read back: check the disk and start again");
    }
  }
  file.commit();
}

std::optional<ShardList> find_shard_list(hid_t file, const std::string& path, const hdf5::Session&) {
  if (H5Lexists(file, list_name, H5P_DEFAULT) <= 0) return std::nullopt;
  hdf5::Handle rows_set(H5Dopen2(file, list_name, H5P_DEFAULT), H5Dclose);
  if (!rows_set.valid() || H5Aexists(rows_set, digest_name) <= 0) return std::nullopt;  // another's
  hdf5::Handle type(H5Dget_type(rows_set), H5Tclose);
  hdf5::Handle space(H5Dget_space(rows_set), H5Sclose);
  const int64_t count = H5Sget_simple_extent_npoints(space);
  RowLayout layout{0};
  if (H5Tget_class(type) == H5T_COMPOUND && H5Tget_nmembers(type) > 0) {
    hdf5::Handle name(H5Tget_member_type(type, 0), H5Tclose);
    layout.name_bytes = H5Tget_size(name);
  }
  if (layout.name_bytes == 0 || layout.name_bytes > most_name_bytes || H5Tequal(type, row_type(layout)) <= 0 ||
      count < 0 || H5Dget_storage_size(rows_set) != static_cast<hsize_t>(count) * layout.size()) {
    fail_list(path, "its list of shards");
  }

  ShardList list;
  std::string rows(static_cast<size_t>(count) * layout.size(), '\0'), digest(digest_length, '\0');
  hdf5::Handle attribute(H5Aopen(rows_set, digest_name, H5P_DEFAULT), H5Aclose);
  hdf5::Handle digest_type = text_type(digest_length);
  hdf5::Handle stored(attribute.valid() ? H5Aget_type(attribute) : -1, H5Tclose);
  if (!stored.valid() || H5Tequal(stored, digest_type) <= 0 || H5Aread(attribute, digest_type, digest.data()) < 0 ||
      (count > 0 && H5Dread(rows_set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows.data()) < 0)) {
    fail_list(path, "its list of shards");
  }
  list.shards = unpack(rows, layout);

  hdf5::Handle tokens(H5Dopen2(file, tokens_name, H5P_DEFAULT), H5Dclose);
  if (!tokens.valid()) fail_list(path, "its dataset 'tokens'");
  hdf5::Handle token_type(H5Dget_type(tokens), H5Tclose);
  list.dtype = H5Tequal(token_type, H5T_STD_U16LE) > 0 ? TokenDType::uint16 : TokenDType::int32;
  if (H5Aexists(tokens, vocab_size_name) > 0) {
    hdf5::Handle vocab_size(H5Aopen(tokens, vocab_size_name, H5P_DEFAULT), H5Aclose);
    hdf5::Handle number(H5Aget_space(vocab_size), H5Sclose);
    if (H5Sget_simple_extent_npoints(number) == 1) H5Aread(vocab_size, H5T_NATIVE_INT64, &list.vocab_size);
  }
  if (list.digest() != digest) fail_list(path, "its list of shards");
  if (!fits(list) || !maps(tokens, list)) {
    fail_list(path, "its dataset 'tokens' is not made of the shards in its list");
  }
  return list;
}

}  // namespace aot
