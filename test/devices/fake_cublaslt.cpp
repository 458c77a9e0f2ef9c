// Stands in for NVIDIA's cuBLASLt where there is no GPU: plain loops over host memory behind the same functions, which
// refuse whatever the real library would refuse or misread. cublaslt.test.ts compiles it and has the emulated device
// use it. AOT_FAKE_CUBLASLT_LOG names a file that gets a line for each product.
//
// Values as in cublasLt.h of cuBLAS 12 and 13. Matrices are column-major: element (row, column) is at column * stride +
// row.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

enum Status { success = 0, invalid_value = 7, not_supported = 15 };
enum Kind : uint32_t { handle_kind = 0x48414e44, product_kind, layout_kind, preference_kind };

struct Handle {
  Kind kind = handle_kind;
};
struct Product {
  Kind kind = product_kind;
  int transposed[2] = {};
  uint32_t epilogue = 1;
  const void* bias = nullptr;
};
struct Layout {
  Kind kind = layout_kind;
  int type = 0;
  int64_t rows = 0, cols = 0, stride = 0;
};
struct Preference {
  Kind kind = preference_kind;
  uint64_t workspace = 0;
  uint32_t reductions = 7;
  uint32_t alignment[4] = {256, 256, 256, 256};
};

// What find() says of a problem and multiply() must be given again.
struct Algorithm {
  uint64_t problem, workspace;
  uint32_t alignment[4];
  uint64_t unused[4];
};
static_assert(sizeof(Algorithm) == 64);
struct Result {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(Result) == 96);

template <class T>
T* as(void* object, Kind kind) {
  auto* typed = static_cast<T*>(object);
  return typed && typed->kind == kind ? typed : nullptr;
}

int refuse(const char* why) {
  std::fprintf(stderr, "fake cuBLASLt: %s\n", why);
  return invalid_value;
}
#define REQUIRE(condition) \
  if (!(condition)) return refuse(#condition)

uint64_t problem_of(const Product& p, std::initializer_list<const Layout*> layouts) {
  uint64_t hash = static_cast<uint64_t>(p.transposed[0] + 2 * p.transposed[1]) * 8 + p.epilogue;
  for (const Layout* layout : layouts) {
    for (int64_t value : {static_cast<int64_t>(layout->type), layout->rows, layout->cols, layout->stride}) {
      hash = hash * 1000003 + static_cast<uint64_t>(value);
    }
  }
  return hash;
}

int check(const Product& p, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  REQUIRE(a.type == b.type && c.type == d.type);
  REQUIRE(a.type == 14 || d.type == 0);  // fp32 in, fp32 out
  const int64_t m = p.transposed[0] ? a.cols : a.rows, k = p.transposed[0] ? a.rows : a.cols;
  REQUIRE((p.transposed[1] ? b.cols : b.rows) == k && (p.transposed[1] ? b.rows : b.cols) == d.cols);
  REQUIRE(d.rows == m && c.rows == d.rows && c.cols == d.cols && c.stride == d.stride);
  REQUIRE(p.epilogue == 1 || p.epilogue == 4);
  REQUIRE(p.epilogue == 1 || d.type == 0);  // a bias has the type of d; ours are fp32
  REQUIRE(p.epilogue == 1 || (p.bias && reinterpret_cast<uintptr_t>(p.bias) % 16 == 0));
  return success;
}

float load(const void* data, int type, int64_t at) {
  if (type == 0) return static_cast<const float*>(data)[at];
  const uint32_t bits = static_cast<uint32_t>(static_cast<const uint16_t*>(data)[at]) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
void store(void* data, int type, int64_t at, float value) {
  if (type == 0) {
    static_cast<float*>(data)[at] = value;
    return;
  }
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  static_cast<uint16_t*>(data)[at] =
      static_cast<uint16_t>(nan ? bits >> 16 | 0x40 : (bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

template <class T>
int set(T& to, const void* value, size_t bytes) {
  REQUIRE(value && bytes == sizeof(T));
  std::memcpy(&to, value, bytes);
  return success;
}
template <class T>
int make(void** to, T value) {
  REQUIRE(to);
  *to = new T(value);
  return success;
}
template <class T>
int destroy(void* object, Kind kind) {
  T* typed = as<T>(object, kind);
  REQUIRE(typed);
  typed->kind = {};
  delete typed;
  return success;
}

}  // namespace

extern "C" {

int cublasLtCreate(void** handle) { return make(handle, Handle()); }
int cublasLtDestroy(void* handle) { return destroy<Handle>(handle, handle_kind); }

int cublasLtMatmulDescCreate(void** product, int compute_type, int scale_type) {
  REQUIRE(compute_type == 68 && scale_type == 0);  // fp32, and no TF32
  return make(product, Product());
}
int cublasLtMatmulDescDestroy(void* product) { return destroy<Product>(product, product_kind); }
int cublasLtMatmulDescSetAttribute(void* product, int attribute, const void* value, size_t bytes) {
  auto* p = as<Product>(product, product_kind);
  REQUIRE(p);
  switch (attribute) {
    case 3:
    case 4: {
      int& transposed = p->transposed[attribute - 3];
      const int status = set(transposed, value, bytes);
      REQUIRE(status == success && (transposed == 0 || transposed == 1));
      return success;
    }
    case 7:
      return set(p->epilogue, value, bytes);
    case 8:
      return set(p->bias, value, bytes);
    default:
      return refuse("an unknown attribute of a product");
  }
}

int cublasLtMatrixLayoutCreate(void** layout, int type, uint64_t rows, uint64_t cols, int64_t stride) {
  REQUIRE(type == 0 || type == 14);
  REQUIRE(rows > 0 && cols > 0 && stride >= static_cast<int64_t>(rows));
  Layout made;
  made.type = type;
  made.rows = static_cast<int64_t>(rows);
  made.cols = static_cast<int64_t>(cols);
  made.stride = stride;
  return make(layout, made);
}
int cublasLtMatrixLayoutDestroy(void* layout) { return destroy<Layout>(layout, layout_kind); }

int cublasLtMatmulPreferenceCreate(void** preference) { return make(preference, Preference()); }
int cublasLtMatmulPreferenceDestroy(void* preference) { return destroy<Preference>(preference, preference_kind); }
int cublasLtMatmulPreferenceSetAttribute(void* preference, int attribute, const void* value, size_t bytes) {
  auto* p = as<Preference>(preference, preference_kind);
  REQUIRE(p);
  if (attribute == 1) return set(p->workspace, value, bytes);
  if (attribute == 3) return set(p->reductions, value, bytes);
  if (attribute >= 5 && attribute <= 8) return set(p->alignment[attribute - 5], value, bytes);
  return refuse("an unknown attribute of a preference");
}

int cublasLtMatmulAlgoGetHeuristic(void* handle, void* product, void* a, void* b, void* c, void* d, void* preference,
                                   int wanted, Result* results, int* found) {
  const auto* p = as<Product>(product, product_kind);
  const auto* preferred = as<Preference>(preference, preference_kind);
  const Layout* layouts[4] = {as<Layout>(a, layout_kind), as<Layout>(b, layout_kind), as<Layout>(c, layout_kind),
                              as<Layout>(d, layout_kind)};
  REQUIRE(as<Handle>(handle, handle_kind) && p && preferred && wanted >= 1 && results && found);
  REQUIRE(layouts[0] && layouts[1] && layouts[2] && layouts[3]);
  REQUIRE(preferred->reductions == 2);  // splits of k are added in fp32
  const int status = check(*p, *layouts[0], *layouts[1], *layouts[2], *layouts[3]);
  if (status != success) return status;
  *found = 0;
  // As the real one for some shapes: it has no way to do it.
  if (layouts[3]->rows % 16 == 15) return not_supported;
  Result result{};
  result.algorithm.problem = problem_of(*p, {layouts[0], layouts[1], layouts[2], layouts[3]});
  result.algorithm.workspace = result.workspace = std::min<uint64_t>(preferred->workspace, 1 << 20);
  std::copy(preferred->alignment, preferred->alignment + 4, result.algorithm.alignment);
  results[0] = result;
  *found = 1;
  return success;
}

int cublasLtMatmul(void* handle, void* product, const float* alpha, const void* a, void* a_layout, const void* b,
                   void* b_layout, const float* beta, const void* c, void* c_layout, void* d, void* d_layout,
                   const Algorithm* algorithm, void* workspace, size_t workspace_bytes, void*) {
  const auto* p = as<Product>(product, product_kind);
  const Layout *la = as<Layout>(a_layout, layout_kind), *lb = as<Layout>(b_layout, layout_kind),
               *lc = as<Layout>(c_layout, layout_kind), *ld = as<Layout>(d_layout, layout_kind);
  REQUIRE(as<Handle>(handle, handle_kind) && p && la && lb && lc && ld && alpha && beta && a && b && d && algorithm);
  const int status = check(*p, *la, *lb, *lc, *ld);
  if (status != success) return status;
  REQUIRE(algorithm->problem == problem_of(*p, {la, lb, lc, ld}));
  REQUIRE(workspace && workspace_bytes >= algorithm->workspace && reinterpret_cast<uintptr_t>(workspace) % 256 == 0);
  const void* matrices[4] = {a, b, c, d};
  for (int i = 0; i < 4; i++) REQUIRE(reinterpret_cast<uintptr_t>(matrices[i]) % algorithm->alignment[i] == 0);
  REQUIRE(*beta == 0 || c == d);
  std::memset(workspace, 0xff, algorithm->workspace);

  const int64_t m = ld->rows, n = ld->cols, k = p->transposed[0] ? la->rows : la->cols;
  std::vector<float> column(static_cast<size_t>(k));
  for (int64_t j = 0; j < n; j++) {
    for (int64_t l = 0; l < k; l++) {
      column[static_cast<size_t>(l)] = load(b, lb->type, p->transposed[1] ? l * lb->stride + j : j * lb->stride + l);
    }
    for (int64_t i = 0; i < m; i++) {
      float sum = 0;
      for (int64_t l = 0; l < k; l++) {
        sum += load(a, la->type, p->transposed[0] ? i * la->stride + l : l * la->stride + i) *
               column[static_cast<size_t>(l)];
      }
      sum *= *alpha;
      const int64_t at = j * ld->stride + i;
      if (*beta != 0) sum += *beta * load(c, lc->type, at);
      if (p->epilogue == 4) sum += static_cast<const float*>(p->bias)[i];
      store(d, ld->type, at, sum);
    }
  }
  if (const char* name = std::getenv("AOT_FAKE_CUBLASLT_LOG")) {
    if (std::FILE* log = std::fopen(name, "a")) {
      std::fprintf(log, "%s %s m=%d n=%d k=%d%s%s\n", la->type ? "bf16" : "fp32", ld->type ? "bf16" : "fp32",
                   static_cast<int>(n), static_cast<int>(m), static_cast<int>(k), *beta != 0 ? " accumulate" : "",
                   p->epilogue == 4 ? " bias" : "");
      std::fclose(log);
    }
  }
  return success;
}

}  // extern "C"
