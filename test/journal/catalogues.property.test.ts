/**
 * Random catalogues v1 … v6, each a change of the one before; random histories, each commit written by a version at least as new as the last.
 * Every reader at least as new as the newest writer agrees with a model; an older one refuses, or agrees on what it knows.
 */
import { rmSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import {
  defineEvents,
  defineUpcaster,
  isJournalError,
  openJournal,
  type Catalogue,
  type EventDefinition,
  type Upcaster,
} from '../../src/index.js'
import { all, scratch } from '../support/journal.js'
import { propertyParameters, withSeed } from '../support/seed.js'

/** A field: where it stands, and whether it is a number or a text. */
type Kind = 'number' | 'text'
type Fields = Readonly<Record<string, Kind>>
interface TypeNow {
  schema: number
  fields: Fields
  ignorable: boolean
}
type World = Readonly<Record<string, TypeNow>>
interface Stored {
  type: string
  data: Record<string, unknown>
}
/** How one version changes the one before: its types, the step it adds, and, said once more for the model, what becomes of an event. */
interface Version {
  world: World
  upcasters: readonly Upcaster[]
  /** What an event of the version before is in this one. */
  change: (event: Stored) => Stored[]
}

type Change = { kind: 'add' | 'addIgnorable' | 'rename' | 'remove' | 'split' | 'retype' | 'move' | 'field' | 'none'; pick: number }

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('add', 'addIgnorable', 'rename', 'remove', 'split', 'retype', 'move', 'field', 'none'),
  pick: fc.nat(1000),
})
const same = (event: Stored): Stored[] => [event]

/** A path such as `in.f` is the field f of the object `in`. */
function get(data: Record<string, unknown>, path: string): unknown {
  const [outer, inner] = path.split('.') as [string, string?]
  return inner === undefined ? data[outer] : (data[outer] as Record<string, unknown> | undefined)?.[inner]
}
function set(data: Record<string, unknown>, path: string, value: unknown): Record<string, unknown> {
  const [outer, inner] = path.split('.') as [string, string?]
  return inner === undefined
    ? { ...data, [outer]: value }
    : { ...data, [outer]: { ...(data[outer] as object | undefined), [inner]: value } }
}
function without(data: Record<string, unknown>, path: string): Record<string, unknown> {
  const [outer, inner] = path.split('.') as [string, string?]
  const copy = { ...data }
  if (inner === undefined) delete copy[outer]
  else {
    const nested = { ...(copy[outer] as Record<string, unknown>) }
    delete nested[inner]
    copy[outer] = nested
  }
  return copy
}
const only = (data: Record<string, unknown>, fields: Fields): Record<string, unknown> =>
  Object.keys(fields).reduce<Record<string, unknown>>((copy, path) => set(copy, path, get(data, path)), {})

const first: Version = {
  world: {
    a: { schema: 1, fields: { n: 'number', t: 'text' }, ignorable: false },
    b: { schema: 1, fields: { n: 'number' }, ignorable: false },
  },
  upcasters: [],
  change: same,
}

/** The next version, the `nth`; a change that cannot be made changes nothing. */
function next(before: Version, { kind, pick }: Change, nth: number): Version {
  const types = Object.keys(before.world)
  const type = types[pick % types.length]
  if (kind === 'add' || kind === 'addIgnorable')
    return grown(before, { ...before.world, [`new${nth}`]: { schema: 1, fields: { n: 'number' }, ignorable: kind === 'addIgnorable' } })
  if (type === undefined || kind === 'none') return grown(before, before.world)
  const now = before.world[type]!
  const { [type]: _gone, ...rest } = before.world
  const from = now.schema
  const step = (made: Upcaster, world: World, becomes: (data: Record<string, unknown>) => Stored[]): Version => ({
    world,
    upcasters: [...before.upcasters, made],
    change: (event) => (event.type === type ? becomes(event.data) : [event]),
  })
  const reshaped = (fields: Fields, up: (data: Record<string, unknown>) => Record<string, unknown>): Version =>
    step(defineUpcaster({ type, from, up }), { ...rest, [type]: { ...now, schema: from + 1, fields } }, (data) => [
      { type, data: up(data) },
    ])
  const paths = Object.keys(now.fields)
  const path = paths[pick % Math.max(1, paths.length)]
  switch (kind) {
    case 'rename': {
      const to = { type: `${type}r${nth}`, schema: 1 }
      return step(defineUpcaster({ type, from, to, up: (data: object) => data }), { ...rest, [to.type]: { ...now, schema: 1 } }, (data) => [
        { type: to.type, data },
      ])
    }
    case 'remove':
      return types.length < 2 ? grown(before, before.world) : step(defineUpcaster({ type, from, to: [], up: () => [] }), rest, () => [])
    case 'split': {
      const [one, two] = [`${type}x${nth}`, `${type}y${nth}`]
      const halves = [Object.fromEntries(Object.entries(now.fields).slice(0, 1)), now.fields] as const
      const parts = (data: Record<string, unknown>): Stored[] => [
        { type: one, data: only(data, halves[0]) },
        { type: two, data },
      ]
      const to = [
        { type: one, schema: 1 },
        { type: two, schema: 1 },
      ]
      const world = { ...rest, [one]: { ...now, schema: 1, fields: halves[0] }, [two]: { ...now, schema: 1 } }
      return step(defineUpcaster({ type, from, to, up: parts }), world, parts)
    }
    case 'retype': {
      if (path === undefined) return grown(before, before.world)
      const kindNow = now.fields[path] === 'number' ? 'text' : 'number'
      const turned = (value: unknown): unknown => (kindNow === 'text' ? String(value) : String(value).length)
      return reshaped({ ...now.fields, [path]: kindNow }, (data) => set(data, path, turned(get(data, path))))
    }
    case 'move': {
      if (path === undefined || path.includes('.')) return grown(before, before.world)
      const { [path]: moved, ...others } = now.fields
      return reshaped({ ...others, [`in.${path}`]: moved! }, (data) => set(without(data, path), `in.${path}`, data[path]))
    }
    case 'field':
      break
  }
  return reshaped({ ...now.fields, [`f${nth}`]: 'text' }, (data) => ({ ...data, [`f${nth}`]: 'unset' }))
}
const grown = (before: Version, world: World): Version => ({ world, upcasters: before.upcasters, change: same })

function catalogueOf(world: World): Catalogue {
  const shape = (fields: Fields): z.ZodType => {
    const nested = Object.entries(fields).filter(([path]) => path.startsWith('in.'))
    const leaf = (kind: Kind): z.ZodType => (kind === 'number' ? z.number() : z.string())
    const inner = Object.fromEntries(nested.map(([path, kind]) => [path.slice(3), leaf(kind)]))
    const outer = Object.fromEntries(Object.entries(fields).flatMap(([path, kind]) => (path.includes('.') ? [] : [[path, leaf(kind)]])))
    return z.strictObject(nested.length === 0 ? outer : { ...outer, in: z.strictObject(inner) })
  }
  return defineEvents(
    Object.fromEntries(
      Object.entries(world).map(([type, { schema, fields, ignorable }]): [string, EventDefinition] => [
        type,
        { schema, data: shape(fields), ignorable },
      ]),
    ),
  )
}

/** An event that a version can write. */
function eventOf({ world }: Version, pick: number): Stored {
  const types = Object.keys(world)
  const type = types[pick % types.length]!
  const data = Object.entries(world[type]!.fields).reduce<Record<string, unknown>>(
    (made, [path, kind]) => set(made, path, kind === 'number' ? pick : `t${pick}`),
    {},
  )
  return { type, data }
}

interface Written extends Stored {
  by: number
  position: number
}

/** What a reader of a version sees of everything that was written before or by it. */
function modelOf(versions: readonly Version[], written: readonly Written[], reader: number): object[] {
  return written.flatMap(({ by, position, type, data }) => {
    let events: Stored[] = [{ type, data }]
    for (let version = by + 1; version <= reader; version++) events = events.flatMap(versions[version]!.change)
    return events.map((event, index) => {
      const part = events.length > 1 ? { part: { index, of: events.length } } : {}
      return { position, type: event.type, schema: versions[reader]!.world[event.type]!.schema, data: event.data, ...part }
    })
  })
}

test(
  withSeed('every reader at least as new as the writers agrees with the model; an older one refuses or agrees on what it knows'),
  { timeout: 120_000 },
  async () => {
    let refused = 0
    let passed = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 5, maxLength: 5 }),
        fc.array(fc.record({ version: fc.nat(5), picks: fc.array(fc.nat(1000), { minLength: 1, maxLength: 4 }) }), {
          minLength: 1,
          maxLength: 8,
        }),
        async (changes, commits) => {
          const versions = [first]
          for (const [i, one] of changes.entries()) versions.push(next(versions[i]!, one, i + 2))
          const { directory, remove } = scratch()
          rmSync(directory, { recursive: true })
          try {
            const written: Written[] = []
            let newest = 0
            for (const { version, picks } of commits.toSorted((a, b) => a.version - b.version)) {
              newest = version
              const writer = versions[version]!
              await using journal = await openJournal(directory, { events: catalogueOf(writer.world), upcasters: writer.upcasters })
              const events = picks.map((pick) => eventOf(writer, pick))
              await journal.append('s', events)
              written.push(...events.map((event, i) => ({ ...event, by: version, position: written.length + 1 + i })))
              await journal.close()
            }
            for (const [reader, { world, upcasters }] of versions.entries()) {
              const opened = await openJournal(directory, { events: catalogueOf(world), upcasters, readOnly: true }).catch(
                (error: unknown) => error as Error,
              )
              if (opened instanceof Error) {
                expect(reader).toBeLessThan(newest)
                if (!isJournalError(opened, 'JOURNAL_UNKNOWN_EVENT') && !isJournalError(opened, 'JOURNAL_NEWER_SCHEMA')) throw opened
                expect(laterThan(reader, written).every((one) => isReadable(versions, reader, one))).toBe(false)
                refused++
                continue
              }
              const read = (await all(opened.readAll())).map(({ position, type, schema, data, part }) => ({
                position,
                type,
                schema,
                data,
                ...(part === undefined ? {} : { part }),
              }))
              await opened.close()
              if (reader >= newest) expect(read).toEqual(modelOf(versions, written, reader))
              else {
                passed++
                expectAgreement(versions, written, reader, read)
              }
            }
          } finally {
            remove()
          }
        },
      ),
      propertyParameters(120),
    )
    expect(refused).toBeGreaterThan(20)
    expect(passed).toBeGreaterThan(20)
  },
)

const laterThan = (reader: number, written: readonly Written[]): Written[] => written.filter(({ by }) => by > reader)

/** Whether an older reader may pass over what a later version wrote, or knows it in the same shape. */
function isReadable(versions: readonly Version[], reader: number, { by, type }: Written): boolean {
  const here = versions[reader]!.world[type]
  const there = versions[by]!.world[type]!
  return here === undefined ? there.ignorable : here.schema === there.schema
}

/** An older reader that opened: what later versions wrote is there raw where it may be passed over, or in a shape that did not change. */
function expectAgreement(
  versions: readonly Version[],
  written: readonly Written[],
  reader: number,
  read: readonly { position: number; type: string; data: unknown }[],
): void {
  const known = modelOf(
    versions,
    written.filter(({ by }) => by <= reader),
    reader,
  )
  const later = laterThan(reader, written)
  for (const one of later) {
    const { type, position, data } = one
    expect(isReadable(versions, reader, one)).toBe(true)
    expect(read).toContainEqual(expect.objectContaining({ position, type, data }))
  }
  expect(read.filter(({ position }) => later.every((one) => one.position !== position))).toEqual(known)
}
