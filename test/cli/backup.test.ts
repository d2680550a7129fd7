/** Backup and restore as they are typed: beside a writer, again, and back. */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { backup, openJournal, type BackupReport, type VerifyReport } from '../../src/index.js'
import { filesIn } from '../support/files-in.js'
import { all, hashOf, printOf, temporary } from '../support/journal.js'
import { programPath } from '../support/compiled.js'
import { root } from '../support/root.js'
import { turnlog } from '../support/turnlog.js'

const small = { segmentBytes: 4096 }

async function say(journal: Awaited<ReturnType<typeof openJournal>>, from: number, to: number): Promise<void> {
  for (let n = from; n < to; n++) {
    const title = `the ${n} th title of it, as long as titles are`
    await journal.append('session-1', [{ type: n === 0 ? 'session.created' : 'session.updated', data: { title } }])
  }
}

const parsed = async <T>(...words: string[]): Promise<T & { exit: number }> => {
  const { exit, out } = await turnlog(...words, '--json')
  return { ...(JSON.parse(out) as T), exit }
}

describe('backup', () => {
  test('beside the runtime that writes, again for what is new, and restored to a journal that goes on', async () => {
    const base = temporary()
    const [directory, copy, back] = ['journal', 'copy', 'back'].map((name) => join(base, name)) as [string, string, string]
    const journal = await openJournal(directory, small)
    await say(journal, 0, 40)
    const before = printOf(directory)
    const dry = await turnlog('backup', directory, copy, '--dry-run')
    expect(dry).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/^\d+ segments \(.*\) would be copied to .*, up to position 40\n/) as string,
    })
    expect(readdirSync(base)).toEqual(['journal'])
    const first = await turnlog('backup', directory, copy)
    expect(first).toMatchObject({ exit: 0, out: expect.stringContaining('which has all up to position 40 and checks') as string })
    await say(journal, 40, 45)
    const second = await parsed<BackupReport>('backup', directory, copy)
    expect(second).toMatchObject({ exit: 0, position: 45, digest: journal.head.digest, id: journal.id, dryRun: false, unproven: 0 })
    expect(second.copied.length).toBeLessThan(3)
    expect(second.kept.length).toBeGreaterThan(1)
    expect(second.bytes).toBeLessThan(3 * 4096)
    for (const file of ['LOCK', 'FORMAT', ...second.kept.map((name) => `journal/${name}`)])
      expect(printOf(directory)[file]).toBe(before[file])
    expect(await parsed<VerifyReport>('verify', copy)).toMatchObject({ exit: 0, ok: true, events: 45, digest: journal.head.digest })

    const printed = hashOf(copy)
    expect(await parsed<BackupReport>('restore', copy, back)).toMatchObject({
      exit: 0,
      position: 45,
      digest: journal.head.digest,
      kept: [],
    })
    expect(hashOf(copy)).toBe(printed)
    const again = await turnlog('restore', copy, back)
    expect(again).toMatchObject({ exit: 1, errors: expect.stringMatching(/JOURNAL_IO .* is not empty/) as string })
    {
      await using restored = await openJournal(back)
      expect(restored.recovery.damage).toEqual([])
      expect(await all(restored.readAll())).toEqual(await all(journal.readAll()))
      await say(restored, 45, 46)
      expect(restored.head.position).toBe(46)
    }
    // Both went on: the backup is that of whichever is backed up first.
    await say(journal, 45, 47)
    expect((await turnlog('backup', back, copy)).exit).toBe(0)
    const twin = await turnlog('backup', directory, copy)
    expect(twin).toMatchObject({ exit: 1, errors: expect.stringMatching(/JOURNAL_HISTORY_CHANGED .*did not go on from/) as string })
    await journal.close()
  })

  test('refuses a damaged journal by name, with exit 3, and keeps what it had', async () => {
    const base = temporary()
    const [directory, copy] = [join(base, 'journal'), join(base, 'copy')]
    const journal = await openJournal(directory, small)
    await say(journal, 0, 40)
    await journal.close()
    await backup(directory, copy)
    const before = hashOf(copy)
    const segment = join(directory, filesIn(directory).filter((name) => name.endsWith('.seg'))[1] as string)
    const bytes = readFileSync(segment)
    writeFileSync(segment, bytes.subarray(0, bytes.length - 900))
    const { exit, errors } = await turnlog('backup', directory, join(base, 'other'))
    expect(exit).toBe(3)
    expect(errors).toMatch(/JOURNAL_DAMAGED .*turnlog verify; repair it, or salvage/)
    expect(hashOf(copy)).toBe(before)
    expect((await turnlog('restore', copy, join(base, 'back'))).exit).toBe(0)
    const rotten = join(base, 'rotten')
    cpSync(copy, rotten, { recursive: true })
    const name = filesIn(rotten).find((file) => file.endsWith('.seg')) as string
    const even = readFileSync(join(rotten, name))
    even[500]! ^= 1
    writeFileSync(join(rotten, name), even)
    expect(await turnlog('restore', rotten, join(base, 'never'))).toMatchObject({
      exit: 3,
      errors: expect.stringContaining(name.slice('journal/'.length)) as string,
    })
    mkdirSync(join(base, 'full'))
    writeFileSync(join(base, 'full', 'letter.txt'), 'dear')
    expect((await turnlog('backup', copy, join(base, 'full'))).errors).toContain('is not empty')
  })

  test('killed at any time leaves a backup that can be restored', { timeout: 90_000 }, async () => {
    const base = temporary()
    const [directory, copy] = [join(base, 'journal'), join(base, 'copy')]
    const journal = await openJournal(directory, { segmentBytes: 1 << 16 })
    const text = 'x'.repeat(2000)
    const fill = async (from: number, to: number): Promise<void> => {
      await Promise.all(
        Array.from({ length: to - from }, (_, i) =>
          journal.append(`session-${from + i}`, [{ type: 'session.created', data: { title: `${text}${from + i}` } }]),
        ),
      )
    }
    await fill(0, 200)
    await backup(directory, copy)
    const heads = new Set([journal.head.digest])
    let killed = 0
    for (let round = 0; round < 6; round++) {
      await fill(1000 * (round + 1), 1000 * (round + 1) + 200)
      heads.add(journal.head.digest)
      const child = spawn(process.execPath, [programPath('src/cli/main.ts'), 'backup', directory, copy], {
        stdio: 'ignore',
        cwd: root,
      })
      const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, signal) => resolve(signal)))
      await new Promise((resolve) => setTimeout(resolve, 250 + 50 * round))
      child.kill('SIGKILL')
      if ((await ended) === 'SIGKILL') killed++
      const back = join(base, `back-${round}`)
      const { exit, digest } = await parsed<BackupReport>('restore', copy, back)
      expect(exit).toBe(0)
      expect(heads).toContain(digest)
    }
    expect(killed).toBeGreaterThan(0)
    const last = await parsed<BackupReport>('backup', directory, copy)
    expect(last).toMatchObject({ exit: 0, digest: journal.head.digest })
    await journal.close()
  })
})
