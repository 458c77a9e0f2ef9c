// What replicas are put together from, by itself. The argument names the check; the first line that does not hold ends it
// with status 1 and is printed.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "backend/error.h"
#include "dist/buckets.h"
#include "dist/thread_group.h"

using namespace aot;

namespace {

void expect(bool holds, const std::string& what) {
  if (holds) return;
  std::printf("%s\n", what.c_str());
  std::exit(1);
}

ParameterTable some_table() {
  ParameterTable table;
  for (const auto& [rows, cols] : std::vector<std::pair<int, int>>{{40, 16}, {1, 16}, {3, 5}, {100, 33}, {1, 1}, {9, 64}}) {
    table.add("p" + std::to_string(table.count()), rows == 1 ? std::vector<int64_t>{cols} : std::vector<int64_t>{rows, cols},
              {}, rows > 1, rows == 9 ? 16 : 1);
  }
  return table;
}

const std::vector<std::vector<ParameterId>> orders = {{5, 4, 3, 2, 1, 0}, {0, 1, 2, 3, 4, 5}, {5, 3, 4, 1, 0, 2}};

// Whether bucket and parameter share an element that is not only padding between parameters.
bool touches(const Parameter& parameter, Buckets::Range range) {
  return parameter.offset < range.end && parameter.offset + parameter.padded_rows * parameter.cols > range.begin;
}

void buckets_cover_the_block() {
  const ParameterTable table = some_table();
  for (const auto& order : orders) {
    for (int64_t size : {1, 64, 100, 1000, 1 << 20}) {
      const Buckets buckets(table, order, size);
      std::map<int64_t, int64_t> ranges;
      for (int turn = 0; turn < buckets.count(); turn++) ranges[buckets[turn].begin] = buckets[turn].end;
      int64_t at = 0;
      for (const auto& [begin, end] : ranges) {
        expect(begin == at && end > begin && end - begin <= size, "buckets of " + std::to_string(size) + " leave a gap");
        at = end;
      }
      expect(at == table.block_size(), "the end is in no bucket");
    }
  }
}

void buckets_wait_for_all() {
  const ParameterTable table = some_table();
  constexpr int lanes = 3;
  for (const auto& order : orders) {
    for (int64_t size : {16, 100, 1000}) {
      const Buckets buckets(table, order, size);
      BucketProgress progress(buckets);
      for (int pass = 0; pass < 2; pass++) {
        progress.start(lanes);
        std::vector<int> reports(static_cast<size_t>(table.count()));
        for (ParameterId id : order) {
          for (int lane = 0; lane < lanes; lane++) {
            progress.final(id, id);
            reports[static_cast<size_t>(id)]++;
            bool before = true;  // every earlier bucket is complete
            for (int turn = 0; turn < buckets.count(); turn++) {
              bool whole = true;
              for (ParameterId part = 0; part < table.count(); part++) {
                if (touches(table[part], buckets[turn])) whole = whole && reports[static_cast<size_t>(part)] == lanes;
              }
              expect(progress.complete(turn) == whole, "bucket " + std::to_string(turn) + " is complete too early or late");
              expect(before || !whole || !touches(table[id], buckets[turn]), "a bucket is complete before one of an earlier turn");
              before = before && whole;
            }
          }
        }
      }
    }
  }
}

std::string line_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void threads_meet() {
  ThreadGroup group({"a", "b", "c"}, 60);
  std::vector<int> seen(3);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < 3; rank++) {
    threads.emplace_back([&, rank] {
      for (int round = 1; round <= 200; round++) {
        seen[static_cast<size_t>(rank)] = round;
        group.meet(rank);
        for (int other : seen) expect(other == round, "one went on before all were there");
        group.meet(rank);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void absent_ones_are_named() {
  ThreadGroup group({"cpu", "cpu two", "cpu three"}, 0.3);
  std::string first, third;
  std::thread other([&] { third = line_of([&] { group.meet(2); }); });
  first = line_of([&] { group.meet(0); });
  other.join();
  expect(first.find("replica 1 (cpu two) has not come") == 0, "not named: " + first);
  expect(third == first, "another line: " + third);
  expect(line_of([&] { group.meet(1); }) == first, "the late one goes on alone");
}

void an_end_ends_all() {
  ThreadGroup group({"a", "b"}, 600);
  std::string line;
  std::thread waiting([&] { line = line_of([&] { group.meet(0); }); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  group.abort("the memory is full");
  group.abort("something later");
  waiting.join();
  expect(line == "the memory is full", "ended by: " + line);
  expect(line_of([&] { group.meet(1); }) == "the memory is full", "it goes on after the end");
}

}  // namespace

int main(int, char** arguments) {
  const std::map<std::string, void (*)()> checks = {
      {"buckets cover the block", buckets_cover_the_block}, {"buckets wait for all", buckets_wait_for_all},
      {"threads meet", threads_meet},                       {"absent ones are named", absent_ones_are_named},
      {"an end ends all", an_end_ends_all}};
  if (!arguments[1]) {
    for (const auto& [name, check] : checks) std::printf("%s\n", name.c_str());
    return 0;
  }
  checks.at(arguments[1])();
}
