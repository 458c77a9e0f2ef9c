"""Makes the seeds of the fuzz targets, the files seed_* of corpus/<target>/. Run in this folder with h5py: python
make_seeds.py. The token files of test/goldens/data are seeds as well."""

import json
import os

import h5py
import numpy as np


def seed(target, name, content):
    os.makedirs(f"corpus/{target}", exist_ok=True)
    with open(f"corpus/{target}/seed_{name}", "wb") as file:
        file.write(content)


# --- texts; the last bytes of an input say how it is cut ---
texts = {
    "english": "They've said it's 5 o'clock; we'll see, I'm told: 'tis 3,141.59!\n\nYou'd re-read  the   rest...\n",
    "french": "L'été était là, à côté des êtres humains ; n'est-ce pas ? « Oui », dit-il.\r\n",
    "cjk": "日本語のテキスト。中文文本，没有空格。한국어 문장입니다.　全角　スペース１２３\n",
    "scripts": "ελληνικά русский हिन्दी العربية ไทย é ½ ³ Ⅷ ①\n",
    "emoji": "😀😀 👩‍👩‍👧 🇫🇷 ❤️\ufe0f 𝒳𝒴 𐍈\n",
    "spaces": " \t\n\v\f\r\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000x \n y\u00a0'\u00a0's '\u2003re\n\n\n  z  ",
    "code": "    if (a[i] != 0) {\n\t\treturn f('x', \"y\");\n    }\n/* ---- */ #define X_1 0x7fff\n",
    "tokens": "<|endoftext|>the<|end  <|endoftext|><|endoftext|> there's|> |><|endof text|>。the。\n",
    "nul": "a\0b\0\0 \x01\x7f\x1f c",
}
for name, text in texts.items():
    for target in ("pretokenize", "encode", "unit_cut"):
        seed(target, name, text.encode() + b"\0\0\0")
seed("pretokenize", "long", ("x" * 61 + " yé's 日  1").encode() + b"\xff\0\0")
broken = {
    "bom": b"\xef\xbb\xbfa\r\nb\rc\n\r\xef\xbb\xbf",
    "separators": "a\u2028b\u2029\r\u2028c\r\r\n".encode(),
    "cut": b"\xe2\x80\xa8\xe2\x80 \xf0\x9f\x98 \xc3 \xe6\x97\xa5\xe6",
    "overlong": b"\xc0\xaf \xe0\x80\xaf \xf0\x80\x80\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xf8\x88\x80\x80\x80 \xff\xfe",
    "joined": b"a\r\xff\nb\r\xc3\nc",
    "wide": "日本語éé日本語\rﾊﾝ😀日本語日本語".encode() * 2,
}
for name, content in broken.items():
    for target in ("clean", "unit_cut"):
        seed(target, name, content + b"\0\0")

# --- merges: words of the first letters, then, read from the end, the number of merges and their pairs ---
words = bytes(np.random.default_rng(1).integers(0, 3, 60).tolist()) + b"\xff" + b"\0" * 40 + b"\xff" + b"\0\1" * 9
for name, pairs in {
    "runs": [(0, 0), (8, 0), (8, 8), (9, 8)],
    "overlaps": [(0, 1), (1, 0), (8, 0), (1, 8), (9, 9)],
    "backwards": [(1, 2), (0, 8), (0, 1), (10, 2)],
}.items():
    seed("merges", name, words + b"\0\0" + bytes(reversed([len(pairs)] + [token for pair in pairs for token in pair])))

# --- word counts; the target puts the digest right ---
summary = {"plan": "plan", "unit": 3, "kind": "words", "stretches": 1, "text_bytes": 20, "invalid_bytes": 0,
           "cut_pieces": 0, "occurrences": 131}
for name, entries, kind in [
    ("words", b"\x01\x01a" b"\x04\x81\x01 the" b"\x01\x01a" b"\x00", "words"),
    ("characters", b"\x03\x01\xe6\x97\xa5" b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01!" b"\x00", "characters"),
    ("empty", b"\x00", "words"),
]:
    line = json.dumps({**summary, "kind": kind}, separators=(",", ":")).encode() + b"\n"
    seed("count_file", name, b"arrows-of-time word counts 1\n" + entries + line + b"0" * 32 + b"\n")

# --- tokenizers ---
BYTES = "$BYTES"


def byte_level(**options):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True, **options}


def bpe(merges, more, added=(), **model):
    vocabulary = {BYTES: 0, **{token: 256 + i for i, token in enumerate(more)}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(added),
        "normalizer": None,
        "pre_tokenizer": byte_level(),
        "post_processor": byte_level(add_prefix_space=True),
        "decoder": byte_level(),
        "model": {"type": "BPE", "dropout": None, "unk_token": None, **model, "vocab": vocabulary, "merges": merges},
    }


def added(token, content, **flags):
    return {"id": token, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True, **flags}


def text_of(value):
    return json.dumps(value, ensure_ascii=False).replace(f'"{BYTES}": 0', BYTES).encode()


merges = ["t h", "th e", "Ġ the", "a a", "aa a", "aa aa"]
more = ["th", "the", "Ġthe", "aa", "aaa", "aaaa"]
seed("tokenizer_json", "bpe", text_of(bpe(merges, more, [added(262, "<|endoftext|>")])))
seed("tokenizer_json", "pairs", text_of(bpe([m.split() for m in merges], more, ignore_merges=True)))
seed("tokenizer_json", "order", text_of(bpe(["th e", "t h"], ["the", "th", "aab"], ignore_merges=True)))
flags = [added(33, "!"), added(256, "<|a|>", lstrip=True), added(257, "b ", rstrip=True), added(233, "é", normalized=True)]
seed("tokenizer_json", "added", text_of(bpe([], [], flags)))
characters = {character: i for i, character in enumerate("\n !Teahinorsty'日é")}
split = {"type": "Split", "pattern": {"Regex": "[\\s\\S]"}, "behavior": "Isolated", "invert": False}
words = {"version": "1.0", "added_tokens": [added(20, "<|endoftext|>")], "pre_tokenizer": split,
         "decoder": {"type": "Fuse"}, "model": {"type": "WordLevel", "unk_token": "<|unk|>",
                                                "vocab": {**characters, "<|unk|>": 19, "x": 18, "\u0301": 17}}}
seed("tokenizer_json", "characters", json.dumps(words, ensure_ascii=False).encode())
parts = ["{" + BYTES + ',"th":256,"the":257,"<|endoftext|>":258}', "#version: 0.2\nt h\r\nth e",
         '{"bos_token":"<|endoftext|>","pad_token":{"content":"<|pad|>","lstrip":true,"normalized":true},'
         '"additional_special_tokens":["<|a|>"],"unk_token":null}', '{"<|pad|>":259,"<|a|>":260,"x y":261}']
seed("tokenizer_json", "parts", "\n====\n".join(parts).encode())
seed("tokenizer_json", "two_parts", "\n====\n".join(parts[:2]).encode())

# --- token files in the formats of HDF5 1.8 and 1.10, whose metadata have checksums ---
TOKENS = (np.arange(24) * 7919) % 997


def token_file(name, libver=("v110", "v110"), data=TOKENS, make=None, **options):
    os.makedirs("corpus/hdf5", exist_ok=True)
    with h5py.File(f"corpus/hdf5/seed_{name}", "w", libver=libver) as file:
        if make:
            make(file)
        else:
            file.create_dataset("tokens", data=data.astype(options.pop("dtype", "<i4")), **options)


def compact(file):
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_layout(h5py.h5d.COMPACT)
    creation.set_obj_track_times(False)
    space = h5py.h5s.create_simple((len(TOKENS),))
    dataset = h5py.h5d.create(file.id, b"tokens", h5py.h5t.STD_I64BE, space, creation)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, TOKENS)


def virtual(file):
    layout = h5py.VirtualLayout(shape=(400,), dtype="<i4")
    layout[:300] = h5py.VirtualSource("contiguous_int32.h5", "tokens", shape=(300,))
    layout[300:] = h5py.VirtualSource("contiguous_uint16.h5", "tokens", shape=(300,))[100:200]
    file.create_virtual_dataset("tokens", layout, fillvalue=0)


def linked(file):
    file["group/ids"] = TOKENS.astype("<u2")
    file["tokens"] = h5py.SoftLink("/group/ids")
    file["group/ids"].attrs["by"] = "hand"


token_file("contiguous")
token_file("v18", libver=("v108", "v108"), dtype="<u2")
token_file("one_chunk", chunks=(24,), compression="gzip")
token_file("fixed_array", chunks=(8,), shuffle=True)
token_file("extensible_array", chunks=(8,), maxshape=(None,), fletcher32=True)
token_file("old_chunks", libver="earliest", chunks=(8,), maxshape=(None,), compression="gzip", fletcher32=True)
token_file("many_blocks", data=np.zeros(67_000), dtype="<u2", chunks=(33_000,), compression="gzip", compression_opts=9)
token_file("scale_offset", chunks=(24,), scaleoffset=0)
token_file("compact", make=compact)
token_file("virtual", make=virtual)
token_file("linked", make=linked)
