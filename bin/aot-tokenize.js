#!/usr/bin/env node
import '../dist/ts/cli/tokenize.js'
