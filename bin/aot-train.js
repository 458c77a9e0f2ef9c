#!/usr/bin/env node
import '../dist/ts/cli/train.js'
