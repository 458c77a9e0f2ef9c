#include "dist/nccl.h"

#include <dlfcn.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <future>
#include <mutex>
#include <type_traits>
#include <utility>

#include "backend/error.h"
#include "backend/library_files.h"
#include "dist/own_thread.h"
#include "dist/verdict.h"

namespace aot {
namespace {

// --- what nccl.h says, as far as it is needed here (NCCL 2.4 and later) --------------------------------------------

constexpr int success = 0, in_progress = 7;
constexpr int type_float = 7, op_sum = 0;
// The first that has ncclCommGetAsyncError and ncclCommAbort, without which a rank that dies leaves the others waiting.
constexpr int oldest = 2400;

struct UniqueId {
  char bytes[128];
};
using Handle = void*;

// 2.4.8 is 2408; from 2.9.0 on there is more room: 20900.
std::string version_name(int code) {
  const int major = code < 10000 ? 1000 : 10000;
  return std::to_string(code / major) + "." + std::to_string(code % major / 100);
}

}  // namespace

class Nccl {
 public:
  int (*get_version)(int*) = nullptr;
  int (*get_unique_id)(UniqueId*) = nullptr;
  int (*init_rank)(Handle*, int ranks, UniqueId id, int rank) = nullptr;
  int (*group_start)() = nullptr;
  int (*group_end)() = nullptr;
  int (*all_reduce)(const void* from, void* to, size_t count, int type, int op, Handle, void* stream) = nullptr;
  int (*get_async_error)(Handle, int* error) = nullptr;
  int (*abort)(Handle) = nullptr;
  int (*destroy)(Handle) = nullptr;
  const char* (*error_string)(int) = nullptr;

  // What is wrong with the library, or empty. It stays: what CUDA has registered for it does not expect to be unloaded.
  std::string load(const std::string& file) {
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char* what = dlerror();
      return file + " cannot be loaded: " + (what ? what : "unknown error");
    }
    std::string missing;
    const auto get = [&](const char* name, auto& function) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      if (!function && missing.empty()) missing = name;
    };
    get("ncclGetVersion", get_version);
    int version = 0;
    if (get_version && get_version(&version) == success && version < oldest) {
      return file + " is NCCL " + version_name(version) + ": " + version_name(oldest) + " or later is needed";
    }
    get("ncclGetUniqueId", get_unique_id);
    get("ncclCommInitRank", init_rank);
    get("ncclGroupStart", group_start);
    get("ncclGroupEnd", group_end);
    get("ncclAllReduce", all_reduce);
    get("ncclCommGetAsyncError", get_async_error);
    get("ncclCommAbort", abort);
    get("ncclCommDestroy", destroy);
    get("ncclGetErrorString", error_string);
    return missing.empty() ? "" : file + " is no NCCL: it has no function " + missing;
  }

  std::string report(int status, const char* function, const std::string& device) const {
    return std::string("NCCL reports \"") + error_string(status) + "\" in " + function + " on " + device +
           ": set NCCL_DEBUG=WARN to see more";
  }
};

namespace {

// The ranks of this process.
struct Group {
  std::shared_ptr<const Nccl> nccl;
  World& world;
  NcclHost host;
  std::vector<std::string> devices;
  std::vector<Handle> handles;  // of the devices; null: aborted or destroyed
  int first = 0, size = 0;      // rank of the first, ranks of all processes
  double stall_seconds = 0;
  std::mutex mutex;  // for the handles
  Verdict over;

  Group(std::shared_ptr<const Nccl> library, World& all, NcclHost functions, std::vector<std::string> names)
      : nccl(std::move(library)),
        world(all),
        host(std::move(functions)),
        devices(std::move(names)),
        handles(devices.size()) {}

  void abort(const std::string& why) {
    if (!over.set(why)) return;
    const std::lock_guard lock(mutex);
    // Ends the kernels that wait for other ranks, too.
    for (Handle& handle : handles) {
      if (handle) nccl->abort(std::exchange(handle, nullptr));
    }
  }
};

// The order in which NCCL adds is chosen by the library's version, the machines' topology, the number of ranks, the
// count of elements and NCCL_* variables, and is fixed by them: the same job gives the same bits, and all ranks get the
// same. The exception are sums made in NVSwitch (NVLS), which come in any order in some drivers: load_nccl() turns them
// off.
class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(std::shared_ptr<Group> group, size_t place) : group_(std::move(group)), place_(place) {}
  ~NcclCommunicator() override {
    const std::lock_guard lock(group_->mutex);
    if (Handle handle = std::exchange(group_->handles[place_], nullptr)) group_->nccl->destroy(handle);
  }

  const char* kind() const override { return "nccl"; }
  int rank() const override { return group_->first + static_cast<int>(place_); }
  int size() const override { return group_->size; }

  void all_reduce(float* data, int64_t count, void* stream) override {
    const Handle handle = living();
    int status = success;
    group_->host.issue(stream, [&](void* native) {
      status = group_->nccl->all_reduce(data, data, static_cast<size_t>(count), type_float, op_sum, handle, native);
    });
    if (status != success) end("ncclAllReduce", status);
  }

  void check(double waited_seconds) override {
    const Handle handle = living();
    int error = success;
    const int status = group_->nccl->get_async_error(handle, &error);
    if (status != success) end("ncclCommGetAsyncError", status);
    if (error != success && error != in_progress) end("ncclAllReduce", error);
    try {
      group_->world.check();
    } catch (const Error& failure) {
      group_->abort(failure.what());
      throw;
    }
    if (waited_seconds < group_->stall_seconds) return;
    group_->abort("the GPUs of other replicas have not come to where " + group_->devices[place_] + " waits for " +
                  std::to_string(static_cast<int64_t>(waited_seconds)) + " seconds: one hangs");
    group_->over.check();
  }

  void abort(const std::string& why) override { group_->abort(why); }

 private:
  Handle living() const {
    group_->over.check();
    const std::lock_guard lock(group_->mutex);
    return group_->handles[place_];
  }

  [[noreturn]] void end(const char* function, int status) {
    group_->abort(group_->nccl->report(status, function, group_->devices[place_]));
    group_->over.check();  // the first failure counts
    fail(ErrorCode::internal, "a group of GPUs that is over goes on: report this");
  }

  const std::shared_ptr<Group> group_;
  const size_t place_;
};

// The id of the group, and the place of this process's devices in it.
UniqueId agree(Group& group, World& world) {
  UniqueId id{};
  std::unique_ptr<Channel> channel;
  std::vector<int32_t> counts(static_cast<size_t>(world.size()));
  counts[static_cast<size_t>(world.rank())] = static_cast<int32_t>(group.devices.size());
  if (world.size() > 1) {
    channel = world.open_channel();
    std::vector<size_t> ends;
    for (size_t process = 0; process < counts.size(); process++) ends.push_back((process + 1) * sizeof(int32_t));
    channel->all_gather(counts.data(), ends);
  }
  for (int process = 0; process < world.size(); process++) {
    if (process < world.rank()) group.first += counts[static_cast<size_t>(process)];
    group.size += counts[static_cast<size_t>(process)];
  }
  if (world.rank() == 0) {
    const int status = group.nccl->get_unique_id(&id);
    if (status != success) fail(ErrorCode::device, group.nccl->report(status, "ncclGetUniqueId", group.devices[0]));
  }
  if (channel) channel->broadcast(&id, sizeof(id), 0);
  return id;
}

// On a thread of its own: NCCL waits in it for the ranks of all processes, and a process may be gone.
void connect(const std::shared_ptr<Group>& group, World& world, UniqueId id) {
  std::promise<std::string> promise;  // what is wrong, or empty
  std::future<std::string> connected = promise.get_future();
  own_thread([group, id, promise = std::move(promise)]() mutable {
    const Nccl& nccl = *group->nccl;
    std::vector<Handle> handles(group->devices.size());
    std::string wrong;
    const auto note = [&](int status, const char* function, const std::string& device) {
      if (status != success && wrong.empty()) wrong = nccl.report(status, function, device);
    };
    note(nccl.group_start(), "ncclGroupStart", group->devices[0]);
    try {
      for (size_t i = 0; i < handles.size() && wrong.empty(); i++) {
        group->host.select_device(group->devices[i]);
        note(nccl.init_rank(&handles[i], group->size, id, group->first + static_cast<int>(i)), "ncclCommInitRank",
             group->devices[i]);
      }
    } catch (const Error& failure) {
      wrong = failure.what();
    }
    note(nccl.group_end(), "ncclCommInitRank", group->devices[0]);
    {
      const std::lock_guard lock(group->mutex);
      if (wrong.empty() && !group->over.is_set()) group->handles = std::move(handles);
    }
    promise.set_value(wrong);
  });
  const auto start = std::chrono::steady_clock::now();
  const auto stop = [&](const std::string& why) {
    group->over.set(why);
    group->over.check();
  };
  while (connected.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    try {
      world.check();
    } catch (const Error& failure) {
      stop(failure.what());
    }
    if (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > group->stall_seconds) {
      stop("NCCL has not connected the GPUs in " + std::to_string(static_cast<int64_t>(group->stall_seconds)) +
           " seconds: set NCCL_DEBUG=INFO to see where it waits");
    }
  }
  const std::string wrong = connected.get();
  if (!wrong.empty()) stop(wrong);
}

}  // namespace

std::shared_ptr<const Nccl> load_nccl(std::string* why_not) {
  why_not->clear();
  const std::string given = environment("AOT_NCCL");
  if (given == "off") return nullptr;
  // In time for the library to find it; what the user has set stays.
  setenv("NCCL_NVLS_ENABLE", "0", 0);
  std::vector<std::string> files = {given};
  if (given.empty()) files = library_files({"libnccl.so.2"}, {"nccl"});
  for (const std::string& file : files) {
    auto nccl = std::make_shared<Nccl>();
    const std::string wrong = nccl->load(file);
    if (wrong.empty()) return nccl;
    if (!given.empty()) *why_not = "AOT_NCCL: " + wrong;
    if (why_not->empty() && access(file.c_str(), F_OK) == 0) *why_not = wrong;
  }
  if (why_not->empty()) {
    *why_not =
        "libnccl.so.2 was not found: install NCCL (Debian package libnccl2 of NVIDIA's repository, or the Python "
        "package nvidia-nccl-cu13), or name the file in AOT_NCCL";
  }
  return nullptr;
}

std::vector<std::unique_ptr<Communicator>> make_nccl_communicators(std::shared_ptr<const Nccl> nccl,
                                                                   const std::vector<std::string>& devices,
                                                                   World& world, double stall_seconds, NcclHost host) {
  const auto group = std::make_shared<Group>(std::move(nccl), world, std::move(host), devices);
  group->stall_seconds = stall_seconds;
  const UniqueId id = agree(*group, world);
  connect(group, world, id);
  std::vector<std::unique_ptr<Communicator>> communicators;
  for (size_t place = 0; place < devices.size(); place++) {
    communicators.push_back(std::make_unique<NcclCommunicator>(group, place));
  }
  return communicators;
}

}  // namespace aot
