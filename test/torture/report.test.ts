/** The figures in the documents are those that campaigns left. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../support/root.js'
import { results, withTable } from './report.js'

test('docs/reliability.md shows the results that are kept, and no others', () => {
  const document = readFileSync(join(root, 'docs/reliability.md'), 'utf8')
  expect(document).toBe(withTable(document, results()))
})

test('no campaign whose result is kept broke a promise or did nothing', () => {
  expect(results().length).toBeGreaterThan(0)
  expect(results().filter(({ failures, done }) => failures.length > 0 || done === 0)).toEqual([])
})
