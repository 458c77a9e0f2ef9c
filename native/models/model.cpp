#include "models/model.h"

#include "backend/error.h"
#include "models/gpt.h"

namespace aot {

std::unique_ptr<Model> make_model(const std::string& model, const ModelParams& params, DType precision) {
  if (model == "gpt") return std::make_unique<Gpt>(params, precision);
  fail(ErrorCode::config, "model '" + model + "' does not exist: use gpt");
}

}  // namespace aot
