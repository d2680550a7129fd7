/** Who goes next: calls of several processes wait here until one of them is let through. */
import { setImmediate } from 'node:timers/promises'
import { oneIn, type Choice } from '../../support/disk/choice.js'

/** Rounds without a call that waits, after which nobody is coming any more. */
const IDLE_MAX = 1000

export class Turns {
  readonly #choice: Choice
  #waiting: { who: string; go: () => void }[] = []
  #last = ''
  /** Calls let through. */
  taken = 0

  constructor(choice: Choice) {
    this.#choice = choice
  }

  /** The `turn` of one process. */
  of(who: string): () => Promise<void> {
    return () => new Promise((go) => this.#waiting.push({ who, go }))
  }

  /** Lets one after the other through until `done` is. False if that is never. */
  async until(done: Promise<unknown>): Promise<boolean> {
    let ended = false
    const end = (): void => void (ended = true)
    done.then(end, end)
    for (let idle = 0; idle < IDLE_MAX; idle++) {
      // All that follows from the last call has happened when this returns.
      await setImmediate()
      if (ended) return true
      if (this.#waiting.length === 0) continue
      idle = 0
      this.#next()
    }
    return false
  }

  /** Mostly whoever went last goes on, so that one comes far before the other moves. */
  #next(): void {
    const stay = !oneIn(this.#choice, 5)
    const same = stay ? this.#waiting.filter(({ who }) => who === this.#last) : []
    const from = same.length > 0 ? same : this.#waiting
    const next = from[this.#choice.int(from.length)]!
    this.#waiting = this.#waiting.filter((one) => one !== next)
    this.#last = next.who
    this.taken++
    next.go()
  }
}
