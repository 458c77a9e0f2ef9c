// defines: aot::addon::TokenizerWrap
#pragma once
#include <memory>
#include <vector>

#include "addon/addon.h"
#include "tokenizer/tokenizer_model.h"

namespace aot::addon {

// The class NativeTokenizer of ts/native.ts.
class TokenizerWrap : public Napi::ObjectWrap<TokenizerWrap> {
 public:
  // Defines the class in this environment and returns its constructor.
  static Napi::Function define(Napi::Env env);
  // A NativeTokenizer of the model.
  static Napi::Object wrap(Napi::Env env, std::shared_ptr<const TokenizerModel> model);
  // The model of a NativeTokenizer; AOT_CONFIG for any other value.
  static std::shared_ptr<const TokenizerModel> unwrap(Napi::Value value);

  // Only wrap() may construct.
  explicit TokenizerWrap(const Napi::CallbackInfo& info);

 private:
  static Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value kind(const Napi::CallbackInfo& info);
  Napi::Value vocab_size(const Napi::CallbackInfo& info);
  Napi::Value special_tokens(const Napi::CallbackInfo& info);
  Napi::Value token_to_id(const Napi::CallbackInfo& info);
  Napi::Value id_to_token(const Napi::CallbackInfo& info);
  Napi::Value with_special_tokens(const Napi::CallbackInfo& info);
  Napi::Value encode(const Napi::CallbackInfo& info);
  Napi::Value decode(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);

  std::shared_ptr<const TokenizerModel> model_;
  std::unique_ptr<TextEncoder> encoder_;  // made when first used
  std::vector<int32_t> ids_;
};

}  // namespace aot::addon
