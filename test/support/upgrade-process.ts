/** A process that upgrades a journal of memos, to be killed: `upgrade-process.ts <directory>`. */
import { writeSync } from 'node:fs'
import { upgradeJournal } from '../../src/index.js'
import { parts } from './memos.js'

writeSync(1, 'upgrading\n')
await upgradeJournal(process.argv[2] as string, parts)
