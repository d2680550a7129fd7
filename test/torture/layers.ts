/** The layers of torture, in the order in which they run. */
import type { Layer } from './layer.js'
import { diskFull } from './layers/disk-full.js'
import { exhaustive } from './layers/exhaustive.js'
import { ioErrors } from './layers/io-errors.js'
import { randomLives } from './layers/random-lives.js'
import { twoWriters } from './layers/two-writers.js'
import { wholeEngine } from './layers/whole-engine.js'

export const layers: readonly Layer[] = [exhaustive, randomLives, wholeEngine, ioErrors, diskFull, twoWriters]
