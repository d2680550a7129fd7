/** Runs finders until one finds something: find.ts <finder>… For each that has run a line of JSON says what it found, if anything. */
import { finders } from './finders.js'

export interface Found {
  finder: string
  found: string | null
}

const names = process.argv.slice(2)
const unknown = names.find((name) => !Object.hasOwn(finders, name))
if (unknown !== undefined) throw new TypeError(`there is no finder ${unknown}`)
for (const finder of names) {
  // A finder that a bug throws out of its way has found it too.
  const what = await finders[finder]!().catch((error: unknown) => `threw ${String((error as Error).stack)}`)
  const line: Found = { finder, found: what?.slice(0, 2000) ?? null }
  await new Promise((resolve) => void process.stdout.write(`${JSON.stringify(line)}\n`, resolve))
  if (what !== undefined) break
}
// A bug may have left something that keeps the process alive.
process.exit(0)
