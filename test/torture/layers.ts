/** The layers of torture, in the order in which they run. */
import type { Layer } from './layer.js'
import { decoders } from './layers/decoders.js'
import { derivedRot } from './layers/derived-rot.js'
import { diskFull } from './layers/disk-full.js'
import { everyBitOfMany } from './layers/every-bit.js'
import { exhaustive } from './layers/exhaustive.js'
import { ioErrors } from './layers/io-errors.js'
import { kernelLayers } from './layers/kernel.js'
import { longLife } from './layers/long-life.js'
import { randomLives } from './layers/random-lives.js'
import { mendedRot, rot } from './layers/rot.js'
import { twoWriters } from './layers/two-writers.js'
import { wholeEngine } from './layers/whole-engine.js'

export const layers: readonly Layer[] = [
  exhaustive,
  randomLives,
  wholeEngine,
  ioErrors,
  rot,
  everyBitOfMany,
  mendedRot,
  decoders,
  ...kernelLayers,
  diskFull,
  twoWriters,
  derivedRot,
  longLife,
]
