"""A call of an op that is asked for, and what PyTorch has to set against it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch


@dataclass
class Peer:
    name: str  # after PyTorch's version
    run: Callable[[], object]
    # Work of `run` that the engine's op does not do, to be measured by itself and taken off.
    less: Callable[[], object] | None = None
    gradients: bool = False  # whether autograd is on while it runs
    fp32: bool = False  # whatever the precision
    note: str = ""  # put after the dtype in the settings


class Call:
    """The sizes of a call and its tensors: of the precision's dtype, with random values."""

    def __init__(self, asked: dict[str, Any], device: torch.device) -> None:
        shape = asked["shape"]
        self.batch, self.window, self.width, self.out = (shape[name] for name in ("batch", "window", "width", "out"))
        self.heads, self.vocabulary, self.rate = shape["heads"], shape["vocabulary"], asked["rate"]
        self.rows, self.scale = self.batch * self.window, 1 / (1 - self.rate)
        self.device = device
        self.dtype = torch.bfloat16 if asked["precision"] == "bf16" else torch.float32
        # On a CPU every op would be a minute of a C++ compiler; there only the training is compiled.
        self.compile = device.type == "cuda"

    def tensor(self, *sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, device=self.device).to(self.dtype)

    def ids(self, *sizes: int) -> torch.Tensor:
        return torch.randint(self.vocabulary, sizes, device=self.device)

    def mask(self, *sizes: int) -> torch.Tensor | None:
        return torch.rand(*sizes, device=self.device) >= self.rate if self.rate > 0 else None

    def both(self, run: Callable[[], object]) -> Iterator[Peer]:
        """As it is, and compiled where that is worth the time."""
        yield Peer("eager", run)
        if self.compile:
            yield Peer("compile", torch.compile(run, dynamic=False))
