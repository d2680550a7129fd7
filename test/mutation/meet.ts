/** Loaded before anything else in a process that runs the marked sources: writes into a file which mutants are met, each once. */
import { appendFileSync } from 'node:fs'

const path = process.env['TURNLOG_MET'] as string
const met: Record<string, true> = Object.create(null) as Record<string, true>

// Met millions of times in some loops, nearly always one or two at a time.
const meets = (one: string, other?: string, ...more: string[]): void => {
  if (met[one] !== true) note(one)
  if (other !== undefined && met[other] !== true) note(other)
  for (const id of more) if (met[id] !== true) note(id)
}

// Written at once: nobody knows how a process of the tests ends.
function note(id: string): void {
  met[id] = true
  appendFileSync(path, `${id}\n`)
}

Object.assign(globalThis, { turnlogMutants: { meets } })
