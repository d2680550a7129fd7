/** Opening while the disk fails: at every call that it makes, in every state that a writer leaves behind. */
import { describe, expect, test } from 'vitest'
import { isJournalError } from '../../src/errors.js'
import { Appending, contents, event, numbers, openStore, type Options } from './support/journal.js'
import { MemoryFiles } from './support/memory-files.js'

const DIRECTORY = '/journal'

/** A journal of several segments, as a writer leaves it that closed it, or that the disk failed. */
async function left(clean: boolean): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  const store = await openStore(DIRECTORY, { files, segmentBytes: 1000 })
  const writer = new Appending(store)
  for (let n = 0; n < 6; n++) await writer.append('s', [event(n, 'added', 'x'.repeat(300))])
  if (!clean) {
    files.fault = (call) => {
      if (call === 'datasync') throw Object.assign(new Error('EIO'), { code: 'EIO' })
      return undefined
    }
    await writer.append('s', [event(6)]).catch(() => {})
  }
  await store.close()
  files.fault = () => undefined
  expect(files.opened).toBe(0)
  return files
}

/** A directory that is not there yet, or that holds nothing but what a creation was cut at. */
async function created(again: boolean): Promise<MemoryFiles> {
  const files = new MemoryFiles()
  if (again) await failsAt(9, files, {})
  return files
}

/** Opens with the nth call failing; false once there are fewer calls. */
async function failsAt(n: number, files: MemoryFiles, options: Options): Promise<boolean> {
  let calls = 0
  files.fault = (call, path) => {
    if (++calls === n) throw Object.assign(new Error(`${call} ${path}`), { code: 'EIO' })
    return undefined
  }
  try {
    const store = await openStore(DIRECTORY, { files, ...options })
    await store.close()
  } catch (error) {
    expect(isJournalError(error), String(error)).toBe(true)
  }
  files.fault = () => undefined
  expect(files.opened, `left open after call ${n}`).toBe(0)
  return calls >= n
}

describe('a call of opening that fails', () => {
  test.each([
    ['read, after a clean end', true, true],
    ['read, after a failed sync', false, true],
    ['write, after a clean end', true, false],
    ['write, after a failed sync', false, false],
  ])('is told of as an error of ours, leaves nothing open and nothing lost (to %s)', async (_, clean, readOnly) => {
    const base = await left(clean)
    let n = 1
    for (let again = true; again; n++) {
      const files = base.copy()
      again = await failsAt(n, files, { readOnly })
      const store = await openStore(DIRECTORY, { files })
      expect(store.recovery.damage).toEqual([])
      expect(numbers((await contents(store)).commits).slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5])
      await store.close()
    }
    expect(n).toBeGreaterThan(20)
  })

  test.each([false, true])(
    'is told of as an error of ours while a journal is created (again: %s), and the next open finishes it',
    async (again) => {
      let n = 1
      for (let more = true; more; n++) {
        const files = await created(again)
        more = await failsAt(n, files, {})
        const store = await openStore(DIRECTORY, { files })
        expect(store.recovery).toMatchObject({ damage: [], tornBytes: 0 })
        expect((await new Appending(store).append('s', [event(1)])).position).toBe(1)
        await store.close()
      }
      expect(n).toBeGreaterThan(20)
    },
  )
})
