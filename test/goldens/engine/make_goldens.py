"""What PyTorch computes for tiny models of each kind: logits, loss, gradients, five optimizer steps.

    python make_goldens.py        (torch and safetensors; writes beside itself)

The truth is computed in float64 from float32 weights; PyTorch's own float32 error against it is kept beside each
figure, in the metadata, as the measure that ours is held to: the larger one of two orders of summation (the batch at
once, sequence by sequence). Of figures it is the largest error; of weights after steps, the error that 99 % of the
elements stay within, because AdamW blows up the rounding of the few gradients that all but cancel at the first step.
"""

import json
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

HERE = pathlib.Path(__file__).parent


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x):
        length = x.shape[1]
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        return self.attn(x, x, x, attn_mask=future, need_weights=False)[0]


class Block(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        hidden = int(ratio * width)
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(width, hidden), "c_proj": nn.Linear(hidden, width)})

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp["c_proj"](nn.functional.gelu(self.mlp["c_fc"](self.ln_2(x))))


class Gpt(nn.Module):
    def __init__(self, p):
        super().__init__()
        width = p["embed_dim"]
        self.transformer = nn.ModuleDict(
            {
                "token_embedder": nn.Embedding(p["vocab_size"], width),
                "position_embedder": nn.Embedding(p["attn_length"], width),
                "h": nn.ModuleList(Block(width, p["n_heads"], p["mlp_ratio"]) for _ in range(p["n_layers"])),
                "ln_f": nn.LayerNorm(width),
            }
        )
        self.lm_head = nn.Linear(width, p["vocab_size"], bias=False)

    def forward(self, ids):
        t = self.transformer
        x = t["token_embedder"](ids) + t["position_embedder"](torch.arange(ids.shape[1]))
        for block in t["h"]:
            x = block(x)
        return self.lm_head(t["ln_f"](x))


class Rnn(nn.Module):
    def __init__(self, kind, p):
        super().__init__()
        width, layer = p["embed_dim"], {"gru": nn.GRU, "lstm": nn.LSTM}[kind]
        setattr(self, kind, layer(width, width, p["n_layers"], batch_first=True))
        self.layers = [getattr(self, kind)]  # a list, so that its parameters keep one name
        self.token_embedder = nn.Embedding(p["vocab_size"], width)
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, p["vocab_size"], bias=False)

    def forward(self, ids):
        return self.lm_head(self.ln_f(self.layers[0](self.token_embedder(ids))[0]))


def make_model(kind, p):
    return Gpt(p) if kind == "gpt" else Rnn(kind, p)


def loss_of(model, inputs, targets):
    logits = model(inputs)
    return logits, nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def add_gradients(model, inputs, targets, scale, by_sequence):
    if not by_sequence:
        logits, loss = loss_of(model, inputs, targets)
        (loss * scale).backward()
        return logits.detach(), loss.detach()
    parts = [loss_of(model, inputs[i : i + 1], targets[i : i + 1]) for i in range(len(inputs))]
    for _, loss in parts:
        (loss * (scale / len(inputs))).backward()
    return torch.cat([logits.detach() for logits, _ in parts]), torch.stack([loss.detach() for _, loss in parts]).mean()


def compute(kind, p, weights, batches, dtype, lr, by_sequence=False):
    """Logits, loss and gradients of the first batch, then five steps for each aggregate."""
    torch.manual_seed(0)
    model = make_model(kind, p).to(dtype)
    model.load_state_dict({name: value.to(dtype) for name, value in weights.items()})
    logits, loss = add_gradients(model, *batches[0], 1, by_sequence)
    out = {"logits": logits, "loss": loss}
    out |= {f"gradient.{name}": value.grad for name, value in model.named_parameters()}
    for aggregate in (1, 2):
        model = make_model(kind, p).to(dtype)
        model.load_state_dict({name: value.to(dtype) for name, value in weights.items()})
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
        norms, losses = [], []
        for step in range(5):
            for part in range(aggregate):
                _, loss = add_gradients(model, *batches[step * aggregate + part], 1 / aggregate, by_sequence)
                losses.append(loss)
            norms.append(nn.utils.clip_grad_norm_(model.parameters(), 1.0).detach())
            optimizer.step()
            optimizer.zero_grad()
        out[f"steps{aggregate}.grad_norm"] = torch.stack(norms)
        out[f"steps{aggregate}.loss"] = torch.stack(losses)
        out |= {f"steps{aggregate}.{name}": value.detach() for name, value in model.named_parameters()}
    return out


def error_of(key, difference):
    weights_after_steps = key.startswith("steps") and key.endswith(("weight", "bias"))
    return float(difference.abs().flatten().quantile(0.99 if weights_after_steps else 1))


def golden(name, p, batch, lr, kind="gpt"):
    torch.manual_seed(1234)
    model = make_model(kind, p)
    with torch.no_grad():  # PyTorch starts these at 0 and 1: let every parameter matter
        for key, value in model.named_parameters():
            if key.endswith("bias") or "ln_" in key:
                value += 0.1 * torch.randn_like(value)
    weights = {key: value.detach().clone() for key, value in model.named_parameters()}
    shape = (10, batch, p["attn_length"])
    inputs, targets = (torch.randint(0, p["vocab_size"], shape) for _ in range(2))
    batches = list(zip(inputs, targets))
    truth = compute(kind, p, weights, batches, torch.float64, lr)
    singles = [compute(kind, p, weights, batches, torch.float32, lr, by_sequence) for by_sequence in (False, True)]
    errors = {key: max(error_of(key, one[key].double() - truth[key]) for one in singles) for key in truth}
    tensors = {f"weights.{key}": value for key, value in weights.items()}
    tensors |= {key: value.float().reshape(value.shape or (1,)).contiguous() for key, value in truth.items()}
    tensors |= {"inputs": inputs.int().contiguous(), "targets": targets.int().contiguous()}
    metadata = {"model": kind, "model_params": json.dumps(p), "batch": str(batch), "lr": str(lr), "float32_errors": json.dumps(errors)}
    save_file(tensors, HERE / f"{name}.safetensors", metadata)


def params(**changes):
    base = {"vocab_size": 61, "n_layers": 2, "n_heads": 2, "embed_dim": 24, "attn_length": 13, "mlp_ratio": 4}
    return base | changes | {"dropout": 0, "embd_dropout": 0}


def recurrent(**changes):
    base = {"vocab_size": 61, "n_layers": 2, "embed_dim": 24, "attn_length": 13}
    return base | changes | {"dropout": 0, "embd_dropout": 0}


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    golden("two_layers", params(), batch=3, lr=1e-3)
    golden("head_dim_38", params(vocab_size=130, n_layers=1, n_heads=1, embed_dim=38, attn_length=17, mlp_ratio=2.5), 2, 1e-2)
    for kind in ("gru", "lstm"):
        golden(f"{kind}_two_layers", recurrent(), batch=5, lr=1e-3, kind=kind)
        golden(f"{kind}_odd_width", recurrent(vocab_size=130, n_layers=1, embed_dim=15, attn_length=17), 3, 1e-2, kind)
