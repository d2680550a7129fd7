/** The layers of torture, in the order in which they run. */
import type { Layer } from './layer.js'
import { decoders } from './layers/decoders.js'
import { derivedRot } from './layers/derived-rot.js'
import { randomLives } from './layers/random-lives.js'
import { rot } from './layers/rot.js'

export const layers: readonly Layer[] = [randomLives, rot, decoders, derivedRot]
