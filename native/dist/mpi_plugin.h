// defines: AotMpi
#pragma once
#include <stddef.h>

// The little of MPI that the world needs, as a table of C functions: the shared library aot_mpi.so beside the addon
// offers it under the name aot_mpi where there was an MPI to build it with. The addon itself does not link MPI. No call
// but start and finish waits for another process; none may be made while another is on its way.
struct AotMpi {
  int version;
  // Whether MPI runs now; otherwise why holds what it said.
  bool (*start)(char* why, size_t why_bytes);
  int (*rank)();
  int (*size)();
  // Begin a message; the memory is MPI's until test() has said done. Null: MPI reports an error.
  void* (*send)(const void* data, int bytes, int to, int tag);
  void* (*receive)(void* data, int bytes, int from, int tag);
  // 1: done, and the request is gone; 0: not yet; -1: MPI reports an error, or a message of another size has come.
  int (*test)(void* request);
  void (*finish)();
};

constexpr int aot_mpi_version = 1;
