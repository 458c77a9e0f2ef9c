#include "cublaslt.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <compare>
#include <type_traits>
#include <utility>
#include <vector>

#include "backend/error.h"
#include "backend/library_files.h"

namespace aot::cuda {
namespace {

// --- what cublasLt.h says, as far as it is needed here (cuBLAS 12 and 13) ------------------------------------------

constexpr int success = 0;
constexpr int type_fp32 = 0, type_bf16 = 14, compute_fp32 = 68;
constexpr int desc_transa = 3, desc_transb = 4, desc_epilogue = 7, desc_bias_pointer = 8;
constexpr uint32_t epilogue_bias = 4;
constexpr int preference_workspace = 1, preference_reductions = 3, preference_alignment_a = 5,
              preference_alignment_b = 6, preference_alignment_c = 7, preference_alignment_d = 8;
constexpr uint32_t reduction_compute_type = 2;

struct Algorithm {
  uint64_t data[8];
};
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace_bytes;
  int state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(HeuristicResult) == 96);

using Handle = void*;
using Descriptor = void*;  // of a product, a matrix or a preference

constexpr size_t workspace_bytes = 32 << 20;

}  // namespace

struct CublasLt::Functions {
  Handle handle = nullptr;

  int (*create)(Handle*) = nullptr;
  int (*destroy)(Handle) = nullptr;
  int (*create_product)(Descriptor*, int compute_type, int scale_type) = nullptr;
  int (*destroy_product)(Descriptor) = nullptr;
  int (*set_product)(Descriptor, int attribute, const void* value, size_t bytes) = nullptr;
  int (*create_layout)(Descriptor*, int type, uint64_t rows, uint64_t cols, int64_t stride) = nullptr;
  int (*destroy_layout)(Descriptor) = nullptr;
  int (*create_preference)(Descriptor*) = nullptr;
  int (*destroy_preference)(Descriptor) = nullptr;
  int (*set_preference)(Descriptor, int attribute, const void* value, size_t bytes) = nullptr;
  int (*find)(Handle, Descriptor product, Descriptor a, Descriptor b, Descriptor c, Descriptor d, Descriptor preference,
              int wanted, HeuristicResult* results, int* found) = nullptr;
  int (*multiply)(Handle, Descriptor product, const void* alpha, const void* a, Descriptor a_layout, const void* b,
                  Descriptor b_layout, const void* beta, const void* c, Descriptor c_layout, void* d,
                  Descriptor d_layout, const Algorithm* algorithm, void* workspace, size_t workspace_bytes,
                  void* stream) = nullptr;

  // The library itself stays: what CUDA has registered for it does not expect to be unloaded.
  ~Functions() {
    if (handle) destroy(handle);
  }

  // What is wrong with the library, or empty.
  std::string load(const std::string& file) {
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char* what = dlerror();
      return file + " cannot be loaded: " + (what ? what : "unknown error");
    }
    std::string missing;
    const auto get = [&](const char* name, auto& function) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
      if (!function && missing.empty()) missing = name;
    };
    get("cublasLtCreate", create);
    get("cublasLtDestroy", destroy);
    get("cublasLtMatmulDescCreate", create_product);
    get("cublasLtMatmulDescDestroy", destroy_product);
    get("cublasLtMatmulDescSetAttribute", set_product);
    get("cublasLtMatrixLayoutCreate", create_layout);
    get("cublasLtMatrixLayoutDestroy", destroy_layout);
    get("cublasLtMatmulPreferenceCreate", create_preference);
    get("cublasLtMatmulPreferenceDestroy", destroy_preference);
    get("cublasLtMatmulPreferenceSetAttribute", set_preference);
    get("cublasLtMatmulAlgoGetHeuristic", find);
    get("cublasLtMatmul", multiply);
    if (!missing.empty()) {
      dlclose(library);
      return file + " is no cuBLASLt: it has no function " + missing;
    }
    const int status = create(&handle);
    if (status == success) return "";
    handle = nullptr;
    return file + " does not start (status " + std::to_string(status) + "): it may need a newer driver or more memory";
  }

  void require(int status, const char* function) const {
    if (status == success) return;
    fail(ErrorCode::device, std::string("cuBLASLt reports status ") + std::to_string(status) + " in " + function +
                                ": set AOT_CUBLASLT=off to go on without it, and report this");
  }
};

// One way to make products of one shape. Rows are row-major here and columns are contiguous in cuBLASLt, so that it is
// asked for the transpose: c^T = B^T A^T, where b is its first matrix and a its second.
struct CublasLt::Plan {
  const Functions& f;
  Descriptor product = nullptr, first = nullptr, second = nullptr, result = nullptr;
  Algorithm algorithm{};

  explicit Plan(const Functions& functions) : f(functions) {}
  ~Plan() {
    if (product) f.destroy_product(product);
    for (Descriptor layout : {first, second, result}) {
      if (layout) f.destroy_layout(layout);
    }
  }

  template <class T>
  void set(int attribute, T value) const {
    f.require(f.set_product(product, attribute, &value, sizeof(value)), "cublasLtMatmulDescSetAttribute");
  }
  // A matrix of ours with `rows` rows of `cols`.
  void make_layout(Descriptor* layout, DType type, int64_t rows, int64_t cols, int64_t stride) const {
    f.require(f.create_layout(layout, type == DType::bf16 ? type_bf16 : type_fp32, static_cast<uint64_t>(cols),
                              static_cast<uint64_t>(rows), stride),
              "cublasLtMatrixLayoutCreate");
  }
};

// What a plan is good for.
struct CublasLt::Key {
  DType in, out;
  int64_t m, n, k, lda, ldb, ldc;
  bool a_transposed, b_transposed, accumulate, bias;
  uint32_t a_alignment, b_alignment, c_alignment;

  auto operator<=>(const Key&) const = default;
};

CublasLt::CublasLt(std::unique_ptr<Functions> functions)
    : functions_(std::move(functions)), workspace_(workspace_bytes, "cuBLASLt's workspace") {}
CublasLt::~CublasLt() = default;

CublasLt::Plan* CublasLt::find_plan(const Product& p) {
  const auto alignment = [](const void* address) {
    const auto bits = reinterpret_cast<uintptr_t>(address);
    return static_cast<uint32_t>(std::min<uintptr_t>(256, bits & (~bits + 1)));
  };
  const Key key{p.in,
                p.out,
                p.m,
                p.n,
                p.k,
                p.lda,
                p.ldb,
                p.ldc,
                p.a_transposed,
                p.b_transposed,
                p.then == Product::Then::accumulate,
                p.bias != nullptr,
                alignment(p.a),
                alignment(p.b),
                alignment(p.c)};
  const auto known = plans_.find(key);
  if (known != plans_.end()) return known->second.get();

  const Functions& f = *functions_;
  auto plan = std::make_unique<Plan>(f);
  f.require(f.create_product(&plan->product, compute_fp32, type_fp32), "cublasLtMatmulDescCreate");
  plan->set<int32_t>(desc_transa, p.b_transposed);
  plan->set<int32_t>(desc_transb, p.a_transposed);
  if (p.bias) {
    plan->set(desc_epilogue, epilogue_bias);
    plan->set(desc_bias_pointer, p.bias);
  }
  plan->make_layout(&plan->first, p.in, p.b_transposed ? p.n : p.k, p.b_transposed ? p.k : p.n, p.ldb);
  plan->make_layout(&plan->second, p.in, p.a_transposed ? p.k : p.m, p.a_transposed ? p.m : p.k, p.lda);
  plan->make_layout(&plan->result, p.out, p.m, p.n, p.ldc);

  Descriptor preference = nullptr;
  f.require(f.create_preference(&preference), "cublasLtMatmulPreferenceCreate");
  const std::unique_ptr<void, int (*)(Descriptor)> owner(preference, f.destroy_preference);
  const auto prefer = [&](int attribute, auto value) {
    f.require(f.set_preference(preference, attribute, &value, sizeof(value)), "cublasLtMatmulPreferenceSetAttribute");
  };
  prefer(preference_workspace, workspace_bytes);
  // Where k is split, the shares are added in fp32 and in order.
  prefer(preference_reductions, reduction_compute_type);
  prefer(preference_alignment_a, key.b_alignment);
  prefer(preference_alignment_b, key.a_alignment);
  prefer(preference_alignment_c, key.c_alignment);
  prefer(preference_alignment_d, key.c_alignment);
  HeuristicResult result{};
  int found = 0;
  const int status = f.find(f.handle, plan->product, plan->first, plan->second, plan->result, plan->result, preference,
                            1, &result, &found);
  if (status != success || found < 1 || result.state != success) plan.reset();
  if (plan) plan->algorithm = result.algorithm;
  return plans_.emplace(key, std::move(plan)).first->second.get();
}

bool CublasLt::multiply(Stream stream, const Product& p) {
  const Plan* plan = find_plan(p);
  if (!plan) return false;
  issue(stream, [this, plan, a = p.a, b = p.b, c = p.c, bias = p.bias,
                 accumulate = p.then == Product::Then::accumulate](void* native_stream) {
    const float one = 1, beta = accumulate ? 1 : 0;
    if (bias) plan->set(desc_bias_pointer, bias);
    functions_->require(functions_->multiply(functions_->handle, plan->product, &one, b, plan->first, a, plan->second,
                                             &beta, c, plan->result, c, plan->result, &plan->algorithm,
                                             workspace_.data(), workspace_bytes, native_stream),
                        "cublasLtMatmul");
  });
  return true;
}

std::unique_ptr<CublasLt> load_cublaslt(const std::string& device, std::string* why_not) {
  why_not->clear();
  const std::string given = environment("AOT_CUBLASLT");
  if (given == "off" || (given.empty() && device == "emulated")) return nullptr;
  std::vector<std::string> files = {given};
  if (given.empty()) files = library_files({"libcublasLt.so.13", "libcublasLt.so.12"}, {"cu13", "cublas"});
  for (const std::string& file : files) {
    auto functions = std::make_unique<CublasLt::Functions>();
    const std::string wrong = functions->load(file);
    if (wrong.empty()) return std::make_unique<CublasLt>(std::move(functions));
    // Of several, what is wrong with the first file that is there says most.
    if (!given.empty()) *why_not = "AOT_CUBLASLT: " + wrong;
    if (why_not->empty() && access(file.c_str(), F_OK) == 0) *why_not = wrong;
  }
  if (why_not->empty()) {
    *why_not =
        "libcublasLt.so.13 and .so.12 were not found: install cuBLAS (it comes with CUDA's toolkit and with the "
        "Python package nvidia-cublas), or name the file in AOT_CUBLASLT";
  }
  return nullptr;
}

}  // namespace aot::cuda
