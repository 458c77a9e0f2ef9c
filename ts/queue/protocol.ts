/** What a run of the queue, a process of its own, tells the queue over the channel between them. */
import { z } from 'zod'

const step = z.int().nonnegative()
const loss = z.number()

const messageSchema = z.discriminatedUnion('kind', [
  /** The engine is there. */
  z.strictObject({ kind: z.literal('begun'), step, total: step }),
  z.strictObject({ kind: z.literal('step'), step, loss, tokensPerSecond: z.number() }),
  z.strictObject({ kind: z.literal('validated'), step, loss }),
  /** The last one is one of these two. */
  z.strictObject({ kind: z.literal('ended'), step, stopped: z.boolean(), validLoss: loss.nullable() }),
  z.strictObject({ kind: z.literal('failed'), code: z.string(), message: z.string() }),
])

export type RunMessage = z.infer<typeof messageSchema>

/** The environment variable that tells a process that it is a run of a queue. */
export const queueVariable = 'AOT_QUEUE'

/** null for what is none of ours. */
export function parseMessage(message: unknown): RunMessage | null {
  return messageSchema.safeParse(message).data ?? null
}
