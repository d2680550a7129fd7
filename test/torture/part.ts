/** A part of a layer in a process of its own: see parts.ts. */
import { campaign } from './layer.js'
import { layers } from './layers.js'
import type { Answer, Order } from './parts.js'

const TELL_MS = 250

process.once('message', (order: Order) => void run(order))

async function run({ letter, ...extent }: Order): Promise<void> {
  const stop = new AbortController()
  process.on('SIGINT', () => stop.abort())
  let told = performance.now()
  const progress = (done: number): void => {
    if (performance.now() - told < TELL_MS) return
    told = performance.now()
    answer({ done })
  }
  const layer = layers.find((one) => one.letter === letter)!
  answer({ outcome: await layer.run(campaign({ ...extent, progress, signal: stop.signal })) })
  process.disconnect()
}

function answer(what: Answer): void {
  process.send!(what)
}
