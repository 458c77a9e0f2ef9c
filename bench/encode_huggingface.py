"""The peer of `aot-tokenize encode --threads 1`: Hugging Face's library on the same folder and tokenizer, one thread.

    RAYON_NUM_THREADS=1 python bench/encode_huggingface.py <folder> <tokenizer folder>
"""

import pathlib
import sys
import time

from tokenizers import Tokenizer, __version__

folder, tokenizer = pathlib.Path(sys.argv[1]), Tokenizer.from_file(str(pathlib.Path(sys.argv[2]) / "tokenizer.json"))
texts = [path.read_text() for path in sorted(folder.glob("*.txt"))]
size = sum(len(text.encode()) for text in texts)
started = time.perf_counter()
tokens = sum(len(tokenizer.encode(text).ids) for text in texts)
seconds = time.perf_counter() - started
print(f"Hugging Face tokenizers {__version__}: {tokens} tokens, {size / seconds / 1e6:.1f} MB/s")
