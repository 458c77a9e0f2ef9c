# The fuzz targets (AOT_FUZZ): each .cpp file here is a libFuzzer program over the engine's readers, which are compiled
# for it with clang's AddressSanitizer and UndefinedBehaviorSanitizer.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR "AOT_FUZZ needs clang, which brings libFuzzer; the compiler is ${CMAKE_CXX_COMPILER_ID}: run "
    "bin/setup --deep (or, Debian/Ubuntu: apt-get install clang libclang-rt-dev) and configure a folder of its own "
    "with -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++")
endif()

# Without tracing each comparison the targets are two to three times as fast; dictionaries hold what it would find.
set(AOT_FUZZ_FLAGS -O1 -gline-tables-only -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
set(AOT_FUZZ_COVERAGE -fno-sanitize-coverage=trace-cmp)
file(GLOB AOT_FUZZED_SOURCES CONFIGURE_DEPENDS native/tokenizer/*.cpp native/data/*.cpp native/io/*.cpp)
# What starts threads, which a forked copy of the process would lack (native/data/hdf5.h), and what calls it.
list(FILTER AOT_FUZZED_SOURCES EXCLUDE REGEX "(batch_loader|chunk_pipeline|tokenize_folder|encode_stretches|_units|safetensors)")
add_library(aot_fuzzed STATIC ${AOT_FUZZED_SOURCES} native/backend/thread_pool.cpp)
target_include_directories(aot_fuzzed PUBLIC native PRIVATE ${XXHASH_INCLUDE_DIR})
target_compile_definitions(aot_fuzzed PUBLIC _GLIBCXX_ASSERTIONS FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION)
target_compile_options(aot_fuzzed PUBLIC -Wall -Wextra ${AOT_FUZZ_FLAGS})
target_compile_options(aot_fuzzed PRIVATE -fsanitize=fuzzer-no-link,address,undefined ${AOT_FUZZ_COVERAGE})
target_link_libraries(aot_fuzzed PUBLIC Threads::Threads HDF5::HDF5 nlohmann_json::nlohmann_json)

file(GLOB AOT_FUZZ_TARGETS CONFIGURE_DEPENDS test/fuzz/*.cpp)
foreach(source ${AOT_FUZZ_TARGETS})
  get_filename_component(name ${source} NAME_WE)
  add_executable(fuzz_${name} ${source})
  target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,address,undefined ${AOT_FUZZ_COVERAGE})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer,address,undefined)
  target_link_libraries(fuzz_${name} PRIVATE aot_fuzzed)
endforeach()
target_compile_definitions(fuzz_hdf5 PRIVATE AOT_GOLDENS="${CMAKE_SOURCE_DIR}/test/goldens/data")
