import { readdir, readFile, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import { seed } from '../support/seed.js'
import { contents, Feeder, image, openRaw, temporary } from '../support/raw-store.js'

/** A generator of whole numbers below n, from the pinned seed. */
function numbers(from: number): (n: number) => number {
  let state = from >>> 0
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
}

async function journal(options: { close: boolean }): Promise<{ directory: string; whole: string[] }> {
  const directory = await temporary()
  const store = await openRaw(directory, { segmentBytes: 3000 })
  const feeder = new Feeder(store)
  for (let i = 0; i < 12; i++) {
    await Promise.all([feeder.append('a', [{ i, text: 'alpha '.repeat(i % 7) }]), feeder.append('b', [{ i }, { claim: `c${i}` }], { commitId: `id-${i}` }), feeder.append(`s${i}`, [{ only: i }])])
  }
  const whole = (await contents(store)) as string[]
  if (options.close) {
    await store.close()
    return { directory, whole }
  }
  const copy = await image(directory)
  await store.close()
  return { directory: copy, whole }
}

/** Opens a damaged copy both ways: whatever is shown is right and in order, and what is missing is said. */
async function check(directory: string, whole: readonly string[], what: string): Promise<void> {
  for (const readOnly of [true, false]) {
    const copy = await image(directory)
    try {
      const store = await openRaw(copy, { readOnly, segmentBytes: 3000 })
      try {
        const seen = await contents(store)
        const events = seen.filter((item) => typeof item === 'string')
        expect(events.filter((event) => !whole.includes(event)), `${what}: events that were never written`).toEqual([])
        expect(events, `${what}: out of order`).toEqual([...new Set(events)].toSorted((x, y) => Number.parseInt(x) - Number.parseInt(y)))
        if (events.length === whole.length) continue
        const gaps = seen.filter((item) => typeof item !== 'string')
        const missing = whole.filter((event) => !events.includes(event)).map((event) => Number.parseInt(event))
        const told = (position: number): boolean => gaps.some(({ gap: [first, last] }) => first <= position && position <= (last ?? Number.POSITIVE_INFINITY))
        const said = missing.every(told) || store.recovery.unproven > 0
        expect(said, `${what}, ${readOnly ? 'reading' : 'writing'}: ${missing.join()} lost without a word; gaps ${JSON.stringify(gaps)}`).toBe(true)
        expect((await store.verify()).ok && store.recovery.unproven === 0, `${what}: verify says ok`).toBe(false)
      } finally {
        await store.close()
      }
    } catch (error) {
      if (!isJournalError(error)) throw new Error(what, { cause: error })
    }
  }
}

const filesOf = async (directory: string): Promise<string[]> => ['head', 'FORMAT', ...(await readdir(join(directory, 'journal'))).map((name) => join('journal', name))]

describe.each([{ close: true }, { close: false }])('damage in a journal that was closed: $close', ({ close }) => {
  test('of one flipped bit anywhere shows nothing wrong and loses nothing without a word', async () => {
    const { directory, whole } = await journal({ close })
    const next = numbers(seed)
    for (const name of await filesOf(directory)) {
      const good = await readFile(join(directory, name))
      for (let i = 0; i < 60; i++) {
        const bit = next(good.length * 8)
        const bad = Buffer.from(good)
        bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7))
        await writeFile(join(directory, name), bad)
        await check(directory, whole, `bit ${bit} of ${name}`)
      }
      await writeFile(join(directory, name), good)
    }
  }, 300_000)

  test('of a zeroed sector, or a cut, or a file that is gone, neither', async () => {
    const { directory, whole } = await journal({ close })
    const next = numbers(seed + 1)
    for (const name of await filesOf(directory)) {
      const good = await readFile(join(directory, name))
      for (let at = 0; at < good.length; at += 512) {
        const bad = Buffer.from(good)
        bad.fill(0, at, Math.min(at + 512, good.length))
        await writeFile(join(directory, name), bad)
        await check(directory, whole, `zeros at ${at} of ${name}`)
      }
      for (let i = 0; i < 10; i++) {
        const length = next(good.length)
        await writeFile(join(directory, name), good.subarray(0, length))
        if (close) await check(directory, whole, `${name} cut to ${length}`)
      }
      await unlink(join(directory, name))
      if (name !== 'head' && close) await check(directory, whole, `${name} gone`)
      await writeFile(join(directory, name), good)
    }
  }, 300_000)
})
