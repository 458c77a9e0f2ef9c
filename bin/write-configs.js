#!/usr/bin/env node
// Writes configs/paper/ from the table in ts/config/paper.ts.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { paperConfigs } from '../dist/ts/config/paper.js'

const folder = new URL('../configs/paper/', import.meta.url)
for (const entry of readdirSync(folder, { withFileTypes: true })) {
  if (entry.isDirectory()) rmSync(new URL(entry.name, folder), { recursive: true })
}
for (const [path, config] of paperConfigs()) {
  const file = new URL(path, folder)
  mkdirSync(dirname(file.pathname), { recursive: true })
  writeFileSync(file, `${JSON.stringify(config, null, 2)}\n`)
}
