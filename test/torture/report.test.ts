/** The figures in the documents are those that campaigns left. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/root.js'
import { results, withTable, type Kept } from './report.js'

test('docs/reliability.md shows the results that are kept, and no others', () => {
  const document = readFileSync(join(root, 'docs/reliability.md'), 'utf8')
  expect(document).toBe(withTable(document, results()))
})

test('no campaign whose result is kept broke a promise or did nothing', () => {
  expect(results().length).toBeGreaterThan(0)
  expect(results().filter(({ failures, done }) => failures.length > 0 || done === 0)).toEqual([])
})

test('runs of one layer that add up share no case', () => {
  for (const one of results())
    for (const other of results())
      if (other.layer === one.layer && other.seed > one.seed) expect(other.seed - one.seed, one.layer).toBeGreaterThanOrEqual(one.done)
})

test('runs of one layer add up to one row, which names the seed and the commit of each', () => {
  const [first] = results() as [Kept, ...Kept[]]
  const second = { ...first, seed: first.seed + 1_000_000_000, commit: 'another' }
  const document = withTable('<!-- figures -->\n<!-- end of figures -->', [first, second])
  const rows = document.split('\n').filter((line) => line.startsWith(`| ${first.layer} |`))
  expect(rows.length).toBe(1)
  expect(rows[0]).toContain(`| ${(first.done * 2).toLocaleString('en')} ${first.unit} |`)
  const done = first.done.toLocaleString('en')
  expect(rows[0]).toContain(
    `${done} of ${first.commit}, seed ${first.seed}, ${first.day}<br>${done} of another, seed ${second.seed}, ${second.day}`,
  )
})
