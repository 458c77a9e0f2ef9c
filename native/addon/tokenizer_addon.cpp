#include "addon/tokenizer_addon.h"

#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "tokenizer/bpe_model.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/plain_text.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/token_trie.h"
#include "tokenizer/tokenizer_json.h"
#include "tokenizer/utf8.h"

namespace aot::addon {
namespace {

constexpr napi_type_tag tokenizer_tag = {0x6f1d2b7c94e84a55, 0xa3c0517e88d94b02};

// The class of each environment (main thread, worker threads), until it is torn down.
std::mutex constructors_mutex;
std::unordered_map<napi_env, Napi::FunctionReference> constructors;

// What wrap() hands to the constructor it calls.
thread_local std::shared_ptr<const TokenizerModel> model_to_wrap;

Napi::Function constructor_of(Napi::Env env) {
  const std::lock_guard lock(constructors_mutex);
  return constructors.at(env).Value();
}

// --- For tests: the parts of the tokenizer one by one.

// pretokenize(text, implementation) -> Uint32Array of the pieces' starts in bytes, or null without that implementation.
Napi::Value test_pretokenize(const Napi::CallbackInfo& info) {
  std::string text = string_argument(info[0], "text");
  const std::string name = string_argument(info[1], "implementation");
  const Pretokenizer pretokenizer = pretokenizer_named(name);
  if (!pretokenizer) return info.Env().Null();
  const size_t bytes = text.size();
  text.append(pretokenize_padding, ' ');
  std::vector<uint32_t> starts(bytes + pretokenize_padding);
  const size_t pieces = pretokenizer(reinterpret_cast<const uint8_t*>(text.data()), bytes, starts.data());
  Napi::Uint32Array result = Napi::Uint32Array::New(info.Env(), pieces);
  std::copy_n(starts.data(), pieces, result.Data());
  return result;
}

// plainEnd(bytes: Uint8Array, implementation) -> number, or null without that implementation.
Napi::Value test_plain_end(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const PlainEnd plain_end = plain_end_named(string_argument(info[1], "implementation"));
  if (!plain_end) return info.Env().Null();
  const uint8_t* result = plain_end(bytes.Data(), bytes.Data() + bytes.ByteLength());
  return Napi::Number::New(info.Env(), static_cast<double>(result - bytes.Data()));
}

// lastSafeCut(bytes: Uint8Array) -> number
Napi::Value test_last_safe_cut(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array bytes = info[0].As<Napi::Uint8Array>();
  const std::string_view text(reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength());
  return Napi::Number::New(info.Env(), static_cast<double>(last_safe_cut(text)));
}

// train(texts, words, counts, vocabSize): from texts, each a sequence, and from words with their counts.
Napi::Value test_train(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Array texts = info[0].As<Napi::Array>(), words = info[1].As<Napi::Array>();
    const Napi::Array counts = info[2].As<Napi::Array>();
    WordCounts from_texts, from_words;
    for (uint32_t i = 0; i < texts.Length(); i++) from_texts.add_text(string_argument(texts[i], "text"));
    for (uint32_t i = 0; i < words.Length(); i++) {
      const int64_t count = integer_argument(counts[i], "count", 1, int64_t{1} << 53);
      from_words.add_word(string_argument(words[i], "word"), static_cast<uint64_t>(count));
    }
    from_texts.merge(from_words);
    const int64_t vocab_size = integer_argument(info[3], "vocabSize", 1, INT32_MAX);
    return Napi::Value(
        TokenizerWrap::wrap(info.Env(), train_bpe(std::move(from_texts), static_cast<int>(vocab_size), nullptr)));
  });
}

// countWords(parts) -> { words, counts, memory }: the texts of each part are counted by the same counter, cleared in
// between, and merged.
Napi::Value test_count_words(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Array parts = info[0].As<Napi::Array>();
    WordCounts part, all;
    for (uint32_t i = 0; i < parts.Length(); i++) {
      const Napi::Array texts = parts.Get(i).As<Napi::Array>();
      part.clear();
      for (uint32_t k = 0; k < texts.Length(); k++) part.add_text(string_argument(texts[k], "text"));
      all.merge(part);
    }
    Napi::Array words = Napi::Array::New(info.Env()), counts = Napi::Array::New(info.Env());
    all.each([&](std::string_view word, uint64_t count) {
      words.Set(words.Length(), std::string(word));
      counts.Set(counts.Length(), static_cast<double>(count));
    });
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("words", words);
    result.Set("counts", counts);
    result.Set("memory", static_cast<double>(all.memory()));
    return Napi::Value(result);
  });
}

// encodedWords(tokenizer, texts) -> number: the words that one encoder has encoded.
Napi::Value test_encoded_words(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto encoder = TokenizerWrap::unwrap(info[0])->make_encoder();
    const Napi::Array texts = info[1].As<Napi::Array>();
    std::vector<int32_t> ids;
    for (uint32_t i = 0; i < texts.Length(); i++) {
      encoder->encode_with_added_tokens(string_argument(texts[i], "text"), ids);
    }
    return Napi::Value(Napi::Number::New(info.Env(), static_cast<double>(encoder->words())));
  });
}

// mergePiece(tokenizer, piece) -> Int32Array: the ids of one piece, by the definition.
Napi::Value test_merge_piece(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto model = std::dynamic_pointer_cast<const BpeModel>(TokenizerWrap::unwrap(info[0]));
    if (!model) fail(ErrorCode::config, "only BPE has merges");
    const std::string piece = string_argument(info[1], "piece");
    std::vector<uint32_t> ids(piece.size());
    const size_t count = model->merge_piece(reinterpret_cast<const uint8_t*>(piece.data()), piece.size(), ids.data());
    Napi::Int32Array result = Napi::Int32Array::New(info.Env(), count);
    std::copy_n(ids.data(), count, result.Data());
    return Napi::Value(result);
  });
}

// encodePieces(tokenizer, pieces, implementation) -> Int32Array of each piece's ids, or null without that
// implementation: all in one call, one after the other in memory.
Napi::Value test_encode_pieces(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const auto model = std::dynamic_pointer_cast<const BpeModel>(TokenizerWrap::unwrap(info[0]));
    if (!model) fail(ErrorCode::config, "only BPE has merges");
    const Napi::Array pieces = info[1].As<Napi::Array>();
    const TrieEncoder encoder = trie_encoder_named(string_argument(info[2], "implementation"));
    if (!encoder) return info.Env().Null();
    std::string text;
    std::vector<PieceJob> jobs;
    for (uint32_t i = 0; i < pieces.Length(); i++) {
      const std::string piece = string_argument(pieces[i], "piece");
      jobs.push_back({static_cast<uint32_t>(text.size()), static_cast<uint32_t>(piece.size()), 0});
      text += piece;
    }
    std::vector<uint32_t> ids(text.size());
    text.append(4, ' ');
    model->encode_pieces(reinterpret_cast<const uint8_t*>(text.data()), jobs.data(), jobs.size(), ids.data(), encoder);
    Napi::Array result = Napi::Array::New(info.Env(), jobs.size());
    for (uint32_t i = 0; i < jobs.size(); i++) {
      Napi::Int32Array own = Napi::Int32Array::New(info.Env(), jobs[i].count);
      std::copy_n(ids.data() + jobs[i].at, jobs[i].count, own.Data());
      result[i] = own;
    }
    return Napi::Value(result);
  });
}

}  // namespace

Napi::Function TokenizerWrap::define(Napi::Env env) {
  const Napi::Function constructor =
      DefineClass(env, "NativeTokenizer",
                  {StaticMethod("load", &TokenizerWrap::load), InstanceAccessor("kind", &TokenizerWrap::kind, nullptr),
                   InstanceAccessor("vocabSize", &TokenizerWrap::vocab_size, nullptr),
                   InstanceAccessor("specialTokens", &TokenizerWrap::special_tokens, nullptr),
                   InstanceMethod("tokenToId", &TokenizerWrap::token_to_id),
                   InstanceMethod("idToToken", &TokenizerWrap::id_to_token),
                   InstanceMethod("withSpecialTokens", &TokenizerWrap::with_special_tokens),
                   InstanceMethod("encode", &TokenizerWrap::encode), InstanceMethod("decode", &TokenizerWrap::decode),
                   InstanceMethod("save", &TokenizerWrap::save)});
  {
    const std::lock_guard lock(constructors_mutex);
    constructors[env] = Napi::Persistent(constructor);
  }
  env.AddCleanupHook([env = napi_env(env)] {
    const std::lock_guard lock(constructors_mutex);
    constructors.erase(env);
  });
  return constructor;
}

Napi::Object TokenizerWrap::wrap(Napi::Env env, std::shared_ptr<const TokenizerModel> model) {
  model_to_wrap = std::move(model);
  return constructor_of(env).New({});
}

std::shared_ptr<const TokenizerModel> TokenizerWrap::unwrap(Napi::Value value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tokenizer_tag)) {
    throw make_error(value.Env(), "AOT_CONFIG", "tokenizer must be a tokenizer: load or train one");
  }
  return TokenizerWrap::Unwrap(value.As<Napi::Object>())->model_;
}

TokenizerWrap::TokenizerWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<TokenizerWrap>(info), model_(std::exchange(model_to_wrap, nullptr)) {
  if (!model_) throw make_error(info.Env(), "AOT_CONFIG", "a tokenizer is loaded or trained, not constructed");
  info.This().As<Napi::Object>().TypeTag(&tokenizer_tag);
}

Napi::Value TokenizerWrap::load(const Napi::CallbackInfo& info) {
  return guard(info.Env(),
               [&] { return Napi::Value(wrap(info.Env(), load_tokenizer(string_argument(info[0], "folder")))); });
}

Napi::Value TokenizerWrap::vocab_size(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(model_->vocab_size()));
}

Napi::Value TokenizerWrap::kind(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), model_->cut_at() == CutAt::pieces ? "bpe" : "char");
}

Napi::Value TokenizerWrap::special_tokens(const Napi::CallbackInfo& info) {
  Napi::Array list = Napi::Array::New(info.Env());
  for (const AddedToken& added : model_->parts().added_tokens) {
    if (!added.special) continue;
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("token", added.content);
    object.Set("id", static_cast<double>(added.id));
    list.Set(list.Length(), object);
  }
  return list;
}

Napi::Value TokenizerWrap::token_to_id(const Napi::CallbackInfo& info) {
  const auto id = model_->find(string_argument(info[0], "token"));
  return id ? Napi::Number::New(info.Env(), static_cast<double>(*id)) : info.Env().Undefined();
}

Napi::Value TokenizerWrap::id_to_token(const Napi::CallbackInfo& info) {
  const int64_t id = integer_argument(info[0], "id", INT32_MIN, INT32_MAX);
  if (id < 0 || static_cast<size_t>(id) >= model_->vocab_size()) return info.Env().Undefined();
  return Napi::String::New(info.Env(), model_->token(static_cast<uint32_t>(id)));
}

Napi::Value TokenizerWrap::with_special_tokens(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    if (!info[0].IsArray()) throw make_error(info.Env(), "AOT_CONFIG", "tokens must be an array of strings");
    const Napi::Array list = info[0].As<Napi::Array>();
    std::vector<std::string> tokens;
    for (uint32_t i = 0; i < list.Length(); i++) tokens.push_back(string_argument(list.Get(i), "each of tokens"));
    return Napi::Value(wrap(info.Env(), model_->with_special_tokens(tokens)));
  });
}

Napi::Value TokenizerWrap::encode(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    if (!info[0].IsString()) string_argument(info[0], "text");  // says what is wrong
    // Node's own conversion to UTF-8 takes several times as long as the encoding.
    const std::string text = utf8_from_utf16(info[0].As<Napi::String>().Utf16Value());
    if (!encoder_) encoder_ = model_->make_encoder();
    ids_.clear();
    encoder_->encode_with_added_tokens(text, ids_);
    Napi::Int32Array result = Napi::Int32Array::New(info.Env(), ids_.size());
    std::copy(ids_.begin(), ids_.end(), result.Data());
    if (ids_.capacity() > size_t{1} << 20) ids_ = {};
    return Napi::Value(result);
  });
}

Napi::Value TokenizerWrap::decode(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Int32Array ids = int32_argument(info[0], "ids");
    const bool skip_special = is_given(info[1]) && boolean_argument(info[1], "skipSpecialTokens");
    return Napi::Value(Napi::String::New(info.Env(), model_->decode(ids.Data(), ids.ElementLength(), skip_special)));
  });
}

Napi::Value TokenizerWrap::save(const Napi::CallbackInfo& info) {
  std::string folder = string_argument(info[0], "folder");
  return run_async(
      info.Env(),
      [model = model_, folder = std::move(folder)] {
        save_tokenizer(*model, folder);
        return 0;
      },
      [](Napi::Env env, int) { return env.Undefined(); });
}

void export_tokenizer(Napi::Env env, Napi::Object exports) {
  exports.Set("Tokenizer", TokenizerWrap::define(env));
  Napi::Object parts = Napi::Object::New(env);
  parts.Set("pretokenize", Napi::Function::New(env, test_pretokenize));
  parts.Set("plainEnd", Napi::Function::New(env, test_plain_end));
  parts.Set("lastSafeCut", Napi::Function::New(env, test_last_safe_cut));
  parts.Set("train", Napi::Function::New(env, test_train));
  parts.Set("countWords", Napi::Function::New(env, test_count_words));
  parts.Set("encodedWords", Napi::Function::New(env, test_encoded_words));
  parts.Set("encodePieces", Napi::Function::New(env, test_encode_pieces));
  parts.Set("mergePiece", Napi::Function::New(env, test_merge_piece));
  exports.Set("tokenizerParts", parts);
}

}  // namespace aot::addon
