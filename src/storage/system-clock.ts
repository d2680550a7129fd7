/** The machine's clock and randomness behind the port. */
import { randomBytes } from 'node:crypto'
import type { Clock } from './files.js'

export const systemClock: Clock = { now: () => Date.now(), random: (bytes) => randomBytes(bytes) }
