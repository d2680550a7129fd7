/** A small share of a layer, as a test: enough that a broken promise does not pass, and no more. */
import { expect, test } from 'vitest'
import { seed } from '../support/seed.js'
import { campaign, type Layer } from './layer.js'

/** A machine that is busy with other things may need many times as long. */
const TIMEOUT_MS = 900_000

/** `title` says what no unit of the layer may break. */
export function share(title: string, layer: Layer, limit: number): void {
  test(title, { timeout: TIMEOUT_MS }, async ({ skip }) => {
    const missing = await layer.missing()
    if (missing.length > 0) skip(`without ${missing.join(', ')}`)
    const { done, failures } = await layer.run(campaign({ seed, limit }))
    expect(failures).toEqual([])
    expect(done).toBeGreaterThanOrEqual(limit)
  })
}
