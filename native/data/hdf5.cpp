#include "data/hdf5.h"

namespace aot::hdf5 {
namespace {

std::recursive_mutex& library_mutex() {
  // Never destroyed: a thread may still be reading while the process ends.
  static std::recursive_mutex* mutex = [] {
    H5dont_atexit();
    return new std::recursive_mutex;
  }();
  return *mutex;
}

}  // namespace

Session::Session() : lock_(library_mutex()) {
  // The setting belongs to the calling thread in thread-safe builds of the library.
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

}  // namespace aot::hdf5
