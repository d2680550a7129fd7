import { EXIT, number, UsageError, withJournal, type Command, type Given, type OpenedJournal } from '../command.js'
import { meant } from '../meant.js'
import { fitted } from '../search/pattern.js'
import { PLACES } from '../search/places.js'
import { search as look, type Hit, type Incomplete, type Searched } from '../search/search.js'
import { Progress } from '../progress.js'
import { bad, bold, dim, good, numberOf, oneLine, print, printJson, styled } from '../terminal.js'

/** Hits that are shown where nobody says. */
const LIMIT = 100

/** Finds what was said. */
export const search: Command = {
  name: 'search',
  takes: ['<dir>', '<text>'],
  says:
    'Find a text in what was said, the newest first.\n' +
    `Looks into each ${PLACES.join(', ')}:\n` +
    'what sessions, threads and tasks are called, what was asked, said and thought, names, arguments and outcomes of tool calls,\n' +
    'questions and answers, summaries, and why turns ended. Upper and lower case are the same, and so is any white space.\n' +
    'Not searched: what an import kept raw, and the bytes of images and files. A place counts once, however often it holds the text.\n' +
    'Says at the end whether everything was looked at, and if not, why: the limit was reached, a part of the journal is damaged or\n' +
    'lost, or it holds events that this program does not know.',
  options: {
    session: { type: 'string', value: 'ID', says: 'only in this session or task' },
    limit: { type: 'string', value: 'N', says: `stop behind N hits (${LIMIT})` },
  },
  examples: [
    'search ./.turnlog "connection refused"',
    'search ./.turnlog deploy.sh --session session-42',
    'search ./.turnlog CI --limit 5 --json',
  ],
  run: (given) => {
    const limit = number(given, 'limit') ?? LIMIT
    if ((given.arguments[1] as string).trim() === '') throw new UsageError('search needs a text to look for')
    return withJournal(given, (journal) => run(given, journal, limit))
  },
}

async function run({ arguments: [, text = ''], options, json }: Given, journal: OpenedJournal, limit: number): Promise<number> {
  const named = options['session'] as string | undefined
  const session = named === undefined ? undefined : await meant(journal, named)
  if (named !== undefined && session === undefined) {
    process.stderr.write(`${bad('turnlog:')} there is no session or task ${JSON.stringify(named)}\n`)
    return EXIT.failed
  }
  const progress = new Progress('searching', 'events')
  const hits: Hit[] = []
  const told = new Told()
  const found = await look(
    journal,
    { text, limit, ...(session === undefined ? {} : { session }) },
    (hit) => {
      hits.push(hit)
      if (json) return
      progress.end()
      told.hit(hit)
    },
    (done, total) => progress.show(done, total),
  )
  progress.end()
  if (json) printJson({ text, hits: hits.map(forMachines), ...found })
  else conclude(hits.length, found)
  return EXIT.fine
}

function forMachines({ excerpt: { before, match, after }, ...hit }: Hit): object {
  return { ...hit, excerpt: `${before}${match}${after}` }
}

/** Hits below the session and the turn in which they are. */
class Told {
  #session: string | undefined
  #turn: string | undefined

  hit({ session, title, thread, turn, position, place, excerpt }: Hit): void {
    const where = [thread, turn]
      .filter((one) => one !== undefined)
      .map(oneLine)
      .join(', ')
    if (session !== this.#session) {
      if (this.#session !== undefined) print()
      print(`${bold(oneLine(session))}${title === undefined ? '' : `  ${oneLine(title)}`}`)
      this.#turn = ''
    }
    if (where !== this.#turn) print(dim(`  ${where === '' ? 'the session itself' : where}`))
    this.#session = session
    this.#turn = where
    const lead = `    ${place.padEnd(9)}  ${String(position).padStart(6)}  `
    const { before, match, after } = fitted(excerpt, Math.max(20, (process.stdout.columns ?? 120) - lead.length))
    print(`${dim(lead)}${before}${styled(['bold', 'yellow'], match)}${after}`)
  }
}

function conclude(hits: number, { complete, incomplete, events, position }: Searched): void {
  if (hits > 0) print()
  const counted = `${numberOf(hits, 'hit')} in ${events} events, up to position ${position}`
  if (complete) return print(`${good('complete')}  ${counted}`)
  print(`${bad('incomplete')}  ${counted}; there may be more:`)
  for (const why of incomplete) print(`  ${whyOf(why)}`)
}

function whyOf(why: Incomplete): string {
  switch (why.reason) {
    case 'limit':
      return `the search stopped behind ${why.limit} hits; --limit takes a higher number`
    case 'damaged':
      return `${why.places} part(s) of the journal are damaged and could not be read; see turnlog verify`
    case 'lost':
      return `${why.places} part(s) of the journal are on record as lost; see turnlog verify`
    case 'unproven':
      return `${why.bytes} bytes at the end wait for a writer to prove them`
    default:
      return `${why.events} event(s) are of types that this program does not know: ${why.types.map(oneLine).join(', ')}`
  }
}
