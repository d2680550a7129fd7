/** Writes the golden journals of today's format; run by `npm run golden`, with `-- --overwrite` where they are there already. */
import { join } from 'node:path'
import { FORMAT } from '../src/storage/paths.js'
import { goldenPlace, writeGolden } from './support/golden.js'

const written = await writeGolden(join(goldenPlace, `format-${FORMAT}`), process.argv.includes('--overwrite'))
process.stdout.write(`${written.join('\n')}\n`)
