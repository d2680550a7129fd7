/** Scripts: what a story becomes, what is left of it after a death, and where a demonstration kills. */
import { assert, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chooseKills } from '../../src/cli/demo/kills.js'
import { pieces } from '../../src/cli/demo/pieces.js'
import { sample } from '../../src/cli/demo/sample.js'
import { left, played, type Script } from '../../src/cli/demo/script.js'
import { writeScript } from '../../src/cli/demo/write-script.js'
import type { Moment } from '../../src/cli/demo/story.js'
import { propertyParameters, withSeed } from '../support/seed.js'

const script = writeScript(sample())

function write(...moments: Moment[]): Script {
  return writeScript({ id: 's', agent: 'a', moments, rows: moments.length, skipped: {} })
}

function types({ steps }: Script): string[] {
  return steps.flatMap((_, index) => played({ session: 's', skipped: {}, steps }, index, 1, false).events.map(({ type }) => type))
}

const asks: Moment = { kind: 'prompted', input: [{ type: 'text', text: '?' }] }
const calls: Moment = { kind: 'called', callId: 'c', name: 'read', arguments: {} }
const returns = { kind: 'returned', callId: 'c', status: 'ok', content: [] } as const satisfies Moment
const ends: Moment = { kind: 'ended', how: 'completed' }

describe('a script', () => {
  test('of the sample holds everything that a session is made of', () => {
    const all = types(script)
    expect(all.length).toBeGreaterThan(170)
    for (const type of ['item.delta', 'tool.finished', 'approval.resolved', 'task.progressed', 'turn.completed', 'turn.submitted'])
      expect(all).toContain(type)
    expect(script.skipped).toEqual({})
  })

  test('submits a queued turn at once, and starts it when the one before has ended', () => {
    const turns = types(write(asks, { ...asks, queued: true }, ends, ends)).filter((type) => type.startsWith('turn.'))
    expect(turns).toEqual(['turn.submitted', 'turn.started', 'turn.submitted', 'turn.completed', 'turn.started', 'turn.completed'])
  })

  test('ends a turn when a person asks anew, and where the story breaks off', () => {
    const turns = types(write(asks, asks)).filter((type) => type.startsWith('turn.'))
    expect(turns).toEqual(['turn.submitted', 'turn.started', 'turn.completed', 'turn.submitted', 'turn.started', 'turn.completed'])
    expect(types(write(asks, calls)).at(-1)).toBe('turn.cancelled')
  })

  test('gives a turn of its own to what comes before anybody asked, and counts it', () => {
    const early = write({ kind: 'said', text: 'hello' })
    expect(types(early)).toContain('turn.submitted')
    expect(early.skipped).toEqual({ 'turn without a prompt': 1 })
  })

  test('counts what has no place', () => {
    const { skipped } = write(
      returns,
      ends,
      { kind: 'steered', input: [] },
      { kind: 'allowed', callId: 'c', by: 'p' },
      { kind: 'measured', tokens: { input: 1, output: 1 } },
    )
    expect(skipped).toEqual({
      'outcome without its call': 1,
      'end without a turn': 1,
      'input without a turn': 1,
      'approval without a question': 1,
      'usage without a turn': 1,
    })
  })

  test('gives an outcome that names no call to the oldest open one', () => {
    const { callId: _, ...nameless } = returns
    const outcomes = write(asks, calls, { ...calls, callId: 'd' }, nameless, nameless, ends)
    const ids = outcomes.steps.flatMap((__, i) =>
      played(outcomes, i, 1, false).events.flatMap(({ type, data }) => (type === 'tool.finished' ? [data.callId] : [])),
    )
    expect(ids).toEqual(['c', 'd'])
  })

  test('tells calls apart that the story gave one id', () => {
    const twice = write(asks, calls, returns, calls, returns, ends)
    const ids = twice.steps.flatMap((_, i) =>
      played(twice, i, 1, false).events.flatMap(({ type, data }) => (type === 'tool.requested' ? [data.callId] : [])),
    )
    expect(ids).toEqual(['c', 'c~2'])
  })

  test('is the same whenever it is written', () => {
    const again = writeScript(sample())
    const all = (of: Script): unknown[] => of.steps.map((_, index) => played(of, index, 2, true))
    expect(all(again)).toEqual(all(script))
  })
})

describe('an attempt', () => {
  test('names its items and calls, and its commits', () => {
    const index = script.steps.findIndex(({ does }) => does === 'runs')
    const [first, second] = [1, 2].map((attempt) => played(script, index, attempt, false))
    expect(first!.commitId).not.toBe(second!.commitId)
    expect((second!.events[0]!.data as { callId: string }).callId).toBe(`${(first!.events[0]!.data as { callId: string }).callId}.2`)
  })
})

describe('what is left', () => {
  test('is all of it in the beginning, and nothing in the end', () => {
    expect(left(script, 0).map(({ index }) => index)).toEqual(script.steps.map((_, index) => index))
    expect(left(script, script.steps.length)).toEqual([])
  })

  test('begins what was cut off once more: the turn, and the call in it', () => {
    const cut = write(asks, calls, returns, ends)
    const runs = cut.steps.findIndex(({ does }) => does === 'runs')
    const again = left(cut, runs + 1).filter((step) => step.again)
    expect(again.map(({ index }) => cut.steps[index]!.says)).toEqual(['turn-1 starts', 'read is requested', 'read runs'])
  })

  test('leaves what is complete alone', () => {
    const cut = write(asks, calls, returns, { kind: 'said', text: 'so' }, ends)
    const last = cut.steps.length - 1
    expect(left(cut, last).map(({ index }) => cut.steps[index]!.says)).toEqual(['turn-1 starts', 'turn-1 is completed'])
  })
})

describe('pieces', () => {
  test(withSeed('give back the text, and cut no character'), () => {
    const law = (text: string): void => {
      expect(pieces(text).join('')).toBe(text)
      expect(pieces(text).every((piece) => piece !== '' && !/\p{Surrogate}/u.test(piece))).toBe(true)
    }
    assert(property(string({ unit: 'binary', maxLength: 120, size: 'max' }), law), propertyParameters(200))
  })

  test('are as many as a person waits for, however long the text', () => {
    expect(pieces('word '.repeat(10_000)).length).toBeLessThan(50)
  })
})

describe('kills', () => {
  const kills = chooseKills([script])

  test('hit the sample in every situation, in the order of its steps', () => {
    expect(kills.map(({ during }) => during).toSorted()).toEqual([
      'a person is asked for leave',
      'a question waits in the queue',
      'a question was just put',
      'a task runs',
      'a tool runs',
      'several tools run',
      'the model streams',
    ])
    expect(kills.map(({ step }) => step)).toEqual(kills.map(({ step }) => step).toSorted((a, b) => a - b))
  })

  test('are where the script offers them', () => {
    expect(chooseKills([write(asks, { kind: 'said', text: 'a' }, ends)]).map(({ during }) => during)).toEqual(['a question was just put'])
    expect(chooseKills([])).toEqual([])
  })
})
