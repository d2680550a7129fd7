/** A share of what runs on a real kernel; `npm run torture` runs the rest. What the machine lacks is named, and its layers are skipped. */
import { describe, expect, test, type TestContext } from 'vitest'
import { seed, withSeed } from '../support/seed.js'
import { campaign, type Outcome } from './layer.js'
import { kernelLayers } from './layers/kernel.js'

/** Runs so much of a layer, and holds that nothing was found. */
async function share({ skip }: TestContext, letter: string, limit: number): Promise<Outcome['counts']> {
  const layer = kernelLayers.find((one) => one.letter === letter)
  if (layer === undefined) throw new TypeError(`there is no layer ${letter}`)
  const missing = await layer.missing()
  if (missing.length > 0) skip(`${layer.name}: needs ${missing.join(', ')}`)
  const { done, counts, failures } = await layer.run(campaign({ seed, limit }))
  expect(failures).toEqual([])
  expect(done).toBe(limit)
  return counts
}

describe(withSeed('on a real kernel'), { timeout: 120_000 }, () => {
  test('a runtime that is killed loses and doubles nothing it acknowledged, and a follower sees all of it once', async (context) => {
    const { acknowledged, followed } = await share(context, 'F', 30)
    expect(acknowledged).toBeGreaterThan(100)
    expect(followed).toBeGreaterThan(100)
  })

  test.for(['ext4', 'xfs'])('nothing acknowledged is lost when the power of %s is cut', async (on, context) => {
    expect((await share(context, `G-${on}`, 10))['acknowledged']).toBeGreaterThan(50)
  })

  test('what a disk may hold after a crash at any write is recovered, with everything acknowledged', async (context) => {
    expect((await share(context, 'H-ext4', 20))['acknowledged']).toBeGreaterThan(50)
  })

  test.for(['ext4', 'xfs', 'btrfs'])(
    'a disk that fails under %s is told of, and nothing acknowledged was in the page cache alone',
    async (on, context) => {
      expect((await share(context, `J-${on}`, 14))['calls failed']).toBeGreaterThan(14)
    },
  )

  test('any system call that fails is told of with its outcome, and leaves nothing open', async (context) => {
    expect((await share(context, 'J-calls', 40))['calls failed']).toBeGreaterThan(20)
  })

  test.for(['ext4', 'tmpfs'])('a full %s refuses appends as full, and takes them again when it has room', async (on, context) => {
    expect((await share(context, `K-${on}`, 20))['refused']).toBeGreaterThan(20)
  })

  test('a group costs one sync, whether one append is in it or four', async (context) => {
    await share(context, 'S', 1)
  })
})
