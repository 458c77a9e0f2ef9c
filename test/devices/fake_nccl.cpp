// Stands in for NVIDIA's NCCL where there is no GPU: sums of host memory behind the same functions, which refuse what
// the real library would refuse or wait for without end. nccl.test.ts compiles it and has the emulated device use it.
// AOT_FAKE_NCCL_LOG names a file that gets a line for each call; AOT_FAKE_NCCL says what goes wrong: `old` (the
// version), `refuse` (a rank), `stuck` (the first connection), `sum` (the second sum), `async` (after the second sum).
//
// Values as in nccl.h of NCCL 2.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace {

enum Status { success = 0, system_error = 2, invalid_argument = 4, invalid_usage = 5, remote_error = 6 };

struct UniqueId {
  char bytes[128];
};

// All communicators of one id.
struct Clique {
  int ranks = 0;
  std::set<int> joined;
  bool aborted = false;
  // The sum that is under way.
  std::vector<float*> data;
  size_t count = 0;
  int arrived = 0, sums = 0;
};
struct Communicator {
  std::shared_ptr<Clique> clique;
  int rank;
};

// Never destroyed: a thread that is stuck may wait for them at the end of the process.
std::mutex& mutex = *new std::mutex;
std::condition_variable& changed = *new std::condition_variable;
std::map<std::string, std::shared_ptr<Clique>> cliques;
std::set<Communicator*> living;
int next_id = 0;
thread_local int groups = 0;
thread_local std::set<std::shared_ptr<Clique>> begun;

bool wrong(const char* what) {
  const char* told = std::getenv("AOT_FAKE_NCCL");
  return told && std::strcmp(told, what) == 0;
}

void log(const std::string& line) {
  const char* file = std::getenv("AOT_FAKE_NCCL_LOG");
  if (!file) return;
  if (FILE* out = std::fopen(file, "a")) {
    std::fprintf(out, "%s\n", line.c_str());
    std::fclose(out);
  }
}

int refuse(Status status, const std::string& why) {
  log("refused: " + why);
  return status;
}

}  // namespace

extern "C" {

int ncclGetVersion(int* version) {
  *version = wrong("old") ? 2308 : 22304;
  return success;
}

const char* ncclGetErrorString(int status) {
  switch (status) {
    case success:
      return "no error";
    case system_error:
      return "unhandled system error";
    case invalid_argument:
      return "invalid argument";
    case invalid_usage:
      return "invalid usage";
    case remote_error:
      return "remote process exited or there was a network error";
  }
  return "unknown result code";
}

int ncclGetUniqueId(UniqueId* id) {
  const std::lock_guard lock(mutex);
  std::memset(id->bytes, 0x5a, sizeof(id->bytes));
  std::snprintf(id->bytes, sizeof(id->bytes), "clique %d", ++next_id);
  cliques[std::string(id->bytes, sizeof(id->bytes))] = std::make_shared<Clique>();
  log("id");
  return success;
}

int ncclGroupStart() {
  groups++;
  begun.clear();
  return success;
}

int ncclCommInitRank(Communicator** communicator, int ranks, UniqueId id, int rank) {
  std::unique_lock lock(mutex);
  const auto found = cliques.find(std::string(id.bytes, sizeof(id.bytes)));
  if (found == cliques.end()) return refuse(invalid_argument, "an id that nobody has made");
  if (groups == 0) return refuse(invalid_usage, "several ranks of a thread outside of a group: a deadlock");
  const auto& clique = found->second;
  if (rank < 0 || rank >= ranks || (clique->ranks != 0 && clique->ranks != ranks)) {
    return refuse(invalid_argument, "a rank outside of the group");
  }
  if (!clique->joined.insert(rank).second) return refuse(invalid_usage, "a rank twice");
  if (wrong("refuse") && rank == 1) return refuse(invalid_usage, "as told");
  while (wrong("stuck")) changed.wait(lock);
  clique->ranks = ranks;
  clique->data.resize(static_cast<size_t>(ranks));
  begun.insert(clique);
  *communicator = new Communicator{clique, rank};
  living.insert(*communicator);
  log("rank " + std::to_string(rank) + " of " + std::to_string(ranks));
  return success;
}

int ncclGroupEnd() {
  const std::lock_guard lock(mutex);
  if (--groups < 0) return refuse(invalid_usage, "a group that was not started");
  for (const auto& clique : begun) {
    if (static_cast<int>(clique->joined.size()) != clique->ranks) {
      return refuse(invalid_usage, "ranks that do not come: a deadlock");
    }
  }
  return success;
}

int ncclAllReduce(const void* from, void* to, size_t count, int type, int op, Communicator* communicator, void*) {
  std::unique_lock lock(mutex);
  if (!living.count(communicator)) return refuse(invalid_argument, "a communicator that is gone");
  if (from != to || type != 7 || op != 0) return refuse(invalid_argument, "another sum than of floats in place");
  const std::shared_ptr<Clique> clique = communicator->clique;
  if (wrong("sum") && clique->sums == 1) return refuse(system_error, "as told");
  if (clique->arrived > 0 && count != clique->count) return refuse(invalid_usage, "counts that differ: a deadlock");
  clique->count = count;
  clique->data[static_cast<size_t>(communicator->rank)] = static_cast<float*>(to);
  const int sums = clique->sums;
  if (++clique->arrived == clique->ranks) {
    for (size_t i = 0; i < count; i++) {
      float sum = clique->data[0][i];
      for (size_t rank = 1; rank < clique->data.size(); rank++) sum += clique->data[rank][i];
      for (float* data : clique->data) data[i] = sum;
    }
    clique->arrived = 0;
    clique->sums++;
    log("sum " + std::to_string(count));
    changed.notify_all();
  }
  changed.wait(lock, [&] { return clique->sums != sums || clique->aborted; });
  return success;  // as the real one, whose kernels are ended
}

int ncclCommGetAsyncError(Communicator* communicator, int* error) {
  const std::lock_guard lock(mutex);
  if (!living.count(communicator)) return refuse(invalid_argument, "a communicator that is gone");
  *error = wrong("async") && communicator->clique->sums >= 2 ? remote_error : success;
  return success;
}

int ncclCommDestroy(Communicator* communicator) {
  const std::lock_guard lock(mutex);
  if (living.erase(communicator) == 0) return refuse(invalid_argument, "a communicator that is gone");
  delete communicator;
  log("destroy");
  return success;
}

#ifndef WITHOUT_ABORT
int ncclCommAbort(Communicator* communicator) {
  const std::lock_guard lock(mutex);
  if (living.erase(communicator) == 0) return refuse(invalid_argument, "a communicator that is gone");
  communicator->clique->aborted = true;
  delete communicator;
  log("abort");
  changed.notify_all();
  return success;
}
#endif

}  // extern "C"
