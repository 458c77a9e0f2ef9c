"""The engine's models in PyTorch: a GPT of pre-norm blocks, and GRU and LSTM."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, shape: dict[str, Any]) -> None:
        super().__init__()
        width, inner = shape["embed_dim"], round(shape["embed_dim"] * shape["mlp_ratio"])
        self.heads, self.rate = shape["n_heads"], shape["dropout"]
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, window, width = x.shape
        q, k, v = self.qkv(self.ln_1(x)).view(batch, window, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.rate)
        x = x + F.dropout(self.out(y.transpose(1, 2).reshape(batch, window, width)), self.rate)
        return x + F.dropout(self.down(F.gelu(self.up(self.ln_2(x)))), self.rate)


class Gpt(nn.Module):
    def __init__(self, shape: dict[str, Any]) -> None:
        super().__init__()
        width, self.rate = shape["embed_dim"], shape["dropout"]
        self.token = nn.Embedding(shape["vocab_size"], width)
        self.position = nn.Embedding(shape["attn_length"], width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape["n_layers"]))
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, shape["vocab_size"], bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        x = F.dropout(self.token(ids) + self.position.weight, self.rate)
        for block in self.blocks:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class Rnn(nn.Module):
    def __init__(self, shape: dict[str, Any], kind: type[nn.GRU] | type[nn.LSTM]) -> None:
        super().__init__()
        width, layers, self.rate = shape["embed_dim"], shape["n_layers"], shape["dropout"]
        self.token = nn.Embedding(shape["vocab_size"], width)
        self.rnn = kind(width, width, layers, batch_first=True, dropout=self.rate if layers > 1 else 0)
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, shape["vocab_size"], bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.lm_head(self.ln_f(self.rnn(F.dropout(self.token(ids), self.rate))[0]))


def make_model(name: str, shape: dict[str, Any]) -> nn.Module:
    if name == "gpt":
        return Gpt(shape)
    return Rnn(shape, {"gru": nn.GRU, "lstm": nn.LSTM}[name])
