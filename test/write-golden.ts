/** Writes the golden journals of today's format; run by `npm run golden`. Those that are there are never written again. */
import { join } from 'node:path'
import { FORMAT } from '../src/storage/paths.js'
import { goldenPlace, writeGolden } from './support/golden.js'

const written = await writeGolden(join(goldenPlace, `format-${FORMAT}`))
process.stdout.write(`${written.join('\n')}\n`)
