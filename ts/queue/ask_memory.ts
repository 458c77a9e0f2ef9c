/** node ask_memory.js cuda:0 cuda:1: prints the bytes free of each, or why it cannot be used, in JSON. */
import type { AotError } from '../errors.js'
import { native } from '../native.js'

const answers = process.argv.slice(2).map((device) => {
  try {
    return native.freeMemory(device)
  } catch (error) {
    const { code, message } = error as AotError
    return { code, message }
  }
})
process.stdout.write(JSON.stringify(answers))
