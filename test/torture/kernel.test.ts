/** A share of what runs on a real kernel; `npm run torture` runs the rest. What the machine lacks is named, and its layers are skipped. */
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi, type TestContext } from 'vitest'
import { root } from '../support/root.js'
import { seed, withSeed } from '../support/seed.js'
import { campaign, type Outcome } from './layer.js'
import { kernelLayers } from './layers/kernel.js'
import { missing } from './real/machine.js'

/** Runs so much of a layer, and holds that nothing was found. */
async function share({ skip }: TestContext, letter: string, limit: number): Promise<Outcome['counts']> {
  const layer = kernelLayers.find((one) => one.letter === letter)
  if (layer === undefined) throw new TypeError(`there is no layer ${letter}`)
  const lacking = await layer.missing()
  if (lacking.length > 0) skip(`${layer.name}: needs ${lacking.join(', ')}`)
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
      // On one of them in every way, on the others in some: each takes its time to be made.
      const ways = on === 'ext4' ? 14 : 5
      expect((await share(context, `J-${on}`, ways))['calls failed']).toBeGreaterThan(ways)
    },
  )

  test('any system call that fails is told of with its outcome, and leaves nothing open', async (context) => {
    expect((await share(context, 'J-calls', 16))['calls failed']).toBeGreaterThan(8)
  })

  test.for(['ext4', 'tmpfs'])('a full %s refuses appends as full, and takes them again when it has room', async (on, context) => {
    expect((await share(context, `K-${on}`, 5))['refused']).toBeGreaterThan(5)
  })

  test('what a real crash leaves is among the states that the simulated disk calls legal', async (context) => {
    expect((await share(context, 'R-ext4', 24))['scripts']).toBe(2)
  })

  test('a group costs one sync, whether one append is in it or four', async (context) => {
    await share(context, 'S', 1)
  })
})

describe('a layer that needs a real kernel', () => {
  test('is skipped by the name of what the machine lacks, with the package that brings it', () => {
    vi.stubEnv('PATH', '/nowhere')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(missing(['gcc'])).toBe('gcc (install gcc and libc6-dev)')
    expect(missing([])).toBeUndefined()
  })

  test('leaves nothing mounted, attached or running when whoever runs it is killed', { timeout: 60_000 }, async ({ skip }) => {
    const lacking = await kernelLayers.find(({ letter }) => letter === 'G-ext4')?.missing()
    if (lacking?.length !== 0) skip(`needs ${lacking?.join(', ')}`)
    const place = mkdtempSync(join(tmpdir(), 'turnlog-place-'))
    onTestFinished(() => rmSync(place, { recursive: true, force: true }))
    const words = ['--import', 'tsx', join(root, 'test/torture/run.ts'), '--layer', 'G-ext4', '--minutes', '1']
    const runner = spawn(process.execPath, words, { cwd: root, env: { ...process.env, TMPDIR: place }, stdio: 'ignore' })
    await expect.poll(() => traces(place), { timeout: 30_000 }).toMatchObject({ attached: 1 })
    runner.kill('SIGKILL')
    await expect.poll(() => traces(place), { timeout: 10_000 }).toEqual({ attached: 0, running: 0 })
    expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(place)
  })
})

/** Loop devices on files below a directory, and processes that have it in their words. */
function traces(place: string): { attached: number; running: number } {
  const words = readdirSync('/proc').flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : []
    } catch {
      // It ended meanwhile.
      return []
    }
  })
  const lines = spawnSync('losetup', ['--all'], { encoding: 'utf8' }).stdout.split('\n')
  return { attached: lines.filter((line) => line.includes(place)).length, running: words.filter((line) => line.includes(place)).length }
}
