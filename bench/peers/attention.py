"""Causal attention by scaled_dot_product_attention, with each of its kernels that takes the call."""

from collections.abc import Iterator

import torch
from peer import Call, Peer
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

fused = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
}


def attend(c: Call, qkv: torch.Tensor, kernel: SDPBackend) -> torch.Tensor:
    """out[n,C] of qkv[n,3C]."""
    q, k, v = qkv.view(c.batch, c.window, 3, c.heads, c.width // c.heads).permute(2, 0, 3, 1, 4)
    with sdpa_kernel(kernel):
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=c.rate)
    return y.transpose(1, 2).reshape(c.rows, c.width)


def kernels(c: Call) -> dict[str, SDPBackend]:
    """Those that take the call; when none of the fused ones does, plain products."""
    taken = {}
    for name, kernel in fused.items():
        qkv = c.tensor(c.rows, 3 * c.width).requires_grad_()
        try:
            with torch.enable_grad():
                attend(c, qkv, kernel).sum().backward()
            taken[name] = kernel
        except RuntimeError:
            pass
    return taken or {"math": SDPBackend.MATH}


def attention_forward(c: Call) -> Iterator[Peer]:
    qkv = c.tensor(c.rows, 3 * c.width).requires_grad_()  # so that it keeps what its backward pass needs
    for name, kernel in kernels(c).items():
        yield Peer(f"SDPA ({name})", lambda kernel=kernel: attend(c, qkv, kernel), gradients=True)


def attention_backward(c: Call) -> Iterator[Peer]:
    dout = c.tensor(c.rows, c.width)
    for name, kernel in kernels(c).items():
        with torch.enable_grad():
            qkv = c.tensor(c.rows, 3 * c.width).requires_grad_()
            out = attend(c, qkv, kernel)
        yield Peer(f"SDPA ({name})", lambda qkv=qkv, out=out: torch.autograd.grad(out, qkv, dout, retain_graph=True))
