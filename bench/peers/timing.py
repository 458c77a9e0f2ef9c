"""How long a call takes on a device: warmed up, many times, with cold caches on a GPU."""

import time
from collections.abc import Callable

import torch

Run = Callable[[], object]


def _repeats(seconds: float, one: float) -> int:
    return max(5, min(1000, int(seconds / max(one, 1e-9))))


def _once(run: Run) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def _samples_cpu(run: Run, seconds: float) -> list[float]:
    for _ in range(3):
        one = _once(run)
    return [_once(run) for _ in range(_repeats(seconds, one))]


def _samples_cuda(run: Run, seconds: float, device: torch.device) -> list[float]:
    properties = torch.cuda.get_device_properties(device)
    # Overwritten before each repeat, so that nothing of the last one is left in the L2 cache.
    flush = torch.empty(2 * max(properties.L2_cache_size, 1 << 20), dtype=torch.int8, device=device)
    for _ in range(3):
        run()
    torch.cuda.synchronize(device)
    started = time.perf_counter()
    flush.zero_()
    run()
    torch.cuda.synchronize(device)
    repeats = _repeats(seconds, time.perf_counter() - started)
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(repeats)]
    for start, end in events:
        flush.zero_()
        start.record()
        run()
        end.record()
    torch.cuda.synchronize(device)
    return [start.elapsed_time(end) / 1000 for start, end in events]


def samples_of(run: Run, seconds: float, device: torch.device) -> list[float]:
    """Seconds of each repeat; the repeats take about `seconds` together."""
    return _samples_cpu(run, seconds) if device.type == "cpu" else _samples_cuda(run, seconds, device)
