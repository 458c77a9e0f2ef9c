#!/usr/bin/env node
import '../dist/ts/cli/synth.js'
