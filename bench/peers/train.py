"""Training steps in PyTorch: forward, backward, clip, AdamW."""

import resource
import sys
import time
from typing import Any

import torch
from models import make_model
from protocol import answer, reported
from torch import nn
from torch.nn import functional as F

warm_up = 3


def peak_memory(device: torch.device) -> int:
    """Bytes: of the process on a CPU, allocated by tensors on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure(request: dict[str, Any], device: torch.device) -> None:
    """{"model", "shape", "precision", "steps", "compile", "tf32", "limit"}.

    {"by", "samples", "peak_memory", "settings"}: seconds of each step.
    """
    recurrent = request["model"] != "gpt"
    cudnn = recurrent and device.type == "cuda"
    kind = "compile" if request["compile"] else "cuDNN" if cudnn else "eager"
    by = f"PyTorch {torch.__version__.split('+')[0]} {kind}"
    with reported(request["limit"], by=by):
        run(request, device, by)


def run(request: dict[str, Any], device: torch.device, by: str) -> None:
    shape, bf16 = request["shape"], request["precision"] == "bf16"
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = request["tf32"]
    model = make_model(request["model"], shape).to(device)
    forward = torch.compile(model) if request["compile"] else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    ids = torch.randint(shape["vocab_size"], (2, shape["batch"], shape["attn_length"]), device=device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss = F.cross_entropy(forward(ids[0]).flatten(0, 1), ids[1].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    for _ in range(warm_up):
        step()
    samples = []
    if device.type == "cuda":
        # As long as the steps are issued ahead, the device's own clock sees no gap between them.
        events = [torch.cuda.Event(enable_timing=True) for _ in range(request["steps"] + 1)]
        events[0].record()
        for event in events[1:]:
            step()
            event.record()
        torch.cuda.synchronize(device)
        samples = [before.elapsed_time(after) / 1000 for before, after in zip(events, events[1:])]
    else:
        for _ in range(request["steps"]):
            started = time.perf_counter()
            step()
            samples.append(time.perf_counter() - started)
    fp32 = "fp32 with TF32" if device.type == "cuda" and request["tf32"] else "fp32"
    precision = "bf16 autocast" if bf16 else fp32
    answer(by=by, samples=samples, peak_memory=peak_memory(device), settings=f"{precision}, fused AdamW")
