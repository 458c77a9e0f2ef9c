#!/usr/bin/env node
import '../dist/ts/cli/generate.js'
