#!/usr/bin/env node
import '../dist/ts/cli/report.js'
