/** Options that are misspelt or no number would otherwise mean their default, or wait for ever. */
import type { JournalOptions } from './contract.js'

const CHOICES = {
  onDamage: ['isolate', 'refuse'],
  onInterrupted: ['close', 'leave'],
  onUnknown: ['refuse', 'keep'],
  durability: ['disk', 'os'],
  readOnly: [true, false],
  blocking: [true, false],
  compress: [true, false],
} as const satisfies { [K in keyof JournalOptions]: readonly NonNullable<JournalOptions[K]>[] }

/** The least that each may be. */
const NUMBERS = { lockWaitMs: 0, segmentBytes: 1, queueBytes: 0, cacheRows: 0 } as const satisfies { [K in keyof JournalOptions]: number }

/** @throws TypeError for a choice that there is not, and for what is no number. */
export function checkOptions(options: JournalOptions): void {
  for (const [name, choices] of Object.entries(CHOICES)) {
    const given: unknown = options[name as keyof typeof CHOICES]
    if (given !== undefined && !(choices as readonly unknown[]).includes(given))
      throw new TypeError(`${name} is one of ${choices.map((one) => JSON.stringify(one)).join(', ')}`)
  }
  for (const [name, least] of Object.entries(NUMBERS)) {
    const given: unknown = options[name as keyof typeof NUMBERS]
    if (given !== undefined && !(typeof given === 'number' && given >= least)) throw new TypeError(`${name} is a number from ${least}`)
  }
}
