#!/usr/bin/env node
/** The program. */
import { cli } from './cli.js'
import { keepHeapSmall } from './heap.js'

keepHeapSmall()

// Whoever reads may stop reading: `turnlog tail … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await cli(process.argv.slice(2))
