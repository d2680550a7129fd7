/** Mutation testing: `npm run mutation -- [--minutes N] [--workers N] [--seed S] [--again | --table]`. */
import { execSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { root } from '../support/root.js'
import { readTried, writeTried } from './tried.js'

const USAGE = `npm run mutation -- [--minutes N] [--workers N] [--seed S] [--again | --table]

Changes the sources of storage/ and engine/ in the ways that Stryker knows, one at a time and in an order that the seed draws, and looks
whether the finders of the planted bugs or the tests find it. Goes on where it ended, as long as sources and seed are the same; what it
found is kept in docs/mutants.json.

  --minutes  how long it goes on (10), after it has found out which tests come by which mutants
  --workers  how many are tried at once (${availableParallelism()})
  --seed     what draws the order (1)
  --again    tries once more what was left, instead of others: there may be new tests
  --table    writes docs/mutants.md from docs/mutants.json, after somebody wrote there why a mutant is left, and tries nothing`

const say = (line: string): void => void process.stderr.write(`${line}\n`)

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    workers: { type: 'string', default: String(availableParallelism()) },
    seed: { type: 'string', default: '1' },
    again: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) process.stdout.write(`${USAGE}\n`)
else if (values.table) writeTable()
else {
  const directory = join(root, 'test/mutation')
  if (!existsSync(join(directory, 'node_modules'))) {
    say('installing what makes mutants into test/mutation/node_modules …')
    execSync('npm ci --no-audit --no-fund', { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'] })
  }
  // Loaded only now, because it may just have been installed.
  const { campaign } = await import('./campaign.js')
  const [minutes, workers, seed] = [values.minutes, values.workers, values.seed].map(Number) as [number, number, number]
  await campaign({ minutes, workers, seed, again: values.again }, say)
}

function writeTable(): void {
  const kept = readTried()
  if (kept === undefined) say('nothing has been tried yet')
  else writeTried(kept)
}
