import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { contents, Feeder, image, openRaw, temporary } from '../support/raw-store.js'

async function newest(directory: string): Promise<string> {
  const names = (await readdir(join(directory, 'journal'))).filter((name) => name.endsWith('.seg')).toSorted()
  return join(directory, 'journal', names.at(-1) as string)
}

describe('a crash image cut at every byte of its last three commits', () => {
  test('gives the whole commits before the cut, and goes on', async () => {
    const directory = await temporary()
    const store = await openRaw(directory)
    const feeder = new Feeder(store)
    const ends: number[] = []
    const text = (n: number): string => `${n} `.repeat(60)
    for (let i = 0; i < 6; i++) {
      await feeder.append('a', [{ i, text: text(i) }, { i, second: true }])
      ends.push(store.bytes())
    }
    const whole = await contents(store)
    const frozen = await image(directory)
    await store.close()
    const segment = await newest(frozen)
    const bytes = await readFile(segment)
    for (let cut = ends[2] as number; cut <= (ends[5] as number); cut += 1) {
      await writeFile(segment, bytes.subarray(0, cut))
      await writeFile(join(frozen, 'head'), '')
      const copy = await image(frozen)
      const commits = ends.filter((end) => end <= cut).length
      const again = await openRaw(copy)
      expect(again.recovery.damage).toEqual([])
      expect(await contents(again), `cut at ${cut}`).toEqual(whole.slice(0, commits * 2))
      const next = await new Feeder(again).append('a', [{ after: cut }])
      expect(next.version).toBe(commits * 2 + 1)
      await again.close()
      const third = await openRaw(copy)
      expect((await contents(third)).length).toBe(commits * 2 + 1)
      expect((await third.verify()).ok).toBe(true)
      await third.close()
    }
  }, 120_000)
})

describe('the same cuts after a clean close', () => {
  test('are reported as damage, every one', async () => {
    const directory = await temporary()
    const store = await openRaw(directory)
    const feeder = new Feeder(store)
    const ends: number[] = []
    for (let i = 0; i < 6; i++) {
      await feeder.append('a', [{ i, text: 'x'.repeat(100) }])
      ends.push(store.bytes())
    }
    await store.close()
    const segment = await newest(directory)
    for (let cut = ends[2] as number; cut < (ends[5] as number); cut += 1) {
      const copy = await image(directory)
      await truncate(join(copy, 'journal', segment.split('/').at(-1) as string), cut)
      for (const readOnly of [true, false]) {
        const again = await openRaw(copy, { readOnly })
        expect(again.recovery.damage.length, `cut at ${cut}`).toBeGreaterThan(0)
        const kept = ends.filter((end) => end <= cut).length
        const seen = await contents(again)
        expect(seen.filter((item) => typeof item === 'string').length).toBe(kept)
        expect(seen.at(-1)).toEqual({ gap: [kept + 1, 6] })
        if (!readOnly) await expect(new Feeder(again).append('b', [{}])).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' })
        await again.close()
      }
    }
  }, 120_000)
})
