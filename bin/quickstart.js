#!/usr/bin/env node
import '../dist/ts/cli/quickstart.js'
