#!/usr/bin/env node
import '../dist/ts/cli/arrow.js'
