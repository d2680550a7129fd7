/** D: bytes that rot, files that go astray: every bit of a large golden journal, and now and then mixed harm to a small one. */
import { setImmediate } from 'node:timers/promises'
import type { Campaign, Layer, Outcome } from '../layer.js'
import { bits, BYTES_PER_OPEN, type Bit, type Share, type Tried } from '../rot/exhaustive.js'
import { goldenJournal } from '../rot/golden.js'
import { Harm } from '../rot/harm.js'

const LARGE = { bytes: 256 << 10, segmentBytes: 8 << 10 }
/** How the bits of the large journal are tried. */
const WAY = { verifyEvery: 64, near: true }
const FAILURES_MAX = 5
/** Journals that are hurt between two turns of the event loop. */
const TURN_EVERY = 256
/** Of the large journal's bits are tried as many for each mixed harm. */
const BITS = 2

export const rot: Layer = {
  letter: 'D',
  name: 'bytes that rot',
  unit: 'hurt journals',
  parts: true,
  missing: async () => [],
  run,
}

async function run({ seed, only, part, over, progress }: Campaign): Promise<Outcome> {
  const outcome: Outcome = {
    done: 0,
    counts: { 'single bits': 0, 'of mixed harm': 0, 'ends that no witness was left of': 0 },
    failures: [],
  }
  const asked = bitOf(only)
  if (asked !== undefined) {
    await oneBit(asked, outcome)
    return outcome
  }
  const harm = await Harm.toSmall()
  if (only !== undefined) {
    await mixed(harm, Number(only), outcome)
    return outcome
  }
  const tried: Tried = { probes: 0, problems: [] }
  const large = bits(await goldenJournal(LARGE.bytes, LARGE.segmentBytes), { ...part, ...WAY }, tried)
  let left = true
  for (let next = seed + part.index; !over(outcome.done) && outcome.failures.length < FAILURES_MAX; progress(outcome.done)) {
    // Nothing here waits, and who interrupts it wants to be heard.
    if (outcome.done % TURN_EVERY === 0) await setImmediate()
    if (left && outcome.done % (BITS + 1) < BITS) {
      const { done, value } = await large.next()
      left = done !== true
      if (value === undefined) continue
      tell({ ...value, of: part.of }, tried, outcome)
    } else {
      await mixed(harm, next, outcome)
      next += part.of
    }
  }
  await large.return(undefined)
  return outcome
}

/** A bit, and of how many parts the one was that tried it: parts ask not the same of the same byte. */
type AskedBit = Bit & Pick<Share, 'of'>

function bitOf(name: string | undefined): AskedBit | undefined {
  const [, ...numbers] = /^bit\.(\d+)\.(\d+)\.(\d)\.(\d+)$/.exec(name ?? '') ?? []
  if (numbers.length === 0) return undefined
  const [segment, byte, bit, of] = numbers.map(Number) as [number, number, number, number]
  return { segment, byte, bit, of }
}

/** Tries it as its part did: in the journal that had been opened for the bytes around it, and had met those before it. */
async function oneBit(asked: AskedBit, outcome: Outcome): Promise<void> {
  const { segment, byte, of } = asked
  const first = byte - Math.floor((byte % BYTES_PER_OPEN) / of) * of
  const tried: Tried = { probes: 0, problems: [] }
  const share = { of, index: byte % of, ...WAY }
  const golden = await goldenJournal(LARGE.bytes, LARGE.segmentBytes)
  for await (const one of bits(golden, share, tried, { segment, byte: first, bit: 0 })) {
    if (one.byte === byte && one.bit === asked.bit) break
    tried.problems = []
  }
  tell(asked, tried, outcome)
}

function tell({ segment, byte, bit, of }: AskedBit, tried: Tried, outcome: Outcome): void {
  const name = `bit.${segment}.${byte}.${bit}.${of}`
  outcome.done++
  outcome.counts['single bits']!++
  outcome.failures.push(...tried.problems.splice(0).map((what) => ({ case: name, what })))
}

async function mixed(harm: Harm, seed: number, outcome: Outcome): Promise<void> {
  const { what, problems, silentEnd } = await harm.judged(seed)
  outcome.done++
  outcome.counts['of mixed harm']!++
  if (silentEnd > 0) outcome.counts['ends that no witness was left of']!++
  if (problems.length > 0) outcome.failures.push({ case: String(seed), what: `${what}\n    ${problems.join('\n    ')}` })
}
