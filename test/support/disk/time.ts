/**
 * Time that stands still until it is told to go on. Timers of the code under test are kept and fired by `pass`, so that a
 * run depends on its seed and on nothing else. Who sleeps for a while wakes at once, that much later. Immediates stay the
 * machine's: they only mean "when all this has run".
 */
import { syncBuiltinESMExports } from 'node:module'
import timers, { setImmediate } from 'node:timers/promises'

interface Timer {
  due: number
  every: number | undefined
  fire: () => void
}

/** When it begins. */
export const BEGINNING = 1_700_000_000_000

export class StandingTime {
  now = BEGINNING
  #timers = new Map<object, Timer>()
  readonly #real = { setTimeout, clearTimeout, setInterval, clearInterval }
  readonly #sleep = timers.setTimeout

  /** Takes the place of the machine's timers until it is left. */
  enter(): void {
    const set =
      (every: boolean) =>
      (act: (...args: unknown[]) => void, delay = 0, ...args: unknown[]) => {
        const handle = { ref: () => handle, unref: () => handle, hasRef: () => true, refresh: () => handle }
        this.#timers.set(handle, { due: this.now + delay, every: every ? delay : undefined, fire: () => act(...args) })
        return handle
      }
    const clear = (handle: object | undefined): void => {
      if (handle !== undefined) this.#timers.delete(handle)
    }
    Object.assign(globalThis, { setTimeout: set(false), setInterval: set(true), clearTimeout: clear, clearInterval: clear })
    timers.setTimeout = async <T>(delay = 0, value?: T): Promise<T> => {
      this.now += delay
      await setImmediate()
      return value as T
    }
    // Who imported it by name gets it from now on.
    syncBuiltinESMExports()
  }

  leave(): void {
    Object.assign(globalThis, this.#real)
    timers.setTimeout = this.#sleep
    syncBuiltinESMExports()
    this.forget()
  }

  /** Nothing that waits is waited for any more: its process is dead. */
  forget(): void {
    this.#timers.clear()
  }

  /** Lets some milliseconds pass: what is due happens, in order, and all that follows from it. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds
    for (;;) {
      let next: [object, Timer] | undefined
      for (const one of this.#timers) if (one[1].due <= end && (next === undefined || one[1].due < next[1].due)) next = one
      if (next === undefined) break
      const [handle, timer] = next
      this.now = Math.max(this.now, timer.due)
      if (timer.every === undefined) this.#timers.delete(handle)
      else timer.due += Math.max(1, timer.every)
      timer.fire()
      await setImmediate()
    }
    this.now = end
  }
}
