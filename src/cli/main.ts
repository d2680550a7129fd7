#!/usr/bin/env node
/** The program. */
import { cli } from './cli.js'
import { commandNamed } from './commands/index.js'
import { keepHeapSmall } from './heap.js'
import { endOnInterrupt } from './interrupt.js'

keepHeapSmall()

// Whoever reads may stop reading: `turnlog tail … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

const [, , name = '', ...words] = process.argv
endOnInterrupt((await commandNamed(name)) ?? {})

process.exitCode = await cli([name, ...words])
