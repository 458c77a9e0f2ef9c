import { z } from 'zod'
import { configSchema } from './schema.js'

/** configs/config.schema.json: what editors check a config by while it is written. */
export function configJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(configSchema, { io: 'input' }), null, 2)}\n`
}
