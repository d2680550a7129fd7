/**
 * What finds the planted bugs: shares of the layers of torture, pinned and as small as finding needs, named by the layer's letter; and
 * scripts for what no layer meets. Each says what it found, if anything.
 */
import { campaign, type Layer } from '../torture/layer.js'
import { decoders } from '../torture/layers/decoders.js'
import { derivedRot } from '../torture/layers/derived-rot.js'
import { diskFull } from '../torture/layers/disk-full.js'
import { exhaustive } from '../torture/layers/exhaustive.js'
import { ioErrors } from '../torture/layers/io-errors.js'
import { randomLives } from '../torture/layers/random-lives.js'
import { twoWriters } from '../torture/layers/two-writers.js'
import { wholeEngine } from '../torture/layers/whole-engine.js'
import { everyBit, everyCut, everyFile, nothingAtAll, type Tried } from '../torture/rot/exhaustive.js'
import { goldenJournal, type Golden } from '../torture/rot/golden.js'
import * as scripts from './scripts.js'

export type Finder = () => Promise<string | undefined>

/** The first promise that so many units of a layer find broken. */
function share(layer: Layer, seed: number, limit: number): Finder {
  return async () => (await layer.run(campaign({ seed, limit }))).failures[0]?.what
}

/** The same of the rot that D does. */
function rot(hurt: (golden: Golden) => Promise<Tried>): Finder {
  return async () => (await hurt(await goldenJournal(4 << 10, 1500))).problems[0]
}

export const finders: Record<string, Finder> = {
  A: share(exhaustive, 3, 350),
  B: share(randomLives, 153, 120),
  B2: share(wholeEngine, 155, 60),
  C: share(ioErrors, 3, 300),
  'D, bits': rot((golden) => everyBit(golden, { of: 9, index: 0, verifyEvery: 1 })),
  'D, cuts': rot((golden) => everyCut({ ...golden, segments: golden.segments.slice(-1) })),
  'D, files': rot(everyFile),
  'D, nothing': rot(nothingAtAll),
  E: share(decoders, 1, 3000),
  K: share(diskFull, 1, 6),
  L: share(twoWriters, 63, 40),
  N: share(derivedRot, 122, 9),
  ...scripts,
}
