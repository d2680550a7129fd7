/** D-bits: every bit of a large golden journal, turned over one after the other. */
import { setImmediate } from 'node:timers/promises'
import type { Campaign, Layer, Outcome } from '../layer.js'
import { bits, BYTES_PER_OPEN, type Bit, type Share, type Tried } from '../rot/exhaustive.js'
import { goldenJournal } from '../rot/golden.js'

const LARGE = { bytes: 256 << 10, segmentBytes: 8 << 10 }
const WAY = { verifyEvery: 64, near: true }
const FAILURES_MAX = 5
/** Bits between two turns of the event loop. */
const TURN_EVERY = 256

export const everyBitOfMany: Layer = {
  letter: 'D-bits',
  name: 'every bit of 256 KB, once',
  unit: 'bits',
  parts: true,
  missing: async () => [],
  run,
}

/** It ends by itself, when there is no bit left. */
async function run({ only, part, over, progress }: Campaign): Promise<Outcome> {
  const outcome: Outcome = { done: 0, counts: {}, failures: [] }
  const asked = only === undefined ? undefined : bitOf(only)
  const { of, index } = asked === undefined ? part : { of: asked.of, index: asked.byte % asked.of }
  const tried: Tried = { probes: 0, problems: [] }
  const golden = await goldenJournal(LARGE.bytes, LARGE.segmentBytes)
  for await (const one of bits(golden, { of, index, ...WAY }, tried, asked && firstWith(asked))) {
    const problems = tried.problems.splice(0)
    const name = nameOf({ ...one, of })
    if (only !== undefined && name !== only) continue
    outcome.done++
    outcome.failures.push(...problems.map((what) => ({ case: name, what })))
    if (only !== undefined || over(outcome.done) || outcome.failures.length >= FAILURES_MAX) break
    progress(outcome.done)
    // Nothing here waits, and who interrupts it wants to be heard.
    if (outcome.done % TURN_EVERY === 0) await setImmediate()
  }
  return outcome
}

/** A bit, and of how many parts the one was that tried it: parts ask not the same of the same byte. */
type AskedBit = Bit & Pick<Share, 'of'>

const nameOf = ({ segment, byte, bit, of }: AskedBit): string => `${segment}.${byte}.${bit}.${of}`

function bitOf(name: string): AskedBit {
  const [segment, byte, bit, of] = name.split('.').map(Number) as [number, number, number, number]
  return { segment, byte, bit, of }
}

/** The first bit that its part tried in the journal that had been opened for the bytes around it, and met those before it. */
function firstWith({ segment, byte, of }: AskedBit): Bit {
  return { segment, byte: byte - Math.floor((byte % BYTES_PER_OPEN) / of) * of, bit: 0 }
}
