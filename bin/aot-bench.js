#!/usr/bin/env node
import '../dist/ts/cli/bench.js'
