/** A small share of a layer, as a test: enough that a broken promise does not pass, and no more. */
import { expect, test } from 'vitest'
import { programPath } from '../support/compiled.js'
import { seed } from '../support/seed.js'
import type { Layer, Outcome } from './layer.js'
import { inParts } from './parts.js'

/** A machine that is busy with other things may need many times as long. */
const TIMEOUT_MS = 900_000

/** `title` says what no unit of the layer may break. */
export function share(title: string, layer: Layer, limit: number): void {
  test(title, { timeout: TIMEOUT_MS }, async ({ skip }) => {
    const missing = await layer.missing()
    if (missing.length > 0) skip(`without ${missing.join(', ')}`)
    const { done, failures } = await runApart(layer, limit)
    expect(failures).toEqual([])
    expect(done).toBeGreaterThanOrEqual(limit)
  })
}

/** So many units of a layer, in a process of its own: compiled, most do a fifth more than where a test runner loads them. */
export function runApart(layer: Layer, limit: number): Promise<Outcome> {
  return inParts(layer, 1, { seed, limit }, programPath('test/torture/part.ts'))
}
