// The library aot_mpi.so: see mpi_plugin.h.
#include "dist/mpi_plugin.h"

#include <mpi.h>

#include <cstdio>

namespace {

struct Request {
  MPI_Request request;
  int bytes;  // that have to come; -1: it is sent
};

// Messages of the world do not meet those of anyone else in this process.
MPI_Comm world = MPI_COMM_NULL;

bool start(char* why, size_t why_bytes) {
  int thread_level = 0, error = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &thread_level);
  if (error == MPI_SUCCESS && thread_level < MPI_THREAD_SERIALIZED) {
    std::snprintf(why, why_bytes, "it does not let several threads use it (MPI_THREAD_SERIALIZED)");
    return false;
  }
  if (error == MPI_SUCCESS) error = MPI_Comm_dup(MPI_COMM_WORLD, &world);
  if (error == MPI_SUCCESS) error = MPI_Comm_set_errhandler(world, MPI_ERRORS_RETURN);
  if (error != MPI_SUCCESS) std::snprintf(why, why_bytes, "it does not start (error %d)", error);
  return error == MPI_SUCCESS;
}

int rank() {
  int value = 0;
  MPI_Comm_rank(world, &value);
  return value;
}

int size() {
  int value = 1;
  MPI_Comm_size(world, &value);
  return value;
}

void* begun(Request* request, int error) {
  if (error == MPI_SUCCESS) return request;
  delete request;
  return nullptr;
}

void* send(const void* data, int bytes, int to, int tag) {
  auto* request = new Request{MPI_REQUEST_NULL, -1};
  return begun(request, MPI_Isend(data, bytes, MPI_BYTE, to, tag, world, &request->request));
}

void* receive(void* data, int bytes, int from, int tag) {
  auto* request = new Request{MPI_REQUEST_NULL, bytes};
  return begun(request, MPI_Irecv(data, bytes, MPI_BYTE, from, tag, world, &request->request));
}

int test(void* handle) {
  auto* request = static_cast<Request*>(handle);
  int done = 0, bytes = -1;
  MPI_Status status;
  if (MPI_Test(&request->request, &done, &status) != MPI_SUCCESS) return -1;
  if (!done) return 0;
  if (request->bytes >= 0) MPI_Get_count(&status, MPI_BYTE, &bytes);
  const bool right = bytes == request->bytes;
  delete request;
  return right ? 1 : -1;
}

void finish() { MPI_Finalize(); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const AotMpi aot_mpi;
const AotMpi aot_mpi = {aot_mpi_version, start, rank, size, send, receive, test, finish};
