#include "models/model.h"

#include "backend/error.h"
#include "models/gpt.h"
#include "models/rnn.h"

namespace aot {

std::unique_ptr<Model> make_model(const std::string& model, const ModelParams& params, DType precision) {
  if (model == "gpt") return std::make_unique<Gpt>(params, precision);
  if (model == "gru") return std::make_unique<Rnn>(Rnn::Kind::gru, params, precision);
  if (model == "lstm") return std::make_unique<Rnn>(Rnn::Kind::lstm, params, precision);
  fail(ErrorCode::config, "model '" + model + "' does not exist: use gpt, gru or lstm");
}

}  // namespace aot
