#!/usr/bin/env node
import '../dist/ts/cli/export.js'
