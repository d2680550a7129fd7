/** The layers of torture, in the order in which they run. */
import type { Layer } from './layer.js'
import { exhaustive } from './layers/exhaustive.js'
import { randomLives } from './layers/random-lives.js'

export const layers: readonly Layer[] = [exhaustive, randomLives]
