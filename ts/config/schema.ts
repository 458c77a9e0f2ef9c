/**
 * The one description of a training config: every key with its meaning, unit, range and default.
 * configs/config.schema.json is generated from it (bin/write-schema.js), docs/configuration.md tells the same at length.
 * Key names are those of the original's config files, so that these run as they are.
 */
import { z } from 'zod'
import {
  fraction,
  nonNegativeNumber,
  oneOf,
  path,
  positiveNumber,
  quoted,
  rate,
  trueOrFalse,
  wholeNumber,
} from './fields.js'
import { synthSchema } from './synth.js'

const section = 'an object { ... }'

/** The kinds of model; the first is the default. */
export const models = ['gpt', 'gru', 'lstm'] as const
export type Model = (typeof models)[number]

/** The upper limits are those of native/models/. */
const vocabSize = wholeNumber(2, 2 ** 24).describe('Number of token ids: that of the tokenizer which made the dataset.')
const layers = wholeNumber(1, 4096)
const attnLength = wholeNumber(3, 2 ** 17)
const embdDropout = rate().nullable().default(null)

const gptParams = z.strictObject(
  {
    vocab_size: vocabSize,
    n_layers: layers.describe('Transformer blocks.'),
    n_heads: wholeNumber(1, 4096).describe('Attention heads of a block; divides embed_dim.'),
    embed_dim: wholeNumber(1, 2 ** 16).describe('Width of the embeddings and of the residual stream.'),
    attn_length: attnLength.describe('Tokens in a window.'),
    mlp_ratio: positiveNumber(64).default(4).describe('Hidden width of the MLP, as a multiple of embed_dim.'),
    dropout: rate().default(0.1).describe('Dropout of attention, of its output and of the MLP output.'),
    embd_dropout: embdDropout.describe(
      'Dropout of the sum of token and position embeddings; null: the same as dropout.',
    ),
  },
  { error: section },
)

/** Of GRU and LSTM. */
const rnnParams = z.strictObject(
  {
    vocab_size: vocabSize,
    n_layers: layers.default(1).describe('Recurrent layers.'),
    embed_dim: wholeNumber(1, 2 ** 16).describe('Width of the embeddings and of the hidden state.'),
    attn_length: attnLength.describe('Tokens in a window; the model itself knows no length.'),
    dropout: rate().default(0.1).describe('Dropout between the layers.'),
    embd_dropout: embdDropout.describe('Dropout of the token embeddings; null: the same as dropout.'),
  },
  { error: section },
)

/** A list of positions, the name of an order (ts/data/permutations.ts), or null. */
const permutation = z
  .union([z.array(wholeNumber(0)), z.string(), z.null()], {
    error: 'a list of the whole numbers 0 to attn_length - 1, the name of an order as "middle_out", or null',
  })
  .default(null)

const trainingParams = z.strictObject(
  {
    dataset_folder: path().describe('The HDF5 file of tokens that aot-tokenize wrote, or a folder with one such file.'),
    tokenizer_path: path()
      .nullable()
      .default(null)
      .describe('Folder of the tokenizer that made the dataset, to print text; null: ids are printed instead.'),
    batch_size: wholeNumber(1).describe('Windows in a minibatch.'),
    aggregate: wholeNumber(1).default(1).describe('Minibatches accumulated for one optimizer step.'),
    backwards: trueOrFalse()
      .nullable()
      .default(null)
      .describe('true: windows are read backwards; null, with permutation null too: FW+BW mode, both in one run.'),
    permutation: permutation.describe(
      'Position i of the trained sequence holds token permutation[i] of the window; or the name of an order: middle_out, uniform_random(3), ... Given, it overrides backwards.',
    ),
    stride: wholeNumber(1)
      .nullable()
      .default(null)
      .describe(
        'Tokens from the start of a window to the next; null: (attn_length - 1) // 2, in FW+BW mode attn_length.',
      ),
    steps_to_train: wholeNumber(1)
      .nullable()
      .default(null)
      .describe('Minibatches to train up to, counted from the first of the run; null: one epoch.'),
    save_every: wholeNumber(1).default(3000).describe('Minibatches between two saved states.'),
    backup_every: wholeNumber(1)
      .nullable()
      .default(15000)
      .describe('Minibatches between two backups, which are kept; null: none.'),
    step_log: wholeNumber(1).default(200).describe('Minibatches between two lines of the log.'),
    valid_steps: wholeNumber(1).default(1000).describe('Size of the validation set, in validation batches.'),
    val_batch_size: wholeNumber(1)
      .nullable()
      .default(null)
      .describe('Windows in a validation batch; null: batch_size. Keep it to compare runs of other batch sizes.'),
    save_loc: path().default('runs').describe('Folder under which <project>/<run>/ is written.'),
    fast_scrambling: trueOrFalse()
      .default(false)
      .describe("true: a pseudo-random order that needs no memory, instead of NumPy's shuffle."),
    cooldown_finish: fraction()
      .default(0.15)
      .describe('Last part of the training during which the learning rate falls to 0, as a fraction of it.'),
  },
  { error: section },
)

const optimParams = z.strictObject(
  {
    lr: positiveNumber().describe('Learning rate after the warm-up.'),
    warmup_steps: wholeNumber(0).describe('Optimizer steps of linear warm-up.'),
    oscil_steps: wholeNumber(1)
      .nullable()
      .default(null)
      .describe('Optimizer steps of a cosine period of the older schedule, cosine with warm restarts; null: not used.'),
    lr_shrink: positiveNumber()
      .default(1)
      .describe('Older schedule: each restart begins at this multiple of the one before.'),
    lr_init: nonNegativeNumber().default(1e-7).describe('Older schedule: learning rate at the start of the warm-up.'),
    lr_min: nonNegativeNumber().default(0).describe('Older schedule: learning rate at the end of a period.'),
  },
  { error: section },
)

const loggingValues = '"tensorboard" or "wandb", in a list (terminal and metrics.jsonl are always on)'

const kindOf = <Kind extends Model>(model: Kind) => z.literal(model, { error: quoted(models) })

function configOf<Kind extends z.ZodType, Params extends z.ZodType>(model: Kind, modelParams: Params) {
  return z
    .strictObject(
      {
        $schema: z.string({ error: 'a text in quotes' }).optional().describe('For editors: where the JSON schema is.'),
        model: model.describe('Kind of model.'),
        precision: oneOf(['fp32', 'bf16'])
          .nullable()
          .default(null)
          .describe('fp32, or bf16 inputs of matrix products; null: bf16 on cuda, fp32 elsewhere.'),
        seed: wholeNumber(0, Number.MAX_SAFE_INTEGER)
          .default(0)
          .describe('Seed of initial weights and dropout. The order of the windows does not depend on it.'),
        split: oneOf(['shuffled', 'contiguous'])
          .default('shuffled')
          .describe(
            'Validation windows: the last of the shuffled order, whose text overlaps training text, or an unseen stretch at the end.',
          ),
        logging: z
          .array(z.enum(['tensorboard', 'wandb'], { error: loggingValues }), { error: loggingValues })
          .default(['tensorboard'])
          .describe('Where metrics go besides the terminal and metrics.jsonl, which are always on.'),
        synth: synthSchema,
        model_params: modelParams.describe('Shape of the model.'),
        training_params: trainingParams.describe('Data, batches and what is written when.'),
        optim_params: optimParams.describe('Learning rate.'),
      },
      { error: section },
    )
    .describe('A training config of arrows-of-time.')
}

/** What a config of each model may hold: they differ in model_params. */
export const configSchemas = {
  gpt: configOf(kindOf('gpt').default('gpt'), gptParams),
  gru: configOf(kindOf('gru'), rnnParams),
  lstm: configOf(kindOf('lstm'), rnnParams),
} satisfies Record<Model, z.ZodObject>

/** The keys and values of a config file. */
export type ConfigInput = z.input<(typeof configSchemas)[Model]>
/** A config with all defaults filled in; `model` tells which keys model_params has. */
export type Config = z.output<(typeof configSchemas)[Model]>
