/** The devices that tests run on: all that this build and this machine have. AOT_REQUIRE_DEVICE must be among them. */
import { nativeFor } from '../ts/native.js'

function isThere(device: string): boolean {
  try {
    const inputs = [1, 2, 3, 4].map((x) => Float32Array.of(x))
    nativeFor(device).runOp(device, 'fp32', 'adamw', {}, inputs)
    return true
  } catch (error) {
    if (process.env.AOT_REQUIRE_DEVICE === device) throw error
    return false
  }
}

/** The GPU, when there is one. */
export const gpus = ['cuda:0'].filter(isThere)

/** Every device; `emulated` is absent only where tests run without the sources, as in the bundle for GPU hosts. */
export const devices = ['reference', 'cpu', ...['emulated'].filter(isThere), ...gpus]
