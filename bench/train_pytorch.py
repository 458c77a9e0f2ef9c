"""The peer of bench/train.js: the same model and step in PyTorch.

    python bench/train_pytorch.py mini fp32 [steps] [device]
"""

import json
import pathlib
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

name, precision, steps, device = (sys.argv[1:] + ["mini", "fp32", "7", "cpu"][len(sys.argv) - 1 :])[:4]
shape = json.loads((pathlib.Path(__file__).parent / "shapes.json").read_text())[name]
vocabulary, width, heads = shape["vocab_size"], shape["embed_dim"], shape.get("n_heads")
window, batch, rate = shape["attn_length"], shape["batch"], 0.1


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        q, k, v = self.qkv(self.ln_1(x)).view(-1, window, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=rate)
        x = x + F.dropout(self.out(y.transpose(1, 2).reshape(-1, window, width)), rate)
        return x + F.dropout(self.down(F.gelu(self.up(self.ln_2(x)))), rate)


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(window, width)
        self.blocks = nn.ModuleList(Block() for _ in range(shape["n_layers"]))
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

    def forward(self, ids):
        x = F.dropout(self.token(ids) + self.position.weight, rate)
        for block in self.blocks:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class Rnn(nn.Module):
    def __init__(self, kind):
        super().__init__()
        layers = shape["n_layers"]
        self.token = nn.Embedding(vocabulary, width)
        self.rnn = kind(width, width, layers, batch_first=True, dropout=rate if layers > 1 else 0)
        self.ln_f, self.lm_head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

    def forward(self, ids):
        return self.lm_head(self.ln_f(self.rnn(F.dropout(self.token(ids), rate))[0]))


kinds = {"gpt": Gpt, "gru": lambda: Rnn(nn.GRU), "lstm": lambda: Rnn(nn.LSTM)}
model = kinds[shape.get("model", "gpt")]().to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
inputs, targets = (torch.randint(vocabulary, (batch, window), device=device) for _ in range(2))
seconds = []
for step in range(int(steps) + 2):
    started = time.perf_counter()
    with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16"):
        loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    if device != "cpu":
        torch.cuda.synchronize()
    if step >= 2:
        seconds.append(time.perf_counter() - started)
seconds.sort()
tokens = batch * window
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
print(
    f"PyTorch {torch.__version__} {name} {precision}: {tokens / seconds[len(seconds) // 2]:.0f} tokens/s "
    f"(best {tokens / seconds[0]:.0f}), peak {peak} MB"
)
