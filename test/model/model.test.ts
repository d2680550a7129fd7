import fc from 'fast-check'
import { expect, test } from 'vitest'
import { propertyParameters, withSeed } from '../support/seed.js'
import { sums, versionOf, World, type Model } from './world.js'

type Command = fc.AsyncCommand<Model, World>

/** A command that prints as a word, so that a failure reads as a story. */
function command(
  word: string,
  run: (model: Model, world: World) => Promise<void>,
  check: (model: Readonly<Model>) => boolean = () => true,
): Command {
  return { check, run, toString: () => word }
}

const streams = fc.constantFrom('a', 'b', '../c', '__proto__')
const values = fc.array(fc.integer({ min: -9, max: 99 }), { minLength: 1, maxLength: 4 })
const toEvents = (list: readonly number[]) => list.map((n) => ({ type: 'added' as const, data: { n } }))

const append = fc.tuple(streams, values, fc.boolean()).map(([stream, list, os]) =>
  command(`append(${stream}, ${list.join()}${os ? ', os' : ''})`, async (model, { journal }) => {
    const id = `c${model.commits.length}`
    const receipt = await journal.append(stream, toEvents(list), {
      commitId: id,
      expectedVersion: versionOf(model, stream),
      durability: os ? 'os' : 'disk',
    })
    model.events.push(...list.map((n) => ({ stream, n })))
    expect(receipt).toMatchObject({ position: model.events.length, version: versionOf(model, stream) })
    model.commits.push({ id, stream, values: list, receipt })
  }),
)

const burst = fc.tuple(streams, fc.integer({ min: 2, max: 9 })).map(([stream, count]) =>
  command(`burst(${stream}, ${count})`, async (model, { journal }) => {
    const before = versionOf(model, stream)
    const receipts = await Promise.all(Array.from({ length: count }, (_, n) => journal.append(stream, toEvents([n]))))
    for (let n = 0; n < count; n++) model.events.push({ stream, n })
    expect(receipts.map(({ version }) => version)).toEqual(Array.from({ length: count }, (_, n) => before + n + 1))
  }),
)

const conflict = fc.tuple(streams, fc.integer({ min: 1, max: 5 })).map(([stream, off]) =>
  command(`conflict(${stream})`, async (model, { journal }) => {
    const expectedVersion = versionOf(model, stream) + off
    await expect(journal.append(stream, toEvents([1]), { expectedVersion })).rejects.toMatchObject({
      code: 'JOURNAL_VERSION_CONFLICT',
      details: { outcome: 'none' },
    })
  }),
)

const retry = fc.nat().map((which) =>
  command(
    'retry',
    async (model, { journal }) => {
      const { id, stream, values: list, receipt } = model.commits[which % model.commits.length] as Model['commits'][number]
      const again = await journal.append(stream, toEvents(list), { commitId: id })
      expect(again).toEqual({ ...receipt, durability: 'disk' })
    },
    ({ commits }) => commits.length > 0,
  ),
)

const reuse = fc.nat().map((which) =>
  command(
    'reuse',
    async (model, { journal }) => {
      const { id, stream, values: list } = model.commits[which % model.commits.length] as Model['commits'][number]
      await expect(journal.append(stream, toEvents([...list, 1]), { commitId: id })).rejects.toMatchObject({
        code: 'JOURNAL_COMMIT_ID_REUSED',
      })
    },
    ({ commits }) => commits.length > 0,
  ),
)

const page = fc
  .tuple(streams, fc.integer({ min: 0, max: 12 }), fc.integer({ min: 1, max: 5 }), fc.boolean())
  .map(([stream, after, limit, reverse]) =>
    command(`page(${stream}, ${after}, ${limit}${reverse ? ', reverse' : ''})`, async (model, { journal }) => {
      const all = model.events.filter((event) => event.stream === stream).map(({ n }, i) => [i + 1, n])
      const wanted = reverse
        ? all.filter(([version]) => (version as number) < after).toReversed()
        : all.filter(([version]) => (version as number) > after)
      const seen: number[][] = []
      for await (const event of journal.read(stream, { after, limit, reverse })) seen.push([event.version, event.data.n])
      expect(seen).toEqual(wanted.slice(0, limit))
    }),
  )

const follow = fc.nat({ max: 10 }).map((after) =>
  command(
    `follow(${after})`,
    async (model, { journal }) => {
      const seen: number[] = []
      for await (const event of journal.follow({ after: Math.min(after, model.events.length - 1) })) {
        seen.push(event.data.n)
        if (event.position === model.events.length) break
      }
      expect(seen).toEqual(model.events.slice(Math.min(after, model.events.length - 1)).map(({ n }) => n))
    },
    ({ events }) => events.length > 0,
  ),
)

const views = fc.constant(
  command('views', async (model, { journal }) => {
    const totals = new Map<string, { total: number; count: number }>()
    for (const { stream, n } of model.events) {
      const { total, count } = totals.get(stream) ?? { total: 0, count: 0 }
      totals.set(stream, { total: total + n, count: count + 1 })
    }
    for (const stream of ['a', 'b', '../c', '__proto__']) expect((await journal.view(sums, stream)).state).toEqual(totals.get(stream))
    const listed: (readonly [string, number])[] = []
    for await (const row of journal.list(sums, { by: 'total' })) listed.push([row.key as string, row.state.total])
    expect(listed.map(([, total]) => total)).toEqual([...totals.values()].map(({ total }) => total).toSorted((x, y) => x - y))
  }),
)

const lives = [
  fc.constant(command('reopen', (_, world) => world.reopen())),
  fc.constant(command('kill', (_, world) => world.kill())),
  fc.constant(command('snapshot', async (_, { journal }) => void (await journal.snapshot()))),
  fc.constant(command('deleteDerived', (_, world) => world.reopen(() => world.deleteDerived()))),
  fc.nat().map((choice) =>
    command('damageSnapshot', (_, world) =>
      world.reopen(() => {
        world.damageSnapshot(choice)
        world.deleteDerived()
      }),
    ),
  ),
]

test(
  withSeed('whatever is done to it, the journal holds what it acknowledged, in order, and shows it'),
  async () => {
    const commands = fc.commands([append, append, append, burst, conflict, retry, reuse, page, follow, views, ...lives], {
      maxCommands: 12,
      size: '+1',
    })
    await fc.assert(
      fc.asyncProperty(commands, async (list) => {
        const world = await new World().open()
        const model: Model = { events: [], commits: [] }
        try {
          await fc.asyncModelRun(() => ({ model, real: world }), list)
          await world.check(model)
          await world.reopen()
          await world.check(model)
        } finally {
          await world.end()
        }
      }),
      propertyParameters(Number(process.env['TURNLOG_MODEL_RUNS'] ?? 2000)),
    )
  },
  300_000,
)
