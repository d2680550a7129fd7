/** Every schema that was ever written, frozen: its shape and one example as it lies on somebody's disk. The files are never edited. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { StoredCommit } from '../../src/storage/commit-store.js'
import { events } from '../../src/events.js'
import { checkFrozen } from '../../src/index.js'
import { projections, transcript } from '../../projections/index.js'
import { laws } from '../../src/turns.js'
import { upcasters } from '../../upcasters/index.js'
import { root } from '../support/root.js'
import { schemas } from './stream.js'

interface Fixture {
  type: string
  schema: number
  data: Record<string, unknown>
}

const folder = join(root, 'test/fixtures/events')
const names = readdirSync(folder).filter((file) => !file.endsWith('.up.json'))
const fixtures = names.map((file) => ({ file, ...(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Fixture) }))
const today = ({ type, schema, data }: Fixture) => {
  const commit: StoredCommit = { stream: 's', version: 1, position: 1, at: 1, events: [{ type, schema, data, flags: 0 }] }
  return schemas.events(commit)[0]!
}

describe('the frozen examples', () => {
  test('agree with the catalogue and the steps of today: no shape and no step was changed', async () => {
    expect(await checkFrozen(folder, { events, upcasters })).toEqual([])
  })

  test('cover every schema of every type, and nothing else', () => {
    const wanted = Object.entries(events.definitions).flatMap(([type, { schema }]) =>
      Array.from({ length: schema }, (_, i) => `${type}@${i + 1}.json`),
    )
    expect(names.toSorted()).toEqual(wanted.toSorted())
    expect(fixtures.map(({ type, schema }) => `${type}@${schema}.json`)).toEqual(fixtures.map(({ file }) => file))
  })

  test.each(fixtures)('$file fits today’s catalogue', (fixture) => {
    const event = today(fixture)
    expect(event.schema).toBe(events.definitions[fixture.type as keyof typeof events.definitions].schema)
    expect(events.definitions[fixture.type as keyof typeof events.definitions].data.safeParse(event.data)).toMatchObject({ success: true })
  })

  test.each(fixtures)('$file keeps what the catalogue does not know', (fixture) => {
    if (fixture.data['laterField'] === undefined) return
    expect(today(fixture).data).toMatchObject({ laterField: 'kept', extra: fixture.data['extra'] })
  })

  test.each(fixtures)('$file can be folded by every law, view and transcript', (fixture) => {
    const event = today(fixture)
    for (const law of laws) expect(() => law.apply(law.initial(), event)).not.toThrow()
    for (const projection of projections) {
      for (const key of projection.types.includes(event.type) ? projection.keys(event) : []) {
        const state = projection.apply(projection.initial(key as never) as never, event, key as never)
        if (state !== undefined)
          expect((projection.state as never as { safeParse(v: unknown): { success: boolean } }).safeParse(state).success).toBe(true)
      }
    }
    expect(() => transcript.finish(transcript.apply(transcript.initial(), event), 'main')).not.toThrow()
  })
})

describe('the upcasters', () => {
  test('move the counts of turn.completed@1 into usage', () => {
    expect(today(fixtures.find(({ file }) => file === 'turn.completed@1.json')!).data).toEqual({
      turnId: 't1',
      threadId: 'main',
      attempt: 1,
      stopReason: 'end_turn',
      model: 'large-3',
      provider: 'acme',
      extra: { latency: 'slow' },
      laterField: 'kept',
      usage: { inputTokens: 1204, outputTokens: 88 },
    })
  })

  test('give tool.finished@1 a status and content', () => {
    const step = upcasters.find(({ type }) => type === 'tool.finished')!
    const up = (data: object): unknown => step.up(data as never, { at: 1 })
    expect(up({ turnId: 't', callId: 'c', output: '11:04', isError: false })).toEqual({
      turnId: 't',
      callId: 'c',
      status: 'ok',
      content: [{ type: 'text', text: '11:04' }],
    })
    expect(up({ turnId: 't', callId: 'c', isError: true, exitCode: 1 })).toEqual({ turnId: 't', callId: 'c', exitCode: 1, status: 'error' })
  })

  test('leave what they are given as it was', () => {
    for (const { type, schema, data } of fixtures) {
      const before = structuredClone(data)
      for (const step of upcasters.filter((one) => one.type === type && one.from === schema)) step.up(data as never, { at: 1 })
      expect(data).toEqual(before)
    }
  })
})
