"""Runs the examples of docs/weights.md with a stand-in for the original's model class.

    python torch_weights.py <example that reads> <example that writes> <inputs.json>

In the current folder: `exported/`, which the first example reads, and what the second one writes. The logits of the model
that was read are written to logits.safetensors, with those of a fresh one to fresh.safetensors, whose weights are written.
"""

import json
import pathlib
import sys
import types

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "goldens/engine"))
sys.dont_write_bytecode = True
from make_goldens import Gpt  # noqa: E402


class MinGPT(Gpt):
    """As the original is called, with the buffer that it has."""

    def __init__(self, vocab_size, n_layers, n_heads, embed_dim, attn_length, mlp_ratio, dropout, embd_dropout):
        super().__init__({name: value for name, value in locals().items() if isinstance(value, (int, float))})
        for block in self.transformer["h"]:
            mask = torch.ones(attn_length, attn_length, dtype=torch.bool).triu(1)
            block.attn.register_buffer("cant_attend", mask)


for name in ("modules", "modules.models", "modules.models.mingpt"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["modules.models.mingpt"].MinGPT = MinGPT

reading, writing, inputs = (pathlib.Path(path).read_text() for path in sys.argv[1:4])
inputs = torch.tensor(json.loads(inputs))

scope = {}
exec(reading, scope)  # makes `model` of `exported/`
model = scope["model"]
strict = Gpt(scope["params"] | {"vocab_size": len(scope["weights"]["lm_head.weight"])})
strict.eval().load_state_dict(scope["weights"], strict=True)
with torch.no_grad():
    logits = model(inputs)
    assert torch.equal(strict(inputs), logits)

torch.manual_seed(7)
fresh = MinGPT(**scope["params"] | {"vocab_size": model.lm_head.out_features}).eval()
exec(writing, {"model": fresh})
with torch.no_grad():
    save_file({"read": logits, "fresh": fresh(inputs)}, "logits.safetensors")
