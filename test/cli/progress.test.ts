/** The progress line: when it appears, what it says, and that it fits. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { openJournal } from '../../src/index.js'
import { duration, Progress, progressLine, waitedFor, type Screen } from '../../src/cli/progress.js'
import { temporary } from '../support/journal.js'

/** A terminal in memory with a clock of its own. */
class Paper implements Screen {
  isTerminal = true
  text = ''
  time = 0
  columns = (): number => 80
  now = (): number => this.time
  write = (text: string): void => void (this.text += text.replaceAll('\r\u{1B}[2K', '⌫'))
}

const MIB = 1024 * 1024

describe('a progress line', () => {
  test('appears after a second, with amount, rate and time left, and is gone at the end', () => {
    const paper = new Paper()
    const progress = new Progress('importing', 'bytes', paper)
    for (paper.time = 0; paper.time < 1000; paper.time += 50) progress.show((paper.time / 1000) * MIB, 10 * MIB)
    expect(paper.text).toBe('')
    paper.time = 2000
    progress.show(2 * MIB, 10 * MIB)
    expect(paper.text).toMatch(/^⌫importing {2}█+░+ {3}20 % {2}2\.0 MiB of 10\.0 MiB {2}1\.0 MiB\/s {2}8 s left$/)
    progress.end()
    expect(paper.text.endsWith('⌫')).toBe(true)
  })

  test('says nothing where there is no terminal, and nothing of what took less than a second', () => {
    const paper = new Paper()
    paper.isTerminal = false
    const progress = new Progress('importing', 'bytes', paper)
    paper.time = 5000
    progress.show(1, 2)
    progress.end()
    paper.isTerminal = true
    const quick = new Progress('importing', 'bytes', paper)
    quick.show(1, 2)
    quick.end()
    expect(paper.text).toBe('')
  })

  test('begins to count anew with another part of the work', () => {
    const paper = new Paper()
    const progress = new Progress('checking bytes', 'bytes', paper)
    progress.show(0, MIB)
    progress.part('looking at sessions', 'events')
    paper.time = 2000
    progress.show(1000, 4000)
    paper.time = 3000
    progress.show(2000, 4000)
    expect(paper.text.split('⌫').at(-1)).toMatch(/looking at sessions .* 50 % {2}2,000 of 4,000 events {2}1,000 events\/s {2}2 s left$/)
  })

  test.each([20, 40, 60, 80, 200])('fits in %i columns', (columns) => {
    for (const says of ['importing', 'looking at old schemas'])
      for (const total of [0, 1, 2 ** 50, undefined])
        for (const done of [0, 1, 2 ** 49])
          for (const rate of [0, 0.001, 2 ** 30])
            for (const unit of ['bytes', 'events'] as const)
              expect(progressLine({ says, unit, done, total, rate }, columns).length).toBeLessThan(columns)
  })

  test('says the time left as a person would', () => {
    expect([0.2, 59.5, 61, 3599, 3600, 90_000].map(duration)).toEqual([
      '1 s',
      '1 min 0 s',
      '1 min 1 s',
      '59 min 59 s',
      '1 h 0 min',
      '25 h 0 min',
    ])
  })
})

test('what nobody can measure is said to go on, after a second', async () => {
  const paper = new Paper()
  expect(await waitedFor('opening', Promise.resolve(7), paper)).toBe(7)
  expect(paper.text).toBe('')
  paper.now = () => performance.now()
  await waitedFor('opening', sleep(1200), paper)
  expect(paper.text).toMatch(/opening {2}\d s⌫$/)
})

test('checking a journal says how far it is, through the laws to the end', async () => {
  await using journal = await openJournal(temporary(), { segmentBytes: 4096 })
  for (let n = 0; n < 40; n++) await journal.append(`session-${n}`, [{ type: 'session.created', data: { title: 'x'.repeat(300) } }])
  const shares: number[] = []
  await journal.verify({ laws: true, progress: (done, total) => shares.push(done / total) })
  expect(shares.length).toBeGreaterThan(40)
  expect(shares).toEqual(shares.toSorted((a, b) => a - b))
  expect([shares.filter((share) => share <= 0.5).length > 1, shares.at(-1)]).toEqual([true, 1])
})
