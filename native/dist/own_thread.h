// defines: aot::own_thread
#pragma once
#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace aot {

// Runs body on a thread that nobody waits for: a process may end while it runs. Signals go to the other threads, and
// the threads that it starts inherit that.
template <class Body>
void own_thread(Body body) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  struct Restore {
    const sigset_t& mask;
    ~Restore() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } restore{before};
  std::thread(std::move(body)).detach();
}

}  // namespace aot
