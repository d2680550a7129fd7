/**
 * Whether today's history goes on from a head of before. The digest at that head commits to every byte before it; it can be
 * worked out again as far as nothing is lost. A gap that was recorded before that head is part of what it commits to.
 */
import type { Damage } from '../errors.js'
import type { Head, SinceReport } from './commit-store.js'
import { covers, sameEvidence, type Evidence, type RecordedGap } from './gap-record.js'

export class Proof {
  readonly #since: Head
  readonly #today: Head
  /** Places that cannot be read and that the history so far does not say are lost. */
  #open: { damage: Damage; evidence: Evidence }[] = []
  #settled: RecordedGap[] = []
  /** From here on the digests were worked out again. */
  #from = 1
  #broken = false
  #verdict: SinceReport | undefined
  #other = false

  constructor(since: Head, today: Head) {
    this.#since = since
    this.#today = today
    this.end({ position: 0, digest: '0'.repeat(64) })
  }

  found(finding: { damage: Damage; evidence: Evidence }): void {
    this.#open.push(finding)
    this.#broken = true
  }

  /** A frame that checks. The first behind a gap is believed, what follows it is worked out. */
  frame({ position }: Head): void {
    if (this.#broken) this.#from = position + 1
    this.#broken = false
  }

  recorded(gaps: readonly RecordedGap[]): void {
    this.#settled.push(...gaps)
  }

  /** The history's end behind a frame that moves it on. */
  end({ position, digest }: Head): void {
    if (position !== this.#since.position) return
    if (digest !== this.#since.digest) {
      this.#other = true
      return
    }
    const open = this.#open.filter(
      ({ damage, evidence }) => !this.#settled.some((gap) => covers(gap, damage) && sameEvidence(gap, evidence)),
    )
    const lost = open.map(({ damage }) => damage)
    this.#verdict =
      lost.length === 0
        ? { ok: true, ...this.#since, lost }
        : { ok: false, ...this.#since, provenFrom: this.#from, lost, reason: partly(lost, this.#from, position) }
  }

  verdict(): SinceReport {
    return this.#verdict ?? { ok: false, ...this.#since, lost: this.#open.map(({ damage }) => damage), reason: this.#why() }
  }

  #why(): string {
    const { position } = this.#since
    if (position > this.#today.position) return `the history ends at position ${this.#today.position}, before position ${position}`
    if (this.#other) return `another history stands up to position ${position}`
    return `no group ends at position ${position}, or what ended there is lost`
  }
}

function partly(lost: readonly Damage[], from: number, to: number): string {
  const places = lost.map(({ firstPosition, lastPosition = firstPosition }) =>
    lastPosition < firstPosition ? `bytes before position ${firstPosition}` : `positions ${firstPosition} to ${lastPosition}`,
  )
  const proven = from > to ? 'nothing before that is proven' : `only positions ${from} to ${to} are proven`
  return `${places.join(', ')} cannot be read, and were not known to be lost when the head was taken: ${proven}`
}
