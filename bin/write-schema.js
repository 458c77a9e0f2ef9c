#!/usr/bin/env node
// Writes configs/config.schema.json from the schema in ts/config/schema.ts.
import { writeFileSync } from 'node:fs'
import { configJsonSchema } from '../dist/ts/config/json_schema.js'

writeFileSync(new URL('../configs/config.schema.json', import.meta.url), configJsonSchema())
