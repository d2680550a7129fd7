import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { checkFrozen, defineEvents, defineUpcaster, freeze, type Catalogue, type Upcaster } from '../../src/index.js'
import { hashOf, temporary } from '../support/journal.js'

interface Parts {
  events: Catalogue
  upcasters?: Upcaster[]
}
const first: Parts = {
  events: defineEvents({
    'note.added': { schema: 1, data: z.object({ text: z.string(), when: z.iso.datetime().optional() }) },
    'note.moved': { schema: 1, data: z.object({ to: z.string().min(3) }) },
    'note/odd name': { schema: 1, data: z.object({ bytes: z.instanceof(Uint8Array) }) },
  }),
}
const withNote = (schema: number, data: z.ZodType, rest: object = {}): Catalogue =>
  defineEvents({ ...first.events.definitions, 'note.added': { schema, data }, ...rest })
const tagged = z.object({ text: z.string(), tags: z.array(z.string()) })
const tag = (tags: string[] = []): Upcaster =>
  defineUpcaster({ type: 'note.added', from: 1, up: ({ text }: { text: string }) => ({ text, tags }) })
const second: Parts = { events: withNote(2, tagged), upcasters: [tag()] }

/** A directory in which the first, or the first and then the second catalogue is frozen. */
async function frozen(...catalogues: Parts[]): Promise<string> {
  const directory = join(temporary(), 'schemas')
  for (const parts of catalogues) expect((await freeze(directory, parts)).findings).toEqual([])
  return directory
}
const reasons = async (directory: string, parts: Parts): Promise<string[]> =>
  (await checkFrozen(directory, parts)).map(({ type, schema, reason }) => `${type}@${schema}: ${reason}`)

describe('freeze', () => {
  test('records shape and example of every type, and later what each step made of its example', async () => {
    const directory = await frozen(first)
    expect(readdirSync(directory).toSorted()).toEqual(['note%2Fodd%20name@1.json', 'note.added@1.json', 'note.moved@1.json'])
    expect(JSON.parse(readFileSync(join(directory, 'note.moved@1.json'), 'utf8'))).toMatchObject({
      type: 'note.moved',
      schema: 1,
      data: { to: 'text' },
      shape: { type: 'object', properties: { to: { type: 'string', minLength: 3 } }, required: ['to'] },
    })
    expect(await freeze(directory, second)).toEqual({ written: ['note.added@2.json', 'note.added@1.up.json'], findings: [] })
    expect(JSON.parse(readFileSync(join(directory, 'note.added@1.up.json'), 'utf8'))).toEqual({
      type: 'note.added',
      schema: 1,
      becomes: [{ type: 'note.added', schema: 2, data: { text: 'text', tags: [] } }],
      others: ['text', ''].map((text) => [{ type: 'note.added', schema: 2, data: { text, tags: [] } }]),
    })
    expect(await reasons(directory, second)).toEqual([])
  })

  test('records what a step makes that renames, splits or drops, each part under its own type and schema', async () => {
    const parts = defineEvents({
      'note.text': { schema: 1, data: z.object({ text: z.string() }) },
      'note.length': { schema: 1, data: z.object({ length: z.number() }) },
      'note.carried': { schema: 1, data: z.object({ to: z.string() }) },
    })
    const up = (text: string): { type: 'note.text' | 'note.length'; data: object }[] => [
      { type: 'note.text', data: { text } },
      { type: 'note.length', data: { length: text.length } },
      { type: 'note.text', data: { text: '' } },
    ]
    const splitting = defineUpcaster({
      type: 'note.added',
      from: 1,
      to: [
        { type: 'note.text', schema: 1 },
        { type: 'note.length', schema: 1 },
      ],
      up: ({ text }: { text: string }) => up(text),
    })
    const renaming = defineUpcaster({ type: 'note.moved', from: 1, to: { type: 'note.carried', schema: 1 }, up: (data: object) => data })
    const dropping = defineUpcaster({ type: 'note/odd name', from: 1, to: [], up: () => [] })
    const directory = await frozen(first, { events: parts, upcasters: [splitting, renaming, dropping] })
    const made = (name: string): unknown =>
      (JSON.parse(readFileSync(join(directory, `${name}.up.json`), 'utf8')) as { becomes: unknown }).becomes
    expect(made('note.added@1')).toEqual(up('text').map(({ type, data }) => ({ type, schema: 1, data })))
    expect(made('note.moved@1')).toEqual([{ type: 'note.carried', schema: 1, data: { to: 'text' } }])
    expect(made('note%2Fodd%20name@1')).toEqual([])
    expect(await reasons(directory, { events: parts, upcasters: [splitting, renaming, dropping] })).toEqual([])
  })

  test('tells a step when the commit was, with every example', async () => {
    const dated = defineUpcaster({
      type: 'note.added',
      from: 1,
      up: ({ text }: { text: string }, { at }) => ({ text, tags: [new Date(at).toISOString()] }),
    })
    const directory = await frozen(first, { events: second.events, upcasters: [dated] })
    const { others } = JSON.parse(readFileSync(join(directory, 'note.added@1.up.json'), 'utf8')) as {
      others: { data: { tags: string[] } }[][]
    }
    expect(others.map(([event]) => event?.data.tags)).toEqual([['2026-01-02T00:00:00.000Z'], ['2026-01-02T00:00:00.000Z']])
    expect(await reasons(directory, { events: second.events, upcasters: [dated] })).toEqual([])
  })

  test('records other examples, each with one thing left out or chosen otherwise, that the shape accepts', async () => {
    const part = z.object({ kind: z.enum(['a', 'b']), note: z.string().optional() })
    const data = z
      .object({
        on: z.boolean(),
        count: z.int().optional(),
        parts: z.array(z.union([part, z.null()])),
        part,
        even: z.number().refine((value) => value > 0),
      })
      .refine(({ on, count }) => on || count !== undefined)
    const directory = await frozen({ events: defineEvents({ 'note.made': { schema: 1, data } }) })
    const { data: whole, others } = JSON.parse(readFileSync(join(directory, 'note.made@1.json'), 'utf8')) as Record<string, object>
    expect(whole).toEqual({ on: true, count: 1, parts: [{ kind: 'a', note: 'text' }], part: { kind: 'a', note: 'text' }, even: 1 })
    const { count: _count, ...uncounted } = whole as { count: number }
    expect(others).toEqual([
      { on: true, parts: [{ kind: 'a', note: 'text' }], part: { kind: 'a' }, even: 1 },
      { ...whole, on: false },
      uncounted,
      { ...whole, count: 0 },
      { ...whole, parts: [] },
      { ...whole, part: { kind: 'b', note: 'text' } },
      { ...whole, part: { kind: 'a' } },
      { ...whole, part: { kind: 'a', note: '' } },
    ])
  })

  test('gives an example of a record an entry, which its keys and values accept', async () => {
    const counts = z.record(z.string().min(3), z.int().min(7))
    const directory = await frozen({ events: defineEvents({ counted: { schema: 1, data: z.object({ counts }) } }) })
    const { data } = JSON.parse(readFileSync(join(directory, 'counted@1.json'), 'utf8')) as { data: { counts: object } }
    expect(Object.keys(data.counts).length).toBe(1)
    expect(counts.safeParse(data.counts).success).toBe(true)
  })

  test('changes nothing that is there, and adds nothing while something does not agree', async () => {
    const directory = await frozen(first)
    const before = hashOf(directory)
    expect(await freeze(directory, first)).toEqual({ written: [], findings: [] })
    const changed = { events: withNote(1, tagged, { 'note.new': { schema: 1, data: z.object({}) } }) }
    const { written, findings } = await freeze(directory, changed)
    expect(written).toEqual([])
    expect(findings).toHaveLength(2)
    expect(hashOf(directory)).toBe(before)
  })

  test('asks for an example where none can be guessed', async () => {
    const hard = { events: defineEvents({ 'note.added': { schema: 1, data: z.object({ code: z.string().regex(/^\d{4}$/) }) } }) }
    expect((await freeze(join(temporary(), 's'), hard)).findings).toEqual([
      { type: 'note.added', schema: 1, reason: expect.stringMatching(/examples: \[/) as string },
    ])
    const given = {
      events: defineEvents({
        'note.added': {
          schema: 1,
          data: z.object({
            code: z
              .string()
              .regex(/^\d{4}$/)
              .meta({ examples: ['1234'] }),
          }),
        },
      }),
    }
    expect((await freeze(join(temporary(), 's'), given)).findings).toEqual([])
  })
})

describe('the check finds', () => {
  test('nothing where nothing changed', async () => {
    expect(await reasons(await frozen(first), first)).toEqual([])
    expect(await reasons(await frozen(first, second), second)).toEqual([])
  })

  test('what is not frozen yet', async () => {
    expect(await reasons(join(temporary(), 'none'), first)).toHaveLength(3)
    const missing = await reasons(await frozen(first), second)
    expect(missing.toSorted()).toEqual([
      expect.stringMatching(/^note\.added@1: its step is not frozen yet/),
      expect.stringMatching(/^note\.added@2: its shape is not frozen yet/),
    ])
  })

  test('a shape that changed without a new schema number', async () => {
    const found = await reasons(await frozen(first), { events: withNote(1, z.object({ text: z.string(), when: z.string().optional() })) })
    expect(found.slice(0, 1)).toEqual([
      expect.stringMatching(/^note\.added@1: its shape changed and its schema number did not\. Make it schema 2/),
    ])
  })

  test('a step that is missing', async () => {
    const found = await reasons(await frozen(first), { events: withNote(2, tagged) })
    expect(found[0]).toMatch(/^note\.added@1: The upcaster of note\.added from schema 1 to 2 is missing/)
    expect((await reasons(await frozen(first, second), { events: withNote(2, tagged) })).join()).toMatch(
      /its step was there when it was frozen/,
    )
  })

  test('an example that no longer becomes what today accepts', async () => {
    const strict = z.object({ text: z.string(), tags: z.array(z.string()).min(1) })
    const found = await reasons(await frozen(first), { events: withNote(2, strict), upcasters: [tag()] })
    expect(found[0]).toMatch(/^note\.added@1: its example no longer becomes what today's catalogue accepts: .*does not fit note\.added@2/)
    const thrown = defineUpcaster({ type: 'note.added', from: 1, up: () => raise() })
    expect((await reasons(await frozen(first), { events: withNote(2, tagged), upcasters: [thrown] }))[0]).toMatch(/threw.*made to fail/)
  })

  test('a step that changed its answer', async () => {
    const found = await reasons(await frozen(first, second), { ...second, upcasters: [tag(['new'])] })
    expect(found).toEqual([expect.stringMatching(/^note\.added@1: its step gives another answer/)])
  })

  test('a step that is not pure, before anything of it is frozen', async () => {
    let calls = 0
    const impure = defineUpcaster({ type: 'note.added', from: 1, up: ({ text }: { text: string }) => ({ text, tags: [String(calls++)] }) })
    const directory = await frozen(first)
    const { written, findings } = await freeze(directory, { ...second, upcasters: [impure] })
    expect(written).toEqual([])
    expect(findings.map(({ reason }) => reason)).toEqual([expect.stringMatching(/another answer each time/)])
  })

  test('a step that changed its answer only where a field is missing, or where there is no meta', async () => {
    const by = (when: string, who: string): Upcaster =>
      defineUpcaster({
        type: 'note.added',
        from: 1,
        up: (data: { text: string; when?: string }, { meta }) => ({ text: data.text, tags: [data.when ?? when, meta?.actor ?? who] }),
      })
    const directory = await frozen(first, { ...second, upcasters: [by('never', 'nobody')] })
    expect(await reasons(directory, { ...second, upcasters: [by('never', 'nobody')] })).toEqual([])
    const another = [expect.stringMatching(/^note\.added@1: its step gives another answer than when it was frozen/)]
    expect(await reasons(directory, { ...second, upcasters: [by('', 'nobody')] })).toEqual(another)
    expect(await reasons(directory, { ...second, upcasters: [by('never', 'somebody')] })).toEqual(another)
  })

  test('a step that fails only where a field is missing', async () => {
    const up = (data: { text: string; when: string }) => ({ text: data.text, tags: [data.when.slice(0, 4)] })
    const found = await reasons(await frozen(first), { ...second, upcasters: [defineUpcaster({ type: 'note.added', from: 1, up })] })
    expect(found[0]).toMatch(/^note\.added@1: its example no longer becomes .*\{"text":"text"\}\.$/)
  })

  test('a step that is not synchronous', async () => {
    const later = defineUpcaster({ type: 'note.added', from: 1, up: ({ text }: { text: string }) => Promise.resolve({ text, tags: [] }) })
    const found = await reasons(await frozen(first), { ...second, upcasters: [later] })
    expect(found[0]).toMatch(/^note\.added@1: its example no longer becomes .*returned a promise; steps are synchronous/)
  })

  test.each([
    ['does not parse', (text: string) => `<<<<<<< ours\n${text}`],
    ['is empty', () => ''],
    ['holds something else', () => 'null'],
    ['holds another type', (text: string) => text.replace('"note.moved"', '"note.added"')],
  ])('a file that %s, and goes on with the others', async (_, spoil) => {
    const directory = await frozen(first)
    const path = join(directory, 'note.moved@1.json')
    writeFileSync(path, spoil(readFileSync(path, 'utf8')))
    expect((await reasons(directory, first))[0]).toMatch(/^note\.moved@1\.json@0: the file does not hold what its name says/)
    expect((await freeze(directory, first)).written).toEqual([])
  })

  test('the example of a step that was taken away', async () => {
    const directory = await frozen(first, second)
    rmSync(join(directory, 'note.added@1.json'))
    expect(await reasons(directory, second)).toEqual([expect.stringMatching(/^note\.added@1: its step is frozen and its shape is not/)])
  })

  test('a catalogue that went back, and a type that nothing knows any more', async () => {
    const directory = await frozen(first, second)
    expect((await reasons(directory, first)).join('\n')).toMatch(/note\.added@2: the catalogue went back to schema 1/)
    const { 'note.moved': _moved, ...rest } = first.events.definitions as Record<string, never>
    const without = { events: defineEvents(rest) }
    expect(await reasons(await frozen(first), without)).toEqual([expect.stringMatching(/^note\.moved@1: nothing knows the type any more/)])
    const dropped = { ...without, upcasters: [defineUpcaster({ type: 'note.moved', from: 1, to: [], up: () => [] }) as Upcaster] }
    expect(await reasons(await frozen(first), dropped)).toEqual([expect.stringMatching(/its step is not frozen yet/)])
    expect(await reasons(await frozen(first, dropped), dropped)).toEqual([])
  })

  test('a directory that is not one of files', async () => {
    const directory = temporary()
    mkdirSync(join(directory, 'note.added@1.json'))
    await expect(checkFrozen(directory, first)).rejects.toMatchObject({ code: 'JOURNAL_IO' })
    rmSync(join(directory, 'note.added@1.json'), { recursive: true })
    writeFileSync(join(directory, 'README.md'), 'is none of its business')
    expect((await freeze(directory, first)).written).toHaveLength(3)
  })
})

function raise(): never {
  throw new Error('made to fail')
}
