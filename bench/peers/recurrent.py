"""One layer of nn.GRU or nn.LSTM (on a GPU cuDNN's), less the products that are no part of the engine's op.

The engine's op is the recurrence alone: the input's product x weight_ih^T comes before it, and the gradients of x and
of both weights are products after it. PyTorch's layer does all of them; they are measured as the same products by
themselves and taken off.
"""

from collections.abc import Iterator

import torch
from peer import Call, Peer
from torch.nn import functional as F

Kind = type[torch.nn.GRU] | type[torch.nn.LSTM]


def name(c: Call, kind: Kind) -> str:
    return f"{'cuDNN ' if c.device.type == 'cuda' else 'nn.'}{kind.__name__}, by difference"


def forward(c: Call, kind: Kind) -> Iterator[Peer]:
    layer = kind(c.width, c.width, batch_first=True).to(c.device, c.dtype)
    x = c.tensor(c.batch, c.window, c.width)
    yield Peer(
        name(c, kind),
        lambda: layer(x)[0],
        less=lambda: F.linear(x, layer.weight_ih_l0, layer.bias_ih_l0),
        gradients=True,  # so that it keeps what its backward pass needs, as the engine's op does
        note=", less the input's product",
    )


def backward(c: Call, kind: Kind) -> Iterator[Peer]:
    layer = kind(c.width, c.width, batch_first=True).to(c.device, c.dtype)
    x, dout = c.tensor(c.batch, c.window, c.width).requires_grad_(), c.tensor(c.batch, c.window, c.width)
    with torch.enable_grad():
        out = layer(x)[0]
    wanted = (x, *layer.parameters())
    gates, flat = c.tensor(c.rows, layer.weight_ih_l0.shape[0]), x.detach().view(c.rows, c.width)

    def products() -> None:
        torch.mm(gates, layer.weight_ih_l0)
        for _ in range(2):  # of weight_ih and of weight_hh
            torch.mm(gates.t(), flat)
            gates.sum(0)

    yield Peer(
        name(c, kind),
        lambda: torch.autograd.grad(out, wanted, dout, retain_graph=True),
        less=products,
        note=", less the products of x's and the weights' gradients",
    )
