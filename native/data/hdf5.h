// defines: aot::hdf5::Session, aot::hdf5::Handle, aot::hdf5::open_to_read, aot::hdf5::survives
#pragma once
#include <hdf5.h>

#include <functional>
#include <string>
#include <utility>

namespace aot::hdf5 {

// The right to call HDF5's C library, which is one for the whole process and not safe for threads in every build: calls
// are made while a Session lives, by one thread at a time. HDF5's own printing of errors is off meanwhile. Not
// reentrant: public functions open one, internal ones take it as an argument to show that they need it.
class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
};

// An HDF5 identifier that is closed when it goes away. Must die inside a Session.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  ~Handle() { close(); }
  bool valid() const { return id_ >= 0; }
  operator hid_t() const { return id_; }
  // Closes now; false when HDF5 could not (for a file: what was buffered could not be written).
  bool close() { return id_ < 0 || close_(std::exchange(id_, -1)) >= 0; }

 private:
  hid_t id_;
  Close close_;
};

// Opens a file for reading; invalid when HDF5 refuses it.
Handle open_to_read(const std::string& path);

// HDF5 can die of a damaged file: divide by zero, write out of bounds, never return. So what a file from outside makes
// it do is tried first in a forked copy of the process. Runs body there (what it throws counts for nothing); false when
// the copy died of it or took longer than a minute; true, untried, when no copy can be made.
bool survives(const Session&, const std::function<void()>& body);

}  // namespace aot::hdf5
