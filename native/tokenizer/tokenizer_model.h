// defines: aot::end_of_text, aot::AddedToken, aot::TokenizerParts, aot::CutAt, aot::TextEncoder, aot::TokenizerModel
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace aot {

// The token that ends a document: id 0 of trained vocabularies.
inline constexpr const char* end_of_text = "<|endoftext|>";

// A token that is found in the text before anything else.
struct AddedToken {
  uint32_t id = 0;
  std::string content;      // as in the text, UTF-8
  bool special = true;      // may be left out when ids are decoded
  bool lstrip = false;      // takes the white space before it
  bool rstrip = false;      // takes the white space after it
  bool normalized = false;  // is looked for after the others
};

// What the files of every kind of tokenizer hold.
struct TokenizerParts {
  std::vector<std::string> vocabulary;  // by id, as the files write it; empty where only an added token has the id
  std::vector<AddedToken> added_tokens;
};

// Where a text may be cut without a change to its ids.
enum class CutAt { pieces, characters };

// Text to ids, exactly as Hugging Face's library gives them. One per thread.
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;
  // Appends the ids of the text; added tokens in it become their ids. The text is valid UTF-8.
  virtual void encode_with_added_tokens(std::string_view text, std::vector<int32_t>& ids) = 0;
  // What it has encoded so far: pieces of the pre-tokenizer, or characters; an added token counts as one.
  virtual uint64_t words() const = 0;
};

// A tokenizer of any kind: immutable, shared by encoders of all threads. Made by std::make_shared.
class TokenizerModel : public std::enable_shared_from_this<TokenizerModel> {
 public:
  virtual ~TokenizerModel() = default;
  TokenizerModel(const TokenizerModel&) = delete;
  TokenizerModel& operator=(const TokenizerModel&) = delete;

  virtual const TokenizerParts& parts() const = 0;
  virtual std::unique_ptr<TextEncoder> make_encoder() const = 0;
  virtual CutAt cut_at() const = 0;

  // Ids are 0 .. vocab_size() - 1, at most 2^31 of them.
  size_t vocab_size() const { return token_bytes_.size(); }
  // The bytes that the id decodes to.
  const std::string& token_bytes(uint32_t id) const { return token_bytes_[id]; }
  // The token of the id, as the files write it.
  const std::string& token(uint32_t id) const;
  std::optional<uint32_t> find(std::string_view token) const;

  // The text of ids, with or without special tokens; what is not UTF-8 becomes U+FFFD. AOT_DATA for an id outside the
  // vocabulary.
  std::string decode(const int32_t* ids, size_t count, bool skip_special = false) const;

  // The same tokenizer with more special tokens, whose ids follow the others. AOT_CONFIG for a token that it has
  // already.
  std::shared_ptr<const TokenizerModel> with_special_tokens(const std::vector<std::string>& contents) const;

 protected:
  TokenizerModel() = default;
  // Fills token_bytes_: bytes_of gives the bytes of a token of the files. AOT_DATA when an id has no token or two, or a
  // token two ids.
  void collect_tokens(const std::function<std::string(const std::string& token)>& bytes_of);
  virtual std::shared_ptr<const TokenizerModel> with_added_tokens(std::vector<AddedToken> added_tokens) const = 0;

  std::vector<std::string> token_bytes_;

 private:
  std::vector<bool> special_;  // by id
  mutable std::once_flag indexed_;
  mutable std::unordered_map<std::string_view, uint32_t> ids_;  // made when first asked for
};

}  // namespace aot
