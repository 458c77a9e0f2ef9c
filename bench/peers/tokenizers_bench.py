"""Tokenizers on texts in memory, neither read nor written while the clock runs: Hugging Face's, tiktoken."""

import hashlib
import json
import pathlib
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

from protocol import answer, reason, reported

# GPT-2's, as both libraries have it.
pieces = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


def sha256_of_ids(ids: list[list[int]]) -> tuple[int, str]:
    """The number of the ids, and the SHA-256 of them all as little-endian int32."""
    digest, count = hashlib.sha256(), 0
    for some in ids:
        numbers = array("i", some)
        if sys.byteorder == "big":
            numbers.byteswap()
        digest.update(numbers.tobytes())
        count += len(some)
    return count, digest.hexdigest()


def timed(run: Callable[[], Any], repeats: int) -> tuple[list[float], Any]:
    samples = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = run()
        samples.append(time.perf_counter() - started)
    return samples, result


def status_bytes(name: str) -> int:
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def watched(run: Callable[[], Any], repeats: int) -> tuple[list[float], Any, int]:
    """As timed(), and the peak of the resident memory beyond what it was before; 0 where the system does not tell."""
    try:
        before = status_bytes("VmRSS")
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak so far
    except OSError:
        return (*timed(run, repeats), 0)
    samples, result = timed(run, repeats)
    return samples, result, max(0, status_bytes("VmHWM") - before)


def measure(request: dict[str, Any]) -> None:
    """{"work", "threads", "repeats", "tokenizer": folder, "files", "train_vocab_size", "limit"}.

    {"by", "work": "encode", "threads", "samples", "tokens", "sha256"}: their number, and of the ids, file after file;
    {"by", "work": "train", ..., "tokens", "sha256"}: the size of the vocabulary, and of the lines of its merges.
    Both with "peak_memory": bytes that the work took, the texts not counted.
    """
    texts = [pathlib.Path(path).read_bytes().decode() for path in request["files"]]

    def encode(by: str, run: Callable[[], list[list[int]]]) -> None:
        with reported(request["limit"], by=by, work="encode", threads=request["threads"]):
            samples, ids, memory = watched(run, request["repeats"])
            tokens, digest = sha256_of_ids(ids)
            answer(
                by=by,
                work="encode",
                threads=request["threads"],
                samples=samples,
                peak_memory=memory,
                tokens=tokens,
                sha256=digest,
            )

    encoders = {"Hugging Face tokenizers": huggingface, "tiktoken": tiktoken}
    trainers = {"Hugging Face tokenizers": huggingface_training}
    for name, bench in (encoders if request["work"] == "encode" else trainers).items():
        try:
            bench(request, texts, encode)
        except ImportError as error:
            answer(absent=name, why=reason(error))
        except Exception as error:
            answer(failed=True, by=name, why=reason(error))


def huggingface(request: dict[str, Any], texts: list[str], encode: Callable[..., None]) -> None:
    import tokenizers
    from tokenizers import Tokenizer

    by = f"Hugging Face tokenizers {tokenizers.__version__}"
    tokenizer = Tokenizer.from_file(str(pathlib.Path(request["tokenizer"]) / "tokenizer.json"))
    batch = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)  # without offsets, in newer versions
    encode(by, lambda: [one.ids for one in batch(texts, add_special_tokens=False)])


def huggingface_training(request: dict[str, Any], texts: list[str], _: Callable[..., None]) -> None:
    import tokenizers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    by = f"Hugging Face tokenizers {tokenizers.__version__}"

    def train() -> str:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
        trainer = trainers.BpeTrainer(
            vocab_size=request["train_vocab_size"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=["<|endoftext|>"],
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return tokenizer.to_str()

    with reported(request["limit"], by=by, work="train", threads=request["threads"]):
        samples, result, memory = watched(train, request["repeats"])
        model = json.loads(result)["model"]
        merges = "".join(f"{merge if isinstance(merge, str) else ' '.join(merge)}\n" for merge in model["merges"])
        digest = hashlib.sha256(merges.encode()).hexdigest()
        answer(
            by=by,
            work="train",
            threads=request["threads"],
            samples=samples,
            peak_memory=memory,
            tokens=len(model["vocab"]),
            sha256=digest,
        )


def tiktoken(request: dict[str, Any], texts: list[str], encode: Callable[..., None]) -> None:
    import tiktoken

    by = f"tiktoken {tiktoken.__version__}"
    root = json.loads((pathlib.Path(request["tokenizer"]) / "tokenizer.json").read_text("utf-8"))
    special = {token["content"]: token["id"] for token in root.get("added_tokens", [])}
    byte_of = byte_alphabet()
    ranks = {
        bytes(byte_of[character] for character in token): number
        for token, number in root["model"]["vocab"].items()
        if token not in special
    }
    encoding = tiktoken.Encoding("bench", pat_str=pieces, mergeable_ranks=ranks, special_tokens=special)
    threads = request["threads"]
    encode(by, lambda: encoding.encode_batch(texts, num_threads=threads, allowed_special="all"))


def byte_alphabet() -> dict[str, int]:
    """GPT-2's: the characters that stand for bytes in a vocabulary."""
    own = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + index): byte for index, byte in enumerate(others)}
