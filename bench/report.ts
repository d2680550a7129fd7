/** Figures as a table and as a document. */
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { contenders } from './contenders.js'
import { median, WARM_UP, type Figure, type Sizes } from './measure.js'

const number = (value: number): string => (value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString('en'))

/** Each figure's median and range, and turnlog's ratio to it (above 1: turnlog is quicker). */
export function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => {
    const ours = figures.find((other) => other.work === figure.work && other.contender === 'turnlog') as Figure
    const ratio = figure === ours ? '' : (median(ours.values) / median(figure.values)).toFixed(2)
    return [
      figure.work,
      figure.contender,
      `${number(median(figure.values))} ${figure.unit}`,
      `${number(Math.min(...figure.values))} – ${number(Math.max(...figure.values))}`,
      ratio,
    ]
  })
  return [['work', 'store', 'median', 'range', 'turnlog is × as fast'], ['---', '---', '---', '---', '---'], ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
}

export function document(figures: readonly Figure[], sizes: Sizes): string {
  const version = (name: string): string =>
    (JSON.parse(readFileSync(`bench/node_modules/${name}/package.json`, 'utf8')) as { version: string }).version
  const opens = figures.filter(({ unit }) => unit === 'ms').map(({ values }) => median(values))
  return `# Benchmarks

Written by \`npm run bench\`; not edited by hand. All contenders ran in turn in one process and one run, ${sizes.repeats} times; the table shows medians. Read the
ratios: absolute figures are those of one small machine and its disk.

${table(figures)}

Opening a cleanly closed journal of ${sizes.large.toLocaleString('en')} events took ${((opens[1] ?? 0) / (opens[0] ?? 1)).toFixed(2)} times as long as one of ${sizes.small.toLocaleString('en')}.

- **Events**: about 300 bytes each, the built-in \`item.completed\` in a running turn.
- **Durability**: ${contenders.map(({ name, durability }) => `${name}: ${durability}`).join('; ')}. Every append is awaited until it survives power loss.
- **No store** writes and syncs as many bytes into a file that has its size already, and does nothing else: what the disk, and the way to the
  thread that syncs and back, leave to everybody.
- **Warm-up**: ${WARM_UP.toLocaleString('en')} appends (${((WARM_UP / 10) * 64).toLocaleString('en')} with 64 callers) into the same store before the clock starts, because what is
  compiled while it runs is slower at first.
- **Compiled** as it is published, by \`tsc\`.
- **Encoding**: every contender stores plain MessagePack, packed and unpacked by the same library.
- **turnlog** judges events by their schemas and checks versions, as a store of events does; **with laws and views** is the journal as a
  runtime uses it: every event held against the laws, seven projections folded and kept on the disk while it is written. No peer does that.
- **Version check**: every contender refuses a commit whose stream has moved on.
- **Full scan**: all events read in order and decoded; the peers check nothing of what they read, turnlog every byte.
- **Replay**: from a closed store to the session projection's rows; the results are compared. A journal does that when it is opened without
  derived state, opening and writing the rows included; what is read of a peer is folded by the same projection in memory. ${sizes.replay.toLocaleString('en')} events in
  1,000 streams.
- **Reading**: \`readAll\` from beginning to end; the second journal holds the same events as they were three schemas ago, so each of them goes
  through three steps (a field renamed, one retyped, one added) and is held against today's schema.
- **Checked**: after every run the store is read back and its items are counted.

Machine: ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform} ${release()}, Node ${process.version}.
Versions: ${['better-sqlite3', 'lmdb'].map((name) => `${name} ${version(name)}`).join(', ')}.
`
}
