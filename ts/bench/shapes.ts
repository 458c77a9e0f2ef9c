/** The models whose ops and steps are measured, and what a model's step is made of. */
import type { NativeOpShape } from '../native.js'

/** As config files call them; `batch` sequences a minibatch. */
export interface ModelShape {
  model: 'gpt' | 'gru' | 'lstm'
  vocab_size: number
  n_layers: number
  /** 1 for gru and lstm, which have none. */
  n_heads: number
  embed_dim: number
  attn_length: number
  mlp_ratio: number
  dropout: number
  batch: number
}

const gpt = (
  [n_layers, n_heads, embed_dim]: [number, number, number],
  batch: number,
  vocab_size = 50257,
  attn_length = 256,
): ModelShape => ({
  model: 'gpt',
  vocab_size,
  n_layers,
  n_heads,
  embed_dim,
  attn_length,
  mlp_ratio: 4,
  dropout: 0.1,
  batch,
})
const recurrent = (
  model: 'gru' | 'lstm',
  [n_layers, embed_dim]: [number, number],
  batch: number,
  vocab_size = 50257,
  attn_length = 256,
): ModelShape => ({ ...gpt([n_layers, 1, embed_dim], batch, vocab_size, attn_length), model })

/** Sets by name: for emulated devices and tests; for some cores; the paper's sizes at the paper's batches. */
export const shapeSets = {
  tiny: {
    gpt_tiny: gpt([2, 2, 32], 2, 300, 32),
    gru_tiny: recurrent('gru', [2, 32], 2, 300, 16),
    lstm_tiny: recurrent('lstm', [2, 32], 2, 300, 16),
  },
  small: {
    nano: gpt([3, 3, 48], 8),
    micro: gpt([4, 4, 128], 8),
    mini: gpt([6, 6, 192], 16, 8192),
    gru_small: recurrent('gru', [1, 256], 8),
    gru_med: recurrent('gru', [3, 512], 16, 8192),
    lstm_small: recurrent('lstm', [1, 256], 8),
    lstm_med: recurrent('lstm', [3, 512], 16, 8192),
  },
  paper: {
    nano: gpt([3, 3, 48], 250),
    micro: gpt([4, 4, 128], 250),
    mini: gpt([6, 6, 192], 250),
    small: gpt([10, 10, 380], 250),
    gpt1: gpt([12, 12, 768], 180),
    medium: gpt([24, 16, 1024], 90),
    XL: gpt([48, 25, 1600], 25),
    gru_small: recurrent('gru', [1, 256], 200),
    gru_med: recurrent('gru', [3, 512], 250),
    gru_big: recurrent('gru', [5, 768], 250),
    lstm_small: recurrent('lstm', [1, 256], 200),
    lstm_med: recurrent('lstm', [3, 512], 250),
    lstm_big: recurrent('lstm', [5, 768], 250),
  },
} satisfies Record<string, Record<string, ModelShape>>

export type ShapeSet = keyof typeof shapeSets

/** What a device is measured with unless told otherwise. */
export function shapeSetFor(device: string): ShapeSet {
  if (device.startsWith('cuda')) return 'paper'
  return device === 'cpu' ? 'small' : 'tiny'
}

/** Gates of a recurrent cell: rows of its weights, in widths. */
const gatesOf = { gpt: 0, gru: 3, lstm: 4 }

export function parameterCount({ model, vocab_size, n_layers, embed_dim: c, attn_length, mlp_ratio }: ModelShape) {
  const gates = gatesOf[model]
  const layer =
    model === 'gpt'
      ? 3 * c * c + 3 * c + (c * c + c) + (2 * mlp_ratio * c * c + mlp_ratio * c + c) + 4 * c
      : 2 * gates * (c * c + c)
  return 2 * vocab_size * c + (model === 'gpt' ? attn_length * c : 0) + n_layers * layer + 2 * c
}

/**
 * FLOPs of a token's forward and backward pass, a multiply-add as two: what the model asks for, whatever an
 * implementation makes anew. Three times those of the forward pass: its matrix products, and of attention the causal
 * half (a token and those up to itself).
 */
export function flopsPerToken({ model, vocab_size, n_layers, embed_dim: c, attn_length, mlp_ratio }: ModelShape) {
  const attention = 2 * 2 * ((attn_length + 1) / 2) * c
  const layer = model === 'gpt' ? 2 * (4 + 2 * mlp_ratio) * c * c + attention : 2 * 2 * gatesOf[model] * c * c
  return 3 * (n_layers * layer + 2 * vocab_size * c)
}

/** A call of the table of ops, with the sizes that it depends on. */
export interface OpCall {
  op: string
  shape: NativeOpShape
  /** Of a layer of this kind of model; the cpu device takes several sequences of a recurrent one together. */
  model: ModelShape['model']
}

/** The calls that a training step and a validation of the model are made of, each once. */
export function opCalls({ model, vocab_size, embed_dim, attn_length, n_heads, mlp_ratio, batch, ...rest }: ModelShape) {
  const rows = { batch, window: attn_length }
  const calls: OpCall[] = []
  const add = (op: string, sizes: NativeOpShape) => calls.push({ op, shape: { ...rows, ...sizes }, model })
  const width = embed_dim
  const isGpt = model === 'gpt'
  const table = { width, vocabulary: vocab_size }
  const embedding = isGpt ? 'embedding' : 'token_embedding'
  add(`${embedding}_forward`, table)
  add('layernorm_forward', { width })
  if (isGpt) {
    const [hidden, qkv] = [mlp_ratio * width, 3 * width]
    add('linear_forward', { width, out: qkv })
    add('attention_forward', { width, heads: n_heads })
    add('linear_residual_layernorm_forward', { width, out: width })
    add('linear_gelu_forward', { width, out: hidden })
    add('linear_residual_layernorm_forward', { width: hidden, out: width })
    add('lm_head_loss', table)
    add('lm_head_loss_backward', table)
    add('dropout_backward', { width })
    add('linear_gelu_backward_input', { width: hidden, out: width })
    add('linear_backward_weight', { width: hidden, out: width })
    add('linear_backward_input_fp32', { width, out: hidden })
    add('linear_backward_weight', { width, out: hidden })
    add('linear_backward_input', { width, out: width })
    add('linear_backward_weight', { width, out: width })
    add('attention_backward', { width, heads: n_heads })
    add('linear_backward_input_fp32', { width, out: qkv })
    add('linear_backward_weight', { width, out: qkv })
  } else {
    const out = gatesOf[model] * width
    add('linear_forward', { width, out })
    add(`${model}_forward`, { width })
    // Between layers; backwards on fp32 gradients.
    if (rest.n_layers > 1) {
      add('dropout_forward', { width })
      add('dropout_forward_fp32', { width })
    }
    add('lm_head_loss', table)
    add('lm_head_loss_backward', table)
    add(`${model}_backward`, { width })
    add('linear_backward_weight', { width, out })
    add('linear_backward_input_fp32', { width, out })
  }
  add('layernorm_backward', { width })
  add(`${embedding}_backward`, table)
  // As rows of 4096 elements.
  const parameters = parameterCount({ model, vocab_size, embed_dim, attn_length, n_heads, mlp_ratio, batch, ...rest })
  calls.push({ op: 'adamw', shape: { window: Math.ceil(parameters / 4096), width: 4096 }, model })
  return calls
}

/** The calls of a training step with how often each is made. Of layers all are alike, but for dropout between recurrent ones. */
export function stepCalls(shape: ModelShape): (OpCall & { calls: number })[] {
  const { model, n_layers } = shape
  return opCalls(shape)
    .filter(({ op }) => op !== 'lm_head_loss')
    .map((call) => {
      const { op } = call
      if (/^(adamw|layernorm_forward|lm_head)|embedding/.test(op)) return { ...call, calls: 1 }
      if (op === 'layernorm_backward') return { ...call, calls: model === 'gpt' ? 2 * n_layers + 1 : 1 }
      if (op === 'dropout_backward') return { ...call, calls: 2 * n_layers }
      if (/^dropout_forward/.test(op)) return { ...call, calls: n_layers - 1 }
      // A recurrent layer has two weights of one size.
      const twice = model !== 'gpt' && op === 'linear_backward_weight'
      return { ...call, calls: (twice ? 2 : 1) * n_layers }
    })
}
