/** The ladder for a person whose journal is damaged, as it is typed: verify, repair, salvage; and notes that hold a journal to what it was. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openJournal, type VerifyReport } from '../../src/index.js'
import { filesIn } from '../support/files-in.js'
import { hashOf } from '../support/journal.js'
import { turnlog } from '../support/turnlog.js'

const base = mkdtempSync(join(tmpdir(), 'turnlog-ladder-'))
const whole = join(base, 'whole')
const key = join(base, 'keys', 'key')
const note = join(base, 'note')

beforeAll(async () => {
  const journal = await openJournal(whole, { segmentBytes: 4096 })
  for (let n = 0; n < 40; n++) {
    const id = `session-${n % 4}`
    const created = { type: 'session.created' as const, data: { title: id } }
    const updated = { type: 'session.updated' as const, data: { title: `${id} in its ${n} th state` } }
    await journal.append(id, [n < 4 ? created : updated])
  }
  await journal.snapshot()
  await journal.close()
})
afterAll(() => rmSync(base, { recursive: true }))

let copies = 0

/** A copy whose fifth state is damaged. */
function damaged(): string {
  const directory = join(base, `copy-${copies++}`)
  cpSync(whole, directory, { recursive: true })
  for (const name of filesIn(directory).filter((one) => one.endsWith('.seg'))) {
    const path = join(directory, name)
    const bytes = readFileSync(path)
    const at = bytes.indexOf('in its 5 th')
    if (at < 0) continue
    bytes[at]! ^= 1
    writeFileSync(path, bytes)
  }
  return directory
}

const parsed = async <T>(...words: string[]): Promise<T & { exit: number }> => {
  const { exit, out } = await turnlog(...words, '--json')
  return { ...(JSON.parse(out) as T), exit }
}

describe('repair', () => {
  test('says first what it would do, does it, and finds nothing the second time', async () => {
    const directory = damaged()
    expect(await parsed<VerifyReport>('verify', directory)).toMatchObject({ exit: 3, ok: false, damage: [{ streams: ['session-1'] }] })
    const before = hashOf(directory)
    const dry = await parsed<{ plan: { state: string; damage: unknown[] } }>('repair', directory, '--dry-run')
    expect(dry).toMatchObject({ exit: 3, plan: { format: false, damage: [{ firstPosition: 6, lastPosition: 6 }] } })
    expect(hashOf(directory)).toBe(before)
    const told = await turnlog('repair', directory, '--dry-run')
    expect(told.out).toMatch(/lost.*positions 6 to 6 of session-1/)
    const other = await turnlog('repair', directory, '--plan', 'f'.repeat(64))
    expect(other).toMatchObject({ exit: 1, errors: expect.stringContaining('JOURNAL_HISTORY_CHANGED') as string })
    const { exit, out } = await turnlog('repair', directory, '--plan', dry.plan.state)
    expect(exit).toBe(0)
    expect(out).toMatch(/lost.*positions 6 to 6[^]*repaired.*a second look finds nothing/)
    expect(readdirSync(join(directory, 'quarantine'))).toHaveLength(2)
    expect(await parsed<VerifyReport>('verify', directory)).toMatchObject({ exit: 0, ok: true, damage: [], gaps: [{ firstPosition: 6 }] })
    const again = await turnlog('repair', directory)
    expect(again).toMatchObject({ exit: 0, out: expect.stringContaining('nothing to repair') as string })
    for (const words of [['sessions'], ['stats'], ['tail'], ['tasks']]) expect((await turnlog(words[0]!, directory)).exit).toBe(0)
  })

  test('is seen in the session that lost something, and only there', async () => {
    const directory = damaged()
    await turnlog('repair', directory)
    const shown = await parsed<{ gaps?: unknown[] }>('show', directory, 'session-1')
    expect(shown).toMatchObject({ exit: 0, gaps: [{ firstPosition: 6 }] })
    expect((await turnlog('show', directory, 'session-1')).out).toMatch(/lost.*positions 6 to 6/)
    expect(await parsed('show', directory, 'session-2')).not.toHaveProperty('gaps')
    expect((await turnlog('sessions', directory)).out).toContain('lost events, or may have: session-1')
    const { sessions } = await parsed<{ sessions: { id: string; lossy?: boolean }[] }>('sessions', directory)
    expect(sessions.filter(({ lossy }) => lossy === true).map(({ id }) => id)).toEqual(['session-1'])
  })

  test('refuses a journal that somebody writes to, in words that say what to do', async () => {
    const directory = damaged()
    const journal = await openJournal(directory)
    expect((await turnlog('repair', directory, '--dry-run')).exit).toBe(3)
    const { exit, errors } = await turnlog('repair', directory)
    await journal.close()
    expect(exit).toBe(1)
    expect(errors).toMatch(/JOURNAL_LOCKED .* is open for writing\. Close it/)
  })
})

describe('salvage', () => {
  test('carries what is intact into a new journal, from a directory without FORMAT and head', async () => {
    const directory = damaged()
    for (const name of ['FORMAT', 'head']) rmSync(join(directory, name))
    const before = hashOf(directory)
    const target = `${directory}-new`
    expect(await parsed('salvage', directory, target)).toMatchObject({
      exit: 0,
      events: 39,
      commits: 39,
      position: 40,
      gaps: [{ firstPosition: 6 }],
    })
    expect(hashOf(directory)).toBe(before)
    expect((await turnlog('verify', target)).exit).toBe(0)
    const refused = await turnlog('salvage', directory, target)
    expect(refused).toMatchObject({ exit: 1, errors: expect.stringContaining('is not empty') as string })
    expect((await turnlog('salvage', join(base, 'nowhere'), join(base, 'never'))).exit).toBe(1)
  })
})

describe('a signed note', () => {
  test('is signed with a key that nobody else reads and that is never overwritten', async () => {
    const made = await turnlog('keygen', key, '--name', 'ci.example.org')
    expect(made.exit).toBe(0)
    expect(statSync(key).mode & 0o777).toBe(0o600)
    expect(readFileSync(`${key}.pub`, 'utf8').trim()).toBe(made.out.split('\n')[0])
    const secret = readFileSync(key, 'utf8')
    expect(await turnlog('keygen', key)).toMatchObject({ exit: 1, errors: expect.stringContaining('never overwritten') as string })
    expect(readFileSync(key, 'utf8')).toBe(secret)
    const { exit, out } = await turnlog('sign', whole, '--key', key)
    expect(exit).toBe(0)
    expect(out).toMatch(/^turnlog\/[0-9a-f]{32}\n40\n[A-Za-z0-9+/]{43}=\n\n\u2014 ci\.example\.org [A-Za-z0-9+/=]+\n$/)
    writeFileSync(note, out)
  })

  test('is proven by the journal, checked with the public key in a file or in words', async () => {
    for (const given of [`${key}.pub`, key, readFileSync(`${key}.pub`, 'utf8').trim()]) {
      const report = await parsed<VerifyReport>('verify', whole, '--since', note, '--key', given)
      expect(report).toMatchObject({ exit: 0, ok: true, since: { ok: true, position: 40 }, signedBy: 'ci.example.org' })
    }
    expect((await turnlog('verify', whole, '--since', note, '--key', key)).out).toContain('proven')
  })

  test('fails against another journal, a shorter one, and one that was repaired since, with exit 1', async () => {
    const other = join(base, 'other')
    await (await openJournal(other)).close()
    const against = (directory: string) => parsed<VerifyReport>('verify', directory, '--since', note, '--key', key)
    const elsewhere = await against(other)
    expect(elsewhere).toMatchObject({ exit: 1, since: { ok: false, reason: expect.stringContaining('another journal') as string } })
    const directory = damaged()
    await turnlog('repair', directory)
    expect(await against(directory)).toMatchObject({ exit: 1, ok: true, since: { ok: false, lost: [{ firstPosition: 6 }] } })
    expect((await turnlog('verify', directory, '--since', note, '--key', key)).out).toMatch(
      /not proven.*only positions \d+ to 40 are proven/,
    )
  })

  test('that was changed, or signed by somebody else, is refused', async () => {
    const changed = join(base, 'changed')
    writeFileSync(changed, readFileSync(note, 'utf8').replace('\n40\n', '\n39\n'))
    const said = await turnlog('verify', whole, '--since', changed, '--key', key)
    expect(said).toMatchObject({ exit: 1, errors: expect.stringContaining('the signature does not fit') as string })
    await turnlog('keygen', join(base, 'mallory'), '--name', 'ci.example.org')
    const foreign = await turnlog('verify', whole, '--since', note, '--key', join(base, 'mallory'))
    expect(foreign).toMatchObject({ exit: 1, errors: expect.stringContaining('is not signed by') as string })
    for (const bad of ['', 'hello\n\n\u2014 a b\n']) {
      writeFileSync(changed, bad)
      expect((await turnlog('verify', whole, '--since', changed, '--key', key)).errors).toContain('no note')
    }
    expect((await turnlog('sign', whole, '--key', join(base, 'none'))).errors).toContain('turnlog keygen')
    expect((await turnlog('keygen', join(base, 'x'), '--name', 'a b')).exit).toBe(1)
  })

  test('needs no option where the key lies where keygen puts it', async () => {
    const home = process.env['XDG_CONFIG_HOME']
    process.env['XDG_CONFIG_HOME'] = join(base, 'config')
    try {
      expect((await turnlog('sign', whole)).exit).toBe(1)
      expect((await turnlog('keygen')).exit).toBe(0)
      writeFileSync(note, (await turnlog('sign', whole)).out)
      expect((await turnlog('verify', whole, '--since', note)).exit).toBe(0)
    } finally {
      if (home === undefined) delete process.env['XDG_CONFIG_HOME']
      else process.env['XDG_CONFIG_HOME'] = home
    }
  })
})
