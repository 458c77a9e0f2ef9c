// Sums over emulated devices by the communicators of cuda/communicators.cpp, for exchange.test.ts. The command line
// says what is done; errors are printed as `error CODE message`.
//
//   exchange sum RANKS COUNT OFFSET CALLS ORDER   every rank's numbers summed CALLS times, OFFSET floats into its
//   memory;
//                                                 prints `ok KIND` when every rank has the sum in the order of the
//                                                 ranks
//   exchange both | absent | differ | stop | leave   two ranks, three sums: both come, or the second does not come,
//   brings
//                                                    another count, gives up, or is destroyed, for the second sum
#include <cstdio>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "backend/error.h"
#include "backend/gpu_backend.h"
#include "runtime.h"

using namespace aot;

namespace {

// This process alone.
struct Alone final : World {
  std::vector<Member> self{Member{"here", 0, {}}};
  int rank() const override { return 0; }
  int size() const override { return 1; }
  const std::vector<Member>& members() const override { return self; }
  std::unique_ptr<Channel> open_channel() override { return nullptr; }
  void set_devices(const std::string&) override {}
  void fail(const std::string&) override {}
  void check() const override {}
  void leave() override {}
};

float number(int rank, int64_t i, int call) {
  const auto bits = static_cast<uint32_t>(i * 2654435761u + static_cast<uint32_t>(rank * 40503 + call * 9973));
  return static_cast<float>(bits % 20011) / static_cast<float>(1 + bits % 977) - 3.0f;
}

// A device with a stream for the work and one for the sums, as a backend has them.
struct Replica {
  Communicator& communicator;
  int64_t offset, count;
  cuda::DeviceMemory memory;
  cuda::PinnedMemory pinned;
  cuda::Stream work = cuda::create_stream(), sums = cuda::create_stream();
  cuda::Event made = cuda::create_event(), summed = cuda::create_event();

  Replica(Communicator& group, int64_t at, int64_t floats)
      : communicator(group),
        offset(at),
        count(floats),
        memory(static_cast<size_t>(at + floats + 4) * sizeof(float), "the numbers"),
        pinned(static_cast<size_t>(floats) * sizeof(float)) {}
  ~Replica() {
    communicator.leave();
    try {
      cuda::synchronize(sums);
      cuda::synchronize(work);
    } catch (const Error&) {
    }
    for (cuda::Stream stream : {work, sums}) cuda::destroy_stream(stream);
    for (cuda::Event event : {made, summed}) cuda::destroy_event(event);
  }
  float* data() const { return memory.floats() + offset; }

  void reduce(const std::vector<float>& values) {
    std::memcpy(pinned.as<char>(), values.data(), values.size() * sizeof(float));
    cuda::copy(data(), pinned.as<char>(), values.size() * sizeof(float), work);
    cuda::record(made, work);
    cuda::wait(sums, made);
    communicator.all_reduce(data(), count, sums);
    cuda::record(summed, sums);
    cuda::wait(work, summed);
    communicator.check(0);
  }
  std::vector<float> result() {
    std::vector<float> values(static_cast<size_t>(count));
    cuda::copy(pinned.as<char>(), data(), values.size() * sizeof(float), work);
    // As an optimizer step does, at once.
    cuda::fill(data(), 0xff, values.size() * sizeof(float), work);
    cuda::synchronize(work);
    std::memcpy(values.data(), pinned.as<char>(), values.size() * sizeof(float));
    return values;
  }
};

std::vector<float> numbers(int rank, int64_t count, int call) {
  std::vector<float> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; i++) values[static_cast<size_t>(i)] = number(rank, i, call);
  return values;
}

void sum(int ranks, int64_t count, int64_t offset, int calls) {
  Alone world;
  const auto group =
      make_gpu_communicators(std::vector<std::string>(static_cast<size_t>(ranks), "emulated"), world, 60);
  std::vector<std::unique_ptr<Replica>> replicas;
  for (const auto& communicator : group) {
    replicas.push_back(std::make_unique<Replica>(*communicator, offset, count));
  }
  std::vector<std::future<std::string>> threads;
  for (int rank = 0; rank < ranks; rank++) {
    threads.push_back(std::async(std::launch::async, [&, rank]() -> std::string {
      Replica& replica = *replicas[static_cast<size_t>(rank)];
      for (int call = 0; call < calls; call++) {
        replica.reduce(numbers(rank, count, call));
        const std::vector<float> found = replica.result();
        std::vector<float> wanted = numbers(0, count, call);
        for (int other = 1; other < ranks; other++) {
          const std::vector<float> share = numbers(other, count, call);
          for (size_t i = 0; i < wanted.size(); i++) wanted[i] += share[i];
        }
        if (std::memcmp(found.data(), wanted.data(), found.size() * sizeof(float)) != 0) {
          return "rank " + std::to_string(rank) + " has another sum in call " + std::to_string(call);
        }
      }
      return "";
    }));
  }
  for (auto& thread : threads) {
    const std::string wrong = thread.get();
    if (!wrong.empty()) throw std::runtime_error(wrong);
  }
  std::printf("ok %s %d\n", group[0]->kind(), group.back()->rank());
}

void pair(const std::string& what) {
  Alone world;
  const auto group = make_gpu_communicators({"emulated", "emulated"}, world, what == "absent" ? 1 : 60);
  std::vector<std::unique_ptr<Replica>> replicas;
  for (const auto& communicator : group) {
    replicas.push_back(std::make_unique<Replica>(*communicator, 0, what == "differ" && replicas.empty() ? 4 : 8));
  }
  std::vector<std::string> lines(2);
  const auto act = [&](int rank) {
    Replica& replica = *replicas[static_cast<size_t>(rank)];
    try {
      for (int call = 0; call < 3; call++) {
        if (rank == 1 && call == 1 && what == "absent") return;
        if (rank == 1 && call == 1 && what == "stop") {
          return replica.communicator.abort("replica 1 (emulated) stopped: no more batches");
        }
        if (rank == 1 && call == 1 && what == "leave") {
          replicas[1].reset();
          return;
        }
        replica.reduce(numbers(rank, replica.count, call));
        if (what != "leave") replica.result();
      }
    } catch (const Error& error) {
      lines[static_cast<size_t>(rank)] = std::string(error_code_name(error.code())) + " " + error.what();
    }
  };
  std::thread other(act, 1);
  act(0);
  other.join();
  for (size_t rank = 0; rank < 2; rank++) {
    if (!lines[rank].empty()) std::printf("rank %zu: %s\n", rank, lines[rank].c_str());
  }
}

}  // namespace

int main(int count, char** arguments) {
  const std::string what = count > 1 ? arguments[1] : "";
  try {
    if (what == "sum" && count == 7) {
      Emulation emulation;
      emulation.order = std::stoi(arguments[6]);
      set_emulation(emulation);
      sum(std::stoi(arguments[2]), std::stol(arguments[3]), std::stol(arguments[4]), std::stoi(arguments[5]));
    } else {
      pair(what);
    }
  } catch (const Error& error) {
    std::printf("error %s %s\n", error_code_name(error.code()), error.what());
  } catch (const std::exception& error) {
    std::printf("error %s\n", error.what());
  }
  return 0;
}
