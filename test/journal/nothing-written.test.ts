/** A disk that takes no byte and no name, mounted read-only or full: all that only looks works there. */
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { ioError } from '../../src/errors.js'
import { planRepair } from '../../src/index.js'
import { filesOver } from '../../src/storage/delegate.js'
import type { Files } from '../../src/storage/files.js'
import { nodeFiles } from '../../src/storage/node-files.js'
import { all, image, note, notes, openNotes, printOf, tallies, tally, temporary, texts } from '../support/journal.js'
import { MemoryDerived, memoryStores } from '../support/memory-derived.js'

class Full extends MemoryDerived {
  override async batch(): Promise<void> {
    throw ioError(Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' }), 'Writing', 'derived')
  }
}

/** A journal with one event and a snapshot, closed. */
async function madeSnapshot(): Promise<string> {
  const directory = temporary()
  await using writing = await openNotes(directory)
  await writing.append('s', [note('text')])
  await writing.snapshot()
  return directory
}

/** The system's files, of which those below a directory cannot be changed; what is tried all the same is noted. */
function unwritable(directory: string, code: string): { files: Files; tried: string[] } {
  const tried: string[] = []
  const mayChange = (call: string, path: string): void => {
    if (!path.startsWith(directory)) return
    tried.push(`${call} ${path}`)
    throw Object.assign(new Error(code), { code })
  }
  const CHANGING = ['mkdir', 'unlink', 'syncDir'] as const
  const NAMING = ['link', 'rename'] as const
  const files = filesOver(nodeFiles, {
    async open(path, flag) {
      if (flag !== 'r') mayChange('open', path)
      return nodeFiles.open(path, flag)
    },
  })
  for (const call of CHANGING)
    files[call] = async (path) => {
      mayChange(call, path)
      return nodeFiles[call](path)
    }
  for (const call of NAMING)
    files[call] = async (from, to) => {
      mayChange(call, from)
      return nodeFiles[call](from, to)
    }
  return { files, tried }
}

test.each(['EROFS', 'ENOSPC'])(
  'where every change fails with %s, reading, views, verify and a plan of a repair work and try none',
  async (code) => {
    const written = temporary()
    const writing = await openNotes(written, { segmentBytes: 1000 })
    for (let n = 0; n < 20; n++) await writing.append(`s${n % 3}`, [note(`text ${n} of it`)])
    await writing.snapshot()
    const rows = await tallies(writing)
    // As a writer that died left it.
    const directory = image(written)
    await writing.close()
    const { files, tried } = unwritable(directory, code)
    const before = printOf(directory)
    const journal = await openNotes(directory, { files, readOnly: true })
    expect(await texts(journal)).toHaveLength(20)
    expect(await tallies(journal)).toEqual(rows)
    expect((await all(journal.list(tally))).length).toBe(3)
    expect(await journal.verify({ snapshots: true })).toMatchObject({ ok: true, snapshots: [{ ok: true }] })
    await journal.close()
    expect((await planRepair(directory, { events: notes, files })).damage).toEqual([])
    await expect(openNotes(directory, { files })).rejects.toMatchObject({ code: code === 'EROFS' ? 'JOURNAL_IO' : 'JOURNAL_DISK_FULL' })
    expect(tried).toHaveLength(1)
    expect(printOf(directory)).toEqual(before)
  },
)

test('where views have no room in the temporary directory, they say so and where it is; verify without snapshots needs none', async () => {
  const directory = await madeSnapshot()
  vi.stubEnv('TMPDIR', join(temporary(), 'that', 'is', 'not', 'there'))
  try {
    await using journal = await openNotes(directory, { readOnly: true })
    const refused = { code: 'JOURNAL_IO', message: expect.stringContaining('TMPDIR') as string }
    await expect(journal.view(tally, 's')).rejects.toMatchObject(refused)
    await expect(journal.verify({ snapshots: true })).rejects.toMatchObject(refused)
    expect(await journal.verify()).toMatchObject({ ok: true, events: 1 })
    expect(await texts(journal)).toEqual(['text'])
  } finally {
    vi.unstubAllEnvs()
  }
})

test('a snapshot that could not be folded again for want of room is not called fine', async () => {
  const directory = await madeSnapshot()
  await using journal = await openNotes(directory, { readOnly: true, derived: memoryStores(new Full()) })
  await expect(journal.verify({ snapshots: true })).rejects.toMatchObject({ code: 'JOURNAL_DISK_FULL' })
})
