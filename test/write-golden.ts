/** Writes the golden journals of today's formats; run by `npm run golden`. Those that are there are never written again. */
import { join } from 'node:path'
import { FORMAT } from '../src/storage/paths.js'
import { goldenPlace, writeGolden } from './support/golden.js'
import { packedWriters } from './support/golden-packed.js'

const written = [
  ...(await writeGolden(join(goldenPlace, `format-${FORMAT}`))),
  ...(await writeGolden(join(goldenPlace, `format-${FORMAT}-packed`), packedWriters)),
]
process.stdout.write(`${written.join('\n')}\n`)
