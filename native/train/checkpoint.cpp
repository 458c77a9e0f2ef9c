// The engine's files: initial weights of others, and the exact state.
#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "backend/error.h"
#include "train/engine.h"

namespace aot {
namespace {

// Tensor names in optimizer.safetensors: a prefix and the parameter's name.
constexpr char moment1_prefix[] = "moment1.", moment2_prefix[] = "moment2.";

// Of the gradients of one replica; of the only one there is, or of a sum, without a number.
std::string gradient_prefix(int share, int shares) {
  return shares == 1 ? "gradient." : "gradient." + std::to_string(share) + ".";
}

// How many replicas' gradients there are; absent: one's.
constexpr char shares_key[] = "gradient_shares";

std::string model_path(const std::string& folder) { return folder + "/model.safetensors"; }
std::string optimizer_path(const std::string& folder) { return folder + "/optimizer.safetensors"; }

std::string to_text(const ModelParams& params) {
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [key, value] : params) {
    if (!value) {
      json[key] = nullptr;
    } else if (*value == static_cast<double>(static_cast<int64_t>(*value))) {
      json[key] = static_cast<int64_t>(*value);
    } else {
      json[key] = *value;
    }
  }
  return json.dump();
}

const std::string& metadata_value(const SafetensorsReader& file, const std::string& key) {
  const auto at = file.metadata().find(key);
  if (at == file.metadata().end()) {
    fail(ErrorCode::data, file.path() + ": its metadata lacks '" + key + "': it is not a state that an engine saved");
  }
  return at->second;
}

uint64_t metadata_number(const SafetensorsReader& file, const std::string& key, uint64_t most) {
  const std::string& text = metadata_value(file, key);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > most) {
    fail(ErrorCode::data, file.path() + ": its metadata has a wrong '" + key + "': the file is damaged");
  }
  return value;
}

ModelParams metadata_params(const SafetensorsReader& file) {
  const nlohmann::json json = nlohmann::json::parse(metadata_value(file, "model_params"), nullptr, false);
  ModelParams params;
  bool good = json.is_object();
  if (good) {
    for (const auto& [key, value] : json.items()) {
      good = good && (value.is_null() || value.is_number());
      if (good) params[key] = value.is_null() ? std::nullopt : std::optional(value.get<double>());
    }
  }
  if (!good) fail(ErrorCode::data, file.path() + ": its metadata has a wrong 'model_params': the file is damaged");
  return params;
}

DType metadata_precision(const SafetensorsReader& file) {
  const std::string& text = metadata_value(file, "precision");
  if (text == "fp32") return DType::fp32;
  if (text == "bf16") return DType::bf16;
  fail(ErrorCode::data, file.path() + ": its metadata has a wrong 'precision': the file is damaged");
}

// The original's causal mask, a buffer of its state dict.
bool is_mask(const std::string& name) { return name.ends_with(".attn.cant_attend"); }

void check_tensor_count(const SafetensorsReader& file, const ParameterTable& table,
                        const std::vector<std::string>& prefixes) {
  for (const auto& [name, tensor] : file.tensors()) {
    bool known = is_mask(name);
    for (const std::string& prefix : prefixes) {
      known = known || (name.starts_with(prefix) && table.find(name.substr(prefix.size())) != no_parameter);
    }
    if (!known) {
      fail(ErrorCode::data, file.path() + ": tensor " + nlohmann::json(name).dump() + " is not one of this model");
    }
  }
}

}  // namespace

void Engine::write_all(Block block, const SafetensorsReader& file, const std::string& prefix) {
  for (ParameterId id = 0; id < table().count(); id++) {
    write(block, id, file.read(prefix + table()[id].name, table()[id].shape));
  }
}

void Engine::read_weights(const SafetensorsReader& file) {
  write_all(Block::weights, file, "");
  check_tensor_count(file, table(), {""});
  backend_->weights_changed();
}

Metadata Engine::metadata() const {
  Metadata metadata = {{"format", "pt"},
                       {"model", options_.model},
                       {"model_params", to_text(options_.params)},
                       {"precision", options_.precision == DType::fp32 ? "fp32" : "bf16"},
                       {"seed", std::to_string(options_.seed)},
                       {"minibatch", std::to_string(minibatch_)},
                       {"optimizer_steps", std::to_string(optimizer_steps_)},
                       {"pending_minibatches", std::to_string(pending_)}};
  if (pending_ > 0 && backend_->shares() > 1) metadata[shares_key] = std::to_string(backend_->shares());
  return metadata;
}

void Engine::write_file(const std::string& path, const std::vector<StoredBlock>& blocks) {
  std::vector<StoredTensor> tensors;
  for (const StoredBlock& block : blocks) {
    for (const Parameter& parameter : table()) tensors.push_back({block.prefix + parameter.name, parameter.shape});
  }
  SafetensorsWriter file(path, tensors, metadata());
  for (const StoredBlock& block : blocks) {
    for (ParameterId id = 0; id < table().count(); id++) file.write(block.values(id));
  }
  file.commit();
}

std::vector<float> Engine::read_share(int share, ParameterId id) {
  const Parameter& parameter = table()[id];
  std::vector<float> values(static_cast<size_t>(parameter.size()));
  backend_->read_share(share, parameter.offset, parameter.size(), values.data());
  return values;
}

void Engine::save(const std::string& folder) {
  if (spoilt_) fail(ErrorCode::numeric, "not saved to " + folder + ": the gradients are not finite");
  backend_->check_alike();
  const bool writes = world_->rank() == 0;
  const int shares = pending_ > 0 ? backend_->shares() : 0;
  if (writes) {
    write_file(model_path(folder), {{"", [&](ParameterId id) { return read(Block::weights, id); }}});
  }
  std::vector<StoredBlock> state = {
      {moment1_prefix, [&](ParameterId id) { return read(Block::moment1, id); }},
      {moment2_prefix, [&](ParameterId id) { return read(Block::moment2, id); }},
  };
  for (int share = 0; share < shares; share++) {
    state.push_back({gradient_prefix(share, shares), [&, share](ParameterId id) { return read_share(share, id); }});
  }
  if (writes) {
    write_file(optimizer_path(folder), state);
  } else {
    // The first process asks for the shares in this order.
    for (int share = 0; share < shares; share++) {
      for (ParameterId id = 0; id < table().count(); id++) read_share(share, id);
    }
  }
}

std::unique_ptr<Engine> Engine::load(const std::string& folder, const EngineOptions& place,
                                     std::shared_ptr<World> world) {
  const SafetensorsReader model_file(model_path(folder)), optimizer_file(optimizer_path(folder));
  EngineOptions options = place;
  options.weights.clear();
  options.model = metadata_value(model_file, "model");
  options.params = metadata_params(model_file);
  options.precision = metadata_precision(model_file);
  options.seed = metadata_number(model_file, "seed", UINT64_MAX);
  std::unique_ptr<Engine> engine;
  try {
    engine.reset(new Engine(options, std::move(world)));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::config) throw;
    fail(ErrorCode::data, model_file.path() + ": its metadata is wrong: " + error.what());
  }
  engine->restore(model_file, optimizer_file);
  return engine;
}

// Each replica gets its own share back; where there are more or fewer of them now, the first gets the sum.
void Engine::restore_gradients(const SafetensorsReader& file, int shares) {
  const bool same = shares == backend_->shares();
  for (ParameterId id = 0; id < table().count(); id++) {
    const Parameter& parameter = table()[id];
    const auto stored = [&](int share) {
      return file.read(gradient_prefix(share, shares) + parameter.name, parameter.shape);
    };
    if (same) {
      for (int share = 0; share < shares; share++) {
        backend_->write_share(share, parameter.offset, parameter.size(), stored(share).data());
      }
      continue;
    }
    std::vector<float> sum(static_cast<size_t>(parameter.size()));
    for (int share = 0; share < shares; share++) {
      const std::vector<float> values = stored(share);
      for (size_t i = 0; i < sum.size(); i++) sum[i] += values[i];
    }
    write(Block::gradients, id, sum);
  }
}

void Engine::synchronise() {
  const auto channel = world_->size() > 1 ? world_->open_channel() : nullptr;
  if (!channel) return;
  int64_t counters[] = {minibatch_, optimizer_steps_, pending_};
  channel->broadcast(counters, sizeof(counters), 0);
  minibatch_ = static_cast<uint32_t>(counters[0]);
  optimizer_steps_ = counters[1];
  pending_ = counters[2];
  backend_->spread();
}

void Engine::restore(const SafetensorsReader& model_file, const SafetensorsReader& optimizer_file) {
  minibatch_ = static_cast<uint32_t>(metadata_number(model_file, "minibatch", UINT32_MAX));
  optimizer_steps_ = static_cast<int64_t>(metadata_number(model_file, "optimizer_steps", INT64_MAX));
  pending_ = static_cast<int64_t>(metadata_number(model_file, "pending_minibatches", UINT32_MAX));
  for (const auto& [key, value] : model_file.metadata()) {
    if (metadata_value(optimizer_file, key) != value) {
      fail(ErrorCode::data,
           optimizer_file.path() + " is not of the same state as " + model_file.path() + ": '" + key + "' differs");
    }
  }
  read_weights(model_file);
  write_all(Block::moment1, optimizer_file, moment1_prefix);
  write_all(Block::moment2, optimizer_file, moment2_prefix);
  std::vector<std::string> prefixes = {moment1_prefix, moment2_prefix};
  if (pending_ > 0) {
    constexpr uint64_t most = 1 << 20;  // far more devices than there are
    const bool several = model_file.metadata().contains(shares_key);
    const int shares = several ? static_cast<int>(metadata_number(model_file, shares_key, most)) : 1;
    restore_gradients(optimizer_file, shares);
    for (int share = 0; share < shares; share++) prefixes.push_back(gradient_prefix(share, shares));
  }
  check_tensor_count(optimizer_file, table(), prefixes);
}

}  // namespace aot
