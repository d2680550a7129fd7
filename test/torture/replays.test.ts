/** Whatever fails, in layers of each kind: the case that it names fails again when it is run alone. Here promises are broken by the judges. */
import { crc32 } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { World } from './floor/world.js'
import { campaign, type Extent, type Layer } from './layer.js'
import { decoders } from './layers/decoders.js'
import { everyBitOfMany } from './layers/every-bit.js'
import { exhaustive } from './layers/exhaustive.js'
import { randomLives } from './layers/random-lives.js'
import { rot } from './layers/rot.js'

/** Once in so many times, and always of the same. */
const once = (text: string | Uint8Array, times: number): boolean => crc32(text) % times === 0

vi.mock(import('./rot/judge.js'), async (original) => {
  const judge = await original()
  return {
    ...judge,
    async judgeReading(golden, files, extent) {
      const verdict = await judge.judgeReading(golden, files, extent)
      const asked = extent.around !== undefined && extent.thorough
      const sum = [...files.inodes.values()].reduce((crc, { bytes }) => crc32(bytes, crc), 0)
      if (asked || once(String(sum), 20)) verdict.problems.push(`${sum} is judged wrongly`)
      return verdict
    },
  }
})

vi.mock(import('./fuzz/targets.js'), async (original) => {
  const fuzz = await original()
  return { ...fuzz, isSound: async (target, ...of) => target.name !== 'segment header' && fuzz.isSound(target, ...of) }
})

function judgeWrongly(): void {
  const open = Reflect.get(World.prototype, 'open')
  vi.spyOn(World.prototype, 'open').mockImplementation(async function (this: World) {
    await open.call(this)
    const image = this.disk.image()
    // Not in the first scripts, and where one goes on from what was recovered.
    if (this.ledger.certain.length > 1 && once(image, 40)) this.ledger.broken.push(`${crc32(image)} is judged wrongly`)
  })
}

/** What the first cases that fail say, and what the same cases say alone. */
async function failures(layer: Layer, extent: Extent): Promise<{ together: string[]; alone: string[] }> {
  const met = (await layer.run(campaign(extent))).failures.slice(0, 3)
  const together = met.map(({ case: name, what }) => `${name}: ${what.split('\n')[0]}`)
  const alone: string[] = []
  for (const only of new Set(met.map(({ case: name }) => name))) {
    expect(only).toMatch(/^\S+$/)
    const again = await layer.run(campaign({ seed: extent.seed, only }))
    alone.push(...again.failures.map(({ case: name, what }) => `${name}: ${what.split('\n')[0]}`))
  }
  return { together, alone }
}

test.for<[string, Layer, Extent]>([
  ['A', exhaustive, { seed: 0, limit: 2000 }],
  ['B', randomLives, { seed: 1, limit: 1000 }],
  ['D-bits', everyBitOfMany, { seed: 1, limit: 3000, part: { index: 1, of: 2 } }],
  ['D', rot, { seed: 1, limit: 200, part: { index: 1, of: 2 } }],
  ['E', decoders, { seed: 1, limit: 2000 }],
])('a case of layer %s fails again when it is run alone', { timeout: 120_000 }, async ([, layer, extent]) => {
  judgeWrongly()
  const { together, alone } = await failures(layer, extent)
  expect(together.length).toBe(3)
  expect(alone).toEqual(expect.arrayContaining(together))
})
