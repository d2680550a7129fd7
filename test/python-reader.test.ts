import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { defineEvents, openJournal, planRepair, repair, salvage } from '../src/index.js'
import { goldenPlace } from './support/golden.js'
import { root } from './support/root.js'

const events = defineEvents({ said: { schema: 1, data: z.looseObject({}) } })
const open = (directory: string) => openJournal(directory, { events, segmentBytes: 4096 })

const VALUES = [
  0,
  -1,
  127,
  -128,
  65_536,
  -2_147_483_649,
  2 ** 53 - 1,
  0.1,
  -1.5e300,
  true,
  false,
  null,
  '',
  'Grüße, 世界 🌊',
  'x'.repeat(300),
  [1, [2, [3]]],
  { a: { b: [] } },
  '\u0000',
]

/** Every event as the reader in Python prints it. */
function readByPython(directory: string, words = ''): unknown[] {
  const { status, stdout, stderr } = spawnSync('python3', [join(root, 'test/read_journal.py'), directory], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  expect(stderr).toContain(words)
  if (words === '') expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line))
}

async function readByUs(directory: string): Promise<unknown[]> {
  await using journal = await open(directory)
  const seen: unknown[] = []
  for await (const item of journal.readAll({ onGap: 'yield' })) {
    if (item.type === undefined) continue
    const { position, stream, version, type, schema, at, data } = item
    seen.push([position, stream, version, type, schema, at, data])
  }
  return seen
}

const hasPython = spawnSync('python3', ['--version']).status === 0

describe.skipIf(!hasPython)(`a reader in another language${hasPython ? '' : ' (skipped: there is no python3)'}`, () => {
  test('reads every event of a journal with many segments, after a crash and a clean close, as we do', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'turnlog-python-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const first = join(directory, 'first')
    const journal = await open(first)
    for (let i = 0; i < 200; i++) {
      await journal.append(
        `s${i % 3}`,
        VALUES.slice(i % VALUES.length, (i % VALUES.length) + 3).map((value) => ({ type: 'said' as const, data: { i, value } })),
        { commitId: `c${i}` },
      )
    }
    const crashed = join(directory, 'crashed')
    cpSync(first, crashed, { recursive: true })
    await journal.close()
    const seen = await readByUs(crashed)
    expect(seen.length).toBeGreaterThan(400)
    expect(readByPython(first)).toEqual(seen)
    expect(readByPython(crashed)).toEqual(seen)
  })

  test('reads a journal whose sealed segments are packed, also where one end of a packed segment is damaged', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'turnlog-python-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const journal = await openJournal(directory, { events, segmentBytes: 100_000, compress: true })
    for (let i = 0; i < 60; i++) await journal.append(`s${i % 3}`, [{ type: 'said', data: { i, text: `number ${i} `.repeat(1000) } }])
    const packed = (): string[] => readdirSync(join(directory, 'journal')).filter((name) => name.endsWith('.segz'))
    while (packed().length < 4) await sleep(5)
    await journal.close()
    const seen = await readByUs(directory)
    expect(seen).toHaveLength(60)
    expect(readByPython(directory)).toEqual(seen)
    for (const [i, name] of packed().entries()) {
      const path = join(directory, 'journal', name)
      const bytes = readFileSync(path)
      bytes[i % 2 === 0 ? 5 : bytes.length - 40]! ^= 1
      writeFileSync(path, bytes)
    }
    expect(await readByUs(directory)).toEqual(seen)
    expect(readByPython(directory)).toEqual(seen)
  })

  test('reads around what was repaired or salvaged, and says what is lost', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'turnlog-python-'))
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const [broken, salvaged] = [join(directory, 'broken'), join(directory, 'salvaged')]
    const journal = await open(broken)
    for (let i = 0; i < 60; i++) await journal.append(`s${i % 3}`, [{ type: 'said', data: { i, text: `number ${i} ${'.'.repeat(200)}` } }])
    await journal.close()
    const segments = readdirSync(join(broken, 'journal')).filter((name) => name.endsWith('.seg'))
    rmSync(join(broken, 'journal', segments.toSorted()[2] as string))
    const path = join(broken, 'journal', segments.toSorted()[0] as string)
    const bytes = readFileSync(path)
    bytes[bytes.indexOf('number 3')]! ^= 1
    writeFileSync(path, bytes)
    await salvage(broken, salvaged, { events })
    const plan = await planRepair(broken, { events })
    expect(plan.damage).toHaveLength(2)
    await repair(broken, plan, { events })
    const seen = await readByUs(broken)
    expect(seen.length).toBeGreaterThan(30)
    expect(await readByUs(salvaged)).toEqual(seen)
    expect(readByPython(broken, 'lost: positions 4 to 4')).toEqual(seen)
    expect(readByPython(salvaged, 'lost: positions 4 to 4')).toEqual(seen)
    const packed = join(goldenPlace, 'format-1-packed/repaired')
    expect(readByPython(packed, 'lost: positions 24 to 44')).toHaveLength(51)
  })
})
