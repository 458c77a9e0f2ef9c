"""Measures what others make: PyTorch, Hugging Face's tokenizers, tiktoken.

Reads one request, a JSON object, from the standard input and answers with lines of JSON:
    {"by": "PyTorch 2.13.0 eager", "samples": [seconds, ...], ...}   a measurement
    {"absent": "tiktoken", "why": "No module named 'tiktoken'"}      what is not there
    {"failed": true, "by": ..., "why": ...}                          what is there and did not work
ts/bench/peers.ts asks, and lists the requests and their answers.
"""

import json
import os
import sys
from typing import Any

from protocol import answer, reason


def device_of(request: dict[str, Any]) -> Any:
    """PyTorch's device, or nothing, having said why."""
    try:
        import torch
    except Exception as error:  # a broken installation fails with other errors than ImportError
        answer(absent="PyTorch", why=reason(error))
        return None
    version, name = torch.__version__.split("+")[0], request["device"]
    torch.set_num_threads(request["threads"])
    if name == "cpu":
        return torch.device(name)
    if not name.startswith("cuda"):
        answer(absent=f"PyTorch {version} on {name}", why="it has no such device")
    elif not torch.cuda.is_available():
        built = "this PyTorch was built without CUDA" if torch.version.cuda is None else "it finds no GPU"
        answer(absent=f"PyTorch {version} on {name}", why=built)
    else:
        device = torch.device(name)
        if (device.index or 0) < torch.cuda.device_count():
            torch.cuda.set_device(device)
            return device
        answer(absent=f"PyTorch {version} on {name}", why=f"there are {torch.cuda.device_count()} GPUs")
    return None


def main() -> None:
    request = json.loads(sys.stdin.readline())
    sys.stdout = sys.stderr  # whatever the libraries print is not an answer
    if request["bench"] == "tokenize":
        # Read by Hugging Face's library and by tiktoken's threads when they start.
        os.environ["RAYON_NUM_THREADS"] = str(request["threads"])
        os.environ["TOKENIZERS_PARALLELISM"] = "true"
        import tokenizers_bench

        tokenizers_bench.measure(request)
        return
    os.environ["OMP_NUM_THREADS"] = str(request["threads"])
    device = device_of(request)
    if device is None:
        return
    if request["bench"] == "train":
        import train

        train.measure(request, device)
    else:
        import ops

        {"ops": ops.measure, "matmul": ops.measure_matmul, "copy": ops.measure_copy}[request["bench"]](request, device)


if __name__ == "__main__":
    main()
