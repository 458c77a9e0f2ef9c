#include "data/hdf5.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace aot::hdf5 {
namespace {

constexpr unsigned most_seconds = 60;

std::mutex& library_mutex() {
  // Never destroyed: a thread may still be reading while the process ends.
  static std::mutex* mutex = [] {
    H5dont_atexit();
    return new std::mutex;
  }();
  return *mutex;
}

// Sessions of this thread. A recursive mutex would not do: it knows its owner by a number that a fork changes.
thread_local int depth = 0;

[[noreturn, maybe_unused]] void run_in_copy(pid_t original, const std::function<void()>& body) {
  // A copy that outlived a killed process would keep its locks.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != original) ::_exit(0);
  for (const int fatal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM}) ::signal(fatal, SIG_DFL);
  sigset_t alarm_only;
  sigemptyset(&alarm_only);
  sigaddset(&alarm_only, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm_only, nullptr);
  ::alarm(most_seconds);
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  // The C library reports what it dies of there.
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
  try {
    body();
  } catch (...) {
  }
  ::_exit(0);
}

}  // namespace

Session::Session() {
  if (depth++ == 0) library_mutex().lock();
  // The setting belongs to the calling thread in thread-safe builds of the library.
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Session::~Session() {
  if (--depth == 0) library_mutex().unlock();
}

Handle open_to_read(const std::string& path) {
  Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
#if H5_VERSION_GE(1, 10, 7) && !(H5_VERS_MAJOR == 1 && H5_VERS_MINOR == 12 && H5_VERS_RELEASE == 0)
  H5Pset_file_locking(access, false, true);  // network file systems without locks are common; nothing is written here
#endif
  return Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose);
}

#if defined(__SANITIZE_ADDRESS__) && !defined(FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)

// The sanitizer's allocator does not survive a fork: another thread may hold its locks, and the copy would wait for
// them. (libFuzzer's programs, built with that macro, have no other thread.)
bool survives(const Session&, const std::function<void()>&) { return true; }

#else

bool survives(const Session&, const std::function<void()>& body) {
  // The copy must not answer the signals meant for this process.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t original = ::getpid();
  const pid_t copy = ::fork();
  if (copy == 0) run_in_copy(original, body);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (copy < 0) return true;
  int status = 0;
  while (::waitpid(copy, &status, 0) < 0) {
    if (errno != EINTR) return true;
  }
  return !WIFSIGNALED(status);
}

#endif

}  // namespace aot::hdf5
