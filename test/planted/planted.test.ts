/** The proof that the proof works: bugs are planted in copies of the sources, and each is found. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { root } from '../support/root.js'
import { finders } from './finders.js'
import { bugs, find, finderOf, layersOf, Planted } from './planted.js'

const all = bugs()

/** Runs work for each, as many at a time as the machine has processors. */
async function pool<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let i = next++; i < items.length; i = next++) results[i] = await work(items[i] as T)
  }
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker))
  return results
}

describe('planted bugs', () => {
  test('are 25 or more, each says what it breaks, and each has a finder', () => {
    expect(all.length).toBeGreaterThanOrEqual(25)
    expect(all.filter(({ what }) => what === '').map(({ name }) => name)).toEqual([])
    expect(Object.keys(finderOf).toSorted()).toEqual(all.map(({ name }) => name))
    expect(Object.values(finderOf).filter((finder) => !Object.hasOwn(finders, finder))).toEqual([])
  })

  test('are in the table of docs/reliability.md, each with the layer that finds it', () => {
    const rows = [...layersOf(all)].map(([layer, names]) => `| ${layer} | ${names.length} | ${names.join(', ')} |`)
    const table = readFileSync(join(root, 'docs/reliability.md'), 'utf8').split('| found by | bugs | which |\n|---|---|---|\n')[1]
    expect(table?.split('\n\n')[0]).toBe(rows.join('\n'))
  })

  test('are all found', { timeout: 300_000 }, async () => {
    const planted = new Planted()
    onTestFinished(() => planted.remove())
    await planted.plant(all)
    const outcomes = await pool(all, async (bug) => {
      const found = await find(planted.copyWith(bug), [finderOf[bug.name] as string])
      return `${bug.name}: ${found === undefined ? 'NOT FOUND' : 'found'}`
    })
    expect(outcomes).toEqual(all.map(({ name }) => `${name}: found`))
  })

  test('are what is found: the sources as they are give no finder anything to find', { timeout: 300_000 }, async () => {
    const names = [...new Set(Object.values(finderOf))]
    const halves = [names.filter((_, i) => i % 2 === 0), names.filter((_, i) => i % 2 === 1)]
    const planted = new Planted()
    onTestFinished(() => planted.remove())
    const copy = planted.copyWith(undefined)
    expect(await pool(halves, (half) => find(copy, half))).toEqual([undefined, undefined])
  })
})
