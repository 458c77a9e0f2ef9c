/** The planted mistakes of mutations.test.ts, room by room. */

import { inFile, type Mutation } from './mutation.js'
import { amx } from './mutations_amx.js'
import { arrow } from './mutations_arrow.js'
import { bench } from './mutations_bench.js'
import { cuda } from './mutations_cuda.js'
import { encoder } from './mutations_encoder.js'
import { misuse } from './mutations_misuse.js'
import { page } from './mutations_page.js'
import { queue } from './mutations_queue.js'
import { recurrent } from './mutations_recurrent.js'
import { replicas } from './mutations_replicas.js'
import { replicasCuda } from './mutations_replicas_cuda.js'
import { scaling } from './mutations_scaling.js'
import { serve } from './mutations_serve.js'
import { shards } from './mutations_shards.js'
import { stats } from './mutations_stats.js'
import { synth } from './mutations_synth.js'
import { text, tokenizer } from './mutations_text.js'
import { tokenize } from './mutations_tokenize.js'
import { units } from './mutations_units.js'
import { world } from './mutations_world.js'

const data = [
  ...inFile('native/data/token_writer.cpp', 'data/token_writer', [
    'the place of an id that does not fit is counted from its part',
    'std::to_string(length_ + (wrong - ids))',
    'std::to_string(wrong - ids)',
  ]),
  ...inFile('native/io/atomic_file.cpp', 'data/token_writer', [
    'a file that was given up stays',
    '::unlink(temporary_.c_str());',
    ';',
  ]),
  ...inFile('native/data/token_segment.cpp', 'data/token_store', [
    'big-endian files are read as little-endian',
    'if constexpr (swapped) value = swap_bytes(value);',
    '',
  ]),
  ...inFile(
    'native/data/token_file.cpp',
    'data/token_store',
    [
      'a missing source of a virtual dataset is not looked for',
      'if (::stat(part.source.path.c_str(), &status) != 0) {',
      'if (false) {',
    ],
    ['the part of a source begins where the source does', 'part.source.start += first - part.start;', ''],
  ),
  ...inFile(
    'native/data/windows.cpp',
    'data/windows',
    [
      'one window more than the stride gives',
      '- attn_length) / options_.stride);',
      '- attn_length) / options_.stride + 1);',
    ],
    ['the first tokens of the two directions are swapped', ': backwards ? options_', ': !backwards ? options_'],
    ['in FW+BW mode the even windows are backwards', 'index % 2 == 1', 'index % 2 == 0'],
  ),
  ...inFile('native/data/shuffle.cpp', 'data/windows', [
    'the largest number of an interval is never drawn',
    'while ((value = next32() & mask) > most) {',
    'while ((value = next32() & mask) >= most) {',
  ]),
  ...inFile('native/data/scramble.cpp', 'data/batch_loader', [
    'fast scrambling gives another order',
    '(mix(low + key) >>',
    '(mix(low ^ key) >>',
  ]),
  ...inFile(
    'native/data/window_split.cpp',
    'data/batch_loader',
    ['a validation window is trained on', 'std::max<int64_t>(0, total - held_out);', 'total - held_out + 1;'],
    ['the contiguous split leaves out a window more than it must', 'attn_length() <= end)', 'attn_length() < end)'],
  ),
  ...inFile('native/data/batch_loader.cpp', 'data/batch_loader', [
    'batches that were made ahead come after a seek',
    'position_ = batch;\n  ready_.clear();',
    'position_ = batch;',
  ]),
  ...inFile('ts/data/permutations.ts', 'data/permutations', [
    'middle_out goes to the left first',
    '(i % 2 === 0 ? 1 : -1)',
    '(i % 2 === 0 ? -1 : 1)',
  ]),
]

const ops = [
  ...inFile('native/cpu/adamw.cpp', 'ops/adamw', [
    'weights decay after the step',
    'decayed - broadcast(step.step_size) * (m / denominator), lanes);',
    '(load(weights + i, lanes) - broadcast(step.step_size) * (m / denominator)) * broadcast(step.decay), lanes);',
  ]),
  ...inFile(
    'native/backend/adamw_step.cpp',
    'ops/adamw',
    [
      'the second moment is not corrected',
      'static_cast<float>(1 / std::sqrt(1 - std::pow(adamw.beta2, power)));',
      '1;',
    ],
    ['small gradients are scaled up to the clip', 'std::min(1.0, clip / (norm + 1e-6))', 'clip / norm'],
    ['the clip coefficient lacks its 1e-6', 'clip / (norm + 1e-6)) : 1', 'clip / norm) : 1'],
  ),
  ...inFile('native/cpu/layernorm.cpp', 'ops/layernorm', ['the epsilon is 1e-6', '= 1e-5f', '= 1e-6f']),
  ...inFile('native/cpu/embedding.cpp', 'ops/embedding', [
    'only the last sequence counts for the gradient of positions',
    'load(place + i, lanes) + g, lanes);',
    'g, lanes);',
  ]),
  ...inFile('native/cpu/gelu.h', 'ops/gelu', [
    'the derivative of GELU lacks the term of the density',
    'fma(x * broadcast(0.39894228f), bell, cdf)}',
    'cdf}',
  ]),
  ...inFile('native/cpu/cpu_lane.cpp', 'ops/dropout', [
    'what dropout keeps is not scaled up',
    'mask.first, 0, 1.f / (1.f - dropout.rate)}',
    'mask.first, 0, 1.f}',
  ]),
  ...inFile(
    'native/cpu/attention.cpp',
    'ops/attention',
    ['a row sees keys past its own', 'if (j == full) e = keep(first_mask(tail), e);', ''],
    [
      'the gradient of the keys lacks the scale',
      'load(dk + row * sum_columns + j, lanes) * broadcast(scale), lanes);',
      'load(dk + row * sum_columns + j, lanes), lanes);',
    ],
  ),
  ...inFile('native/cpu/cross_entropy.cpp', 'ops/cross_entropy', [
    'the gradient of the target is not negative',
    'static_cast<float>(-row.others)',
    'static_cast<float>(row.others)',
  ]),
]

const engine = [
  ...inFile(
    'native/train/checkpoint.cpp',
    'engine/state',
    ['the minibatch counter is not saved', 'std::to_string(minibatch_)}', '"0"}'],
    ['pending gradients are not brought back', 'restore_gradients(optimizer_file, shares);', ''],
  ),
  ...inFile('native/io/safetensors.cpp', 'engine/state', [
    'tensors may lie anywhere in the file',
    'if (tensor->offset != end) {',
    'if (false) {',
  ]),
  ...inFile(
    'native/train/engine.cpp',
    'engine/engine',
    ['scale is ignored', 'static_cast<float>(scale);', '1;'],
    ['targets outside of the vocabulary are accepted', 'check_ids(targets, "targets");', ''],
  ),
  ...inFile('native/train/generate.cpp', 'engine/generate', [
    'every token is drawn with the same random number',
    'element_word(static_cast<uint64_t>(index),',
    'element_word(0 * static_cast<uint64_t>(index),',
  ]),
  ...inFile(
    'native/train/engine.cpp',
    'engine/generate',
    [
      'a completion goes on from a state that another call has overwritten',
      'decoded_.clear();\n  const size_t bytes',
      'const size_t bytes',
    ],
    ['a completion goes on from the state of older weights', 'decoded_.clear();\n  const auto norm', 'const auto norm'],
  ),
  ...inFile(
    'native/models/gpt.cpp',
    'engine/pytorch',
    ["the MLP is added to the block's input", 'block.c_proj_bias, to.middle,', 'block.c_proj_bias, x,'],
    [
      "the gradient of the last norm goes through the block's middle",
      'layernorm_backward(kept.blocks.back().output,',
      'layernorm_backward(kept.blocks.back().middle,',
    ],
    [
      'the gradient of ln_1 replaces that of the residual stream',
      'gradients.normed, gradients.stream,\n                          true);\n}',
      'gradients.normed, gradients.stream,\n                          false);\n}',
    ],
  ),
  ...inFile('native/backend/adamw_step.cpp', 'engine/pytorch', [
    'the second moment decays as the first',
    'std::pow(adamw.beta1, power)',
    'std::pow(adamw.beta2, power)',
  ]),
  ...inFile('native/backend/memory.cpp', 'engine/engine', [
    'memory is not looked at before it is taken',
    'if (bytes <= available) return;',
    'return;',
  ]),
  ...inFile('native/backend/devices.cpp', 'ops/device', [
    'the error about a device has no cure',
    'device + "\\": use cpu");',
    'device + "\\"");',
  ]),
  ...inFile('native/models/gpt.cpp', 'config/published', [
    'the engine takes more layers than the schema',
    '"n_layers", 1, 4096)',
    '"n_layers", 1, 8192)',
  ]),
  ...inFile('native/train/checkpoint.cpp', 'engine/state', [
    'a damaged precision is taken for fp32',
    'if (text == "bf16") return DType::bf16;\n  fail(ErrorCode::data,',
    'if (text == "bf16") return DType::bf16;\n  return DType::fp32;\n  fail(ErrorCode::data,',
  ]),
  ...inFile('native/train/generate.cpp', 'engine/engine', [
    'tokens are drawn from logits that are not finite',
    'if (!std::isfinite(logit)) fail',
    'if (false) fail',
  ]),
  ...inFile('native/train/engine.cpp', 'engine/engine', [
    'a loss that is not finite is returned',
    'if (!std::isfinite(loss)) {',
    'if (false) {',
  ]),
  ...inFile('ts/train/run.ts', 'train/loop', [
    'the error about a run in use does not say what to do',
    '): wait for it to end, or give another --run-name`,',
    ')`,',
  ]),
  ...inFile('native/models/gpt.cpp', 'engine/engine', [
    'the bound of in_proj is that of its own shape alone',
    'std::sqrt(6.0 / (4.0 * ',
    'std::sqrt(6.0 / (3.0 * ',
  ]),
]

const training = [
  ...inFile(
    'ts/train/schedule.ts',
    'train/schedule',
    [
      'the cooldown starts a step late',
      'cooldownStart: optimizerSteps - cooldownSteps,',
      'cooldownStart: optimizerSteps - cooldownSteps + 1,',
    ],
    ['the warm-up is a step ahead', '(t / warmupSteps)', '((t + 1) / warmupSteps)'],
    ['lr_shrink counts a period late', 'Math.floor(after / oscilSteps)', 'Math.floor((after - 1) / oscilSteps)'],
  ),
  ...inFile(
    'ts/train/loop.ts',
    'train/loop',
    [
      'the learning rate is that of the next step',
      'learningRate(this.optimizerSteps,',
      'learningRate(this.optimizerSteps + 1,',
    ],
    ['the windows begin anew on resume', 'parts.dataset.train.seek(step)', ''],
    ['the mean of the losses begins anew on resume', 'before?.loss_sum ?? 0', '0'],
    ['the validation before the end is forgotten on resume', 'before?.validated_step ?? 0', '0'],
  ),
  ...inFile(
    'ts/train/loop.ts',
    'train/loop',
    ['the optimizer steps begin anew on resume', 'before?.optimizer_steps ?? 0', '0'],
    ['the learning rate is not remembered', 'before?.lr ?? null', 'null'],
    ['the gradient norm is not remembered', 'before?.grad_norm ?? null', 'null'],
    ['the count of the losses begins anew on resume', 'before?.loss_count ?? 0', '0'],
    ['a run that is stopped is not saved', 'saveWhatIsDue(atEnd || stop)', 'saveWhatIsDue(atEnd)'],
    ['the error about a loss names no cure', ': start again with a lower optim_params.lr or more warmup_steps`', '`'],
  ),
  ...inFile('ts/checkpoints/weights.ts', 'train/loop', [
    'the weights of --init-from are not verified',
    "&& existsSync(join(folder, 'trainer.json'))",
    "&& folder === ''",
  ]),
  ...inFile('ts/train/start.ts', 'train/start', [
    'weights of another kind of model are taken for ours',
    'theirs === null || theirs === model',
    'theirs === null || model',
  ]),
  ...inFile('ts/checkpoints/safetensors.ts', 'train/export', [
    'exported weights keep the metadata of the state',
    "{ format: 'pt' }",
    'header.metadata',
  ]),
  ...inFile('ts/train/run_tokenizer.ts', 'train/run_tokenizer', [
    'the two tokens of FW+BW mode change places',
    "['<|forward|>', '<|backward|>'] as const",
    "['<|backward|>', '<|forward|>'] as const",
  ]),
  ...inFile(
    'ts/train/introduction.ts',
    'train/introduction',
    ['input and target are swapped', 'input:  ${text.quoted(inputs.', 'input:  ${text.quoted(targets.'],
    ['one minibatch is told as several', "'minibatch', 'minibatches')", "'minibatches', 'minibatches')"],
  ),
  ...inFile('ts/train/run.ts', 'train/loop', [
    'two processes train one run',
    "const lockFile = join(runFolder, 'lock')",
    'const lockFile = join(runFolder, String(Math.random()))',
  ]),
  ...inFile(
    'ts/train/engine.ts',
    'engine/engine',
    [
      'logits too large for an array are an error of Node',
      "throw new AotError(\n      'AOT_MEMORY',",
      "throw new RangeError(\n      'AOT_MEMORY' +",
    ],
    [
      'Engine.create() without options is told in the words of zod',
      "{ error: 'an object { modelParams, ... }' }",
      '{}',
    ],
  ),
  ...inFile('ts/train/loop.ts', 'train/real', [
    'gradients are summed, not averaged',
    'engine.accumulateFrom(dataset.train, 1 / aggregate, last)',
    'engine.accumulateFrom(dataset.train, 1, last)',
  ]),
  ...inFile('ts/train/validation.ts', 'train/loop', [
    'the directions of the validation loss are swapped',
    '? byDirection.forward : byDirection.backward',
    '? byDirection.backward : byDirection.forward',
  ]),
  ...inFile('ts/train/state.ts', 'train/loop', [
    'the stride may change on the way',
    "'training_params.stride': windows.stride,",
    '',
  ]),
  ...inFile('ts/logging/sinks.ts', 'logging/sinks', [
    'a sink whose promise is rejected stays on',
    'Promise.resolve(done).catch(fail)',
    'Promise.resolve(done).catch(() => {})',
  ]),
  ...inFile(
    'ts/logging/tfevents.ts',
    'logging/tensorboard',
    ['the sums of event files are not masked', ' + 0xa282ead8', ''],
    ['an event file begins without a restart', 'message(7, whole(1, start))', 'message(7)'],
  ),
  ...inFile('ts/logging/tensorboard.ts', 'logging/tensorboard', [
    'the event file of an earlier start stays as it was',
    'else truncateSync(join(folder, name))',
    'else truncateSync',
  ]),
  ...inFile(
    'ts/logging/wandb_worker.ts',
    'logging/wandb',
    ['a resumed run is sent over its first rows', 'history.offset = memory.saved.rows', 'history.offset = 0'],
    ['rows are sent twice after a resume', '[first, memory.saved.step]', '[first, 0]'],
    ['what the server does not take counts as sent', 'if (!response.ok) return fail({ response })', ''],
  ),
  ...inFile('ts/logging/json_lines.ts', 'train/json_lines', [
    'metrics after the checkpoint stay',
    'ftruncateSync(fd, bytes)',
    'void ftruncateSync',
  ]),
  ...inFile(
    'ts/checkpoints/store.ts',
    'train/checkpoints',
    ['the checksum of the files is not verified', 'if (found.sha256 !== wanted.sha256)', "if (found.sha256 === '')"],
    [
      'the checksum of trainer.json is not verified',
      'if (checksum(manifest) !== manifest.sha256)',
      "if (checksum(manifest) === '')",
    ],
    [
      'latest is not written',
      'await renameAndSync(temporary, folder)\n      await this.name(step)',
      'await renameAndSync(temporary, folder)',
    ],
    ['one checkpoint is kept', 'const kept = 2', 'const kept = 1'],
    ['a checkpoint that latest does not name yet does not count', 'if (named !== step) await this.name(step)', ''],
    ['the size of the files is not verified', 'if (found.bytes !== wanted.bytes)', 'if (found.bytes === -1)'],
    ['checkpoints that do not hold are passed over in silence', 'await this.passOver(broken, step)', ''],
    [
      'when none holds, the run begins anew',
      'if (broken.length === 0 && named === null) return null',
      'if (broken.length >= 0) return null',
    ],
    ["the folders are made by Node's recursive mkdir", 'await makeFolder(store.backups)', 'await mkdir(store.backups)'],
    ['what a killed save left stays', "name.endsWith('.tmp')", "name.endsWith('.temporary')"],
    ['weights that are not finite are saved', 'if (tensor !== null) throw', "if (tensor === '') throw"],
  ),
  ...inFile('ts/checkpoints/durable.ts', 'train/make_folder', [
    'a file in the place of a folder is taken for one',
    ' && (await stat(path)).isDirectory()',
    '',
  ]),
  ...inFile('ts/checkpoints/durable.ts', 'tokenize/outputs', [
    'what was made stays when the rest cannot be',
    'await removeEmpty(above)',
    '',
  ]),
  ...inFile('ts/checkpoints/durable.ts', 'train/checkpoints', [
    'the error of a full disk lacks its cure',
    "'; free some space and start again'",
    "''",
  ]),
]

const front = [
  ...inFile(
    'ts/config/schema.ts',
    'config/load',
    [
      'unknown keys of optim_params are accepted',
      'const optimParams = z.strictObject(',
      'const optimParams = z.object(',
    ],
    ['the cooldown is 0.1 by default', '.default(0.15)', '.default(0.1)'],
  ),
  ...inFile('ts/config/schema.ts', 'config/published', [
    'longer windows than the engine has',
    'wholeNumber(3, 2 ** 17)',
    'wholeNumber(3, 2 ** 20)',
  ]),
  ...inFile('ts/config/load.ts', 'config/load', [
    'a folder in the place of a config is no error of its own',
    'is a folder; a config file is expected',
    'is a folder',
  ]),
  ...inFile(
    'ts/config/resolve.ts',
    'config/resolve',
    ['the default stride is half a window', '(model_params.attn_length - 1) >> 1', 'model_params.attn_length >> 1'],
    [
      'the directions are swapped',
      "kind: backwards ? 'backward' : 'forward'",
      "kind: backwards ? 'forward' : 'backward'",
    ],
  ),
  ...inFile('ts/config/keys.ts', 'config/load', [
    'a misspelt section is told without the nearest one',
    "section === '' ? [...known, ...sections] : known",
    'known',
  ]),
  ...inFile('ts/cli/options.ts', 'cli/train_cli', [
    '--no-step-pickup is the negation of --step-pickup',
    "'boolean-negation': false",
    "'boolean-negation': true",
  ]),
  ...inFile(
    'ts/cli/command.ts',
    'cli/train_cli',
    ["the user's errors end with status 1", '? 2 : 1', '? 1 : 1'],
    ['--verbose shows no stack', 'return verbose && error', 'return !verbose && error'],
    ['SIGTERM ends with the status of SIGINT', 'SIGTERM: 143', 'SIGTERM: 130'],
  ),
  ...inFile('ts/generate/text.ts', 'generate/text', [
    'half characters are shown at the end',
    "part = part.replace(/\\ufffd+$/, '')",
    "part = part.replace(/\\ufffe+$/, '')",
  ]),
  ...inFile('ts/generate/completion.ts', 'generate/completion', [
    'a permuted prompt lies in the order of training',
    '.toSorted((a, b) => a - b)',
    '',
  ]),
  ...inFile('ts/generate/live_screen.ts', 'generate/show', [
    'a resized screen is not drawn anew',
    "stream.on('resize', this.redraw)",
    '',
  ]),
  ...inFile('ts/devices/parse.ts', 'devices/parse', [
    'the error about a device names none that there are',
    '; known are cpu, cuda:N, emulated, reference',
    '',
  ]),
]

/** TypeScript first: these need no native build. */
export const mutations: readonly Mutation[] = [
  ...tokenizer,
  ...encoder,
  ...tokenize,
  ...text,
  ...data,
  ...ops,
  ...recurrent,
  ...replicas,
  ...replicasCuda,
  ...shards,
  ...units,
  ...world,
  ...amx,
  ...cuda,
  ...engine,
  ...training,
  ...front,
  ...bench,
  ...scaling,
  ...queue,
  ...arrow,
  ...stats,
  ...synth,
  ...page,
  ...serve,
  ...misuse,
].sort((a, b) => Number(b.file.startsWith('ts/')) - Number(a.file.startsWith('ts/')))
