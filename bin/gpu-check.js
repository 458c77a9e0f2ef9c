#!/usr/bin/env node
import '../dist/ts/cli/gpu_check.js'
