#include "dist/mpi.h"

#include <dlfcn.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "backend/error.h"
#include "dist/own_thread.h"

namespace aot {
namespace {

constexpr const char* cure = ": install libopenmpi-dev and run bin/setup again";

int number_of(const char* variable) {
  const char* text = std::getenv(variable);
  return text ? std::atoi(text) : 0;
}

std::string started_by(const Launch& launch) {
  const std::string several = launch.size > 0 ? std::to_string(launch.size) : "several";
  return "this is one of " + several + " processes that " + launch.by + " has started";
}

std::string said_by_linker() {
  const char* what = dlerror();
  return what ? what : "unknown error";
}

// The library stays for the life of the process: MPI does not expect to be unloaded.
const AotMpi& load(const Launch& launch) {
  Dl_info addon{};
  dladdr(reinterpret_cast<void*>(&launched), &addon);
  const std::filesystem::path file =
      std::filesystem::path(addon.dli_fname ? addon.dli_fname : "").parent_path() / "aot_mpi.so";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) {
    fail(ErrorCode::device, started_by(launch) + ", but this build has no MPI (" + file.string() + ")" + cure);
  }
  // Global, because MPI loads parts of its own that look for its functions.
  void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (!library) fail(ErrorCode::device, "MPI cannot be loaded (" + said_by_linker() + ")" + cure);
  const auto* functions = static_cast<const AotMpi*>(dlsym(library, "aot_mpi"));
  if (!functions || functions->version != aot_mpi_version) {
    fail(ErrorCode::device, file.string() + " is not of this build: run bin/setup again");
  }
  return *functions;
}

}  // namespace

std::optional<Launch> launched() {
  const auto several = [](const char* by, int size) {
    return size == 1 ? std::nullopt : std::optional(Launch{by, size});
  };
  // mpirun of Open MPI
  if (const int size = number_of("OMPI_COMM_WORLD_SIZE")) return several("mpirun", size);
  // mpirun of MPICH and its kin; srun --mpi=pmi2
  if (const int size = number_of("PMI_SIZE")) return several(std::getenv("SLURM_PROCID") ? "srun" : "mpirun", size);
  // srun, with --mpi=pmix (PMIX_RANK) or without
  if (const int size = number_of("SLURM_STEP_NUM_TASKS")) return several("srun", size);
  if (std::getenv("PMIX_RANK") || std::getenv("PMI_RANK")) return Launch{"a launcher of MPI", 0};
  return std::nullopt;
}

// All of MPI's life on one thread, which has to end what it has started.
void Mpi::live() {
  char why[256] = "";
  const bool runs = functions_.start(why, sizeof why);
  std::unique_lock lock(state_mutex_);
  if (runs) {
    rank_ = functions_.rank();
    size_ = functions_.size();
  }
  why_ = why;
  state_ = runs ? State::running : State::broken;
  changed_.notify_all();
  changed_.wait(lock, [&] { return state_ == State::finishing; });
  lock.unlock();
  with([](const AotMpi& mpi) { mpi.finish(); });
  lock.lock();
  state_ = State::finished;
  changed_.notify_all();
}

std::shared_ptr<Mpi> Mpi::start(const Launch& launch, double seconds) {
  const std::shared_ptr<Mpi> mpi(new Mpi(load(launch)));
  own_thread([mpi] { mpi->live(); });
  std::unique_lock lock(mpi->state_mutex_);
  const bool in_time = mpi->changed_.wait_for(lock, std::chrono::duration<double>(seconds),
                                              [&] { return mpi->state_ != State::starting; });
  if (!in_time) {
    fail(ErrorCode::device, started_by(launch) + ", but MPI has not found the others for " +
                                std::to_string(static_cast<int64_t>(seconds)) +
                                " seconds: look for what they say, and at the network between the machines");
  }
  if (mpi->state_ == State::broken) fail(ErrorCode::device, started_by(launch) + ", but MPI says: " + mpi->why_);
  if (launch.size > 0 && mpi->size_ != launch.size) {
    fail(ErrorCode::device, started_by(launch) + ", but the MPI of this build sees " + std::to_string(mpi->size_) +
                                ": start them with the mpirun of that MPI, or with srun --mpi=pmix");
  }
  return mpi;
}

void Mpi::finish(double seconds) {
  std::unique_lock lock(state_mutex_);
  state_ = State::finishing;
  changed_.notify_all();
  changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return state_ == State::finished; });
}

}  // namespace aot
