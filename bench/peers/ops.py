"""PyTorch's ops that do the work of the engine's, at the same shapes; and the calls that tell a device's ceiling."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import recurrent
import torch
from attention import attention_backward, attention_forward
from peer import Call, Peer
from protocol import answer, reported
from timing import samples_of
from torch.nn import functional as F

aten = torch.ops.aten


def embedding_forward(c: Call, positions: bool = True) -> Iterator[Peer]:
    token, position, ids = c.tensor(c.vocabulary, c.width), c.tensor(c.window, c.width), c.ids(c.batch, c.window)

    def run() -> torch.Tensor:
        x = F.embedding(ids, token)
        return F.dropout(x + position if positions else x, c.rate)

    yield from c.both(run)


def embedding_backward(c: Call, positions: bool = True) -> Iterator[Peer]:
    dx, ids = c.tensor(c.batch, c.window, c.width), c.ids(c.batch, c.window)
    mask = c.mask(c.batch, c.window, c.width)

    def run() -> tuple[torch.Tensor, ...]:
        d = dx if mask is None else aten.native_dropout_backward(dx, mask, c.scale)
        token = aten.embedding_dense_backward(d, ids, c.vocabulary, -1, False)
        return (token, d.sum(0)) if positions else (token,)

    yield Peer("eager", run)


def layernorm_forward(c: Call) -> Iterator[Peer]:
    x, weight, bias = c.tensor(c.rows, c.width), c.tensor(c.width), c.tensor(c.width)
    yield from c.both(lambda: F.layer_norm(x, (c.width,), weight, bias))


def layernorm_backward(c: Call) -> Iterator[Peer]:
    x, dy, weight, bias = c.tensor(c.rows, c.width), c.tensor(c.rows, c.width), c.tensor(c.width), c.tensor(c.width)
    _, mean, rstd = aten.native_layer_norm(x, [c.width], weight, bias, 1e-5)
    everything = [True, True, True]
    yield from c.both(lambda: aten.native_layer_norm_backward(dy, x, [c.width], mean, rstd, weight, bias, everything))


def linear_forward(c: Call) -> Iterator[Peer]:
    x, weight, bias = c.tensor(c.rows, c.width), c.tensor(c.out, c.width), c.tensor(c.out)
    yield Peer("eager", lambda: F.linear(x, weight, bias))


def linear_residual_forward(c: Call, norm: bool = False) -> Iterator[Peer]:
    x, weight, bias = c.tensor(c.rows, c.width), c.tensor(c.out, c.width), c.tensor(c.out)
    residual, norm_weight, norm_bias = c.tensor(c.rows, c.out), c.tensor(c.out), c.tensor(c.out)

    def run() -> tuple[torch.Tensor, ...]:
        out = residual + F.dropout(F.linear(x, weight, bias), c.rate)
        return (out, F.layer_norm(out, (c.out,), norm_weight, norm_bias)) if norm else (out,)

    yield from c.both(run)


def linear_gelu_forward(c: Call) -> Iterator[Peer]:
    x, weight, bias = c.tensor(c.rows, c.width), c.tensor(c.out, c.width), c.tensor(c.out)

    def run() -> tuple[torch.Tensor, ...]:  # it keeps GELU's input, where the engine keeps its derivative
        h = F.linear(x, weight, bias)
        return h, F.gelu(h)

    yield from c.both(run)


def linear_gelu_backward_input(c: Call) -> Iterator[Peer]:
    dy, weight, h = c.tensor(c.rows, c.out), c.tensor(c.out, c.width), c.tensor(c.rows, c.width)

    def run() -> tuple[torch.Tensor, ...]:
        dh = aten.gelu_backward(dy @ weight, h)
        return dh, dh.sum(0)

    yield from c.both(run)


def dropout_forward(c: Call) -> Iterator[Peer]:
    x = c.tensor(c.rows, c.width)
    yield from c.both(lambda: F.dropout(x, c.rate))


def dropout_backward(c: Call) -> Iterator[Peer]:
    dout, mask = c.tensor(c.rows, c.width), c.mask(c.rows, c.width)

    def run() -> tuple[torch.Tensor, ...]:  # of a mask that was stored, where the engine makes it again
        dy = dout if mask is None else aten.native_dropout_backward(dout, mask, c.scale)
        return dy, dy.sum(0)

    yield from c.both(run)


def linear_backward_input(c: Call) -> Iterator[Peer]:
    dy, weight = c.tensor(c.rows, c.out), c.tensor(c.out, c.width)
    yield Peer("eager", lambda: dy @ weight)


def linear_backward_weight(c: Call) -> Iterator[Peer]:
    dy, x = c.tensor(c.rows, c.out), c.tensor(c.rows, c.width)
    yield Peer("eager", lambda: (dy.t() @ x, dy.sum(0)))


def lm_head_loss(c: Call) -> Iterator[Peer]:
    y, weight, targets = c.tensor(c.rows, c.width), c.tensor(c.vocabulary, c.width), c.ids(c.rows)
    yield from c.both(lambda: F.cross_entropy(F.linear(y, weight).float(), targets, reduction="none"))


def lm_head_loss_backward(c: Call) -> Iterator[Peer]:
    y, weight, targets = c.tensor(c.rows, c.width), c.tensor(c.vocabulary, c.width), c.ids(c.rows)
    y.requires_grad_(), weight.requires_grad_()

    def loss() -> torch.Tensor:
        return F.cross_entropy(F.linear(y, weight).float(), targets)

    compiled = torch.compile(loss) if c.compile else None
    yield Peer("eager", lambda: torch.autograd.grad(loss(), (y, weight)), gradients=True)
    if compiled:
        yield Peer("compile", lambda: torch.autograd.grad(compiled(), (y, weight)), gradients=True)


def lm_head_logits(c: Call) -> Iterator[Peer]:
    y, weight = c.tensor(c.rows, c.width), c.tensor(c.vocabulary, c.width)
    yield Peer("eager", lambda: F.linear(y, weight).float().cpu())


def adamw(c: Call) -> Iterator[Peer]:
    """Over one flat parameter, fp32 in every precision."""
    parameter = torch.nn.Parameter(torch.randn(c.width, device=c.device))
    parameter.grad = torch.randn(c.width, device=c.device)
    optimizer = torch.optim.AdamW([parameter], lr=1e-4, weight_decay=0.01, fused=True)

    def run() -> None:
        torch.nn.utils.clip_grad_norm_([parameter], 1.0)
        optimizer.step()

    yield Peer("eager", run, fp32=True, note=", clip_grad_norm_ and fused AdamW")


peers: dict[str, Callable[[Call], Iterator[Peer]]] = {
    "embedding_forward": embedding_forward,
    "embedding_backward": embedding_backward,
    "token_embedding_forward": lambda c: embedding_forward(c, positions=False),
    "token_embedding_backward": lambda c: embedding_backward(c, positions=False),
    "layernorm_forward": layernorm_forward,
    "layernorm_backward": layernorm_backward,
    "linear_forward": linear_forward,
    "linear_residual_forward": linear_residual_forward,
    "linear_residual_layernorm_forward": lambda c: linear_residual_forward(c, norm=True),
    "linear_gelu_forward": linear_gelu_forward,
    "linear_gelu_backward_input": linear_gelu_backward_input,
    "dropout_forward": dropout_forward,
    "dropout_backward": dropout_backward,
    "linear_backward_input": linear_backward_input,
    "linear_backward_weight": linear_backward_weight,
    "attention_forward": attention_forward,
    "attention_backward": attention_backward,
    "gru_forward": lambda c: recurrent.forward(c, torch.nn.GRU),
    "gru_backward": lambda c: recurrent.backward(c, torch.nn.GRU),
    "lstm_forward": lambda c: recurrent.forward(c, torch.nn.LSTM),
    "lstm_backward": lambda c: recurrent.backward(c, torch.nn.LSTM),
    "lm_head_loss": lm_head_loss,
    "lm_head_loss_backward": lm_head_loss_backward,
    "lm_head_logits": lm_head_logits,
    "adamw": adamw,
}


def set_tf32(request: dict[str, Any], device: torch.device) -> str:
    """Allows TF32 or not; what the settings then say of fp32."""
    if device.type != "cuda":
        return "fp32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = request["tf32"]
    return "fp32 with TF32" if request["tf32"] else "fp32"


def measure(request: dict[str, Any], device: torch.device) -> None:
    """{"calls": [{"id", "op", "precision", "rate", "shape"}], "seconds", "tf32", "limit"}.

    {"by", "id", "samples", "settings"}, some for each call.
    """
    version = torch.__version__.split("+")[0]
    fp32 = set_tf32(request, device)
    for asked in request["calls"]:
        if asked["op"] not in peers:
            continue
        by, number = f"PyTorch {version}", asked["id"]
        with reported(request["limit"], by=by, id=number):
            call = Call(asked, device)
            for peer in peers[asked["op"]](call):
                fields = {"by": f"{by} {peer.name}", "id": number}
                with reported(request["limit"], **fields), torch.set_grad_enabled(peer.gradients):
                    samples = samples_of(peer.run, request["seconds"], device)
                    if peer.less is not None:
                        # What PyTorch's call does beyond the engine's, measured by itself and taken off.
                        beyond = samples_of(peer.less, request["seconds"], device)
                        extra = sorted(beyond)[len(beyond) // 2]
                        left = 1 - extra / sorted(samples)[len(samples) // 2]
                        if left <= 0:
                            raise RuntimeError("its work beyond the op takes as long as the call")
                        samples = [sample * left for sample in samples]
                    tensors = "bf16 tensors" if asked["precision"] == "bf16" and not peer.fp32 else fp32
                    answer(**fields, samples=samples, settings=tensors + peer.note)


def measure_matmul(request: dict[str, Any], device: torch.device) -> None:
    """{"size", "precision", "seconds", "limit"}: a product of two square matrices, {"by", "samples", "flops"}."""
    by, size = f"PyTorch {torch.__version__.split('+')[0]} matmul", request["size"]
    with reported(request["limit"], by=by):
        fp32 = set_tf32(request, device)
        dtype = torch.bfloat16 if request["precision"] == "bf16" else torch.float32
        a, b = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        c = torch.empty(size, size, device=device, dtype=dtype)
        samples = samples_of(lambda: torch.mm(a, b, out=c), request["seconds"], device)
        settings = "bf16" if dtype == torch.bfloat16 else fp32
        answer(by=by, samples=samples, flops=2 * math.prod([size] * 3), settings=settings)


def measure_copy(request: dict[str, Any], device: torch.device) -> None:
    """{"bytes", "seconds", "limit"}: a copy of so many bytes, {"by", "samples", "bytes"}: read and written together."""
    by, size = f"PyTorch {torch.__version__.split('+')[0]} copy", request["bytes"] // 4
    with reported(request["limit"], by=by):
        a, b = (torch.randn(size, device=device) for _ in range(2))
        samples = samples_of(lambda: b.copy_(a), request["seconds"], device)
        answer(by=by, samples=samples, bytes=8 * size)
